// SPDX-License-Identifier: BSD-2-Clause
/* place_header_test.c - What is more than payload: headers, and segments without any */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/place_scene.h"

static void check_header(struct place_scene *f, const struct completion *c,
			 uint32_t at)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = f->spec;

	spec.seq -= spec.payload_len;
	spec.id--;
	frame_build(&spec, frame);
	assert_int_equal(c->header_bytes, frame_header_bytes(&spec));
	assert_int_equal(c->offset, c->header_bytes);
	assert_memory_equal(f->p.memory + at, frame, c->header_bytes);
}

/* There is no field for SACK blocks: in order, but with the header, in the GRQ. */
static void rx_7_sack_comes_with_its_header(void **state)
{
	struct place_scene *f = *state;
	uint32_t general = place_post_general(f, 4096, 1);
	struct completion c;

	place_post(f, 4096, 2);
	frame_timestamp(&f->spec, 11, 12);
	frame_sack(&f->spec, 7100, 7200);
	place_arrive(f, 200);
	scene_run(&f->s);
	c = place_poll(f);
	assert_true(c.flags & COMPLETION_TIMESTAMP);
	assert_true(c.flags & COMPLETION_IN_ORDER);
	assert_int_equal(c.tsval, 11);
	check_header(f, &c, general);
	place_check_piece(f, c, 1, COMPLETION_GENERAL, general + c.offset, 1000, 200);
	assert_int_equal(place_poll(f).wr_id, 2);
	place_poll_nothing(f);
}

static void rx_7_sack_of_a_pure_ack(void **state)
{
	struct place_scene *f = *state;
	uint32_t general = place_post_general(f, 4096, 1);
	struct completion c;

	place_post(f, 4096, 2);
	frame_sack(&f->spec, 7100, 7200);
	place_arrive(f, 0);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.kind, COMPLETION_HEADER);
	assert_int_equal(c.wr_id, 1);
	assert_int_equal(c.bytes, 0);
	check_header(f, &c, general);
	place_poll_nothing(f);
	/* Without a buffer it is lost, as anything is. */
	place_arrive(f, 0);
	scene_run(&f->s);
	place_poll_nothing(f);
	assert_int_equal(scene_drops(&f->s, f->p.grq_id,
				     DEVICE_DROP_NO_BUFFER), 1);
}

/* The header and the payload in buffers that are short of both. */
static void rq_2_header_and_payload_in_pieces(void **state)
{
	struct place_scene *f = *state;
	uint32_t at[4];
	struct completion c;

	for (uint32_t n = 0; n < 4; n++)
		at[n] = place_post_general(f, n == 0 ? 60 : 100, n);
	frame_sack(&f->spec, 7100, 7200);	/* 66 bytes of headers          */
	place_arrive(f, 200);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.wr_id, 0);
	assert_int_equal(c.status, COMPLETION_INVALID);
	c = place_poll(f);
	check_header(f, &c, at[1]);
	place_check_piece(f, c, 1, COMPLETION_GENERAL, at[1] + 66, 1000, 34);
	c = place_poll(f);
	assert_int_equal(c.header_bytes, 0);
	place_check_piece(f, c, 2, COMPLETION_GENERAL, at[2], 1034, 100);
	place_check_piece(f, place_poll(f), 3, COMPLETION_GENERAL, at[3], 1134, 66);
}

static void rq_3_segments_without_payload_use_no_buffer(void **state)
{
	struct place_scene *f = *state;
	static const uint16_t flags[] = {
		F_ACK, F_ACK | F_FIN, F_RST, F_ACK | F_RST, F_ACK | F_ECE,
	};

	place_post(f, 100, 1);
	place_post_general(f, 100, 2);
	for (uint32_t n = 0; n < ARRAY_SIZE(flags); n++) {
		struct completion c;

		f->spec.flags = flags[n];
		f->spec.ack++;
		place_arrive(f, 0);
		scene_run(&f->s);
		c = place_poll(f);
		assert_int_equal(c.kind, COMPLETION_HEADER);
		assert_int_equal(c.tcp_flags, flags[n]);
		assert_int_equal(c.ack, f->spec.ack);
		assert_int_equal(c.seq, 1000);
		assert_int_equal(c.header_bytes, 0);
		place_poll_nothing(f);
	}
}

static void rx_9_acks_that_were_joined(void **state)
{
	struct place_scene *f = *state;
	struct completion c;

	for (int n = 0; n < 4; n++) {
		f->spec.ack += 100;
		place_arrive(f, 0);
	}
	scene_run(&f->s);
	c = place_poll(f);	/* the first makes the flow known */
	assert_int_equal(c.acks, 0);
	c = place_poll(f);
	assert_int_equal(c.acks, 3);
	assert_int_equal(c.segments, 3);
	assert_int_equal(c.ack, 7400);
	place_poll_nothing(f);
}

static void reset_does_not_say_where_the_stream_begins(void **state)
{
	struct place_scene *f = *state;

	f->spec.flags = F_RST;
	f->spec.seq = 5;
	place_arrive(f, 0);
	f->spec.flags = F_ACK;
	f->spec.seq = 1000;
	place_post(f, 100, 1);
	place_arrive(f, 100);
	scene_run(&f->s);
	assert_int_equal(place_poll(f).flags & COMPLETION_IN_ORDER, 0);
	assert_int_equal(place_poll(f).wr_id, 1);
}

/* RFC 9293 §3.10.7.4: a reset may carry a text, which is no data. */
static void payload_of_a_reset_is_not_placed(void **state)
{
	struct place_scene *f = *state;
	struct completion c;

	place_post(f, 100, 1);
	f->spec.flags = F_RST | F_ACK;
	place_arrive(f, 20);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.kind, COMPLETION_HEADER);
	assert_int_equal(c.bytes, 0);
	place_poll_nothing(f);
}

static void syn_takes_a_sequence_number(void **state)
{
	struct place_scene *f = *state;
	uint32_t general = place_post_general(f, 4096, 1), own;
	static const uint8_t mss[] = { 2, 4, 5, 180 };
	struct completion c;

	f->spec.flags = F_SYN | F_ACK;
	frame_options(&f->spec, mss, sizeof(mss));
	place_arrive(f, 0);
	scene_run(&f->s);
	c = place_poll(f);
	assert_int_equal(c.kind, COMPLETION_HEADER);
	assert_int_equal(c.seq, 1001);
	check_header(f, &c, general);
	f->spec.options_len = 0;
	f->spec.flags = F_ACK;
	f->spec.seq = 1001;
	own = place_post(f, 4096, 2);
	place_arrive(f, 10);
	scene_run(&f->s);
	place_check_piece(f, place_poll(f), 2, COMPLETION_RECEIVE, own, 1001, 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rx_7_sack_comes_with_its_header),
		T(rx_7_sack_of_a_pure_ack),
		T(rq_2_header_and_payload_in_pieces),
		T(rq_3_segments_without_payload_use_no_buffer),
		T(rx_9_acks_that_were_joined),
		T(reset_does_not_say_where_the_stream_begins),
		T(payload_of_a_reset_is_not_placed),
		T(syn_takes_a_sequence_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
