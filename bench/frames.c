// SPDX-License-Identifier: BSD-2-Clause
/* frames.c - The frames that every contender is measured on */
#include "frames.h"

#include "base/bytes.h"
#include "base/compiler.h"
#include "bench.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/pseudo.h"

#define MTU 1500

/* Coprime to every number of flows that is used (2^a * 5^b). */
static const uint32_t multipliers[] = { 48271, 16807, 69621, 39373,
					7919,  30011, 52361, 12043 };

void frame_fill(void *memory, size_t bytes)
{
	uint64_t x = 0x9e3779b97f4a7c15;
	uint8_t *p = memory;

	for (size_t at = 0; at + 8 <= bytes; at += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + at, &x, 8);
	}
}

static uint32_t write_ethernet(uint8_t *out, bool v6)
{
	struct eth_header eth = {
		.destination = { 2, 0, 0, 0, 0, 1 },
		.source = { 2, 0, 0, 0, 0, 2 },
		.type = to_be16(v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4),
	};

	memcpy(out, &eth, sizeof(eth));
	return sizeof(eth);
}

static uint32_t write_ip(uint8_t *out, bool v6, uint8_t protocol, uint32_t len)
{
	struct ipv4_header ip4 = {
		.version_ihl = 0x45,
		.total_length = to_be16((uint16_t)(sizeof(ip4) + len)),
		.fragment = to_be16(IPV4_DF),
		.ttl = 64,
		.protocol = protocol,
		.source = { 10, 0, 0, 1 },
		.destination = { 10, 255, 0, 1 },
	};
	struct ipv6_header ip6 = {
		.version_class_label = to_be32(0x60000000),
		.payload_length = to_be16((uint16_t)len),
		.next_header = protocol,
		.hop_limit = 64,
		.source = { 0xfd, [15] = 1 },
		.destination = { 0xfd, [15] = 2 },
	};

	memcpy(out, v6 ? (void *)&ip6 : &ip4, v6 ? sizeof(ip6) : sizeof(ip4));
	return v6 ? sizeof(ip6) : sizeof(ip4);
}

static uint32_t write_tcp(uint8_t *out, bool timestamps)
{
	uint32_t words = timestamps ? 8 : 5;
	struct tcp_header tcp = {
		.source_port = to_be16(40000),
		.destination_port = to_be16(443),
		.ack = to_be32(0x01020304),
		.offset_reserved = (uint8_t)(words << 4),
		.flags = TCP_ACK,
		.window = to_be16(501),
	};

	memcpy(out, &tcp, sizeof(tcp));
	if (timestamps) {
		store_be32(out + 20, TCPOPT_TIMESTAMP_ALIGNED);
		store_be32(out + 24, 1000);
		store_be32(out + 28, 2000);
	}
	return words * 4;
}

static uint32_t write_udp(uint8_t *out, uint32_t payload)
{
	struct udp_header udp = {
		.source_port = to_be16(40000),
		.destination_port = to_be16(443),
		.length = to_be16((uint16_t)(sizeof(udp) + payload)),
	};

	memcpy(out, &udp, sizeof(udp));
	return sizeof(udp);
}

uint32_t frame_header(uint8_t *out, bool v6, bool udp, bool timestamps,
		      uint32_t payload)
{
	uint32_t transport = udp ? 8 : timestamps ? 32 : 20, at;

	at = write_ethernet(out, v6);
	at += write_ip(out + at, v6, udp ? PROTOCOL_UDP : PROTOCOL_TCP,
		       transport + payload);
	if (udp)
		return at + write_udp(out + at, payload);
	return at + write_tcp(out + at, timestamps);
}

bool frame_is_right(const uint8_t *header, uint32_t header_len,
		    uint32_t payload_len, uint32_t payload_sum)
{
	const uint8_t *ip = header + sizeof(struct eth_header);
	bool v6 = ip[0] >> 4 == 6;
	uint32_t at = v6 ? sizeof(struct ipv6_header) :
			   sizeof(struct ipv4_header);
	uint32_t transport = header_len - sizeof(struct eth_header) - at;
	uint32_t said = v6 ? load_be16(ip + 4) : load_be16(ip + 2) - at;
	uint32_t sum = pseudo_sum(ip, v6, v6 ? ip[6] : ip[9],
				  transport + payload_len);

	sum = checksum_add(sum, checksum_header(ip + at, transport));
	sum = checksum_add(sum, payload_sum);
	if (!v6 && checksum_fold(checksum_header(ip, at)) != 0xffff)
		return false;
	return said == transport + payload_len && checksum_fold(sum) == 0xffff;
}

static uint32_t ip_bytes(const struct frame_set *s)
{
	return s->shape.v6 ? sizeof(struct ipv6_header) :
			     sizeof(struct ipv4_header);
}

/* Source address and port tell the flows apart. */
static void write_flow(const struct frame_set *s, uint8_t *ip, uint32_t flow)
{
	uint8_t *tcp = ip + ip_bytes(s);

	if (s->shape.v6)
		store_be32(ip + offsetof(struct ipv6_header, source) + 12,
			   flow / 4);
	else
		store_be32(ip + offsetof(struct ipv4_header, source),
			   10u << 24 | flow / 4);
	store_be16(tcp, (uint16_t)(20000 + flow % 4 * 7919));
}

static void write_checksums(const struct frame_set *s, uint8_t *ip,
			    uint16_t payload_sum)
{
	uint8_t *tcp = ip + ip_bytes(s);
	uint32_t tcp_bytes = s->header_len - 14 - ip_bytes(s);
	uint32_t sum;

	if (!s->shape.v6)
		store16(ip + offsetof(struct ipv4_header, checksum),
			(uint16_t)~checksum_fold(checksum_header(ip, 20)));
	sum = pseudo_sum(ip, s->shape.v6, PROTOCOL_TCP,
			 tcp_bytes + s->payload_len);
	sum = checksum_add(sum, checksum_header(tcp, tcp_bytes));
	sum = checksum_add(sum, payload_sum);
	store16(tcp + offsetof(struct tcp_header, checksum),
		(uint16_t)~checksum_fold(sum));
}

void frame_set_write(const struct frame_set *s, uint32_t slot, uint32_t flow,
		     uint32_t nth)
{
	uint8_t *frame = frame_at(s, slot), *ip = frame + 14;

	memcpy(frame, s->template, s->header_len);
	write_flow(s, ip, flow);
	if (!s->shape.v6)
		store_be16(ip + offsetof(struct ipv4_header, id),
			   (uint16_t)nth);
	store_be32(ip + ip_bytes(s) + offsetof(struct tcp_header, seq),
		   flow * 0x9e3779b1u + nth * s->payload_len);
	write_checksums(s, ip, s->payload_sum[slot]);
}

uint32_t frame_set_flow(const struct frame_set *s, uint32_t round, uint32_t nth)
{
	uint64_t m = multipliers[round % ARRAY_SIZE(multipliers)];

	return (uint32_t)((nth * m + round) % s->shape.flows);
}

/* When a staggered flow sends its first frame: never before round 1. */
static uint32_t first_round(uint32_t flow)
{
	return 1 + flow % FRAMES_PER_AGGREGATE;
}

static void next_staggered(struct frame_stream *s)
{
	uint32_t flows = s->set->shape.flows;

	for (uint32_t nth = 0; nth < flows; nth++) {
		uint32_t flow = frame_set_flow(s->set, s->round, nth);
		uint32_t age = s->round - first_round(flow), slot;

		if (s->round < first_round(flow))
			continue;
		slot = age % FRAMES_PER_AGGREGATE ? flows + s->n : flow;
		frame_set_write(s->set, slot, flow, age);
		s->slot[s->n++] = slot;
	}
	s->round++;
}

static void next_rounds(struct frame_stream *s)
{
	const struct frame_shape *shape = &s->set->shape;
	uint32_t end = s->round + shape->rounds;

	for (; s->round < end; s->round++) {
		for (uint32_t nth = 0; nth < shape->flows; nth++) {
			uint32_t flow = frame_set_flow(s->set, s->round, nth);

			for (uint32_t i = 0; i < shape->train; i++, s->n++)
				frame_set_write(s->set, s->n, flow,
						s->round * shape->train + i);
		}
	}
}

void frame_stream_next(struct frame_stream *s)
{
	s->n = 0;
	if (s->set->shape.staggered)
		next_staggered(s);
	else
		next_rounds(s);
}

void frame_stream_open(struct frame_stream *s, const struct frame_set *set)
{
	*s = (struct frame_stream){ .set = set };
	s->slot = bench_memory(set->batch_max * sizeof(*s->slot));
	for (uint32_t slot = 0; slot < set->batch_max; slot++)
		s->slot[slot] = slot;
}

void frame_stream_close(struct frame_stream *s)
{
	bench_release(s->slot, s->set->batch_max * sizeof(*s->slot));
}

static void sum_payload(struct frame_set *s)
{
	for (uint32_t slot = 0; slot < s->n_slots; slot++) {
		uint8_t *frame = frame_at(s, slot);

		s->payload_sum[slot] = checksum_fold(checksum_header(
			frame + s->header_len, s->payload_len));
	}
}

void frame_set_open(struct frame_set *s, const struct frame_shape *shape)
{
	*s = (struct frame_set){ .shape = *shape };
	s->header_len = 14 + (shape->v6 ? 40 : 20) +
			(shape->timestamps ? 32 : 20);
	s->payload_len = 14 + MTU - s->header_len;
	s->batch_max = shape->staggered ? shape->flows :
		       shape->flows * shape->rounds * shape->train;
	s->n_slots = shape->staggered ? 2 * shape->flows : s->batch_max;
	frame_header(s->template, shape->v6, false, shape->timestamps,
		     s->payload_len);
	s->memory = bench_memory((size_t)s->n_slots * FRAME_STRIDE);
	s->payload_sum = bench_memory((size_t)s->n_slots * 2);
	frame_fill(s->memory, (size_t)s->n_slots * FRAME_STRIDE);
	sum_payload(s);
}

void frame_set_close(struct frame_set *s)
{
	bench_release(s->memory, (size_t)s->n_slots * FRAME_STRIDE);
	bench_release(s->payload_sum, (size_t)s->n_slots * 2);
	s->memory = NULL;
	s->payload_sum = NULL;
}
