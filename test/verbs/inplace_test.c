// SPDX-License-Identifier: BSD-2-Clause
/*
 * inplace_test.c - A program's memory keeps its meaning while pages are replaced
 * (SPEC AG-5, TX-9; ARCHITECTURE D4)
 *
 * The device is played by a second mapping of the object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "verbs/inplace/inplace.h"
#include "verbs/inplace/swap.h"

#define PAGE 4096u
#define POOL_BYTES (64u << 20)
#define RANGES 64

/* ---- The library and the device -------------------------------------------------------- */

struct pool {
	int fd;
	uint64_t inode;
	uint8_t *device;	/* the device's own mapping                     */
	uint64_t next;
	int n_taken, n_retired, n_bound;
	bool refuse_bind;
};

static int take(void *ctx, size_t bytes, struct inplace_part *part)
{
	struct pool *p = ctx;

	if (p->next + bytes > POOL_BYTES)
		p->next = 0;
	*part = (struct inplace_part){ .fd = p->fd, .offset = p->next,
				       .bytes = bytes, .inode = p->inode };
	p->next += bytes;
	p->n_taken++;
	return 0;
}

/* Whoever still looked at it would see it. */
static void give(void *ctx, const struct inplace_part *part)
{
	struct pool *p = ctx;

	memset(p->device + part->offset, 0xdb, part->bytes);
	p->n_taken--;
}

static void retire(void *ctx, const struct inplace_part *part)
{
	struct pool *p = ctx;

	(void)part;
	p->n_taken--;
	p->n_retired++;
}

static int bind_part(void *ctx, void *at, const struct inplace_part *part)
{
	struct pool *p = ctx;

	(void)at;
	(void)part;
	if (p->refuse_bind)
		return -ENOSPC;
	p->n_bound++;
	return 0;
}

static void unbind_part(void *ctx, void *at, const struct inplace_part *part)
{
	struct pool *p = ctx;

	(void)at;
	(void)part;
	if (!p->refuse_bind)
		p->n_bound--;
}

static const struct inplace_ops OPS = { take, give, retire, bind_part, unbind_part };

struct scene {
	struct pool pool;
	struct inplace *ip;
};

static struct scene scene;

static int begin(void **state)
{
	struct pool *p = &scene.pool;
	struct stat st;

	(void)state;
	*p = (struct pool){ .fd = memfd_create("pool", MFD_CLOEXEC) };
	assert_true(p->fd >= 0);
	assert_int_equal(ftruncate(p->fd, POOL_BYTES), 0);
	assert_int_equal(fstat(p->fd, &st), 0);
	p->inode = st.st_ino;
	p->device = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd,
			 0);
	assert_true(p->device != MAP_FAILED);
	assert_int_equal(inplace_open(&scene.ip, &OPS, p, RANGES), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	inplace_close(scene.ip);
	assert_int_equal(scene.pool.n_taken, 0);
	assert_int_equal(scene.pool.n_bound, 0);
	munmap(scene.pool.device, POOL_BYTES);
	close(scene.pool.fd);
	return 0;
}

static uint8_t *memory(size_t bytes)
{
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void fill(uint8_t *at, size_t bytes, uint32_t seed)
{
	for (size_t n = 0; n < bytes; n++) {
		seed = seed * 1664525 + 1013904223;
		at[n] = (uint8_t)(seed >> 24);
	}
}

static bool is_filled(const uint8_t *at, size_t bytes, uint32_t seed)
{
	for (size_t n = 0; n < bytes; n++) {
		seed = seed * 1664525 + 1013904223;
		if (at[n] != (uint8_t)(seed >> 24))
			return false;
	}
	return true;
}

/* The first buffer that enters a fresh pool lies at its beginning. */
static uint8_t *device_sees(void)
{
	return scene.pool.device;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- One thread --------------------------------------------------------------------------- */

static void ag5_pages_are_shared_with_the_device_and_come_back(void **state)
{
	uint8_t *at = memory(16 * PAGE);

	(void)state;
	fill(at, 16 * PAGE, 1);
	assert_int_equal(inplace_enter(scene.ip, at, 16 * PAGE), 0);
	assert_true(inplace_covers(scene.ip, at + 100, 5 * PAGE));
	assert_true(is_filled(at, 16 * PAGE, 1));
	assert_true(is_filled(device_sees(), 16 * PAGE, 1));
	at[70] ^= 1;
	assert_int_equal(device_sees()[70], at[70]);
	device_sees()[5 * PAGE] = 0x77;
	assert_int_equal(at[5 * PAGE], 0x77);

	inplace_leave(scene.ip, at + 3 * PAGE, 1);
	assert_false(inplace_covers(scene.ip, at, 1));
	assert_int_equal(at[5 * PAGE], 0x77);
	assert_int_equal(device_sees()[0], 0xdb);
	at[71] ^= 1;
	munmap(at, 16 * PAGE);
}

static void d4_what_is_not_private_memory_is_refused(void **state)
{
	uint8_t *at = memory(8 * PAGE);
	/* An array might be elsewhere: AddressSanitizer has stacks of its own. */
	uint8_t *on_stack = alloca(3 * PAGE);
	void *first = NULL;
	int fd = memfd_create("file", MFD_CLOEXEC);
	uint8_t *file;

	(void)state;
	assert_int_equal(ftruncate(fd, PAGE), 0);
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_int_equal(inplace_enter(scene.ip, file, PAGE), -EACCES);
	munmap(file, PAGE);
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	assert_int_equal(inplace_enter(scene.ip, file, PAGE), -EACCES);
	munmap(file, PAGE);
	assert_true(inplace_pages(on_stack, 3 * PAGE, &first) >= PAGE);
	assert_int_equal(inplace_enter(scene.ip, first, PAGE), -EACCES);

	mprotect(at + 4 * PAGE, PAGE, PROT_READ);
	assert_int_equal(inplace_enter(scene.ip, at, 8 * PAGE), -EACCES);
	munmap(at + 5 * PAGE, PAGE);
	assert_int_equal(inplace_enter(scene.ip, at + 5 * PAGE, 2 * PAGE), -EACCES);
	assert_int_equal(inplace_enter(scene.ip, at + 1, PAGE), -EINVAL);
	assert_int_equal(inplace_enter(scene.ip, at, 100), -EINVAL);
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), 0);
	assert_int_equal(inplace_enter(scene.ip, at + PAGE, PAGE), -EEXIST);
	assert_false(inplace_covers(scene.ip, at, 4 * PAGE + 1));
	assert_int_equal(inplace_pages(at + 1, PAGE, &first), 0);
	assert_int_equal(inplace_pages(at + 1, 2 * PAGE, &first), PAGE);
	assert_ptr_equal(first, at + PAGE);
	munmap(at, 8 * PAGE);
	close(fd);
}

static void a_refused_registration_changes_nothing(void **state)
{
	uint8_t *at = memory(4 * PAGE);

	(void)state;
	fill(at, 4 * PAGE, 3);
	scene.pool.refuse_bind = true;
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), -ENOSPC);
	assert_true(is_filled(at, 4 * PAGE, 3));
	assert_false(inplace_covers(scene.ip, at, 1));
	scene.pool.refuse_bind = false;
	munmap(at, 4 * PAGE);
}

static void only_so_many_buffers_are_in_place(void **state)
{
	uint8_t *at = memory(2 * (RANGES + 1) * PAGE);

	(void)state;
	for (unsigned n = 0; n < RANGES; n++)
		assert_int_equal(inplace_enter(scene.ip, at + 2 * n * PAGE, PAGE), 0);
	assert_int_equal(inplace_enter(scene.ip, at + 2 * RANGES * PAGE, PAGE),
			 -ENOSPC);
	inplace_leave(scene.ip, at, 2 * PAGE);
	assert_int_equal(inplace_enter(scene.ip, at + 2 * RANGES * PAGE, PAGE), 0);
	munmap(at, 2 * (RANGES + 1) * PAGE);
}

/* ---- What the program does to its memory ---------------------------------------------------- */

static void d4_madvise_gives_zeros_and_not_the_object(void **state)
{
	uint8_t *at = memory(4 * PAGE);

	(void)state;
	fill(at, 4 * PAGE, 5);
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), 0);
	assert_int_equal(madvise(at + PAGE, PAGE, MADV_DONTNEED), 0);
	assert_int_equal(at[PAGE], 0);
	assert_int_equal(at[2 * PAGE - 1], 0);
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), 0);
	assert_int_equal(madvise(at, PAGE, MADV_WIPEONFORK), 0);
	munmap(at, 4 * PAGE);
}

static void d4_realloc_moves_private_memory(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	(void)state;
	skip();
#else
	size_t bytes = 4u << 20, len;
	uint8_t *block = malloc(bytes);
	void *first = NULL;

	(void)state;
	fill(block, bytes, 7);
	len = inplace_pages(block, bytes, &first);
	assert_int_equal(inplace_enter(scene.ip, first, len), 0);
	block = realloc(block, 8 * bytes);
	assert_non_null(block);
	assert_true(is_filled(block, bytes, 7));
	assert_int_equal(scene.pool.n_retired, 0);
	assert_int_equal(scene.pool.n_taken, 0);

	len = inplace_pages(block, 8 * bytes, &first);
	assert_int_equal(inplace_enter(scene.ip, first, len), 0);
	free(block);
	assert_int_equal(scene.pool.n_retired, 0);
	assert_int_equal(scene.pool.n_taken, 0);
#endif
}

static void d4_what_goes_unnoticed_is_never_used_again(void **state)
{
	uint8_t *at = memory(4 * PAGE), *moved = memory(4 * PAGE);

	(void)state;
	fill(at, 4 * PAGE, 9);
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), 0);
	assert_int_equal(syscall(SYS_mremap, at, 4 * PAGE, 4 * PAGE,
				 MREMAP_MAYMOVE | MREMAP_FIXED, moved),
			 (long)(intptr_t)moved);
	assert_false(inplace_covers(scene.ip, at, PAGE));
	assert_int_equal(scene.pool.n_retired, 1);
	assert_true(is_filled(moved, 4 * PAGE, 9));

	at = memory(4 * PAGE);
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), 0);
	assert_int_equal(syscall(SYS_munmap, at + PAGE, PAGE), 0);
	assert_int_equal(inplace_lend(scene.ip, at), -ENOENT);
	assert_int_equal(scene.pool.n_retired, 2);
	munmap(at, 4 * PAGE);
	munmap(moved, 4 * PAGE);
}

/*
 * The same random calls on two buffers, one of which goes in and out of place: they
 * look the same at any time.
 */
static void d4_a_buffer_in_place_is_like_any_other(void **state)
{
	enum { PAGES = 24, STEPS = 3000 };
	uint8_t *a = memory(PAGES * PAGE), *b = memory(PAGES * PAGE);
	uint32_t seed = 11;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		uint32_t first, n;

		seed = seed * 1664525 + 1013904223;
		first = (seed >> 24) % PAGES;
		n = 1 + (seed >> 16) % 8;
		n = first + n > PAGES ? PAGES - first : n;
		switch ((seed >> 8) % 9) {
		case 0:
			(void)!inplace_enter(scene.ip, a + first * PAGE, n * PAGE);
			break;
		case 1:
			inplace_leave(scene.ip, a + first * PAGE, n * PAGE);
			break;
		case 2:
			(void)!inplace_lend(scene.ip, a + first * PAGE);
			break;
		case 3:
			(void)!inplace_take_back(scene.ip, a + first * PAGE);
			break;
		case 4:
			madvise(a + first * PAGE, n * PAGE, MADV_DONTNEED);
			madvise(b + first * PAGE, n * PAGE, MADV_DONTNEED);
			break;
		case 5:
			assert_true(mmap(a + first * PAGE, n * PAGE,
					 PROT_READ | PROT_WRITE, MAP_PRIVATE |
					 MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
				    MAP_FAILED);
			memset(b + first * PAGE, 0, n * PAGE);
			break;
		default:
			fill(a + first * PAGE + 17, n * PAGE - 17, seed);
			fill(b + first * PAGE + 17, n * PAGE - 17, seed);
		}
		if (memcmp(a, b, PAGES * PAGE) != 0)
			fail_msg("differs after step %d", step);
	}
	assert_int_equal(scene.pool.n_retired, 0);
	munmap(a, PAGES * PAGE);
	munmap(b, PAGES * PAGE);
}

/* ---- Several threads ---------------------------------------------------------------------------- */

struct writer {
	pthread_t thread;
	volatile uint64_t *counter;
	uint64_t n;		/* increments made                              */
	_Atomic bool *stop;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load_explicit(w->stop, memory_order_relaxed))
		for (int n = 0; n < 64; n++) {
			(*w->counter)++;	/* not atomic: a lost page shows */
			w->n++;
		}
	return NULL;
}

#define WRITERS 3
#define SHARED_BYTES (16 * PAGE)

struct writers {
	uint8_t *at;
	struct writer writer[WRITERS];
	_Atomic bool stop;
};

static void start_writers(struct writers *w)
{
	w->at = memory(SHARED_BYTES);
	atomic_store(&w->stop, false);
	for (int n = 0; n < WRITERS; n++) {
		struct writer *one = &w->writer[n];

		*one = (struct writer){ .stop = &w->stop };
		one->counter = (void *)(w->at + (size_t)n * 5 * PAGE + 8);
		assert_int_equal(pthread_create(&one->thread, NULL, write_on, one),
				 0);
	}
}

/* Return: increments that are missing. */
static uint64_t stop_and_count(struct writers *w)
{
	uint64_t lost = 0;

	atomic_store(&w->stop, true);
	for (int n = 0; n < WRITERS; n++) {
		pthread_join(w->writer[n].thread, NULL);
		lost += w->writer[n].n - *w->writer[n].counter;
	}
	munmap(w->at, SHARED_BYTES);
	return lost;
}

static bool can_stop_writers(void)
{
	struct swap s;
	bool can;

	swap_open(&s);
	can = s.uffd >= 0;
	swap_close(&s);
	return can;
}

static void d4_no_write_is_lost_while_pages_are_replaced(void **state)
{
	uint64_t until = now_ns() + 700000000;
	struct inplace_counters c;
	struct writers w;

	(void)state;
	if (!can_stop_writers()) {
		print_message("skipped: no right to userfaultfd\n");
		skip();
	}
	start_writers(&w);
	while (now_ns() < until) {
		assert_int_equal(inplace_enter(scene.ip, w.at, SHARED_BYTES), 0);
		assert_int_equal(inplace_lend(scene.ip, w.at), 0);
		assert_int_equal(inplace_take_back(scene.ip, w.at), 0);
		inplace_leave(scene.ip, w.at, SHARED_BYTES);
	}
	assert_int_equal(stop_and_count(&w), 0);
	inplace_read_counters(scene.ip, &c);
	print_message("%lu times in and out, none lost\n", (unsigned long)c.left);
	assert_true(c.left > 20);
}

/* Shows that the test above could fail: the same without stopping the writers. */
static void d4_the_judge_sees_lost_writes(void **state)
{
	uint64_t until = now_ns() + 3000000000, lost = 0;

	(void)state;
	while (lost == 0 && now_ns() < until) {
		uint64_t stop = now_ns() + 100000000;
		struct writers w;

		start_writers(&w);
		while (now_ns() < stop) {
			uint8_t *fresh = memory(SHARED_BYTES);

			memcpy(fresh, w.at, SHARED_BYTES);
			assert_true(mremap(fresh, SHARED_BYTES, SHARED_BYTES,
					   MREMAP_MAYMOVE | MREMAP_FIXED, w.at) ==
				    w.at);
		}
		lost = stop_and_count(&w);
	}
	assert_true(lost > 0);
}

struct reader {
	int pipe[2];
	uint8_t *at;
	_Atomic bool stop;
	_Atomic int failed;
	unsigned long rounds;
};

/* The kernel writes for the program, into pages that are being replaced. */
static void *read_on(void *arg)
{
	struct reader *r = arg;
	uint8_t out[2 * PAGE];

	for (uint32_t seed = 1; !atomic_load(&r->stop); seed++) {
		fill(out, sizeof(out), seed);
		if (write(r->pipe[1], out, sizeof(out)) != (ssize_t)sizeof(out) ||
		    read(r->pipe[0], r->at + 100, sizeof(out)) !=
		    (ssize_t)sizeof(out) ||
		    !is_filled(r->at + 100, sizeof(out), seed)) {
			atomic_store(&r->failed, errno ? errno : EIO);
			break;
		}
		r->rounds++;
	}
	return NULL;
}

static void d4_the_kernels_writes_are_not_lost_either(void **state)
{
	uint64_t until = now_ns() + 500000000;
	struct reader r = { .at = memory(4 * PAGE) };
	pthread_t thread;

	(void)state;
	if (!can_stop_writers()) {
		print_message("skipped: no right to userfaultfd\n");
		skip();
	}
	assert_int_equal(pipe2(r.pipe, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	while (now_ns() < until) {
		assert_int_equal(inplace_enter(scene.ip, r.at, 4 * PAGE), 0);
		inplace_leave(scene.ip, r.at, 4 * PAGE);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(r.failed, 0);
	assert_true(r.rounds > 10);
	close(r.pipe[0]);
	close(r.pipe[1]);
	munmap(r.at, 4 * PAGE);
}

/* ---- fork -------------------------------------------------------------------------------------------- */

static void child_looks(uint8_t *at, uint64_t at_fork)
{
	volatile uint64_t *mine = (void *)(at + 8);
	uint64_t first = *mine, until = now_ns() + 5000000;

	/* What the parent writes from now on is not to be seen. */
	while (now_ns() < until)
		if (*mine != first)
			_exit(2);
	*mine = 1;
	_exit(first >= at_fork ? 0 : 3);
}

static void d4_fork_copies_on_write(void **state)
{
	struct writers w;

	(void)state;
	if (!can_stop_writers()) {
		print_message("skipped: no right to userfaultfd\n");
		skip();
	}
	start_writers(&w);
	for (int n = 0; n < 20; n++) {
		uint64_t before;
		int status = -1;
		pid_t child;

		assert_int_equal(inplace_enter(scene.ip, w.at, SHARED_BYTES), 0);
		if (n % 3 == 1)
			assert_int_equal(inplace_lend(scene.ip, w.at), 0);
		before = *w.writer[0].counter;
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			child_looks(w.at, before);
		assert_false(inplace_covers(scene.ip, w.at, 1));
		assert_int_equal(inplace_enter(scene.ip, w.at, SHARED_BYTES), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		inplace_leave(scene.ip, w.at, SHARED_BYTES);
	}
	assert_int_equal(stop_and_count(&w), 0);
	assert_int_equal(scene.pool.n_retired, 0);
}

static void d4_a_child_may_do_the_same(void **state)
{
	uint8_t *at = memory(4 * PAGE);
	int status = -1;
	pid_t child;

	(void)state;
	fill(at, 4 * PAGE, 13);
	assert_int_equal(inplace_enter(scene.ip, at, 4 * PAGE), 0);
	child = fork();
	if (child == 0) {
		bool fine = inplace_enter(scene.ip, at, 4 * PAGE) == 0 &&
			    inplace_covers(scene.ip, at, 4 * PAGE) &&
			    is_filled(at, 4 * PAGE, 13);

		inplace_leave(scene.ip, at, 1);
		_exit(fine && is_filled(at, 4 * PAGE, 13) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	munmap(at, 4 * PAGE);
}

/* ---- SPEC TX-9: when may a buffer be used again? ------------------------------------------------------- */

struct device {
	const uint8_t *at;
	size_t bytes;
	uint32_t seed;
	_Atomic int step;	/* 1: read; 2: done                             */
	bool torn;
};

/* The device reads slowly what it was told to send. */
static void *read_slowly(void *arg)
{
	struct device *d = arg;

	for (size_t n = 0; n < d->bytes; n += PAGE) {
		uint32_t seed = d->seed + (uint32_t)(n / PAGE);

		sched_yield();
		d->torn |= !is_filled(d->at + n, PAGE, seed);
	}
	atomic_store(&d->step, 2);
	return NULL;
}

#define SEND_PAGES 64

static void fill_pages(uint8_t *at, uint32_t seed)
{
	for (uint32_t n = 0; n < SEND_PAGES; n++)
		fill(at + n * PAGE, PAGE, seed + n);
}

enum reuse { BY_COMPLETION, BY_LENDING, TOO_EARLY };

/* Sends a buffer, and writes the next contents as soon as @how allows. */
static bool is_torn(uint8_t *at, enum reuse how, uint32_t seed)
{
	struct device d = { .at = device_sees(), .bytes = SEND_PAGES * PAGE,
			    .seed = seed };
	pthread_t thread;

	fill_pages(at, seed);
	if (how == BY_LENDING)
		assert_int_equal(inplace_lend(scene.ip, at), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &d), 0);
	while (how == BY_COMPLETION && atomic_load(&d.step) != 2)
		sched_yield();
	for (uint32_t n = SEND_PAGES; n-- > 0; n -= n > 0)
		fill(at + n * PAGE, PAGE, ~seed + n);	/* every other page     */
	pthread_join(thread, NULL);
	if (how == BY_LENDING)
		assert_int_equal(inplace_take_back(scene.ip, at), 0);
	for (uint32_t n = 0; n < SEND_PAGES; n++)
		assert_true(is_filled(at + n * PAGE, PAGE,
				      (n & 1 ? ~seed : seed) + n));
	assert_memory_equal(at, device_sees(), SEND_PAGES * PAGE);
	return d.torn;
}

static void tx9_a_buffer_is_reused_without_tearing(void **state)
{
	uint8_t *at = memory(SEND_PAGES * PAGE);
	bool seen = false;

	(void)state;
	if (!can_stop_writers()) {
		print_message("skipped: no right to userfaultfd\n");
		skip();
	}
	fill_pages(at, 0);
	assert_int_equal(inplace_enter(scene.ip, at, SEND_PAGES * PAGE), 0);
	for (uint32_t n = 1; n <= 20; n++) {
		assert_false(is_torn(at, BY_COMPLETION, n * 100));
		assert_false(is_torn(at, BY_LENDING, n * 100 + 50));
	}
	for (uint32_t n = 1; n < 200 && !seen; n++)
		seen = is_torn(at, TOO_EARLY, n * 1000);
	assert_true(seen);	/* a torn buffer would have been seen           */
	munmap(at, SEND_PAGES * PAGE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(ag5_pages_are_shared_with_the_device_and_come_back),
		TEST(d4_what_is_not_private_memory_is_refused),
		TEST(a_refused_registration_changes_nothing),
		TEST(only_so_many_buffers_are_in_place),
		TEST(d4_madvise_gives_zeros_and_not_the_object),
		TEST(d4_realloc_moves_private_memory),
		TEST(d4_what_goes_unnoticed_is_never_used_again),
		TEST(d4_a_buffer_in_place_is_like_any_other),
		TEST(d4_no_write_is_lost_while_pages_are_replaced),
		TEST(d4_the_judge_sees_lost_writes),
		TEST(d4_the_kernels_writes_are_not_lost_either),
		TEST(d4_fork_copies_on_write),
		TEST(d4_a_child_may_do_the_same),
		TEST(tx9_a_buffer_is_reused_without_tearing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
