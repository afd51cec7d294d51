// SPDX-License-Identifier: BSD-2-Clause
/*
 * fragment.c - Cut an IP datagram, or a fragment of one, into fragments
 *
 * DOC: Theory of operation
 * A fragment repeats the part of the header that routers need, and carries a
 * piece of the rest. So the template has two lives: in the first fragment it is
 * followed by what of the unit's header is to be cut too (a UDP header, IPv6
 * destination options); behind it, drop_first_part() takes that away, and from
 * IPv4 the options that are not to be copied. The headers of later fragments
 * may be shorter, so these may carry more.
 *
 * The input may be a fragment: its offset is where we begin, and its "more"
 * stays on our last. A UDP checksum covers all fragments, and the first must
 * carry it: it is computed in begin(), so the payload is read once more there.
 *
 * Limits: all headers of a unit must fit into the first fragment (RFC 7112 asks
 * for that over IPv6); TTO_UNIT_PARTIAL_CSUM holds only if nothing is cut, as
 * nobody behind us could finish a checksum over several fragments.
 * Source: SPEC TX-6; RFC 791 §3.2 (procedure) and §3.1 (copied flag); RFC 8200
 * §4.5; RFC 7112 §5.
 */
#include "nic/fragment.h"

#define IPV6_MORE 1
#define IPV4_OPTION_END 0
#define IPV4_OPTION_NOP 1
#define IPV4_OPTION_COPIED 0x80
#define IPV4_OPTIONS_MAX 40

/* A cut, before it is made. All in bytes. */
struct cut {
	uint32_t first_header;	/* IP header that the first fragment repeats    */
	uint32_t later_header;	/* and the others                               */
	uint32_t extra;		/* of the unit's header, in the first           */
	uint32_t base;		/* offset of the input, when it is a fragment   */
	bool more;		/* the input is not the last fragment           */
};

/*
 * The options for all fragments but the first, padded to a multiple of 4.
 * Return: their bytes; -EINVAL when they are not well formed.
 */
static int copied_options(const uint8_t *options, uint32_t len,
			  uint8_t out[IPV4_OPTIONS_MAX])
{
	uint32_t n = 0;

	for (uint32_t at = 0, bytes; at < len; at += bytes) {
		if (options[at] == IPV4_OPTION_END)
			break;
		bytes = 1;
		if (options[at] == IPV4_OPTION_NOP)
			continue;
		if (len - at < 2 || options[at + 1] < 2 ||
		    options[at + 1] > len - at)
			return -EINVAL;
		bytes = options[at + 1];
		if (options[at] & IPV4_OPTION_COPIED) {
			memcpy(out + n, options + at, bytes);
			n += bytes;
		}
	}
	while (n % 4)
		out[n++] = IPV4_OPTION_END;
	return (int)n;
}

static void sum_ipv4(struct segment *s)
{
	s->ip_sum = checksum_header(s->template + s->l3,
				    (s->template[s->l3] & 0x0fU) * 4);
}

/* IPv4: what the header says of the cut. */
static int read_ipv4(struct segment *s, const struct segment_layout *l,
		     struct cut *c)
{
	uint8_t *ip = s->template + l->l3, kept[IPV4_OPTIONS_MAX];
	uint32_t header = (uint32_t)l->l4 - l->l3;
	int options = copied_options(ip + 20, header - 20, kept);

	if (options < 0)
		return options;
	s->fragment = load_be16(ip + 6);
	*c = (struct cut){
		.first_header = header,
		.later_header = 20 + (uint32_t)options,
		.extra = l->header_len - l->l4,
		.base = (s->fragment & IPV4_OFFSET) * 8U,
		.more = s->fragment & IPV4_MF,
	};
	s->fragment &= (uint16_t)~IPV4_OFFSET;
	store16(ip + 2, 0);
	store16(ip + 6, 0);
	store16(ip + 10, 0);
	sum_ipv4(s);
	return 0;
}

/* IPv6: the same; the header may contain a fragment header, as its last. */
static int read_ipv6(struct segment *s, const struct segment_layout *l,
		     struct cut *c)
{
	const uint8_t *fragment = s->template + l->l4;
	uint32_t header = (uint32_t)l->split - l->l3;

	*c = (struct cut){
		.first_header = header,
		.later_header = header,
		.extra = l->header_len - l->split,
	};
	if (l->protocol != PROTOCOL_FRAGMENT)
		return 0;
	if (c->extra != sizeof(struct ipv6_fragment))
		return -EINVAL;
	s->fragment = load_be16(fragment + 2);
	c->base = s->fragment & 0xfff8;
	c->more = s->fragment & IPV6_MORE;
	s->fragment &= 7;
	s->split = l->split;
	c->first_header += c->extra;
	c->later_header += c->extra;
	c->extra = 0;
	return 0;
}

/* The header contains a transport header: is it the UDP of a whole datagram? */
static bool udp_is_whole(const struct tto_unit *u,
			 const struct segment_layout *l, const struct cut *c,
			 uint64_t bytes)
{
	return l->protocol == PROTOCOL_UDP && !c->base && !c->more &&
	       l->header_len - l->l4 == sizeof(struct udp_header) &&
	       bytes <= UINT16_MAX - sizeof(struct udp_header) && !l->opaque &&
	       !(l->v6 && u->flags & TTO_UNIT_NO_UDP_CSUM);
}

/* IPv6: makes room for a fragment header and fills in what is constant. */
static void insert_fragment_header(struct segment *s,
				   const struct segment_layout *l, uint32_t id)
{
	uint8_t *at = s->template + l->split, *next;

	memmove(at + sizeof(struct ipv6_fragment), at,
		(uint32_t)s->header_len - l->split);
	next = s->template + l->split_next;
	at[0] = *next;
	at[1] = 0;
	*next = PROTOCOL_FRAGMENT;
	store16(at + 2, 0);
	store_be32(at + 4, id);
	s->split = l->split;
	s->header_len += sizeof(struct ipv6_fragment);
}

/*
 * How many fragments. All but the last carry a multiple of 8; the last may be
 * as long as fits.
 */
static int plan_fragments(struct segment *s, const struct cut *c, uint32_t mtu,
			  uint32_t bytes)
{
	uint32_t first, rest, later;

	if (mtu < c->first_header + 8)
		return -EMSGSIZE;
	first = (mtu - c->first_header) & ~7U;
	later = mtu - c->later_header;
	if (first < c->extra)
		return -EMSGSIZE;
	s->per_frame = first - c->extra;
	rest = bytes - s->per_frame;
	s->frames = 2;
	if (rest > later)
		s->frames += (rest - later + (later & ~7U) - 1) / (later & ~7U);
	s->per_frame_later = later & ~7U;
	return 0;
}

/* The datagram as it is, or the plan of its fragments. */
static int plan(struct segment *s, const struct tto_unit *u,
		const struct segment_layout *l, struct cut *c, uint64_t bytes)
{
	uint32_t present = s->split ? sizeof(struct ipv6_fragment) : 0;
	uint64_t len = c->first_header + c->extra + bytes;

	if (!segment_fits_ip(l->v6, len - present + c->base))
		return -EMSGSIZE;
	s->frames = 1;
	s->per_frame = (uint32_t)bytes;
	if (len <= u->mss)
		return 0;
	if (!l->v6 && s->fragment & IPV4_DF)
		return -EPERM;
	if (l->v6 && !s->split) {
		insert_fragment_header(s, l, u->fragment_id);
		c->first_header += sizeof(struct ipv6_fragment);
		c->later_header += sizeof(struct ipv6_fragment);
	}
	return plan_fragments(s, c, u->mss, (uint32_t)bytes);
}

/* The UDP header, at the end of the template: in the first fragment only. */
static int complete_udp(struct segment *s, const struct tto_unit *u,
			const struct segment_layout *l, uint32_t bytes)
{
	uint8_t *udp = s->template + s->header_len - sizeof(struct udp_header);
	uint32_t length = (uint32_t)sizeof(struct udp_header) + bytes;
	struct gather payload = s->at;
	uint32_t payload_sum;
	uint64_t sum;
	int err;

	store_be16(udp + 4, (uint16_t)length);
	store16(udp + 6, 0);
	if (u->flags & TTO_UNIT_NO_UDP_CSUM)
		return 0;
	sum = (uint64_t)segment_pseudo_sum(s, l) + BIG16((uint16_t)length);
	if (u->flags & TTO_UNIT_PARTIAL_CSUM && s->frames == 1) {
		store16(udp + 6, (uint16_t)~segment_checksum(sum));
		return 0;
	}
	err = gather_sum(&payload, bytes, s->ops, &payload_sum);
	if (err)
		return err;
	sum += (uint64_t)checksum_header(udp, 8) + payload_sum;
	store16(udp + 6, segment_checksum(sum));
	if (load16(udp + 6) == 0)
		store16(udp + 6, 0xffff);	/* RFC 768: 0 means none        */
	return 0;
}

int fragment_begin(struct segment *s, const struct tto_unit *u,
		   const struct segment_layout *l, uint64_t bytes)
{
	bool transport = l->header_len > l->l4 &&
			 l->protocol != PROTOCOL_FRAGMENT;
	struct cut c;
	int err = l->v6 ? read_ipv6(s, l, &c) : read_ipv4(s, l, &c);

	if (err)
		return err;
	if (transport && !udp_is_whole(u, l, &c, bytes))
		return -EINVAL;
	if (c.more && bytes % 8)
		return -EINVAL;
	err = plan(s, u, l, &c, bytes);
	if (err)
		return err;
	s->sums_payload = false;	/* not frame by frame           */
	s->offset = c.base;
	s->extra = (uint16_t)c.extra;
	s->first_part = s->frames > 1;
	return transport ? complete_udp(s, u, l, (uint32_t)bytes) : 0;
}

/* From the first fragment's header to that of the others. */
static void drop_first_part(struct segment *s)
{
	uint8_t *ip = s->template + s->l3, kept[IPV4_OPTIONS_MAX];
	int options;

	s->per_frame = s->per_frame_later;
	s->header_len = (uint16_t)(s->header_len - s->extra);
	s->extra = 0;
	s->first_part = false;
	if (s->v6 || s->l4 - s->l3 == (int)sizeof(struct ipv4_header))
		return;
	options = copied_options(ip + 20, (uint32_t)s->l4 - s->l3 - 20, kept);
	memcpy(ip + 20, kept, (uint32_t)options);
	*ip = (uint8_t)(0x45 + options / 4);
	s->header_len = (uint16_t)(s->l3 + 20 + options);
	sum_ipv4(s);
}

static void finish_ipv4(const struct segment *s, uint8_t *ip, uint32_t bytes)
{
	uint16_t total = BIG16((uint16_t)bytes), word = s->fragment;

	if (s->frames > 1)
		word |= IPV4_MF;
	word = BIG16((uint16_t)(word | s->offset / 8));
	store16(ip + 2, total);
	store16(ip + 6, word);
	store16(ip + 10, segment_checksum((uint64_t)s->ip_sum + total + word));
}

static void finish_ipv6(const struct segment *s, uint8_t *frame, uint32_t bytes)
{
	uint16_t word = s->fragment;

	store_be16(frame + s->l3 + 4,
		   (uint16_t)(bytes - sizeof(struct ipv6_header)));
	if (!s->split)
		return;
	if (s->frames > 1)
		word |= IPV6_MORE;
	store_be16(frame + s->split + 2, (uint16_t)(word | s->offset));
}

void fragment_finish(struct segment *s, uint8_t *frame, uint32_t bytes)
{
	uint32_t ip_bytes = (uint32_t)s->header_len - s->l3 + bytes;

	if (s->v6)
		finish_ipv6(s, frame, ip_bytes);
	else
		finish_ipv4(s, frame + s->l3, ip_bytes);
	s->offset += s->extra + bytes;
	if (s->first_part)
		drop_first_part(s);
}
