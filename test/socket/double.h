/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * double.h - A stack without TCP, for tests of what waits for one
 *
 * Its sockets do what the test says: bytes arrive, are taken, room goes and comes back.
 */
#ifndef SOCKET_DOUBLE_H
#define SOCKET_DOUBLE_H

#include "socket/stack.h"

/* Make and remove the stack of this process. */
void double_start(void);
void double_stop(void);

/* In a program that was executed: use the stack of who did it; @fd: double_heap(). */
void double_join(int fd);

/* The descriptor of the heap, which programs inherit from now on. */
int double_heap(void);

/* A connected one with a descriptor of its own, a socket of the kernel's. */
int double_socket(struct socket **s);

/* What happens to a socket; the caller does not have the lock. */
void double_arrive(struct socket *s, uint32_t bytes);
void double_take(struct socket *s, uint32_t bytes);
void double_fill(struct socket *s);
void double_drain(struct socket *s);
void double_finish(struct socket *s);	/* the peer has shut down               */

/* How many sockets are not free. */
unsigned double_count(void);

/* Turns of the stack since it was started; deadline of the next, NS_NEVER. */
extern unsigned double_turns;
extern ns_t double_deadline;

#endif
