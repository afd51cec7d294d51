// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_session_test.c - What a stack mirrors and what is read of it, in one process
 *
 * Both sides are here: the stack's writes copies, the other reads them by a descriptor of
 * the heap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tto/engine.h>
#include <unistd.h>

#include "base/heap.h"
#include "socket/stack.h"
#include "tool/capture/session.h"

#define ALL ((1u << MIRROR_N_POINTS) - 1)
#define FRAME_MAX 70000
#define ROUNDS 20000
#define EMBED_BYTES (1u << 20)	/* not less than a struct embed                 */

static int heap_fd;
static struct embed *embed;
static struct mirror *mirror;
static uint8_t bytes[FRAME_MAX];

static int set_up(void **state)
{
	struct stack *s;

	assert_int_equal(heap_create(&heap_fd), 0);
	s = heap_zeroed(1, sizeof(*s));
	embed = heap_zeroed(1, EMBED_BYTES);
	assert_non_null(s);
	assert_non_null(embed);
	s->version = STACK_VERSION;
	s->embed = embed;
	*heap_root() = s;
	mirror = embed_mirror(embed);
	for (size_t n = 0; n < sizeof(bytes); n++)
		bytes[n] = (uint8_t)(n * 7 + n / 251);
	return 0;
}

static int tear_down(void **state)
{
	heap_leave();
	return close(heap_fd);
}

static int open_it(struct session *s, uint32_t wanted, uint32_t snap)
{
	char path[32];
	struct found_stack found = { .pid = getpid() };

	snprintf(path, sizeof(path), "/proc/self/fd/%d", heap_fd);
	found.heap = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(found.heap >= 0);
	return session_open(s, &found, wanted, snap);
}

/* A turn of the stack. */
static void tend(void)
{
	static ns_t now;

	now += 1000000000;
	if (mirror_is_wanted(mirror))
		mirror_tend(mirror, now);
}

/* As a point of the path does it. */
static void pass(enum mirror_point point, uint32_t from, uint32_t len)
{
	struct iovec iov[2] = { { bytes + from, len / 3 },
				{ bytes + from + len / 3, len - len / 3 } };
	struct wire_frame f = { .iov = iov, .n_iov = 2, .len = len, .full_len = len };

	if (mirror_is_wanted(mirror))
		mirror_frames(mirror, point, &f, 1);
}

static bool is_next(struct session *s, enum mirror_point point, uint32_t from, uint32_t len)
{
	struct mirror_record r;
	const uint8_t *frame;

	if (session_next(s, &r, &frame) != 1)
		return false;
	assert_int_equal(r.point, point);
	assert_int_equal(r.full_len, len);
	assert_int_equal(r.len, len);
	assert_memory_equal(frame, bytes + from, len);
	session_done(s, &r);
	return true;
}

static void lib_5_nothing_is_copied_for_nobody(void **state)
{
	pass(MIRROR_WIRE_RX, 0, 100);
	assert_null(mirror->ring);
	assert_int_equal(mirror->taken[MIRROR_WIRE_RX], 0);
}

static void lib_5_a_session_begins_and_ends(void **state)
{
	struct mirror_record r;
	const uint8_t *frame;
	struct session s, second;

	assert_int_equal(open_it(&s, 1u << MIRROR_WIRE_RX, 1000), 0);
	assert_int_equal(open_it(&second, ALL, 1000), -EBUSY);
	assert_int_equal(session_next(&s, &r, &frame), 0);
	tend();
	assert_non_null(mirror->ring);
	assert_int_equal(session_next(&s, &r, &frame), 0);
	pass(MIRROR_WIRE_RX, 5, 60);
	pass(MIRROR_WIRE_TX, 0, 60);	/* which nobody wants                   */
	assert_true(is_next(&s, MIRROR_WIRE_RX, 5, 60));
	assert_int_equal(session_next(&s, &r, &frame), 0);
	session_close(&s);
	tend();
	assert_null(mirror->ring);
	assert_false(mirror_is_wanted(mirror));
}

/* Any sizes, read in any portions: what was not lost is there, in order and whole. */
static void lib_5_what_is_read_is_what_passed(void **state)
{
	static struct {
		uint32_t from, len;
		uint8_t point;
	} queue[ROUNDS];
	unsigned seed = 1, first = 0, end = 0, n_lost = 0;
	struct session s;

	assert_int_equal(open_it(&s, ALL, FRAME_MAX), 0);
	tend();
	for (unsigned n = 0; n < ROUNDS; n++) {
		uint32_t len = (uint32_t)rand_r(&seed) % (n % 3 ? 1600 : 66000);
		uint32_t from = (uint32_t)rand_r(&seed) % (FRAME_MAX - len);
		enum mirror_point point = (enum mirror_point)(n % MIRROR_N_POINTS);
		uint64_t lost = mirror->lost[point];

		if (point == MIRROR_HOST_RX || point == MIRROR_HOST_TX)
			point = MIRROR_WIRE_RX, lost = mirror->lost[point];
		pass(point, from, len);
		n_lost += mirror->lost[point] != lost;
		if (mirror->lost[point] == lost) {
			queue[end].from = from;
			queue[end].len = len;
			queue[end++].point = (uint8_t)point;
		}
		/* Sometimes late, sometimes all of it. */
		while (n % 5000 > 3000 && first < end && rand_r(&seed) % 8) {
			assert_true(is_next(&s, queue[first].point, queue[first].from,
					    queue[first].len));
			first++;
		}
	}
	while (first < end) {
		assert_true(is_next(&s, queue[first].point, queue[first].from,
				    queue[first].len));
		first++;
	}
	assert_true(n_lost > 100);
	assert_true(end > 1000);
	assert_int_equal(mirror->taken[MIRROR_WIRE_RX] + mirror->taken[MIRROR_WIRE_TX],
			 ROUNDS);
	assert_int_equal(n_lost + end, ROUNDS);
	session_close(&s);
	tend();
}

static void lib_5_no_more_is_copied_than_is_wanted(void **state)
{
	struct mirror_record r;
	const uint8_t *frame;
	struct session s;

	assert_int_equal(open_it(&s, ALL, 64), 0);
	tend();
	pass(MIRROR_WIRE_TX, 9, 9000);
	assert_int_equal(session_next(&s, &r, &frame), 1);
	assert_int_equal(r.full_len, 9000);
	assert_int_equal(r.len, 64);
	assert_memory_equal(frame, bytes + 9, 64);
	session_close(&s);
	tend();
}

/* A reader that writes nonsense harms nobody but himself. */
static void lib_5_a_reader_cannot_break_the_ring(void **state)
{
	static const uint64_t tails[] = { 1, 7, UINT64_MAX, UINT64_MAX / 2, MIRROR_BYTES,
					  MIRROR_BYTES + 1 };
	struct session s;

	assert_int_equal(open_it(&s, UINT32_MAX, UINT32_MAX), 0);
	tend();
	for (unsigned n = 0; n < 6000; n++) {
		mirror->tail = tails[n % ARRAY_SIZE(tails)];
		pass(MIRROR_WIRE_RX, 0, n % 4 ? 1500 : 66000);
	}
	session_close(&s);
	tend();
	assert_null(mirror->ring);
}

/* Nor does a stack that does: the reader stays within the ring. */
static void lib_5_a_reader_believes_nothing(void **state)
{
	static const struct {
		uint32_t bytes;
		uint16_t point;
		uint32_t len;
		uint64_t head;
	} cases[] = {
		/* 0 */ { 0, 0, 0, 64 },
		/* 1 */ { 7, 0, 0, 64 },
		/* 2 */ { 12, MIRROR_NONE, 0, 64 },
		/* 3 */ { 24, 0, 0, 64 },	/* less than a record           */
		/* 4 */ { 72, 0, 0, 64 },	/* more than there is           */
		/* 5 */ { 64, 0, 33, 64 },	/* a frame longer than its record */
		/* 6 */ { 64, 0, UINT32_MAX, 64 },
		/* 7 */ { 64, MIRROR_NONE + 1, 0, 64 },
		/* 8 */ { 64, UINT16_MAX, 0, 64 },
		/* 9 */ { 64, 0, 0, MIRROR_BYTES + 1 },
		/* 10 */ { 64, 0, 0, UINT64_MAX },
		/* 11 */ { MIRROR_BYTES + 8, 0, 0, UINT64_MAX },
	};
	struct mirror_record r;
	const uint8_t *frame;
	struct session s;

	assert_int_equal(open_it(&s, ALL, 64), 0);
	tend();
	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct mirror_record *at = (void *)mirror->ring;

		*at = (struct mirror_record){ .bytes = cases[n].bytes,
					      .point = cases[n].point,
					      .len = cases[n].len };
		mirror->head = cases[n].head;
		if (session_next(&s, &r, &frame) != -EPROTO)
			fail_msg("case %zu", n);
	}
	mirror->head = 0;
	session_close(&s);
	tend();
}

static void lib_5_a_reader_that_is_killed_leaves_nothing(void **state)
{
	struct session s;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		if (open_it(&s, ALL, 100))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(mirror_is_wanted(mirror));
	tend();
	assert_false(mirror_is_wanted(mirror));
	assert_null(mirror->ring);

	/* Also when the next one is faster than the stack. */
	child = fork();
	if (!child) {
		if (open_it(&s, ALL, 100))
			_exit(1);
		tend();
		pass(MIRROR_WIRE_RX, 0, 50);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(open_it(&s, 1u << MIRROR_WIRE_RX, 100), 0);
	tend();
	pass(MIRROR_WIRE_RX, 3, 40);
	assert_true(is_next(&s, MIRROR_WIRE_RX, 3, 40));
	assert_int_equal(mirror->taken[MIRROR_WIRE_RX], 1);
	session_close(&s);
	tend();
}

/* Lengths are filled in as the segmenter would, for both families. */
static void tx_5_a_unit_has_its_lengths(void **state)
{
	uint8_t header[54] = { [12] = 0x08, [14] = 0x45, [46] = 0x50 };
	struct iovec payload[2] = { { bytes, 3000 }, { bytes + 3000, 40000 } };
	struct mirror_record r;
	const uint8_t *frame;
	struct session s;

	assert_int_equal(open_it(&s, ALL, FRAME_MAX), 0);
	tend();
	mirror_unit(mirror, header, sizeof(header), payload, 2, 43000, 1460);
	assert_int_equal(session_next(&s, &r, &frame), 1);
	assert_int_equal(r.point, MIRROR_HOST_TX);
	assert_int_equal(r.gso_size, 1460);
	assert_int_equal(r.len, 54 + 43000);
	assert_int_equal(frame[16] << 8 | frame[17], 40 + 43000);
	assert_memory_equal(frame + 54, bytes, 43000);
	session_close(&s);
	tend();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_nothing_is_copied_for_nobody),
		cmocka_unit_test(lib_5_a_session_begins_and_ends),
		cmocka_unit_test(lib_5_what_is_read_is_what_passed),
		cmocka_unit_test(lib_5_no_more_is_copied_than_is_wanted),
		cmocka_unit_test(lib_5_a_reader_cannot_break_the_ring),
		cmocka_unit_test(lib_5_a_reader_believes_nothing),
		cmocka_unit_test(lib_5_a_reader_that_is_killed_leaves_nothing),
		cmocka_unit_test(tx_5_a_unit_has_its_lengths),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
