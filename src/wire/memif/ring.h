/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - One ring of memif, from either end, in either direction
 *
 * DOC: Theory of operation
 * A ring looks the same to whoever sends and to whoever receives: there are slots
 * that are ours, we do something with them in their order, and hand them over.
 *
 *	server		the slots [tail, head); we move tail
 *	client, sends	the slots [head, tail + size); we move head
 *	client, receives	the frames [taken, tail); we move head, by which
 *			the server gets empty buffers again
 *
 * Where the buffers are, the client knows by itself: it made them, and does not
 * look at what a server may have left in a descriptor but the length and whether
 * the frame goes on. The server has to go by the descriptor.
 *
 * The client takes the buffers that came back last for the next slots, and as a
 * receiver hands out no more than the server seems to need: the fewer there are in
 * turn, the more of them are in the caches of the two cores. A server that was
 * found without a buffer gets twice as many; each SHRINK_AFTER frames without
 * that, half as many.
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
 * one for as long as a store takes to be seen, some ten nanoseconds; for these the
 * last look goes on for ARM_PAUSES, a microsecond, which our own peers are spared.
 */
#ifndef WIRE_MEMIF_RING_H
#define WIRE_MEMIF_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/checksum.h"
#include "wire/memif/protocol.h"
#include "wire/memif/region.h"
#include "wire/wire.h"

#define RING_FRAME_MAX (65535u + 64)	/* bytes that are received              */

/* Buffers of a client: which is in which slot, and which are in none. */
struct ring_buffers {
	uint32_t bytes;			/* of each; they lie ...                */
	uint32_t offset;		/* ... from here on in region 0         */
	uint16_t *in_slot;
	uint16_t *unused;		/* a stack                              */
	uint32_t n_unused;
};

struct ring {
	struct memif_ring *shared;
	uint16_t *mine, *theirs;	/* head and tail in it, or the reverse  */
	uint16_t next;			/* first slot of ours                   */
	uint16_t end;			/* behind the last                      */
	uint16_t offered;		/* client, receives: head               */
	uint16_t mask;			/* size - 1                             */
	bool is_client, receives;
	bool is_cut;			/* [next, end) is a frame without end   */
	bool starved;			/* the server was without a buffer      */
	uint32_t window;		/* client, receives: slots to offer     */
	uint32_t n_since;		/* frames since that changed            */
	struct ring_buffers buffers;	/* client                               */
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
	const struct checksum_ops *sums;
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
 * @r:		receives, regions, n_regions, buffers.bytes and buffers.offset are
 *		set; give it back with ring_release(), on failure as well
 * @offset:	Of the ring in region 0, which holds it and its buffers
 * @log2:	Of the number of slots, to MEMIF_LOG2_RING_MAX
 *
 * Return: 0 or -ENOMEM.
 */
MUST_CHECK int ring_create(struct ring *r, uint32_t offset, unsigned log2);
void ring_release(struct ring *r);

/**
 * ring_attach() - The server's: what a client made
 * @r:		receives, regions and n_regions are set
 * @where:	As the peer said, unchecked
 * @why:	Set on failure
 *
 * Return: 0; -EPROTO: it does not lie in a region, or is no ring.
 */
MUST_CHECK int ring_attach(struct ring *r, const struct memif_add_ring *where,
			   const char **why);

/** ring_offer() - The client that receives hands over empty buffers */
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

/**
 * ring_lend() - Buffers of the next slots, to write frames to
 * @places:	NULL: count only
 *
 * The peer can change at any time what is written there, so nothing of it is to be
 * read again.
 *
 * Return: how many, up to @n; -EPROTO.
 */
MUST_CHECK int ring_lend(struct ring *r, struct wire_place *places, unsigned n);

/** ring_send_lent() - Hand over the first @n of them, their len set */
void ring_send_lent(struct ring *r, const struct wire_place *places, unsigned n);

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
 * @peer_has_fence:	Between handing over and looking at the mask
 *
 * What the peer hands over when this was true, it rings for.
 */
bool ring_is_quiet(struct ring *r, bool peer_has_fence);

#endif
