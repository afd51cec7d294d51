// SPDX-License-Identifier: BSD-2-Clause
/* errors_test.c - ICMP errors about a flow, beside its bytes (RFC 9293 §3.9.2.2) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "scene.h"

#define ICMP_AT 34
#define ICMP_BYTES 36		/* its header, and IP and 8 bytes of TCP        */
#define BYTES 1000u

static uint16_t sum_of(const uint8_t *at, size_t n)
{
	uint32_t sum = 0;

	for (size_t k = 0; k < n; k += 2)
		sum += load_be16(at + k);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* What @side has sent first was too big for a router behind the other. */
static uint32_t make_error(const struct side *side, uint8_t *frame)
{
	uint8_t sent[SCENE_HEADER];
	uint8_t *ip = frame + 14, *icmp = frame + ICMP_AT;

	scene_header(side, sent, 0x10);
	store_be32(sent + 38, SCENE_FIRST);
	memset(frame, 0, ICMP_AT + ICMP_BYTES);
	memcpy(frame, sent, 14);
	ip[0] = 0x45;
	store_be16(ip + 2, 20 + ICMP_BYTES);
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, (uint8_t[]){ 10, 9, 0, 77 }, 4);
	memcpy(ip + 16, side->tuple.local, 4);
	store_be16(ip + 10, sum_of(ip, 20));
	icmp[0] = 3;
	icmp[1] = 4;
	store_be16(icmp + 6, 1300);
	memcpy(icmp + 8, sent + 14, 28);
	store_be16(icmp + 2, sum_of(icmp, ICMP_BYTES));
	return ICMP_AT + ICMP_BYTES;
}

static void send_error(struct side *from, const struct side *about, uint8_t *frame)
{
	uint32_t bytes = make_error(about, frame);
	const struct tto_send send = {
		.header = frame, .header_bytes = (uint16_t)bytes,
	};

	assert_int_equal(tto_post_send(from->qp, &send, 1, NULL), 0);
}

static void check_error(struct side sides[2], const uint8_t *frame)
{
	struct tto_completion c;

	assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
	assert_int_equal(c.kind, TTO_GENERAL);
	assert_int_equal(c.status, 0);
	assert_ptr_equal(c.flow, sides[0].flow);
	assert_true(c.flags & TTO_FRAME);
	assert_int_equal(c.bytes, ICMP_AT + ICMP_BYTES);
	assert_memory_equal(c.data, frame, c.bytes);
	assert_int_equal(tto_return(&c), 0);
}

/* Bytes both ways, an error in between: neither disturbs the other. */
static void run(uint32_t cq_flags, bool stream)
{
	const struct scene_options o = { .cq_flags = cq_flags, .no_receive = !stream,
					 .flow_errors = 1 };
	static uint8_t from[BYTES], to[2][BYTES], frame[256];
	struct tto_completion c;
	struct side sides[2];

	scene_open(sides, &o);
	scene_fill(from, 0, BYTES);
	for (int n = 0; stream && n < 2; n++) {
		const struct tto_receive r = { .address = to[n], .bytes = BYTES };

		assert_int_equal(tto_post_receive(sides[n].qp, &r, 1, NULL), 0);
	}
	assert_int_equal(scene_send(&sides[0], from, BYTES, 0, 1), 0);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
	assert_int_equal(tto_return(&c), 0);
	send_error(&sides[1], &sides[0], frame);
	check_error(sides, frame);
	assert_int_equal(scene_send(&sides[1], from, BYTES, 0, 2), 0);
	assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
	assert_int_equal(c.kind, stream ? TTO_RECEIVE : TTO_GENERAL);
	assert_int_equal(c.bytes, BYTES);
	assert_true(c.flags & TTO_IN_ORDER);
	scene_check(c.data, 0, BYTES);
	assert_int_equal(tto_return(&c), 0);
	scene_close(sides);
}

static void to_a_tcp_of_the_programs_own(void **state)
{
	(void)state;
	run(TTO_CQ_RAW, false);
}

static void beside_a_stream(void **state)
{
	(void)state;
	run(0, true);
}

static void not_to_who_does_not_ask(void **state)
{
	const struct scene_options o = { .cq_flags = TTO_CQ_RAW, .no_receive = 1 };
	uint8_t from[BYTES] = { 0 }, frame[256];
	struct tto_completion c;
	struct side sides[2];

	(void)state;
	scene_open(sides, &o);
	assert_int_equal(scene_send(&sides[0], from, BYTES, 0, 1), 0);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
	assert_int_equal(tto_return(&c), 0);
	send_error(&sides[1], &sides[0], frame);
	assert_int_equal(scene_poll(sides, &sides[0], &c), 0);
	scene_close(sides);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_a_tcp_of_the_programs_own),
		cmocka_unit_test(beside_a_stream),
		cmocka_unit_test(not_to_who_does_not_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
