// SPDX-License-Identifier: BSD-2-Clause
/* poll.c - Wait for any of some descriptors, ours and the kernel's */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/confine.h"
#include "socket/ready/epoll.h"
#include "socket/ready/wait.h"

#define LOOK_NS 50000u		/* between looks at the kernel's, when something
				 * of ours is ready                             */

bool poll_has_ours(const struct pollfd *fds, nfds_t n)
{
	if (!process_has_any())
		return false;
	for (nfds_t k = 0; k < n; k++)
		if (tto_owns(fds[k].fd))
			return true;
	return false;
}

/* ---- Look ---------------------------------------------------------------------------- */

/* What is ready of ours; all revents are set. Return: how many. */
static int look_ours(struct pollfd *fds, nfds_t n)
{
	int ready = 0;

	for (nfds_t k = 0; k < n; k++) {
		struct pollfd *p = &fds[k];
		struct socket *s = descriptor_socket(p->fd);
		struct epoll_set *set = s ? NULL : descriptor_set(p->fd);
		uint32_t events = 0;

		if (s)
			events = socket_events(s);
		else if (set && epoll_is_ready(set))
			events = POLLIN | POLLRDNORM;
		events &= (uint16_t)p->events | POLLERR | POLLHUP;
		p->revents = (short)events;
		ready += events != 0;
	}
	return ready;
}

/* The kernel's, at their places; others have no number. Return: how many. */
static nfds_t list_kernel(const struct pollfd *fds, nfds_t n, struct pollfd *list)
{
	nfds_t count = 0;

	for (nfds_t k = 0; k < n; k++) {
		const struct socket *s = descriptor_socket(fds[k].fd);

		list[k] = fds[k];
		list[k].revents = 0;
		if (s && !socket_in_kernel(s))
			list[k].fd = -1;
		count += list[k].fd >= 0;
	}
	return count;
}

static int look_kernel(struct pollfd *list, nfds_t n)
{
	struct timespec none = { 0 };

	return confine_ppoll(list, n, &none, NULL);
}

/* Return: how many are ready, of both. */
static int join(struct pollfd *fds, nfds_t n, const struct pollfd *list)
{
	int ready = 0;

	for (nfds_t k = 0; k < n; k++) {
		fds[k].revents |= list[k].revents;
		ready += fds[k].revents != 0;
	}
	return ready;
}

static bool kernel_is_due(void)
{
	static ns_t looked;	/* of this process; a wrong one does no harm    */
	ns_t now = stack->now;

	if (now - looked <= LOOK_NS)
		return false;
	looked = now;
	return true;
}

/* Without waiting. Return: how many are ready; -errno. */
static int look(struct pollfd *fds, nfds_t n, struct pollfd *list)
{
	int ready = look_ours(fds, n), more;
	nfds_t n_kernel;

	if (ready && !kernel_is_due())
		return ready;
	n_kernel = list_kernel(fds, n, list);
	if (!n_kernel)
		return ready;
	more = look_kernel(list, n);
	return more < 0 ? more : more ? join(fds, n, list) : ready;
}

/* ---- Wait ----------------------------------------------------------------------------- */

static void watch_all(struct sleeper *sleeper, const struct pollfd *fds, nfds_t n)
{
	struct watch *w;

	sleeper->many = heap_zeroed(n, sizeof(*sleeper->many));
	if (!sleeper->many)
		return;
	w = sleeper->many;
	for (nfds_t k = 0; k < n; k++, w++) {
		struct socket *s = descriptor_socket(fds[k].fd);
		struct epoll_set *set = s ? NULL : descriptor_set(fds[k].fd);

		w->sleeper = sleeper;
		w->socket = s;
		w->events = (uint16_t)fds[k].events;
		if (s)
			watch_add(w);
		else if (set)
			watch_insert(&set->watches, w);
	}
}

static void unwatch_all(struct sleeper *sleeper, nfds_t n)
{
	for (nfds_t k = 0; sleeper->many && k < n; k++)
		watch_remove(&sleeper->many[k]);
}

static struct sleeper *begin(const struct pollfd *fds, nfds_t n)
{
	struct sleeper *sleeper = sleeper_take();

	if (!sleeper)
		return NULL;
	watch_all(sleeper, fds, n);
	if (sleeper->many)
		return sleeper;
	/* Without memory it looks every millisecond, as without a sleeper. */
	sleeper_give(sleeper);
	return NULL;
}

static int sleep_until_ready(struct pollfd *fds, nfds_t n, struct pollfd *list, ns_t until,
			     const sigset_t *mask)
{
	struct sleeper *sleeper = begin(fds, n);
	int ready = 0, err = 0;

	while (!ready && !err && stack_clock() < until) {
		bool any = list_kernel(fds, n, list);

		err = sleep_among(sleeper, list, any ? n : 0, until, mask);
		ready = look_ours(fds, n);
		if (err > 0 || (ready && any)) {
			err = err > 0 ? 0 : look_kernel(list, n);
			ready = join(fds, n, list);
		}
		err = err < 0 ? err : 0;
	}
	if (sleeper) {
		unwatch_all(sleeper, n);
		sleeper_give(sleeper);
	}
	return ready ? ready : err;
}

int poll_among(struct pollfd *fds, nfds_t n, struct pollfd *list,
	       const struct timespec *timeout, const sigset_t *mask)
{
	ns_t until = wait_until(timeout);
	int ready;

	if (!stack_lock())
		return -EAGAIN;
	stack_run();
	ready = look(fds, n, list);
	if (!ready && until)
		ready = sleep_until_ready(fds, n, list, until, mask);
	stack_unlock();
	return ready;
}

/* As the kernel's; the timeout stays as it is. */
static int poll_kernel(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask)
{
	struct timespec left = { 0 };

	if (timeout)
		left = *timeout;
	return kernel_ppoll(fds, n, timeout ? &left : NULL, mask);
}

int tto_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	     const sigset_t *mask)
{
	struct pollfd few[WAIT_FEW + WAIT_MORE], *list = few;
	int ready;

	if (!poll_has_ours(fds, n))
		return poll_kernel(fds, n, timeout, mask);
	if (n > WAIT_FEW)
		list = malloc((n + WAIT_MORE) * sizeof(*list));
	if (!list) {
		errno = ENOMEM;
		return -1;
	}
	ready = poll_among(fds, n, list, timeout, mask);
	if (list != few)
		free(list);
	if (ready >= 0)
		return ready;
	errno = -ready;
	return -1;
}
