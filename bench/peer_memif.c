// SPDX-License-Identifier: BSD-2-Clause
/* peer_memif.c - Sides of bench-memif: ports of DPDK's net_memif */
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memif_ends.h"

#define MBUFS 8191
#define MBUF_CACHE 256

const char *peer_memif_missing(void)
{
	return NULL;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench-memif: DPDK: %s: %s\n", what,
		rte_strerror(rte_errno));
	_exit(1);
}

static void start_eal(const struct end *e)
{
	char prefix[32], core[16], vdev[256];
	char *arguments[] = {
		(char[]){ "bench" }, (char[]){ "--no-huge" },
		(char[]){ "--no-pci" }, (char[]){ "--no-shconf" },
		(char[]){ "--no-telemetry" }, (char[]){ "--log-level=error" },
		(char[]){ "-m" }, (char[]){ "64" }, (char[]){ "-l" }, core,
		(char[]){ "--file-prefix" }, prefix, (char[]){ "--vdev" },
		vdev, NULL,
	};

	setenv("RUNTIME_DIRECTORY", e->folder, 1);
	snprintf(core, sizeof(core), "%d", e->core);
	snprintf(prefix, sizeof(prefix), "bench-%d", (int)getpid());
	snprintf(vdev, sizeof(vdev),
		 "net_memif0,role=%s,socket=%s/socket,socket-abstract=no,rsize=%u",
		 e->is_server ? "server" : "client", e->folder, e->log2_ring);
	if (rte_eal_init(ARRAY_SIZE(arguments) - 1, arguments) < 0)
		fail("EAL");
	if (!rte_eth_dev_is_valid_port(0))
		fail("net_memif");
}

static struct rte_mempool *start(const struct end *e,
				 struct couple_control *control, int side)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_mempool *pool;

	start_eal(e);
	pool = rte_pktmbuf_pool_create("bench", MBUFS, MBUF_CACHE, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool || rte_eth_dev_configure(0, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(0, 0, 1024, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(0, 0, 1024, SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_start(0))
		fail("port");
	__atomic_store_n(&control->ready[side], 1, __ATOMIC_RELEASE);
	return pool;
}

static void wait_for_link(struct couple_control *control)
{
	struct rte_eth_link link = { .link_status = 0 };

	while (couple_rest(control)) {
		if (!rte_eth_link_get_nowait(0, &link) && link.link_status)
			return;
		usleep(1000);
	}
}

/* As DPDK's programs do: mbufs of the pool, each with its number in front. */
void peer_sends(void *state, struct couple_control *control)
{
	const struct end *e = state;
	struct rte_mempool *pool = start(e, control, SENDS);
	struct rte_mbuf *mbufs[END_BURST];
	uint64_t number = 0;
	uint32_t n = END_BURST;

	wait_for_link(control);
	while (couple_rest(control)) {
		uint32_t sent;

		if (!couple_goes(control))
			continue;
		/* Those that were not sent are sent first. */
		if (n && rte_pktmbuf_alloc_bulk(pool, mbufs + END_BURST - n, n))
			fail("mbufs");
		for (uint32_t k = 0; k < END_BURST; k++) {
			uint64_t now = number + k;

			mbufs[k]->data_len = (uint16_t)e->bytes;
			mbufs[k]->pkt_len = e->bytes;
			memcpy(rte_pktmbuf_mtod(mbufs[k], void *), &now,
			       sizeof(now));
		}
		sent = rte_eth_tx_burst(0, 0, mbufs, END_BURST);
		number += sent;
		n = sent;
		memmove(mbufs, mbufs + sent, (END_BURST - sent) * sizeof(*mbufs));
		if (!sent)
			spin_pause();
	}
}

void peer_receives(void *state, struct couple_control *control)
{
	const struct end *e = state;
	struct rte_mbuf *mbufs[END_BURST];
	uint64_t received = 0, number;

	start(e, control, RECEIVES);
	wait_for_link(control);
	while (couple_rest(control)) {
		uint16_t n = rte_eth_rx_burst(0, 0, mbufs, END_BURST);

		for (uint16_t k = 0; k < n; k++) {
			memcpy(&number, rte_pktmbuf_mtod(mbufs[k], void *),
			       sizeof(number));
			if (number != received++ || mbufs[k]->data_len != e->bytes)
				control->wrong++;
		}
		if (n)
			rte_pktmbuf_free_bulk(mbufs, n);
		if (n)
			couple_count(control, received);
		else
			spin_pause();
	}
}
