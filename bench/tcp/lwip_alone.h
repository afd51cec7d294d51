/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwip_alone.h - lwIP's TCP, with nothing below it
 *
 * DOC: Theory of operation
 * What a distribution has of lwIP is a shared library for a system with threads,
 * with checksums in software, payload copied on its way out, and malloc(). Nothing of
 * that is the protocol. As the library calls its own functions by name, a program
 * that has functions of these names is called instead: here these are checksums that
 * are 0, a copy that copies nothing, locks that lock nothing, memory from lists, and
 * an output of IP that hands the segment to a benchmark. What is left is TCP as its
 * author has written it, compiled by the distribution.
 *
 * lwip_init() does not start the thread, and the raw API may then be called as it is
 * without an operating system; tcp_input() is given segments without IP.
 *
 * All is in one stack: connections may have both ends in it.
 */
#ifndef BENCH_TCP_LWIP_ALONE_H
#define BENCH_TCP_LWIP_ALONE_H

#include <stdbool.h>
#include <stdint.h>

#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#define LWIP_HEADER 20
#define LWIP_ADDRESS(n) PP_HTONL(0x0a000000U | (n))

/* A segment that lwIP wants to send; @p is its own. */
typedef void lwip_output_fn(void *state, struct pbuf *p, uint32_t source,
			    uint32_t destination);

extern struct netif lwip_netif;

/**
 * lwip_alone_open() - Start lwIP
 *
 * Return: false when the library does not call what is here.
 */
bool lwip_alone_open(void);

/** lwip_alone_listen() - From now on @output gets what is sent; NULL: nobody */
void lwip_alone_output(lwip_output_fn *output, void *state);

/* A buffer of the benchmark as what arrives; nothing is done when it is freed. */
void lwip_alone_wrap(struct pbuf_custom *p, void *bytes, uint32_t len);

/* @p arrives: a TCP header and payload. Addresses are in network order. */
static inline void lwip_alone_arrive(struct pbuf *p, uint32_t source,
				     uint32_t destination)
{
	ip_data.current_netif = ip_data.current_input_netif = &lwip_netif;
	ip_addr_set_ip4_u32_val(ip_data.current_iphdr_src, source);
	ip_addr_set_ip4_u32_val(ip_data.current_iphdr_dest, destination);
	tcp_input(p, &lwip_netif);
}

/* A header without options, and with no checksum. */
void lwip_alone_header(void *to, uint16_t source_port, uint16_t destination_port,
		       uint32_t seq, uint32_t ack, uint16_t flags);

/**
 * lwip_alone_connect() - An established connection; the benchmark is its peer
 *
 * lwip_alone_output() must not be set. Its local address is 1, the peer's 2.
 */
struct tcp_pcb *lwip_alone_connect(uint16_t mss);

#endif
