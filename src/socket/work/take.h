/* SPDX-License-Identifier: BSD-2-Clause */
/* take.h - What work queues are told, for the rest of the sockets */
#ifndef SOCKET_TAKE_H
#define SOCKET_TAKE_H

#include "socket/stack.h"

/**
 * work_take() - Bytes that are next in the stream, straight to where they are wanted
 * @s:		Has s->posted, and nothing in its ring
 *
 * Return: bytes taken; the others go to the ring.
 */
uint32_t work_take(struct socket *s, const uint8_t *bytes, uint32_t n);

/** work_note() - Flags of a segment with bytes for @s, which has s->posted */
void work_note(struct socket *s, uint32_t flags);

/** work_tell() - Something has happened to the socket of @e, that watches it */
void work_tell(struct end *e);

/** work_gone() - The socket of @e is going to be freed */
void work_gone(struct end *e);

/** works_close() - @fd of this process is closed, or is something else now */
void works_close(int fd);

/** works_drop() - A process is gone, with the memory of its operations */
void works_drop(pid_t process);

/** works_repair() - Who had the lock has died, perhaps while it changed a list */
void works_repair(void);

#endif
