/* SPDX-License-Identifier: BSD-2-Clause */
/* sockets.h - The Internet sockets of programs over a stack, and whose they are */
#ifndef TOOL_EXPLAIN_SOCKETS_H
#define TOOL_EXPLAIN_SOCKETS_H

#include "base/json.h"
#include "tool/stack/find.h"

/**
 * sockets_explain() - All of one stack
 * @j:		NULL: as text
 *
 * Return: 0; -errno, after one line on stderr.
 */
int sockets_explain(const struct found_stack *found, struct json *j);

#endif
