/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - The device as programs see it: queues, flows, listens
 *
 * DOC: Theory of operation
 * One object a worker. What reaches it from below are frames, from above rings that
 * programs write (queue/ring.h); who may do what was decided before, by the owner of
 * the device, who makes queues, flows and listens with the functions here. Nothing
 * that comes from a frame or a ring is trusted.
 *
 *   frames -> coalescer -> steer: whose is it?  -> place: RQ or GRQ -> CQ
 *                            flow (FLT), a listen, an address, or
 *                            nobody's: handed to the owner, for the kernel
 *   SQ -> fetch -> is it the flow's tuple? -> segment -> wire     -> CQ
 *
 * Steering looks at aggregates, not at frames. A burst is flushed before its frames'
 * memory goes back to the wire, so payload is copied once, from where the wire left it
 * to where the program wants it.
 *
 * A receive buffer completes when its aggregate ends: what came is never held back in
 * a buffer that is not full. In order data goes to the flow's RQ, as long as it has
 * buffers, then to the GRQ; what is out of order goes to the GRQ; and each GRQ buffer
 * that completes brings back one RQ buffer as well, if one is posted, although nothing
 * was placed in it, so that its owner can copy in order (SPEC RQ-1..RQ-4). Without any
 * buffer a packet is dropped and counted.
 *
 * Ids are indices with a generation, so that an id that was closed matches nothing.
 * ICMP errors that quote a flow that wants them go to its GRQ as whole frames, if they
 * may be true (client/errors.h); nobody else sees them.
 *
 * "In order" is what follows the bytes that were placed for that flow; the first
 * segment that comes for a flow tells where that begins, unless the owner said.
 *
 * Threads: all of it belongs to the worker.
 * Cost: O(1) for a packet and a request; never a loop that a client controls without
 * a budget.
 * Source: SPEC sections 2 and 3, AG-1, AG-3; patent US 7,596,628.
 */
#ifndef NIC_DEVICE_H
#define NIC_DEVICE_H

#include <tto/engine.h>

#include "nic/memory/element.h"
#include "packet/tuple.h"
#include "queue/completion.h"
#include "queue/ring.h"
#include "queue/work.h"
#include "wire/wire.h"

#define DEVICE_NONE UINT32_MAX
#define DEVICE_LINK_MAX 22		/* Ethernet and two VLAN tags           */
#define DEVICE_INDEX_BITS 20		/* of an id; the rest is its generation */

struct device;

struct device_options {
	uint32_t queues;	/* of all kinds, 1..65536; default 1024         */
	uint32_t flows;		/* registered, listens and addresses, less than
				 * 2^20 - 1; default 16384                      */
	uint32_t send_burst;	/* requests, frames or units of one queue before
				 * the next has its turn; default 32            */
	struct tto_coalescer_options coalescer;	/* output is gather, whatever it
						 * says; what programs expect is
						 * policy host. The seed is for
						 * steering as well             */
};

/* Why something of a client's was refused or lost. X(ID, "name", "sentence") */
#define DEVICE_DROPS(X) \
X(NO_BUFFER, "no-buffer", "neither RQ nor GRQ had a buffer for a packet") \
X(BUFFER_FAULT, "buffer-fault", "a posted buffer may not be written") \
X(CQ_FULL, "cq-full", "the completion queue had no room") \
X(RING_BROKEN, "ring-broken", "an index in a ring was not possible; the queue is closed") \
X(BAD_REQUEST, "bad-request", "a request contradicts itself") \
X(BAD_TUPLE, "bad-tuple", "a frame to be sent is not of the flow it was posted for") \
X(BAD_FLOW, "bad-flow", "a request names a flow that is not of its queue") \
X(CHECKSUM, "checksum", "a segment's checksum is wrong") \
X(WIRE, "wire", "the wire refused a frame") \
X(ERROR, "icmp-error", "an ICMP error about what is not on its way, or one too many")

enum device_drop {
#define X(id, name, text) DEVICE_DROP_##id,
	DEVICE_DROPS(X)
#undef X
	DEVICE_N_DROPS
};

struct device_queue_counters {
	uint64_t requests, completions, bytes;
	uint64_t drops[DEVICE_N_DROPS];
};

struct device_flow_counters {
	uint64_t packets, segments;	/* what was steered to it, and of how many */
	uint64_t acks;		/* of the segments, those without payload that
				 * were joined                                  */
	uint64_t bytes;		/* of payload that was placed                   */
	uint64_t placed_rq, placed_grq;	/* the same, by where                   */
	uint64_t out_of_order;	/* packets that did not continue the stream     */
	uint64_t sent;		/* bytes of payload                             */
	uint64_t drops[DEVICE_N_DROPS];
	uint32_t causes[TTO_N_CAUSES];	/* why aggregates ended, and segments
				 * were handed up alone; each stops at 65535    */
};

/* A queue that is to be made. Rings are fresh (ring_create()). */
struct device_queue {
	uint8_t kind;		/* enum ring_kind                               */
	bool unowned;		/* SQ: may use SEND_UNOWNED                     */
	uint32_t owner;		/* of the caller; flows and queues meet only when
				 * theirs is equal                              */
	struct ring *ring;
	uint32_t entries;
	uint32_t cq;		/* id; not for a CQ                             */
	struct dma_queue dma;	/* not for a CQ                                 */
};

struct device_flow {
	struct tcp_tuple tuple;	/* a listen: remote side 0; local address 0: any */
	uint32_t owner;
	uint32_t cq;		/* for what is received                         */
	uint32_t rq, grq;	/* DEVICE_NONE if there is none                 */
	uint32_t sq;		/* that may send for it; DEVICE_NONE: none      */
	bool knows_next;	/* next_seq is set                              */
	uint32_t next_seq;
	bool errors;		/* a connection: ICMP errors that quote it come too */
	uint8_t link[DEVICE_LINK_MAX];	/* what its frames must begin with      */
	uint8_t link_bytes;	/* 0: any                                       */
	uint8_t link_free;	/* the first of them, that may be anything: a
				 * listen answers any neighbour                 */
};

/*
 * What the owner is told. Called from within device_receive(), device_send(),
 * device_revoke() and device_ask_low(); must not call into the device.
 */
struct device_callbacks {
	void *ctx;
	/* A packet that is nobody's; until it returns. The cookie of a packet that is
	 * one frame is its struct wire_frame. */
	tto_deliver_fn *unclaimed;
	/* The consumer of CQ @cq sleeps and something has come: wake it. Once for
	 * each time it armed, at the end of a burst. */
	void (*wake)(void *ctx, uint32_t cq, uint32_t owner);
};

/** device_index() - Of an id: less than the number of queues, or flows, there may be */
static inline uint32_t device_index(uint32_t id)
{
	return id & ((1U << DEVICE_INDEX_BITS) - 1);
}

/** device_bytes() - Memory for device_init(), whole cache lines; 0: options out of range */
size_t device_bytes(const struct device_options *options);

/**
 * device_init() - Make a device
 * @memory:	device_bytes() of zeros, aligned to CACHE_LINE
 * @m:		The device's way to memory; until the device is no more used
 *
 * Return: 0; -EINVAL; -ENOTSUP.
 */
MUST_CHECK int device_init(struct device **out, void *memory,
			   const struct device_options *options,
			   struct memory *m,
			   const struct device_callbacks *callbacks);

/* ---- Control: by the owner, between two calls into the data path --------------- */

/** Return: 0 with @id set; -EINVAL; -ENOSPC; -ENOENT for a cq of another owner. */
MUST_CHECK int device_open_queue(struct device *d, const struct device_queue *q,
				 uint32_t *id);

/**
 * device_close_queue() - End a queue; its ring is not touched any more
 *
 * Posted requests are not completed. -EBUSY while flows or queues refer to it.
 */
MUST_CHECK int device_close_queue(struct device *d, uint32_t id);

/** Return: 0 with @id set; -EEXIST for the tuple; -ENOSPC; -EINVAL; -ENOENT. */
MUST_CHECK int device_add_flow(struct device *d, const struct device_flow *f,
			       uint32_t *id);
/** Return: 0; -ENOENT. For listens and addresses as well. */
MUST_CHECK int device_remove_flow(struct device *d, uint32_t id);

/** device_set_link() - Its frames are to begin otherwise from now on; -EINVAL; -ENOENT */
MUST_CHECK int device_set_link(struct device *d, uint32_t flow,
			       const uint8_t *link, uint32_t bytes);

/* Segments to @f's local address (port is not looked at) that match no flow and no
 * listen, and everything that is not TCP, go to @f's GRQ as whole frames. One. */
MUST_CHECK int device_set_address_owner(struct device *d,
					const struct device_flow *f,
					uint32_t *id);

/** device_close_owner() - End all flows, listens and queues of an owner, in O(theirs) */
void device_close_owner(struct device *d, uint32_t owner);

/**
 * device_revoke() - Take posted receive requests back: SPEC RQ-7
 * @rq:		RQ or GRQ
 * @wr_id:	All requests with this number that are posted
 *
 * When it returns, the device never writes to them. They complete as
 * COMPLETION_REVOKED in their turn.
 *
 * Return: how many; -ENOENT for the queue.
 */
MUST_CHECK int device_revoke(struct device *d, uint32_t rq, uint64_t wr_id);

/** device_ask_low() - Complete COMPLETION_LOW once the GRQ has less than @limit left */
MUST_CHECK int device_ask_low(struct device *d, uint32_t grq, uint32_t limit);

/** Return: false when there is no such queue. */
bool device_counters(const struct device *d, uint32_t queue,
		     struct device_queue_counters *out);
/** Return: false when there is no such flow. */
bool device_flow_counters(const struct device *d, uint32_t flow,
			  struct device_flow_counters *out);

/* ---- Data path ------------------------------------------------------------------- */

/* Frames from a wire of link @link; nothing of them is referred to afterwards. */
void device_receive(struct device *d, const struct wire_frame *frames, uint32_t n,
		    enum tto_link link, ns_t now);

/**
 * device_send() - Take requests from SQs and give frames to a wire
 * @budget:	Requests to take at most
 *
 * A unit goes to the wire whole when the wire can cut it, else cut. When the wire is
 * full, the rest waits for the next call.
 *
 * Return: requests taken.
 */
uint32_t device_send(struct device *d, struct wire *w, uint32_t budget, ns_t now);

/* When something is due without a frame or request; NS_NEVER. */
ns_t device_poll(struct device *d, ns_t now);

/** device_arm() - Arm all SQs. Return: true: sleep; false: there is work. */
bool device_arm(struct device *d);
void device_disarm(struct device *d);

#endif
