// SPDX-License-Identifier: BSD-2-Clause
/*
 * cubic_test.c - CUBIC in integers against RFC 9438 in floating point
 *
 * The model is written from the RFC, segment by segment where that is asked for:
 * each ACK of the trace is for it as many ACKs of one MSS, whatever it was for the
 * code. Requirement LIB-4.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tcp/congestion/algorithm.h"

#define SECOND 1000000000ULL

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Windows in segments, time in seconds. */
struct model {
	double cwnd, ssthresh, w_max, k, w_est, prior, epoch;
	bool in_epoch, after_timeout;
};

static void model_begin(struct model *m, double now)
{
	if (m->after_timeout || m->w_max < m->cwnd)
		m->w_max = m->cwnd;
	m->after_timeout = false;
	m->k = cbrt((m->w_max - m->cwnd) / 0.4);
	m->w_est = m->cwnd;
	m->epoch = now;
	m->in_epoch = true;
}

static double model_cubic(const struct model *m, double t)
{
	return 0.4 * pow(t - m->k, 3) + m->w_max;
}

/* RFC 9438 §4.2 to §4.5 for @part of a segment. */
static void model_ack(struct model *m, double now, double srtt, double part)
{
	double t, target;

	if (m->cwnd < m->ssthresh) {
		double more = fmin(part, m->ssthresh - m->cwnd);

		m->cwnd += more;
		part -= more;
	}
	if (part <= 0)
		return;
	if (!m->in_epoch)
		model_begin(m, now);
	t = now - m->epoch;
	m->w_est += (m->w_est < m->prior ? 0.9 / 1.7 : 1) * part / m->cwnd;
	if (model_cubic(m, t) < m->w_est) {
		m->cwnd = fmax(m->cwnd, m->w_est);
		return;
	}
	target = fmin(fmax(model_cubic(m, t + srtt), m->cwnd), 1.5 * m->cwnd);
	m->cwnd += (target - m->cwnd) / m->cwnd * part;
}

static void model_reduce(struct model *m)
{
	m->w_max = m->cwnd < m->w_max ? m->cwnd * 1.7 / 2 : m->cwnd;
	m->prior = m->cwnd;
	m->ssthresh = fmax(m->cwnd * 0.7, 2);
	m->in_epoch = false;
}

struct trace {
	struct congestion c;
	struct model m;
	ns_t now, rtt;
	uint64_t seed;
};

static void trace_init(struct trace *t, uint64_t seed)
{
	state = seed;
	*t = (struct trace){ .seed = seed, .now = 1 + draw() % (1ULL << 50) };
	congestion_init(&t->c, CONGESTION_CUBIC,
			(uint16_t)(500 + draw() % 8500), 10, 0);
	t->c.hystart.state = HYSTART_OFF;
	t->c.cwnd = (uint32_t)(2 + draw() % 3000) * t->c.mss;
	t->c.ssthresh = t->c.cwnd / (uint32_t)(1 + draw() % 2);
	if (t->c.ssthresh < 2U * t->c.mss)
		t->c.ssthresh = 2U * t->c.mss;
	t->rtt = 100000 + draw() % (SECOND >> draw() % 12);
	t->m.cwnd = (double)t->c.cwnd / t->c.mss;
	t->m.ssthresh = (double)t->c.ssthresh / t->c.mss;
}

/* One ACK of @bytes; for the model many small ones at the same time. */
static void both_ack(struct trace *t, uint32_t bytes)
{
	struct congestion_ack a = { .now = t->now, .rtt = t->rtt, .srtt = t->rtt,
				    .acked = bytes, .limited = true };
	double segments = (double)bytes / t->c.mss;
	int parts = segments > 1 ? (int)ceil(segments) : 1;

	congestion_acked(&t->c, &a);
	for (int n = 0; n < parts; n++)
		model_ack(&t->m, (double)t->now / 1e9, (double)t->rtt / 1e9,
			  segments / parts);
}

static void both_lose(struct trace *t, bool timeout)
{
	/* Which of two nearly equal windows is larger must not be chance. */
	t->m.cwnd = (double)t->c.cwnd / t->c.mss;
	t->m.w_max = (double)t->c.cubic.w_max / t->c.mss;
	if (timeout)
		congestion_timed_out(&t->c, t->c.cwnd, false);
	else
		congestion_lost(&t->c, t->c.cwnd);
	model_reduce(&t->m);
	t->m.cwnd = timeout ? 1 : t->m.ssthresh;
	t->m.after_timeout = timeout;
}

static void compare(const struct trace *t, int step)
{
	double is = (double)t->c.cwnd / t->c.mss, should = t->m.cwnd;

	/* Segments are steps where we have a curve: much if there are few. */
	if (fabs(is - should) > 0.01 * should + 2)
		fail_msg("seed %llu, step %d: %f segments, should be %f",
			 (unsigned long long)t->seed, step, is, should);
}

/* A round trip's worth of ACKs, each of up to a megabyte. */
static void random_traces(void **unused)
{
	for (uint64_t seed = 1; seed <= 600; seed++) {
		struct trace t;

		trace_init(&t, seed);
		for (int step = 0; step < 200; step++) {
			uint32_t most = t.c.cwnd < 1 << 20 ? t.c.cwnd : 1 << 20;
			uint32_t bytes = 1 + (uint32_t)draw() % most;

			if (draw() % 3 == 0 && bytes > 2U * t.c.mss)
				bytes = 2U * t.c.mss;
			t.now += t.rtt * bytes / t.c.cwnd;
			both_ack(&t, bytes);
			compare(&t, step);
			if (t.c.cwnd > 1 << 23 || draw() % 128 == 0)
				both_lose(&t, draw() % 4 == 0);
		}
	}
}

/*
 * The same bytes at the same time in one ACK and in many. One gives what the many
 * give, and hardly more: no burst.
 */
static void one_ack_or_many(void **unused)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct trace one, many;

		trace_init(&one, seed);
		one.c.ssthresh = one.c.cwnd;
		both_lose(&one, false);
		both_ack(&one, one.c.mss);
		one.now += draw() % (40 * SECOND);
		many = one;
		for (int step = 0; step < 20 && one.c.cwnd < 1 << 24; step++) {
			uint32_t bytes = one.c.cwnd, given = 0;
			double grown;

			one.now = many.now += one.rtt;
			grown = one.c.cwnd;
			both_ack(&one, bytes);
			for (; given + one.c.mss <= bytes; given += one.c.mss)
				both_ack(&many, one.c.mss);
			grown = one.c.cwnd - grown;
			assert_true(grown <= bytes / 2.0 + 1);
			if (fabs((double)one.c.cwnd - many.c.cwnd) >
			    0.02 * many.c.cwnd + 2 * one.c.mss)
				fail_msg("seed %llu: %u and %u",
					 (unsigned long long)seed, one.c.cwnd,
					 many.c.cwnd);
		}
	}
}

/* RFC 9438 §4.2: K later the window is what it was when the loss came. */
static void rfc_9438_comes_back_after_k(void **unused)
{
	struct congestion c;
	struct congestion_ack a = { .now = SECOND, .srtt = SECOND / 100,
				    .limited = true };
	double k = cbrt(10000 * 0.3 / 0.4);

	congestion_init(&c, CONGESTION_CUBIC, 1000, 10, 0);
	c.cwnd = 10000000;
	congestion_lost(&c, c.cwnd);
	assert_int_equal(c.cwnd, 7000000);
	for (; a.now < SECOND + (ns_t)(k * 1e9); a.now += SECOND / 100) {
		a.acked = c.cwnd;
		congestion_acked(&c, &a);
		assert_true(c.cwnd < 10010000);
	}
	assert_true(c.cwnd > 9990000);
}

/* RFC 9438 §4.7. */
static void rfc_9438_fast_convergence(void **unused)
{
	struct congestion c;

	congestion_init(&c, CONGESTION_CUBIC, 1000, 10, 0);
	c.cwnd = 1000000;
	congestion_lost(&c, c.cwnd);
	assert_int_equal(c.cubic.w_max, 1000000);
	c.cwnd = 800000;
	congestion_lost(&c, c.cwnd);
	assert_int_equal(c.cubic.w_max, 680000);
	c.cwnd = 900000;
	congestion_lost(&c, c.cwnd);
	assert_int_equal(c.cubic.w_max, 900000);
}

/* RFC 9438 §5.8: an hour in which nothing is sent does not count. */
static void rfc_9438_idle_time_does_not_count(void **unused)
{
	for (int how = 0; how < 2; how++) {
		struct congestion c;
		struct congestion_ack a = { .now = SECOND, .acked = 1000,
					    .srtt = SECOND / 10,
					    .limited = true };
		uint32_t before;

		congestion_init(&c, CONGESTION_CUBIC, 1000, 10, 0);
		c.cwnd = 1000000;
		congestion_lost(&c, c.cwnd);
		congestion_acked(&c, &a);
		before = c.cwnd;
		if (how) {
			congestion_idle(&c, 3600 * SECOND, SECOND, false);
		} else {
			a.limited = false;
			congestion_acked(&c, &a);
		}
		a.now += 3600 * SECOND;
		a.limited = true;
		a.acked = c.cwnd;
		congestion_acked(&c, &a);
		assert_true(c.cwnd < before + before / 100);
	}
}

static void cube_roots(void **unused)
{
	assert_int_equal(cubic_root(0), 0);
	assert_int_equal(cubic_root(UINT64_MAX), 2642245);
	state = 1;
	for (int n = 0; n < 200000; n++) {
		uint64_t x = draw() >> draw() % 64, r = cubic_root(x);

		assert_true(r * r * r <= x);
		assert_true(r == 2642245 || (r + 1) * (r + 1) * (r + 1) > x);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_traces),
		cmocka_unit_test(one_ack_or_many),
		cmocka_unit_test(rfc_9438_comes_back_after_k),
		cmocka_unit_test(rfc_9438_fast_convergence),
		cmocka_unit_test(rfc_9438_idle_time_does_not_count),
		cmocka_unit_test(cube_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
