// SPDX-License-Identifier: BSD-2-Clause
/* verify.c - Are the checksums of a TCP segment right? */
#include "packet/verify.h"

#include "packet/parse.h"
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

bool verify_segment(const uint8_t *frame, const struct seg *s, bool trusted)
{
	const uint8_t *ip = frame + s->l3;
	uint32_t len = s->end - s->l4;

	if (!s->v6 && checksum_fold(checksum_header(ip, IPV4_BYTES)) != 0xffff)
		return false;
	return trusted ||
	       checksum_fold(checksum_add(checksum_header(frame + s->l4, len),
					  pseudo_sum(ip, s->v6, PROTOCOL_TCP,
						     len))) == 0xffff;
}
