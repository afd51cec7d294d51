// SPDX-License-Identifier: BSD-2-Clause
/* reno.c - Congestion avoidance of RFC 5681, by counted bytes */
#include "tcp/congestion/algorithm.h"

void reno_grow(struct congestion *c, const struct congestion_ack *a,
	       uint32_t acked)
{
	(void)a;
	c->carry += acked;
	if (c->carry < c->cwnd)
		return;
	c->carry -= c->cwnd;
	c->cwnd += c->mss;
}

uint32_t reno_reduce(struct congestion *c, uint32_t flight)
{
	(void)c;
	return flight / 2;
}
