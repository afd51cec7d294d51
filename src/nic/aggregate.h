/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aggregate.h - What is held of a flow: open, append, deliver
 *
 * An aggregate lives from its first segment to its delivery. While it is open
 * it waits in one of two queues, each in order of deadline because every member
 * waits equally long; so the next deadline is at a head, and entering and
 * leaving cost the same whatever the number of flows (SPEC RX-8).
 *
 * Gather output: the segments of an aggregate come in chunks, which lie together
 * in memory; the first of a chunk names the next chunk. A free list of single
 * segments would be a miss of the cache for each frame when many are held.
 */
#ifndef NIC_AGGREGATE_H
#define NIC_AGGREGATE_H

#include "nic/coalesce.h"

/* Free chunks that are fetched ahead of the one that is taken. */
#define CHUNKS_AHEAD 8

static ALWAYS_INLINE bool aggregate_is_contiguous(const struct coalescer *c)
{
	return c->options.output == TTO_OUTPUT_CONTIGUOUS;
}

/**
 * aggregate_open() - Begin to hold a flow's segments with this one
 * @f:		Not open; its key is that of @seg
 * @seg:	Of @frame, verified, with the ACK flag; neither PSH nor FIN
 * @sum:	of the payload; not used when the frame's checksum is PARTIAL
 *
 * Makes room by delivering the oldest aggregate when there is none. Sets the
 * expectation in @f. The IP datagram is no longer than RAL.
 */
void aggregate_open(struct coalescer *c, struct flow *f,
		    const struct tto_frame *frame, const struct seg *seg,
		    uint32_t sum);

/* May one more frame be held? Contiguous: it is not held, it is copied. */
static ALWAYS_INLINE bool aggregate_has_segment(const struct coalescer *c)
{
	return aggregate_is_contiguous(c) || c->room > 0;
}

/*
 * A fresh chunk of segments, behind the chunk of @last, which is NULL for the
 * first of an aggregate. There always is one while c->room is not 0.
 */
static ALWAYS_INLINE struct tto_segment *
aggregate_chunk(struct coalescer *c, const struct tto_segment *last)
{
	uint32_t idx = c->free_chunks[--c->n_free_chunks];
	struct tto_segment *s = c->segments + (size_t)idx * CHUNK_SEGMENTS;

	if (last)
		c->segments[(size_t)(last - c->segments) / CHUNK_SEGMENTS *
			    CHUNK_SEGMENTS].reserved = idx;
	if (c->n_free_chunks >= CHUNKS_AHEAD)
		prefetch_write(c->segments +
			       (size_t)c->free_chunks[c->n_free_chunks -
						      CHUNKS_AHEAD] *
				       CHUNK_SEGMENTS);
	return s;
}

/* The payload of a segment. */
struct aggregate_part {
	const uint8_t *at;	/* contiguous: already copied from there to
				 * aggregate_tail() by the caller, which needs
				 * the sum anyway                               */
	uint32_t len;
	uint32_t sum;
};

/**
 * aggregate_append() - Add the next segment, which is known to fit
 * @c:		aggregate_has_segment() is true
 * @f:		Open
 * @a:		What it holds
 * @frame:	For its cookie
 * @part:	Its payload
 * @contiguous:	aggregate_is_contiguous(), a constant where it can be
 */
static ALWAYS_INLINE void aggregate_append(struct coalescer *c, struct flow *f,
					   struct aggregate *a,
					   const struct tto_frame *frame,
					   const struct aggregate_part *part,
					   bool contiguous)
{
	if (!contiguous) {
		struct tto_segment *s = a->last + 1;

		if (unlikely((uintptr_t)s % CHUNK_BYTES == 0))
			s = aggregate_chunk(c, a->last);
		c->room--;
		s->payload = part->at;
		s->len = part->len;
		s->cookie = frame->cookie;
		s->next = NULL;
		a->last->next = s;
		a->last = s;
	}
	/* 2^32 is 1 modulo 0xffff: sums need no folding until the end. */
	a->sum += unlikely(a->bytes & 1) ? checksum_shift(part->sum, true) :
					   part->sum;
	a->bytes += part->len;
	a->room -= part->len;
	f->next = seq_add(f->next, part->len);
	a->n_frames++;
}

/* Where the next payload goes (contiguous output). */
static ALWAYS_INLINE uint8_t *aggregate_tail(const struct aggregate *a)
{
	return a->payload + a->bytes;
}

/**
 * aggregate_end() - Deliver what is held of a flow
 * @f:		May be closed: then nothing happens
 * @cause:	Counted, and told to the receiver
 */
void aggregate_end(struct coalescer *c, struct flow *f, enum tto_cause cause);

/** aggregate_end_oldest() - Deliver the aggregate that is held longest */
void aggregate_end_oldest(struct coalescer *c, enum tto_cause cause);

/** aggregate_await_ack() - The ACK has moved on and waits to be delivered
 *
 * Counts the deadline from now on, if that makes it earlier (SPEC RX-10).
 */
void aggregate_await_ack(struct coalescer *c, struct aggregate *a);

/**
 * aggregate_pass() - Hand up a frame as it came, at once
 * @f:		Its flow, for the counters; NULL when there is none
 * @seg:	NULL when the frame was not parsed; else l3 and protocol are set
 */
void aggregate_pass(struct coalescer *c, struct flow *f,
		    const struct tto_frame *frame, const struct seg *seg,
		    enum tto_cause cause);

/**
 * aggregate_expect_sums() - Sum up the header that is expected next
 * @f:		expect and timestamp are set
 *
 * So that the sums of a header equal to it need two additions, not ten.
 */
void aggregate_expect_sums(struct flow *f);

/** aggregate_deadline() - When the next aggregate is due; NS_NEVER: none held */
ns_t aggregate_deadline(const struct coalescer *c);

/** aggregate_expire() - Deliver what is due at c->now */
void aggregate_expire(struct coalescer *c);

/** aggregate_init() - Carve queues and pools; see coalesce_init() */
void aggregate_init(struct coalescer *c, void *memory);

/** aggregate_pool_bytes() - Memory for aggregate_init() */
size_t aggregate_pool_bytes(const struct tto_coalescer_options *options);

#endif
