// SPDX-License-Identifier: BSD-2-Clause
/* steer_test.c - A packet reaches whom it is for: flow, listen, address, nobody */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/device_scene.h"

struct fixture {
	struct device_scene s;
	struct program p[2];
	struct frame_spec spec;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scene_open(&f->s, NULL, NULL);
	for (uint32_t n = 0; n < 2; n++) {
		program_open(&f->s, &f->p[n], NULL);
		for (uint32_t k = 0; k < 16; k++)
			program_receive(&f->p[n], &f->p[n].grq,
					program_place(&f->p[n], 4096), 4096, k);
	}
	f->spec = frame_defaults();
	f->spec.payload_len = 10;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	program_check_canaries(&f->p[0]);
	program_check_canaries(&f->p[1]);
	scene_close(&f->s);
	free(f);
	return 0;
}

static uint32_t add(struct fixture *f, struct device_flow flow)
{
	uint32_t id;

	assert_int_equal(device_add_flow(f->s.device, &flow, &id), 0);
	return id;
}

/* Who gets a frame like f->spec: a flow's id, or DEVICE_NONE: nobody. */
static struct completion arrive(struct fixture *f)
{
	uint32_t nobodys = f->s.n_nobodys, n = 0;
	struct completion c, last = { .flow = DEVICE_NONE };

	scene_arrive(&f->s, &f->spec);
	scene_run(&f->s);
	for (uint32_t k = 0; k < 2; k++) {
		for (; program_poll(&f->p[k], &c); n++)
			last = c;
	}
	assert_int_equal(n + (f->s.n_nobodys - nobodys), 1);
	return last;
}

static void ag_1_flow_gets_what_has_its_tuple(void **state)
{
	struct fixture *f = *state;
	struct frame_spec spec = f->spec;
	uint32_t a = add(f, program_flow(&f->p[0], &spec)), b;

	spec.source_port++;
	b = add(f, program_flow(&f->p[1], &spec));
	assert_int_equal(arrive(f).flow, a);
	f->spec.source_port++;
	assert_int_equal(arrive(f).flow, b);
	f->spec.source++;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	f->spec.source--;
	f->spec.destination_port++;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	f->spec.destination_port--;
	f->spec.v6 = true;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
}

/* What is nobody's reaches the owner of the device as it came. */
static void kt_2_nobodys_packet_is_as_it_came(void **state)
{
	struct fixture *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t len;

	f->spec.payload_len = 333;
	f->spec.flags |= F_PSH;
	len = frame_build(&f->spec, frame);
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	assert_int_equal(f->s.nobodys[0].len, len);
	assert_memory_equal(f->s.nobodys[0].bytes, frame, len);
	f->spec.protocol = 17;
	len = frame_build(&f->spec, frame);
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	assert_memory_equal(f->s.nobodys[1].bytes, frame, len);
	assert_int_equal(f->s.nobodys[1].cause, TTO_CAUSE_NOT_TCP);
}

/* ---- Listens --------------------------------------------------------------- */

static void ag_3_listen_gets_what_no_flow_gets(void **state)
{
	struct fixture *f = *state;
	uint32_t flow = add(f, program_flow(&f->p[0], &f->spec));
	uint32_t here = add(f, program_listen(&f->p[0], &f->spec));
	struct device_flow any = program_listen(&f->p[1], &f->spec);
	uint32_t anywhere;

	memset(any.tuple.local, 0, sizeof(any.tuple.local));
	anywhere = add(f, any);
	assert_int_equal(arrive(f).flow, flow);
	f->spec.source_port = 9;
	assert_int_equal(arrive(f).flow, here);
	f->spec.destination++;
	assert_int_equal(arrive(f).flow, anywhere);
	f->spec.destination_port++;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
}

/* Who asks is in the headers: they are always there. */
static void ag_3_listen_gets_headers(void **state)
{
	struct fixture *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t id = add(f, program_listen(&f->p[0], &f->spec)), len;
	struct completion c;

	for (int payload = 0; payload < 2; payload++) {
		f->spec.flags = payload ? F_ACK : F_SYN;
		f->spec.payload_len = payload ? 20 : 0;
		len = frame_build(&f->spec, frame);
		c = arrive(f);
		assert_int_equal(c.flow, id);
		assert_int_equal(c.kind, payload ? COMPLETION_GENERAL :
						   COMPLETION_HEADER);
		assert_int_equal(c.header_bytes, len - f->spec.payload_len);
		assert_int_equal(c.bytes, f->spec.payload_len);
		assert_int_equal(c.flags & COMPLETION_IN_ORDER, 0);
	}
}

/* ---- Addresses ------------------------------------------------------------- */

static void address_owner_gets_whole_frames(void **state)
{
	struct fixture *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];
	struct device_flow address = program_listen(&f->p[0], &f->spec);
	uint32_t flow = add(f, program_flow(&f->p[1], &f->spec)), id, len;
	struct completion c;

	address.tuple.local_port = 0;
	assert_int_equal(device_set_address_owner(f->s.device, &address, &id), 0);
	assert_int_equal(arrive(f).flow, flow);
	f->spec.source_port = 9;
	len = frame_build(&f->spec, frame);
	c = arrive(f);
	assert_int_equal(c.flow, id);
	assert_int_equal(c.kind, COMPLETION_GENERAL);
	assert_int_equal(c.flags, COMPLETION_RAW | COMPLETION_FIRST);
	assert_int_equal(c.bytes, len);
	assert_memory_equal(f->p[0].memory + f->p[0].next - 16 * 4096, frame,
			    len);
	f->spec.protocol = 17;		/* everything that is not TCP           */
	f->spec.destination++;
	assert_int_equal(arrive(f).flow, id);
	f->spec.protocol = 6;		/* TCP only for that address            */
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	assert_int_equal(device_set_address_owner(f->s.device, &address, &id),
			 -EEXIST);
	assert_int_equal(device_remove_flow(f->s.device, id), 0);
	f->spec.destination--;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
}

/* An aggregate is more than a buffer: it comes in pieces, all of it. */
static void address_owner_gets_frames_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct device_flow address = program_listen(&f->p[0], &f->spec);
	uint32_t start = f->p[0].next - 16 * 4096, id, header, got = 0;
	struct completion c;

	address.tuple.local_port = 0;
	assert_int_equal(device_set_address_owner(f->s.device, &address, &id), 0);
	f->spec.payload_len = 1400;
	header = frame_header_bytes(&f->spec);
	for (int n = 0; n < 7; n++, f->spec.seq += 1400, f->spec.id++)
		scene_arrive(&f->s, &f->spec);
	scene_run(&f->s);
	for (uint32_t n = 0; got < header + 7 * 1400; n++) {
		assert_true(program_poll(&f->p[0], &c));
		assert_int_equal(c.wr_id, n);
		got += c.bytes;
		assert_int_equal(c.flags, COMPLETION_RAW |
				 (n == 0 ? COMPLETION_FIRST : 0) |
				 (got < header + 7 * 1400 ? COMPLETION_MORE : 0));
	}
	for (uint32_t n = 0; n < 7 * 1400; n++)
		assert_int_equal(f->p[0].memory[start + header + n],
				 frame_stream_byte(0, 1000 + n));
	assert_false(program_poll(&f->p[0], &c));
}

/* ---- Links ------------------------------------------------------------------ */

static void other_vlan_is_another_network(void **state)
{
	struct fixture *f = *state;
	struct device_flow flow = program_flow(&f->p[0], &f->spec);
	static const uint8_t link[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0xa0, 7, 8, 0,
	};
	uint32_t id;

	flow.link_bytes = 14;
	memcpy(flow.link, link, 12);
	flow.link[12] = 8;
	id = add(f, flow);
	assert_int_equal(arrive(f).flow, id);
	frame_tag(&f->spec, 0x8100, 7);
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	assert_int_equal(device_set_link(f->s.device, id, link, 18), 0);
	assert_int_equal(arrive(f).flow, id);
	f->spec.tci[0] = 0x6007;	/* another priority, the same VLAN      */
	assert_int_equal(arrive(f).flow, id);
	f->spec.tci[0] = 8;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	f->spec.tci[0] = 7;
	frame_tag(&f->spec, 0x8100, 7);
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	f->spec.n_tags = 0;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	assert_int_equal(device_set_link(f->s.device, id, NULL, 0), 0);
	assert_int_equal(arrive(f).flow, id);
	assert_int_equal(device_set_link(f->s.device, id, link, 23), -EINVAL);
}

/* ---- What is no plain segment ------------------------------------------------ */

static void rx_16_fragments_are_nobodys(void **state)
{
	struct fixture *f = *state;

	add(f, program_flow(&f->p[0], &f->spec));
	add(f, program_listen(&f->p[1], &f->spec));
	f->spec.fragment = F_MF;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
	f->spec.fragment = 5;
	assert_int_equal(arrive(f).flow, DEVICE_NONE);
}

static void frame_in_several_pieces_is_one(void **state)
{
	struct fixture *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t id = add(f, program_flow(&f->p[0], &f->spec));
	uint32_t len = frame_build(&f->spec, frame);
	struct iovec iov[3] = {
		{ frame, 20 }, { frame + 20, 1 }, { frame + 21, len - 21 },
	};
	struct wire_frame pieces[3] = {
		{ .iov = iov, .n_iov = 3, .len = len },
		{ .iov = NULL, .n_iov = 0, .len = 0 },
		{ .iov = iov, .n_iov = 3, .len = 1u << 30 },
	};
	struct completion c;

	device_receive(f->s.device, pieces, 3, TTO_LINK_ETHERNET, 1);
	assert_true(program_poll(&f->p[0], &c));
	assert_int_equal(c.flow, id);
	assert_int_equal(c.bytes, 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(ag_1_flow_gets_what_has_its_tuple),
		T(kt_2_nobodys_packet_is_as_it_came),
		T(ag_3_listen_gets_what_no_flow_gets),
		T(ag_3_listen_gets_headers),
		T(address_owner_gets_whole_frames),
		T(address_owner_gets_frames_in_pieces),
		T(other_vlan_is_another_network),
		T(rx_16_fragments_are_nobodys),
		T(frame_in_several_pieces_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
