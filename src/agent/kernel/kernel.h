/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - Share addresses with the kernel: its ports, its routes
 *
 * DOC: Theory of operation
 * When the device uses addresses that are the kernel's (ARCHITECTURE D5), the kernel
 * stays in charge of all but TCP of the ports that clients have:
 *
 *   ports	each local port that a client has is held by a kernel socket that is bound
 *		and does not listen, so that no other program gets it, and no client gets
 *		one that another program has (hold.c)
 *   routes	and neighbours are the kernel's; who is not yet known is looked for by the
 *		kernel, and what it found is announced (route.c)
 *   packets	where the device only listens on the kernel's interface, what comes for
 *		ports with flows or a listen is kept from the kernel's TCP, which would
 *		answer with RST (divert.c); a device in front of a TAP takes it away
 *		itself. For a port that is only held that RST is the right answer
 *
 * Everything hangs on descriptors and is gone with the process, however it ends.
 *
 * Limits: connections from this machine to its own address do not pass the wire, and so
 * do not reach the device. What comes in IP fragments is not diverted.
 */
#ifndef AGENT_KERNEL_KERNEL_H
#define AGENT_KERNEL_KERNEL_H

#include "agent/agent.h"

#define HOLD_BUCKETS 4096

struct divert;

/* A port that is held; see struct host_port. */
struct hold {
	struct hold *next;
	struct host_port port;
	bool carried;		/* what comes is kept from the kernel           */
	int fd;
};

struct kernel {
	struct source changes;	/* of addresses and neighbours                  */
	struct agent *agent;
	char interface[16];
	uint32_t index;
	int requests, events;	/* rtnetlink                                    */
	struct divert *divert;	/* NULL: none                                   */
	struct hold *holds[HOLD_BUCKETS];	/* by port                      */
	uint8_t mac[6];
	uint32_t n_addresses;
	struct host_address addresses[HOST_ADDRESSES_MAX];
};

/**
 * kernel_open() - Begin to share
 * @k:		Overwritten; end it with kernel_close(), also after an error
 * @interface:	That has the addresses
 * @diverts:	The kernel hears what the device hears
 *
 * Return: 0, or -errno after one line about it on stderr.
 */
MUST_CHECK int kernel_open(struct kernel *k, const char *interface, bool diverts);
void kernel_close(struct kernel *k);

/** kernel_fill() - What the host needs to know of it: hooks, addresses, MAC */
void kernel_fill(struct kernel *k, struct host_options *options);

/** kernel_watch() - Begin to hear of changes, when @a has its loop. Return: 0 or -errno */
MUST_CHECK int kernel_watch(struct kernel *k, struct agent *a);

/* In hold.c: as the hooks of struct host_hooks. */
int hold_claim(void *ctx, const struct host_port *port, void **claimed);
int hold_carry(void *ctx, const struct host_port *port, void *claimed, bool begins);
void hold_release(void *ctx, const struct host_port *port, void *claimed);

/** hold_addresses_changed() - @before: what k->addresses was */
void hold_addresses_changed(struct kernel *k, const struct host_address *before,
			    uint32_t n_before);

/* In route.c. */
int route_find(void *ctx, const struct tcp_tuple *tuple, struct control_reply *reply);

/* In divert.c. */

/** divert_open() - Keep from the kernel what comes by @interface for ports to be named */
MUST_CHECK int divert_open(struct divert **out, const char *interface);
void divert_close(struct divert *d);

/** divert_port() - Begin, or cease, to keep it from the kernel; the address is one */
MUST_CHECK int divert_port(struct divert *d, const struct host_port *port, bool add);

#endif
