/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel.h - What the kernel says of a process and of its sockets, in /proc */
#ifndef TOOL_EXPLAIN_KERNEL_H
#define TOOL_EXPLAIN_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "tool/stack/look.h"

#define KERNEL_NAME_BYTES 32
#define KERNEL_PROTOCOL_BYTES 32

/* A process that has a stack, or could have one. */
struct kernel_process {
	pid_t pid;
	pid_t inside;		/* its number in its own namespace              */
	char name[KERNEL_NAME_BYTES];
	bool has_heap;		/* mapped: it has joined                        */
	bool has_library;	/* libtto-preload.so                            */
	bool has_environment;	/* TTO_STACK and LD_PRELOAD                     */
	bool is_static;		/* no dynamic linker                            */
	bool is_privileged;	/* AT_SECURE                                    */
};

/* A descriptor that is a socket; of an io_uring. */
struct kernel_fd {
	int fd;
	bool is_ring;
	uint64_t inode;
	char protocol[KERNEL_PROTOCOL_BYTES];	/* "TCP", "UDPv6", "UNIX" ...   */
};

/* A line of /proc/net/tcp and the like. */
struct kernel_socket {
	uint64_t inode;
	char local[LOOK_NAME_BYTES], remote[LOOK_NAME_BYTES];
	uint16_t local_port, remote_port;
	uint8_t state;		/* TCP_..., as linux/tcp_states.h has it        */
	bool is_tcp;
};

void kernel_process(pid_t pid, struct kernel_process *p);

/**
 * kernel_fds() - A process's sockets
 * @out:	Allocated; to be freed
 *
 * Return: how many; -errno.
 */
int kernel_fds(pid_t pid, struct kernel_fd **out);

/**
 * kernel_sockets() - The Internet sockets of a process's network namespace
 * @out:	Allocated, in the order of inodes; to be freed
 *
 * Return: how many; -ENOMEM.
 */
int kernel_sockets(pid_t pid, struct kernel_socket **out);

/** kernel_socket_find() - NULL: it is in no table; neither bound nor connected */
const struct kernel_socket *kernel_socket_find(const struct kernel_socket *sockets,
					       int n, uint64_t inode);

/** kernel_state() - As ss(8) names it */
const char *kernel_state(const struct kernel_socket *s);

#endif
