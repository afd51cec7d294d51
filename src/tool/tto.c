// SPDX-License-Identifier: BSD-2-Clause
/* tto.c - The tto command: find the verb and run it */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tto/engine.h>

#include "base/compiler.h"
#include "base/message.h"
#include "tool/tool.h"

static const struct tool_verb *const verbs[] = {
	&tool_coalesce,
	&tool_segment,
	&tool_bridge,
	&tool_run,
	&tool_ss,
	&tool_capture,
	&tool_demo,
	&tool_doctor,
	&tool_pagetable,
	&tool_stats,
	&tool_clients,
	&tool_flows,
	&tool_explain,
};

static void print_help(void)
{
	printf("Usage: tto VERB [ARGUMENTS]\n"
	       "       tto VERB --help\n"
	       "       tto --version\n"
	       "\n"
	       "Transparent TCP offload in software.\n"
	       "\n");
	for (size_t n = 0; n < ARRAY_SIZE(verbs); n++)
		printf("  %-10s %s\n", verbs[n]->name, verbs[n]->summary);
	printf("\n"
	       "Exit status: 0 done; 1 wrong arguments; 2 refused by the system, or bad input.\n");
}

static const struct tool_verb *find_verb(const char *name)
{
	for (size_t n = 0; n < ARRAY_SIZE(verbs); n++) {
		if (!strcmp(verbs[n]->name, name))
			return verbs[n];
	}
	return NULL;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int n = 1; n < argc && strcmp(argv[n], "--"); n++) {
		if (!strcmp(argv[n], "--help") || !strcmp(argv[n], "-h"))
			return true;
	}
	return false;
}

static int run_verb(int argc, char **argv)
{
	const struct tool_verb *verb = find_verb(argv[0]);

	if (!verb) {
		message("%s: unknown verb; see tto --help", argv[0]);
		return TOOL_USAGE;
	}
	if (asks_for_help(argc, argv)) {
		fputs(verb->usage, stdout);
		return TOOL_OK;
	}
	return verb->run(argc, argv);
}

/* Options of tto itself stand before the verb, alone. */
static int run_option(int argc, char **argv)
{
	bool is_help = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");
	bool is_version = !strcmp(argv[1], "--version") ||
			  !strcmp(argv[1], "-V");

	if (!is_help && !is_version) {
		message("%s: unknown option; see tto --help", argv[1]);
		return TOOL_USAGE;
	}
	if (argc > 2) {
		message("%s: nothing may follow %s", argv[2], argv[1]);
		return TOOL_USAGE;
	}
	if (is_help)
		print_help();
	else
		printf("tto %s\n", tto_version());
	return TOOL_OK;
}

int tool_getopt(int argc, char **argv, const char *shorts,
		const struct option *longs)
{
	int option = getopt_long(argc, argv, shorts, longs, NULL);
	const char *text = argv[optind - 1];
	char letter[] = { '-', (char)optopt, '\0' };

	if (option != '?' && option != ':')
		return option;
	/* A letter may stand in a cluster; a long option is told by its text. */
	if (strncmp(text, "--", 2))
		text = letter;
	if (option == ':')
		message("%s: %s needs a value; see tto %s --help", argv[0],
			text, argv[0]);
	else
		message("%s: %s: unknown option; see tto %s --help", argv[0],
			text, argv[0]);
	return '?';
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2) {
		message("no verb; see tto --help");
		return TOOL_USAGE;
	}
	if (argv[1][0] == '-')
		status = run_option(argc, argv);
	else
		status = run_verb(argc - 1, argv + 1);
	return tool_check_stdout() ? TOOL_REFUSED : status;
}
