// SPDX-License-Identifier: BSD-2-Clause
/*
 * flow_table_test.c - How flows come into the table, and what it tells of them
 *
 * Covers SPEC RX-1, RX-13, RX-15 and gro case 1.
 */
#include "nic/scene.h"

/* ---- RX-1: what makes an entry -------------------------------------------- */

static void rx_1_first_data_segment_makes_the_entry(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = scene_flow(1);
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	scene_push(&w, &s, 1000);
	assert_int_equal(scene_flows(&w), 1);
	watch_flush(&w, 1000);
	assert_int_equal(scene_flows(&w), 1);	/* it stays */
	scene_advance(&s);
	scene_push(&w, &s, 2000);
	assert_int_equal(watch_stats(&w).flows_created, 1);
	scene_close(&w);
}

static void rx_1_pure_ack_is_delivered_and_makes_the_entry(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = scene_flow(1);
		struct watch w;

		scene_open(&w, &o);
		s.payload_len = 0;
		scene_push(&w, &s, 1000);
		scene_packet(&w, 0, 1, CAUSE(PURE_ACK));
		assert_int_equal(scene_flows(&w), 1);
		scene_close(&w);
	}
}

static void rx_1_what_makes_no_entry(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s[9];
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < ARRAY_SIZE(s); i++)
		s[i] = scene_flow(i);
	s[0].flags = F_SYN;
	s[0].payload_len = 0;
	s[1].flags = F_SYN | F_ACK;
	s[2].flags = F_RST;
	s[2].payload_len = 0;
	s[3].tcp_sum = SUM_WRONG;
	s[4].ip_sum = SUM_WRONG;
	s[5].fragment = F_MF;
	s[6].protocol = 17;
	s[7].tcp_sum = SUM_WRONG;
	s[7].payload_len = 0;
	s[8].flags |= F_RST;
	watch_push_specs(&w, s, ARRAY_SIZE(s), 1000);
	scene_packets(&w, ARRAY_SIZE(s));
	assert_int_equal(scene_flows(&w), 0);
	assert_int_equal(watch_stats(&w).flows_created, 0);
	scene_close(&w);
}

/* RX-15: a wrong checksum may be a wrong flow: nothing is learnt from it. */
static void rx_15_gro_case_01_wrong_checksum_changes_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = scene_flow(1), bad;
		struct watch w;

		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		bad = s;
		bad.tcp_sum = i & 2 ? SUM_WRONG : SUM_RIGHT;
		bad.ip_sum = i & 2 ? SUM_RIGHT : SUM_WRONG;
		bad.seq += 100000;		/* were it believed ...         */
		bad.ack += 100000;
		bad.flags |= i / 4 == 1 ? F_RST : i / 4 == 2 ? F_FIN : 0;
		scene_push(&w, &bad, 1000);
		scene_packet(&w, 0, 1, CAUSE(CHECKSUM));
		scene_packet(&w, 1, 1, CAUSE(CHECKSUM));
		assert_int_equal(scene_flows(&w), 1);
		for (int k = 0; k < 2; k++) {	/* ... this would not join      */
			s.ack++;
			scene_push(&w, &s, 1000);
			s.ack -= o.policy ? 0 : 1;
			scene_advance(&s);
		}
		watch_flush(&w, 1000);
		scene_packet(&w, 2, 2, CAUSE(FLUSH));
		assert_int_equal(watch_stats(&w).flows_created, 1);
		scene_close(&w);
	}
}

static void rx_1_both_directions_are_two_flows(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = scene_flow(1), back = s;
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	frame_reverse(&back);
	for (int i = 0; i < 4; i++) {
		scene_push(&w, &s, 1000);
		scene_push(&w, &back, 1000);
		scene_advance(&s);
		scene_advance(&back);
	}
	watch_flush(&w, 1000);
	scene_packet(&w, 0, 4, CAUSE(FLUSH));
	scene_packet(&w, 1, 4, CAUSE(FLUSH));
	assert_int_equal(scene_flows(&w), 2);
	scene_close(&w);
}

static void rx_1_ipv4_and_ipv6_are_apart(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = scene_flow(1), six = s;
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	six.v6 = true;
	for (int i = 0; i < 4; i++) {
		scene_push(&w, &s, 1000);
		scene_push(&w, &six, 1000);
		scene_advance(&s);
		scene_advance(&six);
	}
	watch_flush(&w, 1000);
	scene_packets(&w, 2);
	assert_int_equal(scene_flows(&w), 2);
	scene_close(&w);
}

/* ---- RX-13: causes, by flow ----------------------------------------------- */

static void rx_13_causes_are_counted_by_flow(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec a = scene_flow(1), b = scene_flow(2), s;
	struct tto_flow_info info;
	uint32_t cursor = 0, n = 0;
	struct watch w;

	(void)state;
	frame_tag(&a, 0x88a8, 0x2123);
	frame_tag(&a, 0x8100, 0x0456);
	scene_open(&w, &o);
	s = b;
	s.seq -= s.payload_len;
	scene_push(&w, &s, 1000);
	for (int i = 0; i < 3; i++) {	/* pairs closed by PSH; the last held */
		scene_push(&w, &a, 1000);
		scene_advance(&a);
		a.flags |= F_PSH;
		scene_push(&w, &a, 1000);
		a.flags &= (uint16_t)~F_PSH;
		scene_advance(&a);
		s = b;
		s.flags |= F_ECE;
		scene_push(&w, &s, 2000);
		scene_advance(&b);
	}
	scene_push(&w, &a, 3000);
	watch_poll(&w, 4000);
	while (tto_coalescer_flow(w.coalescer, &cursor, &info)) {
		bool tagged = info.vlan[0];

		n++;
		assert_int_equal(info.causes[TTO_CAUSE_PUSH], tagged ? 3 : 0);
		assert_int_equal(info.causes[TTO_CAUSE_ECN], tagged ? 0 : 4);
		assert_int_equal(info.held, tagged ? 1000 : 0);
		assert_int_equal(info.vlan[0], tagged ? 0x123 : 0);
		assert_int_equal(info.vlan[1], tagged ? 0x456 : 0);
		assert_false(info.v6);
		if (tagged)
			assert_true(info.carries_data);
	}
	assert_int_equal(n, 2);
	scene_close(&w);
}

static void ignore_packet(void *ctx, const struct tto_packet *packet)
{
	(void)ctx;
	(void)packet;
}

static void rx_13_flow_counters_stop_at_their_end(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = scene_flow(1);
	uint8_t bytes[256];
	struct tto_frame frame = { .data = bytes };
	struct tto_flow_info info;
	struct tto_coalescer *c;
	uint32_t cursor = 0;

	(void)state;
	assert_int_equal(tto_coalescer_open(&c, &o, ignore_packet, NULL), 0);
	s.payload_len = 4;
	for (uint32_t i = 0; i < 65540; i++) {
		frame.len = frame_build(&s, bytes);
		tto_coalescer_push(c, &frame, 1, 1000);
		if (!i)
			tto_coalescer_flush(c, 1000);
		scene_advance(&s);
		s.flags = F_ACK | F_ECE;
	}
	assert_true(tto_coalescer_flow(c, &cursor, &info));
	assert_int_equal(info.causes[TTO_CAUSE_ECN], 65535);
	tto_coalescer_close(c);
}

static void rx_13_every_cause_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (int a = 0; a < TTO_N_CAUSES; a++) {
		assert_true(strlen(tto_cause_name(a)) > 2);
		assert_true(strlen(tto_cause_text(a)) > 2);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(tto_cause_name(a),
						tto_cause_name(b));
	}
	assert_string_equal(tto_cause_name(TTO_N_CAUSES), "unknown");
	assert_string_equal(tto_cause_name((enum tto_cause)-1), "unknown");
	assert_non_null(tto_cause_text(TTO_N_CAUSES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_1_first_data_segment_makes_the_entry),
		cmocka_unit_test(rx_1_pure_ack_is_delivered_and_makes_the_entry),
		cmocka_unit_test(rx_1_what_makes_no_entry),
		cmocka_unit_test(rx_15_gro_case_01_wrong_checksum_changes_nothing),
		cmocka_unit_test(rx_1_both_directions_are_two_flows),
		cmocka_unit_test(rx_1_ipv4_and_ipv6_are_apart),
		cmocka_unit_test(rx_13_causes_are_counted_by_flow),
		cmocka_unit_test(rx_13_flow_counters_stop_at_their_end),
		cmocka_unit_test(rx_13_every_cause_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests_name("flow table", tests, NULL, NULL);
}
