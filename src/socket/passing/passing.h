/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passing.h - Sockets in messages to other processes: SCM_RIGHTS
 *
 * DOC: Theory of operation
 * The kernel passes its own socket, which stands behind one of ours. Who sends notes, in
 * the heap, by that one's inode which of ours it is, and holds it for the message; who
 * receives looks up what the inode says, and has it from then on as by dup(2).
 *
 * A message that nobody receives, because its reader has gone or does not know the stack,
 * ends when the kernel drops its socket. The kernel says so by an epoll set of the stack's
 * own, from which it takes what is gone: who sends enters the socket there, and what is left
 * in it stands in /proc/PID/fdinfo (alive.c).
 *
 * Limits: epoll sets of ours that are passed are sets of the kernel's. A process outside of
 * the stack gets the kernel's socket, which is not connected; ours stays open as long as
 * that does.
 * Source: unix(7), epoll(7), proc(5).
 */
#ifndef SOCKET_PASSING_H
#define SOCKET_PASSING_H

#include <sys/socket.h>

#include "socket/stack.h"

struct passing {
	struct passing *next;
	uint64_t inode;		/* of the kernel's socket                       */
	uint32_t entry;		/* of a table of descriptors; @n of it are held */
	uint32_t n;		/* messages that nobody has received            */
	bool is_alive;		/* while it is being looked for                 */
};

/**
 * passing_open() - The set of a stack that is new
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int passing_open(void);

/** passing_reap() - Let go of what nobody will receive any more. Lock held */
void passing_reap(void);

/* ---- alive.c -------------------------------------------------------------------------- */

/**
 * alive_watch() - Know of @fd, whose inode is @inode, until the kernel drops it
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int alive_watch(int fd, uint64_t inode);

/**
 * alive_look() - Tell @found of all that are there
 *
 * Return: 0; -errno: nobody knows.
 */
MUST_CHECK int alive_look(void (*found)(uint64_t inode));

#endif
