// SPDX-License-Identifier: BSD-2-Clause
/*
 * exchange.c - A byte there and a byte back: what a request and its response cost
 *
 * Two ends, each as in side.h, that talk to each other. Timed are for both of them
 * tcp_write(), tcp_emit() until there is nothing more, tcp_arrive(), tcp_read(),
 * tcp_take_events(), and what side.h has of headers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "side.h"

#define BATCH 64
#define WAY_NS 5000

struct exchange {
	struct side *end[2];
	uint64_t segments, wrong;
};

/* A byte from one end to the other, and what comes back at once. */
static void say(struct exchange *x, struct side *from, struct side *to)
{
	from->env.now += WAY_NS;
	x->wrong += tcp_write(&from->tcb, &from->env, 1, false) != 0;
	to->env.now = from->env.now + WAY_NS;
	while (side_emit(from)) {
		x->segments++;
		side_take(to, &from->out.segment, from->out_header);
	}
	x->wrong += to->arrival.len != 1;
	tcp_read(&to->tcb, &to->env, 1);
	(void)side_rest(from);
	(void)side_rest(to);
}

static void run(void *state, struct bench_run *run)
{
	struct exchange *x = state;

	x->segments = 0;
	do {
		bench_start(run);
		for (uint32_t n = 0; n < BATCH; n++) {
			say(x, x->end[0], x->end[1]);
			say(x, x->end[1], x->end[0]);
		}
		bench_stop(run);
		run->items += BATCH;
	} while (run->busy_ns < run->least_ns);
	if (x->wrong || x->segments != 2 * run->items) {
		fprintf(stderr, "bench: not a segment there and a segment back\n");
		exit(1);
	}
}

static void close_exchange(void *state)
{
	struct exchange *x = state;

	side_close(x->end[0]);
	side_close(x->end[1]);
	free(x);
}

void exchange_case(struct bench_case *c, bool headers)
{
	const struct side_options options[] = {
		{ .headers = headers }, { .headers = headers, .mirrored = true },
	};
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		exit(1);
	x->end[0] = side_open(&options[0]);
	x->end[1] = side_open(&options[1]);
	c->state = x;
	c->run = run;
	c->close = close_exchange;
}
