/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - Measure contenders in turns and report their medians
 *
 * DOC: Theory of operation
 * A *group* is a handful of contenders for the same work: ours for several
 * CPUs, the peer. bench_measure() lets each run once, then each again, and so
 * on, so that whatever disturbs the machine meanwhile hits all of them. A row is
 * the median of these runs with the lowest and the highest.
 *
 * A run times only what lies between bench_start() and bench_stop(); it may
 * stop and start many times, to prepare frames in between. A first turn is not
 * counted. The clock is the thread's CPU time, which stands still while somebody
 * else has the core; what reading it costs is taken off.
 *
 * The process stays on one core.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define BENCH_ROWS 192
#define BENCH_GROUP 24
#define BENCH_NAME 64
#define BENCH_NOTES 32
#define BENCH_REPETITIONS_MAX 31

/* One run of a contender. */
struct bench_run {
	ns_t least_ns;		/* to be spent on timed work, or a little more  */
	ns_t busy_ns;		/* spent on it                                  */
	ns_t clock_ns;		/* what reading the clock twice costs           */
	ns_t started;
	uint64_t items;		/* packets or segments that the work was for    */
	uint64_t outputs;	/* packets that came out ...                    */
	uint64_t contained;	/* ... and what they were made of               */
};

typedef void bench_fn(void *state, struct bench_run *run);

struct bench_case {
	char name[BENCH_NAME];
	bench_fn *run;		/* called with state, at least once             */
	void (*close)(void *state);	/* after the group's last run, or NULL  */
	void *state;
	double item_bytes;	/* report GB/s instead of time an item; 0: time */
	const char *unit;	/* of what is reported, if that is another one  */
	double ratio;		/* contained / outputs must reach it; 0: any    */
	bool ratio_row;		/* report contained / outputs as a row, too     */
	uint32_t n_samples;
	double sample[BENCH_REPETITIONS_MAX];	/* [ns/item]                    */
	double reached;		/* contained / outputs, least of all runs       */
};

struct bench_row {
	char name[BENCH_NAME];
	const char *unit;
	double value, low, high;
	uint32_t group;		/* that it was measured in; 0: elsewhere        */
	uint32_t n_samples;
	double sample[BENCH_REPETITIONS_MAX];	/* of a group, in turns         */
};

struct bench {
	const char *program;
	const char *item_unit;	/* "ns/packet"                                  */
	const char *ratio_name;	/* "segments/aggregate"                         */
	bool json, quick;
	const char *output;	/* file for the JSON as well, or NULL           */
	const char *only;	/* measure rows with this in their name, or NULL */
	int core;
	uint32_t repetitions;
	ns_t least_ns;		/* of timed work in a run                       */
	ns_t clock_ns;
	bool failed;		/* something was not as it has to be            */
	uint32_t n_rows, n_cases, n_notes, n_groups;
	struct bench_row row[BENCH_ROWS];
	struct bench_case group[BENCH_GROUP];
	const char *note[BENCH_NOTES];
};

/**
 * bench_open() - Read the command line, bind to one core
 *
 * Exits when there is nothing to measure: --help, or a wrong option.
 */
void bench_open(struct bench *b, int argc, char **argv);

/**
 * bench_note() - Say what the work of a row includes
 * @text:	Printed below the table; not copied
 */
void bench_note(struct bench *b, const char *text);

/**
 * bench_add() - A contender for the group that is measured next
 * @name:	printf format
 *
 * Return: the contender, whose run, close and state are to be set, and what else
 * is wanted; NULL when --only excludes it.
 */
struct bench_case *bench_add(struct bench *b, const char *name, ...)
	PRINTF_LIKE(2, 3);

/** bench_measure() - Measure the group in turns, then close and forget it */
void bench_measure(struct bench *b);

/**
 * bench_ratio() - A row that is one row's value divided by another's
 * @of:		Name of a row that was measured
 * @to:		And of another; without both there is no row
 *
 * Two of the same group are divided turn by turn: a machine that others use, too, can be
 * twice as fast in one turn as in the next.
 */
void bench_ratio(struct bench *b, const char *of, const char *to);

/** bench_value() - A row that is not measured in time */
void bench_value(struct bench *b, const char *name, const char *unit,
		 double value);

/**
 * bench_row() - A row that was measured elsewhere
 * @sorted:	Samples, lowest first, @n of them, 1 or more
 */
void bench_row(struct bench *b, const char *name, const char *unit,
	       const double *sorted, uint32_t n);

/** bench_fail() - What is measured is not what was meant; said on stderr */
void bench_fail(struct bench *b, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * bench_report() - Print all rows
 *
 * Return: the exit status of the program.
 */
int bench_report(const struct bench *b);

/**
 * bench_memory() - Page-aligned memory
 *
 * Exits with a message when there is none. Release with bench_release().
 */
void *bench_memory(size_t bytes);
void bench_release(void *memory, size_t bytes);

static inline ns_t bench_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (ns_t)now.tv_sec * 1000000000 + (ns_t)now.tv_nsec;
}

static inline void bench_start(struct bench_run *run)
{
	run->started = bench_clock();
}

static inline void bench_stop(struct bench_run *run)
{
	ns_t spent = bench_clock() - run->started;

	run->busy_ns += spent > run->clock_ns ? spent - run->clock_ns : 0;
}

#endif
