/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h - tto run: a program over a stack of its own
 *
 * DOC: Theory of operation
 * The stack is made here (link.c), then the program is started with libtto-preload.so
 * in front of its C library and TTO_STACK in its environment (program.c), by which all
 * its processes join the stack. This process stays (caretaker.c):
 *
 *	program calls nothing	timers and what is received are served from here
 *	a process is killed	what it had is dropped
 *	the program ends	its connections are brought to their end first
 *	a signal comes		the program gets it
 *
 * It may be killed at any time: the stack is the program's as well. What it has made
 * goes with the last process.
 */
#ifndef TOOL_RUN_RUN_H
#define TOOL_RUN_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

#define RUN_ADDRESSES_MAX 8
#define RUN_DAEMON_SOCKET "/run/tto/ttod.sock"

/* Exit status, as env(1) has it. */
enum {
	RUN_FAILED = 125,	/* nothing was started                          */
	RUN_CANNOT_EXECUTE = 126,
	RUN_NOT_FOUND = 127,
};

struct run_arguments {
	const char *wire;	/* NULL: a TAP device of our own                */
	const char *daemon;	/* socket of ttod; NULL: not over it            */
	const char *addresses[RUN_ADDRESSES_MAX], *gateways[RUN_ADDRESSES_MAX];
	unsigned n_addresses, n_gateways;
	bool strict, loopback, netns, quiet, has_spin;
	uint32_t spin_us;
	char **program;		/* with its arguments; NULL behind the last     */
};

/**
 * link_enter_namespace() - A user and a network namespace for this process
 *
 * The user stays who he is. Return: 0 or -errno, after one line on stderr.
 */
MUST_CHECK int link_enter_namespace(void);

/**
 * link_start() - Make the stack of this process, on the wire that was asked for
 *
 * Without one: on a new TAP device, with addresses that lead nowhere else on this
 * machine, the kernel's side set up. Says on stderr what it is, unless quiet.
 *
 * Return: 0 or -errno, after one line on stderr.
 */
MUST_CHECK int link_start(const struct run_arguments *a);

/**
 * caretaker_block_signals() - Before the program is started
 * @before:	The signals that were blocked; the program's are to be the same
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int caretaker_block_signals(sigset_t *before);

/**
 * outsider_tell() - Say on stderr, in one line, if nothing can be put in front of @program
 * @program:	As of execvp(3)
 */
void outsider_tell(const char *program);

/**
 * program_start() - Execute the program in a process of its own
 * @share:	Value of TTO_STACK
 * @blocked:	Signals that are to be blocked in it
 *
 * When it cannot be executed, its
 * process says so on stderr, and ends with RUN_NOT_FOUND or RUN_CANNOT_EXECUTE.
 *
 * Return: its number or -errno, after one line on stderr.
 */
MUST_CHECK pid_t program_start(const struct run_arguments *a, const char *share,
			       const sigset_t *blocked);

/**
 * caretaker_run() - Look after the stack until the program has ended
 * @lifeline:	A pipe; at its end no process of the program is left
 *
 * And its connections with it; a child of ours does the rest when that takes long.
 *
 * Return: its exit status as of wait(2).
 */
int caretaker_run(pid_t program, int lifeline);

#endif
