/* SPDX-License-Identifier: BSD-2-Clause */
/* option.h - Socket options, and what a connection tells of itself */
#ifndef SOCKET_OPTION_H
#define SOCKET_OPTION_H

#include <sys/socket.h>

#include "socket/stack.h"

/**
 * option_refuses() - Is it only for sockets that are not connected?
 *
 * The kernel's socket behind one of ours is not, and would take it.
 */
bool option_refuses(const struct socket *s, int level, int option);

/**
 * option_remember() - The kernel has taken a number for which our TCP has no use
 * @is_one:	It is a number; else it is one if it was before
 */
void option_remember(struct socket *s, int level, int option, int value, bool is_one);

/** option_is_switch() - Is any value of it good, and the kernel's not wanted by anybody? */
bool option_is_switch(const struct socket *s, int level, int option);

/** option_is_number() - Does option_set() want what the kernel has made of the number? */
bool option_is_number(int level, int option);

/**
 * option_set() - What setsockopt(2) was told, and the kernel has accepted for @fd
 *
 * @value:	Of those that option_is_number(): what the kernel answers now
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
