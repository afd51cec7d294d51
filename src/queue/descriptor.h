/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptor.h - What a program hands to the device to send
 *
 * One pseudo frame is one or more descriptors, the last of which has
 * DESCRIPTOR_END. Their bytes, one after the other, are the headers (link, IP,
 * TCP or UDP) and the payload; where one ends and the other begins is read from
 * the headers, and does not have to be where a descriptor ends.
 *
 *   0                8                16       20    22    24            28  32
 *   | address        | PDBR or STag   | length | mss | cmd | fragment id |   |
 *
 * mss, how to cut (DESCRIPTOR_CUT) and the other flags count in the first.
 *
 * The descriptor may lie in memory that its writer still changes: the device
 * copies it once, and judges the copy.
 * Source: patent US 9,319,491, buffer descriptors 240. SPEC TX-2.
 */
#ifndef QUEUE_DESCRIPTOR_H
#define QUEUE_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

#define DESCRIPTOR_VERSION 1

enum descriptor_command {
	DESCRIPTOR_VIRTUAL = 0x0001,	/* address is virtual, base is the PDBR */
	DESCRIPTOR_REGION = 0x0002,	/* address is an offset, base the STag;
					 * neither of the two: a bus address    */
	DESCRIPTOR_END = 0x0004,	/* last of its pseudo frame             */
	DESCRIPTOR_CUT = 0x0030,	/* mask: how to cut                     */
	DESCRIPTOR_CUT_TCP = 0x0000,
	DESCRIPTOR_CUT_UDP = 0x0010,	/* datagrams of mss payload             */
	DESCRIPTOR_CUT_FRAGMENT = 0x0020, /* IP fragments, mss is the MTU       */
	DESCRIPTOR_FIXED_ID = 0x0100,	/* as enum tto_unit_flags               */
	DESCRIPTOR_PARTIAL_CSUM = 0x0200,
	DESCRIPTOR_NO_UDP_CSUM = 0x0400,
	DESCRIPTOR_ACCECN = 0x0800,
	DESCRIPTOR_UDP = 0x1000,	/* CUT_FRAGMENT: complete the header of
					 * the UDP datagram, its checksum too   */
	DESCRIPTOR_ALL = 0x1f37,
};

struct descriptor {
	uint64_t address;	/* virtual, offset, or of the bus               */
	uint64_t base;		/* PDBR or STag; not read for a bus address     */
	uint32_t length;	/* bytes, 0 is allowed                          */
	uint16_t mss;
	uint16_t command;	/* enum descriptor_command                      */
	uint32_t fragment_id;	/* CUT_FRAGMENT over IPv6: Identification       */
	uint32_t reserved;	/* not read                                     */
};

_Static_assert(sizeof(struct descriptor) == 32, "two to a cache line");
_Static_assert(offsetof(struct descriptor, base) == 8, "layout");
_Static_assert(offsetof(struct descriptor, length) == 16, "layout");
_Static_assert(offsetof(struct descriptor, mss) == 20, "layout");
_Static_assert(offsetof(struct descriptor, command) == 22, "layout");
_Static_assert(offsetof(struct descriptor, fragment_id) == 24, "layout");

#endif
