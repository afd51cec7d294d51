// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_limit_test.c - How much is aggregated, and for how long
 *
 * Covers SPEC RX-3 (RAL), RX-8 (deadline), RX-14 (interleaved flows) and gro
 * cases 11 and 15.
 */
#include <stdlib.h>

#include "nic/scene.h"

/* ---- RX-3: RAL ------------------------------------------------------------ */

/* Segments until the first packet comes out; the specs are equal. */
static uint32_t push_until_packet(struct watch *w, struct frame_spec s,
				  uint32_t most)
{
	uint32_t n = 0;

	while (!w->n_packets && n++ < most) {
		scene_push(w, &s, 1000);
		scene_advance(&s);
	}
	return n;
}

static void rx_3_gro_case_11_exactly_full_is_delivered_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1 & 1;
		s.v6 = i & 4;
		o.ral = 7 * 1000 + (s.v6 ? 60 : 40);
		scene_open(&w, &o);
		assert_int_equal(push_until_packet(&w, s, 10), 7);
		scene_packet(&w, 0, 7, CAUSE(FULL));
		assert_int_equal(watch_stats(&w).held, 0);
		scene_close(&w);
	}
}

/* One byte less of RAL: one segment less, and it is not exceeded. */
static void rx_3_gro_case_11_not_a_byte_more_than_ral(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1 & 1;
		s.v6 = i & 4;
		o.ral = 7 * 1000 + (s.v6 ? 60 : 40) - 1;
		scene_open(&w, &o);
		for (int k = 0; k < 8; k++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		scene_packet(&w, 0, 6, CAUSE(FULL));
		watch_flush(&w, 1000);
		scene_packet(&w, 1, 2, CAUSE(FLUSH));
		scene_close(&w);
	}
}

/* The least that is an aggregate: two segments that fill it. */
static void rx_3_two_segments_that_just_fit(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.ral = 2 * 1000 + 40;
		scene_open(&w, &o);
		assert_int_equal(push_until_packet(&w, s, 10), 2);
		scene_packet(&w, 0, 2, CAUSE(FULL));
		scene_close(&w);
	}
}

static void rx_3_default_ral_is_65535(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1 & 1;
		s.v6 = i & 4;
		s.payload_len = i & 4 ? 1440 : 1460;
		o.buffers = 2;
		scene_open(&w, &o);
		for (int k = 0; k < 90; k++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		watch_flush(&w, 1000);
		scene_packet(&w, 0, i & 4 ? 45 : 44, CAUSE(FULL));
		scene_packet(&w, 1, i & 4 ? 45 : 44, CAUSE(FULL));
		scene_close(&w);
	}
}

/* Beyond what the length fields can say: they are 0, the rest is right. */
static void rx_3_ral_of_512_kib(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1 & 1;
		o.ral = 524288;
		o.buffers = 2;
		s.v6 = i & 4;
		s.payload_len = 9000;
		scene_open(&w, &o);
		for (int k = 0; k < 60; k++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		watch_flush(&w, 1000);
		scene_packet(&w, 0, 58, CAUSE(FULL));
		scene_packet(&w, 1, 2, CAUSE(FLUSH));
		scene_close(&w);
	}
}

static void rx_3_segment_larger_than_ral_passes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1;
		o.ral = 576;
		scene_open(&w, &o);
		for (uint32_t k = 0; k < 3; k++) {
			scene_push(&w, &s, 1000);
			scene_packet(&w, k, 1, CAUSE(FULL));
			scene_advance(&s);
		}
		s.payload_len = 65000;
		scene_push(&w, &s, 1000);
		scene_packet(&w, 3, 1, CAUSE(FULL));
		scene_close(&w);
	}
}

/* ---- RX-8: deadline ------------------------------------------------------- */

static void rx_8_deadline_is_set_by_the_first_segment(void **state)
{
	(void)state;
	for (uint8_t output = 0; output < 2; output++) {
		struct tto_coalescer_options o = scene_options(0);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = output;
		o.timeout_aggregation_ns = 50 * US;
		o.timeout_ack_aggregation_ns = SECOND;
		scene_open(&w, &o);
		assert_true(watch_poll(&w, 5 * US) == UINT64_MAX);
		for (uint64_t t = 10; t < 60; t += 10) {
			scene_push(&w, &s, t * US);
			scene_advance(&s);
			assert_true(watch_poll(&w, t * US) == 60 * US);
		}
		watch_poll(&w, 60 * US - 1);
		scene_packets(&w, 0);
		assert_true(watch_poll(&w, 60 * US) == UINT64_MAX);
		scene_packet(&w, 0, 5, CAUSE(DEADLINE));
		/* The next aggregate has a deadline of its own. */
		scene_push(&w, &s, 70 * US);
		assert_true(watch_poll(&w, 70 * US) == 120 * US);
		scene_close(&w);
	}
}

static void rx_8_deadline_is_cancelled_by_delivery(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	scene_push(&w, &s, 1 * US);
	scene_advance(&s);
	s.flags |= F_PSH;
	scene_push(&w, &s, 2 * US);
	scene_packet(&w, 0, 2, CAUSE(PUSH));
	assert_true(watch_poll(&w, 3 * US) == UINT64_MAX);
	scene_close(&w);
}

/* push() serves what is due before it takes the frames. */
static void rx_8_push_serves_deadlines_first(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.timeout_aggregation_ns = 50 * US;
	scene_open(&w, &o);
	scene_push(&w, &s, 10 * US);
	scene_advance(&s);
	scene_push(&w, &s, 60 * US);
	scene_packet(&w, 0, 1, CAUSE(DEADLINE) | CAUSE(ACK_DEADLINE));
	assert_int_equal(watch_stats(&w).held, 1);
	scene_close(&w);
}

static void rx_8_thousand_flows_each_at_its_time(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.flows = 1000;
	o.timeout_aggregation_ns = 50 * US;
	o.timeout_ack_aggregation_ns = SECOND;
	scene_open(&w, &o);
	for (uint16_t i = 0; i < 1000; i++) {
		s.source_port = i;
		watch_run_to(&w, 10 * US + i * 37ull);
		scene_push(&w, &s, 10 * US + i * 37ull);
	}
	watch_run_to(&w, SECOND);
	scene_packets(&w, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(w.packets[i].at_ns - w.packets[i].first_ns,
				 50 * US);
	scene_close(&w);
}

static void rx_8_gro_case_15_time_that_goes_back(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.timeout_aggregation_ns = 50 * US;
	o.timeout_ack_aggregation_ns = SECOND;
	scene_open(&w, &o);
	scene_push(&w, &s, SECOND);
	scene_advance(&s);
	scene_push(&w, &s, 5);		/* counts as not moving */
	watch_poll(&w, 0);
	scene_packets(&w, 0);
	assert_true(w.announced_ns == SECOND + 50 * US);
	watch_run_to(&w, 2 * SECOND);
	scene_packet(&w, 0, 2, CAUSE(DEADLINE));
	scene_push(&w, &s, 7);
	watch_flush(&w, 3);
	scene_packets(&w, 2);
	scene_close(&w);
}

static void rx_8_gro_case_15_late_and_huge_times(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	static const uint64_t times[] = {
		1, UINT32_MAX - 1ull, UINT32_MAX + 1ull, 1ull << 40,
		(1ull << 42) - 1, 1ull << 53, 1ull << 62, (1ull << 63) + 5,
		UINT64_MAX - SECOND,
	};
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		uint32_t before = w.n_packets;

		scene_push(&w, &s, times[i]);
		scene_advance(&s);
		watch_run_to(&w, times[i] + MS);
		assert_int_equal(w.n_packets, before + 1);
	}
	scene_close(&w);
}

static void flush_hands_up_the_oldest_first(void **state)
{
	(void)state;
	for (uint8_t output = 0; output < 2; output++) {
		struct tto_coalescer_options o = scene_options(0);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = output;
		scene_open(&w, &o);
		for (int round = 0; round < 3; round++) {
			for (uint16_t i = 0; i < 50; i++) {
				s.source_port = (uint16_t)(i * 7);
				scene_push(&w, &s, 1000u + i);
			}
			scene_advance(&s);
		}
		watch_flush(&w, 2000);
		scene_packets(&w, 50);
		for (uint32_t i = 0; i < 50; i++) {
			scene_packet(&w, i, 3, CAUSE(FLUSH));
			assert_int_equal(w.packets[i].first_ns, 1000 + i);
		}
		scene_close(&w);
	}
}

/* ---- Memory --------------------------------------------------------------- */

static void oldest_makes_room_when_segments_run_out(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.segments = 16;
	scene_open(&w, &o);
	for (int round = 0; round < 6; round++) {
		for (uint16_t i = 0; i < 8; i++) {
			s.source_port = i;
			scene_push(&w, &s, 1000u + i);
		}
		scene_advance(&s);
	}
	watch_flush(&w, 2000);
	assert_true(w.by_cause[TTO_CAUSE_NO_MEMORY] > 0);
	assert_int_equal(w.by_cause[TTO_CAUSE_NO_MEMORY] +
			 w.by_cause[TTO_CAUSE_FLUSH], w.n_packets);
	assert_true(w.n_packets <= 30);
	scene_close(&w);
}

static void oldest_makes_room_when_buffers_run_out(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	o.output = TTO_OUTPUT_CONTIGUOUS;
	o.buffers = 4;
	scene_open(&w, &o);
	for (uint16_t i = 0; i < 6; i++) {
		s.source_port = i;
		scene_push(&w, &s, 1000u + i);
	}
	for (uint32_t i = 0; i < 2; i++) {
		scene_packet(&w, i, 1, CAUSE(NO_MEMORY));
		assert_int_equal(w.packets[i].first_ns, 1000 + i);
	}
	watch_flush(&w, 2000);
	scene_packets(&w, 6);
	scene_close(&w);
}

/* ---- RX-14: interleaved flows --------------------------------------------- */

static void interleave(uint32_t n_flows, uint8_t policy, uint8_t output,
		       uint32_t batch, uint8_t seed)
{
	struct tto_coalescer_options o = scene_options(policy);
	struct frame_spec *s = calloc(n_flows, sizeof(*s));
	uint32_t in_batch = 0, at = 0;
	struct watch w;

	o.output = output;
	memset(o.seed, seed, sizeof(o.seed));
	o.flows = n_flows;
	o.buffers = n_flows;
	o.segments = n_flows * 8;
	o.ral = 8 * 100 + 40;
	scene_open(&w, &o);
	for (uint32_t i = 0; i < n_flows; i++) {
		s[i] = frame_defaults();
		s[i].source_port = (uint16_t)(i * 31);
		s[i].source = (uint16_t)(i / 512);
		s[i].seq = i * 0x01234567u;
		s[i].payload_len = 100;
	}
	for (uint32_t round = 0; round < 24; round++) {
		for (at = 0; at < n_flows; at += in_batch) {
			in_batch = n_flows - at < batch ? n_flows - at : batch;
			watch_push_specs(&w, s + at, in_batch, 1000 + round);
		}
		for (at = 0; at < n_flows; at++)
			scene_advance(&s[at]);
	}
	scene_packets(&w, n_flows * 3);
	assert_int_equal(w.by_cause[TTO_CAUSE_FULL], n_flows * 3);
	scene_close(&w);
	free(s);
}

static void rx_14_interleaved_flows_up_to_the_table(void **state)
{
	static const uint32_t counts[] = { 1, 2, 3, 8, 9, 16, 64, 100, 500 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (uint8_t k = 0; k < 4; k++)
			interleave(counts[i], k & 1, k >> 1, 32, k);
	interleave(300, TTO_POLICY_LOSSLESS, TTO_OUTPUT_GATHER, 1, 5);
	interleave(300, TTO_POLICY_LOSSLESS, TTO_OUTPUT_GATHER, 300, 6);
}

/* Too many frames to be watched one by one: only counted. */
struct count {
	uint64_t packets, frames;
};

static void count_packet(void *ctx, const struct tto_packet *p)
{
	struct count *count = ctx;

	count->packets++;
	count->frames += p->n_frames;
}

static void rx_14_16384_flows_packet_by_packet(void **state)
{
	enum { FLOWS = 16384, ROUNDS = 40, SIZE = 54 + 13 };
	struct tto_coalescer_options o = scene_options(TTO_POLICY_LOSSLESS);
	struct frame_spec s = frame_defaults();
	uint8_t *bytes = malloc((size_t)FLOWS * ROUNDS * SIZE + FRAME_MAX_BYTES);
	struct tto_frame frames[64];
	struct count count = { 0 };
	struct tto_coalescer *c;
	uint64_t now = 0;

	(void)state;
	o.flows = FLOWS;
	o.segments = FLOWS * ROUNDS;
	o.ral = 40 + 13 * ROUNDS > 576 ? 40 + 13 * ROUNDS : 576;
	o.timeout_aggregation_ns = SECOND;
	o.timeout_ack_aggregation_ns = SECOND;
	s.payload_len = 13;
	assert_int_equal(tto_coalescer_open(&c, &o, count_packet, &count), 0);
	for (uint32_t i = 0; i < FLOWS * ROUNDS; i++) {
		uint8_t *at = bytes + (size_t)i * SIZE;

		s.source_port = (uint16_t)(i % FLOWS * 3);
		s.seq = 1000 + i / FLOWS * 13;
		s.id = (uint16_t)(i / FLOWS);
		frames[i % 64] = (struct tto_frame){
			.data = at, .len = frame_build(&s, at),
		};
		if (i % 64 == 63)
			tto_coalescer_push(c, frames, 64, now += 100);
	}
	tto_coalescer_flush(c, now);
	tto_coalescer_close(c);
	assert_int_equal(count.frames, FLOWS * ROUNDS);
	assert_int_equal(count.packets, FLOWS);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_3_gro_case_11_exactly_full_is_delivered_at_once),
		cmocka_unit_test(rx_3_gro_case_11_not_a_byte_more_than_ral),
		cmocka_unit_test(rx_3_two_segments_that_just_fit),
		cmocka_unit_test(rx_3_default_ral_is_65535),
		cmocka_unit_test(rx_3_ral_of_512_kib),
		cmocka_unit_test(rx_3_segment_larger_than_ral_passes),
		cmocka_unit_test(rx_8_deadline_is_set_by_the_first_segment),
		cmocka_unit_test(rx_8_deadline_is_cancelled_by_delivery),
		cmocka_unit_test(rx_8_push_serves_deadlines_first),
		cmocka_unit_test(rx_8_thousand_flows_each_at_its_time),
		cmocka_unit_test(rx_8_gro_case_15_time_that_goes_back),
		cmocka_unit_test(rx_8_gro_case_15_late_and_huge_times),
		cmocka_unit_test(flush_hands_up_the_oldest_first),
		cmocka_unit_test(oldest_makes_room_when_segments_run_out),
		cmocka_unit_test(oldest_makes_room_when_buffers_run_out),
		cmocka_unit_test(rx_14_interleaved_flows_up_to_the_table),
		cmocka_unit_test(rx_14_16384_flows_packet_by_packet),
	};

	return cmocka_run_group_tests_name("coalesce limits", tests, NULL, NULL);
}
