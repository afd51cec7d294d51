// SPDX-License-Identifier: BSD-2-Clause
/* invariants.c - What must hold between two hosts, whatever the network does */
#include "sim/invariants.h"

#include <string.h>

#include "endpoint/watch.h"
#include "sim/stream.h"

#define FAIL(c, ...) verdict_fail((c)->host->verdict, __VA_ARGS__)

/* ---- Received ------------------------------------------------------------------------ */

static uint32_t receive_stream(const struct connection *c)
{
	const struct tcp_tuple *t = &c->out.tuple;

	return stream_name(c->out.irs.n, t->remote_port, t->local_port);
}

void invariants_receive(struct connection *c, uint64_t at, const uint8_t *bytes,
			uint32_t len)
{
	if (at != c->out.received)
		FAIL(c, "received byte %llu when byte %llu was next",
		     (unsigned long long)at, (unsigned long long)c->out.received);
	else if (memcmp(bytes, stream_bytes(receive_stream(c), at), len))
		FAIL(c, "bytes %llu..%llu are not what was sent",
		     (unsigned long long)at, (unsigned long long)at + len - 1);
	else if (c->out.eof)
		FAIL(c, "data behind the end of the stream");
}

/* ---- Both ends ----------------------------------------------------------------------------------- */

/* Bytes that @a takes for delivered are, but for a FIN, bytes that @b has. */
static void check_delivered(const struct connection *a,
			    const struct connection *b)
{
	uint64_t known = tcp_acked(&a->tcb) + a->tcb.out.sacked;
	uint64_t had = b->out.received + b->tcb.in.bytes;

	if (known > had + 1)
		FAIL(a, "%llu bytes count as delivered, %llu are",
		     (unsigned long long)known, (unsigned long long)had);
}

void invariants_pair(const struct scenario *s, struct host *const hosts[2])
{
	const struct connection *a = &hosts[0]->connections[0];
	const struct connection *b = &hosts[1]->connections[0];

	if (s->n_connections > 1 || s->side[0].renege || s->side[1].renege ||
	    !a->used || !b->used || !seq_equal(a->tcb.irs, b->out.iss) ||
	    !seq_equal(b->tcb.irs, a->out.iss))
		return;
	check_delivered(a, b);
	check_delivered(b, a);
}

/* ---- The end ------------------------------------------------------------------------------------- */

static const struct outcome *other_end(struct host *const hosts[2],
				       const struct outcome *o, unsigned other)
{
	const struct host *h = hosts[other];

	for (uint32_t n = 0; n < h->n_outcomes; n++) {
		const struct outcome *p = &h->outcomes[n];

		if (seq_equal(p->irs, o->iss) && seq_equal(p->iss, o->irs) &&
		    p->tuple.local_port == o->tuple.remote_port &&
		    p->tuple.remote_port == o->tuple.local_port)
			return p;
	}
	return NULL;
}

static void check_streams(struct host *h, const struct outcome *a,
			  const struct outcome *b)
{
	struct verdict *v = h->verdict;

	if (a->received > b->written)
		verdict_fail(v, "host %u received %llu bytes of %llu", h->setup.number,
			     (unsigned long long)a->received,
			     (unsigned long long)b->written);
	if (b->acked > a->received)
		verdict_fail(v, "host %u was told that %llu bytes arrived of %llu",
			     !h->setup.number, (unsigned long long)b->acked,
			     (unsigned long long)a->received);
	if (a->eof && a->received != b->written)
		verdict_fail(v, "host %u saw the end after %llu bytes of %llu",
			     h->setup.number, (unsigned long long)a->received,
			     (unsigned long long)b->written);
}

/* All is there, and our end knows it. */
static bool is_complete(const struct outcome *o, const struct program *p)
{
	return o->received == p->expect && o->written == p->total &&
	       o->acked == p->total && o->eof;
}

/*
 * On a bad path what it sent last may have arrived without the news of that: the
 * peer waits in TIME-WAIT no longer than 2 MSL, and then answers by RST.
 */
static bool is_known_by_peer(const struct scenario *s, const struct host *h,
			     const struct outcome *a, const struct outcome *b)
{
	return !s->strict && b && a->end == TCP_END_RESET &&
	       b->end == TCP_END_CLOSED && b->received == a->written &&
	       a->written == h->side->program.total && b->eof &&
	       a->received == b->written;
}

static void check_all(const struct scenario *s, struct host *h,
		      const struct outcome *a, const struct outcome *b)
{
	bool whole = is_complete(a, &h->side->program);

	if (!whole && is_known_by_peer(s, h, a, b))
		return;
	if (!whole)
		verdict_fail(h->verdict, "host %u: %llu of %llu received, %llu of "
			     "%llu acknowledged, %s FIN, end %u", h->setup.number,
			     (unsigned long long)a->received,
			     (unsigned long long)h->side->program.expect,
			     (unsigned long long)a->acked,
			     (unsigned long long)h->side->program.total,
			     a->eof ? "with" : "without", a->end);
	/* The last ACK may be lost, and then the peer be gone. */
	else if (a->end != TCP_END_CLOSED && s->strict)
		verdict_fail(h->verdict, "host %u: complete, but end %u", h->setup.number,
			     a->end);
}

static void check_reset(const struct scenario *s, struct host *h,
			const struct outcome *a, const struct outcome *b)
{
	if (a->aborted && a->end != TCP_END_ABORTED)
		verdict_fail(h->verdict, "aborted, but end %u", a->end);
	if (!a->aborted && b && b->aborted && s->strict &&
	    a->end != TCP_END_RESET)
		verdict_fail(h->verdict, "host %u: the peer aborted, but end %u",
			     h->setup.number, a->end);
}

static void check_vanish(struct host *h, const struct outcome *a)
{
	if (a->end != TCP_END_TIMED_OUT && a->end != TCP_END_CLOSED)
		verdict_fail(h->verdict, "host %u: the peer vanished, but end %u",
			     h->setup.number, a->end);
}

static void check_outcome(const struct scenario *s, struct host *const hosts[2],
			  unsigned k, const struct outcome *a)
{
	const struct outcome *b = other_end(hosts, a, !k);

	if (b)
		check_streams(hosts[k], a, b);
	switch (s->expect) {
	case EXPECT_ALL:
		if (!a->established && !b)
			return;	/* a handshake that was begun again             */
		check_all(s, hosts[k], a, b);
		if (!b)
			verdict_fail(hosts[k]->verdict, "host %u had a connection "
				     "that the other one never had", k);
		break;
	case EXPECT_RESET:
		check_reset(s, hosts[k], a, b);
		break;
	case EXPECT_VANISH:
		check_vanish(hosts[k], a);
		break;
	}
}

void invariants_end(const struct scenario *s, struct host *const hosts[2])
{
	for (unsigned k = 0; k < 2; k++) {
		struct host *h = hosts[k];

		watch_end(h);
		for (uint32_t n = 0; n < h->n_outcomes; n++)
			check_outcome(s, hosts, k, &h->outcomes[n]);
		if (s->expect == EXPECT_ALL && k == 0 &&
		    h->n_outcomes < s->n_connections)
			verdict_fail(h->verdict, "%u of %u connections",
				     h->n_outcomes, s->n_connections);
	}
}
