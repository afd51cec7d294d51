/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * complete.h - The device's side of the rings: take, complete, make known
 *
 * Nothing becomes visible to a program before the call into the device ends; then
 * places in SQ, RQ and GRQ are given back first, so that who sees a completion
 * finds room to post again, and completions are published after that. Each CQ
 * that got one is looked at once, whether its consumer sleeps (SPEC AG-6).
 */
#ifndef NIC_CLIENT_COMPLETE_H
#define NIC_CLIENT_COMPLETE_H

#include "nic/client/state.h"

/* What happens when a ring turns out to be broken; counted once. */
void complete_note_broken(struct client_queue *q);

/** complete_mark() - @q has something pending, for complete_publish() */
static ALWAYS_INLINE void complete_mark(struct device *d,
					struct client_queue *q)
{
	if (!q->dirty) {
		q->dirty = true;
		q->next_dirty = d->dirty;
		d->dirty = q;
	}
}

/** complete_ready() - Entries that may be taken; @want as of ring_ready() */
static ALWAYS_INLINE uint32_t complete_ready(struct client_queue *q,
					     uint32_t want)
{
	uint32_t ready = ring_ready(&q->end, q->pending + want);

	if (unlikely(q->end.broken)) {
		complete_note_broken(q);
		return 0;
	}
	return ready - q->pending;
}

/* The entry @n behind those taken; ready. To be read once. */
static ALWAYS_INLINE const void *complete_entry(const struct client_queue *q,
						uint32_t n)
{
	return ring_entry(&q->end, q->pending + n);
}

/** complete_take() - @n entries have been dealt with */
static ALWAYS_INLINE void complete_take(struct device *d,
					struct client_queue *q, uint32_t n)
{
	q->pending += n;
	q->counters.requests++;
	complete_mark(d, q);
}

/** complete_room() - Whether a CQ has room for @n more completions */
static ALWAYS_INLINE bool complete_room(struct client_queue *cq, uint32_t n)
{
	uint32_t used = cq->pending + cq->reserved;
	uint32_t room = ring_room(&cq->end, used + n);

	if (unlikely(cq->end.broken))
		complete_note_broken(cq);
	return room >= used + n;
}

/**
 * complete() - Write a completion
 * @cq:		Has room
 * @c:		Copied
 *
 * Return: the place in the ring, to be written only, until complete_publish().
 */
struct completion *complete(struct device *d, struct client_queue *cq,
			    const struct completion *c);

/** complete_publish() - Make known what is pending, and wake who sleeps */
void complete_publish(struct device *d);

#endif
