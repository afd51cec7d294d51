// SPDX-License-Identifier: BSD-2-Clause
/* process.c - The processes of a stack */
#include "socket/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/passing/passing.h"
#include "socket/ready/wait.h"
#include "socket/work/take.h"

#define PEEK 16			/* entries that are copied at once              */
#define REAP_AT_ONCE 16		/* processes that are looked at                 */
#define UNBORN_NS 10000000000ULL	/* it has died before it joined         */
#define EXEC_NS 1000000000ULL	/* what is executed does not know the stack     */

struct process *process_self;
static pid_t my_pid;

pid_t process_pid(void)
{
	if (!my_pid)
		my_pid = getpid();
	return my_pid;
}

/* ---- Does it live? ------------------------------------------------------------------- */

/* What stands behind the name in /proc/PID/stat. Return: false: not to be had. */
static bool read_stat(pid_t pid, char *state, uint64_t *started)
{
	char path[32], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = (int)kernel_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = kernel_call(SYS_read, fd, text, sizeof(text) - 1);
	(void)!kernel_close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;
	*state = at[2];
	/* proc(5): the state is field 3, the time 22. */
	at += 3;
	for (unsigned field = 3; field < 21 && at; field++)
		at = strchr(at + 1, ' ');
	*started = at ? strtoull(at, NULL, 10) : 0;
	return true;
}

static uint64_t my_start(void)
{
	uint64_t started;
	char state;

	return read_stat(process_pid(), &state, &started) ? started : 0;
}

static bool is_alive(const struct process *p)
{
	uint64_t started;
	char state;

	if (!read_stat(p->pid, &state, &started))
		return !kill(p->pid, 0) || errno != ESRCH;
	if (p->started && started != p->started)
		return false;
	return state != 'Z' && state != 'X' && state != 'x';
}

/* ---- Entries ------------------------------------------------------------------------------ */

struct process *process_take(pid_t pid)
{
	struct process *p = stack->processes;

	while (p < stack->processes + STACK_PROCESSES && p->pid)
		p++;
	if (p == stack->processes + STACK_PROCESSES)
		return NULL;
	/* The table stays with the entry: it is clean when that is free. */
	if (!p->fds)
		p->fds = heap_zeroed(DESCRIPTORS_MAX, sizeof(*p->fds));
	if (!p->fds)
		return NULL;
	if (stack->end_processes <= (uint32_t)(p - stack->processes))
		stack->end_processes = (uint32_t)(p - stack->processes) + 1;
	p->n_fds = DESCRIPTORS_MAX;
	p->end_fds = 0;
	p->pid = pid;
	p->started = 0;
	p->parent = 0;
	p->since = stack_clock();
	return p;
}

void process_free(struct process *p)
{
	works_drop(p->pid);
	for (uint32_t fd = 0; fd < p->end_fds; fd++) {
		uint32_t entry = p->fds[fd];

		p->fds[fd] = DESCRIPTOR_NONE;
		if (entry != DESCRIPTOR_NONE)
			descriptor_drop(entry);
	}
	heap_free(p->inodes);
	p->inodes = NULL;
	p->end_fds = 0;
	p->pid = 0;
}

void process_is_me(struct process *p)
{
	my_pid = getpid();
	process_self = p;
	if (!p)
		return;
	/* In a namespace of processes of its own it is another one than for the others. */
	if (p->pid == PROCESS_UNBORN)
		p->pid = my_pid;
	my_pid = p->pid;
	p->started = my_start();
}

static struct process *find(pid_t pid, pid_t parent)
{
	struct process *found = NULL;

	for (struct process *p = stack->processes;
	     p < stack->processes + STACK_PROCESSES; p++)
		if (p->pid == pid && (!parent || p->parent == parent) &&
		    (!found || p->since < found->since))
			found = p;
	return found;
}

int process_was_given(int heap, bool *was_given)
{
	const pid_t pid = getpid(), parent = getppid();
	struct process entries[PEEK];
	uint32_t version, end = 0;
	const struct stack *of;
	void *root = NULL;
	int err = heap_peek_root(heap, &root);

	of = root;
	*was_given = false;
	if (!err)
		err = heap_peek(heap, &of->version, &version, sizeof(version));
	if (!err && version != STACK_VERSION)
		err = -EPROTO;
	if (!err)
		err = heap_peek(heap, &of->end_processes, &end, sizeof(end));
	if (end > STACK_PROCESSES)
		end = STACK_PROCESSES;
	for (uint32_t at = 0; at < end && !err && !*was_given; at += PEEK) {
		uint32_t n = end - at < PEEK ? end - at : PEEK;

		err = heap_peek(heap, &of->processes[at], entries, n * sizeof(*entries));
		while (n--)
			*was_given |= entries[n].pid == pid ||
				      (entries[n].pid == PROCESS_UNBORN &&
				       entries[n].parent == parent);
	}
	return err;
}

int process_enter(bool was_given)
{
	pid_t pid = getpid();
	struct process *p = find(pid, 0);

	my_pid = pid;
	if (p && !is_alive(p)) {
		process_free(p);
		p = NULL;
	}
	if (!p && was_given)
		p = find(PROCESS_UNBORN, getppid());
	if (p) {
		sleepers_drop(pid);
		works_drop(pid);
		process_is_me(p);
		process_compare(p);
		return 0;
	}
	p = process_take(pid);
	if (!p)
		return -ENOSPC;
	process_is_me(p);
	return 0;
}

void process_leave(void)
{
	struct process *p = process_self;

	process_self = NULL;
	if (p)
		process_free(p);
}

unsigned process_count(void)
{
	unsigned n = 0;

	for (const struct process *p = stack->processes;
	     p < stack->processes + STACK_PROCESSES; p++)
		n += p->pid && p != process_self;
	return n;
}

/* ---- Reap --------------------------------------------------------------------------------- */

/* It was executed, and what it is now does not join: what exec has closed goes. */
static void drop_closed(struct process *p)
{
	for (uint32_t fd = 0; fd < p->n_inodes; fd++) {
		uint32_t entry = p->fds[fd];

		if (!(p->inodes[fd] & PROCESS_CLOEXEC) || entry == DESCRIPTOR_NONE)
			continue;
		p->fds[fd] = DESCRIPTOR_NONE;
		p->inodes[fd] = 0;
		descriptor_drop(entry);
	}
}

static void look_at(struct process *p)
{
	ns_t age = stack_clock() - p->since;

	if (p->pid == PROCESS_UNBORN) {
		if (age > UNBORN_NS)
			process_free(p);
		return;
	}
	if (!is_alive(p)) {
		sleepers_drop(p->pid);
		process_free(p);
	} else if (p->inodes && age > EXEC_NS) {
		drop_closed(p);
	}
}

void process_reap(void)
{
	static unsigned next;
	unsigned looked = 0;

	stack->last_reap = stack_clock();
	passing_reap();
	for (unsigned n = 0; n < STACK_PROCESSES && looked < REAP_AT_ONCE; n++) {
		struct process *p = &stack->processes[next++ % STACK_PROCESSES];

		if (!p->pid || p == process_self)
			continue;
		looked++;
		look_at(p);
	}
}
