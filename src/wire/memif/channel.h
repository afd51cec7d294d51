/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.h - Messages of memif and the descriptors that come with them
 *
 * DOC: Theory of operation
 * A socket of packets: a message is read whole or not at all. Nothing here waits.
 * A peer may send any bytes and any descriptors: a message of another length, or
 * with more than one descriptor, is -EPROTO, and all its descriptors are closed.
 */
#ifndef WIRE_MEMIF_CHANNEL_H
#define WIRE_MEMIF_CHANNEL_H

#include "base/compiler.h"
#include "wire/memif/protocol.h"

/**
 * channel_send() - Send one message
 * @with_fd:	Goes with it, and stays the caller's; or -1
 *
 * Return: 0; -EAGAIN: the peer does not read; -EPIPE and other -errno: it is gone.
 */
MUST_CHECK int channel_send(int fd, const struct memif_message *m, int with_fd);

/**
 * channel_receive() - Receive one message
 * @m:		Set on success; its texts may lack a NUL
 * @with_fd:	Set to the descriptor that came with it, the caller's to close,
 *		or to -1; on failure as well
 *
 * Return: 0; -EAGAIN: there is none; -EPIPE: the end; -EPROTO; other -errno.
 */
MUST_CHECK int channel_receive(int fd, struct memif_message *m, int *with_fd);

/**
 * channel_listen() - Listen at @path, taking over a socket that nobody serves
 *
 * Return: a descriptor, not blocking; -EADDRINUSE: another process does;
 * -EEXIST: the file is no socket; other -errno.
 */
MUST_CHECK int channel_listen(const char *path);

/** channel_connect() - Return: a descriptor, not blocking; -errno; never waits */
MUST_CHECK int channel_connect(const char *path);

#endif
