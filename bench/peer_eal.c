// SPDX-License-Identifier: BSD-2-Clause
/* peer_eal.c - DPDK's environment, without huge pages, devices and files */
#include <rte_eal.h>
#include <rte_errno.h>
#include <stdio.h>
#include <unistd.h>

#include "peer.h"

#define MEMORY_MB "1024"
#define ROOT_DIRECTORY "/var/run/dpdk"

static char core[16], prefix[32];

/* EAL wants to write to them. */
static char *arguments[] = {
	(char[]){ "bench" }, (char[]){ "--no-huge" }, (char[]){ "--no-pci" },
	(char[]){ "--no-shconf" }, (char[]){ "--no-telemetry" },
	(char[]){ "--log-level=error" }, (char[]){ "-m" },
	(char[]){ MEMORY_MB }, (char[]){ "-l" }, core,
	(char[]){ "--file-prefix" }, prefix, NULL,
};
static bool running;

/*
 * EAL makes a directory even when it has nothing to put into it. Removed at
 * once, so that it does not stay behind whatever ends the program.
 */
static void remove_directory(bool root)
{
	rmdir(rte_eal_get_runtime_dir());
	if (root)
		rmdir(ROOT_DIRECTORY);
}

const char *peer_open(const struct bench *b)
{
	bool root;

	snprintf(core, sizeof(core), "%d", b->core);
	snprintf(prefix, sizeof(prefix), "tto-bench-%d", (int)getpid());
	root = access(ROOT_DIRECTORY, F_OK) != 0;
	if (rte_eal_init(ARRAY_SIZE(arguments) - 1, arguments) < 0)
		return rte_strerror(rte_errno);
	remove_directory(root);
	running = true;
	return NULL;
}

void peer_close(void)
{
	if (!running)
		return;
	running = false;
	rte_eal_cleanup();
}
