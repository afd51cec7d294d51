// SPDX-License-Identifier: BSD-2-Clause
/*
 * receive.c - A unit is received, read by the user, and acknowledged
 *
 * Timed are for each arrival tcp_arrive(), tcp_read() of all of it, tcp_emit() until
 * there is nothing more, tcp_take_events(), and what side.h has of headers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "side.h"

#define BATCH 64			/* units between two looks at the clock */
#define UNIT_NS 5213			/* at 100 Gb/s                          */

struct receiver {
	struct side *side;
	uint32_t arrivals;	/* for a unit                                   */
	uint64_t acks, wrong;
};

static void receive(struct receiver *r)
{
	struct side *e = r->side;

	e->env.now += UNIT_NS / r->arrivals;
	e->in.tsval = side_clock(e);
	side_say(e);
	side_arrive(e);
	r->wrong += e->arrival.len != e->in.len;
	tcp_read(&e->tcb, &e->env, e->arrival.len);
	e->in.seq = seq_add(e->in.seq, e->in.len);
	while (side_emit(e)) {
		r->acks++;
		r->wrong += !seq_equal(e->out.segment.ack, e->in.seq);
		e->in.tsecr = e->out.segment.tsval;
	}
	r->wrong += !(side_rest(e) & TCP_EVENT_READABLE);
}

static void run(void *state, struct bench_run *run)
{
	struct receiver *r = state;
	uint32_t arrivals = BATCH * r->arrivals;

	r->acks = 0;
	do {
		bench_start(run);
		for (uint32_t n = 0; n < arrivals; n++)
			receive(r);
		bench_stop(run);
		run->items += BATCH;
		run->contained += BATCH * SIDE_UNIT_FRAMES;
	} while (run->busy_ns < run->least_ns && !r->wrong && !r->side->lost);
	run->outputs = r->acks;
	if (r->wrong || r->side->lost) {
		fprintf(stderr, "bench: something was not received\n");
		exit(1);
	}
}

static void close_receiver(void *state)
{
	struct receiver *r = state;

	side_close(r->side);
	free(r);
}

void receive_case(struct bench_case *c, const struct receive_work *work)
{
	const struct side_options options = { .timestamps = work->timestamps,
					       .headers = work->headers };
	struct receiver *r = calloc(1, sizeof(*r));

	if (!r)
		exit(1);
	r->side = side_open(&options);
	r->side->in.n_frames = (uint16_t)work->frames;
	r->side->in.len = work->frames * SIDE_MSS;
	r->arrivals = SIDE_UNIT_FRAMES / work->frames;
	c->state = r;
	c->run = run;
	c->close = close_receiver;
}
