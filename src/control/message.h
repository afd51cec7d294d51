/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h - What a program asks of the agent, and what it is answered
 *
 * DOC: Theory of operation
 * One request, one reply, in order; each is one struct of fixed size. With a daemon
 * they travel as datagrams of a SOCK_SEQPACKET socket, descriptors beside them as
 * SCM_RIGHTS; with a device in the same process they are arguments of a call. The
 * same code answers both.
 *
 * Memory that the device shall reach is always an object of the agent: the program
 * asks for bytes, gets a sealed memfd, and maps it where it likes. Queues lie in such
 * objects too. A region says which of the program's own virtual addresses stand for
 * which part of an object: the agent builds the page table of the program's domain
 * from that, and from nothing else.
 *
 * Handles are indices with a generation, of one client; what is of another client, or
 * was released, is CONTROL_ENOENT. Everything that a client holds is released when its
 * socket closes (SPEC AG-7).
 *
 * A local port of 0 has one chosen that nobody has: neither a client nor, where ports are
 * shared with the kernel, one of its programs.
 *
 * Layouts are little endian, as the machine is, and have no padding. A request with
 * another version, an unknown operation or reserved bytes set is refused.
 * Source: SPEC AG-1..AG-7; ARCHITECTURE D2, D3.
 */
#ifndef CONTROL_MESSAGE_H
#define CONTROL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define CONTROL_MAGIC 0x636f7474U	/* "ttoc"                               */
#define CONTROL_VERSION 1
#define CONTROL_FDS_MAX 2
#define CONTROL_NONE UINT32_MAX

enum control_operation {
	CONTROL_HELLO = 1,	/* first. Reply: limits; fds: doorbell (eventfd
				 * of the device, for SQs that sleep), events of
				 * the client as a whole                        */
	CONTROL_ALLOCATE,	/* a memory object. Reply: handle; fd: memfd    */
	CONTROL_FREE,		/* handle of memory; regions and queues in it are
				 * to be gone before: -EBUSY                    */
	CONTROL_OPEN_QUEUE,	/* Reply: handle; the ring lies in memory that the
				 * program allocated, at an offset, and is made
				 * (ring_create()) by the agent. fd, of a CQ: its
				 * own eventfd, written when it was armed       */
	CONTROL_CLOSE_QUEUE,
	CONTROL_REGISTER,	/* Reply: handle, STag and PDBR                 */
	CONTROL_RELEASE,	/* handle of a region. When the reply comes, the
				 * device does not reach it any more            */
	CONTROL_ADD_FLOW,	/* Reply: handle, flow id, link header          */
	CONTROL_REMOVE_FLOW,
	CONTROL_ADD_LISTEN,	/* Reply: handle, flow id                       */
	CONTROL_REMOVE_LISTEN,
	CONTROL_OWN_ADDRESS,	/* everything for an address. Reply: as a flow  */
	CONTROL_REVOKE,		/* receive requests of a queue. Reply: how many */
	CONTROL_ASK_LOW,	/* an event when a GRQ has less than so many    */
	CONTROL_ROUTE,		/* how to reach an address: Reply: link header,
				 * MTU, source address; or -EAGAIN: not yet known */
	CONTROL_HOLD_PORT,	/* a local port, before a flow or listen uses it.
				 * Reply: handle, port                          */
	CONTROL_RELEASE_PORT,	/* what uses it keeps it                        */
	CONTROL_ADDRESS,	/* one of the host's. Reply: it, and its prefix;
				 * or -ENOENT: it has no more                   */
	CONTROL_N_OPERATIONS
};

enum control_hold_flag {
	CONTROL_HOLD_REUSE = 1,	/* others of the same user may hold it as well, if
				 * they say so too and nobody listens there     */
};

enum control_flow_flag {	/* ADD_FLOW                                     */
	CONTROL_FLOW_KNOWS_NEXT = 1,	/* next_seq is where bytes in order begin */
	CONTROL_FLOW_ERRORS = 2,	/* ICMP errors that quote it come to its GRQ,
					 * as whole frames                      */
};

enum control_queue_flag {
	CONTROL_QUEUE_UNOWNED = 1,	/* SQ: may use SEND_UNOWNED             */
};

enum control_right {		/* as enum region_rights                        */
	CONTROL_READ = 1,
	CONTROL_WRITE = 2,
};

struct control_tuple {		/* as struct tcp_tuple                          */
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint32_t v6;
};

struct control_request {
	uint32_t magic;
	uint16_t version;
	uint16_t operation;	/* enum control_operation                       */
	uint32_t number;	/* comes back in the reply                      */
	uint32_t handle;	/* what it is about; or of the memory           */
	union {
		uint8_t bytes[112];
		struct {
			uint64_t bytes;		/* a multiple of 4096           */
			uint32_t flags;		/* 0                            */
			uint32_t reserved;	/* 0                            */
		} allocate;
		struct {
			uint64_t offset;	/* of the ring, a multiple of 64 */
			uint32_t kind;		/* enum ring_kind               */
			uint32_t entries;	/* a power of two               */
			uint32_t cq;		/* handle; not for a CQ         */
			uint32_t flags;		/* enum control_queue_flag      */
		} queue;
		struct {
			uint64_t address;	/* of the program               */
			uint64_t bytes;
			uint64_t offset;	/* in the memory object         */
			uint32_t rights;	/* enum control_right           */
			uint32_t reserved;	/* 0                            */
		} region;
		struct {
			struct control_tuple tuple;
			uint32_t cq, rq, grq, sq;	/* handles, or NONE     */
			uint32_t flags;		/* enum control_flow_flag       */
			uint32_t next_seq;
		} flow;
		struct {
			uint64_t wr_id;
		} revoke;
		struct {
			uint32_t limit;
		} low;
		struct {
			struct control_tuple tuple;
		} route;
		struct {
			struct control_tuple tuple;	/* remote: 0            */
			uint32_t flags;		/* enum control_hold_flag       */
		} hold;
		struct {
			uint32_t index;		/* 0 ...                        */
		} address;
	};
};

_Static_assert(sizeof(struct control_request) == 128, "layout");

/* Bytes behind the handle that @operation reads; all others are 0. */
static inline uint32_t control_request_bytes(uint16_t operation)
{
	const struct control_request *r = 0;

	switch (operation) {
	case CONTROL_ALLOCATE:
		return sizeof(r->allocate);
	case CONTROL_OPEN_QUEUE:
		return sizeof(r->queue);
	case CONTROL_REGISTER:
		return sizeof(r->region);
	case CONTROL_ADD_FLOW:
	case CONTROL_ADD_LISTEN:
	case CONTROL_OWN_ADDRESS:
		return sizeof(r->flow);
	case CONTROL_REVOKE:
		return sizeof(r->revoke);
	case CONTROL_ASK_LOW:
		return sizeof(r->low);
	case CONTROL_ROUTE:
		return sizeof(r->route);
	case CONTROL_HOLD_PORT:
		return sizeof(r->hold);
	case CONTROL_ADDRESS:
		return sizeof(r->address);
	default:
		return 0;
	}
}

struct control_reply {
	uint32_t magic;
	uint16_t version;
	uint16_t operation;
	uint32_t number;
	int32_t status;		/* 0, a count, or -errno                        */
	uint32_t handle;
	uint32_t n_fds;		/* that came with it                            */
	union {
		uint8_t bytes[104];
		struct {
			uint64_t memory;	/* bytes that may be allocated  */
			uint32_t queues, regions, flows;
			uint32_t max_frame;	/* of the wire, link included   */
			uint32_t linktype;
			uint32_t flags;
			uint8_t mac[6];
			uint8_t reserved[2];
		} hello;
		struct {
			uint64_t stag, pdbr;
		} region;
		struct {
			uint32_t flow;		/* id, for SQs and in CQEs      */
			uint32_t mtu;		/* IP bytes                     */
			uint8_t link[22];	/* what its frames begin with   */
			uint8_t link_bytes;
			uint8_t reserved;
			uint8_t source[16];	/* ROUTE: local address         */
			uint16_t port;		/* local, as asked or as chosen */
			uint16_t unused;	/* 0                            */
		} flow;
		struct {
			uint8_t address[16];	/* as in struct control_tuple   */
			uint32_t prefix_bits, v6;
		} address;
	};
};

_Static_assert(sizeof(struct control_reply) == 128, "layout");

#endif
