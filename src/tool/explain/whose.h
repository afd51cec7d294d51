/* SPDX-License-Identifier: BSD-2-Clause */
/* whose.h - Is a socket of a program the stack's or the kernel's, and why? */
#ifndef TOOL_EXPLAIN_WHOSE_H
#define TOOL_EXPLAIN_WHOSE_H

#include "socket/cause.h"
#include "tool/explain/kernel.h"

enum whose {
	WHOSE_STACK,
	WHOSE_KERNEL,
	WHOSE_BOTH,		/* listens in both                              */
	WHOSE_NOBODY,		/* neither connected nor listening yet          */
};

struct whose_socket {
	int fd;
	enum whose whose;
	int cause;		/* enum socket_cause; -1: none, it is not the
				 * kernel's                                     */
	char protocol[KERNEL_PROTOCOL_BYTES];
	const char *state;
	char local[LOOK_NAME_BYTES], remote[LOOK_NAME_BYTES];
};

/* A process, with what is there for all of its sockets. */
struct whose_process {
	const struct look *look;
	struct kernel_process facts;
	const struct process *entry;	/* in @look's copy; NULL: it has none   */
	int cause;		/* why it cannot join; -1: it can, or has       */
	bool has_ring;		/* it uses io_uring                             */
	struct kernel_fd *fds;
	struct kernel_socket *sockets;
	int n_fds, n_sockets;
};

/**
 * whose_open() - Everything that is known of process @pid
 *
 * Return: 0; -errno: it may not be looked at, or has ended.
 */
MUST_CHECK int whose_open(struct whose_process *p, const struct look *l, pid_t pid);
void whose_close(struct whose_process *p);

/**
 * whose_socket() - The @n-th of p->fds
 *
 * Return: false: it is no socket of the Internet.
 */
bool whose_socket(const struct whose_process *p, int n, struct whose_socket *s);

/* Of enum whose. */
const char *whose_name(enum whose whose);

/* Of enum socket_cause; NULL when out of range. */
const char *cause_name(int cause);
const char *cause_text(int cause);

#endif
