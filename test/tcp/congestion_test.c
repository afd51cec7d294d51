// SPDX-License-Identifier: BSD-2-Clause
/*
 * congestion_test.c - What all congestion control has in common, Reno, HyStart++
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tcp/congestion/congestion.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define MSS 1460U

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static struct congestion begin(enum congestion_kind kind)
{
	struct congestion c;

	congestion_init(&c, (uint8_t)kind, MSS, 10, 0);
	return c;
}

/* @bytes are acknowledged by one ACK, and the window was the limit. */
static void ack(struct congestion *c, ns_t now, uint32_t bytes)
{
	struct congestion_ack a = { .now = now, .srtt = 100 * MS,
				    .acked = bytes, .limited = true };

	congestion_acked(c, &a);
}

static void rfc_6928_initial_window(void **unused)
{
	static const struct {
		uint16_t mss;
		uint8_t segments;
		uint32_t cwnd;
	} cases[] = {
		{ 1460, 10, 14600 },	/* 1 */
		{ 1448, 10, 14480 },	/* 2 */
		{ 536, 10, 5360 },	/* 3 */
		{ 2000, 10, 14600 },	/* 4: 10 * 1460 at most, */
		{ 8940, 10, 17880 },	/* 5: but two segments  */
		{ 1460, 3, 4380 },	/* 6 */
		{ 1460, 1, 1460 },	/* 7 */
		{ 65535, 10, 131070 },	/* 8 */
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct congestion c;

		congestion_init(&c, CONGESTION_RENO, cases[n].mss,
				cases[n].segments, 0);
		if (c.cwnd != cases[n].cwnd)
			fail_msg("case %zu: %u", n + 1, c.cwnd);
		assert_true(congestion_in_slow_start(&c));
	}
}

/* RFC 5681 §3.1, by bytes: however they come, slow start doubles in a window. */
static void must_19_slow_start_by_bytes(void **unused)
{
	for (int kind = 0; kind < CONGESTION_N_KINDS; kind++) {
		struct congestion one = begin(kind), many = begin(kind);
		uint32_t window = one.cwnd;

		ack(&one, SECOND, window);
		for (uint32_t n = 0; n < 10; n++)
			ack(&many, SECOND, window / 10);
		assert_int_equal(one.cwnd, 2 * window);
		assert_int_equal(many.cwnd, 2 * window);
	}
}

/* Slow start ends in the middle of a large ACK; the rest is the other growth. */
static void slow_start_ends_at_ssthresh(void **unused)
{
	struct congestion c = begin(CONGESTION_RENO);

	c.ssthresh = 20 * MSS;
	ack(&c, SECOND, 40 * MSS);
	/* 10 MSS to get there; 30 are left, of which one window counts. */
	assert_int_equal(c.cwnd, 21 * MSS);
}

/* RFC 5681 §3.1: one MSS in a window, whatever the ACKs are. */
static void rfc_5681_avoidance(void **unused)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct congestion c = begin(CONGESTION_RENO);
		uint64_t bytes = 0, windows = 0;

		state = seed;
		c.cwnd = c.ssthresh = (10 + draw() % 1000) * MSS;
		windows = c.cwnd;
		for (int n = 0; n < 2000; n++) {
			uint32_t acked = 1 + (uint32_t)draw() % c.cwnd;

			ack(&c, SECOND, acked);
			bytes += acked;
			while (bytes >= windows) {
				bytes -= windows;
				windows += MSS;
			}
			if (c.cwnd != windows)
				fail_msg("seed %llu: %u, should be %llu",
					 (unsigned long long)seed, c.cwnd,
					 (unsigned long long)windows);
		}
	}
}

/* RFC 7661: what was not used does not grow. */
static void only_while_it_is_the_limit(void **unused)
{
	for (int kind = 0; kind < CONGESTION_N_KINDS; kind++)
		for (int slow = 0; slow < 2; slow++) {
			struct congestion c = begin(kind);
			struct congestion_ack a = { .now = SECOND,
						    .acked = MSS };

			if (!slow)
				c.ssthresh = c.cwnd;
			for (int n = 0; n < 1000; n++, a.now += MS)
				congestion_acked(&c, &a);
			assert_int_equal(c.cwnd, 10 * MSS);
		}
}

/* RFC 5681 §3.1, equation 4; RFC 9438 §4.6. */
static void must_19_reductions(void **unused)
{
	static const struct {
		enum congestion_kind kind;
		uint32_t cwnd, flight, ssthresh;
	} cases[] = {
		{ CONGESTION_RENO, 100 * MSS, 100 * MSS, 50 * MSS },	/* 1 */
		{ CONGESTION_CUBIC, 100 * MSS, 100 * MSS, 70 * MSS },	/* 2 */
		{ CONGESTION_RENO, 100 * MSS, 10 * MSS, 5 * MSS },	/* 3 */
		{ CONGESTION_CUBIC, 100 * MSS, 10 * MSS, 7 * MSS },	/* 4 */
		{ CONGESTION_RENO, 10 * MSS, 12 * MSS, 5 * MSS },	/* 5 */
		{ CONGESTION_RENO, 3 * MSS, 3 * MSS, 2 * MSS },		/* 6 */
		{ CONGESTION_CUBIC, 2 * MSS, 1, 2 * MSS },		/* 7 */
		{ CONGESTION_CUBIC, 2 * MSS, 0, 2 * MSS },		/* 8 */
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct congestion c = begin(cases[n].kind), d;

		c.cwnd = cases[n].cwnd;
		d = c;
		congestion_lost(&c, cases[n].flight);
		if (c.ssthresh != cases[n].ssthresh)
			fail_msg("case %zu: %u", n + 1, c.ssthresh);
		c.cwnd = MSS;
		congestion_recovered(&c);
		assert_int_equal(c.cwnd, c.ssthresh);
		congestion_timed_out(&d, cases[n].flight, false);
		assert_int_equal(d.ssthresh, cases[n].ssthresh);
		assert_int_equal(d.cwnd, MSS);
		/* The same segment again: ssthresh stays. */
		congestion_timed_out(&d, MSS, true);
		assert_int_equal(d.ssthresh, cases[n].ssthresh);
	}
}

static void undo_brings_it_back(void **unused)
{
	for (int kind = 0; kind < CONGESTION_N_KINDS; kind++) {
		struct congestion c = begin(kind), before;

		c.cwnd = c.ssthresh = 90 * MSS;
		for (ns_t now = SECOND; now < 5 * SECOND; now += 10 * MS)
			ack(&c, now, 9 * MSS);
		before = c;
		congestion_lost(&c, c.cwnd);
		congestion_undo(&c);
		assert_int_equal(c.cwnd, before.cwnd);
		assert_int_equal(c.ssthresh, before.ssthresh);
		assert_memory_equal(&c.cubic, &before.cubic, sizeof(c.cubic));

		congestion_timed_out(&c, c.cwnd, false);
		congestion_timed_out(&c, MSS, true);
		congestion_undo(&c);
		assert_int_equal(c.cwnd, before.cwnd);
		assert_int_equal(c.ssthresh, before.ssthresh);
		c.cwnd = MSS;
		congestion_undo(&c);	/* once only */
		assert_int_equal(c.cwnd, MSS);

		congestion_lost(&before, before.cwnd);
		congestion_keep(&before);
		c = before;
		congestion_undo(&before);
		assert_int_equal(before.cwnd, c.cwnd);
		congestion_marked(&c, c.cwnd);
		before = c;
		congestion_undo(&c);
		assert_int_equal(c.cwnd, before.cwnd);
	}
}

/* RFC 3168 §6.1.2: as for a loss. */
static void rfc_3168_mark(void **unused)
{
	struct congestion lost = begin(CONGESTION_CUBIC), marked = lost;

	congestion_lost(&lost, lost.cwnd);
	congestion_marked(&marked, marked.cwnd);
	assert_int_equal(lost.cwnd, marked.cwnd);
	assert_int_equal(lost.ssthresh, marked.ssthresh);
}

/* RFC 5681 §4.1. */
static void rfc_5681_restart_after_idle(void **unused)
{
	struct congestion c = begin(CONGESTION_RENO);

	c.cwnd = 100 * MSS;
	congestion_idle(&c, SECOND, 2 * SECOND, true);
	assert_int_equal(c.cwnd, 100 * MSS);
	congestion_idle(&c, 3 * SECOND, 2 * SECOND, false);
	assert_int_equal(c.cwnd, 100 * MSS);
	congestion_idle(&c, 3 * SECOND, 2 * SECOND, true);
	assert_int_equal(c.cwnd, 10 * MSS);
	c.cwnd = 2 * MSS;
	congestion_idle(&c, 3 * SECOND, 2 * SECOND, true);
	assert_int_equal(c.cwnd, 2 * MSS);
}

/* A round trip with 20 samples of @rtt, and a window of bytes acknowledged. */
static void round_trip(struct congestion *c, uint32_t *una, ns_t rtt)
{
	struct congestion_ack a = { .rtt = rtt, .srtt = rtt, .limited = true,
				    .now = SECOND };
	uint32_t part = c->cwnd / 20, nxt = *una + c->cwnd;

	for (int n = 0; n < 20; n++) {
		*una += part;
		nxt += part;
		a.una = seq(*una);
		a.nxt = seq(nxt);
		a.acked = part;
		congestion_acked(c, &a);
	}
}

static void rfc_9406_leaves_slow_start(void **unused)
{
	struct congestion c = begin(CONGESTION_CUBIC);
	uint32_t una = 0xfffff000, before;
	int rounds;

	for (rounds = 0; rounds < 4; rounds++)
		round_trip(&c, &una, 40 * MS);
	assert_int_equal(c.hystart.state, HYSTART_SLOW_START);
	assert_true(c.cwnd > 120 * MSS);
	/* 40 ms / 8 = 5 ms more than before. */
	round_trip(&c, &una, 44900000);
	assert_int_equal(c.hystart.state, HYSTART_SLOW_START);
	round_trip(&c, &una, 40 * MS);
	round_trip(&c, &una, 50 * MS);
	round_trip(&c, &una, 50 * MS);
	assert_int_equal(c.hystart.state, HYSTART_CONSERVATIVE);
	before = c.cwnd;
	round_trip(&c, &una, 50 * MS);
	assert_true(c.cwnd > before + before / 5);
	assert_true(c.cwnd < before + before / 3);
	for (rounds = 0; rounds < 6; rounds++)
		round_trip(&c, &una, 50 * MS);
	assert_int_equal(c.hystart.state, HYSTART_OFF);
	assert_false(congestion_in_slow_start(&c));
}

/* It was jitter: the RTT falls again, and slow start goes on. */
static void rfc_9406_goes_on(void **unused)
{
	struct congestion c = begin(CONGESTION_CUBIC);
	uint32_t una = 0;

	for (int n = 0; n < 3; n++)
		round_trip(&c, &una, 40 * MS);
	for (int n = 0; n < 2; n++)
		round_trip(&c, &una, 60 * MS);
	assert_int_equal(c.hystart.state, HYSTART_CONSERVATIVE);
	round_trip(&c, &una, 40 * MS);
	round_trip(&c, &una, 40 * MS);
	assert_int_equal(c.hystart.state, HYSTART_SLOW_START);
	assert_true(congestion_in_slow_start(&c));
	congestion_lost(&c, c.cwnd);
	assert_int_equal(c.hystart.state, HYSTART_OFF);
}

static void rate_is_a_hint(void **unused)
{
	struct congestion c = begin(CONGESTION_RENO);

	assert_true(congestion_rate(&c, 0) == UINT64_MAX);
	assert_int_equal(congestion_rate(&c, 100 * MS), 292000);
	c.ssthresh = c.cwnd;
	assert_int_equal(congestion_rate(&c, 100 * MS), 182500);
	c.cwnd = CONGESTION_MOST;
	assert_true(congestion_rate(&c, 1) > 1ULL << 60);
}

static void something(struct congestion *c, ns_t now)
{
	struct congestion_ack a = {
		.now = now, .rtt = draw() >> draw() % 64,
		.srtt = draw() >> draw() % 64, .una = seq((uint32_t)draw()),
		.nxt = seq((uint32_t)draw()),
		.acked = (uint32_t)(draw() >> (32 + draw() % 32)),
		.limited = draw() % 4,
	};

	switch (draw() % 32) {
	case 0:
		congestion_lost(c, (uint32_t)draw());
		break;
	case 1:
		congestion_timed_out(c, (uint32_t)draw(), draw() % 2);
		break;
	case 2:
		congestion_marked(c, (uint32_t)(draw() >> 40));
		break;
	case 3:
		congestion_undo(c);
		break;
	case 4:
		congestion_idle(c, draw() >> draw() % 64, SECOND, draw() % 2);
		break;
	case 5:
		congestion_recovered(c);
		break;
	case 6:
		congestion_set_mss(c, (uint16_t)(draw() >> (48 + draw() % 16)));
		break;
	case 7:
		congestion_set_kind(c, (uint8_t)draw());
		break;
	default:
		congestion_acked(c, &a);
	}
}

/* Whatever is said and whatever the time is: limits hold, nothing overflows. */
static void limits_hold(void **unused)
{
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct congestion c;
		ns_t now = 0;

		state = seed;
		congestion_init(&c, (uint8_t)(draw() % 3),
				(uint16_t)(draw() >> (48 + draw() % 16)),
				(uint8_t)draw(),
				(uint32_t)(draw() >> (32 + draw() % 32)));
		for (int n = 0; n < 300; n++) {
			uint32_t before = c.cwnd;

			now += draw() >> draw() % 64;
			something(&c, now);
			if (c.cwnd < c.mss ||
			    c.cwnd > (c.most > c.mss ? c.most : c.mss) ||
			    c.ssthresh < 2U * c.mss || !c.mss)
				fail_msg("seed %llu, step %d: %u of %u, ssthresh %u"
					 ", mss %u, before %u",
					 (unsigned long long)seed, n, c.cwnd,
					 c.most, c.ssthresh, c.mss, before);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_6928_initial_window),
		cmocka_unit_test(must_19_slow_start_by_bytes),
		cmocka_unit_test(slow_start_ends_at_ssthresh),
		cmocka_unit_test(rfc_5681_avoidance),
		cmocka_unit_test(only_while_it_is_the_limit),
		cmocka_unit_test(must_19_reductions),
		cmocka_unit_test(undo_brings_it_back),
		cmocka_unit_test(rfc_3168_mark),
		cmocka_unit_test(rfc_5681_restart_after_idle),
		cmocka_unit_test(rfc_9406_leaves_slow_start),
		cmocka_unit_test(rfc_9406_goes_on),
		cmocka_unit_test(rate_is_a_hint),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
