// SPDX-License-Identifier: BSD-2-Clause
/* urgent.c - The byte of MSG_OOB */
#include "socket/ready/urgent.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "tcp/tcp.h"

void urgent_announced(struct socket *s)
{
	seq_t up = s->tcb.receive_up;

	s->urgent = URGENT_NEW;
	s->urgent_place = s->tcb.received +
			  (uint64_t)(int64_t)(seq_diff(up, s->tcb.rcv_nxt) - 1);
	/* As F_SETOWN of fcntl(2) has it: a process, or a group if it is negative. */
	if (s->owner)
		(void)!kill(s->owner, SIGURG);
}

bool urgent_is_there(const struct socket *s)
{
	return s->urgent == URGENT_NEW && s->urgent_place < s->receive.end;
}

bool urgent_is_next(const struct socket *s, uint64_t place)
{
	return s->urgent && place == s->urgent_place;
}

uint64_t urgent_skip(const struct socket *s, uint64_t place, size_t got)
{
	if (urgent_is_next(s, place) && !got && !(s->flags & SOCKET_OOB_INLINE) &&
	    place < s->receive.end)
		return place + 1;
	return place;
}

uint64_t urgent_end(const struct socket *s, uint64_t place, size_t got)
{
	if (!s->urgent || place > s->urgent_place || s->receive.end <= s->urgent_place)
		return s->receive.end;
	if (place < s->urgent_place)
		return s->urgent_place;
	return got ? place : s->receive.end;
}

uint32_t urgent_readable(const struct socket *s)
{
	uint32_t unread = ring_count(&s->receive);
	bool is_out = !(s->flags & SOCKET_OOB_INLINE) && unread &&
		      urgent_is_next(s, s->receive.first);

	return unread - is_out;
}

uint32_t urgent_countable(const struct socket *s)
{
	if (s->flags & SOCKET_OOB_INLINE || !s->urgent ||
	    s->receive.first > s->urgent_place || s->receive.end <= s->urgent_place)
		return ring_count(&s->receive);
	return (uint32_t)(s->urgent_place - s->receive.first);
}

ssize_t urgent_receive(struct socket *s, const struct iovec *iov, size_t n_iov, int flags,
		       int *message_flags)
{
	uint8_t byte;

	*message_flags = 0;
	if (s->flags & SOCKET_OOB_INLINE || s->urgent != URGENT_NEW)
		return -EINVAL;
	if (!urgent_is_there(s))
		return s->flags & (SOCKET_OVER | SOCKET_SHUT_READ) ? 0 : -EAGAIN;
	ring_take(&s->receive, s->urgent_place, &byte, 1);
	if (!(flags & MSG_PEEK))
		s->urgent = URGENT_READ;
	*message_flags = n_iov ? MSG_OOB : MSG_OOB | MSG_TRUNC;
	if (n_iov)
		*(uint8_t *)iov->iov_base = byte;
	return n_iov != 0;
}
