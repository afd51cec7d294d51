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

#include "memory_scene.h"
#include "nic/fetch.h"

#define SEEDS 2500
#define FAULT_SEEDS 1500
#define MOVE_SEEDS 800
#define STREAM_MAX (MODEL_HEADER_MAX + 70000)
#define N_SLOTS 5
#define SLOT_BYTES (MODEL_HEADER_MAX + 65536)

struct scene {
	struct memory_scene m;
	uint64_t seed;
	struct rng rng;
	struct model_header header;
	struct model_payload payload;
	struct tto_unit unit;
	uint16_t command;
	struct model_frames want;
	int frames;		/* or what begin() says                         */
	uint32_t n;
	struct place place[FETCH_ELEMENTS];
	struct descriptor ring[FETCH_ELEMENTS + 8];
	uint8_t stream[STREAM_MAX];
	struct fetch fetch;
};

static struct scene scene;

static void fail_at(const struct scene *s, const char *what)
{
	fail_msg("seed %llu: %s (error %s, element %u, address %llx)",
		 (unsigned long long)s->seed, what,
		 dma_fault_name(s->fetch.error.fault), s->fetch.error.element,
		 (unsigned long long)s->fetch.error.address);
}

#define EXPECT(s, x) do { if (!(x)) fail_at(s, #x); } while (0)

/* ---- Units -------------------------------------------------------------------- */

/* The byte that names what follows the last extension header. */
static uint32_t last_next(const struct model_header *h)
{
	uint32_t next = h->l3 + 6, at = h->l3 + 40;

	while (at < h->l4) {
		next = at;
		at += 8 + h->bytes[at + 1] * 8U;
	}
	return next;
}

/* What is cut is a fragment already. */
static void end_with_fragment(struct scene *s)
{
	struct model_header *h = &s->header;

	if (!h->v6) {
		model_put16(h->bytes + h->l3 + 6, 0x2000 | rng_below(&s->rng, 99));
		return;
	}
	h->bytes[last_next(h)] = 44;
	rng_fill(&s->rng, h->bytes + h->l4, 8);
	model_put16(h->bytes + h->l4 + 2, rng_below(&s->rng, 99) << 3 | 1);
	h->len += 8;
}

static void make_fragments(struct scene *s, uint32_t kind)
{
	struct model_header *h = &s->header;

	s->unit.cut = TTO_CUT_FRAGMENT;
	s->command = DESCRIPTOR_CUT_FRAGMENT;
	model_ip(&s->rng, h, kind == 0 ? 89 : 17);
	if (!h->v6 && !rng_chance(&s->rng, 5))
		h->bytes[h->l3 + 6] &= 0xbf;
	if (kind == 0 && rng_chance(&s->rng, 2))
		end_with_fragment(s);
	if (kind == 2) {
		model_udp(&s->rng, h);
		s->command |= DESCRIPTOR_UDP;
	}
	s->unit.mss = (uint16_t)(h->len - h->l3 + 8 + rng_below(&s->rng, 3000));
}

static void make_header(struct scene *s)
{
	uint32_t kind = rng_below(&s->rng, 6);

	s->unit.mss = (uint16_t)(1 + rng_below(&s->rng,
					       rng_chance(&s->rng, 3) ? 60 : 9000));
	if (kind >= 3) {
		make_fragments(s, kind - 3);
		return;
	}
	model_ip(&s->rng, &s->header, kind == 2 ? 17 : 6);
	if (kind == 2)
		model_udp(&s->rng, &s->header);
	else
		model_tcp(&s->rng, &s->header, rng_below(&s->rng, 0x1000) & ~0x26u);
	s->unit.cut = kind == 2 ? TTO_CUT_UDP : TTO_CUT_TCP;
	s->command = kind == 2 ? DESCRIPTOR_CUT_UDP : DESCRIPTOR_CUT_TCP;
}

static void make_flags(struct scene *s)
{
	uint32_t flags = rng_below(&s->rng, 16);

	if (s->header.v6)
		flags &= ~(uint32_t)TTO_UNIT_NO_UDP_CSUM;
	s->unit.flags = (uint8_t)flags;
	s->command |= (uint16_t)(
		(flags & TTO_UNIT_FIXED_ID ? DESCRIPTOR_FIXED_ID : 0) |
		(flags & TTO_UNIT_PARTIAL_CSUM ? DESCRIPTOR_PARTIAL_CSUM : 0) |
		(flags & TTO_UNIT_NO_UDP_CSUM ? DESCRIPTOR_NO_UDP_CSUM : 0) |
		(flags & TTO_UNIT_ACCECN ? DESCRIPTOR_ACCECN : 0));
}

static void make_unit(struct scene *s, uint64_t seed)
{
	uint32_t most;

	s->seed = seed;
	s->rng = (struct rng){ seed * 0x9e3779b97f4a7c15ULL + 1 };
	memset(&s->unit, 0, sizeof(s->unit));
	make_header(s);
	make_flags(s);
	most = rng_chance(&s->rng, 8) ? 69000 : rng_chance(&s->rng, 2) ? 9000 : 700;
	if (s->unit.mss < 100)
		most = 700;
	model_payload_make(&s->rng, &s->payload, rng_below(&s->rng, most));
	s->unit.header = s->header.bytes;
	s->unit.header_len = s->header.len;
	s->unit.link = s->header.link;
	s->unit.fragment_id = 0xfeedf00d;
	s->unit.payload = s->payload.iov;
	s->unit.n_payload = s->payload.n;
	memcpy(s->stream, s->header.bytes, s->header.len);
	memcpy(s->stream + s->header.len, s->payload.bytes, s->payload.len);
	s->frames = model_collect(&s->rng, &s->unit, MODEL_CONTIGUOUS, &s->want);
}

static void drop_unit(struct scene *s)
{
	model_payload_free(&s->payload);
	model_frames_free(&s->want);
}

/* ---- Descriptors ---------------------------------------------------------------- */

static uint16_t kind_of(const struct element *e)
{
	return e->kind == ELEMENT_VIRTUAL ? DESCRIPTOR_VIRTUAL :
	       e->kind == ELEMENT_REGION ? DESCRIPTOR_REGION : 0;
}

/* What counts in the first descriptor only is anything in the others. */
static void describe(struct scene *s, uint32_t n)
{
	const struct element *e = &s->place[n].element;
	uint16_t other = (uint16_t)rng_below(&s->rng, 0x2000) & DESCRIPTOR_ALL &
			 ~(DESCRIPTOR_END | DESCRIPTOR_VIRTUAL |
			   DESCRIPTOR_REGION);

	s->ring[n] = (struct descriptor){
		.address = e->address, .base = e->base, .length = e->bytes,
		.mss = n ? (uint16_t)rng_below(&s->rng, 65536) : s->unit.mss,
		.command = (n ? other : s->command) | kind_of(e),
		.fragment_id = n ? 7 : s->unit.fragment_id, .reserved = ~0u,
	};
	if (n + 1 == s->n)
		s->ring[n].command |= DESCRIPTOR_END;
}

static uint32_t any_count(struct rng *r)
{
	return rng_chance(r, 8) ? 1 + rng_below(r, FETCH_ELEMENTS) :
				  1 + rng_below(r, 6);
}

/* Lengths of s->n elements, some of them 0. */
static void split(struct scene *s, uint32_t *len)
{
	uint32_t left = s->header.len + s->payload.len;

	for (uint32_t n = 0; n + 1 < s->n; n++) {
		uint32_t most = rng_chance(&s->rng, 2) ? left + 1 :
				left / (s->n - n) + 1;

		len[n] = rng_chance(&s->rng, 6) ? 0 : rng_below(&s->rng, most);
		left -= len[n];
	}
	len[s->n - 1] = left;
}

static enum area_kind any_area(struct rng *r, uint32_t areas)
{
	uint32_t area;

	do
		area = rng_below(r, N_AREAS);
	while (!(areas & 1u << area));
	return area;
}

/* In the areas of @areas, a mask; element @special, if there is one, in @alone. */
static void lay_out(struct scene *s, uint32_t areas, uint32_t special,
		    enum area_kind alone)
{
	uint32_t len[FETCH_ELEMENTS], at = 0;

	memory_scene_reset(&s->m, &s->rng);
	split(s, len);
	for (uint32_t n = 0; n < s->n; n++) {
		enum area_kind area = n == special ? alone :
				      any_area(&s->rng, areas);

		s->place[n] = memory_scene_place(&s->m, &s->rng, area, len[n]);
		memory_scene_write(&s->m, &s->place[n], s->stream + at);
		at += len[n];
		describe(s, n);
	}
}

#define ALL_AREAS ((1u << N_AREAS) - 1)

static void lay_out_anyhow(struct scene *s)
{
	s->n = any_count(&s->rng);
	lay_out(s, ALL_AREAS, UINT32_MAX, AREA_BUS);
}

static int begin_ring(struct scene *s, const struct descriptor *ring, uint32_t n)
{
	const struct fetch_request r = {
		.descriptors = ring, .n = n, .link = s->unit.link,
	};

	return fetch_begin(&s->fetch, s->m.memory, &s->m.queue, &r);
}

static int begin(struct scene *s)
{
	uint32_t behind = rng_below(&s->rng, 8);

	return begin_ring(s, s->ring, s->n + behind);
}

/* ---- Frames ----------------------------------------------------------------------- */

static void offer(struct rng *r, struct tto_slot *slot, bool enough)
{
	static uint8_t data[N_SLOTS][SLOT_BYTES];
	static struct iovec iov[N_SLOTS][FETCH_SPANS];

	for (uint32_t n = 0; n < N_SLOTS; n++) {
		bool small = !enough && rng_chance(r, 3);

		slot[n] = (struct tto_slot){
			.data = data[n],
			.size = small ? rng_below(r, 200) : SLOT_BYTES,
		};
		if (rng_chance(r, 2)) {
			slot[n].iov = iov[n];
			slot[n].n_iov = small ? rng_below(r, 3) : FETCH_SPANS;
		}
	}
}

static void check_slot(struct scene *s, const struct tto_slot *slot,
		       uint32_t idx)
{
	static uint8_t bytes[SLOT_BYTES];
	struct model_frame got = { bytes, slot->len, slot->len };

	EXPECT(s, idx < s->want.n);
	EXPECT(s, slot->len <= slot->size);
	memcpy(bytes, slot->data, slot->len);
	for (uint32_t n = 0; slot->iov && n < slot->n_iov; n++) {
		EXPECT(s, got.len + slot->iov[n].iov_len <= SLOT_BYTES);
		memcpy(bytes + got.len, slot->iov[n].iov_base,
		       slot->iov[n].iov_len);
		got.len += (uint32_t)slot->iov[n].iov_len;
	}
	model_compare(s->seed, idx, &got, s->want.frame[idx].bytes,
		      s->want.frame[idx].len);
}

/* Takes up to @n frames. Return: what the last fetch_next() did, 1: there may be more. */
static int take(struct scene *s, uint32_t *done, uint32_t n)
{
	uint32_t end = *done + n < s->want.n ? *done + n : s->want.n;
	bool enough = false;

	while (*done < end) {
		struct tto_slot slot[N_SLOTS];
		uint32_t want = 1 + rng_below(&s->rng, N_SLOTS);
		int got;

		offer(&s->rng, slot, enough);
		got = fetch_next(&s->fetch, slot,
				 want < end - *done ? want : end - *done);
		EXPECT(s, got != -ENOBUFS || !enough);
		enough = got == -ENOBUFS;
		if (got <= 0 && !enough)
			return got;
		for (int idx = 0; idx < got; idx++)
			check_slot(s, &slot[idx], (*done)++);
	}
	return 1;
}

static void check_end(struct scene *s)
{
	struct tto_slot slot[N_SLOTS];

	offer(&s->rng, slot, true);
	EXPECT(s, fetch_next(&s->fetch, slot, N_SLOTS) == 0);
}

static void check_frames(struct scene *s)
{
	uint32_t done = 0;
	int got = begin(s);

	EXPECT(s, got == s->frames);
	EXPECT(s, fetch_taken(&s->fetch) == s->n);
	if (got > 0)
		EXPECT(s, take(s, &done, UINT32_MAX / 2) == 1);
	EXPECT(s, got < 0 || done == s->want.n);
	check_end(s);
}

/* Any headers, any split over any memory, any slots. */
static void tx_2_tx_10_same_frames_as_from_plain_memory(void **state)
{
	struct scene *s = *state;
	uint32_t refused = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		make_unit(s, seed);
		lay_out_anyhow(s);
		check_frames(s);
		refused += s->frames < 0;
		drop_unit(s);
	}
	assert_in_range(refused, 1, SEEDS / 4);
}

/* ---- Refusals ---------------------------------------------------------------------- */

/* How the element that is to be refused is spoiled. */
struct spoil {
	enum dma_fault fault;
	enum area_kind area;
	bool page;		/* the address is that of the page              */
	void (*make)(struct scene *s, struct descriptor *d, struct place *p);
	void (*mend)(struct scene *s, struct place *p);
};

/* A byte of the element, on the page that goes. */
static uint32_t victim;

static void forget(struct scene *s, const struct place *p)
{
	memory_scene_forget(&s->m, &s->rng, p->area, victim);
}

static void take_page(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)d;
	memory_scene_unmap(&s->m, p->area, victim);
	forget(s, p);
}

static void give_page(struct scene *s, struct place *p)
{
	memory_scene_map(&s->m, p->area, victim);
}

static void protect(struct scene *s, struct place *p, uint32_t rights)
{
	assert_int_equal(page_map_protect(
		&s->m.map[s->m.area[p->area].domain],
		memory_scene_page(&s->m, p->area, victim), SCENE_PAGE, rights),
		0);
	forget(s, p);
}

static void hide_page(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)d;
	protect(s, p, PAGE_SUPERVISOR);
}

static void show_page(struct scene *s, struct place *p)
{
	protect(s, p, PAGE_WRITE);
}

static uint64_t victim_bus(const struct scene *s, const struct place *p)
{
	return (uint64_t)s->m.area[p->area].page[victim / SCENE_PAGE] *
	       SCENE_PAGE;
}

static void revoke_page(struct scene *s, struct descriptor *d, struct place *p)
{
	uint16_t id = s->m.domain[s->m.area[p->area].domain].id;

	(void)d;
	assert_int_equal(memory_revoke(s->m.memory, id, victim_bus(s, p),
				       SCENE_PAGE), 0);
}

static void grant_page(struct scene *s, struct place *p)
{
	assert_int_equal(domain_add_extent(
		&s->m.domain[s->m.area[p->area].domain], victim_bus(s, p),
		SCENE_PAGE, EXTENT_READ | EXTENT_WRITE), 0);
}

static void wrong_pdbr(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = rng_chance(&s->rng, 2) ? s->m.domain[SCENE_OTHER].pdbr :
					   rng_below(&s->rng, 4096);
}

static void high_address(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)s;
	d->address |= p->area == AREA_4K ? 1ull << 47 : 1ull << 32;
}

static void table_address(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->address = SCENE_PAGE + rng_below(&s->rng, 1 << 20);
}

static void last_address(struct scene *s, struct descriptor *d, struct place *p)
{
	d->address = 0 - (uint64_t)rng_below(&s->rng, p->element.bytes);
	if (d->address == 0 || 0 - d->address == p->element.bytes)
		d->address = UINT64_MAX;
	d->length = d->length > 1 ? d->length : 2;
}

static void stale_key(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = memory_scene_region(&s->m, SCENE_X86_64, REGION_READ);
	assert_int_equal(region_release(&s->m.memory->regions, d->base,
					s->m.domain[SCENE_X86_64].id), 0);
}

static void no_key(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base ^= 1ull << rng_below(&s->rng, 64);
}

static void wrong_domain(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = memory_scene_region(&s->m, SCENE_OTHER, REGION_READ);
}

static void no_right(struct scene *s, struct descriptor *d, struct place *p)
{
	(void)p;
	d->base = memory_scene_region(&s->m, SCENE_X86_64, REGION_WRITE);
}

static void out_of_bounds(struct scene *s, struct descriptor *d, struct place *p)
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

static void check_refusal(struct scene *s, const struct spoil *spoil,
			  uint32_t n)
{
	struct place *p = &s->place[n];
	const struct dma_error *e = &s->fetch.error;
	uint64_t before = s->m.memory->counters.faults[spoil->fault];

	victim = p->offset + rng_below(&s->rng, p->element.bytes);
	spoil->make(s, &s->ring[n], p);
	EXPECT(s, begin(s) == -EFAULT);
	EXPECT(s, fetch_taken(&s->fetch) == s->n);
	EXPECT(s, e->fault == spoil->fault && e->element == n && !e->write);
	EXPECT(s, e->address == (spoil->page ? victim_address(p) :
						s->ring[n].address));
	EXPECT(s, s->m.memory->counters.faults[spoil->fault] == before + 1);
	check_end(s);
	if (spoil->mend)
		spoil->mend(s, p);
}

/* Tags that the refusals needed. */
static void drop_regions(struct scene *s)
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
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= FAULT_SEEDS; seed++) {
		const struct spoil *spoil = &spoils[seed % ARRAY_SIZE(spoils)];
		uint32_t bad;

		make_unit(s, seed);
		s->n = any_count(&s->rng);
		bad = rng_below(&s->rng, s->n);
		lay_out(s, ALL_AREAS & ~(1u << spoil->area), bad, spoil->area);
		if (s->place[bad].element.bytes > 0) {
			check_refusal(s, spoil, bad);
			drop_regions(s);
			describe(s, bad);
			s->ring[0].command &= (uint16_t)~DESCRIPTOR_CUT;
			s->ring[0].command |= s->command & DESCRIPTOR_CUT;
			check_frames(s);
		}
		drop_unit(s);
	}
}

/* ---- Inline bytes ------------------------------------------------------------- */

/*
 * The first elements are inline instead, and how to cut is said beside: whatever the
 * descriptors say of that does not matter.
 */
static void tx_2_inline_bytes_lead(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct fetch_cut cut;
		struct fetch_request r = { .cut = &cut };
		uint32_t n, done = 0, given;

		make_unit(s, seed);
		lay_out_anyhow(s);
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
			drop_unit(s);
			continue;
		}
		EXPECT(s, fetch_begin(&s->fetch, s->m.memory, &s->m.queue,
				      &r) == s->frames);
		EXPECT(s, fetch_taken(&s->fetch) == given);
		if (s->frames > 0) {
			EXPECT(s, take(s, &done, s->want.n) == 1);
			EXPECT(s, done == s->want.n);
		}
		check_end(s);
		drop_unit(s);
	}
}

static void tx_2_neither_inline_bytes_nor_descriptors(void **state)
{
	struct scene *s = *state;
	const struct fetch_cut cut = { 0, 100, 0 };
	const struct fetch_request r = { .cut = &cut };

	assert_int_equal(fetch_begin(&s->fetch, s->m.memory, &s->m.queue, &r),
			 -EFAULT);
	assert_int_equal(s->fetch.error.fault, DMA_FAULT_COMMAND);
	assert_int_equal(s->fetch.error.element, 0);
	check_end(s);
}

/* ---- Frames that have left ------------------------------------------------------ */

static void tx_1_goes_on_behind_frames_that_have_left(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t done;

		make_unit(s, seed);
		lay_out_anyhow(s);
		if (s->frames > 0 && s->unit.cut != TTO_CUT_FRAGMENT) {
			EXPECT(s, begin(s) == s->frames);
			done = rng_below(&s->rng, (uint32_t)s->frames + 1);
			EXPECT(s, segment_skip(&s->fetch.segment, done) == 0);
			EXPECT(s, take(s, &done, s->want.n) == 1);
			EXPECT(s, done == s->want.n);
			check_end(s);
		}
		drop_unit(s);
	}
}

/* ---- Between two calls ---------------------------------------------------------------- */

#define PAGED (1u << AREA_4K | 1u << AREA_IA32_4K | 1u << AREA_REGION)

static void move_some(struct scene *s)
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

static void start_cut_unit(struct scene *s, uint64_t seed)
{
	do {
		make_unit(s, seed);
		seed += 100000;
		if (s->frames < 3)
			drop_unit(s);
	} while (s->frames < 3);
	s->n = any_count(&s->rng);
	lay_out(s, PAGED, UINT32_MAX, AREA_4K);
	EXPECT(s, begin(s) == s->frames);
}

/* Spare pages are used once, so that a scene ends when there are none. */
static void renew(struct scene *s)
{
	struct rng r = { s->seed };

	if (s->m.n_spare < 900)
		return;
	memory_scene_close(&s->m);
	memory_scene_open(&s->m, &r);
}

static void tx_4_pages_that_moved_are_found(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= MOVE_SEEDS; seed++) {
		uint32_t done = 0;

		start_cut_unit(s, seed);
		while (done < s->want.n) {
			EXPECT(s, take(s, &done, 1 + rng_below(&s->rng, 9)) == 1);
			move_some(s);
		}
		check_end(s);
		drop_unit(s);
		renew(s);
	}
}

/* The page of the last byte goes away. */
static void tx_4_pages_that_went_end_the_fetch(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= MOVE_SEEDS; seed++) {
		uint32_t done = 0, n, count;
		struct place *p;
		const struct dma_error *e = &s->fetch.error;

		start_cut_unit(s, seed);
		EXPECT(s, take(s, &done, rng_below(&s->rng, s->want.n)) == 1);
		for (n = s->n - 1; s->place[n].element.bytes == 0; n--)
			;
		p = &s->place[n];
		victim = p->offset + p->element.bytes - 1;
		take_page(s, NULL, p);
		count = done;
		EXPECT(s, take(s, &done, 1) == -EFAULT && done == count);
		EXPECT(s, e->fault == DMA_FAULT_NOT_PRESENT);
		if (e->element == n)
			EXPECT(s, e->address == victim_address(p));
		else		/* shares the page                              */
			EXPECT(s, s->place[e->element].area == p->area);
		check_end(s);
		give_page(s, p);
		drop_unit(s);
	}
}

/* ---- Hostile descriptors ------------------------------------------------------------------ */

static bool command_is_known(uint16_t command)
{
	return !(command & ~DESCRIPTOR_ALL) &&
	       (command & 3) != (DESCRIPTOR_VIRTUAL | DESCRIPTOR_REGION);
}

static void check_command(struct scene *s, uint32_t n, uint16_t command)
{
	uint16_t before = s->ring[n].command;
	struct tto_slot slot[N_SLOTS];
	int got;

	s->ring[n].command = command;
	got = begin_ring(s, s->ring, s->n);
	EXPECT(s, got != 0);
	if (!command_is_known(command)) {
		EXPECT(s, got == -EFAULT);
		EXPECT(s, s->fetch.error.fault == DMA_FAULT_COMMAND);
		EXPECT(s, s->fetch.error.element == n);
	}
	if (command == before)
		EXPECT(s, got == s->frames);
	offer(&s->rng, slot, true);
	EXPECT(s, fetch_next(&s->fetch, slot, N_SLOTS) >= (got > 0));
	s->ring[n].command = before;
}

/* All 2^16 in the first, the last, and one between. */
static void tx_2_every_command_is_judged(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= 2; seed++) {
		do {
			make_unit(s, seed + s->rng.state % 1000);
			if (s->frames < 0)
				drop_unit(s);
		} while (s->frames < 0);
		s->n = 4;
		lay_out(s, ALL_AREAS, UINT32_MAX, AREA_BUS);
		for (uint32_t c = 0; c < 65536; c++)
			check_command(s, rng_below(&s->rng, s->n), (uint16_t)c);
		drop_unit(s);
	}
}

static void tx_2_without_an_end(void **state)
{
	struct scene *s = *state;

	make_unit(s, 3);
	s->n = 5;
	lay_out(s, ALL_AREAS, UINT32_MAX, AREA_BUS);
	for (uint32_t n = 1; n < s->n; n++) {
		EXPECT(s, begin_ring(s, s->ring, n) == -EFAULT);
		EXPECT(s, s->fetch.error.fault == DMA_FAULT_COMMAND);
		EXPECT(s, fetch_taken(&s->fetch) == n);
		check_end(s);
	}
	drop_unit(s);
}

static void tx_2_too_many_elements(void **state)
{
	struct scene *s = *state;
	struct descriptor ring[FETCH_ELEMENTS + 40];

	for (uint32_t n = FETCH_ELEMENTS + 1; n <= ARRAY_SIZE(ring); n++) {
		memset(ring, 0, sizeof(ring));
		ring[n - 1].command = DESCRIPTOR_END;
		s->unit.link = TTO_LINK_ETHERNET;
		assert_int_equal(begin_ring(s, ring, n), -EFAULT);
		assert_int_equal(s->fetch.error.fault, DMA_FAULT_TOO_LONG);
		assert_int_equal(s->fetch.error.element, FETCH_ELEMENTS);
		assert_int_equal(fetch_taken(&s->fetch), n);
		check_end(s);
	}
}

/* Lengths that add up to more than 32 bits, over memory that is there or not. */
static void tx_2_lengths_near_the_end(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct tto_slot slot[N_SLOTS];
		int got;

		make_unit(s, seed);
		lay_out_anyhow(s);
		for (uint32_t n = 0; n < s->n; n++)
			if (rng_chance(&s->rng, 2))
				s->ring[n].length = 0 - rng_below(&s->rng, 5000);
		s->ring[s->n - 1].length = UINT32_MAX;
		got = begin(s);
		EXPECT(s, got < 0);
		offer(&s->rng, slot, true);
		EXPECT(s, fetch_next(&s->fetch, slot, N_SLOTS) == 0);
		drop_unit(s);
	}
}

/* Everything random but the memory. */
static void tx_2_random_descriptors(void **state)
{
	struct scene *s = *state;

	for (uint64_t seed = 1; seed <= 4000; seed++) {
		struct tto_slot slot[N_SLOTS];
		int got, calls = 0;

		s->seed = seed;
		s->rng = (struct rng){ seed };
		rng_fill(&s->rng, (uint8_t *)s->ring, sizeof(s->ring));
		for (uint32_t n = 0; n < ARRAY_SIZE(s->ring); n++) {
			const struct area *a = &s->m.area[rng_below(&s->rng, N_AREAS)];

			s->ring[n].command &= DESCRIPTOR_ALL & ~3;
			s->ring[n].length %= 3000;
			s->ring[n].base = a->base;
			s->ring[n].address = a->virt + s->ring[n].address % 20000;
			if (a->kind == ELEMENT_VIRTUAL)
				s->ring[n].command |= DESCRIPTOR_VIRTUAL;
		}
		s->unit.link = (uint8_t)rng_below(&s->rng, TTO_N_LINKS);
		got = begin_ring(s, s->ring,
				 1 + rng_below(&s->rng, ARRAY_SIZE(s->ring)));
		EXPECT(s, got != 0);
		while (offer(&s->rng, slot, true), got > 0) {
			int n = fetch_next(&s->fetch, slot, N_SLOTS);

			EXPECT(s, n > 0 && n <= got && ++calls < 70000);
			got -= n;
		}
		check_end(s);
	}
}

static int setup(void **state)
{
	struct rng r = { 99 };

	memory_scene_open(&scene.m, &r);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	memory_scene_close(&s->m);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tx_2_tx_10_same_frames_as_from_plain_memory),
		T(tx_3_refused_whole_with_element_cause_address),
		T(tx_2_inline_bytes_lead),
		T(tx_2_neither_inline_bytes_nor_descriptors),
		T(tx_1_goes_on_behind_frames_that_have_left),
		T(tx_4_pages_that_moved_are_found),
		T(tx_4_pages_that_went_end_the_fetch),
		T(tx_2_every_command_is_judged),
		T(tx_2_without_an_end),
		T(tx_2_too_many_elements),
		T(tx_2_lengths_near_the_end),
		T(tx_2_random_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
