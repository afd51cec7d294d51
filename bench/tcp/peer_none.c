// SPDX-License-Identifier: BSD-2-Clause
/* peer_none.c - In the place of the peer, when lwIP was not there to build with */
#include "peer.h"

const char *peer_lwip_open(void)
{
	return "built without lwIP (liblwip-dev)";
}

void peer_receive_case(struct bench_case *c, uint32_t frames)
{
}

void peer_send_case(struct bench_case *c, uint32_t ack_frames)
{
}

void peer_exchange_case(struct bench_case *c)
{
}

void peer_connect_case(struct bench_case *c, uint32_t waiting)
{
}

void peer_tick_case(struct bench_case *c, uint32_t n)
{
}

double peer_memory(void)
{
	return 0;
}
