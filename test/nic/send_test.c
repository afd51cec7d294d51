// SPDX-License-Identifier: BSD-2-Clause
/* send_test.c - What programs post leaves as frames, if it is theirs */
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
	struct program p;
	struct frame_spec spec;	/* of what is sent                              */
	uint32_t flow;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct frame_spec arriving = frame_defaults();
	struct device_flow flow;

	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, NULL);
	flow = program_flow(&f->p, &arriving);
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	f->spec = arriving;
	frame_reverse(&f->spec);
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

static struct completion poll(struct fixture *f)
{
	struct completion c;

	assert_true(program_poll(&f->p, &c));
	return c;
}

static void tx_1_inline_message_leaves_as_one_frame(void **state)
{
	struct fixture *f = *state;
	static uint8_t want[FRAME_MAX_BYTES], got[FRAME_MAX_BYTES];
	struct program_send send = {
		.wr_id = 5, .flow = f->flow, .mss = 1460,
		.flags = SEND_SIGNALED, .inline_at = want,
	};
	struct completion c;

	f->spec.payload_len = 64;
	send.inline_bytes = frame_build(&f->spec, want);
	assert_true(program_send(&f->p, &send));
	scene_run(&f->s);
	assert_int_equal(scene_leave(&f->s, got, NULL), send.inline_bytes);
	assert_memory_equal(got, want, send.inline_bytes);
	c = poll(f);
	assert_int_equal(c.kind, COMPLETION_SEND);
	assert_int_equal(c.status, COMPLETION_OK);
	assert_int_equal(c.wr_id, 5);
	assert_int_equal(c.bytes, 64);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tx_1_inline_message_leaves_as_one_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
