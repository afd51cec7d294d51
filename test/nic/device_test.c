// SPDX-License-Identifier: BSD-2-Clause
/* device_test.c - Queues, flows and owners: made, refused, ended; wakeups */
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
	struct program p, other;
	struct frame_spec spec;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, NULL);
	program_open(&f->s, &f->other, NULL);
	f->spec = frame_defaults();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	program_check_canaries(&f->p);
	program_check_canaries(&f->other);
	scene_close(&f->s);
	free(f);
	return 0;
}

static struct device_queue queue_of(const struct program *p,
				    enum ring_kind kind)
{
	return (struct device_queue){
		.kind = (uint8_t)kind, .owner = p->owner, .entries = 16,
		.ring = (struct ring *)(void *)(p->memory +
						SCENE_PROGRAM_BYTES / 2),
		.cq = kind == RING_COMPLETION ? DEVICE_NONE : p->cq_id,
		.dma = p->dma,
	};
}

/* ---- Options ----------------------------------------------------------------- */

static void options_out_of_range(void **state)
{
	struct device_options o = {
		.coalescer = { .size = sizeof(o.coalescer) },
	};

	assert_true(device_bytes(&o) > 0);
	assert_int_equal(device_bytes(&o) % CACHE_LINE, 0);
	o.queues = 65537;
	assert_int_equal(device_bytes(&o), 0);
	o.queues = 1;
	o.flows = 1u << 20;
	assert_int_equal(device_bytes(&o), 0);
	o.flows = 1;
	assert_true(device_bytes(&o) > 0);
	o.coalescer.ral = 1;
	assert_int_equal(device_bytes(&o), 0);
}

/* ---- Queues ------------------------------------------------------------------ */

static void ag_2_queues_that_are_refused(void **state)
{
	struct fixture *f = *state;
	static const uint32_t entries[] = { 0, 1, 3, 100, 1u << 21, UINT32_MAX };
	struct device_queue q = queue_of(&f->p, RING_SEND);
	uint32_t id;

	for (uint32_t n = 0; n < ARRAY_SIZE(entries); n++) {
		q.entries = entries[n];
		assert_int_equal(device_open_queue(f->s.device, &q, &id),
				 -EINVAL);
	}
	q = queue_of(&f->p, RING_SEND);
	q.kind = 0;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -EINVAL);
	q.kind = RING_COMPLETION + 1;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -EINVAL);
	q = queue_of(&f->p, RING_SEND);
	q.dma.n_domains = 0;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -EINVAL);
	q.dma.n_domains = DMA_QUEUE_DOMAINS + 1;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -EINVAL);
	q = queue_of(&f->p, RING_SEND);
	q.cq = DEVICE_NONE;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -ENOENT);
	q.cq = f->p.rq_id;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -ENOENT);
	q.cq = f->other.cq_id;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -ENOENT);
}

static void ag_2_no_more_queues_than_there_is_room_for(void **state)
{
	struct fixture *f = *state;
	struct device_queue q = queue_of(&f->p, RING_COMPLETION);
	uint32_t id, first = DEVICE_NONE, n = 8;	/* of the programs      */

	for (; device_open_queue(f->s.device, &q, &id) == 0; n++)
		first = first == DEVICE_NONE ? id : first;
	assert_int_equal(device_open_queue(f->s.device, &q, &id), -ENOSPC);
	assert_int_equal(n, 64);
	assert_int_equal(device_close_queue(f->s.device, first), 0);
	assert_int_equal(device_open_queue(f->s.device, &q, &id), 0);
}

static void ag_2_queue_in_use_stays(void **state)
{
	struct fixture *f = *state;
	struct device_flow flow = program_flow(&f->p, &f->spec);
	uint32_t id;

	assert_int_equal(device_close_queue(f->s.device, f->p.cq_id), -EBUSY);
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), 0);
	assert_int_equal(device_close_queue(f->s.device, f->p.sq_id), -EBUSY);
	assert_int_equal(device_close_queue(f->s.device, f->p.rq_id), -EBUSY);
	assert_int_equal(device_close_queue(f->s.device, f->p.grq_id), -EBUSY);
	assert_int_equal(device_remove_flow(f->s.device, id), 0);
	assert_int_equal(device_close_queue(f->s.device, f->p.sq_id), 0);
	assert_int_equal(device_close_queue(f->s.device, f->p.rq_id), 0);
	assert_int_equal(device_close_queue(f->s.device, f->p.grq_id), 0);
	assert_int_equal(device_close_queue(f->s.device, f->p.cq_id), 0);
	assert_int_equal(device_close_queue(f->s.device, f->p.cq_id), -ENOENT);
}

/* An id that was closed matches nothing, for thousands of times to come. */
static void ag_2_ids_do_not_come_back(void **state)
{
	struct fixture *f = *state;
	struct device_queue q = queue_of(&f->p, RING_COMPLETION);
	struct device_queue_counters counters;
	static uint8_t seen[1u << (32 - DEVICE_INDEX_BITS)][64];

	for (int n = 0; n < 50000; n++) {
		uint32_t id;

		assert_int_equal(device_open_queue(f->s.device, &q, &id), 0);
		assert_true(device_index(id) < 64);
		assert_int_not_equal(id, DEVICE_NONE);
		assert_int_equal(seen[id >> DEVICE_INDEX_BITS]
				     [device_index(id)]++, 0);
		assert_int_equal(device_close_queue(f->s.device, id), 0);
		assert_int_equal(device_close_queue(f->s.device, id), -ENOENT);
		assert_false(device_counters(f->s.device, id, &counters));
	}
}

/* ---- Flows ------------------------------------------------------------------- */

static void ag_1_flows_that_are_refused(void **state)
{
	struct fixture *f = *state;
	struct device_flow right = program_flow(&f->p, &f->spec), flow = right;
	uint32_t id, again;

	flow.tuple.v6 = 2;
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -EINVAL);
	flow = right;
	flow.tuple.local[4] = 1;	/* IPv4: four bytes                     */
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -EINVAL);
	flow = right;
	flow.link_bytes = DEVICE_LINK_MAX + 1;
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -EINVAL);
	flow = right;
	flow.cq = DEVICE_NONE;
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -ENOENT);
	flow = right;
	flow.rq = f->p.grq_id;
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -ENOENT);
	flow = right;
	flow.sq = f->other.sq_id;
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -ENOENT);
	flow = right;
	flow.owner = f->other.owner;
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -ENOENT);
	assert_int_equal(device_add_flow(f->s.device, &right, &id), 0);
	assert_int_equal(device_add_flow(f->s.device, &right, &again), -EEXIST);
	assert_int_equal(device_remove_flow(f->s.device, id), 0);
	assert_int_equal(device_remove_flow(f->s.device, id), -ENOENT);
	assert_int_equal(device_add_flow(f->s.device, &right, &again), 0);
	assert_int_not_equal(id, again);
}

static void ag_1_no_more_flows_than_there_is_room_for(void **state)
{
	struct fixture *f = *state;
	struct device_flow flow = program_flow(&f->p, &f->spec);
	uint32_t id, n = 0;

	while (flow.tuple.remote_port++, flow.tuple.v6 = 0,
	       device_add_flow(f->s.device, &flow, &id) == 0)
		n++;
	assert_int_equal(n, 256);
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), -ENOSPC);
	assert_int_equal(device_remove_flow(f->s.device, id), 0);
	assert_int_equal(device_add_flow(f->s.device, &flow, &id), 0);
}

/* ---- Owners -------------------------------------------------------------------- */

/* Random owners make random things; one goes, and nobody else notices. */
static void ag_7_owner_takes_all_with_him(void **state)
{
	struct fixture *f = *state;
	struct device *d = f->s.device;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint64_t rng = seed;
		uint32_t owner[2] = { (uint32_t)random_next(&rng),
				      (uint32_t)random_next(&rng) };
		uint32_t flows[2][40], n[2] = { 0, 0 }, queues[2][8];

		for (uint32_t who = 0; who < 2; who++) {
			for (uint32_t k = 0; k < 8; k++) {
				struct device_queue q = queue_of(&f->p,
					k % 4 == 0 ? RING_COMPLETION :
						     k % 4);

				q.owner = owner[who];
				q.cq = k % 4 ? queues[who][k - k % 4] :
					       DEVICE_NONE;
				assert_int_equal(device_open_queue(d, &q,
							&queues[who][k]), 0);
			}
		}
		for (int k = 0; k < 40; k++) {
			uint32_t who = random_below(&rng, 2);
			struct device_flow flow = program_flow(&f->p, &f->spec);
			uint32_t set = 4 * random_below(&rng, 2);

			flow.owner = owner[who];
			flow.tuple.remote_port = (uint16_t)(k + 1);
			flow.cq = queues[who][set];
			flow.sq = queues[who][set + 1];
			flow.rq = queues[who][set + 2];
			flow.grq = queues[who][set + 3];
			if (k == 7) {
				flow.tuple.remote_port = 0;
				memset(flow.tuple.remote, 0, 16);
				flow.tuple.local_port = 0;
				assert_int_equal(device_set_address_owner(d,
					&flow, &flows[who][n[who]++]), 0);
			} else {
				assert_int_equal(device_add_flow(d, &flow,
						&flows[who][n[who]++]), 0);
			}
		}
		device_close_owner(d, owner[0]);
		device_close_owner(d, 12345);
		for (uint32_t k = 0; k < n[0]; k++)
			assert_int_equal(device_remove_flow(d, flows[0][k]),
					 -ENOENT);
		for (uint32_t k = 0; k < 8; k++)
			assert_int_equal(device_close_queue(d, queues[0][k]),
					 -ENOENT);
		for (uint32_t k = 0; k < n[1]; k++)
			assert_int_equal(device_remove_flow(d, flows[1][k]), 0);
		for (uint32_t k = 8; k > 0; k--)
			assert_int_equal(device_close_queue(d, queues[1][k - 1]),
					 0);
	}
}

/* Requests that were posted, and not taken, go as well. */
static void ag_7_owner_goes_with_requests_posted(void **state)
{
	struct fixture *f = *state;
	struct device_flow flow = program_flow(&f->p, &f->spec);
	uint8_t frame[FRAME_MAX_BYTES];
	struct program_send send = { .mss = 1000, .inline_at = frame };

	assert_int_equal(device_add_flow(f->s.device, &flow, &send.flow), 0);
	frame_reverse(&f->spec);
	f->spec.payload_len = 100;
	send.inline_bytes = frame_build(&f->spec, frame);
	assert_true(program_send(&f->p, &send));
	program_receive(&f->p, &f->p.rq, 0, 100, 1);
	device_close_owner(f->s.device, f->p.owner);
	memset(f->p.memory, 0x77, SCENE_PROGRAM_BYTES);
	frame_reverse(&f->spec);
	scene_arrive(&f->s, &f->spec);
	scene_run(&f->s);
	assert_int_equal(scene_leave(&f->s, frame, NULL), 0);
	assert_int_equal(f->s.n_nobodys, 1);
	for (uint32_t n = 0; n < SCENE_PROGRAM_BYTES; n++)
		assert_int_equal(f->p.memory[n], 0x77);
}

/* ---- Wakeups --------------------------------------------------------------------- */

static void ag_6_one_wakeup_for_each_time_it_armed(void **state)
{
	struct fixture *f = *state;
	struct device_flow flow = program_flow(&f->p, &f->spec);
	struct completion c;
	uint32_t id;

	assert_int_equal(device_add_flow(f->s.device, &flow, &id), 0);
	f->spec.payload_len = 0;
	scene_arrive(&f->s, &f->spec);
	scene_run(&f->s);
	assert_int_equal(f->s.n_wakes, 0);
	assert_false(ring_arm(&f->p.cq));	/* something is there           */
	assert_true(program_poll(&f->p, &c));
	for (uint32_t round = 1; round < 10; round++) {
		assert_true(ring_arm(&f->p.cq));
		for (int n = 0; n < 3; n++) {	/* a burst, and then another    */
			f->spec.window++;
			scene_arrive(&f->s, &f->spec);
		}
		scene_run(&f->s);
		assert_int_equal(f->s.n_wakes, round);
		assert_int_equal(f->s.wakes[(round - 1) % SCENE_WAKES],
				 f->p.cq_id);
		f->spec.window++;
		scene_arrive(&f->s, &f->spec);
		scene_run(&f->s);
		assert_int_equal(f->s.n_wakes, round);
		while (program_poll(&f->p, &c))
			;
	}
	assert_true(ring_arm(&f->p.cq));
	ring_disarm(&f->p.cq);
	scene_arrive(&f->s, &f->spec);
	scene_run(&f->s);
	assert_int_equal(f->s.n_wakes, 9);
}

/* SPEC TX-7: a doorbell, once the device has said that it sleeps. */
static void tx_7_device_sleeps_until_the_doorbell(void **state)
{
	struct fixture *f = *state;
	struct device_flow flow = program_flow(&f->p, &f->spec);
	uint8_t frame[FRAME_MAX_BYTES];
	struct program_send send = { .mss = 1000, .inline_at = frame };

	assert_int_equal(device_add_flow(f->s.device, &flow, &send.flow), 0);
	frame_reverse(&f->spec);
	f->spec.payload_len = 10;
	send.inline_bytes = frame_build(&f->spec, frame);
	assert_true(program_send(&f->p, &send));
	assert_false(ring_wants_wake(&f->p.sq));
	assert_false(device_arm(f->s.device));	/* there is work                */
	scene_run(&f->s);
	assert_true(device_arm(f->s.device));
	assert_true(program_send(&f->p, &send));
	assert_true(ring_wants_wake(&f->p.sq));	/* the program rings            */
	assert_false(ring_wants_wake(&f->p.sq));
	device_disarm(f->s.device);
	scene_run(&f->s);
	assert_true(device_arm(f->s.device));
	device_disarm(f->s.device);
	assert_true(program_send(&f->p, &send));
	assert_false(ring_wants_wake(&f->p.sq));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(options_out_of_range),
		T(ag_2_queues_that_are_refused),
		T(ag_2_no_more_queues_than_there_is_room_for),
		T(ag_2_queue_in_use_stays),
		T(ag_2_ids_do_not_come_back),
		T(ag_1_flows_that_are_refused),
		T(ag_1_no_more_flows_than_there_is_room_for),
		T(ag_7_owner_takes_all_with_him),
		T(ag_7_owner_goes_with_requests_posted),
		T(ag_6_one_wakeup_for_each_time_it_armed),
		T(tx_7_device_sleeps_until_the_doorbell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
