/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * side.h - One end of a connection; the other end is played by the benchmark
 *
 * DOC: Theory of operation
 * The end is a TCB with what its owner needs: a table with the connection in it, a
 * timer wheel, a pool of cells. What the peer says is a segment that is kept and of
 * which a few words change each time, so that making it costs next to nothing.
 *
 * As *values* segments are given to the machine and taken from it as they are. As
 * *headers* the end does all that lies between the device and the machine, too:
 * the header of each segment that comes is parsed and its tuple looked up, that of
 * each segment that goes is written, and the timer wheel follows the deadline.
 *
 * Time is virtual; it is moved by whoever measures.
 */
#ifndef BENCH_TCP_SIDE_H
#define BENCH_TCP_SIDE_H

#include "packet/lookup.h"
#include "tcp/loss/cells.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"
#include "timer_follow.h"

#define SIDE_MSS 1448
#define SIDE_UNIT_FRAMES 45
#define SIDE_UNIT (SIDE_UNIT_FRAMES * SIDE_MSS)	/* what 64 KiB hold of frames   */

struct side_options {
	bool timestamps;
	bool headers;
	bool mirrored;		/* the other end of one that is not             */
};

struct side {
	struct tcp_tcb tcb;
	struct side_options options;
	struct tcp_env env;
	struct tcp_config config;
	struct tcp_segment in;		/* the peer's next one                  */
	uint8_t in_header[TCP_SEGMENT_HEADER_MAX] CACHE_ALIGNED;
	uint8_t out_header[TCP_SEGMENT_HEADER_MAX] CACHE_ALIGNED;
	struct tcp_arrival arrival;
	struct tcp_frame out;
	struct tcp_tuple tuple;
	struct lookup *lookup;
	struct timer_wheel wheel;
	struct timer_node node;
	uint64_t lost;			/* what was looked up and not found     */
};

/**
 * side_open() - An established connection
 *
 * Exits with a message when there is no memory.
 */
struct side *side_open(const struct side_options *options);
void side_close(struct side *e);

/* What the peer says next: call side_say() for what has changed in e->in. */
static inline void side_say(struct side *e)
{
	uint8_t *header = e->in_header;

	if (!e->options.headers)
		return;
	store_be32(header + 4, e->in.seq.n);
	store_be32(header + 8, e->in.ack.n);
	if (e->options.timestamps) {
		store_be32(header + 24, e->in.tsval);
		store_be32(header + 28, e->in.tsecr);
	}
}

/* @s arrives, with its header. */
static inline void side_take(struct side *e, const struct tcp_segment *s,
			     const uint8_t *header)
{
	uint32_t bytes = e->options.timestamps ? 32 : 20;
	struct tcp_segment parsed;

	if (!e->options.headers) {
		tcp_arrive(&e->tcb, &e->env, s, 0, &e->arrival);
		return;
	}
	e->lost += !tcp_segment_parse(&parsed, header, bytes + s->len);
	parsed.n_frames = s->n_frames;
	e->lost += lookup_find(e->lookup, &e->tuple) != 0;
	tcp_arrive(&e->tcb, &e->env, &parsed, 0, &e->arrival);
}

static inline void side_arrive(struct side *e)
{
	side_take(e, &e->in, e->in_header);
}

/* The next pseudo frame, in e->out. Return: false if there is none. */
static inline bool side_emit(struct side *e)
{
	if (!tcp_emit(&e->tcb, &e->env, &e->out))
		return false;
	if (e->options.headers) {
		e->out.segment.source_port = e->tuple.local_port;
		e->out.segment.destination_port = e->tuple.remote_port;
		tcp_segment_emit(&e->out.segment, e->out_header);
	}
	return true;
}

/* All was pulled: what happened, and when is it to be called again? */
static inline uint32_t side_rest(struct side *e)
{
	if (e->options.headers)
		timer_follow(&e->wheel, &e->node, 0, tcp_deadline(&e->tcb),
			     e->env.now);
	return tcp_take_events(&e->tcb);
}

static inline uint32_t side_clock(const struct side *e)
{
	return (uint32_t)(e->env.now / TCP_MS);
}

#endif
