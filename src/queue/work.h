/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.h - What a program posts: to send, and to receive into
 *
 * A send request takes one or more blocks of 64 bytes of an SQ:
 *
 *   | head, 32 bytes | descriptors, 32 bytes each | inline bytes |
 *
 * Its pseudo frame is the inline bytes, followed by what the descriptors name. The
 * headers (link, IP, TCP or UDP) come first, usually inline; a short payload may be
 * inline as well, and then nothing is registered or translated, and the program may
 * use its buffer again as soon as it has posted. Blocks of a request may go round
 * the end of the ring. How the frame is cut is said in the head; mss, and all of the
 * command but how an address is meant and DESCRIPTOR_END, are not read in its
 * descriptors.
 *
 * The blocks of a request are given back when its frames have left, or it was refused:
 * what its descriptors name is free again then, reported or not.
 *
 * A receive request is one buffer.
 * The device copies each block once, and judges the copy.
 * Source: SPEC TX-1, TX-2, RQ-1, LIB-3.
 */
#ifndef QUEUE_WORK_H
#define QUEUE_WORK_H

#include <stddef.h>
#include <stdint.h>

#include "queue/descriptor.h"

#define SEND_BLOCK_BYTES 64
#define SEND_BLOCKS_MAX 16		/* 1 KiB a request                      */
#define SEND_DESCRIPTORS_MAX 30
#define SEND_INLINE_MAX 960

enum send_flag {
	SEND_SIGNALED = 1,	/* report success as well; errors always are    */
	SEND_UNOWNED = 2,	/* of no flow: a whole frame, as it is. For those
				 * whom the agent allows an address of their own */
};

struct send_head {
	uint64_t wr_id;
	uint32_t flow;		/* id that the agent gave; not read if UNOWNED  */
	uint32_t fragment_id;	/* DESCRIPTOR_CUT_FRAGMENT over IPv6            */
	uint16_t inline_bytes;
	uint16_t mss;
	uint16_t command;	/* enum descriptor_command: DESCRIPTOR_CUT and up */
	uint8_t blocks;		/* 1..SEND_BLOCKS_MAX, this one included        */
	uint8_t descriptors;	/* 0..SEND_DESCRIPTORS_MAX                      */
	uint8_t flags;		/* enum send_flag                               */
	uint8_t reserved[7];	/* 0                                            */
};

_Static_assert(sizeof(struct send_head) == 32, "half a block");

/* Blocks that a request takes. */
static inline uint32_t send_blocks(uint32_t descriptors, uint32_t inline_bytes)
{
	return (uint32_t)((sizeof(struct send_head) +
			   descriptors * sizeof(struct descriptor) +
			   inline_bytes + SEND_BLOCK_BYTES - 1) /
			  SEND_BLOCK_BYTES);
}

/* RQ and GRQ. */
struct receive_work {
	uint64_t address;	/* as in struct descriptor                      */
	uint64_t base;
	uint32_t length;	/* bytes, not 0                                 */
	uint16_t command;	/* DESCRIPTOR_VIRTUAL, DESCRIPTOR_REGION or 0   */
	uint16_t reserved;	/* 0                                            */
	uint64_t wr_id;
};

_Static_assert(sizeof(struct receive_work) == 32, "two to a cache line");
_Static_assert(offsetof(struct receive_work, wr_id) == 24, "layout");

#endif
