// SPDX-License-Identifier: BSD-2-Clause
/* select.c - The same as poll.c for sets of bits */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/select.h>
#include <tto/tto.h>

#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/wait.h"

#define BITS ((int)(8 * sizeof(unsigned long)))

/* What each set asks for, and what counts as an answer: as fs/select.c of Linux has it. */
#define IN_EVENTS (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define OUT_EVENTS (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define EXCEPTION_EVENTS POLLPRI

/* Sets may be larger than fd_set says: whoever has more descriptors makes them so. */
static unsigned long *words(fd_set *set)
{
	return (unsigned long *)(void *)set;
}

static bool has(fd_set *set, int fd)
{
	return set && words(set)[fd / BITS] >> (fd % BITS) & 1;
}

/* Return: 1 */
static int put(fd_set *set, int fd)
{
	words(set)[fd / BITS] |= 1UL << (fd % BITS);
	return 1;
}

static void clear(fd_set *set, int n)
{
	if (set)
		memset(set, 0, (size_t)(n + BITS - 1) / BITS * sizeof(unsigned long));
}

struct bits {
	fd_set *in, *out, *exceptions;
	int n;
};

/* Return: how many descriptors are in a set; @fds: NULL or room for them. */
static nfds_t to_poll(const struct bits *b, struct pollfd *fds)
{
	nfds_t count = 0;

	for (int fd = 0; fd < b->n; fd++) {
		short events = (short)((has(b->in, fd) ? POLLIN | POLLRDNORM : 0) |
				       (has(b->out, fd) ? POLLOUT | POLLWRNORM : 0) |
				       (has(b->exceptions, fd) ? POLLPRI : 0));

		if (!events)
			continue;
		if (fds)
			fds[count] = (struct pollfd){ fd, events, 0 };
		count++;
	}
	return count;
}

/* Return: how many bits are set; -EBADF. */
static int from_poll(const struct bits *b, const struct pollfd *fds, nfds_t n)
{
	int ready = 0;

	for (nfds_t k = 0; k < n; k++)
		if (fds[k].revents & POLLNVAL)
			return -EBADF;
	clear(b->in, b->n);
	clear(b->out, b->n);
	clear(b->exceptions, b->n);
	for (nfds_t k = 0; k < n; k++) {
		short got = fds[k].revents, asked = fds[k].events;

		if (got & IN_EVENTS && asked & POLLIN)
			ready += put(b->in, fds[k].fd);
		if (got & OUT_EVENTS && asked & POLLOUT)
			ready += put(b->out, fds[k].fd);
		if (got & EXCEPTION_EVENTS && asked & POLLPRI)
			ready += put(b->exceptions, fds[k].fd);
	}
	return ready;
}

static bool has_ours(const struct bits *b)
{
	for (int fd = 0; process_has_any() && fd < b->n; fd++)
		if ((has(b->in, fd) || has(b->out, fd) || has(b->exceptions, fd)) &&
		    tto_owns(fd))
			return true;
	return false;
}

static int select_kernel(const struct bits *b, const struct timespec *timeout,
			 const sigset_t *mask)
{
	struct timespec left = { 0 };
	struct {
		const sigset_t *mask;
		size_t bytes;
	} with = { mask, 8 };

	if (timeout)
		left = *timeout;
	return (int)kernel_call(SYS_pselect6, b->n, b->in, b->out, b->exceptions,
			    timeout ? &left : NULL, &with);
}

/* What poll() tells of though nobody has asked: then the descriptor has nothing to say. */
static void ignore_unasked(struct pollfd *fds, nfds_t n)
{
	for (nfds_t k = 0; k < n; k++)
		if (fds[k].revents)
			fds[k].fd = -1;
}

static int select_among(const struct bits *b, struct pollfd *fds, nfds_t n,
			const struct timespec *timeout, const sigset_t *mask)
{
	ns_t until = wait_until(timeout), now;
	struct timespec left;
	int ready;

	for (;;) {
		ready = poll_among(fds, n, fds + n, timeout, mask);
		if (ready > 0)
			ready = from_poll(b, fds, n);
		else if (!ready)
			return from_poll(b, fds, n);
		if (ready)
			return ready;
		ignore_unasked(fds, n);
		if (!timeout)
			continue;
		now = stack_clock();
		now = until > now ? until - now : 0;
		left = (struct timespec){ (time_t)(now / 1000000000u),
					  (long)(now % 1000000000u) };
		timeout = &left;
	}
}

int tto_select(int n, fd_set *in, fd_set *out, fd_set *exceptions,
	       const struct timespec *timeout, const sigset_t *mask)
{
	struct bits b = { in, out, exceptions, n };
	struct pollfd few[WAIT_FEW + WAIT_MORE], *fds = few;
	nfds_t count;
	int ready;

	if (!has_ours(&b))
		return select_kernel(&b, timeout, mask);
	count = to_poll(&b, NULL);
	if (2 * count > WAIT_FEW)
		fds = malloc((2 * count + WAIT_MORE) * sizeof(*fds));
	if (!fds) {
		errno = ENOMEM;
		return -1;
	}
	to_poll(&b, fds);
	ready = select_among(&b, fds, count, timeout, mask);
	if (fds != few)
		free(fds);
	if (ready >= 0)
		return ready;
	errno = -ready;
	return -1;
}
