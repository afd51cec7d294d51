// SPDX-License-Identifier: BSD-2-Clause
/* echo.c - Answer a ping */
#include "packet/echo.h"

#include "packet/headers.h"
#include "packet/pseudo.h"

#define ICMP_BYTES 8
#define ECHO_REQUEST 8
#define ECHO_REPLY 0
#define ECHO6_REQUEST 128
#define ECHO6_REPLY 129
#define TTL 64

static bool parse_v4(const uint8_t *ip, uint32_t len, struct echo_request *r)
{
	const struct ipv4_header *h = (const void *)ip;
	uint32_t bytes;

	if (len < sizeof(*h) + ICMP_BYTES || h->version_ihl != 0x45)
		return false;
	bytes = from_be16(h->total_length);
	if (h->protocol != PROTOCOL_ICMP || bytes > len ||
	    bytes < sizeof(*h) + ICMP_BYTES ||
	    from_be16(h->fragment) & (IPV4_MF | IPV4_OFFSET) ||
	    ip[sizeof(*h)] != ECHO_REQUEST || ip[sizeof(*h) + 1] != 0 ||
	    h->source[0] >= 224 ||
	    checksum_fold(checksum_header(h, sizeof(*h))) != 0xffff ||
	    !icmp_is_whole(ip, false, ip + sizeof(*h), bytes - (uint32_t)sizeof(*h)))
		return false;
	memcpy(r->destination, h->destination, sizeof(h->destination));
	return true;
}

static bool parse_v6(const uint8_t *ip, uint32_t len, struct echo_request *r)
{
	const struct ipv6_header *h = (const void *)ip;
	uint32_t bytes;

	if (len < sizeof(*h) + ICMP_BYTES)
		return false;
	bytes = from_be16(h->payload_length);
	if (h->next_header != PROTOCOL_ICMPV6 || bytes < ICMP_BYTES ||
	    bytes > len - sizeof(*h) || ip[sizeof(*h)] != ECHO6_REQUEST ||
	    ip[sizeof(*h) + 1] != 0 || h->source[0] == 0xff ||
	    !icmp_is_whole(ip, true, ip + sizeof(*h), bytes))
		return false;
	memcpy(r->destination, h->destination, sizeof(h->destination));
	r->v6 = true;
	return true;
}

bool echo_parse(const uint8_t *frame, uint32_t len, struct echo_request *request)
{
	const struct eth_header *eth = (const void *)frame;
	const uint8_t *ip = frame + sizeof(*eth);

	*request = (struct echo_request){ 0 };
	if (len < sizeof(*eth) || len > ECHO_FRAME_MAX)
		return false;
	len -= (uint32_t)sizeof(*eth);
	switch (from_be16(eth->type)) {
	case ETHERTYPE_IPV4: return parse_v4(ip, len, request);
	case ETHERTYPE_IPV6: return parse_v6(ip, len, request);
	default: return false;
	}
}

static void swap(uint8_t *a, uint8_t *b, uint32_t n)
{
	for (uint32_t at = 0; at < n; at++) {
		uint8_t byte = a[at];

		a[at] = b[at];
		b[at] = byte;
	}
}

/* Another type in the first byte of what a checksum is over. */
static void set_type(uint8_t *icmp, uint8_t type)
{
	uint32_t sum = (uint16_t)~load16(icmp + 2);

	sum = checksum_add(sum, checksum_negate(load16(icmp)));
	icmp[0] = type;
	sum = checksum_add(sum, load16(icmp));
	store16(icmp + 2, (uint16_t)~checksum_fold(sum));
}

void echo_answer(uint8_t *frame)
{
	struct eth_header *eth = (void *)frame;
	uint8_t *ip = frame + sizeof(*eth);
	struct ipv4_header *h4 = (void *)ip;
	struct ipv6_header *h6 = (void *)ip;

	swap(eth->destination, eth->source, sizeof(eth->source));
	if (from_be16(eth->type) == ETHERTYPE_IPV6) {
		swap(h6->source, h6->destination, sizeof(h6->source));
		h6->hop_limit = TTL;
		set_type(ip + sizeof(*h6), ECHO6_REPLY);
		return;
	}
	swap(h4->source, h4->destination, sizeof(h4->source));
	h4->ttl = TTL;
	h4->checksum = to_be16(0);
	store16(h4->checksum.b,
		(uint16_t)~checksum_fold(checksum_header(h4, sizeof(*h4))));
	set_type(ip + sizeof(*h4), ECHO_REPLY);
}
