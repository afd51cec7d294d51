// SPDX-License-Identifier: BSD-2-Clause
/* process_start.c - What is passed on by fork, exec and posix_spawn */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/join.h"
#include "socket/kernel.h"
#include "socket/process.h"

#define MOVED_MAX 256		/* numbers to which a descriptor may be moved   */

/* The child's, from tto_fork_begin() on; of the thread that forks. */
static _Thread_local struct process *unborn;
static _Thread_local bool has_lock, has_paused;

static uint64_t inode_of(int fd, bool *is_socket)
{
	struct stat st;

	if (kernel_call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH))
		return 0;
	*is_socket = S_ISSOCK(st.st_mode);
	return (uint64_t)st.st_ino & ~PROCESS_CLOEXEC;
}

/* ---- Compare ------------------------------------------------------------------------- */

int process_note(struct process *p)
{
	bool is_socket;

	heap_free(p->inodes);
	p->inodes = heap_zeroed(p->end_fds + 1, sizeof(*p->inodes));
	if (!p->inodes)
		return -ENOMEM;
	p->n_inodes = p->end_fds;
	for (uint32_t fd = 0; fd < p->n_inodes; fd++) {
		if (p->fds[fd] == DESCRIPTOR_NONE)
			continue;
		p->inodes[fd] = inode_of((int)fd, &is_socket);
		if (kernel_fcntl(fd, F_GETFD, 0) & FD_CLOEXEC)
			p->inodes[fd] |= PROCESS_CLOEXEC;
	}
	return 0;
}

/* The entry of the socket that was known by @inode. */
static uint32_t entry_with(const struct process *p, uint64_t inode)
{
	for (uint32_t fd = 0; fd < p->n_inodes; fd++)
		if (p->fds[fd] != DESCRIPTOR_NONE && !(p->fds[fd] & DESCRIPTOR_SET) &&
		    (p->inodes[fd] & ~PROCESS_CLOEXEC) == inode)
			return p->fds[fd];
	return DESCRIPTOR_NONE;
}

/* What low numbers are: of sockets that were under another number. */
static void find_moved(const struct process *p, uint32_t *moved)
{
	for (int fd = 0; fd < MOVED_MAX; fd++) {
		bool is_socket = false;
		uint64_t inode = inode_of(fd, &is_socket);

		moved[fd] = is_socket ? entry_with(p, inode) : DESCRIPTOR_NONE;
		if (moved[fd] != DESCRIPTOR_NONE)
			descriptor_hold(moved[fd]);
	}
}

/* Is it for the kernel what it was? */
static bool has_stayed(const struct process *p, uint32_t fd)
{
	bool is_socket = false;
	uint64_t inode = inode_of((int)fd, &is_socket);

	if (!inode)
		return false;
	if (!p->inodes)
		return is_socket || p->fds[fd] & DESCRIPTOR_SET;
	return fd < p->n_inodes && inode == (p->inodes[fd] & ~PROCESS_CLOEXEC);
}

static void take_moved(struct process *p, uint32_t fd, uint32_t entry)
{
	if (p->fds[fd] != DESCRIPTOR_NONE)
		descriptor_drop(p->fds[fd]);
	p->fds[fd] = entry;
	if (p->end_fds <= fd)
		p->end_fds = fd + 1;
}

void process_compare(struct process *p)
{
	uint32_t moved[MOVED_MAX] = { 0 };

	if (p->inodes)
		find_moved(p, moved);
	for (uint32_t fd = 0; fd < p->end_fds; fd++) {
		uint32_t entry = p->fds[fd];

		if (entry == DESCRIPTOR_NONE || has_stayed(p, fd))
			continue;
		p->fds[fd] = DESCRIPTOR_NONE;
		descriptor_drop(entry);
	}
	for (uint32_t fd = 0; fd < MOVED_MAX; fd++)
		if (moved[fd] != DESCRIPTOR_NONE)
			take_moved(p, fd, moved[fd]);
	heap_free(p->inodes);
	p->inodes = NULL;
}

/* ---- Fork ------------------------------------------------------------------------------- */

/* An entry for a child that has all that this process has. */
static struct process *pass_on(void)
{
	const struct process *me = process_self;
	struct process *p = me ? process_take(PROCESS_UNBORN) : NULL;

	if (!p)
		return NULL;
	p->parent = process_pid();
	p->end_fds = me->end_fds;
	for (uint32_t fd = 0; fd < me->end_fds; fd++) {
		p->fds[fd] = me->fds[fd];
		if (p->fds[fd] != DESCRIPTOR_NONE)
			descriptor_hold(p->fds[fd]);
	}
	return p;
}

void tto_fork_begin(void)
{
	unborn = NULL;
	has_paused = join_pause();
	has_lock = stack && stack_lock();
	if (has_lock)
		unborn = pass_on();
}

static void resume_joining(void)
{
	if (has_paused)
		join_resume();
	has_paused = false;
}

void tto_fork_parent(pid_t child)
{
	resume_joining();
	if (!has_lock)
		return;
	if (unborn && child < 0)
		process_free(unborn);
	else if (unborn)
		unborn->pid = child;
	unborn = NULL;
	has_lock = false;
	stack_unlock();
}

void tto_fork_child(void)
{
	resume_joining();
	if (!stack)
		return;
	process_self = NULL;
	if (has_lock)
		stack_forked();
	has_lock = false;
	if (!stack_lock())
		return;
	process_is_me(unborn);
	unborn = NULL;
	stack_unlock();
}

/* ---- Start a program ----------------------------------------------------------------------- */

unsigned long tto_spawn_begin(void)
{
	struct process *p;
	unsigned long spawn = 0;

	if (!stack || !stack_lock())
		return 0;
	p = pass_on();
	if (p && process_note(p)) {
		process_free(p);
		p = NULL;
	}
	if (p)
		spawn = (unsigned long)p->since;
	stack_unlock();
	return spawn;
}

void tto_spawn_end(unsigned long spawn, pid_t child)
{
	if (!spawn || !stack || !stack_lock())
		return;
	for (struct process *p = stack->processes;
	     p < stack->processes + STACK_PROCESSES; p++) {
		if (p->pid != PROCESS_UNBORN || p->since != spawn)
			continue;
		if (child < 0)
			process_free(p);
		else if (child)
			p->pid = child;
		break;
	}
	stack_unlock();
}

/* ---- Exec ------------------------------------------------------------------------------- */

void tto_exec_begin(void)
{
	if (!stack || !process_self || !stack_lock())
		return;
	process_self->since = stack_clock();
	(void)!process_note(process_self);
	stack_unlock();
}

void tto_exec_failed(void)
{
	if (!stack || !process_self || !stack_lock())
		return;
	heap_free(process_self->inodes);
	process_self->inodes = NULL;
	stack_unlock();
}

void tto_exit(void)
{
	if (!stack || !process_self || !stack_lock())
		return;
	process_leave();
	stack_unlock();
}
