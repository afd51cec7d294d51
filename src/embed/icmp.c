// SPDX-License-Identifier: BSD-2-Clause
/* icmp.c - What ICMP errors say about our segments: RFC 792, RFC 4443 */
#include <string.h>

#include "embed/state.h"
#include "packet/headers.h"
#include "packet/parse.h"
#include "packet/pseudo.h"
#include "packet/verify.h"

static bool icmp_kind(const uint8_t *icmp, bool v6, struct embed_datagram *d)
{
	uint8_t type = icmp[0], code = icmp[1];

	if (v6) {
		uint32_t mtu = load_be32(icmp + 4);

		d->icmp = type == 2 ? EMBED_ICMP_TOO_BIG :
			  type == 1 && (code == 1 || code == 4) ? EMBED_ICMP_HARD :
			  EMBED_ICMP_SOFT;
		d->mtu = mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
		return type >= 1 && type <= 4;
	}
	d->mtu = load_be16(icmp + 6);
	d->icmp = type != 3 ? EMBED_ICMP_SOFT :
		  code == 4 ? EMBED_ICMP_TOO_BIG :
		  code == 2 || code == 3 ? EMBED_ICMP_HARD : EMBED_ICMP_SOFT;
	return type == 3 || type == 11;
}

static bool read_icmp(const uint8_t *ip, uint32_t len, bool v6, struct embed_datagram *d)
{
	uint32_t header = v6 ? 40 : 20;
	const uint8_t *icmp = ip + header, *quote = icmp + 8;

	/* Room for: header, ICMP, the quoted header, and 8 bytes of TCP. */
	if (len < 2 * header + 16 ||
	    ip[v6 ? 6 : 9] != (v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP) ||
	    quote[v6 ? 6 : 9] != PROTOCOL_TCP || (!v6 && (ip[0] != 0x45 ||
							  quote[0] != 0x45)) ||
	    !icmp_is_whole(ip, v6, icmp, len - header) || !icmp_kind(icmp, v6, d))
		return false;
	tcp_tuple_read(&d->tuple, quote, v6, quote + header, true);
	d->quoted = seq(load_be32(quote + header + 4));
	return true;
}

/* Bytes of the IP datagram, which a frame may have padding behind; 0: none. */
static uint32_t ip_bytes(const uint8_t *ip, uint32_t room, bool v6)
{
	uint32_t len = v6 ? 40U + load_be16(ip + 4) : load_be16(ip + 2);

	return len <= room ? len : 0;
}

bool embed_read_icmp(const uint8_t *frame, uint32_t len, struct embed_datagram *d)
{
	struct seg s;
	uint16_t type = parse_link(PARSE_LINK_ETHERNET, frame, len, &s);
	bool v6 = type == ETHERTYPE_IPV6;

	if (!type || len < s.l3 + (v6 ? 40U : 20U))
		return false;
	return read_icmp(frame + s.l3, ip_bytes(frame + s.l3, len - s.l3, v6), v6, d);
}
