// SPDX-License-Identifier: BSD-2-Clause
/*
 * isn_test.c - Initial sequence numbers and timestamp offsets
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/isn.h"

#define SECOND 1000000000ULL

static const struct isn_secret secret = { .key = { 1, 2, 3, 4 } };

static struct tcp_tuple tuple(uint32_t n)
{
	struct tcp_tuple t = { .local = { 192, 168, 0, 1 }, .local_port = 80,
			       .remote = { 10 }, .remote_port = 1024 };

	store_be32(t.remote, 0x0a000000 + n / 1000);
	t.remote_port = (uint16_t)(1024 + n % 1000);
	return t;
}

/* RFC 9293 §3.4.1, MUST-8: it goes on by one each 4 us, over all 32 bits. */
static void must_8_clock(void **unused)
{
	struct tcp_tuple t = tuple(1);
	seq_t start = isn_choose(&secret, &t, 0).iss;

	for (uint64_t ticks = 1; ticks; ticks <<= 1) {
		ns_t now = ticks * 4000;

		if (now / 4000 != ticks)
			break;
		assert_int_equal(isn_choose(&secret, &t, now).iss.n,
				 (uint32_t)(start.n + ticks));
		assert_int_equal(isn_choose(&secret, &t, now - 1).iss.n,
				 (uint32_t)(start.n + ticks - 1));
	}
}

/* SHLD-1, RFC 6528 §3: each tuple has a space of its own, and each secret. */
static void shld_1_no_tuple_tells_of_another(void **unused)
{
	struct isn_secret other = secret;
	uint32_t ones[32] = { 0 }, offset_ones[32] = { 0 };
	const uint32_t n = 20000;

	other.key[15] = 1;
	for (uint32_t k = 0; k < n; k++) {
		struct tcp_tuple a = tuple(k), b = tuple(k + 1);
		struct isn x = isn_choose(&secret, &a, SECOND);
		struct isn y = isn_choose(&secret, &b, SECOND);
		struct isn z = isn_choose(&other, &a, SECOND);

		assert_true(x.iss.n != y.iss.n || x.timestamp_offset !=
			    y.timestamp_offset);
		for (int bit = 0; bit < 32; bit++) {
			ones[bit] += (x.iss.n ^ y.iss.n) >> bit & 1;
			offset_ones[bit] += (x.timestamp_offset ^
					     z.timestamp_offset) >> bit & 1;
		}
	}
	/* Binomial, n / 2, deviation 71: six of them. */
	for (int bit = 0; bit < 32; bit++) {
		assert_in_range(ones[bit], n / 2 - 426, n / 2 + 426);
		assert_in_range(offset_ones[bit], n / 2 - 426, n / 2 + 426);
	}
}

/* RFC 7323 §5.4, RFC 6191: the next connection's timestamps go on. */
static void rfc_7323_offset_stays(void **unused)
{
	struct tcp_tuple t = tuple(3);

	assert_int_equal(isn_choose(&secret, &t, 0).timestamp_offset,
			 isn_choose(&secret, &t, 99 * SECOND).timestamp_offset);
}

static void assert_counts(const struct tcp_tuple *tuple, size_t byte)
{
	uint32_t before = isn_choose(&secret, tuple, 0).timestamp_offset;
	struct tcp_tuple other = *tuple;

	((uint8_t *)&other)[byte] ^= 0x80;
	assert_true(isn_choose(&secret, &other, 0).timestamp_offset != before);
}

/* Every part of the tuple counts; of IPv4 addresses what there is of them. */
static void all_of_the_tuple(void **unused)
{
	struct tcp_tuple v4 = tuple(5), v6 = v4;

	v6.v6 = 1;
	for (size_t byte = 0; byte < offsetof(struct tcp_tuple, v6) + 1; byte++) {
		assert_counts(&v6, byte);
		if (byte % 16 < 4 || byte >= 32)
			assert_counts(&v4, byte);
	}
	assert_true(isn_choose(&secret, &v4, 0).timestamp_offset !=
		    isn_choose(&secret, &v6, 0).timestamp_offset);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(must_8_clock),
		cmocka_unit_test(shld_1_no_tuple_tells_of_another),
		cmocka_unit_test(rfc_7323_offset_stays),
		cmocka_unit_test(all_of_the_tuple),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
