// SPDX-License-Identifier: BSD-2-Clause
/*
 * dpdk_coalesce.c - Forward from DPDK port 0 to port 1, coalesced
 *
 * Port 1 must take chains of mbufs and packets of 64 KB: memif, virtio-user, TAP, or
 * a capture file, as in
 *
 *   dpdk-coalesce --no-huge --no-pci -m 512 -l 0 \
 *     --vdev=net_pcap0,rx_pcap=in.pcap --vdev=net_pcap1,tx_pcap=out.pcap
 *
 * The coalescing is in dpdk_coalesce.h. Ends when nothing came for a second.
 */
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dpdk_coalesce.h"

#define MBUFS 65536

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void send_mbuf(void *ctx, struct rte_mbuf *mbuf)
{
	if (!rte_eth_tx_burst(1, 0, &mbuf, 1))
		rte_pktmbuf_free(mbuf);
}

static void start_port(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { .lpbk_mode = 0 };
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port, &info))
		rte_exit(1, "port %u is not there\n", port);
	conf.txmode.offloads =
		info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (rte_eth_dev_configure(port, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_start(port))
		rte_exit(1, "port %u does not start\n", port);
}

static void forward(struct dpdk_coalescer *d)
{
	struct rte_mbuf *mbuf[DPDK_COALESCE_BURST];
	uint64_t now = clock_ns(), last = now;

	while (now - last < 1000000000) {
		uint16_t n = rte_eth_rx_burst(0, 0, mbuf, DPDK_COALESCE_BURST);

		now = clock_ns();
		if (n)
			last = now;
		dpdk_coalesce(d, mbuf, n, now);
		tto_coalescer_poll(d->engine, now);
	}
	tto_coalescer_flush(d->engine, now);
}

int main(int argc, char **argv)
{
	struct tto_coalescer_options options = { .size = sizeof(options) };
	struct dpdk_coalescer d = { .send = send_mbuf };
	struct tto_coalescer_stats stats;
	struct rte_mempool *pool;

	if (rte_eal_init(argc, argv) < 0 || rte_eth_dev_count_avail() < 2)
		rte_exit(1, "two ports are needed\n");
	pool = rte_pktmbuf_pool_create("mbufs", MBUFS, 256, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool || getentropy(options.seed, sizeof(options.seed)) ||
	    tto_coalescer_open(&d.engine, &options, dpdk_coalesce_deliver, &d))
		rte_exit(1, "no memory\n");
	start_port(0, pool);
	start_port(1, pool);
	forward(&d);
	tto_coalescer_stats(d.engine, &stats);
	printf("%lu frames, %lu packets\n", (unsigned long)stats.frames_in,
	       (unsigned long)stats.packets_out);
	tto_coalescer_close(d.engine);
	return rte_eal_cleanup() ? 1 : 0;
}
