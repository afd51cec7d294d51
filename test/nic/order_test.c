// SPDX-License-Identifier: BSD-2-Clause
/*
 * order_test.c - Where a flow's bytes in order end (SPEC RQ-1)
 *
 * The model has a flag for each byte of the stream. The device may know less, when
 * there are more gaps than it can keep; it never says more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/client/order.h"
#include "nic/traffic.h"

#define STREAM 4096u
#define SEEDS 5000

static struct order begin(uint32_t seq)
{
	struct order o = { 0 };

	order_begin(&o, seq);
	return o;
}

static void first_segment_tells_where_it_begins(void **state)
{
	struct order o = { 0 };

	assert_false(o.known);
	order_begin(&o, 4000);
	order_begin(&o, 9000);
	assert_true(o.known);
	assert_int_equal(o.next, 4000);
}

static void filled_gap_goes_on_behind_it(void **state)
{
	struct order o = begin(0xffffff00);

	order_placed(&o, 0xffffff80, 0x100);	/* round the end                */
	order_placed(&o, 0x100, 0x80);
	assert_int_equal(o.next, 0xffffff00);
	order_placed(&o, 0xffffff00, 0x80);
	assert_int_equal(o.next, 0x80);
	order_placed(&o, 0x80, 0x80);
	assert_int_equal(o.next, 0x180);
	assert_int_equal(o.n, 0);
}

static void what_overlaps_the_end_moves_it(void **state)
{
	struct order o = begin(1000);

	order_placed(&o, 900, 150);
	assert_int_equal(o.next, 1050);
	order_placed(&o, 900, 150);
	assert_int_equal(o.next, 1050);
	order_placed(&o, 2000, 0);
	assert_int_equal(o.n, 0);
}

static void farthest_range_is_forgotten(void **state)
{
	struct order o = begin(0);

	for (uint32_t n = ORDER_RANGES + 1; n > 0; n--)
		order_placed(&o, 100 * n, 10);
	assert_int_equal(o.n, ORDER_RANGES);
	assert_int_equal(o.ahead[0].start, 100);
	assert_int_equal(o.ahead[ORDER_RANGES - 1].start, 100 * ORDER_RANGES);
}

static void far_away_is_not_kept(void **state)
{
	struct order o = begin(0);

	order_placed(&o, ORDER_WINDOW, 1);
	assert_int_equal(o.n, 0);
	order_placed(&o, ORDER_WINDOW - 1, 1);
	assert_int_equal(o.n, 1);
}

/* SPEC RX-12: the owner's acknowledgements say what is in order. */
static void rx_12_acknowledged_is_in_order(void **state)
{
	struct order o = { 0 };

	order_acked(&o, 500);
	assert_true(o.known);
	assert_int_equal(o.next, 500);
	order_placed(&o, 700, 100);
	order_acked(&o, 400);		/* an old one                           */
	assert_int_equal(o.next, 500);
	order_acked(&o, 700);
	assert_int_equal(o.next, 800);
	/* Somebody made us believe nonsense. */
	order_placed(&o, 800, 100);
	order_acked(&o, 900 - ORDER_WINDOW);
	assert_int_equal(o.next, 900);
	order_placed(&o, 950, 10);
	order_acked(&o, 899 - ORDER_WINDOW);
	assert_int_equal(o.next, 899 - ORDER_WINDOW);
	assert_int_equal(o.n, 0);
}

/* ---- Against the model ----------------------------------------------------- */

struct model {
	bool placed[STREAM];
	uint32_t next;
	uint32_t most;		/* ranges there ever were at once               */
};

static uint32_t count_ranges(const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t at = m->next; at + 1 < STREAM; at++)
		n += !m->placed[at] && m->placed[at + 1];
	return n;
}

static void model_placed(struct model *m, uint32_t at, uint32_t bytes)
{
	uint32_t n;

	memset(m->placed + at, true, bytes);
	while (m->next < STREAM && m->placed[m->next])
		m->next++;
	n = count_ranges(m);
	if (n > m->most)
		m->most = n;
}

static void check_ranges(const struct order *o, const struct model *m,
			 uint32_t base, uint64_t seed)
{
	uint32_t before = o->next - base;

	for (uint32_t n = 0; n < o->n; n++) {
		uint32_t start = o->ahead[n].start - base;
		uint32_t end = o->ahead[n].end - base;

		if (start <= before || end <= start || end > STREAM)
			fail_msg("seed %llu: range %u is %u..%u behind %u",
				 (unsigned long long)seed, n, start, end, before);
		for (uint32_t at = start; at < end; at++)
			assert_true(m->placed[at]);
		before = end;
	}
}

static void rq_1_same_as_a_flag_for_each_byte(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t rng = seed;
		uint32_t base = (uint32_t)random_next(&rng);
		struct order o = begin(base);
		struct model m = { .next = 0 };

		for (int step = 0; step < 40; step++) {
			uint32_t bytes = 1 + random_below(&rng, 200);
			uint32_t near = o.next - base;
			uint32_t at = random_below(&rng, 3) ?
				      near + random_below(&rng, 400) :
				      random_below(&rng, STREAM);

			if (!random_below(&rng, 3))
				at = near;
			if (at >= STREAM - 200)
				continue;
			order_placed(&o, base + at, bytes);
			model_placed(&m, at, bytes);
			if (o.next - base > m.next ||
			    (m.most <= ORDER_RANGES && o.next - base != m.next))
				fail_msg("seed %llu, step %d: %u, should be %u",
					 (unsigned long long)seed, step,
					 o.next - base, m.next);
			check_ranges(&o, &m, base, seed);
			if (!random_below(&rng, 10)) {
				order_acked(&o, base + m.next);
				assert_int_equal(o.next - base, m.next);
			}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_segment_tells_where_it_begins),
		cmocka_unit_test(filled_gap_goes_on_behind_it),
		cmocka_unit_test(what_overlaps_the_end_moves_it),
		cmocka_unit_test(farthest_range_is_forgotten),
		cmocka_unit_test(far_away_is_not_kept),
		cmocka_unit_test(rx_12_acknowledged_is_in_order),
		cmocka_unit_test(rq_1_same_as_a_flag_for_each_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
