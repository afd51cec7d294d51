// SPDX-License-Identifier: BSD-2-Clause
/* datagram_parse.c - What the peer sent */
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "packet/checksum.h"
#include "packet/parse.h"
#include "packetdrill/datagram.h"

#define ICMP_HEADER 8		/* [bytes]                                      */
#define QUOTED_TCP 8		/* [bytes]: ports and sequence number           */

enum { ICMP_TOO_BIG_CODE = 4 };

/* ---- IP ------------------------------------------------------------------------------ */

static void read_addresses(struct datagram *d, const uint8_t *l3, bool v6)
{
	size_t at = v6 ? offsetof(struct ipv6_header, source) :
			 offsetof(struct ipv4_header, source);

	address_set_ip(&d->source, l3 + at, v6);
	address_set_ip(&d->destination, l3 + at + (v6 ? 16 : 4), v6);
}

static void read_ports(struct datagram *d, const uint8_t *l4)
{
	d->source.port = load_be16(l4);
	d->destination.port = load_be16(l4 + 2);
}

static uint32_t pseudo_sum(const struct datagram *d, uint8_t protocol,
			   uint32_t len)
{
	size_t ip = address_is_v4(&d->source) ? 4 : 16;
	uint8_t rest[8] = { 0, 0, 0, 0, 0, 0, 0, protocol };
	uint32_t sum;

	store_be32(rest, len);
	sum = checksum_header(rest, sizeof(rest));
	sum = checksum_add(sum, checksum_header(address_wire_ip(&d->source), ip));
	return checksum_add(sum, checksum_header(
		address_wire_ip(&d->destination), ip));
}

static bool is_sum_right(uint32_t a, uint32_t b)
{
	return checksum_fold(checksum_add(a, b)) == 0xffff;
}

static uint8_t read_ecn(const uint8_t *l3, bool v6)
{
	return (v6 ? l3[1] >> 4 : l3[1]) & 3;
}

static bool is_ip_right(const struct seg *seg, const uint8_t *bytes)
{
	const uint8_t *l3 = bytes + seg->l3;

	return seg->v6 || is_sum_right(
		checksum_header(l3, (size_t)(l3[0] & 15) * 4), 0);
}

/* ---- TCP ----------------------------------------------------------------------------- */

static enum datagram_kind parse_tcp(struct datagram *d, const uint8_t *bytes,
				    const struct seg *seg)
{
	const uint8_t *l4 = bytes + seg->l4;
	uint32_t len = seg->end - seg->l4;

	if (!is_sum_right(pseudo_sum(d, PROTOCOL_TCP, len),
			  checksum_header(l4, len)))
		return DATAGRAM_NONE;
	if (!tcp_segment_parse(&d->segment, l4, len))
		return DATAGRAM_NONE;
	d->segment.ecn = read_ecn(bytes + seg->l3, seg->v6);
	d->payload = bytes + seg->payload;
	read_ports(d, l4);
	return DATAGRAM_TCP;
}

/* ---- ICMP ----------------------------------------------------------------------------- */

struct icmp_meaning {
	uint8_t type;
	uint8_t first_code, last_code;
	uint8_t kind;		/* enum tcp_icmp                                */
	int error;
};

static const struct icmp_meaning meanings_v4[] = {
	{ 3, 0, 0, TCP_ICMP_SOFT, ENETUNREACH },
	{ 3, 1, 1, TCP_ICMP_SOFT, EHOSTUNREACH },
	{ 3, 2, 2, TCP_ICMP_HARD, ENOPROTOOPT },
	{ 3, 3, 3, TCP_ICMP_HARD, ECONNREFUSED },
	{ 3, ICMP_TOO_BIG_CODE, ICMP_TOO_BIG_CODE, TCP_ICMP_TOO_BIG, EMSGSIZE },
	{ 3, 5, 8, TCP_ICMP_SOFT, EHOSTUNREACH },
	{ 3, 9, 9, TCP_ICMP_HARD, ENETUNREACH },	/* prohibited           */
	{ 3, 10, 10, TCP_ICMP_HARD, EHOSTUNREACH },
	{ 3, 11, 12, TCP_ICMP_SOFT, EHOSTUNREACH },
	{ 3, 13, 15, TCP_ICMP_HARD, EHOSTUNREACH },
	{ 11, 0, 1, TCP_ICMP_SOFT, EHOSTUNREACH },
	{ 12, 0, 2, TCP_ICMP_SOFT, EPROTO },
};

static const struct icmp_meaning meanings_v6[] = {
	{ 1, 0, 0, TCP_ICMP_SOFT, ENETUNREACH },
	{ 1, 1, 1, TCP_ICMP_HARD, EACCES },
	{ 1, 2, 3, TCP_ICMP_SOFT, EHOSTUNREACH },
	{ 1, 4, 4, TCP_ICMP_HARD, ECONNREFUSED },
	{ 2, 0, 255, TCP_ICMP_TOO_BIG, EMSGSIZE },
	{ 3, 0, 1, TCP_ICMP_SOFT, EHOSTUNREACH },
	{ 4, 0, 2, TCP_ICMP_SOFT, EPROTO },
};

static const struct icmp_meaning *find_meaning(const uint8_t *icmp, bool v6)
{
	const struct icmp_meaning *m = v6 ? meanings_v6 : meanings_v4;
	size_t n = v6 ? ARRAY_SIZE(meanings_v6) : ARRAY_SIZE(meanings_v4);

	for (; n; m++, n--) {
		if (m->type == icmp[0] && icmp[1] >= m->first_code &&
		    icmp[1] <= m->last_code)
			return m;
	}
	return NULL;
}

/* What is quoted was sent by us. Its end may be missing, so parse_frame() is
 * of no use.                                                                   */
static bool read_quoted(struct datagram *d, const uint8_t *ip, size_t n, bool v6)
{
	size_t header = v6 ? sizeof(struct ipv6_header) :
			     n ? (size_t)(ip[0] & 15) * 4 : 0;

	if (n < sizeof(struct ipv4_header) || n < header + QUOTED_TCP ||
	    header < sizeof(struct ipv4_header))
		return false;
	if (ip[0] >> 4 != (v6 ? 6 : 4) || ip[v6 ? 6 : 9] != PROTOCOL_TCP)
		return false;
	read_addresses(d, ip, v6);
	read_ports(d, ip + header);
	d->quoted = seq(load_be32(ip + header + 4));
	return true;
}

static uint16_t read_mtu(const uint8_t *icmp, bool v6)
{
	uint32_t mtu = v6 ? load_be32(icmp + 4) : load_be16(icmp + 6);

	return mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
}

static enum datagram_kind parse_icmp(struct datagram *d, const uint8_t *icmp,
				     size_t n, bool v6)
{
	const struct icmp_meaning *m;
	uint32_t pseudo = v6 ? pseudo_sum(d, PROTOCOL_ICMPV6, (uint32_t)n) : 0;

	if (n < ICMP_HEADER || !is_sum_right(pseudo, checksum_header(icmp, n)))
		return DATAGRAM_NONE;
	m = find_meaning(icmp, v6);
	if (!m || !read_quoted(d, icmp + ICMP_HEADER, n - ICMP_HEADER, v6))
		return DATAGRAM_NONE;
	d->icmp = m->kind;
	d->error = m->error;
	d->mtu = read_mtu(icmp, v6);
	return DATAGRAM_ICMP;
}

enum datagram_kind datagram_parse(struct datagram *d, const uint8_t *bytes,
				  size_t n)
{
	struct seg seg;
	enum parse_verdict v;

	*d = (struct datagram){ 0 };
	if (n > IP_MAX_BYTES + sizeof(struct ipv6_header))
		return DATAGRAM_NONE;
	v = parse_frame(PARSE_LINK_IP, bytes, (uint32_t)n, &seg);
	if (v != PARSE_TCP && v != PARSE_TCP_IP_OPTIONS && v != PARSE_NOT_TCP)
		return DATAGRAM_NONE;
	if (seg.l4 == PARSE_NO_OFFSET || !is_ip_right(&seg, bytes))
		return DATAGRAM_NONE;
	read_addresses(d, bytes + seg.l3, seg.v6);
	if (v != PARSE_NOT_TCP)
		return parse_tcp(d, bytes, &seg);
	if (seg.protocol != (seg.v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP))
		return DATAGRAM_NONE;
	return parse_icmp(d, bytes + seg.l4, seg.end - seg.l4, seg.v6);
}
