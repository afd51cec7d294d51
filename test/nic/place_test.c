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
#include "packet/headers.h"

struct fixture {
	struct device_scene s;
	struct program p;
	struct frame_spec spec;	/* the next segment of the flow                 */
	uint32_t flow;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct device_flow flow;

	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, NULL);
	f->spec = frame_defaults();
	flow = program_flow(&f->p, &f->spec);
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rq_1_in_order_goes_to_the_rq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
