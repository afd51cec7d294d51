/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.h - A stack of other processes, copied piece by piece
 *
 * DOC: Theory of operation
 * What is looked at goes on meanwhile, and is not stopped for it: what is wanted of the
 * heap is copied, and nothing of it is believed. A place that leads nowhere is not
 * followed, every loop is bounded by what a stack has at most. So what was changed while
 * it was copied, or what somebody has written there on purpose, makes a wrong line and
 * no more.
 */
#ifndef TOOL_STACK_LOOK_H
#define TOOL_STACK_LOOK_H

#include "socket/stack.h"
#include "tool/stack/find.h"

struct look {
	int heap;		/* of the struct found_stack                    */
	struct stack *stack;	/* a copy                                       */
	struct socket **sockets;	/* a copy of its table, STACK_SOCKETS   */
};

/**
 * look_open() - Copy what is needed to find the rest
 * @verb:	For the message
 *
 * Return: 0; -errno, after one line on stderr.
 */
MUST_CHECK int look_open(struct look *l, const struct found_stack *found,
			 const char *verb);
void look_close(struct look *l);

/**
 * look_at_socket() - Copy socket @n
 *
 * Return: false: there is none.
 */
bool look_at_socket(const struct look *l, uint32_t n, struct socket *s);

/** look_at_report() - What the connection tells of itself; when it is over, what it was */
void look_at_report(const struct look *l, const struct socket *s, struct tcp_report *r);

#define LOOK_NAME_BYTES 64	/* "[ADDRESS]:PORT"                             */

/** look_name() - Address and port; "*" for 0 */
void look_name(char text[LOOK_NAME_BYTES], const uint8_t address[16], uint16_t port,
	       bool v6);

/** look_state() - enum tcp_state, as ss(8) names it */
const char *look_state(uint8_t state);

#endif
