// SPDX-License-Identifier: BSD-2-Clause
/* connection.c - A TCB of src/tcp with the bytes that it talks about */
#include "packetdrill/connection.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/headers.h"
#include "packetdrill/host.h"
#include "tcp/loss/cells.h"
#include "tcp/tcp.h"

static struct tcp_env env_of(const struct connection *c)
{
	return (struct tcp_env){
		.now = c->host->clock.now,
		.config = &c->settings.config,
		.cells = c->host->cells,
	};
}

/* ---- What the machine has to give ---------------------------------------------------- */

/* Bytes of the send stream from @at on that may share a segment with it. */
static uint32_t record_left(const struct connection *c, uint64_t at, uint32_t n)
{
	for (size_t r = 0; r < c->n_records; r++) {
		if (c->record[r] > at && c->record[r] - at < n)
			return (uint32_t)(c->record[r] - at);
	}
	return n;
}

static bool is_record_end(const struct connection *c, uint64_t at)
{
	for (size_t r = 0; r < c->n_records; r++) {
		if (c->record[r] == at)
			return true;
	}
	return false;
}

static void send_part(struct connection *c, const struct tcp_frame *frame,
		      uint32_t at, uint32_t n)
{
	const struct address addresses[2] = { c->local, c->remote };
	struct tcp_segment s = frame->segment;
	bool last = at + n == s.len;

	s.seq = seq_add(s.seq, at);
	if (s.flags & TCP_URG)
		s.urgent = (uint16_t)(s.urgent - at);
	if (at)
		s.flags &= (uint16_t)~TCP_CWR;
	if (!last)
		s.flags &= (uint16_t)~TCP_FIN;
	if (n && is_record_end(c, frame->stream + at + n))
		s.flags |= TCP_PSH;
	s.len = n;
	s.source_port = c->local.port;
	s.destination_port = c->remote.port;
	datagram_queue_add(&c->host->out, c->host->clock.now, addresses,
			   &c->settings.ip, &s,
			   n ? byte_queue_look(&c->sent, frame->stream + at) : NULL,
			   frame->mss);
}

/*
 * One pseudo frame is one unit of the device, but for the ends of records, and
 * for urgent data: the device does not move urgent pointers.
 */
static void send_frame(struct connection *c, const struct tcp_frame *frame)
{
	uint32_t len = frame->segment.len, at = 0;

	do {
		uint32_t n = record_left(c, frame->stream + at, len - at);

		if (frame->segment.flags & TCP_URG && n > frame->mss)
			n = frame->mss;
		send_part(c, frame, at, n);
		at += n;
	} while (at < len);
}

/*
 * May @next be cut together with @frame, which goes right before it? The machine
 * does not know of records: what is behind the end of one begins a new segment.
 */
static bool joins(const struct connection *c, const struct tcp_frame *frame,
		  const struct tcp_frame *next)
{
	const struct tcp_segment *a = &frame->segment, *b = &next->segment;

	return c->n_records && a->len && b->len &&
	       !((a->flags | b->flags) & (TCP_URG | TCP_CWR)) &&
	       !(a->flags & TCP_FIN) && a->n_sack + b->n_sack == 0 &&
	       seq_equal(seq_add(a->seq, a->len), b->seq) &&
	       a->ecn == b->ecn && frame->mss == next->mss &&
	       frame->again == next->again;
}

static void join(struct tcp_frame *frame, const struct tcp_frame *next)
{
	uint32_t len = frame->segment.len + next->segment.len;
	seq_t start = frame->segment.seq;

	frame->segment = next->segment;
	frame->segment.seq = start;
	frame->segment.len = len;
}

static void send_frames(struct connection *c, const struct tcp_env *env)
{
	struct tcp_frame frame, next;
	bool more = tcp_emit(&c->tcb, env, &frame);

	while (more) {
		more = tcp_emit(&c->tcb, env, &next);
		if (more && joins(c, &frame, &next)) {
			join(&frame, &next);
			continue;
		}
		send_frame(c, &frame);
		if (more)
			frame = next;
	}
}

static void take_pieces(struct connection *c, const struct tcp_env *env)
{
	struct tcp_piece piece;

	while (tcp_next_piece(&c->tcb, env, &piece)) {
		uint8_t *buffer = (uint8_t *)(uintptr_t)piece.cookie;

		byte_queue_add(&c->received, buffer + piece.skip, piece.len);
		free(buffer);
	}
}

static int end_error(const struct connection *c, enum tcp_end end)
{
	switch (end) {
	case TCP_END_RESET:
		return c->peer_closed && !c->shut ? EPIPE : ECONNRESET;
	case TCP_END_REFUSED:
		return ECONNREFUSED;
	case TCP_END_TIMED_OUT:
		return c->icmp_error ? c->icmp_error : ETIMEDOUT;
	case TCP_END_UNREACHABLE:
		return c->icmp_error ? c->icmp_error : EHOSTUNREACH;
	case TCP_END_NONE:
	case TCP_END_CLOSED:
	case TCP_END_ABORTED:
		break;
	}
	return 0;
}

static void end(struct connection *c, const struct tcp_env *env)
{
	struct tcp_report r;

	tcp_report(&c->tcb, env, &r);
	c->error = end_error(c, r.end);
	take_pieces(c, env);
	tcp_forget(&c->tcb, env);
	c->closed = true;
	c->n_reads++;
	c->n_writes++;
}

/* The TCB is not needed any more, see time_wait.h. */
static void enter_time_wait(struct connection *c, const struct tcp_env *env)
{
	const struct tcp_tcb *t = &c->tcb;
	struct time_wait_state state;
	struct tcp_report r;

	tcp_report(t, env, &r);
	state = (struct time_wait_state){
		.snd_nxt = t->out.nxt,
		.rcv_nxt = t->rcv_nxt,
		.ts_recent = t->ts_recent,
		.timestamp_offset = t->timestamp_offset,
		.window = r.receive_window,
		.receive_shift = t->rcv_shift,
		.timestamps = r.timestamps,
	};
	host_enter_time_wait(c->host, c, &state);
	take_pieces(c, env);
	tcp_forget(&c->tcb, env);
	c->closed = true;
	c->n_reads++;
	c->n_writes++;
}

static void drop_acked(struct connection *c)
{
	uint64_t acked = tcp_acked(&c->tcb);
	size_t passed = 0;

	if (acked > c->sent.at)
		byte_queue_drop(&c->sent, acked - c->sent.at);
	while (passed < c->n_records && c->record[passed] <= acked)
		passed++;
	if (!passed)
		return;
	c->n_records -= passed;
	memmove(c->record, c->record + passed, c->n_records * sizeof(*c->record));
}

static void take_events(struct connection *c, const struct tcp_env *env)
{
	uint32_t events = tcp_take_events(&c->tcb);

	if (events & TCP_EVENT_ESTABLISHED) {
		c->established = true;
		c->n_writes++;
	}
	if (events & TCP_EVENT_ACKED)
		drop_acked(c);
	if (events & TCP_EVENT_WRITABLE)
		c->n_writes++;
	if (events & (TCP_EVENT_READABLE | TCP_EVENT_URGENT))
		c->n_reads++;
	if (events & TCP_EVENT_PEER_CLOSED) {
		c->peer_closed = true;
		c->n_reads++;
		c->n_writes++;
	}
	if (events & TCP_EVENT_CLOSED)
		end(c, env);
	else if (events & TCP_EVENT_TIME_WAIT)
		enter_time_wait(c, env);
}

/* After each call of the machine. */
static void pump(struct connection *c)
{
	struct tcp_env env = env_of(c);

	take_pieces(c, &env);
	send_frames(c, &env);
	take_events(c, &env);
}

/* ---- The beginning ------------------------------------------------------------------- */

struct connection *connection_new(struct host *h, const struct settings *settings,
				  const struct address *local,
				  const struct address *remote)
{
	struct connection *c = aligned_alloc(CACHE_LINE, sizeof(*c));

	if (!c)
		abort();
	memset(c, 0, sizeof(*c));
	c->host = h;
	c->settings = *settings;
	c->local = *local;
	c->remote = *remote;
	host_add(h, c);
	return c;
}

static void apply_options(struct connection *c)
{
	struct tcp_env env = env_of(c);

	for (int n = 0; n < TCP_N_OPTIONS; n++) {
		if (c->settings.has >> n & 1)
			(void)!tcp_set_option(&c->tcb, &env, (enum tcp_option)n,
					      c->settings.option[n]);
	}
}

void connection_open(struct connection *c)
{
	struct tcp_env env = env_of(c);
	struct tcp_endpoint endpoint;

	host_endpoint(c->host, &c->settings, &c->local, &c->remote, &endpoint);
	tcp_open(&c->tcb, &env, &endpoint);
	apply_options(c);
	pump(c);
}

void connection_accept(struct connection *c, const struct tcp_request *r,
		       const struct tcp_endpoint *endpoint,
		       const struct datagram *ack)
{
	struct tcp_env env = env_of(c);

	tcp_accept(&c->tcb, &env, r, endpoint);
	apply_options(c);
	connection_arrive(c, ack);
}

/* ---- The network ----------------------------------------------------------------------- */

void connection_arrive(struct connection *c, const struct datagram *d)
{
	struct tcp_env env = env_of(c);
	struct tcp_arrival result;
	uint8_t *buffer = NULL;

	if (c->closed)
		return;
	if (d->segment.len) {
		buffer = malloc(d->segment.len);
		if (!buffer)
			abort();
		memcpy(buffer, d->payload, d->segment.len);
	}
	tcp_arrive(&c->tcb, &env, &d->segment, (uintptr_t)buffer, &result);
	if (result.len)
		byte_queue_add(&c->received, buffer + result.skip, result.len);
	if (!result.kept)
		free(buffer);
	pump(c);
}

void connection_icmp(struct connection *c, const struct datagram *d)
{
	struct tcp_env env = env_of(c);
	struct tcp_report r;

	if (c->closed)
		return;
	c->icmp_error = d->error;
	tcp_icmp(&c->tcb, &env, d->icmp, d->quoted, d->mtu);
	if (d->icmp == TCP_ICMP_TOO_BIG) {
		tcp_report(&c->tcb, &env, &r);
		host_learn_path(c->host, &c->remote, (uint16_t)r.path_mtu);
	}
	pump(c);
}

void connection_timer(struct connection *c)
{
	struct tcp_env env = env_of(c);

	tcp_timer(&c->tcb, &env);
	pump(c);
}

/* ---- The user ---------------------------------------------------------------------------- */

enum tcp_state connection_state(const struct connection *c)
{
	return c->closed ? TCPS_CLOSED : (enum tcp_state)c->tcb.state;
}

void connection_report(struct connection *c, struct tcp_report *r)
{
	struct tcp_env env = env_of(c);

	tcp_report(&c->tcb, &env, r);
}

size_t connection_space(const struct connection *c)
{
	return c->closed ? 0 : tcp_send_space(&c->tcb);
}

static void add_record(struct connection *c)
{
	c->record = realloc(c->record, (c->n_records + 1) * sizeof(*c->record));
	if (!c->record)
		abort();
	c->record[c->n_records++] = c->sent.at + c->sent.len;
}

int connection_write(struct connection *c, const void *bytes, uint32_t n,
		     unsigned how)
{
	struct tcp_env env = env_of(c);
	int err = tcp_write(&c->tcb, &env, n, how & WRITE_MORE);

	if (err)
		return err;
	byte_queue_add(&c->sent, bytes, n);
	if (how & WRITE_RECORD)
		add_record(c);
	if (how & WRITE_URGENT)
		tcp_write_urgent(&c->tcb);
	pump(c);
	return 0;
}

void connection_read(struct connection *c, uint32_t n)
{
	struct tcp_env env = env_of(c);

	byte_queue_drop(&c->received, n);
	if (c->closed)
		return;
	tcp_read(&c->tcb, &env, n);
	pump(c);
}

void connection_shutdown(struct connection *c)
{
	struct tcp_env env = env_of(c);

	c->shut = true;
	c->n_writes++;
	if (c->closed)
		return;
	tcp_shutdown(&c->tcb, &env);
	pump(c);
}

void connection_drop(struct connection *c, bool abort)
{
	struct tcp_env env = env_of(c);

	c->orphan = true;
	if (!c->closed) {
		if (abort)
			tcp_abort(&c->tcb, &env);
		else
			tcp_close(&c->tcb, &env);
		pump(c);
	}
}

int connection_set_option(struct connection *c, enum tcp_option option,
			  uint64_t value)
{
	struct tcp_env env = env_of(c);
	int err;

	if (c->closed)
		return 0;
	err = tcp_set_option(&c->tcb, &env, option, value);
	pump(c);
	return err;
}

void connection_free(struct connection *c)
{
	struct tcp_env env = env_of(c);

	if (!c->closed && c->tcb.state != TCPS_CLOSED) {
		tcp_abort(&c->tcb, &env);
		pump(c);
	}
	byte_queue_free(&c->sent);
	byte_queue_free(&c->received);
	free(c->record);
	free(c);
}
