// SPDX-License-Identifier: BSD-2-Clause
/* bind.c - Local addresses: bind, and listen there */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

#include "socket/address.h"
#include "socket/bind/hold.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/listen.h"
#include "socket/ready/epoll.h"

static int fail(int err)
{
	errno = err;
	return -1;
}

/* ---- Bind ---------------------------------------------------------------------------- */

/* The kernel's socket is bound as well. */
static int bind_both(int fd, struct socket *s, const struct sockaddr *address,
		     socklen_t bytes)
{
	int saved = errno, result = kernel_bind(fd, address, bytes), err = errno;
	struct tcp_tuple t;

	if (!s || s->kind != SOCKET_NEW || !address_read(address, bytes, &t) ||
	    !stack_lock())
		return result;
	if (result && err == EADDRNOTAVAIL &&
	    embed_is_own(stack->embed, t.remote, t.v6)) {
		result = 0;	/* ours only: the kernel has no such address    */
		s->flags |= SOCKET_OURS;
	}
	if (!result) {
		memcpy(s->tuple.local, t.remote, 16);
		s->tuple.local_port = t.remote_port;
		s->tuple.v6 = t.v6;
		s->flags |= SOCKET_BOUND;
	}
	stack_unlock();
	errno = result ? err : saved;
	return result;
}

/* Left to the kernel, or not, when the owner has said @err. Return: of the call. */
static int bind_refused(int fd, struct socket *s, int err)
{
	s->flags &= ~(uint32_t)(SOCKET_BOUND | SOCKET_OURS);
	if (!hold_is_refusal(err) || getenv("TTO_STRICT"))
		return err;
	s->flags |= SOCKET_BOUND | SOCKET_OURS;
	return hold_leave(fd, s, hold_cause(err));
}

/* Return: 0; -errno; 1: the kernel is to be asked. */
static int bind_here(int fd, struct socket *s, const struct tcp_tuple *to)
{
	struct tcp_tuple t = { .local_port = to->remote_port, .v6 = to->v6 };
	int err;

	memcpy(t.local, to->remote, sizeof(t.local));
	if (!hold_concerns(&t))
		return 1;
	if (s->flags & SOCKET_BOUND)
		return -EINVAL;
	s->tuple = t;
	s->flags |= SOCKET_BOUND | SOCKET_OURS;
	err = hold_take(fd, s);
	return err ? bind_refused(fd, s, err) : 0;
}

static int bind_ours(int fd, struct socket *s, const struct sockaddr *address,
		     socklen_t bytes)
{
	struct tcp_tuple t;
	int result;

	if (s->kind != SOCKET_NEW || !embed_holds_ports(stack->embed) ||
	    !address_read(address, bytes, &t) || descriptor_lock(fd, s))
		return 1;
	result = bind_here(fd, s, &t);
	stack_unlock();
	return result;
}

int tto_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct socket *s = descriptor_socket(fd);
	int held;

	/* The kernel's socket behind it is free, and would take any address. */
	if (s && s->kind != SOCKET_NEW)
		return fail(EINVAL);
	held = s ? bind_ours(fd, s, address, bytes) : 1;
	return held > 0 ? bind_both(fd, s, address, bytes) : held ? fail(-held) : 0;
}

/* ---- Listen ----------------------------------------------------------------------------- */

/* The port that the kernel has chosen, when it was bound to any. */
static int learn_port(int fd, struct socket *s)
{
	struct sockaddr_storage a;
	socklen_t bytes = sizeof(a);
	struct tcp_tuple t;

	if (s->flags & SOCKET_OURS && s->tuple.local_port)
		return 0;
	if (s->flags & SOCKET_OURS)
		return ports_choose(stack->ports, stack->lookup, &s->tuple);
	if (kernel_getsockname(fd, &a, &bytes) ||
	    !address_read((struct sockaddr *)&a, bytes, &t))
		return -errno;
	s->tuple.local_port = t.remote_port;
	if (!(s->flags & SOCKET_BOUND))
		s->tuple.v6 = (s->flags & SOCKET_V6) != 0;
	return 0;
}

/* Is it reached from our wire? */
static bool is_ours_to_listen(const struct socket *s)
{
	static const uint8_t any[16];

	return !(s->flags & SOCKET_BOUND) || !memcmp(s->tuple.local, any, 16) ||
	       embed_is_own(stack->embed, s->tuple.local, s->tuple.v6);
}

static uint32_t backlog_of(int backlog)
{
	return backlog < 0 || backlog > 4096 ? 4096 : (uint32_t)backlog;
}

/* In the kernel first. Return: 0; 1: that is all; -errno. */
static int listen_in_kernel(int fd, const struct socket *s, int backlog)
{
	if (s->flags & SOCKET_OURS)
		return 0;
	if (kernel_listen(fd, backlog))
		return -errno;
	if (is_ours_to_listen(s))
		return 0;
	descriptor_leave(fd, embed_is_loopback(s->tuple.local, s->tuple.v6) ?
			 SOCKET_CAUSE_LOOPBACK : SOCKET_CAUSE_OTHER_ADDRESS);
	return 1;
}

static int listen_on_both(int fd, struct socket *s, int backlog)
{
	int err = listen_in_kernel(fd, s, backlog);

	if (!err)
		err = learn_port(fd, s);
	if (!err)
		err = listen_begin(s, backlog_of(backlog));
	return err;
}

static int listen_refused(int fd, const struct socket *s, int backlog, int err)
{
	if (!hold_is_refusal(err) || getenv("TTO_STRICT"))
		return err;
	err = hold_leave(fd, s, hold_cause(err));
	if (err)
		return err;
	return kernel_listen(fd, backlog) ? -errno : 1;
}

/* Of one that was bound to nothing, too: at any address, on any port. */
static int listen_held(int fd, struct socket *s, int backlog)
{
	struct tcp_tuple t = { .v6 = (s->flags & SOCKET_V6) != 0 };
	bool is_new = s->kind == SOCKET_NEW;
	int err = s->flags & SOCKET_BOUND ? 0 : bind_here(fd, s, &t);

	if (!err && descriptor_socket(fd) != s)		/* it was refused       */
		return kernel_listen(fd, backlog) ? -errno : 1;
	if (!err)
		err = listen_begin(s, backlog_of(backlog));
	if (err)
		return listen_refused(fd, s, backlog, err);
	err = hold_listen(fd, s, backlog, is_new);
	if (err && is_new) {
		listen_end(s);
		s->kind = SOCKET_NEW;
	}
	return err;
}

static int listen_here(int fd, struct socket *s, int backlog)
{
	int err;

	if (s->kind == SOCKET_CONNECTION)
		return -EINVAL;
	err = hold_concerns(&s->tuple) ? listen_held(fd, s, backlog) :
					 listen_on_both(fd, s, backlog);
	if (err)
		return err > 0 ? 0 : err;
	if (s->flags & SOCKET_OURS)
		epoll_is_ours(s);
	/* Who accepts looks here first, and must not wait there. */
	(void)kernel_fcntl(fd, F_SETFL, kernel_fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
	return 0;
}

int tto_listen(int fd, int backlog)
{
	struct socket *s = descriptor_socket(fd);
	int err;

	if (!s || descriptor_lock(fd, s))
		return kernel_listen(fd, backlog);
	stack->now = stack_clock();
	err = listen_here(fd, s, backlog);
	stack_unlock();
	return err ? fail(-err) : 0;
}
