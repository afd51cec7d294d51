// SPDX-License-Identifier: BSD-2-Clause
/* send.c - From segments to frames, cut by the wire or here */
#include <errno.h>
#include <string.h>

#include "embed/state.h"
#include "packet/headers.h"
#include "packet/pseudo.h"

#define HEADER_MAX (ETHERNET_BYTES + sizeof(struct ipv6_header) + \
		    TCP_SEGMENT_HEADER_MAX)
#define TCP_CHECKSUM_AT 16
#define UNIT_FRAMES 48		/* 64 KiB, as frames of Ethernet's usual length */
#define LOOK_FOR_FRAMES (4 * UNIT_FRAMES)
#define FULL_NS 20000000u

/* ---- What the wire does not take ------------------------------------------------- */

static void keep(struct embed *e, const struct wire_frame *f)
{
	struct kept_frame *k = &e->kept_frames[e->kept_n];
	uint8_t *to = e->kept + e->kept_end;

	if (e->kept_n == EMBED_KEPT_FRAMES ||
	    f->len > EMBED_KEPT_BYTES - e->kept_end) {
		e->stats.dropped++;
		return;
	}
	for (uint32_t n = 0; n < f->n_iov; n++) {
		memcpy(to, f->iov[n].iov_base, f->iov[n].iov_len);
		to += f->iov[n].iov_len;
	}
	*k = (struct kept_frame){ .len = f->len, .offload = f->offload };
	e->kept_end += f->len;
	e->kept_n++;
}

static void send_kept(struct embed *e)
{
	while (e->kept_first < e->kept_n) {
		const struct kept_frame *k = &e->kept_frames[e->kept_first];
		struct iovec iov = { e->kept + e->kept_at, k->len };
		struct wire_frame f = {
			.iov = &iov, .n_iov = 1, .len = k->len, .full_len = k->len,
			.linktype = LINKTYPE_ETHERNET, .offload = k->offload,
		};
		int got = wire_send(embed_attached->wire, &f, 1);

		if (got == 0)
			return;
		e->stats.dropped += got < 0;
		e->kept_at += k->len;
		e->kept_first++;
	}
	e->kept_at = e->kept_end = e->kept_first = e->kept_n = 0;
}

/*
 * Is there room for a whole unit in a wire that lends? What did not fit would be copied
 * twice. When it stays full the wire may decide what becomes of more.
 */
static bool has_room(struct embed *e)
{
	struct wire *w = embed_attached->wire;

	if (!w->ops->lend || e->room >= UNIT_FRAMES)
		return true;
	e->room = w->ops->lend(w, NULL, LOOK_FOR_FRAMES);
	if (e->room > e->most_room)
		e->most_room = e->room;
	if (e->room >= UNIT_FRAMES || e->room > e->most_room / 2) {
		e->full_since = 0;
		return true;
	}
	if (!e->full_since)
		e->full_since = e->now;
	return e->now - e->full_since > FULL_NS;
}

static void took_room(struct embed *e, uint32_t frames)
{
	e->room -= frames < e->room ? frames : e->room;
}

bool frames_ready(struct embed *e)
{
	if (e->kept_n)
		send_kept(e);
	return e->kept_n == 0 && has_room(e);
}

void frames_flush(struct embed *e)
{
	struct attached *a = embed_attached;
	uint32_t n = 0;
	int got = 0;

	if (!a->n_out)
		return;
	if (mirror_is_wanted(&e->mirror))
		mirror_frames(&e->mirror, MIRROR_WIRE_TX, a->out, a->n_out);
	if (e->kept_n)
		send_kept(e);
	if (!e->kept_n)
		got = wire_send(a->wire, a->out, a->n_out);
	if (got > 0)
		n = (uint32_t)got;
	took_room(e, n);
	for (; n < a->n_out; n++)
		keep(e, &a->out[n]);
	a->n_out = 0;
}

/* ---- Frames ----------------------------------------------------------------------------- */

/* What the wire is to do with @unit; that is not done here then. */
static struct wire_offload leave_to_wire(const struct wire_caps *caps,
					 struct tto_unit *unit, bool v6,
					 uint32_t payload)
{
	struct wire_offload o = { 0 };

	if (!caps->csum)
		return o;
	unit->flags |= TTO_UNIT_PARTIAL_CSUM;
	o.flags = WIRE_NEEDS_CSUM;
	o.csum_start = ETHERNET_BYTES + (v6 ? 40 : 20);
	o.csum_offset = TCP_CHECKSUM_AT;
	if (!(v6 ? caps->tso6 : caps->tso4) || payload <= unit->mss)
		return o;
	o.gso_type = v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4;
	o.gso_size = unit->mss;
	o.hdr_len = (uint16_t)unit->header_len;
	unit->mss = UINT16_MAX;
	return o;
}

/* Straight into the wire's memory. Return: how many of @n frames. */
static int cut_in_place(struct embed *e, struct tto_segmenter *s, int n)
{
	struct wire *w = embed_attached->wire;
	struct wire_place places[UNIT_FRAMES];
	struct tto_slot slots[UNIT_FRAMES];
	int done = 0, lent, cut;

	frames_flush(e);
	while (done < n && !e->kept_n) {
		lent = (int)w->ops->lend(w, places, n - done < UNIT_FRAMES ?
					 (unsigned)(n - done) : UNIT_FRAMES);
		for (int k = 0; k < lent; k++)
			slots[k] = (struct tto_slot){ .data = places[k].data,
						      .size = places[k].size };
		cut = lent ? tto_segmenter_next(s, slots, (size_t)lent) : 0;
		if (cut <= 0)
			break;
		for (int k = 0; k < cut; k++)
			places[k].len = slots[k].len;
		if (mirror_is_wanted(&e->mirror))
			mirror_places(&e->mirror, places, (uint32_t)cut);
		w->ops->send_lent(w, places, (unsigned)cut);
		took_room(e, (uint32_t)cut);
		done += cut;
	}
	return done;
}

static void cut(struct embed *e, const struct tto_unit *unit,
		const struct wire_offload *o, bool in_place)
{
	struct attached *a = embed_attached;
	struct tto_segmenter s;
	int n = tto_segmenter_begin(&s, unit);

	if (n < 0) {
		e->stats.dropped++;
		return;
	}
	e->ip_id += (uint16_t)n;
	e->stats.frames_out += (uint32_t)n;
	if (in_place)
		n -= cut_in_place(e, &s, n);
	while (n > 0) {
		uint32_t at = a->n_out;
		struct iovec *iov = a->out_iov[at];
		struct tto_slot slot = {
			.data = a->headers[at], .size = sizeof(a->headers[at]),
			.iov = iov + 1, .n_iov = EMBED_ELEMENTS - 1,
		};

		if (tto_segmenter_next(&s, &slot, 1) != 1) {
			e->stats.dropped++;
			return;
		}
		iov[0] = (struct iovec){ slot.data, slot.len };
		a->out[at] = (struct wire_frame){
			.iov = iov, .n_iov = slot.n_iov + 1,
			.len = slot.len + slot.payload_len,
			.full_len = slot.len + slot.payload_len,
			.linktype = LINKTYPE_ETHERNET, .offload = *o,
		};
		n--;
		if (++a->n_out == EMBED_SLOTS)
			frames_flush(e);
	}
}

/* Lengths and checksums of a header of @len bytes, with @payload behind it. */
static void finish_header(uint8_t *header, uint32_t len, bool v6, uint32_t payload,
			  uint32_t payload_sum)
{
	uint8_t *ip = header + ETHERNET_BYTES;
	uint8_t *tcp = ip + (v6 ? sizeof(struct ipv6_header) :
				  sizeof(struct ipv4_header));
	uint32_t tcp_bytes = len - (uint32_t)(tcp - header), sum;
	uint32_t ip_bytes = len - ETHERNET_BYTES + payload;

	if (v6) {
		store_be16(ip + 4, (uint16_t)(tcp_bytes + payload));
	} else {
		store_be16(ip + 2, (uint16_t)ip_bytes);
		sum = checksum_header(ip, sizeof(struct ipv4_header));
		store16(ip + 10, (uint16_t)~checksum_fold(sum));
	}
	sum = checksum_add(checksum_header(tcp, tcp_bytes), payload_sum);
	sum = checksum_add(sum, pseudo_sum(ip, v6, PROTOCOL_TCP, tcp_bytes + payload));
	store16(tcp + TCP_CHECKSUM_AT, (uint16_t)~checksum_fold(sum));
}

/* What is a frame already goes into the wire's memory as it is. Return: was there room? */
static bool send_whole(struct embed *e, const struct embed_unit *u,
		       const struct tto_unit *unit)
{
	struct attached *a = embed_attached;
	uint32_t len = unit->header_len, sum = 0, at = 0;
	uint8_t header[HEADER_MAX], *to;
	struct wire_place place;

	frames_flush(e);
	if (e->kept_n || a->wire->ops->lend(a->wire, &place, 1) != 1 ||
	    place.size < len + u->segment->len)
		return false;
	to = (uint8_t *)place.data + len;
	for (uint32_t n = 0; n < u->n_payload; n++) {
		const struct iovec *part = &u->payload[n];
		uint32_t part_sum = a->sums->copy(to + at, part->iov_base,
						  part->iov_len);

		sum = checksum_add(sum, checksum_shift(part_sum, at & 1));
		at += (uint32_t)part->iov_len;
	}
	/* Nothing is read in the place, where a peer could change it. */
	memcpy(header, unit->header, len);
	finish_header(header, len, u->tuple->v6, at, sum);
	memcpy(place.data, header, len);
	place.len = len + at;
	if (mirror_is_wanted(&e->mirror))
		mirror_places(&e->mirror, &place, 1);
	a->wire->ops->send_lent(a->wire, &place, 1);
	took_room(e, 1);
	e->ip_id++;
	e->stats.frames_out++;
	return true;
}

void frames_send(struct embed *e, const struct embed_unit *u, struct tto_unit *unit)
{
	const struct wire *w = embed_attached->wire;
	uint32_t len = u->segment->len;
	bool in_place = len && w->ops->lend;
	struct wire_offload o;

	if (in_place && len <= u->mss && send_whole(e, u, unit))
		return;
	o = leave_to_wire(&w->caps, unit, u->tuple->v6, len);
	cut(e, unit, &o, in_place);
	/* The payload is the caller's again when this returns. */
	if (len)
		frames_flush(e);
}

/* ---- Either device ---------------------------------------------------------------------- */

bool embed_ready(struct embed *e)
{
	return !embed_loop_is_full(e) && embed_attached->ops->ready(e);
}

void embed_flush(struct embed *e)
{
	embed_attached->ops->flush(e);
}

void embed_send(struct embed *e, const struct embed_unit *u)
{
	const struct tcp_tuple *tuple = u->tuple;
	struct tcp_segment s = *u->segment;
	uint8_t header[HEADER_MAX];
	uint32_t len = ETHERNET_BYTES;
	struct tto_unit unit;

	memcpy(header, u->path->mac, 6);
	memcpy(header + 6, e->mac, 6);
	store_be16(header + 12, tuple->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	len += tcp_tuple_write_ip(tuple, (uint8_t)((u->tos & ~3) | s.ecn), u->ttl,
				  e->ip_id, header + len);
	s.source_port = tuple->local_port;
	s.destination_port = tuple->remote_port;
	len += tcp_segment_emit(&s, header + len);
	unit = (struct tto_unit){
		.header = header, .header_len = len, .mss = u->mss,
		.link = TTO_LINK_ETHERNET, .cut = TTO_CUT_TCP,
		.n_payload = u->n_payload, .payload = u->payload,
	};
	e->stats.units_out++;
	if (mirror_is_wanted(&e->mirror))
		mirror_unit(&e->mirror, header, len, u->payload, u->n_payload, s.len,
			    u->mss);
	if (embed_is_own(e, tuple->remote, tuple->v6)) {
		embed_loop(e, &unit);
		return;
	}
	embed_attached->ops->send(e, u, &unit);
}
