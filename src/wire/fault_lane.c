// SPDX-License-Identifier: BSD-2-Clause
/*
 * fault_lane.c - One direction of a wire on which things go wrong
 *
 * Source: Gilbert, "Capacity of a burst-noise channel", and Elliott, "Estimates
 * of error rates for codes on burst-noise channels" (two states of loss);
 * Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
 * (SplitMix64); RFC 1071 §1 (checksum).
 */
#include "wire/fault_lane.h"

#include <errno.h>
#include <stdlib.h>

#define NO_SLOT UINT32_MAX

/* ---- Chance ------------------------------------------------------------------ */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t draw(struct lane *l, enum lane_stream s)
{
	l->stream[s] += 0x9e3779b97f4a7c15;
	return (uint32_t)(mix(l->stream[s]) >> 32);
}

/* 0 .. @n - 1 */
static uint64_t draw_below(struct lane *l, enum lane_stream s, uint64_t n)
{
	return (uint64_t)((unsigned __int128)draw(l, s) * n >> 32);
}

static bool chance(struct lane *l, enum lane_stream s, uint64_t odds)
{
	return odds && draw(l, s) < odds;
}

static uint64_t to_odds(double probability)
{
	return (uint64_t)(probability * 4294967296.0);
}

/* ---- Slots ------------------------------------------------------------------- */

static void free_slot(struct lane *l, uint32_t slot)
{
	if (slot != NO_SLOT)
		l->free[l->n_free++] = slot;
}

/* Return: the slot, or NO_SLOT: it is too long, and dropped. */
static uint32_t copy_to_slot(struct lane *l, const struct wire_frame *f,
			     ns_t now)
{
	struct lane_slot *s;
	uint32_t slot;

	if (f->len > l->slot_bytes) {
		l->counts.too_long++;
		return NO_SLOT;
	}
	slot = l->free[--l->n_free];
	s = &l->slots[slot];
	s->iov.iov_base = l->bytes + (size_t)slot * l->slot_bytes;
	s->iov.iov_len = f->len;
	wire_frame_copy(f, s->iov.iov_base);
	s->frame = *f;
	s->frame.iov = &s->iov;
	s->frame.n_iov = 1;
	s->frame.comment = NULL;
	s->arrived = now;
	return slot;
}

/* ---- Stage and line ------------------------------------------------------------ */

static void stage(struct lane *l, const struct wire_frame *f, uint32_t slot)
{
	l->stage_slot[l->n_stage] = slot;
	l->stage[l->n_stage++] = *f;
	l->n_borrowed += slot == NO_SLOT;
}

static void push_line(struct lane *l, uint32_t slot, ns_t due)
{
	struct lane_slot *s = &l->slots[slot];

	s->due = due > l->last_due ? due : l->last_due;
	if (s->frame.time && s->due > s->arrived)
		s->frame.time += s->due - s->arrived;
	l->last_due = s->due;
	l->line[(l->line_head + l->n_line++) & (l->n_slots - 1)] = slot;
}

static void drain_line(struct lane *l, ns_t now)
{
	while (l->n_line && l->n_stage < l->stage_max) {
		uint32_t slot = l->line[l->line_head];

		if (l->slots[slot].due > now)
			return;
		stage(l, &l->slots[slot].frame, slot);
		l->line_head = (l->line_head + 1) & (l->n_slots - 1);
		l->n_line--;
	}
}

static void put_back(struct lane *l, uint32_t at)
{
	uint32_t slot = l->stage_slot[at];

	if (slot == NO_SLOT) {
		slot = copy_to_slot(l, &l->stage[at], 0);
		if (slot == NO_SLOT)
			return;
		l->slots[slot].due = 0;
	}
	l->line_head = (l->line_head - 1) & (l->n_slots - 1);
	l->line[l->line_head] = slot;
	l->n_line++;
}

void lane_begin(struct lane *l, struct wire_frame *frames, uint32_t max)
{
	l->stage = frames;
	l->stage_max = max < LANE_BATCH ? max : LANE_BATCH;
}

void lane_done(struct lane *l, uint32_t n)
{
	uint32_t at;

	for (at = 0; at < n; at++)
		free_slot(l, l->stage_slot[at]);
	for (at = l->n_stage; at > n; at--)
		put_back(l, at - 1);
	l->n_stage = 0;
	l->n_borrowed = 0;
}

void lane_drop(struct lane *l)
{
	lane_done(l, l->n_stage);
}

/* ---- Faults -------------------------------------------------------------------- */

static bool is_lost(struct lane *l)
{
	if (l->in_burst) {
		if (chance(l, LANE_BURST, l->odds.burst_end))
			l->in_burst = false;
	} else if (chance(l, LANE_BURST, l->odds.burst_start)) {
		l->in_burst = true;
		l->counts.bursts++;
	}
	return chance(l, LANE_LOSS, l->in_burst ? l->odds.burst_loss :
						  l->odds.loss);
}

/* Writes the checksum that was left to the other side. */
static void finish_checksum(uint8_t *data, uint32_t len,
			    const struct wire_offload *o)
{
	uint32_t at, field = (uint32_t)o->csum_start + o->csum_offset;
	uint64_t sum = 0;

	if (field + 2 > len)
		return;
	for (at = o->csum_start; at + 1 < len; at += 2)
		sum += load_be16(data + at);
	if (at < len)
		sum += (uint64_t)data[at] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	store_be16(data + field, sum == 0xffff ? 0xffff : (uint16_t)~sum);
}

static void flip_bits(struct lane *l, struct lane_slot *s)
{
	uint8_t *data = s->iov.iov_base;
	uint32_t n;

	if (s->frame.offload.flags & WIRE_NEEDS_CSUM)
		finish_checksum(data, s->frame.len, &s->frame.offload);
	s->frame.offload = (struct wire_offload){ 0 };
	for (n = 0; n < l->rates.corrupt_bits; n++) {
		uint64_t bit = draw_below(l, LANE_CORRUPT,
					  (uint64_t)s->frame.len * 8);

		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void cut(struct lane *l, struct lane_slot *s)
{
	s->frame.len = (uint32_t)draw_below(l, LANE_TRUNCATE, s->frame.len - 1);
	s->frame.len++;
	s->frame.full_len = s->frame.len;
	s->iov.iov_len = s->frame.len;
	s->frame.offload = (struct wire_offload){ 0 };
}

/* Return: a slot with a changed copy; NO_SLOT when there is to be no change. */
static uint32_t damage(struct lane *l, const struct wire_frame *f, ns_t now)
{
	bool is_cut = chance(l, LANE_TRUNCATE, l->odds.truncate);
	bool is_flipped = chance(l, LANE_CORRUPT, l->odds.corrupt);
	uint32_t slot;

	if ((!is_cut && !is_flipped) || f->len < 2 || f->len > l->slot_bytes ||
	    f->offload.gso_type != WIRE_GSO_NONE)
		return NO_SLOT;
	slot = copy_to_slot(l, f, now);
	if (is_flipped)
		flip_bits(l, &l->slots[slot]);
	if (is_cut)
		cut(l, &l->slots[slot]);
	l->counts.truncated += is_cut;
	l->counts.corrupted += is_flipped;
	return slot;
}

static ns_t add_ns(ns_t a, ns_t b)
{
	return a < NS_NEVER - 1 - b ? a + b : NS_NEVER - 1;
}

static ns_t due_of(struct lane *l, ns_t now)
{
	ns_t delay = l->rates.delay_ns, jitter = l->rates.jitter_ns;

	if (jitter)
		delay += draw_below(l, LANE_JITTER, 2 * jitter + 1);
	return add_ns(now, delay > jitter ? delay - jitter : 0);
}

/* ---- A frame's way ------------------------------------------------------------- */

/* @slot holds the frame, or is NO_SLOT: it may pass by reference. */
static void pass(struct lane *l, const struct wire_frame *f, uint32_t slot,
		 ns_t now, ns_t due)
{
	if (slot == NO_SLOT) {
		if (due <= now && l->n_line == 0 && l->n_stage < l->stage_max) {
			stage(l, f, NO_SLOT);
			return;
		}
		slot = copy_to_slot(l, f, now);
		if (slot == NO_SLOT)
			return;
	}
	push_line(l, slot, due);
	drain_line(l, now);
}

static void unhold(struct lane *l, uint32_t at, ns_t due)
{
	push_line(l, l->held[at].slot, due);
	l->n_held--;
	memmove(&l->held[at], &l->held[at + 1],
		(l->n_held - at) * sizeof(l->held[0]));
}

/* A frame has gone past those that are held back. */
static void count_down(struct lane *l, ns_t now, ns_t due)
{
	uint32_t at = 0;

	while (at < l->n_held) {
		if (--l->held[at].wait == 0)
			unhold(l, at, due);
		else
			at++;
	}
	drain_line(l, now);
}

/* Return: false when it cannot be held back. */
static bool hold(struct lane *l, const struct wire_frame *f, uint32_t slot,
		 ns_t now, ns_t due)
{
	if (l->n_held == LANE_HELD_MAX)
		return false;
	if (slot == NO_SLOT)
		slot = copy_to_slot(l, f, now);
	if (slot == NO_SLOT)
		return true;
	l->slots[slot].due = add_ns(due, l->rates.reorder_hold_ns);
	l->held[l->n_held].slot = slot;
	l->held[l->n_held++].wait = 1 + (uint32_t)draw_below(
			l, LANE_REORDER, l->rates.reorder_span);
	l->counts.reordered++;
	return true;
}

void lane_admit(struct lane *l, const struct wire_frame *f, ns_t now)
{
	bool is_twice, is_late;
	uint32_t slot;
	ns_t due;

	l->counts.frames++;
	if (is_lost(l)) {
		l->counts.lost++;
		return;
	}
	slot = damage(l, f, now);
	is_twice = chance(l, LANE_DUP, l->odds.dup);
	is_late = chance(l, LANE_REORDER, l->odds.reorder);
	due = due_of(l, now);
	l->counts.duplicated += is_twice;
	is_late = is_late && hold(l, f, slot, now, due);
	if (!is_late)
		pass(l, f, slot, now, due);
	if (is_twice)
		pass(l, f, NO_SLOT, now, due);
	if (!is_late && l->n_held)
		count_down(l, now, due);
}

void lane_advance(struct lane *l, ns_t now)
{
	uint32_t at = 0;

	while (at < l->n_held) {
		ns_t due = l->slots[l->held[at].slot].due;

		if (due <= now)
			unhold(l, at, due);
		else
			at++;
	}
	drain_line(l, now);
}

ns_t lane_deadline(const struct lane *l)
{
	ns_t first = NS_NEVER;
	uint32_t at;

	if (l->n_line)
		first = l->slots[l->line[l->line_head]].due;
	for (at = 0; at < l->n_held; at++) {
		ns_t due = l->slots[l->held[at].slot].due;

		if (due < first)
			first = due;
	}
	return first;
}

/* ---- Make and release ------------------------------------------------------------ */

static void set_odds(struct lane *l, const struct fault_rates *r)
{
	l->rates = *r;
	l->odds = (struct lane_odds){
		.loss = to_odds(r->loss),
		.burst_start = to_odds(r->burst_start),
		.burst_end = to_odds(r->burst_end),
		.burst_loss = to_odds(r->burst_loss),
		.truncate = to_odds(r->truncate),
		.corrupt = to_odds(r->corrupt),
		.dup = to_odds(r->dup),
		.reorder = to_odds(r->reorder),
	};
}

int lane_open(struct lane *l, const struct fault_rates *rates,
	      uint32_t slot_bytes, uint32_t n_slots, uint64_t seed)
{
	uint32_t n;

	set_odds(l, rates);
	for (n = 0; n < LANE_N_STREAMS; n++)
		l->stream[n] = mix(seed ^ mix(n + 1));
	l->slot_bytes = slot_bytes;
	l->n_slots = n_slots;
	l->slots = calloc(n_slots, sizeof(*l->slots));
	l->bytes = calloc(n_slots, slot_bytes);
	l->free = calloc(n_slots, sizeof(*l->free));
	l->line = calloc(n_slots, sizeof(*l->line));
	if (!l->slots || !l->bytes || !l->free || !l->line)
		return -ENOMEM;
	/* The last is taken first, so that few slots are touched. */
	for (n = 0; n < n_slots; n++)
		l->free[l->n_free++] = n_slots - 1 - n;
	return 0;
}

void lane_close(struct lane *l)
{
	free(l->slots);
	free(l->bytes);
	free(l->free);
	free(l->line);
}
