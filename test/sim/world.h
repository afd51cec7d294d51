/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - Two hosts and the network between them, in virtual time
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdio.h>

#include "endpoint/host.h"
#include "sim/network.h"
#include "wire/capture.h"

/* Clock of a host: that of the world, and what was added to it. */
struct world_clock {
	ns_t offset, tick, frozen_until;
};

/* How to run a scenario, and what came of it. */
struct run {
	const struct scenario *scenario;
	enum aggregation aggregation;
	const char *trace;	/* pcapng, or NULL                              */
	FILE *journal;		/* open for writing, or NULL                    */

	struct verdict verdict;
	uint64_t n_frames, n_joined, n_steps;
	uint64_t received[2];	/* bytes handed over, host by host              */
	uint64_t digest;	/* of all frames and the times they were sent at */
	ns_t duration;
};

/** world_run() - Run @r->scenario and fill in the rest of @r */
void world_run(struct run *r);

/**
 * world_replay() - Give recorded inputs to hosts, compare what they send
 * @r:		Its scenario and aggregation are those of the record
 * @file:	Behind the record JOURNAL_SCENARIO
 */
void world_replay(struct run *r, FILE *file);

#endif
