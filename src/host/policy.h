/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.h - What a client may do, and how much it may hold
 *
 * Rules name local addresses and ports; whom they are for is decided before, by whoever
 * admits the client. What no rule is for is not allowed.
 * Source: SPEC AG-1.
 */
#ifndef HOST_POLICY_H
#define HOST_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_RULES_MAX 64

enum host_right {
	HOST_FLOW = 1,		/* open flows from there                        */
	HOST_LISTEN = 2,	/* listen there                                 */
	HOST_ADDRESS = 4,	/* be the owner of the address; ports do not matter */
	HOST_LOW_PORTS = 8,	/* below struct host_policy.low_ports as well   */
};

/* Local addresses and ports: one rule that has them and the right is enough. */
struct host_rule {
	uint8_t address[16];	/* as in struct tcp_tuple                       */
	uint8_t prefix_bits;	/* 0: every address of the family               */
	uint8_t v6;
	uint8_t rights;		/* enum host_right                              */
	uint8_t reserved;
	uint16_t first_port, last_port;
};

/* 0 stands for the default. */
struct host_limits {
	uint64_t memory;	/* bytes of all its objects; default 256 MiB    */
	uint64_t registered;	/* bytes of all its regions' pages; 4 GiB       */
	uint32_t objects;	/* default 256                                  */
	uint32_t queues;	/* default 64                                   */
	uint32_t regions;	/* default 1024                                 */
	uint32_t flows;		/* flows, listens, addresses; default 1024      */
	uint32_t entries;	/* of one queue; default 65536                  */
};

struct host_policy {
	uint32_t user;		/* clients of one may share ports               */
	uint32_t n_rules;	/* 0: nothing is allowed                        */
	uint16_t low_ports;	/* ports below need HOST_LOW_PORTS              */
	bool raw;		/* may send frames of no flow, any              */
	bool in_process;	/* no descriptors to sleep on: its polls run the
				 * device                                       */
	struct host_limits limits;
	struct host_rule rule[HOST_RULES_MAX];
};

/** host_policy_all() - The policy of whoever owns the device: everything */
void host_policy_all(struct host_policy *policy);

#endif
