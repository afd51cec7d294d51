// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_coalesce.c - What it costs to coalesce a packet, ours and the peer's
 *
 * Which rows there are. The frames are in frames.c, the contenders in
 * coalescer.c, peer_gro.c and mbuf_coalesce.c.
 */
#include <stdio.h>

#include "coalescer.h"
#include "peer.h"

#define MANY_FLOWS 16384	/* from here on: staggered, the peer sampled, the
				 * size of aggregates is a row                  */
#define MOST_FLOWS 100000
#define SAMPLE 128
#define SET_FRAMES 2000		/* few flows: headers stay in the L2 cache      */
#define CACHED_AGGREGATES 1	/* of each of 8 flows: 0.5 MB of payload        */
#define DRAM_AGGREGATES 288	/* 148 MB                                       */

struct plan {
	struct bench bench;
	struct frame_set frames;
	const char *no_peer;	/* why, or NULL                                 */
	const char *cpu[3];	/* variants of our code that differ             */
	uint32_t n_cpus;
};

static const char *const notes[] = {
	"Work, of ours (merge): one tto_frame descriptor in; link, IP and TCP header checked,",
	"  flow found in a table that also holds all others, payload added to a gather list, deadline",
	"  kept; each aggregate (44 segments, 64 240 bytes of payload) gets new headers and a right",
	"  IP and TCP checksum, and goes to a callback that counts it. The transport checksum of",
	"  the frames counts as verified by the wire. Nothing is copied.",
	"  verify: IP and TCP checksum of every frame. contiguous: payload copied to one buffer too.",
	"  portable, avx2: the same without AVX-512; rows without such a word: the best of this CPU.",
	"Work, of the peer (DPDK rte_gro): rte_gro_reassemble() in bursts of 64 into a context and",
	"  rte_gro_timeout_flush() when each flow has 44 segments. Chains of mbufs; no checksum is",
	"  checked or computed, TOS, TTL and options of IP are not compared. Allocating, filling in",
	"  and freeing mbufs is not timed. verify: rte_ipv4_udptcp_cksum_verify() before; contiguous:",
	"  rte_memcpy() of each chain to a buffer. burst: rte_gro_reassemble_burst(), which has no",
	"  table and forgets between bursts. From F=16384 on sampled: (insert + 43 appends) / 44,",
	"  each measured in the middle of a table of that many flows.",
	"Work, of mbuf: ours, with example/dpdk_coalesce.h: descriptors made of mbufs, aggregates made chains",
	"  of mbufs. Allocating, filling in and freeing mbufs is not timed here either.",
	"Frames: 1514 bytes in 4 KB pages, the same memory for all; F flows, one frame of each in turn,",
	"  in another order each round, or trains of one flow. Headers were written just before.",
	"  cache: 0.5 MB of payload; DRAM: 148 MB. Bursts of 64 for all. For its own tables ours asks",
	"  the kernel for huge pages; the peer's and all mbufs are in 4 KB pages (--no-huge).",
};

static void want_frames(struct plan *p, const struct frame_shape *shape)
{
	if (!p->frames.memory)
		frame_set_open(&p->frames, shape);
}

static void add_ours(struct plan *p, const struct frame_shape *shape,
		     const char *name, struct coalescer_work work)
{
	const char *prefix = work.cpu ? work.cpu : "";
	struct bench_case *c = bench_add(&p->bench, "%s%s%s", prefix,
					 work.cpu ? " " : "", name);

	if (!c)
		return;
	want_frames(p, shape);
	coalescer_case(c, &p->frames, &work);
	c->ratio = FRAMES_PER_AGGREGATE;
	c->ratio_row = shape->flows >= MANY_FLOWS && !work.cpu;
}

static void add_all_cpus(struct plan *p, const struct frame_shape *shape,
			 const char *name, struct coalescer_work work)
{
	for (uint32_t i = 0; i < p->n_cpus; i++) {
		work.cpu = p->cpu[i];
		add_ours(p, shape, name, work);
	}
}

static void add_peer(struct plan *p, const struct frame_shape *shape,
		     const char *name, struct peer_gro_work work)
{
	struct bench_case *c;

	if (p->no_peer)
		return;
	c = bench_add(&p->bench, "peer gro %s%s", work.burst ? "burst " : "",
		      name);
	if (!c)
		return;
	want_frames(p, shape);
	peer_gro_case(c, &p->frames, &work);
	if (work.burst)
		c->ratio_row = shape->flows == MANY_FLOWS;
	else if (!work.sample)
		c->ratio = FRAMES_PER_AGGREGATE;
}

static void add_mbuf(struct plan *p, const struct frame_shape *shape,
		     const char *name, bool verify)
{
	struct bench_case *c;

	if (p->no_peer)
		return;
	c = bench_add(&p->bench, "mbuf %s", name);
	if (!c)
		return;
	want_frames(p, shape);
	mbuf_coalesce_case(c, &p->frames, verify);
	c->ratio = FRAMES_PER_AGGREGATE;
}

static void measure(struct plan *p)
{
	bench_measure(&p->bench);
	frame_set_close(&p->frames);
}

static uint32_t rounds_for(uint32_t flows)
{
	uint32_t aggregates = SET_FRAMES / (flows * FRAMES_PER_AGGREGATE) + 1;

	return aggregates * FRAMES_PER_AGGREGATE;
}

static void measure_flows(struct plan *p, uint32_t flows)
{
	struct frame_shape shape = {
		.flows = flows,
		.rounds = rounds_for(flows),
		.train = 1,
		.staggered = flows >= MANY_FLOWS,
	};
	struct peer_gro_work peer = {
		.sample = flows >= MANY_FLOWS ? SAMPLE : 0,
	};
	char name[32];

	snprintf(name, sizeof(name), "merge F=%u", flows);
	add_all_cpus(p, &shape, name, (struct coalescer_work){ .cpu = NULL });
	if (flows < MOST_FLOWS)
		add_mbuf(p, &shape, name, false);
	if (flows < MOST_FLOWS || !p->bench.quick)
		add_peer(p, &shape, name, peer);
	if (flows < MOST_FLOWS)
		add_peer(p, &shape, name,
			 (struct peer_gro_work){ .burst = true });
	measure(p);
}

static void measure_trains(struct plan *p, uint32_t train)
{
	struct frame_shape shape = {
		.flows = 1024,
		.rounds = FRAMES_PER_AGGREGATE / train,
		.train = train,
	};
	char name[40];

	snprintf(name, sizeof(name), "merge F=1024 trains=%u", train);
	add_ours(p, &shape, name, (struct coalescer_work){ .cpu = NULL });
	add_peer(p, &shape, name, (struct peer_gro_work){ .burst = false });
	add_peer(p, &shape, name, (struct peer_gro_work){ .burst = true });
	measure(p);
}

/* What touches payload, from the cache and from memory. */
static void measure_payload(struct plan *p, const char *where,
			    uint32_t aggregates)
{
	struct frame_shape shape = {
		.flows = 8,
		.rounds = aggregates * FRAMES_PER_AGGREGATE,
		.train = 1,
	};
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "merge F=8 %s", where);
	if (aggregates > 1) {
		add_all_cpus(p, &shape, name, (struct coalescer_work){ .cpu = NULL });
		add_peer(p, &shape, name, (struct peer_gro_work){ .burst = false });
	}
	snprintf(name, sizeof(name), "verify+merge F=8 %s", where);
	add_all_cpus(p, &shape, name, (struct coalescer_work){ .verify = true });
	add_mbuf(p, &shape, name, true);
	add_peer(p, &shape, name, (struct peer_gro_work){ .verify = true });
	snprintf(name, sizeof(name), "verify+merge+contiguous F=8 %s", where);
	add_all_cpus(p, &shape, name,
		     (struct coalescer_work){ .verify = true,
					      .contiguous = true });
	add_peer(p, &shape, name,
		 (struct peer_gro_work){ .verify = true, .contiguous = true });
	measure(p);
}

static void measure_shapes(struct plan *p)
{
	struct frame_shape shape = {
		.flows = 8, .rounds = rounds_for(8), .train = 1,
		.timestamps = true,
	};

	add_ours(p, &shape, "merge F=8 timestamps",
		 (struct coalescer_work){ .cpu = NULL });
	add_peer(p, &shape, "merge F=8 timestamps", (struct peer_gro_work){ .burst = false });
	measure(p);
	shape.timestamps = false;
	shape.v6 = true;
	shape.rounds = CACHED_AGGREGATES * FRAMES_PER_AGGREGATE;
	add_ours(p, &shape, "merge F=8 IPv6 cache", (struct coalescer_work){ .cpu = NULL });
	add_ours(p, &shape, "verify+merge F=8 IPv6 cache",
		 (struct coalescer_work){ .verify = true });
	measure(p);
}

static void find_cpus(struct plan *p)
{
	p->cpu[p->n_cpus++] = NULL;
	if (coalescer_has_cpu("avx512") && coalescer_has_cpu("avx2"))
		p->cpu[p->n_cpus++] = "avx2";
	p->cpu[p->n_cpus++] = "portable";
}

static void begin(struct plan *p, int argc, char **argv)
{
	bench_open(&p->bench, argc, argv);
	p->bench.item_unit = "ns/packet";
	p->bench.ratio_name = "segments/aggregate";
	for (uint32_t i = 0; i < ARRAY_SIZE(notes); i++)
		bench_note(&p->bench, notes[i]);
	find_cpus(p);
	p->no_peer = peer_open(&p->bench);
	if (p->no_peer)
		fprintf(stderr, "%s: rows of the peer skipped: %s\n",
			p->bench.program, p->no_peer);
	else if (p->bench.quick)
		bench_note(&p->bench,
			   "--quick leaves out trains, and the peer with 100 000 flows.");
}

int main(int argc, char **argv)
{
	static const uint32_t flows[] = { 1, 8, 64, 1024, MANY_FLOWS,
					  MOST_FLOWS };
	static struct plan plan;

	begin(&plan, argc, argv);
	for (uint32_t i = 0; i < ARRAY_SIZE(flows); i++)
		measure_flows(&plan, flows[i]);
	if (!plan.bench.quick) {
		measure_trains(&plan, 4);
		measure_trains(&plan, 22);
	}
	measure_payload(&plan, "cache", CACHED_AGGREGATES);
	measure_payload(&plan, "DRAM", DRAM_AGGREGATES);
	measure_shapes(&plan);
	peer_close();
	return bench_report(&plan.bench);
}
