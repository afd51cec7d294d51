/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.h - A process with a device, for those who attach to it by a socket
 *
 * The least that a daemon has to do: it answers requests and runs the device. Who may
 * come in, and all that the real one does beside, is not asked.
 */
#ifndef TEST_VERBS_DAEMON_H
#define TEST_VERBS_DAEMON_H

#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct daemon_options {
	uint64_t spin_ns;	/* without work, before it sleeps; 1: not at all */
	int core;		/* to stay on, -1: any                          */
	unsigned mirror;	/* enum mirror_flag, of its wire                */
};

struct daemon_process {
	pid_t pid;
	char where[128];	/* for tto_open()                               */
	char folder[96];
};

/** daemon_start() - It answers when this returns. Return: 0; -errno. */
MUST_CHECK int daemon_start(struct daemon_process *d,
			    const struct daemon_options *options);

/** daemon_stop() - Kill it, with SIGKILL, and remove what it had */
void daemon_stop(struct daemon_process *d);

#endif
