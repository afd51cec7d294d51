// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_inplace.c - What it costs to make a program's buffer memory of the device
 *
 * And after how many uses that has paid, against a copy for each use.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "verbs/inplace/inplace.h"

#define PAGE 4096u
#define LARGEST (16u << 20)

static const char *const notes[] = {
	"Work, of enter: judge the mapping, stop writers (userfaultfd), copy to pages of an object that exist",
	"  already, put them in the place of the old ones. leave: the reverse. Of both, a round is measured.",
	"Work, of check: ask the kernel whether the pages are still in place, as before each use.",
	"Work, of lend: map the pages privately, take back when nothing, or every page, was written.",
	"Work, of copy: memcpy() of the buffer to memory that is registered: what in place saves.",
	"busy: another thread of the process runs meanwhile, on another core.",
	"uses that pay: so many copies cost as much as one round, with a check for each use.",
	"Registration with the agent is not included.",
};

/* ---- Memory of the device -------------------------------------------------------------- */

struct pool {
	int fd;
	struct inplace_part part;
	uint8_t *copy_to;
};

static int take(void *ctx, size_t bytes, struct inplace_part *part)
{
	struct pool *p = ctx;

	*part = p->part;
	part->bytes = bytes;
	return 0;
}

static void give(void *ctx, const struct inplace_part *part)
{
	(void)ctx;
	(void)part;
}

static int bind_part(void *ctx, void *at, const struct inplace_part *part)
{
	(void)ctx;
	(void)at;
	(void)part;
	return 0;
}

static void unbind_part(void *ctx, void *at, const struct inplace_part *part)
{
	(void)ctx;
	(void)at;
	(void)part;
}

static const struct inplace_ops OPS = { take, give, give, bind_part, unbind_part };

static void open_pool(struct pool *p)
{
	struct stat st;

	p->fd = memfd_create("bench", MFD_CLOEXEC);
	if (p->fd < 0 || ftruncate(p->fd, LARGEST) != 0 || fstat(p->fd, &st) != 0) {
		perror("bench-inplace: memfd");
		exit(1);
	}
	p->part = (struct inplace_part){ .fd = p->fd, .inode = st.st_ino };
	p->copy_to = mmap(NULL, LARGEST, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, p->fd, 0);
	if (p->copy_to == MAP_FAILED) {
		perror("bench-inplace: mmap");
		exit(1);
	}
}

/* ---- Contenders -------------------------------------------------------------------------- */

struct buffer {
	struct inplace *ip;
	struct pool *pool;
	uint8_t *at;
	size_t bytes;
	bool write;		/* every page, while it is lent                 */
};

static void touch(const struct buffer *f)
{
	for (size_t n = 0; n < f->bytes; n += PAGE)
		((volatile uint8_t *)f->at)[n]++;
}

static void run_enter(void *state, struct bench_run *run)
{
	struct buffer *f = state;

	do {
		touch(f);
		bench_start(run);
		if (inplace_enter(f->ip, f->at, f->bytes) != 0)
			return;
		inplace_leave(f->ip, f->at, f->bytes);
		bench_stop(run);
		run->items++;
	} while (run->busy_ns < run->least_ns);
}

static void run_check(void *state, struct bench_run *run)
{
	struct buffer *f = state;

	if (inplace_enter(f->ip, f->at, f->bytes) != 0)
		return;
	do {
		bench_start(run);
		for (int n = 0; n < 64; n++)
			if (!inplace_covers(f->ip, f->at, f->bytes))
				return;
		bench_stop(run);
		run->items += 64;
	} while (run->busy_ns < run->least_ns);
	inplace_leave(f->ip, f->at, f->bytes);
}

static void run_lend(void *state, struct bench_run *run)
{
	struct buffer *f = state;

	if (inplace_enter(f->ip, f->at, f->bytes) != 0)
		return;
	do {
		bench_start(run);
		if (inplace_lend(f->ip, f->at) != 0)
			return;
		if (f->write)
			touch(f);
		if (inplace_take_back(f->ip, f->at) != 0)
			return;
		bench_stop(run);
		run->items++;
	} while (run->busy_ns < run->least_ns);
	inplace_leave(f->ip, f->at, f->bytes);
}

static void run_copy(void *state, struct bench_run *run)
{
	struct buffer *f = state;

	do {
		bench_start(run);
		for (int n = 0; n < 4; n++) {
			memcpy(f->pool->copy_to, f->at, f->bytes);
			__asm__ volatile("" ::: "memory");
		}
		bench_stop(run);
		run->items += 4;
	} while (run->busy_ns < run->least_ns);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	size_t bytes;
} SIZES[] = {
	{ "4K", 4u << 10 }, { "16K", 16u << 10 }, { "64K", 64u << 10 },
	{ "256K", 256u << 10 }, { "1M", 1u << 20 }, { "4M", 4u << 20 },
	{ "16M", 16u << 20 },
};

static void add(struct bench *b, const struct buffer *f, const char *what,
		const char *size, const char *busy, bench_fn *run)
{
	struct bench_case *c = bench_add(b, "%s %s%s", what, size, busy);
	struct buffer *own = malloc(sizeof(*own));

	if (!c || !own) {
		free(own);
		return;
	}
	*own = *f;
	c->run = run;
	c->state = own;
	c->close = free;
}

static const struct bench_row *row(const struct bench *b, const char *what,
				   const char *size)
{
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "%s %s", what, size);
	for (uint32_t n = 0; n < b->n_rows; n++)
		if (strcmp(b->row[n].name, name) == 0)
			return &b->row[n];
	return NULL;
}

/* Uses until entering and leaving once has cost less than a copy for each use. */
static void add_uses(struct bench *b, const char *size)
{
	const struct bench_row *enter = row(b, "enter+leave", size);
	const struct bench_row *copy = row(b, "copy", size);
	const struct bench_row *check = row(b, "check", size);
	struct bench_row *uses;

	if (!enter || !copy || !check || b->n_rows == BENCH_ROWS)
		return;
	if (copy->value <= check->value)
		return;		/* never                                        */
	uses = &b->row[b->n_rows++];
	snprintf(uses->name, sizeof(uses->name), "uses that pay %s", size);
	uses->unit = "uses";
	uses->value = enter->value / (copy->value - check->value);
	uses->low = uses->high = uses->value;
}

static void measure(struct bench *b, struct buffer *f, size_t n, const char *busy)
{
	const char *size = SIZES[n].name;

	f->bytes = SIZES[n].bytes;
	add(b, f, "enter+leave", size, busy, run_enter);
	if (!*busy) {
		add(b, f, "check", size, busy, run_check);
		add(b, f, "copy", size, busy, run_copy);
		add(b, f, "lend, unwritten", size, busy, run_lend);
		f->write = true;
		add(b, f, "lend, all written", size, busy, run_lend);
		f->write = false;
	}
	bench_measure(b);
}

static void *spin(void *stop)
{
	while (!atomic_load_explicit((_Atomic bool *)stop, memory_order_relaxed))
		;
	return NULL;
}

static void measure_busy(struct bench *b, struct buffer *f)
{
	_Atomic bool stop = false;
	pthread_attr_t attributes;
	pthread_t thread;
	cpu_set_t other;

	CPU_ZERO(&other);
	CPU_SET(b->core == 0 ? 1 : 0, &other);
	pthread_attr_init(&attributes);
	if (pthread_attr_setaffinity_np(&attributes, sizeof(other), &other) != 0 ||
	    pthread_create(&thread, &attributes, spin, &stop) != 0) {
		bench_note(b, "No busy rows: there is no other core.");
		return;
	}
	for (size_t n = 0; n < ARRAY_SIZE(SIZES); n += 2)
		measure(b, f, n, ", busy");
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct pool pool;
	struct buffer f = { .pool = &pool };

	b.program = "bench-inplace";
	bench_open(&b, argc, argv);
	b.item_unit = "ns";
	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(&b, notes[n]);
	open_pool(&pool);
	f.at = bench_memory(LARGEST);
	if (inplace_open(&f.ip, &OPS, &pool, 4) != 0) {
		fprintf(stderr, "bench-inplace: no /proc/self/maps\n");
		return 1;
	}
	memset(f.at, 1, LARGEST);
	for (size_t n = 0; n < ARRAY_SIZE(SIZES); n++) {
		measure(&b, &f, n, "");
		add_uses(&b, SIZES[n].name);
	}
	measure_busy(&b, &f);
	inplace_close(f.ip);
	bench_release(f.at, LARGEST);
	return bench_report(&b);
}
