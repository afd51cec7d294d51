// SPDX-License-Identifier: BSD-2-Clause
/*
 * path_mtu_test.c - ICMP, black holes, and the search by probes
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tcp/path_mtu.h"

#define SECOND 1000000000ULL
#define NOW (5 * SECOND)

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* What is in flight: 1000 .. 1999. */
static enum path_mtu_verdict icmp(struct path_mtu *p, uint32_t quoted,
				  uint32_t said)
{
	return path_mtu_too_big(p, seq(quoted), seq(1000), seq(2000), said, NOW);
}

static void must_be_about_what_is_in_flight(void **unused)
{
	static const struct {
		bool v6;
		uint16_t top;
		uint32_t quoted, said;
		uint16_t mtu;	/* afterwards                                   */
		bool may_fragment;
	} cases[] = {
		{ false, 1500, 1000, 1400, 1400, false },	/* 1 */
		{ false, 1500, 1999, 1400, 1400, false },	/* 2 */
		{ false, 1500, 999, 1400, 1500, false },	/* 3: RFC 5927 */
		{ false, 1500, 2000, 1400, 1500, false },	/* 4 */
		{ false, 1500, 1000, 1500, 1500, false },	/* 5: not lower */
		{ false, 1500, 1000, 9000, 1500, false },	/* 6 */
		{ false, 1500, 1000, 400, 552, true },		/* 7 */
		{ false, 1500, 1000, 67, 1500, false },		/* 8: RFC 791 */
		{ false, 1500, 1000, 0, 1492, false },		/* 9: RFC 1191 §7 */
		{ false, 9000, 1000, 0, 8166, false },		/* 10 */
		{ false, 1492, 1000, 0, 1006, false },		/* 11 */
		{ true, 1500, 1000, 1280, 1280, false },	/* 12 */
		{ true, 1500, 1000, 1279, 1500, false },	/* 13: RFC 8201 §4 */
		{ true, 9000, 1000, 1400, 1400, false },	/* 14 */
		{ false, 296, 1000, 200, 296, true },		/* 15 */
		{ false, 1500, 1000, 0x10000 + 1400, 1500, false }, /* 16 */
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct path_mtu p;
		enum path_mtu_verdict v;

		path_mtu_init(&p, cases[n].top, 0, cases[n].v6, false, NOW);
		assert_int_equal(p.mtu, cases[n].top);
		assert_true(p.raise_at == NS_NEVER);
		v = icmp(&p, cases[n].quoted, cases[n].said);
		if (p.mtu != cases[n].mtu ||
		    p.may_fragment != cases[n].may_fragment)
			fail_msg("case %zu: %u", n + 1, p.mtu);
		assert_int_equal(v == PATH_MTU_LOWER, p.mtu != cases[n].top ||
				 p.may_fragment);
		/* Once more says nothing new, unless the router says no size. */
		if (cases[n].said)
			assert_int_equal(icmp(&p, cases[n].quoted, cases[n].said),
					 PATH_MTU_SAME);
	}
}

/* RFC 1191 §6.3. */
static void up_again_after_ten_minutes(void **unused)
{
	struct path_mtu p;

	path_mtu_init(&p, 1500, 0, false, false, NOW);
	icmp(&p, 1000, 1300);
	assert_true(p.raise_at == NOW + 600 * SECOND);
	assert_int_equal(path_mtu_raise(&p, p.raise_at - 1), PATH_MTU_SAME);
	assert_int_equal(path_mtu_raise(&p, p.raise_at), PATH_MTU_HIGHER);
	assert_int_equal(p.mtu, 1500);
	assert_true(p.raise_at == NS_NEVER);
}

/* RFC 4821 §7.7: to the base, then to the least; not for one timeout. */
static void black_hole(void **unused)
{
	struct path_mtu p;

	path_mtu_init(&p, 1500, 0, false, false, NOW);
	assert_int_equal(path_mtu_timed_out(&p, NOW), PATH_MTU_SAME);
	path_mtu_works(&p);
	assert_int_equal(path_mtu_timed_out(&p, NOW), PATH_MTU_SAME);
	assert_int_equal(path_mtu_timed_out(&p, NOW), PATH_MTU_LOWER);
	assert_int_equal(p.mtu, 1024);
	path_mtu_timed_out(&p, NOW);
	assert_int_equal(path_mtu_timed_out(&p, NOW), PATH_MTU_LOWER);
	assert_int_equal(p.mtu, 552);
	for (int n = 0; n < 100; n++)
		assert_int_equal(path_mtu_timed_out(&p, NOW), PATH_MTU_SAME);
	assert_int_equal(path_mtu_wants(&p, NOW + SECOND), 0);
}

/*
 * RFC 4821 §7.7: what falls again while it is being searched for does not forget how
 * large it may be.
 */
static void black_hole_in_a_search(void **unused)
{
	struct path_mtu p;

	path_mtu_init(&p, 1500, 0, false, true, NOW);
	for (int n = 0; n < 4; n++)
		path_mtu_timed_out(&p, NOW);
	assert_int_equal(p.mtu, 552);
	assert_int_equal(path_mtu_wants(&p, NOW + SECOND), 1500);
	path_mtu_probed(&p, 1500);
	assert_int_equal(path_mtu_probe_acked(&p, NOW), PATH_MTU_HIGHER);
	assert_int_equal(p.mtu, 1500);
}

/*
 * A path that carries @path, and says nothing of it: after a black hole probes find
 * it, but for less than PATH_MTU_ENOUGH, with a few of them.
 */
static void rfc_4821_search(void **unused)
{
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		uint16_t top, path, size;
		ns_t now = NOW;
		int probes = 0;
		struct path_mtu p;
		bool v6;

		state = seed;
		v6 = draw() % 2;
		top = (uint16_t)(1300 + draw() % (draw() % 2 ? 300 : 60000));
		path = (uint16_t)(1280 + draw() % (top - 1280U + 1));
		path_mtu_init(&p, top, 0, v6, true, now);
		while (p.mtu > path) {
			path_mtu_timed_out(&p, now);
			now += SECOND;
		}
		if (p.mtu == top)
			continue;
		while (p.state == PATH_MTU_SEARCHING) {
			now += SECOND;
			size = path_mtu_wants(&p, now);
			if (!size)
				continue;
			assert_in_range(size, p.mtu + 1U, top);
			path_mtu_probed(&p, size);
			assert_int_equal(path_mtu_wants(&p, now), 0);
			assert_true(++probes < 40);
			if (draw() % 16 == 0)
				path_mtu_probe_lost(&p, false, now);
			else if (size <= path)
				path_mtu_probe_acked(&p, now);
			else
				path_mtu_probe_lost(&p, true, now);
		}
		if (p.mtu > path || p.mtu + PATH_MTU_ENOUGH <= path)
			fail_msg("seed %llu: found %u of %u, top %u",
				 (unsigned long long)seed, p.mtu, path, top);
		if (p.mtu == top)
			continue;
		/* The path has become larger: ten minutes later that is seen. */
		assert_true(p.raise_at == now + 600 * SECOND);
		assert_int_equal(path_mtu_raise(&p, p.raise_at), PATH_MTU_SAME);
		size = path_mtu_wants(&p, now + 600 * SECOND);
		assert_int_equal(size, top);
		path_mtu_probed(&p, size);
		assert_int_equal(path_mtu_probe_acked(&p, now), PATH_MTU_HIGHER);
		assert_int_equal(p.mtu, top);
		assert_int_equal(p.state, PATH_MTU_DONE);
	}
}

/* Anything in any order: within bounds, and the verdict is true. */
static void any_order(void **unused)
{
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct path_mtu p;
		ns_t now = 0;

		state = seed;
		path_mtu_init(&p, (uint16_t)(68 + draw() % 65468),
			      (uint16_t)draw(), draw() % 2, draw() % 2, now);
		for (int n = 0; n < 200; n++) {
			enum path_mtu_verdict v = PATH_MTU_SAME;
			uint16_t before = p.mtu, size = path_mtu_wants(&p, now);
			bool fragment = p.may_fragment;

			now += draw() >> (20 + draw() % 44);
			if (size && draw() % 2)
				path_mtu_probed(&p, size);
			switch (draw() % 6) {
			case 0:
				v = icmp(&p, 1500, (uint32_t)(draw() >>
							      (48 + draw() % 16)));
				break;
			case 1:
				v = path_mtu_timed_out(&p, now);
				break;
			case 2:
				v = path_mtu_probe_acked(&p, now);
				break;
			case 3:
				path_mtu_probe_lost(&p, draw() % 2, now);
				break;
			case 4:
				v = path_mtu_raise(&p, now);
				break;
			default:
				path_mtu_works(&p);
			}
			assert_true(p.mtu <= p.high && p.high <= p.top);
			assert_true(p.mtu >= (p.v6 ? 1280 : 552) ||
				    p.mtu == p.top);
			assert_int_equal(v == PATH_MTU_LOWER, p.mtu < before ||
					 (p.may_fragment && !fragment));
			assert_int_equal(v == PATH_MTU_HIGHER, p.mtu > before);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(must_be_about_what_is_in_flight),
		cmocka_unit_test(up_again_after_ten_minutes),
		cmocka_unit_test(black_hole),
		cmocka_unit_test(black_hole_in_a_search),
		cmocka_unit_test(rfc_4821_search),
		cmocka_unit_test(any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
