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

#include "socket/cause.h"
#include "socket/stack.h"

#define DESCRIPTOR_NONE 0u	/* not ours; else 1 + number of a socket, or ...  */
#define DESCRIPTOR_SET 0x80000000u	/* ... where an epoll set is in the heap  */
#define DESCRIPTOR_KERNEL 0x20000000u	/* ... the kernel's for good, with why and
					 * which socket it was: descriptor_mark() */
#define DESCRIPTORS_MAX (1u << 18)

struct epoll_set;

/** descriptor_socket() - NULL: not one of ours. Without lock */
struct socket *descriptor_socket(int fd);

/**
 * descriptor_lock() - The stack's lock, if @fd is still @s
 *
 * Return: 0; -EAGAIN: this thread has it, in a signal handler; -EBADF: somebody else has
 * closed @fd meanwhile.
 */
MUST_CHECK int descriptor_lock(int fd, const struct socket *s);

/** descriptor_set() - The epoll set it is; NULL: it is none. Without lock */
struct epoll_set *descriptor_set(int fd);

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

/**
 * descriptor_leave() - @fd, a socket, is the kernel's: as descriptor_forget()
 *
 * And @cause is remembered, for who asks why. Nothing is held by it.
 */
void descriptor_leave(int fd, enum socket_cause cause);

/* Of an entry: the cause, and the lower bits of the inode that the socket has. A number
 * that was given to another socket since is known by these. */
#define DESCRIPTOR_INODE 0xffffffu
static inline uint32_t descriptor_mark(enum socket_cause cause, uint64_t inode)
{
	return DESCRIPTOR_KERNEL | (uint32_t)cause << 24 |
	       ((uint32_t)inode & DESCRIPTOR_INODE);
}

/** descriptor_cause() - Why @entry's socket @inode is the kernel's; -1: it does not say */
static inline int descriptor_cause(uint32_t entry, uint64_t inode)
{
	uint32_t cause = entry >> 24 & 0x1f;

	if (entry >> 29 != DESCRIPTOR_KERNEL >> 29 || cause >= SOCKET_N_CAUSES ||
	    (entry & DESCRIPTOR_INODE) != ((uint32_t)inode & DESCRIPTOR_INODE))
		return -1;
	return (int)cause;
}

/* ---- Of any process: what an entry of its table holds ------------------------------- */

/** descriptor_hold() - One more of what @entry is */
void descriptor_hold(uint32_t entry);

/** descriptor_drop() - One less */
void descriptor_drop(uint32_t entry);

#endif
