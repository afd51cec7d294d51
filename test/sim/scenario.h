/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - Everything that is decided before a run begins
 *
 * A profile makes one out of a seed; two runs of the same scenario are the same to
 * the last byte. Host 0 connects to host 1, which listens.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "tcp/config.h"
#include "wire/fault.h"

#define SCENARIO_EVENTS 12
#define SCENARIO_PORT 80
#define MS TCP_MS
#define SECONDS * TCP_SECOND

/* What the application of a host does with each connection. */
struct program {
	uint64_t total;		/* bytes to write                               */
	uint64_t expect;	/* bytes the other side writes                  */
	uint32_t turn, their_turn;	/* not 0: so many bytes for each so many of
				 * theirs; host 0 begins                        */
	uint32_t write_max;	/* at once, at random [bytes]; 0: what fits     */
	ns_t write_gap;		/* between writes                               */
	uint32_t read_max;	/* at once [bytes]; 0: all                      */
	ns_t read_gap;		/* between reads                                */
	uint64_t stall_at;	/* having read so much, it reads nothing for    */
	ns_t stall;		/* so long                                      */
	uint64_t abort_after;	/* bytes written and read; 0: never             */
	ns_t close_delay;	/* from then on to close                        */
	bool after_eof;		/* writes only when the other one has finished  */
	bool close_whole;	/* close when all is written and read; else shut
				 * down first, and close after the other's FIN  */
	bool more;		/* says at random that more follows             */
	bool cork, no_delay, no_quick_ack;
	ns_t keepalive;		/* idle time and interval; 0: off               */
	ns_t user_timeout;
	uint32_t send_buffer, receive_buffer;	/* fixed; 0: tuned              */
};

struct side {
	struct tcp_config config;
	struct program program;
	uint16_t mtu, mss_clamp;
	uint32_t n_cells, n_requests;
	bool time_wait_entries;	/* instead of TCBs in TIME-WAIT                 */
	bool cookies_only;
	uint32_t renege;	/* of 65536 segments: what is out of order goes */
	ns_t clock_start, clock_tick;
	uint32_t ral;		/* receive aggregation length                   */
	ns_t hold;		/* timeout_aggregation                          */
	bool gather;		/* aggregates stay in their frames              */
	uint8_t wheel_shift;
};

struct path {			/* from host k to the other one                 */
	uint64_t bits_per_second;
	ns_t delay;
	uint32_t queue;		/* [bytes]                                      */
	uint32_t mark;		/* CE when more than this waits [bytes]; 0: never */
	uint16_t mtu;
	struct fault_rates faults;
};

enum event_kind {
	EVENT_MTU,		/* of the path of @side becomes @value          */
	EVENT_JUMP,		/* the clock of @side goes forward by @value ns */
	EVENT_CUT,		/* nothing passes the path of @side any more    */
	EVENT_RESTORE,
	EVENT_FREEZE,		/* @side does nothing for @value ns             */
};

struct event {
	ns_t at;		/* from the beginning                           */
	uint64_t value;
	uint8_t kind, side;
};

enum expectation {
	EXPECT_ALL,		/* everything arrives, both ends in good order  */
	EXPECT_RESET,		/* somebody aborts                              */
	EXPECT_VANISH,		/* connections end by themselves                */
};

struct scenario {
	uint64_t seed;
	const char *profile;
	struct side side[2];
	struct path path[2];
	struct event events[SCENARIO_EVENTS];	/* in order of time             */
	uint32_t n_events;
	uint32_t n_connections;	/* in all                                       */
	uint32_t n_parallel;
	bool simultaneous;	/* both connect, nobody listens                 */
	ns_t simultaneous_lag;
	bool icmp;		/* the path says when a packet is too big       */
	bool v6;
	uint32_t flood;		/* SYNs in all                                  */
	ns_t flood_gap;
	uint32_t blind;		/* segments of somebody who guesses             */
	ns_t blind_gap;
	enum expectation expect;
	ns_t limit;		/* virtual time until all is over but TIME-WAIT */
	bool strict;		/* a path without loss: ends must agree         */
};

/* What the device of both hosts does with frames that it receives. */
enum aggregation {
	AGGREGATE_NOT,
	AGGREGATE_HOST,
	AGGREGATE_LOSSLESS,
	AGGREGATE_N
};

#endif
