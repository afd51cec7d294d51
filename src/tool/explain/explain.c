// SPDX-License-Identifier: BSD-2-Clause
/*
 * explain.c - tto explain: which sockets are accelerated, which are not, and why
 *
 * Programs under tto run have a stack, whose sockets sockets.c explains; clients of ttod
 * have flows, which flow.c explains.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/message.h"
#include "tool/explain/flow.h"
#include "tool/explain/sockets.h"
#include "tool/options.h"
#include "tool/tool.h"

struct arguments {
	struct daemon_options daemon;
	bool has_file, has_flow, has_pid;
	uint32_t flow, pid;
};

/* ---- Arguments ---------------------------------------------------------------------- */

static int take_options(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
		{ "file", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "pid", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = tool_getopt(argc, argv, ":f:jp:", longs)) != -1) {
		switch (option) {
		case 'f':
			a->daemon.path = optarg;
			a->has_file = true;
			break;
		case 'j':
			a->daemon.json = true;
			break;
		case 'p':
			a->has_pid = true;
			if (options_u32("--pid", optarg, 1, INT32_MAX, &a->pid))
				return -EINVAL;
			break;
		default:
			return -EINVAL;
		}
	}
	return 0;
}

static int parse(int argc, char **argv, struct arguments *a)
{
	if (take_options(argc, argv, a))
		return -EINVAL;
	if (argc - optind > 1)
		return message("explain: %s: one flow at a time; see tto explain --help",
			       argv[optind + 1]), -EINVAL;
	a->has_flow = optind < argc;
	if (a->has_flow && a->has_pid)
		return message("explain: %s: a flow or a process; see tto explain --help",
			       argv[optind]), -EINVAL;
	return a->has_flow ?
	       options_u32("explain", argv[optind], 0, UINT32_MAX, &a->flow) : 0;
}

/* ---- Everything ------------------------------------------------------------------------ */

/* Return: whether @file is open. Without --file nobody misses it. */
static bool open_statistics(const struct arguments *a, struct stats_file *file, int *err)
{
	if (!a->has_file && access(a->daemon.path, R_OK))
		return false;
	*err = stats_file_open(file, "explain", a->daemon.path);
	return !*err;
}

/* Return: exit status. */
static int say_that_nothing_is_there(const struct arguments *a, int err)
{
	if (err == -ENOENT || err == -ESRCH)
		message("explain: process %u: there is no such process", a->pid);
	else if (err < 0)
		message_errno(err, "explain: process %u", a->pid);
	else if (a->has_pid)
		message("explain: process %u: neither under tto run nor a client of ttod",
			a->pid);
	else if (!a->daemon.json)
		printf("no program of this user is under tto run\n");
	return a->has_pid ? TOOL_REFUSED : TOOL_OK;
}

static int explain_stacks(const struct found_stack *found, int n, struct json *j)
{
	int status = TOOL_OK;

	for (int k = 0; k < n; k++) {
		if (k && !j)
			putchar('\n');
		if (sockets_explain(&found[k], j))
			status = TOOL_REFUSED;
		close(found[k].heap);
	}
	return status;
}

static int explain_all(const struct arguments *a)
{
	struct found_stack found[FIND_STACKS_MAX];
	struct stats_file file;
	int err = 0, status, n = find_stacks(found, (pid_t)a->pid);
	bool has_file = open_statistics(a, &file, &err);
	struct json j, *to = a->daemon.json ? &j : NULL;

	if (err)
		return TOOL_REFUSED;
	if (n <= 0 && (!has_file || (a->has_pid && !flow_is_client(&file, (pid_t)a->pid)))) {
		status = say_that_nothing_is_there(a, n);
		if (status)
			return status;
	}
	if (to) {
		json_begin(to, stdout);
		json_object_begin(to, NULL);
		json_array_begin(to, "stacks");
	}
	status = explain_stacks(found, n, to);
	if (to) {
		json_array_end(to);
		json_array_begin(to, "flows");
	}
	if (has_file)
		(void)!flow_explain_all(&file, (pid_t)a->pid, to);
	if (to) {
		json_array_end(to);
		json_object_end(to);
		json_end(to);
	}
	if (has_file)
		stats_file_close(&file);
	return status;
}

static int run(int argc, char **argv)
{
	struct arguments a = { .daemon = { .path = STATS_FILE } };

	if (parse(argc, argv, &a))
		return TOOL_USAGE;
	return a.has_flow ? flow_explain(&a.daemon, a.flow) : explain_all(&a);
}

const struct tool_verb tool_explain = {
	.name = "explain",
	.summary = "which sockets are accelerated, and why others are not",
	.usage =
"Usage: tto explain [--json] [--file FILE] [--pid PID | FLOW]\n"
"\n"
"Of programs under tto run, all of this user's or those that share a stack with\n"
"process PID: their Internet sockets, whose each is, and why it is the kernel's if\n"
"it is. Of clients of ttod: their flows, where bytes were placed, why packets ended\n"
"where they did, and what was lost. FLOW: one of them, as tto flows numbers it.\n"
"\n"
"  -p, --pid PID         of this process only\n"
"  -j, --json            as JSON\n"
"  -f, --file FILE       statistics of ttod, default " STATS_FILE "\n"
"  -h, --help            this text\n",
	.run = run,
};
