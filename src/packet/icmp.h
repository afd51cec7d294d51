/* SPDX-License-Identifier: BSD-2-Clause */
/* icmp.h - Errors of ICMP and ICMPv6 about what this side has sent */
#ifndef PACKET_ICMP_H
#define PACKET_ICMP_H

#include "packet/parse.h"
#include "packet/tuple.h"

enum icmp_error_kind {		/* RFC 9293 §3.9.2.2, RFC 5461                  */
	ICMP_ERROR_SOFT,	/* unreachable for now, time exceeded ...       */
	ICMP_ERROR_HARD,	/* protocol or port unreachable, or prohibited  */
	ICMP_ERROR_TOO_BIG,	/* fragmentation needed and DF set, packet too big */
};

struct icmp_error {
	struct tcp_tuple tuple;	/* of the connection that is quoted             */
	uint32_t seq;		/* of the segment that is quoted                */
	uint32_t mtu;		/* of the next hop, TOO_BIG; 0: it does not say */
	uint8_t kind;		/* enum icmp_error_kind                         */
	uint8_t type, code;
};

/**
 * icmp_error_parse() - Read an error that quotes a segment of TCP
 * @frame:	From its link header on
 * @s:		Of parse_frame(), which returned PARSE_NOT_TCP
 * @e:		Overwritten on success
 *
 * Its checksums are right, it quotes a segment up to its sequence number at least, and
 * it came to whom the segment came from. Source quench is not read (RFC 6633 §3).
 *
 * Source: RFC 792; RFC 4443 §3; RFC 1191 §4; RFC 1122 §3.2.2.
 */
bool icmp_error_parse(const uint8_t *frame, const struct seg *s, struct icmp_error *e);

#endif
