// SPDX-License-Identifier: BSD-2-Clause
/* place_test.c - What arrives goes into the buffers that were posted for it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/device_scene.h"
#include "nic/traffic.h"

struct fixture {
	struct device_scene s;
	struct program p;
	struct frame_spec spec;	/* the next segment of the flow                 */
	uint32_t flow;
	uint32_t start;		/* of memory for buffers                        */
};

static void add_flow(struct fixture *f)
{
	struct device_flow flow = program_flow(&f->p, &f->spec);

	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	f->start = f->p.next;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, NULL);
	f->spec = frame_defaults();
	add_flow(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	program_check_canaries(&f->p);
	scene_close(&f->s);
	free(f);
	return 0;
}

/* The next @bytes of the stream arrive in one segment. */
static void arrive(struct fixture *f, uint32_t bytes)
{
	f->spec.payload_len = bytes;
	scene_arrive(&f->s, &f->spec);
	f->spec.seq += bytes;
	f->spec.id++;
}

static void check_bytes(const struct fixture *f, uint32_t offset, uint32_t seq,
			uint32_t bytes)
{
	for (uint32_t n = 0; n < bytes; n++) {
		if (f->p.memory[offset + n] !=
		    frame_stream_byte(f->spec.stream, seq + n))
			fail_msg("byte %u of %u is wrong", n, bytes);
	}
}

static struct completion poll(struct fixture *f)
{
	struct completion c;

	assert_true(program_poll(&f->p, &c));
	return c;
}

static void poll_nothing(struct fixture *f)
{
	struct completion c;

	assert_false(program_poll(&f->p, &c));
}

/* Posts a fresh buffer to the RQ. Return: where it is. */
static uint32_t post(struct fixture *f, uint32_t bytes, uint64_t wr_id)
{
	uint32_t at = program_place(&f->p, bytes);

	program_receive(&f->p, &f->p.rq, at, bytes, wr_id);
	return at;
}

static uint32_t post_general(struct fixture *f, uint32_t bytes, uint64_t wr_id)
{
	uint32_t at = program_place(&f->p, bytes);

	program_receive(&f->p, &f->p.grq, at, bytes, wr_id);
	return at;
}

/* A buffer came back with @bytes of the stream from @seq on. */
static void check_piece(struct fixture *f, struct completion c, uint64_t wr_id,
			enum completion_kind kind, uint32_t at, uint32_t seq,
			uint32_t bytes)
{
	assert_int_equal(c.wr_id, wr_id);
	assert_int_equal(c.kind, kind);
	assert_int_equal(c.status, COMPLETION_OK);
	assert_int_equal(c.flow, f->flow);
	assert_int_equal(c.seq, seq);
	assert_int_equal(c.bytes, bytes);
	check_bytes(f, at, seq, bytes);
}

/* A byte of the stream arrives and is taken. */
static void order_is_known(struct fixture *f)
{
	post(f, 1, 99);
	arrive(f, 1);
	scene_run(&f->s);
	assert_int_equal(poll(f).wr_id, 99);
}

/* ---- Where data goes ------------------------------------------------------- */

static void rq_1_in_order_goes_to_the_rq(void **state)
{
	struct fixture *f = *state;
	uint32_t at = program_place(&f->p, 4096);
	struct completion c;

	program_receive(&f->p, &f->p.rq, at, 4096, 77);
	arrive(f, 1000);
	scene_run(&f->s);
	c = poll(f);
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
	check_bytes(f, at, 1000, 1000);
	poll_nothing(f);
}

static void rq_1_grq_when_the_rq_is_empty(void **state)
{
	struct fixture *f = *state;
	uint32_t general = post_general(f, 4096, 1);
	uint32_t own = post(f, 100, 2);

	arrive(f, 300);
	scene_run(&f->s);
	check_piece(f, poll(f), 2, COMPLETION_RECEIVE, own, 1000, 100);
	check_piece(f, poll(f), 1, COMPLETION_GENERAL, general, 1100, 200);
	poll_nothing(f);
}

/* Nothing is brought back when nothing is posted: the pair is one completion. */
static void rq_1_out_of_order_goes_to_the_grq(void **state)
{
	struct fixture *f = *state;
	uint32_t own = post(f, 4096, 1);
	uint32_t general = post_general(f, 4096, 2);
	struct completion c;

	arrive(f, 100);
	scene_run(&f->s);
	check_piece(f, poll(f), 1, COMPLETION_RECEIVE, own, 1000, 100);
	f->spec.seq += 50;
	arrive(f, 100);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.flags & COMPLETION_IN_ORDER, 0);
	check_piece(f, c, 2, COMPLETION_GENERAL, general, 1150, 100);
	poll_nothing(f);
}

static void rq_3_grq_completion_brings_back_an_rq_buffer(void **state)
{
	struct fixture *f = *state;
	uint32_t general = post_general(f, 4096, 2);
	struct completion c;

	order_is_known(f);
	post(f, 4096, 3);
	post(f, 4096, 4);
	f->spec.seq += 50;
	arrive(f, 100);
	scene_run(&f->s);
	check_piece(f, poll(f), 2, COMPLETION_GENERAL, general, 1051, 100);
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_RECEIVE);
	assert_int_equal(c.wr_id, 3);
	assert_int_equal(c.flow, f->flow);
	assert_int_equal(c.bytes, 0);
	assert_int_equal(c.status, COMPLETION_OK);
	poll_nothing(f);
}

/* And once the gap is filled, order goes on behind what was there already. */
static void rq_1_filled_gap_goes_on_in_the_rq(void **state)
{
	struct fixture *f = *state;
	uint32_t own;

	order_is_known(f);
	post_general(f, 4096, 1);
	f->spec.seq += 100;
	arrive(f, 100);
	scene_run(&f->s);
	assert_int_equal(poll(f).wr_id, 1);
	own = post(f, 4096, 2);
	f->spec.seq -= 200;
	arrive(f, 100);
	scene_run(&f->s);
	check_piece(f, poll(f), 2, COMPLETION_RECEIVE, own, 1001, 100);
	own = post(f, 4096, 3);
	f->spec.seq += 100;
	arrive(f, 100);
	scene_run(&f->s);
	check_piece(f, poll(f), 3, COMPLETION_RECEIVE, own, 1201, 100);
}

/* ---- Pieces ---------------------------------------------------------------- */

/* FIN and PSH are of the last byte, and so of the last piece. */
static void rq_2_rq_3_aggregate_in_several_buffers(void **state)
{
	struct fixture *f = *state;
	uint32_t at[3];
	struct completion c;

	for (uint32_t n = 0; n < 3; n++)
		at[n] = post(f, 1000, n);
	arrive(f, 1000);
	arrive(f, 1000);
	f->spec.flags |= F_PSH | F_FIN;
	arrive(f, 500);
	scene_run(&f->s);
	for (uint32_t n = 0; n < 3; n++) {
		c = poll(f);
		assert_int_equal(c.segments, 3);
		assert_int_equal(c.mss, 1000);
		assert_int_equal(c.cause, TTO_CAUSE_FIN);
		assert_int_equal(c.flags, COMPLETION_IN_ORDER |
				 (n == 0 ? COMPLETION_FIRST : 0) |
				 (n < 2 ? COMPLETION_MORE : 0));
		assert_int_equal(c.tcp_flags, F_ACK |
				 (n < 2 ? 0 : F_PSH | F_FIN));
		check_piece(f, c, n, COMPLETION_RECEIVE, at[n], 1000 + 1000 * n,
			    n < 2 ? 1000 : 500);
	}
	poll_nothing(f);
}

/* RX-4 to RX-6 in the completion: oldest, youngest, least. */
static void rx_4_rx_6_headers_of_an_aggregate(void **state)
{
	struct fixture *f = *state;
	uint32_t at = post(f, 65536, 1);
	struct completion c;

	for (uint32_t n = 0; n < 3; n++) {
		frame_timestamp(&f->spec, 500 + n, 400 + n);
		f->spec.ack = 7000 + n;
		f->spec.window = (uint16_t)(100 + n);
		f->spec.ttl = n == 1 ? 9 : 64;
		f->spec.tos = 0x28;
		arrive(f, 700);
	}
	scene_run(&f->s);
	c = poll(f);
	check_piece(f, c, 1, COMPLETION_RECEIVE, at, 1000, 2100);
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
	struct fixture *f = *state;
	struct frame_spec spec = f->spec;
	struct device_flow flow;
	struct completion c;
	uint32_t id, at;

	spec.v6 = true;
	spec.tos = 0xb8;
	spec.ttl = 3;
	flow = program_flow(&f->p, &spec);
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), 0);
	at = post(f, 4096, 1);
	scene_arrive(&f->s, &spec);
	scene_run(&f->s);
	c = poll(f);
	f->flow = id;
	check_piece(f, c, 1, COMPLETION_RECEIVE, at, 1000, 1000);
	assert_true(c.flags & COMPLETION_V6);
	assert_int_equal(c.tos, 0xb8);
	assert_int_equal(c.ttl, 3);
}

/* Joined by the wire already: how it was cut is known all the same. */
static void rx_6_frame_that_the_wire_joined(void **state)
{
	struct fixture *f = *state;
	struct pair_options pair = { .offload = true };
	struct completion c;

	scene_close(&f->s);
	scene_open(&f->s, NULL, &pair);
	program_open(&f->s, &f->p, NULL);
	add_flow(f);
	post(f, 65536, 1);
	f->spec.gso_size = 1400;
	arrive(f, 4300);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.bytes, 4300);
	assert_int_equal(c.mss, 1400);
	assert_int_equal(c.segments, 4);
	assert_int_equal(c.cause, TTO_CAUSE_GSO);
}

/* ---- Three receives, three completions -------------------------------------- */

#define BUFFERS 3
#define BUFFER_BYTES 3000u

/* Cuts @bytes of the stream anyhow, and has them arrive in bursts of any size. */
static void arrive_anyhow(struct fixture *f, uint64_t *rng, uint32_t bytes)
{
	uint32_t most = 1 + random_below(rng, 1400);

	while (bytes > 0) {
		uint32_t part = 1 + random_below(rng, most);

		if (part > bytes)
			part = bytes;
		f->spec.flags = F_ACK | (random_below(rng, 5) ? 0 : F_PSH);
		arrive(f, part);
		bytes -= part;
		if (!random_below(rng, 8))
			scene_run(&f->s);
	}
	scene_run(&f->s);
}

static void rq_5_three_receives_three_completions(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t rng = seed;
		uint32_t at[BUFFERS], n = 0, seq = f->spec.seq;
		struct completion c;

		f->p.next = f->start;
		for (uint32_t k = 0; k < BUFFERS; k++)
			at[k] = post(f, BUFFER_BYTES, k);
		arrive_anyhow(f, &rng, BUFFERS * BUFFER_BYTES);
		/* What found no buffer has to be sent again. */
		for (; program_poll(&f->p, &c); n++) {
			assert_true(n < BUFFERS);
			assert_in_range(c.bytes, 1, BUFFER_BYTES);
			check_piece(f, c, n, COMPLETION_RECEIVE, at[n], seq,
				    c.bytes);
			seq += c.bytes;
		}
		assert_int_equal(n, BUFFERS);
		f->spec.seq = seq;
	}
}

/* ---- Header in front --------------------------------------------------------- */

static void check_header(struct fixture *f, const struct completion *c,
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
	struct fixture *f = *state;
	uint32_t general = post_general(f, 4096, 1);
	struct completion c;

	post(f, 4096, 2);
	frame_timestamp(&f->spec, 11, 12);
	frame_sack(&f->spec, 7100, 7200);
	arrive(f, 200);
	scene_run(&f->s);
	c = poll(f);
	assert_true(c.flags & COMPLETION_TIMESTAMP);
	assert_true(c.flags & COMPLETION_IN_ORDER);
	assert_int_equal(c.tsval, 11);
	check_header(f, &c, general);
	check_piece(f, c, 1, COMPLETION_GENERAL, general + c.offset, 1000, 200);
	assert_int_equal(poll(f).wr_id, 2);
	poll_nothing(f);
}

static void rx_7_sack_of_a_pure_ack(void **state)
{
	struct fixture *f = *state;
	uint32_t general = post_general(f, 4096, 1);
	struct completion c;

	post(f, 4096, 2);
	frame_sack(&f->spec, 7100, 7200);
	arrive(f, 0);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_HEADER);
	assert_int_equal(c.wr_id, 1);
	assert_int_equal(c.bytes, 0);
	check_header(f, &c, general);
	poll_nothing(f);
	/* Without a buffer it is lost, as anything is. */
	arrive(f, 0);
	scene_run(&f->s);
	poll_nothing(f);
	assert_int_equal(scene_drops(&f->s, f->p.grq_id,
				     DEVICE_DROP_NO_BUFFER), 1);
}

/* The header and the payload in buffers that are short of both. */
static void rq_2_header_and_payload_in_pieces(void **state)
{
	struct fixture *f = *state;
	uint32_t at[4];
	struct completion c;

	for (uint32_t n = 0; n < 4; n++)
		at[n] = post_general(f, n == 0 ? 60 : 100, n);
	frame_sack(&f->spec, 7100, 7200);	/* 66 bytes of headers          */
	arrive(f, 200);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.wr_id, 0);
	assert_int_equal(c.status, COMPLETION_INVALID);
	c = poll(f);
	check_header(f, &c, at[1]);
	check_piece(f, c, 1, COMPLETION_GENERAL, at[1] + 66, 1000, 34);
	c = poll(f);
	assert_int_equal(c.header_bytes, 0);
	check_piece(f, c, 2, COMPLETION_GENERAL, at[2], 1034, 100);
	check_piece(f, poll(f), 3, COMPLETION_GENERAL, at[3], 1134, 66);
}

static void rq_3_segments_without_payload_use_no_buffer(void **state)
{
	struct fixture *f = *state;
	static const uint16_t flags[] = {
		F_ACK, F_ACK | F_FIN, F_RST, F_ACK | F_RST, F_ACK | F_ECE,
	};

	post(f, 100, 1);
	post_general(f, 100, 2);
	for (uint32_t n = 0; n < ARRAY_SIZE(flags); n++) {
		struct completion c;

		f->spec.flags = flags[n];
		f->spec.ack++;
		arrive(f, 0);
		scene_run(&f->s);
		c = poll(f);
		assert_int_equal(c.kind, COMPLETION_HEADER);
		assert_int_equal(c.tcp_flags, flags[n]);
		assert_int_equal(c.ack, f->spec.ack);
		assert_int_equal(c.seq, 1000);
		assert_int_equal(c.header_bytes, 0);
		poll_nothing(f);
	}
}

static void rx_9_acks_that_were_joined(void **state)
{
	struct fixture *f = *state;
	struct completion c;

	for (int n = 0; n < 4; n++) {
		f->spec.ack += 100;
		arrive(f, 0);
	}
	scene_run(&f->s);
	c = poll(f);		/* the first makes the flow known               */
	assert_int_equal(c.acks, 0);
	c = poll(f);
	assert_int_equal(c.acks, 3);
	assert_int_equal(c.segments, 3);
	assert_int_equal(c.ack, 7400);
	poll_nothing(f);
}

static void reset_does_not_say_where_the_stream_begins(void **state)
{
	struct fixture *f = *state;

	f->spec.flags = F_RST;
	f->spec.seq = 5;
	arrive(f, 0);
	f->spec.flags = F_ACK;
	f->spec.seq = 1000;
	post(f, 100, 1);
	arrive(f, 100);
	scene_run(&f->s);
	assert_int_equal(poll(f).flags & COMPLETION_IN_ORDER, 0);
	assert_int_equal(poll(f).wr_id, 1);
}

/* RFC 9293 §3.10.7.4: a reset may carry a text, which is no data. */
static void payload_of_a_reset_is_not_placed(void **state)
{
	struct fixture *f = *state;
	struct completion c;

	post(f, 100, 1);
	f->spec.flags = F_RST | F_ACK;
	arrive(f, 20);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_HEADER);
	assert_int_equal(c.bytes, 0);
	poll_nothing(f);
}

static void syn_takes_a_sequence_number(void **state)
{
	struct fixture *f = *state;
	uint32_t general = post_general(f, 4096, 1), own;
	static const uint8_t mss[] = { 2, 4, 5, 180 };
	struct completion c;

	f->spec.flags = F_SYN | F_ACK;
	frame_options(&f->spec, mss, sizeof(mss));
	arrive(f, 0);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_HEADER);
	assert_int_equal(c.seq, 1001);
	check_header(f, &c, general);
	f->spec.options_len = 0;
	f->spec.flags = F_ACK;
	f->spec.seq = 1001;
	own = post(f, 4096, 2);
	arrive(f, 10);
	scene_run(&f->s);
	check_piece(f, poll(f), 2, COMPLETION_RECEIVE, own, 1001, 10);
}

/* ---- Drops ------------------------------------------------------------------ */

static void rq_2_without_a_buffer_dropped_and_counted(void **state)
{
	struct fixture *f = *state;
	struct device_flow_counters counters;
	uint32_t own;

	arrive(f, 500);
	scene_run(&f->s);
	poll_nothing(f);
	assert_int_equal(scene_drops(&f->s, f->p.grq_id,
				     DEVICE_DROP_NO_BUFFER), 1);
	assert_true(device_flow_counters(f->s.device, f->flow, &counters));
	assert_int_equal(counters.drops[DEVICE_DROP_NO_BUFFER], 1);
	assert_int_equal(counters.bytes, 0);
	/* Sent again, it is still the next. */
	own = post(f, 4096, 1);
	f->spec.seq -= 500;
	arrive(f, 500);
	scene_run(&f->s);
	check_piece(f, poll(f), 1, COMPLETION_RECEIVE, own, 1000, 500);
}

/* What was placed before the buffers ended stays, and nothing follows it. */
static void rq_2_buffers_end_within_an_aggregate(void **state)
{
	struct fixture *f = *state;
	uint32_t own = post(f, 300, 1);
	struct completion c;

	f->spec.flags |= F_PSH;
	arrive(f, 1000);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.flags, COMPLETION_FIRST | COMPLETION_IN_ORDER);
	assert_int_equal(c.tcp_flags, F_ACK);
	check_piece(f, c, 1, COMPLETION_RECEIVE, own, 1000, 300);
	own = post(f, 1000, 2);
	f->spec.seq -= 700;
	arrive(f, 700);
	scene_run(&f->s);
	c = poll(f);
	assert_true(c.flags & COMPLETION_IN_ORDER);
	check_piece(f, c, 2, COMPLETION_RECEIVE, own, 1300, 700);
}

static void cq_without_room_drops_and_counts(void **state)
{
	struct fixture *f = *state;
	const struct program_options options = { .cq = 2 };
	struct completion c;

	scene_close(&f->s);
	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, &options);
	add_flow(f);
	for (uint32_t n = 0; n < 4; n++)
		post(f, 100, n);
	arrive(f, 350);
	scene_run(&f->s);
	assert_int_equal(scene_drops(&f->s, f->p.cq_id, DEVICE_DROP_CQ_FULL), 1);
	assert_int_equal(poll(f).flags & COMPLETION_MORE, COMPLETION_MORE);
	c = poll(f);
	assert_int_equal(c.flags & COMPLETION_MORE, 0);
	assert_int_equal(c.wr_id, 1);
	poll_nothing(f);
	f->spec.seq -= 150;
	arrive(f, 150);
	scene_run(&f->s);
	assert_int_equal(poll(f).wr_id, 2);
	assert_int_equal(poll(f).bytes, 50);
}

/* A GRQ buffer and what it brings back find room together, or not at all. */
static void rq_3_pair_is_not_torn_apart_by_a_full_cq(void **state)
{
	struct fixture *f = *state;
	const struct program_options options = { .cq = 2 };

	scene_close(&f->s);
	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, &options);
	add_flow(f);
	arrive(f, 0);
	scene_run(&f->s);		/* one place is taken                   */
	post(f, 100, 1);
	post_general(f, 100, 2);
	f->spec.seq += 10;
	arrive(f, 50);
	scene_run(&f->s);
	assert_int_equal(scene_drops(&f->s, f->p.cq_id, DEVICE_DROP_CQ_FULL), 1);
	assert_int_equal(poll(f).kind, COMPLETION_HEADER);
	poll_nothing(f);
	f->spec.seq -= 50;
	arrive(f, 50);
	scene_run(&f->s);
	assert_int_equal(poll(f).wr_id, 2);
	assert_int_equal(poll(f).wr_id, 1);
	poll_nothing(f);
}

static void rx_15_wrong_checksums_are_never_placed(void **state)
{
	struct fixture *f = *state;
	static const uint8_t nops[] = { 1, 1, 1, 1 };

	post(f, 65536, 1);
	post_general(f, 65536, 2);
	for (int with_ip_options = 0; with_ip_options < 2; with_ip_options++) {
		if (with_ip_options) {
			memcpy(f->spec.ip_extra, nops, sizeof(nops));
			f->spec.ip_extra_len = sizeof(nops);
		}
		f->spec.tcp_sum = SUM_WRONG;
		arrive(f, 100);
		f->spec.tcp_sum = SUM_RIGHT;
		f->spec.ip_sum = SUM_WRONG;
		arrive(f, 100);
		f->spec.ip_sum = SUM_RIGHT;
		scene_run(&f->s);
		poll_nothing(f);
		assert_int_equal(scene_drops(&f->s, f->p.cq_id,
					     DEVICE_DROP_CHECKSUM),
				 2 * (with_ip_options + 1));
	}
	arrive(f, 100);		/* IP options alone are no harm                 */
	scene_run(&f->s);
	assert_int_equal(poll(f).bytes, 100);
}

/* What was held is delivered because of a bad frame behind it: it is good itself. */
static void rx_15_bad_frame_takes_no_good_one_with_it(void **state)
{
	struct fixture *f = *state;
	uint32_t at = post(f, 65536, 1);

	arrive(f, 100);
	arrive(f, 100);
	f->spec.tcp_sum = SUM_WRONG;
	arrive(f, 100);
	f->spec.tcp_sum = SUM_RIGHT;
	scene_run(&f->s);
	check_piece(f, poll(f), 1, COMPLETION_RECEIVE, at, 1000, 200);
	poll_nothing(f);
	at = post(f, 65536, 2);
	f->spec.seq -= 100;
	arrive(f, 100);
	f->spec.fragment = F_MF;
	arrive(f, 100);
	scene_run(&f->s);
	check_piece(f, poll(f), 2, COMPLETION_RECEIVE, at, 1200, 100);
}

/* ---- Faults ----------------------------------------------------------------- */

static void rq_6_buffer_that_may_not_be_written_is_handed_back(void **state)
{
	struct fixture *f = *state;
	uint32_t own;
	struct completion c;

	program_receive(&f->p, &f->p.rq, SCENE_PROGRAM_BYTES - 100, 200, 1);
	own = post(f, 4096, 2);
	arrive(f, 150);
	scene_run(&f->s);
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_RECEIVE);
	assert_int_equal(c.wr_id, 1);
	assert_int_equal(c.status, COMPLETION_FAULT);
	assert_int_equal(c.fault, DMA_FAULT_UNREACHABLE);
	assert_int_equal(completion_fault_address(&c),
			 f->p.bus + SCENE_PROGRAM_BYTES);
	assert_int_equal(c.bytes, 0);
	check_piece(f, poll(f), 2, COMPLETION_RECEIVE, own, 1000, 150);
	assert_int_equal(scene_drops(&f->s, f->p.rq_id,
				     DEVICE_DROP_BUFFER_FAULT), 1);
}

static void rq_6_buffers_that_make_no_sense_are_handed_back(void **state)
{
	struct fixture *f = *state;
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
	post(f, 100, 5);
	arrive(f, 100);
	scene_run(&f->s);
	for (uint32_t n = 1; n <= ARRAY_SIZE(bad); n++) {
		struct completion c = poll(f);

		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.status, COMPLETION_INVALID);
	}
	assert_int_equal(poll(f).bytes, 100);
}

/* Any number of bad buffers: a packet tries a few, and is dropped. */
static void rq_6_patience_with_bad_buffers_ends(void **state)
{
	struct fixture *f = *state;
	struct completion c;
	uint32_t n = 0;

	for (uint32_t k = 0; k < 60; k++)
		program_receive(&f->p, &f->p.rq, SCENE_PROGRAM_BYTES, 200, k);
	arrive(f, 150);
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
	struct fixture *f = *state;
	const struct program_options options = { .cq = 1024, .rq = 1024 };
	struct completion c;
	uint32_t n = 0;

	scene_close(&f->s);
	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, &options);
	add_flow(f);
	for (uint32_t k = 0; k < 1000; k++)
		program_receive(&f->p, &f->p.rq, f->start + k, 1, k);
	arrive(f, 640);
	scene_run(&f->s);
	for (; program_poll(&f->p, &c); n++)
		check_piece(f, c, n, COMPLETION_RECEIVE, f->start + n, 1000 + n,
			    1);
	assert_int_equal(n, 74);
	assert_int_equal(c.flags & COMPLETION_MORE, 0);
	f->spec.seq -= 640 - n;		/* the rest, again                      */
	arrive(f, 640 - n);
	scene_run(&f->s);
	assert_true(program_poll(&f->p, &c));
	check_piece(f, c, n, COMPLETION_RECEIVE, f->start + n, 1000 + n, 1);
}

/* ---- Revocation -------------------------------------------------------------- */

static void rq_7_revoked_is_never_written(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= 2000; seed++) {
		uint64_t rng = seed;
		uint32_t n = 1 + random_below(&rng, 8), seq = f->spec.seq;
		uint32_t victim = random_below(&rng, n), at[8], done = 0;
		struct completion c;

		f->p.next = f->start;
		for (uint32_t k = 0; k < n; k++)
			at[k] = post(f, 100, k);
		arrive_anyhow(f, &rng, random_below(&rng, 100 * n));
		while (program_poll(&f->p, &c)) {
			done++;
			seq += c.bytes;
		}
		memset(f->p.memory + at[victim], 0x11, 100);
		assert_int_equal(device_revoke(f->s.device, f->p.rq_id, victim),
				 victim >= done);
		f->spec.seq = seq;
		arrive_anyhow(f, &rng, 100 * n);
		while (program_poll(&f->p, &c)) {
			bool is_victim = c.wr_id == victim;

			assert_int_equal(c.wr_id, done);
			assert_int_equal(c.kind, is_victim ?
					 COMPLETION_REVOKED : COMPLETION_RECEIVE);
			done++;
			seq += c.bytes;
		}
		assert_int_equal(done, n);
		f->spec.seq = seq;
		for (uint32_t k = 0; k < 100; k++)
			assert_int_equal(f->p.memory[at[victim] + k], 0x11);
	}
}

/* Those whose turn it is complete at once, so that nobody waits for traffic. */
static void rq_7_first_in_line_completes_at_once(void **state)
{
	struct fixture *f = *state;

	post(f, 100, 1);
	post(f, 100, 1);
	post(f, 100, 2);
	post(f, 100, 3);
	assert_int_equal(device_revoke(f->s.device, f->p.rq_id, 2), 1);
	poll_nothing(f);
	assert_true(ring_arm(&f->p.cq));
	assert_int_equal(device_revoke(f->s.device, f->p.rq_id, 1), 2);
	assert_int_equal(f->s.n_wakes, 1);
	for (uint64_t wr_id = 1; wr_id <= 2; wr_id++) {
		struct completion c = poll(f);

		assert_int_equal(c.kind, COMPLETION_REVOKED);
		assert_int_equal(c.wr_id, 1);
	}
	assert_int_equal(poll(f).wr_id, 2);
	poll_nothing(f);
	assert_int_equal(device_revoke(f->s.device, f->p.rq_id, 1), 0);
	assert_int_equal(device_revoke(f->s.device, f->p.cq_id, 1), -ENOENT);
	assert_int_equal(device_revoke(f->s.device, DEVICE_NONE, 1), -ENOENT);
	arrive(f, 50);
	scene_run(&f->s);
	assert_int_equal(poll(f).wr_id, 3);
}

/* ---- Low ---------------------------------------------------------------------- */

static void grq_tells_once_that_it_is_low(void **state)
{
	struct fixture *f = *state;
	struct completion c;
	uint32_t told = 0;

	for (uint32_t n = 0; n < 4; n++)
		post_general(f, 100, n);
	assert_int_equal(device_ask_low(f->s.device, f->p.grq_id, 3), 0);
	poll_nothing(f);
	for (uint32_t n = 0; n < 4; n++) {
		arrive(f, 100);
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
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_LOW);
	assert_int_equal(c.bytes, 0);
	assert_int_equal(device_ask_low(f->s.device, f->p.rq_id, 1), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		T(rx_7_sack_comes_with_its_header),
		T(rx_7_sack_of_a_pure_ack),
		T(rq_2_header_and_payload_in_pieces),
		T(rq_3_segments_without_payload_use_no_buffer),
		T(rx_9_acks_that_were_joined),
		T(reset_does_not_say_where_the_stream_begins),
		T(payload_of_a_reset_is_not_placed),
		T(syn_takes_a_sequence_number),
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
		T(rq_7_revoked_is_never_written),
		T(rq_7_first_in_line_completes_at_once),
		T(grq_tells_once_that_it_is_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
