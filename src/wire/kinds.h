/* SPDX-License-Identifier: BSD-2-Clause */
/* kinds.h - The kinds of wires, and those made by hand */
#ifndef WIRE_KINDS_H
#define WIRE_KINDS_H

#include "wire/wire.h"

/*
 * One for each kind that wire_open() knows; @args is what follows "KIND:".
 * Return: 0 with @out set, or -errno with @error filled in.
 */
MUST_CHECK int afpacket_open(struct wire **out, const char *args,
			     struct wire_error *error);
MUST_CHECK int tap_open(struct wire **out, const char *args,
			struct wire_error *error);
MUST_CHECK int pcap_open(struct wire **out, const char *args,
			 struct wire_error *error);
MUST_CHECK int trace_open(struct wire **out, const char *args,
			  struct wire_error *error);
MUST_CHECK int fault_open(struct wire **out, const char *args,
			  struct wire_error *error);

/**
 * pair_create() - A link in memory: what is sent at one end arrives at the other
 * @a:		One end; close both, in any order
 * @b:		The other
 * @frames:	Capacity of each direction, 1..65536 frames
 * @frame_bytes: Room for the largest frame
 * @offload:	Carries struct wire_offload and takes units
 *
 * Frames are copied; nothing is allocated later. Return: 0, -EINVAL, -ENOMEM.
 */
MUST_CHECK int pair_create(struct wire **a, struct wire **b, uint32_t frames,
			   uint32_t frame_bytes, bool offload);

/**
 * trace_wrap() - Write everything that passes a wire to a pcapng file
 * @out:	Passes frames on to @inner, and closes it
 * @path:	As for capture_create()
 */
MUST_CHECK int trace_wrap(struct wire **out, struct wire *inner,
			  const char *path, struct wire_error *error);

/* What can go wrong with a frame. Probabilities 0..1, each drawn by itself. */
struct fault_options {
	uint64_t seed;
	double loss;
	double burst_loss;	/* that a run of losses begins ...              */
	double burst_len;	/* ... and how long it is in the mean           */
	double duplicate;
	double reorder;		/* held until one to three others have passed   */
	double corrupt;		/* one bit is flipped                           */
	ns_t delay, jitter;	/* each frame: delay + 0..jitter                */
};

/**
 * fault_wrap() - A wire that loses, repeats, swaps, damages and delays
 * @out:	Passes frames on to @inner, and closes it
 * @options:	Copied; both directions alike, each with random numbers of its
 *		own: the same seed and the same calls give the same faults
 *
 * Time is what fault_set_time() said last; until then, the machine's clock.
 */
MUST_CHECK int fault_wrap(struct wire **out, struct wire *inner,
			  const struct fault_options *options);

/** fault_set_time() - Virtual time, from now on */
void fault_set_time(struct wire *fault, ns_t now);

#endif
