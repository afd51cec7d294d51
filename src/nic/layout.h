/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - Where things are in the headers of a pseudo frame
 *
 * Reads what is to be sent, not what was received (packet/parse.h does that): IPv6
 * extension headers are walked, because a checksum over the pseudo header may
 * need an address out of them, and fragments repeat only some.
 */
#ifndef NIC_LAYOUT_H
#define NIC_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <tto/engine.h>

/* Where things are in the header of a unit; offsets from its first byte. */
struct segment_layout {
	uint32_t header_len;	/* all of it                                    */
	uint16_t l3;		/* IP header                                    */
	uint16_t l4;		/* behind IP header and extension headers       */
	uint16_t split;		/* IPv6: behind what each fragment repeats      */
	uint16_t split_next;	/* IPv6: the byte that names what follows there */
	uint16_t destination;	/* IPv6: the final one, for the pseudo header   */
	uint8_t protocol;	/* of what begins at l4                         */
	bool v6;
	bool opaque;		/* IPv6: a checksum cannot be computed, because
				 * an extension header hides an address         */
};

/**
 * layout_read() - Find the way through headers up to the transport
 * @l:		Set on success
 * @link:	What @header begins with
 * @header:	Hostile
 * @len:	Bytes there; becomes l->header_len
 *
 * Source: RFC 791 §3.1; RFC 8200 §3, §4, §8.1; RFC 2675; RFC 6275 §6.4; RFC 8754.
 *
 * Return: false for what is not IP, or cut short, or a jumbogram.
 */
bool layout_read(struct segment_layout *l, enum tto_link link,
		 const uint8_t *header, uint32_t len);

#endif
