// SPDX-License-Identifier: BSD-2-Clause
/* demo.c - tto demo: the script that measures programs, with this tto */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/tool.h"

#define SCRIPT "demo"

/* Beside this program where it was built, else where it is installed. */
static void find_script(const char *self, char path[PATH_MAX])
{
	size_t folder = (size_t)(strrchr(self, '/') - self);

	snprintf(path, PATH_MAX, "%.*s/" SCRIPT, (int)folder, self);
	if (access(path, X_OK))
		snprintf(path, PATH_MAX, "%s/" SCRIPT, TTO_LIBEXECDIR);
}

static int run(int argc, char **argv)
{
	char self[PATH_MAX - sizeof(SCRIPT)], path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return message_errno(errno, "/proc/self/exe"), TOOL_REFUSED;
	self[n] = '\0';
	find_script(self, path);
	if (setenv("TTO", self, 1))
		return message_errno(ENOMEM, "demo"), TOOL_REFUSED;
	argv[0] = path;
	execv(path, argv);
	message_errno(errno, "%s", path);
	return TOOL_REFUSED;
}

const struct tool_verb tool_demo = {
	.name = "demo",
	.summary = "programs over the kernel's TCP and over tto's, measured",
	.usage =
"Usage: tto demo [--runs N] [--seconds S] [--json]\n"
"       tto demo bridge [--mib N] [--json]\n"
"\n"
"nginx and redis-server in one namespace, wrk and redis-benchmark in another: over the\n"
"kernel's TCP, with the servers under tto run, and with both sides under tto run.\n"
"bridge: a file through the device between two kernels, with and without aggregation.\n"
"\n"
"      --runs N          of each, in turns; 3\n"
"      --seconds S       of each run; 1\n"
"      --mib N           of the file; 1024\n"
"      --json            the result as JSON\n"
"  -h, --help            this text\n"
"\n"
"Exit status: 0 done; 1 wrong arguments; 2 it cannot be measured here.\n",
	.run = run,
};
