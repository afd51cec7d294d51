/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error_queue.h - What recvmsg(MSG_ERRQUEUE) tells of sends with MSG_ZEROCOPY
 *
 * DOC: Theory of operation
 * A send of SO_ZEROCOPY and MSG_ZEROCOPY has a number, counted from 0 on by the socket,
 * and the program may not touch its buffer before that number is in the error queue. Ours
 * is there when the call returns, for the bytes were copied to the send ring: the answer
 * has SO_EE_CODE_ZEROCOPY_COPIED, as the kernel's has over loopback and veth. Numbers
 * come in their order, so that all that nobody has taken yet is one range, which the
 * kernel would join as well: the queue is two numbers.
 *
 * Not to copy would not be sound here. The kernel has pinned the pages, and sends them
 * again when the process is gone; a user's stack cannot: who was killed, or executes
 * something, would leave a hole in a stream that is to be finished, and what is unmapped
 * is lost to the process that retransmits.
 *
 * Source: Linux, Documentation/networking/msg_zerocopy.rst; SPEC LIB-3, TX-9.
 */
#ifndef SOCKET_ERROR_QUEUE_H
#define SOCKET_ERROR_QUEUE_H

#include <sys/socket.h>

#include "socket/socket.h"

/** error_queue_add() - A send with MSG_ZEROCOPY took bytes: who waits is told */
void error_queue_add(struct socket *s);

static inline bool error_queue_has(const struct socket *s)
{
	return s->zerocopy_next != s->zerocopy_told;
}

/**
 * error_queue_take() - As recvmsg(MSG_ERRQUEUE)
 * @m:		Of the program; its control data and flags are filled in
 *
 * Return: 0: a message without data; -EAGAIN: there is none, whether or not it blocks.
 */
int error_queue_take(struct socket *s, struct msghdr *m);

#endif
