// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_ack_test.c - ACKs without data, and deliveries that ACKs drive
 *
 * Covers SPEC RX-9, RX-10, RX-12 and gro cases 7, 8, 10. Where nothing else is
 * said the policy is host: lossless joins no ACK.
 */
#include "nic/scene.h"

static struct frame_spec pure_ack(uint32_t ack)
{
	struct frame_spec s = frame_defaults();

	s.payload_len = 0;
	s.ack = ack;
	return s;
}

static void push_ack(struct watch *w, uint32_t ack, uint64_t now_ns)
{
	struct frame_spec s = pure_ack(ack);

	scene_push(w, &s, now_ns);
}

/* A flow that is known, with ACK 7000 delivered. */
static void open_known(struct watch *w, const struct tto_coalescer_options *o)
{
	scene_open(w, o);
	push_ack(w, 7000, 0);
	scene_packet(w, 0, 1, CAUSE(PURE_ACK));
}

static void rx_9_gro_case_08_advancing_acks_become_one(void **state)
{
	(void)state;
	for (uint8_t output = 0; output < 2; output++) {
		struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
		struct watch w;

		o.output = output;
		open_known(&w, &o);
		for (uint32_t i = 1; i <= 10; i++)
			push_ack(&w, 7000 + i * 1448, 1000 + i);
		scene_packets(&w, 1);
		watch_flush(&w, 2000);
		scene_packet(&w, 1, 10, CAUSE(FLUSH));
		assert_int_equal(w.packets[1].n_acks, 10);
		assert_int_equal(w.packets[1].gso_size, 0);
		assert_int_equal(w.packets[1].payload_len, 0);
		assert_int_equal(w.packets[1].first_ns, 1001);
		assert_int_equal(get32(w.last_bytes + 42), 7000 + 14480);
		scene_close(&w);
	}
}

static void rx_9_across_the_wrap_of_the_ack(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	push_ack(&w, 0xffffff00, 0);
	push_ack(&w, 0xfffffff0, 1);
	push_ack(&w, 0x10, 2);
	push_ack(&w, 0x200, 3);
	watch_flush(&w, 4);
	scene_packet(&w, 1, 3, CAUSE(FLUSH));
	scene_close(&w);
}

static void rx_9_duplicate_ack_alone_and_at_once(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct watch w;

	(void)state;
	open_known(&w, &o);
	push_ack(&w, 8000, 1000);
	scene_packets(&w, 1);
	push_ack(&w, 8000, 1001);	/* what was pending goes first */
	scene_packet(&w, 1, 1, CAUSE(DUP_ACK));
	scene_packet(&w, 2, 1, CAUSE(DUP_ACK));
	for (uint32_t i = 3; i < 6; i++) {
		push_ack(&w, 8000, 1002);
		scene_packet(&w, i, 1, CAUSE(DUP_ACK));
	}
	push_ack(&w, 9000, 1003);	/* an advance is held again */
	scene_packets(&w, 6);
	watch_flush(&w, 1004);
	scene_packet(&w, 6, 1, CAUSE(FLUSH));
	assert_int_equal(watch_stats(&w).aggregates, 0);
	scene_close(&w);
}

/* Many duplicates in one batch: each one counts for the sender's recovery. */
static void rx_9_duplicates_in_a_batch(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec acks[40];
	struct watch w;

	(void)state;
	open_known(&w, &o);
	for (size_t i = 0; i < 40; i++)
		acks[i] = pure_ack(7000 + (i < 20 ? 100 * (uint32_t)(i + 1)
						  : 2000));
	watch_push_specs(&w, acks, 40, 1000);
	scene_packet(&w, 1, 20, CAUSE(DUP_ACK));
	scene_packets(&w, 22);
	scene_close(&w);
}

static void rx_9_duplicate_of_a_data_segments_ack(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = frame_defaults();
		struct watch w;

		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		s.payload_len = 0;
		scene_push(&w, &s, 1001);
		scene_packet(&w, 0, 1, CAUSE(DUP_ACK));
		scene_packet(&w, 1, 1, CAUSE(DUP_ACK));
		scene_close(&w);
	}
}

static void rx_9_gro_case_07_window_update_alone(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec s = pure_ack(8000);
	struct watch w;

	(void)state;
	open_known(&w, &o);
	scene_push(&w, &s, 1000);
	s.window = 1000;
	scene_push(&w, &s, 1001);
	scene_packet(&w, 1, 1, CAUSE(WINDOW_UPDATE));
	scene_packet(&w, 2, 1, CAUSE(WINDOW_UPDATE));
	scene_push(&w, &s, 1002);	/* now it is a duplicate */
	scene_packet(&w, 3, 1, CAUSE(DUP_ACK));
	scene_close(&w);
}

static void rx_9_old_ack_alone(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct watch w;

	(void)state;
	open_known(&w, &o);
	push_ack(&w, 8000, 1000);
	push_ack(&w, 7500, 1001);
	scene_packet(&w, 1, 1, CAUSE(DUP_ACK) | CAUSE(ACK));
	scene_packet(&w, 2, 1, CAUSE(DUP_ACK) | CAUSE(ACK));
	push_ack(&w, 8000, 1002);	/* no advance over what was seen */
	scene_packet(&w, 3, 1, CAUSE(DUP_ACK));
	scene_close(&w);
}

static void rx_9_ack_piggybacked_on_held_data(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	for (int i = 0; i < 3; i++) {
		s.payload_len = 1000;
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		s.payload_len = 0;
		s.ack += 10;
		scene_push(&w, &s, 1000);
	}
	scene_packets(&w, 0);
	watch_flush(&w, 1000);
	scene_packet(&w, 0, 6, CAUSE(FLUSH));
	assert_int_equal(w.packets[0].n_acks, 3);
	assert_int_equal(w.packets[0].payload_len, 3000);
	assert_int_equal(w.packets[0].gso_size, 1000);
	assert_int_equal(get32(w.last_bytes + 42), 7030);
	scene_close(&w);
}

static void rx_9_sack_blocks_alone(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec s = pure_ack(8000);
	struct watch w;

	(void)state;
	open_known(&w, &o);
	scene_push(&w, &s, 1000);
	s.ack = 9000;
	frame_sack(&s, 20000, 21000);
	scene_push(&w, &s, 1001);
	scene_packet(&w, 1, 1, CAUSE(SACK));
	scene_packet(&w, 2, 1, CAUSE(SACK));
	scene_close(&w);
}

static void rx_9_lossless_holds_no_ack(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_LOSSLESS);
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < 5; i++) {
		push_ack(&w, 7000 + i * 100, 1000);
		scene_packet(&w, i, 1, CAUSE(PURE_ACK));
	}
	scene_close(&w);
}

/* ---- Keepalives and probes ------------------------------------------------ */

static void rx_9_gro_case_10_keepalive_of_a_silent_flow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		watch_flush(&w, 1000);
		s.seq -= 1;
		s.payload_len = i >> 1;		/* with and without a byte */
		scene_push(&w, &s, SECOND / 2);
		scene_packet(&w, 1, 1, CAUSE(PROBE));
		s.seq += 1;			/* the stream goes on */
		for (int k = 0; k < 2; k++) {
			s.payload_len = 1000;
			scene_push(&w, &s, SECOND / 2);
			scene_advance(&s);
		}
		watch_flush(&w, SECOND / 2);
		scene_packet(&w, 2, 2, CAUSE(FLUSH));
		scene_close(&w);
	}
}

/* ---- RX-10: the ACK drives delivery --------------------------------------- */

static void rx_10_acked_bytes(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct watch w;

	(void)state;
	o.receive_acked_bytes_aggregation = 10000;
	open_known(&w, &o);
	push_ack(&w, 11000, 1000);
	push_ack(&w, 17000, 1000);	/* 10000: does not exceed */
	scene_packets(&w, 1);
	push_ack(&w, 17001, 1000);	/* exceeds */
	scene_packet(&w, 1, 3, CAUSE(ACKED_BYTES));
	push_ack(&w, 27001, 1000);	/* counted from what was delivered */
	scene_packets(&w, 2);
	push_ack(&w, 27002, 1000);
	scene_packet(&w, 2, 2, CAUSE(ACKED_BYTES));
	scene_close(&w);
}

static void rx_10_acked_bytes_of_data_segments(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.receive_acked_bytes_aggregation = 5000;
	scene_open(&w, &o);
	scene_push(&w, &s, 1000);
	scene_advance(&s);
	watch_flush(&w, 1000);		/* ACK 7000 is delivered */
	for (int i = 0; i < 3; i++) {
		s.ack += 2000;
		scene_push(&w, &s, 1000);
		scene_advance(&s);
	}
	scene_packet(&w, 1, 3, CAUSE(ACKED_BYTES));
	scene_close(&w);
}

static void rx_10_timeout_ack_aggregation(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct watch w;
	uint64_t due;

	(void)state;
	o.timeout_aggregation_ns = 10 * MS;
	o.timeout_ack_aggregation_ns = 30 * US;
	open_known(&w, &o);
	push_ack(&w, 8000, 1 * US);
	due = watch_poll(&w, 1 * US);
	assert_true(due > 1 * US && due <= 31 * US);
	push_ack(&w, 9000, 20 * US);	/* does not move the deadline */
	watch_poll(&w, 30 * US);
	scene_packets(&w, 1);
	watch_run_to(&w, 31 * US);
	scene_packet(&w, 1, 2, CAUSE(ACK_DEADLINE));
	assert_int_equal(w.packets[1].at_ns, 31 * US);
	assert_true(w.announced_ns == UINT64_MAX);
	scene_close(&w);
}

/* Data whose ACK says nothing new waits for the longer timeout. */
static void rx_10_no_advance_no_ack_deadline(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.timeout_aggregation_ns = 10 * MS;
		o.timeout_ack_aggregation_ns = 30 * US;
		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		watch_flush(&w, 1000);
		scene_push(&w, &s, 2000);
		watch_run_to(&w, 5 * MS);
		scene_packets(&w, 1);
		watch_run_to(&w, 20 * MS);
		scene_packet(&w, 1, 1, CAUSE(DEADLINE));
		scene_close(&w);
	}
}

/* Data that was held, then an ACK in it advances: the shorter timeout counts
 * from there. */
static void rx_10_advance_in_data_that_is_held(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.timeout_aggregation_ns = 10 * MS;
	o.timeout_ack_aggregation_ns = 30 * US;
	scene_open(&w, &o);
	scene_push(&w, &s, 1000);
	scene_advance(&s);
	watch_flush(&w, 1000);
	scene_push(&w, &s, 100 * US);
	scene_advance(&s);
	watch_run_to(&w, 200 * US);
	scene_packets(&w, 1);
	s.ack += 500;
	scene_push(&w, &s, 200 * US);
	watch_run_to(&w, 1 * MS);
	scene_packet(&w, 1, 2, CAUSE(ACK_DEADLINE));
	assert_int_equal(w.packets[1].at_ns, 230 * US);
	scene_close(&w);
}

/* The ACK's deadline must be served also behind others that came earlier. */
static void rx_10_rx_8_deadlines_of_both_kinds_mixed(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec data = frame_defaults();
	struct watch w;

	(void)state;
	o.timeout_aggregation_ns = 100 * US;
	o.timeout_ack_aggregation_ns = 40 * US;
	open_known(&w, &o);
	for (uint16_t i = 0; i < 20; i++) {
		data.source_port = (uint16_t)(6000 + i);
		scene_push(&w, &data, 10 * US + i);
	}
	watch_flush(&w, 11 * US);
	scene_packets(&w, 21);
	scene_advance(&data);
	for (uint16_t i = 0; i < 20; i++) {
		data.source_port = (uint16_t)(6000 + i);
		data.ack = 7000 + (i & 1);
		scene_push(&w, &data, 20 * US + i);
	}
	watch_run_to(&w, MS);
	scene_packets(&w, 41);
	for (uint32_t i = 21; i < 41; i++) {
		const struct watch_packet *p = &w.packets[i];
		bool ack = p->cause == TTO_CAUSE_ACK_DEADLINE;

		assert_int_equal(p->at_ns - p->first_ns, ack ? 40 * US : 100 * US);
		assert_int_equal(ack, i < 31);
	}
	scene_close(&w);
}

/* ---- RX-12: both directions ----------------------------------------------- */

static void rx_12_ack_repeated_with_nothing_outstanding(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec out = frame_defaults();
		struct watch w;

		scene_open(&w, &o);
		push_ack(&w, 7000, 0);
		frame_reverse(&out);
		out.seq = 7000;
		out.ack = 1000;
		watch_sent_spec(&w, &out, 100);	/* 1000 bytes go out */
		push_ack(&w, 8000, 200);	/* and are acknowledged */
		watch_flush(&w, 300);
		scene_packets(&w, 2);
		for (uint32_t i = 2; i < 5; i++) {
			push_ack(&w, 8000, 400);
			scene_packet(&w, i, 1, CAUSE(DUP_ACK) |
				     CAUSE(WINDOW_UPDATE) | CAUSE(PROBE) |
				     CAUSE(PURE_ACK));
		}
		scene_close(&w);
	}
}

static void rx_12_duplicate_with_data_outstanding(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec out = frame_defaults();
	struct watch w;

	(void)state;
	open_known(&w, &o);
	frame_reverse(&out);
	out.seq = 7000;
	out.ack = 1000;
	for (int i = 0; i < 5; i++) {
		watch_sent_spec(&w, &out, 100);
		scene_advance(&out);
	}
	push_ack(&w, 8000, 200);
	for (uint32_t i = 0; i < 3; i++)
		push_ack(&w, 8000, 300);
	scene_packets(&w, 5);
	for (uint32_t i = 2; i < 5; i++)
		scene_packet(&w, i, 1, CAUSE(DUP_ACK));
	push_ack(&w, 12000, 400);
	scene_packets(&w, 5);
	watch_flush(&w, 500);
	scene_packet(&w, 5, 1, CAUSE(FLUSH));
	scene_close(&w);
}

/* What goes out makes no flow, and delivers nothing. */
static void rx_12_sent_frames_are_only_read(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
	struct frame_spec in = frame_defaults(), out = in;
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	frame_reverse(&out);
	watch_sent_spec(&w, &out, 100);
	scene_packets(&w, 0);
	scene_push(&w, &in, 200);
	out.seq = in.ack;
	watch_sent_spec(&w, &out, 300);
	scene_packets(&w, 0);
	watch_flush(&w, 400);
	scene_packets(&w, 1);
	scene_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_9_gro_case_08_advancing_acks_become_one),
		cmocka_unit_test(rx_9_across_the_wrap_of_the_ack),
		cmocka_unit_test(rx_9_duplicate_ack_alone_and_at_once),
		cmocka_unit_test(rx_9_duplicates_in_a_batch),
		cmocka_unit_test(rx_9_duplicate_of_a_data_segments_ack),
		cmocka_unit_test(rx_9_gro_case_07_window_update_alone),
		cmocka_unit_test(rx_9_old_ack_alone),
		cmocka_unit_test(rx_9_ack_piggybacked_on_held_data),
		cmocka_unit_test(rx_9_sack_blocks_alone),
		cmocka_unit_test(rx_9_lossless_holds_no_ack),
		cmocka_unit_test(rx_9_gro_case_10_keepalive_of_a_silent_flow),
		cmocka_unit_test(rx_10_acked_bytes),
		cmocka_unit_test(rx_10_acked_bytes_of_data_segments),
		cmocka_unit_test(rx_10_timeout_ack_aggregation),
		cmocka_unit_test(rx_10_no_advance_no_ack_deadline),
		cmocka_unit_test(rx_10_advance_in_data_that_is_held),
		cmocka_unit_test(rx_10_rx_8_deadlines_of_both_kinds_mixed),
		cmocka_unit_test(rx_12_ack_repeated_with_nothing_outstanding),
		cmocka_unit_test(rx_12_duplicate_with_data_outstanding),
		cmocka_unit_test(rx_12_sent_frames_are_only_read),
	};

	return cmocka_run_group_tests_name("coalesce ACKs", tests, NULL, NULL);
}
