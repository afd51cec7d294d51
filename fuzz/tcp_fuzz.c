// SPDX-License-Identifier: BSD-2-Clause
/*
 * tcp_fuzz.c - Any segments, any calls, at any time: the machine keeps its word
 *
 * The input is read as: options of the connection, how it begins, then a program of
 * calls. A call is one byte and what it needs; segments are told relative to where the
 * connection is, so that inputs get deep, and a segment whose bytes are all 0 is the ACK
 * that a well-behaved peer would send. What is judged: judged.h.
 */
#include <string.h>

#include "judged.h"
#include "packet/headers.h"
#include "tcp/machine/machine.h"
#include "tcp/report.h"
#include "tcp/syn_cookie.h"
#include "tcp/time_wait.h"

#define CELLS_MAX 256
#define CALLS_MAX 400
#define REQUEST_CALLS_MAX 12
#define STREAM_MAX (96U << 10)	/* written and not acknowledged [bytes]         */
#define HELD_LIMIT 40		/* buffers: then they are taken in any case     */
#define IRS 0x7ffff800u
#define CLOCK_MAX (1ULL << 62)	/* 146 years: any time from here on is a time  */

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
	struct judged j;
	struct tcp_config config;
	struct cells *cells;
	uint32_t hoard[CELLS_MAX];	/* cells that others have               */
};

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

/* Sequence numbers of ours that mean something, and a distance from there. */
static seq_t take_place(struct input *in, const struct tcp_tcb *t)
{
	uint8_t b = (uint8_t)take(in, 1);
	seq_t base = b & 1 ? t->out.una : t->out.nxt;

	if (b & 2)
		base = seq_add(t->out.una, outstanding(t) / 2);
	if (b & 4)	/* in whole segments                                    */
		return seq_add(base, (uint32_t)(int32_t)(int8_t)take(in, 1) * t->mss);
	return b & 8 ? base : seq_add(base, take_distance(in));
}

static void tell_sack(struct input *in, const struct tcp_tcb *t,
		      struct tcp_segment *s)
{
	s->n_sack = (uint8_t)(take(in, 1) % (TCP_SEGMENT_SACKS + 1));
	for (uint32_t k = 0; k < s->n_sack; k++) {
		s->sack[k].start = take_place(in, t);
		s->sack[k].end = take_place(in, t);
	}
}

static void tell_more(struct input *in, uint8_t tell, struct tcp_segment *s)
{
	if (tell & TELL_OPTIONS) {
		s->has ^= (uint8_t)take(in, 1) & 0x1f;
		s->tsval += take_distance(in);
		s->tsecr += take_distance(in);
		s->wscale = (uint8_t)take(in, 1);
		s->mss = (uint16_t)take(in, 2);
	}
	if (tell & TELL_REST) {
		s->ecn = take(in, 1) & 3;
		s->urgent = (uint16_t)take_distance(in);
		s->n_frames = (uint16_t)(1 + take(in, 1));
	}
}

static struct tcp_segment take_segment(struct input *in, const struct judged *j)
{
	const struct tcp_tcb *t = &j->t;
	uint8_t tell = (uint8_t)take(in, 1);
	struct tcp_segment s = {
		.flags = TCP_ACK, .seq = t->rcv_nxt, .ack = t->out.nxt,
		.window = 0xffff, .n_frames = 1, .mss = 1460, .wscale = 2,
		.has = has(t, TCB_TIMESTAMPS) ? TCP_HAS_TIMESTAMP : 0,
		.tsval = t->ts_recent + 1,
		.tsecr = timestamp_now(&j->env, t->timestamp_offset),
	};

	if (t->state == TCPS_SYN_SENT) {	/* the answer to it             */
		s.flags |= TCP_SYN;
		s.seq = seq(IRS);
		s.has = TCP_HAS_MSS | options_we_want(j->env.config);
	}
	if (tell & TELL_FLAGS)
		s.flags = take_flags(in);
	if (tell & TELL_SEQ)
		s.seq = seq_add(s.seq, take_distance(in));
	if (tell & TELL_ACK)
		s.ack = take_place(in, t);
	if (tell & TELL_LEN)
		s.len = take(in, 1) * (take(in, 1) + 1);
	if (tell & TELL_WINDOW)
		s.window = (uint16_t)(take(in, 1) * (take(in, 1) + 1));
	if (tell & TELL_SACK)
		tell_sack(in, t, &s);
	tell_more(in, tell, &s);
	return s;
}

static void arrive(struct world *w, struct input *in, bool pieces)
{
	struct tcp_segment s = take_segment(in, &w->j);

	judged_arrive(&w->j, &s, pieces || w->j.n_held > HELD_LIMIT);
}

/* ---- Calls ------------------------------------------------------------------------------ */

static void write_some(struct world *w, struct input *in)
{
	uint32_t n = take(in, 1) * (take(in, 1) + 1);
	uint8_t how = (uint8_t)take(in, 1);
	uint32_t all = (uint32_t)(w->j.written - tcp_acked(&w->j.t));

	if (all + n > STREAM_MAX || (tcp_send_space(&w->j.t) == 0 && !(how & 2)))
		return;
	judged_write(&w->j, n, how & 1);
	if (how & 4)
		tcp_write_urgent(&w->j.t);
}

static void set_option(struct world *w, struct input *in)
{
	uint32_t option = take(in, 1) % (TCP_N_OPTIONS + 1);
	uint64_t value = take(in, 1);

	if (value > 200)
		value = (uint64_t)take(in, 4) << (value - 201);
	judged_set_option(&w->j, (enum tcp_option)option, value);
}

static void go_on(struct world *w)
{
	judged_drain(&w->j, NULL, NULL);
	judged_timers(&w->j, NULL, NULL);
	judged_rest(&w->j);
}

static void wait_some(struct world *w, struct input *in)
{
	static const ns_t unit[] = { 1000, TCP_MS, 50 * TCP_MS, TCP_SECOND,
				     100 * TCP_SECOND, 86400 * TCP_SECOND };
	uint8_t b = (uint8_t)take(in, 1);

	if (w->j.env.now < CLOCK_MAX)
		w->j.env.now += (b / 6) * unit[b % 6];
}

static void wait_for_timer(struct world *w)
{
	ns_t at = tcp_deadline(&w->j.t);

	if (at <= CLOCK_MAX && at > w->j.env.now)
		w->j.env.now = at;
}

/* Others take cells of the pool, as far as they may, or give them back. */
static void hoard(struct world *w, uint8_t n)
{
	struct judged *j = &w->j;

	if (n < 128) {
		for (; n > 0 && j->n_hoarded < CELLS_MAX; n--) {
			uint32_t idx = cells_take(w->cells, j->n_hoarded);

			if (idx == CELL_NONE)
				break;
			w->hoard[j->n_hoarded++] = idx;
		}
		return;
	}
	for (n &= 0x7f; n > 0 && j->n_hoarded; n--)
		cells_give(w->cells, w->hoard[--j->n_hoarded]);
}

/* What it says of itself agrees with what is known. */
static void look(const struct world *w)
{
	const struct judged *j = &w->j;
	struct time_wait_state waiting;
	struct tcp_report r;

	tcp_report(&j->t, &j->env, &r);
	CHECK(r.bytes_received == j->received && r.bytes_acked == j->acked);
	CHECK(r.not_read == j->received - j->read);
	CHECK(r.state == j->t.state && r.bytes_again <= r.bytes_sent);
	CHECK((r.state == TCPS_CLOSED) == (r.end != TCP_END_NONE));
	if (r.state != TCPS_TIME_WAIT)
		return;
	tcp_time_wait(&j->t, &waiting);
	CHECK(waiting.rcv_nxt.n == j->irs.n + 2 + (uint32_t)j->received);
	CHECK(waiting.snd_nxt.n == j->endpoint.iss.n + 2 + (uint32_t)j->written);
}

/* The peer acknowledges all but one segment, or the last few only. */
static void lose(struct world *w, struct input *in)
{
	struct tcp_tcb *t = &w->j.t;
	struct input none = { NULL, 0 };
	struct tcp_segment s = take_segment(&none, &w->j);
	uint8_t b = (uint8_t)take(in, 1);

	s.ack = t->out.una;
	s.n_sack = has(t, TCB_SACK);
	s.sack[0].start = seq_add(t->out.una, (b % 16U) * t->mss);
	s.sack[0].end = b & 0x80 ? t->out.nxt :
			seq_add(s.sack[0].start, (b / 16U) * t->mss);
	judged_arrive(&w->j, &s, true);
}

static void use(struct world *w, struct input *in, uint32_t what)
{
	struct judged *j = &w->j;
	uint8_t b;

	switch (what) {
	case 0:
	case 1:
		write_some(w, in);
		break;
	case 2:
		judged_read(j, take(in, 1) * 512);
		break;
	case 3:
		judged_shutdown(j);
		break;
	case 4:
		b = (uint8_t)take(in, 1);
		if (b == 1)
			tcp_abort(&j->t, &j->env);
		else if (b & 1)
			judged_close(j);
		break;
	case 5:
		set_option(w, in);
		break;
	case 6:
		b = (uint8_t)take(in, 1);
		judged_icmp(j, (enum tcp_icmp)(b % 3), take_place(in, &j->t),
			    (uint16_t)take(in, 2));
		break;
	case 7:
		hoard(w, (uint8_t)take(in, 1));
		break;
	default:
		look(w);
	}
}

static void call(struct world *w, struct input *in)
{
	uint32_t what = take(in, 1) % 24;

	switch (what) {
	case 15:
		arrive(w, in, false);
		break;
	case 16:
		judged_take_pieces(&w->j);
		break;
	case 17:
	case 18:
		lose(w, in);
		break;
	case 19:
		wait_some(w, in);
		break;
	case 20:
	case 21:
		wait_for_timer(w);
		break;
	default:
		if (what < 9)
			use(w, in, what);
		else
			arrive(w, in, true);
	}
}

/* ---- A connection ------------------------------------------------------------------------- */

static void choose_limits(struct tcp_config *c, uint8_t b)
{
	static const uint32_t frames[] = { 65160, 1, 4096, 1 << 20 };

	c->frame_max = frames[b & 3];
	c->stretch = (b >> 2) % 4;
	c->reassembly_pieces_max = b & 0x10 ? 2 : 32;
	if (b & 0x20) {
		c->receive_buffer = 4000;
		c->receive_buffer_max = 100000;
		c->send_buffer = 5000;
		c->send_buffer_max = 20000;
	}
	if (b & 0x40) {
		c->retries = 2;
		c->orphan_retries = 1;
		c->syn_retries = c->syn_ack_retries = 1;
		c->keepalive_idle = 10 * TCP_SECOND;
		c->keepalive_interval = TCP_SECOND;
		c->keepalive_count = 2;
	}
	c->quick_acks = b & 0x80 ? 0 : 16;
}

static void configure(struct world *w, struct input *in, struct tcp_endpoint *e)
{
	static const uint32_t iss[] = { 0xfffff000u, 0x7fffff00u };
	static const uint16_t mtu[] = { 1500, 9000, 576, 68 };
	struct tcp_config *c = &w->config;
	uint8_t b = (uint8_t)take(in, 1), more = (uint8_t)take(in, 1), ends;

	tcp_config_default(c);
	c->sack = !(b & 1);
	c->timestamps = !(b & 2);
	c->window_scaling = !(b & 4);
	c->ecn = (b >> 3) % 3;
	c->path_mtu_probing = b & 0x20;
	c->tail_loss_probe = !(b & 0x40);
	c->frto = !(b & 0x80);
	c->congestion = more % CONGESTION_N_KINDS;
	c->slow_start_after_idle = more & 2;
	c->timestamps_required = more & 4;
	c->initial_segments = more & 8 ? 2 : 10;
	c->delayed_ack = more & 16 ? 40 * TCP_MS : 400 * TCP_MS;
	choose_limits(c, (uint8_t)take(in, 1));
	ends = (uint8_t)take(in, 1);
	*e = (struct tcp_endpoint){
		.iss = seq(iss[ends & 1]), .mtu = mtu[ends >> 1 & 3],
		.path_mtu = ends & 8 ? 1280 : 0, .v6 = ends & 16,
		.mss_clamp = ends & 32 ? 600 : 0,
	};
	if (e->v6 && e->mtu < 1280)
		e->mtu = 1280;
}

static const struct tcp_tuple tuple = { .local_port = 80, .remote_port = 9 };

/* The ACK of a cookie: what has to be known is in it. */
static bool restore(struct world *w, struct input *in, struct tcp_request *r,
		    const struct tcp_segment *syn)
{
	static const uint8_t random[32] = { 1, 2, 3 };
	struct judged *j = &w->j;
	struct syn_cookie cookie;
	struct tcp_segment s = { .flags = TCP_ACK, .seq = seq_add(syn->seq, 1),
				 .window = 0xffff, .n_frames = 1, .tsval = 2,
				 .has = r->has & TCP_HAS_TIMESTAMP };
	uint16_t mss;

	syn_cookie_init(&cookie, random, j->env.now);
	r->iss = syn_cookie_make(&cookie, &tuple, syn->seq, r->mss, j->env.now);
	j->env.now += take(in, 1) * TCP_SECOND;
	s.ack = seq_add(r->iss, 1);
	mss = syn_cookie_check(&cookie, &tuple, syn->seq, r->iss, j->env.now);
	if (mss == 0)
		return false;
	CHECK(mss <= r->mss || mss == SYN_COOKIE_MSS_MIN);
	r->mss = mss;
	tcp_request_restore(r, &j->env, &j->endpoint, &s);
	judged_accept(j, r);
	judged_arrive(j, &s, true);
	CHECK(j->t.state == TCPS_ESTABLISHED);
	return true;
}

/* Segments for a request: told as if the TCB were there already. */
static bool answer(struct world *w, struct input *in, struct tcp_request *r)
{
	struct judged *j = &w->j, as_if = *j;
	struct tcp_segment s, out;

	as_if.t.rcv_nxt = seq_add(r->irs, 1);
	as_if.t.out.una = as_if.t.out.nxt = seq_add(r->iss, 1);
	as_if.t.ts_recent = r->ts_recent;
	as_if.t.flags = r->has & TCP_HAS_TIMESTAMP ? TCB_TIMESTAMPS : 0;
	as_if.t.mss = r->mss;
	s = take_segment(in, &as_if);
	switch (tcp_request_arrive(r, &j->env, &j->endpoint, &s, &out)) {
	case TCP_REQUEST_COMPLETE:
		CHECK(s.flags & TCP_ACK && seq_equal(s.ack, as_if.t.out.nxt));
		judged_accept(j, r);
		judged_arrive(j, &s, true);
		return true;
	case TCP_REQUEST_FORGET:
		CHECK(s.flags & (TCP_RST | TCP_SYN));
		return true;
	case TCP_REQUEST_ANSWER:
		CHECK(!(s.flags & TCP_RST) || out.flags == TCP_ACK);
		CHECK(out.len == 0 && out.n_frames == 1);
		return false;
	case TCP_REQUEST_DROP:
		return false;
	}
	return false;
}

static void listen(struct world *w, struct input *in)
{
	struct judged *j = &w->j;
	struct input none = { NULL, 0 };
	struct tcp_request r;
	struct tcp_segment out, s = take_segment(&none, j);
	uint8_t b = (uint8_t)take(in, 1);

	s.flags = (uint16_t)(TCP_SYN | (b & 0x10 ? TCP_ECE | TCP_CWR : 0));
	s.seq = seq(IRS);
	s.has = TCP_HAS_MSS | (b & 0x0f);
	s.wscale = (uint8_t)(take(in, 1) % 20);
	s.mss = (uint16_t)(b & 0x20 ? take(in, 2) : 1460);
	CHECK(tcp_request_is_wanted(&s));
	tcp_request_begin(&r, &j->env, &j->endpoint, &s, &out);
	CHECK(out.flags & TCP_SYN && out.flags & TCP_ACK);
	if (b & 0x40) {
		(void)restore(w, in, &r, &s);
		return;
	}
	for (int n = 0; n < REQUEST_CALLS_MAX && !answer(w, in, &r); n++) {
		if (take(in, 1) & 1)
			j->env.now = r.deadline;
		if (tcp_request_timer(&r, &j->env, &j->endpoint, &out) ==
		    TCP_REQUEST_FORGET)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(CACHE_LINE) uint8_t memory[(CELLS_MAX + 1) * CELL_BYTES];
	static struct world world;
	struct world *w = &world;
	struct input in = { data, size };
	struct tcp_endpoint endpoint;
	struct tcp_env env = { .now = 1000 * TCP_SECOND, .config = &w->config };
	uint8_t begin;

	configure(w, &in, &endpoint);
	begin = (uint8_t)take(&in, 1);
	w->cells = cells_init(memory, begin & 2 ? 12 : 192, begin & 2 ? 2 : 8);
	env.cells = w->cells;
	judged_begin(&w->j, &env, &endpoint);
	if (begin & 1)
		judged_open(&w->j);
	else
		listen(w, &in);
	go_on(w);
	for (int n = 0; n < CALLS_MAX && in.left; n++) {
		if (!w->j.opened)
			return 0;
		call(w, &in);
		go_on(w);
	}
	judged_end(&w->j);
	return 0;
}
