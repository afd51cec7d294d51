// SPDX-License-Identifier: BSD-2-Clause
/*
 * limited.c - A sender that the congestion window holds back, on a path that drops
 *
 * The path is a queue: it holds so many bytes, and a segment is lost when more are
 * in it. So the window goes up and down between there and 7/10 of it, as it does for
 * a flow that lasts. Each pseudo frame is answered when it leaves the queue, with one
 * ACK; behind a hole that ACK has a SACK block, and what is sent again comes out of
 * the queue one round trip later.
 *
 * Timed are for what is acknowledged tcp_arrive(), tcp_write(), tcp_emit() until there
 * is nothing more, tcp_take_events(), and the queue itself, a few instructions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "side.h"

#define BATCH 64			/* units between two looks at the clock */
#define QUEUE 16384
#define BYTES_PER_NS 12			/* 100 Gb/s                             */

struct queued {
	seq_t start, end;
	uint32_t tsval;
	seq_t hole;		/* first byte of the segment that is lost       */
	bool holed;
};

struct limited {
	struct side *side;
	struct limited_work work;
	struct queued queue[QUEUE];
	uint32_t first, last;	/* of the queue, counted from the beginning     */
	uint32_t in_queue;	/* [bytes]                                      */
	uint32_t since_loss;	/* sent [bytes]                                 */
	uint64_t delivered;	/* by ACK or SACK [bytes]                       */

	/* What the peer has. */
	seq_t next, highest;	/* in order; behind the last one                */
	bool missing;		/* a segment at .next                           */
};

static bool is_dropped(const struct limited *l, uint32_t len)
{
	if (l->missing || len < 3 * SIDE_MSS)
		return false;
	return (l->in_queue > l->work.flight && l->since_loss > l->in_queue) ||
	       (l->work.loss_bytes && l->since_loss > l->work.loss_bytes);
}

static void enqueue(struct limited *l, const struct tcp_segment *s)
{
	struct queued *q = &l->queue[l->last++ % QUEUE];

	*q = (struct queued){ .start = s->seq, .end = seq_add(s->seq, s->len),
			      .tsval = s->tsval };
	l->in_queue += s->len;
	l->since_loss += s->len;
	if (!is_dropped(l, s->len))
		return;
	q->holed = true;
	q->hole = seq_add(s->seq, SIDE_MSS);
	l->since_loss = 0;
}

static void pull(struct limited *l)
{
	while (side_emit(l->side))
		enqueue(l, &l->side->out.segment);
}

/* The peer gets what has waited longest. */
static void take(struct limited *l, const struct queued *q)
{
	if (q->holed) {
		l->missing = true;
		l->next = q->hole;
	} else if (!l->missing) {
		l->next = q->end;
	} else if (!seq_before(l->next, q->start)) {
		l->missing = false;
		l->next = seq_before(l->highest, q->end) ? q->end : l->highest;
	}
	if (seq_before(l->highest, q->end))
		l->highest = q->end;
}

static void answer(struct limited *l, const struct queued *q)
{
	struct tcp_segment *s = &l->side->in;

	s->ack = l->next;
	s->n_sack = l->missing;
	s->sack[0] = (struct tcp_sack){ seq_add(l->next, SIDE_MSS), l->highest };
	s->tsval = side_clock(l->side);
	if (!l->missing || q->holed)
		s->tsecr = q->tsval;
	side_arrive(l->side);
}

static void step(struct limited *l)
{
	struct side *e = l->side;
	const struct queued *q = &l->queue[l->first++ % QUEUE];
	uint32_t len = q->end.n - q->start.n;

	e->env.now += len / BYTES_PER_NS;
	l->in_queue -= len;
	l->delivered += len;
	take(l, q);
	answer(l, q);
	if (seq_diff(e->tcb.send_end, e->tcb.out.nxt) < 2 * SIDE_UNIT)
		(void)tcp_write(&e->tcb, &e->env, 4 * SIDE_UNIT, false);
	pull(l);
	(void)side_rest(e);
}

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void run_bytes(struct limited *l, uint64_t bytes)
{
	uint64_t until = l->delivered + bytes;

	while (l->delivered < until && l->first != l->last)
		step(l);
	if (l->first == l->last)
		fail("the sender has stopped");
	if (l->last - l->first > QUEUE)
		fail("too much in the queue");
}

static void run(void *state, struct bench_run *run)
{
	struct limited *l = state;

	do {
		uint32_t before = l->first;

		bench_start(run);
		run_bytes(l, BATCH * SIDE_UNIT);
		bench_stop(run);
		run->items += BATCH;
		run->contained += BATCH * SIDE_UNIT_FRAMES;
		run->outputs += l->first - before;
	} while (run->busy_ns < run->least_ns);
	if (l->side->tcb.timeouts)
		fail("a timeout");
}

static void close_limited(void *state)
{
	struct limited *l = state;

	side_close(l->side);
	bench_release(l, sizeof(*l));
}

void limited_case(struct bench_case *c, const struct limited_work *work)
{
	static const struct side_options options = { .timestamps = true };
	struct limited *l = bench_memory(sizeof(*l));

	l->side = side_open(&options);
	l->work = *work;
	l->next = l->highest = l->side->in.ack;
	(void)tcp_write(&l->side->tcb, &l->side->env, 4 * SIDE_UNIT, false);
	pull(l);
	/* Past slow start and the first loss. */
	run_bytes(l, 64ULL * work->flight);
	c->state = l;
	c->run = run;
	c->close = close_limited;
}
