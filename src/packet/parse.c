// SPDX-License-Identifier: BSD-2-Clause
/*
 * parse.c - From the bytes of a frame to what the device needs of it
 *
 * DOC: Theory of operation
 * Two steps: parse_link() finds the network header behind whatever the link
 * puts before it; parse_frame() goes on to the end of the TCP header. Each
 * length is checked before the bytes behind it are read, each loop is bounded
 * by a constant, and a length that contradicts another makes the frame
 * PARSE_MALFORMED: it is then passed on, never interpreted.
 *
 * Limits: tunnels (GRE, VXLAN, MPLS, PPPoE, ...) are not looked into.
 */
#include "packet/parse.h"

#include "base/compiler.h"

#define IPV6_EXTENSIONS_MAX 8

static bool is_vlan(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ ||
	       type == ETHERTYPE_QINQ_OLD;
}

/* Raw IP says what it is in its first four bits. */
static uint16_t type_of_version(const uint8_t *frame, uint32_t len, uint32_t at)
{
	if (len <= at)
		return 0;
	switch (frame[at] >> 4) {
	case 4:
		return ETHERTYPE_IPV4;
	case 6:
		return ETHERTYPE_IPV6;
	default:
		return 0;
	}
}

static uint16_t skip_tags(uint16_t type, const uint8_t *frame, uint32_t len,
			  struct seg *seg)
{
	while (is_vlan(type)) {
		const uint8_t *tag = frame + seg->l3;

		if (seg->n_tags == PARSE_MAX_TAGS ||
		    len < seg->l3 + sizeof(struct vlan_tag))
			return 0;
		seg->tci[seg->n_tags++] = load_be16(tag);
		type = load_be16(tag + 2);
		seg->l3 += sizeof(struct vlan_tag);
	}
	if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
		return 0;
	return type;
}

uint16_t parse_link(enum parse_link link, const uint8_t *frame, uint32_t len,
		    struct seg *seg)
{
	static const struct {
		uint8_t bytes;		/* of the link header           */
		uint8_t type_at;	/* where it names what follows  */
	} layout[] = {
		[PARSE_LINK_ETHERNET] = { 14, 12 },
		[PARSE_LINK_IP] = { 0, 0 },
		[PARSE_LINK_NULL] = { 4, 0 },
		[PARSE_LINK_SLL] = { 16, 14 },
		[PARSE_LINK_SLL2] = { 20, 0 },
	};

	seg->n_tags = 0;
	seg->tci[0] = seg->tci[1] = 0;
	seg->l3 = layout[link].bytes;
	if (len < seg->l3)
		return 0;
	if (link == PARSE_LINK_IP || link == PARSE_LINK_NULL)
		return type_of_version(frame, len, seg->l3);
	return skip_tags(load_be16(frame + layout[link].type_at), frame, len,
			 seg);
}

static enum parse_verdict parse_tcp(const uint8_t *frame, struct seg *seg)
{
	const uint8_t *tcp = frame + seg->l4;
	uint32_t header;

	if (seg->end < seg->l4 + sizeof(struct tcp_header))
		return PARSE_MALFORMED;
	header = (uint32_t)(tcp[12] >> 4) * 4;
	if (header < sizeof(struct tcp_header) || seg->end < seg->l4 + header)
		return PARSE_MALFORMED;

	seg->payload = (uint16_t)(seg->l4 + header);
	seg->payload_len = seg->end - seg->payload;
	seg->seq = seq(load_be32(tcp + 4));
	seg->ack = seq(load_be32(tcp + 8));
	seg->flags = (uint16_t)((tcp[12] & 0x0f) << 8 | tcp[13]);
	seg->window = load_be16(tcp + 14);
	return PARSE_TCP;
}

static void find_tuple(struct seg *seg, uint32_t end)
{
	seg->has_tuple = seg->protocol == PROTOCOL_TCP && end >= seg->l4 + 4U;
}

static enum parse_verdict parse_fragment(struct seg *seg, bool first)
{
	if (first)
		find_tuple(seg, seg->end);
	else
		seg->l4 = PARSE_NO_OFFSET;
	return seg->has_tuple ? PARSE_TCP_FRAGMENT : PARSE_FRAGMENT;
}

static enum parse_verdict parse_ipv4(const uint8_t *frame, uint32_t len,
				     struct seg *seg)
{
	const uint8_t *ip = frame + seg->l3;
	uint32_t header, total;
	uint16_t fragment;
	enum parse_verdict v;

	if (len < seg->l3 + sizeof(struct ipv4_header) || ip[0] >> 4 != 4)
		return PARSE_MALFORMED;
	header = (uint32_t)(ip[0] & 0x0f) * 4;
	total = load_be16(ip + 2);
	if (header < sizeof(struct ipv4_header))
		return PARSE_MALFORMED;

	seg->l4 = (uint16_t)(seg->l3 + header);
	seg->end = seg->l3 + total;
	seg->protocol = ip[9];
	fragment = load_be16(ip + 6);
	if (total < header || len < seg->end) {
		if (!(fragment & IPV4_OFFSET))
			find_tuple(seg, len);
		return PARSE_MALFORMED;
	}
	if (fragment & (IPV4_MF | IPV4_OFFSET))
		return parse_fragment(seg, !(fragment & IPV4_OFFSET));
	if (seg->protocol != PROTOCOL_TCP)
		return PARSE_NOT_TCP;
	find_tuple(seg, seg->end);
	v = parse_tcp(frame, seg);
	if (v == PARSE_TCP && header > sizeof(struct ipv4_header))
		return PARSE_TCP_IP_OPTIONS;
	return v;
}

/* Bytes of the extension header at @at, 0 when @protocol is none. */
static uint32_t extension_bytes(uint8_t protocol, const uint8_t *at)
{
	switch (protocol) {
	case PROTOCOL_HOP_BY_HOP:
	case PROTOCOL_ROUTING:
	case PROTOCOL_DESTINATION:
		return (at[1] + 1U) * 8;
	case PROTOCOL_AUTHENTICATION:
		return (at[1] + 2U) * 4;
	case PROTOCOL_FRAGMENT:
		return sizeof(struct ipv6_fragment);
	default:
		return 0;
	}
}

/* Walks to the first header that is none of the extensions known. */
static enum parse_verdict skip_extensions(const uint8_t *frame,
					  struct seg *seg)
{
	bool fragment = false, first = true;

	for (int n = 0; n < IPV6_EXTENSIONS_MAX; n++) {
		const uint8_t *at = frame + seg->l4;
		uint32_t bytes;

		if (seg->end < seg->l4 + 8U)
			break;
		bytes = extension_bytes(seg->protocol, at);
		if (bytes == 0 || seg->end < seg->l4 + bytes)
			break;
		if (seg->protocol == PROTOCOL_FRAGMENT) {
			fragment = true;
			first = (load_be16(at + 2) & 0xfff8) == 0;
		}
		seg->protocol = at[0];
		seg->l4 = (uint16_t)(seg->l4 + bytes);
		if (!first)
			break;
	}
	if (fragment)
		return parse_fragment(seg, first);
	if (seg->protocol != PROTOCOL_TCP)
		return PARSE_NOT_TCP;
	find_tuple(seg, seg->end);
	return parse_tcp(frame, seg) == PARSE_TCP ? PARSE_TCP_IP_OPTIONS :
						    PARSE_MALFORMED;
}

static enum parse_verdict parse_ipv6(const uint8_t *frame, uint32_t len,
				     struct seg *seg)
{
	const uint8_t *ip = frame + seg->l3;
	uint32_t payload;

	if (len < seg->l3 + sizeof(struct ipv6_header) || ip[0] >> 4 != 6)
		return PARSE_MALFORMED;
	payload = load_be16(ip + 4);
	seg->l4 = (uint16_t)(seg->l3 + sizeof(struct ipv6_header));
	seg->end = seg->l4 + payload;
	seg->protocol = ip[6];
	if (len < seg->end) {
		find_tuple(seg, len);
		return PARSE_MALFORMED;
	}
	if (seg->protocol == PROTOCOL_TCP) {
		find_tuple(seg, seg->end);
		return parse_tcp(frame, seg);
	}
	return skip_extensions(frame, seg);
}

enum parse_verdict parse_frame(enum parse_link link, const uint8_t *frame,
			       uint32_t len, struct seg *seg)
{
	uint16_t type = parse_link(link, frame, len, seg);

	seg->l4 = PARSE_NO_OFFSET;
	seg->has_tuple = false;
	if (type == 0) {
		seg->l3 = PARSE_NO_OFFSET;
		return PARSE_NOT_TCP;
	}
	seg->v6 = type == ETHERTYPE_IPV6;
	return seg->v6 ? parse_ipv6(frame, len, seg) :
			 parse_ipv4(frame, len, seg);
}

static void note_option(uint8_t kind, const uint8_t *at, uint8_t bytes,
			uint32_t offset, struct tcp_options *out)
{
	switch (kind) {
	case TCPOPT_TIMESTAMP:
		if (bytes != 10) {
			out->well_formed = false;
			return;
		}
		out->has_timestamp = true;
		out->timestamp_at = (uint16_t)(offset + 2);
		out->tsval = load_be32(at + 2);
		out->tsecr = load_be32(at + 6);
		return;
	case TCPOPT_SACK:
		out->sack = true;
		return;
	case TCPOPT_MD5:
	case TCPOPT_AO:
	case TCPOPT_MPTCP:
		out->forbids_joining = true;
		return;
	default:
		return;
	}
}

void parse_tcp_options(const uint8_t *options, uint32_t len,
		       struct tcp_options *out)
{
	uint32_t o = 0;

	*out = (struct tcp_options){ .well_formed = true };
	while (o < len && options[o] != TCPOPT_END) {
		uint8_t kind = options[o], bytes;

		if (kind == TCPOPT_NOP) {
			o++;
			continue;
		}
		if (len - o < 2 || options[o + 1] < 2 ||
		    options[o + 1] > len - o) {
			out->well_formed = false;
			return;
		}
		bytes = options[o + 1];
		note_option(kind, options + o, bytes, o, out);
		o += bytes;
	}
	out->timestamp_only = len == TCPOPT_TIMESTAMP_BYTES &&
			      load_be32(options) == TCPOPT_TIMESTAMP_ALIGNED;
}
