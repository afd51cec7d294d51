// SPDX-License-Identifier: BSD-2-Clause
/*
 * mbuf_coalesce.c - The same frames as mbufs through our engine
 *
 * What example/dpdk_coalesce.h does is timed: frame descriptors out of mbufs,
 * and each aggregate as a chain of mbufs. Nothing is allocated or freed, as in
 * the rows of the peer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../example/dpdk_coalesce.h"
#include "coalescer.h"
#include "mbufs.h"
#include "peer.h"

struct mbuf_coalesce {
	struct dpdk_coalescer d;
	struct frame_stream stream;
	struct mbuf_set mbufs;
	struct rte_mbuf **batch;
	uint64_t flags;
	uint64_t now_ns;
	uint64_t sent, joined;
};

static void count(void *ctx, struct rte_mbuf *mbuf)
{
	struct mbuf_coalesce *m = ctx;

	m->sent++;
	m->joined += mbuf->nb_segs;
}

/* An mbuf is used again when 44 rounds have passed: then it was delivered. */
static void receive(struct mbuf_coalesce *m)
{
	uint32_t first = m->stream.round % FRAMES_PER_AGGREGATE *
			 m->stream.set->batch_max;

	if (!m->stream.set->shape.staggered)
		first = 0;
	frame_stream_next(&m->stream);
	m->batch = m->mbufs.mbuf + first;
	for (uint32_t i = 0; i < m->stream.n; i++)
		mbuf_set_receive(&m->mbufs, first + i, m->stream.slot[i],
				 m->flags);
}

static void push(struct mbuf_coalesce *m)
{
	uint32_t n = m->stream.n, burst = COALESCER_BURST;

	for (uint32_t at = 0; at < n; at += burst) {
		if (burst > n - at)
			burst = n - at;
		m->now_ns += burst * COALESCER_FRAME_NS;
		dpdk_coalesce(&m->d, m->batch + at, (uint16_t)burst, m->now_ns);
	}
}

static void run(void *state, struct bench_run *run)
{
	struct mbuf_coalesce *m = state;

	while (frame_stream_is_starting(&m->stream)) {
		receive(m);
		push(m);
	}
	m->sent = m->joined = 0;
	do {
		receive(m);
		bench_start(run);
		push(m);
		bench_stop(run);
		run->items += m->stream.n;
	} while (run->busy_ns < run->least_ns);
	run->outputs = m->sent;
	run->contained = m->joined;
}

static void close_case(void *state)
{
	struct mbuf_coalesce *m = state;

	tto_coalescer_close(m->d.engine);
	mbuf_set_close(&m->mbufs);
	frame_stream_close(&m->stream);
	free(m);
}

void mbuf_coalesce_case(struct bench_case *c, const struct frame_set *frames,
			bool verify)
{
	struct mbuf_coalesce *m = calloc(1, sizeof(*m));

	if (!m)
		exit(1);
	frame_stream_open(&m->stream, frames);
	mbuf_set_open(&m->mbufs, frames,
		      frames->shape.staggered ?
			      FRAMES_PER_AGGREGATE * frames->batch_max :
			      frames->batch_max);
	m->flags = verify ? 0 : RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	m->d.send = count;
	m->d.ctx = m;
	m->d.engine = coalescer_open(frames, NULL, TTO_OUTPUT_GATHER,
				     dpdk_coalesce_deliver, &m->d);
	c->state = m;
	c->close = close_case;
	c->run = run;
}
