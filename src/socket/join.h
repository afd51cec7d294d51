/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.h - What a program needs to join the stack of another process
 *
 * By TTO_STACK in its environment: "HEAP FIRST WIRE", the descriptor of the heap, the
 * first of all that belong to the stack, and the specification with which the wire is
 * opened again. They are inherited, and have the same numbers in every process.
 */
#ifndef SOCKET_JOIN_H
#define SOCKET_JOIN_H

#include <stddef.h>

#include "base/compiler.h"

/**
 * join_share() - Let the programs that this process executes join its stack
 * @value:	Of TTO_STACK
 *
 * Return: 0; -EOPNOTSUPP: the wire cannot be shared; -ENAMETOOLONG; another -errno.
 */
MUST_CHECK int join_share(char *value, size_t size);

#endif
