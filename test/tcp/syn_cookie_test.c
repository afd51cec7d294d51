// SPDX-License-Identifier: BSD-2-Clause
/*
 * syn_cookie_test.c - Handshakes that are remembered by the peer
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tcp/syn_cookie.h"

#define SECOND 1000000000ULL

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static struct tcp_tuple random_tuple(void)
{
	struct tcp_tuple t;

	for (size_t byte = 0; byte < sizeof(t); byte++)
		((uint8_t *)&t)[byte] = (uint8_t)draw();
	return t;
}

static struct syn_cookie random_cookies(ns_t now)
{
	struct syn_cookie c;
	uint8_t key[32];

	for (size_t byte = 0; byte < sizeof(key); byte++)
		key[byte] = (uint8_t)draw();
	syn_cookie_init(&c, key, now);
	return c;
}

/* RFC 4987 §3.6: good for two minutes at most, and one at least. */
static void rfc_4987_validity(void **unused)
{
	state = 1;
	for (int n = 0; n < 5000; n++) {
		ns_t now = draw() >> (1 + draw() % 63), age;
		struct syn_cookie c = random_cookies(now);
		struct tcp_tuple t = random_tuple();
		seq_t isn = seq((uint32_t)draw());
		seq_t cookie = syn_cookie_make(&c, &t, isn, 1460, now);
		uint16_t mss;

		age = draw() % (200 * SECOND);
		mss = syn_cookie_check(&c, &t, isn, cookie, now + age);
		if (age <= 64 * SECOND)
			assert_int_equal(mss, 1460);
		if (age >= 128 * SECOND)
			assert_int_equal(mss, 0);
		/* Nor for another connection. */
		assert_int_equal(syn_cookie_check(&c, &t, seq_add(isn, 1), cookie,
						  now), 0);
		t.remote_port++;
		assert_int_equal(syn_cookie_check(&c, &t, isn, cookie, now), 0);
	}
}

static void mss_is_rounded_down(void **unused)
{
	struct syn_cookie c;
	struct tcp_tuple t;
	uint16_t last = 0;
	int values = 0;

	state = 2;
	c = random_cookies(0);
	t = random_tuple();
	for (uint32_t mss = SYN_COOKIE_MSS_MIN; mss <= UINT16_MAX; mss++) {
		seq_t cookie = syn_cookie_make(&c, &t, seq(7), (uint16_t)mss, 0);
		uint16_t said = syn_cookie_check(&c, &t, seq(7), cookie, 0);

		assert_in_range(said, last, mss);
		assert_true(said > 0);
		values += said != last;
		last = said;
	}
	assert_int_equal(values, 8);
	assert_int_equal(syn_cookie_check(&c, &t, seq(7),
			 syn_cookie_make(&c, &t, seq(7), 1460, 0), 0), 1460);
	assert_int_equal(syn_cookie_check(&c, &t, seq(7),
			 syn_cookie_make(&c, &t, seq(7), 0, 0), 0),
			 SYN_COOKIE_MSS_MIN);
}

/*
 * A guess is accepted with probability 2^-28. Out of 2^21 random ones 2^-7 are
 * expected: two or more would happen once in 30,000 runs. And bit by bit: with any
 * one changed it is not a cookie any more.
 */
static void guesses_are_refused(void **unused)
{
	struct syn_cookie c;
	struct tcp_tuple t;
	int accepted = 0;

	state = 3;
	c = random_cookies(1000 * SECOND);
	t = random_tuple();
	for (int n = 0; n < 1 << 21; n++)
		accepted += syn_cookie_check(&c, &t, seq(9), seq((uint32_t)draw()),
					     1000 * SECOND) != 0;
	assert_true(accepted < 2);
	for (int n = 0; n < 4000; n++) {
		/* In the first minute of a clock there is none before. */
		ns_t now = n & 1 ? 1000 * SECOND : SECOND;
		seq_t isn = seq((uint32_t)draw()), cookie;

		cookie = syn_cookie_make(&c, &t, isn, (uint16_t)draw(), now);
		for (int bit = 0; bit < 32; bit++)
			accepted += syn_cookie_check(&c, &t, isn,
				seq(cookie.n ^ 1U << bit), now) != 0;
	}
	assert_true(accepted < 2);
}

/* All 28 bits of the MAC are as good as random: neither bit tells another tuple's. */
static void bits_are_even(void **unused)
{
	struct syn_cookie c;
	uint32_t ones[32] = { 0 };
	const uint32_t n = 20000;

	state = 4;
	c = random_cookies(0);
	for (uint32_t k = 0; k < n; k++) {
		struct tcp_tuple t = random_tuple(), u = t;

		u.remote_port ^= 1;
		for (int bit = 4; bit < 32; bit++)
			ones[bit] += (syn_cookie_make(&c, &t, seq(1), 1460, 0).n ^
				      syn_cookie_make(&c, &u, seq(1), 1460, 0).n)
				>> bit & 1;
	}
	for (int bit = 4; bit < 32; bit++)
		assert_in_range(ones[bit], n / 2 - 426, n / 2 + 426);
}

/* Keys change without a valid cookie becoming invalid. */
static void keys_change_without_harm(void **unused)
{
	struct tcp_tuple t;
	struct syn_cookie c;
	ns_t now = 10 * SYN_COOKIE_PERIOD_NS + SECOND;
	const uint8_t key[16] = { 9, 9, 9 };
	uint8_t before[16];
	int changed = 0;

	state = 5;
	c = random_cookies(now);
	t = random_tuple();
	assert_false(syn_cookie_rekey(&c, key, now));
	for (int n = 0; n < 200; n++, now += 13 * SECOND) {
		seq_t cookie;

		memcpy(before, c.key[now / SYN_COOKIE_PERIOD_NS & 1], 16);
		if (draw() % 2) {
			uint8_t fresh[16] = { (uint8_t)n, 7 };

			if (syn_cookie_rekey(&c, fresh, now)) {
				changed++;
				assert_memory_not_equal(before,
					c.key[now / SYN_COOKIE_PERIOD_NS & 1], 16);
			}
		}
		cookie = syn_cookie_make(&c, &t, seq(3), 536, now);
		assert_false(syn_cookie_rekey(&c, key, now));
		/* Half a minute later, perhaps with another key in between. */
		{
			struct syn_cookie later = c;

			syn_cookie_rekey(&later, key, now + 40 * SECOND);
			assert_int_equal(syn_cookie_check(&later, &t, seq(3),
				cookie, now + 40 * SECOND), 536);
		}
	}
	assert_true(changed > 10);
}

static void options_in_timestamps(void **unused)
{
	state = 6;
	for (int n = 0; n < 100000; n++) {
		struct syn_cookie_options o = {
			.wscale = (uint8_t)(draw() % 16), .sack = draw() % 2,
			.ecn = draw() % 2,
		}, back;
		uint32_t tsval = (uint32_t)draw();
		uint32_t is = syn_cookie_timestamp(tsval, &o);

		assert_true(tsval - is < 64);
		back = syn_cookie_options(is);
		assert_int_equal(back.wscale, o.wscale);
		assert_int_equal(back.sack, o.sack);
		assert_int_equal(back.ecn, o.ecn);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_4987_validity),
		cmocka_unit_test(mss_is_rounded_down),
		cmocka_unit_test(guesses_are_refused),
		cmocka_unit_test(bits_are_even),
		cmocka_unit_test(keys_change_without_harm),
		cmocka_unit_test(options_in_timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
