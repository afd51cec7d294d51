// SPDX-License-Identifier: BSD-2-Clause
/*
 * page_map_test.c - Building page tables (SPEC TX-3, TX-4)
 *
 * Random ranges are mapped, unmapped and protected; a sorted list of what should
 * be mapped is compared with walks of the tables, at the edges of everything and
 * between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/memory/page_map.h"
#include "nic/memory_reference.h"
#include "nic/transmit_model.h"

#define SEEDS 300
#define STEPS 60
#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define POOL_START 4096ull
#define POOL_BYTES (64 * MIB)
#define MAX_PIECES 4096

static uint8_t memory[POOL_START + POOL_BYTES] __attribute__((aligned(4096)));
static const struct bus bus = { memory, 1ull << 47 };
static struct extent extents[] = {
	{ POOL_START, POOL_START + POOL_BYTES,
	  EXTENT_TABLE | EXTENT_TABLE_MARKS, 0 },
	{ 128 * MIB, 1ull << 47, EXTENT_READ | EXTENT_WRITE, 0 },
};

/* ---- The model ------------------------------------------------------------- */

struct piece {			/* what is mapped alike                         */
	uint64_t first, last;	/* virtual addresses                            */
	uint64_t to;		/* bus address of the first                     */
	uint32_t rights;
};

struct scene {
	uint64_t seed;
	uint32_t step;
	struct rng rng;
	struct page_pool pool;
	struct page_map map;
	struct domain domain;
	uint32_t n;
	struct piece pieces[MAX_PIECES];	/* in no order                  */
};

/* What a step does. */
struct change {
	uint64_t address, bytes, to;
	uint32_t rights;
};

static uint64_t n_results[3][3], n_shifts[PAGE_N_FORMATS][64];
static uint64_t n_splits;

static void check(const struct scene *s, bool ok, const char *what,
		  uint64_t address)
{
	if (!ok)
		fail_msg("seed %ju, step %u: %s at %#jx", (uintmax_t)s->seed,
			 s->step, what, (uintmax_t)address);
}

static const struct piece *find_piece(const struct scene *s, uint64_t a)
{
	for (uint32_t n = 0; n < s->n; n++)
		if (s->pieces[n].first <= a && a <= s->pieces[n].last)
			return &s->pieces[n];
	return NULL;
}

static bool overlaps(const struct scene *s, const struct change *c)
{
	uint64_t last = c->address + c->bytes - 1;

	for (uint32_t n = 0; n < s->n; n++)
		if (s->pieces[n].first <= last &&
		    c->address <= s->pieces[n].last)
			return true;
	return false;
}

static void add_piece(struct scene *s, uint64_t first, uint64_t last,
		      uint64_t to, uint32_t rights)
{
	assert_true(s->n < MAX_PIECES);
	s->pieces[s->n++] = (struct piece){ first, last, to, rights };
}

/* Takes a range out of the pieces; with @keep it comes back, protected. */
static void cut(struct scene *s, const struct change *c, bool keep)
{
	uint64_t first = c->address, last = c->address + c->bytes - 1;
	uint32_t n = c->bytes ? s->n : 0;

	while (n-- > 0) {
		struct piece p = s->pieces[n];
		uint64_t from = p.first > first ? p.first : first;
		uint64_t until = p.last < last ? p.last : last;

		if (from > until)
			continue;
		s->pieces[n] = s->pieces[--s->n];
		if (p.first < from)
			add_piece(s, p.first, from - 1, p.to, p.rights);
		if (p.last > until)
			add_piece(s, until + 1, p.last,
				  p.to + (until + 1 - p.first), p.rights);
		if (keep)
			add_piece(s, from, until, p.to + (from - p.first),
				  c->rights);
	}
}

/* ---- Comparing --------------------------------------------------------------- */

static enum dma_fault expected(const struct piece *p, bool write)
{
	if (!p)
		return DMA_FAULT_NOT_PRESENT;
	if (p->rights & PAGE_SUPERVISOR)
		return DMA_FAULT_SUPERVISOR;
	return write && !(p->rights & PAGE_WRITE) ? DMA_FAULT_READ_ONLY :
						    DMA_FAULT_NONE;
}

static void check_address(struct scene *s, uint64_t a)
{
	const struct piece *p = find_piece(s, a);
	bool write = rng_chance(&s->rng, 2);
	uint64_t offset;
	struct walk w;
	enum dma_fault fault = walk(&bus, &s->domain, a, write, &w);

	if (!page_is_canonical(&page_layouts[s->map.format], a))
		return;
	check(s, fault == expected(p, write), dma_fault_name(fault), a);
	if (fault)
		return;
	offset = a & ((1ull << w.shift) - 1);
	check(s, w.page + offset == p->to + (a - p->first), "bus address", a);
	check(s, w.writable == (p->rights & PAGE_WRITE), "writable", a);
	n_shifts[s->map.format][w.shift]++;
}

static void check_all(struct scene *s)
{
	for (uint32_t n = 0; n < s->n; n++) {
		struct piece p = s->pieces[n];

		check_address(s, p.first);
		check_address(s, p.last);
		check_address(s, p.first - 1);
		check_address(s, p.last + 1);
		check_address(s, p.first + (p.last - p.first) / 4096 / 3 * 4096);
	}
}

/* log2 of the page at @a; 0: none. */
static uint32_t shift_at(const struct scene *s, uint64_t a)
{
	struct walk w;

	if (walk(&bus, &s->domain, a, false, &w) && w.shift == 0)
		return 0;
	return w.shift;
}

/* The largest page around @a that lies in a range and is aligned on the bus. */
static uint32_t largest_page(const struct scene *s, const struct change *c,
			     uint64_t a)
{
	static const uint32_t shifts[2][3] = { { 22, 12 }, { 30, 21, 12 } };
	const uint32_t *shift = shifts[s->map.format];

	for (; *shift > 12; shift++) {
		uint64_t size = 1ull << *shift, start = a & ~(size - 1);

		if (*shift <= s->map.largest && start >= c->address &&
		    start - c->address + size <= c->bytes &&
		    (c->to + (start - c->address)) % size == 0)
			break;
	}
	return *shift;
}

static void check_sizes(struct scene *s, const struct change *c)
{
	for (uint32_t n = 0; n < 40; n++) {
		uint64_t pages = c->bytes / 4096, a = c->address;

		if (n == 1)
			a += c->bytes - 4096;
		else if (n < 20)
			a += rng_below(&s->rng, (uint32_t)pages) * 4096ull;
		else	/* where sizes change */
			a += rng_below(&s->rng, 1024) % pages * 4096;
		check(s, shift_at(s, a) == largest_page(s, c, a), "size", a);
		check_address(s, a);
	}
}

/* ---- Steps ------------------------------------------------------------------- */

static uint64_t any_length(struct rng *r, bool small)
{
	switch (rng_below(r, small ? 3 : 6)) {
	case 0: return 4096;
	case 1: return (1 + rng_below(r, 700)) * 4096ull;
	case 2: return (1 + rng_below(r, 4)) * 2 * MIB;
	case 3: return (1 + rng_below(r, 2)) * GIB;
	case 4: return (1 + rng_below(r, 600000)) * 4096ull;
	default: return (1 + rng_below(r, 12)) * 4 * MIB + 4096;
	}
}

/* Aligned to 4 KiB, 2 MiB, 4 MiB or 1 GiB. */
static uint64_t align_any(struct rng *r, uint64_t a)
{
	static const uint64_t sizes[] = { 4 * KIB, 2 * MIB, 4 * MIB, GIB };

	return a & ~(sizes[rng_below(r, 4)] - 1);
}

/* Clustered, so that steps meet each other; in both halves of x86-64. */
static uint64_t any_address(struct scene *s)
{
	struct rng *r = &s->rng;
	uint64_t a = rng_below(r, 1u << 20) * 4096ull;

	if (s->n > 0 && rng_chance(r, 2)) {
		const struct piece *p = &s->pieces[rng_below(r, s->n)];

		a = rng_chance(r, 2) ? p->first : p->last + 1;
		a += rng_below(r, 5) * 4096ull - 2 * 4096;
	}
	if (s->map.format == PAGE_FORMAT_IA32)
		return align_any(r, (uint32_t)a);
	if (s->n == 0 || rng_chance(r, 4))
		a |= rng_chance(r, 2) ? 0xffff800000000000 : 0x7fff00000000;
	return align_any(r, (uint64_t)((int64_t)(a << 16) >> 16));
}

static struct change any_change(struct scene *s)
{
	struct rng *r = &s->rng;
	struct change c = { .address = any_address(s) };
	uint64_t room = s->map.format == PAGE_FORMAT_IA32 ? 4 * GIB : 64 * GIB;

	c.bytes = any_length(r, s->pool.end < POOL_BYTES);
	if (s->map.format == PAGE_FORMAT_IA32 && c.bytes > 2 * GIB)
		c.bytes = 2 * GIB;
	room -= c.bytes + GIB;
	c.to = align_any(r, GIB + rng_below(r, (uint32_t)(room / 4096)) * 4096ull);
	if (rng_chance(r, 2))	/* as aligned as the other address */
		c.to = (c.to & ~(GIB - 1)) | (c.address & (GIB - 1));
	if (c.to + c.bytes > room + c.bytes + GIB)
		c.to -= GIB;
	c.rights = rng_below(r, 8) ? rng_below(r, 2) : rng_below(r, 4);
	return c;
}

/* Whether the format has all addresses of a range, in one half. */
static bool can_be(const struct scene *s, const struct change *c)
{
	uint64_t last = c->address + c->bytes - 1;

	if (last < c->address)
		return false;
	if (s->map.format == PAGE_FORMAT_IA32)
		return last < 4 * GIB;
	return last < 1ull << 47 || c->address >= 0ull - (1ull << 47);
}

static uint32_t result_of(int err)
{
	return err == 0 ? 0 : err == -ENOMEM ? 1 : 2;
}

static void step_map(struct scene *s, const struct change *c)
{
	uint32_t n_used = s->pool.n_used;
	int err = page_map_map(&s->map, c->address, c->to, c->bytes, c->rights);

	n_results[0][result_of(err)]++;
	if (!can_be(s, c))
		check(s, err == -EINVAL, "no -EINVAL", c->address);
	else if (overlaps(s, c))
		check(s, err == -EEXIST, "no -EEXIST", c->address);
	else if (s->pool.end >= POOL_BYTES)
		check(s, err == 0, "no 0", c->address);
	else
		check(s, err == 0 || err == -ENOMEM, "no 0", c->address);
	if (err) {
		check(s, s->pool.n_used == n_used, "n_used", c->address);
		return;
	}
	add_piece(s, c->address, c->address + c->bytes - 1, c->to, c->rights);
	check_sizes(s, c);
}

/* Bytes of a range that are as after the change: the rest is as before. */
static uint64_t bytes_done(struct scene *s, const struct change *c, bool keep)
{
	uint64_t n = 0;

	for (; n < c->bytes; n += 4096) {
		const struct piece *p = find_piece(s, c->address + n);
		struct walk w;
		enum dma_fault fault;

		if (!p || (keep && p->rights == c->rights))
			continue;
		fault = walk(&bus, &s->domain, c->address + n, true, &w);
		if (fault != (keep ? expected(&(struct piece){
					.rights = c->rights }, true) :
				     DMA_FAULT_NOT_PRESENT))
			break;
	}
	return n;
}

/* A page whose part changes is split no further than it has to be. */
static void check_split(struct scene *s, const struct change *c, uint64_t a,
			uint32_t before)
{
	uint32_t shift = before, now = shift_at(s, a);

	if (before == 0 || !page_is_canonical(&page_layouts[s->map.format], a))
		return;
	for (; shift > 12; shift = shift == 30 ? 21 : 12) {
		uint64_t start = a >> shift << shift;
		uint64_t last = start + ((1ull << shift) - 1);

		if (last < c->address || start > c->address + c->bytes - 1)
			break;
	}
	n_splits += shift < before;
	check(s, now == shift, "size after a split", a);
}

static void step_cut(struct scene *s, struct change *c, bool keep)
{
	uint64_t before = c->address - 4096, behind = c->address + c->bytes;
	uint32_t shift[2] = { shift_at(s, before), shift_at(s, behind) };
	int err = keep ? page_map_protect(&s->map, c->address, c->bytes,
					  c->rights) :
			 page_map_unmap(&s->map, c->address, c->bytes);

	n_results[1 + keep][result_of(err)]++;
	if (!can_be(s, c)) {
		check(s, err == -EINVAL, "no -EINVAL", c->address);
		return;
	}
	check(s, err == 0 || (err == -ENOMEM && s->pool.end < POOL_BYTES),
	      "error", c->address);
	if (err)
		c->bytes = bytes_done(s, c, keep);
	cut(s, c, keep);
	if (err)
		return;
	check_split(s, c, before, shift[0]);
	check_split(s, c, behind, shift[1]);
}

static void one_step(struct scene *s)
{
	struct change c = any_change(s), whole;

	switch (rng_below(&s->rng, 4)) {
	case 0: case 1:
		step_map(s, &c);
		break;
	default:
		whole = c;
		step_cut(s, &c, rng_chance(&s->rng, 2));
		for (uint32_t n = 0; n < 30; n++)
			check_address(s, whole.address + rng_below(&s->rng,
				(uint32_t)(whole.bytes / 4096)) * 4096ull);
	}
	check_all(s);
	if (rng_chance(&s->rng, 4))
		page_pool_reclaim(&s->pool);
}

static void scene_begin(struct scene *s, uint64_t seed, uint64_t tables)
{
	memset(s, 0, offsetof(struct scene, pieces));
	s->seed = seed;
	s->rng = (struct rng){ seed * 0x9e3779b97f4a7c15 };
	page_pool_init(&s->pool, &bus, POOL_START, tables * 4096);
	assert_int_equal(page_map_init(&s->map, &s->pool, seed & 1), 0);
	s->domain = (struct domain){ .pdbr = s->map.root, .extents = extents,
				     .n_extents = 2, .max_extents = 2,
				     .format = seed & 1, .in_use = true };
}

static void scene_end(struct scene *s)
{
	page_map_clear(&s->map);
	assert_int_equal(s->pool.n_used, 0);
	page_pool_reclaim(&s->pool);
	assert_int_equal(s->pool.n_freed, 0);
}

static void print_census(void)
{
	static const char *const names[] = { "map", "unmap", "protect" };

	for (uint32_t n = 0; n < 3; n++)
		print_message("%s: %ju, no memory %ju, refused %ju\n", names[n],
			      (uintmax_t)n_results[n][0],
			      (uintmax_t)n_results[n][1],
			      (uintmax_t)n_results[n][2]);
	for (uint32_t f = 0; f < PAGE_N_FORMATS; f++)
		for (uint32_t k = 0; k < 64; k++)
			if (n_shifts[f][k])
				print_message("%s 2^%u: %ju\n",
					      page_layouts[f].name, k,
					      (uintmax_t)n_shifts[f][k]);
	print_message("splits: %ju\n", (uintmax_t)n_splits);
}

static void run(uint64_t tables, uint64_t seeds)
{
	static struct scene s;

	memset(n_results, 0, sizeof(n_results));
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		scene_begin(&s, seed, tables ? tables : 1 + seed % 20);
		for (s.step = 0; s.step < STEPS; s.step++)
			one_step(&s);
		scene_end(&s);
	}
	print_census();
}

static void tx_3_maps_are_what_was_mapped(void **state)
{
	(void)state;
	run(POOL_BYTES / 4096, SEEDS);
	for (uint32_t n = 0; n < 3; n++) {
		assert_true(n_results[n][0] > 100);
		assert_int_equal(n_results[n][1], 0);
		assert_true(n_results[n][2] > 10);
	}
	assert_true(n_shifts[PAGE_FORMAT_IA32][22] > 100 && n_splits > 100);
	assert_true(n_shifts[PAGE_FORMAT_X86_64][21] > 100);
	assert_true(n_shifts[PAGE_FORMAT_X86_64][30] > 100);
}

static void tx_3_maps_without_memory_keep_their_promise(void **state)
{
	(void)state;
	run(0, 2000);
	for (uint32_t n = 0; n < 3; n++)
		assert_true(n_results[n][1] > 100);
}

/* ---- Single cases -------------------------------------------------------------- */

static void tx_4_freed_tables_wait_for_reclaim(void **state)
{
	static struct scene s;

	(void)state;
	for (uint64_t format = 0; format < PAGE_N_FORMATS; format++) {
		uint32_t tables = page_layouts[format].levels;

		scene_begin(&s, format, tables);
		assert_int_equal(page_map_map(&s.map, 0, GIB, 4096, 0), 0);
		assert_int_equal(s.pool.n_used, tables);
		assert_int_equal(page_map_unmap(&s.map, 0, 4096), 0);
		assert_int_equal(s.pool.n_used, 1);
		assert_int_equal(s.pool.n_freed, tables - 1);
		assert_int_equal(page_map_map(&s.map, 0, GIB, 4096, 0), -ENOMEM);
		/* Whoever still walks a freed table finds nothing there. */
		for (uint64_t at = 2 * 4096; at < s.pool.end; at += 8) {
			assert_false(memory[at] & PTE_PRESENT);
			assert_false(memory[at + 4] & PTE_PRESENT && !format);
		}
		page_pool_reclaim(&s.pool);
		assert_int_equal(page_map_map(&s.map, 0, GIB, 4096, 0), 0);
		scene_end(&s);
	}
}

static void tx_3_wrong_ranges_are_refused(void **state)
{
	static const struct change wrong[] = {
		{ 1, 4096, GIB, 0 }, { 0, 4095, GIB, 0 }, { 0, 0, GIB, 0 },
		{ 0, 4096, GIB + 1, 0 }, { 0ull - 4096, 8192, GIB, 0 },
		{ 1ull << 47, 4096, GIB, 0 },
		{ (1ull << 47) - 4096, 8192, GIB, 0 },
		{ 0, 1ull << 49, GIB, 0 }, { 0, 8192, 0ull - 4096, 0 },
		{ 0, 4096, 1ull << 48, 0 }, { 0, 8192, (1ull << 48) - 4096, 0 },
	};
	static struct scene s;

	(void)state;
	for (uint64_t format = 0; format < PAGE_N_FORMATS; format++) {
		scene_begin(&s, format, 100);
		for (size_t n = 0; n < sizeof(wrong) / sizeof(*wrong); n++) {
			const struct change *c = &wrong[n];

			assert_int_equal(page_map_map(&s.map, c->address, c->to,
						      c->bytes, 0), -EINVAL);
			assert_int_equal(s.pool.n_used, 1);
		}
		scene_end(&s);
	}
}

/* PSE-40: IA-32 reaches beyond 4 GiB of the bus with 4 MiB pages. */
static void tx_3_ia32_maps_large_pages_beyond_4_gib(void **state)
{
	static struct scene s;
	struct walk w;

	(void)state;
	scene_begin(&s, 0, 10);
	assert_int_equal(page_map_map(&s.map, 4 * MIB, 0xab00400000, 8 * MIB,
				      PAGE_WRITE), 0);
	assert_int_equal(walk(&bus, &s.domain, 8 * MIB + 5, true, &w), 0);
	assert_true(w.page == 0xab00800000 && w.shift == 22);
	assert_int_equal(page_map_map(&s.map, 16 * MIB, 4 * GIB, 4096, 0),
			 -EINVAL);
	assert_int_equal(page_map_map(&s.map, 16 * MIB, 1ull << 40, 4 * MIB, 0),
			 -EINVAL);
	/* There are no 4 KiB pages to be made of them. */
	assert_int_equal(page_map_unmap(&s.map, 6 * MIB, 4 * MIB), -EINVAL);
	assert_int_equal(page_map_unmap(&s.map, 4 * MIB, 4096), -EINVAL);
	assert_int_equal(page_map_protect(&s.map, 4 * MIB, 6 * MIB, 0),
			 -EINVAL);
	assert_int_equal(walk(&bus, &s.domain, 4 * MIB, true, &w), 0);
	assert_true(w.page == 0xab00400000 && w.shift == 22);
	assert_int_equal(page_map_unmap(&s.map, 4 * MIB, 4 * MIB), 0);
	assert_int_equal(walk(&bus, &s.domain, 8 * MIB, true, &w), 0);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_3_maps_are_what_was_mapped),
		cmocka_unit_test(tx_3_maps_without_memory_keep_their_promise),
		cmocka_unit_test(tx_4_freed_tables_wait_for_reclaim),
		cmocka_unit_test(tx_3_wrong_ranges_are_refused),
		cmocka_unit_test(tx_3_ia32_maps_large_pages_beyond_4_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
