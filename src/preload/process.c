// SPDX-License-Identifier: BSD-2-Clause
/*
 * process.c - Processes: fork(), exec(), and what does both
 *
 * vfork() is fork(): its child would change the parent's table of descriptors. What libc
 * makes of these without calling them by name (system(), popen(), daemon(), forkpty()) is
 * wrapped itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <pty.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <utmp.h>

#include "preload/real.h"

pid_t __fork(void);
pid_t __vfork(void);
int __clone(int (*run)(void *argument), void *memory, int flags, void *argument, ...);
FILE *_IO_popen(const char *command, const char *type);

/* ---- Fork ---------------------------------------------------------------------------- */

pid_t forked(pid_t child)
{
	int saved = errno;

	if (child)
		tto_fork_parent(child);
	else
		tto_fork_child();
	errno = saved;
	return child;
}

WRAP pid_t fork(void)
{
	tto_fork_begin();
	return forked(REAL(fork)());
}
WRAP_ALIAS(__fork, fork);
WRAP_ALIAS(vfork, fork);
WRAP_ALIAS(__vfork, fork);

WRAP pid_t _Fork(void)
{
	tto_fork_begin();
	return forked(REAL(_Fork)());
}

struct start {
	int (*run)(void *argument);
	void *argument;
};

static int run_child(void *argument)
{
	const struct start *start = argument;

	tto_fork_child();
	return start->run(start->argument);
}

/* Without CLONE_VM it is a fork(), in the memory of which @start is still there. */
WRAP int clone(int (*run)(void *argument), void *memory, int flags, void *argument, ...)
{
	struct start start = { run, argument };
	va_list list;
	pid_t *parent_tid, *child_tid, child;
	void *tls;

	va_start(list, argument);
	parent_tid = va_arg(list, pid_t *);
	tls = va_arg(list, void *);
	child_tid = va_arg(list, pid_t *);
	va_end(list);
	if (flags & CLONE_VM)
		return REAL(clone)(run, memory, flags, argument, parent_tid, tls,
				   child_tid);
	tto_fork_begin();
	child = REAL(clone)(run_child, memory, flags, &start, parent_tid, tls, child_tid);
	tto_fork_parent(child);
	return child;
}
WRAP_ALIAS(__clone, clone);

WRAP int daemon(int stay, int keep)
{
	pid_t child = fork();
	int fd;

	if (child < 0)
		return -1;
	if (child)
		_exit(0);
	if (setsid() < 0)
		return -1;
	if (!stay)
		(void)!chdir("/");
	if (keep)
		return 0;
	fd = open(_PATH_DEVNULL, O_RDWR);
	if (fd < 0)
		return -1;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return 0;
}

WRAP pid_t forkpty(int *terminal, char *name, const struct termios *attributes,
		   const struct winsize *size)
{
	pid_t child;
	int mine, its;

	if (openpty(&mine, &its, name, attributes, size))
		return -1;
	child = fork();
	if (!child) {
		close(mine);
		if (login_tty(its))
			_exit(1);
		return 0;
	}
	close(its);
	if (child < 0)
		close(mine);
	else
		*terminal = mine;
	return child;
}

/* ---- Give up rights ------------------------------------------------------------------------ */

WRAP int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;
	int result;

	va_start(list, option);
	for (int n = 0; n < 4; n++)
		a[n] = va_arg(list, unsigned long);
	va_end(list);
	result = REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (option == PR_SET_SECCOMP && !result)
		tto_confine();
	return result;
}

/* ---- Start a program ------------------------------------------------------------------- */

WRAP int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attributes, char *const argv[],
		     char *const envp[])
{
	unsigned long spawn = tto_spawn_begin();
	pid_t child;
	int err = REAL(posix_spawn)(&child, path, actions, attributes, argv, envp);

	tto_spawn_end(spawn, err ? -1 : child);
	if (!err && pid)
		*pid = child;
	return err;
}

WRAP int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, char *const argv[],
		      char *const envp[])
{
	unsigned long spawn = tto_spawn_begin();
	pid_t child;
	int err = REAL(posix_spawnp)(&child, file, actions, attributes, argv, envp);

	tto_spawn_end(spawn, err ? -1 : child);
	if (!err && pid)
		*pid = child;
	return err;
}

WRAP int system(const char *command)
{
	unsigned long spawn = command ? tto_spawn_begin() : 0;
	int result = REAL(system)(command), saved = errno;

	tto_spawn_end(spawn, -1);
	errno = saved;
	return result;
}

WRAP FILE *popen(const char *command, const char *type)
{
	unsigned long spawn = tto_spawn_begin();
	FILE *f = REAL(popen)(command, type);
	int saved = errno;

	tto_spawn_end(spawn, f ? 0 : -1);
	errno = saved;
	return f;
}
WRAP_ALIAS(_IO_popen, popen);
