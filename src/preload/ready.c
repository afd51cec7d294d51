// SPDX-License-Identifier: BSD-2-Clause
/* ready.c - Waiting: poll(), select(), epoll */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

#include "preload/real.h"

int __poll(struct pollfd *fds, nfds_t n, int ms);
int __select(int n, fd_set *in, fd_set *out, fd_set *exceptions, struct timeval *timeout);
int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		const sigset_t *mask, size_t room);
void __chk_fail(void) __attribute__((noreturn));

/* Return: NULL: for ever. */
static const struct timespec *of_ms(int ms, struct timespec *ts)
{
	*ts = (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
	return ms < 0 ? NULL : ts;
}

/* ---- poll() -------------------------------------------------------------------------- */

static bool any_ours(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t k = 0; k < n; k++)
		if (tto_owns(fds[k].fd))
			return true;
	return false;
}

WRAP int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec ts;

	if (!any_ours(fds, n))
		return REAL(poll)(fds, n, ms);
	return tto_ppoll(fds, n, of_ms(ms, &ts), NULL);
}
WRAP_ALIAS(__poll, poll);

WRAP int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t room)
{
	if (room / sizeof(*fds) < n)
		__chk_fail();
	return poll(fds, n, ms);
}

WRAP int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	       const sigset_t *mask)
{
	if (!any_ours(fds, n))
		return REAL(ppoll)(fds, n, timeout, mask);
	return tto_ppoll(fds, n, timeout, mask);
}

WRAP int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		     const sigset_t *mask, size_t room)
{
	if (room / sizeof(*fds) < n)
		__chk_fail();
	return ppoll(fds, n, timeout, mask);
}

/* ---- select() -------------------------------------------------------------------------- */

/* select(2) on Linux says what is left of the time. */
static void take_off(struct timeval *timeout, const struct timespec *start)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = timeout->tv_sec * 1000000LL + timeout->tv_usec -
	       (now.tv_sec - start->tv_sec) * 1000000LL -
	       (now.tv_nsec - start->tv_nsec) / 1000;
	if (left < 0)
		left = 0;
	timeout->tv_sec = left / 1000000;
	timeout->tv_usec = left % 1000000;
}

WRAP int select(int n, fd_set *in, fd_set *out, fd_set *exceptions, struct timeval *timeout)
{
	struct timespec start, ts;
	int ready;

	if (!timeout)
		return tto_select(n, in, out, exceptions, NULL, NULL);
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0) {
		errno = EINVAL;
		return -1;
	}
	ts.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	ts.tv_nsec = timeout->tv_usec % 1000000 * 1000;
	clock_gettime(CLOCK_MONOTONIC, &start);
	ready = tto_select(n, in, out, exceptions, &ts, NULL);
	take_off(timeout, &start);
	return ready;
}
WRAP_ALIAS(__select, select);

WRAP int pselect(int n, fd_set *in, fd_set *out, fd_set *exceptions,
		 const struct timespec *timeout, const sigset_t *mask)
{
	return tto_select(n, in, out, exceptions, timeout, mask);
}

/* ---- epoll ------------------------------------------------------------------------------ */

WRAP int epoll_create1(int flags)
{
	return tto_epoll_create1(flags);
}

WRAP int epoll_create(int size)
{
	if (size > 0)
		return tto_epoll_create1(0);
	errno = EINVAL;
	return -1;
}

WRAP int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
	return tto_epoll_ctl(set, operation, fd, event);
}

WRAP int epoll_pwait(int set, struct epoll_event *events, int n, int ms, const sigset_t *mask)
{
	struct timespec ts;

	if (!tto_owns(set))
		return REAL(epoll_pwait)(set, events, n, ms, mask);
	return tto_epoll_wait(set, events, n, of_ms(ms, &ts), mask);
}

WRAP int epoll_wait(int set, struct epoll_event *events, int n, int ms)
{
	return epoll_pwait(set, events, n, ms, NULL);
}

WRAP int epoll_pwait2(int set, struct epoll_event *events, int n,
		      const struct timespec *timeout, const sigset_t *mask)
{
	if (!tto_owns(set))
		return REAL(epoll_pwait2)(set, events, n, timeout, mask);
	return tto_epoll_wait(set, events, n, timeout, mask);
}
