/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.h - Copies of what passes the device, for a process that captures
 *
 * DOC: Theory of operation
 * At four points of the path what passes can be copied into a ring in the heap, from
 * which another process reads. When nobody captures, each point costs a look at
 * @wanted, and there is no ring.
 *
 * Who captures locks the place where the mirror is (heap_lock()), and writes what he
 * wants. The next turn of the stack makes a ring and begins a new @session; whoever
 * passes a point copies. When the ring is full what passes is not copied, and is counted:
 * nobody ever waits for the reader. While a session lasts the stack looks every LOOK_NS
 * whether the lock is there: when it is not, the reader has gone, however he did, and the
 * ring goes back to the heap.
 *
 * Who captures reads and writes this structure and the ring, and nothing else: not the
 * stack's lock, which nobody but its programs may hold.
 *
 *	tail <= head <= tail + MIRROR_BYTES: places, counted on and on. A record lies
 *	in one piece; one of point MIRROR_NONE fills what is left before the ring's end.
 *
 * Limits: one reader at a time.
 * Threads: the stack's side under the stack's lock.
 * Source: STYLE 2.11.
 */
#ifndef EMBED_MIRROR_H
#define EMBED_MIRROR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/compiler.h"

struct tto_packet;
struct wire_frame;
struct wire_place;

#define MIRROR_BYTES (16u << 20)	/* of the ring                          */

/* X(IDENTIFIER, "name", received, "sentence") */
#define MIRROR_POINTS(X) \
X(WIRE_RX, "wire-rx", true, "frames as the wire gave them") \
X(HOST_RX, "host-rx", true, "what TCP was given: aggregates, and frames as they came") \
X(HOST_TX, "host-tx", false, "units as TCP gave them to the device") \
X(WIRE_TX, "wire-tx", false, "frames as the wire was given them: cut, unless the wire does it")

enum mirror_point {
#define X(id, name, received, text) MIRROR_##id,
	MIRROR_POINTS(X)
#undef X
	MIRROR_N_POINTS,
	MIRROR_NONE = MIRROR_N_POINTS	/* a record that fills                  */
};

enum mirror_flag {
	MIRROR_CHANGED = 1,	/* an aggregate                                 */
	MIRROR_CSUM = 2,	/* the checksum is left to who gets it          */
};

/* Before each frame in the ring. All of it is a multiple of 8 bytes. */
struct mirror_record {
	uint32_t bytes;		/* of the record, with this header              */
	uint16_t point;		/* enum mirror_point                            */
	uint16_t gso_size;	/* payload of a frame of it; 0: it is one frame */
	uint64_t time;		/* [ns] since 1970                              */
	uint32_t len, full_len;	/* bytes here, and on the path                  */
	uint32_t n_frames;	/* HOST_RX: that were joined                    */
	uint8_t cause;		/* HOST_RX: enum tto_cause                      */
	uint8_t gso_flags;	/* HOST_RX: enum tto_gso_flags                  */
	uint8_t flags;		/* enum mirror_flag                             */
	uint8_t reserved;
};
_Static_assert(sizeof(struct mirror_record) == 32, "as it is in the ring");

struct mirror {
	/* Of who captures. */
	uint32_t wanted;	/* a bit for each point; last, when all else is set */
	uint32_t snap;		/* bytes of a frame that are copied             */
	uint32_t asked;		/* session that he wants                        */
	uint64_t tail;		/* all before has been read                     */

	/* Of the stack. */
	uint32_t session CACHE_ALIGNED;	/* last, when all else is set           */
	uint8_t *ring;
	ns_t looked;		/* for the lock, the last time                  */
	uint64_t head;
	uint64_t taken[MIRROR_N_POINTS], lost[MIRROR_N_POINTS];	/* frames       */
};

/* All zeros at first. Does anybody want anything? The one look that it costs. */
static inline bool mirror_is_wanted(const struct mirror *m)
{
	return unlikely(__atomic_load_n(&m->wanted, __ATOMIC_RELAXED) != 0);
}

/** mirror_tend() - Begin a session that is wanted, end one whose reader has gone */
void mirror_tend(struct mirror *m, ns_t now);

/** mirror_free() - Nobody uses it any more */
void mirror_free(struct mirror *m);

/* ---- What passes; for who has seen that it is wanted ----------------------------------- */

/** mirror_frames() - @n frames of the wire, at WIRE_RX or WIRE_TX */
void mirror_frames(struct mirror *m, enum mirror_point point,
		   const struct wire_frame *frames, uint32_t n);

/** mirror_places() - The same of WIRE_TX, cut into places that the wire has lent */
void mirror_places(struct mirror *m, const struct wire_place *places, uint32_t n);

/** mirror_packet() - What the coalescer hands up */
void mirror_packet(struct mirror *m, const struct tto_packet *p);

/**
 * mirror_segment() - What TCP was given, by who has no header of it as it came
 * @header:	Ethernet, IP and TCP, @p's; gets the lengths of the whole
 */
void mirror_segment(struct mirror *m, uint8_t *header, struct tto_packet *p);

/**
 * mirror_unit() - What TCP sends
 * @header:	Ethernet, IP and TCP, as for the segmenter; the copy gets its lengths
 * @payload:	@n elements of together @bytes
 */
void mirror_unit(struct mirror *m, const uint8_t *header, uint32_t header_bytes,
		 const struct iovec *payload, uint32_t n, uint32_t bytes, uint16_t mss);

#endif
