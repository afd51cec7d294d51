// SPDX-License-Identifier: BSD-2-Clause
/* tcp_segment.c - A TCP segment as values, and the header that says the same */
#include "packet/tcp_segment.h"

#include "packet/headers.h"

enum {				/* kinds that headers.h does not need           */
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACK_PERMITTED = 4,
};

enum {				/* lengths, RFC 9293 §3.2, RFC 7323, RFC 2018   */
	BYTES_MSS = 4,
	BYTES_WSCALE = 3,
	BYTES_SACK_PERMITTED = 2,
	BYTES_TIMESTAMP = 10,
	BYTES_SACK_HEAD = 2,
	BYTES_SACK_BLOCK = 8,
};

static void take_sacks(struct tcp_segment *s, const uint8_t *o, uint32_t bytes)
{
	uint32_t n = (bytes - BYTES_SACK_HEAD) / BYTES_SACK_BLOCK;

	if (bytes != BYTES_SACK_HEAD + n * BYTES_SACK_BLOCK ||
	    n > TCP_SEGMENT_SACKS)
		return;
	s->n_sack = (uint8_t)n;
	for (uint32_t k = 0; k < n; k++) {
		const uint8_t *b = o + BYTES_SACK_HEAD + k * BYTES_SACK_BLOCK;

		s->sack[k].start = seq(load_be32(b));
		s->sack[k].end = seq(load_be32(b + 4));
	}
}

static void take_timestamp(struct tcp_segment *s, const uint8_t *values)
{
	s->has |= TCP_HAS_TIMESTAMP;
	s->tsval = load_be32(values);
	s->tsecr = load_be32(values + 4);
}

/* One option, @bytes at @o, head included. */
static void take_option(struct tcp_segment *s, const uint8_t *o, uint32_t bytes)
{
	switch (o[0]) {
	case OPTION_MSS:
		if (bytes == BYTES_MSS) {
			s->has |= TCP_HAS_MSS;
			s->mss = load_be16(o + 2);
		}
		break;
	case OPTION_WSCALE:
		if (bytes == BYTES_WSCALE) {
			s->has |= TCP_HAS_WSCALE;
			s->wscale = o[2];
		}
		break;
	case OPTION_SACK_PERMITTED:
		if (bytes == BYTES_SACK_PERMITTED)
			s->has |= TCP_HAS_SACK_PERMITTED;
		break;
	case TCPOPT_SACK:
		take_sacks(s, o, bytes);
		break;
	case TCPOPT_TIMESTAMP:
		if (bytes == BYTES_TIMESTAMP)
			take_timestamp(s, o + 2);
		break;
	case TCPOPT_MD5:
	case TCPOPT_AO:
		s->has |= TCP_HAS_SIGNATURE;
		break;
	}
}

static void take_options(struct tcp_segment *s, const uint8_t *o, uint32_t len)
{
	uint32_t at = 0;

	while (at < len && o[at] != TCPOPT_END) {
		if (o[at] == TCPOPT_NOP) {
			at++;
			continue;
		}
		if (len - at < 2 || o[at + 1] < 2 || o[at + 1] > len - at)
			return;
		take_option(s, o + at, o[at + 1]);
		at += o[at + 1];
	}
}

uint32_t tcp_segment_parse(struct tcp_segment *s, const uint8_t *tcp,
			   uint32_t len)
{
	uint32_t header;

	if (len < sizeof(struct tcp_header))
		return 0;
	header = (uint32_t)(tcp[12] >> 4) * 4;
	if (header < sizeof(struct tcp_header) || header > len)
		return 0;

	s->source_port = load_be16(tcp);
	s->destination_port = load_be16(tcp + 2);
	s->seq = seq(load_be32(tcp + 4));
	s->ack = seq(load_be32(tcp + 8));
	s->flags = (uint16_t)((tcp[12] & 0x0f) << 8 | tcp[13]);
	s->window = load_be16(tcp + 14);
	s->urgent = load_be16(tcp + 18);
	s->len = len - header;
	s->n_frames = 1;
	s->ecn = TCP_ECN_NONE;
	s->has = s->wscale = s->n_sack = 0;
	s->mss = 0;
	s->tsval = s->tsecr = 0;
	if (header == sizeof(struct tcp_header) + TCPOPT_TIMESTAMP_BYTES &&
	    load_be32(tcp + 20) == TCPOPT_TIMESTAMP_ALIGNED)
		take_timestamp(s, tcp + 24);
	else
		take_options(s, tcp + 20, header - 20);
	return header;
}

/* Blocks of @s for which there is room behind @used bytes of options. */
static uint32_t sacks_that_fit(const struct tcp_segment *s, uint32_t used)
{
	uint32_t room = TCP_SEGMENT_HEADER_MAX - 20 - used;
	uint32_t fit = room < 4 ? 0 : (room - 4) / BYTES_SACK_BLOCK;

	return s->n_sack < fit ? s->n_sack : fit;
}

static uint32_t bytes_before_sacks(const struct tcp_segment *s)
{
	uint32_t n = 0;

	if (s->has & TCP_HAS_MSS)
		n += 4;
	if (s->has & TCP_HAS_TIMESTAMP)
		n += 12;	/* SACK permitted fills what would be padding   */
	else if (s->has & TCP_HAS_SACK_PERMITTED)
		n += 4;
	if (s->has & TCP_HAS_WSCALE)
		n += 4;
	return n;
}

uint32_t tcp_segment_header_bytes(const struct tcp_segment *s)
{
	uint32_t n = bytes_before_sacks(s), sacks = sacks_that_fit(s, n);

	return 20 + n + (sacks ? 4 + sacks * BYTES_SACK_BLOCK : 0);
}

static uint8_t *put_head(uint8_t *o, uint8_t kind, uint8_t bytes)
{
	o[0] = kind;
	o[1] = bytes;
	return o + 2;
}

static uint8_t *put_nops(uint8_t *o, uint32_t n)
{
	memset(o, TCPOPT_NOP, n);
	return o + n;
}

static uint8_t *put_sack_permitted_and_timestamp(const struct tcp_segment *s,
						 uint8_t *o)
{
	bool permitted = s->has & TCP_HAS_SACK_PERMITTED;

	if (!permitted && !(s->has & TCP_HAS_TIMESTAMP))
		return o;
	if (!permitted || !(s->has & TCP_HAS_TIMESTAMP))
		o = put_nops(o, 2);
	if (permitted)
		o = put_head(o, OPTION_SACK_PERMITTED, BYTES_SACK_PERMITTED);
	if (s->has & TCP_HAS_TIMESTAMP) {
		o = put_head(o, TCPOPT_TIMESTAMP, BYTES_TIMESTAMP);
		store_be32(o, s->tsval);
		store_be32(o + 4, s->tsecr);
		o += 8;
	}
	return o;
}

static uint8_t *put_sacks(const struct tcp_segment *s, uint8_t *o, uint32_t n)
{
	if (n == 0)
		return o;
	o = put_nops(o, 2);
	o = put_head(o, TCPOPT_SACK,
		     (uint8_t)(BYTES_SACK_HEAD + n * BYTES_SACK_BLOCK));
	for (uint32_t k = 0; k < n; k++, o += BYTES_SACK_BLOCK) {
		store_be32(o, s->sack[k].start.n);
		store_be32(o + 4, s->sack[k].end.n);
	}
	return o;
}

static void put_fixed(const struct tcp_segment *s, uint8_t *tcp, uint32_t header)
{
	store_be16(tcp, s->source_port);
	store_be16(tcp + 2, s->destination_port);
	store_be32(tcp + 4, s->seq.n);
	store_be32(tcp + 8, s->ack.n);
	tcp[12] = (uint8_t)(header / 4 << 4 | (s->flags >> 8 & 0x0f));
	tcp[13] = (uint8_t)s->flags;
	store_be16(tcp + 14, s->window);
	store_be16(tcp + 16, 0);
	store_be16(tcp + 18, s->urgent);
}

uint32_t tcp_segment_emit(const struct tcp_segment *s, uint8_t *tcp)
{
	uint32_t sacks = sacks_that_fit(s, bytes_before_sacks(s));
	uint32_t header = tcp_segment_header_bytes(s);
	uint8_t *o = tcp + 20;

	put_fixed(s, tcp, header);
	if (s->has & TCP_HAS_MSS) {
		o = put_head(o, OPTION_MSS, BYTES_MSS);
		store_be16(o, s->mss);
		o += 2;
	}
	o = put_sack_permitted_and_timestamp(s, o);
	if (s->has & TCP_HAS_WSCALE) {
		o = put_head(put_nops(o, 1), OPTION_WSCALE, BYTES_WSCALE);
		*o++ = s->wscale;
	}
	put_sacks(s, o, sacks);
	return header;
}
