// SPDX-License-Identifier: BSD-2-Clause
/* device.c - The NIC of a host */
#include "endpoint/device.h"

#include <stdlib.h>
#include <string.h>

#include "packet/parse.h"
#include "packet/pseudo.h"
#include "packet/verify.h"

#define ETHERNET sizeof(struct eth_header)
#define HEADER_MAX (ETHERNET + sizeof(struct ipv6_header) + TCP_SEGMENT_HEADER_MAX)
#define UNIT_MAX (65535 + ETHERNET)
#define TCP_CHECKSUM_AT 16
#define N_FLOWS 64

/* ---- ICMP ------------------------------------------------------------------------ */

static bool icmp_kind(const uint8_t *icmp, bool v6, struct datagram *d)
{
	if (v6) {
		d->icmp = icmp[0] == 2 ? TCP_ICMP_TOO_BIG : TCP_ICMP_SOFT;
		d->mtu = (uint16_t)load_be32(icmp + 4);
		return icmp[0] >= 1 && icmp[0] <= 4;
	}
	d->mtu = load_be16(icmp + 6);
	d->icmp = icmp[0] != 3 ? TCP_ICMP_SOFT :
		  icmp[1] == 4 ? TCP_ICMP_TOO_BIG :
		  icmp[1] == 2 || icmp[1] == 3 ? TCP_ICMP_HARD : TCP_ICMP_SOFT;
	return icmp[0] == 3 || icmp[0] == 11;
}

static void take_icmp(struct device *dev, const uint8_t *ip, uint32_t len,
		      bool v6)
{
	uint32_t header = v6 ? 40 : 20;
	const uint8_t *icmp = ip + header, *quote = icmp + 8;
	struct datagram d = { .is_icmp = true };

	if (len < 2 * header + 16 || ip[v6 ? 6 : 9] != (v6 ? 58 : 1) ||
	    !icmp_is_whole(ip, v6, icmp, len - header) ||
	    !icmp_kind(icmp, v6, &d)) {
		dev->n_bad++;
		return;
	}
	tcp_tuple_read(&d.tuple, quote, v6, quote + header, true);
	d.quoted = seq(load_be32(quote + header + 4));
	dev->arrive(dev->ctx, &d);
}

/* ---- Segments ----------------------------------------------------------------------- */

/* Of a unit that nobody has cut. */
static uint32_t frames_in(const struct device *dev, const struct tto_packet *p)
{
	uint32_t most = dev->mtu - (p->header_len - p->l3);

	return p->n_frames == 1 && p->payload_len > most ?
	       (p->payload_len + most - 1) / most : p->n_frames;
}

static void take_segment(struct device *dev, const uint8_t *frame,
			 const struct tto_packet *p)
{
	const uint8_t *ip = frame + p->l3, *tcp = frame + p->l4;
	struct datagram d = { .payload = p->segments };
	uint32_t len = p->header_len - p->l4 + p->payload_len;

	if (tcp_segment_parse(&d.segment, tcp, len) == 0) {
		dev->n_bad++;
		return;
	}
	d.segment.n_frames = (uint16_t)frames_in(dev, p);
	d.segment.ecn = p->v6 ? ip[1] >> 4 & 3 : ip[1] & 3;
	tcp_tuple_read(&d.tuple, ip, p->v6, tcp, false);
	dev->n_joined += p->n_frames > 1;
	dev->arrive(dev->ctx, &d);
}

/* A frame as it came. */
static void take_frame(struct device *dev, const uint8_t *frame, uint32_t len,
		       uint8_t csum)
{
	struct tto_segment payload = { 0 };
	struct tto_packet p = { .segments = &payload, .n_frames = 1 };
	struct seg s;

	if (parse_frame(PARSE_LINK_ETHERNET, frame, len, &s) != PARSE_TCP) {
		uint16_t type = parse_link(PARSE_LINK_ETHERNET, frame, len, &s);

		if (type)
			take_icmp(dev, frame + s.l3, len - s.l3,
				  type == ETHERTYPE_IPV6);
		return;
	}
	if (!verify_segment(frame, &s, csum != TTO_CSUM_UNKNOWN)) {
		dev->n_bad++;
		return;
	}
	payload = (struct tto_segment){ .payload = frame + s.payload,
					.len = s.payload_len };
	p.header_len = s.payload;
	p.payload_len = s.payload_len;
	p.l3 = s.l3;
	p.l4 = s.l4;
	p.v6 = s.v6;
	take_segment(dev, frame, &p);
}

/* ---- Receive -------------------------------------------------------------------------- */

static void free_buffer(struct device *d, void *bytes)
{
	free(bytes);
	d->n_buffers--;
}

static void deliver(void *ctx, const struct tto_packet *p)
{
	struct device *d = ctx;
	const struct tto_segment *s;

	d->n_taken += p->n_frames;
	if (d->is_closing)
		;
	else if (p->changed)
		take_segment(d, p->header, p);
	else
		take_frame(d, p->header, p->header_len, p->csum);
	if (!d->gather)
		return;
	for (s = p->segments; s; s = s->next)
		if (s->cookie)
			free_buffer(d, s->cookie);
}

void device_open(struct device *d, const struct host_setup *setup)
{
	const struct side *side = setup->side;
	struct tto_coalescer_options o = {
		.size = sizeof(o),
		.policy = setup->aggregation == AGGREGATE_HOST ? TTO_POLICY_HOST :
							  TTO_POLICY_LOSSLESS,
		.output = side->gather ? TTO_OUTPUT_GATHER : TTO_OUTPUT_CONTIGUOUS,
		.flows = N_FLOWS,
		.ral = side->ral,
		.segments = 1024,
		.buffers = 16,
		.timeout_aggregation_ns = side->hold,
		.timeout_ack_aggregation_ns = side->hold / 2,
	};

	d->coalescer = NULL;
	d->is_closing = false;
	d->gather = side->gather;
	d->csum = setup->csum;
	d->tso = setup->tso;
	d->mtu = side->mtu;
	memcpy(d->mac, setup->mac, sizeof(d->mac));
	memcpy(d->peer_mac, setup->peer_mac, sizeof(d->peer_mac));
	d->ip_id = 0;
	d->n_buffers = 0;
	d->n_bad = d->n_sent = d->n_taken = d->n_joined = 0;
	if (setup->aggregation == AGGREGATE_NOT)
		return;
	if (tto_coalescer_open(&d->coalescer, &o, deliver, d))
		abort();
}

/* What is held is freed, and goes nowhere. */
void device_close(struct device *d)
{
	d->is_closing = true;
	if (d->coalescer)
		tto_coalescer_flush(d->coalescer, 0);
	tto_coalescer_close(d->coalescer);
}

void device_take(struct device *d, const struct tto_frame *frames, size_t n,
		 ns_t now)
{
	if (d->coalescer) {
		tto_coalescer_push(d->coalescer, frames, n, now);
		return;
	}
	for (; n > 0; n--, frames++) {
		d->n_taken++;
		take_frame(d, frames->data, frames->len, frames->csum);
	}
}

void device_push(struct device *d, uint8_t *bytes, uint32_t len, ns_t now)
{
	struct tto_frame frame = { .data = bytes, .len = len, .cookie = bytes };

	d->n_buffers++;
	device_take(d, &frame, 1, now);
	if (!d->coalescer || !d->gather)	/* else until it comes back     */
		free_buffer(d, bytes);
}

void device_flush(struct device *d, ns_t now)
{
	if (d->coalescer)
		tto_coalescer_flush(d->coalescer, now);
}

ns_t device_poll(struct device *d, ns_t now)
{
	return d->coalescer ? tto_coalescer_poll(d->coalescer, now) : NS_NEVER;
}

/* ---- Transmit --------------------------------------------------------------------------- */

static void cut(struct device *d, const struct tto_unit *unit,
		const struct wire_offload *o)
{
	uint8_t frame[UNIT_MAX];
	struct tto_segmenter s;
	int n = tto_segmenter_begin(&s, unit);

	if (n < 0)
		verdict_fail(d->verdict, "the device cannot cut a pseudo frame: %d", n);
	for (; n > 0; n--) {
		struct tto_slot slot = { .data = frame, .size = sizeof(frame) };

		if (tto_segmenter_next(&s, &slot, 1) != 1)
			break;
		if (!o->gso_type && slot.len > d->mtu + ETHERNET)
			verdict_fail(d->verdict, "%zu bytes of IP sent, the interface takes %u",
				     slot.len - ETHERNET, d->mtu);
		d->ip_id++;
		d->n_sent++;
		d->transmit(d->ctx, frame, slot.len, o);
	}
}

/* What the wire is to do with @unit; that is not done here then. */
static struct wire_offload leave_to_wire(const struct device *d,
					 struct tto_unit *unit,
					 const struct tcp_tuple *tuple,
					 uint32_t payload)
{
	struct wire_offload o = { 0 };

	if (!d->csum)
		return o;
	unit->flags |= TTO_UNIT_PARTIAL_CSUM;
	o.flags = WIRE_NEEDS_CSUM;
	o.csum_start = ETHERNET + (tuple->v6 ? 40 : 20);
	o.csum_offset = TCP_CHECKSUM_AT;
	if (!d->tso || payload <= unit->mss)
		return o;
	o.gso_type = tuple->v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4;
	o.gso_size = unit->mss;
	o.hdr_len = (uint16_t)unit->header_len;
	unit->mss = UINT16_MAX;
	return o;
}

void device_send(struct device *d, const struct tcp_tuple *tuple,
		 const struct tcp_segment *segment, const uint8_t *payload,
		 uint16_t mss)
{
	struct tcp_segment s = *segment;
	struct iovec iov = { (void *)(uintptr_t)payload, s.len };
	uint8_t header[HEADER_MAX];
	uint32_t len = ETHERNET;
	struct wire_offload o;
	struct tto_unit unit;

	memcpy(header, d->peer_mac, 6);
	memcpy(header + 6, d->mac, 6);
	store_be16(header + 12, tuple->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	len += tcp_tuple_write_ip(tuple, s.ecn, 64, d->ip_id, header + len);
	s.source_port = tuple->local_port;
	s.destination_port = tuple->remote_port;
	len += tcp_segment_emit(&s, header + len);
	unit = (struct tto_unit){
		.header = header, .header_len = len, .mss = mss,
		.link = TTO_LINK_ETHERNET, .cut = TTO_CUT_TCP,
		.n_payload = s.len != 0, .payload = &iov,
	};
	o = leave_to_wire(d, &unit, tuple, s.len);
	cut(d, &unit, &o);
}
