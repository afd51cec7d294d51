// SPDX-License-Identifier: BSD-2-Clause
/* end.c - What a work queue has of a descriptor */
#include <errno.h>
#include <poll.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/ready/wait.h"
#include "socket/work/work.h"

#define EVENTS (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)
#define LOOK 64			/* of the kernel's at once                      */

static struct end **bucket_of(struct tto_work *w, int fd)
{
	return &w->buckets[(uint32_t)fd & (w->n_buckets - 1)];
}

struct end *end_find(struct tto_work *w, int fd)
{
	struct end *e = *bucket_of(w, fd);

	while (e && e->fd != fd)
		e = e->next;
	return e;
}

static void watch(struct end *e)
{
	e->watch.end = e;
	e->watch.socket = e->socket;
	e->watch.events = EVENTS;
	watch_add(&e->watch);
	if (!e->socket->posted)
		e->socket->posted = e;
}

struct end *end_get(struct tto_work *w, int fd)
{
	struct socket *s = descriptor_socket(fd);
	struct end *e = end_find(w, fd);

	if (e && e->socket == s)
		return e;
	if (e)
		end_drop(e);
	e = heap_zeroed(1, sizeof(*e));
	if (!e)
		return NULL;
	e->work = w;
	e->fd = fd;
	e->socket = s;
	operations_init(&e->receives);
	operations_init(&e->sends);
	e->next = *bucket_of(w, fd);
	*bucket_of(w, fd) = e;
	if (s)
		watch(e);
	else
		w->n_kernel++;
	return e;
}

static void remove_ready(struct end *e)
{
	struct end **at = &e->work->ready_first;

	if (!e->is_ready)
		return;
	while (*at != e)
		at = &(*at)->ready_next;
	*at = e->ready_next;
	if (!*at)
		e->work->ready_last = at;
	e->is_ready = false;
}

void end_not_due(struct end *e)
{
	struct end **at = &e->work->due_first;

	if (!e->is_due)
		return;
	while (*at != e)
		at = &(*at)->due_next;
	*at = e->due_next;
	if (!*at)
		e->work->due_last = at;
	e->work->n_due--;
	e->is_due = false;
}

void end_drop(struct end *e)
{
	struct end **at = bucket_of(e->work, e->fd);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	watch_remove(&e->watch);
	if (e->socket && e->socket->posted == e)
		e->socket->posted = NULL;
	if (!e->socket) {
		e->work->n_kernel--;
		if (e->in_epoll)
			(void)!kernel_epoll_ctl(e->work->epoll, EPOLL_CTL_DEL, e->fd,
						NULL);
	}
	remove_ready(e);
	end_not_due(e);
	(void)operation_cancel(e, &e->receives, NULL);
	(void)operation_cancel(e, &e->sends, NULL);
	deliver_drop(e);
	e->socket = NULL;
	e->is_gone = true;
	if (!e->is_busy)
		heap_free(e);
}

void end_ready(struct end *e)
{
	struct tto_work *w = e->work;

	if (e->is_ready)
		return;
	e->is_ready = true;
	e->ready_next = NULL;
	*w->ready_last = e;
	w->ready_last = &e->ready_next;
}

/* ---- The kernel's --------------------------------------------------------------------- */

/* Have it told once when what it waits for is so. */
static void ask(struct end *e)
{
	bool reads = e->receives.first || (e->deliver && !e->at_end);
	struct epoll_event event = {
		.events = EPOLLONESHOT | (reads ? EPOLLIN | EPOLLRDHUP : 0) |
			  (e->sends.first ? EPOLLOUT : 0),
		.data.fd = e->fd,
	};

	if (!reads && !e->sends.first)
		return;
	if (e->in_epoll &&
	    !kernel_epoll_ctl(e->work->epoll, EPOLL_CTL_MOD, e->fd, &event))
		return;
	e->in_epoll = !kernel_epoll_ctl(e->work->epoll, EPOLL_CTL_ADD, e->fd, &event);
}

void end_look(struct tto_work *w)
{
	struct epoll_event events[LOOK];
	int n = w->n_kernel ? kernel_epoll_pwait(w->epoll, events, LOOK, 0, NULL) : 0;

	for (int k = 0; k < n; k++) {
		struct end *e = events[k].data.fd >= 0 ? end_find(w, events[k].data.fd) :
							 NULL;

		if (e)
			end_ready(e);
	}
}

/* ---- Both ----------------------------------------------------------------------------- */

void end_progress(struct tto_work *w)
{
	struct end *e;

	while ((e = w->ready_first)) {
		remove_ready(e);
		operation_run(e);
		if (e->deliver)
			deliver_run(e);
		if (!e->socket)
			ask(e);
	}
}
