// SPDX-License-Identifier: BSD-2-Clause
/*
 * window_test.c - Objects in a reserved range of addresses (SPEC TX-2, TX-10)
 *
 * Whether a byte can be reached is asked of the kernel, by writing it to a pipe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/window.h"

#define PAGE 4096ull
#define WINDOW_BYTES (1ull << 30)
#define MAX_OBJECTS 40
#define SEEDS 12
#define STEPS 250
#define OBJECT_NAME "tto-window-test"

static uint64_t random_state;

static uint64_t below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

static int object(uint64_t bytes, int seals)
{
	int fd = memfd_create(OBJECT_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static bool is_reachable(const struct window *w, uint64_t at)
{
	char byte;
	int ends[2];
	long n;

	assert_int_equal(pipe(ends), 0);
	n = syscall(SYS_write, ends[1], w->base + at, 1L);
	assert_true(n == 1 || errno == EFAULT);
	if (n == 1)
		assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return n == 1;
}

/* How often an object of this test is mapped in this process. */
static uint32_t mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	uint32_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, OBJECT_NAME) != NULL;
	fclose(f);
	return n;
}

/* The addresses belong to nobody. */
static bool is_free(uint8_t *base, uint64_t bytes)
{
	void *p = mmap(base, bytes, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		       MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, bytes);
	return p == base;
}

static struct window opened(void)
{
	struct window w;

	assert_int_equal(window_open(&w, WINDOW_BYTES), 0);
	return w;
}

/* ---- Opening ------------------------------------------------------------------- */

static void tx_10_window_is_aligned_and_unreachable(void **state)
{
	static const uint64_t wrong[] = { 0, 1, PAGE, WINDOW_BYTES - 1,
					  WINDOW_BYTES + PAGE, 1ull << 60,
					  UINT64_MAX };
	struct window w = opened();

	(void)state;
	assert_int_equal((uintptr_t)w.base % (1 << 30), 0);
	assert_int_equal(w.size, WINDOW_BYTES);
	for (uint64_t at = 0; at < w.size; at += w.size / 64 + PAGE)
		assert_false(is_reachable(&w, at));
	assert_false(is_reachable(&w, w.size - 1));
	window_close(&w);
	for (uint32_t n = 0; n < ARRAY_SIZE(wrong); n++)
		assert_int_equal(window_open(&w, wrong[n]), -EINVAL);
}

/* ---- Refusals ------------------------------------------------------------------- */

static void refused(struct window *w, int fd, uint64_t offset, uint64_t bytes,
		    int err)
{
	struct window_object o = { .fd = fd, .offset = offset, .bytes = bytes };
	uint64_t at;

	assert_int_equal(window_map(w, &o, &at), err);
	assert_int_equal(w->n_places, 0);
	assert_int_equal(mappings(), 0);
}

/* Reading behind the end of a file would kill the reader. */
static void tx_2_objects_that_can_shrink_are_refused(void **state)
{
	struct window w = opened();
	int plain = object(4 * PAGE, 0), ends[2];
	int grows = object(4 * PAGE, F_SEAL_GROW);
	int shrinks = object(4 * PAGE, F_SEAL_SHRINK);
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), 4 * PAGE), 0);
	assert_int_equal(pipe(ends), 0);
	refused(&w, plain, 0, PAGE, -EPERM);
	refused(&w, grows, 0, PAGE, -EPERM);
	refused(&w, fileno(file), 0, PAGE, -EPERM);
	refused(&w, ends[0], 0, PAGE, -EPERM);
	refused(&w, shrinks, 0, 5 * PAGE, -EPERM);
	refused(&w, shrinks, PAGE, 4 * PAGE, -EPERM);
	refused(&w, shrinks, 4 * PAGE, PAGE, -EPERM);
	refused(&w, shrinks, 1ull << 63, PAGE, -EPERM);
	fclose(file);
	close(ends[0]);
	close(ends[1]);
	close(plain);
	close(grows);
	close(shrinks);
	window_close(&w);
}

static void tx_2_numbers_that_do_not_fit_are_refused(void **state)
{
	static const struct window_object wrong[] = {
		{ .fd = -1, .bytes = 0 },
		{ .fd = -1, .bytes = 1 },
		{ .fd = -1, .bytes = PAGE + 512 },
		{ .fd = -1, .bytes = PAGE, .offset = 1 },
		{ .fd = -1, .bytes = PAGE, .offset = 0 - PAGE },
		{ .fd = -1, .bytes = PAGE, .align = 1 },
		{ .fd = -1, .bytes = PAGE, .align = 2048 },
		{ .fd = -1, .bytes = PAGE, .align = 3 * PAGE },
		{ .fd = -1, .bytes = PAGE, .align = 2 * PAGE, .like = 1 },
	};
	struct window w = opened();
	uint64_t at;

	(void)state;
	for (uint32_t n = 0; n < ARRAY_SIZE(wrong); n++)
		assert_int_equal(window_map(&w, &wrong[n], &at), -EINVAL);
	assert_int_equal(w.n_places, 0);
	assert_int_equal(window_unmap(&w, 0), -ENOENT);
	assert_int_equal(window_unmap(&w, PAGE), -ENOENT);
	window_close(&w);
}

/* ---- What is mapped -------------------------------------------------------------- */

/* Contents, rights, and what is around. */
static void tx_10_object_is_there_with_a_guard(void **state)
{
	struct window w = opened();
	int fd = object(3 * PAGE, F_SEAL_SHRINK);
	struct window_object o = { .fd = fd, .offset = PAGE, .bytes = 2 * PAGE };
	uint64_t read_only, writable;

	(void)state;
	assert_int_equal(pwrite(fd, "here", 4, PAGE), 4);
	assert_int_equal(window_map(&w, &o, &read_only), 0);
	o.writable = true;
	assert_int_equal(window_map(&w, &o, &writable), 0);
	close(fd);
	assert_true(read_only >= PAGE && writable >= PAGE);
	assert_memory_equal(w.base + read_only, "here", 4);
	memcpy(w.base + writable, "there", 5);
	assert_memory_equal(w.base + read_only, "there", 5);
	for (uint32_t n = 0; n < 2; n++) {
		uint64_t at = n ? writable : read_only;

		assert_true(is_reachable(&w, at + 2 * PAGE - 1));
		assert_false(is_reachable(&w, at + 2 * PAGE));
		assert_false(is_reachable(&w, at + 3 * PAGE - 1));
	}
	assert_false(is_reachable(&w, PAGE - 1));
	assert_int_equal(mappings(), 2);
	assert_int_equal(window_unmap(&w, read_only + PAGE), -ENOENT);
	assert_int_equal(window_unmap(&w, read_only), 0);
	assert_int_equal(window_unmap(&w, read_only), -ENOENT);
	assert_false(is_reachable(&w, read_only));
	assert_true(is_reachable(&w, writable));
	assert_int_equal(mappings(), 1);
	window_close(&w);
	assert_int_equal(mappings(), 0);
}

/* The last page of the window is a guard as well. */
static void tx_10_window_can_be_filled(void **state)
{
	struct window w = opened();
	struct window_object o = { .fd = -1, .bytes = WINDOW_BYTES - PAGE };
	uint64_t at;

	(void)state;
	assert_int_equal(window_map(&w, &o, &at), -ENOSPC);
	o.bytes = WINDOW_BYTES - 2 * PAGE;
	o.limit = WINDOW_BYTES - 2 * PAGE;
	assert_int_equal(window_map(&w, &o, &at), -ENOSPC);
	o.limit = UINT64_MAX;
	assert_int_equal(window_map(&w, &o, &at), 0);
	assert_int_equal(at, PAGE);
	assert_true(is_reachable(&w, WINDOW_BYTES - PAGE - 1));
	assert_false(is_reachable(&w, WINDOW_BYTES - PAGE));
	o = (struct window_object){ .fd = -1, .bytes = PAGE };
	assert_int_equal(window_map(&w, &o, &at), -ENOSPC);
	window_close(&w);
}

/* ---- A model ------------------------------------------------------------------------ */

struct model {
	uint64_t seed;
	struct window w;
	int fd;			/* one object, parts of which are mapped        */
	uint32_t n;
	struct window_place place[MAX_OBJECTS];
	uint64_t offset[MAX_OBJECTS];
};

#define EXPECT(m, x) do { if (!(x)) \
	fail_msg("seed %llu: %s", (unsigned long long)(m)->seed, #x); } while (0)

#define OBJECT_BYTES (256ull << 20)

static uint64_t model_end(const struct window_object *o)
{
	uint64_t end = WINDOW_BYTES - PAGE;

	return o->limit && o->limit < end ? o->limit : end;
}

static bool fits(const struct model *m, const struct window_object *o,
		 uint64_t at)
{
	if (at < PAGE || at + o->bytes > model_end(o))
		return false;
	if (o->align && (at - o->like) % o->align)
		return false;
	for (uint32_t n = 0; n < m->n; n++)
		if (at < m->place[n].start + m->place[n].bytes + PAGE &&
		    m->place[n].start < at + o->bytes + PAGE)
			return false;
	return true;
}

/* The first place that fits begins as close as it can behind something. */
static bool has_room(const struct model *m, const struct window_object *o)
{
	for (uint32_t n = 0; n <= m->n; n++) {
		uint64_t at = n < m->n ? m->place[n].start +
					 m->place[n].bytes + PAGE : PAGE;

		while (o->align && (at - o->like) % o->align)
			at += PAGE;
		if (fits(m, o, at))
			return true;
	}
	return false;
}

static struct window_object any_object(const struct model *m)
{
	struct window_object o = { .fd = m->fd, .writable = below(2) };

	o.bytes = (1 + below(below(3) ? 4000 : OBJECT_BYTES / PAGE / 2)) * PAGE;
	o.offset = below((OBJECT_BYTES - o.bytes) / PAGE + 1) * PAGE;
	if (below(3)) {
		o.align = PAGE << below(11);
		o.like = below(1ull << 40) * PAGE;
	}
	if (below(4) == 0)
		o.limit = below(WINDOW_BYTES);
	return o;
}

/* A page that is looked at later begins with its offset in the object. */
static void number_page(const struct model *m, uint64_t offset)
{
	EXPECT(m, pwrite(m->fd, &offset, sizeof(offset), (off_t)offset) ==
		  sizeof(offset));
}

static void map_one(struct model *m)
{
	struct window_object o = any_object(m);
	bool room = has_room(m, &o);
	uint64_t at;
	int err = window_map(&m->w, &o, &at);

	EXPECT(m, err == (room ? 0 : -ENOSPC));
	if (err)
		return;
	EXPECT(m, fits(m, &o, at));
	number_page(m, o.offset);
	number_page(m, o.offset + o.bytes - PAGE);
	EXPECT(m, *(uint64_t *)(void *)(m->w.base + at) == o.offset);
	EXPECT(m, !is_reachable(&m->w, at + o.bytes));
	EXPECT(m, !is_reachable(&m->w, at - 1));
	m->place[m->n] = (struct window_place){ at, o.bytes };
	m->offset[m->n++] = o.offset;
}

static void unmap_one(struct model *m)
{
	uint32_t n = (uint32_t)below(m->n);
	uint64_t at = m->place[n].start, bytes = m->place[n].bytes;

	EXPECT(m, window_unmap(&m->w, at) == 0);
	EXPECT(m, window_unmap(&m->w, at) == -ENOENT);
	EXPECT(m, !is_reachable(&m->w, at));
	EXPECT(m, !is_reachable(&m->w, at + bytes - 1));
	m->place[n] = m->place[--m->n];
	m->offset[n] = m->offset[m->n];
}

static void check_all(const struct model *m)
{
	EXPECT(m, m->w.n_places == m->n);
	for (uint32_t n = 0; n < m->n; n++) {
		uint64_t last = m->place[n].bytes - PAGE;
		const uint8_t *at = m->w.base + m->place[n].start + last;

		EXPECT(m, *(const uint64_t *)(const void *)at ==
			  m->offset[n] + last);
	}
	EXPECT(m, mappings() == m->n);
}

static void run_model(struct model *m)
{
	uint8_t *base;

	m->w = opened();
	base = m->w.base;
	for (uint32_t step = 0; step < STEPS; step++) {
		if (m->n < MAX_OBJECTS && (m->n == 0 || below(5) > 1))
			map_one(m);
		else
			unmap_one(m);
		if (step % 25 == 0)
			check_all(m);
	}
	check_all(m);
	window_close(&m->w);
	EXPECT(m, mappings() == 0);
	EXPECT(m, is_free(base, WINDOW_BYTES));
}

static void tx_10_random_objects_against_a_model(void **state)
{
	static struct model m;
	int fd = object(OBJECT_BYTES, F_SEAL_SHRINK | F_SEAL_GROW);

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		m = (struct model){ .seed = seed, .fd = fd };
		random_state = seed * 0x9e3779b97f4a7c15ull;
		run_model(&m);
	}
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_10_window_is_aligned_and_unreachable),
		cmocka_unit_test(tx_2_objects_that_can_shrink_are_refused),
		cmocka_unit_test(tx_2_numbers_that_do_not_fit_are_refused),
		cmocka_unit_test(tx_10_object_is_there_with_a_guard),
		cmocka_unit_test(tx_10_window_can_be_filled),
		cmocka_unit_test(tx_10_random_objects_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
