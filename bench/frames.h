/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h - The frames that every contender is measured on
 *
 * DOC: Theory of operation
 * Each flow sends full-sized segments in order, with ACK as the only flag, an IP
 * ID that counts up, and right checksums. In a *round* every flow sends one
 * frame, or one train of frames; the order of the flows is shuffled anew for
 * each round, so that nothing but the order within a flow can be foretold. A
 * *batch* is what is prepared at once (not timed) and then pushed (timed).
 *
 * Like the buffers of a NIC's ring, the frames of a batch lie in memory in the
 * order in which they arrive, in slots as far apart as DPDK's with 2 KB of data
 * room each. While there is memory for it, each frame that is held has a slot
 * of its own, a batch is 44 rounds or a multiple, and all flows are full when it
 * ends.
 *
 * With very many flows (*staggered*) a batch is one round, in slots that are
 * used again in the next round: that is allowed because nothing but the header
 * of an aggregate's first frame is read later, and payload is never rewritten.
 * Those first frames lie in a slot of their flow's. The flows are at different
 * points of their aggregate, so that in each round one of 44 begins and one
 * ends; the rounds before it has come to that are the start of the stream.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_PER_AGGREGATE 44		/* 44 * 1460 + 40 <= 65535              */
#define FRAME_STRIDE 2432		/* mbuf 128, head room 128, data 2048,
					 * and what the pool puts before it     */
#define FRAME_HEADER_MAX 96

struct frame_shape {
	uint32_t flows;
	uint32_t rounds;	/* in a batch; times train a multiple of 44; not
				 * used when staggered                          */
	uint32_t train;		/* frames in a row of one flow                  */
	bool v6;
	bool timestamps;	/* NOP NOP TIMESTAMP, the same in all frames    */
	bool staggered;		/* train must be 1                              */
};

struct frame_set {
	struct frame_shape shape;
	uint32_t header_len;	/* Ethernet, IP and TCP                         */
	uint32_t payload_len;
	uint32_t n_slots;
	uint32_t batch_max;	/* frames in a batch, at most                   */
	uint8_t *memory;
	uint16_t *payload_sum;	/* of each slot                                 */
	uint8_t template[FRAME_HEADER_MAX];
};

/** frame_set_open() - Lay out memory and fill in the payload */
void frame_set_open(struct frame_set *s, const struct frame_shape *shape);
void frame_set_close(struct frame_set *s);

/** frame_set_flow() - The flow that is @nth in a round */
uint32_t frame_set_flow(const struct frame_set *s, uint32_t round, uint32_t nth);

/** frame_set_write() - Write the header of a flow's @nth frame to a slot */
void frame_set_write(const struct frame_set *s, uint32_t slot, uint32_t flow,
		     uint32_t nth);

/* The traffic as one contender sees it. Each has its own. */
struct frame_stream {
	const struct frame_set *set;
	uint32_t round;		/* the next one                                 */
	uint32_t n;		/* frames in the batch                          */
	uint32_t *slot;		/* of each, in order of arrival                 */
};

void frame_stream_open(struct frame_stream *s, const struct frame_set *set);
void frame_stream_close(struct frame_stream *s);

/** frame_stream_next() - Prepare the next batch */
void frame_stream_next(struct frame_stream *s);

/* Whether the next batch belongs to the start, which is not measured. */
static inline bool frame_stream_is_starting(const struct frame_stream *s)
{
	return s->set->shape.staggered && s->round <= FRAMES_PER_AGGREGATE;
}

static inline uint32_t frame_len(const struct frame_set *s)
{
	return s->header_len + s->payload_len;
}

static inline uint8_t *frame_at(const struct frame_set *s, uint32_t slot)
{
	return s->memory + (size_t)slot * FRAME_STRIDE;
}

/** frame_fill() - Bytes that look random; the same in every run */
void frame_fill(void *memory, size_t bytes);

/**
 * frame_header() - A template: Ethernet, IPv4 or IPv6, TCP or UDP
 * @out:	Room for FRAME_HEADER_MAX
 * @payload:	For the length fields; checksums are left at 0
 *
 * Return: bytes.
 */
uint32_t frame_header(uint8_t *out, bool v6, bool udp, bool timestamps,
		      uint32_t payload);

/**
 * frame_is_right() - Whether lengths and checksums of a packet are right
 * @header:	From the Ethernet header on, up to the payload
 * @payload_sum: As checksum.h has it
 */
bool frame_is_right(const uint8_t *header, uint32_t header_len,
		    uint32_t payload_len, uint32_t payload_sum);

#endif
