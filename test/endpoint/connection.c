// SPDX-License-Identifier: BSD-2-Clause
/* connection.c - A TCB with what its owner keeps: bytes, timers, an application */
#include "endpoint/connection.h"

#include <stdlib.h>
#include <string.h>

#include "packet/headers.h"
#include "endpoint/host.h"
#include "endpoint/watch.h"

#define FRAMES_MAX 100000	/* in one go: more is a loop                    */
#define STEPS_MAX 100000

/* Payload that is kept, because something in front of it is missing. */
struct buffer {
	uint64_t at;		/* place of the first byte in the stream        */
	uint32_t len;
	uint8_t bytes[];
};

/* ---- Receive -------------------------------------------------------------------- */

/* Where in the stream @s begins, judged by what was received. */
static uint64_t place(const struct connection *c, const struct tcp_segment *s)
{
	seq_t first = seq_add(s->seq, (s->flags & TCP_SYN) != 0);
	seq_t next = seq_add(c->tcb.irs, (uint32_t)c->out.received + 1);

	return c->out.received + (uint64_t)(int64_t)seq_diff(first, next);
}

static void hand_over(struct connection *c, uint64_t at, const uint8_t *bytes,
		      uint32_t len)
{
	c->host->ops->receive(c, at, bytes, len);
	c->out.received += len;
	c->unread += len;
	c->host->progress++;
}

static struct buffer *gather(const struct datagram *d)
{
	struct buffer *b = malloc(sizeof(*b) + d->segment.len);
	uint32_t at = 0;

	if (!b)
		abort();
	for (const struct tto_segment *p = d->payload; p; p = p->next) {
		if (at + p->len > d->segment.len)
			break;
		if (p->len)
			memcpy(b->bytes + at, p->payload, p->len);
		at += p->len;
	}
	b->len = d->segment.len;
	if (at != b->len)
		memset(b->bytes + at, 0, b->len - at);
	return b;
}

static void take_pieces(struct connection *c, const struct tcp_env *env)
{
	struct tcp_piece piece;

	while (tcp_next_piece(&c->tcb, env, &piece)) {
		struct buffer *b = (struct buffer *)(uintptr_t)piece.cookie;

		if (piece.len && piece.skip + piece.len > b->len)
			verdict_fail(c->host->verdict, "a piece beyond its buffer");
		else if (piece.len)
			hand_over(c, b->at + piece.skip, b->bytes + piece.skip,
				  piece.len);
		free(b);
		c->host->n_buffers--;
	}
}

/* The peer reneges: what it has acknowledged by SACK it throws away. */
static void renege(struct connection *c, const struct tcp_env *env)
{
	struct host *h = c->host;

	if (!h->side->renege || c->tcb.in.n_pieces == 0 ||
	    chance_below(&h->chance, 65536) >= h->side->renege)
		return;
	reassemble_drop_all(&c->tcb.in, h->cells);
	h->n_renegs++;
	take_pieces(c, env);
}

static void arrive(struct connection *c, const struct tcp_env *env,
		   const struct datagram *d)
{
	struct buffer *b = gather(d);
	bool in_handshake = c->tcb.state == TCPS_SYN_SENT;
	struct tcp_arrival result;

	watch_arrive(c, &d->segment);
	c->out.n_resets += (d->segment.flags & TCP_RST) != 0;
	b->at = place(c, &d->segment);
	tcp_arrive(&c->tcb, env, &d->segment, (uintptr_t)b, &result);
	if (in_handshake && c->tcb.state > TCPS_SYN_SENT) {
		c->out.irs = c->tcb.irs;
		b->at = place(c, &d->segment);
	}
	if (result.len && result.skip + result.len > b->len)
		verdict_fail(c->host->verdict, "more in order than has come");
	else if (result.len)
		hand_over(c, b->at + result.skip, b->bytes + result.skip,
			  result.len);
	if (result.kept)
		c->host->n_buffers++;
	else
		free(b);
	if (result.more)
		take_pieces(c, env);
	renege(c, env);
}

/* ---- Send ------------------------------------------------------------------------- */

static void emit(struct connection *c, const struct tcp_env *env)
{
	struct tcp_frame f;
	uint32_t n = 0;

	while (c->used && tcp_emit(&c->tcb, env, &f)) {
		watch_emit(c, &f);
		c->out.n_resets += (f.segment.flags & TCP_RST) != 0;
		if (++n > FRAMES_MAX)
			verdict_fail(c->host->verdict, "tcp_emit() has no end");
		if (c->host->verdict->failed)
			return;
		device_send(&c->host->device, &c->out.tuple, &f.segment,
			    c->host->ops->payload(c, f.stream, f.segment.len),
			    f.mss);
	}
}

/* ---- What happens --------------------------------------------------------------------- */

static void finish(struct connection *c, const struct tcp_env *env)
{
	tcp_report(&c->tcb, env, &c->out.report);
	c->out.end = c->out.report.end;
	take_pieces(c, env);
	tcp_forget(&c->tcb, env);
	host_free_connection(c);
}

/* Return: whether anything has happened. */
static bool take_events(struct connection *c, const struct tcp_env *env)
{
	uint32_t events = tcp_take_events(&c->tcb);

	c->out.acked = tcp_acked(&c->tcb);
	if (events & (TCP_EVENT_ESTABLISHED | TCP_EVENT_ACKED |
		      TCP_EVENT_PEER_CLOSED | TCP_EVENT_CLOSED))
		c->host->progress++;
	if (events & TCP_EVENT_ESTABLISHED) {
		c->out.established = true;
		c->out.established_at = env->now;
	}
	if (events & TCP_EVENT_PEER_CLOSED) {
		c->out.eof = true;
		c->out.eof_at = env->now;
	}
	if (events & TCP_EVENT_CLOSED) {
		finish(c, env);
	} else if (events & TCP_EVENT_TIME_WAIT &&
		   c->host->side->time_wait_entries) {
		tcp_report(&c->tcb, env, &c->out.report);
		c->out.end = TCP_END_CLOSED;
		take_pieces(c, env);
		host_enter_time_wait(c);
	}
	return events != 0;
}

void connection_pump(struct connection *c)
{
	struct tcp_env env = host_env(c->host);
	uint32_t steps = 0;
	bool again;

	do {
		emit(c, &env);
		again = take_events(c, &env);
		if (!c->used || c->host->verdict->failed)
			return;
		again |= application_step(c, &env);
		if (++steps > STEPS_MAX)
			verdict_fail(c->host->verdict, "a connection has no rest");
	} while (again && !c->host->verdict->failed);
	watch_rest(c);
	host_arm(c);
}

/* ---- Entries --------------------------------------------------------------------------- */

void connection_open(struct connection *c, const struct tcp_endpoint *endpoint)
{
	struct tcp_env env = host_env(c->host);

	c->out.iss = endpoint->iss;
	tcp_open(&c->tcb, &env, endpoint);
	application_begin(c, &env);
	connection_pump(c);
}

void connection_accept(struct connection *c, const struct tcp_request *r,
		       const struct tcp_endpoint *endpoint,
		       const struct datagram *d)
{
	struct tcp_env env = host_env(c->host);

	c->out.iss = endpoint->iss;
	tcp_accept(&c->tcb, &env, r, endpoint);
	c->out.irs = c->tcb.irs;
	application_begin(c, &env);
	arrive(c, &env, d);
	connection_pump(c);
}

void connection_arrive(struct connection *c, const struct datagram *d)
{
	struct tcp_env env = host_env(c->host);

	arrive(c, &env, d);
	connection_pump(c);
}

void connection_icmp(struct connection *c, const struct datagram *d)
{
	struct tcp_env env = host_env(c->host);

	tcp_icmp(&c->tcb, &env, d->icmp, d->quoted, d->mtu);
	connection_pump(c);
}

void connection_timer(struct connection *c)
{
	struct tcp_env env = host_env(c->host);

	tcp_timer(&c->tcb, &env);
	connection_pump(c);
}
