/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - Bytes in order, wherever they were placed, to receives in order
 *
 * DOC: Theory of operation
 * A stream has two queues: *receives* that were posted, and *pieces* of bytes that came
 * in order. A receive is with the device (POSTED) or here (WAITING). Bytes come in GRQ
 * buffers, and in receives that the device hands back (FILLED).
 *
 *     ahead:                                      [copied]   [copied]
 *     pieces:    [GRQ 3] [GRQ 7] [in receive 5] next
 *                    |
 *     receives:  4 WAITING, 5 FILLED, 6 WAITING ...
 *
 * What is in order is told by sequence numbers: a piece that continues the others is
 * added, one that repeats them is cut, and one that is ahead waits until the gap is
 * filled, out of its buffer, which others need. As many wait as STREAM_AHEAD_MAX; then
 * the farthest is given up, as if it had been lost on the way.
 *
 * The first receive takes what there is, one byte or more, up to its size, and is
 * finished: so n receives give n completions however the bytes were cut, as n calls of
 * recvmsg() would. Bytes that are in the very receive whose turn it is stay there.
 *
 * A receive is given to the device only when nothing waits in front of it, else the
 * device would place in it what comes later. One race is left: the device chooses a
 * GRQ buffer, finding no receive, while a receive is being posted. Then a piece is
 * here, and the receive that it belongs to is with the device, which may be writing to
 * it. stream_stuck() names it: it has to be asked back (SPEC RQ-7). Should it come back
 * with bytes of its own, these move out of the way first.
 *
 * Threads: one. No system calls; memory only for what is ahead, or moves.
 * Source: SPEC RQ-3, RQ-4, RQ-5; patent US 7,596,628, cq_poll.
 */
#ifndef VERBS_STREAM_H
#define VERBS_STREAM_H

#include "verbs/work_queue.h"

#define STREAM_AHEAD_MAX 64
#define STREAM_WINDOW (1u << 30)	/* RFC 7323 §2.3: none is larger        */

struct stream {
	struct slot *first, **last;	/* receives in order                    */
	struct piece *front, **back;	/* pieces in order                      */
	struct piece *ahead;		/* pieces behind a gap, by sequence     */
	uint32_t n_ahead;
	uint32_t n_posted, n_waiting;	/* receives by state; FILLED: neither   */
	uint32_t next;			/* sequence number behind all pieces    */
	uint32_t fin;			/* and behind the last byte there is    */
	bool knows_next, knows_fin;
	int32_t status;			/* not 0: bytes were lost, no more come */
	uint64_t n_moved;		/* receives whose bytes had to move     */
	/* A GRQ buffer is empty again. */
	void (*spent)(void *ctx, struct slot *slot);
	void *ctx;
};

/* A receive that is finished. */
struct received {
	struct slot *slot;	/* not in the stream any more                   */
	uint32_t bytes;		/* from slot->address on                        */
	uint32_t seq;		/* of the first                                 */
	int32_t status;
	uint8_t flags;		/* enum tto_completion_flags                    */
	struct completion completion;	/* that brought the last of the bytes   */
};

/** stream_open() - An empty stream; @spent is called from stream_next() */
void stream_open(struct stream *s, void (*spent)(void *, struct slot *), void *ctx);

/** stream_drop() - Forget all pieces and begin anew; receives stay */
void stream_drop(struct stream *s);

/** stream_begin() - The first byte has this sequence number; else the first that comes */
static inline void stream_begin(struct stream *s, uint32_t seq)
{
	s->knows_next = true;
	s->next = seq;
}

/**
 * stream_post() - A receive, behind all others
 * @slot:	Of the caller until stream_next() gives it back
 * @placeable:	The device can write to it
 *
 * Return: true: post it to the device; false: it waits here.
 */
bool stream_post(struct stream *s, struct slot *slot, bool placeable);

/**
 * stream_resubmit() - A receive that waits and may now be with the device
 *
 * Return: post it, and ask again; NULL: none.
 */
struct slot *stream_resubmit(struct stream *s);

/** stream_general() - Bytes in a GRQ buffer; @slot is the stream's until spent() */
void stream_general(struct stream *s, struct slot *slot, const struct completion *c);

/** stream_returned() - A receive comes back from the device, with bytes or without */
void stream_returned(struct stream *s, struct slot *slot,
		     const struct completion *c);

/** stream_remove() - Take a receive out that came back with an error */
void stream_remove(struct stream *s, struct slot *slot);

/** stream_end() - No byte has this sequence number, or a later one: FIN */
static inline void stream_end(struct stream *s, uint32_t seq)
{
	if (!s->knows_next)
		stream_begin(s, seq);
	s->knows_fin = true;
	s->fin = seq;
}

static inline bool stream_has_ended(const struct stream *s)
{
	return s->knows_fin && s->knows_next && s->fin == s->next;
}

/** stream_next() - The next receive that is finished; false: none */
bool stream_next(struct stream *s, struct received *out);

/** stream_has_next() - Whether stream_next() would return true */
static inline bool stream_has_next(const struct stream *s)
{
	return s->first && s->first->state != SLOT_POSTED &&
	       (s->first->state == SLOT_FILLED || s->first->is_revoked || s->front ||
		s->status || stream_has_ended(s));
}

/** stream_stuck() - The receive to be asked back, of the device; NULL: none */
static inline struct slot *stream_stuck(const struct stream *s)
{
	return (s->front || stream_has_ended(s)) && s->first &&
	       s->first->state == SLOT_POSTED ? s->first : NULL;
}

#endif
