/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_lane.h - One direction of a wire on which things go wrong
 *
 * DOC: Theory of operation
 * A frame that is admitted leaves, if it is not lost, by the stage: an array
 * from which the owner hands it on. On its way it may wait in the line, a queue
 * in order of the time it is due, or be held back for others to overtake it.
 *
 *	admit -> stage                    nothing ails it, nothing waits
 *	admit -> slot -> line -> stage    late, changed, or behind such a one
 *	admit -> slot -> held -> line -> stage    overtaken
 *
 * The owner asks lane_room() before it admits: then slots do not run out. It
 * empties the stage with lane_done(), which frees the slots of what was handed
 * on and puts the rest back at the head of the line.
 */
#ifndef WIRE_FAULT_LANE_H
#define WIRE_FAULT_LANE_H

#include "wire/fault.h"

#define LANE_BATCH 64u		/* frames on the stage                          */
#define LANE_HELD_MAX 64u	/* held back at once; more are not reordered    */

enum lane_stream {
	LANE_BURST,
	LANE_LOSS,
	LANE_TRUNCATE,
	LANE_CORRUPT,
	LANE_DUP,
	LANE_REORDER,
	LANE_JITTER,
	LANE_N_STREAMS
};

/* struct fault_rates with probabilities of 2^32. */
struct lane_odds {
	uint64_t loss, burst_start, burst_end, burst_loss;
	uint64_t truncate, corrupt, dup, reorder;
};

struct lane_slot {
	struct wire_frame frame;	/* iov is @iov below                    */
	struct iovec iov;
	ns_t arrived;
	ns_t due;
};

struct lane_held {
	uint32_t slot;
	uint32_t wait;		/* frames that have yet to overtake it          */
};

struct lane {
	struct fault_rates rates;
	struct lane_odds odds;
	uint64_t stream[LANE_N_STREAMS];
	bool in_burst;
	struct fault_counts counts;

	struct lane_slot *slots;
	uint8_t *bytes;		/* of the slots, @slot_bytes each               */
	uint32_t slot_bytes;
	uint32_t n_slots;	/* a power of two                               */
	uint32_t *free;
	uint32_t n_free;

	uint32_t *line;		/* slots; a ring of n_slots                     */
	uint32_t line_head, n_line;
	ns_t last_due;

	struct lane_held held[LANE_HELD_MAX];
	uint32_t n_held;

	struct wire_frame *stage;	/* the owner's                          */
	uint32_t stage_max;
	uint32_t n_stage;
	uint32_t n_borrowed;	/* on the stage, not in a slot                  */
	uint32_t stage_slot[LANE_BATCH];
};

/**
 * lane_open() - Allocate
 * @l:		Zeroed
 * @slot_bytes:	Longest frame that can be late or changed
 * @n_slots:	A power of two
 * @seed:	Of this direction
 *
 * Return: 0 or -ENOMEM; lane_close() is allowed after both.
 */
MUST_CHECK int lane_open(struct lane *l, const struct fault_rates *rates,
			 uint32_t slot_bytes, uint32_t n_slots, uint64_t seed);

/** lane_close() - Release what lane_open() allocated */
void lane_close(struct lane *l);

/** lane_begin() - Stage onto @frames, at most @max of them */
void lane_begin(struct lane *l, struct wire_frame *frames, uint32_t max);

/** lane_done() - The first @n on the stage were handed on; it is empty then */
void lane_done(struct lane *l, uint32_t n);

/** lane_drop() - Nothing on the stage was handed on nor will be */
void lane_drop(struct lane *l);

/** lane_room() - How many frames can be admitted now */
static inline uint32_t lane_room(const struct lane *l)
{
	/* Each needs two slots at most, now or when it is put back. */
	return l->n_free > l->n_borrowed ? (l->n_free - l->n_borrowed) / 2 : 0;
}

/** lane_admit() - A frame comes; decide its fate */
void lane_admit(struct lane *l, const struct wire_frame *f, ns_t now);

/** lane_advance() - Stage what is due at @now, as far as the stage has room */
void lane_advance(struct lane *l, ns_t now);

/** lane_deadline() - When the next is due; NS_NEVER when nothing waits */
ns_t lane_deadline(const struct lane *l);

static inline bool lane_is_empty(const struct lane *l)
{
	return l->n_line == 0 && l->n_held == 0;
}

#endif
