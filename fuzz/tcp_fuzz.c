// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp_fuzz.c - Any segments, any calls, at any time: the machine keeps its word
 *
 * The input is read as: options of the connection, how it begins, then a program of
 * calls. A call is one byte and what it needs; segments are told relative to where the
 * connection is, so that inputs get deep, and a segment whose bytes are all 0 is the ACK
 * that a well-behaved peer would send. Judged after each call: what is handed over is in
 * order and once, what is sent was written and is in the peer's sight, what a peer makes
 * us hold is limited, timers do not spin. At the end the pool is whole.
 */
#include <stdlib.h>
#include <string.h>

#include "packet/headers.h"
#include "tcp/listen.h"
#include "tcp/machine/machine.h"

#define CELLS 192
#define CALLS_MAX 600
#define FRAMES_MAX 70000	/* 2^31 bytes of window are fewer frames        */
#define TIMERS_MAX 64		/* in a row without progress of the clock       */
#define ISS 0xfffff000u
#define IRS 0x7ffff800u

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

static uint32_t take(struct input *in, uint32_t bytes)
{
	uint32_t v = 0;

	for (; bytes > 0 && in->left > 0; bytes--, in->left--)
		v = v << 8 | *in->p++;
	return v;
}

/* Small numbers of either sign, or any number. */
static uint32_t take_distance(struct input *in)
{
	uint8_t b = (uint8_t)take(in, 1);

	if (b == 0x80)
		return take(in, 4);
	if (b & 0x40)
		return (uint32_t)((int32_t)(int8_t)b * 97);
	return (uint32_t)(int32_t)(int8_t)b;
}

struct world {
	struct tcp_tcb t;
	struct tcp_env env;
	struct tcp_config config;
	struct tcp_endpoint endpoint;
	struct cells *cells;
	uint64_t written, received, acked;
	uint32_t held;
	seq_t irs;		/* of the peer, when it is known                */
	bool knows_irs;
	seq_t edge;		/* right edge of the window, as told            */
	bool knows_edge;
};

/* ---- Judging ------------------------------------------------------------------------- */

static void check(struct world *w)
{
	const struct tcp_tcb *t = &w->t;
	uint64_t acked = tcp_acked(t);

	CHECK(t->state < TCPS_N);
	CHECK(t->out.sacked + t->out.lost <= outstanding(t));
	CHECK(t->mss > 0);
	CHECK(acked >= w->acked && acked <= w->written);
	w->acked = acked;
	CHECK(w->held <= w->config.reassembly_pieces_max + 1);
	CHECK(t->in.n_pieces <= w->config.reassembly_pieces_max);
	CHECK(w->cells->n_free <= CELLS);
	if (t->state >= TCPS_ESTABLISHED)
		CHECK(t->congestion.cwnd >= 1);
}

static void hand_over(struct world *w, uint64_t cookie, uint32_t skip, uint32_t len)
{
	uint32_t at;

	if (!w->knows_irs) {
		w->irs = w->t.irs;
		w->knows_irs = true;
	}
	at = (uint32_t)cookie + skip - (w->irs.n + 1);
	CHECK(at == (uint32_t)w->received);
	w->received += len;
}

static void take_pieces(struct world *w)
{
	struct tcp_piece p;
	uint32_t n = 0;

	while (tcp_next_piece(&w->t, &w->env, &p)) {
		CHECK(++n <= CELLS + 1);
		CHECK(w->held > 0);
		w->held--;
		if (p.len)
			hand_over(w, p.cookie, p.skip, p.len);
	}
}

/* The window's edge never comes back (RFC 9293 SHLD-14), for nothing is shrunk here. */
static void judge_window(struct world *w, const struct tcp_segment *s)
{
	uint32_t shift = w->t.rcv_shift;
	seq_t edge = seq_add(s->ack, (uint32_t)s->window << shift);

	/* That of a SYN is never scaled, and so may be less than there is. */
	if (!(s->flags & TCP_ACK) || s->flags & (TCP_RST | TCP_SYN))
		return;
	CHECK(!w->knows_edge ||
	      seq_diff(edge, w->edge) >= -(int32_t)(1U << shift));
	if (!w->knows_edge || seq_before(w->edge, edge))
		w->edge = edge;
	w->knows_edge = true;
}

static void judge_frame(struct world *w, const struct tcp_frame *f)
{
	const struct tcp_segment *s = &f->segment;

	CHECK(f->mss > 0 && s->n_sack <= TCP_SEGMENT_SACKS);
	CHECK(s->n_frames == (s->len > f->mss ? (s->len + f->mss - 1) / f->mss : 1));
	CHECK(s->len <= most(w->config.frame_max, f->mss));
	CHECK(s->wscale <= TCP_SEGMENT_WSCALE_MAX);
	if (s->flags & TCP_RST)
		return;
	judge_window(w, s);
	if (s->len == 0)
		return;
	CHECK(f->stream >= w->acked && f->stream + s->len <= w->written);
	CHECK((uint32_t)f->stream + ISS + 1 == s->seq.n);
}

static void emit(struct world *w)
{
	struct tcp_frame f;
	uint32_t n = 0;

	while (tcp_emit(&w->t, &w->env, &f)) {
		CHECK(++n <= FRAMES_MAX);
		judge_frame(w, &f);
	}
	check(w);
}

static void run_timers(struct world *w)
{
	uint32_t n = 0;

	while (tcp_deadline(&w->t) <= w->env.now) {
		CHECK(++n <= TIMERS_MAX);
		tcp_timer(&w->t, &w->env);
		emit(w);
	}
}

/* ---- Segments ------------------------------------------------------------------------- */

static uint16_t take_flags(struct input *in)
{
	static const uint16_t usual[] = {
		TCP_ACK, TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK, TCP_SYN,
		TCP_SYN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_URG | TCP_ACK,
		TCP_ECE | TCP_ACK, TCP_CWR | TCP_ACK, 0, TCP_FIN,
		TCP_SYN | TCP_FIN | TCP_ACK, TCP_ECE | TCP_CWR | TCP_SYN,
		TCP_ACK | TCP_PSH | TCP_FIN,
	};
	uint8_t b = (uint8_t)take(in, 1);

	return b % 16 == 15 ? (uint16_t)take(in, 2) & 0x0fff : usual[b % 16];
}

enum {				/* what of a segment is told                    */
	TELL_FLAGS = 0x01,
	TELL_SEQ = 0x02,
	TELL_ACK = 0x04,
	TELL_LEN = 0x08,
	TELL_WINDOW = 0x10,
	TELL_SACK = 0x20,
	TELL_OPTIONS = 0x40,
	TELL_REST = 0x80,
};

static void tell_sack(struct input *in, const struct world *w, struct tcp_segment *s)
{
	const struct tcp_tcb *t = &w->t;

	s->n_sack = (uint8_t)(take(in, 1) % (TCP_SEGMENT_SACKS + 1));
	for (uint32_t k = 0; k < s->n_sack; k++) {
		seq_t base = take(in, 1) & 1 ? t->out.nxt : t->out.una;

		s->sack[k].start = seq_add(base, take_distance(in) * 8);
		s->sack[k].end = seq_add(s->sack[k].start, take_distance(in) * 16);
	}
}

static struct tcp_segment take_segment(struct input *in, const struct world *w)
{
	const struct tcp_tcb *t = &w->t;
	uint8_t tell = (uint8_t)take(in, 1);
	struct tcp_segment s = {
		.flags = TCP_ACK, .seq = t->rcv_nxt, .ack = t->out.nxt,
		.window = 0xffff, .n_frames = 1, .mss = 1460,
		.has = has(t, TCB_TIMESTAMPS) ? TCP_HAS_TIMESTAMP : 0,
		.tsval = t->ts_recent + 1,
		.tsecr = timestamp_now(&w->env, t->timestamp_offset),
	};

	if (tell & TELL_FLAGS)
		s.flags = take_flags(in);
	if (tell & TELL_SEQ)
		s.seq = seq_add(s.seq, take_distance(in));
	if (tell & TELL_ACK)
		s.ack = seq_add(take(in, 1) & 1 ? t->out.una : t->out.nxt,
				take_distance(in));
	if (tell & TELL_LEN)
		s.len = take(in, 1) * (take(in, 1) + 1);
	if (tell & TELL_WINDOW)
		s.window = (uint16_t)(take(in, 1) * (take(in, 1) + 1));
	if (tell & TELL_SACK)
		tell_sack(in, w, &s);
	if (tell & TELL_OPTIONS) {
		s.has ^= (uint8_t)take(in, 1) & 0x1f;
		s.tsval += take_distance(in);
		s.tsecr += take_distance(in);
		s.wscale = (uint8_t)take(in, 1);
		s.mss = (uint16_t)take(in, 2);
	}
	if (tell & TELL_REST) {
		s.ecn = take(in, 1) & 3;
		s.urgent = (uint16_t)take_distance(in);
		s.n_frames = (uint16_t)(1 + take(in, 1));
	}
	return s;
}

static void arrive(struct world *w, struct input *in)
{
	struct tcp_segment s = take_segment(in, w);
	uint64_t cookie = s.seq.n + ((s.flags & TCP_SYN) != 0);
	struct tcp_arrival a;

	tcp_arrive(&w->t, &w->env, &s, cookie, &a);
	CHECK(a.skip + a.len <= s.len);
	if (a.len)
		hand_over(w, cookie, a.skip, a.len);
	w->held += a.kept;
	if (a.more)
		take_pieces(w);
	check(w);
}

/* ---- Calls ------------------------------------------------------------------------------ */

static void write_some(struct world *w, struct input *in)
{
	uint32_t n = take(in, 1) * (take(in, 1) + 1);

	if (tcp_send_space(&w->t) && w->t.state &&
	    tcp_write(&w->t, &w->env, n, take(in, 1) & 1) == 0)
		w->written += n;
}

static void set_option(struct world *w, struct input *in)
{
	uint32_t option = take(in, 1) % (TCP_N_OPTIONS + 1);
	uint64_t value = take(in, 1);

	if (value > 200)
		value = (uint64_t)take(in, 4) << (value - 201);
	/* A window that is clamped may go back: not judged. */
	w->knows_edge = false;
	(void)!tcp_set_option(&w->t, &w->env, (enum tcp_option)option, value);
}

static void wait_some(struct world *w, struct input *in)
{
	static const uint32_t unit_us[] = { 1, 1000, 50000, 1000000 };
	uint8_t b = (uint8_t)take(in, 1);

	w->env.now += (ns_t)(b >> 2) * unit_us[b & 3] * 1000;
	run_timers(w);
}

static void wait_for_timer(struct world *w)
{
	ns_t at = tcp_deadline(&w->t);

	if (at != NS_NEVER && at > w->env.now)
		w->env.now = at;
	run_timers(w);
}

static void call(struct world *w, struct input *in)
{
	switch (take(in, 1) % 20) {
	case 7:
	case 8:
		write_some(w, in);
		break;
	case 9:
		tcp_read(&w->t, &w->env, take(in, 1) * 512);
		break;
	case 10:
		tcp_shutdown(&w->t, &w->env);
		break;
	case 11:
		if (take(in, 1) & 1)
			tcp_close(&w->t, &w->env);
		else
			take_pieces(w);
		break;
	case 12:
		set_option(w, in);
		break;
	case 13:
		tcp_icmp(&w->t, &w->env, (enum tcp_icmp)(take(in, 1) % 3),
			 seq_add(w->t.out.una, take_distance(in)),
			 (uint16_t)take(in, 2));
		break;
	case 14:
		tcp_write_urgent(&w->t);
		break;
	case 15:
		wait_some(w, in);
		break;
	case 16:
	case 17:
		wait_for_timer(w);
		break;
	case 18:
		(void)tcp_take_events(&w->t);
		break;
	case 19:
		if (take(in, 1) == 1)
			tcp_abort(&w->t, &w->env);
		break;
	default:
		arrive(w, in);
	}
	check(w);
}

/* ---- A connection ------------------------------------------------------------------------- */

static void configure(struct world *w, struct input *in)
{
	struct tcp_config *c = &w->config;
	uint8_t b = (uint8_t)take(in, 1), more = (uint8_t)take(in, 1);

	tcp_config_default(c);
	c->sack = !(b & 1);
	c->timestamps = !(b & 2);
	c->window_scaling = !(b & 4);
	c->ecn = (b >> 3) % 3;
	c->path_mtu_probing = b & 0x20;
	c->tail_loss_probe = !(b & 0x40);
	c->frto = !(b & 0x80);
	c->congestion = more % CONGESTION_N_KINDS;
	c->stretch = (more >> 1) % 4;
	c->reassembly_pieces_max = 1 + (more >> 3);
	w->endpoint = (struct tcp_endpoint){
		.iss = seq(ISS), .mtu = more & 0x40 ? 9000 : 1500, .v6 = more & 0x80,
	};
}

/* A handshake of a peer that knows the rules, more or less. */
static bool accept_one(struct world *w, struct input *in)
{
	struct tcp_segment out, s = {
		.flags = TCP_SYN, .seq = seq(IRS), .window = 0xffff, .n_frames = 1,
		.has = TCP_HAS_MSS | (uint8_t)(take(in, 1) & 0x0f), .mss = 1460,
		.wscale = (uint8_t)(take(in, 1) % 20), .tsval = 1,
	};
	struct tcp_request r;

	tcp_request_begin(&r, &w->env, &w->endpoint, &s, &out);
	for (int n = 0; n < 3; n++) {
		s = (struct tcp_segment){
			.flags = TCP_ACK, .seq = seq(IRS + 1), .ack = seq(ISS + 1),
			.window = 0xffff, .n_frames = 1, .tsval = 2,
			.has = r.has & TCP_HAS_TIMESTAMP,
		};
		if (take(in, 1) & 1) {
			s.flags = take_flags(in);
			s.seq = seq_add(s.seq, take_distance(in));
			s.ack = seq_add(s.ack, take_distance(in));
		}
		switch (tcp_request_arrive(&r, &w->env, &w->endpoint, &s, &out)) {
		case TCP_REQUEST_FORGET:
			return false;
		case TCP_REQUEST_COMPLETE:
			tcp_accept(&w->t, &w->env, &r, &w->endpoint);
			return true;
		default:
			w->env.now = r.deadline;
			if (tcp_request_timer(&r, &w->env, &w->endpoint, &out) ==
			    TCP_REQUEST_FORGET)
				return false;
		}
	}
	return false;
}

static void end(struct world *w)
{
	tcp_abort(&w->t, &w->env);
	emit(w);
	take_pieces(w);
	tcp_forget(&w->t, &w->env);
	CHECK(w->held == 0);
	CHECK(w->cells->n_free == CELLS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(CACHE_LINE) uint8_t memory[(CELLS + 1) * CELL_BYTES];
	static struct world world;
	struct world *w = &world;
	struct input in = { data, size };

	memset(w, 0, sizeof(*w));
	configure(w, &in);
	w->cells = cells_init(memory, CELLS, 8);
	w->env = (struct tcp_env){ .now = 1000 * TCP_SECOND, .config = &w->config,
				   .cells = w->cells };
	if (take(&in, 1) & 1)
		tcp_open(&w->t, &w->env, &w->endpoint);
	else if (!accept_one(w, &in))
		return 0;
	for (int n = 0; n < CALLS_MAX && in.left; n++) {
		call(w, &in);
		emit(w);
		run_timers(w);
	}
	end(w);
	return 0;
}
