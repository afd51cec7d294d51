/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traffic.h - Random traffic for the receive side, out of a seed
 *
 * A script is options and a list of calls. It is made once and can be replayed
 * any number of times, against any variant and cut into any batches.
 */
#ifndef TEST_NIC_TRAFFIC_H
#define TEST_NIC_TRAFFIC_H

#include "nic/frames.h"

enum script_call { SCRIPT_PUSH, SCRIPT_POLL, SCRIPT_FLUSH, SCRIPT_SENT };

struct script_step {
	uint8_t call;		/* enum script_call                             */
	uint64_t at_ns;
	uint32_t from, n;	/* frames                                       */
};

struct script {
	struct tto_coalescer_options options;
	bool diligent;		/* poll() is called whenever it asked for it    */
	struct tto_frame *frames;
	struct script_step *steps;
	uint32_t n_frames, room_frames, n_steps, room_steps;
};

/** random_next() - splitmix64. */
uint64_t random_next(uint64_t *state);

/** random_below() - 0 .. @n - 1. */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(random_next(state) >> 33) % n;
}

/** script_make() - The script of @seed; release with script_free(). */
void script_make(struct script *script, uint64_t seed);
void script_free(struct script *script);

#endif
