// SPDX-License-Identifier: BSD-2-Clause
/* bench.c - Measure contenders in turns and report their medians */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	REPETITIONS = 7,
	REPETITIONS_QUICK = 5,
	LEAST_NS = 25 * 1000 * 1000,
	LEAST_NS_QUICK = 3 * 1000 * 1000,
};

static const char help[] =
	"Usage: %s [--json] [--quick] [--output FILE] [--only TEXT]\n"
	"       [--core N] [--repetitions N]\n\n"
	"  --json           print an array of {name, value, unit, low, high}\n"
	"  --quick          shorter runs, and without the slowest rows\n"
	"  --output FILE    the array to FILE, whatever else is printed\n"
	"  --only TEXT      measure only rows with TEXT in their name\n"
	"  --core N         the core to run on; default: the last one allowed\n"
	"  --repetitions N  runs of each row, 1..31; default 7, quick 5\n";

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "quick", no_argument, NULL, 'q' },
	{ "output", required_argument, NULL, 'o' },
	{ "only", required_argument, NULL, 'f' },
	{ "core", required_argument, NULL, 'c' },
	{ "repetitions", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void die(const struct bench *b, const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", b->program, what, strerror(error));
	exit(1);
}

static long number(const struct bench *b, const char *text, long least,
		   long most)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < least || n > most) {
		fprintf(stderr, "%s: %s: not a number from %ld to %ld\n",
			b->program, text, least, most);
		exit(2);
	}
	return n;
}

static void take_option(struct bench *b, int option)
{
	switch (option) {
	case 'j':
		b->json = true;
		break;
	case 'q':
		b->quick = true;
		break;
	case 'o':
		b->output = optarg;
		break;
	case 'f':
		b->only = optarg;
		break;
	case 'c':
		b->core = (int)number(b, optarg, 0, CPU_SETSIZE - 1);
		break;
	case 'r':
		b->repetitions = (uint32_t)number(b, optarg, 1,
						  BENCH_REPETITIONS_MAX);
		break;
	default:
		fprintf(option == 'h' ? stdout : stderr, help, b->program);
		exit(option == 'h' ? 0 : 2);
	}
}

/* The last core that is allowed: the first ones get the interrupts. */
static int last_core(const struct bench *b)
{
	cpu_set_t allowed;
	int core;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die(b, "sched_getaffinity", errno);
	for (core = CPU_SETSIZE - 1; core > 0; core--)
		if (CPU_ISSET(core, &allowed))
			break;
	return core;
}

static void bind_to_core(const struct bench *b)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(b->core, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die(b, "sched_setaffinity", errno);
}

/* The least of many: more would be taken off than it costs. */
static ns_t time_clock(void)
{
	ns_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		ns_t started = bench_clock(), spent = bench_clock() - started;

		least = spent < least ? spent : least;
	}
	return least;
}

void bench_open(struct bench *b, int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	int option;

	*b = (struct bench){ .program = slash ? slash + 1 : argv[0],
			     .core = -1 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(b, option);
	if (optind != argc)
		take_option(b, '?');
	if (!b->repetitions)
		b->repetitions = b->quick ? REPETITIONS_QUICK : REPETITIONS;
	b->least_ns = b->quick ? LEAST_NS_QUICK : LEAST_NS;
	if (b->core < 0)
		b->core = last_core(b);
	bind_to_core(b);
	b->clock_ns = time_clock();
}

void bench_note(struct bench *b, const char *text)
{
	if (b->n_notes < BENCH_NOTES)
		b->note[b->n_notes++] = text;
}

struct bench_case *bench_add(struct bench *b, const char *name, ...)
{
	struct bench_case *c = &b->group[b->n_cases];
	va_list args;

	if (b->n_cases == BENCH_GROUP)
		die(b, "a group", E2BIG);
	*c = (struct bench_case){ .run = NULL };
	va_start(args, name);
	vsnprintf(c->name, sizeof(c->name), name, args);
	va_end(args);
	if (b->only && !strstr(c->name, b->only))
		return NULL;
	b->n_cases++;
	return c;
}

static double value_of(const struct bench_case *c, const struct bench_run *run)
{
	if (run->items == 0 || run->busy_ns == 0)
		return 0;
	if (c->item_bytes > 0)
		return c->item_bytes * (double)run->items /
		       (double)run->busy_ns;
	return (double)run->busy_ns / (double)run->items;
}

static void run_once(struct bench *b, struct bench_case *c)
{
	struct bench_run run = { .least_ns = b->least_ns,
				 .clock_ns = b->clock_ns };
	double ratio = 0;

	c->run(c->state, &run);
	if (run.outputs)
		ratio = (double)run.contained / (double)run.outputs;
	if (c->n_samples == 0 || ratio < c->reached)
		c->reached = ratio;
	c->sample[c->n_samples++] = value_of(c, &run);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void bench_row(struct bench *b, const char *name, const char *unit,
	       const double *sorted, uint32_t n)
{
	struct bench_row *r = &b->row[b->n_rows];

	if (b->n_rows == BENCH_ROWS)
		die(b, "rows", E2BIG);
	b->n_rows++;
	*r = (struct bench_row){
		.unit = unit,
		.value = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
		.low = sorted[0],
		.high = sorted[n - 1],
	};
	memcpy(r->name, name, strnlen(name, sizeof(r->name) - 1));
}

/* A row of this group, with its samples in turns beside. */
static void add_measured(struct bench *b, const struct bench_case *c)
{
	double sorted[BENCH_REPETITIONS_MAX];
	struct bench_row *r = &b->row[b->n_rows];

	memcpy(sorted, c->sample, c->n_samples * sizeof(sorted[0]));
	qsort(sorted, c->n_samples, sizeof(sorted[0]), compare);
	bench_row(b, c->name, c->unit ? c->unit :
		  c->item_bytes > 0 ? "GB/s" : b->item_unit, sorted, c->n_samples);
	r->group = b->n_groups;
	r->n_samples = c->n_samples;
	memcpy(r->sample, c->sample, c->n_samples * sizeof(c->sample[0]));
}

static void conclude(struct bench *b, struct bench_case *c)
{
	char name[BENCH_NAME];

	add_measured(b, c);
	if (c->ratio > 0 && c->reached < c->ratio)
		bench_fail(b, "%s: %.2f %s, expected %.2f", c->name, c->reached,
			   b->ratio_name, c->ratio);
	if (!c->ratio_row)
		return;
	snprintf(name, sizeof(name), "%.*s %s",
		 (int)(sizeof(name) - 2 - strlen(b->ratio_name)), c->name,
		 b->ratio_name);
	bench_row(b, name, b->ratio_name, &c->reached, 1);
}

/* Page faults, cold caches, the peer's table: not in any sample. */
static void warm_up(struct bench_case *c)
{
	struct bench_run run = { .least_ns = 0 };

	c->run(c->state, &run);
}

void bench_measure(struct bench *b)
{
	b->n_groups++;
	for (uint32_t i = 0; i < b->n_cases; i++)
		warm_up(&b->group[i]);
	for (uint32_t turn = 0; turn < b->repetitions; turn++)
		for (uint32_t i = 0; i < b->n_cases; i++)
			run_once(b, &b->group[i]);
	for (uint32_t i = 0; i < b->n_cases; i++) {
		struct bench_case *c = &b->group[i];

		conclude(b, c);
		if (c->close)
			c->close(c->state);
	}
	b->n_cases = 0;
}

static const struct bench_row *find_row(const struct bench *b, const char *name)
{
	for (uint32_t i = 0; i < b->n_rows; i++) {
		if (!strcmp(b->row[i].name, name))
			return &b->row[i];
	}
	return NULL;
}

/* Of each turn, sorted. Return: how many. */
static uint32_t divide(const struct bench_row *x, const struct bench_row *y,
		       double *ratio)
{
	uint32_t n = x->n_samples;

	if (!x->group || x->group != y->group || n != y->n_samples) {
		ratio[0] = x->low / y->high;
		ratio[1] = x->value / y->value;
		ratio[2] = x->high / y->low;
		return 3;
	}
	for (uint32_t k = 0; k < n; k++)
		ratio[k] = x->sample[k] / y->sample[k];
	qsort(ratio, n, sizeof(ratio[0]), compare);
	return n;
}

void bench_ratio(struct bench *b, const char *of, const char *to)
{
	const struct bench_row *x = find_row(b, of), *y = find_row(b, to);
	double ratio[BENCH_REPETITIONS_MAX];
	char name[2 * BENCH_NAME];

	if (!x || !y || y->low <= 0)
		return;
	snprintf(name, sizeof(name), "%s / %s", of, to);
	bench_row(b, name, "ratio", ratio, divide(x, y, ratio));
}

void bench_value(struct bench *b, const char *name, const char *unit,
		 double value)
{
	if (!b->only || strstr(name, b->only))
		bench_row(b, name, unit, &value, 1);
}

void bench_fail(struct bench *b, const char *format, ...)
{
	va_list args;

	b->failed = true;
	fprintf(stderr, "%s: ", b->program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void print_json(const struct bench *b, FILE *f)
{
	fputs("[", f);
	for (uint32_t i = 0; i < b->n_rows; i++) {
		const struct bench_row *r = &b->row[i];

		fprintf(f, "%s\n  {\"name\": \"%s\", \"value\": %.2f, "
			"\"unit\": \"%s\", \"low\": %.2f, \"high\": %.2f}",
			i ? "," : "", r->name, r->value, r->unit, r->low,
			r->high);
	}
	fputs("\n]\n", f);
}

static void print_table(const struct bench *b)
{
	printf("%-44s %10s  %-18s %10s %10s\n", "name", "value", "unit", "low",
	       "high");
	for (uint32_t i = 0; i < b->n_rows; i++) {
		const struct bench_row *r = &b->row[i];

		printf("%-44s %10.2f  %-18s %10.2f %10.2f\n", r->name, r->value,
		       r->unit, r->low, r->high);
	}
	printf("\nMedian, lowest and highest of %u runs in turns, on core %d, in "
	       "CPU time.\n",
	       b->repetitions, b->core);
	for (uint32_t i = 0; i < b->n_notes; i++)
		printf("%s\n", b->note[i]);
}

int bench_report(const struct bench *b)
{
	if (b->json)
		print_json(b, stdout);
	else
		print_table(b);
	if (b->output) {
		FILE *f = fopen(b->output, "w");

		if (!f)
			die(b, b->output, errno);
		print_json(b, f);
		if (fclose(f))
			die(b, b->output, errno);
	}
	return b->failed;
}

void *bench_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "bench: %zu bytes: %s\n", bytes,
			strerror(errno));
		exit(1);
	}
	return p;
}

void bench_release(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}
