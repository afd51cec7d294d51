// SPDX-License-Identifier: BSD-2-Clause
/*
 * queue_latency.c - From a post to its completion, with a device in another process
 *
 * Time of the wall, not of a core: what is measured is waiting. So whoever else uses the
 * cores is measured as well, in p99 first; the probe beside says what the machine itself
 * makes of a cache line that goes there and back.
 */
#include "queue_latency.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe.h"
#include "pumped.h"
#include "verbs/daemon.h"
#include "verbs/mirror.h"

#define PATIENCE 1000000000ll
#define SMALL 64u
#define FOR_EVER UINT64_MAX
#define SAMPLES 4000
#define SAMPLES_QUICK 800
#define MESSAGES (1u << 20)
#define MESSAGES_QUICK (1u << 17)

static const char *const notes[] = {
	"Time, of latency: from before a signaled send of 64 bytes until its completion was polled, one at a time,",
	"  by the clock on the wall; the daemon's wire throws away. spinning: both sides poll. sleeping: both sleep",
	"  at once. same core: both on the same, which then has to sleep.",
	"Time, of probe: a cache line between two threads on these cores, there and back.",
	"Work, of messages: sends of 64 bytes in a row, by the clock on the wall; 1 process: device and program in turns.",
	"  program: what of it is the program's, in CPU time: posting, finding no room, polling.",
};

static ns_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_wanted(const struct bench *b, const char *name)
{
	return !b->only || strstr(name, b->only);
}

/* Percentiles of each turn make a sample of a row each. */
struct percentiles {
	double p50[BENCH_REPETITIONS_MAX], p99[BENCH_REPETITIONS_MAX];
	uint32_t n;
};

static void add_turn(struct percentiles *p, double *samples, uint32_t n)
{
	qsort(samples, n, sizeof(*samples), compare);
	p->p50[p->n] = samples[n / 2];
	p->p99[p->n++] = samples[n - 1 - n / 100];
}

static void report(struct bench *b, const char *name, struct percentiles *p)
{
	char row[BENCH_NAME];

	qsort(p->p50, p->n, sizeof(p->p50[0]), compare);
	qsort(p->p99, p->n, sizeof(p->p99[0]), compare);
	snprintf(row, sizeof(row), "%s p50", name);
	bench_row(b, row, "us", p->p50, p->n);
	snprintf(row, sizeof(row), "%s p99", name);
	bench_row(b, row, "us", p->p99, p->n);
}

/* ---- The machine -------------------------------------------------------------------------- */

/* The first core that is allowed and is not the bench's; -1: none. */
static int other_core(const struct bench *b)
{
	cpu_set_t own, all;
	int core = -1;

	sched_getaffinity(0, sizeof(own), &own);
	CPU_ZERO(&all);
	for (int n = 0; n < CPU_SETSIZE; n++)
		CPU_SET(n, &all);
	if (sched_setaffinity(0, sizeof(all), &all) ||
	    sched_getaffinity(0, sizeof(all), &all))
		return -1;
	for (int n = CPU_SETSIZE - 1; n >= 0; n--) {
		if (CPU_ISSET(n, &all) && n != b->core)
			core = n;
	}
	sched_setaffinity(0, sizeof(own), &own);
	return core;
}

static void measure_probe(struct bench *b, int core)
{
	struct percentiles percentiles = { .n = 0 };
	static double samples[SAMPLES];
	struct probe p;

	if (core < 0 || !is_wanted(b, "probe cache line") || probe_start(&p, core))
		return;
	for (uint32_t turn = 0; turn < b->repetitions; turn++) {
		probe_measure(&p, samples, SAMPLES);
		add_turn(&percentiles, samples, SAMPLES);
	}
	probe_stop(&p);
	report(b, "probe cache line", &percentiles);
}

/* ---- Latency ------------------------------------------------------------------------------- */

static void wait_for_one(struct bench *b, struct program *p, bool sleeps)
{
	struct tto_completion c;
	int n;

	do {
		if (sleeps && tto_sleep(p->cq, PATIENCE) != 1)
			break;
		n = tto_poll(p->cq, &c, 1);
		if (n == 1 && c.status == 0)
			return;
	} while (n == 0);
	bench_fail(b, "no completion");
	exit(1);
}

static void measure_one_latency(struct bench *b, const char *name, int core, bool sleeps)
{
	const struct daemon_options options = { .spin_ns = sleeps ? 1 : FOR_EVER,
						.core = core, .mirror = MIRROR_SINK };
	const struct tto_device_options device = { .size = sizeof(device), .spin_ns = 1 };
	uint32_t n_samples = b->quick ? SAMPLES_QUICK : SAMPLES;
	struct percentiles percentiles = { .n = 0 };
	static double samples[SAMPLES];
	struct daemon_process daemon;
	struct program p;

	if (core < 0 || !is_wanted(b, name))
		return;
	if (daemon_start(&daemon, &options)) {
		bench_fail(b, "%s: no daemon", name);
		return;
	}
	program_attach(&p, daemon.where, &device);
	for (uint32_t turn = 0; turn < b->repetitions; turn++) {
		for (uint32_t n = 0; n < n_samples; n++) {
			ns_t began = now();

			if (program_send(&p, p.memory, SMALL, TTO_SEND_SIGNALED, n))
				bench_fail(b, "%s: post", name);
			wait_for_one(b, &p, sleeps);
			samples[n] = (double)(now() - began) / 1000;
		}
		add_turn(&percentiles, samples, n_samples);
	}
	program_close(&p);
	daemon_stop(&daemon);
	report(b, name, &percentiles);
}

/* ---- Messages a second ------------------------------------------------------------------------ */

/* Of a turn. */
struct rate {
	double per_second;	/* millions, by the clock on the wall           */
	double busy_ns;		/* CPU time of the program for each             */
};

/* Who finds no room lets the device work before it looks at its index again. */
static void let_work(void)
{
	for (int n = 0; n < 512; n++)
		__asm__ volatile("" ::: "memory");
}

static struct rate send_messages(struct bench *b, struct program *p, uint32_t n)
{
	struct bench_run run = { .clock_ns = b->clock_ns };
	struct tto_completion c[64];
	ns_t began = now();

	for (uint32_t sent = 0; sent < n;) {
		int taken;

		bench_start(&run);
		while (sent < n && !program_send(p, p->memory, SMALL, 0, 0))
			sent++;
		taken = tto_poll(p->cq, c, 64);
		bench_stop(&run);
		if (p->host)
			program_pump(p);
		else
			let_work();
		if (taken < 0) {
			bench_fail(b, "messages: poll");
			exit(1);
		}
	}
	return (struct rate){ (double)n * 1000 / (double)(now() - began),
			      (double)run.busy_ns / n };
}

static void measure_messages(struct bench *b, const char *name, const char *where)
{
	double rates[BENCH_REPETITIONS_MAX], busy[BENCH_REPETITIONS_MAX];
	uint32_t n = b->quick ? MESSAGES_QUICK : MESSAGES;
	char row[BENCH_NAME];
	struct program p;

	if (where)
		program_attach(&p, where, NULL);
	else
		program_open(&p, MIRROR_SINK, NULL);
	for (uint32_t turn = 0; turn < b->repetitions; turn++) {
		struct rate rate = send_messages(b, &p, n);

		rates[turn] = rate.per_second;
		busy[turn] = rate.busy_ns;
	}
	qsort(rates, b->repetitions, sizeof(rates[0]), compare);
	qsort(busy, b->repetitions, sizeof(busy[0]), compare);
	bench_row(b, name, "M/s", rates, b->repetitions);
	snprintf(row, sizeof(row), "%s, program", name);
	bench_row(b, row, "ns", busy, b->repetitions);
	program_close(&p);
}

static void measure_all_messages(struct bench *b, int core)
{
	const struct daemon_options options = { .spin_ns = FOR_EVER, .core = core,
						.mirror = MIRROR_SINK };
	struct daemon_process daemon;

	if (is_wanted(b, "messages 1 process"))
		measure_messages(b, "messages 1 process", NULL);
	if (core < 0 || !is_wanted(b, "messages 2 cores"))
		return;
	if (daemon_start(&daemon, &options)) {
		bench_fail(b, "messages: no daemon");
		return;
	}
	measure_messages(b, "messages 2 cores", daemon.where);
	daemon_stop(&daemon);
}

void measure_latency(struct bench *b)
{
	int core = other_core(b);

	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(b, notes[n]);
	measure_all_messages(b, core);
	measure_probe(b, core);
	measure_one_latency(b, "latency spinning 2 cores", core, false);
	measure_one_latency(b, "latency sleeping 2 cores", core, true);
	measure_one_latency(b, "latency sleeping same core", b->core, true);
}
