// SPDX-License-Identifier: BSD-2-Clause
/*
 * fetch_test.c - From descriptors to frames (SPEC TX-2, TX-3, TX-4, TX-10)
 *
 * The frames are compared with those that tto_segmenter_begin() makes of the same
 * headers and payload in plain memory; segment_test and fragment_test judge these.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/fetch_scene.h"

#define SEEDS 2500
#define FAULT_SEEDS 1500
#define MOVE_SEEDS 800

/* Any headers, any split over any memory, any slots. */
static void tx_2_tx_10_same_frames_as_from_plain_memory(void **state)
{
	struct fetch_scene *s = *state;
	uint32_t refused = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		unit_make(s, seed);
		unit_lay_out_anyhow(s);
		unit_check_frames(s);
		refused += s->frames < 0;
		unit_drop(s);
	}
	assert_in_range(refused, 1, SEEDS / 4);
}

/* ---- Refusals ------------------------------------------------------------ */

/* How the element that is to be refused is spoiled. */
struct spoil {
	enum dma_fault fault;
	enum area_kind area;
	bool page;		/* the address is that of the page              */
	void (*make)(struct fetch_scene *s, struct descriptor *d, struct place *p);
	void (*mend)(struct fetch_scene *s, struct place *p);
};

/* A byte of the element, on the page that goes. */
static uint32_t victim;

static void forget(struct fetch_scene *s, const struct place *p)
{
	memory_scene_forget(&s->m, &s->rng, p->area, victim);
}

static void take_page(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)d;
	memory_scene_unmap(&s->m, p->area, victim);
	forget(s, p);
}

static void give_page(struct fetch_scene *s, struct place *p)
{
	memory_scene_map(&s->m, p->area, victim);
}

static void protect(struct fetch_scene *s, struct place *p, uint32_t rights)
{
	assert_int_equal(page_map_protect(
		&s->m.map[s->m.area[p->area].domain],
		memory_scene_page(&s->m, p->area, victim), SCENE_PAGE, rights),
		0);
	forget(s, p);
}

static void hide_page(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)d;
	protect(s, p, PAGE_SUPERVISOR);
}

static void show_page(struct fetch_scene *s, struct place *p)
{
	protect(s, p, PAGE_WRITE);
}

static uint64_t victim_bus(const struct fetch_scene *s, const struct place *p)
{
	return (uint64_t)s->m.area[p->area].page[victim / SCENE_PAGE] *
	       SCENE_PAGE;
}

static void revoke_page(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	uint16_t id = s->m.domain[s->m.area[p->area].domain].id;

	(void)d;
	assert_int_equal(memory_revoke(s->m.memory, id, victim_bus(s, p),
				       SCENE_PAGE), 0);
}

static void grant_page(struct fetch_scene *s, struct place *p)
{
	assert_int_equal(domain_add_extent(
		&s->m.domain[s->m.area[p->area].domain], victim_bus(s, p),
		SCENE_PAGE, EXTENT_READ | EXTENT_WRITE), 0);
}

static void wrong_pdbr(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = rng_chance(&s->rng, 2) ? s->m.domain[SCENE_OTHER].pdbr :
					   rng_below(&s->rng, 4096);
}

static void high_address(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)s;
	d->address |= p->area == AREA_4K ? 1ull << 47 : 1ull << 32;
}

static void table_address(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->address = SCENE_PAGE + rng_below(&s->rng, 1 << 20);
}

static void last_address(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	d->address = 0 - (uint64_t)rng_below(&s->rng, p->element.bytes);
	if (d->address == 0 || 0 - d->address == p->element.bytes)
		d->address = UINT64_MAX;
	d->length = d->length > 1 ? d->length : 2;
}

static void stale_key(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = memory_scene_region(&s->m, SCENE_X86_64, REGION_READ);
	assert_int_equal(region_release(&s->m.memory->regions, d->base,
					s->m.domain[SCENE_X86_64].id), 0);
}

static void no_key(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base ^= 1ull << rng_below(&s->rng, 64);
}

static void wrong_domain(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = memory_scene_region(&s->m, SCENE_OTHER, REGION_READ);
}

static void no_right(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = memory_scene_region(&s->m, SCENE_X86_64, REGION_WRITE);
}

static void out_of_bounds(struct fetch_scene *s, struct descriptor *d, struct place *p)
{
	uint64_t bytes = SCENE_AREA_BYTES - s->m.area[p->area].skip;

	d->address = rng_chance(&s->rng, 2) ? bytes :
		     rng_chance(&s->rng, 2) ? UINT64_MAX :
					      bytes + rng_below(&s->rng, 1 << 30);
}

static const struct spoil spoils[] = {
	{ DMA_FAULT_NOT_PRESENT, AREA_4K, true, take_page, give_page },
	{ DMA_FAULT_NOT_PRESENT, AREA_IA32_4K, true, take_page, give_page },
	{ DMA_FAULT_NOT_PRESENT, AREA_REGION, true, take_page, give_page },
	{ DMA_FAULT_SUPERVISOR, AREA_4K, true, hide_page, show_page },
	{ DMA_FAULT_SUPERVISOR, AREA_IA32_4K, true, hide_page, show_page },
	{ DMA_FAULT_UNREACHABLE, AREA_4K, true, revoke_page, grant_page },
	{ DMA_FAULT_UNREACHABLE, AREA_REGION, true, revoke_page, grant_page },
	{ DMA_FAULT_UNREACHABLE, AREA_BUS, true, revoke_page, grant_page },
	{ DMA_FAULT_UNREACHABLE, AREA_BUS, false, table_address, NULL },
	{ DMA_FAULT_WRAP, AREA_BUS, false, last_address, NULL },
	{ DMA_FAULT_WRAP, AREA_4K, false, last_address, NULL },
	{ DMA_FAULT_NON_CANONICAL, AREA_4K, false, high_address, NULL },
	{ DMA_FAULT_NON_CANONICAL, AREA_IA32_4K, false, high_address, NULL },
	{ DMA_FAULT_PDBR, AREA_4K, false, wrong_pdbr, NULL },
	{ DMA_FAULT_PDBR, AREA_IA32_4M, false, wrong_pdbr, NULL },
	{ DMA_FAULT_KEY, AREA_REGION, false, stale_key, NULL },
	{ DMA_FAULT_KEY, AREA_REGION, false, no_key, NULL },
	{ DMA_FAULT_DOMAIN, AREA_REGION, false, wrong_domain, NULL },
	{ DMA_FAULT_RIGHT, AREA_REGION, false, no_right, NULL },
	{ DMA_FAULT_BOUNDS, AREA_REGION, false, out_of_bounds, NULL },
};

/* Offset of the first byte of @p on the page of @victim, as the element counts. */
static uint64_t victim_address(const struct place *p)
{
	uint32_t page = victim & ~(SCENE_PAGE - 1);

	return p->element.address + (page > p->offset ? page - p->offset : 0);
}

static void check_refusal(struct fetch_scene *s, const struct spoil *spoil,
			  uint32_t n)
{
	struct place *p = &s->place[n];
	const struct dma_error *e = &s->fetch.error;
	uint64_t before = s->m.memory->counters.faults[spoil->fault];

	victim = p->offset + rng_below(&s->rng, p->element.bytes);
	spoil->make(s, &s->ring[n], p);
	EXPECT(s, unit_begin(s) == -EFAULT);
	EXPECT(s, fetch_taken(&s->fetch) == s->n);
	EXPECT(s, e->fault == spoil->fault && e->element == n && !e->write);
	EXPECT(s, e->address == (spoil->page ? victim_address(p) :
						s->ring[n].address));
	EXPECT(s, s->m.memory->counters.faults[spoil->fault] == before + 1);
	unit_check_end(s);
	if (spoil->mend)
		spoil->mend(s, p);
}

/* Tags that the refusals needed. */
static void drop_regions(struct fetch_scene *s)
{
	struct region_table *t = &s->m.memory->regions;

	region_release_domain(t, s->m.domain[SCENE_OTHER].id);
	for (uint32_t n = 0; n < t->n_places; n++) {
		const struct region *r = &s->m.region[n];
		uint64_t stag = region_stag(n, r->key);

		if (n < t->n_used && r->in_use &&
		    stag != s->m.area[AREA_REGION].base)
			assert_int_equal(region_release(t, stag, r->domain), 0);
	}
}

/* Each element may be the wrong one; nothing is sent then. */
static void tx_3_refused_whole_with_element_cause_address(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= FAULT_SEEDS; seed++) {
		const struct spoil *spoil = &spoils[seed % ARRAY_SIZE(spoils)];
		uint32_t bad;

		unit_make(s, seed);
		s->n = unit_any_count(&s->rng);
		bad = rng_below(&s->rng, s->n);
		unit_lay_out(s, UNIT_AREAS & ~(1u << spoil->area), bad, spoil->area);
		if (s->place[bad].element.bytes > 0) {
			check_refusal(s, spoil, bad);
			drop_regions(s);
			unit_describe(s, bad);
			s->ring[0].command &= (uint16_t)~DESCRIPTOR_CUT;
			s->ring[0].command |= s->command & DESCRIPTOR_CUT;
			unit_check_frames(s);
		}
		unit_drop(s);
	}
}

/* ---- Inline bytes -------------------------------------------------------- */

/*
 * The first elements are inline instead, and how to cut is said beside: whatever the
 * descriptors say of that does not matter.
 */
static void tx_2_inline_bytes_lead(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct fetch_cut cut;
		struct fetch_request r = { .cut = &cut };
		uint32_t n, done = 0, given;

		unit_make(s, seed);
		unit_lay_out_anyhow(s);
		cut = (struct fetch_cut){ s->command, s->unit.mss,
					  s->unit.fragment_id };
		n = 1 + rng_below(&s->rng, s->n);
		for (uint32_t k = 0; k < n; k++)
			r.inline_bytes += s->place[k].element.bytes;
		for (uint32_t k = 0; k < s->n; k++)
			s->ring[k].mss = (uint16_t)rng_below(&s->rng, 65536);
		r.inline_at = s->stream;
		r.descriptors = s->ring + n;
		r.n = s->n - n;
		r.link = s->unit.link;
		given = r.n;
		if (r.inline_bytes == 0 && r.n == 0) {
			unit_drop(s);
			continue;
		}
		EXPECT(s, fetch_begin(&s->fetch, s->m.memory, &s->m.queue,
				      &r) == s->frames);
		EXPECT(s, fetch_taken(&s->fetch) == given);
		if (s->frames > 0) {
			EXPECT(s, unit_take(s, &done, s->want.n) == 1);
			EXPECT(s, done == s->want.n);
		}
		unit_check_end(s);
		unit_drop(s);
	}
}

static void tx_2_neither_inline_bytes_nor_descriptors(void **state)
{
	struct fetch_scene *s = *state;
	const struct fetch_cut cut = { 0, 100, 0 };
	const struct fetch_request r = { .cut = &cut };

	assert_int_equal(fetch_begin(&s->fetch, s->m.memory, &s->m.queue, &r),
			 -EFAULT);
	assert_int_equal(s->fetch.error.fault, DMA_FAULT_COMMAND);
	assert_int_equal(s->fetch.error.element, 0);
	unit_check_end(s);
}

/* ---- Frames that have left ----------------------------------------------- */

static void tx_1_goes_on_behind_frames_that_have_left(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t done;

		unit_make(s, seed);
		unit_lay_out_anyhow(s);
		if (s->frames > 0 && s->unit.cut != TTO_CUT_FRAGMENT) {
			EXPECT(s, unit_begin(s) == s->frames);
			done = rng_below(&s->rng, (uint32_t)s->frames + 1);
			EXPECT(s, segment_skip(&s->fetch.segment, done) == 0);
			EXPECT(s, unit_take(s, &done, s->want.n) == 1);
			EXPECT(s, done == s->want.n);
			unit_check_end(s);
		}
		unit_drop(s);
	}
}

/* Its only frame has left; with inline bytes alone there is no element to skip. */
static void tx_1_nothing_is_behind_a_unit_without_payload(void **state)
{
	struct fetch_scene *s = *state;
	struct fetch_cut cut = { .mss = 1 };
	struct fetch_request r = { .cut = &cut, .inline_at = s->stream };

	do {
		unit_make(s, ++s->seed);
		if (s->payload.len || s->frames != 1)
			unit_drop(s);
	} while (s->payload.len || s->frames != 1);
	cut.command = s->command;
	cut.mss = s->unit.mss;
	cut.fragment_id = s->unit.fragment_id;
	r.inline_bytes = s->header.len;
	r.link = s->unit.link;
	assert_int_equal(fetch_begin(&s->fetch, s->m.memory, &s->m.queue, &r), 1);
	assert_int_equal(segment_skip(&s->fetch.segment, 1), 0);
	unit_check_end(s);
	unit_drop(s);
}

/* ---- Between two calls --------------------------------------------------- */

#define PAGED (1u << AREA_4K | 1u << AREA_IA32_4K | 1u << AREA_REGION)

static void move_some(struct fetch_scene *s)
{
	for (uint32_t n = 0; n < s->n; n++) {
		const struct place *p = &s->place[n];
		uint32_t at = p->offset;

		if (p->element.bytes == 0 || !rng_chance(&s->rng, 3) ||
		    s->m.n_spare > 1000)
			continue;
		at += rng_below(&s->rng, p->element.bytes);
		memory_scene_move(&s->m, p->area, at);
		memory_scene_forget(&s->m, &s->rng, p->area, at);
	}
}

static void start_cut_unit(struct fetch_scene *s, uint64_t seed)
{
	do {
		unit_make(s, seed);
		seed += 100000;
		if (s->frames < 3)
			unit_drop(s);
	} while (s->frames < 3);
	s->n = unit_any_count(&s->rng);
	unit_lay_out(s, PAGED, UINT32_MAX, AREA_4K);
	EXPECT(s, unit_begin(s) == s->frames);
}

/* Spare pages are used once, so that a scene ends when there are none. */
static void renew(struct fetch_scene *s)
{
	struct rng r = { s->seed };

	if (s->m.n_spare < 900)
		return;
	memory_scene_close(&s->m);
	memory_scene_open(&s->m, &r);
}

static void tx_4_pages_that_moved_are_found(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= MOVE_SEEDS; seed++) {
		uint32_t done = 0;

		start_cut_unit(s, seed);
		while (done < s->want.n) {
			EXPECT(s, unit_take(s, &done, 1 + rng_below(&s->rng, 9)) == 1);
			move_some(s);
		}
		unit_check_end(s);
		unit_drop(s);
		renew(s);
	}
}

/* The page of the last byte goes away. */
static void tx_4_pages_that_went_end_the_fetch(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= MOVE_SEEDS; seed++) {
		uint32_t done = 0, n, count;
		struct place *p;
		const struct dma_error *e = &s->fetch.error;

		start_cut_unit(s, seed);
		EXPECT(s, unit_take(s, &done, rng_below(&s->rng, s->want.n)) == 1);
		for (n = s->n - 1; s->place[n].element.bytes == 0; n--)
			;
		p = &s->place[n];
		victim = p->offset + p->element.bytes - 1;
		take_page(s, NULL, p);
		count = done;
		EXPECT(s, unit_take(s, &done, 1) == -EFAULT && done == count);
		EXPECT(s, e->fault == DMA_FAULT_NOT_PRESENT);
		if (e->element == n)
			EXPECT(s, e->address == victim_address(p));
		else		/* shares the page                              */
			EXPECT(s, s->place[e->element].area == p->area);
		unit_check_end(s);
		give_page(s, p);
		unit_drop(s);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fetch_setup, fetch_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tx_2_tx_10_same_frames_as_from_plain_memory),
		T(tx_3_refused_whole_with_element_cause_address),
		T(tx_2_inline_bytes_lead),
		T(tx_2_neither_inline_bytes_nor_descriptors),
		T(tx_1_goes_on_behind_frames_that_have_left),
		T(tx_1_nothing_is_behind_a_unit_without_payload),
		T(tx_4_pages_that_moved_are_found),
		T(tx_4_pages_that_went_end_the_fetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
