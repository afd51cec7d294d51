// SPDX-License-Identifier: BSD-2-Clause
/* work.c - Work queues: open, wait, take results, close: SPEC LIB-2 */
#include "socket/work/work.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "base/heap.h"
#include "socket/join.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/wait.h"
#include "socket/work/take.h"

#define ENTRIES 1024u
#define ENTRIES_MAX (1u << 20)
#define BUCKETS_MAX 65536u
#define BLIND_NS 1000000u	/* between looks that nothing announces         */

/* ---- Open ---------------------------------------------------------------------------- */

static uint32_t buckets_for(uint32_t entries)
{
	uint32_t n = 16;

	while (n < entries && n < BUCKETS_MAX)
		n *= 2;
	return n;
}

static void free_memory(struct tto_work *w)
{
	heap_free(w->buckets);
	heap_free(w->operations);
	heap_free(w);
}

static struct tto_work *make(uint32_t entries)
{
	struct tto_work *w = heap_zeroed(1, sizeof(*w));

	if (!w)
		return NULL;
	w->process = process_pid();
	w->n_entries = entries;
	w->n_buckets = buckets_for(entries);
	w->buckets = heap_zeroed(w->n_buckets, sizeof(struct end *));
	w->operations = heap_zeroed(entries, sizeof(*w->operations));
	if (!w->buckets || !w->operations) {
		free_memory(w);
		return NULL;
	}
	for (uint32_t n = 0; n + 1 < entries; n++)
		w->operations[n].next = &w->operations[n + 1];
	w->free = w->operations;
	operations_init(&w->done);
	w->ready_last = &w->ready_first;
	w->due_last = &w->due_first;
	w->wire = w->timer = -1;
	w->next = stack->works;
	if (w->next)
		w->next->at = &w->next;
	stack->works = w;
	w->at = &stack->works;
	return w;
}

int tto_work_open(struct tto_work **out, const struct tto_work_options *options)
{
	uint32_t entries = options && options->entries ? options->entries : ENTRIES;
	struct tto_work *w;
	int epoll;

	if ((options && options->size != sizeof(*options)) || entries > ENTRIES_MAX)
		return -EINVAL;
	join_if_due();
	if (!stack)
		return -ENOENT;
	epoll = kernel_epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	if (!stack_lock()) {
		(void)!kernel_close(epoll);
		return -EAGAIN;
	}
	w = make(entries);
	if (w)
		w->epoll = epoll;
	stack_unlock();
	if (!w)
		(void)!kernel_close(epoll);
	*out = w;
	return w ? 0 : -ENOMEM;
}

/* ---- Close --------------------------------------------------------------------------- */

static void disarm(struct tto_work *w)
{
	if (!w->is_armed)
		return;
	w->is_armed = false;
	sleeper_awake(w->sleeper);
}

static void drop(struct tto_work *w)
{
	for (uint32_t b = 0; b < w->n_buckets; b++)
		while (w->buckets[b])
			end_drop(w->buckets[b]);
	deliver_free(w);
	disarm(w);
	watches_drop(&w->watches);
	sleeper_give(w->sleeper);
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	free_memory(w);
}

void tto_work_close(struct tto_work *w)
{
	int epoll, timer;

	if (!w || w->process != process_pid() || !stack_lock())
		return;
	epoll = w->epoll;
	timer = w->timer;
	drop(w);
	stack_unlock();
	(void)!kernel_close(epoll);
	if (timer >= 0)
		(void)!kernel_close(timer);
}

/* Its descriptors are gone, and their numbers may be others' by now. */
void works_drop(pid_t process)
{
	for (struct tto_work *w = stack->works, *next; w; w = next) {
		next = w->next;
		if (w->process != process)
			continue;
		for (uint32_t b = 0; b < w->n_buckets; b++)
			for (struct end *e = w->buckets[b]; e; e = e->next)
				e->in_epoll = e->is_busy = false;
		w->sleeper = NULL;	/* sleepers_drop()                      */
		w->is_armed = false;
		drop(w);
	}
}

/* ---- Wait ----------------------------------------------------------------------------- */

static bool has_something(const struct tto_work *w)
{
	return w->n_done || w->due_first;
}

static void turn(struct tto_work *w)
{
	disarm(w);
	stack_run();
	end_look(w);
	end_progress(w);
	embed_flush(stack->embed);
}

/* Return: 0; -EINTR. */
static int sleep_for(struct tto_work *w, ns_t until)
{
	struct sleeper *sleeper = sleeper_take();
	struct pollfd kernel = { w->epoll, POLLIN, 0 };
	int got;

	sleeper_watch_list(sleeper, &w->watches);
	got = sleep_once(sleeper, &kernel, w->n_kernel != 0, until, NULL);
	sleeper_give(sleeper);
	return got < 0 ? got : 0;
}

static ns_t when(int64_t timeout_ns)
{
	return timeout_ns < 0 ? NS_NEVER :
	       timeout_ns ? stack_clock() + (ns_t)timeout_ns : 0;
}

int tto_work_sleep(struct tto_work *w, int64_t timeout_ns)
{
	ns_t until = when(timeout_ns);
	int err = 0;

	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	while (!has_something(w) && !err) {
		turn(w);
		if (has_something(w) || stack_clock() >= until)
			break;
		err = sleep_for(w, until);
	}
	err = has_something(w) ? 1 : err;
	stack_unlock();
	return err;
}

int tto_work_serve(struct tto_work *w, int64_t timeout_ns)
{
	ns_t until = when(timeout_ns);
	int n, err = 0;

	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	for (;;) {
		turn(w);
		n = deliver_all(w);
		if (n || w->n_done || err || stack_clock() >= until)
			break;
		err = sleep_for(w, until);
	}
	stack_unlock();
	return n ? n : err;
}

/* ---- Wait elsewhere ---------------------------------------------------------------------- */

static void add(struct tto_work *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = -1 };

	(void)!kernel_epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* What wakes whoever waits on the epoll set. */
static void attach(struct tto_work *w)
{
	if (w->wire != embed_fd(stack->embed)) {
		w->wire = embed_fd(stack->embed);
		add(w, w->wire);
	}
	if (w->timer < 0) {
		w->timer = (int)kernel_call(SYS_timerfd_create, CLOCK_MONOTONIC,
					    TFD_CLOEXEC | TFD_NONBLOCK);
		add(w, w->timer);
	}
	if (!w->sleeper && (w->sleeper = sleeper_take())) {
		sleeper_watch_list(w->sleeper, &w->watches);
		add(w, w->sleeper->event->fd);
	}
}

static void set_timer(struct tto_work *w)
{
	struct itimerspec at = { { 0, 0 }, { 0, 0 } };
	ns_t due = stack_deadline(), now = stack_clock();

	if ((w->wire < 0 || !w->sleeper) && due > now + BLIND_NS)
		due = now + BLIND_NS;
	if (due != NS_NEVER) {
		due = due ? due : 1;	/* 0 would stop it                      */
		at.it_value = (struct timespec){ (time_t)(due / 1000000000u),
						 (long)(due % 1000000000u) };
	}
	(void)!kernel_call(SYS_timerfd_settime, w->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

int tto_work_fd(struct tto_work *w)
{
	return w->process == process_pid() ? w->epoll : -EBADF;
}

int tto_work_arm(struct tto_work *w)
{
	bool ready;

	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	turn(w);
	/* A wire that was not armed does not ring. */
	ready = has_something(w) || !embed_arm(stack->embed);
	if (!ready) {
		attach(w);
		set_timer(w);
		if (w->sleeper)
			w->sleeper->is_told = false;
		sleeper_set_asleep(w->sleeper, true);
		w->is_armed = true;
	}
	stack_unlock();
	return ready;
}

/* ---- Results ------------------------------------------------------------------------------ */

int tto_work_poll(struct tto_work *w, struct tto_result *results, uint32_t n)
{
	uint32_t got = 0;

	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	if (!w->n_done)
		turn(w);
	while (got < n && w->done.first) {
		struct operation *op = w->done.first;

		results[got++] = op->result;
		w->done.first = op->next;
		if (!w->done.first)
			w->done.last = &w->done.first;
		w->n_done--;
		op->next = w->free;
		w->free = op;
	}
	stack_unlock();
	return (int)got;
}
