// SPDX-License-Identifier: BSD-2-Clause
/* epoll_ctl.c - Sets of descriptors: add, change, remove */
#include <errno.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/ready/epoll.h"
#include "socket/ready/wait.h"

/* What may be asked for together with EPOLLEXCLUSIVE, as in the kernel. */
#define EXCLUSIVE_OK ((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | \
				 EPOLLET | EPOLLEXCLUSIVE))
/* How it is told, not of what. */
#define HOW ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP))

static int grow(struct epoll_set *set)
{
	uint32_t n = set->n_buckets ? set->n_buckets * 2 : EPOLL_BUCKETS;
	struct epoll_member **buckets = heap_zeroed(n, sizeof(struct epoll_member *));

	if (!buckets)
		return -ENOMEM;
	for (uint32_t b = 0; b < set->n_buckets; b++) {
		struct epoll_member *m, *next;

		for (m = set->buckets[b]; m; m = next) {
			next = m->next;
			m->next = buckets[(uint32_t)m->fd & (n - 1)];
			buckets[(uint32_t)m->fd & (n - 1)] = m;
		}
	}
	heap_free(set->buckets);
	set->buckets = buckets;
	set->n_buckets = n;
	return 0;
}

/* What it asks for; in the list if it is so already. */
static void ask(struct epoll_member *m, const struct epoll_event *event)
{
	m->events = event->events | EPOLLERR | EPOLLHUP;
	m->watch.events = m->events & ~HOW;
	m->data = event->data;
	if (epoll_readiness(m))
		epoll_tell(m);
	/* What is in the list and not ready leaves it when somebody looks. */
}

static int add(struct epoll_set *set, int fd, struct socket *s, struct epoll_set *inner,
	       const struct epoll_event *event)
{
	struct epoll_member *m;

	if (set->n_members >= set->n_buckets && grow(set) && !set->n_buckets)
		return -ENOMEM;
	m = heap_zeroed(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->set = set;
	m->fd = fd;
	m->inner = inner;
	m->watch.member = m;
	m->watch.socket = s;
	m->next = set->buckets[(uint32_t)fd & (set->n_buckets - 1)];
	set->buckets[(uint32_t)fd & (set->n_buckets - 1)] = m;
	set->n_members++;
	m->in_kernel = inner || socket_in_kernel(s);
	set->n_double += m->in_kernel;
	watch_insert(inner ? &inner->watches : &s->watches, &m->watch);
	ask(m, event);
	return 0;
}

static int check(const struct epoll_member *m, int operation, bool is_set,
		 const struct epoll_event *event)
{
	if (operation != EPOLL_CTL_ADD && operation != EPOLL_CTL_MOD &&
	    operation != EPOLL_CTL_DEL)
		return -EINVAL;
	if (operation != EPOLL_CTL_DEL && !event)
		return -EFAULT;
	if (operation != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE &&
	    (operation == EPOLL_CTL_MOD || is_set || event->events & ~EXCLUSIVE_OK))
		return -EINVAL;
	if (operation == EPOLL_CTL_ADD)
		return m ? -EEXIST : 0;
	if (!m)
		return -ENOENT;
	if (operation == EPOLL_CTL_MOD && m->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	return 0;
}

/* The kernel's part of what is with both. Return: 0 or -errno. */
static int ask_kernel(struct epoll_set *set, int operation, int fd,
		      struct epoll_event *event)
{
	if (kernel_epoll_ctl(set->fd, operation, fd, event))
		return -errno;
	set->has_kernel |= operation == EPOLL_CTL_ADD;
	return 0;
}

static int control(struct epoll_set *set, int operation, int fd, struct epoll_event *event)
{
	struct socket *s = descriptor_socket(fd);
	struct epoll_set *inner = descriptor_set(fd);
	struct epoll_member *m = epoll_find(set, fd, s, inner);
	bool with_kernel = !s || socket_in_kernel(s);
	int err;

	if (!s && !inner)
		return ask_kernel(set, operation, fd, event);
	if (inner == set)
		return -EINVAL;
	err = check(m, operation, inner, event);
	if (!err && (m ? m->in_kernel : with_kernel))
		err = ask_kernel(set, operation, fd, event);
	if (err)
		return err;
	if (operation == EPOLL_CTL_ADD)
		return add(set, fd, s, inner, event);
	if (operation == EPOLL_CTL_MOD)
		ask(m, event);
	else
		epoll_member_free(m);
	return 0;
}

int tto_epoll_ctl(int set_fd, int operation, int fd, struct epoll_event *event)
{
	struct epoll_set *set = descriptor_set(set_fd);
	int err;

	if (!set || !stack_lock())
		return kernel_epoll_ctl(set_fd, operation, fd, event);
	set->fd = set_fd;
	err = control(set, operation, fd, event);
	stack_unlock();
	if (!err)
		return 0;
	errno = -err;
	return -1;
}
