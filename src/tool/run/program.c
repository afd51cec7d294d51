// SPDX-License-Identifier: BSD-2-Clause
/* program.c - Start a program with libtto-preload.so in front of its C library */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/run/run.h"

#define LIBRARY "libtto-preload.so"

/* Where this program was built, else where the library is installed. */
static int find_library(char path[PATH_MAX])
{
	static const char built[] = "/src/preload/" LIBRARY;
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(built));

	if (n > 0) {
		path[n] = '\0';
		strcpy(strrchr(path, '/'), built);
		if (!access(path, R_OK))
			return 0;
	}
	snprintf(path, PATH_MAX, "%s/" LIBRARY, TTO_LIBDIR);
	return access(path, R_OK) ? -errno : 0;
}

static int set_options(const struct run_arguments *a)
{
	char us[16];

	snprintf(us, sizeof(us), "%u", a->spin_us);
	if ((a->has_spin && setenv("TTO_SPIN_US", us, 1)) ||
	    (a->strict && setenv("TTO_STRICT", "1", 1)))
		return -ENOMEM;
	return 0;
}

static int set_environment(const struct run_arguments *a, const char *share)
{
	const char *others = getenv("LD_PRELOAD");
	char path[PATH_MAX], *value;
	int err = find_library(path);

	if (err)
		return message_errno(err, "%s", path), err;
	if (strpbrk(path, " :")) {
		message("%s: the dynamic linker takes no blanks and colons here", path);
		return -EINVAL;
	}
	if (asprintf(&value, "%s%s%s", path, others && *others ? ":" : "",
		     others ? others : "") < 0)
		return -ENOMEM;
	err = setenv("LD_PRELOAD", value, 1) || setenv("TTO_STACK", share, 1);
	free(value);
	return err ? -ENOMEM : set_options(a);
}

static void execute(const struct run_arguments *a, const sigset_t *blocked)
{
	int err;

	sigprocmask(SIG_SETMASK, blocked, NULL);
	execvp(a->program[0], a->program);
	err = errno;
	message_errno(err, "%s", a->program[0]);
	_exit(err == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXECUTE);
}

pid_t program_start(const struct run_arguments *a, const char *share,
		    const sigset_t *blocked)
{
	int err = set_environment(a, share);
	pid_t program;

	if (err)
		return err;
	program = fork();
	if (!program)
		execute(a, blocked);
	if (program < 0) {
		err = -errno;
		message_errno(err, "run");
		return err;
	}
	return program;
}
