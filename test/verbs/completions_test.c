// SPDX-License-Identifier: BSD-2-Clause
/*
 * completions_test.c - Whatever stands in a CQ, the library keeps to its own memory
 *
 * A device that numbers wrong, reports twice, or says more than it placed: what it says
 * is skipped, or handed up within the buffer that it names. A seed writes completions of
 * any kind, with numbers that are right, nearly right or wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"
#include "verbs/device.h"

#define SEEDS 30
#define STEPS 3000
#define MEMORY (64u << 10)

struct hostile {
	uint64_t random;
	struct side sides[2];
	struct ring_end cq;	/* the device's end                             */
	uint8_t *memory;	/* where receives are                           */
	uint64_t n_handed_up;
};

static uint32_t pick(struct hostile *h, uint32_t n)
{
	h->random = h->random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((h->random >> 33) % n);
}

/* Small, at an edge, or anything. */
static uint32_t number(struct hostile *h, uint32_t edge)
{
	switch (pick(h, 5)) {
	case 0:
		return edge - 1 + pick(h, 3);
	case 1:
		return pick(h, 1u << 31) * 2 + pick(h, 2);
	default:
		return pick(h, edge + 1);
	}
}

static uint64_t request_number(struct hostile *h)
{
	const struct side *s = &h->sides[0];
	const struct work_queue *queues[] = { &s->qp->sq, &s->qp->rq, &s->grq->queue,
					      &s->cq->queue };
	uint64_t n = queues[pick(h, 4)]->number;

	if (pick(h, 10) == 0)
		n ^= 1ull << (32 + pick(h, 32));
	if (n == s->qp->sq.number)
		return n | (s->qp->sent.completed + pick(h, 4) - 1);
	return n | number(h, 64);
}

static void write_completion(struct hostile *h)
{
	const struct side *s = &h->sides[0];
	struct completion c = {
		.wr_id = request_number(h),
		.flow = pick(h, 8) ? s->flow->id : number(h, 100),
		.bytes = number(h, pick(h, 2) ? 100 : SCENE_GRQ_BYTES),
		.offset = pick(h, 3) ? 0 : number(h, SCENE_GRQ_BYTES),
		.seq = s->qp->stream.next + pick(h, 5) * 50 - 50,
		.kind = (uint8_t)pick(h, 8),
		.status = pick(h, 6) ? 0 : (uint8_t)pick(h, 9),
		.flags = (uint8_t)pick(h, 256),
		.tcp_flags = pick(h, 50) ? 0x10 : (uint16_t)pick(h, 256),
		.header_bytes = pick(h, 4) ? 0 : (uint16_t)number(h, 100),
	};

	if (!ring_room(&h->cq, 1))
		return;
	memcpy(ring_slot(&h->cq, 0), &c, sizeof(c));
	ring_publish(&h->cq, 1);
}

static void check_data(const struct hostile *h, const struct tto_completion *c)
{
	const struct object_range {
		const uint8_t *at;
		size_t bytes;
	} ranges[] = {
		{ h->sides[0].grq->buffers->object.address,
		  h->sides[0].grq->buffers->object.bytes },
		{ h->memory, MEMORY },
	};

	if (c->status || (c->kind != TTO_RECEIVE && c->kind != TTO_GENERAL))
		return;
	for (int n = 0; n < 2; n++) {
		const uint8_t *end = ranges[n].at + ranges[n].bytes;

		if (c->data >= ranges[n].at && c->data <= end &&
		    c->bytes <= (size_t)(end - c->data) &&
		    c->header_bytes <= (size_t)(c->data - ranges[n].at))
			return;
	}
	fail_msg("%u bytes outside of any buffer", c->bytes);
}

static void poll(struct hostile *h)
{
	struct tto_completion c[8];
	int n = tto_poll(h->sides[0].cq, c, 1 + pick(h, 8));

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		check_data(h, &c[i]);
		h->n_handed_up++;
		if (c[i].buffer && pick(h, 8))
			(void)!tto_return(&c[i]);
	}
}

static void post(struct hostile *h)
{
	const struct tto_receive r = { .wr_id = pick(h, 4),
				       .address = h->memory + pick(h, MEMORY / 2),
				       .bytes = 1 + pick(h, MEMORY / 2) };

	if (pick(h, 2))
		(void)!tto_post_receive(h->sides[0].qp, &r, 1, NULL);
	else
		(void)!scene_send(&h->sides[0], h->memory, pick(h, 20000),
				  pick(h, 2) ? TTO_SEND_SIGNALED : 0, 0);
	if (pick(h, 20) == 0)
		(void)!tto_revoke(h->sides[0].qp, pick(h, 4));
}

/* The real device keeps still: it would write to the same ring. */
static const struct attachment_ops *real_ops;

static int request(struct attachment *a, const struct control_request *request,
		   struct control_reply *reply, int *fds)
{
	if (request->operation != CONTROL_REVOKE)
		return real_ops->request(a, request, reply, fds);
	return 1;
}

static int tell(struct attachment *a, const struct control_request *request)
{
	return 0;
}

static void stop_device(struct side *s)
{
	static struct attachment_ops ops;
	struct tto_device *d = s->device;

	s->cq->run = NULL;
	real_ops = d->attachment->ops;
	ops = *real_ops;
	ops.run = NULL;
	ops.request = request;
	ops.tell = tell;
	d->attachment->ops = &ops;
}

static void open_hostile(struct hostile *h, uint64_t seed, uint32_t flags)
{
	const struct scene_options options = { .cq_flags = flags };
	struct work_queue *q;
	void *memory;

	*h = (struct hostile){ .random = seed };
	scene_open(h->sides, &options);
	assert_int_equal(tto_memory_allocate(h->sides[0].device, MEMORY, &memory), 0);
	h->memory = memory;
	stop_device(&h->sides[0]);
	q = &h->sides[0].cq->queue;
	ring_attach(&h->cq, q->object.address, q->entries, sizeof(struct completion));
}

static uint64_t last_seed;

static int say_seed(void **state)
{
	print_message("the last seed was %llu\n", (unsigned long long)last_seed);
	return 0;
}

static void anything_in_a_cq(void **state)
{
	uint64_t n_handed_up = 0;

	for (last_seed = 1; last_seed <= SEEDS; last_seed++) {
		struct hostile h;

		open_hostile(&h, last_seed, last_seed % 2 ? TTO_CQ_RAW : 0);
		for (int i = 0; i < STEPS; i++) {
			switch (pick(&h, 6)) {
			case 0:
				poll(&h);
				break;
			case 1:
				post(&h);
				break;
			default:
				write_completion(&h);
			}
		}
		n_handed_up += h.n_handed_up;
		scene_close(h.sides);
	}
	/* Not all of it was refused. */
	assert_true(n_handed_up > SEEDS * 100);
}

/* A queue that is opened in the place of one that was closed has other numbers. */
static void a_completion_for_a_closed_queue(void **state)
{
	const struct tto_qp_options options = { .size = sizeof(options) };
	struct completion c = { .kind = COMPLETION_SEND };
	struct tto_completion taken;
	struct hostile h;
	struct side *s;
	uint8_t byte = 0;

	open_hostile(&h, 1, 0);
	s = &h.sides[0];
	c.wr_id = s->qp->sq.number;
	assert_int_equal(tto_flow_close(s->flow), 0);
	assert_int_equal(tto_qp_close(s->qp), 0);
	assert_int_equal(tto_qp_open(s->device, s->cq, &options, &s->qp), 0);
	assert_int_equal(tto_flow_open(s->qp, s->grq, &s->tuple, NULL, &s->flow), 0);
	assert_int_equal(scene_send(s, &byte, 1, TTO_SEND_SIGNALED, 5), 0);
	for (int n = 0; n < 2; n++) {
		memcpy(ring_slot(&h.cq, 0), &c, sizeof(c));
		ring_publish(&h.cq, 1);
		assert_int_equal(tto_poll(s->cq, &taken, 1), n);
		c.wr_id = s->qp->sq.number;
	}
	assert_int_equal(taken.wr_id, 5);
	scene_close(h.sides);
}

/* An index that cannot be: the queue is not read any more, and that is said. */
static void a_cq_that_is_broken(void **state)
{
	struct tto_completion c;
	struct hostile h;

	open_hostile(&h, 1, 0);
	atomic_store(&h.cq.ring->tail, 1u << 31);
	assert_int_equal(tto_poll(h.sides[0].cq, &c, 1), -EPIPE);
	assert_int_equal(tto_sleep(h.sides[0].cq, 0), -EPIPE);
	scene_close(h.sides);
}

static void an_sq_that_is_broken(void **state)
{
	struct hostile h;
	uint8_t byte = 0;
	int status = 0;

	open_hostile(&h, 1, 0);
	atomic_store(&h.sides[0].qp->sq.end.ring->head, 1u << 31);
	for (int n = 0; n < 2000 && !status; n++)
		status = scene_send(&h.sides[0], &byte, 1, 0, 0);
	assert_int_equal(status, -EPIPE);
	scene_close(h.sides);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(anything_in_a_cq, say_seed),
		cmocka_unit_test(a_completion_for_a_closed_queue),
		cmocka_unit_test(a_cq_that_is_broken),
		cmocka_unit_test(an_sq_that_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
