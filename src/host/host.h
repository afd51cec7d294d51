/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - Who hosts a device: its wire, its clients, and what they may do
 *
 * DOC: Theory of operation
 * A host has one device (nic/device.h), the bus on which memory objects lie, and the
 * wires. Clients ask with struct control_request; each has a protection domain of its
 * own, a policy, limits, and handles that mean nothing to others. The same code serves
 * the clients of a daemon and a device that is embedded in a process.
 *
 *    client ---- request ----> host_request() ---- makes ----> queues, flows, pages
 *    client <=== rings, memory objects =============> device <===> wire
 *                                                      `-> packets of nobody:
 *                                                      answered here (ARP, pings)
 *                                                      or to the kernel's wire
 *
 * Memory: the window (base/window.h) has every client's objects and, for each client,
 * the tables of its pages. Only objects that were made here get in: nothing that a
 * client holds can shrink below the device. A client's pages are built from what it
 * registers; what it can reach besides, by bus address, is its own objects.
 *
 * Ports: a local address and port belong to the client that first held it, listened
 * there or opened a flow, until the last of these ends. So a client can neither take nor
 * forge another's connections. Those of one user may share a port when all of them
 * said so; one of them listens.
 *
 * Owner's addresses: without any, the host neither resolves nor answers, flows may be
 * of any address, and their link header is not checked: a device on a wire of its own.
 *
 * Threads: none; all calls for one host from one thread at a time. No call blocks but
 * host_sleep().
 * Source: SPEC AG-1..AG-7; ARCHITECTURE D2, D3, D5, D11.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "control/message.h"
#include "host/policy.h"
#include "nic/device.h"
#include "wire/wire.h"

#define HOST_ADDRESSES_MAX 8

struct host;
struct host_client;

/* ---- Open and close --------------------------------------------------------------- */

struct host_address {
	uint8_t address[16];
	uint8_t gateway[16];
	uint8_t prefix_bits;
	uint8_t v6;
	uint8_t has_gateway;
};

/* A local port that a client begins or ceases to use. */
struct host_port {
	uint8_t address[16];	/* all 0: any                                   */
	uint16_t port;
	uint8_t v6;
};

/*
 * What is not the host's own business, when the kernel shares address or interface.
 * Any may be NULL.
 */
struct host_hooks {
	void *ctx;
	/* A port gets into use, or out of use. -errno refuses it; -EADDRINUSE: when
	 * any may be had, another is tried. */
	int (*claim)(void *ctx, const struct host_port *port, void **claimed);
	void (*release)(void *ctx, const struct host_port *port, void *claimed);
	/* What comes for a port that is claimed begins to be the device's, with its
	 * first flow or listen, or ceases to be. -errno refuses the first. */
	int (*carry)(void *ctx, const struct host_port *port, void *claimed,
		     bool begins);
	/* Fills in reply->flow for reply's address: 0, -EAGAIN (host_routes_changed()
	 * will be called), -errno. In place of the host's own resolver. */
	int (*route)(void *ctx, const struct tcp_tuple *tuple,
		     struct control_reply *reply);
};

/* 0 in a field means the default. */
struct host_options {
	uint64_t window_bytes;	/* of the bus: address space; default 64 GiB    */
	uint32_t clients;	/* at once; default 64                          */
	struct device_options device;
	uint8_t mac[6];		/* default: random, locally administered        */
	uint32_t mtu;		/* IP bytes; default: the wire's, at most 65535 */
	uint32_t n_addresses;
	struct host_address addresses[HOST_ADDRESSES_MAX];
	uint16_t first_port, last_port;	/* to be chosen from; default 32768..60999 */
	uint64_t spin_ns;	/* host_sleep() polls so long first; default 20 us,
				 * 1: not at all                                */
	struct wire *kernel;	/* packets of nobody go there, and what comes from
				 * there to the wire; the host's on success. NULL:
				 * none                                         */
	struct host_hooks hooks;
};

/**
 * host_options_parse() - "WIRE[;address=A/P]...[;gateway=G]...[;mac=M][;mtu=N]"
 * @options:	The addresses, mac and mtu that are named are set
 * @where:	The first part is a wire's specification
 * @spec:	Set to the wire's specification; free(3) it
 * @error:	Filled in on failure; may be NULL
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
MUST_CHECK int host_options_parse(struct host_options *options, const char *where,
				  char **spec, struct wire_error *error);

/**
 * host_open() - Begin to host a device
 * @out:	Set on success; release with host_close()
 * @wire:	The host's on success; closed with it
 * @options:	Copied; NULL: all defaults
 *
 * Return: 0; -EINVAL; -ENOMEM; -errno.
 */
MUST_CHECK int host_open(struct host **out, struct wire *wire,
			 const struct host_options *options);

/** host_close() - End all clients, the device, and the wires. NULL is allowed. */
void host_close(struct host *h);

/* ---- Clients ---------------------------------------------------------------------- */

/**
 * host_client_open() - A client: a protection domain without anything in it
 * @policy:	Copied
 *
 * Return: 0; -ENOSPC: as many as there may be; -ENOMEM.
 */
MUST_CHECK int host_client_open(struct host *h, const struct host_policy *policy,
				struct host_client **out);

/**
 * host_client_close() - Take back everything that a client holds: SPEC AG-7
 *
 * In whatever state it is. Nothing of it is reached by the device any more, and its
 * objects are gone when the client itself has unmapped them.
 */
void host_client_close(struct host_client *c);

/**
 * host_request() - Do what a client asks
 * @request:	Hostile; not changed meanwhile by anyone
 * @reply:	Overwritten, always
 * @fds:	reply->n_fds of these are set, and then the caller's to close
 *
 * Errors, in reply->status: -EBADMSG: not a request of this version; -ENOSYS: no such
 * operation; -EPROTO: HELLO was not the first, or came twice; -ENOENT: not a handle of
 * this client, or of another kind; -EINVAL: a field out of its range, or reserved and
 * not 0; -EDQUOT: the client's limit; -ENOSPC, -ENOMEM: the host's; -EACCES: the policy;
 * -EBUSY: in use; -EEXIST, -EADDRINUSE: another's; -EAGAIN: the way is not yet known, the
 * events descriptor will tell; -EHOSTUNREACH, -ENETUNREACH: there is none.
 */
void host_request(struct host_client *c, const struct control_request *request,
		  struct control_reply *reply, int fds[CONTROL_FDS_MAX]);

/* ---- Running ------------------------------------------------------------------------ */

/**
 * host_run() - One bounded pass: receive, send, what is due
 * @now:	Monotonic [ns]
 *
 * Return: frames and requests that were taken, 0: nothing to do; -ENODATA: the wire has
 * come to its end; another -errno: it is broken.
 */
int host_run(struct host *h, ns_t now);

/** host_deadline() - When host_run() has something to do without being woken; NS_NEVER */
ns_t host_deadline(struct host *h, ns_t now);

/**
 * host_fd() - An epoll descriptor, readable when a frame or a doorbell came
 *
 * While armed. -1: a wire has no descriptor: never sleep.
 */
int host_fd(const struct host *h);

/** host_arm() - Before sleeping. Return: true: sleep; false: there is work, run. */
bool host_arm(struct host *h);
/** host_disarm() - After host_arm() returned true, whatever woke the caller */
void host_disarm(struct host *h);

/**
 * host_sleep() - Run until something happens, sleep when nothing does
 * @until:	At the latest [ns, monotonic]
 *
 * Spins for options.spin_ns, then arms and sleeps. Returns after each pass that did
 * something.
 *
 * Return: as host_run(); 0: @until has come, or a signal.
 */
int host_sleep(struct host *h, ns_t until);

/**
 * host_routes_changed() - Clients that got -EAGAIN for a route may ask again
 *
 * And flows whose neighbour has another MAC address now get that in their frames.
 */
void host_routes_changed(struct host *h);

/** host_routes_failed() - The same, when somebody was not found: no flow has another way */
void host_routes_failed(struct host *h);

/**
 * host_set_addresses() - Other addresses are the host's from now on
 *
 * For a host with a route hook. Flows and listens of addresses that are gone stay.
 */
void host_set_addresses(struct host *h, const struct host_address *addresses,
			uint32_t n);

#endif
