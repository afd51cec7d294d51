// SPDX-License-Identifier: BSD-2-Clause
/* layout.c - Where things are in the headers of a pseudo frame */
#include "nic/layout.h"

#include <stddef.h>

#include "packet/headers.h"
#include "packet/parse.h"

enum {				/* RFC 8200 §4.2, RFC 2675, RFC 6275            */
	IPV6_OPTION_PAD1 = 0x00,
	IPV6_OPTION_JUMBO = 0xc2,
	IPV6_OPTION_HOME_ADDRESS = 0xc9,
};

enum {				/* RFC 8200 §4.4, RFC 6275 §6.4, RFC 8754       */
	ROUTING_SOURCE_ROUTE = 0,
	ROUTING_MOBILE = 2,
	ROUTING_SEGMENT_LIST = 4,
};

/* Options of a hop-by-hop or destination options header, @bytes at @p. */
static bool take_ipv6_options(const uint8_t *p, uint32_t bytes,
			      struct segment_layout *l)
{
	for (uint32_t at = 2; at < bytes;) {
		if (p[at] == IPV6_OPTION_PAD1) {
			at++;
			continue;
		}
		if (p[at] == IPV6_OPTION_JUMBO || bytes - at < 2 ||
		    bytes - at - 2 < p[at + 1])
			return false;
		if (p[at] == IPV6_OPTION_HOME_ADDRESS)
			l->opaque = true;
		at += 2U + p[at + 1];
	}
	return true;
}

/*
 * A routing header that is not used up: the pseudo header has the address at
 * the end of the way, which is in the list (RFC 8200 §8.1).
 */
static bool take_routing(const uint8_t *h, uint32_t at, uint32_t bytes,
			 struct segment_layout *l)
{
	uint32_t n = (bytes - 8) / 16, segments_left = h[at + 3];

	if (segments_left == 0)
		return true;
	switch (h[at + 2]) {
	case ROUTING_SOURCE_ROUTE:
	case ROUTING_MOBILE:
		if (segments_left > n)
			return false;
		l->destination = (uint16_t)(at + 8 + 16 * (n - 1));
		return true;
	case ROUTING_SEGMENT_LIST:
		if (segments_left > n)
			return false;
		l->destination = (uint16_t)(at + 8);
		return true;
	default:
		l->opaque = true;
		return true;
	}
}

/*
 * Walks the extension headers; @l->split gets behind the last that routers on
 * the way must see, @l->l4 behind all of them. Source: RFC 8200 §4.1, §4.5.
 */
static bool take_extensions(const uint8_t *h, struct segment_layout *l)
{
	uint32_t at = l->l3 + (uint32_t)sizeof(struct ipv6_header), first = at;
	uint32_t next_at = l->l3 + offsetof(struct ipv6_header, next_header);

	l->split = (uint16_t)at;
	l->split_next = (uint16_t)next_at;
	for (;;) {
		uint8_t kind = h[next_at];
		uint32_t bytes, room = l->header_len - at;

		l->protocol = kind;
		l->l4 = (uint16_t)at;
		if (kind != PROTOCOL_HOP_BY_HOP && kind != PROTOCOL_ROUTING &&
		    kind != PROTOCOL_DESTINATION)
			return true;
		if (room < 8 || (kind == PROTOCOL_HOP_BY_HOP && at != first))
			return false;
		bytes = (h[at + 1] + 1U) * 8;
		if (room < bytes)
			return false;
		if (kind == PROTOCOL_ROUTING ?
		    !take_routing(h, at, bytes, l) :
		    !take_ipv6_options(h + at, bytes, l))
			return false;
		next_at = at;
		at += bytes;
		if (kind != PROTOCOL_DESTINATION) {
			l->split = (uint16_t)at;
			l->split_next = (uint16_t)next_at;
		}
	}
}

static bool take_ipv6(const uint8_t *h, struct segment_layout *l)
{
	if (l->header_len - l->l3 < sizeof(struct ipv6_header) ||
	    h[l->l3] >> 4 != 6)
		return false;
	l->destination = (uint16_t)(l->l3 +
				    offsetof(struct ipv6_header, destination));
	if (!take_extensions(h, l))
		return false;
	if (l->protocol == PROTOCOL_FRAGMENT) {
		l->split_next = 0;	/* there already                        */
		l->split = l->l4;
	}
	return true;
}

static bool take_ipv4(const uint8_t *h, struct segment_layout *l)
{
	uint32_t bytes;

	if (l->header_len - l->l3 < sizeof(struct ipv4_header) ||
	    h[l->l3] >> 4 != 4)
		return false;
	bytes = (h[l->l3] & 0x0fU) * 4;
	if (bytes < sizeof(struct ipv4_header) ||
	    l->header_len - l->l3 < bytes)
		return false;
	l->l4 = (uint16_t)(l->l3 + bytes);
	l->protocol = h[l->l3 + offsetof(struct ipv4_header, protocol)];
	return true;
}

bool layout_read(struct segment_layout *l, enum tto_link link,
		 const uint8_t *header, uint32_t len)
{
	struct seg seg;
	uint16_t type = parse_link((enum parse_link)link, header, len, &seg);

	if (type == 0)
		return false;
	*l = (struct segment_layout){
		.header_len = len,
		.l3 = seg.l3,
		.v6 = type == ETHERTYPE_IPV6,
	};
	return l->v6 ? take_ipv6(header, l) : take_ipv4(header, l);
}
