// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_gro.c - The same frames through DPDK's rte_gro
 *
 * DOC: Theory of operation
 * Heavyweight mode: bursts of 64 packets into a context, which is flushed when
 * each flow has 44 of them. Timed are rte_gro_reassemble() and
 * rte_gro_timeout_flush(), not what a driver does: to allocate, fill in and
 * free mbufs. The context has exactly as many places as there are flows: more
 * would make it no faster.
 *
 * Its table is searched from the start for each packet, so that a cycle of very
 * many flows would take minutes. It is *sampled* in the middle: what a packet
 * costs grows linearly with its flow's place in the table, so the mean over all
 * F places is what it costs at place F/2. The table is filled up to 0.55 F; the
 * insertions from 0.45 F on are timed, once, and in each run some appends to flows
 * in these places. A packet costs (insert + 43 * append) / 44. Flushing is left
 * out, which favours the peer.
 */
#include <rte_gro.h>
#include <rte_ip.h>
#include <rte_memcpy.h>
#include <stdio.h>
#include <stdlib.h>

#include "mbufs.h"
#include "peer.h"

#define BURST 64
#define BUFFERS 8		/* contiguous output, in turns                  */
#define BUFFER_BYTES 65792
#define OUT_MAX 4096

struct peer_gro {
	struct frame_stream stream;
	struct mbuf_set mbufs;
	struct peer_gro_work work;
	struct rte_gro_param param;
	void *context;
	struct rte_mbuf **scratch;	/* burst: a copy, which the call changes;
					 * sampled: the candidates              */
	uint8_t *buffers;
	uint32_t buffer;
	double insert_ns;	/* sampled: of a packet                         */
	uint32_t n_candidates;	/* sampled: packets not yet appended            */
	struct rte_mbuf *out[OUT_MAX];
};

static void verify(struct rte_mbuf **mbuf, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
			mbuf[i], struct rte_ipv4_hdr *, mbuf[i]->l2_len);

		if (unlikely(rte_ipv4_udptcp_cksum_verify(ip, ip + 1)))
			abort();
	}
}

static void linearise(struct peer_gro *g, const struct rte_mbuf *m)
{
	uint8_t *to = g->buffers + (size_t)g->buffer * BUFFER_BYTES;

	g->buffer = (g->buffer + 1) % BUFFERS;
	for (; m; m = m->next) {
		rte_memcpy(to, rte_pktmbuf_mtod(m, void *), m->data_len);
		to += m->data_len;
	}
}

/* Return: packets that were refused. */
static uint32_t reassemble(struct peer_gro *g, struct rte_mbuf **mbuf,
			   uint32_t n)
{
	uint32_t refused = 0;

	for (uint32_t at = 0; at < n; at += BURST) {
		uint32_t burst = n - at < BURST ? n - at : BURST;

		if (g->work.verify)
			verify(mbuf + at, burst);
		refused += rte_gro_reassemble(mbuf + at, (uint16_t)burst,
					      g->context);
	}
	return refused;
}

static uint32_t flush(struct peer_gro *g, struct bench_run *run)
{
	uint32_t n = rte_gro_timeout_flush(g->context, 0, RTE_GRO_TCP_IPV4,
					   g->out, OUT_MAX);

	for (uint32_t i = 0; i < n; i++) {
		if (g->work.contiguous)
			linearise(g, g->out[i]);
		run->contained += g->out[i]->nb_segs;
	}
	run->outputs += n;
	return n;
}

/* The next batch, and its mbufs. */
static void receive(struct peer_gro *g)
{
	frame_stream_next(&g->stream);
	for (uint32_t i = 0; i < g->stream.n; i++)
		mbuf_set_receive(&g->mbufs, i, g->stream.slot[i], 0);
}

static void run_heavy(void *state, struct bench_run *run)
{
	struct peer_gro *g = state;
	uint32_t cycle = g->mbufs.frames->shape.flows * FRAMES_PER_AGGREGATE;

	do {
		receive(g);
		bench_start(run);
		for (uint32_t at = 0; at < g->stream.n; at += cycle) {
			uint32_t refused = reassemble(
				g, g->mbufs.mbuf + at, cycle);

			run->outputs += refused;
			run->contained += refused;
			flush(g, run);
		}
		bench_stop(run);
		run->items += g->stream.n;
	} while (run->busy_ns < run->least_ns);
}

/* The packets of the second round whose flows sit in the middle of the table. */
static void choose_candidates(struct peer_gro *g)
{
	const struct frame_set *f = g->mbufs.frames;
	uint32_t flows = f->shape.flows, nth;
	bool *middle = bench_memory(flows);

	g->n_candidates = 0;
	for (nth = flows / 20 * 9; nth < flows / 20 * 11; nth++)
		middle[frame_set_flow(f, 0, nth)] = true;
	for (nth = 0; nth < flows; nth++)
		if (middle[frame_set_flow(f, 1, nth)])
			g->scratch[g->n_candidates++] = g->mbufs.mbuf[flows + nth];
	bench_release(middle, flows);
}

/* A round of all flows, each in a slot and an mbuf of its own. */
static void receive_round(struct peer_gro *g, uint32_t round)
{
	const struct frame_set *f = g->mbufs.frames;
	uint32_t first = round * f->shape.flows;

	for (uint32_t nth = 0; nth < f->shape.flows; nth++) {
		frame_set_write(f, first + nth, frame_set_flow(f, round, nth),
				round);
		mbuf_set_receive(&g->mbufs, first + nth, first + nth, 0);
	}
}

static void fill_table(struct peer_gro *g)
{
	uint32_t flows = g->mbufs.frames->shape.flows;
	uint32_t from = flows / 20 * 9, to = flows / 20 * 11;
	struct bench_run run = { .busy_ns = 0 };

	while (flush(g, &run))
		;
	receive_round(g, 0);
	reassemble(g, g->mbufs.mbuf, from);
	bench_start(&run);
	reassemble(g, g->mbufs.mbuf + from, to - from);
	bench_stop(&run);
	g->insert_ns = (double)run.busy_ns / (to - from);
	receive_round(g, 1);
	choose_candidates(g);
}

static void run_sampled(void *state, struct bench_run *run)
{
	const uint32_t appends = FRAMES_PER_AGGREGATE - 1;
	struct peer_gro *g = state;
	uint32_t n = g->work.sample;

	if (g->n_candidates < n)
		fill_table(g);
	g->n_candidates -= n;
	bench_start(run);
	reassemble(g, g->scratch + g->n_candidates, n);
	bench_stop(run);
	run->busy_ns = (ns_t)(appends * (double)run->busy_ns +
			      n * g->insert_ns);
	run->items = (uint64_t)n * FRAMES_PER_AGGREGATE;
}

static void burst_mode(struct peer_gro *g, struct bench_run *run)
{
	for (uint32_t at = 0; at < g->stream.n; at += BURST) {
		uint32_t left = g->stream.n - at;
		uint32_t burst = left < BURST ? left : BURST;

		run->outputs += rte_gro_reassemble_burst(
			g->scratch + at, (uint16_t)burst, &g->param);
	}
}

static void run_burst(void *state, struct bench_run *run)
{
	struct peer_gro *g = state;

	while (frame_stream_is_starting(&g->stream))
		receive(g);
	do {
		receive(g);
		memcpy(g->scratch, g->mbufs.mbuf,
		       g->stream.n * sizeof(*g->scratch));
		bench_start(run);
		burst_mode(g, run);
		bench_stop(run);
		run->items += g->stream.n;
	} while (run->busy_ns < run->least_ns);
	run->contained = run->items;
}

static void close_gro(void *state)
{
	struct peer_gro *g = state;

	if (g->context)
		rte_gro_ctx_destroy(g->context);
	bench_release(g->scratch,
		      g->mbufs.frames->batch_max * sizeof(*g->scratch));
	bench_release(g->buffers, (size_t)BUFFERS * BUFFER_BYTES);
	frame_stream_close(&g->stream);
	mbuf_set_close(&g->mbufs);
	free(g);
}

static void set_param(struct peer_gro *g, uint32_t flows)
{
	uint32_t per_flow = flows / UINT16_MAX + 1;

	g->param = (struct rte_gro_param){
		.gro_types = RTE_GRO_TCP_IPV4,
		.max_flow_num = (uint16_t)(flows / per_flow),
		.max_item_per_flow = (uint16_t)per_flow,
	};
	if (!g->work.burst)
		return;
	g->param.max_flow_num = BURST;
	g->param.max_item_per_flow = BURST;
}

void peer_gro_case(struct bench_case *c, const struct frame_set *frames,
		   const struct peer_gro_work *work)
{
	struct peer_gro *g = calloc(1, sizeof(*g));

	if (!g)
		exit(1);
	g->work = *work;
	frame_stream_open(&g->stream, frames);
	mbuf_set_open(&g->mbufs, frames, frames->n_slots);
	set_param(g, frames->shape.flows);
	g->buffers = bench_memory((size_t)BUFFERS * BUFFER_BYTES);
	g->scratch = bench_memory(frames->batch_max * sizeof(*g->scratch));
	if (!work->burst)
		g->context = rte_gro_ctx_create(&g->param);
	if (!work->burst && !g->context)
		exit(1);
	c->state = g;
	c->close = close_gro;
	c->run = work->burst ? run_burst :
		 work->sample ? run_sampled : run_heavy;
}
