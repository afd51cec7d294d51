/* SPDX-License-Identifier: BSD-2-Clause */
/* interface.h - What the kernel says of a network interface */
#ifndef WIRE_INTERFACE_H
#define WIRE_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* What is switched on now, as ethtool -k shows it. */
struct interface_features {
	bool csum4, csum6;	/* finishes TCP and UDP checksums on send       */
	bool rx_csum;		/* verifies them on receive                     */
	bool tso4, tso6;	/* cuts TCP units on send                       */
	bool uso;		/* cuts UDP units on send                       */
	bool gso;		/* the kernel cuts, just before the driver      */
	bool gro, gro_hw, lro;	/* joins what it receives                       */
};

struct interface_state {
	int index;
	uint32_t mtu;		/* bytes of IP                                  */
	uint16_t hardware;	/* ARPHRD_ of linux/if_arp.h                    */
	bool up;
};

/**
 * interface_query() - Index, MTU, kind and state of an interface
 * @name:	Of the interface, in this network namespace
 * @state:	Set on success
 *
 * Return: 0; -ENODEV when there is none of that name; another -errno.
 */
MUST_CHECK int interface_query(const char *name, struct interface_state *state);

/**
 * interface_query_features() - Which offloads are switched on
 * @name:	Of the interface, in this network namespace
 * @features:	Set on success
 *
 * Needs no privilege.
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int interface_query_features(const char *name,
					struct interface_features *features);

/**
 * interface_is_in_use() - Whether the kernel's own stack needs an interface
 * @name:	Of the interface
 *
 * Return: true when it has an address that is not link-local, or belongs to a
 * bridge, a bond or the like; also when that cannot be found out.
 */
bool interface_is_in_use(const char *name);

#endif
