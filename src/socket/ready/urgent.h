/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * urgent.h - The byte of MSG_OOB
 *
 * DOC: Theory of operation
 * TCP has urgent data in the stream, and a pointer behind it. Linux, as BSD, makes of that
 * a single byte, the last one, which is not in the stream for who reads it: it is had with
 * MSG_OOB, and read() stops before it and goes on behind it. With SO_OOBINLINE it stays in
 * the stream, and read() stops before it all the same. A new one displaces one that nobody
 * has read.
 *
 * Here it lies in the receive ring like any other byte, and its place is remembered.
 *
 * Threads: stack's lock.
 * Source: RFC 6093 §3.1; tcp(7); send(2).
 */
#ifndef SOCKET_URGENT_H
#define SOCKET_URGENT_H

#include "socket/socket.h"

/** urgent_announced() - TCP_EVENT_URGENT: the peer's pointer has moved */
void urgent_announced(struct socket *s);

/** urgent_is_there() - POLLPRI: it has come, and nobody has read it with MSG_OOB */
bool urgent_is_there(const struct socket *s);

/** urgent_is_next() - SIOCATMARK: is the byte at @place of the stream, not passed yet, it? */
bool urgent_is_next(const struct socket *s, uint64_t place);

/**
 * urgent_skip() - Where to read on
 * @place:	In the stream, where reading has come to
 * @got:	Bytes that this call has read; with some it stops here
 */
uint64_t urgent_skip(const struct socket *s, uint64_t place, size_t got);

/** urgent_end() - Up to where may be read at once; arguments as above */
uint64_t urgent_end(const struct socket *s, uint64_t place, size_t got);

/** urgent_passed() - @place is read up to: what lies before is forgotten */
static inline void urgent_passed(struct socket *s, uint64_t place)
{
	if (s->urgent && place > s->urgent_place)
		s->urgent = URGENT_NONE;
}

/** urgent_readable() - Bytes that reading would get, sooner or later: POLLIN */
uint32_t urgent_readable(const struct socket *s);

/** urgent_countable() - Bytes that it would get at once: SIOCINQ */
uint32_t urgent_countable(const struct socket *s);

/**
 * urgent_receive() - recv(2) with MSG_OOB
 * @iov:	Not empty, if @n_iov
 * @message_flags:	Set: MSG_OOB, MSG_TRUNC if there is no room for it
 *
 * Return: 1; 0: the stream has ended; -EAGAIN: announced, but not here yet; -EINVAL: there
 * is none, or SO_OOBINLINE.
 */
ssize_t urgent_receive(struct socket *s, const struct iovec *iov, size_t n_iov, int flags,
		       int *message_flags);

#endif
