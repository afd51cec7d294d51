/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - Everything that is decided before a run begins
 *
 * A profile makes one out of a seed; two runs of the same scenario are the same to
 * the last byte. Host 0 connects to host 1, which listens.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "endpoint/side.h"
#include "wire/fault.h"

#define SCENARIO_EVENTS 12
#define SCENARIO_PORT 80

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
	EVENT_FOUND,		/* @side has found by now that packets of @value
				 * get through, but for what is not worth a probe */
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

#endif
