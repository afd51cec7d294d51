/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.h - What a program needs to join the stack of another process
 *
 * By TTO_STACK in its environment: "HEAP KEPT WIRE", the descriptor of the heap, a list
 * of all that belong to the stack, and the specification with which the wire is opened
 * again. They are inherited, and have the same numbers in every process.
 */
#ifndef SOCKET_JOIN_H
#define SOCKET_JOIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define JOIN_WIRE_BYTES 256
#define JOIN_KEPT_BYTES 128
#define JOIN_SHARE_BYTES (16 + JOIN_KEPT_BYTES + JOIN_WIRE_BYTES)	/* of TTO_STACK */

/**
 * join_share() - Let the programs that this process executes join its stack
 * @value:	Of TTO_STACK
 *
 * Return: 0; -EOPNOTSUPP: the wire cannot be shared; -ENAMETOOLONG; another -errno.
 */
MUST_CHECK int join_share(char *value, size_t size);

/* This process has a stack as soon as it needs one: tto_join_later(). */
extern bool join_is_due;

/** join_now() - What tto_join_later() has left for later */
void join_now(void);

static inline void join_if_due(void)
{
	if (__builtin_expect(__atomic_load_n(&join_is_due, __ATOMIC_ACQUIRE), 0))
		join_now();
}

/**
 * join_pause() - Before fork(2): no other thread is about to join
 *
 * Return: whether join_resume() is to be called, in parent and child.
 */
MUST_CHECK bool join_pause(void);
void join_resume(void);

#endif
