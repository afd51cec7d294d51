/* SPDX-License-Identifier: BSD-2-Clause */
/* option.h - Socket options, and what a connection tells of itself */
#ifndef SOCKET_OPTION_H
#define SOCKET_OPTION_H

#include <sys/socket.h>

#include "socket/stack.h"

/**
 * option_set() - What setsockopt(2) was told, and the kernel has accepted for @fd
 *
 * Return: 0; -ENOPROTOOPT: not one that our TCP has to know of; -errno.
 */
int option_set(struct socket *s, int level, int option, const void *value,
	       socklen_t bytes);

/**
 * option_get() - As getsockopt(2)
 *
 * Return: 0; -ENOPROTOOPT: the kernel's answer for the descriptor will do; -errno.
 */
int option_get(struct socket *s, int level, int option, void *value,
	       socklen_t *bytes);

/**
 * option_is_kernels() - Is it one that our TCP cannot have, and that must not be ignored?
 * @value:	Not NULL; @bytes of it
 */
bool option_is_kernels(int level, int option, const void *value, socklen_t bytes);

#endif
