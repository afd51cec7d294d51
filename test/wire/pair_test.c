// SPDX-License-Identifier: BSD-2-Clause
/* pair_test.c - Two wires in memory against a queue that cannot be wrong */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/pair.h"

#define BATCH 16u
#define MODEL_MAX 4096u

static uint64_t seed;
static bool carries;	/* the pair of this run carries struct wire_offload */

static uint32_t next_random(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(seed >> 33);
}

static uint32_t random_below(uint32_t n)
{
	return next_random() % n;
}

/* ---- A frame is known by its number ------------------------------------------ */

static uint8_t byte_at(uint32_t number, uint32_t at)
{
	return (uint8_t)((number * 2654435761u + at * 40503u) >> 13);
}

struct frame {
	struct wire_frame f;
	struct iovec iov[3];
	uint8_t data[2048];
};

/* Cut into up to three elements, some of them empty. */
static void make_frame(struct frame *m, uint32_t number, uint32_t len)
{
	uint32_t a = random_below(len + 1), b = random_below(len - a + 1);

	for (uint32_t at = 0; at < len; at++)
		m->data[at] = byte_at(number, at);
	m->iov[0] = (struct iovec){ m->data, a };
	m->iov[1] = (struct iovec){ m->data + a, b };
	m->iov[2] = (struct iovec){ m->data + a + b, len - a - b };
	m->f = (struct wire_frame){
		.iov = m->iov,
		.n_iov = 3,
		.len = len,
		.full_len = number % 2 ? 0 : len + number % 5,
		.linktype = (uint16_t)(number % 3),
		.time = number * 1000,
		.comment = "not carried",
	};
	if (carries)
		m->f.offload = (struct wire_offload){ .flags = WIRE_NEEDS_CSUM,
			.csum_start = 34, .csum_offset = 16,
			.hdr_len = (uint16_t)number };
}

static void check_frame(const struct wire_frame *f, uint32_t number,
			uint32_t len)
{
	const uint8_t *data = f->iov[0].iov_base;

	assert_int_equal(f->n_iov, 1);
	assert_int_equal(f->len, len);
	assert_int_equal(f->iov[0].iov_len, len);
	assert_int_equal(f->full_len, number % 2 ? len : len + number % 5);
	assert_int_equal(f->linktype, number % 3);
	assert_int_equal(f->offload.hdr_len, carries ? (uint16_t)number : 0);
	assert_int_equal(f->time, number * 1000);
	assert_null(f->comment);
	for (uint32_t at = 0; at < len; at++) {
		if (data[at] != byte_at(number, at))
			fail_msg("frame %u, byte %u", number, at);
	}
}

/* ---- The model: numbers and lengths of one direction ---------------------------- */

struct model {
	uint32_t len[MODEL_MAX];
	uint32_t head, tail;	/* received, sent */
	struct wire_frame lent[BATCH];
	uint32_t n_lent;
};

static void step_send(struct wire *w, struct model *m, uint32_t longest)
{
	static struct frame frames[BATCH];
	struct wire_frame list[BATCH];
	uint32_t n = random_below(BATCH + 1), k;
	int taken;

	for (k = 0; k < n; k++) {
		uint32_t len = random_below(4) ? random_below(longest + 1) :
						 longest;

		make_frame(&frames[k], m->tail + k, len);
		m->len[(m->tail + k) % MODEL_MAX] = len;
		list[k] = frames[k].f;
	}
	taken = wire_send(w, list, n);
	assert_in_range(taken, 0, n);
	/* An empty wire takes one in any case. */
	if (n && m->tail == m->head && m->n_lent == 0)
		assert_true(taken > 0);
	m->tail += (uint32_t)taken;
}

static void check_lent(const struct model *m)
{
	for (uint32_t k = 0; k < m->n_lent; k++) {
		uint32_t number = m->head - m->n_lent + k;

		check_frame(&m->lent[k], number, m->len[number % MODEL_MAX]);
	}
}

static void step_recv(struct wire *w, struct model *m)
{
	uint32_t n = random_below(BATCH + 1), waiting = m->tail - m->head;
	int got;

	/* What was received is there until the next receive. */
	check_lent(m);
	got = wire_recv(w, m->lent, n);
	assert_int_equal(got, waiting < n ? waiting : n);
	m->head += (uint32_t)got;
	m->n_lent = (uint32_t)got;
	check_lent(m);
}

static void run(uint64_t run_seed)
{
	struct pair_options o = { .offload = run_seed % 3 == 0 };
	struct model m[2] = { { .head = 0 } };
	struct wire *w[2];

	seed = run_seed;
	o.n_frames = 1 + random_below(40);
	o.max_frame = 1 + random_below(1500);
	/* Either ring may be the one that is full. */
	o.n_bytes = (o.offload ? PAIR_UNIT_MAX : o.max_frame) +
		    random_below(8 * o.max_frame);
	carries = o.offload;
	assert_int_equal(pair_create(&w[0], &w[1], &o), 0);
	for (int n = 0; n < 3000; n++) {
		uint32_t end = random_below(2);

		if (random_below(2))
			step_send(w[end], &m[end], o.max_frame);
		else
			step_recv(w[1 - end], &m[end]);
	}
	assert_int_equal(w[0]->stats.tx_frames, m[0].tail);
	assert_int_equal(w[1]->stats.rx_frames, m[0].head);
	assert_int_equal(w[1]->stats.tx_frames, m[1].tail);
	assert_int_equal(w[0]->stats.tx_dropped, 0);
	assert_int_equal(wire_close(w[0]), 0);
	assert_int_equal(wire_close(w[1]), 0);
}

static void frames_arrive_whole_in_order_and_stay(void **state)
{
	for (uint64_t n = 1; n <= 60; n++)
		run(n);
}

/* ---- Limits -------------------------------------------------------------------- */

static void fills_to_the_last_byte(void **state)
{
	struct pair_options o = { .n_bytes = 1024, .max_frame = 512 };
	struct wire_frame got[2];
	struct frame frame;
	struct wire *a, *b;

	carries = false;
	assert_int_equal(pair_create(&a, &b, &o), 0);
	make_frame(&frame, 1, 512);
	for (int n = 0; n < 5; n++) {
		/* At the end, then around it. */
		assert_int_equal(wire_send(a, &frame.f, 1), 1);
		assert_int_equal(wire_send(a, &frame.f, 1), n == 0);
		assert_int_equal(wire_recv(b, got, 1), 1);
		assert_int_equal(wire_recv(b, got, 0), 0);
	}
	wire_close(a);
	wire_close(b);
}

static void fills_exactly(void **state)
{
	struct pair_options o = { .n_frames = 4, .n_bytes = 1600,
				  .max_frame = 1600 };
	struct wire_frame list[8], got[8];
	struct frame frame;
	struct wire *a, *b;

	carries = false;
	assert_int_equal(pair_create(&a, &b, &o), 0);
	make_frame(&frame, 1, 64);
	for (int n = 0; n < 8; n++)
		list[n] = frame.f;
	assert_int_equal(wire_send(a, list, 8), 4);
	assert_int_equal(wire_send(a, list, 8), 0);
	assert_int_equal(wire_recv(b, got, 2), 2);
	assert_int_equal(wire_send(a, list, 8), 0);	/* lent, not free */
	assert_int_equal(wire_recv(b, got, 0), 0);
	assert_int_equal(wire_send(a, list, 8), 2);
	assert_int_equal(wire_recv(b, got, 8), 4);
	assert_int_equal(wire_recv(b, got, 8), 0);
	make_frame(&frame, 1, 1600);
	assert_int_equal(wire_send(a, &frame.f, 1), 1);
	assert_int_equal(wire_send(a, list, 1), 0);
	wire_close(a);
	wire_close(b);
}

static void what_does_not_fit_is_counted(void **state)
{
	static uint8_t unit[PAIR_UNIT_MAX + 1];
	struct iovec iov = { unit, 101 };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = 101 }, got;
	struct pair_options o = { .max_frame = 100 };
	struct wire *a, *b;

	for (int offload = 0; offload < 2; offload++) {
		o.offload = offload;
		assert_int_equal(pair_create(&a, &b, &o), 0);
		assert_int_equal(a->caps.tso4, offload);
		f.offload = (struct wire_offload){ 0 };
		f.len = 101;
		assert_int_equal(wire_send(a, &f, 1), 1);
		assert_int_equal(a->stats.tx_dropped, 1);
		f.len = 99;
		iov.iov_len = 99;
		f.offload.flags = WIRE_NEEDS_CSUM;
		assert_int_equal(wire_send(a, &f, 1), 1);
		f.offload.flags = 0;
		f.offload.gso_type = WIRE_GSO_TCPV4;
		f.len = PAIR_UNIT_MAX;
		iov.iov_len = PAIR_UNIT_MAX;
		assert_int_equal(wire_send(a, &f, 1), 1);
		assert_int_equal(a->stats.tx_dropped, offload ? 1 : 3);
		f.len = PAIR_UNIT_MAX + 1;
		iov.iov_len = PAIR_UNIT_MAX + 1;
		assert_int_equal(wire_send(a, &f, 1), 1);
		assert_int_equal(a->stats.tx_dropped, offload ? 2 : 4);
		assert_int_equal(wire_recv(b, &got, 1), offload);
		wire_close(a);
		wire_close(b);
	}
}

static void closed_end_is_noticed(void **state)
{
	struct wire_frame got[2];
	struct frame frame;
	struct wire *a, *b;

	assert_int_equal(pair_create(&a, &b, NULL), 0);
	carries = false;
	make_frame(&frame, 1, 60);
	frame.f.offload.flags = WIRE_DATA_VALID;	/* not carried */
	assert_int_equal(wire_send(a, &frame.f, 1), 1);
	wire_close(a);
	assert_int_equal(wire_send(b, &frame.f, 1), -EPIPE);
	assert_int_equal(wire_recv(b, got, 2), 1);
	assert_int_equal(got[0].len, 60);
	assert_int_equal(got[0].offload.flags, 0);
	assert_int_equal(wire_recv(b, got, 2), -ENODATA);
	wire_close(b);
}

static void options_out_of_range_are_refused(void **state)
{
	static const struct pair_options cases[] = {
		/* 0 */ { .n_frames = 65537 },
		/* 1 */ { .n_bytes = (1u << 30) + 1 },
		/* 2 */ { .max_frame = (1u << 20) + 1 },
		/* 3 */ { .n_bytes = PAIR_UNIT_MAX - 1, .offload = true },
	};
	struct wire *a, *b;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++)
		assert_int_equal(pair_create(&a, &b, &cases[n]), -EINVAL);
}

static void a_name_joins_two_openers(void **state)
{
	static const char *const wrong[] = { "pair:", "pair:,offload", "pair:x,frame=63",
					     "pair:x,frame=65536", "pair:x,unknown" };
	struct wire_frame got[1];
	struct wire_error error;
	struct wire *a, *b, *c, *d;
	struct frame frame;

	carries = false;
	make_frame(&frame, 1, 60);
	assert_int_equal(wire_open(&a, "pair:x,frame=9014", &error), 0);
	assert_int_equal(wire_open(&c, "pair:y", &error), 0);
	assert_int_equal(wire_open(&b, "pair:x", &error), 0);
	assert_int_equal(b->caps.max_frame, 9014);
	assert_int_equal(wire_send(a, &frame.f, 1), 1);
	assert_int_equal(wire_recv(c, got, 1), 0);
	assert_int_equal(wire_recv(b, got, 1), 1);
	/* Both ends are taken: the name is another pair's now. */
	assert_int_equal(wire_open(&d, "pair:x", &error), 0);
	assert_int_equal(wire_send(a, &frame.f, 1), 1);
	assert_int_equal(wire_recv(d, got, 1), 0);
	wire_close(a);
	wire_close(b);
	assert_int_equal(wire_open(&a, "pair:x", &error), 0);
	assert_int_equal(wire_open(&b, "pair:y", &error), 0);
	wire_close(a);
	wire_close(b);
	wire_close(c);
	wire_close(d);
	for (size_t n = 0; n < ARRAY_SIZE(wrong); n++)
		assert_int_equal(wire_open(&a, wrong[n], &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_whole_in_order_and_stay),
		cmocka_unit_test(fills_to_the_last_byte),
		cmocka_unit_test(fills_exactly),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(closed_end_is_noticed),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(a_name_joins_two_openers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
