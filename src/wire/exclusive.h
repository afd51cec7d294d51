/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exclusive.h - Keep the kernel's own stack away from what an interface receives
 *
 * DOC: Theory of operation
 * A packet socket gets a copy of each frame; the kernel's stack gets it as well.
 * It would answer ARP for the address of a TAP device, with the MAC address of
 * the wrong interface, and traffic would go past the device. So the frames are
 * dropped where they have passed the packet sockets and nothing else: by an
 * empty nftables chain with the policy "drop" on the interface's ingress hook.
 *
 *	driver -> packet sockets -> [ingress: drop] -> bridge, VLAN, IP
 *
 * The table belongs to the netlink socket that made it (NFT_TABLE_F_OWNER): the
 * kernel removes it when the descriptor is closed, however the process ends.
 */
#ifndef WIRE_EXCLUSIVE_H
#define WIRE_EXCLUSIVE_H

#include "base/compiler.h"

/**
 * exclusive_take() - Begin to drop
 * @interface:	Name of the interface, in this network namespace
 *
 * Return: a descriptor; close(2) ends it. -EOPNOTSUPP or the like when the
 * kernel has no nftables, -EPERM without CAP_NET_ADMIN.
 */
MUST_CHECK int exclusive_take(const char *interface);

#endif
