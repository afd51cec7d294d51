// SPDX-License-Identifier: BSD-2-Clause
/*
 * errors_test.c - ICMP errors reach the flow that they quote (RFC 9293 §3.9.2.2, KT-2)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/client/errors.h"
#include "nic/device_scene.h"
#include "nic/icmp_frames.h"
#include "packet/icmp.h"

#define ISS 1000000u		/* of what the flow sends                       */
#define BUFFERS 64
#define SECOND 1000000000ull

struct fixture {
	struct device_scene s;
	struct program p;
	struct frame_spec spec;	/* of what arrives                              */
	uint32_t flow;
	uint32_t sent;		/* bytes                                        */
	uint32_t buffers;	/* where they begin, in memory                  */
};

static struct fixture *open_fixture(bool v6)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, NULL);
	f->buffers = program_place(&f->p, BUFFERS * 4096);
	for (uint32_t k = 0; k < BUFFERS; k++)
		program_receive(&f->p, &f->p.grq, f->buffers + k * 4096, 4096, k);
	f->spec = frame_defaults();
	f->spec.payload_len = 0;
	f->spec.v6 = v6;
	return f;
}

static int setup(void **state)
{
	*state = open_fixture(false);
	return 0;
}

static int setup6(void **state)
{
	*state = open_fixture(true);
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

static void add_flow(struct fixture *f, bool wants)
{
	struct device_flow flow = program_flow(&f->p, &f->spec);
	struct frame_spec sent = f->spec;
	static uint8_t frame[FRAME_MAX_BYTES];

	frame_reverse(&sent);
	frame_build(&sent, frame);
	flow.link_bytes = (uint8_t)frame_link_bytes(&sent);
	memcpy(flow.link, frame, flow.link_bytes);
	flow.errors = wants;
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
}

/* The flow's owner sends; what the wire gets is thrown away. */
static void send_bytes(struct fixture *f, uint16_t flags, uint32_t bytes)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = f->spec;
	struct program_send send = { .flow = f->flow, .inline_at = frame,
				     .command = DESCRIPTOR_CUT_TCP, .mss = 1400 };

	frame_reverse(&spec);
	spec.seq = ISS + f->sent;
	spec.flags = flags;
	spec.payload_len = bytes;
	send.inline_bytes = frame_build(&spec, frame);
	assert_true(program_send(&f->p, &send));
	scene_run(&f->s);
	while (scene_leave(&f->s, frame, NULL))
		;
	f->sent += bytes + !!(flags & F_SYN) + !!(flags & F_FIN);
}

static void acknowledge(struct fixture *f, uint32_t ack)
{
	struct completion c;

	f->spec.ack = ack;
	scene_arrive(&f->s, &f->spec);
	scene_run(&f->s);
	assert_true(program_poll(&f->p, &c));
	assert_int_equal(c.kind, COMPLETION_HEADER);
}

enum fate { TO_FLOW, TO_NOBODY, TO_NOWHERE };

/* Who gets it, and that it is what came. */
static enum fate arrive(struct fixture *f, const struct icmp_spec *spec)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t len = icmp_build(spec, frame), nobodys = f->s.n_nobodys;
	uint64_t drops = scene_drops(&f->s, f->p.cq_id, DEVICE_DROP_ERROR);
	struct completion c;
	bool has;

	scene_arrive_bytes(&f->s, frame, len);
	scene_run(&f->s);
	has = program_poll(&f->p, &c);
	if (!has && f->s.n_nobodys == nobodys) {
		assert_int_equal(scene_drops(&f->s, f->p.cq_id, DEVICE_DROP_ERROR),
				 drops + 1);
		return TO_NOWHERE;
	}
	assert_int_equal(has + f->s.n_nobodys - nobodys, 1);
	if (!has)
		return TO_NOBODY;
	assert_int_equal(c.kind, COMPLETION_GENERAL);
	assert_int_equal(c.status, COMPLETION_OK);
	assert_int_equal(c.flow, f->flow);
	assert_int_equal(c.flags, COMPLETION_RAW | COMPLETION_FIRST);
	assert_int_equal(c.bytes, len);
	assert_int_equal(c.offset, 0);
	assert_memory_equal(f->p.memory + f->buffers + c.wr_id * 4096, frame, len);
	return TO_FLOW;
}

/* ---- Which reach it ------------------------------------------------------------------------ */

static void errors_about_what_is_on_its_way_reach_the_flow(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec spec;

	add_flow(f, true);
	send_bytes(f, F_SYN, 0);
	spec = icmp_defaults(&f->spec, ISS);
	assert_int_equal(arrive(f, &spec), TO_FLOW);
	acknowledge(f, ISS + 1);
	send_bytes(f, F_ACK, 800);
	send_bytes(f, F_ACK | F_PSH, 500);
	spec = icmp_defaults(&f->spec, ISS + 1);
	assert_int_equal(arrive(f, &spec), TO_FLOW);
	spec.quote.seq = ISS + 1300;
	assert_int_equal(arrive(f, &spec), TO_FLOW);
	/* As much as the router likes to quote. */
	spec.quote.payload_len = 1000;
	spec.quote_bytes = 548;
	assert_int_equal(arrive(f, &spec), TO_FLOW);
}

static void rfc_5927_others_do_not(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec spec = icmp_defaults(&f->spec, ISS);

	add_flow(f, true);
	assert_int_equal(arrive(f, &spec), TO_NOWHERE);	/* nothing was sent     */
	send_bytes(f, F_ACK, 800);
	spec.quote.seq = ISS - 1;
	assert_int_equal(arrive(f, &spec), TO_NOWHERE);
	spec.quote.seq = ISS + 800;
	assert_int_equal(arrive(f, &spec), TO_NOWHERE);
	spec.quote.seq = ISS + (1u << 31);
	assert_int_equal(arrive(f, &spec), TO_NOWHERE);
	acknowledge(f, ISS + 400);
	spec.quote.seq = ISS + 399;
	assert_int_equal(arrive(f, &spec), TO_NOWHERE);
	spec.quote.seq = ISS + 400;
	assert_int_equal(arrive(f, &spec), TO_FLOW);
	/* What is said to be acknowledged and was not sent changes nothing. */
	acknowledge(f, ISS + 801);
	acknowledge(f, ISS - 1);
	assert_int_equal(arrive(f, &spec), TO_FLOW);
	acknowledge(f, ISS + 800);
	spec.quote.seq = ISS + 799;
	assert_int_equal(arrive(f, &spec), TO_NOWHERE);
}

static void sequence_numbers_go_round(void **state)
{
	struct errors e = { .wanted = true };

	(void)state;
	errors_sent(&e, UINT32_MAX - 9, 20);
	assert_true(errors_allow(&e, UINT32_MAX, 0));
	assert_true(errors_allow(&e, 9, 0));
	assert_false(errors_allow(&e, 10, 0));
	errors_acked(&e, 5);
	assert_false(errors_allow(&e, UINT32_MAX, 0));
	errors_acked(&e, UINT32_MAX);	/* late */
	assert_false(errors_allow(&e, UINT32_MAX, 0));
	assert_true(errors_allow(&e, 5, 0));
	errors_sent(&e, 0, 5);		/* again: nothing new */
	assert_false(errors_allow(&e, 10, 0));
}

/* Its owner did not ask: it is as if there were no flow. */
static void who_does_not_want_them_gets_none(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec spec = icmp_defaults(&f->spec, ISS);

	f->spec.source_port++;		/* there is one that does               */
	add_flow(f, true);
	f->spec.source_port--;
	add_flow(f, false);
	send_bytes(f, F_ACK, 800);
	assert_int_equal(arrive(f, &spec), TO_NOBODY);
	assert_int_equal(device_remove_flow(f->s.device, f->flow), 0);
	add_flow(f, true);
	send_bytes(f, F_ACK, 800);
	spec.quote.seq = ISS + 800;
	assert_int_equal(arrive(f, &spec), TO_FLOW);
	assert_int_equal(device_remove_flow(f->s.device, f->flow), 0);
	assert_int_equal(arrive(f, &spec), TO_NOBODY);
}

static void another_tuple_is_not_the_flows(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec good = icmp_defaults(&f->spec, ISS), spec;

	add_flow(f, true);
	send_bytes(f, F_ACK, 800);
#define OTHER(change) \
	do { \
		spec = good; \
		change; \
		assert_int_equal(arrive(f, &spec), TO_NOBODY); \
	} while (0)

	OTHER(spec.quote.source_port++);
	OTHER(spec.quote.destination_port++);
	OTHER(spec.quote.destination++);
	OTHER(spec.quote.source++; spec.outer.destination++);
	OTHER(spec.outer.destination++);	/* sent to somebody else        */
	OTHER(spec.quote.protocol = 17);
	OTHER(spec.wrong_sum = true);
	OTHER(spec.type = f->spec.v6 ? 5 : 4);	/* source quench, or unknown    */
	OTHER(spec.type = f->spec.v6 ? 128 : 8);	/* a ping               */
	OTHER(spec.quote_bytes = f->spec.v6 ? 47 : 27);
	OTHER(frame_tag(&spec.outer, 0x8100, 7));	/* another network      */
	if (!f->spec.v6) {
		OTHER(spec.quote.fragment = 1);
		OTHER(spec.outer.ip_sum = SUM_WRONG);
		OTHER(spec.outer.fragment = F_MF);
	}
	assert_int_equal(arrive(f, &good), TO_FLOW);
}

static void headers_may_have_options(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec spec = icmp_defaults(&f->spec, ISS);

	add_flow(f, true);
	send_bytes(f, F_ACK, 800);
	if (f->spec.v6) {
		spec.outer.ip_extra_len = 8;
		spec.outer.ip_extra[0] = 58;
		spec.outer.next_header = 60;
	} else {
		memset(spec.outer.ip_extra, 1, 4);
		spec.outer.ip_extra_len = 4;
		memset(spec.quote.ip_extra, 1, 8);
		spec.quote.ip_extra_len = 8;
		spec.quote_bytes += 8;
	}
	assert_int_equal(arrive(f, &spec), TO_FLOW);
}

/* ---- How many ---------------------------------------------------------------------------------- */

static void they_come_a_few_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec spec = icmp_defaults(&f->spec, ISS);
	uint32_t n = 0;

	add_flow(f, true);
	send_bytes(f, F_ACK, 800);
	for (int k = 0; k < 40; k++)
		n += arrive(f, &spec) == TO_FLOW;
	assert_in_range(n, ERRORS_BURST, ERRORS_BURST + 1);
	f->s.now += 60 * SECOND;
	for (int k = 0; k < 20; k++)
		n += arrive(f, &spec) == TO_FLOW;
	assert_in_range(n, 2 * ERRORS_BURST, 2 * ERRORS_BURST + 2);
}

/* The flow lives on when there is no buffer. */
static void without_a_buffer_they_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct icmp_spec spec = icmp_defaults(&f->spec, ISS);
	struct device_flow flow = program_flow(&f->p, &f->spec);
	static uint8_t frame[FRAME_MAX_BYTES];
	struct device_flow_counters counters;
	struct completion c;

	flow.errors = true;
	flow.grq = DEVICE_NONE;
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	send_bytes(f, F_ACK, 800);
	scene_arrive_bytes(&f->s, frame, icmp_build(&spec, frame));
	scene_run(&f->s);
	assert_false(program_poll(&f->p, &c));
	assert_int_equal(f->s.n_nobodys, 0);
	assert_true(device_flow_counters(f->s.device, f->flow, &counters));
	assert_int_equal(counters.drops[DEVICE_DROP_NO_BUFFER], 1);
}

/* ---- What they say ------------------------------------------------------------------------------ */

static void rfc_792_rfc_4443_kinds(void **state)
{
	static const struct {
		uint8_t v6, type, code, kind;
		uint32_t rest, mtu;
	} cases[] = {
		{ 0, 3, 0, ICMP_ERROR_SOFT, 0, 0 },
		{ 0, 3, 1, ICMP_ERROR_SOFT, 0, 0 },
		{ 0, 3, 2, ICMP_ERROR_HARD, 0, 0 },
		{ 0, 3, 3, ICMP_ERROR_HARD, 0, 0 },
		{ 0, 3, 4, ICMP_ERROR_TOO_BIG, 1300, 1300 },
		{ 0, 3, 4, ICMP_ERROR_TOO_BIG, 0xabcd0000, 0 },	/* RFC 1191 §5  */
		{ 0, 3, 13, ICMP_ERROR_SOFT, 99, 0 },
		{ 0, 11, 0, ICMP_ERROR_SOFT, 0, 0 },
		{ 0, 12, 0, ICMP_ERROR_SOFT, 0, 0 },
		{ 1, 1, 0, ICMP_ERROR_SOFT, 0, 0 },
		{ 1, 1, 1, ICMP_ERROR_HARD, 0, 0 },
		{ 1, 1, 4, ICMP_ERROR_HARD, 0, 0 },
		{ 1, 2, 0, ICMP_ERROR_TOO_BIG, 1280, 1280 },
		{ 1, 2, 0, ICMP_ERROR_TOO_BIG, 0xffffffff, 0xffffffff },
		{ 1, 3, 0, ICMP_ERROR_SOFT, 7, 0 },
		{ 1, 4, 1, ICMP_ERROR_SOFT, 0, 0 },
	};
	static uint8_t frame[FRAME_MAX_BYTES];

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct frame_spec arriving = frame_defaults();
		struct icmp_spec spec;
		struct icmp_error e;
		struct seg s;
		uint32_t len;

		arriving.v6 = cases[n].v6;
		spec = icmp_defaults(&arriving, 0x12345678);
		spec.type = cases[n].type;
		spec.code = cases[n].code;
		spec.rest = cases[n].rest;
		len = icmp_build(&spec, frame);
		assert_int_equal(parse_frame(PARSE_LINK_ETHERNET, frame, len, &s),
				 PARSE_NOT_TCP);
		assert_true(icmp_error_parse(frame, &s, &e));
		assert_int_equal(e.kind, cases[n].kind);
		assert_int_equal(e.mtu, cases[n].mtu);
		assert_int_equal(e.seq, 0x12345678);
		assert_int_equal(e.tuple.local_port, arriving.destination_port);
		assert_int_equal(e.tuple.remote_port, arriving.source_port);
		assert_int_equal(e.tuple.v6, arriving.v6);
	}
}

/* Each byte counts: what was changed on the way is no error. */
static void any_change_is_seen(void **state)
{
	static uint8_t frame[FRAME_MAX_BYTES];

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame_spec arriving = frame_defaults();
		struct icmp_spec spec;
		struct icmp_error e;
		struct seg s;
		uint32_t len;

		arriving.v6 = v6;
		spec = icmp_defaults(&arriving, 1);
		len = icmp_build(&spec, frame);
		/* Traffic class, flow label and hop limit are in no checksum. */
		for (uint32_t at = v6 ? 14 + 8 : 14; at < len; at++) {
			frame[at] ^= 0x10;
			if (parse_frame(PARSE_LINK_ETHERNET, frame, len, &s) ==
			    PARSE_NOT_TCP)
				assert_false(icmp_error_parse(frame, &s, &e));
			frame[at] ^= 0x10;
		}
	}
}

int main(void)
{
#define BOTH(test) \
	{ #test, test, setup, teardown, NULL }, \
	{ #test " (IPv6)", test, setup6, teardown, NULL }
	const struct CMUnitTest tests[] = {
		BOTH(errors_about_what_is_on_its_way_reach_the_flow),
		BOTH(rfc_5927_others_do_not),
		BOTH(who_does_not_want_them_gets_none),
		BOTH(another_tuple_is_not_the_flows),
		BOTH(headers_may_have_options),
		BOTH(they_come_a_few_at_a_time),
		BOTH(without_a_buffer_they_are_dropped),
		cmocka_unit_test(sequence_numbers_go_round),
		cmocka_unit_test(rfc_792_rfc_4443_kinds),
		cmocka_unit_test(any_change_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
