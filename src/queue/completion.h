/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * completion.h - What the device reports: one cache line each
 *
 * A receive completion has everything that a TCP needs of an aggregate, so that
 * its headers need not be looked at. When there was more (options that have no
 * field here), the whole header lies in front of the payload in a GRQ buffer:
 * header_bytes is not 0 then.
 *
 * Source: SPEC RQ-3, RX-4, RX-6; ARCHITECTURE D2.
 */
#ifndef QUEUE_COMPLETION_H
#define QUEUE_COMPLETION_H

#include <stddef.h>
#include <stdint.h>

enum completion_kind {
	COMPLETION_SEND = 1,	/* a send request: its memory is free again     */
	COMPLETION_RECEIVE,	/* an RQ buffer is handed back, @bytes placed   */
	COMPLETION_GENERAL,	/* a GRQ buffer is handed back, @bytes placed   */
	COMPLETION_HEADER,	/* no payload: an ACK, FIN, RST ...; no buffer
				 * was used, unless header_bytes says so        */
	COMPLETION_LOW,		/* the GRQ is low: @bytes buffers are left. Once
				 * for each time that it was asked for          */
	COMPLETION_REVOKED,	/* an RQ buffer that was asked back: not touched */
};

enum completion_status {
	COMPLETION_OK = 0,
	COMPLETION_FAULT,	/* memory: @fault, @fault_element, @fault_address */
	COMPLETION_INVALID,	/* the request contradicts itself or its headers  */
	COMPLETION_TUPLE,	/* SPEC TX-8: not the flow's tuple              */
	COMPLETION_TOO_LARGE,	/* would need a frame that the wire cannot carry */
	COMPLETION_FLUSHED,	/* the queue or the flow is gone                */
	COMPLETION_N_STATUS
};

enum completion_flag {
	COMPLETION_IN_ORDER = 0x01,	/* begins where the flow's bytes in order
					 * ended                                */
	COMPLETION_TIMESTAMP = 0x02,	/* tsval and tsecr are set              */
	COMPLETION_V6 = 0x04,
	COMPLETION_MORE = 0x08,	/* the aggregate goes on in the next completion */
	COMPLETION_FIRST = 0x10,	/* first piece of an aggregate; flags FIN and
					 * PSH count in its last piece          */
	COMPLETION_RAW = 0x20,	/* not an aggregate of a flow: the buffer has a
				 * whole frame, from its link header on. Of a
				 * connection: an ICMP error that quotes it     */
};

#define COMPLETION_NO_FLOW UINT32_MAX

struct completion {
	uint64_t wr_id;		/* of the request that is completed             */
	uint32_t flow;		/* id that the agent gave, COMPLETION_NO_FLOW   */
	uint32_t bytes;		/* payload placed, or taken to be sent          */
	uint32_t offset;	/* of the payload in the buffer                 */
	uint32_t seq;		/* of the first byte of this piece              */
	uint32_t ack;		/* SPEC RX-4: of the youngest segment           */
	uint32_t tsval, tsecr;	/* of the oldest; see COMPLETION_TIMESTAMP      */
	uint16_t window;	/* of the youngest, not scaled                  */
	uint16_t tcp_flags;	/* accumulated, as enum in packet/headers.h     */
	uint16_t segments;	/* that went into the aggregate, saturated      */
	uint16_t urgent;	/* urgent pointer                               */
	uint16_t header_bytes;	/* in front of @offset; 0: none was placed      */
	uint8_t kind;		/* enum completion_kind                         */
	uint8_t status;		/* enum completion_status                       */
	uint8_t flags;		/* enum completion_flag                         */
	uint8_t cause;		/* enum tto_cause: why the aggregate ended      */
	uint8_t tos;		/* TOS or traffic class, ECN included           */
	uint8_t ttl;		/* least TTL or hop limit                       */
	uint8_t fault;		/* enum dma_fault                               */
	uint8_t fault_element;
	uint16_t mss;		/* payload of one segment of the aggregate      */
	uint16_t acks;		/* pure ACKs that went into it                  */
	uint16_t reserved[3];	/* 0                                            */
};

_Static_assert(sizeof(struct completion) == 64, "one cache line");
_Static_assert(offsetof(struct completion, seq) == 20, "layout");
_Static_assert(offsetof(struct completion, window) == 36, "layout");
_Static_assert(offsetof(struct completion, kind) == 46, "layout");

/* Of a fault, the address takes the place of seq and ack. */
static inline uint64_t completion_fault_address(const struct completion *c)
{
	return (uint64_t)c->ack << 32 | c->seq;
}

#endif
