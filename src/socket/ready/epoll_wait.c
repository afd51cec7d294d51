// SPDX-License-Identifier: BSD-2-Clause
/* epoll_wait.c - Sets of descriptors: what is ready */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <tto/tto.h>

#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/ready/epoll.h"
#include "socket/ready/wait.h"

#define LOOK_NS 50000u		/* between looks at the kernel's side, when
				 * something of ours is ready                   */
#define TURN 8			/* of the stack, every so many calls then       */

/* One that is ready is told of once, or as long as it is. */
static void report(struct epoll_member *m, uint32_t events, struct epoll_event *to)
{
	to->events = events;
	to->data = m->data;
	if (m->events & EPOLLONESHOT) {
		m->events &= EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
		m->watch.events = 0;
	} else if (!(m->events & EPOLLET)) {
		epoll_ready_push(m);
	}
}

/* From the list as it is now. Return: how many are ready. */
static int collect(struct epoll_set *set, struct epoll_event *to, int n)
{
	struct epoll_member *m, **end = set->ready_last;
	int got = 0;

	while (got < n && (m = set->ready_first)) {
		bool is_last = &m->ready_next == end;
		uint32_t events = epoll_readiness(m);

		epoll_ready_remove(m);
		if (events)
			report(m, events, &to[got++]);
		if (is_last)
			break;
	}
	return got;
}

/* What is with both is told of once. Return: how many are left of @more. */
static int merge(struct epoll_event *ours, int n, struct epoll_event *more, int n_more)
{
	int left = 0;

	for (int k = 0; k < n_more; k++) {
		int at = 0;

		while (at < n && ours[at].data.u64 != more[k].data.u64)
			at++;
		if (at < n)
			ours[at].events |= more[k].events;
		else
			more[left++] = more[k];
	}
	return left;
}

static bool kernel_is_due(const struct epoll_set *set)
{
	return set->has_kernel && stack->now - set->looked > LOOK_NS;
}

/*
 * Without waiting. @ask: the kernel, though it was looked at just now. Return: how many,
 * ours and the kernel's; -errno.
 */
static int look(struct epoll_set *set, int fd, struct epoll_event *to, int n, bool ask)
{
	int got, more, room;

	/* Of a single place everyone gets his turn. */
	ask = set->has_kernel && (ask || kernel_is_due(set));
	if (n == 1 && ask) {
		set->looked = stack->now;
		more = kernel_epoll_pwait(fd, to, 1, 0, NULL);
		if (more)
			return more < 0 ? -errno : more;
	}
	got = collect(set, to, n);
	room = n - got;
	if (!room || !ask)
		return got;
	set->looked = stack->now;
	more = kernel_epoll_pwait(fd, to + got, room, 0, NULL);
	if (more < 0)
		return got ? got : -errno;
	return got + (set->n_double ? merge(to, got, to + got, more) : more);
}

/* Return: how many; 0: the time is over; -errno. */
static int wait_in(struct epoll_set *set, int fd, struct epoll_event *to, int n, ns_t until,
		   const sigset_t *mask)
{
	struct sleeper *sleeper = NULL;
	bool ask = false, is_over;
	int got, err = 0;

	for (;;) {
		struct pollfd kernel = { fd, POLLIN, 0 };

		/* Who waits is told by it; at the end of the time it has to be asked. */
		is_over = err || stack_clock() >= until;
		got = look(set, fd, to, n, ask || is_over);
		if (got || is_over)
			break;
		if (!sleeper && (sleeper = sleeper_take()))
			sleeper_watch_list(sleeper, &set->watches);
		err = sleep_once(sleeper, &kernel, set->has_kernel, until, mask);
		ask = err > 0;
		err = err < 0 ? err : 0;
		/* Somebody else may have closed it. */
		if (descriptor_set(fd) != set) {
			got = -EBADF;
			break;
		}
	}
	sleeper_give(sleeper);
	return got ? got : err;
}

static int wait_kernel(int set, struct epoll_event *events, int n,
		       const struct timespec *timeout, const sigset_t *mask)
{
	int64_t ms = -1;

	if (timeout && timeout->tv_sec < INT_MAX / 1000)
		ms = (int64_t)timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000;
	return kernel_epoll_pwait(set, events, n, (int)ms, mask);
}

int tto_epoll_wait(int set_fd, struct epoll_event *events, int n,
		   const struct timespec *timeout, const sigset_t *mask)
{
	struct epoll_set *set = descriptor_set(set_fd);
	static unsigned calls;
	ns_t until;
	int got;

	if (!set || !stack_lock())
		return wait_kernel(set_fd, events, n, timeout, mask);
	if (n <= 0 || !events) {
		stack_unlock();
		errno = n <= 0 ? EINVAL : EFAULT;
		return -1;
	}
	set->fd = set_fd;
	until = wait_until(timeout);
	if (!epoll_is_ready(set) || ++calls % TURN == 0)
		stack_run();
	got = wait_in(set, set_fd, events, n, until, mask);
	/* There is more than this one took: that is for the next who waits. */
	if (got != -EBADF && set->watches && set->ready_first)
		watches_tell_set(set->watches);
	stack_unlock();
	if (got >= 0)
		return got;
	errno = -got;
	return -1;
}
