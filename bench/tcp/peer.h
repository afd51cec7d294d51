/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - The contenders that need lwIP: the same work by its raw API
 *
 * Built without lwIP, peer_lwip_open() says so and nothing else may be called.
 */
#ifndef BENCH_TCP_PEER_H
#define BENCH_TCP_PEER_H

#include "bench.h"

#pragma GCC visibility push(default)

/**
 * peer_lwip_open() - Start lwIP, without its thread
 *
 * Return: NULL, or why there are no rows of the peer.
 */
const char *peer_lwip_open(void);

/* As in cases.h. @frames are in each pbuf. */
void peer_receive_case(struct bench_case *c, uint32_t frames);
void peer_send_case(struct bench_case *c, uint32_t ack_frames);
void peer_exchange_case(struct bench_case *c);
void peer_connect_case(struct bench_case *c, uint32_t waiting);

/* tcp_tmr(), which is called each 250 ms, with @n idle connections. */
void peer_tick_case(struct bench_case *c, uint32_t n);

/* [bytes] of an idle connection. */
double peer_memory(void);

#pragma GCC visibility pop

#endif
