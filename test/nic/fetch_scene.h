/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch_scene.h - A unit, described to the device, and its frames
 *
 * A unit has any headers and payload; it is split and laid out in memory of any kind
 * and given to the device in descriptors. Its frames are compared with those that
 * tto_segmenter_begin() makes of the same in plain memory.
 */
#ifndef TEST_NIC_FETCH_SCENE_H
#define TEST_NIC_FETCH_SCENE_H

#include "nic/fetch.h"
#include "nic/memory_scene.h"

#define UNIT_STREAM_MAX (MODEL_HEADER_MAX + 70000)
#define UNIT_SLOTS 5
#define UNIT_AREAS ((1u << N_AREAS) - 1)	/* all                          */

struct fetch_scene {
	struct memory_scene m;
	uint64_t seed;
	struct rng rng;
	struct model_header header;
	struct model_payload payload;
	struct tto_unit unit;
	uint16_t command;
	struct model_frames want;
	int frames;		/* or what begin says                           */
	uint32_t n;
	struct place place[FETCH_ELEMENTS];
	struct descriptor ring[FETCH_ELEMENTS + 8];
	uint8_t stream[UNIT_STREAM_MAX];
	struct fetch fetch;
};

/* For cmocka. */
int fetch_setup(void **state);
int fetch_teardown(void **state);

void unit_fail(const struct fetch_scene *s, const char *what);

#define EXPECT(s, x) do { if (!(x)) unit_fail(s, #x); } while (0)

/** unit_make() - Any unit; end it with unit_drop() */
void unit_make(struct fetch_scene *s, uint64_t seed);
void unit_drop(struct fetch_scene *s);

/** unit_any_count() - How many elements: few, or up to FETCH_ELEMENTS */
uint32_t unit_any_count(struct rng *r);
/**
 * unit_lay_out() - Split it to s->n elements, and describe these in s->ring
 * @areas:	Mask of the areas that they may be in
 * @special:	This element is in @alone instead; UINT32_MAX: none
 */
void unit_lay_out(struct fetch_scene *s, uint32_t areas, uint32_t special,
		  enum area_kind alone);
void unit_lay_out_anyhow(struct fetch_scene *s);
/** unit_describe() - Write descriptor @n again, as it has to be */
void unit_describe(struct fetch_scene *s, uint32_t n);

/** unit_begin() - fetch_begin(), with some of s->ring behind the unit */
int unit_begin(struct fetch_scene *s);
int unit_begin_ring(struct fetch_scene *s, const struct descriptor *ring, uint32_t n);

/** unit_offer() - Any UNIT_SLOTS slots; @enough: room in each for any frame */
void unit_offer(struct rng *r, struct tto_slot *slot, bool enough);
/** unit_take() - Up to @n frames. Return: what fetch_next() said; 1: there may be more */
int unit_take(struct fetch_scene *s, uint32_t *done, uint32_t n);
void unit_check_end(struct fetch_scene *s);
/** unit_check_frames() - Begin, and see all frames */
void unit_check_frames(struct fetch_scene *s);

#endif
