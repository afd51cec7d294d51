/* SPDX-License-Identifier: BSD-2-Clause */
/* tool.h - What a verb of the tto command is */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <getopt.h>

/* Exit status, as ip(8) has it. */
enum {
	TOOL_OK = 0,
	TOOL_USAGE = 1,		/* wrong arguments                              */
	TOOL_REFUSED = 2,	/* refused by the system, or the input is bad   */
};

struct tool_verb {
	const char *name;
	const char *summary;	/* one line, for tto --help                     */
	const char *usage;	/* whole text of tto VERB --help                */

	/* @argv[0] is the name of the verb. Return: exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct tool_verb tool_coalesce, tool_segment, tool_bridge,
	tool_doctor, tool_pagetable, tool_stats, tool_clients, tool_flows,
	tool_explain, tool_run, tool_ss, tool_demo, tool_capture;

/**
 * tool_getopt() - getopt_long(3) that explains itself
 * @argc:	As given to run()
 * @argv:	As given to run()
 * @shorts:	Begins with ':'
 * @longs:	As for getopt_long(3); --help is handled before run()
 *
 * Return: the option; -1 after the last; '?' for a wrong one, after one line
 * about it on stderr.
 */
int tool_getopt(int argc, char **argv, const char *shorts,
		const struct option *longs);

struct capture_writer;

/**
 * tool_abort_on_signal() - Let SIGINT, SIGTERM and SIGHUP remove the output
 * @w:		Not finished yet
 */
void tool_abort_on_signal(struct capture_writer *w);

/**
 * tool_finish_output() - Complete the output under its final name
 * @w:		Released, whatever the result
 *
 * Return: 0 or -errno, after one line about it on stderr.
 */
int tool_finish_output(struct capture_writer *w);

/** tool_abort_output() - Remove what was written of @w, and release it */
void tool_abort_output(struct capture_writer *w);

/** tool_check_stdout() - Return: 0, or -EIO after one line on stderr */
int tool_check_stdout(void);

#endif
