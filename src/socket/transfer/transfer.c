// SPDX-License-Identifier: BSD-2-Clause
/* transfer.c - Send and receive: SPEC LIB-2, LIB-3, RQ-5 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

#include "socket/address.h"
#include "socket/connection.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/ready/error_queue.h"
#include "socket/ready/urgent.h"
#include "socket/ready/wait.h"
#include "socket/transfer/transfer.h"

static ssize_t fail(int err)
{
	errno = err;
	return -1;
}

/* What the kernel would not take. Return: 0; -EMSGSIZE; -EFAULT. */
static int look_at_elements(const struct msghdr *m)
{
	size_t n = m->msg_iovlen;

	if (n > IOV_MAX)
		return -EMSGSIZE;
	if (n && is_nowhere(m->msg_iov))
		return -EFAULT;
	while (n--)
		if (m->msg_iov[n].iov_len && is_nowhere(m->msg_iov[n].iov_base))
			return -EFAULT;
	return 0;
}

/*
 * Until @events, as wait_for() of call.c. @receiver: has what comes meanwhile; NULL.
 * @held: taken when it is needed, and given back at the end of the call: until then @s
 * stays, though somebody may close it.
 * Return: 0; -EAGAIN; -EINTR; -EBADF: without a sleeper @s is not held, and was closed.
 */
static int wait_here(struct sleeper **held, int fd, struct socket *s, uint32_t events,
		     ns_t until, struct cursor *receiver)
{
	int got = 0;

	if (!*held) {
		*held = sleeper_take();
		sleeper_watch(*held, s, events);
	}
	if (*held)
		(*held)->receiver = receiver;
	got = sleep_once(*held, NULL, 0, until, NULL);
	if (!*held && descriptor_socket(fd) != s)
		return -EBADF;
	if (got == -EINTR && until == NS_NEVER && wait_restarts())
		got = 0;
	if (got == 0 && until != NS_NEVER && stack_clock() >= until)
		got = -EAGAIN;
	return got > 0 ? 0 : got;
}

static ns_t deadline(ns_t timeout)
{
	return timeout ? stack_clock() + timeout : NS_NEVER;
}

/* ---- Receive ---------------------------------------------------------------------- */

/* From the ring. Return: how far. */
static uint64_t take(struct socket *s, struct cursor *c)
{
	uint64_t place = urgent_skip(s, s->receive.first, c->got);
	uint32_t left;

	while (c->n_iov && (left = (uint32_t)(urgent_end(s, place, c->got) - place))) {
		size_t room = cursor_part(c);
		uint32_t n = left < room ? left : (uint32_t)room;

		ring_take(&s->receive, place, cursor_bytes(c), n);
		cursor_advance(c, n);
		place += n;
	}
	return place;
}

static void was_read(struct socket *s, uint64_t place)
{
	struct tcp_env env = stack_env();
	uint32_t n = (uint32_t)(place - s->receive.first);

	if (!n)
		return;
	connection_took(s, place);
	if (!connection_lives(s))
		return;
	tcp_read(&s->tcb, &env, n);
	connection_touch(s);
}

static bool is_at_end(const struct socket *s)
{
	return s->flags & (SOCKET_PEER_CLOSED | SOCKET_SHUT_READ | SOCKET_OVER);
}

/* Why nothing can be had now. Return: 0: the end; -errno. */
static int why_nothing(struct socket *s)
{
	int err = s->error;

	s->error = 0;
	if (err)
		return -err;
	return is_at_end(s) ? 0 : -EAGAIN;
}

int transfer_receive(struct socket *s, struct cursor *r, size_t want, bool *is_end)
{
	uint64_t place = s->receive.first;

	if (s->kind != SOCKET_CONNECTION)
		return -ENOTCONN;
	if (urgent_readable(s)) {
		place = take(s, r);
		was_read(s, place);
	}
	*is_end = is_at_end(s) && !urgent_readable(s);
	if (r->got >= want || (r->got && (*is_end || urgent_is_next(s, place))))
		return 0;
	return r->got ? -EAGAIN : why_nothing(s);
}

/* One turn, with the caller's buffer in the way of what comes; NULL when peeking. */
static void turn_for(struct socket *s, struct cursor *r)
{
	if (r)
		stack_run_for(s, r);
	else
		stack_run();
}

/* SPEC RQ-5. Return: bytes; -errno. */
static ssize_t receive(int fd, struct socket *s, struct cursor *r, int flags)
{
	bool blocks = !(flags & MSG_DONTWAIT || s->flags & SOCKET_NONBLOCK);
	size_t want = flags & MSG_WAITALL ? cursor_left(r) : 1;
	ns_t until = deadline(s->receive_timeout);
	bool peek = flags & MSG_PEEK, has_run = false;
	struct sleeper *sleeper = NULL;
	uint64_t place;
	int err = 0;

	if (!peek && want < s->low_water && blocks)
		want = s->low_water;
	for (;;) {
		place = s->receive.first;
		if (ring_count(&s->receive)) {
			place = take(s, r);
			if (!peek)
				was_read(s, place);
		}
		if (r->got && urgent_is_next(s, place))
			break;
		if (r->got >= want || !r->n_iov || is_at_end(s) || s->error)
			break;
		if (has_run && !blocks)
			break;
		if (peek && r->got)
			break;
		if (has_run)
			err = wait_here(&sleeper, fd, s, POLLIN | POLLRDHUP, until,
					peek ? NULL : r);
		else
			turn_for(s, peek ? NULL : r);
		has_run = true;
		if (err)
			break;
	}
	if (!r->got && !err)
		err = why_nothing(s);
	sleeper_give(sleeper);
	return r->got ? (ssize_t)r->got : err;
}

/* Without room for a byte a call tells whether it would have to wait, and why it need not. */
static ssize_t receive_nothing(int fd, struct socket *s, int flags)
{
	bool blocks = !(flags & MSG_DONTWAIT || s->flags & SOCKET_NONBLOCK);
	ns_t until = deadline(s->receive_timeout);
	struct sleeper *sleeper = NULL;
	int err = 0;

	stack_run();
	while (!err && !urgent_readable(s) && !is_at_end(s) && !s->error)
		err = blocks ? wait_here(&sleeper, fd, s, POLLIN | POLLRDHUP, until, NULL) :
			       -EAGAIN;
	if (!err && !urgent_readable(s))
		err = why_nothing(s);
	sleeper_give(sleeper);
	return err;
}

static ssize_t discard(int fd, struct socket *s, size_t bytes, int flags)
{
	static uint8_t nowhere[65536];
	struct iovec iov = { nowhere, bytes < sizeof(nowhere) ? bytes :
								sizeof(nowhere) };
	struct cursor r = cursor_begin(&iov, 1);

	return receive(fd, s, &r, flags);
}

static ssize_t receive_errors(struct socket *s, struct msghdr *m)
{
	int err;

	if (!stack_lock())
		return fail(EAGAIN);
	err = error_queue_take(s, m);
	stack_unlock();
	return err ? fail(-err) : 0;
}

/* What comes to one that is not ours may bring some that are. */
static ssize_t receive_of_kernel(int fd, struct msghdr *m, int flags)
{
	ssize_t got = kernel_recvmsg(fd, m, flags);

	if (got >= 0)
		tto_pass_end(m, flags);
	return got;
}

ssize_t tto_recvmsg(int fd, struct msghdr *m, int flags)
{
	struct socket *s = descriptor_socket(fd);
	struct cursor r;
	int message_flags = 0, err;
	ssize_t got;

	if (!s || s->kind == SOCKET_NEW ||
	    (flags & MSG_ERRQUEUE && s->kind != SOCKET_CONNECTION))
		return receive_of_kernel(fd, m, flags);
	if (flags & MSG_ERRQUEUE)
		return receive_errors(s, m);
	if (s->kind == SOCKET_LISTENER)
		return fail(ENOTCONN);
	err = look_at_elements(m);
	if (!err)
		err = descriptor_lock(fd, s);
	if (err)
		return fail(-err);
	r = cursor_begin(m->msg_iov, m->msg_iovlen);
	if (flags & MSG_OOB)	/* the last one counts, of those that have come */
		stack_run();
	else if (ring_count(&s->receive))	/* else it turns anyway         */
		stack_run_now_and_then();
	if (flags & MSG_OOB)
		got = urgent_receive(s, r.iov, r.n_iov, flags, &message_flags);
	else if (!r.n_iov)
		got = receive_nothing(fd, s, flags);
	else if (flags & MSG_TRUNC)
		got = discard(fd, s, cursor_left(&r), flags & ~MSG_TRUNC);
	else
		got = receive(fd, s, &r, flags);
	embed_flush(stack->embed);
	stack_unlock();
	m->msg_flags = message_flags;
	m->msg_controllen = 0;
	m->msg_namelen = 0;
	return got < 0 ? fail((int)-got) : got;
}

/* ---- Send --------------------------------------------------------------------------------- */

/* @n bytes behind what was written. Return: false: no memory. */
static bool append(struct socket *s, struct cursor *from, uint32_t n)
{
	if (!ring_reserve(&s->send, s->send.end + n))
		return false;
	while (n) {
		size_t left = cursor_part(from);
		uint32_t part = left < n ? (uint32_t)left : n;

		ring_put(&s->send, s->send.end, cursor_bytes(from), part);
		ring_extend(&s->send, part);
		cursor_advance(from, part);
		n -= part;
	}
	return true;
}

static int may_send(struct socket *s)
{
	int err = s->error;

	if (err) {
		s->error = 0;
		return -err;
	}
	if (s->flags & (SOCKET_SHUT_WRITE | SOCKET_OVER))
		return -EPIPE;
	return 0;
}

/* As much as there is room for. @flags: of send(2). Return: bytes; -errno. */
static ssize_t write_some(struct socket *s, struct cursor *from, size_t left, int flags)
{
	bool more = flags & MSG_MORE;
	struct tcp_env env = stack_env();
	uint32_t space = tcp_send_space(&s->tcb);
	uint32_t n = left < space ? (uint32_t)left : space;

	if (!n)
		return 0;
	if (!append(s, from, n))
		return -ENOMEM;
	(void)tcp_write(&s->tcb, &env, n, more || n < left);
	if (flags & MSG_OOB && n == left)
		tcp_write_urgent(&s->tcb);
	connection_touch(s);
	return n;
}

ssize_t transfer_send(struct socket *s, struct cursor *from, size_t left, bool more)
{
	ssize_t n;

	if (s->kind != SOCKET_CONNECTION)
		return s->kind == SOCKET_NEW ? -EPIPE : -ENOTCONN;
	if (s->flags & SOCKET_CONNECTING)
		return -EAGAIN;
	n = may_send(s);
	if (!n)
		n = write_some(s, from, left, more ? MSG_MORE : 0);
	return n ? n : -EAGAIN;
}

static ssize_t send_all(int fd, struct socket *s, struct cursor *from, size_t bytes,
			int flags)
{
	bool blocks = !(flags & MSG_DONTWAIT || s->flags & SOCKET_NONBLOCK);
	ns_t until = deadline(s->send_timeout);
	struct sleeper *sleeper = NULL;
	size_t sent = 0;
	ssize_t n = bytes || s->flags & SOCKET_CONNECTING ? 0 : may_send(s);

	while (sent < bytes) {
		n = s->flags & SOCKET_CONNECTING ? 0 : may_send(s);
		if (!n && !(s->flags & SOCKET_CONNECTING))
			n = write_some(s, from, bytes - sent, flags);
		if (n < 0)
			break;
		sent += (size_t)n;
		if (n || sent == bytes)
			continue;
		stack_run();
		if (connection_lives(s) && !(s->flags & SOCKET_CONNECTING) &&
		    tcp_send_space(&s->tcb))
			continue;
		n = blocks ? wait_here(&sleeper, fd, s, POLLOUT, until, NULL) :
			     -EAGAIN;
		if (n < 0)
			break;
	}
	sleeper_give(sleeper);
	return sent ? (ssize_t)sent : n;
}

static ssize_t fail_to_send(int err, int flags)
{
	if (err == EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return fail(err);
}

static ssize_t send_to_kernel(int fd, const struct msghdr *m, int flags)
{
	ssize_t sent;

	tto_pass_begin(m);
	sent = kernel_sendmsg(fd, m, flags);
	if (sent < 0) {
		int err = errno;

		tto_pass_failed(m);
		errno = err;
	}
	return sent;
}

ssize_t tto_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct socket *s = descriptor_socket(fd);
	struct cursor from;
	ssize_t sent;
	int err;

	if (!s || s->kind == SOCKET_NEW)
		return send_to_kernel(fd, m, flags);
	if (s->kind == SOCKET_LISTENER)
		return fail_to_send(EPIPE, flags);
	err = look_at_elements(m);
	if (!err)
		err = descriptor_lock(fd, s);
	if (err)
		return fail(-err);
	stack_run_now_and_then();
	from = cursor_begin(m->msg_iov, m->msg_iovlen);
	sent = send_all(fd, s, &from, cursor_left(&from), flags);
	if (sent > 0 && flags & MSG_ZEROCOPY && s->flags & SOCKET_ZEROCOPY &&
	    descriptor_socket(fd) == s)
		error_queue_add(s);
	embed_flush(stack->embed);
	stack_unlock();
	if (sent >= 0)
		return sent;
	return fail_to_send((int)-sent, flags);
}
