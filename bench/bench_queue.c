// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_queue.c - What it costs to post, to poll, to copy and to register
 *
 * On one core, in CPU time. What needs two processes is in queue_latency.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "pumped.h"
#include "queue_latency.h"
#include "verbs/mirror.h"

#define SMALL 64u		/* bytes of a message                           */
#define BATCH 256u		/* sends between two looks at the clock         */
#define POLLS 4096u

static const char *const notes[] = {
	"Work, of post: one send request each into an SQ with 256 on their way, headers of 54 bytes and the payload,",
	"  and the poll that frees its place; the device works meanwhile and is not timed. signaled: with a",
	"  completion for each. by 16: sixteen requests a call.",
	"Work, of empty poll: tto_poll() of a CQ in which nothing is.",
	"Work, of through: the same and the device, which cuts into frames of 1514 bytes with checksums, up to a wire",
	"  that throws them away. copied: the medium way. in place: the long way.",
	"Work, of own: the same, from memory that is the program's own. in place: its pages are the device's by then,",
	"  and the kernel is asked each time whether they are still there. lent: and it may be written to at once.",
	"Work, of register: get and release. hit: it is registered already. miss: it has to be registered, and the one",
	"  before released, which is a call into the host of the device; the pages of 64 KiB or 4 MiB.",
};

/* One way to send. */
struct sending {
	struct program program;
	uint32_t bytes, flags, at_once, total;
	uint8_t *own;		/* not memory of the device; NULL: it is        */
};

static void fail(const char *what)
{
	fprintf(stderr, "bench-queue: %s\n", what);
	exit(1);
}

/* ---- What the program pays ----------------------------------------------------------- */

static uint32_t poll_all(struct program *p)
{
	struct tto_completion c[64];
	uint32_t n = 0;
	int taken;

	do {
		taken = tto_poll(p->cq, c, 64);
		if (taken < 0)
			fail("poll");
		n += (uint32_t)taken;
	} while (taken == 64);
	return n;
}

static void post_batch(struct sending *s, const struct tto_send *sends)
{
	for (uint32_t n = 0; n < BATCH; n += s->at_once) {
		int status = s->at_once == 1 ?
			program_send(&s->program, s->program.memory, s->bytes, s->flags,
				     n) :
			tto_post_send(s->program.qp, sends, s->at_once, NULL);

		if (status)
			fail("post");
	}
}

static void run_posts(void *state, struct bench_run *run)
{
	struct sending *s = state;
	struct tto_element element = { .address = s->program.memory, .bytes = s->bytes };
	struct tto_send sends[16];

	for (int n = 0; n < 16; n++)
		sends[n] = (struct tto_send){
			.flow = s->program.flow, .header = s->program.header,
			.header_bytes = PUMPED_HEADER, .elements = &element,
			.n_elements = 1, .mss = PUMPED_MSS, .flags = s->flags,
		};
	do {
		bench_start(run);
		post_batch(s, sends);
		bench_stop(run);
		program_pump(&s->program);
		bench_start(run);
		run->outputs += poll_all(&s->program);
		bench_stop(run);
		run->items += BATCH;
		run->contained += BATCH;
	} while (run->busy_ns < run->least_ns);
	/* Nothing for the ratio but with a completion for each. */
	run->outputs = s->flags & TTO_SEND_SIGNALED ? run->outputs : run->contained;
}

static void run_polls(void *state, struct bench_run *run)
{
	struct sending *s = state;
	struct tto_completion c[16];
	int taken = 0;

	do {
		bench_start(run);
		for (uint32_t n = 0; n < POLLS; n++)
			taken |= tto_poll(s->program.cq, c, 16);
		bench_stop(run);
		run->items += POLLS;
	} while (run->busy_ns < run->least_ns);
	if (taken)
		fail("something was polled");
}

static void close_sending(void *state)
{
	struct sending *s = state;

	program_close(&s->program);
	free(s);
}

static void add_sending(struct bench *b, const char *name, bench_fn *run,
			const struct sending *like, unsigned mirror)
{
	struct bench_case *c = bench_add(b, "%s", name);
	struct sending *s;

	if (!c)
		return;
	s = malloc(sizeof(*s));
	if (!s)
		fail("memory");
	*s = *like;
	program_open(&s->program, mirror, NULL);
	c->run = run;
	c->close = close_sending;
	c->state = s;
	if (run == run_posts)
		c->ratio = 1;
}

static void measure_posts(struct bench *b)
{
	static const struct {
		const char *name;
		struct sending s;
	} posts[] = {
		{ "post 64 B", { .bytes = SMALL, .at_once = 1 } },
		{ "post 64 B by 16", { .bytes = SMALL, .at_once = 16 } },
		{ "post 64 B signaled", { .bytes = SMALL, .at_once = 1,
					  .flags = TTO_SEND_SIGNALED } },
		{ "post 1 KiB copied", { .bytes = 1024, .at_once = 1 } },
		{ "post 64 KiB in place", { .bytes = 65000, .at_once = 1,
					    .flags = TTO_SEND_IN_PLACE } },
	};

	for (size_t n = 0; n < ARRAY_SIZE(posts); n++)
		add_sending(b, posts[n].name, run_posts, &posts[n].s, MIRROR_SINK);
	add_sending(b, "empty poll", run_polls, &posts[0].s, MIRROR_SINK);
	bench_measure(b);
}

/* ---- Program and device --------------------------------------------------------------- */

/* Sends of total bytes, in units; the source goes round in as many. */
static void run_through(void *state, struct bench_run *run)
{
	struct sending *s = state;
	const uint8_t *from = s->own ? s->own : s->program.memory;

	do {
		bench_start(run);
		for (uint32_t at = 0; at < s->total; at += s->bytes) {
			while (program_send(&s->program, from + at, s->bytes,
					    s->flags, 0)) {
				program_pump(&s->program);
				poll_all(&s->program);
			}
			/* Not so much ahead that it leaves the cache. */
			if (at % 65536 == 0)
				program_pump(&s->program);
		}
		program_pump(&s->program);
		poll_all(&s->program);
		bench_stop(run);
		run->items += s->total / s->bytes;
	} while (run->busy_ns < run->least_ns);
}

/* @like->total is a multiple of its bytes. */
static void add_through(struct bench *b, const char *name, const struct sending *like)
{
	uint32_t before = b->n_cases;

	add_sending(b, name, run_through, like, MIRROR_SINK | MIRROR_WHOLE);
	if (b->n_cases != before)
		b->group[before].item_bytes = like->bytes;
}

static double value_of(const struct bench *b, const char *name)
{
	for (uint32_t n = 0; n < b->n_rows; n++) {
		if (!strcmp(b->row[n].name, name))
			return b->row[n].value;
	}
	return 0;
}

/* One of the ways. */
struct way {
	const char *name;
	uint32_t flags;
	uint8_t *own;
};

static void add_way(struct bench *b, char name[BENCH_NAME], const struct way *w,
		    uint32_t bytes, uint32_t total)
{
	const struct sending like = { .bytes = bytes, .total = total, .own = w->own,
				      .flags = w->flags };

	snprintf(name, BENCH_NAME, "%s %u B %s", w->own ? "own" : "through", bytes,
		 w->name);
	add_through(b, name, &like);
}

/* Both ways by size, and the size from which on @large wins. */
static void measure_sizes(struct bench *b, const uint32_t *sizes, const struct way *small,
			  const struct way *large)
{
	char x[BENCH_NAME], y[BENCH_NAME];
	double wins = 0;

	for (; *sizes; sizes++) {
		uint32_t total = 64 * 1024 / *sizes * *sizes;

		add_way(b, x, small, *sizes, total);
		add_way(b, y, large, *sizes, total);
		bench_measure(b);
		if (value_of(b, y) <= value_of(b, x))
			wins = 0;
		else if (wins <= 0)
			wins = *sizes;
	}
	snprintf(x, sizeof(x), "%s%s wins from", large->own ? "own " : "", large->name);
	if (wins > 0)
		bench_row(b, x, "bytes", &wins, 1);
}

/* 64 KiB that are in the cache, and 1 MiB that is not in the first one. */
static void measure_large(struct bench *b, const struct way *ways, uint32_t n)
{
	static const struct {
		const char *name;
		uint32_t units;
	} sizes[] = { { "64 KiB", 1 }, { "1 MiB", 16 } };
	const uint32_t unit = 65536 - 536;
	char names[3][BENCH_NAME];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (uint32_t k = 0; k < n; k++) {
			const struct sending like = {
				.bytes = unit, .total = unit * sizes[i].units,
				.flags = ways[k].flags, .own = ways[k].own,
			};

			snprintf(names[k], BENCH_NAME, "%s %s %s",
				 ways[k].own ? "own" : "through", sizes[i].name,
				 ways[k].name);
			add_through(b, names[k], &like);
		}
		bench_measure(b);
		for (uint32_t k = 1; k < n; k++)
			bench_ratio(b, names[k], names[0]);
	}
}

static void measure_through(struct bench *b)
{
	static const struct way ways[] = { { "inline", TTO_SEND_INLINE, NULL },
					   { "copied", TTO_SEND_COPY, NULL },
					   { "in place", TTO_SEND_IN_PLACE, NULL } };
	static const uint32_t small[] = { 64, 128, 192, 256, 384, 512, 768, 0 };
	static const uint32_t large[] = { 1024, 2048, 4096, 8192, 16384, 32768, 0 };

	measure_large(b, &ways[1], 2);
	measure_sizes(b, small, &ways[0], &ways[1]);
	measure_sizes(b, large, &ways[1], &ways[2]);
}

static void measure_own(struct bench *b)
{
	uint8_t *own = bench_memory(PROGRAM_BYTES), *lent = bench_memory(PROGRAM_BYTES);
	const struct way ways[] = { { "copied", TTO_SEND_COPY, own },
				    { "in place", TTO_SEND_IN_PLACE, own },
				    { "lent", TTO_SEND_IN_PLACE | TTO_SEND_LEND, lent } };
	static const uint32_t sizes[] = { 4096, 8192, 12288, 16384, 24576, 32768,
					  49152, 65000, 0 };

	/* It stays as it is until the end. */
	tto_memory_watch();
	memset(own, 1, PROGRAM_BYTES);
	memset(lent, 1, PROGRAM_BYTES);
	measure_large(b, ways, ARRAY_SIZE(ways));
	measure_sizes(b, sizes, &ways[0], &ways[1]);
	bench_release(own, PROGRAM_BYTES);
	bench_release(lent, PROGRAM_BYTES);
}

/* ---- Registering ------------------------------------------------------------------------ */

struct registering {
	struct program program;
	void *memory[2];
	uint32_t bytes, n;	/* memories that take turns                     */
};

static void run_register(void *state, struct bench_run *run)
{
	struct registering *r = state;
	struct tto_device *d = r->program.device;
	const struct tto_region *region;

	do {
		bench_start(run);
		for (uint32_t n = 0; n < 64; n++) {
			if (tto_region_register(d, r->memory[n % r->n], r->bytes,
						TTO_READ, &region) ||
			    tto_region_release(d, region))
				fail("register");
		}
		bench_stop(run);
		run->items += 64;
	} while (run->busy_ns < run->least_ns);
}

static void close_registering(void *state)
{
	struct registering *r = state;

	program_close(&r->program);
	free(r);
}

/* With room for what the GRQ has and one more, two in turns are never there. */
static void add_register(struct bench *b, const char *name, uint32_t bytes, uint32_t n)
{
	const struct tto_device_options o = { .size = sizeof(o), .cache_regions = 2 };
	struct bench_case *c = bench_add(b, "%s", name);
	struct registering *r;

	if (!c)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		fail("memory");
	program_open(&r->program, MIRROR_SINK, &o);
	r->bytes = bytes;
	r->n = n;
	for (int i = 0; i < 2; i++) {
		if (tto_memory_allocate(r->program.device, bytes, &r->memory[i]))
			fail("memory");
	}
	c->run = run_register;
	c->close = close_registering;
	c->state = r;
}

static void measure_register(struct bench *b)
{
	add_register(b, "register 64 KiB hit", 65536, 1);
	add_register(b, "register 64 KiB miss", 65536, 2);
	add_register(b, "register 4 MiB hit", 4 << 20, 1);
	add_register(b, "register 4 MiB miss", 4 << 20, 2);
	bench_measure(b);
}

int main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, argc, argv);
	b.item_unit = "ns";
	b.ratio_name = "completions";
	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(&b, notes[n]);
	measure_posts(&b);
	measure_through(&b);
	measure_own(&b);
	measure_register(&b);
	measure_latency(&b);
	return bench_report(&b);
}
