/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange.h - Requests and replies over a socket: the program's side
 *
 * One datagram there, one back, in order. Descriptors come beside a reply. All but
 * control_connect() go past libc: they are called with the lock of a stack held, where
 * neither somebody else's wrapper nor a point of cancellation may be.
 * Source: ARCHITECTURE D2.
 */
#ifndef CONTROL_EXCHANGE_H
#define CONTROL_EXCHANGE_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "control/message.h"

/**
 * control_connect() - A socket to the daemon
 * @path:	Of its socket, shorter than sockaddr_un has room for
 * @timeout_ns:	For each datagram, there and back
 *
 * Return: a descriptor; -EINVAL for @path; -ETIMEDOUT; another -errno.
 */
MUST_CHECK int control_connect(const char *path, ns_t timeout_ns);

/** control_prepare() - All but operation, handle and arguments of @request */
void control_prepare(struct control_request *request, uint32_t number);

/**
 * control_send() - Ask
 * @flags:	MSG_DONTWAIT or 0
 *
 * Return: 0; -EAGAIN: with MSG_DONTWAIT, not now; -ETIMEDOUT; -ECONNRESET: there may
 * still be a reply that says why; -EPIPE.
 */
MUST_CHECK int control_send(int socket, const struct control_request *request,
			    int flags);

/**
 * control_receive() - The next reply
 * @fds:	CONTROL_FDS_MAX of them; reply->n_fds are set, and then the caller's
 * @flags:	MSG_DONTWAIT or 0
 * @timeout_ns:	As of control_connect(), however many signals come
 *
 * Return: 0; -EAGAIN: with MSG_DONTWAIT, none; -ETIMEDOUT; -EPIPE: the daemon has gone;
 * -EPROTO: that was no reply.
 */
MUST_CHECK int control_receive(int socket, struct control_reply *reply, int *fds,
			       int flags, ns_t timeout_ns);

/** control_close() - Descriptors that came with a reply and are not wanted */
void control_close(const int *fds, uint32_t n);

#endif
