/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - One ring of memif, from either end, in either direction
 *
 * DOC: Theory of operation
 * A ring looks the same to whoever sends and to whoever receives: there are slots
 * that are ours, we do something with them in their order, and hand them over.
 *
 *	client: the slots [head, tail + size) are ours; we move head
 *	server: the slots [tail, head) are ours; we move tail
 *
 *		sends: fills buffers	receives: takes frames out
 *
 * Where the buffers are, the client knows by itself: it made them, one for each
 * slot, and does not look at what a server may have left in a descriptor but the
 * length and whether the frame goes on. The server has to go by the descriptor.
 *
 * The peer is not trusted. Our own index is kept here and only ever written to
 * the ring; the peer's index and each descriptor are read once, the copy is
 * judged, and the copy is used: a count of slots is at most the ring's size, a
 * buffer lies in a region, a frame has an end. What is received is copied out of
 * the shared memory before anybody looks at it, because its writer could still
 * change it then. Anything that is against the rules is -EPROTO, and the end of
 * the connection.
 *
 * The receiver masks interrupts while it is awake. It unmasks them, looks once
 * more, and may sleep then; who sends hands over, looks at the mask, and rings.
 * Between the two steps of either side stands a full fence, so that one of them
 * sees what the other did.
 *
 * Limits: peers that look at the mask without a fence (DPDK, VPP) may see the old
 * one for as long as a store takes to be seen, some ten nanoseconds; so the last
 * look is done twice, ARM_PAUSES apart.
 */
#ifndef WIRE_MEMIF_RING_H
#define WIRE_MEMIF_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/memif/protocol.h"
#include "wire/memif/region.h"
#include "wire/wire.h"

#define RING_FRAME_MAX (65535u + 64)	/* bytes that are received              */

struct ring {
	struct memif_ring *shared;
	uint16_t *mine, *theirs;	/* head and tail in it, or the reverse  */
	uint16_t next;			/* first slot of ours                   */
	uint16_t end;			/* behind the last                      */
	uint16_t mask;			/* size - 1                             */
	bool is_client;
	bool is_cut;			/* [next, end) is a frame without end   */
	uint32_t buffer_bytes;		/* client: of each; they lie ...        */
	uint32_t buffer_offset;		/* ... from here on in region 0         */
	const struct region *regions;
	uint32_t n_regions;
	int event;			/* eventfd, or -1                       */
};

/* Where received frames go: as many as there is room for. */
struct inbox {
	struct wire_frame *frames;
	struct iovec *iov;		/* one for each frame                   */
	unsigned n, room;
	uint8_t *bytes;
	size_t used, n_bytes;
	uint64_t n_dropped;		/* frames of a length that cannot be    */
};

/* Bytes of a ring with 2^@log2 slots. */
static inline uint32_t ring_bytes(unsigned log2)
{
	return MEMIF_DESCRIPTORS_AT +
	       (uint32_t)(sizeof(struct memif_descriptor) << log2);
}

/**
 * ring_create() - The client's: empty, and all slots its own
 * @r:		regions, n_regions, buffer_bytes and buffer_offset are set
 * @offset:	Of the ring in region 0, which holds it and its buffers
 * @log2:	Of the number of slots, to MEMIF_LOG2_RING_MAX
 */
void ring_create(struct ring *r, uint32_t offset, unsigned log2);

/**
 * ring_attach() - The server's: what a client made
 * @r:		regions and n_regions are set
 * @where:	As the peer said, unchecked
 * @why:	Set on failure
 *
 * Return: 0; -EPROTO: it does not lie in a region, or is no ring.
 */
MUST_CHECK int ring_attach(struct ring *r, const struct memif_add_ring *where,
			   const char **why);

/** ring_offer() - The client that receives hands over all buffers, empty */
void ring_offer(struct ring *r);

/**
 * ring_send() - Copy frames into the ring, and hand them over
 * @n:		Frames of 1 byte and more; longer ones take several slots
 *
 * Return: how many were taken, less when the ring is full; -EMSGSIZE: the first
 * is larger than the ring; -EPROTO: the peer breaks the rules.
 */
MUST_CHECK int ring_send(struct ring *r, const struct wire_frame *frames,
			 unsigned n);

/** ring_has_listener() - After ring_send(): whether the peer wants to be woken */
bool ring_has_listener(const struct ring *r);

/**
 * ring_receive() - Copy frames out of the ring, and hand the slots back
 * @in:		Frames are added, as long as there is room
 *
 * Return: 0 or -EPROTO; what @in got before is valid in either case.
 */
MUST_CHECK int ring_receive(struct ring *r, struct inbox *in);

/** ring_interrupts() - Say whether the peer shall ring for what it sends */
void ring_interrupts(struct ring *r, bool on);

/**
 * ring_is_quiet() - After interrupts were switched on, the last look before sleep
 *
 * What the peer hands over when this was true, it rings for.
 */
bool ring_is_quiet(struct ring *r);

#endif
