/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cases.h - What is measured of TCP: each sets run, close and state of a contender
 *
 * A unit is SIDE_UNIT bytes. Nothing copies or touches payload.
 */
#ifndef BENCH_TCP_CASES_H
#define BENCH_TCP_CASES_H

#include "bench.h"

/* What a receiver is asked for. Items are units. */
struct receive_work {
	bool timestamps, headers;	/* see side.h                           */
	uint32_t frames;	/* that are joined in each arrival              */
};

void receive_case(struct bench_case *c, const struct receive_work *work);

/* What a sender is asked for. Items are units. */
struct send_work {
	bool timestamps, headers;
	uint32_t flight;	/* [units]                                      */
	uint32_t ack_frames;	/* that an ACK acknowledges                     */
};

void send_case(struct bench_case *c, const struct send_work *work);

/*
 * The congestion window is what limits the sender. A segment is lost when @flight
 * bytes are in flight, and after each @loss_bytes, if not 0.
 */
struct limited_work {
	uint32_t flight;	/* [bytes]                                      */
	uint32_t loss_bytes;
};

void limited_case(struct bench_case *c, const struct limited_work *work);

/* A byte there and a byte back, both ends; items are pairs of them. */
void exchange_case(struct bench_case *c, bool headers);

/*
 * Connections that are set up and torn down, while @waiting are in TIME-WAIT; there
 * is room for @room. Items are connections.
 */
void connect_case(struct bench_case *c, uint32_t waiting, uint32_t room);

/* With @n idle connections: granules of the timer wheel; keepalives. See idle.c */
void tick_case(struct bench_case *c, uint32_t n);
void keepalive_case(struct bench_case *c, uint32_t n);

/* Rows of what an idle connection takes, as one of a million. */
void idle_memory(struct bench *b);

#endif
