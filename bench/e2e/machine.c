// SPDX-License-Identifier: BSD-2-Clause
/*
 * machine.c - How fast the machine copies, from its caches and from one core to another
 *
 * No stream between two cores is faster than a core that copies what the other one has
 * just written. Each round one core writes a block and the other copies it; the copy is
 * timed, by the clock on the wall. The median of many rounds is what both can do when
 * nobody disturbs them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "e2e/traffic.h"

#define ROUNDS 101
#define NEAR_BYTES (64u << 10)		/* source and copy in the core's own caches        */
#define FAR_BYTES (16u << 20)		/* ... and in none of them                         */
#define BLOCK_BYTES (256u << 10)	/* as much as is on the way in a stream            */

struct writer {
	int core;
	uint8_t *block;
	CACHE_ALIGNED _Atomic uint32_t wanted;
	CACHE_ALIGNED _Atomic uint32_t written;
};

static void stay_on(int core)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(core, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		traffic_die("core");
}

static uint8_t *memory(size_t bytes)
{
	uint8_t *p = aligned_alloc(4096, bytes);

	if (!p)
		traffic_die("memory");
	memset(p, 1, bytes);
	return p;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

/* [GB/s] of a copy. */
static double copy(uint8_t *to, const uint8_t *from, size_t bytes)
{
	ns_t began = traffic_now();

	memcpy(to, from, bytes);
	__asm__ volatile("" :: "r"(to) : "memory");
	return (double)bytes / (double)(traffic_now() - began + 1);
}

static double copy_alone(size_t bytes)
{
	static double rates[ROUNDS];
	uint8_t *from = memory(bytes), *to = memory(bytes);

	for (int n = 0; n < ROUNDS; n++)
		rates[n] = copy(to, from, bytes);
	free(from);
	free(to);
	return median(rates);
}

static void *write_blocks(void *state)
{
	struct writer *w = state;
	uint32_t done = 0;

	stay_on(w->core);
	while (done < ROUNDS) {
		if (atomic_load_explicit(&w->wanted, memory_order_acquire) == done)
			continue;
		memset(w->block, (int)++done, BLOCK_BYTES);
		atomic_store_explicit(&w->written, done, memory_order_release);
	}
	return NULL;
}

static double copy_across(int core)
{
	static double rates[ROUNDS];
	struct writer w = { .core = core, .block = memory(BLOCK_BYTES) };
	uint8_t *to = memory(BLOCK_BYTES);
	pthread_t thread;

	errno = pthread_create(&thread, NULL, write_blocks, &w);
	if (errno)
		traffic_die("thread");
	for (uint32_t n = 0; n < ROUNDS; n++) {
		atomic_store_explicit(&w.wanted, n + 1, memory_order_release);
		while (atomic_load_explicit(&w.written, memory_order_acquire) != n + 1)
			continue;
		rates[n] = copy(to, w.block, BLOCK_BYTES);
	}
	pthread_join(thread, NULL);
	free(to);
	free(w.block);
	return median(rates);
}

int traffic_machine(const struct traffic *t)
{
	stay_on(t->cores[0]);
	printf("{\"copy_near_gb_s\": %.2f, \"copy_far_gb_s\": %.2f", copy_alone(NEAR_BYTES),
	       copy_alone(FAR_BYTES));
	if (t->cores[0] != t->cores[1])
		printf(", \"copy_across_gb_s\": %.2f", copy_across(t->cores[1]));
	puts("}");
	return 0;
}
