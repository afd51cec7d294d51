// SPDX-License-Identifier: BSD-2-Clause
/* datagram_send.c - Pseudo frames into frames for the peer */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/headers.h"
#include "packetdrill/datagram.h"
#include "tto/engine.h"

#define HEADER_MAX (sizeof(struct ipv6_header) + TCP_SEGMENT_HEADER_MAX)

struct header {
	uint8_t bytes[HEADER_MAX];
	uint32_t len;
};

static void write_ipv4(uint8_t *to, const struct address addresses[2],
		       const struct datagram_options *options, uint8_t tos,
		       uint16_t id)
{
	struct ipv4_header ip = {
		.version_ihl = 0x45,
		.tos = tos,
		.id = to_be16(id),
		.fragment = to_be16(IPV4_DF),
		.ttl = options->ttl,
		.protocol = PROTOCOL_TCP,
	};

	memcpy(ip.source, address_wire_ip(&addresses[0]), 4);
	memcpy(ip.destination, address_wire_ip(&addresses[1]), 4);
	memcpy(to, &ip, sizeof(ip));
}

static void write_ipv6(uint8_t *to, const struct address addresses[2],
		       const struct datagram_options *options, uint8_t tos)
{
	struct ipv6_header ip = {
		.version_class_label = to_be32(6U << 28 | (uint32_t)tos << 20),
		.next_header = PROTOCOL_TCP,
		.hop_limit = options->ttl,
	};

	memcpy(ip.source, addresses[0].ip, 16);
	memcpy(ip.destination, addresses[1].ip, 16);
	memcpy(to, &ip, sizeof(ip));
}

static void write_header(struct header *h, const struct address addresses[2],
			 const struct datagram_options *options,
			 const struct tcp_segment *s, uint16_t id)
{
	uint8_t tos = (uint8_t)((options->tos & ~3) | s->ecn);

	if (address_is_v4(&addresses[0])) {
		write_ipv4(h->bytes, addresses, options, tos, id);
		h->len = sizeof(struct ipv4_header);
	} else {
		write_ipv6(h->bytes, addresses, options, tos);
		h->len = sizeof(struct ipv6_header);
	}
	h->len += tcp_segment_emit(s, h->bytes + h->len);
}

static void append(struct datagram_queue *q, struct datagram_sent *d)
{
	if (!q->last)
		q->last = &q->first;
	d->next = NULL;
	*q->last = d;
	q->last = &d->next;
}

static void cut(struct datagram_queue *q, ns_t now, const struct tto_unit *unit)
{
	struct tto_segmenter segmenter;
	struct datagram_sent *d;
	struct tto_slot slot;
	int frames = tto_segmenter_begin(&segmenter, unit);
	size_t room = unit->header_len + unit->mss;

	if (frames < 0)
		abort();	/* the machine gave what cannot be sent         */
	for (; frames; frames--) {
		d = malloc(sizeof(*d) + room);
		if (!d)
			abort();
		slot = (struct tto_slot){
			.data = d->bytes, .size = (uint32_t)room,
		};
		if (tto_segmenter_next(&segmenter, &slot, 1) != 1)
			abort();
		d->n = slot.len;
		d->time = now;
		append(q, d);
		q->id++;
	}
}

void datagram_queue_add(struct datagram_queue *q, ns_t now,
			const struct address addresses[2],
			const struct datagram_options *options,
			const struct tcp_segment *s, const uint8_t *payload,
			uint16_t mss)
{
	struct header h;
	struct iovec iov;
	struct tto_unit unit;

	write_header(&h, addresses, options, s, q->id);
	iov = (struct iovec){ (void *)(uintptr_t)payload, s->len };
	unit = (struct tto_unit){
		.header = h.bytes,
		.header_len = h.len,
		.mss = mss,
		.link = TTO_LINK_IP,
		.cut = TTO_CUT_TCP,
		.n_payload = 1,
		.payload = &iov,
	};
	cut(q, now, &unit);
}

struct datagram_sent *datagram_queue_take(struct datagram_queue *q)
{
	struct datagram_sent *d = q->first;

	if (!d)
		return NULL;
	q->first = d->next;
	if (!q->first)
		q->last = NULL;
	return d;
}
