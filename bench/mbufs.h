/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mbufs.h - DPDK's packet buffers over the frames of a set
 *
 * The mbufs refer to the slots of the set as external buffers, so that every
 * contender reads the very same memory.
 */
#ifndef BENCH_MBUFS_H
#define BENCH_MBUFS_H

#include <rte_mbuf.h>

#include "frames.h"

struct mbuf_set {
	const struct frame_set *frames;
	struct rte_mempool *pool;
	struct rte_mbuf **mbuf;
	uint32_t n;
	struct rte_mbuf_ext_shared_info shared;
};

/**
 * mbuf_set_open() - @n mbufs without data
 *
 * Exits with a message when memory runs out.
 */
void mbuf_set_open(struct mbuf_set *s, const struct frame_set *frames,
		   uint32_t n);
void mbuf_set_close(struct mbuf_set *s);

/**
 * mbuf_set_receive() - Make an mbuf what a driver makes of a frame
 * @idx:	0..n-1
 * @flags:	ol_flags
 */
void mbuf_set_receive(struct mbuf_set *s, uint32_t idx, uint32_t slot,
		      uint64_t flags);

#endif
