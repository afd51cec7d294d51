// SPDX-License-Identifier: BSD-2-Clause
/* fetch_scene.c - A unit, described to the device, and its frames */
#include "nic/fetch_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOT_BYTES (MODEL_HEADER_MAX + 65536)

static struct fetch_scene scene;

void unit_fail(const struct fetch_scene *s, const char *what)
{
	fail_msg("seed %llu: %s (error %s, element %u, address %llx)",
		 (unsigned long long)s->seed, what,
		 dma_fault_name(s->fetch.error.fault), s->fetch.error.element,
		 (unsigned long long)s->fetch.error.address);
}

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
static void end_with_fragment(struct fetch_scene *s)
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

static void make_fragments(struct fetch_scene *s, uint32_t kind)
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

static void make_header(struct fetch_scene *s)
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

static void make_flags(struct fetch_scene *s)
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

void unit_make(struct fetch_scene *s, uint64_t seed)
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

void unit_drop(struct fetch_scene *s)
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
void unit_describe(struct fetch_scene *s, uint32_t n)
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

uint32_t unit_any_count(struct rng *r)
{
	return rng_chance(r, 8) ? 1 + rng_below(r, FETCH_ELEMENTS) :
				  1 + rng_below(r, 6);
}

/* Lengths of s->n elements, some of them 0. */
static void split(struct fetch_scene *s, uint32_t *len)
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
void unit_lay_out(struct fetch_scene *s, uint32_t areas, uint32_t special,
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
		unit_describe(s, n);
	}
}

void unit_lay_out_anyhow(struct fetch_scene *s)
{
	s->n = unit_any_count(&s->rng);
	unit_lay_out(s, UNIT_AREAS, UINT32_MAX, AREA_BUS);
}

int unit_begin_ring(struct fetch_scene *s, const struct descriptor *ring, uint32_t n)
{
	const struct fetch_request r = {
		.descriptors = ring, .n = n, .link = s->unit.link,
	};

	return fetch_begin(&s->fetch, s->m.memory, &s->m.queue, &r);
}

int unit_begin(struct fetch_scene *s)
{
	uint32_t behind = rng_below(&s->rng, 8);

	return unit_begin_ring(s, s->ring, s->n + behind);
}

/* ---- Frames ----------------------------------------------------------------------- */

void unit_offer(struct rng *r, struct tto_slot *slot, bool enough)
{
	static uint8_t data[UNIT_SLOTS][SLOT_BYTES];
	static struct iovec iov[UNIT_SLOTS][FETCH_SPANS];

	for (uint32_t n = 0; n < UNIT_SLOTS; n++) {
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

static void check_slot(struct fetch_scene *s, const struct tto_slot *slot,
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
int unit_take(struct fetch_scene *s, uint32_t *done, uint32_t n)
{
	uint32_t end = *done + n < s->want.n ? *done + n : s->want.n;
	bool enough = false;

	while (*done < end) {
		struct tto_slot slot[UNIT_SLOTS];
		uint32_t want = 1 + rng_below(&s->rng, UNIT_SLOTS);
		int got;

		unit_offer(&s->rng, slot, enough);
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

void unit_check_end(struct fetch_scene *s)
{
	struct tto_slot slot[UNIT_SLOTS];

	unit_offer(&s->rng, slot, true);
	EXPECT(s, fetch_next(&s->fetch, slot, UNIT_SLOTS) == 0);
}

void unit_check_frames(struct fetch_scene *s)
{
	uint32_t done = 0;
	int got = unit_begin(s);

	EXPECT(s, got == s->frames);
	EXPECT(s, fetch_taken(&s->fetch) == s->n);
	if (got > 0)
		EXPECT(s, unit_take(s, &done, UINT32_MAX / 2) == 1);
	EXPECT(s, got < 0 || done == s->want.n);
	unit_check_end(s);
}

/* ---- For all tests -------------------------------------------------------------- */

int fetch_setup(void **state)
{
	struct rng r = { 99 };

	memory_scene_open(&scene.m, &r);
	*state = &scene;
	return 0;
}

int fetch_teardown(void **state)
{
	struct fetch_scene *s = *state;

	memory_scene_close(&s->m);
	return 0;
}
