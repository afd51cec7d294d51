/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * couple.h - Two processes on two cores, one of which sends to the other
 *
 * DOC: Theory of operation
 * Each side is a child with a core of its own. It works while control->go, and
 * sleeps otherwise, so that contenders can take turns. The receiver counts what
 * it got; the benchmark's own process looks at that count and at the CPU time of
 * both children every WINDOW_NS. A window counts when both had their core all the
 * time: another process on one of the cores does not show in the result, only in
 * how long it takes to get it.
 */
#ifndef BENCH_COUPLE_H
#define BENCH_COUPLE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "bench.h"

enum { SENDS, RECEIVES };

/* Shared by the three processes. */
struct couple_control {
	uint32_t go, stop;		/* of the benchmark                     */
	uint32_t ready[2];		/* the side can be connected to         */
	uint64_t received CACHE_ALIGNED;	/* frames                       */
	uint64_t wrong CACHE_ALIGNED;	/* frames that were not as they had to be */
	uint64_t line CACHE_ALIGNED;	/* goes there and back                  */
};

/* One side: sets ready, works until stop. */
typedef void couple_fn(void *state, struct couple_control *control);

struct couple {
	struct bench *bench;
	const char *name;
	struct couple_control *control;
	pid_t child[2];
	clockid_t clock[2];
	uint64_t windows, disturbed;
};

/**
 * couple_start() - Start both sides
 * @side:	What each does, SENDS and RECEIVES
 * @state:	For each
 * @core:	For each
 * @first:	The side that has to be ready before the other starts
 *
 * Return: false when a side did not become ready.
 */
bool couple_start(struct couple *c, couple_fn *const side[2], void *const state[2],
		  const int core[2], int first);

/** couple_run() - A bench_fn: items are the frames received, time is the wall's */
void couple_run(void *couple, struct bench_run *run);

/** couple_stop() - End both sides; allowed when none was started */
void couple_stop(void *couple);

/** couple_rest() - For a side: sleep while it is not its turn; false: to end */
bool couple_rest(struct couple_control *control);

static inline bool couple_goes(const struct couple_control *control)
{
	return __atomic_load_n(&control->go, __ATOMIC_RELAXED);
}

static inline void couple_count(struct couple_control *control, uint64_t received)
{
	__atomic_store_n(&control->received, received, __ATOMIC_RELAXED);
}

#endif
