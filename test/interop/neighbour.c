// SPDX-License-Identifier: BSD-2-Clause
/* neighbour.c - Who has an address: ARP, and neighbour discovery for IPv6 */
#include "interop/neighbour.h"

#include <string.h>

#include "packet/pseudo.h"

#define ETHERTYPE_ARP 0x0806
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define PROTOCOL_ICMPV6 58
#define SOLICITATION 135
#define ADVERTISEMENT 136
#define SOURCE_LINK_ADDRESS 1
#define TARGET_LINK_ADDRESS 2
#define SOLICITED_OVERRIDE 0x60000000u
#define HOP_LIMIT 255
#define ALL_ONES "\xff\xff\xff\xff\xff\xff"

struct arp {
	struct eth_header eth;
	be16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	be16_t operation;
	uint8_t sender_mac[6], sender[4];
	uint8_t target_mac[6], target[4];
};

struct discovery {
	struct eth_header eth;
	struct ipv6_header ip;
	uint8_t type, code;
	be16_t checksum;
	be32_t flags;
	uint8_t target[16];
	uint8_t option, option_eights;
	uint8_t option_mac[6];
};

_Static_assert(sizeof(struct arp) == 42, "RFC 826");
_Static_assert(sizeof(struct discovery) == NEIGHBOUR_FRAME_MAX, "RFC 4861 §4.3");

static void fill_eth(const struct neighbour *n, struct eth_header *eth,
		     const void *to, uint16_t type)
{
	memcpy(eth->destination, to, 6);
	memcpy(eth->source, n->mac, 6);
	eth->type = to_be16(type);
}

/* ---- IPv4 ------------------------------------------------------------------- */

static uint32_t write_arp(const struct neighbour *n, uint8_t *frame,
			  uint16_t operation, const void *to)
{
	struct arp a = {
		.hardware = to_be16(1), .protocol = to_be16(ETHERTYPE_IPV4),
		.hardware_bytes = 6, .protocol_bytes = 4,
		.operation = to_be16(operation),
	};

	fill_eth(n, &a.eth, to, ETHERTYPE_ARP);
	memcpy(a.sender_mac, n->mac, 6);
	memcpy(a.sender, n->tuple.local, 4);
	memcpy(a.target, n->tuple.remote, 4);
	if (operation == ARP_REPLY)
		memcpy(a.target_mac, to, 6);
	memcpy(frame, &a, sizeof(a));
	return sizeof(a);
}

/* A reply that says what its own frame denies was damaged on its way. */
static uint32_t take_arp(struct neighbour *n, const uint8_t *frame, uint32_t len,
			 uint8_t *answer)
{
	struct arp a;

	if (len < sizeof(a))
		return 0;
	memcpy(&a, frame, sizeof(a));
	if (memcmp(a.sender, n->tuple.remote, 4) ||
	    memcmp(a.target, n->tuple.local, 4) ||
	    memcmp(a.sender_mac, a.eth.source, 6))
		return 0;
	memcpy(n->peer_mac, a.sender_mac, 6);
	n->known = true;
	return from_be16(a.operation) != ARP_REQUEST ? 0 :
	       write_arp(n, answer, ARP_REPLY, a.sender_mac);
}

/* ---- IPv6 ------------------------------------------------------------------- */

static uint32_t message_sum(const struct discovery *d, uint32_t len)
{
	const uint8_t *ip = (const uint8_t *)&d->ip;

	return checksum_add(checksum_header(&d->type, len),
			    pseudo_sum(ip, true, PROTOCOL_ICMPV6, len));
}

static uint32_t write_discovery(const struct neighbour *n, struct discovery *d,
				uint8_t *frame)
{
	uint32_t len = sizeof(*d) - offsetof(struct discovery, type);

	d->ip.version_class_label = to_be32(6U << 28);
	d->ip.payload_length = to_be16((uint16_t)len);
	d->ip.next_header = PROTOCOL_ICMPV6;
	d->ip.hop_limit = HOP_LIMIT;
	memcpy(d->ip.source, n->tuple.local, 16);
	d->option_eights = 1;
	memcpy(d->option_mac, n->mac, 6);
	store16(&d->checksum, (uint16_t)~checksum_fold(message_sum(d, len)));
	memcpy(frame, d, sizeof(*d));
	return sizeof(*d);
}

/* To everybody whose address ends in the same three bytes. */
static uint32_t write_solicitation(const struct neighbour *n, uint8_t *frame)
{
	struct discovery d = { .type = SOLICITATION, .option = SOURCE_LINK_ADDRESS };
	uint8_t to[6] = { 0x33, 0x33, 0xff };
	static const uint8_t group[13] = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
					   0xff };

	memcpy(to + 3, n->tuple.remote + 13, 3);
	fill_eth(n, &d.eth, to, ETHERTYPE_IPV6);
	memcpy(d.ip.destination, group, sizeof(group));
	memcpy(d.ip.destination + 13, n->tuple.remote + 13, 3);
	memcpy(d.target, n->tuple.remote, 16);
	return write_discovery(n, &d, frame);
}

static uint32_t write_advertisement(const struct neighbour *n, const uint8_t *to,
				    const uint8_t *address, uint8_t *frame)
{
	struct discovery d = {
		.type = ADVERTISEMENT, .option = TARGET_LINK_ADDRESS,
		.flags = to_be32(SOLICITED_OVERRIDE),
	};

	fill_eth(n, &d.eth, to, ETHERTYPE_IPV6);
	memcpy(d.ip.destination, address, 16);
	memcpy(d.target, n->tuple.local, 16);
	return write_discovery(n, &d, frame);
}

/* The answer needs a link address: that of the frame does, options or not. */
static uint32_t take_discovery(struct neighbour *n, const struct discovery *d,
			       uint8_t *answer)
{
	if (d->type == SOLICITATION) {
		if (memcmp(d->target, n->tuple.local, 16) ||
		    memcmp(d->ip.source, n->tuple.remote, 16))
			return 0;
	} else if (memcmp(d->target, n->tuple.remote, 16)) {
		return 0;
	}
	memcpy(n->peer_mac, d->eth.source, 6);
	n->known = true;
	return d->type != SOLICITATION ? 0 :
	       write_advertisement(n, d->eth.source, d->ip.source, answer);
}

static bool is_discovery(const uint8_t *frame, uint32_t len, struct discovery *d)
{
	uint32_t least = offsetof(struct discovery, option), payload;

	if (len < least)
		return false;
	memset(d, 0, sizeof(*d));
	memcpy(d, frame, len < sizeof(*d) ? len : sizeof(*d));
	payload = from_be16(d->ip.payload_length);
	return d->ip.next_header == PROTOCOL_ICMPV6 &&
	       d->ip.hop_limit == HOP_LIMIT && d->code == 0 &&
	       (d->type == SOLICITATION || d->type == ADVERTISEMENT) &&
	       payload <= sizeof(*d) - offsetof(struct discovery, type) &&
	       payload + offsetof(struct discovery, type) <= len &&
	       checksum_fold(message_sum(d, payload)) == 0xffff;
}

/* ---- Both ------------------------------------------------------------------- */

uint32_t neighbour_ask(const struct neighbour *n, uint8_t *frame)
{
	return n->tuple.v6 ? write_solicitation(n, frame) :
			     write_arp(n, frame, ARP_REQUEST, ALL_ONES);
}

bool neighbour_take(struct neighbour *n, const uint8_t *frame, uint32_t len,
		    uint8_t *answer, uint32_t *answer_len)
{
	struct eth_header eth;
	struct discovery d;

	*answer_len = 0;
	if (len < sizeof(eth))
		return false;
	memcpy(&eth, frame, sizeof(eth));
	if (from_be16(eth.type) == ETHERTYPE_ARP) {
		if (!n->tuple.v6)
			*answer_len = take_arp(n, frame, len, answer);
		return true;
	}
	if (from_be16(eth.type) != ETHERTYPE_IPV6 || !is_discovery(frame, len, &d))
		return false;
	if (n->tuple.v6)
		*answer_len = take_discovery(n, &d, answer);
	return true;
}
