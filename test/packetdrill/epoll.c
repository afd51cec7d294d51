// SPDX-License-Identifier: BSD-2-Clause
/* epoll.c - poll() and epoll over the sockets of a host */
#include "packetdrill/epoll.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "packetdrill/socket.h"

#define INTEREST_MAX 64

struct interest {
	int fd;			/* -1: none                                     */
	struct epoll_event event;
	unsigned n_edges;	/* those of its socket that were told           */
	bool off;		/* EPOLLONESHOT, and told                       */
};

struct epoll_set {
	struct host *host;
	int fd;
	struct interest interest[INTEREST_MAX];
};

struct waiting {
	struct host *host;
	struct epoll_set *set;
	struct pollfd *fds;
	nfds_t n;
};

static ns_t limit_of(const struct host *h, int timeout_ms)
{
	return timeout_ms < 0 ? NS_NEVER :
				h->clock.now + (ns_t)timeout_ms * TCP_MS;
}

/* ---- poll ---------------------------------------------------------------------------------- */

static int look(struct host *h, struct pollfd *fds, nfds_t n)
{
	int ready = 0;

	for (nfds_t k = 0; k < n; k++) {
		const struct socket *s = socket_of(h, fds[k].fd);
		short always = POLLERR | POLLHUP;

		fds[k].revents = 0;
		if (fds[k].fd < 0)
			continue;
		fds[k].revents = s ? (short)(socket_readiness(s) &
					     (fds[k].events | always)) : POLLNVAL;
		ready += fds[k].revents != 0;
	}
	return ready;
}

static bool any_ready(void *ctx)
{
	struct waiting *w = ctx;

	return look(w->host, w->fds, w->n);
}

int epoll_poll(struct host *h, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct waiting w = { .host = h, .fds = fds, .n = n };
	int err = clock_sleep(&h->clock, any_ready, &w, limit_of(h, timeout_ms));

	return err == -EDEADLK ? err : look(h, fds, n);
}

/* ---- epoll --------------------------------------------------------------------------------- */

static struct epoll_set *set_of(const struct host *h, int fd)
{
	return fd >= 0 && fd < HOST_FDS ? h->epoll[fd] : NULL;
}

int epoll_make(struct host *h)
{
	struct epoll_set *set = calloc(1, sizeof(*set));

	if (!set)
		abort();
	set->host = h;
	set->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (set->fd < 0 || set->fd >= HOST_FDS) {
		free(set);
		return -EMFILE;
	}
	for (int k = 0; k < INTEREST_MAX; k++)
		set->interest[k].fd = -1;
	if (h->epoll[set->fd])
		epoll_free(h->epoll[set->fd]);
	h->epoll[set->fd] = set;
	return set->fd;
}

void epoll_free(struct epoll_set *set)
{
	set->host->epoll[set->fd] = NULL;
	free(set);
}

int epoll_close(struct host *h, int epfd)
{
	struct epoll_set *set = set_of(h, epfd);

	if (!set)
		return -EBADF;
	close(epfd);
	epoll_free(set);
	return 0;
}

static struct interest *find(struct epoll_set *set, int fd)
{
	for (int k = 0; k < INTEREST_MAX; k++) {
		if (set->interest[k].fd == fd)
			return &set->interest[k];
	}
	return NULL;
}

static unsigned edges_of(const struct socket *s)
{
	if (s->listener)
		return s->listener->n_reads;
	return s->connection ? s->connection->n_reads + s->connection->n_writes :
			       0;
}

static int set_interest(struct interest *i, const struct socket *s,
			const struct epoll_event *event)
{
	if (!i)
		return -ENOSPC;
	*i = (struct interest){
		.fd = s->fd, .event = *event, .n_edges = edges_of(s) - 1,
	};
	return 0;
}

int epoll_control(struct host *h, int epfd, int op, int fd,
		  const struct epoll_event *event)
{
	struct epoll_set *set = set_of(h, epfd);
	const struct socket *s = socket_of(h, fd);
	struct interest *i;

	if (!set || !s)
		return -EBADF;
	i = find(set, fd);
	if (op == EPOLL_CTL_ADD && i)
		return -EEXIST;
	if (op != EPOLL_CTL_ADD && !i)
		return -ENOENT;
	switch (op) {
	case EPOLL_CTL_ADD:
		return set_interest(find(set, -1), s, event);
	case EPOLL_CTL_MOD:
		return set_interest(i, s, event);
	case EPOLL_CTL_DEL:
		i->fd = -1;
		return 0;
	default:
		return -EINVAL;
	}
}

static uint32_t ready_of(struct epoll_set *set, const struct interest *i)
{
	const struct socket *s = i->fd < 0 ? NULL : socket_of(set->host, i->fd);

	if (!s || i->off)
		return 0;
	if (i->event.events & EPOLLET && i->n_edges == edges_of(s))
		return 0;
	return (uint32_t)socket_readiness(s) &
	       (i->event.events | EPOLLERR | EPOLLHUP);
}

static bool set_ready(void *ctx)
{
	struct waiting *w = ctx;

	for (int k = 0; k < INTEREST_MAX; k++) {
		if (ready_of(w->set, &w->set->interest[k]))
			return true;
	}
	return false;
}

static void tell(struct epoll_set *set, struct interest *i,
		 struct epoll_event *event, uint32_t ready)
{
	*event = (struct epoll_event){ .events = ready, .data = i->event.data };
	i->n_edges = edges_of(socket_of(set->host, i->fd));
	i->off = i->event.events & EPOLLONESHOT;
}

int epoll_await(struct host *h, int epfd, struct epoll_event *events, int max,
		int timeout_ms)
{
	struct waiting w = { .host = h, .set = set_of(h, epfd) };
	int err, n = 0;

	if (!w.set)
		return -EBADF;
	if (max <= 0)
		return -EINVAL;
	err = clock_sleep(&h->clock, set_ready, &w, limit_of(h, timeout_ms));
	if (err == -EDEADLK)
		return err;
	for (int k = 0; k < INTEREST_MAX && n < max; k++) {
		struct interest *i = &w.set->interest[k];
		uint32_t ready = ready_of(w.set, i);

		if (ready)
			tell(w.set, i, &events[n++], ready);
	}
	return n;
}
