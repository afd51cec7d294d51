// SPDX-License-Identifier: BSD-2-Clause
/*
 * idle.c - What connections cost that do nothing
 *
 * Many with keepalive, which become due one after the other in two hours, in an
 * order that is not that of memory. A *tick* is one granule of the timer wheel in
 * which nothing is due, as most are: a million connections have 139 keepalives in a
 * second, which has 3815 granules. A *keepalive* is one that is due, sent, answered,
 * and armed again: timer_wheel_next(), timer_wheel_advance() with its share of what
 * moves down the wheel, tcp_timer(), tcp_emit(), tcp_arrive(), tcp_deadline().
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "packet/headers.h"
#include "side.h"
#include "tcp/ports.h"

#define DUE 64
#define TICKS 16384			/* between two looks at the clock       */
#define KEEPALIVES 512
#define GRANULE (1ULL << TIMER_WHEEL_SHIFT)
#define GROUP_CONNECTIONS 16384		/* what a group of ports.h is for       */
#define MANY 1000000

struct idle {
	struct side *side;	/* of which all are copies                      */
	uint32_t n;
	struct tcp_tcb *tcb;	/* NULL: only deadlines                         */
	struct timer_wheel wheel;
	struct timer_node *node;
	struct tcp_env env;
	uint64_t n_due, n_answered;
};

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* The @nth to be due: a permutation, as @n is no multiple of the prime. */
static uint32_t nth(const struct idle *d, uint32_t n)
{
	return (uint32_t)(n * 618033989ULL % d->n);
}

/* All begin to be idle, one after the other in the last two hours. */
static void begin(struct idle *d)
{
	ns_t idle = d->env.config->keepalive_idle;
	struct tcp_env env = d->env;

	timer_wheel_init(&d->wheel, env.now, TIMER_WHEEL_SHIFT);
	for (uint32_t k = 0; k < d->n; k++) {
		uint32_t idx = nth(d, k);

		timer_node_init(&d->node[idx]);
		env.now += idle / d->n;
		if (d->tcb) {
			d->tcb[idx] = d->side->tcb;
			d->tcb[idx].last_received = env.now;
			(void)tcp_set_option(&d->tcb[idx], &env,
					     TCP_OPTION_KEEPALIVE, 1);
		}
		timer_wheel_arm(&d->wheel, d->node, idx, d->tcb ?
				tcp_deadline(&d->tcb[idx]) : env.now + idle);
	}
}

/* ---- A tick -------------------------------------------------------------------------- */

static void run_ticks(void *state, struct bench_run *run)
{
	struct idle *d = state;
	uint32_t due[DUE], n = 0;
	ns_t end = d->side->env.now + d->env.config->keepalive_idle;

	do {
		if (d->env.now + TICKS * GRANULE > end) {
			d->env.now = d->side->env.now;
			begin(d);
		}
		bench_start(run);
		for (uint32_t k = 0; k < TICKS; k++) {
			d->env.now += GRANULE;
			n += timer_wheel_advance(&d->wheel, d->node, d->env.now,
						 due, DUE);
		}
		bench_stop(run);
		run->items += TICKS;
	} while (run->busy_ns < run->least_ns);
	if (n)
		fail("something was due");
}

/* ---- A keepalive ------------------------------------------------------------------------ */

static void answer(struct idle *d, struct tcp_tcb *t, const struct tcp_segment *s)
{
	const struct tcp_segment ack = {
		.seq = s->ack, .ack = seq_add(s->seq, 1), .flags = TCP_ACK,
		.window = UINT16_MAX, .n_frames = 1,
	};
	struct tcp_arrival arrival;

	tcp_arrive(t, &d->env, &ack, 0, &arrival);
	d->n_answered += arrival.cause == TCP_CAUSE_FAST;
}

static void be_due(struct idle *d, uint32_t idx)
{
	struct tcp_tcb *t = &d->tcb[idx];
	struct tcp_frame f;

	d->n_due++;
	tcp_timer(t, &d->env);
	while (tcp_emit(t, &d->env, &f))
		answer(d, t, &f.segment);
	(void)tcp_take_events(t);
	timer_wheel_arm(&d->wheel, d->node, idx, tcp_deadline(t));
}

static void run_keepalives(void *state, struct bench_run *run)
{
	struct idle *d = state;
	uint32_t due[DUE], n;
	uint64_t before;

	do {
		before = d->n_due;
		bench_start(run);
		while (d->n_due < before + KEEPALIVES) {
			d->env.now = timer_wheel_next(&d->wheel);
			n = timer_wheel_advance(&d->wheel, d->node, d->env.now,
						due, DUE);
			for (uint32_t k = 0; k < n; k++)
				be_due(d, due[k]);
		}
		bench_stop(run);
		run->items += d->n_due - before;
	} while (run->busy_ns < run->least_ns);
	if (d->n_answered < d->n_due / 2)
		fail("keepalives are not sent");
}

/* ---- Setting them up ---------------------------------------------------------------------- */

static void close_idle(void *state)
{
	struct idle *d = state;

	bench_release(d->node, d->n * sizeof(*d->node));
	bench_release(d->tcb, d->n * sizeof(*d->tcb));
	side_close(d->side);
	free(d);
}

static void idle_case(struct bench_case *c, uint32_t n, bool with_tcbs,
		      bench_fn *run)
{
	static const struct side_options options = { .timestamps = false };
	struct idle *d = calloc(1, sizeof(*d));

	if (!d)
		exit(1);
	d->side = side_open(&options);
	d->env = d->side->env;
	d->n = n;
	d->node = bench_memory(n * sizeof(*d->node));
	if (with_tcbs)
		d->tcb = bench_memory(n * sizeof(*d->tcb));
	begin(d);
	c->state = d;
	c->run = run;
	c->close = close_idle;
}

void tick_case(struct bench_case *c, uint32_t n)
{
	idle_case(c, n, false, run_ticks);
}

void keepalive_case(struct bench_case *c, uint32_t n)
{
	idle_case(c, n, true, run_keepalives);
}

void idle_memory(struct bench *b)
{
	double groups = (MANY + GROUP_CONNECTIONS - 1) / GROUP_CONNECTIONS;
	double tcb = sizeof(struct tcp_tcb), node = sizeof(struct timer_node);
	double table = (double)lookup_bytes(MANY) / MANY;
	double ports = groups * (double)ports_bytes(1) / MANY;

	bench_value(b, "memory, TCB", "bytes/connection", tcb);
	bench_value(b, "memory, table", "bytes/connection", table);
	bench_value(b, "memory, timer", "bytes/connection", node);
	bench_value(b, "memory, ports", "bytes/connection", ports);
	bench_value(b, "memory, all", "bytes/connection",
		    tcb + table + node + ports);
}
