// SPDX-License-Identifier: BSD-2-Clause
/*
 * walk_test.c - Walks of random and hostile page tables (SPEC TX-3)
 *
 * A small part of the bus is filled with tables whose entries lead to each
 * other, to themselves, to pages of every size and to nowhere. The reference
 * walks a copy, and marks it: both have to stay the same. Some entries change
 * before each walk, so that no two walk the same tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "nic/memory_reference.h"
#include "nic/transmit_model.h"

#define PAGES 64
#define BYTES (PAGES * 4096)
#define SCENES 100
#define ADDRESSES 10000
#define MUTATIONS 4		/* between two walks                            */
#define MIB (1ull << 20)
#define GIB (1ull << 30)

static uint8_t real[BYTES] __attribute__((aligned(4096)));
static uint8_t copy[BYTES] __attribute__((aligned(4096)));
static uint64_t seed;
static uint64_t n_faults[DMA_N_FAULTS], n_shifts[PAGE_N_FORMATS][64];
static uint64_t n_near, n_run[2];	/* pages that followed: none, some      */

static struct extent extents[] = {
	{ 0, 24 * 4096, EXTENT_TABLE | EXTENT_TABLE_MARKS, 0 },
	{ 24 * 4096, 40 * 4096, EXTENT_TABLE, 0 },
	{ 40 * 4096, 50 * 4096, EXTENT_TABLE | EXTENT_TABLE_MARKS |
				EXTENT_READ | EXTENT_WRITE, 0 },
	{ 52 * 4096, 60 * 4096, EXTENT_READ, 0 },
	{ 4 * MIB, 12 * MIB, EXTENT_READ | EXTENT_WRITE, 0 },
	{ 14 * MIB, 16 * MIB, EXTENT_READ, 0 },
	{ GIB, 3 * GIB, EXTENT_READ | EXTENT_WRITE, 0 },
	{ 4 * GIB, 7 * GIB - 4096, EXTENT_READ, 0 },
	{ 512 * GIB, 514 * GIB, EXTENT_READ | EXTENT_WRITE, 0 },
};

static uint64_t rng64(struct rng *r)
{
	uint64_t v = rng_below(r, 1u << 24);

	v = v << 24 ^ rng_below(r, 1u << 24);
	return v << 24 ^ rng_below(r, 1u << 24);
}

/* Somewhere in an extent, or up to a page behind it. */
static uint64_t any_page(struct rng *r)
{
	const struct extent *e =
		&extents[rng_below(r, sizeof(extents) / sizeof(*extents))];

	return e->start + rng64(r) % ((e->end - e->start) / 4096 + 1) * 4096;
}

static uint64_t any_flags(struct rng *r)
{
	uint64_t flags = rng64(r) & 0xf7f;

	flags |= rng_chance(r, 16) ? 0 : PTE_PRESENT;
	flags |= rng_chance(r, 10) ? 0 : PTE_USER;
	return flags | (rng_chance(r, 10) ? 0 : PTE_WRITABLE);
}

static uint64_t large_entry(struct rng *r, uint8_t format)
{
	uint64_t at = any_page(r);

	if (format == PAGE_FORMAT_IA32)
		return PTE_LARGE | (at & 0xffc00000) | (at >> 32 & 255) << 13 |
		       (rng64(r) & 0x1000) | (rng_chance(r, 20) ? 1u << 21 : 0);
	at &= rng_chance(r, 2) ? ~(GIB - 1) : ~(2 * MIB - 1);
	return PTE_LARGE | at | (rng64(r) & 0x1000) |
	       (rng_chance(r, 20) ? rng64(r) & 0x3fffe000 : 0);
}

static uint64_t any_entry(struct rng *r, uint8_t format)
{
	uint64_t e = any_flags(r);

	switch (rng_below(r, 16)) {
	case 0: return rng64(r);
	case 1: case 2: case 3: e |= large_entry(r, format); break;
	case 4: case 5: e |= any_page(r) | (rng64(r) & PTE_LARGE); break;
	default: e |= rng_below(r, PAGES) * 4096ull;
	}
	if (rng_chance(r, 3))
		e |= rng64(r) & 0xfff0000000000000;
	if (rng_chance(r, 40))
		e |= 1ull << (48 + rng_below(r, 4));
	return e;
}

static uint32_t width_of(uint8_t format)
{
	return format == PAGE_FORMAT_IA32 ? 4 : 8;
}

static void fill(struct rng *r, uint8_t format)
{
	uint32_t width = width_of(format);

	for (uint32_t at = 0; at < BYTES; at += width) {
		uint64_t e = any_entry(r, format);

		memcpy(real + at, &e, width);
	}
	memcpy(copy, real, BYTES);
}

/* New entries at a place: one, or several that follow each other. */
static void mutate(struct rng *r, uint8_t format)
{
	uint32_t width = width_of(format);
	uint32_t at = rng_below(r, BYTES / width) * width;
	uint32_t n = rng_chance(r, 16) ? 2 + rng_below(r, 30) : 1;
	uint64_t e = any_entry(r, format), size = 4096;

	if (e & PTE_LARGE)
		size = format == PAGE_FORMAT_IA32 ? 4 * MIB :
		       rng_chance(r, 2) ? 2 * MIB : GIB;
	for (; n > 0 && at < BYTES; n--, at += width, e += size) {
		memcpy(real + at, &e, width);
		memcpy(copy + at, &e, width);
	}
}

static uint64_t canonical(uint64_t a, uint8_t format)
{
	return format == PAGE_FORMAT_IA32 ? (uint32_t)a :
					    (uint64_t)((int64_t)(a << 16) >> 16);
}

static uint64_t any_address(struct rng *r, uint8_t format)
{
	uint64_t a = rng64(r);

	if (rng_chance(r, 50))		/* every width, also just too wide */
		return a >> rng_below(r, 64);
	return canonical(a, format);
}

/* Whatever was asked of the tables, and how to say so. */
struct question {
	const char *what;
	uint64_t address;
	bool write;
};

static void check(const struct question *q, bool ok, const char *property)
{
	if (!ok)
		fail_msg("seed %ju, %s %#jx %s: %s", (uintmax_t)seed, q->what,
			 (uintmax_t)q->address, q->write ? "write" : "read",
			 property);
}

static void compare_steps(const struct question *q, const struct domain *d,
			  const struct walk *got, const struct reference *want)
{
	const struct page_layout *l = &page_layouts[d->format];
	uint32_t width = width_of(d->format);

	check(q, got->n_steps == want->n_steps, "n_steps");
	for (uint32_t n = 0; n < want->n_steps; n++) {
		const struct walk_step *s = &got->steps[n];
		uint64_t entry = 0;

		memcpy(&entry, copy + want->at[n], width);
		check(q, s->address == want->at[n], "address of a step");
		check(q, s->level == l->levels - 1 - n, "level of a step");
		check(q, s->index == want->at[n] % 4096 / width, "index");
		check(q, ((s->entry ^ entry) &
			  ~(uint64_t)(PTE_ACCESSED | PTE_DIRTY)) == 0, "entry");
		check(q, memcmp(real + want->at[n], copy + want->at[n],
				width) == 0, "marks");
	}
}

static void compare(const struct question *q, const struct domain *d,
		    enum dma_fault fault, const struct walk *got,
		    const struct reference *want)
{
	if (fault != want->fault)
		fail_msg("seed %ju, %s %#jx %s: %s, not %s", (uintmax_t)seed,
			 q->what, (uintmax_t)q->address,
			 q->write ? "write" : "read", dma_fault_name(fault),
			 dma_fault_name(want->fault));
	n_faults[fault]++;
	compare_steps(q, d, got, want);
	if (fault != DMA_FAULT_NONE)
		return;
	check(q, got->address == q->address, "address");
	check(q, got->page == want->page, "page");
	check(q, got->shift == want->shift, "shift");
	check(q, got->writable == want->writable, "writable");
	check(q, got->dirty == want->dirty, "dirty");
	n_shifts[d->format][got->shift]++;
}

/* A page that walk_run() has promised. */
static void compare_next(const struct bus *bus, const struct domain *d,
			 const struct walk *w, bool write, uint64_t n)
{
	struct question q = { "page of a run", w->address + (n << w->shift),
			      write };
	struct reference want = reference_walk(copy, d, q.address, write);
	struct walk got;

	check(&q, want.fault == DMA_FAULT_NONE, "has a fault");
	check(&q, want.page == w->page + (n << w->shift), "page");
	check(&q, want.shift == w->shift && want.writable == w->writable &&
		  want.dirty == w->dirty, "size or rights");
	for (uint32_t k = 0; k < want.n_steps; k++)	/* has no new marks */
		check(&q, memcmp(real + want.at[k], copy + want.at[k],
				 width_of(d->format)) == 0, "marks");
	compare(&q, d, walk(bus, d, q.address, write, &got), &got, &want);
}

/* Whether the run of @n pages could have been longer, by its entries. */
static bool goes_on(const struct domain *d, const struct walk *w, uint64_t n)
{
	const struct walk_step *s = &w->steps[w->n_steps - 1];
	uint32_t width = width_of(d->format);
	uint64_t end = w->page + ((n + 2) << w->shift), first = 0, next = 0;

	if (s->index + n + 1 >= 4096 / width || end > w->extent->end)
		return false;
	memcpy(&first, copy + s->address, width);
	memcpy(&next, copy + s->address + (n + 1) * width, width);
	return next == first + ((n + 1) << w->shift);
}

static void compare_run(struct rng *r, const struct bus *bus,
			const struct domain *d, const struct walk *w,
			bool write)
{
	struct question q = { "walk_run", w->address, write };
	uint64_t max = rng_below(r, 20);
	uint64_t n = walk_run(bus, d, w, max);

	check(&q, n <= max, "more than asked");
	check(&q, n == max || !goes_on(d, w, n), "less than there are");
	if (max > 0)
		n_run[n > 0]++;
	for (uint64_t k = 1; k <= n; k++)
		compare_next(bus, d, w, write, k);
}

/* Near or far; other pages of the same table mostly. */
static uint64_t address_after(struct rng *r, const struct walk *w,
			      uint8_t format)
{
	uint64_t a = w->address;

	if (rng_chance(r, 4))
		return any_address(r, format);
	return canonical(a ^ (rng64(r) & ((512ull << w->shift) - 1)), format);
}

static void compare_on(struct rng *r, const struct bus *bus,
		       const struct domain *d, struct walk *w)
{
	struct question q = { "walk_on", address_after(r, w, d->format),
			      rng_chance(r, 2) };
	struct reference want = reference_walk(copy, d, q.address, q.write);
	enum dma_fault fault;

	n_near += walk_is_near(&page_layouts[d->format], w, q.address);
	fault = walk_on(bus, d, q.address, q.write, w);
	compare(&q, d, fault, w, &want);
	if (fault == DMA_FAULT_NONE)
		compare_run(r, bus, d, w, q.write);
}

static void one_walk(struct rng *r, const struct bus *bus, struct domain *d)
{
	struct question q = { "walk", any_address(r, d->format),
			      rng_chance(r, 2) };
	struct reference want;
	struct walk w;
	enum dma_fault fault;

	for (uint32_t n = 0; n < MUTATIONS; n++)
		mutate(r, d->format);
	d->pdbr = rng_below(r, rng_chance(r, 20) ? PAGES : 50) * 4096;
	want = reference_walk(copy, d, q.address, q.write);
	fault = walk(bus, d, q.address, q.write, &w);
	compare(&q, d, fault, &w, &want);
	if (fault == DMA_FAULT_NONE && rng_chance(r, 2))
		compare_run(r, bus, d, &w, q.write);
	if (fault == DMA_FAULT_NONE)
		compare_on(r, bus, d, &w);
}

static void census(void)
{
	print_message("seeds 1..%u; walk_on nearby %ju; runs %ju of %ju\n",
		      SCENES, (uintmax_t)n_near, (uintmax_t)n_run[1],
		      (uintmax_t)(n_run[0] + n_run[1]));
	for (uint32_t f = 0; f < DMA_N_FAULTS; f++)
		if (n_faults[f])
			print_message("%s %ju\n", dma_fault_name(f),
				      (uintmax_t)n_faults[f]);
	for (uint32_t f = 0; f < PAGE_N_FORMATS; f++)
		for (uint32_t s = 0; s < 64; s++)
			if (n_shifts[f][s])
				print_message("%s 2^%u %ju\n",
					      page_layouts[f].name, s,
					      (uintmax_t)n_shifts[f][s]);
}

static void check_census(void)
{
	census();
	for (uint32_t f = 0; f <= DMA_FAULT_TABLE_UNREACHABLE; f++)
		assert_true(n_faults[f] > 100);
	assert_true(n_shifts[PAGE_FORMAT_IA32][12] > 100);
	assert_true(n_shifts[PAGE_FORMAT_IA32][22] > 100);
	assert_true(n_shifts[PAGE_FORMAT_X86_64][12] > 100);
	assert_true(n_shifts[PAGE_FORMAT_X86_64][21] > 100);
	assert_true(n_shifts[PAGE_FORMAT_X86_64][30] > 100);
	assert_true(n_near > 1000 && n_run[1] > 1000);
}

static void tx_3_walks_of_a_million_hostile_tables(void **state)
{
	struct bus bus = { real, 1ull << 48 };

	(void)state;
	for (seed = 1; seed <= SCENES; seed++) {
		struct rng r = { seed * 0x9e3779b97f4a7c15 };
		struct domain d = {
			.extents = extents, .in_use = true,
			.n_extents = sizeof(extents) / sizeof(*extents),
			.format = seed & 1,
		};

		d.max_extents = d.n_extents;
		fill(&r, d.format);
		for (uint32_t n = 0; n < ADDRESSES; n++) {
			one_walk(&r, &bus, &d);
			if (n % 500 == 0 && memcmp(real, copy, BYTES))
				fail_msg("seed %ju: other marks than those of the "
					 "reference", (uintmax_t)seed);
		}
		assert_memory_equal(real, copy, BYTES);
	}
	check_census();
}

/* ---- Tables that change while they are walked -------------------------------- */

#define CHANGED 0x1000		/* table whose first entry changes              */
#define CHANGES 20000		/* and until each state was seen                */
#define SECONDS 3		/* or that is over: threads may get little time */

/* At level 1 of x86-64: nothing, large pages, tables with one page. */
static const uint64_t states[] = {
	0,
	4 * MIB | PTE_LARGE | PTE_PRESENT | PTE_USER | PTE_WRITABLE,
	6 * MIB | PTE_LARGE | PTE_PRESENT | PTE_USER,
	0x4000 | PTE_PRESENT | PTE_USER | PTE_WRITABLE,
	0x5000 | PTE_PRESENT | PTE_WRITABLE,
	8 * MIB | PTE_LARGE | PTE_PRESENT | PTE_USER | PTE_WRITABLE | 1 << 13,
};
#define N_STATES (sizeof(states) / sizeof(*states))

/* What a walk that finds no fault may mark in each. */
static const uint64_t may_mark[N_STATES] = {
	0, PTE_ACCESSED | PTE_DIRTY, PTE_ACCESSED, PTE_ACCESSED,
};

static _Atomic bool stop;
static _Atomic uint32_t n_changes, n_wrong;

static void put(uint64_t at, uint64_t entry)
{
	memcpy(real + at, &entry, 8);
}

/* What it takes out is what it put in, but for marks. */
static void *change(void *unused)
{
	struct rng r = { 77 };
	uint64_t *at = (uint64_t *)(void *)(real + CHANGED);
	uint32_t last = 0;

	(void)unused;
	while (!atomic_load(&stop)) {
		uint32_t next = rng_below(&r, N_STATES);
		uint64_t was = __atomic_exchange_n(at, states[next],
						   __ATOMIC_ACQ_REL);

		if ((was & ~may_mark[last]) != states[last])
			atomic_fetch_add(&n_wrong, 1);
		last = next;
		if (atomic_fetch_add(&n_changes, 1) % 16 == 0)
			sched_yield();
	}
	return NULL;
}

/* Which state a result belongs to; N_STATES: none. */
static uint32_t state_of(enum dma_fault fault, const struct walk *w, bool write)
{
	switch (fault) {
	case DMA_FAULT_NOT_PRESENT: return 0;
	case DMA_FAULT_SUPERVISOR: return 4;
	case DMA_FAULT_RESERVED: return 5;
	case DMA_FAULT_READ_ONLY: return write ? 2 : N_STATES;
	case DMA_FAULT_NONE: break;
	default: return N_STATES;
	}
	if (w->page == 4 * MIB && w->shift == 21 && w->writable)
		return 1;
	if (w->page == 6 * MIB && w->shift == 21 && !w->writable && !write)
		return 2;
	return w->page == 10 * MIB && w->shift == 12 && w->writable ?
	       3 : N_STATES;
}

static void changing_tables(void)
{
	memset(real, 0, BYTES);
	put(0x3000, 0x2000 | PTE_PRESENT | PTE_USER | PTE_WRITABLE);
	put(0x2000, CHANGED | PTE_PRESENT | PTE_USER | PTE_WRITABLE);
	put(0x4000, (10 * MIB) | PTE_PRESENT | PTE_USER | PTE_WRITABLE);
	put(0x5000, (10 * MIB) | PTE_PRESENT | PTE_USER | PTE_WRITABLE);
}

static uint64_t n_seen[N_STATES], n_contended;

static void walk_while_changing(const struct bus *bus, const struct domain *d,
				bool write)
{
	struct walk w;
	enum dma_fault fault = walk(bus, d, 123, write, &w);
	uint32_t which = state_of(fault, &w, write);

	if (fault == DMA_FAULT_CONTENDED)
		n_contended++;
	else if (which < N_STATES)
		n_seen[which]++;
	else
		atomic_fetch_add(&n_wrong, 1);
}

static time_t begun;

static bool seen_enough(void)
{
	if (atomic_load(&n_wrong) || time(NULL) > begun + SECONDS)
		return true;
	for (uint32_t n = 0; n < N_STATES; n++)
		if (n_seen[n] < 20)
			return false;
	return atomic_load(&n_changes) >= CHANGES;
}

static void tx_3_changing_tables_give_one_of_their_states(void **state)
{
	struct bus bus = { real, 1ull << 48 };
	struct domain d = { .pdbr = 0x3000, .extents = extents, .in_use = true,
			    .n_extents = sizeof(extents) / sizeof(*extents),
			    .format = PAGE_FORMAT_X86_64 };
	uint64_t unmarked;
	pthread_t thread;

	(void)state;
	changing_tables();
	memcpy(&unmarked, real + 0x5000, 8);
	begun = time(NULL);
	assert_int_equal(pthread_create(&thread, NULL, change, NULL), 0);
	for (uint32_t n = 0; !seen_enough(); n++)
		walk_while_changing(&bus, &d, n & 1);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	for (uint32_t n = 0; n < N_STATES; n++)
		print_message("state %u: %ju\n", n, (uintmax_t)n_seen[n]);
	print_message("contended: %ju\n", (uintmax_t)n_contended);
	assert_int_equal(n_wrong, 0);
	assert_memory_equal(real + 0x5000, &unmarked, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_3_walks_of_a_million_hostile_tables),
		cmocka_unit_test(tx_3_changing_tables_give_one_of_their_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
