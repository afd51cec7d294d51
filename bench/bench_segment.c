// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_segment.c - What it costs to cut a segment, ours and the peer's
 *
 * Which rows there are. The units are in source.c, the contenders in cutter.c
 * and peer_gso.c.
 */
#include <stdio.h>

#include "cutter.h"
#include "peer.h"

#define CACHED_UNITS 4			/* 256 KB                               */
#define DRAM_UNITS 1044			/* 64 MB                                */

struct plan {
	struct bench bench;
	struct source source;
	const char *no_peer;	/* why, or NULL                                 */
	const char *cpu[3];	/* variants of our code that differ             */
	uint32_t n_cpus;
};

static const char *const notes[] = {
	"Work, of ours: a header and one payload buffer are cut into 44 frames of 1514 bytes, in memory",
	"  of the caller. Each frame gets a header of its own: lengths, IP ID, IP checksum, sequence number, flags.",
	"  gather: payload stays where it is, one element a frame, TCP checksum left to the wire",
	"  (pseudo header's sum). +checksum: TCP or UDP checksum over the payload. contiguous: payload",
	"  copied behind the header, into a ring of 88 slots of 2 KB. USO: UDP datagrams of 1472 bytes.",
	"  portable, avx2: the same without AVX-512; rows without such a word: the best of this CPU.",
	"Work, of the peer (DPDK rte_gso): rte_gso_segment(): an mbuf with the header and an indirect mbuf for",
	"  the payload, both from pools with per-core caches; no checksum, not of IP either. +checksum:",
	"  rte_ipv4_cksum() and rte_ipv4_udptcp_cksum_mbuf(). +copy: rte_memcpy() to the same slots,",
	"  then both checksums over the frame. Giving the mbufs back is not included: row \"free\".",
	"Source: 256 KB (L2 cache), in turns; 64MB: memory. The same bytes for all, at the same alignment.",
};

static void add_ours(struct plan *p, const char *name, struct cutter_work work)
{
	for (uint32_t i = 0; i < p->n_cpus; i++) {
		const char *cpu = p->cpu[i];
		struct bench_case *c = bench_add(&p->bench, "%s%s%s",
						 cpu ? cpu : "", cpu ? " " : "",
						 name);

		if (!c)
			continue;
		work.cpu = cpu;
		cutter_case(c, &p->source, &work);
		c->ratio = SOURCE_SEGMENTS;
	}
}

static void add_peer(struct plan *p, const char *name, struct peer_gso_work work)
{
	struct bench_case *c;

	if (p->no_peer)
		return;
	c = bench_add(&p->bench, "peer gso%s", name);
	if (!c)
		return;
	peer_gso_case(c, &p->source, &work);
	c->ratio = SOURCE_SEGMENTS;
}

static const char *in_place(char *name, const char *what, const char *where)
{
	snprintf(name, BENCH_NAME, "%s%s", what, where);
	return name;
}

static void measure_tcp(struct plan *p, uint32_t units, const char *where)
{
	char name[BENCH_NAME];

	source_open(&p->source, units, false, false);
	add_ours(p, in_place(name, "segment gather", where),
		 (struct cutter_work){ .checksum = false });
	add_peer(p, where, (struct peer_gso_work){ .checksum = false });
	add_peer(p, in_place(name, " free", where),
		 (struct peer_gso_work){ .release = true });
	bench_measure(&p->bench);

	add_ours(p, in_place(name, "segment gather+checksum", where),
		 (struct cutter_work){ .checksum = true });
	add_peer(p, in_place(name, "+checksum", where),
		 (struct peer_gso_work){ .checksum = true });
	bench_measure(&p->bench);

	add_ours(p, in_place(name, "segment contiguous+checksum", where),
		 (struct cutter_work){ .checksum = true, .contiguous = true });
	add_peer(p, in_place(name, "+copy+checksum", where),
		 (struct peer_gso_work){ .checksum = true, .copy = true });
	bench_measure(&p->bench);
	source_close(&p->source);
}

static void measure_other(struct plan *p, const char *what, bool v6, bool udp)
{
	char name[BENCH_NAME];

	source_open(&p->source, CACHED_UNITS, v6, udp);
	snprintf(name, sizeof(name), "segment %s gather+checksum", what);
	add_ours(p, name, (struct cutter_work){ .checksum = true });
	snprintf(name, sizeof(name), "segment %s contiguous+checksum", what);
	add_ours(p, name,
		 (struct cutter_work){ .checksum = true, .contiguous = true });
	bench_measure(&p->bench);
	source_close(&p->source);
}

static void begin(struct plan *p, int argc, char **argv)
{
	bench_open(&p->bench, argc, argv);
	p->bench.item_unit = "ns/segment";
	p->bench.ratio_name = "segments/unit";
	for (uint32_t i = 0; i < ARRAY_SIZE(notes); i++)
		bench_note(&p->bench, notes[i]);
	p->cpu[p->n_cpus++] = NULL;
	if (cutter_has_cpu("avx512") && cutter_has_cpu("avx2"))
		p->cpu[p->n_cpus++] = "avx2";
	p->cpu[p->n_cpus++] = "portable";
	p->no_peer = peer_open(&p->bench);
	if (p->no_peer)
		fprintf(stderr, "%s: rows of the peer skipped: %s\n",
			p->bench.program, p->no_peer);
}

int main(int argc, char **argv)
{
	static struct plan plan;

	begin(&plan, argc, argv);
	measure_tcp(&plan, CACHED_UNITS, "");
	measure_tcp(&plan, DRAM_UNITS, " 64MB");
	measure_other(&plan, "IPv6", true, false);
	measure_other(&plan, "USO", false, true);
	peer_close();
	return bench_report(&plan.bench);
}
