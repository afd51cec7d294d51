// SPDX-License-Identifier: BSD-2-Clause
/* revoke_test.c - A buffer that was asked back is not written (SPEC RQ-7) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/place_scene.h"
#include "nic/traffic.h"

static void rq_7_revoked_is_never_written(void **state)
{
	struct place_scene *f = *state;

	for (uint64_t seed = 1; seed <= 2000; seed++) {
		uint64_t rng = seed;
		uint32_t n = 1 + random_below(&rng, 8), seq = f->spec.seq;
		uint32_t victim = random_below(&rng, n), at[8], done = 0;
		struct completion c;

		f->p.next = f->start;
		for (uint32_t k = 0; k < n; k++)
			at[k] = place_post(f, 100, k);
		place_arrive_anyhow(f, &rng, random_below(&rng, 100 * n));
		while (program_poll(&f->p, &c)) {
			done++;
			seq += c.bytes;
		}
		memset(f->p.memory + at[victim], 0x11, 100);
		assert_int_equal(device_revoke(f->s.device, f->p.rq_id, victim),
				 victim >= done);
		f->spec.seq = seq;
		place_arrive_anyhow(f, &rng, 100 * n);
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
	struct place_scene *f = *state;

	place_post(f, 100, 1);
	place_post(f, 100, 1);
	place_post(f, 100, 2);
	place_post(f, 100, 3);
	assert_int_equal(device_revoke(f->s.device, f->p.rq_id, 2), 1);
	place_poll_nothing(f);
	assert_true(ring_arm(&f->p.cq));
	assert_int_equal(device_revoke(f->s.device, f->p.rq_id, 1), 2);
	assert_int_equal(f->s.n_wakes, 1);
	for (uint64_t wr_id = 1; wr_id <= 2; wr_id++) {
		struct completion c = place_poll(f);

		assert_int_equal(c.kind, COMPLETION_REVOKED);
		assert_int_equal(c.wr_id, 1);
	}
	assert_int_equal(place_poll(f).wr_id, 2);
	place_poll_nothing(f);
	assert_int_equal(device_revoke(f->s.device, f->p.rq_id, 1), 0);
	assert_int_equal(device_revoke(f->s.device, f->p.cq_id, 1), -ENOENT);
	assert_int_equal(device_revoke(f->s.device, DEVICE_NONE, 1), -ENOENT);
	place_arrive(f, 50);
	scene_run(&f->s);
	assert_int_equal(place_poll(f).wr_id, 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rq_7_revoked_is_never_written),
		T(rq_7_first_in_line_completes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
