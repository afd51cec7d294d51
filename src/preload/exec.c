// SPDX-License-Identifier: BSD-2-Clause
/* exec.c - Becoming another program */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/real.h"

#define FEW 256			/* arguments for which no memory is needed      */

static int failed(void)
{
	int saved = errno;

	tto_exec_failed();
	errno = saved;
	return -1;
}

WRAP int execve(const char *path, char *const argv[], char *const envp[])
{
	tto_exec_begin();
	REAL(execve)(path, argv, envp);
	return failed();
}

WRAP int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

WRAP int execvpe(const char *file, char *const argv[], char *const envp[])
{
	tto_exec_begin();
	REAL(execvpe)(file, argv, envp);
	return failed();
}

WRAP int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

WRAP int fexecve(int fd, char *const argv[], char *const envp[])
{
	tto_exec_begin();
	REAL(fexecve)(fd, argv, envp);
	return failed();
}

WRAP int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	tto_exec_begin();
	REAL(execveat)(fd, path, argv, envp, flags);
	return failed();
}

/* ---- With a list of arguments ---------------------------------------------------------- */

typedef int run_fn(const char *path, char *const argv[], char *const envp[]);

/* How many arguments there are, with the NULL; @list is not moved. */
static size_t count(va_list list)
{
	va_list copy;
	size_t n = 2;

	va_copy(copy, list);
	while (va_arg(copy, char *))
		n++;
	va_end(copy);
	return n;
}

/* @list: what is behind @first; @has_environment: the pointer behind its NULL. */
static int run(run_fn *run_it, const char *path, const char *first, va_list list,
	       bool has_environment)
{
	char *few[FEW], **argv = few, *const *envp = environ;
	size_t n = first ? count(list) : 1;
	int result;

	if (n > FEW)
		argv = malloc(n * sizeof(*argv));
	if (!argv)
		return -1;
	argv[0] = (char *)(uintptr_t)first;
	for (size_t k = 1; k < n; k++)
		argv[k] = va_arg(list, char *);
	if (has_environment)
		envp = va_arg(list, char *const *);
	result = run_it(path, argv, envp);
	if (argv != few)
		free(argv);
	return result;
}

WRAP int execl(const char *path, const char *first, ...)
{
	va_list list;
	int result;

	va_start(list, first);
	result = run(execve, path, first, list, false);
	va_end(list);
	return result;
}

WRAP int execle(const char *path, const char *first, ...)
{
	va_list list;
	int result;

	va_start(list, first);
	result = run(execve, path, first, list, true);
	va_end(list);
	return result;
}

WRAP int execlp(const char *file, const char *first, ...)
{
	va_list list;
	int result;

	va_start(list, first);
	result = run(execvpe, file, first, list, false);
	va_end(list);
	return result;
}
