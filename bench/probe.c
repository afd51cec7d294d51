// SPDX-License-Identifier: BSD-2-Clause
/* probe.c - A cache line between two threads, there and back */
#include "probe.h"

#include <sched.h>
#include <time.h>

#include "base/bytes.h"

static ns_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static void *answer(void *state)
{
	struct probe *p = state;
	cpu_set_t one;
	uint32_t seen = 0;

	CPU_ZERO(&one);
	CPU_SET(p->core, &one);
	sched_setaffinity(0, sizeof(one), &one);
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		uint32_t n = atomic_load_explicit(&p->there, memory_order_acquire);

		if (n != seen)
			atomic_store_explicit(&p->back, n, memory_order_release);
		seen = n;
	}
	return NULL;
}

int probe_start(struct probe *p, int core)
{
	*p = (struct probe){ .core = core };
	return -pthread_create(&p->thread, NULL, answer, p);
}

void probe_measure(struct probe *p, double *us, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		ns_t began = now();

		atomic_store_explicit(&p->there, ++p->number, memory_order_release);
		while (atomic_load_explicit(&p->back, memory_order_acquire) != p->number)
			continue;
		us[k] = (double)(now() - began) / 1000;
	}
}

void probe_stop(struct probe *p)
{
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
}
