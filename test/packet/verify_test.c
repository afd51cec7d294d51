// SPDX-License-Identifier: BSD-2-Clause
/*
 * verify_test.c - RX-15: a checksum that is judged by the sum of all bytes
 *
 * Against one that is summed over the segment, byte pair by byte pair as RFC 1071 has it,
 * for segments of both families, whole and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/verify.h"

#define FRAMES 200000
#define FRAME_MAX 1514

static uint32_t plain_sum(uint32_t sum, const uint8_t *at, uint32_t len)
{
	for (uint32_t n = 0; n < len; n++)
		sum += n % 2 ? at[n] : (uint32_t)at[n] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of the segment behind an IP header of @l3 bytes at @ip, field included. */
static uint16_t segment_sum(const uint8_t *ip, bool v6, uint32_t len)
{
	uint32_t l3 = v6 ? 40 : 20, sum = 6 + (len - l3);

	sum = plain_sum(sum, ip + (v6 ? 8 : 12), v6 ? 32 : 8);
	return fold(plain_sum(sum, ip + l3, len - l3));
}

/* Return: bytes of a frame with right checksums. */
static uint32_t make(uint8_t *frame, bool v6)
{
	uint32_t l3 = v6 ? 40 : 20, len = l3 + 20 + (uint32_t)rand() % (1500 - l3 - 19);
	uint8_t *ip = frame + 14;

	for (uint32_t n = 0; n < 14 + len; n++)
		frame[n] = (uint8_t)rand();
	store_be16(frame + 12, v6 ? 0x86dd : 0x0800);
	ip[0] = v6 ? 0x60 : 0x45;
	ip[v6 ? 6 : 9] = 6;
	store_be16(ip + (v6 ? 4 : 2), (uint16_t)(v6 ? len - 40 : len));
	if (!v6) {
		store_be16(ip + 6, 0x4000);
		store_be16(ip + 10, 0);
		store_be16(ip + 10, (uint16_t)~fold(plain_sum(0, ip, 20)));
	}
	store_be16(ip + l3 + 16, 0);
	store_be16(ip + l3 + 16, (uint16_t)~segment_sum(ip, v6, len));
	return 14 + len;
}

static void rx_15_as_summed_over_the_segment(void **state)
{
	const struct checksum_ops *sums = checksum_select(NULL);
	unsigned n_right = 0;

	(void)state;
	srand(1);
	for (unsigned n = 0; n < FRAMES; n++) {
		uint8_t frame[FRAME_MAX], copy[FRAME_MAX];
		bool v6 = rand() % 2, is_right = rand() % 2;
		uint32_t len = make(frame, v6), at = 0;

		if (!is_right)	/* behind the IP header, which has its own      */
			at = 14 + (v6 ? 40 : 20) +
			     (uint32_t)rand() % (len - 14 - (v6 ? 40 : 20));
		if (at)
			frame[at] ^= (uint8_t)(1 << rand() % 8);
		is_right = segment_sum(frame + 14, v6, len - 14) == 0xffff;
		n_right += is_right;
		if (verify_tcp(frame, len, sums->copy(copy, frame, len)) != is_right)
			fail_msg("frame %u, %u bytes, byte %u", n, len, at);
	}
	assert_in_range(n_right, FRAMES / 3, FRAMES * 2 / 3);
}

/* Whatever is no plain segment is not judged, and no byte behind it is read. */
static void rx_15_what_is_something_else_is_left(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} changes[] = {
		{ 12, 0x81 }, { 14, 0x46 }, { 14, 0x55 }, { 20, 0x20 }, { 21, 1 },
		{ 23, 17 }, { 16, 0xff }, { 17, 0 },
	};
	const struct checksum_ops *sums = checksum_select("portable");
	uint8_t frame[FRAME_MAX + 1];
	uint32_t len = make(frame, false);

	(void)state;
	assert_true(verify_tcp(frame, len, sums->sum(frame, len)));
	frame[len] = 0;
	assert_false(verify_tcp(frame, len + 1, sums->sum(frame, len + 1)));
	for (unsigned n = 0; n < sizeof(changes) / sizeof(*changes); n++) {
		uint8_t old = frame[changes[n].at];

		frame[changes[n].at] = changes[n].value;
		assert_false(verify_tcp(frame, len, sums->sum(frame, len)));
		frame[changes[n].at] = old;
	}
	for (uint32_t cut = 0; cut < 54; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);

		memcpy(exact, frame, cut);
		assert_false(verify_tcp(exact, cut, sums->sum(exact, cut)));
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_15_as_summed_over_the_segment),
		cmocka_unit_test(rx_15_what_is_something_else_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
