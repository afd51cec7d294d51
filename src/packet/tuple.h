/* SPDX-License-Identifier: BSD-2-Clause */
/* tuple.h - What names a connection */
#ifndef PACKET_TUPLE_H
#define PACKET_TUPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/siphash.h"

/*
 * Without padding, so that it is hashed and compared as bytes: whoever fills it
 * in clears it first. An IPv4 address is in the first four bytes of its sixteen,
 * as on the wire; ports are in host order. For a listener the remote side is 0.
 */
struct tcp_tuple {
	uint8_t local[16];
	uint8_t remote[16];
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t v6;		/* 1: IPv6, 0: IPv4                             */
};

_Static_assert(sizeof(struct tcp_tuple) == 40, "no padding");

static inline bool tcp_tuple_equal(const struct tcp_tuple *a,
				   const struct tcp_tuple *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/**
 * tcp_tuple_is_possible() - May there be a connection between these two addresses?
 *
 * Not if one of them is unspecified, a group, or the limited broadcast. For the
 * owner of TCP: to refuse to open (MUST-46), and to drop a SYN in silence (MUST-57,
 * MUST-63). Which other addresses are broadcasts of networks only the owner knows.
 *
 * Source: RFC 9293 §3.9.1.1, §3.9.2.3; RFC 1122 §3.2.1.3.
 */
bool tcp_tuple_is_possible(const struct tcp_tuple *tuple);

/**
 * tcp_tuple_read() - Of a packet, or of one that an ICMP error quotes
 * @ip:		Header of IPv4 or IPv6
 * @ports:	The first 4 bytes of TCP
 * @is_sent:	Its source is the local side
 */
void tcp_tuple_read(struct tcp_tuple *t, const uint8_t *ip, bool v6,
		    const uint8_t *ports, bool is_sent);

/**
 * tcp_tuple_write_ip() - The IP header of a segment from the local side, DF set
 * @id:		Of IPv4. Lengths and checksum are left to the segmenter
 * @to:		Room for struct ipv6_header
 *
 * Return: bytes.
 */
uint32_t tcp_tuple_write_ip(const struct tcp_tuple *t, uint8_t tos, uint8_t ttl,
			    uint16_t id, uint8_t *to);

/* SipHash-2-4 of what there is: for IPv4 that is less than half of it. */
static inline uint64_t tcp_tuple_siphash(const struct tcp_tuple *t,
					 const uint8_t key[16])
{
	uint8_t v4[12];

	if (t->v6)
		return siphash_2_4(t, sizeof(*t), key);
	memcpy(v4, t->local, 4);
	memcpy(v4 + 4, t->remote, 4);
	memcpy(v4 + 8, &t->local_port, 2);
	memcpy(v4 + 10, &t->remote_port, 2);
	return siphash_2_4(v4, sizeof(v4), key);
}

#endif
