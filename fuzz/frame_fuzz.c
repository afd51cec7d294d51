// SPDX-License-Identifier: BSD-2-Clause
/*
 * frame_fuzz.c - parse_frame() on arbitrary bytes, against a second reader
 *
 * Input: one byte, the link type, then the frame. What parse_frame() finds must
 * lie inside the frame, and where the slow reader of the tests sees plain TCP,
 * both must see the same. An ICMP error is read with its checksums made right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/oracle.h"
#include "packet/icmp.h"
#include "packet/pseudo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "not so: %s\n", text);
	abort();
}

#define REQUIRE(condition) require(condition, #condition)

static void check_offsets(const struct seg *s, uint32_t len)
{
	REQUIRE(s->l3 <= s->l4 && s->l4 + 20 <= s->payload);
	REQUIRE(s->payload + s->payload_len == s->end && s->end <= len);
	REQUIRE(s->n_tags <= PARSE_MAX_TAGS);
	REQUIRE(s->protocol == PROTOCOL_TCP && s->has_tuple);
}

static void check_values(const struct seg *s, const struct view *v)
{
	REQUIRE(s->l3 == v->l3 && s->l4 == v->l4 && s->payload == v->payload);
	REQUIRE(s->end == v->end && s->v6 == v->v6 && s->n_tags == v->n_tags);
	REQUIRE(s->seq.n == v->seq && s->ack.n == v->ack);
	REQUIRE(s->flags == v->flags && s->window == v->window);
	for (int tag = 0; tag < s->n_tags; tag++)
		REQUIRE((s->tci[tag] & 0xfff) == v->vid[tag]);
}

static void check_options(const uint8_t *frame, const struct seg *s,
			  const struct view *v)
{
	uint32_t len = s->payload - s->l4 - 20u;
	struct tcp_options o;

	parse_tcp_options(frame + s->l4 + 20, len, &o);
	REQUIRE(!o.has_timestamp || o.timestamp_at + 8u <= len);
	REQUIRE(!o.timestamp_only || (o.has_timestamp && len == 12));
	if (!v->payload)
		return;		/* behind headers that the reader does not know */
	if (v->forbids_joining)
		REQUIRE(!o.well_formed || o.forbids_joining);
	else
		REQUIRE(o.well_formed && o.sack == v->sack &&
			!o.forbids_joining);
	if (o.has_timestamp && !v->forbids_joining)
		REQUIRE(v->has_timestamp && o.tsval == v->tsval &&
			o.tsecr == v->tsecr);
}

/* Its sums are made right before, which no input would guess. */
static void check_error(uint8_t *frame, const struct seg *s)
{
	uint32_t sum_at = s->l4 + 2u, len = s->end - s->l4;
	struct icmp_error e;

	if (s->l3 == PARSE_NO_OFFSET || s->l4 == PARSE_NO_OFFSET || len < 8)
		return;
	if (!s->v6) {
		store16(frame + s->l3 + 10, 0);
		store16(frame + s->l3 + 10,
			(uint16_t)~checksum_fold(checksum_header(frame + s->l3,
						 (size_t)s->l4 - s->l3)));
	}
	store16(frame + sum_at, 0);
	store16(frame + sum_at, (uint16_t)~checksum_fold(checksum_add(
			s->v6 ? pseudo_sum(frame + s->l3, true, PROTOCOL_ICMPV6, len) : 0,
			checksum_header(frame + s->l4, len))));
	if (!icmp_error_parse(frame, s, &e))
		return;
	REQUIRE(e.tuple.v6 == s->v6 && e.kind <= ICMP_ERROR_TOO_BIG);
	REQUIRE(!e.mtu || e.kind == ICMP_ERROR_TOO_BIG);
	REQUIRE(!memcmp(e.tuple.local, frame + s->l3 + (s->v6 ? 24 : 16),
			s->v6 ? 16 : 4));
	frame[s->l4 + 8] ^= 1;	/* in the quote                                 */
	REQUIRE(!icmp_error_parse(frame, s, &e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum parse_verdict verdict;
	uint8_t link, *frame;
	struct view v;
	struct seg s;

	if (!size || size > 70000)
		return 0;
	link = data[0] % TTO_N_LINKS;
	size--;
	frame = malloc(size ? size : 1);	/* exact: a byte too far shows */
	if (!frame)
		return 0;
	memcpy(frame, data + 1, size);
	verdict = parse_frame(link, frame, (uint32_t)size, &s);
	view_read(&v, link, frame, (uint32_t)size, false);
	if (verdict == PARSE_TCP || verdict == PARSE_TCP_IP_OPTIONS) {
		check_offsets(&s, (uint32_t)size);
		check_options(frame, &s, &v);
	}
	if (verdict == PARSE_TCP) {
		REQUIRE(v.tcp && v.tuple && !v.ip_extra);
		check_values(&s, &v);
	}
	if (v.tcp && v.tuple)
		REQUIRE(verdict == (v.ip_extra ? PARSE_TCP_IP_OPTIONS
					       : PARSE_TCP));
	if (verdict == PARSE_NOT_TCP)
		check_error(frame, &s);
	free(frame);
	return 0;
}
