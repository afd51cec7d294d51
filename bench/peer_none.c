// SPDX-License-Identifier: BSD-2-Clause
/* peer_none.c - In the place of the peer, when DPDK was not there to build with */
#include "memif_ends.h"
#include "peer.h"

const char *peer_open(const struct bench *b)
{
	return "built without DPDK (libdpdk-dev)";
}

void peer_close(void)
{
}

void peer_gro_case(struct bench_case *c, const struct frame_set *frames,
		   const struct peer_gro_work *work)
{
}

void mbuf_coalesce_case(struct bench_case *c, const struct frame_set *frames,
			bool verify)
{
}

void peer_gso_case(struct bench_case *c, const struct source *source,
		   const struct peer_gso_work *work)
{
}

const char *peer_memif_missing(void)
{
	return "built without DPDK (libdpdk-dev)";
}

void peer_sends(void *state, struct couple_control *control)
{
}

void peer_receives(void *state, struct couple_control *control)
{
}
