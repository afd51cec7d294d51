// SPDX-License-Identifier: BSD-2-Clause
/*
 * pair_test.c - Two machines on a bad line: everything arrives, in order, once
 *
 * A line that delays, loses, repeats and reorders frames, joined or cut, both ways,
 * under random configurations. What holds all the time: bytes are handed over in
 * order and once; what is acknowledged was received; each transfer ends, and in
 * order; nothing is left in the pool. The seed of a failure is printed;
 * TTO_SEED=N repeats it. Covers SPEC LIB-4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/script.h"

#define LINE_FRAMES 4096

struct flying {
	ns_t at;
	uint64_t order;
	uint8_t to;
	struct tcp_segment s;
};

struct end {
	struct tcp_tcb t;
	struct tcp_env env;
	uint32_t iss;
	uint64_t to_write, written, received;
	uint32_t read_in_steps;	/* reads only so much each time, 0: all         */
	uint32_t not_read;
	bool closed, shut;
};

struct world {
	uint64_t random, n_flown;
	ns_t now, delay, jitter;
	uint32_t loss, twice, cut;	/* of 1000                              */
	struct end end[2];
	struct flying line[LINE_FRAMES];
	uint32_t n;
	struct tcp_config config[2];
	uint64_t seed;
};

static uint32_t roll(struct world *w, uint32_t n)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(w->random >> 33) % n;
}

static void put_on_line(struct world *w, uint8_t to, const struct tcp_segment *s)
{
	uint32_t copies = roll(w, 1000) < w->loss ? 0 :
			  1 + (roll(w, 1000) < w->twice);

	for (; copies && w->n < LINE_FRAMES; copies--)
		w->line[w->n++] = (struct flying){
			.at = w->now + w->delay +
			      (w->jitter ? roll(w, (uint32_t)w->jitter) : 0),
			.order = w->n_flown++, .to = to, .s = *s,
		};
}

/* A pseudo frame: whole, or as the frames that it is to be cut to. */
static void transmit(struct world *w, uint8_t to, const struct tcp_frame *f)
{
	struct tcp_segment s = f->segment;
	uint32_t left = s.len, each = f->mss;
	uint16_t flags = s.flags;

	if (roll(w, 1000) >= w->cut)
		each = (1 + roll(w, 44)) * f->mss;
	do {
		s.len = left < each ? left : each;
		s.n_frames = (uint16_t)(1 + (s.len ? (s.len - 1) / f->mss : 0));
		left -= s.len;
		s.flags = left ? flags & (uint16_t)~(FIN | PSH) : flags;
		put_on_line(w, to, &s);
		s.seq = seq_add(s.seq, s.len);
	} while (left);
}

static void hand_over(struct world *w, struct end *e, seq_t first, uint32_t skip,
		      uint32_t len)
{
	struct end *peer = e == &w->end[0] ? &w->end[1] : &w->end[0];
	uint32_t at = first.n + skip - (peer->iss + 1);

	if (at != (uint32_t)e->received)
		fail_msg("seed %llu: byte %u, not %llu",
			 (unsigned long long)w->seed, at,
			 (unsigned long long)e->received);
	e->received += len;
	e->not_read += len;
	assert_true(e->received <= peer->written);
}

static void arrive(struct world *w, struct flying *f)
{
	struct end *e = &w->end[f->to];
	struct tcp_arrival a;
	struct tcp_piece p;

	e->env.now = w->now;
	tcp_arrive(&e->t, &e->env, &f->s, f->s.seq.n, &a);
	if (a.len)
		hand_over(w, e, f->s.seq, a.skip, a.len);
	while (a.more && tcp_next_piece(&e->t, &e->env, &p))
		if (p.len)
			hand_over(w, e, seq((uint32_t)p.cookie), p.skip, p.len);
	/* Nothing is acknowledged that the other end does not have. */
	assert_true(tcp_acked(&e->t) <= w->end[!f->to].received);
}

static void use(struct world *w, struct end *e)
{
	uint32_t space = tcp_send_space(&e->t), n;

	e->env.now = w->now;
	n = e->read_in_steps && e->not_read > e->read_in_steps ?
	    e->read_in_steps : e->not_read;
	if (n) {
		tcp_read(&e->t, &e->env, n);
		e->not_read -= n;
	}
	if (e->t.state >= TCPS_ESTABLISHED && e->written < e->to_write && space) {
		uint64_t left = e->to_write - e->written;

		n = left < space ? (uint32_t)left : space;
		n = roll(w, 2) ? 1 + roll(w, n) : n;
		assert_int_equal(tcp_write(&e->t, &e->env, n, roll(w, 8) == 0 &&
					   n < left), 0);
		e->written += n;
	}
	if (e->written == e->to_write && !e->shut && e->t.state >= TCPS_ESTABLISHED) {
		e->shut = true;
		tcp_shutdown(&e->t, &e->env);
	}
	if (tcp_take_events(&e->t) & TCP_EVENT_CLOSED)
		e->closed = true;
}

static void pump(struct world *w, uint8_t from)
{
	struct end *e = &w->end[from];
	struct tcp_frame f;
	uint32_t n = 0;

	e->env.now = w->now;
	while (tcp_emit(&e->t, &e->env, &f)) {
		assert_true(++n < 10000);
		assert_true(f.mss > 0);
		transmit(w, !from, &f);
	}
}

static bool step(struct world *w)
{
	ns_t next = NS_NEVER;
	uint32_t first = UINT32_MAX;

	for (uint32_t k = 0; k < w->n; k++)
		if (w->line[k].at < next || (w->line[k].at == next &&
		    w->line[k].order < w->line[first].order)) {
			next = w->line[k].at;
			first = k;
		}
	for (uint32_t k = 0; k < 2; k++)
		if (tcp_deadline(&w->end[k].t) < next) {
			next = tcp_deadline(&w->end[k].t);
			first = UINT32_MAX;
		}
	for (uint32_t k = 0; k < 2; k++)
		if (w->end[k].not_read && w->now + TCP_MS < next) {
			next = w->now + TCP_MS;
			first = UINT32_MAX;
		}
	if (next == NS_NEVER)
		return false;
	w->now = next > w->now ? next : w->now;
	if (first != UINT32_MAX) {
		struct flying f = w->line[first];

		w->line[first] = w->line[--w->n];
		arrive(w, &f);
	}
	for (uint8_t k = 0; k < 2; k++) {
		w->end[k].env.now = w->now;
		if (tcp_deadline(&w->end[k].t) <= w->now)
			tcp_timer(&w->end[k].t, &w->end[k].env);
		use(w, &w->end[k]);
		pump(w, k);
	}
	return true;
}

static void configure(struct world *w, struct tcp_config *c)
{
	tcp_config_default(c);
	c->sack = roll(w, 4) != 0;
	c->timestamps = roll(w, 4) != 0;
	c->window_scaling = roll(w, 4) != 0;
	c->congestion = (uint8_t)roll(w, CONGESTION_N_KINDS);
	c->tail_loss_probe = roll(w, 4) != 0;
	c->frto = roll(w, 4) != 0;
	c->stretch = (uint16_t)(roll(w, 3) * 2);
	c->ecn = (uint8_t)roll(w, 3);
	c->path_mtu_probing = roll(w, 3) == 0;
	c->receive_buffer = 3000 + roll(w, 200000);
	c->reassembly_pieces_max = 1 + roll(w, 200);
	c->time_wait = 600 * TCP_SECOND;
	c->retries = c->syn_retries = c->syn_ack_retries = 100;
	if (roll(w, 4) == 0)
		c->frame_max = 1448 * (1 + roll(w, 4));
}

static void begin(struct world *w, uint64_t seed, struct cells *cells)
{
	static const uint32_t losses[] = { 0, 0, 10, 50, 200 };

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	w->now = 5000 SECONDS;
	w->delay = roll(w, 3) ? 1 + roll(w, 30000000) : 20000;
	w->jitter = roll(w, 2) ? 0 : 1 + roll(w, 20000000);
	w->loss = losses[roll(w, 5)];
	w->twice = roll(w, 3) ? 0 : 50;
	w->cut = roll(w, 3) ? 0 : roll(w, 1001);
	for (uint32_t k = 0; k < 2; k++) {
		struct end *e = &w->end[k];
		struct tcp_endpoint p = {
			.iss = seq(roll(w, UINT32_MAX)),
			.timestamp_offset = roll(w, UINT32_MAX),
			.mtu = (uint16_t)(roll(w, 4) ? 1500 : 576 + roll(w, 9000)),
		};

		configure(w, &w->config[k]);
		e->env = (struct tcp_env){ w->now, &w->config[k], cells };
		e->iss = p.iss.n;
		e->to_write = roll(w, 4) ? roll(w, 300000) : roll(w, 3000000);
		e->read_in_steps = roll(w, 4) ? 0 : 1 + roll(w, 5000);
		tcp_open(&e->t, &e->env, &p);	/* both: simultaneous, or later */
	}
}

static bool is_over(const struct world *w)
{
	return w->end[0].t.state == TCPS_CLOSED &&
	       w->end[1].t.state == TCPS_CLOSED;
}

static void run(struct world *w, uint64_t seed, struct cells *cells)
{
	uint32_t steps = 0;

	begin(w, seed, cells);
	pump(w, 0);
	pump(w, 1);
	while (!is_over(w) && steps++ < 3000000 && step(w))
		;
	for (uint32_t k = 0; k < 2; k++) {
		struct end *e = &w->end[k];

		if (e->received != w->end[!k].to_write || !is_over(w))
			fail_msg("seed %llu: end %u in %s (end %u) has %llu of %llu "
				 "after %u steps, %llu s; sent %llu of %llu",
				 (unsigned long long)seed, k,
				 tcp_state_name((enum tcp_state)e->t.state),
				 e->t.end, (unsigned long long)e->received,
				 (unsigned long long)w->end[!k].to_write, steps,
				 (unsigned long long)(w->now / TCP_SECOND - 5000),
				 (unsigned long long)tcp_acked(&e->t),
				 (unsigned long long)e->to_write);
		tcp_forget(&e->t, &e->env);
	}
}

static void everything_arrives_in_order_and_once(void **state)
{
	void *memory = aligned_alloc(CACHE_LINE, cells_bytes(20000));
	struct cells *cells = cells_init(memory, 20000, 16);
	struct world *w = malloc(sizeof(*w));
	const char *one = getenv("TTO_SEED"), *many = getenv("TTO_SEEDS");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10) : 150;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++) {
		run(w, seed, cells);
		if (cells->n_free != 20000)
			fail_msg("seed %llu: cells leak", (unsigned long long)seed);
	}
	free(w);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
