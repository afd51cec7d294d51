// SPDX-License-Identifier: BSD-2-Clause
/* tcp_segment_test.c - Headers of TCP to values and back. Covers SPEC LIB-4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "packet/headers.h"
#include "packet/tcp_segment.h"

static uint64_t state_of_random = 1;

static uint32_t random32(void)
{
	state_of_random = state_of_random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state_of_random >> 32);
}

/* What emit() has room for. */
static struct tcp_segment any_segment(void)
{
	struct tcp_segment s = {
		.seq = seq(random32()), .ack = seq(random32()),
		.len = random32() % 70000, .flags = random32() & 0xfff,
		.window = (uint16_t)random32(), .urgent = (uint16_t)random32(),
		.n_frames = 1,
		.source_port = (uint16_t)random32(),
		.destination_port = (uint16_t)random32(),
		.has = random32() & 0x0f,
	};

	if (s.has & TCP_HAS_MSS)
		s.mss = (uint16_t)random32();
	if (s.has & TCP_HAS_WSCALE)
		s.wscale = random32() % 15;
	if (s.has & TCP_HAS_TIMESTAMP) {
		s.tsval = random32();
		s.tsecr = random32();
	}
	s.n_sack = (uint8_t)(random32() % ((s.has & ~TCP_HAS_TIMESTAMP) ? 3 :
					   (s.has & TCP_HAS_TIMESTAMP) ? 4 : 5));
	if (s.has == 0x0f || (s.has & 0x07) == 0x07)
		s.n_sack = s.n_sack > 1 ? 1 : s.n_sack;
	for (uint32_t k = 0; k < s.n_sack; k++)
		s.sack[k] = (struct tcp_sack){ seq(random32()), seq(random32()) };
	return s;
}

static void what_is_emitted_is_parsed_to_the_same(void **state)
{
	uint8_t bytes[TCP_SEGMENT_HEADER_MAX];

	(void)state;
	for (uint32_t n = 0; n < 200000; n++) {
		struct tcp_segment s = any_segment(), p;
		uint32_t header;

		p = s;		/* padding included */
		p.seq.n = ~p.seq.n;
		p.tsval = p.tsecr = p.mss = 0xee;
		p.has = p.wscale = p.n_sack = p.ecn = 0xee;
		memset(bytes, 0xdd, sizeof(bytes));
		header = tcp_segment_emit(&s, bytes);
		assert_int_equal(header, tcp_segment_header_bytes(&s));
		assert_int_equal(header % 4, 0);
		assert_in_range(header, 20, 60);
		assert_int_equal(tcp_segment_parse(&p, bytes, header + s.len),
				 header);
		for (uint32_t k = s.n_sack; k < TCP_SEGMENT_SACKS; k++)
			p.sack[k] = s.sack[k];
		if (memcmp(&p, &s, sizeof(p)) != 0)
			fail_msg("example %u, options %02x, blocks %u", n, s.has,
				 s.n_sack);
	}
}

static uint32_t parse_options(struct tcp_segment *s, const uint8_t *options,
			      uint32_t len)
{
	uint8_t bytes[TCP_SEGMENT_HEADER_MAX] = { 0 };

	memcpy(bytes + 20, options, len);
	bytes[12] = (uint8_t)((20 + len) / 4 << 4);
	return tcp_segment_parse(s, bytes, 20 + len);
}

/* MUST-5: any segment; MUST-6: unknown ones; MUST-7: illegal lengths. */
static void must_5_6_7_options_that_are_odd(void **state)
{
	static const struct {
		uint8_t o[12];
		uint8_t has;
	} T[] = {
/* 1 */		{ { 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5 }, 0x00 },	/* behind the end */
/* 2 */		{ { 2, 4, 5, 0xb4, 3, 3, 7, 1 }, 0x03 },
/* 3 */		{ { 2, 3, 5, 4, 2, 0, 0, 0 }, 0x04 },	/* MSS of 3 bytes       */
/* 4 */		{ { 254, 6, 1, 2, 3, 4, 4, 2 }, 0x04 },	/* unknown              */
/* 5 */		{ { 4, 0, 4, 2, 4, 2, 4, 2 }, 0x00 },	/* length 0             */
/* 6 */		{ { 4, 1, 4, 2, 4, 2, 4, 2 }, 0x00 },	/* length 1             */
/* 7 */		{ { 0, 4, 2, 4, 2, 0, 0, 0 }, 0x00 },	/* behind the end       */
/* 8 */		{ { 4, 2, 19, 200, 0, 0, 0, 0 }, 0x04 },	/* too long     */
/* 9 */		{ { 19, 4, 0, 0, 29, 4, 0, 0 }, TCP_HAS_SIGNATURE },
/* 10 */	{ { 5, 4, 0, 0, 4, 2, 1, 1 }, 0x04 },	/* SACK of half a block */
	};

	(void)state;
	for (uint32_t k = 0; k < ARRAY_SIZE(T); k++) {
		struct tcp_segment s;

		assert_int_equal(parse_options(&s, T[k].o, 12), 32);
		if (s.has != T[k].has || s.n_sack)
			fail_msg("case %u: %02x", k + 1, s.has);
	}
}

static void a_header_that_is_not_whole_is_refused(void **state)
{
	uint8_t bytes[60] = { 0 };
	struct tcp_segment s;

	(void)state;
	for (uint32_t offset = 0; offset < 16; offset++) {
		bytes[12] = (uint8_t)(offset << 4);
		for (uint32_t len = 0; len <= 60; len++)
			assert_int_equal(tcp_segment_parse(&s, bytes, len),
					 offset >= 5 && offset * 4 <= len ?
					 offset * 4 : 0);
	}
}

static void random_bytes_parse_without_harm(void **state)
{
	uint8_t bytes[TCP_SEGMENT_HEADER_MAX], again[TCP_SEGMENT_HEADER_MAX];

	(void)state;
	for (uint32_t n = 0; n < 200000; n++) {
		struct tcp_segment s;
		uint32_t header;

		for (uint32_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)random32() % (n & 1 ? 12 : 255);
		bytes[12] = (uint8_t)(bytes[12] | 0x50);
		header = tcp_segment_parse(&s, bytes, sizeof(bytes));
		assert_true(s.n_sack <= TCP_SEGMENT_SACKS);
		assert_int_equal(s.len, 60 - header);
		s.wscale = s.wscale > 14 ? 14 : s.wscale;
		assert_in_range(tcp_segment_emit(&s, again), 20, 60);
	}
}

/* With timestamps there is room for three blocks, RFC 2018 §3. */
static void blocks_that_do_not_fit_are_left_out(void **state)
{
	struct tcp_segment s = { .has = TCP_HAS_TIMESTAMP, .n_sack = 4 }, p;
	uint8_t bytes[TCP_SEGMENT_HEADER_MAX];

	(void)state;
	assert_int_equal(tcp_segment_emit(&s, bytes), 60);
	tcp_segment_parse(&p, bytes, 60);
	assert_int_equal(p.n_sack, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_emitted_is_parsed_to_the_same),
		cmocka_unit_test(must_5_6_7_options_that_are_odd),
		cmocka_unit_test(a_header_that_is_not_whole_is_refused),
		cmocka_unit_test(random_bytes_parse_without_harm),
		cmocka_unit_test(blocks_that_do_not_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
