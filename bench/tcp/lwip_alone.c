// SPDX-License-Identifier: BSD-2-Clause
/* lwip_alone.c - lwIP's TCP, with nothing below it */
#include "lwip_alone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/inet_chksum.h>
#include <lwip/mem.h>
#include <lwip/sys.h>

#define REPLACES __attribute__((visibility("default")))
#define PEERS_ISS 0x40000000
#define CHUNK (1U << 20)
#define SIZES 6			/* of memory: 64 .. 2048                        */

struct netif lwip_netif;

static struct {
	lwip_output_fn *output;
	void *state;
	uint64_t n_sent;
	uint8_t last[64];	/* header of the last one                       */
} wire;

/* ---- In the place of lwIP's own functions ------------------------------------------ */

REPLACES u16_t inet_chksum(const void *dataptr, u16_t len)
{
	return 0;
}

REPLACES u16_t ip_chksum_pseudo(struct pbuf *p, u8_t proto, u16_t proto_len,
				const ip_addr_t *src, const ip_addr_t *dest)
{
	return 0;
}

REPLACES u16_t ip_chksum_pseudo_partial(struct pbuf *p, u8_t proto,
					u16_t proto_len, u16_t chksum_len,
					const ip_addr_t *src,
					const ip_addr_t *dest)
{
	return 0;
}

REPLACES u16_t lwip_chksum_copy(void *dst, const void *src, u16_t len)
{
	return 0;
}

REPLACES sys_prot_t sys_arch_protect(void)
{
	return 0;
}

REPLACES void sys_arch_unprotect(sys_prot_t pval)
{
}

REPLACES void sys_check_core_locking(void)
{
}

/* Memory that was given back, in lists by size; each piece begins with its list. */
struct piece {
	struct piece *next;
	uint64_t list;
};

static struct piece *pieces[SIZES];

static struct piece *fresh_piece(uint64_t list)
{
	static uint8_t *at;
	static size_t left;
	size_t bytes = sizeof(struct piece) + (64ULL << list);
	struct piece *p;

	if (left < bytes) {
		at = malloc(CHUNK);
		left = at ? CHUNK : 0;
		if (!at)
			exit(1);
	}
	p = (struct piece *)(void *)at;
	at += bytes;
	left -= bytes;
	p->list = list;
	return p;
}

REPLACES void *mem_malloc(mem_size_t size)
{
	uint64_t list = size <= 64 ? 0 :
			58 - (uint64_t)__builtin_clzll((uint64_t)size - 1);
	struct piece *p;

	if (list >= SIZES)
		return NULL;
	p = pieces[list];
	if (p)
		pieces[list] = p->next;
	else
		p = fresh_piece(list);
	return p + 1;
}

REPLACES void mem_free(void *mem)
{
	struct piece *p = (struct piece *)mem - 1;

	p->next = pieces[p->list];
	pieces[p->list] = p;
}

REPLACES err_t ip4_output_if(struct pbuf *p, const ip4_addr_t *src,
			     const ip4_addr_t *dest, u8_t ttl, u8_t tos,
			     u8_t proto, struct netif *netif)
{
	wire.n_sent++;
	if (wire.output)
		wire.output(wire.state, p, src->addr, dest->addr);
	else
		memcpy(wire.last, p->payload, LWIP_HEADER);
	return ERR_OK;
}

/* ---- For benchmarks ----------------------------------------------------------------- */

static err_t begin_netif(struct netif *netif)
{
	netif->mtu = 1500;
	return ERR_OK;
}

bool lwip_alone_open(void)
{
	ip4_addr_t address, mask, gateway;
	struct tcp_pcb *pcb;

	lwip_init();
	IP4_ADDR(&address, 10, 0, 0, 1);
	IP4_ADDR(&mask, 255, 0, 0, 0);
	IP4_ADDR(&gateway, 0, 0, 0, 0);
	if (!netif_add(&lwip_netif, &address, &mask, &gateway, NULL, begin_netif,
		       ip_input))
		return false;
	netif_set_default(&lwip_netif);
	netif_set_link_up(&lwip_netif);
	netif_set_up(&lwip_netif);
	wire.n_sent = 0;
	pcb = lwip_alone_connect(536);
	if (!pcb || wire.n_sent < 2)
		return false;
	tcp_abort(pcb);
	return pieces[0] != NULL;
}

void lwip_alone_output(lwip_output_fn *output, void *state)
{
	wire.output = output;
	wire.state = state;
}

static void leave(struct pbuf *p)
{
}

void lwip_alone_wrap(struct pbuf_custom *p, void *bytes, uint32_t len)
{
	p->custom_free_function = leave;
	pbuf_alloced_custom(PBUF_RAW, (u16_t)len, PBUF_REF, p, bytes, (u16_t)len);
}

void lwip_alone_header(void *to, uint16_t source_port, uint16_t destination_port,
		       uint32_t seq, uint32_t ack, uint16_t flags)
{
	struct tcp_hdr *h = to;

	h->src = lwip_htons(source_port);
	h->dest = lwip_htons(destination_port);
	h->seqno = lwip_htonl(seq);
	h->ackno = lwip_htonl(ack);
	TCPH_HDRLEN_FLAGS_SET(h, 5, flags);
	h->wnd = 0xffff;
	h->chksum = h->urgp = 0;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	return ERR_OK;
}

struct tcp_pcb *lwip_alone_connect(uint16_t mss)
{
	static uint16_t port = 10000;
	const uint8_t options[] = { 2, 4, (uint8_t)(mss >> 8), (uint8_t)mss,
				    1, 3, 3, 4 };
	uint8_t answer[LWIP_HEADER + sizeof(options)];
	struct tcp_pcb *pcb = tcp_new();
	struct tcp_hdr syn;
	struct pbuf_custom p;
	ip_addr_t here, there;

	IP_ADDR4(&here, 10, 0, 0, 1);
	IP_ADDR4(&there, 10, 0, 0, 2);
	if (!pcb || tcp_bind(pcb, &here, ++port) ||
	    tcp_connect(pcb, &there, 80, connected))
		return NULL;
	memcpy(&syn, wire.last, sizeof(syn));
	lwip_alone_header(answer, 80, pcb->local_port, PEERS_ISS,
			  lwip_ntohl(syn.seqno) + 1, TCP_SYN | TCP_ACK);
	TCPH_HDRLEN_SET((struct tcp_hdr *)(void *)answer, sizeof(answer) / 4);
	memcpy(answer + LWIP_HEADER, options, sizeof(options));
	lwip_alone_wrap(&p, answer, sizeof(answer));
	lwip_alone_arrive(&p.pbuf, LWIP_ADDRESS(2), LWIP_ADDRESS(1));
	return pcb->state == ESTABLISHED ? pcb : NULL;
}
