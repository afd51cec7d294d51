/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - The contenders that need DPDK: rte_gro, rte_gso, ours with mbufs
 *
 * Built without DPDK, peer_open() says so and nothing else may be called.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench.h"
#include "frames.h"

/**
 * peer_open() - Start DPDK's environment on the core of the benchmark
 *
 * Takes no huge pages and no devices, and leaves no file behind.
 *
 * Return: NULL, or why there are no rows of the peer.
 */
const char *peer_open(const struct bench *b);
void peer_close(void);

/* What is asked of the peer beyond merging. */
struct peer_gro_work {
	bool verify;		/* rte_ipv4_udptcp_cksum_verify() on each packet */
	bool contiguous;	/* rte_memcpy() of each aggregate to one buffer  */
	bool burst;		/* rte_gro_reassemble_burst(): no table          */
	uint32_t sample;	/* not 0: appends in a run; see peer_gro.c      */
};

/* Set run, close and state of @c. @frames must stay until it is closed. */
void peer_gro_case(struct bench_case *c, const struct frame_set *frames,
		   const struct peer_gro_work *work);

/* Ours, through example/dpdk_coalesce.h. */
void mbuf_coalesce_case(struct bench_case *c, const struct frame_set *frames,
			bool verify);

struct source;			/* see source.h */

struct peer_gso_work {
	bool checksum;
	bool copy;		/* to contiguous frames                         */
	bool release;		/* measure the freeing of the segments instead  */
};

void peer_gso_case(struct bench_case *c, const struct source *source,
		   const struct peer_gso_work *work);

#endif
