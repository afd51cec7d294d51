// SPDX-License-Identifier: BSD-2-Clause
/*
 * rtt_test.c - The RTT estimator against RFC 6298 in floating point
 *
 * Requirement LIB-4.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tcp/rtt.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void near(double is, double should, double tolerance)
{
	if (fabs(is - should) > tolerance)
		fail_msg("%f, should be %f", is, should);
}

/* One sample for each round trip: exactly RFC 6298 §2.2, §2.3. */
static void must_18_one_sample_a_round(void **unused)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct rtt r;
		double srtt = 0, var = 0;
		ns_t now = 0;

		state = seed;
		rtt_init(&r);
		for (int n = 0; n < 200; n++) {
			ns_t sample = 1000 + draw() % (200 * MS);

			now += 300 * MS;
			rtt_sample(&r, sample, now);
			var = n ? 0.75 * var + 0.25 * fabs(srtt - sample) :
				sample / 2.0;
			srtt = n ? 0.875 * srtt + 0.125 * sample : sample;
			near((double)rtt_smoothed(&r), srtt, 2);
			near((double)rtt_variation(&r), var, 2);
			near((double)rtt_timeout(&r, SECOND, MS, 120 * SECOND),
			     srtt + fmax(MS, 4 * var), 12);
		}
	}
}

/*
 * With N samples for each round trip what was before is forgotten in round trips,
 * not in samples: after one at a new RTT SRTT has gone between a half and the
 * whole of what one sample makes by RFC 6298, whatever N is.
 */
static void rfc_7323_appendix_g_many_samples_a_round(void **unused)
{
	for (int n = 2; n <= 256; n++) {
		struct rtt r;
		ns_t now = 0, gone;

		rtt_init(&r);
		for (int k = 0; k < 40 * n; k++)
			rtt_sample(&r, 100 * MS, now += 100 * MS / (ns_t)n);
		near((double)rtt_smoothed(&r), 100e6, 200);
		for (int k = 0; k < n; k++)
			rtt_sample(&r, 200 * MS, now += 100 * MS / (ns_t)n);
		gone = rtt_smoothed(&r) - 100 * MS;
		if (gone < 100 * MS / 17 || gone > 100 * MS / 8)
			fail_msg("%d samples: moved by %llu", n,
				 (unsigned long long)gone);
	}
}

static void rfc_6298_before_any_sample(void **unused)
{
	struct rtt r;

	rtt_init(&r);
	assert_int_equal(rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND), SECOND);
	rtt_back_off(&r);
	assert_int_equal(rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND),
			 2 * SECOND);
	rtt_progress(&r);
	rtt_syn_timed_out(&r);		/* §5.7 */
	assert_int_equal(rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND),
			 3 * SECOND);
	rtt_sample(&r, 10 * MS, SECOND);
	assert_int_equal(rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND),
			 210 * MS);
	assert_int_equal(rtt_timeout(&r, SECOND, SECOND, 120 * SECOND),
			 1010 * MS);
}

/* RFC 6298 §5.5, §2.5: doubles up to the limit, however often; never overflows. */
static void must_19_backs_off(void **unused)
{
	struct rtt r;
	ns_t last = 0;

	rtt_init(&r);
	rtt_sample(&r, 50 * MS, 0);
	for (int n = 0; n < 300; n++) {
		ns_t timeout = rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND);

		if (last)
			assert_true(timeout == 2 * last ||
				    timeout == 120 * SECOND);
		last = timeout;
		rtt_back_off(&r);
	}
	assert_true(last == 120 * SECOND);
	rtt_sample(&r, 50 * MS, SECOND);
	assert_true(rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND) < SECOND);
}

/* RFC 4015 §3: what was too early once is not too early again. */
static void rfc_4015_spurious(void **unused)
{
	struct rtt r;

	rtt_init(&r);
	for (int n = 0; n < 50; n++)
		rtt_sample(&r, 10 * MS, n * SECOND);
	rtt_back_off(&r);
	rtt_spurious(&r, 700 * MS, 51 * SECOND);
	assert_int_equal(r.backoff, 0);
	assert_true(rtt_timeout(&r, SECOND, 200 * MS, 120 * SECOND) >
		    700 * MS);
	assert_true(rtt_smoothed(&r) == 700 * MS);
	rtt_spurious(&r, 1 * MS, 52 * SECOND);
	assert_true(rtt_smoothed(&r) == 700 * MS);
}

/*
 * The least of the window: never below what was seen in it, never older than it,
 * and never above what has been seen since three quarters of it.
 */
static void least_of_a_window(void **unused)
{
	static struct {
		ns_t rtt, at;
	} seen[4000];

	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct rtt r;
		ns_t now = 0;

		state = seed;
		rtt_init(&r);
		for (int n = 0; n < 4000; n++) {
			ns_t exact = UINT64_MAX, recent = UINT64_MAX;

			now += draw() % (draw() % 50 ? 200 * MS : 90 * SECOND);
			seen[n].rtt = 1 + draw() % (50 * MS) + now / 1000;
			seen[n].at = now;
			rtt_sample(&r, seen[n].rtt, now);
			for (int k = n; k >= 0; k--) {
				ns_t age = now - seen[k].at;

				if (age > RTT_MIN_WINDOW_NS)
					break;
				if (seen[k].rtt < exact)
					exact = seen[k].rtt;
				if (age <= RTT_MIN_WINDOW_NS / 4 &&
				    seen[k].rtt < recent)
					recent = seen[k].rtt;
			}
			if (rtt_least(&r) < exact || rtt_least(&r) > recent)
				fail_msg("seed %llu, sample %d",
					 (unsigned long long)seed, n);
		}
	}
}

/* Samples of 0 and of centuries; a clock that stands still, or jumps. */
static void odd_samples(void **unused)
{
	struct rtt r;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		ns_t now = 0;

		state = seed;
		rtt_init(&r);
		for (int n = 0; n < 500; n++) {
			rtt_sample(&r, draw() >> draw() % 64, now);
			now += draw() % 2 ? draw() >> (8 + draw() % 56) : 0;
			assert_true(rtt_smoothed(&r) <= RTT_SAMPLE_MAX_NS);
			assert_true(rtt_variation(&r) <= RTT_SAMPLE_MAX_NS);
			assert_true(rtt_least(&r) > 0);
			assert_true(rtt_timeout(&r, SECOND, MS, SECOND) <= SECOND);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(must_18_one_sample_a_round),
		cmocka_unit_test(rfc_7323_appendix_g_many_samples_a_round),
		cmocka_unit_test(rfc_6298_before_any_sample),
		cmocka_unit_test(must_19_backs_off),
		cmocka_unit_test(rfc_4015_spurious),
		cmocka_unit_test(least_of_a_window),
		cmocka_unit_test(odd_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
