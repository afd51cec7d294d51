// SPDX-License-Identifier: BSD-2-Clause
/* icmp.c - Errors of ICMP and ICMPv6 about what this side has sent */
#include "packet/icmp.h"

#include "packet/pseudo.h"

#define ICMP_BYTES 8		/* in front of the quote                        */
#define TCP_QUOTED 8		/* ports and sequence number                    */

enum {
	UNREACHABLE = 3, TIME_EXCEEDED = 11, PARAMETER_PROBLEM = 12,
	UNREACHABLE6 = 1, TOO_BIG6, TIME_EXCEEDED6, PARAMETER_PROBLEM6,
};

static bool read_kind(const uint8_t *icmp, struct icmp_error *e)
{
	bool is_known = e->type == UNREACHABLE || e->type == TIME_EXCEEDED ||
			e->type == PARAMETER_PROBLEM;

	e->kind = ICMP_ERROR_SOFT;
	if (e->type != UNREACHABLE)
		return is_known;
	if (e->code == 2 || e->code == 3) {	/* protocol, port               */
		e->kind = ICMP_ERROR_HARD;
	} else if (e->code == 4) {
		e->kind = ICMP_ERROR_TOO_BIG;
		e->mtu = load_be16(icmp + 6);
	}
	return true;
}

static bool read_kind6(const uint8_t *icmp, struct icmp_error *e)
{
	e->kind = ICMP_ERROR_SOFT;
	if (e->type == TOO_BIG6) {
		e->kind = ICMP_ERROR_TOO_BIG;
		e->mtu = load_be32(icmp + 4);
	} else if (e->type == UNREACHABLE6 && (e->code == 1 || e->code == 4)) {
		e->kind = ICMP_ERROR_HARD;	/* prohibited, port             */
	}
	return e->type >= UNREACHABLE6 && e->type <= PARAMETER_PROBLEM6;
}

/* Bytes of the IP header that is quoted; 0 when no TCP header begins behind it. */
static uint32_t quoted_header(const uint8_t *quote, uint32_t len, bool v6)
{
	uint32_t header = sizeof(struct ipv6_header);

	if (len < (v6 ? sizeof(struct ipv6_header) : sizeof(struct ipv4_header)) ||
	    quote[0] >> 4 != (v6 ? 6 : 4) || quote[v6 ? 6 : 9] != PROTOCOL_TCP)
		return 0;
	if (!v6) {
		header = (quote[0] & 0xfU) * 4;
		if (header < sizeof(struct ipv4_header) ||
		    load_be16(quote + 6) & IPV4_OFFSET)
			return 0;
	}
	return len >= header + TCP_QUOTED ? header : 0;
}

/* What was sent is answered to who sent it. */
static bool is_answer(const uint8_t *ip, const uint8_t *quote, bool v6)
{
	return v6 ? !memcmp(ip + 24, quote + 8, 16) : !memcmp(ip + 16, quote + 12, 4);
}

bool icmp_error_parse(const uint8_t *frame, const struct seg *s, struct icmp_error *e)
{
	const uint8_t *ip = frame + s->l3, *icmp = frame + s->l4, *quote;
	uint32_t len, header;

	/* Of what is not IP nothing else is set. */
	if (s->l3 == PARSE_NO_OFFSET || s->l4 == PARSE_NO_OFFSET ||
	    s->protocol != (s->v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP) ||
	    s->end < s->l4 + (uint32_t)ICMP_BYTES)
		return false;
	len = s->end - s->l4;
	quote = icmp + ICMP_BYTES;
	*e = (struct icmp_error){ .type = icmp[0], .code = icmp[1] };
	if (!(s->v6 ? read_kind6(icmp, e) : read_kind(icmp, e)))
		return false;
	header = quoted_header(quote, len - ICMP_BYTES, s->v6);
	if (!header || !is_answer(ip, quote, s->v6) ||
	    (!s->v6 && checksum_fold(checksum_header(ip, (size_t)s->l4 - s->l3)) !=
			       0xffff) ||
	    !icmp_is_whole(ip, s->v6, icmp, len))
		return false;
	tcp_tuple_read(&e->tuple, quote, s->v6, quote + header, true);
	e->seq = load_be32(quote + header + 4);
	return true;
}
