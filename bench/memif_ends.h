/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memif_ends.h - The two sides of bench-memif: ours, the peer's, and a bare line
 *
 * Each is a couple_fn with a struct end.
 */
#ifndef BENCH_MEMIF_ENDS_H
#define BENCH_MEMIF_ENDS_H

#include "couple.h"

#define END_BURST 32u

struct end {
	const char *folder;	/* of the socket                                */
	bool is_server;
	uint32_t bytes;		/* of a frame                                   */
	uint32_t log2_ring;
	int core;
};

couple_fn memif_sends, memif_receives;	/* a wire of ours                       */
couple_fn peer_sends, peer_receives;	/* a port of DPDK's net_memif           */

/* One line of the cache, there and back: counts round trips. */
couple_fn line_sends, line_receives;

/** peer_memif_missing() - Why there are no rows of the peer, or NULL */
const char *peer_memif_missing(void);

#endif
