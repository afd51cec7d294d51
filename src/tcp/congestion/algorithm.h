/* SPDX-License-Identifier: BSD-2-Clause */
/* algorithm.h - What congestion.c calls: the algorithms behind it */
#ifndef TCP_CONGESTION_ALGORITHM_H
#define TCP_CONGESTION_ALGORITHM_H

#include "tcp/congestion/congestion.h"

/**
 * reno_grow() - Congestion avoidance: one MSS for each window of bytes
 * @a:		Not looked at
 * @acked:	[bytes], what slow start has left of @a->acked; at most cwnd
 *
 * Source: RFC 5681 §3.1.
 */
void reno_grow(struct congestion *c, const struct congestion_ack *a,
	       uint32_t acked);

/**
 * reno_reduce() - By a half
 * @flight:	[bytes], at most cwnd
 *
 * Return: ssthresh [bytes].
 */
uint32_t reno_reduce(struct congestion *c, uint32_t flight);

/**
 * cubic_grow() - Congestion avoidance by the cubic function of time
 * @acked:	As for reno_grow()
 *
 * Source: RFC 9438 §4.2, §4.3, §4.4, §4.5.
 */
void cubic_grow(struct congestion *c, const struct congestion_ack *a,
		uint32_t acked);

/**
 * cubic_reduce() - To 7/10 of @flight, with fast convergence
 *
 * Source: RFC 9438 §4.6, §4.7.
 */
uint32_t cubic_reduce(struct congestion *c, uint32_t flight);

/** cubic_root() - Largest integer whose cube is not above @x */
uint32_t cubic_root(uint64_t x);

/** hystart_init() - The first slow start begins */
void hystart_init(struct hystart *h);

/**
 * hystart_acked() - Is the path filling up?
 *
 * May set ssthresh to cwnd, which ends slow start.
 *
 * Source: RFC 9406 §4.2.
 */
void hystart_acked(struct congestion *c, const struct congestion_ack *a);

#endif
