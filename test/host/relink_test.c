// SPDX-License-Identifier: BSD-2-Clause
/* relink_test.c - Flows have the link header of their way, and follow it (SPEC TX-8) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "request_scene.h"

#define PAGE 4096u
#define FLOWS 200
#define SECOND 1000000000ull
#define MS 1000000ull

/* The ways, and who was asked for. */
static struct {
	uint8_t mac;
	unsigned asked[1 << 16];	/* by local port                        */
	unsigned n_asked;
} ways;

static int route(void *ctx, const struct tcp_tuple *tuple, struct control_reply *reply)
{
	(void)ctx;
	ways.asked[tuple->local_port]++;
	ways.n_asked++;
	memset(reply->flow.link, ways.mac, 14);
	reply->flow.link_bytes = 14;
	return 0;
}

static int set_up(void **state)
{
	static struct scene s;
	struct host_options o = {
		.n_addresses = 1, .hooks = { .route = route },
		.addresses = { { .address = { 10, 0, 0, 1 }, .prefix_bits = 24 } },
	};
	uint32_t cq;

	memset(&ways, 0, sizeof(ways));
	scene_open(&s, &o);
	scene_client(&s, NULL);
	cq = scene_queue(&s, scene_object(&s, PAGE), 0, RING_COMPLETION, CONTROL_NONE);
	for (uint16_t n = 0; n < FLOWS; n++) {
		struct control_tuple t = scene_tuple(1, (uint16_t)(1000 + n));

		scene_flow(&s, CONTROL_ADD_FLOW, &t, cq);
		assert_int_equal(scene_do(&s), 0);
	}
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

static void forget_asked(void)
{
	memset(ways.asked, 0, sizeof(ways.asked));
	ways.n_asked = 0;
}

static unsigned least_asked(void)
{
	unsigned least = ways.asked[1000];

	for (uint16_t n = 0; n < FLOWS; n++)
		least = ways.asked[1000 + n] < least ? ways.asked[1000 + n] : least;
	return least;
}

/* Steps until there is nothing to do at once. Return: when there is. */
static ns_t settle(struct scene *s, ns_t now)
{
	ns_t due = now;

	for (int n = 0; n < 1000 && due <= now; n++)
		due = host_deadline(s->host, now);
	assert_true(due > now);
	return due;
}

static void a_change_is_looked_for_in_all_flows(void **state)
{
	struct scene *s = *state;

	settle(s, SECOND);
	forget_asked();
	settle(s, 2 * SECOND);
	assert_int_equal(ways.n_asked, 0);
	host_routes_changed(s->host);
	settle(s, 2 * SECOND);
	assert_int_equal(least_asked(), 1);
	assert_int_equal(ways.n_asked, FLOWS);
	/* And now and then without a word. */
	settle(s, 20 * SECOND);
	assert_int_equal(least_asked(), 2);
}

static void changes_that_do_not_end_keep_no_flow_from_its_turn(void **state)
{
	struct scene *s = *state;
	ns_t now = SECOND;

	settle(s, now);
	forget_asked();
	for (int n = 0; n < 20; n++) {
		host_routes_changed(s->host);
		(void)host_deadline(s->host, now += 10 * MS);
	}
	assert_true(least_asked() >= 1);
}

/* Each pass asks for 32; how often there is one is bounded. */
static void nor_all_others_from_theirs(void **state)
{
	struct scene *s = *state;
	ns_t now = SECOND, end = 2 * SECOND;

	settle(s, now);
	forget_asked();
	for (; now < end; now += MS) {
		host_routes_changed(s->host);
		settle(s, now);
	}
	assert_in_range(ways.n_asked, 15 * FLOWS, 21 * FLOWS);
}

static void who_was_not_found_changes_no_flow(void **state)
{
	struct scene *s = *state;

	settle(s, SECOND);
	forget_asked();
	host_routes_failed(s->host);
	settle(s, 2 * SECOND);
	assert_int_equal(ways.n_asked, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_looked_for_in_all_flows),
		TEST(changes_that_do_not_end_keep_no_flow_from_its_turn),
		TEST(nor_all_others_from_theirs),
		TEST(who_was_not_found_changes_no_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
