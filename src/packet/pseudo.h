/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pseudo.h - The pseudo header that TCP and UDP checksums include
 *
 * Source: RFC 9293 §3.1; RFC 8200 §8.1.
 */
#ifndef PACKET_PSEUDO_H
#define PACKET_PSEUDO_H

#include "base/compiler.h"
#include "packet/checksum.h"
#include "packet/headers.h"

/**
 * pseudo_sum() - Sum of addresses, protocol and length
 * @ip:		IPv4 or IPv6 header
 * @len:	Transport header and payload [bytes]
 *
 * Both addresses are taken as they lie in @ip: no routing header.
 */
static ALWAYS_INLINE uint32_t pseudo_sum(const uint8_t *ip, bool v6,
					 uint8_t protocol, uint32_t len)
{
	uint64_t s = BIG32(len) + (uint64_t)BIG32((uint32_t)protocol);

	if (v6) {
		for (int word = 0; word < 8; word++)
			s += load32(ip + 8 + 4 * word);
	} else {
		s += (uint64_t)load32(ip + 12) + load32(ip + 16);
	}
	s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)(s + (s >> 32));
}

/** icmp_is_whole() - Is the checksum of @len bytes right? RFC 792, RFC 4443 §2.3 */
static inline bool icmp_is_whole(const uint8_t *ip, bool v6, const uint8_t *icmp,
				 uint32_t len)
{
	uint32_t sum = checksum_header(icmp, len);

	if (v6)
		sum = checksum_add(sum, pseudo_sum(ip, true, PROTOCOL_ICMPV6, len));
	return checksum_fold(sum) == 0xffff;
}

#endif
