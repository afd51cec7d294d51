/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - What the machine makes of a cache line that goes to another core and back
 *
 * Whatever is measured across cores depends on it, and on a virtual machine it changes from
 * minute to minute by a factor of four: with where the host has put the two.
 */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct probe {
	int core;
	pthread_t thread;
	uint32_t number;
	CACHE_ALIGNED _Atomic uint32_t there;
	CACHE_ALIGNED _Atomic uint32_t back;
	CACHE_ALIGNED _Atomic bool stop;
};

/**
 * probe_start() - Let a thread on another core answer
 * @p:		Stays where it is until probe_stop()
 * @core:	Where the thread answers; nothing else should spin there
 *
 * Return: 0 or -errno.
 */
int probe_start(struct probe *p, int core);

/**
 * probe_measure() - Round trips, as the calling thread sees them
 * @us:		@n of them [us], each with what reading the clock takes
 */
void probe_measure(struct probe *p, double *us, uint32_t n);

/** probe_stop() - The thread has ended then */
void probe_stop(struct probe *p);

#endif
