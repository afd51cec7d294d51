/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coalesce.h - Merge consecutive segments of one flow into one packet
 *
 * The receive side of the device: what the host gets for forty frames is one.
 * Theory of operation: see coalesce.c.
 */
#ifndef NIC_COALESCE_H
#define NIC_COALESCE_H

#include <tto/engine.h>

#include "nic/flow.h"
#include "packet/checksum.h"

#define AGGREGATE_NONE UINT32_MAX
#define COALESCE_BURST 32
#define CHUNK_SEGMENTS 8
#define CHUNK_BYTES (CHUNK_SEGMENTS * sizeof(struct tto_segment))
#define COALESCE_HEADER_ROOM 192 /* link 20, tags 8, IPv6 40, TCP 60, rounded */
#define COALESCE_RAL_MIN 576
#define COALESCE_RAL_MAX (512 * 1024)

/* Which deadline an aggregate waits for; each has a queue in order of time. */
enum aggregate_queue {
	QUEUE_DATA,		/* timeout_aggregation since the first frame    */
	QUEUE_ACK,		/* timeout_ack_aggregation since the ACK moved  */
	N_QUEUES
};

/* What is held of one flow. The first line is what appending touches. */
struct aggregate {
	struct tto_segment *last;	/* gather: of the newest frame          */
	uint8_t *payload;	/* contiguous: behind the copied header         */
	uint64_t sum;		/* of the payload; see aggregate_append()       */
	uint32_t bytes;		/* of payload                                   */
	uint32_t room;		/* bytes of payload that still fit, by the RAL  */
	uint32_t n_frames;
	uint32_t n_acks;	/* of them, frames without payload              */
	uint32_t expect_len;	/* of a frame like the one before, link header
				 * included, without trailer                    */

	const uint8_t *header CACHE_ALIGNED;	/* first frame, from its link
						 * header on                    */
	struct tto_segment *first;	/* gather: of the first frame           */
	ns_t first_ns;		/* first frame                                  */
	ns_t since;		/* what the deadline counts from                */
	uint32_t older, newer;	/* in its queue                                 */
	uint32_t flow;
	uint32_t frame_len;	/* of the first frame, all of it                */
	uint32_t first_tsval;	/* TCP timestamp of the first frame, or 0       */
	uint16_t l3, l4;	/* offsets in header                            */
	uint16_t header_len;	/* link, IP and TCP header                      */
	uint8_t queue;		/* enum aggregate_queue                         */
	uint8_t closing;	/* TCP_PSH, TCP_FIN of the segment that closed  */
	uint8_t csum;		/* enum tto_csum of the first frame             */
} CACHE_ALIGNED;

struct aggregate_list {
	uint32_t oldest, newest;
	ns_t timeout;
	uint8_t cause;		/* enum tto_cause, of what ends by it           */
};

struct coalescer;
typedef void coalesce_burst_fn(struct coalescer *c,
			       const struct tto_frame *frames, size_t n);

struct coalescer {
	tto_deliver_fn *deliver;
	void *ctx;
	coalesce_burst_fn *burst;
	const struct checksum_ops *sums;
	struct flow_table table;
	struct aggregate *aggregates;
	struct tto_segment *segments;	/* gather: in chunks                    */
	uint32_t *free_chunks;	/* stack of free ones                           */
	uint32_t n_free_chunks;
	uint32_t room;		/* gather: frames that may still be held        */
	uint32_t *free_aggregates;
	uint32_t n_free_aggregates;
	uint32_t now_active;	/* now [2^20 ns]                                */
	ns_t now;
	struct aggregate_list queue[N_QUEUES];
	struct tto_coalescer_options options;
	uint16_t (*causes)[TTO_N_CAUSES];	/* per flow                     */
	uint8_t *buffers;	/* contiguous: buffer_bytes for each aggregate  */
	size_t buffer_bytes;
	ns_t sweep_step;	/* time between two looks for idle flows        */
	ns_t swept;
	uint32_t sweep_hand;
	uint32_t keepalive_limit;	/* [2^26 ns]                            */
	uint32_t idle_limit;	/* [2^20 ns]                                    */
	struct tto_coalescer_stats stats;
	uint8_t scratch[COALESCE_HEADER_ROOM];
	struct flow nobody;	/* never open, never written                    */
};

/**
 * coalesce_resolve() - Replace what is 0 in options by its default
 * @out:	Complete on return
 * @options:	May be NULL; shorter or longer (by size) than ours
 *
 * Return: 0, or -EINVAL for a value out of range.
 */
MUST_CHECK int coalesce_resolve(struct tto_coalescer_options *out,
				const struct tto_coalescer_options *options);

/** coalesce_bytes() - Memory for a coalescer with resolved @options */
size_t coalesce_bytes(const struct tto_coalescer_options *options);

/**
 * coalesce_init() - Make a coalescer in @memory
 * @memory:	coalesce_bytes(@options) zero bytes, aligned to CACHE_LINE
 * @options:	From coalesce_resolve()
 *
 * Return: 0, or -ENOTSUP when options->cpu is not there.
 */
MUST_CHECK int coalesce_init(struct coalescer **out, void *memory,
			     const struct tto_coalescer_options *options,
			     tto_deliver_fn *deliver, void *ctx);

/* As the tto_coalescer_ functions of the same names. */
void coalesce_push(struct coalescer *c, const struct tto_frame *frames,
		   size_t n, ns_t now);
void coalesce_sent(struct coalescer *c, const struct tto_frame *frames,
		   size_t n, ns_t now);
ns_t coalesce_poll(struct coalescer *c, ns_t now);
void coalesce_flush(struct coalescer *c, ns_t now);
void coalesce_stats(const struct coalescer *c, struct tto_coalescer_stats *out);
bool coalesce_flow(const struct coalescer *c, uint32_t *cursor,
		   struct tto_flow_info *info);

/**
 * coalesce_frame() - One frame, any frame: the complete rules
 *
 * What the burst loops call for all that is not the next plain segment of an
 * open aggregate.
 */
void coalesce_frame(struct coalescer *c, const struct tto_frame *frame);

/* The burst loop, compiled for several instruction sets from burst_loop.h. */
coalesce_burst_fn burst_portable, burst_avx2;

#endif
