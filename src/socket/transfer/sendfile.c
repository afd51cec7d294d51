// SPDX-License-Identifier: BSD-2-Clause
/*
 * sendfile.c - From a file to a connection: sendfile(2)
 *
 * What the page cache has is read straight into the send buffer. Nobody waits for a disk
 * while he has the stack's lock: what has to be fetched first goes through a buffer here.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>
#include <tto/tto.h>
#include <unistd.h>

#include "socket/connection.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"

#define PIECE 16384u
#define LOCKED_PIECE (256u << 10)	/* others wait meanwhile                */
#define AT_ONCE 0x7ffff000u	/* as the kernel: MAX_RW_COUNT                  */

struct file {
	int fd;
	off_t place;
	size_t left;
};

static bool may_write(const struct socket *s)
{
	return connection_lives(s) && !s->error &&
	       !(s->flags & (SOCKET_CONNECTING | SOCKET_SHUT_WRITE | SOCKET_OVER));
}

/* Into the ring, which has room. Return: bytes; 0: not from memory, or at the end. */
static uint32_t read_into(struct ring *r, const struct file *f, uint32_t bytes)
{
	struct iovec iov[2];
	uint32_t n = ring_look(r, r->end, bytes, iov);
	ssize_t got = kernel_call(SYS_preadv2, f->fd, iov, n, f->place, 0, RWF_NOWAIT);

	return got > 0 ? (uint32_t)got : 0;
}

/* Return: bytes; 0: they have to go the other way. */
static uint32_t send_locked(struct socket *s, const struct file *f)
{
	struct tcp_env env;
	uint32_t n = tcp_send_space(&s->tcb), got;

	if (n > f->left)
		n = (uint32_t)f->left;
	if (n > LOCKED_PIECE)
		n = LOCKED_PIECE;
	if (!n || !ring_reserve(&s->send, s->send.end + n))
		return 0;
	got = read_into(&s->send, f, n);
	if (!got)
		return 0;
	ring_extend(&s->send, got);
	env = stack_env();
	(void)tcp_write(&s->tcb, &env, got, got == n && n < f->left);
	connection_touch(s);
	return got;
}

static uint32_t send_from_memory(int to, struct socket *s, const struct file *f)
{
	uint32_t sent = 0;

	if (descriptor_lock(to, s))
		return 0;
	stack_run_now_and_then();
	if (may_write(s) && !tcp_send_space(&s->tcb))
		stack_run();
	if (may_write(s))
		sent = send_locked(s, f);
	embed_flush(stack->embed);
	stack_unlock();
	return sent;
}

/* Waits for the disk and for room, and says why not. Return: bytes; 0: the end; -1. */
static ssize_t send_by_buffer(int to, const struct file *f)
{
	char piece[PIECE];
	struct iovec iov = { piece, f->left < PIECE ? f->left : PIECE };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got = kernel_call(SYS_pread64, f->fd, piece, iov.iov_len, f->place);

	if (got <= 0)
		return got;
	iov.iov_len = (size_t)got;
	return tto_sendmsg(to, &message, got == PIECE && f->left > PIECE ? MSG_MORE : 0);
}

/* Until the file ends, or the socket takes no more. Return: bytes; -1: none. */
static ssize_t send_all(int to, struct socket *s, struct file *f)
{
	size_t sent = 0;

	while (f->left) {
		ssize_t n = send_from_memory(to, s, f);

		if (!n)
			n = send_by_buffer(to, f);
		if (n < 0)
			return sent ? (ssize_t)sent : -1;
		if (!n)
			break;
		sent += (size_t)n;
		f->place += n;
		f->left -= (size_t)n;
	}
	return (ssize_t)sent;
}

static ssize_t fail(int err)
{
	errno = err;
	return -1;
}

ssize_t tto_sendfile(int to, int from, off_t *place, size_t bytes)
{
	struct file f = { from, 0, bytes < AT_ONCE ? bytes : AT_ONCE };
	struct socket *s = descriptor_socket(to);
	ssize_t sent;

	if (!s)
		return kernel_call(SYS_sendfile, to, from, place, bytes);
	if (descriptor_socket(from))
		return fail(EINVAL);
	f.place = place ? *place : kernel_call(SYS_lseek, from, 0, SEEK_CUR);
	if (f.place < 0)
		return fail(EINVAL);
	sent = send_all(to, s, &f);
	if (sent > 0 && place)
		*place = f.place;
	else if (sent > 0 && kernel_call(SYS_lseek, from, f.place, SEEK_SET) < 0)
		return -1;
	return sent;
}
