// SPDX-License-Identifier: BSD-2-Clause
/* forgery_test.c - What is not the flow's does not leave (SPEC TX-8) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/send_scene.h"

static const uint8_t link_right[] = {
	2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 8, 0,
};

struct forgery {
	const char *what;
	uint32_t at;		/* of a frame as of the flow                    */
	uint8_t byte;		/* what is there instead                        */
};

static void send_forged(struct send_scene *f, const struct forgery *g)
{
	struct send_unit u = { f->spec, 1000 };

	u.spec.payload_len = 100;
	send_lay_out(f, &u, NULL, 100, 0);
	memcpy(f->inline_bytes, link_right, sizeof(link_right));
	f->inline_bytes[g->at] = g->byte;
	f->send.wr_id = 7;
	assert_true(program_send(&f->p, &f->send));
	scene_run(&f->s);
}

static void tx_8_anything_but_the_flows_tuple_is_refused(void **state)
{
	struct send_scene *f = *state;
	static const struct forgery forgeries[] = {
		{ "source address", 26, 99 }, { "source address", 29, 99 },
		{ "destination address", 30, 99 },
		{ "destination address", 33, 99 },
		{ "source port", 34, 99 }, { "source port", 35, 99 },
		{ "destination port", 36, 99 }, { "destination port", 37, 99 },
		{ "destination MAC", 0, 4 }, { "source MAC", 11, 99 },
	};
	static const struct forgery nothing = { "nothing", 0, 2 };
	static const struct forgery broken[] = {
		{ "protocol", 23, 17 }, { "version", 14, 0x65 },
		{ "header length", 14, 0x46 }, { "fragment", 20, 0x20 },
		{ "fragment", 21, 3 }, { "ethertype", 12, 0x86 },
		{ "VLAN", 12, 0x81 }, { "data offset", 46, 0x40 },
	};
	uint64_t n_refused = 0;

	assert_int_equal(device_set_link(f->s.device, f->flow, link_right,
					 sizeof(link_right)), 0);
	for (uint32_t n = 0; n < ARRAY_SIZE(forgeries); n++, n_refused++) {
		struct completion c;

		send_forged(f, &forgeries[n]);
		if (send_count_frames(f))
			fail_msg("%s: sent", forgeries[n].what);
		c = send_poll(f);
		assert_int_equal(c.status, COMPLETION_TUPLE);
		assert_int_equal(c.wr_id, 7);
	}
	assert_int_equal(scene_drops(&f->s, f->p.sq_id, DEVICE_DROP_BAD_TUPLE),
			 n_refused);
	for (uint32_t n = 0; n < ARRAY_SIZE(broken); n++) {
		struct completion c;

		send_forged(f, &broken[n]);
		if (send_count_frames(f))
			fail_msg("%s: sent", broken[n].what);
		c = send_poll(f);
		assert_true(c.status == COMPLETION_INVALID ||
			    c.status == COMPLETION_TUPLE);
	}
	send_forged(f, &nothing);
	assert_int_equal(send_count_frames(f), 1);
	send_poll_nothing(f);
}

/* Every bit of the headers: what leaves is of the flow, whatever was asked for. */
static void tx_8_no_bit_makes_another_flow_of_it(void **state)
{
	struct send_scene *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES], want[FRAME_MAX_BYTES];
	struct send_unit u = { f->spec, 1000 };

	u.spec.payload_len = 100;
	assert_int_equal(device_set_link(f->s.device, f->flow, link_right,
					 sizeof(link_right)), 0);
	send_lay_out(f, &u, NULL, 100, 0);
	memcpy(f->inline_bytes, link_right, sizeof(link_right));
	memcpy(want, f->inline_bytes, 54);
	for (uint32_t bit = 0; bit < 54 * 8; bit++) {
		struct completion c;
		uint32_t len;

		f->inline_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		f->inline_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		while ((len = scene_leave(&f->s, frame, NULL)) > 0) {
			assert_memory_equal(frame, want, 14);
			assert_int_equal(frame[14], 0x45);
			assert_int_equal(get16(frame + 20) & 0x3fff, 0);
			assert_int_equal(frame[23], 6);
			assert_memory_equal(frame + 26, want + 26, 12);
		}
		while (program_poll(&f->p, &c))
			;
	}
}

static void tx_8_other_headers_than_plain_ones(void **state)
{
	struct send_scene *f = *state;
	static const uint8_t option[] = { 0x83, 7, 4, 10, 0, 0, 9, 0 };
	struct send_unit u = { f->spec, 1000 };

	u.spec.payload_len = 50;
	memcpy(u.spec.ip_extra, option, sizeof(option));
	u.spec.ip_extra_len = sizeof(option);	/* a source route               */
	send_lay_out(f, &u, NULL, 50, 0);
	assert_true(program_send(&f->p, &f->send));
	scene_run(&f->s);
	assert_int_equal(send_poll(f).status, COMPLETION_TUPLE);
	u.spec.ip_extra_len = 0;
	for (uint16_t cut = DESCRIPTOR_CUT_UDP; cut <= DESCRIPTOR_CUT; cut += 0x10) {
		send_lay_out(f, &u, NULL, 50, 0);
		f->send.command = cut;
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		assert_int_equal(send_poll(f).status, COMPLETION_TUPLE);
	}
	assert_int_equal(send_count_frames(f), 0);
}

static void tx_8_only_for_flows_of_this_queue(void **state)
{
	struct send_scene *f = *state;
	struct program other;
	struct device_flow flow;
	uint32_t theirs, no_sq;

	program_open(&f->s, &other, NULL);
	f->spec.source_port++;
	flow = program_flow(&other, &f->spec);
	assert_int_equal(device_add_flow(f->s.device, &flow, &theirs), 0);
	f->spec.source_port++;
	flow = program_flow(&f->p, &f->spec);
	flow.sq = DEVICE_NONE;
	assert_int_equal(device_add_flow(f->s.device, &flow, &no_sq), 0);
	for (int n = 0; n < 4; n++) {
		struct send_unit u = { f->spec, 1000 };

		send_lay_out(f, &u, NULL, 0, 0);
		f->send.flow = n == 0 ? theirs : n == 1 ? no_sq :
			       n == 2 ? DEVICE_NONE : f->flow;
		if (n == 3)
			assert_int_equal(device_remove_flow(f->s.device,
							    f->flow), 0);
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		assert_int_equal(send_poll(f).status, COMPLETION_FLUSHED);
	}
	assert_int_equal(send_count_frames(f), 0);
	assert_int_equal(scene_drops(&f->s, f->p.sq_id, DEVICE_DROP_BAD_FLOW), 4);
}

/* A listen answers whoever asked, as itself only. */
static void tx_8_listen_answers_anybody(void **state)
{
	struct send_scene *f = *state;
	struct frame_spec asks = f->spec;
	struct send_unit u = { f->spec, 1000 };
	struct device_flow flow;

	asks.source_port += 7;
	frame_reverse(&asks);
	flow = program_listen(&f->p, &asks);
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	u.spec.source_port += 7;
	for (int n = 0; n < 4; n++) {
		u.spec.destination += n == 1;
		u.spec.destination_port += n == 1;
		u.spec.source_port += n == 2;
		u.spec.source += n == 3;
		send_lay_out(f, &u, NULL, 0, 0);
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		u.spec.source_port -= n == 2;
		assert_int_equal(send_count_frames(f), n < 2);
		if (n >= 2)
			assert_int_equal(send_poll(f).status, COMPLETION_TUPLE);
	}
	/* Who listens anywhere has no address to send from. */
	memset(flow.tuple.local, 0, sizeof(flow.tuple.local));
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	u.spec = f->spec;
	u.spec.source_port += 7;
	send_lay_out(f, &u, NULL, 0, 0);
	assert_true(program_send(&f->p, &f->send));
	scene_run(&f->s);
	assert_int_equal(send_poll(f).status, COMPLETION_TUPLE);
}

/* Whoever is to be answered, from the own MAC it is. */
static void tx_8_listen_has_a_link_as_well(void **state)
{
	struct send_scene *f = *state;
	struct frame_spec asks = f->spec;
	struct send_unit u = { f->spec, 1000 };
	struct device_flow flow;

	asks.source_port += 7;
	u.spec.source_port += 7;
	frame_reverse(&asks);
	flow = program_listen(&f->p, &asks);
	memcpy(flow.link, link_right, sizeof(link_right));
	flow.link_bytes = sizeof(link_right);
	flow.link_free = 15;
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), -EINVAL);
	flow.link_free = 6;
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	assert_int_equal(device_set_link(f->s.device, f->flow, NULL, 0), -EINVAL);
	send_lay_out(f, &u, NULL, 0, 0);
	for (uint32_t at = 0; at < sizeof(link_right); at++) {
		struct completion c;

		memcpy(f->inline_bytes, link_right, sizeof(link_right));
		f->inline_bytes[at] ^= 0x04;
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		assert_int_equal(send_count_frames(f), at < 6);
		while (program_poll(&f->p, &c))
			assert_int_not_equal(c.status, COMPLETION_OK);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, send_setup, send_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tx_8_anything_but_the_flows_tuple_is_refused),
		T(tx_8_no_bit_makes_another_flow_of_it),
		T(tx_8_other_headers_than_plain_ones),
		T(tx_8_only_for_flows_of_this_queue),
		T(tx_8_listen_answers_anybody),
		T(tx_8_listen_has_a_link_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
