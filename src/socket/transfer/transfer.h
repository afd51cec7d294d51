/* SPDX-License-Identifier: BSD-2-Clause */
/* transfer.h - Send and receive without waiting, for who comes again when told to */
#ifndef SOCKET_TRANSFER_H
#define SOCKET_TRANSFER_H

#include "socket/stack.h"

/**
 * transfer_receive() - Take what has come, and go on with @r
 * @r:		May have bytes of earlier calls, or straight from frames
 * @want:	Bytes with which it is done; less do at the end
 * @is_end:	Set: no byte comes after these
 *
 * Return: 0: done, with r->got bytes; -EAGAIN: not yet; -errno, nothing was received.
 */
int transfer_receive(struct socket *s, struct cursor *r, size_t want, bool *is_end);

/**
 * transfer_send() - Give as much to the connection as it has room for
 * @from:	Goes on behind what was taken
 * @left:	Bytes at @from
 *
 * Return: bytes, 1 or more; -EAGAIN: no room; -errno.
 */
ssize_t transfer_send(struct socket *s, struct cursor *from, size_t left, bool more);

#endif
