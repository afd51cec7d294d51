/* SPDX-License-Identifier: BSD-2-Clause */
/* state.h - What a host and its clients are made of; for src/host only */
#ifndef HOST_STATE_H
#define HOST_STATE_H

#include "base/window.h"
#include "host/handle.h"
#include "host/host.h"
#include "host/kernel/outlet.h"
#include "host/neighbour.h"
#include "host/view.h"
#include "nic/memory/page_map.h"

#define HOST_BATCH 128		/* frames a pass                                */
#define PORT_BUCKETS 4096

/* Pages of a client that stand for a part of an object. */
struct mapping {
	uint64_t start, end;	/* of the program, whole pages                  */
	uint64_t offset;	/* of @start in the object                      */
	uint32_t object;	/* place                                        */
	uint32_t regions;	/* that lie in it                               */
	bool writable;
};

/* What a client has a local port for. */
enum port_use {
	PORT_HOLD,
	PORT_HOLD_REUSE,	/* see enum control_hold_flag                   */
	PORT_FLOW,
	PORT_LISTEN,
};

/* A local port in use by one client, see host.h. */
struct port {
	struct port *next;
	struct host_port name;
	struct host_client *client;
	uint32_t uses;		/* of any kind                                  */
	uint32_t carried;	/* of them flows and listens                    */
	uint32_t listens;
	bool reuse;		/* others of the user may have it as well       */
	void *claim;		/* of the hook                                  */
};

struct host_client {
	struct host *host;
	uint32_t idx;		/* among the host's; owner for the device       */
	struct host_policy policy;
	struct host_usage usage;
	struct device_queue_counters closed;	/* of queues that were closed   */
	struct handle_table handles;
	bool greeted;
	bool waits_for_route;
	int doorbell, events;	/* -1: none                                     */
	uint16_t domain;
	uint64_t tables_at;	/* on the bus                                   */
	struct page_pool pool;
	struct page_map map;
	struct extent *extents;
	struct mapping *mappings;	/* sorted                               */
	uint32_t n_mappings;
};

/* How far the look at all flows' ways has come. */
struct relink {
	bool running;
	bool wanted;		/* again, from the first on                     */
	uint32_t client, place;
	ns_t next;		/* at the latest                                */
	ns_t rests;		/* not before                                   */
};

struct host {
	struct host_options options;
	struct wire *wire;
	struct device *device;
	void *device_memory;
	enum tto_link link;
	uint32_t mtu;
	struct window window;
	struct memory memory;
	struct domain *domains;
	struct region *regions;
	int *wakes;		/* descriptors of CQs, by their device_index()  */
	struct host_client **clients;
	struct port *ports[PORT_BUCKETS];
	bool owns_all;		/* no addresses are said: any is its own        */
	struct neighbours *neighbours;	/* NULL: no address of its own          */
	struct outlet *to_wire, *to_kernel;	/* NULL: no kernel              */
	uint8_t *linear;	/* an aggregate on its way to the kernel        */
	struct relink relink;
	struct host_counters counters;
	ns_t now;		/* of the last pass                             */
	int epoll;
	struct wire_frame frames[HOST_BATCH];
};

/* In kernel/wire.c: a wire to the kernel's stack. */
MUST_CHECK int kernel_wire_open(struct host *h);
void kernel_wire_close(struct host *h);
/** kernel_wire_put() - A packet of nobody's, as the device hands it up */
void kernel_wire_put(struct host *h, const struct tto_packet *p);
/** kernel_wire_run() - What the kernel sends, to the wire. Return: frames or -errno */
int kernel_wire_run(struct host *h);

/* In relink.c: ways change while flows live. */
void relink_begin(struct host *h);
/** relink_step() - Look at some flows. Return: when it is to be called next */
ns_t relink_step(struct host *h, ns_t now);

/* What an operation is given. */
struct request {
	struct host *host;
	struct host_client *client;
	const struct control_request *ask;
	struct control_reply *reply;
	int *fds;
};

/* Each does one operation. Return: for reply->status. */
int object_allocate(struct request *r);
int object_free(struct request *r);
int queue_open(struct request *r);
int queue_close(struct request *r);
int queue_revoke(struct request *r);
int queue_ask_low(struct request *r);
int region_open(struct request *r);
int region_close(struct request *r);
int host_flow_add(struct request *r);
int host_flow_listen(struct request *r);
int host_flow_own_address(struct request *r);
int host_flow_remove(struct request *r);
int host_flow_remove_listen(struct request *r);
int host_flow_route(struct request *r);
int host_port_hold(struct request *r);
int host_port_release(struct request *r);
int host_name_address(struct request *r);

/* What was there is given back, without regard to what refers to it. */
void object_drop(struct host_client *c, uint32_t place);
void queue_drop(struct host_client *c, uint32_t place);
void host_flow_drop(struct host_client *c, uint32_t place);
void host_port_drop(struct host_client *c, uint32_t place);

/* @sum grows by @more. */
void queue_add_counters(struct device_queue_counters *sum,
			const struct device_queue_counters *more);

/**
 * policy_allows() - Whether a client may use a local address and port
 * @local:	All 0: any address, which needs the right for every own address, or for
 *		all there are when the host has none
 * @port:	0 with HOST_ADDRESS
 * @right:	One of enum host_right
 */
bool policy_allows(const struct host_client *c, const uint8_t local[16], bool v6,
		   uint16_t port, enum host_right right);

/**
 * port_take() - One more use of a local port by a client
 * @name:	Its port is not 0
 * @out:	Set on success; give it to port_drop()
 *
 * A flow or listen goes by what the client holds there: it shares the port with others
 * of the user only when that was held so.
 *
 * Return: 0; -EADDRINUSE: another's, or to be held and not to be shared; -ENOMEM; -errno
 * of a hook.
 */
MUST_CHECK int port_take(struct host_client *c, const struct host_port *name,
			 enum port_use use, struct port **out);

/** port_drop() - One use less */
void port_drop(struct host *h, struct port *p, enum port_use use);

/** port_is_free() - Whether no client has what comes for @name */
bool port_is_free(const struct host *h, const struct host_port *name);

/**
 * port_choose() - port_take() of a port that is free
 * @name:	Its port is set on success
 * @rights:	enum host_right: all of them if there is such a port, else one of them
 *
 * Source: RFC 6056 §3.3.1: from a random one on, the next that is free.
 *
 * Return: 0; -EACCES: none that the policy allows; -EADDRINUSE: none of these is free;
 * as port_take().
 */
MUST_CHECK int port_choose(struct host_client *c, struct host_port *name,
			   uint32_t rights, enum port_use use, struct port **out);

/** host_is_own() - Whether a client may use the address at all */
bool host_is_own(const struct host *h, const uint8_t address[16], bool v6);

/** host_route() - reply->flow for the way to @tuple's remote address; see host_flow_route() */
int host_route(struct host_client *c, const struct tcp_tuple *tuple,
	       struct control_reply *reply);

/** host_wake() - Write to an eventfd; -1 is allowed */
void host_wake(struct host *h, int fd);

/* In run.c: what the device calls. */
void host_unclaimed(void *ctx, const struct tto_packet *packet);
void host_wake_queue(void *ctx, uint32_t cq, uint32_t owner);

#endif
