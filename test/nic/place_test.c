// SPDX-License-Identifier: BSD-2-Clause
/* place_test.c - What arrives goes into the buffers that were posted for it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/place_scene.h"

/* A byte of the stream arrives and is taken. */
static void order_is_known(struct place_scene *f)
{
	place_post(f, 1, 99);
	place_arrive(f, 1);
	scene_run(&f->s);
	assert_int_equal(place_poll(f).wr_id, 99);
}

/* ---- Where data goes ------------------------------------------------------- */

static void rq_1_in_order_goes_to_the_rq(void **state)
{
	struct place_scene *f = *state;
	uint32_t at = program_place(&f->p, 4096);
	struct completion c;

	program_receive(&f->p, &f->p.rq, at, 4096, 77);
	place_arrive(f, 1000);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.wr_id, 77);
	assert_int_equal(c.kind, COMPLETION_RECEIVE);
	assert_int_equal(c.status, COMPLETION_OK);
	assert_int_equal(c.flow, f->flow);
	assert_int_equal(c.bytes, 1000);
	assert_int_equal(c.offset, 0);
	assert_int_equal(c.seq, 1000);
	assert_int_equal(c.ack, 7000);
	assert_int_equal(c.window, 512);
	assert_int_equal(c.ttl, 64);
	assert_int_equal(c.segments, 1);
	assert_int_equal(c.flags, COMPLETION_IN_ORDER | COMPLETION_FIRST);
	place_check_bytes(f, at, 1000, 1000);
	place_poll_nothing(f);
}

static void rq_1_grq_when_the_rq_is_empty(void **state)
{
	struct place_scene *f = *state;
	uint32_t general = place_post_general(f, 4096, 1);
	uint32_t own = place_post(f, 100, 2);

	place_arrive(f, 300);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 2, COMPLETION_RECEIVE, own, 1000, 100);
	place_check_piece(f, place_poll(f), 1, COMPLETION_GENERAL, general, 1100, 200);
	place_poll_nothing(f);
}

/* Nothing is brought back when nothing is posted: the pair is one completion. */
static void rq_1_out_of_order_goes_to_the_grq(void **state)
{
	struct place_scene *f = *state;
	uint32_t own = place_post(f, 4096, 1);
	uint32_t general = place_post_general(f, 4096, 2);
	struct completion c;

	place_arrive(f, 100);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 1, COMPLETION_RECEIVE, own, 1000, 100);
	f->spec.seq += 50;
	place_arrive(f, 100);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.flags & COMPLETION_IN_ORDER, 0);
	place_check_piece(f, c, 2, COMPLETION_GENERAL, general, 1150, 100);
	place_poll_nothing(f);
}

static void rq_3_grq_completion_brings_back_an_rq_buffer(void **state)
{
	struct place_scene *f = *state;
	uint32_t general = place_post_general(f, 4096, 2);
	struct completion c;

	order_is_known(f);
	place_post(f, 4096, 3);
	place_post(f, 4096, 4);
	f->spec.seq += 50;
	place_arrive(f, 100);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 2, COMPLETION_GENERAL, general, 1051, 100);
	c = place_poll(f);
	assert_int_equal(c.kind, COMPLETION_RECEIVE);
	assert_int_equal(c.wr_id, 3);
	assert_int_equal(c.flow, f->flow);
	assert_int_equal(c.bytes, 0);
	assert_int_equal(c.status, COMPLETION_OK);
	place_poll_nothing(f);
}

/* And once the gap is filled, order goes on behind what was there already. */
static void rq_1_filled_gap_goes_on_in_the_rq(void **state)
{
	struct place_scene *f = *state;
	uint32_t own;

	order_is_known(f);
	place_post_general(f, 4096, 1);
	f->spec.seq += 100;
	place_arrive(f, 100);
	scene_run(&f->s);
	assert_int_equal(place_poll(f).wr_id, 1);
	own = place_post(f, 4096, 2);
	f->spec.seq -= 200;
	place_arrive(f, 100);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 2, COMPLETION_RECEIVE, own, 1001, 100);
	own = place_post(f, 4096, 3);
	f->spec.seq += 100;
	place_arrive(f, 100);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 3, COMPLETION_RECEIVE, own, 1201, 100);
}

/* ---- Pieces ---------------------------------------------------------------- */

/* FIN and PSH are of the last byte, and so of the last piece. */
static void rq_2_rq_3_aggregate_in_several_buffers(void **state)
{
	struct place_scene *f = *state;
	uint32_t at[3];
	struct completion c;

	for (uint32_t n = 0; n < 3; n++)
		at[n] = place_post(f, 1000, n);
	place_arrive(f, 1000);
	place_arrive(f, 1000);
	f->spec.flags |= F_PSH | F_FIN;
	place_arrive(f, 500);
	scene_run(&f->s);
	for (uint32_t n = 0; n < 3; n++) {
		c = place_poll(f);
		assert_int_equal(c.segments, 3);
		assert_int_equal(c.mss, 1000);
		assert_int_equal(c.cause, TTO_CAUSE_FIN);
		assert_int_equal(c.flags, COMPLETION_IN_ORDER |
				 (n == 0 ? COMPLETION_FIRST : 0) |
				 (n < 2 ? COMPLETION_MORE : 0));
		assert_int_equal(c.tcp_flags, F_ACK |
				 (n < 2 ? 0 : F_PSH | F_FIN));
		place_check_piece(f, c, n, COMPLETION_RECEIVE, at[n], 1000 + 1000 * n,
				  n < 2 ? 1000 : 500);
	}
	place_poll_nothing(f);
}

/* RX-4 to RX-6 in the completion: oldest, youngest, least. */
static void rx_4_rx_6_headers_of_an_aggregate(void **state)
{
	struct place_scene *f = *state;
	uint32_t at = place_post(f, 65536, 1);
	struct completion c;

	for (uint32_t n = 0; n < 3; n++) {
		frame_timestamp(&f->spec, 500 + n, 400 + n);
		f->spec.ack = 7000 + n;
		f->spec.window = (uint16_t)(100 + n);
		f->spec.ttl = n == 1 ? 9 : 64;
		f->spec.tos = 0x28;
		place_arrive(f, 700);
	}
	scene_run(&f->s);
	c = place_poll(f);
	place_check_piece(f, c, 1, COMPLETION_RECEIVE, at, 1000, 2100);
	assert_int_equal(c.flags, COMPLETION_FIRST | COMPLETION_IN_ORDER |
				  COMPLETION_TIMESTAMP);
	assert_int_equal(c.tsval, 500);
	assert_int_equal(c.tsecr, 400);
	assert_int_equal(c.ack, 7002);
	assert_int_equal(c.window, 102);
	assert_int_equal(c.ttl, 9);
	assert_int_equal(c.tos, 0x28);
	assert_int_equal(c.segments, 3);
	assert_int_equal(c.header_bytes, 0);
}

static void rx_16_ipv6(void **state)
{
	struct place_scene *f = *state;
	struct frame_spec spec = f->spec;
	struct device_flow flow;
	struct completion c;
	uint32_t id, at;

	spec.v6 = true;
	spec.tos = 0xb8;
	spec.ttl = 3;
	flow = program_flow(&f->p, &spec);
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), 0);
	at = place_post(f, 4096, 1);
	scene_arrive(&f->s, &spec);
	scene_run(&f->s);
	c = place_poll(f);
	f->flow = id;
	place_check_piece(f, c, 1, COMPLETION_RECEIVE, at, 1000, 1000);
	assert_true(c.flags & COMPLETION_V6);
	assert_int_equal(c.tos, 0xb8);
	assert_int_equal(c.ttl, 3);
}

/* Joined by the wire already: how it was cut is known all the same. */
static void rx_6_frame_that_the_wire_joined(void **state)
{
	struct place_scene *f = *state;
	struct pair_options pair = { .offload = true };
	struct completion c;

	scene_close(&f->s);
	scene_open(&f->s, NULL, &pair);
	program_open(&f->s, &f->p, NULL);
	place_add_flow(f);
	place_post(f, 65536, 1);
	f->spec.gso_size = 1400;
	place_arrive(f, 4300);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.bytes, 4300);
	assert_int_equal(c.mss, 1400);
	assert_int_equal(c.segments, 4);
	assert_int_equal(c.cause, TTO_CAUSE_GSO);
}

/* ---- Three receives, three completions -------------------------------------- */

#define BUFFERS 3
#define BUFFER_BYTES 3000u

static void rq_5_three_receives_three_completions(void **state)
{
	struct place_scene *f = *state;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t rng = seed;
		uint32_t at[BUFFERS], n = 0, seq = f->spec.seq;
		struct completion c;

		f->p.next = f->start;
		for (uint32_t k = 0; k < BUFFERS; k++)
			at[k] = place_post(f, BUFFER_BYTES, k);
		place_arrive_anyhow(f, &rng, BUFFERS * BUFFER_BYTES);
		/* What found no buffer has to be sent again. */
		for (; program_poll(&f->p, &c); n++) {
			assert_true(n < BUFFERS);
			assert_in_range(c.bytes, 1, BUFFER_BYTES);
			place_check_piece(f, c, n, COMPLETION_RECEIVE, at[n], seq,
					  c.bytes);
			seq += c.bytes;
		}
		assert_int_equal(n, BUFFERS);
		f->spec.seq = seq;
	}
}

/* ---- Low ---------------------------------------------------------------------- */

static void grq_tells_once_that_it_is_low(void **state)
{
	struct place_scene *f = *state;
	struct completion c;
	uint32_t told = 0;

	for (uint32_t n = 0; n < 4; n++)
		place_post_general(f, 100, n);
	assert_int_equal(device_ask_low(f->s.device, f->p.grq_id, 3), 0);
	place_poll_nothing(f);
	for (uint32_t n = 0; n < 4; n++) {
		place_arrive(f, 100);
		scene_run(&f->s);
		while (program_poll(&f->p, &c)) {
			if (c.kind != COMPLETION_LOW)
				continue;
			told++;
			assert_int_equal(n, 1);
			assert_int_equal(c.bytes, 2);
			assert_int_equal(c.flow, COMPLETION_NO_FLOW);
		}
	}
	assert_int_equal(told, 1);
	/* It is low already: it is said at once. */
	assert_int_equal(device_ask_low(f->s.device, f->p.grq_id, 1), 0);
	c = place_poll(f);
	assert_int_equal(c.kind, COMPLETION_LOW);
	assert_int_equal(c.bytes, 0);
	assert_int_equal(device_ask_low(f->s.device, f->p.rq_id, 1), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rq_1_in_order_goes_to_the_rq),
		T(rq_1_grq_when_the_rq_is_empty),
		T(rq_1_out_of_order_goes_to_the_grq),
		T(rq_3_grq_completion_brings_back_an_rq_buffer),
		T(rq_1_filled_gap_goes_on_in_the_rq),
		T(rq_2_rq_3_aggregate_in_several_buffers),
		T(rx_4_rx_6_headers_of_an_aggregate),
		T(rx_16_ipv6),
		T(rx_6_frame_that_the_wire_joined),
		T(rq_5_three_receives_three_completions),
		T(grq_tells_once_that_it_is_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
