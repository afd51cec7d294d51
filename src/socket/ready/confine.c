// SPDX-License-Identifier: BSD-2-Clause
/* confine.c - What is left to a process that has taken rights from itself */
#include "socket/ready/confine.h"

#include <errno.h>
#include <sys/select.h>
#include <tto/tto.h>

#include "socket/kernel.h"

#define IN_EVENTS (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define OUT_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)

void tto_confine(void)
{
	kernel_is_confined = true;
}

/* By select(2), which knows of no limit but the size of its sets. */
struct sets {
	fd_set in, out, exceptions;
	int end;
};

static bool set_bits(const struct pollfd *list, nfds_t n, struct sets *to)
{
	FD_ZERO(&to->in);
	FD_ZERO(&to->out);
	FD_ZERO(&to->exceptions);
	to->end = 0;
	for (nfds_t k = 0; k < n; k++) {
		int fd = list[k].fd;

		if (fd < 0)
			continue;
		if (fd >= FD_SETSIZE)
			return false;
		FD_SET(fd, &to->in);	/* for POLLHUP and POLLERR as well      */
		if (list[k].events & (POLLOUT | POLLWRNORM))
			FD_SET(fd, &to->out);
		if (list[k].events & POLLPRI)
			FD_SET(fd, &to->exceptions);
		if (to->end <= fd)
			to->end = fd + 1;
	}
	return true;
}

static short events_of(const struct sets *sets, int fd, short asked)
{
	short events = 0;

	if (FD_ISSET(fd, &sets->in))
		events |= IN_EVENTS & (asked | POLLHUP);
	if (FD_ISSET(fd, &sets->out))
		events |= OUT_EVENTS & asked;
	if (FD_ISSET(fd, &sets->exceptions))
		events |= POLLPRI;
	return events;
}

static int read_bits(struct pollfd *list, nfds_t n, const struct sets *sets)
{
	static const struct timespec none;
	int ready = 0;

	for (nfds_t k = 0; k < n; k++) {
		struct pollfd *p = &list[k];

		p->revents = 0;
		if (p->fd < 0)
			continue;
		/* What it is poll() knows better, if it may be asked for one. */
		if (events_of(sets, p->fd, p->events) &&
		    kernel_ppoll(p, 1, &none, NULL) < 0)
			p->revents = events_of(sets, p->fd, p->events);
		ready += p->revents != 0;
	}
	return ready;
}

static int ppoll_by_select(struct pollfd *list, nfds_t n, const struct timespec *timeout,
			   const sigset_t *mask)
{
	const struct {
		const sigset_t *mask;
		size_t bytes;
	} with = { mask, 8 };
	struct timespec left = timeout ? *timeout : (struct timespec){ 0 };
	struct sets sets;

	if (!set_bits(list, n, &sets))
		return -EINVAL;
	if (kernel_call(SYS_pselect6, sets.end, &sets.in, &sets.out, &sets.exceptions,
			timeout ? &left : NULL, &with) < 0)
		return -errno;
	return read_bits(list, n, &sets);
}

int confine_ppoll(struct pollfd *list, nfds_t n, const struct timespec *timeout,
		  const sigset_t *mask)
{
	int saved = errno, ready = kernel_ppoll(list, n, timeout, mask);

	if (ready < 0)
		ready = errno == EINVAL ? ppoll_by_select(list, n, timeout, mask) :
					  -errno;
	errno = saved;
	return ready;
}
