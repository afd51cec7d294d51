// SPDX-License-Identifier: BSD-2-Clause
/*
 * timer_wheel_test.c - The wheel against a list of deadlines
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tcp/timer_wheel.h"

#define NODES 200
#define SECOND 1000000000ULL

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

struct world {
	struct timer_wheel wheel;
	struct timer_node nodes[NODES];
	ns_t model[NODES];	/* deadline as it was armed; NS_NEVER           */
	ns_t now, granule;
	uint64_t seed;
};

static struct world world;

static ns_t round_up(const struct world *w, ns_t deadline)
{
	ns_t up = (deadline + w->granule - 1) / w->granule * w->granule;

	return up < deadline ? deadline : up;
}

/* Takes all that is due, and sees that these were just the right ones. */
static void take(struct world *w)
{
	uint32_t due[16], max = 1 + draw() % 16;
	int calls = 0;

	while (timer_wheel_next(&w->wheel) <= w->now) {
		uint32_t n = timer_wheel_advance(&w->wheel, w->nodes, w->now, due,
						 max);

		assert_true(n <= max);
		assert_true(++calls < 20 * NODES);
		for (uint32_t k = 0; k < n; k++) {
			ns_t deadline = w->model[due[k]];

			if (deadline > w->now)
				fail_msg("seed %llu: %u early",
					 (unsigned long long)w->seed, due[k]);
			assert_false(timer_node_armed(&w->nodes[due[k]]));
			w->model[due[k]] = NS_NEVER;
		}
	}
	timer_wheel_advance(&w->wheel, w->nodes, w->now, due, 1);
}

static void check(const struct world *w)
{
	ns_t soonest = NS_NEVER;
	uint32_t armed = 0;

	for (uint32_t node = 0; node < NODES; node++) {
		armed += w->model[node] != NS_NEVER;
		if (w->model[node] < soonest)
			soonest = w->model[node];
		assert_int_equal(timer_node_armed(&w->nodes[node]),
				 w->model[node] != NS_NEVER);
	}
	assert_int_equal(w->wheel.n_armed, armed);
	if (soonest == NS_NEVER)
		assert_true(timer_wheel_next(&w->wheel) == NS_NEVER);
	/* Whoever wakes up when told is late by less than a granule. */
	else if (soonest > w->now &&
		 timer_wheel_next(&w->wheel) >= soonest + w->granule)
		fail_msg("seed %llu: told too late", (unsigned long long)w->seed);
	/* What is due has come: at most what this granule still hides is left. */
	if (soonest <= w->now && round_up(w, soonest) <= w->now)
		fail_msg("seed %llu: forgotten", (unsigned long long)w->seed);
}

static void arm_one(struct world *w)
{
	uint32_t node = (uint32_t)(draw() % NODES);
	ns_t deadline = w->now + (draw() >> (12 + draw() % 52));

	if (draw() % 16 == 0)
		deadline = draw() % (w->now + 1);
	timer_wheel_arm(&w->wheel, w->nodes, node, deadline);
	w->model[node] = deadline;
}

static void step(struct world *w)
{
	uint32_t node;

	switch (draw() % 8) {
	case 0:
		node = (uint32_t)(draw() % NODES);
		timer_wheel_cancel(&w->wheel, w->nodes, node);
		w->model[node] = NS_NEVER;
		return;
	case 1:
		w->now += draw() >> (14 + draw() % 50);
		break;
	case 2:
		if (timer_wheel_next(&w->wheel) != NS_NEVER &&
		    timer_wheel_next(&w->wheel) > w->now)
			w->now = timer_wheel_next(&w->wheel);
		break;
	default:
		arm_one(w);
	}
	take(w);
	check(w);
}

static void random_walks(void **unused)
{
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct world *w = &world;
		uint8_t shift = (uint8_t)(TIMER_WHEEL_SHIFT_MIN + seed % 8);

		state = seed;
		w->seed = seed;
		w->granule = 1ULL << shift;
		w->now = draw() >> (10 + draw() % 54);
		timer_wheel_init(&w->wheel, w->now, shift);
		for (int node = 0; node < NODES; node++) {
			timer_node_init(&w->nodes[node]);
			w->model[node] = NS_NEVER;
		}
		for (int n = 0; n < 1500; n++)
			step(w);
	}
}

/* One by one, with the clock told: each within its granule, and in order. */
static void on_time_and_in_order(void **unused)
{
	struct world *w = &world;
	uint32_t due[4], fired = 0;
	ns_t last = 0;

	state = 7;
	timer_wheel_init(&w->wheel, 5 * SECOND, 18);
	for (uint32_t node = 0; node < NODES; node++) {
		timer_node_init(&w->nodes[node]);
		w->model[node] = 5 * SECOND + 1 + (draw() >> (10 + node % 40));
		timer_wheel_arm(&w->wheel, w->nodes, node, w->model[node]);
	}
	while (w->wheel.n_armed) {
		ns_t now = timer_wheel_next(&w->wheel);
		uint32_t n = timer_wheel_advance(&w->wheel, w->nodes, now, due,
						 ARRAY_SIZE(due));

		for (uint32_t k = 0; k < n; k++) {
			ns_t deadline = w->model[due[k]];

			assert_true(deadline <= now);
			assert_true(now - deadline < 1U << 18);
			assert_true(deadline + (1U << 18) > last);
			last = deadline > last ? deadline : last;
			fired++;
		}
	}
	assert_int_equal(fired, NODES);
}

/* Never more work in one call than it is told to do, with any number due. */
static void budget(void **unused)
{
	static struct timer_wheel wheel;
	const uint32_t n = 100000;
	struct timer_node *nodes = malloc(n * sizeof(*nodes));
	uint32_t due[8], fired = 0, calls = 0;

	assert_non_null(nodes);
	timer_wheel_init(&wheel, 0, 20);
	for (uint32_t node = 0; node < n; node++) {
		timer_node_init(&nodes[node]);
		timer_wheel_arm(&wheel, nodes, node, 3600 * SECOND);
	}
	while (wheel.n_armed) {
		/* New ones, while the others are still on their way down. */
		if (++calls % 1000 == 0)
			timer_wheel_arm(&wheel, nodes, 0, 7200 * SECOND);
		if (timer_wheel_next(&wheel) > 5000 * SECOND)
			break;
		fired += timer_wheel_advance(&wheel, nodes, 5000 * SECOND, due, 8);
		assert_true(calls < n);
	}
	assert_int_equal(fired, n - 1);
	assert_int_equal(wheel.n_armed, 1);
	/* At most 7 moves for each, 24 in a call, and 8 due in a call. */
	assert_true(calls <= n * 7 / 24 + n / 8 + 16);
	free(nodes);
}

static void ends_of_time(void **unused)
{
	struct world *w = &world;
	uint32_t due[4];

	timer_wheel_init(&w->wheel, 0, 16);
	for (uint32_t node = 0; node < 3; node++)
		timer_node_init(&w->nodes[node]);
	timer_wheel_arm(&w->wheel, w->nodes, 0, UINT64_MAX - 1);
	timer_wheel_arm(&w->wheel, w->nodes, 1, 0);
	timer_wheel_arm(&w->wheel, w->nodes, 2, NS_NEVER);
	assert_false(timer_node_armed(&w->nodes[2]));
	assert_int_equal(timer_wheel_advance(&w->wheel, w->nodes, 0, due, 4), 1);
	assert_int_equal(due[0], 1);
	while (timer_wheel_next(&w->wheel) < UINT64_MAX - 65536)
		timer_wheel_advance(&w->wheel, w->nodes, UINT64_MAX - 65536, due,
				    4);
	assert_true(timer_node_armed(&w->nodes[0]));
	assert_int_equal(timer_wheel_advance(&w->wheel, w->nodes, UINT64_MAX - 1,
					     due, 4), 1);
	assert_true(timer_wheel_next(&w->wheel) == NS_NEVER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_walks),
		cmocka_unit_test(on_time_and_in_order),
		cmocka_unit_test(budget),
		cmocka_unit_test(ends_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
