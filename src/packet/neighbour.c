// SPDX-License-Identifier: BSD-2-Clause
/* neighbour.c - Who has an address on this link: ARP and neighbour discovery */
#include "packet/neighbour.h"

#include "packet/headers.h"
#include "packet/pseudo.h"

#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define HOP_LIMIT 255		/* has not been forwarded                       */
#define OPTION_SOURCE 1
#define OPTION_TARGET 2
#define MAC_BYTES 6

/* RFC 826, for Ethernet and IPv4. */
struct arp {
	be16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	be16_t operation;
	uint8_t sender_mac[6];
	uint8_t sender[4];
	uint8_t target_mac[6];
	uint8_t target[4];
};

/* RFC 4861 §4.3 and §4.4, behind the IPv6 header. */
struct discovery {
	uint8_t type, code;
	be16_t checksum;
	be32_t flags;		/* of an answer                                 */
	uint8_t target[16];
};

_Static_assert(sizeof(struct arp) == 28, "RFC 826");
_Static_assert(sizeof(struct discovery) == 24, "RFC 4861 §4.3");

enum {
	DISCOVERY_SOLICITATION = 135,
	DISCOVERY_ADVERTISEMENT = 136,
	FLAG_SOLICITED = 0x40000000,
	FLAG_OVERRIDE = 0x20000000,
};

static const uint8_t zeros[16];

static bool is_station(const uint8_t mac[6])
{
	return !(mac[0] & 1) && memcmp(mac, zeros, MAC_BYTES);
}

/* ---- ARP -------------------------------------------------------------------------- */

static bool parse_arp(const uint8_t *at, uint32_t len,
		      struct neighbour_message *m)
{
	const struct arp *a = (const void *)at;
	uint16_t operation;

	if (len < sizeof(*a))
		return false;
	operation = from_be16(a->operation);
	if (from_be16(a->hardware) != ARP_ETHERNET ||
	    from_be16(a->protocol) != ETHERTYPE_IPV4 ||
	    a->hardware_bytes != MAC_BYTES || a->protocol_bytes != 4 ||
	    (operation != ARP_REQUEST && operation != ARP_REPLY) ||
	    !is_station(a->sender_mac))
		return false;
	m->asks = operation == ARP_REQUEST;
	m->knows_mac = m->overrides = true;
	m->solicited = !m->asks;
	memcpy(m->mac, a->sender_mac, MAC_BYTES);
	memcpy(m->sender, a->sender, sizeof(a->sender));
	memcpy(m->target, m->asks ? a->target : a->sender, sizeof(a->target));
	return true;
}

static uint32_t emit_arp(const struct neighbour_message *m, const uint8_t *to_mac,
			 const uint8_t to[16], uint8_t *at)
{
	struct arp *a = (void *)at;

	*a = (struct arp){
		.hardware = to_be16(ARP_ETHERNET),
		.protocol = to_be16(ETHERTYPE_IPV4),
		.hardware_bytes = MAC_BYTES, .protocol_bytes = 4,
		.operation = to_be16(m->asks ? ARP_REQUEST : ARP_REPLY),
	};
	memcpy(a->sender_mac, m->mac, MAC_BYTES);
	memcpy(a->sender, m->sender, sizeof(a->sender));
	if (to_mac)
		memcpy(a->target_mac, to_mac, MAC_BYTES);
	memcpy(a->target, m->asks ? m->target : to, sizeof(a->target));
	return sizeof(*a);
}

/* ---- Neighbour discovery ----------------------------------------------------------- */

/* Looks for a link layer address. Return: false when an option has no length. */
static bool parse_options(const uint8_t *at, uint32_t len, uint8_t kind,
			  struct neighbour_message *m)
{
	while (len >= 8) {
		uint32_t bytes = at[1] * 8u;

		if (bytes == 0 || bytes > len)
			return false;
		if (at[0] == kind && !m->knows_mac && is_station(at + 2)) {
			memcpy(m->mac, at + 2, MAC_BYTES);
			m->knows_mac = true;
		}
		at += bytes;
		len -= bytes;
	}
	return len == 0;
}

static bool parse_discovery(const uint8_t *ip, uint32_t len,
			    struct neighbour_message *m)
{
	const struct ipv6_header *h = (const void *)ip;
	const struct discovery *d = (const void *)(ip + sizeof(*h));
	uint32_t bytes, flags;

	if (len < sizeof(*h) + sizeof(*d))
		return false;
	bytes = from_be16(h->payload_length);
	if (h->next_header != PROTOCOL_ICMPV6 || h->hop_limit != HOP_LIMIT ||
	    bytes < sizeof(*d) || bytes > len - sizeof(*h) || d->code != 0 ||
	    d->target[0] == 0xff ||
	    (d->type != DISCOVERY_SOLICITATION &&
	     d->type != DISCOVERY_ADVERTISEMENT))
		return false;
	if (!icmp_is_whole(ip, true, (const uint8_t *)d, bytes))
		return false;
	m->v6 = true;
	m->asks = d->type == DISCOVERY_SOLICITATION;
	flags = m->asks ? 0 : from_be32(d->flags);
	m->solicited = flags & FLAG_SOLICITED;
	m->overrides = m->asks || flags & FLAG_OVERRIDE;
	memcpy(m->sender, h->source, sizeof(m->sender));
	memcpy(m->target, d->target, sizeof(m->target));
	if (!parse_options(ip + sizeof(*h) + sizeof(*d), bytes - (uint32_t)sizeof(*d),
			   m->asks ? OPTION_SOURCE : OPTION_TARGET, m))
		return false;
	if (m->solicited && h->destination[0] == 0xff)
		return false;
	/* Who has no address yet cannot be told where to send to. */
	return memcmp(m->sender, zeros, sizeof(zeros)) ||
	       (m->asks && !m->knows_mac && h->destination[0] == 0xff);
}

static void all_nodes(uint8_t to[16])
{
	memset(to, 0, 16);
	to[0] = 0xff;
	to[1] = 0x02;
	to[15] = 1;
}

/* RFC 4291 §2.7.1: ff02::1:ffXX:XXXX */
static void solicited_node(const uint8_t target[16], uint8_t to[16])
{
	all_nodes(to);
	to[11] = 1;
	to[12] = 0xff;
	memcpy(to + 13, target + 13, 3);
}

static uint32_t emit_discovery(const struct neighbour_message *m,
			       const uint8_t to[16], uint8_t *ip)
{
	struct ipv6_header *h = (void *)ip;
	struct discovery *d = (void *)(ip + sizeof(*h));
	uint8_t *option = ip + sizeof(*h) + sizeof(*d);
	uint32_t bytes = sizeof(*d) + 8;

	*h = (struct ipv6_header){
		.version_class_label = to_be32(6u << 28),
		.payload_length = to_be16((uint16_t)bytes),
		.next_header = PROTOCOL_ICMPV6, .hop_limit = HOP_LIMIT,
	};
	memcpy(h->source, m->sender, sizeof(h->source));
	memcpy(h->destination, to, sizeof(h->destination));
	*d = (struct discovery){
		.type = m->asks ? DISCOVERY_SOLICITATION :
				  DISCOVERY_ADVERTISEMENT,
		.flags = to_be32(m->asks ? 0 :
				 (m->solicited ? FLAG_SOLICITED : 0u) |
				 (m->overrides ? FLAG_OVERRIDE : 0u)),
	};
	memcpy(d->target, m->target, sizeof(d->target));
	option[0] = m->asks ? OPTION_SOURCE : OPTION_TARGET;
	option[1] = 1;
	memcpy(option + 2, m->mac, MAC_BYTES);
	store16(d->checksum.b, (uint16_t)~checksum_fold(checksum_add(
		pseudo_sum(ip, true, PROTOCOL_ICMPV6, bytes),
		checksum_header(d, bytes))));
	return (uint32_t)sizeof(*h) + bytes;
}

/* ---- Both ---------------------------------------------------------------------------- */

bool neighbour_parse(const uint8_t *frame, uint32_t len,
		     struct neighbour_message *m)
{
	const struct eth_header *eth = (const void *)frame;

	*m = (struct neighbour_message){ 0 };
	if (len < sizeof(*eth))
		return false;
	switch (from_be16(eth->type)) {
	case ETHERTYPE_ARP:
		return parse_arp(frame + sizeof(*eth), len - (uint32_t)sizeof(*eth),
				 m);
	case ETHERTYPE_IPV6:
		return parse_discovery(frame + sizeof(*eth),
				       len - (uint32_t)sizeof(*eth), m);
	default:
		return false;
	}
}

/* Where a frame for @to goes when nobody's MAC address is known. */
static void to_everyone(bool v6, const uint8_t to[16], uint8_t mac[6])
{
	memset(mac, 0xff, MAC_BYTES);
	if (!v6)
		return;
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, to + 12, 4);
}

uint32_t neighbour_emit(const struct neighbour_message *m, const uint8_t *to_mac,
			const uint8_t to[16], uint8_t *frame)
{
	struct eth_header *eth = (void *)frame;
	uint8_t all[16];

	if (m->v6 && (m->asks || !memcmp(to, zeros, sizeof(zeros)))) {
		if (m->asks)
			solicited_node(m->target, all);
		else
			all_nodes(all);
		/* A question to one station asks whether it is still there. */
		to = m->asks && to_mac ? m->target : all;
	}
	if (to_mac)
		memcpy(eth->destination, to_mac, MAC_BYTES);
	else
		to_everyone(m->v6, to, eth->destination);
	memcpy(eth->source, m->mac, MAC_BYTES);
	eth->type = to_be16(m->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_ARP);
	frame += sizeof(*eth);
	return (uint32_t)sizeof(*eth) + (m->v6 ? emit_discovery(m, to, frame) :
					emit_arp(m, to_mac, to, frame));
}
