/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neighbour.h - Who has an address on this link: ARP and neighbour discovery
 *
 * Both ask and answer the same, so that both are one struct. Addresses are as in
 * struct tcp_tuple. Ethernet without tags.
 */
#ifndef PACKET_NEIGHBOUR_H
#define PACKET_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#define NEIGHBOUR_FRAME_MAX 86	/* with a link layer address option             */

struct neighbour_message {
	bool v6;
	bool asks;		/* who has @target?                             */
	bool knows_mac;		/* @mac is set: of the sender, or of the target */
	bool overrides;		/* an answer that is to replace what is known   */
	bool solicited;		/* an answer to a question                      */
	uint8_t mac[6];
	uint8_t sender[16];	/* all 0: a probe of somebody without address   */
	uint8_t target[16];
};

/**
 * neighbour_parse() - Read a frame
 * @frame:	Ethernet; hostile
 * @m:		Overwritten
 *
 * Of a request, @m->mac is the sender's, of an answer that of @m->target. For ARP the
 * sender of a reply is the target.
 *
 * Source: RFC 826; RFC 5227 §1.1; RFC 4861 §4.3, §4.4, §7.1.1, §7.1.2.
 *
 * Return: false when it is neither, or must be ignored.
 */
bool neighbour_parse(const uint8_t *frame, uint32_t len,
		     struct neighbour_message *m);

/**
 * neighbour_emit() - Make a frame
 * @m:		mac is the sender's own
 * @to_mac:	NULL: to all whom it may concern
 * @to:		An answer's: whom it is for; all 0: to all. Not read for a question
 * @frame:	Room for NEIGHBOUR_FRAME_MAX bytes
 *
 * Source: RFC 826; RFC 4861 §4.3, §4.4, §7.2.2, §7.2.4; RFC 2464 §7.
 *
 * Return: bytes written.
 */
uint32_t neighbour_emit(const struct neighbour_message *m, const uint8_t *to_mac,
			const uint8_t to[16], uint8_t *frame);

#endif
