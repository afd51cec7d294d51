// SPDX-License-Identifier: BSD-2-Clause
/* steer.c - Whose packet is it? */
#include "nic/client/steer.h"

#include <string.h>

#include "nic/client/place.h"
#include "nic/flow_hash.h"
#include "packet/icmp.h"
#include "packet/parse.h"
#include "packet/pseudo.h"

/* ---- Reading headers ------------------------------------------------------- */

/* The coalescer has parsed it: lengths agree with each other. */
static void read_lengths(struct arrival *a)
{
	const struct tto_packet *p = a->packet;
	const uint8_t *ip = a->header + a->l3, *tcp = a->header + a->l4;
	uint32_t end;

	if (p->changed) {
		a->header_bytes = (uint16_t)p->header_len;
		a->payload = NULL;
		a->payload_bytes = p->payload_len;
		return;
	}
	end = a->l3 + (a->v6 ? (uint32_t)sizeof(struct ipv6_header) +
			       load_be16(ip + 4) : load_be16(ip + 2));
	a->header_bytes = (uint16_t)(a->l4 + (tcp[12] >> 4) * 4U);
	a->payload = a->header + a->header_bytes;
	a->payload_bytes = end - a->header_bytes;
}

static void read_arrival(struct arrival *a, const struct tto_packet *p)
{
	const uint8_t *tcp = (const uint8_t *)p->header + p->l4;

	a->packet = p;
	a->header = p->header;
	a->l3 = p->l3;
	a->l4 = p->l4;
	a->v6 = p->v6;
	a->seq = load_be32(tcp + 4);
	a->ack = load_be32(tcp + 8);
	a->flags = load_be16(tcp + 12) & 0xfff;
	read_lengths(a);
}

static void read_tuple(const struct tto_packet *p, struct tcp_tuple *t)
{
	const uint8_t *ip = (const uint8_t *)p->header + p->l3;
	const uint8_t *tcp = (const uint8_t *)p->header + p->l4;

	memset(t, 0, sizeof(*t));
	if (p->v6) {
		memcpy(t->remote, ip + 8, 16);
		memcpy(t->local, ip + 24, 16);
		t->v6 = 1;
	} else {
		memcpy(t->remote, ip + 12, 4);
		memcpy(t->local, ip + 16, 4);
	}
	t->remote_port = load_be16(tcp);
	t->local_port = load_be16(tcp + 2);
}

/* With IP options or extension headers: nobody has verified it yet. */
static bool verify(const struct device *d, const struct tto_packet *p)
{
	const uint8_t *frame = p->header;
	struct seg s;
	uint32_t sum;

	if (parse_frame((enum parse_link)d->link, frame, p->header_len, &s) !=
	    PARSE_TCP_IP_OPTIONS)
		return false;
	if (!s.v6 && checksum_fold(checksum_header(frame + s.l3,
						   (uint32_t)s.l4 - s.l3)) !=
			     0xffff)
		return false;
	if (p->csum != TTO_CSUM_UNKNOWN)
		return true;
	sum = pseudo_sum(frame + s.l3, s.v6, PROTOCOL_TCP, s.end - s.l4);
	sum = checksum_add(sum, d->coalescer->sums->sum(frame + s.l4,
							s.end - s.l4));
	return checksum_fold(sum) == 0xffff;
}

/* ---- Who it is for --------------------------------------------------------- */

/* Frames of another VLAN are of another network, whatever their tuple says. */
static bool is_link_right(const struct device *d, const struct client_flow *f,
			  const struct tto_packet *p)
{
	const uint8_t *frame = p->header;
	uint16_t outer = 0, inner = 0;

	if (!f->link_bytes || d->link != TTO_LINK_ETHERNET)
		return true;
	if (likely(p->l3 == sizeof(struct eth_header)))
		return f->vids == 0;
	outer = load_be16(frame + 14);
	if (p->l3 > sizeof(struct eth_header) + sizeof(struct vlan_tag))
		inner = load_be16(frame + 18);
	return f->vids == flow_vids(outer, inner);
}

/* The address is the owner's, or he has any. */
static bool is_address(const struct client_flow *f, const struct tcp_tuple *t)
{
	static const uint8_t any[16];

	return f && (!memcmp(f->tuple.local, any, sizeof(any)) ||
		     (f->tuple.v6 == t->v6 &&
		      !memcmp(f->tuple.local, t->local, sizeof(t->local))));
}

static struct client_flow *find(const struct device *d,
				const struct tto_packet *p)
{
	struct client_flow *f = d->address;
	struct tcp_tuple t;
	uint32_t place;

	read_tuple(p, &t);
	place = lookup_find(d->lookup, &t);
	if (place == LOOKUP_NONE)
		place = lookup_find_listener(d->lookup, &t);
	if (place != LOOKUP_NONE)
		f = &d->flows[place];
	else if (!is_address(f, &t))
		return NULL;
	return is_link_right(d, f, p) ? f : NULL;
}

static void hand_over(struct device *d, struct client_flow *f,
		      const struct tto_packet *p)
{
	if (f)
		place_frame(d, f, p);
	else
		d->callbacks.unclaimed(d->callbacks.ctx, p);
}

/* A whole segment; the causes of what was held are of what came behind it. */
static bool is_tcp(const struct tto_packet *p)
{
	return p->held || (p->l4 != PARSE_NO_OFFSET &&
			   p->cause != TTO_CAUSE_FRAGMENT &&
			   p->cause != TTO_CAUSE_MALFORMED);
}

/* Return: whether it is an error about a flow that wants them, true or not. */
static bool take_error(struct device *d, const struct tto_packet *p)
{
	struct icmp_error e;
	struct client_flow *f;
	uint32_t place;
	struct seg s;

	if (parse_frame((enum parse_link)d->link, p->header, p->header_len, &s) !=
		    PARSE_NOT_TCP ||
	    !icmp_error_parse(p->header, &s, &e))
		return false;
	place = lookup_find(d->lookup, &e.tuple);
	if (place == LOOKUP_NONE)
		return false;
	f = &d->flows[place];
	if (!f->errors.wanted || !is_link_right(d, f, p))
		return false;
	if (errors_allow(&f->errors, e.seq, d->now))
		place_frame(d, f, p);
	else
		place_drop(f, DEVICE_DROP_ERROR);
	return true;
}

void steer_packet(void *ctx, const struct tto_packet *p)
{
	struct device *d = ctx;
	struct client_flow *f;
	struct arrival a;
	bool good = true;

	if (!is_tcp(p)) {
		if (d->n_errors && take_error(d, p))
			return;
		hand_over(d, d->address, p);
		return;
	}
	f = find(d, p);
	if (!f || f->kind == FLOW_ADDRESS) {
		hand_over(d, f, p);
		return;
	}
	if (!p->held && unlikely(p->cause == TTO_CAUSE_CHECKSUM))
		good = false;
	else if (!p->held && unlikely(p->cause == TTO_CAUSE_IP_OPTIONS))
		good = verify(d, p);
	if (unlikely(!good)) {
		place_drop(f, DEVICE_DROP_CHECKSUM);
		return;
	}
	read_arrival(&a, p);
	place_segment(d, f, &a);
}
