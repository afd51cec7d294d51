// SPDX-License-Identifier: BSD-2-Clause
/* verify.c - A frame's TCP checksum, when the sum of all its bytes is known */
#include "packet/verify.h"

#include "packet/headers.h"
#include "packet/pseudo.h"

#define ETHERNET_BYTES sizeof(struct eth_header)
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u

static bool is_plain_v4(const uint8_t *ip, uint32_t len)
{
	return ip[0] == 0x45 && ip[9] == PROTOCOL_TCP && load_be16(ip + 2) == len &&
	       !(load_be16(ip + 6) & ~(unsigned)IPV4_DF);
}

static bool is_plain_v6(const uint8_t *ip, uint32_t len)
{
	return ip[0] >> 4 == 6 && ip[6] == PROTOCOL_TCP &&
	       load_be16(ip + 4) + IPV6_BYTES == len;
}

bool verify_tcp(const uint8_t *frame, uint32_t len, uint32_t sum)
{
	const uint8_t *ip = frame + ETHERNET_BYTES;
	uint16_t type;
	bool v6;

	if (len < ETHERNET_BYTES + IPV6_BYTES)
		return false;
	type = load_be16(frame + 12);
	v6 = type == ETHERTYPE_IPV6;
	len -= (uint32_t)ETHERNET_BYTES;
	if (v6 ? !is_plain_v6(ip, len) :
		 type != ETHERTYPE_IPV4 || !is_plain_v4(ip, len))
		return false;
	/* A right header of IPv4 adds nothing; one of IPv6 has no checksum of its own. */
	sum = checksum_add(sum, checksum_negate(checksum_header(
		frame, ETHERNET_BYTES + (v6 ? IPV6_BYTES : 0))));
	sum = checksum_add(sum, pseudo_sum(ip, v6, PROTOCOL_TCP,
					   len - (v6 ? IPV6_BYTES : IPV4_BYTES)));
	return checksum_fold(sum) == 0xffff;
}
