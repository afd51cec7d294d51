// SPDX-License-Identifier: BSD-2-Clause
/* close.c - Descriptors: close, duplicate, change */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <tto/tto.h>

#include "base/keep.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/urgent.h"
#include "socket/ready/wait.h"
#include "socket/work/take.h"

/* linux/close_range.h, which glibc's headers have as well. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

static int fail(int err)
{
	errno = err;
	return -1;
}

bool tto_owns(int fd)
{
	return process_self && (descriptor_socket(fd) || descriptor_set(fd));
}

bool tto_keeps(int fd)
{
	return keep_has(fd);
}

/* ---- Close --------------------------------------------------------------------------- */

/* SO_LINGER: until all has been acknowledged, or the time is over. */
static void linger(struct socket *s, int fd)
{
	struct sleeper *sleeper;
	ns_t until;
	int err = 0;

	if (!s->linger_set || !s->linger || s->refs != 1 || s->kind != SOCKET_CONNECTION ||
	    !ring_count(&s->send))
		return;
	until = stack_clock() + s->linger * 1000000000ULL;
	sleeper = sleeper_take();
	sleeper_watch(sleeper, s, POLLOUT);
	while (descriptor_socket(fd) == s && ring_count(&s->send) &&
	       !(s->flags & SOCKET_OVER) && stack_clock() < until && err >= 0)
		err = sleep_once(sleeper, NULL, 0, until, NULL);
	sleeper_give(sleeper);
}

/* One of the kernel's that a work queue may know. */
static int close_kernels(int fd)
{
	if (process_self && stack->works && stack_lock()) {
		works_close(fd);
		stack_unlock();
	}
	return kernel_close(fd);
}

int tto_close_fd(int fd)
{
	struct socket *s;
	int err;

	if (keep_has(fd))
		return fail(EBADF);
	if (!tto_owns(fd))
		return close_kernels(fd);
	if (!stack_lock())
		return kernel_close(fd);
	s = descriptor_socket(fd);
	if (s)
		linger(s, fd);
	descriptor_forget(fd);
	err = kernel_close(fd) ? errno : 0;
	stack_run();
	stack_unlock();
	return err ? fail(err) : 0;
}

/* The kernel's from @first to @last, of which none is ours or the stack's. */
static int close_kernel(unsigned first, unsigned last, int flags)
{
	return first > last ? 0 : (int)kernel_call(SYS_close_range, first, last, flags);
}

int tto_close_range(unsigned first, unsigned last, int flags)
{
	unsigned end = (unsigned)keep_end(), from = first;

	if (first > last)
		return fail(EINVAL);
	if (process_self && end < process_self->end_fds)
		end = process_self->end_fds;
	/* Marked only: exec will close, and who is executed compares. */
	for (unsigned fd = first; fd < end && fd <= last; fd++) {
		bool is_ours = tto_owns((int)fd);

		if (!keep_has((int)fd) &&
		    (!is_ours || flags & CLOSE_RANGE_CLOEXEC))
			continue;
		if (fd > from && close_kernel(from, fd - 1, flags))
			return -1;
		if (is_ours)
			tto_close_fd((int)fd);
		from = fd + 1;
	}
	return close_kernel(from, last, flags);
}

/*
 * ---- Duplicate ----
 *
 * The stack's own descriptors are not there for a program: it would find more than it has
 * opened.
 */

/* @made by the kernel from @fd. */
static int copied(int fd, int made)
{
	if (made < 0 || !process_self || (!tto_owns(fd) && !tto_owns(made)))
		return made;
	if (!stack_lock())
		return made;
	descriptor_copy(fd, made);
	stack_unlock();
	return made;
}

int tto_dup(int fd)
{
	if (keep_has(fd))
		return fail(EBADF);
	return copied(fd, kernel_dup(fd));
}

int tto_dup3(int fd, int to, int flags)
{
	if (keep_has(fd))
		return fail(EBADF);
	if (fd == to && flags == -1)
		return kernel_fcntl(fd, F_GETFD, 0) < 0 ? -1 : to;
	if (keep_has(to))
		return fail(EBUSY);
	return copied(fd, kernel_dup3(fd, to, flags == -1 ? 0 : flags));
}

/* ---- Change ------------------------------------------------------------------------------- */

/* For the kernel a listening socket is O_NONBLOCK, whatever the program says: call.c. */
static int set_nonblock(struct socket *s, int fd, unsigned long flags)
{
	bool on = flags & O_NONBLOCK;
	int err;

	if (!stack_lock())
		return fail(EAGAIN);
	if (s->kind == SOCKET_LISTENER)
		flags |= O_NONBLOCK;
	err = kernel_fcntl(fd, F_SETFL, flags) ? errno : 0;
	if (!err)
		s->flags = on ? s->flags | SOCKET_NONBLOCK :
				s->flags & ~(uint32_t)SOCKET_NONBLOCK;
	stack_unlock();
	return err ? fail(err) : 0;
}

static int get_flags(const struct socket *s, int fd)
{
	int flags = kernel_fcntl(fd, F_GETFL, 0);

	if (flags < 0)
		return flags;
	return s->flags & SOCKET_NONBLOCK ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
}

int tto_fcntl(int fd, int command, unsigned long argument)
{
	struct socket *s = descriptor_socket(fd);

	/* By a lock on the heap embed/mirror.c knows who captures. */
	if (keep_has(fd) && command != F_OFD_GETLK)
		return fail(EBADF);
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return copied(fd, kernel_fcntl(fd, command, argument));
	if (s && command == F_SETFL)
		return set_nonblock(s, fd, argument);
	if (s && command == F_GETFL)
		return get_flags(s, fd);
	if (s && command == F_SETOWN)
		s->owner = (pid_t)argument;
	return kernel_fcntl(fd, command, argument);
}

static int turn_nonblock(struct socket *s, int fd, const int *on)
{
	int flags = kernel_fcntl(fd, F_GETFL, 0);

	if (!on)
		return fail(EFAULT);
	if (flags < 0)
		return -1;
	flags = *on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return set_nonblock(s, fd, (unsigned long)flags);
}

/* SIOCINQ is FIONREAD, SIOCOUTQ TIOCOUTQ. Return: -ENOTTY: the kernel's. */
static int count(struct socket *s, unsigned long request, int *to)
{
	switch (request) {
	case SIOCINQ:
		if (s->kind == SOCKET_LISTENER)
			return -EINVAL;
		*to = (int)urgent_countable(s);
		return 0;
	case SIOCOUTQ:
		if (s->kind == SOCKET_LISTENER)
			return -EINVAL;
		*to = (int)ring_count(&s->send);
		return 0;
	case SIOCATMARK:
		*to = urgent_is_next(s, s->receive.first);
		return 0;
	default:
		return -ENOTTY;
	}
}

int tto_ioctl(int fd, unsigned long request, void *argument)
{
	struct socket *s = descriptor_socket(fd);
	int err;

	if (s && s->kind != SOCKET_NEW &&
	    (request == SIOCINQ || request == SIOCOUTQ || request == SIOCATMARK)) {
		if (!argument)
			return fail(EFAULT);
		if (!stack_lock())
			return fail(EAGAIN);
		stack_run();
		err = count(s, request, argument);
		stack_unlock();
		return err ? fail(-err) : 0;
	}
	if (s && request == FIONBIO)
		return turn_nonblock(s, fd, argument);
	return kernel_ioctl(fd, request, argument);
}
