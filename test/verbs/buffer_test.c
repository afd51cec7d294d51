// SPDX-License-Identifier: BSD-2-Clause
/*
 * buffer_test.c - Memory of the program's own is sent from where it is
 *
 * Through two devices in this process, which work only when they are polled: what was
 * posted is on its way until then, for as long as the test likes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "scene.h"
#include "verbs/inplace/candidate.h"

#define PAGE 4096u
#define BYTES (64u << 10)
#define PIECE (32u << 10)
#define FREED 0x5a

/* Enters when it was copied once. */
static const struct tto_device_options at_once = {
	.size = sizeof(at_once), .in_place_uses = 1, .in_place_min = PAGE,
};

static struct tto_device_stats stats_of(const struct side *s)
{
	struct tto_device_stats stats;

	assert_int_equal(tto_device_stats(s->device, &stats), 0);
	return stats;
}

static void open_scene(struct side sides[2], const struct tto_device_options *options)
{
	const struct scene_options o = { .device = *options };

	scene_open(sides, &o);
}

static uint8_t *memory(size_t bytes)
{
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

/*
 * The sanitizer's allocator does not tell when it frees: the test says itself that memory
 * is watched, and leaves that allocator out.
 */
#ifdef __SANITIZE_ADDRESS__
#define HAS_ALLOCATOR 0
#else
#define HAS_ALLOCATOR 1
#endif

/* Does not begin at a page. */
static uint8_t *take_block(size_t bytes)
{
	return HAS_ALLOCATOR ? malloc(bytes) : memory(bytes + PAGE) + 16;
}

static void give_block(uint8_t *at, size_t bytes)
{
	if (HAS_ALLOCATOR)
		free(at);
	else
		munmap(at - 16, bytes + PAGE);
}

/* All that was sent and not yet received; judged byte by byte. */
static void receive_all(struct side sides[2])
{
	static uint8_t buffer[PIECE];
	uint32_t *got = &sides[1].sent;	/* it sends nothing itself              */
	const struct tto_receive r = { .address = buffer, .bytes = sizeof(buffer) };
	struct tto_completion c;

	while (*got < sides[0].sent) {
		assert_int_equal(tto_post_receive(sides[1].qp, &r, 1, NULL), 0);
		assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
		assert_int_equal(c.status, 0);
		scene_check(buffer, *got, c.bytes);
		*got += c.bytes;
	}
}

/* Sends are complete: their memory is the program's. */
static void complete_sends(struct side sides[2], int n)
{
	struct tto_completion c;

	while (n--) {
		assert_int_equal(scene_poll(sides, &sides[0], &c), 1);
		assert_int_equal(c.kind, TTO_SEND);
		assert_int_equal(c.status, 0);
	}
}

/* The next bytes of the stream, put into @at and sent from there. */
static void send_from(struct side sides[2], uint8_t *at, uint32_t bytes, uint32_t flags)
{
	scene_fill(at, sides[0].sent, bytes);
	assert_int_equal(scene_send(&sides[0], at, bytes, flags | TTO_SEND_SIGNALED, 7),
			 0);
}

static void send_and_receive(struct side sides[2], uint8_t *at, uint32_t bytes)
{
	send_from(sides, at, bytes, 0);
	receive_all(sides);
	complete_sends(sides, 1);
}

/* Until it is sent from where it is. */
static void bring_in(struct side sides[2], uint8_t *at, uint32_t bytes)
{
	uint64_t before = stats_of(&sides[0]).sends_long;

	for (int n = 0; n < 4 && stats_of(&sides[0]).sends_long == before; n++)
		send_and_receive(sides, at, bytes);
	assert_int_equal(stats_of(&sides[0]).sends_long, before + 1);
}

static void overwrite(uint8_t *at)
{
	memset(at, FREED, PIECE);
}

/* ---- SPEC AG-5, LIB-3: which, when, and how many ------------------------------------- */

static void lib_3_copied_until_it_pays_then_in_place(void **state)
{
	const struct tto_device_options o = { .size = sizeof(o), .in_place_uses = 3,
					      .in_place_min = PAGE };
	uint8_t *block = take_block(4 * PIECE);
	struct tto_device_stats stats;
	struct side sides[2];

	(void)state;
	open_scene(sides, &o);
	for (uint32_t n = 0; n < 40; n++)
		send_and_receive(sides, block + n % 4 * PIECE, PIECE);
	stats = stats_of(&sides[0]);
	/* The edges, which are no whole pages, go by the pool. */
	assert_true(stats.sends_medium >= 11 && stats.sends_medium <= 16);
	assert_int_equal(stats.sends_medium + stats.sends_long, 40);
	assert_int_equal(stats.buffers, 1);
	assert_true(stats.buffer_bytes >= 3 * PIECE);
	give_block(block, 4 * PIECE);
	assert_int_equal(stats_of(&sides[0]).buffers, 0);
	scene_close(sides);
}

static void lib_3_what_is_small_is_copied(void **state)
{
	const struct tto_device_options o = { .size = sizeof(o), .in_place_uses = 1 };
	uint8_t *block = memory(BYTES);
	struct side sides[2];

	(void)state;
	open_scene(sides, &o);
	for (uint32_t n = 0; n < 20; n++)
		send_and_receive(sides, block, 2 * PAGE);
	assert_int_equal(stats_of(&sides[0]).sends_long, 0);
	munmap(block, BYTES);
	scene_close(sides);
}

static void ag_5_a_buffer_is_registered_once(void **state)
{
	uint8_t *block = memory(BYTES);
	uint64_t misses, regions;
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, block, PIECE);
	misses = stats_of(&sides[0]).cache_misses;
	regions = stats_of(&sides[0]).regions;
	for (uint32_t n = 0; n < 20; n++)
		send_and_receive(sides, block + n % 7 * 100, PIECE - 1000);
	assert_int_equal(stats_of(&sides[0]).sends_medium, 1);
	assert_int_equal(stats_of(&sides[0]).cache_misses, misses);
	assert_int_equal(stats_of(&sides[0]).regions, regions);
	/* Not even when it leaves and comes again. */
	tto_memory_changes(block, 1);
	assert_int_equal(stats_of(&sides[0]).buffers, 0);
	bring_in(sides, block, PIECE);
	assert_int_equal(stats_of(&sides[0]).cache_misses, misses);
	munmap(block, BYTES);
	scene_close(sides);
}

/* Its pieces are one buffer, whatever of it came first. */
static void ag_5_a_buffer_grows(void **state)
{
	uint8_t *block = memory(4 * PIECE);
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, block + PIECE, PIECE);
	bring_in(sides, block + PIECE + PIECE / 2, PIECE);
	assert_int_equal(stats_of(&sides[0]).buffers, 1);
	assert_int_equal(stats_of(&sides[0]).buffer_bytes, PIECE + PIECE / 2);
	munmap(block, 4 * PIECE);
	scene_close(sides);
}

static void ag_5_the_least_recently_used_leaves(void **state)
{
	struct tto_device_options o = at_once;
	struct tto_device_stats stats;
	uint8_t *block[4];
	struct side sides[2];

	(void)state;
	o.in_place_buffers = 3;
	open_scene(sides, &o);
	for (int n = 0; n < 4; n++)
		block[n] = memory(BYTES);
	for (int n = 0; n < 3; n++)
		bring_in(sides, block[n], PIECE);
	send_and_receive(sides, block[0], PIECE);
	bring_in(sides, block[3], PIECE);
	stats = stats_of(&sides[0]);
	assert_int_equal(stats.buffers, 3);
	assert_int_equal(stats.buffers_left, 1);
	/* It was [1] that left. */
	for (int n = 0; n < 4; n += n ? 1 : 2)
		send_and_receive(sides, block[n], PIECE);
	assert_int_equal(stats_of(&sides[0]).sends_long, stats.sends_long + 3);
	assert_int_equal(stats_of(&sides[0]).buffers_left, 1);
	for (int n = 0; n < 40; n++)
		send_and_receive(sides, block[n * 7 % 4], PIECE);
	assert_true(stats_of(&sides[0]).buffers <= 3);
	for (int n = 0; n < 4; n++)
		munmap(block[n], BYTES);
	scene_close(sides);
}

static void ag_5_only_so_many_bytes_are_in_place(void **state)
{
	struct tto_device_options o = at_once;
	uint8_t *block = memory(8 * BYTES);
	struct side sides[2];

	(void)state;
	o.in_place_bytes = 3 * PIECE;
	open_scene(sides, &o);
	for (uint32_t n = 0; n < 60; n++) {
		/* With gaps between them. */
		send_and_receive(sides, block + n * 5 % 8 * BYTES, PIECE);
		assert_true(stats_of(&sides[0]).buffer_bytes <= 3 * PIECE);
	}
	assert_true(stats_of(&sides[0]).buffers_left > 5);
	munmap(block, 8 * BYTES);
	scene_close(sides);
}

/* The owner of the device allows no more: then it is copied, and the program sees nothing. */
static void ag_5_refused_memory_is_copied(void **state)
{
	struct tto_device_options o = at_once;
	struct tto_limits limits;
	struct side sides[2];
	uint8_t *block = memory(BYTES);
	void *all;

	(void)state;
	o.in_place_bytes = 1 << 30;
	open_scene(sides, &o);
	send_and_receive(sides, block, PIECE);
	assert_int_equal(tto_device_limits(sides[0].device, &limits), 0);
	while (limits.memory >= PAGE) {
		if (tto_memory_allocate(sides[0].device, limits.memory, &all))
			limits.memory /= 2;
	}
	for (int n = 0; n < 5; n++)
		send_and_receive(sides, block, PIECE);
	assert_int_equal(stats_of(&sides[0]).sends_long, 0);
	munmap(block, BYTES);
	scene_close(sides);
}

static void lib_3_pieces_of_many_kinds(void **state)
{
	uint8_t small[300], *block = memory(BYTES), *other = take_block(BYTES);
	struct tto_element e[4] = {
		{ .address = small, .bytes = sizeof(small) },
		{ .address = block + 77, .bytes = 9000 },
		{ .address = block },	/* nothing                              */
		{ .address = other, .bytes = 10001 },
	};
	uint8_t header[SCENE_HEADER];
	struct tto_send send = { .header = header, .header_bytes = SCENE_HEADER,
				 .elements = e, .n_elements = 4, .mss = SCENE_MSS };
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	send.flow = sides[0].flow;
	for (int n = 0; n < 10; n++) {
		for (int k = 0; k < 4; k++) {
			scene_fill((void *)(uintptr_t)e[k].address, sides[0].sent,
				   e[k].bytes);
			sides[0].sent += e[k].bytes;
		}
		sides[0].sent -= 19301;
		scene_header(&sides[0], header, 0x10);
		assert_int_equal(tto_post_send(sides[0].qp, &send, 1, NULL), 0);
		sides[0].sent += 19301;
		receive_all(sides);
	}
	assert_true(stats_of(&sides[0]).sends_long >= 7);
	assert_int_equal(stats_of(&sides[0]).buffers, 2);
	give_block(other, BYTES);
	munmap(block, BYTES);
	scene_close(sides);
}

/* ---- ARCHITECTURE D4: what the program does to its memory ------------------------------ */

enum change { MUNMAP, UNNOTICED, MADVISE, REALLOC, FREE, FORK, MPROTECT, N_CHANGES };

/* Return: where the buffer is then. */
static uint8_t *change(enum change what, uint8_t *at)
{
	int status;
	pid_t child;

	switch (what) {
	case MUNMAP:
		munmap(at, BYTES);
		return mmap(at, BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	case UNNOTICED:
		syscall(SYS_munmap, at, BYTES);
		return (void *)syscall(SYS_mmap, at, BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	case MADVISE:
		assert_int_equal(madvise(at, BYTES, MADV_DONTNEED), 0);
		for (uint32_t n = 0; n < BYTES; n++)
			assert_int_equal(at[n], 0);
		return at;
	case REALLOC:
		return realloc(at, 3 * BYTES);
	case FREE:
		free(at);
		return malloc(BYTES);
	case MPROTECT:
		assert_int_equal(mprotect(at, BYTES, PROT_READ), 0);
		assert_int_equal(mprotect(at, BYTES, PROT_READ | PROT_WRITE), 0);
		return at;
	case FORK:
		child = fork();
		if (child == 0) {
			memset(at, FREED, BYTES);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		return at;
	default:
		return NULL;
	}
}

static bool is_of_malloc(enum change what)
{
	return what == REALLOC || what == FREE;
}

/* Sent, changed, sent again; and what was on its way meanwhile arrives as it was. */
static void d4_memory_may_change_at_any_time(void **state)
{
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	for (int what = 0; what < N_CHANGES; what++) {
		uint8_t *at;

		if (is_of_malloc(what) && !HAS_ALLOCATOR)
			continue;
		at = is_of_malloc(what) ? malloc(BYTES) : memory(BYTES);
		for (int n = 0; n < 6; n++) {
			bring_in(sides, at, PIECE);
			assert_int_equal(stats_of(&sides[0]).buffers, 1);
			send_from(sides, at, PIECE, 0);
			at = change(what, at);
			assert_true(at && at != MAP_FAILED);
			memset(at, FREED, PIECE);
			receive_all(sides);
			complete_sends(sides, 1);
			for (uint32_t k = 0; k < PIECE; k++)
				assert_int_equal(at[k], FREED);
			send_and_receive(sides, at, PIECE);
		}
		if (is_of_malloc(what))
			free(at);
		else
			munmap(at, BYTES);
	}
	assert_int_equal(stats_of(&sides[0]).buffers, 0);
	scene_close(sides);
}

static void *unmap_there(void *at)
{
	munmap(at, BYTES);
	return NULL;
}

/* Another thread's munmap() asks nothing of a handle that is not its own. */
static void d4_another_thread_may_change_it(void **state)
{
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	for (int n = 0; n < 20; n++) {
		uint8_t *at = memory(BYTES);
		pthread_t thread;

		bring_in(sides, at, PIECE);
		send_from(sides, at, PIECE, 0);
		assert_int_equal(pthread_create(&thread, NULL, unmap_there, at), 0);
		pthread_join(thread, NULL);
		receive_all(sides);
		complete_sends(sides, 1);
	}
	assert_int_equal(stats_of(&sides[0]).buffers_entered, 20);
	assert_int_equal(stats_of(&sides[0]).buffers, 0);
	scene_close(sides);
}

static void free_leaves_errno_alone(void **state)
{
	uint8_t *at = memory(BYTES), *block = take_block(4 * BYTES);
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, at, PIECE);
	bring_in(sides, block, PIECE);
	syscall(SYS_munmap, at, BYTES);
	errno = 77;
	tto_memory_changes(at, BYTES);
	give_block(block, 4 * BYTES);
	assert_int_equal(errno, 77);
	assert_int_equal(tto_memory_in_place(), 0);
	scene_close(sides);
}

struct disturber {
	uint8_t *at;		/* 4 * BYTES                                    */
	_Atomic bool stop;
	uint32_t rounds;
};

/* Whatever is there leaves, and comes, while it is posted, lent and taken back. */
static void *disturb(void *arg)
{
	struct disturber *d = arg;

	while (!d->stop) {
		uint32_t n = d->rounds++ * 7;

		tto_memory_changes(d->at + n % 4 * BYTES, PAGE);
		if (n % 64 == 0)
			free(malloc(3 * BYTES));
		sched_yield();
	}
	return NULL;
}

static void d4_buffers_leave_at_any_instant(void **state)
{
	struct disturber d = { .at = memory(4 * BYTES) };
	struct side sides[2];
	pthread_t thread;

	(void)state;
	open_scene(sides, &at_once);
	assert_int_equal(pthread_create(&thread, NULL, disturb, &d), 0);
	for (uint32_t n = 0; n < 600; n++) {
		uint8_t *at = d.at + n * 5 % 4 * BYTES;
		bool lends = n % 3 == 0;

		send_from(sides, at, PIECE, lends ? TTO_SEND_LEND : 0);
		if (lends)
			overwrite(at);
		receive_all(sides);
		complete_sends(sides, 1);
	}
	d.stop = true;
	pthread_join(thread, NULL);
	assert_true(d.rounds > 10);
	print_message("%u rounds, %u in place, %u times in\n", d.rounds,
		      (unsigned)stats_of(&sides[0]).sends_long,
		      (unsigned)stats_of(&sides[0]).buffers_entered);
	munmap(d.at, 4 * BYTES);
	scene_close(sides);
}

/* What is on its way keeps its object, though another buffer wants one as large. */
static void d4_an_object_is_not_given_away_too_early(void **state)
{
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	for (int n = 0; n < 5; n++) {
		uint8_t *gone = memory(PIECE), *next = memory(PIECE);

		bring_in(sides, gone, PIECE);
		send_from(sides, gone, PIECE, 0);
		munmap(gone, PIECE);
		send_from(sides, next, PIECE, TTO_SEND_IN_PLACE);
		receive_all(sides);
		complete_sends(sides, 2);
		assert_int_equal(stats_of(&sides[0]).buffers, 1);
		munmap(next, PIECE);
	}
	scene_close(sides);
}

/* What the program still has somewhere is its own, whoever enters next. */
static void d4_an_object_that_was_moved_is_never_used_again(void **state)
{
	uint8_t *at = memory(PIECE), *next = memory(PIECE), *to = memory(PIECE);
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, at, PIECE);
	overwrite(at);
	assert_int_equal(syscall(SYS_mremap, at, PIECE, PIECE,
				 MREMAP_MAYMOVE | MREMAP_FIXED, to), (long)to);
	/* Found out when it is to be used. */
	assert_ptr_equal(mmap(at, PIECE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			 at);
	send_and_receive(sides, at, PIECE);
	assert_int_equal(stats_of(&sides[0]).buffers, 0);
	bring_in(sides, next, PIECE);
	for (uint32_t n = 0; n < PIECE; n++)
		assert_int_equal(to[n], FREED);
	overwrite(to);
	send_and_receive(sides, next, PIECE);
	munmap(at, PIECE);
	munmap(to, PIECE);
	munmap(next, PIECE);
	scene_close(sides);
}

/* Two handles, one buffer: it is in place for one of them, and both may send it. */
static void ag_5_a_buffer_of_two_handles(void **state)
{
	uint8_t *at = memory(BYTES);
	struct side a[2], b[2];

	(void)state;
	open_scene(a, &at_once);
	open_scene(b, &at_once);
	bring_in(a, at, PIECE);
	for (int n = 0; n < 4; n++) {
		send_and_receive(b, at, PIECE);
		send_and_receive(a, at, PIECE);
	}
	assert_int_equal(stats_of(&b[0]).sends_long, 0);
	assert_int_equal(stats_of(&a[0]).sends_medium, 1);
	scene_close(a);
	assert_int_equal(tto_memory_in_place(), 0);
	bring_in(b, at, PIECE);
	munmap(at, BYTES);
	scene_close(b);
}

/* ---- SPEC TX-9: when may the program write again? --------------------------------------- */

/* What the device fetches when the program was too early; whether that is seen. */
static void tx_9_the_judge_sees_a_torn_buffer(void **state)
{
	uint8_t *at = memory(BYTES), got[PIECE];
	const struct tto_receive r = { .address = got, .bytes = PIECE };
	struct tto_completion c;
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, at, PIECE);
	send_from(sides, at, PIECE, 0);
	at[10] ^= 1;
	assert_int_equal(tto_post_receive(sides[1].qp, &r, 1, NULL), 0);
	assert_int_equal(scene_poll(sides, &sides[1], &c), 1);
	assert_true(c.bytes > 10);
	assert_int_equal(got[10], at[10]);
	munmap(at, BYTES);
	scene_close(sides);
}

static void tx_9_a_by_completion(void **state)
{
	uint8_t *at = memory(BYTES);
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, at, PIECE);
	for (int n = 0; n < 10; n++) {
		send_from(sides, at, PIECE, 0);
		complete_sends(sides, 1);
		overwrite(at);
		receive_all(sides);
	}
	assert_int_equal(stats_of(&sides[0]).sends_medium, 1);
	munmap(at, BYTES);
	scene_close(sides);
}

static void tx_9_b_by_lending(void **state)
{
	uint8_t *at = memory(BYTES);
	struct tto_device_stats stats;
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, at, PIECE);
	for (int n = 0; n < 10; n++) {
		send_from(sides, at, PIECE, TTO_SEND_LEND);
		overwrite(at);
		/* Lent already, and not yet read: this one is copied. */
		send_from(sides, at, PIECE, n & 1 ? TTO_SEND_LEND : 0);
		overwrite(at);
		receive_all(sides);
		complete_sends(sides, 2);
		for (uint32_t k = 0; k < PIECE; k++)
			assert_int_equal(at[k], FREED);
	}
	stats = stats_of(&sides[0]);
	assert_int_equal(stats.buffers_lent, 10);
	assert_int_equal(stats.sends_long, 11);
	assert_int_equal(stats.buffers_entered, 1);
	/* It need not be waited for. */
	send_from(sides, at, PIECE, TTO_SEND_LEND);
	assert_int_equal(tto_wait(sides[0].qp, 7, 0), 0);
	munmap(at, BYTES);
	receive_all(sides);
	scene_close(sides);
}

/* Memory of the device cannot be lent: it is copied. */
static void tx_9_b_memory_of_the_device(void **state)
{
	struct side sides[2];
	void *at;

	(void)state;
	open_scene(sides, &at_once);
	assert_int_equal(tto_memory_allocate(sides[0].device, BYTES, &at), 0);
	send_from(sides, at, PIECE, TTO_SEND_LEND);
	overwrite(at);
	receive_all(sides);
	assert_int_equal(stats_of(&sides[0]).sends_medium, 1);
	assert_int_equal(scene_send(&sides[0], at, PIECE,
				    TTO_SEND_LEND | TTO_SEND_IN_PLACE, 0), -EFAULT);
	scene_close(sides);
}

static void tx_9_c_by_waiting(void **state)
{
	uint8_t *at = memory(BYTES);
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	bring_in(sides, at, PIECE);
	for (int n = 0; n < 10; n++) {
		send_from(sides, at, PIECE, 0);
		assert_int_equal(tto_wait(sides[0].qp, 7, 1000000000), 0);
		overwrite(at);
		receive_all(sides);
		complete_sends(sides, 1);
	}
	assert_int_equal(stats_of(&sides[0]).sends_medium, 1);
	munmap(at, BYTES);
	scene_close(sides);
}

/* Who insists does not wait until it pays. */
static void lib_3_in_place_at_once(void **state)
{
	uint8_t *at = memory(BYTES), *none = mmap(NULL, BYTES, PROT_READ,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct side sides[2];

	(void)state;
	open_scene(sides, &at_once);
	send_from(sides, at + 5, PIECE, TTO_SEND_IN_PLACE);
	receive_all(sides);
	assert_int_equal(stats_of(&sides[0]).sends_long, 1);
	assert_int_equal(scene_send(&sides[0], none, PIECE, TTO_SEND_IN_PLACE, 0),
			 -EFAULT);
	/* Less than a page has no page of its own. */
	assert_int_equal(scene_send(&sides[0], at + BYTES - 100, 100,
				    TTO_SEND_IN_PLACE, 0), -EFAULT);
	munmap(at, BYTES);
	munmap(none, BYTES);
	scene_close(sides);
}

/* Nor does what is too large to be copied. */
static void lib_3_too_large_to_be_copied(void **state)
{
	const struct tto_device_options o = { .size = sizeof(o), .copy_bytes = 65536 };
	uint8_t *at = memory(BYTES);
	struct side sides[2];

	(void)state;
	open_scene(sides, &o);
	send_from(sides, at, PIECE, 0);
	receive_all(sides);
	assert_int_equal(stats_of(&sides[0]).sends_long, 1);
	munmap(at, BYTES);
	scene_close(sides);
}

/* ---- Counting ----------------------------------------------------------------------------- */

static void candidates_grow_and_join(void **state)
{
	struct candidates s = { .max_bytes = 1000 };
	struct candidate *c;

	(void)state;
	candidate_count(&s, (void *)10000, 100);
	candidate_count(&s, (void *)10300, 100);
	c = candidate_count(&s, (void *)10100, 200);
	assert_int_equal(c->start, 10000);
	assert_int_equal(c->end, 10400);
	assert_int_equal(c->copied_bytes, 400);
	/* Not beyond its limit, and not over a gap. */
	c = candidate_count(&s, (void *)10400, 601);
	assert_int_equal(c->start, 10400);
	c = candidate_count(&s, (void *)20001, 10);
	assert_int_equal(c->copied_bytes, 10);
	c = candidate_count(&s, (void *)10000, 400);
	assert_int_equal(c->copied_bytes, 800);
	candidate_forget(c);
	assert_int_equal(candidate_count(&s, (void *)10000, 400)->copied_bytes, 400);
	/* Others than the last ones are forgotten. */
	for (uintptr_t n = 1; n <= CANDIDATES; n++)
		candidate_count(&s, (void *)(n << 20), 1);
	assert_int_equal(candidate_count(&s, (void *)10000, 400)->copied_bytes, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_3_copied_until_it_pays_then_in_place),
		cmocka_unit_test(lib_3_what_is_small_is_copied),
		cmocka_unit_test(lib_3_pieces_of_many_kinds),
		cmocka_unit_test(lib_3_in_place_at_once),
		cmocka_unit_test(lib_3_too_large_to_be_copied),
		cmocka_unit_test(ag_5_a_buffer_is_registered_once),
		cmocka_unit_test(ag_5_a_buffer_grows),
		cmocka_unit_test(ag_5_the_least_recently_used_leaves),
		cmocka_unit_test(ag_5_only_so_many_bytes_are_in_place),
		cmocka_unit_test(ag_5_refused_memory_is_copied),
		cmocka_unit_test(ag_5_a_buffer_of_two_handles),
		cmocka_unit_test(d4_memory_may_change_at_any_time),
		cmocka_unit_test(d4_another_thread_may_change_it),
		cmocka_unit_test(free_leaves_errno_alone),
		cmocka_unit_test(d4_buffers_leave_at_any_instant),
		cmocka_unit_test(d4_an_object_is_not_given_away_too_early),
		cmocka_unit_test(d4_an_object_that_was_moved_is_never_used_again),
		cmocka_unit_test(tx_9_the_judge_sees_a_torn_buffer),
		cmocka_unit_test(tx_9_a_by_completion),
		cmocka_unit_test(tx_9_b_by_lending),
		cmocka_unit_test(tx_9_b_memory_of_the_device),
		cmocka_unit_test(tx_9_c_by_waiting),
		cmocka_unit_test(candidates_grow_and_join),
	};

	if (!HAS_ALLOCATOR)
		tto_memory_watch();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
