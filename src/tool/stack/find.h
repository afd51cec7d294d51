/* SPDX-License-Identifier: BSD-2-Clause */
/* find.h - The stacks of this machine's processes, as far as this user may see them */
#ifndef TOOL_STACK_FIND_H
#define TOOL_STACK_FIND_H

#include <sys/types.h>

#define FIND_STACKS_MAX 64

struct found_stack {
	int heap;		/* descriptor to read from                      */
	pid_t pid;		/* the first process that has it                */
	dev_t device;		/* with @inode: which stack it is               */
	ino_t inode;
};

/**
 * find_stacks() - Look through the descriptors of processes
 * @stacks:	Room for FIND_STACKS_MAX; each heap is to be closed
 * @pid:	Of this one only; 0: of all
 *
 * Return: how many; -errno: @pid cannot be looked at.
 */
int find_stacks(struct found_stack *stacks, pid_t pid);

/**
 * find_processes() - Those that have a stack, in the order of their numbers
 * @pids:	Allocated; to be freed
 *
 * Return: how many; -errno.
 */
int find_processes(const struct found_stack *of, pid_t **pids);

#endif
