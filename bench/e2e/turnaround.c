// SPDX-License-Identifier: BSD-2-Clause
/* turnaround.c - The cache line's round trip between two cores, as a verb */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "e2e/traffic.h"
#include "probe.h"

#define SAMPLES 20000u

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int stay_on(int core)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(core, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

int traffic_probe(const struct traffic *t)
{
	static double us[SAMPLES];
	struct probe p;
	int err = stay_on(t->cores[0]);

	if (!err)
		err = probe_start(&p, t->cores[1]);
	if (err) {
		errno = -err;
		traffic_die("probe");
	}
	probe_measure(&p, us, SAMPLES);
	probe_stop(&p);
	qsort(us, SAMPLES, sizeof(us[0]), compare);
	printf("{\"p50_us\": %.4f, \"p99_us\": %.4f}\n", us[SAMPLES / 2],
	       us[SAMPLES - 1 - SAMPLES / 100]);
	return 0;
}
