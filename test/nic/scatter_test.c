// SPDX-License-Identifier: BSD-2-Clause
/*
 * scatter_test.c - Bytes go where a work request says, or nowhere (SPEC RQ-6)
 *
 * A second bus holds what memory should be; it is written byte by byte, and all
 * of both is compared, so that every byte of memory is a canary.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory_scene.h"
#include "nic/scatter.h"

#define SEEDS 1500
#define FAULT_SEEDS 1500
#define ALL_EVERY 16		/* seeds, between two comparisons of all memory */
#define MAX_ELEMENTS 12
#define NEAR 100u		/* bytes on both sides that are compared always */

struct scene {
	struct memory_scene m;
	struct memory_scene want;	/* the same, but for what bytes are     */
	uint64_t seed;
	struct rng rng;
	struct model_payload payload;
	uint32_t n;		/* elements that are filled                     */
	uint32_t n_behind;	/* and those behind them                        */
	struct place place[MAX_ELEMENTS];
	struct element element[2 * MAX_ELEMENTS];
	struct dma_error error;
};

static struct scene scene;

static void fail_at(const struct scene *s, const char *what)
{
	fail_msg("seed %llu: %s (error %s, element %u, address %llx)",
		 (unsigned long long)s->seed, what,
		 dma_fault_name(s->error.fault), s->error.element,
		 (unsigned long long)s->error.address);
}

#define EXPECT(s, x) do { if (!(x)) fail_at(s, #x); } while (0)

/* ---- What memory should be ---------------------------------------------------- */

static void compare_near(struct scene *s, const struct place *p)
{
	uint32_t first = p->offset < NEAR ? 0 : p->offset - NEAR;
	struct place wide = { { 0 }, p->area, first };
	uint32_t end = p->offset + p->element.bytes + NEAR;
	uint8_t *got, *want;

	wide.element.bytes = (end < SCENE_AREA_BYTES ? end : SCENE_AREA_BYTES) -
			     first;
	got = malloc(wide.element.bytes);
	want = malloc(wide.element.bytes);
	memory_scene_read(&s->m, &wide, got);
	memory_scene_read(&s->want, &wide, want);
	EXPECT(s, memcmp(got, want, wide.element.bytes) == 0);
	free(got);
	free(want);
}

static void compare(struct scene *s)
{
	for (uint32_t n = 0; n < s->n; n++)
		compare_near(s, &s->place[n]);
	if (s->seed % ALL_EVERY == 0)
		EXPECT(s, memcmp(s->m.bus.base + SCENE_DATA,
				 s->want.bus.base + SCENE_DATA,
				 SCENE_BUS_BYTES - SCENE_DATA) == 0);
}

/* The elements are filled in order; the last may not be needed whole. */
static void write_wanted(struct scene *s)
{
	uint32_t at = 0;

	for (uint32_t n = 0; n < s->n; n++) {
		struct place p = s->place[n];

		if (p.element.bytes > s->payload.len - at)
			p.element.bytes = s->payload.len - at;
		memory_scene_write(&s->want, &p, s->payload.bytes + at);
		at += p.element.bytes;
	}
}

/* ---- Work requests -------------------------------------------------------------- */

/* Would be refused if they were looked at. */
static void add_behind(struct scene *s)
{
	s->n_behind = rng_below(&s->rng, 4);
	for (uint32_t n = s->n; n < s->n + s->n_behind; n++)
		s->element[n] = (struct element){
			UINT64_MAX, 1, UINT32_MAX,
			(uint8_t)rng_below(&s->rng, 3),
		};
}

/* Element @special is alone in area @alone, when there is one. */
static void make_request(struct scene *s, uint32_t special,
			 enum area_kind alone)
{
	uint32_t left = s->payload.len;

	memory_scene_reset(&s->m, &s->rng);
	for (uint32_t n = 0; n < s->n; n++) {
		uint32_t bytes = rng_chance(&s->rng, 6) ? 0 :
				 rng_below(&s->rng, left + 1);
		enum area_kind area = rng_below(&s->rng, N_AREAS);

		if (n == special)
			area = alone;
		else if (special < s->n && area == alone)
			area = (alone + 1) % N_AREAS;
		if (n + 1 == s->n)
			bytes = left + (left ? rng_below(&s->rng, 99) : 0);
		s->place[n] = memory_scene_place(&s->m, &s->rng, area, bytes);
		if (n > 0 && n != special && rng_chance(&s->rng, 10) &&
		    n + 1 < s->n && s->place[n - 1].element.bytes <= left)
			s->place[n] = s->place[n - 1];
		s->element[n] = s->place[n].element;
		left -= s->place[n].element.bytes < left ?
			s->place[n].element.bytes : left;
	}
	add_behind(s);
}

static void make_payload(struct scene *s, uint64_t seed)
{
	s->seed = seed;
	s->rng = (struct rng){ seed * 0x9e3779b97f4a7c15ULL + 1 };
	model_payload_make(&s->rng, &s->payload,
			   rng_below(&s->rng, rng_chance(&s->rng, 6) ? 60000 :
					      3000));
	s->n = 1 + rng_below(&s->rng, rng_chance(&s->rng, 3) ? MAX_ELEMENTS : 3);
}

static enum dma_fault run(struct scene *s, uint32_t n_elements, uint32_t *sum)
{
	static const char *const cpus[] = { NULL, "portable" };
	struct scatter_target to = { &s->m.queue, s->element, n_elements };
	struct scatter_source from = { s->payload.iov, s->payload.n,
				       s->payload.len };

	memset(&s->error, 0, sizeof(s->error));
	return scatter(s->m.memory, &to, &from, checksum_select(cpus[s->seed & 1]),
		       sum, &s->error);
}

static void check_sum(struct scene *s, uint32_t sum)
{
	uint16_t want = model_fold(model_sum(0, s->payload.bytes,
					     s->payload.len));
	uint8_t bytes[2];
	uint16_t folded = checksum_fold(sum);

	memcpy(bytes, &folded, 2);
	EXPECT(s, model_get16(bytes) == want);
}

static void rq_6_bytes_arrive_and_nothing_else_changes(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t sum = 0x12345678;
		bool with_sum = seed % 5 != 0;

		make_payload(s, seed);
		make_request(s, UINT32_MAX, AREA_BUS);
		EXPECT(s, run(s, s->n + s->n_behind, with_sum ? &sum : NULL) ==
			  DMA_FAULT_NONE);
		write_wanted(s);
		compare(s);
		if (with_sum)
			check_sum(s, sum);
		model_payload_free(&s->payload);
	}
}

/* ---- Refusals ---------------------------------------------------------------------- */

struct spoil {
	enum dma_fault fault;
	enum area_kind area;
	bool page;		/* the address is that of the page              */
	void (*make)(struct scene *s, struct element *e, const struct place *p);
	void (*mend)(struct scene *s, const struct place *p);
};

/* A byte of the element, on the page that is spoiled. */
static uint32_t victim;

static void protect(struct scene *s, const struct place *p, uint32_t rights)
{
	assert_int_equal(page_map_protect(
		&s->m.map[s->m.area[p->area].domain],
		memory_scene_page(&s->m, p->area, victim), SCENE_PAGE, rights),
		0);
	memory_scene_forget(&s->m, &s->rng, p->area, victim);
}

static void make_read_only(struct scene *s, struct element *e,
			   const struct place *p)
{
	(void)e;
	protect(s, p, 0);
}

static void make_hidden(struct scene *s, struct element *e,
			const struct place *p)
{
	(void)e;
	protect(s, p, PAGE_WRITE | PAGE_SUPERVISOR);
}

static void make_writable(struct scene *s, const struct place *p)
{
	protect(s, p, PAGE_WRITE);
}

static void take_page(struct scene *s, struct element *e, const struct place *p)
{
	(void)e;
	memory_scene_unmap(&s->m, p->area, victim);
	memory_scene_forget(&s->m, &s->rng, p->area, victim);
}

static void give_page(struct scene *s, const struct place *p)
{
	memory_scene_map(&s->m, p->area, victim);
}

static void change_extent(struct scene *s, const struct place *p,
			  uint32_t rights)
{
	struct domain *d = &s->m.domain[s->m.area[p->area].domain];
	uint64_t bus = (uint64_t)s->m.area[p->area].page[victim / SCENE_PAGE] *
		       SCENE_PAGE;

	assert_int_equal(memory_revoke(s->m.memory, d->id, bus, SCENE_PAGE), 0);
	if (rights)
		assert_int_equal(domain_add_extent(d, bus, SCENE_PAGE, rights),
				 0);
}

static void revoke_page(struct scene *s, struct element *e,
			const struct place *p)
{
	(void)e;
	change_extent(s, p, rng_chance(&s->rng, 2) ? EXTENT_READ : 0);
}

static void grant_page(struct scene *s, const struct place *p)
{
	change_extent(s, p, EXTENT_READ | EXTENT_WRITE);
}

static void wrong_pdbr(struct scene *s, struct element *e,
		       const struct place *p)
{
	(void)p;
	e->base = s->m.domain[SCENE_OTHER].pdbr;
}

static void wrong_domain(struct scene *s, struct element *e,
			 const struct place *p)
{
	(void)p;
	e->base = memory_scene_region(&s->m, SCENE_OTHER, REGION_WRITE);
}

static void no_right(struct scene *s, struct element *e, const struct place *p)
{
	(void)p;
	e->base = memory_scene_region(&s->m, SCENE_X86_64, REGION_READ);
}

static void stale_key(struct scene *s, struct element *e, const struct place *p)
{
	no_right(s, e, p);
	assert_int_equal(region_release(&s->m.memory->regions, e->base,
					s->m.domain[SCENE_X86_64].id), 0);
}

static void out_of_bounds(struct scene *s, struct element *e,
			  const struct place *p)
{
	e->address = SCENE_AREA_BYTES - s->m.area[p->area].skip +
		     rng_below(&s->rng, 1000);
}

static void table_address(struct scene *s, struct element *e,
			  const struct place *p)
{
	(void)p;
	e->address = SCENE_PAGE + rng_below(&s->rng, 1 << 20);
}

static const struct spoil spoils[] = {
	{ DMA_FAULT_READ_ONLY, AREA_4K, true, make_read_only, make_writable },
	{ DMA_FAULT_READ_ONLY, AREA_IA32_4K, true, make_read_only,
	  make_writable },
	{ DMA_FAULT_READ_ONLY, AREA_REGION, true, make_read_only,
	  make_writable },
	{ DMA_FAULT_SUPERVISOR, AREA_4K, true, make_hidden, make_writable },
	{ DMA_FAULT_NOT_PRESENT, AREA_4K, true, take_page, give_page },
	{ DMA_FAULT_NOT_PRESENT, AREA_IA32_4K, true, take_page, give_page },
	{ DMA_FAULT_NOT_PRESENT, AREA_REGION, true, take_page, give_page },
	{ DMA_FAULT_UNREACHABLE, AREA_BUS, true, revoke_page, grant_page },
	{ DMA_FAULT_UNREACHABLE, AREA_4K, true, revoke_page, grant_page },
	{ DMA_FAULT_UNREACHABLE, AREA_REGION, true, revoke_page, grant_page },
	{ DMA_FAULT_UNREACHABLE, AREA_BUS, false, table_address, NULL },
	{ DMA_FAULT_PDBR, AREA_2M, false, wrong_pdbr, NULL },
	{ DMA_FAULT_DOMAIN, AREA_REGION, false, wrong_domain, NULL },
	{ DMA_FAULT_RIGHT, AREA_REGION, false, no_right, NULL },
	{ DMA_FAULT_KEY, AREA_REGION, false, stale_key, NULL },
	{ DMA_FAULT_BOUNDS, AREA_REGION, false, out_of_bounds, NULL },
};

static uint64_t victim_address(const struct place *p)
{
	uint32_t page = victim & ~(SCENE_PAGE - 1);

	return p->element.address + (page > p->offset ? page - p->offset : 0);
}

static void check_refusal(struct scene *s, const struct spoil *spoil,
			  uint32_t n, uint32_t used)
{
	const struct place *p = &s->place[n];
	struct element *e = &s->element[n];

	victim = p->offset + rng_below(&s->rng, used);
	spoil->make(s, e, p);
	EXPECT(s, run(s, s->n + s->n_behind, NULL) == spoil->fault);
	EXPECT(s, s->error.fault == spoil->fault && s->error.element == n);
	EXPECT(s, s->error.write);
	EXPECT(s, s->error.address == (spoil->page ? victim_address(p) :
						     e->address));
	compare(s);
	if (spoil->mend)
		spoil->mend(s, p);
}

/* Bytes of element @n that are written. */
static uint32_t used_bytes(const struct scene *s, uint32_t n)
{
	uint32_t left = s->payload.len;

	for (uint32_t k = 0; k < n; k++)
		left -= s->element[k].bytes < left ? s->element[k].bytes : left;
	return s->element[n].bytes < left ? s->element[n].bytes : left;
}

static void drop_regions(struct scene *s)
{
	struct region_table *t = &s->m.memory->regions;

	for (uint32_t n = 0; n < t->n_used; n++) {
		const struct region *r = &s->m.region[n];
		uint64_t stag = region_stag(n, r->key);

		if (r->in_use && stag != s->m.area[AREA_REGION].base)
			assert_int_equal(region_release(t, stag, r->domain), 0);
	}
}

static void rq_6_fault_before_the_first_byte(void **state)
{
	struct scene *s = *state;
	uint32_t refused = 0;

	for (uint64_t seed = 1; seed <= FAULT_SEEDS; seed++) {
		const struct spoil *spoil = &spoils[seed % ARRAY_SIZE(spoils)];
		uint32_t bad, used;

		make_payload(s, seed);
		bad = rng_below(&s->rng, s->n);
		make_request(s, bad, spoil->area);
		used = used_bytes(s, bad);
		if (used > 0) {
			check_refusal(s, spoil, bad, used);
			drop_regions(s);
			refused++;
		}
		model_payload_free(&s->payload);
	}
	assert_true(refused > FAULT_SEEDS / 4);
}

static void rq_6_too_few_elements(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct element *last;
		uint32_t used;

		make_payload(s, seed);
		make_request(s, UINT32_MAX, AREA_BUS);
		last = &s->element[s->n - 1];
		used = used_bytes(s, s->n - 1);
		if (used > 0) {
			last->bytes = rng_below(&s->rng, used);
			EXPECT(s, run(s, s->n, NULL) == DMA_FAULT_BOUNDS);
			EXPECT(s, s->error.fault == DMA_FAULT_BOUNDS);
			EXPECT(s, s->error.element == s->n && s->error.write);
			compare(s);
		}
		model_payload_free(&s->payload);
	}
}

/* Nothing to write goes to no element at all. */
static void rq_6_nothing_to_write(void **state)
{
	struct scene *s = *state;
	struct scatter_target to = { &s->m.queue, NULL, 0 };
	struct scatter_source from = { NULL, 0, 0 };
	uint32_t sum = 7;

	assert_int_equal(scatter(s->m.memory, &to, &from, checksum_select(NULL),
				 &sum, &s->error), DMA_FAULT_NONE);
	assert_int_equal(sum, 0);
}

static int setup(void **state)
{
	struct rng r = { 77 };

	memory_scene_open(&scene.m, &r);
	rng_fill(&r, scene.m.bus.base + SCENE_DATA, 1 << 20);
	scene.want = scene.m;
	scene.want.bus.base = malloc(SCENE_BUS_BYTES);
	assert_non_null(scene.want.bus.base);
	memcpy(scene.want.bus.base, scene.m.bus.base, SCENE_BUS_BYTES);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	free(s->want.bus.base);
	memory_scene_close(&s->m);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rq_6_bytes_arrive_and_nothing_else_changes),
		T(rq_6_fault_before_the_first_byte),
		T(rq_6_too_few_elements),
		T(rq_6_nothing_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
