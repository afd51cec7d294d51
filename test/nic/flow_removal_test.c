// SPDX-License-Identifier: BSD-2-Clause
/*
 * flow_removal_test.c - How flows leave the table, and who stays when it is full
 *
 * Covers SPEC RX-2, RX-11, RX-12 and gro case 15.
 */
#include <stdlib.h>

#include "nic/scene.h"

/* ---- RX-11: what removes one ---------------------------------------------- */

static void rx_11_rst_or_fin_removes(void **state)
{
	static const uint16_t flags[] = { F_RST, F_RST | F_ACK, F_FIN | F_ACK,
					  F_FIN | F_PSH | F_ACK };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags) * 4; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = scene_flow(1);
		struct watch w;

		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		assert_int_equal(scene_flows(&w), 1);
		s.flags = flags[i / 4];
		s.payload_len = i & 2 ? 0 : 100;
		scene_push(&w, &s, 1000);
		assert_int_equal(watch_stats(&w).held, 0);
		assert_int_equal(scene_flows(&w), 0);
		scene_close(&w);
	}
}

/* A new connection on the same addresses and ports aggregates at once. */
static void rx_11_tuple_that_is_used_again(void **state)
{
	static const uint32_t starts[] = { 5, 1000000, 0x80000000, 0xf0000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts) * 4; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = scene_flow(1);
		struct watch w;

		scene_open(&w, &o);
		s.seq = 50000;
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		if (i & 2) {		/* closed; else its end was not seen */
			s.flags |= F_FIN;
			scene_push(&w, &s, 1000);
		}
		s = scene_flow(1);
		s.seq = starts[i / 4];
		s.flags = F_SYN;
		s.payload_len = 0;
		scene_push(&w, &s, 2000);
		s.seq++;
		s.ack = 7 + starts[i / 4];
		s.flags = F_ACK;
		s.payload_len = 1000;
		for (int k = 0; k < 4; k++) {
			scene_push(&w, &s, 2000);
			scene_advance(&s);
		}
		watch_flush(&w, 2000);
		scene_packet(&w, w.n_packets - 1, 4, CAUSE(FLUSH));
		scene_close(&w);
	}
}

static void rx_11_terminate_no_activity_time(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct watch w;

	(void)state;
	o.terminate_no_activity_time_ns = 5 * SECOND;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < 100; i++)
		scene_establish(&w, i, SECOND);
	for (uint32_t i = 0; i < 10; i++)	/* these stay active */
		scene_establish(&w, i, 4 * SECOND);
	watch_poll(&w, 5 * SECOND);
	assert_int_equal(scene_flows(&w), 100);
	for (int i = 0; i < 100; i++)		/* it may take several calls */
		watch_poll(&w, 7 * SECOND);
	assert_int_equal(scene_flows(&w), 10);
	for (int i = 0; i < 100; i++)
		watch_poll(&w, 10 * SECOND);
	assert_int_equal(scene_flows(&w), 0);
	scene_close(&w);
}

/* A flow that ends while something of it is held: that is handed up. */
static void rx_11_idle_flow_hands_up_what_is_held(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = scene_flow(1);
	struct watch w;

	(void)state;
	o.timeout_aggregation_ns = 100 * SECOND;
	o.timeout_ack_aggregation_ns = 100 * SECOND;
	o.terminate_no_activity_time_ns = SECOND;
	scene_open(&w, &o);
	scene_push(&w, &s, 1000);
	for (int i = 0; i < 10; i++)
		watch_poll(&w, 3 * SECOND);
	scene_packet(&w, 0, 1, CAUSE(IDLE));
	assert_int_equal(scene_flows(&w), 0);
	scene_close(&w);
}

/* Our side sends something, and a keepalive when all is long acknowledged. */
static void send_keepalive(struct watch *w, const struct frame_spec *s,
			   uint64_t now_ns)
{
	struct frame_spec out = *s;

	frame_reverse(&out);
	out.ack = s->seq;
	out.seq = s->ack - 100;
	out.payload_len = 100;
	watch_sent_spec(w, &out, now_ns - 1000);
	out.seq = s->ack - 1;
	out.payload_len = 0;
	watch_sent_spec(w, &out, now_ns);
}

static void rx_11_rx_12_keepalive_without_an_answer(void **state)
{
	(void)state;
	for (unsigned answered = 0; answered < 2; answered++) {
		struct tto_coalescer_options o = scene_options(0);
		struct frame_spec s = scene_flow(1);
		struct watch w;

		o.flows = 64;
		o.timeout_keepalive_ns = 2 * SECOND;
		scene_open(&w, &o);
		scene_establish(&w, 1, SECOND);
		scene_establish(&w, 2, SECOND);
		s.seq += 2000;
		send_keepalive(&w, &s, 3 * SECOND);
		if (answered) {
			s.payload_len = 0;
			scene_push(&w, &s, 4 * SECOND);
		}
		for (uint64_t t = 30; t < 50; t++)
			watch_poll(&w, t * 100 * MS);
		assert_int_equal(scene_flows(&w), 2);
		for (uint64_t t = 50; t < 150; t++)
			watch_poll(&w, t * 100 * MS);
		assert_int_equal(scene_is_known(&w, 1), answered);
		assert_true(scene_is_known(&w, 2));
		scene_close(&w);
	}
}

static void rx_11_keepalive_lost_hands_up_what_is_held(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = scene_flow(1);
	struct watch w;

	(void)state;
	o.timeout_keepalive_ns = SECOND;
	o.timeout_aggregation_ns = 100 * SECOND;
	o.timeout_ack_aggregation_ns = 100 * SECOND;
	scene_open(&w, &o);
	scene_push(&w, &s, 1000);
	scene_advance(&s);
	send_keepalive(&w, &s, 2000);
	for (int i = 0; i < 20; i++)
		watch_poll(&w, 3 * SECOND);
	scene_packet(&w, 0, 1, CAUSE(KEEPALIVE_LOST));
	assert_int_equal(scene_flows(&w), 0);
	scene_close(&w);
}

/* ---- RX-2, RX-11: a table that is full ------------------------------------ */

static void rx_11_idle_flow_is_replaced_its_aggregate_first(void **state)
{
	(void)state;
	for (uint8_t output = 0; output < 2; output++) {
		struct tto_coalescer_options o = scene_options(0);
		struct frame_spec s;
		struct watch w;

		o.output = output;
		o.flows = 4;
		o.replace_idle_time_ns = 10 * MS;
		o.timeout_aggregation_ns = 100 * SECOND;
		o.timeout_ack_aggregation_ns = 100 * SECOND;
		scene_open(&w, &o);
		for (uint32_t i = 0; i < 4; i++) {
			s = scene_flow(i);
			scene_push(&w, &s, (i + 1) * MS);
			scene_advance(&s);
			scene_push(&w, &s, (i + 1) * MS);
		}
		scene_packets(&w, 0);
		s = scene_flow(9);
		scene_push(&w, &s, 12 * MS);	/* flows 0 and 1 idle long   */
		scene_packet(&w, 0, 2, CAUSE(EVICTED));
		assert_int_equal(w.packets[0].first, 0);
		assert_int_equal(scene_flows(&w), 4);
		assert_true(scene_is_known(&w, 9));
		assert_false(scene_is_known(&w, 0));
		scene_close(&w);
	}
}

static void rx_2_full_of_flows_that_carry_data(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s;
	struct watch w;

	(void)state;
	o.flows = 8;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < 8; i++)
		scene_establish(&w, i, MS);
	s = scene_flow(20);
	scene_push(&w, &s, 2 * MS);
	scene_packet(&w, w.n_packets - 1, 1, CAUSE(TABLE_FULL));
	for (uint32_t i = 0; i < 8; i++)
		assert_true(scene_is_known(&w, i));
	/* When they have been idle, there is room again. */
	for (uint32_t i = 0; i < 3; i++) {
		scene_push(&w, &s, 2 * SECOND);
		scene_advance(&s);
	}
	watch_flush(&w, 2 * SECOND);
	scene_packet(&w, w.n_packets - 1, 3, CAUSE(FLUSH));
	assert_true(scene_is_known(&w, 20));
	assert_int_equal(scene_flows(&w), 8);
	scene_close(&w);
}

enum { SYN_FLOOD, ACK_SCAN, LONE_SEGMENTS, RST_SCAN, N_FLOODS };

static struct frame_spec flood_frame(int kind, uint32_t number)
{
	struct frame_spec s = scene_flow(5000 + number);

	s.payload_len = kind == LONE_SEGMENTS ? 100 : 0;
	s.flags = kind == SYN_FLOOD ? F_SYN : kind == RST_SCAN ? F_RST : F_ACK;
	return s;
}

/* Flows that carry data go on aggregating while a flood goes by. */
static void flood(int kind, uint8_t policy, uint32_t places)
{
	struct tto_coalescer_options o = scene_options(policy);
	uint32_t number = 0, n_busy = places / 2;
	struct frame_spec *busy = calloc(n_busy, sizeof(*busy));
	uint32_t whole = 0;
	struct watch w;

	o.flows = places;
	o.ral = 10 * 100 + 40;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < n_busy; i++) {
		busy[i] = scene_flow(i);
		busy[i].payload_len = 100;
	}
	for (uint32_t round = 0; round < 30; round++) {
		watch_push_specs(&w, busy, n_busy, 1000 + round);
		for (uint32_t i = 0; i < n_busy; i++)
			scene_advance(&busy[i]);
		for (uint32_t i = 0; round && i < places; i++) {
			struct frame_spec s = flood_frame(kind, number++);

			watch_push_specs(&w, &s, 1, 1000 + round);
		}
	}
	watch_flush(&w, 2000);
	scene_fine(&w);
	for (uint32_t i = 0; i < w.n_packets; i++)
		whole += w.packets[i].n_frames == 10;
	assert_int_equal(whole, 3 * n_busy);
	for (uint32_t i = 0; i < n_busy; i++)
		assert_true(scene_is_known(&w, i));
	scene_close(&w);
	free(busy);
}

static void rx_11_gro_case_15_floods_evict_no_busy_flow(void **state)
{
	static const uint32_t places[] = { 2, 8, 16, 64, 256 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (int kind = 0; kind < N_FLOODS; kind++)
			for (uint8_t policy = 0; policy < 2; policy++)
				flood(kind, policy, places[i]);
}

/* A new flow finds the place of one without data, if not with its first try. */
static void rx_11_new_flow_gets_in_beside_busy_ones(void **state)
{
	enum { PLACES = 64 };
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s;
	struct watch w;

	(void)state;
	o.flows = PLACES;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < PLACES / 2; i++)
		scene_establish(&w, i, 1000);
	for (uint32_t i = PLACES / 2; i < PLACES; i++) {
		s = scene_flow(i);
		scene_push(&w, &s, 1000);
	}
	s = scene_flow(1000);
	for (int tries = 0; tries < PLACES; tries++) {
		scene_push(&w, &s, 1000);
		scene_advance(&s);
	}
	assert_true(scene_is_known(&w, 1000));
	for (uint32_t i = 0; i < PLACES / 2; i++)
		assert_true(scene_is_known(&w, i));
	watch_flush(&w, 1000);
	assert_true(w.packets[w.n_packets - 1].n_frames > PLACES / 2);
	scene_close(&w);
}

/* Among flows without data the one that was silent longest goes. */
static void rx_11_lru_among_flows_without_data(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s;
	struct watch w;

	(void)state;
	o.flows = 4;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < 4; i++) {
		s = scene_flow(i);
		s.payload_len = 0;
		scene_push(&w, &s, (100 + i) * MS);
	}
	s = scene_flow(0);				/* 0 is heard of again          */
	s.payload_len = 0;
	s.ack++;
	scene_push(&w, &s, 200 * MS);
	s = scene_flow(9);
	scene_push(&w, &s, 300 * MS);
	assert_int_equal(scene_flows(&w), 4);
	assert_true(scene_is_known(&w, 9));
	assert_true(scene_is_known(&w, 0));
	scene_close(&w);
}

static void rx_2_one_place(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = scene_flow(1), other = scene_flow(2);
		struct watch w;

		o.flows = 1;
		o.output = i >> 1;
		scene_open(&w, &o);
		for (int k = 0; k < 5; k++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
			scene_push(&w, &other, 1000);
			scene_advance(&other);
		}
		watch_flush(&w, 1000);
		assert_int_equal(scene_flows(&w), 1);
		scene_close(&w);
	}
}

/* The table fills to its last place: nobody is turned away before that. */
static void rx_2_every_place_can_be_taken(void **state)
{
	static const uint32_t places[] = { 1, 2, 7, 8, 9, 63, 64, 1000, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct tto_coalescer_options o = scene_options(0);
		struct watch w;

		o.flows = places[i];
		scene_open(&w, &o);
		for (uint32_t k = 0; k < places[i]; k++)
			scene_establish(&w, k, 1000);
		assert_int_equal(scene_flows(&w), places[i]);
		assert_int_equal(w.by_cause[TTO_CAUSE_TABLE_FULL], 0);
		assert_int_equal(w.by_cause[TTO_CAUSE_EVICTED], 0);
		scene_close(&w);
	}
}

static void rx_2_a_million_flows(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct tto_coalescer *c;

	(void)state;
	o.flows = 1 << 20;
	assert_int_equal(tto_coalescer_open(&c, &o, watch_deliver, NULL), 0);
	assert_true(tto_coalescer_poll(c, 0) == UINT64_MAX);
	tto_coalescer_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_11_rst_or_fin_removes),
		cmocka_unit_test(rx_11_tuple_that_is_used_again),
		cmocka_unit_test(rx_11_terminate_no_activity_time),
		cmocka_unit_test(rx_11_idle_flow_hands_up_what_is_held),
		cmocka_unit_test(rx_11_rx_12_keepalive_without_an_answer),
		cmocka_unit_test(rx_11_keepalive_lost_hands_up_what_is_held),
		cmocka_unit_test(rx_11_idle_flow_is_replaced_its_aggregate_first),
		cmocka_unit_test(rx_2_full_of_flows_that_carry_data),
		cmocka_unit_test(rx_11_gro_case_15_floods_evict_no_busy_flow),
		cmocka_unit_test(rx_11_new_flow_gets_in_beside_busy_ones),
		cmocka_unit_test(rx_11_lru_among_flows_without_data),
		cmocka_unit_test(rx_2_one_place),
		cmocka_unit_test(rx_2_every_place_can_be_taken),
		cmocka_unit_test(rx_2_a_million_flows),
	};

	return cmocka_run_group_tests_name("flow removal", tests, NULL, NULL);
}
