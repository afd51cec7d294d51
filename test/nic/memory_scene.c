// SPDX-License-Identifier: BSD-2-Clause
/* memory_scene.c - A bus, page tables of both formats, and bytes put into them */
#include "memory_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TABLES 4096ull		/* bus address                                  */
#define TABLES_BYTES (2ull << 20)
#define LARGE (4ull << 20)
#define SPARE_PAGES ((uint32_t)((SCENE_BUS_BYTES - SCENE_SPARE) / SCENE_PAGE))
#define REGION_SKIP 123u

/* ---- Where bytes are --------------------------------------------------------- */

static uint8_t *byte_at(const struct memory_scene *s, enum area_kind area,
			uint32_t offset)
{
	return s->bus.base + (uint64_t)s->area[area].page[offset / SCENE_PAGE] *
				     SCENE_PAGE + offset % SCENE_PAGE;
}

void memory_scene_write(struct memory_scene *s, const struct place *p,
			const uint8_t *bytes)
{
	for (uint32_t n = 0; n < p->element.bytes; n++)
		*byte_at(s, p->area, p->offset + n) = bytes[n];
}

void memory_scene_read(const struct memory_scene *s, const struct place *p,
		       uint8_t *bytes)
{
	for (uint32_t n = 0; n < p->element.bytes; n++)
		bytes[n] = *byte_at(s, p->area, p->offset + n);
}

static uint32_t align_sometimes(struct rng *r, uint32_t at, uint32_t bytes)
{
	uint32_t page = (at + SCENE_PAGE - 1) & ~(SCENE_PAGE - 1);

	switch (rng_below(r, 6)) {
	case 0: return page;
	case 1: return page + SCENE_PAGE - 1;
	case 2: return page + SCENE_PAGE - bytes % SCENE_PAGE;
	default: return at + rng_below(r, 9);
	}
}

struct place memory_scene_place(struct memory_scene *s, struct rng *r,
				enum area_kind area, uint32_t bytes)
{
	struct area *a = &s->area[area];
	uint32_t at = align_sometimes(r, a->next, bytes);
	uint64_t address = a->kind == ELEMENT_REGION ? at - a->skip :
						       a->virt + at;

	assert_true(at + bytes <= SCENE_AREA_BYTES);
	a->next = at + bytes;
	return (struct place){
		{ address, a->base, bytes, a->kind }, area, at,
	};
}

void memory_scene_reset(struct memory_scene *s, struct rng *r)
{
	for (uint32_t n = 0; n < N_AREAS; n++)
		s->area[n].next = REGION_SKIP + rng_below(r, 64 * SCENE_PAGE);
}

/* ---- Changes ------------------------------------------------------------------ */

uint64_t memory_scene_page(const struct memory_scene *s, enum area_kind area,
			   uint32_t offset)
{
	return s->area[area].virt + (offset & ~(SCENE_PAGE - 1));
}

void memory_scene_unmap(struct memory_scene *s, enum area_kind area,
			uint32_t offset)
{
	assert_int_equal(page_map_unmap(&s->map[s->area[area].domain],
					memory_scene_page(s, area, offset),
					SCENE_PAGE), 0);
}

void memory_scene_map(struct memory_scene *s, enum area_kind area,
		      uint32_t offset)
{
	const struct area *a = &s->area[area];
	uint64_t page = (uint64_t)a->page[offset / SCENE_PAGE] * SCENE_PAGE;

	assert_int_equal(page_map_map(&s->map[a->domain],
				      memory_scene_page(s, area, offset), page,
				      SCENE_PAGE, PAGE_WRITE), 0);
}

void memory_scene_move(struct memory_scene *s, enum area_kind area,
		       uint32_t offset)
{
	uint32_t *page = &s->area[area].page[offset / SCENE_PAGE];
	uint32_t to = (uint32_t)(SCENE_SPARE / SCENE_PAGE) +
		      s->n_spare++ % SPARE_PAGES;
	uint8_t *from = s->bus.base + (uint64_t)*page * SCENE_PAGE;

	assert_true(s->n_spare <= SPARE_PAGES);
	memcpy(s->bus.base + (uint64_t)to * SCENE_PAGE, from, SCENE_PAGE);
	memset(from, 0xee, SCENE_PAGE);
	memory_scene_unmap(s, area, offset);
	*page = to;
	memory_scene_map(s, area, offset);
}

void memory_scene_forget(struct memory_scene *s, struct rng *r,
			 enum area_kind area, uint32_t offset)
{
	struct invalidation what = {
		.address = memory_scene_page(s, area, offset),
		.bytes = 1 + rng_below(r, SCENE_PAGE),
		.domain = s->domain[s->area[area].domain].id,
		.kind = (uint8_t)rng_below(r, 5),
	};
	struct invalidation_register *reg = &s->memory->invalidations;
	uint64_t ticket = invalidation_request(reg, &what);

	assert_false(invalidation_done(reg, ticket));
	memory_poll(s->memory);
	assert_true(invalidation_done(reg, ticket));
}

uint64_t memory_scene_region(struct memory_scene *s, enum scene_domain domain,
			     uint8_t rights)
{
	struct region r = {
		.start = s->area[AREA_4K].virt, .bytes = SCENE_AREA_BYTES,
		.domain = s->domain[domain].id, .rights = rights,
	};
	uint64_t stag;

	assert_int_equal(region_register(&s->memory->regions, &r, &stag), 0);
	return stag;
}

/* ---- The beginning ------------------------------------------------------------- */

static void add_domain(struct memory_scene *s, uint32_t n)
{
	enum page_format format = n == SCENE_IA32 ? PAGE_FORMAT_IA32 :
						    PAGE_FORMAT_X86_64;
	uint16_t id;

	assert_int_equal(page_map_init(&s->map[n], &s->pool, format), 0);
	assert_int_equal(memory_add_domain(s->memory, format, s->map[n].root,
					   s->extent[n], 8, &id), 0);
	assert_int_equal(domain_add_extent(&s->domain[n], TABLES, TABLES_BYTES,
					   EXTENT_TABLE | EXTENT_TABLE_MARKS),
			 0);
	assert_int_equal(domain_add_extent(&s->domain[n], SCENE_DATA,
					   SCENE_BUS_BYTES - SCENE_DATA,
					   EXTENT_READ | EXTENT_WRITE), 0);
}

static void mix_pages(struct area *a, struct rng *r)
{
	for (uint32_t n = SCENE_PAGES - 1; n > 0; n--) {
		uint32_t other = rng_below(r, n + 1), page = a->page[n];

		a->page[n] = a->page[other];
		a->page[other] = page;
	}
}

static void map_area(struct memory_scene *s, enum area_kind kind)
{
	struct area *a = &s->area[kind];
	struct page_map *map = &s->map[a->domain];

	if (kind == AREA_2M || kind == AREA_IA32_4M) {
		uint64_t bytes = kind == AREA_2M ? SCENE_AREA_BYTES : LARGE;

		assert_int_equal(page_map_map(map, a->virt, (uint64_t)a->page[0]
							    * SCENE_PAGE,
					      bytes, PAGE_WRITE), 0);
		return;
	}
	for (uint32_t n = 0; n < SCENE_PAGES; n++)
		memory_scene_map(s, kind, n * SCENE_PAGE);
}

static void make_area(struct memory_scene *s, struct rng *r,
		      enum area_kind kind)
{
	static const uint64_t virt[] = {
		SCENE_DATA, 0x7f0012345000, 0x400000000000 - (2 << 20),
		0x3ff01000, 0xffc00000 - (4 << 20), 0xffff800000003000,
	};
	struct area *a = &s->area[kind];

	a->virt = virt[kind];
	a->domain = kind == AREA_IA32_4K || kind == AREA_IA32_4M ?
		    SCENE_IA32 : SCENE_X86_64;
	a->kind = kind == AREA_BUS ? ELEMENT_BUS :
		  kind == AREA_REGION ? ELEMENT_REGION : ELEMENT_VIRTUAL;
	a->base = s->map[a->domain].root;
	for (uint32_t n = 0; n < SCENE_PAGES; n++)
		a->page[n] = (uint32_t)((SCENE_DATA + kind * LARGE) /
					SCENE_PAGE) + n;
	if (kind == AREA_4K || kind == AREA_IA32_4K || kind == AREA_REGION)
		mix_pages(a, r);
	if (kind != AREA_BUS)
		map_area(s, kind);
}

static void register_area(struct memory_scene *s)
{
	struct area *a = &s->area[AREA_REGION];
	struct region r = {
		.start = a->virt + REGION_SKIP,
		.bytes = SCENE_AREA_BYTES - REGION_SKIP,
		.domain = s->domain[a->domain].id,
		.rights = REGION_READ | REGION_WRITE,
	};

	a->skip = REGION_SKIP;
	assert_int_equal(region_register(&s->memory->regions, &r, &a->base), 0);
}

void memory_scene_open(struct memory_scene *s, struct rng *r)
{
	memset(s, 0, sizeof(*s));
	s->bus = (struct bus){ aligned_alloc(LARGE, SCENE_BUS_BYTES),
			       SCENE_BUS_BYTES };
	s->memory = aligned_alloc(64, (sizeof(*s->memory) + 63) & ~63ul);
	assert_true(s->bus.base && s->memory);
	memset(s->bus.base, 0xcc, SCENE_BUS_BYTES);
	memory_init(s->memory, &s->bus, s->domain, SCENE_DOMAINS, s->region, 8);
	page_pool_init(&s->pool, &s->bus, TABLES, TABLES_BYTES);
	for (uint32_t n = 0; n < SCENE_DOMAINS; n++)
		add_domain(s, n);
	for (uint32_t n = 0; n < N_AREAS; n++)
		make_area(s, r, (enum area_kind)n);
	register_area(s);
	s->queue = (struct dma_queue){
		{ s->domain[SCENE_X86_64].id, s->domain[SCENE_IA32].id }, 2,
	};
	memory_scene_reset(s, r);
}

void memory_scene_close(struct memory_scene *s)
{
	free(s->bus.base);
	free(s->memory);
}
