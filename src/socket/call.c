// SPDX-License-Identifier: BSD-2-Clause
/*
 * call.c - The calls that make connections
 *
 * A descriptor is a socket of the kernel's from the start. When it listens, it listens in
 * both stacks. When it connects, the way decides: if our stack has one it is ours, and the
 * kernel's socket behind it stays unconnected; else we forget it, and it is the kernel's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "socket/address.h"
#include "socket/connection.h"
#include "socket/descriptor.h"
#include "socket/bind/hold.h"
#include "socket/join.h"
#include "socket/kernel.h"
#include "socket/listen.h"
#include "socket/option.h"
#include "socket/process.h"
#include "socket/ready/epoll.h"
#include "socket/ready/wait.h"

#define PORT_TRIES 64

static int fail(int err)
{
	errno = err;
	return -1;
}

/* ---- Begin ------------------------------------------------------------------------ */

static bool is_for_us(int domain, int type, int protocol)
{
	return (domain == AF_INET || domain == AF_INET6) &&
	       (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
	       (protocol == 0 || protocol == IPPROTO_TCP);
}

/* Make @fd one of ours. Return: false: no room; it stays the kernel's. */
static bool adopt(int fd, int domain, bool nonblock)
{
	struct socket *s = socket_take();

	if (!s)
		return false;
	if (domain == AF_INET6)
		s->flags |= SOCKET_V6;
	if (nonblock)
		s->flags |= SOCKET_NONBLOCK;
	if (!descriptor_add(fd, s))
		return true;
	socket_drop(s);
	return false;
}

int tto_socket(int domain, int type, int protocol)
{
	int fd;

	if (is_for_us(domain, type, protocol))
		join_if_due();
	fd = kernel_socket(domain, type, protocol);
	if (fd < 0 || !stack || !stack_lock())
		return fd;
	descriptor_forget(fd);
	if (is_for_us(domain, type, protocol) &&
	    !adopt(fd, domain, type & SOCK_NONBLOCK))
		descriptor_leave(fd, SOCKET_CAUSE_FULL);
	stack_unlock();
	return fd;
}

/* ---- Addresses ----------------------------------------------------------------------- */

/* May a call write an address there? Return: 0; -EFAULT; -EINVAL. */
static int look_at_room(const void *address, const socklen_t *bytes)
{
	if (is_nowhere(bytes) || (is_nowhere(address) && *bytes))
		return -EFAULT;
	return (int)*bytes < 0 ? -EINVAL : 0;
}

int tto_getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct socket *s = descriptor_socket(fd);
	int err;

	if (!s || (s->kind == SOCKET_NEW && !(s->flags & SOCKET_OURS)) ||
	    (s->kind == SOCKET_LISTENER && !(s->flags & SOCKET_OURS)))
		return kernel_getsockname(fd, address, bytes);
	err = look_at_room(address, bytes);
	if (err)
		return fail(-err);
	address_write(s->tuple.local, s->tuple.local_port, s->tuple.v6,
		      s->flags & SOCKET_V6, address, bytes);
	return 0;
}

int tto_getpeername(int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct socket *s = descriptor_socket(fd);
	int err;

	if (!s)
		return kernel_getpeername(fd, address, bytes);
	if (s->kind != SOCKET_CONNECTION || !(s->flags & SOCKET_CONNECTED) ||
	    s->flags & SOCKET_OVER)
		return fail(ENOTCONN);
	err = look_at_room(address, bytes);
	if (err)
		return fail(-err);
	address_write(s->tuple.remote, s->tuple.remote_port, s->tuple.v6,
		      s->flags & SOCKET_V6, address, bytes);
	return 0;
}

/* ---- Wait for a socket ---------------------------------------------------------------- */

/*
 * Until @s, which is @fd, has one of @events, or the time is over. @in_kernel: or what
 * the kernel's socket behind it has to be accepted. Return: 0; -EAGAIN: time is up; -EINTR;
 * -EBADF: @fd is not @s any more, which may be gone.
 */
static int wait_for(int fd, struct socket *s, uint32_t events, bool in_kernel, ns_t timeout)
{
	ns_t until = timeout ? stack_clock() + timeout : NS_NEVER;
	struct sleeper *sleeper = sleeper_take();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int got = 0;

	sleeper_watch(sleeper, s, events);
	while (!(socket_readiness(s) & (events | POLLERR | POLLHUP)) && got == 0) {
		got = sleep_once(sleeper, &p, in_kernel, until, NULL);
		if (descriptor_socket(fd) != s)
			got = -EBADF;
		else if (got == 0 && stack_clock() >= until)
			got = -EAGAIN;
	}
	sleeper_give(sleeper);
	return got > 0 ? 0 : got;
}

/* ---- Connect ------------------------------------------------------------------------------ */

/* Claimed, and in the table. */
static int use_port(struct socket *s)
{
	int err;

	if (lookup_entry(stack->lookup, &s->tuple) != LOOKUP_NONE)
		return -EADDRNOTAVAIL;
	err = embed_claim(stack->embed, &s->tuple, EMBED_CONNECT);
	if (!err && lookup_insert(stack->lookup, &s->tuple, s->idx)) {
		embed_release(stack->embed, &s->tuple);
		err = -ENOBUFS;
	}
	return err;
}

static int take_port(struct socket *s)
{
	int err = -EADDRINUSE;

	if (s->tuple.local_port)
		return use_port(s);
	/* Somebody else on this machine may have it. */
	for (int n = 0; n < PORT_TRIES && err == -EADDRINUSE; n++) {
		err = ports_choose(stack->ports, stack->lookup, &s->tuple);
		if (!err)
			err = use_port(s);
	}
	if (err) {
		s->tuple.local_port = 0;
		return err;
	}
	ports_use(stack->ports, &s->tuple);
	s->flags |= SOCKET_PORT;
	return 0;
}

/* To us: only if one of us listens there; others are the kernel's. */
static bool is_listened_on(const struct tcp_tuple *to)
{
	struct tcp_tuple t = { .v6 = to->v6, .local_port = to->remote_port };

	memcpy(t.local, to->remote, sizeof(t.local));
	return lookup_find_listener(stack->lookup, &t) != LOOKUP_NONE;
}

/* Connecting to no address at all is to this host: the kernel's, unless loopback is ours. */
static bool is_this_host(const struct tcp_tuple *t)
{
	static const uint8_t any[16];

	return embed_is_loopback(t->remote, t->v6) || !memcmp(t->remote, any, 16);
}

/* To no address at all is to this host, as Linux has it. */
static void name_this_host(struct tcp_tuple *t)
{
	static const uint8_t any[16], one[16] = { [15] = 1 }, v4[16] = { 127, 0, 0, 1 };

	if (stack->loopback && !memcmp(t->remote, any, sizeof(any)))
		memcpy(t->remote, t->v6 ? one : v4, sizeof(any));
}

/* Return: 0: begun; -ENETUNREACH: our stack has no way; -errno. */
static int begin(struct socket *s, const struct tcp_tuple *to)
{
	struct tcp_tuple t = *to, was;
	struct embed_path path;
	int err;

	if (s->flags & SOCKET_BOUND)
		memcpy(t.local, s->tuple.local, 16);
	name_this_host(&t);
	/* A gateway leads everywhere, but not here. */
	if (embed_is_own(stack->embed, t.remote, t.v6) ? !is_listened_on(&t) :
							 is_this_host(&t))
		return -ENETUNREACH;
	err = embed_route(stack->embed, &t, stack->now, &path);
	if (err && err != -EAGAIN)
		return err;
	if (!err)
		s->path = path;
	t.local_port = s->tuple.local_port;
	was = s->tuple;
	s->tuple = t;
	err = take_port(s);
	if (err) {
		s->tuple = was;
		return err;
	}
	/* The flow holds the port from now on. */
	hold_drop(s);
	epoll_is_ours(s);
	connection_open(s);
	embed_flush(stack->embed);
	return 0;
}

static int finish(int fd, struct socket *s)
{
	int err = 0;

	if (s->flags & SOCKET_CONNECTING) {
		if (s->flags & SOCKET_NONBLOCK)
			return -EINPROGRESS;
		do
			err = wait_for(fd, s, POLLOUT, false, s->send_timeout);
		while (err == -EINTR && !s->send_timeout && wait_restarts());
	}
	if (err)
		return err == -EAGAIN ? -EINPROGRESS : err;
	err = -s->error;
	s->error = 0;
	return err;
}

static int connect_again(int fd, struct socket *s)
{
	if (s->flags & SOCKET_CONNECTING)
		return s->flags & SOCKET_NONBLOCK ? -EALREADY : finish(fd, s);
	if (s->flags & SOCKET_CONNECTED)
		return -EISCONN;
	if (s->error)
		return finish(fd, s);
	return -ECONNABORTED;
}

/* Why begin() has said @err. */
static enum socket_cause cause_of(int err, const struct tcp_tuple *to)
{
	if (err == -EHOSTUNREACH)
		return SOCKET_CAUSE_NO_NEIGHBOUR;
	if (hold_is_refusal(err))
		return hold_cause(err);
	if (embed_is_own(stack->embed, to->remote, to->v6))
		return SOCKET_CAUSE_OWN;
	return is_this_host(to) ? SOCKET_CAUSE_LOOPBACK : SOCKET_CAUSE_UNREACHABLE;
}

/* One of its own family: the kernel takes no other. */
static bool read_for(const struct socket *s, const struct sockaddr *address,
		     socklen_t bytes, struct tcp_tuple *to)
{
	return address_read(address, bytes, to) &&
	       address->sa_family == (s->flags & SOCKET_V6 ? AF_INET6 : AF_INET);
}

int tto_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct socket *s = descriptor_socket(fd);
	struct tcp_tuple to;
	int err;

	if (!s || s->kind == SOCKET_LISTENER || descriptor_lock(fd, s))
		return kernel_connect(fd, address, bytes);
	if (s->kind == SOCKET_CONNECTION) {
		stack_run();
		err = connect_again(fd, s);
		stack_unlock();
		return err ? fail(-err) : 0;
	}
	stack->now = stack_clock();
	/* The kernel refuses it, or there is nothing to undo (AF_UNSPEC). */
	if (!read_for(s, address, bytes, &to)) {
		stack_unlock();
		return kernel_connect(fd, address, bytes);
	}
	err = begin(s, &to);
	if ((err == -ENETUNREACH || hold_is_refusal(err)) && getenv("TTO_STRICT") &&
	    to.remote_port && !is_this_host(&to)) {
		stack_unlock();
		return fail(-err);
	}
	if (err == -ENETUNREACH || err == -EHOSTUNREACH || hold_is_refusal(err)) {
		err = hold_leave(fd, s, cause_of(err, &to));
		stack_unlock();
		return err ? fail(-err) : kernel_connect(fd, address, bytes);
	}
	if (!err)
		err = finish(fd, s);
	stack_unlock();
	return err ? fail(-err) : 0;
}

/* ---- Accept --------------------------------------------------------------------------------- */

/* A descriptor for a connection of ours. */
static int give_descriptor(struct socket *c, int flags)
{
	int fd = kernel_socket(c->flags & SOCKET_V6 ? AF_INET6 : AF_INET,
			       SOCK_STREAM | flags, 0), err;

	if (fd < 0) {
		err = errno;
		socket_drop(c);
		return -err;
	}
	if (flags & SOCK_NONBLOCK)
		c->flags |= SOCKET_NONBLOCK;
	err = descriptor_add(fd, c);
	if (!err)
		return fd;
	(void)!kernel_close(fd);
	socket_drop(c);
	return err;
}

/* Return: a descriptor; -EAGAIN; -errno. @is_ours: which stack it is of. */
static int accept_now(int fd, struct socket *s, struct sockaddr *address,
		      socklen_t *bytes, int flags, bool *is_ours)
{
	struct socket *c = listen_accept(s);
	int made;

	*is_ours = c != NULL;
	if (c) {
		uint32_t v6 = c->flags & SOCKET_V6;

		made = give_descriptor(c, flags);
		if (made >= 0 && address)
			address_write(c->tuple.remote, c->tuple.remote_port,
				      c->tuple.v6, v6, address, bytes);
		return made;
	}
	if (s->flags & SOCKET_OURS)
		return -EAGAIN;
	made = kernel_accept4(fd, address, bytes, flags);
	if (made >= 0)
		descriptor_leave(made, SOCKET_CAUSE_BY_KERNEL);
	return made < 0 ? -errno : made;
}

int tto_accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags)
{
	struct socket *s = descriptor_socket(fd);
	bool is_ours;
	int made;

	if (!s || s->kind != SOCKET_LISTENER)
		return kernel_accept4(fd, address, bytes, flags);
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return fail(EINVAL);
	made = address ? look_at_room(address, bytes) : 0;
	if (!made)
		made = descriptor_lock(fd, s);
	if (made)
		return fail(-made);
	if (!s->accept_first)
		stack_run();
	for (;;) {
		made = accept_now(fd, s, address, bytes, flags, &is_ours);
		if (made != -EAGAIN || s->flags & SOCKET_NONBLOCK)
			break;
		made = wait_for(fd, s, POLLIN, !(s->flags & SOCKET_OURS),
				s->receive_timeout);
		if (made == -EINTR && !s->receive_timeout && wait_restarts())
			made = 0;
		if (made)
			break;
		if (s->kind != SOCKET_LISTENER) {
			made = -EINVAL;	/* shut down meanwhile                  */
			break;
		}
	}
	stack_unlock();
	return made < 0 ? fail(-made) : made;
}

/* ---- End --------------------------------------------------------------------------------------- */

static int shut(struct socket *s, int how)
{
	struct tcp_env env = stack_env();

	if (!(s->flags & SOCKET_CONNECTED) || s->flags & SOCKET_OVER)
		return -ENOTCONN;
	if (how == SHUT_RD || how == SHUT_RDWR)
		s->flags |= SOCKET_SHUT_READ;
	if ((how == SHUT_WR || how == SHUT_RDWR) && !(s->flags & SOCKET_SHUT_WRITE)) {
		s->flags |= SOCKET_SHUT_WRITE;
		tcp_shutdown(&s->tcb, &env);
	}
	notify(s, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	connection_touch(s);
	embed_flush(stack->embed);
	return 0;
}

int tto_shutdown(int fd, int how)
{
	struct socket *s = descriptor_socket(fd);
	int err;

	if (!s || descriptor_lock(fd, s))
		return kernel_shutdown(fd, how);
	stack->now = stack_clock();
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		err = -EINVAL;
	else if (s->kind == SOCKET_LISTENER && how == SHUT_WR) {
		err = 0;	/* there is nothing to end                      */
	} else if (s->kind == SOCKET_LISTENER) {
		err = s->flags & SOCKET_OURS ? 0 : kernel_shutdown(fd, how) ? -errno : 0;
		listen_end(s);
		s->kind = SOCKET_NEW;
		notify(s, POLLIN | POLLHUP);
	} else {
		err = s->kind == SOCKET_CONNECTION ? shut(s, how) : -ENOTCONN;
	}
	stack_unlock();
	return err ? fail(-err) : 0;
}

/* ---- Options ---------------------------------------------------------------------------- */

/* Return: 0; -1. */
static int set_switch(int fd, struct socket *s, int level, int option,
		      const void *value)
{
	int err = descriptor_lock(fd, s), is_on;

	if (err)
		return fail(-err);
	memcpy(&is_on, value, sizeof(is_on));
	is_on = is_on != 0;
	stack->now = stack_clock();
	(void)option_set(s, level, option, &is_on, sizeof(is_on));
	stack_unlock();
	return 0;
}

int tto_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	struct socket *s = descriptor_socket(fd);
	bool is_kernels = s && value && option_is_kernels(level, option, value, bytes);
	socklen_t n = sizeof(int);
	int result, judged, err = 0;

	if (s && !is_nowhere(value) && bytes >= sizeof(int) &&
	    option_is_switch(s, level, option))
		return set_switch(fd, s, level, option, value);
	if (is_kernels && getenv("TTO_STRICT"))
		return fail(ENOPROTOOPT);
	if (s && option_refuses(s, level, option))
		return fail(EINVAL);
	result = kernel_setsockopt(fd, level, option, value, bytes);
	/* An algorithm that the kernel has not may still be one of ours, or the like. */
	if (result || !s || !value || !stack_lock())
		return result;
	/* Yes is 1, and what is too much is less. */
	if (option_is_number(level, option) &&
	    !kernel_getsockopt(fd, level, option, &judged, &n)) {
		value = &judged;
		bytes = n;
	}
	stack->now = stack_clock();
	if (is_kernels && s->kind == SOCKET_NEW)
		descriptor_leave(fd, SOCKET_CAUSE_OPTION);
	else
		err = option_set(s, level, option, value, bytes);
	n = sizeof(judged);
	if (err == -ENOPROTOOPT &&
	    !kernel_getsockopt(fd, level, option, &judged, &n) && n == sizeof(judged))
		option_remember(s, level, option, judged, bytes <= n);
	stack_unlock();
	return err && err != -ENOPROTOOPT ? fail(-err) : 0;
}

int tto_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	struct socket *s = descriptor_socket(fd);
	int err;

	if (!s || is_nowhere(value) || is_nowhere(bytes) || s->kind == SOCKET_NEW ||
	    !stack_lock())
		return kernel_getsockopt(fd, level, option, value, bytes);
	stack->now = stack_clock();
	if (level == SOL_SOCKET && option == SO_ERROR)
		stack_run();
	err = option_get(s, level, option, value, bytes);
	stack_unlock();
	if (err == -ENOPROTOOPT)
		return kernel_getsockopt(fd, level, option, value, bytes);
	return err ? fail(-err) : 0;
}
