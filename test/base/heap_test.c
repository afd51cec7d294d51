// SPDX-License-Identifier: BSD-2-Clause
/* heap_test.c - Memory at one address in several processes, and looking into it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"

static int heap_fd;

static int set_up(void **state)
{
	return heap_create(&heap_fd);
}

static int tear_down(void **state)
{
	heap_leave();
	return close(heap_fd);
}

struct piece {
	struct piece *next;
	size_t bytes;
};

/* Return: how many bytes. */
static size_t take_all(size_t from, struct piece **all)
{
	size_t sum = 0;

	for (size_t bytes = from; bytes >= 4096; bytes /= 2) {
		struct piece *p;

		while ((p = heap_alloc(bytes))) {
			*p = (struct piece){ *all, bytes };
			*all = p;
			sum += bytes;
		}
	}
	return sum;
}

static void give_back(struct piece *all)
{
	for (struct piece *next; all; all = next) {
		next = all->next;
		heap_free(all);
	}
}

/* What was large once may be small later: else memory would end before it is used. */
static void lib_2_large_pieces_become_small_ones(void **state)
{
	struct piece *all = NULL;
	size_t n = take_all(1UL << 31, &all);

	assert_true(n > HEAP_BYTES / 10 * 9);
	give_back(all);
	all = NULL;
	/* Some have become objects of a class, and stay that. */
	assert_in_range(take_all(8UL << 20, &all), n - (1UL << 31), n);
	for (struct piece *p = all; p; p = p->next)
		assert_true(p->bytes <= 8UL << 20);
	give_back(all);
}

/* Different pieces are different memory, also of what was cut. */
static void lib_2_what_was_cut_does_not_overlap(void **state)
{
	struct piece *all = NULL;
	uint8_t *large, *parts[16];

	(void)take_all(1UL << 31, &all);
	give_back(all);
	large = heap_alloc(1UL << 31);
	assert_non_null(large);
	for (int n = 0; n < 16; n++) {
		parts[n] = heap_zeroed(1, 200000);
		assert_non_null(parts[n]);
		assert_int_equal(parts[n][199999], 0);
		memset(parts[n], n + 1, 200000);
	}
	for (int n = 0; n < 16; n++) {
		assert_int_equal(parts[n][0], n + 1);
		assert_int_equal(parts[n][199999], n + 1);
		assert_false(parts[n] >= large && parts[n] < large + (1UL << 31));
		heap_free(parts[n]);
	}
	heap_free(large);
}

static void lib_2_what_lies_there_is_copied(void **state)
{
	char *text = heap_alloc(100), copy[100];
	void *root;

	assert_non_null(text);
	memset(text, 'x', 100);
	*heap_root() = text;
	assert_int_equal(heap_peek_root(heap_fd, &root), 0);
	assert_ptr_equal(root, text);
	assert_int_equal(heap_peek(heap_fd, root, copy, sizeof(copy)), 0);
	assert_memory_equal(copy, text, sizeof(copy));
	/* Everything of a heap is aligned: this is nothing of it. */
	*heap_root() = text + 8;
	assert_int_equal(heap_peek_root(heap_fd, &root), -EPROTO);
	heap_free(text);
}

static void lib_2_nothing_outside_is_copied(void **state)
{
	const uintptr_t end = HEAP_ADDRESS + HEAP_BYTES;
	const struct {
		uintptr_t at;
		size_t bytes;
		int result;
	} cases[] = {
		/* 0 */ { HEAP_ADDRESS, 8, 0 },
		/* 1 */ { end - 8, 8, 0 },
		/* 2 */ { end - 8, 9, -EFAULT },
		/* 3 */ { end, 1, -EFAULT },
		/* 4 */ { HEAP_ADDRESS - 1, 2, -EFAULT },
		/* 5 */ { 0, 8, -EFAULT },
		/* 6 */ { UINTPTR_MAX, 8, -EFAULT },
		/* 7 */ { HEAP_ADDRESS + 64, SIZE_MAX, -EFAULT },
	};
	uint8_t to[16];

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		int got = heap_peek(heap_fd, (void *)cases[n].at, to, cases[n].bytes);

		if (got != cases[n].result)
			fail_msg("case %zu: %d", n, got);
	}
}

static void lib_2_a_file_that_is_no_heap_is_refused(void **state)
{
	int fd = memfd_create("other", MFD_CLOEXEC);
	uint8_t byte;
	void *root;

	assert_true(fd >= 0);
	assert_int_equal(heap_peek_root(fd, &root), -EPROTO);
	assert_int_equal(ftruncate(fd, (off_t)HEAP_BYTES), 0);
	assert_int_equal(heap_peek_root(fd, &root), -EPROTO);
	/* One that was cut while it is looked at. */
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(heap_peek(fd, (void *)(HEAP_ADDRESS + 10), &byte, 1), -EFAULT);
	assert_int_equal(heap_peek(fd, (void *)(HEAP_ADDRESS + 9), &byte, 1), 0);
	close(fd);
}

static blkcnt_t blocks(void)
{
	struct stat st;

	assert_int_equal(fstat(heap_fd, &st), 0);
	return st.st_blocks;
}

static void lib_2_pages_that_nobody_will_want_go_back(void **state)
{
	enum { BYTES = 4 << 20, BLOCKS = BYTES / 512 };
	blkcnt_t before = blocks();
	uint8_t *run = heap_alloc(BYTES);

	assert_non_null(run);
	memset(run, 1, BYTES);
	assert_true(blocks() >= before + BLOCKS);
	heap_free_pages(run);
	assert_true(blocks() < before + BLOCKS / 2);
	assert_ptr_equal(heap_alloc(BYTES), run);
	memset(run, 1, BYTES);
	heap_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_2_what_lies_there_is_copied),
		cmocka_unit_test(lib_2_what_was_cut_does_not_overlap),
		cmocka_unit_test(lib_2_large_pieces_become_small_ones),
		cmocka_unit_test(lib_2_nothing_outside_is_copied),
		cmocka_unit_test(lib_2_pages_that_nobody_will_want_go_back),
		cmocka_unit_test(lib_2_a_file_that_is_no_heap_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
