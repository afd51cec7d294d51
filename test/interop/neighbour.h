/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neighbour.h - Who has an address: ARP, and neighbour discovery for IPv6
 *
 * As much of them as one host needs that talks to one other: it answers for its
 * own address, and asks for the other one's.
 * Source: RFC 826; RFC 4861 §4.3, §4.4, §7.2.
 */
#ifndef INTEROP_NEIGHBOUR_H
#define INTEROP_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/tuple.h"

#define NEIGHBOUR_FRAME_MAX 86	/* Ethernet, IPv6, solicitation with an option  */

struct neighbour {
	struct tcp_tuple tuple;	/* both addresses                               */
	uint8_t mac[6], peer_mac[6];
	bool known;		/* peer_mac is                                  */
};

/* Writes the question to @frame, NEIGHBOUR_FRAME_MAX bytes. Return: its length. */
uint32_t neighbour_ask(const struct neighbour *n, uint8_t *frame);

/**
 * neighbour_take() - Look at a frame
 * @answer:	NEIGHBOUR_FRAME_MAX bytes
 * @answer_len:	0: there is none
 *
 * Return: whether it was one of these protocols, and so for nobody else.
 */
bool neighbour_take(struct neighbour *n, const uint8_t *frame, uint32_t len,
		    uint8_t *answer, uint32_t *answer_len);

#endif
