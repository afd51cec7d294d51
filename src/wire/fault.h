/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - A wire on which things go wrong, the same way each time
 *
 * DOC: Theory of operation
 * Each direction has its own rates and its own random streams, one for each
 * kind of fault, all derived from one seed. So what happens to a frame depends
 * on the seed, the direction and how many frames came before it, and on nothing
 * else: another rate of corruption does not change which frames are lost.
 *
 * For each frame, in this order: lost, alone or in a burst (Gilbert-Elliott: in
 * each state a rate of loss, and a chance to change it before each frame); cut
 * short; bits flipped; sent twice; overtaken by some of those behind it; and
 * all of them late by a delay. Jitter alone does not reorder: a late frame
 * keeps those behind it waiting. Of a frame that comes twice the second is
 * whole and in its place.
 *
 * Without a fault and without delay a frame passes by reference. Else it is
 * copied to a slot, of which a fixed number is allocated at the start; when
 * they are used up the wire is full, it never drops on its own account.
 *
 * Time is what fault_set_time() said last. Before it was ever called: on a live
 * wire the monotonic clock; else the newest time that a frame had, and what is
 * late on reception follows at the end of the capture. Frames to be sent leave
 * in send, recv and close, so a live caller must call one of them at
 * wire_deadline(). A delayed frame's time is moved by its delay.
 *
 * What the other side could not notice is not done: before bits of a frame with
 * an unfinished checksum are flipped it is finished; a claim that it was
 * verified is taken away; an uncut unit is neither flipped nor cut short. A wire
 * with these faults on send does not offer to finish checksums or to cut units.
 *
 * Limits: the last frames' chance of being overtaken is that of time passing
 * (reorder_hold). A frame longer than a slot is dropped when it must be copied.
 */
#ifndef WIRE_FAULT_H
#define WIRE_FAULT_H

#include "wire/wire.h"

#define FAULT_DELAY_MAX 3600000000000u	/* ns; of any time below            */

/* Faults of one direction. Rates are probabilities, 0..1, each frame. */
struct fault_rates {
	double loss;		/* outside bursts                               */
	double burst_start;	/* a burst begins                               */
	double burst_end;	/* it ends; default 0.25                        */
	double burst_loss;	/* loss in a burst; default 1                   */
	double truncate;	/* cut to a random length                       */
	double corrupt;		/* @corrupt_bits flipped, anywhere              */
	double dup;
	double reorder;
	uint32_t corrupt_bits;	/* 1..64; default 1, which every Internet
				 * checksum notices; two may cancel out         */
	uint32_t reorder_span;	/* how many overtake a frame at most, 1..64;
				 * default 3                                    */
	ns_t reorder_hold_ns;	/* it goes after this in any case; default 1 ms */
	ns_t delay_ns;
	ns_t jitter_ns;		/* the delay is this much less or more at most  */
};

struct fault_options {
	uint64_t seed;		/* default 1                                    */
	uint32_t queue;		/* slots of each direction, 8..65536, rounded up
				 * to a power of two; default 256               */
	struct fault_rates rx;	/* from the inner wire to the caller            */
	struct fault_rates tx;	/* from the caller to the inner wire            */
};

/* Frames of one direction that something was done to. */
struct fault_counts {
	uint64_t frames;	/* all that came                                */
	uint64_t lost;
	uint64_t bursts;
	uint64_t truncated, corrupted, duplicated, reordered;
	uint64_t too_long;	/* dropped: longer than a slot                  */
};

/** fault_defaults() - No faults, and the defaults given above */
void fault_defaults(struct fault_options *o);

/**
 * fault_parse() - Options as text
 * @o:		Changed only where @text says so
 * @text:	"loss=0.01,rx.dup=0.1,delay_us=500,seed=7"; a name without "rx."
 *		or "tx." means both directions
 * @error:	Filled in on failure
 *
 * Names are those of the structs above, with _us for _ns, and without _us the
 * rates, counts, seed and queue.
 *
 * Return: 0 or -EINVAL.
 */
MUST_CHECK int fault_parse(struct fault_options *o, const char *text,
			   struct wire_error *error);

/**
 * fault_wrap() - Put faults before @inner
 * @out:	Set on success; closing it closes @inner
 * @inner:	Stays the caller's on failure
 * @options:	NULL: no faults
 *
 * Return: 0; -EINVAL: an option out of range; -ENOMEM.
 */
MUST_CHECK int fault_wrap(struct wire **out, struct wire *inner,
			  const struct fault_options *options);

/** fault_set_time() - It is @now [ns]; from here on time is the caller's */
void fault_set_time(struct wire *w, ns_t now);

/** fault_counts() - What was done so far, received frames or those sent */
struct fault_counts fault_counts(const struct wire *w, bool is_tx);

#endif
