/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - A queue between two sides that share memory and not trust
 *
 * DOC: Theory of operation
 * One side produces, the other consumes; each writes one index, counting entries
 * for ever, and reads the other's. Beside that one word, in which a consumer says
 * that it sleeps, there is nothing to agree on.
 *
 *   line 0   what it is: written once, by whoever made it; the device does not
 *            read it
 *   line 1   tail: entries that were ever published         written by producer
 *   line 2   head: entries that were ever released          written by consumer
 *   line 3   sleeps: 1 while the consumer wants to be woken  written by both
 *   line 4.. entries
 *
 * A side keeps what it believes in a struct ring_end of its own. It reads the
 * other's index only when its last look at it does not suffice, judges it, and
 * reads each entry once into its own memory. An index that cannot be (more
 * published than there is room, fewer released than before) breaks the ring for
 * good: ring_end.broken; nothing is taken from it any more. So a hostile side
 * can spoil what is in its own queue, and stop; no more.
 *
 * No wakeup is lost. The consumer that wants to sleep arms: it sets @sleeps and
 * looks again; the producer publishes and then looks at @sleeps. A full fence
 * between the two halves on both sides makes it impossible that both miss:
 *
 *      consumer                         producer
 *      sleeps = 1                       tail = n
 *      ---- fence ----                  ---- fence ----
 *      tail moved?  -> do not sleep     sleeps was 1? -> 0, and wake
 *
 * Arming is for one wakeup: whoever wakes sets it back to 0.
 *
 * Threads: one producer, one consumer, any two threads or processes.
 * Source: SPEC TX-7, AG-6; ARCHITECTURE D2.
 */
#ifndef QUEUE_RING_H
#define QUEUE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define RING_MAGIC 0x716f7474U		/* "ttoq" in memory                     */
#define RING_VERSION 1
#define RING_ENTRIES_MIN 2U
#define RING_ENTRIES_MAX (1U << 20)

/* In shared memory, aligned to 64. */
struct ring {
	uint32_t magic;
	uint16_t version;
	uint16_t entry_bytes;
	uint32_t entries;	/* a power of two                               */
	uint32_t kind;		/* enum ring_kind                               */

	CACHE_ALIGNED _Atomic uint32_t tail;
	CACHE_ALIGNED _Atomic uint32_t head;
	CACHE_ALIGNED _Atomic uint32_t sleeps;
	CACHE_ALIGNED uint8_t entry[];
};

_Static_assert(offsetof(struct ring, tail) == 64, "layout");
_Static_assert(offsetof(struct ring, head) == 128, "layout");
_Static_assert(offsetof(struct ring, sleeps) == 192, "layout");
_Static_assert(offsetof(struct ring, entry) == 256, "layout");
_Static_assert(sizeof(_Atomic uint32_t) == 4, "layout");

enum ring_kind {
	RING_SEND = 1,		/* SQ: struct send_block                        */
	RING_RECEIVE,		/* RQ: struct receive_work                      */
	RING_GENERAL,		/* GRQ: struct receive_work                     */
	RING_COMPLETION,	/* CQ: struct completion                        */
};

/* One side's own view; not shared. */
struct ring_end {
	struct ring *ring;
	uint32_t mask;		/* entries - 1                                  */
	uint32_t entry_bytes;
	uint32_t own;		/* the index that this side writes              */
	uint32_t seen;		/* the other's, when last looked at             */
	bool broken;		/* the other side wrote what cannot be          */
};

/** ring_bytes() - Memory of a ring; @entries a power of two */
static inline size_t ring_bytes(uint32_t entries, uint32_t entry_bytes)
{
	return sizeof(struct ring) + (size_t)entries * entry_bytes;
}

/**
 * ring_create() - Make an empty ring
 * @r:		ring_bytes() of memory, aligned to 64; the entries are left alone
 * @entries:	A power of two, RING_ENTRIES_MIN..RING_ENTRIES_MAX
 */
static inline void ring_create(struct ring *r, enum ring_kind kind,
			       uint32_t entries, uint32_t entry_bytes)
{
	r->magic = RING_MAGIC;
	r->version = RING_VERSION;
	r->entry_bytes = (uint16_t)entry_bytes;
	r->entries = entries;
	r->kind = kind;
	atomic_store_explicit(&r->tail, 0, memory_order_relaxed);
	atomic_store_explicit(&r->head, 0, memory_order_relaxed);
	atomic_store_explicit(&r->sleeps, 0, memory_order_release);
}

/**
 * ring_attach() - Begin to use a fresh ring, as either side
 * @e:		Overwritten
 * @entries:	As agreed when it was made, not as @r says
 */
static inline void ring_attach(struct ring_end *e, struct ring *r,
			       uint32_t entries, uint32_t entry_bytes)
{
	*e = (struct ring_end){ .ring = r, .mask = entries - 1,
				.entry_bytes = entry_bytes };
}

/* Entry @n of the ring, counted for ever. */
static ALWAYS_INLINE void *ring_at(const struct ring_end *e, uint32_t n)
{
	return e->ring->entry + (size_t)(n & e->mask) * e->entry_bytes;
}

/* ---- Producer ------------------------------------------------------------------ */

/**
 * ring_room() - Entries that may be written now
 * @want:	Do not look at the other side when this many are known to be free
 *
 * Return: room, 0 when the ring is broken.
 */
static ALWAYS_INLINE uint32_t ring_room(struct ring_end *e, uint32_t want)
{
	uint32_t room = e->mask + 1 - (e->own - e->seen);

	if (likely(room >= want && !e->broken))
		return room;
	if (!e->broken) {
		uint32_t head = atomic_load_explicit(&e->ring->head,
						     memory_order_acquire);

		/* Released: not before what was seen, not beyond what is there. */
		if (head - e->seen > e->own - e->seen)
			e->broken = true;
		else
			e->seen = head;
	}
	return e->broken ? 0 : e->mask + 1 - (e->own - e->seen);
}

/* The entry @n behind the last one published; to be written if there is room. */
static ALWAYS_INLINE void *ring_slot(const struct ring_end *e, uint32_t n)
{
	return ring_at(e, e->own + n);
}

/* The next @n entries are written: the consumer may have them. */
static ALWAYS_INLINE void ring_publish(struct ring_end *e, uint32_t n)
{
	e->own += n;
	atomic_store_explicit(&e->ring->tail, e->own, memory_order_release);
}

/**
 * ring_wants_wake() - Whether the consumer sleeps; after ring_publish()
 *
 * Return: true once for each time that it armed: wake it.
 */
static ALWAYS_INLINE bool ring_wants_wake(struct ring_end *e)
{
	atomic_thread_fence(memory_order_seq_cst);
	return unlikely(atomic_load_explicit(&e->ring->sleeps,
					     memory_order_relaxed)) &&
	       atomic_exchange_explicit(&e->ring->sleeps, 0,
					memory_order_acq_rel) == 1;
}

/* ---- Consumer ------------------------------------------------------------------ */

/**
 * ring_ready() - Entries that may be read now
 * @want:	Do not look at the other side when this many are known to be there
 *
 * Return: entries, 0 when the ring is broken.
 */
static ALWAYS_INLINE uint32_t ring_ready(struct ring_end *e, uint32_t want)
{
	uint32_t ready = e->seen - e->own;

	if (ready >= want && likely(!e->broken))
		return ready;
	if (!e->broken) {
		uint32_t tail = atomic_load_explicit(&e->ring->tail,
						     memory_order_acquire);

		if (tail - e->own > e->mask + 1 || tail - e->own < ready)
			e->broken = true;
		else
			e->seen = tail;
	}
	return e->broken ? 0 : e->seen - e->own;
}

/* The entry @n behind the last one released; to be read if it is ready. */
static ALWAYS_INLINE const void *ring_entry(const struct ring_end *e, uint32_t n)
{
	return ring_at(e, e->own + n);
}

/* The next @n entries were read: the producer may have their places. */
static ALWAYS_INLINE void ring_release(struct ring_end *e, uint32_t n)
{
	e->own += n;
	atomic_store_explicit(&e->ring->head, e->own, memory_order_release);
}

/**
 * ring_arm() - Ask to be woken, before sleeping
 *
 * Return: true: nothing is there, sleep; false: something is there, or the ring is
 * broken: not armed, poll again.
 */
static inline bool ring_arm(struct ring_end *e)
{
	atomic_store_explicit(&e->ring->sleeps, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!ring_ready(e, 1) && !e->broken)
		return true;
	atomic_store_explicit(&e->ring->sleeps, 0, memory_order_relaxed);
	return false;
}

/* Awake again, for whatever reason: no wakeup is wanted any more. */
static inline void ring_disarm(struct ring_end *e)
{
	atomic_store_explicit(&e->ring->sleeps, 0, memory_order_relaxed);
}

#endif
