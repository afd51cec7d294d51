// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_gso.c - The same units through DPDK's rte_gso
 *
 * Timed are rte_gso_segment(), which takes two mbufs a segment from its pools,
 * and what is asked for besides: checksums by rte_ipv4_cksum() and
 * rte_ipv4_udptcp_cksum_mbuf(), or copies by rte_memcpy(). Giving the mbufs back is
 * a row of its own.
 */
#include <rte_ethdev.h>
#include <rte_gso.h>
#include <rte_ip.h>
#include <rte_memcpy.h>
#include <rte_tcp.h>
#include <stdio.h>
#include <stdlib.h>

#include "peer.h"
#include "source.h"

#define SEGMENTS (SOURCE_BATCH * SOURCE_SEGMENTS)
#define POOL_MBUFS 2048
#define POOL_CACHE 512
#define UNIT_ROOM 65472		/* and what precedes it, at cache lines         */

struct peer_gso {
	const struct source *source;
	struct peer_gso_work work;
	struct rte_gso_ctx context;
	struct rte_mempool *units;
	struct rte_mbuf **unit;		/* source->n_units of them              */
	uint32_t next, slot;
	struct rte_mbuf *out[SEGMENTS];
};

static struct rte_mempool *make_pool(uint32_t mbufs, uint16_t room)
{
	static unsigned pools;
	struct rte_mempool *pool;
	char name[24];

	snprintf(name, sizeof(name), "gso-%u", pools++);
	pool = rte_pktmbuf_pool_create(name, mbufs,
				       mbufs < POOL_MBUFS ? 0 : POOL_CACHE, 0,
				       room, SOCKET_ID_ANY);
	if (!pool) {
		fprintf(stderr, "bench: no memory for mbufs\n");
		exit(1);
	}
	return pool;
}

/* As an application hands a unit over; the call takes the flags away. */
static void describe(struct rte_mbuf *m)
{
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 |
			 RTE_PTYPE_L4_TCP;
	m->l2_len = sizeof(struct rte_ether_hdr);
	m->l3_len = sizeof(struct rte_ipv4_hdr);
	m->l4_len = sizeof(struct rte_tcp_hdr);
}

static void checksum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
		m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum_mbuf(
		m, ip, sizeof(struct rte_ether_hdr) + sizeof(*ip));
}

static void checksum_frame(uint8_t *frame)
{
	struct rte_ipv4_hdr *ip =
		(void *)(frame + sizeof(struct rte_ether_hdr));
	struct rte_tcp_hdr *tcp = (void *)(ip + 1);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

static void copy(struct peer_gso *g, const struct rte_mbuf *m)
{
	uint8_t *frame = source_slot(g->source, g->slot), *to = frame;

	g->slot = (g->slot + 1) % SOURCE_SLOTS;
	for (; m; m = m->next) {
		rte_memcpy(to, rte_pktmbuf_mtod(m, void *), m->data_len);
		to += m->data_len;
	}
	if (g->work.checksum)
		checksum_frame(frame);
}

static void finish(struct peer_gso *g, struct rte_mbuf **out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (g->work.copy)
			copy(g, out[i]);
		else if (g->work.checksum)
			checksum(out[i]);
	}
}

/* Return: segments. */
static uint32_t segment(struct peer_gso *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SOURCE_BATCH; i++) {
		struct rte_mbuf *unit = g->unit[g->next];
		int made;

		describe(unit);
		made = rte_gso_segment(unit, &g->context, g->out + n,
				       (uint16_t)(SEGMENTS - n));
		g->next = g->next + 1 < g->source->n_units ? g->next + 1 : 0;
		if (made <= 0)
			continue;
		finish(g, g->out + n, (uint32_t)made);
		n += (uint32_t)made;
	}
	return n;
}

static void run(void *state, struct bench_run *run)
{
	struct peer_gso *g = state;
	struct bench_run other = *run;

	do {
		uint32_t n;

		bench_start(g->work.release ? &other : run);
		n = segment(g);
		bench_stop(g->work.release ? &other : run);
		bench_start(g->work.release ? run : &other);
		rte_pktmbuf_free_bulk(g->out, n);
		bench_stop(g->work.release ? run : &other);
		run->items += n;
		run->contained += n;
		run->outputs += SOURCE_BATCH;
	} while (run->busy_ns < run->least_ns && run->items);
}

static void close_gso(void *state)
{
	struct peer_gso *g = state;

	rte_mempool_free(g->context.direct_pool);
	rte_mempool_free(g->context.indirect_pool);
	rte_mempool_free(g->units);
	bench_release(g->unit, g->source->n_units * sizeof(*g->unit));
	free(g);
}

/* Copies: rte_gso cannot take external buffers. */
static void copy_units(struct peer_gso *g)
{
	const struct source *s = g->source;
	uint32_t len = s->header_len + s->payload_len;

	g->units = make_pool(s->n_units, UNIT_ROOM);
	g->unit = bench_memory(s->n_units * sizeof(*g->unit));
	if (rte_pktmbuf_alloc_bulk(g->units, g->unit, s->n_units))
		exit(1);
	for (uint32_t i = 0; i < s->n_units; i++) {
		struct rte_mbuf *m = g->unit[i];

		m->data_off = (uint16_t)(SOURCE_HEADER_ROOM - s->header_len);
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		memcpy(rte_pktmbuf_mtod(m, void *), source_header(s, i), len);
	}
}

void peer_gso_case(struct bench_case *c, const struct source *source,
		   const struct peer_gso_work *work)
{
	struct peer_gso *g = calloc(1, sizeof(*g));

	if (!g)
		exit(1);
	g->source = source;
	g->work = *work;
	g->context = (struct rte_gso_ctx){
		.direct_pool = make_pool(POOL_MBUFS, 2 * RTE_PKTMBUF_HEADROOM),
		.indirect_pool = make_pool(POOL_MBUFS, 0),
		.gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.gso_size = (uint16_t)(source->header_len + source->mss),
	};
	copy_units(g);
	c->state = g;
	c->close = close_gso;
	c->run = run;
}
