// SPDX-License-Identifier: BSD-2-Clause
/*
 * frames.c - Frames for tests, written field by field
 */
#include <string.h>

#include "nic/frames.h"

uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t naive_sum(uint16_t start, const uint8_t *p, size_t len)
{
	uint64_t sum = start;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return fold(sum);
}

uint16_t naive_pseudo(const uint8_t *ip, bool v6, uint32_t len)
{
	uint16_t sum = v6 ? naive_sum(0, ip + 8, 32) : naive_sum(0, ip + 12, 8);

	return fold((uint64_t)sum + 6 + (len >> 16) + (len & 0xffff));
}

uint8_t frame_stream_byte(uint32_t stream, uint32_t seq)
{
	uint32_t x = (stream + 1) * 0x9e3779b1u ^ seq * 0x85ebca6bu;

	x ^= x >> 15;
	return (uint8_t)(x * 0x2c1b3c6du >> 24);
}

struct frame_spec frame_defaults(void)
{
	return (struct frame_spec){
		.link = TTO_LINK_ETHERNET, .mac = 1,
		.source = 1, .destination = 2,
		.source_port = 5001, .destination_port = 80,
		.ttl = 64, .id = 100, .fragment = F_DF, .protocol = 6,
		.seq = 1000, .ack = 7000, .flags = F_ACK, .window = 512,
		.payload_len = 1000,
	};
}

void frame_options(struct frame_spec *spec, const void *options, uint8_t len)
{
	memset(spec->options, 1, sizeof(spec->options));
	memcpy(spec->options, options, len);
	spec->options_len = (uint8_t)((len + 3) / 4 * 4);
}

void frame_timestamp(struct frame_spec *spec, uint32_t tsval, uint32_t tsecr)
{
	uint8_t *o = spec->options;

	o[0] = 1;
	o[1] = 1;
	o[2] = 8;
	o[3] = 10;
	put32(o + 4, tsval);
	put32(o + 8, tsecr);
	spec->options_len = 12;
}

void frame_sack(struct frame_spec *spec, uint32_t left, uint32_t right)
{
	uint8_t *o = spec->options + spec->options_len;

	o[0] = 1;
	o[1] = 1;
	o[2] = 5;
	o[3] = 10;
	put32(o + 4, left);
	put32(o + 8, right);
	spec->options_len += 12;
}

void frame_tag(struct frame_spec *spec, uint16_t tpid, uint16_t tci)
{
	spec->tpid[spec->n_tags] = tpid;
	spec->tci[spec->n_tags] = tci;
	spec->n_tags++;
}

void frame_reverse(struct frame_spec *spec)
{
	uint16_t host = spec->source, port = spec->source_port;

	spec->source = spec->destination;
	spec->destination = host;
	spec->source_port = spec->destination_port;
	spec->destination_port = port;
}

uint32_t frame_link_bytes(const struct frame_spec *spec)
{
	static const uint8_t fixed[TTO_N_LINKS] = {
		[TTO_LINK_ETHERNET] = 14, [TTO_LINK_IP] = 0,
		[TTO_LINK_NULL] = 4, [TTO_LINK_SLL] = 16, [TTO_LINK_SLL2] = 20,
	};

	return fixed[spec->link] + 4u * spec->n_tags;
}

uint32_t frame_header_bytes(const struct frame_spec *spec)
{
	return frame_link_bytes(spec) + (spec->v6 ? 40 : 20) +
	       spec->ip_extra_len + 20 + spec->options_len;
}

/* Type of what follows the link header and its first @tag tags. */
static uint16_t type_after(const struct frame_spec *spec, uint8_t tag)
{
	if (tag < spec->n_tags)
		return spec->tpid[tag];
	return spec->v6 ? 0x86dd : 0x0800;
}

static uint8_t *build_link(const struct frame_spec *spec, uint8_t *p)
{
	static const uint8_t destination[6] = { 2, 0xdd, 0, 0, 0, 0 };
	static const uint8_t source[6] = { 2, 0x55, 0, 0, 0, 0 };

	switch (spec->link) {
	case TTO_LINK_ETHERNET:
		memcpy(p, destination, 6);
		memcpy(p + 6, source, 6);
		p[5] = p[11] = spec->mac;
		put16(p + 12, type_after(spec, 0));
		p += 14;
		break;
	case TTO_LINK_NULL:	/* the family, in the sender's byte order      */
		memset(p, 0, 4);
		p[0] = spec->v6 ? 30 : 2;
		p += 4;
		break;
	case TTO_LINK_SLL:
		memset(p, 0, 16);
		p[3] = 1;
		p[5] = 6;
		p[11] = spec->mac;
		put16(p + 14, type_after(spec, 0));
		p += 16;
		break;
	case TTO_LINK_SLL2:
		memset(p, 0, 20);
		put16(p, type_after(spec, 0));
		p[7] = 3;
		p[11] = 6;
		p[17] = spec->mac;
		p += 20;
		break;
	default:
		break;
	}
	for (uint8_t tag = 0; tag < spec->n_tags; tag++, p += 4) {
		put16(p, spec->tci[tag]);
		put16(p + 2, type_after(spec, (uint8_t)(tag + 1)));
	}
	return p;
}

static uint8_t *build_ipv4(const struct frame_spec *spec, uint8_t *p,
			   uint32_t tcp_len)
{
	uint32_t len = 20u + spec->ip_extra_len;

	memset(p, 0, 20);
	p[0] = (uint8_t)(0x40 | len / 4);
	p[1] = spec->tos;
	put16(p + 2, (uint16_t)(len + tcp_len));
	put16(p + 4, spec->id);
	put16(p + 6, spec->fragment);
	p[8] = spec->ttl;
	p[9] = spec->protocol;
	p[12] = p[16] = 10;
	put16(p + 14, spec->source);
	put16(p + 18, spec->destination);
	memcpy(p + 20, spec->ip_extra, spec->ip_extra_len);
	if (spec->ip_sum == SUM_ALL_ONES) {
		put16(p + 4, 0);
		put16(p + 4, (uint16_t)~naive_sum(0, p, len));
		put16(p + 10, 0xffff);
		return p + len;
	}
	put16(p + 10, (uint16_t)~naive_sum(0, p, len));
	if (spec->ip_sum == SUM_WRONG)
		p[10] ^= 0x40;
	return p + len;
}

static uint8_t *build_ipv6(const struct frame_spec *spec, uint8_t *p,
			   uint32_t tcp_len)
{
	memset(p, 0, 40);
	put32(p, 6u << 28 | (uint32_t)spec->tos << 20 | spec->flow_label);
	put16(p + 4, (uint16_t)(spec->ip_extra_len + tcp_len));
	p[6] = spec->ip_extra_len ? spec->next_header : spec->protocol;
	p[7] = spec->ttl;
	p[8] = p[24] = 0x20;
	p[9] = p[25] = 1;
	put16(p + 22, spec->source);
	put16(p + 38, spec->destination);
	memcpy(p + 40, spec->ip_extra, spec->ip_extra_len);
	return p + 40 + spec->ip_extra_len;
}

static void tcp_checksum(const struct frame_spec *spec, const uint8_t *ip,
			 uint8_t *tcp, uint32_t len)
{
	uint16_t pseudo = naive_pseudo(ip, spec->v6, len);
	uint8_t *payload = tcp + 20 + spec->options_len;

	if (spec->csum == TTO_CSUM_PARTIAL) {
		put16(tcp + 16, pseudo);
		if (spec->tcp_sum == SUM_WRONG)
			tcp[16] ^= 0x40;
		return;
	}
	if (spec->tcp_sum == SUM_ALL_ONES && spec->payload_len >= 2) {
		put16(payload, 0);
		put16(payload, (uint16_t)~naive_sum(pseudo, tcp, len));
		put16(tcp + 16, 0xffff);
		return;
	}
	put16(tcp + 16, (uint16_t)~naive_sum(pseudo, tcp, len));
	if (spec->tcp_sum == SUM_WRONG)
		tcp[17] ^= 0x20;
}

uint32_t frame_build(const struct frame_spec *spec, uint8_t *out)
{
	uint32_t tcp_len = 20u + spec->options_len + spec->payload_len;
	uint8_t *ip = build_link(spec, out);
	uint8_t *tcp = spec->v6 ? build_ipv6(spec, ip, tcp_len)
				: build_ipv4(spec, ip, tcp_len);
	uint8_t *payload = tcp + 20 + spec->options_len;
	uint32_t i;

	put16(tcp, spec->source_port);
	put16(tcp + 2, spec->destination_port);
	put32(tcp + 4, spec->seq);
	put32(tcp + 8, spec->ack);
	put16(tcp + 12, (uint16_t)((5 + spec->options_len / 4) << 12 |
				   spec->flags));
	put16(tcp + 14, spec->window);
	put16(tcp + 16, 0);
	put16(tcp + 18, spec->urgent);
	memcpy(tcp + 20, spec->options, spec->options_len);
	for (i = 0; i < spec->payload_len; i++)
		payload[i] = frame_stream_byte(spec->stream, spec->seq + i);
	tcp_checksum(spec, ip, tcp, tcp_len);
	memset(payload + spec->payload_len, 0xee, spec->trailer);
	return (uint32_t)(payload - out) + spec->payload_len + spec->trailer;
}
