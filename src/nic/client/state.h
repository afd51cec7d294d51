/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - What the device keeps of its programs: queues, flows, who has them
 *
 * Everything is in one piece of memory, carved once. Objects have a place; an id is
 * the place and a generation, which changes when the place is given back. Places
 * are reused as late as possible. All objects of an owner are in a list, so that
 * they can be ended without looking at those of others.
 */
#ifndef NIC_CLIENT_STATE_H
#define NIC_CLIENT_STATE_H

#include "nic/client/errors.h"
#include "nic/client/order.h"
#include "nic/client/send.h"
#include "nic/coalesce.h"
#include "nic/device.h"
#include "packet/lookup.h"

#define DEVICE_BURST 256	/* frames between two flushes                   */
#define DEVICE_LINEAR_BYTES (1U << 17)	/* of a received frame that comes in pieces */

/* Every object begins with this. */
struct object {
	uint32_t id;		/* place and generation                         */
	uint32_t owner;
	uint32_t next, previous;	/* of the same bucket of owners: node or
					 * DEVICE_NONE                          */
	bool used;
};

/*
 * A queue. What was taken from it or written to it during a call is made known to
 * the other side when the call ends: until then it is @pending.
 */
struct client_queue {
	struct ring_end end;
	uint32_t pending;	/* entries taken and not released; a CQ: written
				 * and not published                            */
	uint32_t reserved;	/* CQ: places for requests that are being sent  */
	uint8_t kind;		/* enum ring_kind                               */
	bool unowned;		/* SQ: may use SEND_UNOWNED                     */
	bool dirty;		/* in the device's list                         */
	bool counted_broken;
	uint32_t low_limit;	/* GRQ: 0: nobody asked                         */
	uint32_t ahead;		/* SQ: blocks of requests in the batch          */
	uint32_t skip;		/* SQ: frames of the next request that have left */
	struct client_queue *cq;	/* NULL for a CQ                        */
	struct client_queue *next_dirty;
	struct device_queue_counters counters;
	struct dma_queue dma;
	uint32_t references;	/* of queues and flows                          */
	uint32_t turn;		/* SQ: index in device.senders                  */
	struct object object;
};

enum client_flow_kind {
	FLOW_CONNECTION,
	FLOW_LISTEN,
	FLOW_ADDRESS,
};

struct client_flow {
	struct client_queue *cq;
	struct client_queue *rq, *grq, *sq;	/* NULL: none                   */
	struct order order;
	struct errors errors;
	uint8_t kind;		/* enum client_flow_kind                        */
	uint8_t link_bytes, link_free;
	uint8_t link[DEVICE_LINK_MAX];
	uint32_t vids;		/* of @link, see flow_vids()                    */
	struct tcp_tuple tuple;
	struct device_flow_counters counters;
	struct object object;
};

/* Places of one kind that are free, first in, first out. */
struct places {
	uint32_t *free;
	uint32_t head, n_free, capacity;
};

struct device {
	struct device_options options;
	struct device_callbacks callbacks;
	struct memory *memory;
	struct coalescer *coalescer;
	struct lookup *lookup;
	struct client_queue *dirty;	/* those with something pending         */
	struct client_flow *address;	/* owner of an address, or NULL         */
	struct client_queue *queues;
	struct client_flow *flows;
	struct places queue_places, flow_places;
	uint32_t *owners;	/* heads of the owners' lists                   */
	uint32_t owner_mask;
	struct client_queue **senders;	/* all SQs                              */
	uint32_t n_senders, turn;
	enum tto_link link;	/* of the frames that are being received        */
	uint32_t n_errors;	/* flows that want errors                       */
	ns_t now;		/* of the frames                                */
	ns_t retry;		/* a queue waits for room in a CQ; NS_NEVER     */
	struct send_batch *batch;
	struct tto_frame frames[DEVICE_BURST];
	struct iovec source[DEVICE_BURST + 2];	/* of what is being placed      */
	uint8_t *linear;
};

/* The object whose id is @id, or NULL. */
struct client_queue *state_queue(const struct device *d, uint32_t id);
struct client_flow *state_flow(const struct device *d, uint32_t id);

/** state_add_queue() - A place for a queue, in use from now on, or NULL */
struct client_queue *state_add_queue(struct device *d, uint32_t owner);
struct client_flow *state_add_flow(struct device *d, uint32_t owner);

/** state_remove_queue() - Give its place back; the id matches nothing then */
void state_remove_queue(struct device *d, struct client_queue *q);
void state_remove_flow(struct device *d, struct client_flow *f);

/** state_owned() - First node of what @owner has, DEVICE_NONE if nothing */
uint32_t state_owned(const struct device *d, uint32_t owner);
/** state_owned_next() - The node of the same owner behind @node, or DEVICE_NONE */
uint32_t state_owned_next(const struct device *d, uint32_t node);

/* The queue at a node, or NULL: then there is a flow. */
struct client_queue *state_queue_at(const struct device *d, uint32_t node);
struct client_flow *state_flow_at(const struct device *d, uint32_t node);

/** state_bytes() - Memory that a device needs; 0 for options out of range */
size_t state_bytes(const struct device_options *options);

/** state_init() - Carve @memory; d->coalescer is made by the caller, in @rest */
struct device *state_init(void *memory, const struct device_options *options,
			  void **rest);

#endif
