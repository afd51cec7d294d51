// SPDX-License-Identifier: BSD-2-Clause
/*
 * send.c - A unit is written, sent, and acknowledged, with others in flight
 *
 * Timed are for each unit: the oldest one's ACKs in tcp_arrive(), tcp_write(),
 * tcp_emit() until there is nothing more, tcp_take_events(), and what side.h has of
 * headers. The congestion window has room for more than is in flight, as it has
 * when the peer's window or the application is the limit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "side.h"

#define BATCH 64			/* units between two looks at the clock */
#define UNIT_NS 5213			/* at 100 Gb/s                          */
#define UNITS_MAX 1024
#define ROUNDS_MAX 64

struct sender {
	struct side *side;
	struct send_work work;
	uint32_t oldest, newest;	/* units, counted from the first        */
	uint32_t tsval[UNITS_MAX];	/* with which each was sent             */
	uint64_t wrong;
};

/* Whatever the machine gives. Return: bytes of the last one. */
static uint32_t pull(struct sender *s)
{
	struct side *e = s->side;
	uint32_t len = 0;

	while (side_emit(e))
		len = e->out.segment.len;
	s->tsval[s->newest % UNITS_MAX] = e->out.segment.tsval;
	return len;
}

static void acknowledge(struct sender *s, uint32_t bytes)
{
	struct side *e = s->side;

	e->in.ack = seq_add(e->in.ack, bytes);
	e->in.tsval = side_clock(e);
	e->in.tsecr = s->tsval[s->oldest % UNITS_MAX];
	side_say(e);
	side_arrive(e);
}

static void acknowledge_unit(struct sender *s)
{
	uint32_t left = SIDE_UNIT_FRAMES, some = s->work.ack_frames;

	for (; left > some; left -= some) {
		acknowledge(s, some * SIDE_MSS);
		s->wrong += pull(s) != 0;
	}
	acknowledge(s, left * SIDE_MSS);
	s->oldest++;
}

static void write_unit(struct sender *s)
{
	s->wrong += tcp_write(&s->side->tcb, &s->side->env, SIDE_UNIT, false) != 0;
	s->wrong += pull(s) != SIDE_UNIT;
	s->newest++;
}

static void send_unit(struct sender *s)
{
	s->side->env.now += UNIT_NS;
	acknowledge_unit(s);
	write_unit(s);
	s->wrong += !(side_rest(s->side) & TCP_EVENT_ACKED);
}

static void check(const struct sender *s)
{
	if (!s->wrong && !s->side->lost &&
	    s->newest - s->oldest == s->work.flight)
		return;
	fprintf(stderr, "bench: what was to be sent was not\n");
	exit(1);
}

static void run(void *state, struct bench_run *run)
{
	struct sender *s = state;

	do {
		bench_start(run);
		for (uint32_t n = 0; n < BATCH; n++)
			send_unit(s);
		bench_stop(run);
		run->items += BATCH;
		run->contained += BATCH * SIDE_UNIT_FRAMES;
		run->outputs += BATCH;
		check(s);
	} while (run->busy_ns < run->least_ns);
}

static void close_sender(void *state)
{
	struct sender *s = state;

	side_close(s->side);
	free(s);
}

/* As much as is in flight later, with what the window allows. Return: round trips. */
static uint32_t send_flight(struct sender *s)
{
	struct side *e = s->side;
	uint32_t left = s->work.flight * SIDE_UNIT, n = 0, sent;

	tcp_write(&e->tcb, &e->env, left, false);
	for (; left && n < ROUNDS_MAX; n++, left -= sent) {
		for (sent = 0; side_emit(e); sent += e->out.segment.len)
			;
		s->tsval[s->oldest % UNITS_MAX] = side_clock(e);
		e->env.now += UNIT_NS * s->work.flight;
		acknowledge(s, sent);
	}
	return n;
}

/* Slow start, until all of it is sent at once. */
static void open_window(struct sender *s)
{
	for (uint32_t n = 0; n < ROUNDS_MAX && send_flight(s) > 1; n++)
		;
}

void send_case(struct bench_case *c, const struct send_work *work)
{
	const struct side_options options = { .timestamps = work->timestamps,
					       .headers = work->headers };
	struct sender *s = calloc(1, sizeof(*s));

	if (!s)
		exit(1);
	s->side = side_open(&options);
	s->work = *work;
	open_window(s);
	for (uint32_t n = 0; n < work->flight; n++) {
		s->side->env.now += UNIT_NS;
		write_unit(s);
	}
	side_rest(s->side);
	check(s);
	c->state = s;
	c->run = run;
	c->close = close_sender;
}
