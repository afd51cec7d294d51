// SPDX-License-Identifier: BSD-2-Clause
/*
 * dpdk_echo.c - A DPDK port of memif that sends back what it receives
 *
 *	dpdk_echo FOLDER VDEV-ARGUMENTS
 *
 * FOLDER gets what EAL leaves behind. Prints "ready" when the port is started,
 * ends when standard input does. Sleeps when there is nothing: it shares the
 * machine with the test.
 */
#include <poll.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BURST 32
#define MBUFS 4095
#define NAP_US 100
#define TRIES 2000

static int fail(const char *what)
{
	fprintf(stderr, "dpdk_echo: %s: %s\n", what, rte_strerror(rte_errno));
	return 1;
}

static int start(uint16_t port)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_mempool *pool = rte_pktmbuf_pool_create("echo", MBUFS, 0, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (!pool)
		return fail("mempool");
	if (rte_eth_dev_configure(port, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_start(port))
		return fail("port");
	puts("ready");
	fflush(stdout);
	return 0;
}

static bool has_ended(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

static void send_back(uint16_t port, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t sent = 0;

	for (int tries = 0; sent < n && tries < TRIES; tries++) {
		uint16_t more = rte_eth_tx_burst(port, 0, mbufs + sent,
						 (uint16_t)(n - sent));

		sent += more;
		if (!more)
			usleep(NAP_US);
	}
	if (sent < n)
		rte_pktmbuf_free_bulk(mbufs + sent, (unsigned)(n - sent));
}

static void echo(uint16_t port)
{
	struct rte_mbuf *mbufs[BURST];

	while (!has_ended()) {
		uint16_t n = rte_eth_rx_burst(port, 0, mbufs, BURST);

		if (n)
			send_back(port, mbufs, n);
		else
			usleep(NAP_US);
	}
}

int main(int argc, char **argv)
{
	char vdev[512], prefix[32];
	char *arguments[] = {
		argv[0], (char[]){ "--no-huge" }, (char[]){ "--no-pci" },
		(char[]){ "--no-shconf" }, (char[]){ "--no-telemetry" },
		(char[]){ "--log-level=error" }, (char[]){ "-m" },
		(char[]){ "128" }, (char[]){ "-l" }, (char[]){ "0" },
		(char[]){ "--file-prefix" }, prefix, (char[]){ "--vdev" },
		vdev, NULL,
	};
	int status;

	if (argc != 3)
		return 2;
	setenv("RUNTIME_DIRECTORY", argv[1], 1);
	snprintf(prefix, sizeof(prefix), "echo-%d", (int)getpid());
	snprintf(vdev, sizeof(vdev), "net_memif0,%s", argv[2]);
	if (rte_eal_init((int)(sizeof(arguments) / sizeof(*arguments)) - 1,
			 arguments) < 0)
		return fail("EAL");
	status = rte_eth_dev_is_valid_port(0) ? start(0) : fail("no net_memif");
	if (status)
		return status;
	echo(0);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_eal_cleanup();
	return 0;
}
