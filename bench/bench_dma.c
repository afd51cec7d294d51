// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_dma.c - What it costs to fetch payload from a program's memory
 *
 * Which rows there are, and who fetches. The memory is in pages.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "frames.h"
#include "nic/fetch.h"
#include "nic/memory/walk.h"
#include "pages.h"

#define UNIT_FRAMES 44
#define MSS 1448
#define UNIT_BYTES (UNIT_FRAMES * MSS)
#define UNIT_STRIDE (64u << 10)
#define UNIT_PAGES (UNIT_STRIDE / PAGE_TABLE_BYTES)
#define N_SLOTS (2 * UNIT_FRAMES)
#define SLOT_BYTES 2048
#define SLOT_PAYLOAD 128	/* payload begins at a cache line               */
#define BATCH 8			/* units between two looks at the clock         */
#define CACHED_BYTES (2ull << 20)
#define CACHED_UNITS 4		/* of these are used: 256 KB                    */
#define DRAM_BYTES (148ull << 20)
#define MISS_PAGES 4096u	/* more than the TLB holds                      */

static const char *const notes[] = {
	"Work, of fetch: a header and 63 712 bytes of payload, two descriptors, become 44 TCP frames of 1448",
	"  bytes payload with timestamps in slots of 2 KB: descriptors are checked, every page is translated",
	"  and its right checked, headers are written, payload is copied and summed in one pass.",
	"  physical: one range of bus addresses. virtual 4K: 4 KiB pages that follow each other on the bus, as",
	"  those of one memory object do. virtual 2M: 2 MiB pages. scattered: 4 KiB pages in no order on the bus;",
	"  physical: a descriptor for each. The pages of this process are 4 KiB for all rows.",
	"Work, of memcpy: the same bytes from the physical range to the same places, 1448 at a time; no header,",
	"  no checksum.",
	"Work, of the peer (process_vm_readv): the same bytes out of a child process, one call a unit, to the",
	"  same 44 places; no header, no checksum.",
	"Source: cache: 256 KB; DRAM: 148 MB.",
	"Translation: one page at a time, ns each. hit: 64 pages in turns. miss: 4096 pages in turns, 1024 fit;",
	"  tables in the cache. walk: the walk alone.",
};

/* Somebody who gets payload out of memory. */
struct reader {
	struct pages *pages;
	uint32_t n_units, unit, first_slot;
	uint8_t *slots;
	struct dma_queue queue;
	struct descriptor descriptor[1 + UNIT_PAGES];
	uint32_t n_descriptors;
	uint64_t base;		/* address of the first unit, as the payload's
				 * descriptor has it; 0: a list of its pages    */
	struct fetch *fetch;
	struct tto_slot slot[N_SLOTS];
	pid_t child;
};

static uint8_t *slot_payload(const struct reader *r, uint32_t n)
{
	return r->slots + (size_t)n * SLOT_BYTES + SLOT_PAYLOAD;
}

static uint32_t next_unit(struct reader *r)
{
	uint32_t unit = r->unit;

	r->unit = unit + 1 < r->n_units ? unit + 1 : 0;
	r->first_slot = UNIT_FRAMES - r->first_slot;
	return unit;
}

/* ---- The contenders ------------------------------------------------------------- */

static void list_pages(struct reader *r, uint32_t unit)
{
	uint32_t left = UNIT_BYTES;

	for (uint32_t n = 0; n < UNIT_PAGES; n++) {
		uint32_t part = left < PAGE_TABLE_BYTES ? left :
							  PAGE_TABLE_BYTES;

		left -= part;
		r->descriptor[1 + n] = (struct descriptor){
			.address = pages_scattered(r->pages,
						   unit * UNIT_PAGES + n),
			.length = part,
			.command = left ? 0 : DESCRIPTOR_END,
		};
	}
}

static uint32_t fetch_unit(struct reader *r)
{
	uint32_t unit = next_unit(r);
	int n;

	if (r->base)
		r->descriptor[1].address =
			r->base + (uint64_t)unit * UNIT_STRIDE;
	else
		list_pages(r, unit);
	n = fetch_begin(r->fetch, r->pages->memory, &r->queue,
			&(struct fetch_request){
				.descriptors = r->descriptor,
				.n = r->n_descriptors,
				.link = TTO_LINK_ETHERNET,
			});
	if (n != UNIT_FRAMES)
		return 0;
	n = fetch_next(r->fetch, &r->slot[r->first_slot], UNIT_FRAMES);
	return n > 0 ? (uint32_t)n : 0;
}

static uint32_t copy_unit(struct reader *r)
{
	const uint8_t *from = r->pages->window.base + r->pages->bus +
			      (uint64_t)next_unit(r) * UNIT_STRIDE;

	for (uint32_t n = 0; n < UNIT_FRAMES; n++)
		memcpy(slot_payload(r, r->first_slot + n), from + n * MSS, MSS);
	return UNIT_FRAMES;
}

static uint32_t read_unit(struct reader *r)
{
	struct iovec local[UNIT_FRAMES], remote = {
		.iov_base = r->pages->window.base + r->pages->bus +
			    (uint64_t)next_unit(r) * UNIT_STRIDE,
		.iov_len = UNIT_BYTES,
	};

	for (uint32_t n = 0; n < UNIT_FRAMES; n++)
		local[n] = (struct iovec){
			slot_payload(r, r->first_slot + n), MSS,
		};
	return process_vm_readv(r->child, local, UNIT_FRAMES, &remote, 1, 0) ==
	       UNIT_BYTES ? UNIT_FRAMES : 0;
}

typedef uint32_t unit_fn(struct reader *r);

static ALWAYS_INLINE void run_units(struct reader *r, struct bench_run *run,
				    unit_fn *one)
{
	do {
		uint64_t frames = 0;

		bench_start(run);
		for (uint32_t i = 0; i < BATCH; i++)
			frames += one(r);
		bench_stop(run);
		run->items += frames;
		run->contained += frames;
		run->outputs += BATCH;
	} while (run->busy_ns < run->least_ns && run->items);
}

static void run_fetch(void *state, struct bench_run *run)
{
	run_units(state, run, fetch_unit);
}

static void run_copy(void *state, struct bench_run *run)
{
	run_units(state, run, copy_unit);
}

static void run_read(void *state, struct bench_run *run)
{
	run_units(state, run, read_unit);
}

/* ---- Setting them up --------------------------------------------------------------- */

static struct reader *new_reader(struct pages *p, uint32_t n_units)
{
	struct reader *r = calloc(1, sizeof(*r));
	uint8_t *header = p->window.base + p->header;
	uint32_t bytes = frame_header(header, false, false, true, UNIT_BYTES);

	if (!r || !(r->fetch = malloc(sizeof(*r->fetch))))
		exit(1);
	r->pages = p;
	r->n_units = n_units;
	r->slots = bench_memory(N_SLOTS * SLOT_BYTES);
	r->descriptor[0] = (struct descriptor){
		.address = p->header, .length = bytes, .mss = MSS,
	};
	for (uint32_t n = 0; n < N_SLOTS; n++)
		r->slot[n] = (struct tto_slot){
			.data = slot_payload(r, n) - bytes,
			.size = SLOT_BYTES - SLOT_PAYLOAD + bytes,
		};
	return r;
}

static void close_reader(void *state)
{
	struct reader *r = state;

	if (r->child > 0) {
		kill(r->child, SIGKILL);
		waitpid(r->child, NULL, 0);
	}
	bench_release(r->slots, N_SLOTS * SLOT_BYTES);
	free(r->fetch);
	free(r);
}

/* The payload of the frames is that of the unit, however it is addressed. */
static void check_fetch(struct bench *b, struct reader *r, const char *name)
{
	struct spans spans = { r->fetch->span, 0, FETCH_SPANS };
	struct gather g;
	struct memory_range range = {
		.address = PAGES_AT, .bytes = UNIT_BYTES,
		.domain = r->queue.domains[0], .is_virtual = true,
	};
	uint8_t *expected = malloc(UNIT_BYTES);
	bool right = expected && fetch_unit(r) == UNIT_FRAMES;
	uint32_t sum;
	uint64_t at;

	right = right && !memory_translate(r->pages->memory, &range, &spans,
					   &at);
	gather_begin(&g, spans.at, spans.n);
	right = right && !gather_copy(&g, UNIT_BYTES, expected,
				      checksum_select(NULL), &sum);
	for (uint32_t n = 0; n < UNIT_FRAMES && right; n++)
		right = !memcmp(slot_payload(r, r->first_slot + n),
				expected + n * MSS, MSS);
	if (!right)
		bench_fail(b, "%s: the frames are not right", name);
	free(expected);
	r->unit = 0;
}

static struct bench_case *add(struct bench *b, struct reader *r, bench_fn *run,
			      const char *name)
{
	struct bench_case *c = bench_add(b, "%s", name);

	if (!c) {
		close_reader(r);
		return NULL;
	}
	c->run = run;
	c->state = r;
	c->close = close_reader;
	c->item_bytes = MSS;
	c->ratio = UNIT_FRAMES;
	return c;
}

struct shape {
	const char *name;
	uint16_t command;
	enum pages_domain domain;
	bool list;		/* a descriptor for each page                   */
};

static void add_fetch(struct bench *b, struct pages *p, uint32_t n_units,
		      const struct shape *shape, const char *where)
{
	struct reader *r = new_reader(p, n_units);
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "fetch %s %s", shape->name, where);
	r->queue = (struct dma_queue){ { p->id[shape->domain] }, 1 };
	r->base = shape->command & DESCRIPTOR_VIRTUAL ? PAGES_AT : p->bus;
	r->n_descriptors = 2;
	if (shape->list) {
		r->base = 0;
		r->n_descriptors = 1 + UNIT_PAGES;
	}
	r->descriptor[1] = (struct descriptor){
		.base = p->map[shape->domain].root, .length = UNIT_BYTES,
		.command = shape->command | DESCRIPTOR_END,
	};
	check_fetch(b, r, name);
	add(b, r, run_fetch, name);
}

static void add_others(struct bench *b, struct pages *p, uint32_t n_units,
		       const char *where)
{
	struct reader *r = new_reader(p, n_units);
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "memcpy %s", where);
	add(b, r, run_copy, name);

	r = new_reader(p, n_units);
	r->child = fork();
	if (r->child == 0)
		for (;;)
			pause();
	snprintf(name, sizeof(name), "peer process_vm_readv %s", where);
	if (r->child > 0)
		add(b, r, run_read, name);
	else
		close_reader(r);
}

static void add_ratio(struct bench *b, const char *of, const char *to,
		      const char *where)
{
	char x[BENCH_NAME], y[BENCH_NAME];

	snprintf(x, sizeof(x), "%s %s", of, where);
	snprintf(y, sizeof(y), "%s %s", to, where);
	bench_ratio(b, x, y);
}

static void measure_fetch(struct bench *b, uint64_t bytes, uint32_t n_units,
			  const char *where)
{
	static const struct shape shapes[] = {
		{ "physical", 0, PAGES_4K, false },
		{ "virtual 4K", DESCRIPTOR_VIRTUAL, PAGES_4K, false },
		{ "virtual 2M", DESCRIPTOR_VIRTUAL, PAGES_2M, false },
		{ "physical scattered", 0, PAGES_SCATTERED, true },
		{ "virtual scattered", DESCRIPTOR_VIRTUAL, PAGES_SCATTERED,
		  false },
	};
	struct pages pages;

	pages_open(&pages, bytes);
	for (size_t n = 0; n < ARRAY_SIZE(shapes); n++)
		add_fetch(b, &pages, n_units, &shapes[n], where);
	add_others(b, &pages, n_units, where);
	bench_measure(b);
	pages_close(&pages);
	add_ratio(b, "fetch virtual 4K", "fetch physical", where);
	add_ratio(b, "fetch virtual 4K", "memcpy", where);
	add_ratio(b, "fetch virtual 4K", "peer process_vm_readv", where);
	add_ratio(b, "fetch virtual 2M", "fetch physical", where);
	add_ratio(b, "fetch virtual scattered", "fetch physical scattered",
		  where);
}

/* ---- Translation alone ---------------------------------------------------------------- */

struct translator {
	struct memory *memory;
	struct domain *domain;
	uint64_t first, step;	/* addresses                                    */
	uint32_t n;
	bool walks;
	uint64_t reached;	/* so that nothing is left out                  */
};

static void translate_all(struct translator *t)
{
	for (uint32_t n = 0; n < t->n; n++) {
		struct memory_range range = {
			.address = t->first + n * t->step, .bytes = 1,
			.domain = t->domain->id, .is_virtual = true,
		};
		struct iovec iov = { NULL, 0 };
		struct spans spans = { &iov, 0, 1 };
		struct walk w;
		uint64_t at;

		if (t->walks) {
			t->reached += !walk(&t->memory->bus, t->domain,
					    range.address, false, &w);
			continue;
		}
		t->reached += !memory_translate(t->memory, &range, &spans, &at);
	}
}

static void run_translation(void *state, struct bench_run *run)
{
	struct translator *t = state;
	uint32_t rounds = 65536 / t->n;

	do {
		uint64_t before = t->reached;

		bench_start(run);
		for (uint32_t n = 0; n < rounds; n++)
			translate_all(t);
		bench_stop(run);
		run->items += t->reached - before;
	} while (run->busy_ns < run->least_ns && run->items);
}

static void add_translation(struct bench *b, const char *name,
			    const struct translator *like)
{
	struct bench_case *c = bench_add(b, "%s", name);
	struct translator *t = malloc(sizeof(*t));

	if (!t)
		exit(1);
	*t = *like;
	if (!c) {
		free(t);
		return;
	}
	c->run = run_translation;
	c->state = t;
	c->close = free;
}

static void measure_translation(struct bench *b)
{
	struct pages pages;
	struct translator t;

	pages_open(&pages, MISS_PAGES * PAGE_TABLE_BYTES);
	t = (struct translator){
		.memory = pages.memory, .first = PAGES_AT, .n = 64,
		.domain = &pages.memory->domains[pages.id[PAGES_4K]],
		.step = PAGE_TABLE_BYTES,
	};
	add_translation(b, "translate 4K hit", &t);
	t.n = MISS_PAGES;
	add_translation(b, "translate 4K miss", &t);
	t.walks = true;
	add_translation(b, "walk 4K", &t);
	t.domain = &pages.memory->domains[pages.id[PAGES_2M]];
	add_translation(b, "walk 2M", &t);
	t.walks = false;
	t.n = 64;
	add_translation(b, "translate 2M hit", &t);
	bench_measure(b);
	pages_close(&pages);
}

int main(int argc, char **argv)
{
	static struct bench b;

	bench_open(&b, argc, argv);
	b.item_unit = "ns/page";
	b.ratio_name = "frames/unit";
	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(&b, notes[n]);
	measure_fetch(&b, CACHED_BYTES, CACHED_UNITS, "cache");
	measure_fetch(&b, DRAM_BYTES, (uint32_t)(DRAM_BYTES / UNIT_STRIDE),
		      "DRAM");
	measure_translation(&b);
	return bench_report(&b);
}
