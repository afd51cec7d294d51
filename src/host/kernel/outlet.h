/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outlet.h - One way out: frames are fitted to what a wire can do, and sent
 *
 * DOC: Theory of operation
 * The device does in software only what the wire cannot. A frame that is offered
 * goes one of three ways:
 *
 *	as it is		the wire takes it with its struct wire_offload
 *	checksum finished	NEEDS_CSUM, and the wire does not finish them
 *	cut			a unit (gso_type), and the wire takes none
 *
 * Frames wait in a queue of OUTLET_FRAMES until it is full or flushed, so that
 * the wire gets many at a time. Headers of frames that were cut lie in the queue;
 * payload stays where it was received.
 *
 * When the wire is full the outlet waits for room, as long as it was told; then it
 * drops what it has, as a network card does, and counts it.
 */
#ifndef HOST_KERNEL_OUTLET_H
#define HOST_KERNEL_OUTLET_H

#include "wire/wire.h"

#define OUTLET_FRAMES 64
#define OUTLET_PATIENCE_MS 5

struct outlet_stats {
	uint64_t units_cut;
	uint64_t frames_cut;		/* that these made                      */
	uint64_t checksums_finished;	/* of frames that were not cut          */
	uint64_t dropped_full;		/* the wire had no room in time         */
	uint64_t dropped_bad;		/* offload header and frame disagree, or
					 * the frame cannot be cut              */
};

struct outlet;

/**
 * outlet_open() - Begin to send to a wire
 * @out:	Set on success; outlet_close()
 * @wire:	Stays the caller's
 * @patience_ms: How long to wait for room before frames are dropped; 0: not at all
 *
 * Return: 0 or -ENOMEM.
 */
MUST_CHECK int outlet_open(struct outlet **out, struct wire *wire, int patience_ms);

/** outlet_close() - Release; what waits is dropped. NULL is allowed */
void outlet_close(struct outlet *o);

/**
 * outlet_put() - Offer a frame
 * @o:		Outlet
 * @frame:	Its bytes stay until outlet_flush(). They are one element, and
 *		may be written to: a checksum is finished in place
 */
void outlet_put(struct outlet *o, const struct wire_frame *frame);

/** outlet_flush() - Send what waits */
void outlet_flush(struct outlet *o);

/** outlet_error() - 0, or the -errno that made the wire useless */
int outlet_error(const struct outlet *o);

/** outlet_stats() - Counters since open */
const struct outlet_stats *outlet_stats(const struct outlet *o);

#endif
