/* SPDX-License-Identifier: BSD-2-Clause */
/* flow.h - Why flows of the daemon are received as they are */
#ifndef TOOL_EXPLAIN_FLOW_H
#define TOOL_EXPLAIN_FLOW_H

#include <stdbool.h>
#include <sys/types.h>

#include "tool/daemon/flow.h"

/**
 * flow_explain() - One flow, by its number
 *
 * Return: exit status, after one line on stderr if it is not TOOL_OK.
 */
int flow_explain(const struct daemon_options *o, uint32_t id);

/** flow_is_client() - Is the process a client of the daemon? */
bool flow_is_client(const struct stats_file *file, pid_t pid);

/**
 * flow_explain_all() - All of process @pid; 0: of everybody
 * @j:		NULL: as text
 *
 * Return: how many.
 */
unsigned flow_explain_all(const struct stats_file *file, pid_t pid, struct json *j);

#endif
