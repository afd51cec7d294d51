/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptor.h - What the descriptors of this process are
 *
 * Each process of a stack has a table in the heap: number of descriptor -> what it is. So
 * who is executed finds again what it was given, and what a dead process had is known.
 * A look into the own table needs no lock.
 *
 * A number whose closing nobody saw (libc closes some itself) is found out when the kernel
 * gives it to somebody else: whoever makes a descriptor calls descriptor_forget().
 */
#ifndef SOCKET_DESCRIPTOR_H
#define SOCKET_DESCRIPTOR_H

#include "socket/stack.h"

#define DESCRIPTOR_NONE 0u	/* not ours; else 1 + number of a socket, or ...  */
#define DESCRIPTOR_SET 0x80000000u	/* ... where an epoll set is in the heap  */
#define DESCRIPTOR_RESERVED 0x40000000u	/* the stack's own: not to be closed  */
#define DESCRIPTORS_MAX (1u << 18)

struct epoll_set;

/** descriptor_socket() - NULL: not one of ours. Without lock */
struct socket *descriptor_socket(int fd);

/** descriptor_set() - The epoll set it is; NULL: it is none. Without lock */
struct epoll_set *descriptor_set(int fd);

/** descriptor_is_reserved() - Does the stack itself need it? Without lock */
bool descriptor_is_reserved(int fd);

/**
 * descriptor_add() - @fd is @s from now on; its reference is the caller's, who gives it away
 *
 * Return: 0; -EMFILE: a number beyond the table; -ENOMEM.
 */
MUST_CHECK int descriptor_add(int fd, struct socket *s);

/** descriptor_add_set() - The same for an epoll set */
MUST_CHECK int descriptor_add_set(int fd, struct epoll_set *set);

/** descriptor_copy() - @to has become the same as @from, which may be none of ours */
void descriptor_copy(int from, int to);

/** descriptor_forget() - @fd is not ours any more: drops its reference. Lock held */
void descriptor_forget(int fd);

/** descriptor_reserve() - @fd is the stack's own: it stays when the program closes it */
void descriptor_reserve(int fd);

/**
 * descriptor_high() - Move a descriptor to a number that programs rarely use
 * @fd:		Is closed; negative: what made it has failed
 *
 * Return: the number; it stays open over exec. -errno.
 */
MUST_CHECK int descriptor_high(int fd);

/* ---- Of any process: what an entry of its table holds ------------------------------- */

/** descriptor_hold() - One more of what @entry is */
void descriptor_hold(uint32_t entry);

/** descriptor_drop() - One less */
void descriptor_drop(uint32_t entry);

#endif
