/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h - The processes of a stack
 *
 * DOC: Theory of operation
 * Each has an entry, with a table of its descriptors. Who forks makes the child's while it
 * has the lock, so that nothing is missed. Who starts a program without fork() makes one
 * as well; the program finds it by its pid or, if that was not known (popen), by its
 * parent's. Who is executed finds its own by its pid. Both compare what their descriptors
 * are for the kernel now with what they were before: some were closed by exec, and
 * posix_spawn() has moved others.
 *
 * A process that has ended is noticed when somebody looks, every 100 ms or so: what it had
 * is closed then, as the kernel would.
 *
 * Source: ARCHITECTURE D6; SPEC LIB-5.
 */
#ifndef SOCKET_PROCESS_H
#define SOCKET_PROCESS_H

#include "socket/stack.h"

#define PROCESS_CLOEXEC (1ULL << 63)	/* in process.inodes: close-on-exec     */

/* This process's; NULL: it has none. */
extern struct process *process_self;

/**
 * process_was_given() - Has this process, which is not yet one of the stack's, an entry?
 * @heap:	Descriptor; it need not be mapped
 *
 * Whoever made it has done so before this process was executed. Without lock.
 *
 * Return: 0; as heap_peek_root(), heap_peek().
 */
MUST_CHECK int process_was_given(int heap, bool *was_given);

/**
 * process_enter() - Find or make this process's entry. Lock held
 * @was_given:	It may be one of a child whose pid is not known
 *
 * Return: 0; -ENOSPC: too many; -ENOMEM.
 */
MUST_CHECK int process_enter(bool was_given);

/** process_leave() - Drop all that this process has, and its entry. Lock held */
void process_leave(void);

/** process_reap() - Drop what processes had that have ended. Lock held */
void process_reap(void);

/** process_count() - How many there are, not counting this one. Lock held */
unsigned process_count(void);

/* Has this process anything in a stack? */
static inline bool process_has_any(void)
{
	return process_self != NULL;
}

/** process_pid() - getpid(), remembered */
pid_t process_pid(void);

/* ---- For process_start.c ------------------------------------------------------------ */

/**
 * process_take() - A free entry, with a table in which nothing is
 *
 * Return: NULL: none left, or no memory.
 */
struct process *process_take(pid_t pid);

/** process_free() - Drop what @p has; the entry is free */
void process_free(struct process *p);

/** process_is_me() - @p is this process's from now on */
void process_is_me(struct process *p);

/** process_note() - Remember what the descriptors of this process are for the kernel, in @p
 *
 * Return: 0 or -ENOMEM.
 */
MUST_CHECK int process_note(struct process *p);

/** process_compare() - What was noted, with what there is now in this process */
void process_compare(struct process *p);

#endif
