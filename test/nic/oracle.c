// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle.c - What the receive side may and must do, said the slow way
 */
#include <string.h>

#include "nic/oracle.h"

/* ---- Reading a frame ------------------------------------------------------ */

static uint16_t type_by_version(const uint8_t *frame, uint32_t len, uint32_t at)
{
	if (len <= at)
		return 0;
	return frame[at] >> 4 == 4 ? 0x0800 : frame[at] >> 4 == 6 ? 0x86dd : 0;
}

/* Sets l3 and the tags. Return: type of what follows the link header. */
static uint16_t read_link(struct view *v, uint8_t link, const uint8_t *frame,
			  uint32_t len)
{
	static const uint8_t size[] = { 14, 0, 4, 16, 20 };
	static const uint8_t type_at[] = { 12, 0, 0, 14, 0 };
	uint32_t at = size[link];
	uint16_t type;

	v->l3 = at;
	if (len < at)
		return 0;
	if (link == TTO_LINK_IP || link == TTO_LINK_NULL)
		return type_by_version(frame, len, at);
	v->key_at = link == TTO_LINK_ETHERNET ? 12 : 0;
	type = get16(frame + type_at[link]);
	while ((type == 0x8100 || type == 0x88a8 || type == 0x9100) &&
	       len >= at + 4) {
		if (v->n_tags < 2)
			v->vid[v->n_tags] = get16(frame + at) & 0xfff;
		v->n_tags++;
		type = get16(frame + at + 2);
		at += 4;
	}
	v->l3 = at;
	return type;
}

static bool read_ipv4(struct view *v, const uint8_t *ip, uint32_t room)
{
	uint32_t header, total;

	if (room < 20 || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 15) * 4u;
	total = get16(ip + 2);
	v->fragment_field = get16(ip + 6);
	v->fragment = v->fragment_field & 0x3fff;
	v->ip_extra = header > 20;
	if (header < 20 || total < header + 20 || total > room || ip[9] != 6)
		return false;
	v->tos = ip[1];
	v->ttl = ip[8];
	v->id = get16(ip + 4);
	v->ip_sum_right = naive_sum(0, ip, header) == 0xffff;
	v->l4 = v->l3 + header;
	v->end = v->l3 + total;
	return !(v->fragment_field & 0x1fff);
}

static bool read_ipv6(struct view *v, const uint8_t *ip, uint32_t room)
{
	uint32_t at = 40, size, total;
	uint8_t next;

	if (room < 40 || ip[0] >> 4 != 6)
		return false;
	total = 40u + get16(ip + 4);
	if (total < 60 || total > room)
		return false;
	v->v6 = true;
	v->tos = (uint8_t)(get16(ip) >> 4);
	v->ttl = ip[7];
	v->flow_label = get32(ip) & 0xfffff;
	v->ip_sum_right = true;
	v->end = v->l3 + total;
	for (next = ip[6]; next != 6; v->ip_extra = true) {
		if ((next != 0 && next != 43 && next != 60 && next != 44 &&
		     next != 51) || at + 8 > total)
			return false;
		if (next == 44) {
			v->fragment = true;
			if (get16(ip + at + 2) & 0xfff8)
				return false;
		}
		size = next == 44 ? 8 : next == 51 ? (ip[at + 1] + 2u) * 4 :
						     (ip[at + 1] + 1u) * 8;
		next = ip[at];
		at += size;
		if (at > total)
			return false;
	}
	v->l4 = v->l3 + at;
	return v->l4 + 20 <= v->end;
}

static void read_options(struct view *v, const uint8_t *frame)
{
	uint32_t at = v->l4 + 20;

	while (at < v->payload && frame[at] != 0) {
		uint8_t kind = frame[at], size;

		if (kind == 1) {
			at++;
			continue;
		}
		size = at + 1 < v->payload ? frame[at + 1] : 0;
		if (size < 2 || at + size > v->payload) {
			v->forbids_joining = true;	/* not well formed */
			return;
		}
		v->sack |= kind == 5;
		v->forbids_joining |= kind == 19 || kind == 29 || kind == 30;
		if (kind == 8 && size != 10)
			v->forbids_joining = true;
		if (kind == 8 && size == 10) {	/* of several, the last */
			v->has_timestamp = true;
			v->timestamp_at = at + 2;
			v->tsval = get32(frame + at + 2);
			v->tsecr = get32(frame + at + 6);
		}
		at += size;
	}
}

void view_read(struct view *v, uint8_t link, const uint8_t *frame, uint32_t len,
	       bool truncated)
{
	uint16_t type, pseudo;
	const uint8_t *tcp;
	uint32_t header;
	bool first;

	memset(v, 0, sizeof(*v));
	v->len = v->end = len;
	type = read_link(v, link, frame, len);
	if (truncated || (type != 0x0800 && type != 0x86dd))
		return;
	first = type == 0x0800 ? read_ipv4(v, frame + v->l3, len - v->l3)
			       : read_ipv6(v, frame + v->l3, len - v->l3);
	if (!first)
		return;
	tcp = frame + v->l4;
	header = (tcp[12] >> 4) * 4u;
	if (v->fragment) {
		v->tuple = v->n_tags <= 2;
		return;
	}
	if (header < 20 || v->l4 + header > v->end)
		return;
	v->tcp = !v->v6 || !v->ip_extra;
	v->tuple = v->n_tags <= 2;
	v->payload = v->l4 + header;
	v->seq = get32(tcp + 4);
	v->ack = get32(tcp + 8);
	v->flags = get16(tcp + 12) & 0xfff;
	v->window = get16(tcp + 14);
	v->urgent = get16(tcp + 18);
	pseudo = naive_pseudo(frame + v->l3, v->v6, v->end - v->l4);
	v->tcp_sum_right = naive_sum(pseudo, tcp, v->end - v->l4) == 0xffff;
	v->partial_right = get16(tcp + 16) == pseudo;
	read_options(v, frame);
}

bool view_same_flow(const struct view *a, const uint8_t *frame_a,
		    const struct view *b, const uint8_t *frame_b)
{
	uint32_t at = a->v6 ? 8 : 12, size = a->v6 ? 32 : 8;

	return a->tuple && b->tuple && a->v6 == b->v6 &&
	       a->n_tags == b->n_tags &&
	       !memcmp(a->vid, b->vid, sizeof(a->vid)) &&
	       !memcmp(frame_a + a->l3 + at, frame_b + b->l3 + at, size) &&
	       !memcmp(frame_a + a->l4, frame_b + b->l4, 4);
}

/* ---- Why not -------------------------------------------------------------- */

static uint32_t ip_bytes(const struct view *v)
{
	return v->end - v->l3;
}

static bool checksum_right(const struct input *in)
{
	const struct view *v = &in->view;

	if (!v->ip_sum_right)
		return false;
	if (in->frame.csum == TTO_CSUM_PARTIAL)
		return v->partial_right;
	return in->frame.csum == TTO_CSUM_VERIFIED || v->tcp_sum_right;
}

bool oracle_unusual_checksum(const struct input *in)
{
	const struct view *v = &in->view;

	if (!v->v6 && get16(in->bytes + v->l3 + 10) == 0xffff)
		return true;
	return in->frame.csum != TTO_CSUM_PARTIAL &&
	       get16(in->bytes + v->l4 + 16) == 0xffff;
}

static causes_t why_flags(uint16_t flags)
{
	causes_t why = 0;

	why |= flags & F_SYN ? CAUSE(SYN) : 0;
	why |= flags & F_RST ? CAUSE(RST) : 0;
	why |= flags & F_URG ? CAUSE(URG) : 0;
	why |= flags & (F_ECE | F_CWR | F_AE) ? CAUSE(ECN) : 0;
	why |= flags & F_RESERVED || !(flags & F_ACK) ? CAUSE(NO_ACK) : 0;
	return why;
}

/*
 * What is no whole, plain TCP may be several of these at once, and cut short so
 * that it cannot be told which; tables of tests pin the clear cases.
 */
static causes_t why_not_looked_at(void)
{
	return CAUSE(NOT_TCP) | CAUSE(MALFORMED) | CAUSE(FRAGMENT) |
	       CAUSE(IP_OPTIONS);
}

causes_t oracle_alone(const struct oracle_rules *rules, const struct input *in)
{
	const struct view *v = &in->view;
	bool lossless = rules->policy == TTO_POLICY_LOSSLESS;
	causes_t why = 0;

	why |= in->frame.gso_size ? CAUSE(GSO) : 0;
	why |= in->frame.truncated ? CAUSE(MALFORMED) : 0;
	if (!v->tcp || !v->tuple)
		return why | why_not_looked_at();
	why |= why_flags(v->flags);
	why |= v->ip_extra ? CAUSE(IP_OPTIONS) : 0;
	why |= v->sack ? CAUSE(SACK) : 0;
	why |= v->forbids_joining ? CAUSE(OPTION_KIND) : 0;
	why |= checksum_right(in) ? 0 : CAUSE(CHECKSUM);
	why |= ip_bytes(v) > rules->ral ? CAUSE(FULL) : 0;
	if (in->frame.csum == TTO_CSUM_PARTIAL && !v->partial_right)
		why |= CAUSE(CHECKSUM_FORM);
	if (!lossless)
		return why;
	why |= oracle_unusual_checksum(in) ? CAUSE(CHECKSUM_FORM) : 0;
	why |= v->len != v->end ? CAUSE(TRAILER) : 0;
	if (!view_payload_len(v)) {
		why |= CAUSE(PURE_ACK) | CAUSE(DUP_ACK) | CAUSE(WINDOW_UPDATE) |
		       CAUSE(PROBE);
		why |= v->flags & F_FIN ? CAUSE(FIN) : 0;
	}
	return why;
}

causes_t oracle_closes(const struct oracle_rules *rules,
		       const struct input *const *parts, uint32_t n)
{
	const struct view *last = &parts[n - 1]->view;
	uint32_t total = ip_bytes(&parts[0]->view);
	causes_t why = 0;

	why |= last->flags & F_FIN ? CAUSE(FIN) : 0;
	why |= last->flags & F_PSH ? CAUSE(PUSH) : 0;
	if (rules->policy == TTO_POLICY_LOSSLESS &&
	    view_payload_len(last) < view_payload_len(&parts[0]->view))
		why |= CAUSE(SHORT);
	for (uint32_t i = 1; i < n; i++)
		total += view_payload_len(&parts[i]->view);
	return why | (total >= rules->ral ? CAUSE(FULL) : 0);
}

/* The ID counts up through all of @parts and @next, or stays with DF set. */
static bool id_follows(const struct input *const *parts, uint32_t n,
		       const struct input *next)
{
	const struct view *first = &parts[0]->view, *v = &next->view;
	bool counts = v->id == (uint16_t)(parts[n - 1]->view.id + 1);
	bool stays = v->id == first->id && first->fragment_field & F_DF;

	if (n == 1)
		return counts || stays;
	return parts[1]->view.id == first->id ? stays : counts;
}

/* Options but for the timestamp's values. */
static bool same_layout(const struct input *a, const struct input *b)
{
	uint32_t size = a->view.payload - a->view.l4 - 20;
	uint8_t one[40], other[40];

	if (size != b->view.payload - b->view.l4 - 20)
		return false;
	memcpy(one, a->bytes + a->view.l4 + 20, size);
	memcpy(other, b->bytes + b->view.l4 + 20, size);
	if (a->view.has_timestamp)
		memset(one + (a->view.timestamp_at - a->view.l4 - 20), 0, 8);
	if (b->view.has_timestamp)
		memset(other + (b->view.timestamp_at - b->view.l4 - 20), 0, 8);
	return !memcmp(one, other, size);
}

static causes_t why_lossless(const struct input *const *parts, uint32_t n,
			     const struct input *next)
{
	const struct view *first = &parts[0]->view, *v = &next->view;
	causes_t why = 0;

	why |= v->ttl != first->ttl ? CAUSE(TTL) : 0;
	why |= v->ack != first->ack ? CAUSE(ACK) : 0;
	why |= v->window != first->window ? CAUSE(WINDOW) : 0;
	why |= v->urgent != first->urgent ? CAUSE(WINDOW) : 0;
	why |= !v->v6 && !id_follows(parts, n, next) ? CAUSE(IP_ID) : 0;
	if (v->has_timestamp && first->has_timestamp &&
	    (v->tsval != first->tsval || v->tsecr != first->tsecr))
		why |= CAUSE(TIMESTAMP);
	if (view_payload_len(v) > view_payload_len(first))
		why |= CAUSE(LARGER);
	return why;
}

static causes_t why_host(const struct input *const *parts, uint32_t n,
			 const struct input *next)
{
	const struct view *last = &parts[n - 1]->view, *v = &next->view;
	int32_t advance = oracle_seq_diff(v->ack, last->ack);
	causes_t why = 0;

	why |= advance < 0 ? CAUSE(ACK) : 0;
	if (v->has_timestamp && last->has_timestamp &&
	    oracle_seq_diff(v->tsval, last->tsval) < 0)
		why |= CAUSE(TIMESTAMP);
	if (!view_payload_len(v) && !(v->flags & F_FIN) && advance <= 0)
		why |= v->window == last->window
		       ? CAUSE(DUP_ACK)
		       : CAUSE(DUP_ACK) | CAUSE(WINDOW_UPDATE);
	return why;
}

causes_t oracle_between(const struct oracle_rules *rules,
			const struct input *const *parts, uint32_t n,
			const struct input *next)
{
	const struct input *first = parts[0];
	const struct view *a = &first->view, *v = &next->view;
	uint32_t total = ip_bytes(a), expected = a->seq, i;
	causes_t why = 0;

	for (i = 0; i < n; i++)
		expected += view_payload_len(&parts[i]->view);
	for (i = 1; i < n; i++)
		total += view_payload_len(&parts[i]->view);
	if (a->l3 != v->l3 || memcmp(first->bytes, next->bytes, a->l3))
		why |= CAUSE(LINK_HEADER);
	if (v->seq != expected)
		why |= oracle_seq_diff(v->seq, expected) > 0 ? CAUSE(GAP)
							     : CAUSE(OLD);
	if (v->seq == expected - 1 && view_payload_len(v) <= 1)
		why |= CAUSE(PROBE);
	why |= v->tos != a->tos ? CAUSE(TOS) : 0;
	if ((v->fragment_field ^ a->fragment_field) & (F_DF | F_IP_RESERVED))
		why |= CAUSE(IP_FLAGS);
	why |= v->flow_label != a->flow_label ? CAUSE(FLOW_LABEL) : 0;
	why |= same_layout(first, next) ? 0 : CAUSE(OPTIONS);
	if ((next->frame.csum == TTO_CSUM_PARTIAL) !=
	    (first->frame.csum == TTO_CSUM_PARTIAL))
		why |= CAUSE(CHECKSUM_FORM);
	why |= total + view_payload_len(v) > rules->ral ? CAUSE(FULL) : 0;
	return why | (rules->policy == TTO_POLICY_LOSSLESS
		      ? why_lossless(parts, n, next) : why_host(parts, n, next));
}

/* ---- The header of a join ------------------------------------------------- */

/* What RX-4 and RX-5 take from other parts than the first. */
static void host_fields(const struct input *const *parts, uint32_t n,
			const uint8_t *actual, uint8_t *out)
{
	const struct view *a = &parts[0]->view, *z = &parts[n - 1]->view;
	uint8_t *ttl = out + a->l3 + (a->v6 ? 7 : 8);

	for (uint32_t i = 1; i < n; i++)
		if (parts[i]->view.ttl < *ttl)
			*ttl = parts[i]->view.ttl;
	if (!a->v6)
		put16(out + a->l3 + 4, z->id);
	put32(out + a->l4 + 8, z->ack);
	put16(out + a->l4 + 14, z->window);
	if (get16(actual + a->l4 + 18) == z->urgent)
		put16(out + a->l4 + 18, z->urgent);
}

static void put_lengths(const struct view *a, uint32_t total,
			const uint8_t *actual, uint8_t *out)
{
	uint8_t *ip = out + a->l3;

	if (a->v6) {
		uint16_t written = get16(actual + a->l3 + 4);
		bool none = total - 40 > 65535 || (total > 65535 && !written);

		put16(ip + 4, none ? 0 : (uint16_t)(total - 40));
		return;
	}
	put16(ip + 2, total > 65535 ? 0 : (uint16_t)total);
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~naive_sum(0, ip, a->l4 - a->l3));
}

uint32_t oracle_header(const struct oracle_rules *rules,
		       const struct input *const *parts, uint32_t n,
		       const uint8_t *actual, uint8_t *out)
{
	const struct view *a = &parts[0]->view;
	bool partial = rules->partial_csum ||
		       parts[0]->frame.csum == TTO_CSUM_PARTIAL;
	uint32_t total = a->payload - a->l3, odd = 0;
	uint16_t sum;

	memcpy(out, parts[0]->bytes, a->payload);
	for (uint32_t i = 0; i < n; i++) {
		out[a->l4 + 13] |= (uint8_t)parts[i]->view.flags;
		total += view_payload_len(&parts[i]->view);
	}
	if (rules->policy == TTO_POLICY_HOST)
		host_fields(parts, n, actual, out);
	put_lengths(a, total, actual, out);
	put16(out + a->l4 + 16, 0);
	sum = naive_pseudo(out + a->l3, a->v6, total - (a->l4 - a->l3));
	if (partial) {
		put16(out + a->l4 + 16, sum);
		return a->payload;
	}
	sum = naive_sum(sum, out + a->l4, a->payload - a->l4);
	for (uint32_t i = 0; i < n; i++) {
		const struct view *v = &parts[i]->view;
		uint16_t part = naive_sum(0, parts[i]->bytes + v->payload,
					  view_payload_len(v));
		uint8_t bytes[2];

		put16(bytes, part);
		if (odd)	/* begins at an odd offset of the whole */
			put16(bytes, (uint16_t)(part << 8 | part >> 8));
		sum = naive_sum(sum, bytes, 2);
		odd ^= view_payload_len(v) & 1;
	}
	put16(out + a->l4 + 16, (uint16_t)~sum);
	return a->payload;
}

/* ---- Cutting it again ----------------------------------------------------- */

uint32_t oracle_cut(const struct oracle_cut *cut, uint32_t index, uint8_t *out)
{
	const struct view *view = cut->view;
	uint32_t payload_len = cut->len - view->payload;
	uint32_t from = index * cut->gso_size, size;
	uint8_t *ip = out + view->l3, *tcp = out + view->l4;
	uint16_t sum;

	if (!cut->gso_size || from >= payload_len)
		return 0;
	size = payload_len - from;
	if (size > cut->gso_size)
		size = cut->gso_size;
	memcpy(out, cut->packet, view->payload);
	memcpy(out + view->payload, cut->packet + view->payload + from, size);
	put32(tcp + 4, get32(tcp + 4) + from);
	if (from + size < payload_len)
		tcp[13] &= (uint8_t)~(F_PSH | F_FIN);
	size += view->payload;
	if (view->v6) {
		put16(ip + 4, (uint16_t)(size - view->l3 - 40));
	} else {
		put16(ip + 2, (uint16_t)(size - view->l3));
		if (!cut->fixed_id)
			put16(ip + 4, (uint16_t)(get16(ip + 4) + index));
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~naive_sum(0, ip, view->l4 - view->l3));
	}
	put16(tcp + 16, 0);
	sum = naive_pseudo(ip, view->v6, size - view->l4);
	if (!cut->partial)
		sum = (uint16_t)~naive_sum(sum, tcp, size - view->l4);
	put16(tcp + 16, sum);
	return size;
}
