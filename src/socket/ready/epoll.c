// SPDX-License-Identifier: BSD-2-Clause
/* epoll.c - Sets of descriptors: who is in them, and who is ready */
#include "socket/ready/epoll.h"

#include <errno.h>
#include <poll.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/join.h"
#include "socket/kernel.h"
#include "socket/ready/wait.h"

/* ---- What is ready ------------------------------------------------------------------- */

uint32_t socket_events(const struct socket *s)
{
	uint32_t events = s->kind == SOCKET_NEW ? 0 : socket_readiness(s);

	if (events & POLLIN)
		events |= POLLRDNORM;
	if (events & POLLOUT)
		events |= POLLWRNORM;
	return events;
}

static bool is_ready(struct epoll_set *set, unsigned depth);

static uint32_t readiness(const struct epoll_member *m, unsigned depth)
{
	uint32_t events;

	if (!m->inner)
		events = socket_events(m->watch.socket);
	else
		events = is_ready(m->inner, depth + 1) ? POLLIN | POLLRDNORM : 0;
	return events & m->watch.events;
}

uint32_t epoll_readiness(const struct epoll_member *m)
{
	return readiness(m, 0);
}

void epoll_ready_push(struct epoll_member *m)
{
	struct epoll_set *set = m->set;

	if (m->ready_at)
		return;
	m->ready_next = NULL;
	m->ready_at = set->ready_last;
	*set->ready_last = m;
	set->ready_last = &m->ready_next;
}

void epoll_ready_remove(struct epoll_member *m)
{
	if (!m->ready_at)
		return;
	*m->ready_at = m->ready_next;
	if (m->ready_next)
		m->ready_next->ready_at = m->ready_at;
	else
		m->set->ready_last = m->ready_at;
	m->ready_next = NULL;
	m->ready_at = NULL;
}

/* Those at the front of the list that are not ready any more leave it. */
static bool is_ready(struct epoll_set *set, unsigned depth)
{
	while (set->ready_first && depth < EPOLL_DEPTH) {
		if (readiness(set->ready_first, depth))
			return true;
		epoll_ready_remove(set->ready_first);
	}
	return false;
}

bool epoll_is_ready(struct epoll_set *set)
{
	return is_ready(set, 0);
}

bool epoll_tell(struct epoll_member *m)
{
	struct epoll_set *set = m->set;
	bool is_waited_for = set->watches;

	epoll_ready_push(m);
	/* The watches of a set may be members of others: that ends, for the kernel allows
	 * no circles and no more than EPOLL_DEPTH. */
	watches_tell_set(set->watches);
	return is_waited_for;
}

/* ---- Members ----------------------------------------------------------------------------- */

static uint32_t bucket_of(const struct epoll_set *set, int fd)
{
	return (uint32_t)fd & (set->n_buckets - 1);
}

struct epoll_member *epoll_find(const struct epoll_set *set, int fd,
				const struct socket *s, const struct epoll_set *inner)
{
	struct epoll_member *m = set->n_buckets ? set->buckets[bucket_of(set, fd)] : NULL;

	while (m && (m->fd != fd || m->watch.socket != s || m->inner != inner))
		m = m->next;
	return m;
}

void epoll_member_free(struct epoll_member *m)
{
	struct epoll_member **at = &m->set->buckets[bucket_of(m->set, m->fd)];

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	epoll_ready_remove(m);
	watch_remove(&m->watch);
	m->set->n_members--;
	m->set->n_double -= m->in_kernel;
	heap_free(m);
}

/* ---- Sets ---------------------------------------------------------------------------------- */

static void set_free(struct epoll_set *set)
{
	for (uint32_t n = 0; n < set->n_buckets; n++)
		while (set->buckets[n])
			epoll_member_free(set->buckets[n]);
	watches_drop(&set->watches);
	*set->at = set->next;
	if (set->next)
		set->next->at = set->at;
	heap_free(set->buckets);
	heap_free(set);
}

void epoll_drop(struct epoll_set *set)
{
	if (!--set->refs)
		set_free(set);
}

static struct epoll_set *set_take(int fd)
{
	struct epoll_set *set = heap_zeroed(1, sizeof(*set));

	if (!set)
		return NULL;
	set->refs = 1;
	set->fd = fd;
	set->ready_last = &set->ready_first;
	set->next = stack->sets;
	set->at = &stack->sets;
	if (set->next)
		set->next->at = &set->next;
	stack->sets = set;
	return set;
}

int tto_epoll_create1(int flags)
{
	struct epoll_set *set;
	int fd;

	join_if_due();
	fd = kernel_epoll_create1(flags);
	if (fd < 0 || !stack || !stack_lock())
		return fd;
	/* Without memory for it, it is the kernel's alone. */
	set = set_take(fd);
	if (set && descriptor_add_set(fd, set))
		set_free(set);
	stack_unlock();
	return fd;
}

/* ---- Sockets for which it is decided ---------------------------------------------------- */

void epoll_is_ours(struct socket *s)
{
	for (struct watch *w = s->watches; w; w = w->next) {
		struct epoll_member *m = w->member;

		if (!m || !m->in_kernel)
			continue;
		(void)!kernel_epoll_ctl(m->set->fd, EPOLL_CTL_DEL, m->fd, NULL);
		m->in_kernel = false;
		m->set->n_double--;
	}
}
