// SPDX-License-Identifier: BSD-2-Clause
/*
 * end_to_end_test.c - From one program's memory to another's, through two devices
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "scene.h"

#define MEMORY (256u << 10)

static struct tto_device_stats stats_of(const struct side *s)
{
	struct tto_device_stats stats;

	assert_int_equal(tto_device_stats(s->device, &stats), 0);
	return stats;
}

static uint8_t *allocate(struct side *s)
{
	void *address;

	assert_int_equal(tto_memory_allocate(s->device, MEMORY, &address), 0);
	return address;
}

static void post_receive(struct side *s, void *address, uint32_t bytes, uint64_t wr_id)
{
	const struct tto_receive r = { .wr_id = wr_id, .address = address,
				       .bytes = bytes };

	assert_int_equal(tto_post_receive(s->qp, &r, 1, NULL), 0);
}

/* Receives are posted one after the other until all has come that was sent. */
static uint32_t receive_rest(struct side sides[2], uint8_t *buffer, uint32_t size,
			     uint32_t got)
{
	struct tto_completion c;

	while (got < sides[0].sent) {
		post_receive(&sides[1], buffer, size, got);
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.kind, TTO_RECEIVE);
		assert_int_equal(c.status, 0);
		assert_int_equal(c.wr_id, got);
		assert_ptr_equal(c.data, buffer);
		assert_ptr_equal(c.flow, sides[1].flow);
		assert_int_equal(c.seq, SCENE_FIRST + got);
		assert_true(c.bytes && c.bytes <= size);
		scene_check(buffer, got, c.bytes);
		got += c.bytes;
	}
	return got;
}

/* ---- Ways there ----------------------------------------------------------------------- */

struct way {
	uint32_t unit, flags, size;
	bool own;		/* receives are the program's own memory        */
	bool early;		/* and posted before anything comes             */
};

/* In an SQ so small that requests go round its end. */
static void transfer(const struct way *w)
{
	const struct scene_options options = { .qp = { .send_blocks = 64 } };
	struct side sides[2];
	uint8_t *from, *to;
	struct tto_completion c;
	uint32_t got = 0;

	scene_open(sides, &options);
	from = allocate(&sides[0]);
	to = w->own ? malloc(w->size) : allocate(&sides[1]);
	for (uint32_t n = 0; n < 40; n++) {
		if (w->early)
			post_receive(&sides[1], to, w->size, got);
		scene_fill(from, sides[0].sent, w->unit);
		assert_int_equal(scene_send(&sides[0], from, w->unit,
					    w->flags | TTO_SEND_SIGNALED, n), 0);
		assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
		assert_int_equal(c.kind, TTO_SEND);
		assert_int_equal(c.status, 0);
		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.bytes, w->unit);
		if (w->early) {
			assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
			assert_int_equal(c.wr_id, got);
			scene_check(to, got, c.bytes);
			got += c.bytes;
		}
		got = receive_rest(sides, to, w->size, got);
	}
	if (w->own)
		free(to);
	scene_close(sides);
}

static void lib_3_short_medium_and_long(void **state)
{
	static const struct way ways[] = {
		/* 0 */ { 64, 0, 65536, true, false },
		/* 1 */ { 64, TTO_SEND_COPY, 1000, true, true },
		/* 2 */ { 700, TTO_SEND_INLINE, 65536, false, false },
		/* 3 */ { 2048, 0, 8192, false, true },
		/* 4 */ { 2048, TTO_SEND_IN_PLACE, 777, true, false },
		/* 5 */ { 32768, 0, 65536, false, true },
		/* 6 */ { 32768, 0, 1000, true, false },
		/* 7 */ { 60000, TTO_SEND_COPY, 100000, false, false },
		/* 8 */ { 1, 0, 4096, false, true },
	};

	for (size_t n = 0; n < ARRAY_SIZE(ways); n++) {
		print_message("way %zu\n", n);
		transfer(&ways[n]);
	}
}

static void lib_3_the_size_decides(void **state)
{
	const struct scene_options options = { .device = { .inline_max = 100,
							   .copy_max = 5000 } };
	struct tto_device_stats stats;
	struct side sides[2];
	uint8_t *from;

	scene_open(sides, &options);
	from = allocate(&sides[0]);
	for (uint32_t n = 1; n <= 1 + 100 * 99; n += 99)
		assert_int_equal(scene_send(&sides[0], from, n, 0, 0), 0);
	stats = stats_of(&sides[0]);
	assert_int_equal(stats.sends_short, 2);
	assert_int_equal(stats.sends_medium, 5000 / 99 + 1 - 2);
	assert_int_equal(stats.sends_long, 101 - (5000 / 99 + 1));
	scene_close(sides);
}

static void lib_3_what_is_not_the_devices_is_copied(void **state)
{
	struct side sides[2];
	uint8_t *from = malloc(MEMORY), *to = malloc(MEMORY);

	scene_open(sides, NULL);
	scene_fill(from, 0, 50000);
	assert_int_equal(scene_send(&sides[0], from, 50000, TTO_SEND_IN_PLACE, 0),
			 -EFAULT);
	assert_int_equal(scene_send(&sides[0], from, 50000, 0, 0), 0);
	memset(from, 0, 50000);
	assert_int_equal(stats_of(&sides[0]).sends_medium, 1);
	receive_rest(sides, to, MEMORY, 0);
	scene_close(sides);
	free(from);
	free(to);
}

/* SPEC RQ-1: the device writes to the application's buffer, and nobody copies. */
static void rq_1_long_receives_are_placed(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t *from, *to;

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	to = allocate(&sides[1]);
	post_receive(&sides[1], to, 65536, 1);
	scene_fill(from, 0, 20000);
	assert_int_equal(scene_send(&sides[0], from, 20000, 0, 0), 0);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
	assert_int_equal(c.bytes, 20000);
	assert_false(c.flags & TTO_COPIED);
	scene_check(to, 0, 20000);
	assert_int_equal(stats_of(&sides[1]).receives_placed, 1);
	assert_int_equal(stats_of(&sides[1]).receives_copied, 0);
	scene_close(sides);
}

/* SPEC RQ-5: one aggregate, three receives of a third each; then the reverse. */
static void rq_5_three_receives_three_completions(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t *from, *to;

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	to = allocate(&sides[1]);
	scene_fill(from, 0, 30000);
	for (uint32_t n = 0; n < 3; n++)
		post_receive(&sides[1], to + n * 10000, 10000, n);
	assert_int_equal(scene_send(&sides[0], from, 30000, 0, 0), 0);
	for (uint32_t n = 0; n < 3; n++) {
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.bytes, 10000);
	}
	scene_check(to, 0, 30000);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 0);
	scene_close(sides);
}

static void the_end_is_told(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t header[SCENE_HEADER], *to;
	struct tto_send fin = { .header = header, .header_bytes = SCENE_HEADER,
				.mss = SCENE_MSS };

	scene_open(sides, NULL);
	to = allocate(&sides[1]);
	/* One that the device has, and one that it has not. */
	post_receive(&sides[1], to, 65536, 1);
	post_receive(&sides[1], to, 100, 2);
	scene_header(&sides[0], header, 0x11);
	fin.flow = sides[0].flow;
	assert_int_equal(tto_post_send(sides[0].qp, &fin, 1, NULL), 0);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
	assert_int_equal(c.kind, TTO_HEADER);
	assert_int_equal(c.tcp_flags, 0x11);
	for (uint64_t n = 1; n <= 2; n++) {
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.kind, TTO_RECEIVE);
		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.status, 0);
		assert_int_equal(c.bytes, 0);
		assert_true(c.flags & TTO_END);
	}
	scene_close(sides);
}

/* ---- A TCP of the program's own ----------------------------------------------------------- */

static void a_raw_cq_hands_up_the_buffers(void **state)
{
	const struct scene_options options = { .cq_flags = TTO_CQ_RAW };
	struct tto_completion c;
	struct side sides[2];
	uint8_t *from;
	uint32_t got = 0;

	scene_open(sides, &options);
	from = allocate(&sides[0]);
	scene_fill(from, 0, 10000);
	assert_int_equal(scene_send(&sides[0], from, 10000, 0, 0), 0);
	while (got < 10000) {
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.kind, TTO_GENERAL);
		assert_ptr_equal(c.grq, sides[1].grq);
		assert_int_equal(c.seq, SCENE_FIRST + got);
		assert_true(c.flags & TTO_IN_ORDER || got);
		assert_int_equal(c.buffer_bytes, SCENE_GRQ_BYTES);
		scene_check(c.data, got, c.bytes);
		got += c.bytes;
		assert_int_equal(tto_return(&c), 0);
	}
	scene_close(sides);
}

/* Buffers that are returned are used again, however often. */
static void buffers_go_round(void **state)
{
	const struct scene_options options = { .cq_flags = TTO_CQ_RAW };
	struct tto_completion c;
	struct side sides[2];
	uint8_t byte = 0;

	scene_open(sides, &options);
	for (int n = 0; n < 10 * SCENE_GRQ_BUFFERS; n++) {
		assert_int_equal(scene_send(&sides[0], &byte, 1, 0, 0), 0);
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.bytes, 1);
		assert_int_equal(tto_return(&c), 0);
	}
	scene_close(sides);
}

static void a_grq_that_is_low_says_so_once(void **state)
{
	const struct scene_options options = { .cq_flags = TTO_CQ_RAW };
	struct tto_completion c;
	struct side sides[2];
	uint8_t byte = 0;
	int lows = 0;

	scene_open(sides, &options);
	assert_int_equal(tto_grq_ask_low(sides[1].grq, 0), -EINVAL);
	assert_int_equal(tto_grq_ask_low(sides[1].grq, SCENE_GRQ_BUFFERS / 2), 0);
	for (int n = 0; n < SCENE_GRQ_BUFFERS - 1; n++) {
		assert_int_equal(scene_send(&sides[0], &byte, 1, 0, 0), 0);
		while (scene_poll(sides, &sides[1], &c)) {
			if (c.kind != TTO_LOW)
				continue;
			assert_ptr_equal(c.grq, sides[1].grq);
			assert_int_equal(c.bytes, SCENE_GRQ_BUFFERS / 2 - 1);
			assert_int_equal(n, SCENE_GRQ_BUFFERS / 2);
			lows++;
		}
	}
	assert_int_equal(lows, 1);
	scene_close(sides);
}

/* ---- Errors -------------------------------------------------------------------------------- */

/* SPEC LIB-1: as verbs have it. */
static void a_post_stops_at_the_first_bad_request(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t header[SCENE_HEADER];
	struct tto_send sends[4];
	uint32_t taken = 99;

	scene_open(sides, NULL);
	scene_header(&sides[0], header, 0x10);
	for (int n = 0; n < 4; n++)
		sends[n] = (struct tto_send){ .wr_id = (uint64_t)n, .header = header,
					      .flow = sides[0].flow,
					      .header_bytes = SCENE_HEADER,
					      .mss = 1, .flags = TTO_SEND_SIGNALED };
	sends[2].flow = sides[1].flow;
	assert_int_equal(tto_post_send(sides[0].qp, sends, 4, &taken), -EINVAL);
	assert_int_equal(taken, 2);
	for (uint64_t n = 0; n < 2; n++) {
		assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
		assert_int_equal(c.wr_id, n);
	}
	assert_int_equal(scene_poll(sides, &sides[0], &c), 0);
	scene_close(sides);
}

static void requests_that_contradict_themselves(void **state)
{
	static uint8_t bytes[2000];
	const struct tto_element element = { .address = bytes, .bytes = 2000 };
	struct tto_send good = { .header = bytes, .header_bytes = SCENE_HEADER,
				 .elements = &element, .n_elements = 1, .mss = 100 };
	struct side sides[2];
	struct tto_send s;

	scene_open(sides, NULL);
	good.flow = sides[0].flow;
#define IS(change, expected) \
	s = good; \
	change; \
	assert_int_equal(tto_post_send(sides[0].qp, &s, 1, NULL), expected)
	/* 0 */ IS(s.flags = 1u << 31, -EINVAL);
	/* 1 */ IS(s.flags = TTO_SEND_INLINE | TTO_SEND_COPY, -EINVAL);
	/* 2 */ IS(s.unit_flags = 0x10, -EINVAL);
	/* 3 */ IS(s.cut = 3, -EINVAL);
	/* 4 */ IS(s.n_elements = 17, -EINVAL);
	/* 5 */ IS((s.n_elements = 0, s.header_bytes = 0), -EINVAL);
	/* 6 */ IS(s.flags = TTO_SEND_INLINE, -EMSGSIZE);
	/* 7 */ IS(s.header_bytes = 1000, -EMSGSIZE);
	/* 8 */ IS(s.flags = TTO_SEND_IN_PLACE, -EFAULT);
	/* 9 */ IS((void)s, 0);
#undef IS
	scene_close(sides);
}

/* SPEC TX-8: what only the device can judge comes as a completion. */
static void tx_8_errors_of_the_device(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t header[SCENE_HEADER];
	struct tto_send send = { .wr_id = 5, .header = header,
				 .header_bytes = SCENE_HEADER, .mss = SCENE_MSS };

	scene_open(sides, NULL);
	send.flow = sides[0].flow;
	scene_header(&sides[0], header, 0x10);
	header[35]++;		/* another local port                           */
	assert_int_equal(tto_post_send(sides[0].qp, &send, 1, NULL), 0);
	/* Not asked for, and told all the same. */
	assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
	assert_int_equal(c.kind, TTO_SEND);
	assert_int_equal(c.wr_id, 5);
	assert_int_equal(c.status, -EPERM);
	header[35]--;
	header[14] = 0x46;
	assert_int_equal(tto_post_send(sides[0].qp, &send, 1, NULL), 0);
	assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
	assert_int_equal(c.status, -EINVAL);
	scene_close(sides);
}

static void a_full_queue_says_so_and_goes_on(void **state)
{
	const struct scene_options options = { .qp = { .send_blocks = 64,
						       .receives = 4 } };
	struct side sides[2];
	uint8_t *to, byte = 0;
	uint32_t n = 0, got;

	scene_open(sides, &options);
	to = allocate(&sides[1]);
	while (scene_send(&sides[0], &byte, 0, 0, 0) == 0)
		n++;
	assert_int_equal(n, 64 / 2);
	/* Nobody asked for a report, and there is room again all the same. */
	for (got = 0; got < 1000 && n < 500; got++) {
		tto_poll(sides[1].cq, NULL, 0);
		tto_poll(sides[0].cq, NULL, 0);
		tto_poll(sides[0].cq, &(struct tto_completion){ 0 }, 1);
		while (n < 500 && scene_send(&sides[0], &byte, 0, 0, 0) == 0)
			n++;
	}
	assert_int_equal(n, 500);
	for (n = 0; n < 4; n++)
		post_receive(&sides[1], to, 100, n);
	assert_int_equal(tto_post_receive(sides[1].qp, &(struct tto_receive){
		.address = to, .bytes = 1 }, 1, NULL), -EAGAIN);
	scene_close(sides);
}

/* ---- Buffers and who has them ---------------------------------------------------------------- */

/* SPEC TX-9 (c). */
static void tx_9_wait_until_the_memory_is_free(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t *from;

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	assert_int_equal(tto_wait(sides[0].qp, 7, 0), 0);
	assert_int_equal(scene_send(&sides[0], from, 100, TTO_SEND_SIGNALED, 6), 0);
	assert_int_equal(tto_wait(sides[0].qp, 6, 0), 0);
	assert_int_equal(scene_send(&sides[0], from, 20000, TTO_SEND_SIGNALED, 7), 0);
	assert_int_equal(tto_memory_free(sides[0].device, from), -EBUSY);
	assert_int_equal(tto_wait(sides[0].qp, 7, -1), 0);
	assert_int_equal(tto_memory_free(sides[0].device, from), 0);
	/* What it waited through was kept. */
	for (uint64_t n = 6; n <= 7; n++) {
		assert_int_equal(tto_poll(sides[0].cq, &c, 1), 1);
		assert_int_equal(c.kind, TTO_SEND);
		assert_int_equal(c.wr_id, n);
	}
	assert_int_equal(tto_poll(sides[0].cq, &c, 1), 0);
	scene_close(sides);
}

/* SPEC RQ-7 */
static void rq_7_revoked_receives_come_back(void **state)
{
	struct tto_completion c;
	struct side sides[2];
	uint8_t *from, *to;

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	to = allocate(&sides[1]);
	post_receive(&sides[1], to, 65536, 1);
	post_receive(&sides[1], to + 65536, 100, 2);
	assert_int_equal(tto_revoke(sides[1].qp, 9), 0);
	assert_int_equal(tto_revoke(sides[1].qp, 2), 1);
	assert_int_equal(tto_revoke(sides[1].qp, 1), 1);
	scene_fill(from, 0, 5000);
	assert_int_equal(scene_send(&sides[0], from, 5000, 0, 0), 0);
	for (uint64_t n = 1; n <= 2; n++) {
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.status, -ECANCELED);
	}
	for (uint32_t n = 0; n < MEMORY; n++)
		assert_int_equal(to[n], 0);
	/* The bytes are for the next. */
	receive_rest(sides, to, 65536, 0);
	scene_close(sides);
}

/* SPEC AG-5 */
static void ag_5_registered_once_and_gone_with_the_memory(void **state)
{
	const struct tto_region *region, *again;
	struct tto_completion c;
	struct side sides[2];
	uint8_t *from;

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	for (int n = 0; n < 10; n++) {
		assert_int_equal(scene_send(&sides[0], from + 1000 * n, 9000, 0, 0), 0);
		while (scene_poll(sides, &sides[0], &c))
			continue;
	}
	/* One for the GRQ, one for this. */
	assert_int_equal(stats_of(&sides[0]).cache_misses, 2);
	assert_int_equal(tto_region_register(sides[0].device, from + 5, 100, TTO_READ,
					     &region), 0);
	assert_int_equal(tto_region_register(sides[0].device, from, MEMORY, TTO_READ,
					     &again), 0);
	assert_ptr_equal(region, again);
	assert_int_equal(tto_memory_free(sides[0].device, from), -EBUSY);
	assert_int_equal(tto_region_release(sides[0].device, region), 0);
	assert_int_equal(tto_region_release(sides[0].device, region), 0);
	assert_int_equal(tto_region_release(sides[0].device, region), -ENOENT);
	assert_int_equal(tto_memory_free(sides[0].device, from), 0);
	assert_int_equal(tto_memory_free(sides[0].device, from), -ENOENT);
	assert_int_equal(stats_of(&sides[0]).regions, 1);
	assert_int_equal(tto_region_register(sides[0].device, &c, 1, TTO_READ,
					     &region), -EFAULT);
	scene_close(sides);
}

static void a_region_names_memory_in_place(void **state)
{
	const struct tto_region *region;
	uint8_t header[SCENE_HEADER], *from, *to;
	struct tto_element elements[3];
	struct tto_send send = { .header = header, .header_bytes = SCENE_HEADER,
				 .elements = elements, .n_elements = 3,
				 .mss = SCENE_MSS, .flags = TTO_SEND_IN_PLACE };
	struct side sides[2];

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	to = allocate(&sides[1]);
	send.flow = sides[0].flow;
	scene_fill(from + 3, 0, 9000);
	scene_header(&sides[0], header, 0x10);
	assert_int_equal(tto_region_register(sides[0].device, from, MEMORY, TTO_READ,
					     &region), 0);
	elements[0] = (struct tto_element){ from + 3, 1001, 0, region };
	elements[1] = (struct tto_element){ from, 0, 0, NULL };
	elements[2] = (struct tto_element){ from + 1004, 7999, 0, NULL };
	assert_int_equal(tto_post_send(sides[0].qp, &send, 1, NULL), 0);
	sides[0].sent = 9000;
	receive_rest(sides, to, 65536, 0);
	/* Not within the region. */
	elements[0].bytes = MEMORY;
	assert_int_equal(tto_post_send(sides[0].qp, &send, 1, NULL), -EINVAL);
	scene_close(sides);
}

static void handles_close_in_order(void **state)
{
	struct side sides[2];

	scene_open(sides, NULL);
	assert_int_equal(tto_cq_close(sides[0].cq), -EBUSY);
	assert_int_equal(tto_qp_close(sides[0].qp), -EBUSY);
	assert_int_equal(tto_grq_close(sides[0].grq), -EBUSY);
	assert_int_equal(tto_flow_close(sides[0].flow), 0);
	assert_int_equal(tto_qp_close(sides[0].qp), 0);
	assert_int_equal(tto_cq_close(sides[0].cq), -EBUSY);
	assert_int_equal(tto_grq_close(sides[0].grq), 0);
	assert_int_equal(tto_cq_close(sides[0].cq), 0);
	assert_int_equal(stats_of(&sides[0]).regions, 0);
	scene_close(sides);
}

/* A domain is out of reach of another, on the same device. */
static void domains_are_apart(void **state)
{
	struct tto_device *other;
	struct side sides[2];
	struct tto_limits limits;
	void *address;

	scene_open(sides, NULL);
	assert_int_equal(tto_open_domain(&other, sides[0].device, NULL), 0);
	assert_int_equal(tto_memory_allocate(other, MEMORY, &address), 0);
	assert_int_equal(scene_send(&sides[0], address, 20000, TTO_SEND_IN_PLACE, 0),
			 -EFAULT);
	assert_int_equal(tto_device_limits(other, &limits), 0);
	assert_int_equal(limits.embedded, 1);
	assert_int_equal(limits.link, TTO_LINK_ETHERNET);
	/* The device goes on without the handle that began it. */
	scene_close(sides);
	assert_int_equal(tto_memory_free(other, address), 0);
	tto_close(other);
}

/* The child has the memory and leaves the rest alone; the parent goes on. */
static void a_child_leaves_the_device_alone(void **state)
{
	struct side sides[2];
	uint8_t *from, *to;
	int status;
	pid_t child;

	scene_open(sides, NULL);
	from = allocate(&sides[0]);
	to = allocate(&sides[1]);
	scene_fill(from, 0, 20000);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(from[19999] == scene_byte(19999) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(scene_send(&sides[0], from, 20000, 0, 0), 0);
	receive_rest(sides, to, 65536, 0);
	scene_close(sides);
}

/* ---- Frames of no flow ----------------------------------------------------------------------- */

static void whole_frames_come_to_who_owns_the_address(void **state)
{
	const struct scene_options options = { .no_flow = 1 };
	uint8_t frame[300] = { 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0, 0x45, 0, 1, 30 };
	const struct tto_send send = { .wr_id = 3, .header = frame,
				       .header_bytes = sizeof(frame),
				       .flags = TTO_SEND_SIGNALED };
	struct tto_completion c;
	struct tto_flow *own;
	struct side sides[2];

	scene_open(sides, &options);
	frame[14 + 8] = 64;
	frame[14 + 9] = 17;
	memcpy(frame + 26, sides[0].tuple.local, 4);
	memcpy(frame + 30, sides[0].tuple.remote, 4);
	frame[24] = 0x25;	/* RFC 791 §3.1: its checksum                   */
	frame[25] = 0x9c;
	assert_int_equal(tto_flow_own(sides[1].qp, sides[1].grq, &sides[1].tuple, &own),
			 0);
	assert_int_equal(tto_post_send(sides[0].qp, &send, 1, NULL), 0);
	assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
	assert_int_equal(c.status, 0);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
	assert_int_equal(c.kind, TTO_GENERAL);
	assert_true(c.flags & TTO_FRAME);
	assert_ptr_equal(c.flow, own);
	assert_int_equal(c.bytes, sizeof(frame));
	assert_memory_equal(c.data, frame, sizeof(frame));
	assert_int_equal(tto_return(&c), 0);
	assert_int_equal(tto_flow_close(own), 0);
	scene_close(sides);
}

/* Nobody tells what the program does to its memory: it is copied, however often. */
static void lib_3_unwatched_memory_is_copied(void **state)
{
	const struct scene_options o = { .device = { .size = sizeof(o.device),
						     .in_place_uses = 1,
						     .in_place_min = 1 } };
	static uint8_t heap[MEMORY], buffer[32768];
	struct side sides[2];

	(void)state;
	scene_open(sides, &o);
	for (uint32_t n = 0; n < 8; n++) {
		scene_fill(heap, sides[0].sent, sizeof(buffer));
		assert_int_equal(scene_send(&sides[0], heap, sizeof(buffer), 0, 0), 0);
		receive_rest(sides, buffer, sizeof(buffer), n * sizeof(buffer));
	}
	assert_int_equal(stats_of(&sides[0]).sends_medium, 8);
	assert_int_equal(scene_send(&sides[0], heap, sizeof(buffer), TTO_SEND_IN_PLACE,
				    0), -EFAULT);
	scene_close(sides);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_3_unwatched_memory_is_copied),
		cmocka_unit_test(lib_3_short_medium_and_long),
		cmocka_unit_test(lib_3_the_size_decides),
		cmocka_unit_test(lib_3_what_is_not_the_devices_is_copied),
		cmocka_unit_test(rq_1_long_receives_are_placed),
		cmocka_unit_test(rq_5_three_receives_three_completions),
		cmocka_unit_test(the_end_is_told),
		cmocka_unit_test(a_raw_cq_hands_up_the_buffers),
		cmocka_unit_test(buffers_go_round),
		cmocka_unit_test(a_grq_that_is_low_says_so_once),
		cmocka_unit_test(a_post_stops_at_the_first_bad_request),
		cmocka_unit_test(requests_that_contradict_themselves),
		cmocka_unit_test(tx_8_errors_of_the_device),
		cmocka_unit_test(a_full_queue_says_so_and_goes_on),
		cmocka_unit_test(tx_9_wait_until_the_memory_is_free),
		cmocka_unit_test(rq_7_revoked_receives_come_back),
		cmocka_unit_test(ag_5_registered_once_and_gone_with_the_memory),
		cmocka_unit_test(a_region_names_memory_in_place),
		cmocka_unit_test(handles_close_in_order),
		cmocka_unit_test(domains_are_apart),
		cmocka_unit_test(a_child_leaves_the_device_alone),
		cmocka_unit_test(whole_frames_come_to_who_owns_the_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
