// SPDX-License-Identifier: BSD-2-Clause
/* place_refuse_test.c - What is not placed: no room, wrong sums, bad buffers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/place_scene.h"

/* ---- Drops ------------------------------------------------------------------ */

static void rq_2_without_a_buffer_dropped_and_counted(void **state)
{
	struct place_scene *f = *state;
	struct device_flow_counters counters;
	uint32_t own;

	place_arrive(f, 500);
	scene_run(&f->s);
	place_poll_nothing(f);
	assert_int_equal(scene_drops(&f->s, f->p.grq_id,
				     DEVICE_DROP_NO_BUFFER), 1);
	assert_true(device_flow_counters(f->s.device, f->flow, &counters));
	assert_int_equal(counters.drops[DEVICE_DROP_NO_BUFFER], 1);
	assert_int_equal(counters.bytes, 0);
	/* Sent again, it is still the next. */
	own = place_post(f, 4096, 1);
	f->spec.seq -= 500;
	place_arrive(f, 500);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 1, COMPLETION_RECEIVE, own, 1000, 500);
}

/* What was placed before the buffers ended stays, and nothing follows it. */
static void rq_2_buffers_end_within_an_aggregate(void **state)
{
	struct place_scene *f = *state;
	uint32_t own = place_post(f, 300, 1);
	struct completion c;

	f->spec.flags |= F_PSH;
	place_arrive(f, 1000);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.flags, COMPLETION_FIRST | COMPLETION_IN_ORDER);
	assert_int_equal(c.tcp_flags, F_ACK);
	place_check_piece(f, c, 1, COMPLETION_RECEIVE, own, 1000, 300);
	own = place_post(f, 1000, 2);
	f->spec.seq -= 700;
	place_arrive(f, 700);
	scene_run(&f->s);
	c = place_poll(f);
	assert_true(c.flags & COMPLETION_IN_ORDER);
	place_check_piece(f, c, 2, COMPLETION_RECEIVE, own, 1300, 700);
}

static void cq_without_room_drops_and_counts(void **state)
{
	struct place_scene *f = *state;
	const struct program_options options = { .cq = 2 };
	struct completion c;

	scene_close(&f->s);
	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, &options);
	place_add_flow(f);
	for (uint32_t n = 0; n < 4; n++)
		place_post(f, 100, n);
	place_arrive(f, 350);
	scene_run(&f->s);
	assert_int_equal(scene_drops(&f->s, f->p.cq_id, DEVICE_DROP_CQ_FULL), 1);
	assert_int_equal(place_poll(f).flags & COMPLETION_MORE, COMPLETION_MORE);
	c = place_poll(f);
	assert_int_equal(c.flags & COMPLETION_MORE, 0);
	assert_int_equal(c.wr_id, 1);
	place_poll_nothing(f);
	f->spec.seq -= 150;
	place_arrive(f, 150);
	scene_run(&f->s);
	assert_int_equal(place_poll(f).wr_id, 2);
	assert_int_equal(place_poll(f).bytes, 50);
}

/* A GRQ buffer and what it brings back find room together, or not at all. */
static void rq_3_pair_is_not_torn_apart_by_a_full_cq(void **state)
{
	struct place_scene *f = *state;
	const struct program_options options = { .cq = 2 };

	scene_close(&f->s);
	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, &options);
	place_add_flow(f);
	place_arrive(f, 0);
	scene_run(&f->s);		/* one place is taken                   */
	place_post(f, 100, 1);
	place_post_general(f, 100, 2);
	f->spec.seq += 10;
	place_arrive(f, 50);
	scene_run(&f->s);
	assert_int_equal(scene_drops(&f->s, f->p.cq_id, DEVICE_DROP_CQ_FULL), 1);
	assert_int_equal(place_poll(f).kind, COMPLETION_HEADER);
	place_poll_nothing(f);
	f->spec.seq -= 50;
	place_arrive(f, 50);
	scene_run(&f->s);
	assert_int_equal(place_poll(f).wr_id, 2);
	assert_int_equal(place_poll(f).wr_id, 1);
	place_poll_nothing(f);
}

static void rx_15_wrong_checksums_are_never_placed(void **state)
{
	struct place_scene *f = *state;
	static const uint8_t nops[] = { 1, 1, 1, 1 };

	place_post(f, 65536, 1);
	place_post_general(f, 65536, 2);
	for (int with_ip_options = 0; with_ip_options < 2; with_ip_options++) {
		if (with_ip_options) {
			memcpy(f->spec.ip_extra, nops, sizeof(nops));
			f->spec.ip_extra_len = sizeof(nops);
		}
		f->spec.tcp_sum = SUM_WRONG;
		place_arrive(f, 100);
		f->spec.tcp_sum = SUM_RIGHT;
		f->spec.ip_sum = SUM_WRONG;
		place_arrive(f, 100);
		f->spec.ip_sum = SUM_RIGHT;
		scene_run(&f->s);
		place_poll_nothing(f);
		assert_int_equal(scene_drops(&f->s, f->p.cq_id,
					     DEVICE_DROP_CHECKSUM),
				 2 * (with_ip_options + 1));
	}
	place_arrive(f, 100);	/* IP options alone are no harm */
	scene_run(&f->s);
	assert_int_equal(place_poll(f).bytes, 100);
}

/* What was held is delivered because of a bad frame behind it: it is good itself. */
static void rx_15_bad_frame_takes_no_good_one_with_it(void **state)
{
	struct place_scene *f = *state;
	uint32_t at = place_post(f, 65536, 1);

	place_arrive(f, 100);
	place_arrive(f, 100);
	f->spec.tcp_sum = SUM_WRONG;
	place_arrive(f, 100);
	f->spec.tcp_sum = SUM_RIGHT;
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 1, COMPLETION_RECEIVE, at, 1000, 200);
	place_poll_nothing(f);
	at = place_post(f, 65536, 2);
	f->spec.seq -= 100;
	place_arrive(f, 100);
	f->spec.fragment = F_MF;
	place_arrive(f, 100);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 2, COMPLETION_RECEIVE, at, 1200, 100);
}

/* ---- Faults ----------------------------------------------------------------- */

static void rq_6_buffer_that_may_not_be_written_is_handed_back(void **state)
{
	struct place_scene *f = *state;
	uint32_t own;
	struct completion c;

	program_receive(&f->p, &f->p.rq, SCENE_PROGRAM_BYTES - 100, 200, 1);
	own = place_post(f, 4096, 2);
	place_arrive(f, 150);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.kind, COMPLETION_RECEIVE);
	assert_int_equal(c.wr_id, 1);
	assert_int_equal(c.status, COMPLETION_FAULT);
	assert_int_equal(c.fault, DMA_FAULT_UNREACHABLE);
	assert_int_equal(completion_fault_address(&c),
			 f->p.bus + SCENE_PROGRAM_BYTES);
	assert_int_equal(c.bytes, 0);
	place_check_piece(f, place_poll(f), 2, COMPLETION_RECEIVE, own, 1000, 150);
	assert_int_equal(scene_drops(&f->s, f->p.rq_id,
				     DEVICE_DROP_BUFFER_FAULT), 1);
}

static void rq_6_buffers_that_make_no_sense_are_handed_back(void **state)
{
	struct place_scene *f = *state;
	static const struct receive_work bad[] = {
		{ .length = 0, .wr_id = 1 },
		{ .length = 9, .wr_id = 2, .command = DESCRIPTOR_END },
		{ .length = 9, .wr_id = 3, .command = DESCRIPTOR_VIRTUAL |
						      DESCRIPTOR_REGION },
		{ .length = 9, .wr_id = 4, .command = 0x8000 },
	};

	for (uint32_t n = 0; n < ARRAY_SIZE(bad); n++) {
		*(struct receive_work *)ring_slot(&f->p.rq, 0) = bad[n];
		ring_publish(&f->p.rq, 1);
	}
	place_post(f, 100, 5);
	place_arrive(f, 100);
	scene_run(&f->s);
	for (uint32_t n = 1; n <= ARRAY_SIZE(bad); n++) {
		struct completion c = place_poll(f);

		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.status, COMPLETION_INVALID);
	}
	assert_int_equal(place_poll(f).bytes, 100);
}

/* Any number of bad buffers: a packet tries a few, and is dropped. */
static void rq_6_patience_with_bad_buffers_ends(void **state)
{
	struct place_scene *f = *state;
	struct completion c;
	uint32_t n = 0;

	for (uint32_t k = 0; k < 60; k++)
		program_receive(&f->p, &f->p.rq, SCENE_PROGRAM_BYTES, 200, k);
	place_arrive(f, 150);
	scene_run(&f->s);
	for (; program_poll(&f->p, &c); n++) {
		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.status, COMPLETION_FAULT);
	}
	assert_in_range(n, 1, 16);
	assert_int_equal(scene_drops(&f->s, f->p.cq_id,
				     DEVICE_DROP_BUFFER_FAULT), 1);
}

/* Tiny buffers cost work: there is an end to that as well. */
static void tiny_buffers_are_filled_up_to_a_limit(void **state)
{
	struct place_scene *f = *state;
	const struct program_options options = { .cq = 1024, .rq = 1024 };
	struct completion c;
	uint32_t n = 0;

	scene_close(&f->s);
	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, &options);
	place_add_flow(f);
	for (uint32_t k = 0; k < 1000; k++)
		program_receive(&f->p, &f->p.rq, f->start + k, 1, k);
	place_arrive(f, 640);
	scene_run(&f->s);
	for (; program_poll(&f->p, &c); n++)
		place_check_piece(f, c, n, COMPLETION_RECEIVE, f->start + n, 1000 + n,
				  1);
	assert_int_equal(n, 74);
	assert_int_equal(c.flags & COMPLETION_MORE, 0);
	f->spec.seq -= 640 - n;		/* the rest, again                      */
	place_arrive(f, 640 - n);
	scene_run(&f->s);
	assert_true(program_poll(&f->p, &c));
	place_check_piece(f, c, n, COMPLETION_RECEIVE, f->start + n, 1000 + n, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rq_2_without_a_buffer_dropped_and_counted),
		T(rq_2_buffers_end_within_an_aggregate),
		T(cq_without_room_drops_and_counts),
		T(rq_3_pair_is_not_torn_apart_by_a_full_cq),
		T(rx_15_wrong_checksums_are_never_placed),
		T(rx_15_bad_frame_takes_no_good_one_with_it),
		T(rq_6_buffer_that_may_not_be_written_is_handed_back),
		T(rq_6_buffers_that_make_no_sense_are_handed_back),
		T(rq_6_patience_with_bad_buffers_ends),
		T(tiny_buffers_are_filled_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
