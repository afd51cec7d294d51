// SPDX-License-Identifier: BSD-2-Clause
/* inplace.c - A program's buffers, where they are, as memory of the device */
#include "verbs/inplace/inplace.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "verbs/inplace/mapping.h"
#include "verbs/inplace/swap.h"

struct range {
	uint8_t *at;
	struct inplace_part part;
	bool lent;
};

struct inplace {
	struct inplace *next;	/* of all                                       */
	struct inplace_ops ops;
	void *ctx;
	struct swap swap;
	int maps;		/* of mapping_open()                            */
	_Atomic uint32_t n;
	uint32_t max;
	size_t bytes;		/* of this struct                               */
	struct inplace_counters counters;
	struct range range[];	/* @n of them, sorted by address                */
};

/* All of this process, for the handlers of fork and tto_memory_changes(). */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct inplace *all;
static _Atomic uint32_t n_in_place;
static _Atomic uintptr_t lowest, highest;	/* all of it lies between       */
static _Atomic bool is_watched;

/* This thread has the lock: calls that its own work makes are not the program's. */
static _Thread_local bool inside;

static void lock(void)
{
	pthread_mutex_lock(&mutex);
	inside = true;
}

static void unlock(void)
{
	inside = false;
	pthread_mutex_unlock(&mutex);
}

/* ---- Ranges ------------------------------------------------------------------------ */

/* The first range that ends behind @at. */
static uint32_t find(const struct inplace *ip, const uint8_t *at)
{
	uint32_t low = 0, high = ip->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const struct range *r = &ip->range[middle];

		if (r->at + r->part.bytes <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct range *overlapping(struct inplace *ip, const uint8_t *at, size_t bytes)
{
	uint32_t n = find(ip, at);

	return n < ip->n && ip->range[n].at < at + bytes ? &ip->range[n] : NULL;
}

/* Most of what is freed lies elsewhere, and is not to wait for the lock. */
static void note_bounds(void)
{
	uintptr_t low = UINTPTR_MAX, high = 0;

	for (const struct inplace *ip = all; ip; ip = ip->next) {
		const struct range *last;

		if (!ip->n)
			continue;
		last = &ip->range[ip->n - 1];
		if ((uintptr_t)ip->range[0].at < low)
			low = (uintptr_t)ip->range[0].at;
		if ((uintptr_t)last->at + last->part.bytes > high)
			high = (uintptr_t)last->at + last->part.bytes;
	}
	atomic_store_explicit(&lowest, low, memory_order_relaxed);
	atomic_store_explicit(&highest, high, memory_order_relaxed);
}

static bool is_out_of_bounds(const void *at, size_t bytes)
{
	uintptr_t start = (uintptr_t)at;

	return start >= atomic_load_explicit(&highest, memory_order_relaxed) ||
	       start + bytes <= atomic_load_explicit(&lowest, memory_order_relaxed);
}

static void insert(struct inplace *ip, const struct range *r)
{
	uint32_t n = find(ip, r->at);

	memmove(&ip->range[n + 1], &ip->range[n], (ip->n - n) * sizeof(*r));
	ip->range[n] = *r;
	ip->n++;
	n_in_place++;
	note_bounds();
	ip->counters.bytes += r->part.bytes;
}

static void forget(struct inplace *ip, struct range *r)
{
	uint32_t n = (uint32_t)(r - ip->range);

	ip->counters.bytes -= r->part.bytes;
	ip->n--;
	n_in_place--;
	memmove(r, r + 1, (ip->n - n) * sizeof(*r));
	note_bounds();
}

static bool is_there(struct inplace *ip, const struct range *r)
{
	return mapping_is_object(ip->maps, r->at, r->part.bytes, r->part.inode,
				 r->part.offset, !r->lent) == 0;
}

/* ---- Changing what is mapped ----------------------------------------------------------- */

static int map_again(const struct range *r, int flags)
{
	void *at = mmap(r->at, r->part.bytes, PROT_READ | PROT_WRITE,
			flags | MAP_FIXED, r->part.fd, (off_t)r->part.offset);

	return at == MAP_FAILED ? -errno : 0;
}

/* Shared memory that a child must not have, in case one is made without us. */
static void keep_from_children(const struct range *r)
{
	madvise(r->at, r->part.bytes, MADV_DONTFORK);
}

/* The program unmapped or moved it: where its part is now, nobody knows. */
static void abandon(struct inplace *ip, struct range *r)
{
	ip->ops.unbind(ip->ctx, r->at, &r->part);
	ip->ops.retire(ip->ctx, &r->part);
	ip->counters.stale++;
	forget(ip, r);
}

/*
 * If new memory cannot be had, a private mapping of the object serves: the program's
 * bytes stay its own, but the part is lost for us.
 */
static void leave(struct inplace *ip, struct range *r)
{
	if (!is_there(ip, r)) {
		abandon(ip, r);
		return;
	}
	ip->ops.unbind(ip->ctx, r->at, &r->part);
	if (swap_to_anonymous(&ip->swap, r->at, r->part.bytes) == 0) {
		ip->ops.give(ip->ctx, &r->part);
	} else {
		if (!r->lent)
			(void)map_again(r, MAP_PRIVATE);
		ip->ops.retire(ip->ctx, &r->part);
	}
	ip->counters.left++;
	forget(ip, r);
}

/* Not inlined: gcc 12 would warn of a NULL that its sanitizer looks for. */
static NO_INLINE int enter(struct inplace *ip, uint8_t *at, size_t bytes)
{
	struct range r = { .at = at };
	int err;

	if (overlapping(ip, at, bytes))
		return -EEXIST;
	if (ip->n == ip->max)
		return -ENOSPC;
	if (!swap_is_safe(&ip->swap))
		return -EPERM;
	err = mapping_is_private_memory(ip->maps, at, bytes);
	if (err)
		return err;
	err = ip->ops.take(ip->ctx, bytes, &r.part);
	if (err)
		return err;
	err = swap_to_object(&ip->swap, at, bytes, r.part.fd, r.part.offset);
	if (err) {
		ip->ops.give(ip->ctx, &r.part);
		return err;
	}
	keep_from_children(&r);
	insert(ip, &r);
	ip->counters.entered++;
	err = ip->ops.bind(ip->ctx, at, &r.part);
	if (err)
		leave(ip, overlapping(ip, at, bytes));
	return err;
}

/* ---- fork ---------------------------------------------------------------------------------- */

static void leave_all(struct inplace *ip)
{
	while (ip->n)
		leave(ip, &ip->range[ip->n - 1]);
}

static void before_fork(void)
{
	lock();
	for (struct inplace *ip = all; ip; ip = ip->next)
		leave_all(ip);
}

static void after_fork_in_parent(void)
{
	unlock();
}

/* The descriptors speak of the parent's memory. */
static void after_fork_in_child(void)
{
	for (struct inplace *ip = all; ip; ip = ip->next) {
		close(ip->maps);
		swap_close(&ip->swap);
		ip->maps = mapping_open();
		swap_open(&ip->swap);
	}
	unlock();
}

static void watch_forks(void)
{
	static atomic_flag watched = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&watched))
		pthread_atfork(before_fork, after_fork_in_parent,
			       after_fork_in_child);
}

/* ---- Interface --------------------------------------------------------------------------------- */

int inplace_open(struct inplace **out, const struct inplace_ops *ops, void *ctx,
		 uint32_t ranges)
{
	size_t bytes = sizeof(struct inplace) + ranges * sizeof(struct range);
	struct inplace *ip = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int maps = mapping_open();

	if (maps < 0 || ip == MAP_FAILED) {
		if (ip != MAP_FAILED)
			munmap(ip, bytes);
		if (maps >= 0)
			close(maps);
		return maps < 0 ? maps : -ENOMEM;
	}
	ip->ops = *ops;
	ip->ctx = ctx;
	ip->maps = maps;
	ip->max = ranges;
	ip->bytes = bytes;
	swap_open(&ip->swap);
	watch_forks();
	lock();
	ip->next = all;
	all = ip;
	unlock();
	*out = ip;
	return 0;
}

void inplace_close(struct inplace *ip)
{
	struct inplace **at = &all;

	if (!ip)
		return;
	lock();
	leave_all(ip);
	while (*at != ip)
		at = &(*at)->next;
	*at = ip->next;
	unlock();
	swap_close(&ip->swap);
	close(ip->maps);
	munmap(ip, ip->bytes);
}

size_t inplace_pages(const void *at, size_t bytes, void **first)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = ((uintptr_t)at + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)at + bytes) & ~(page - 1);

	if (end <= start)
		return 0;
	*first = (void *)start;
	return end - start;
}

int inplace_enter(struct inplace *ip, void *at, size_t bytes)
{
	void *first = NULL;
	int err;

	if (inplace_pages(at, bytes, &first) != bytes || first != at)
		return -EINVAL;
	lock();
	err = enter(ip, at, bytes);
	unlock();
	return err;
}

static bool covers(struct inplace *ip, const uint8_t *at, size_t bytes)
{
	struct range *r = overlapping(ip, at, bytes);

	if (!r || r->lent || at < r->at || at + bytes > r->at + r->part.bytes)
		return false;
	if (is_there(ip, r))
		return true;
	abandon(ip, r);
	return false;
}

bool inplace_covers(struct inplace *ip, const void *at, size_t bytes)
{
	bool yes;

	lock();
	yes = covers(ip, at, bytes);
	unlock();
	return yes;
}

static void leave_within(struct inplace *ip, const void *at, size_t bytes)
{
	struct range *r;

	while ((r = overlapping(ip, at, bytes)))
		leave(ip, r);
}

void inplace_leave(struct inplace *ip, const void *at, size_t bytes)
{
	if (atomic_load_explicit(&ip->n, memory_order_relaxed) == 0)
		return;
	lock();
	leave_within(ip, at, bytes);
	unlock();
}

/* ---- What the program says of its memory ------------------------------------------- */

void tto_memory_watch(void)
{
	is_watched = true;
}

bool inplace_is_watched(void)
{
	return is_watched;
}

unsigned tto_memory_in_place(void)
{
	return inside ? 0 : atomic_load_explicit(&n_in_place, memory_order_relaxed);
}

/* Called from within free(), which leaves errno alone. */
void tto_memory_changes(const void *address, size_t bytes)
{
	int before = errno;

	if (!tto_memory_in_place() || is_out_of_bounds(address, bytes))
		return;
	lock();
	for (struct inplace *ip = all; ip; ip = ip->next)
		leave_within(ip, address, bytes);
	unlock();
	errno = before;
}

/* ---- Lend --------------------------------------------------------------------------- */

static int lend(struct inplace *ip, struct range *r)
{
	int err;

	if (!r)
		return -ENOENT;
	if (r->lent)
		return -EBUSY;
	if (!is_there(ip, r)) {
		abandon(ip, r);
		return -ENOENT;
	}
	err = map_again(r, MAP_PRIVATE);
	if (!err) {
		r->lent = true;
		ip->counters.lent++;
	}
	return err;
}

int inplace_lend(struct inplace *ip, const void *at)
{
	int err;

	lock();
	err = lend(ip, overlapping(ip, at, 1));
	unlock();
	return err;
}

static int take_back(struct inplace *ip, struct range *r)
{
	int err;

	if (!r || !r->lent)
		return -ENOENT;
	if (!is_there(ip, r)) {
		abandon(ip, r);
		return -ENOENT;
	}
	err = swap_back_to_object(&ip->swap, r->at, r->part.bytes, r->part.fd,
				  r->part.offset);
	if (!err) {
		r->lent = false;
		keep_from_children(r);
		ip->counters.taken_back++;
	}
	return err;
}

int inplace_take_back(struct inplace *ip, const void *at)
{
	int err;

	lock();
	err = take_back(ip, overlapping(ip, at, 1));
	unlock();
	return err;
}

void inplace_read_counters(struct inplace *ip, struct inplace_counters *out)
{
	lock();
	*out = ip->counters;
	unlock();
}
