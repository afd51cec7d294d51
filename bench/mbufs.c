// SPDX-License-Identifier: BSD-2-Clause
/* mbufs.c - DPDK's packet buffers over the frames of a set */
#include "mbufs.h"

#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

static void keep(void *address, void *opaque)
{
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, rte_strerror(rte_errno));
	exit(1);
}

void mbuf_set_open(struct mbuf_set *s, const struct frame_set *frames,
		   uint32_t n)
{
	static unsigned pools;
	char name[24];

	*s = (struct mbuf_set){ .frames = frames, .n = n };
	s->shared.free_cb = keep;
	rte_mbuf_ext_refcnt_set(&s->shared, 1);
	snprintf(name, sizeof(name), "frames-%u", pools++);
	s->pool = rte_pktmbuf_pool_create(name, s->n, 0, 0, 0, SOCKET_ID_ANY);
	if (!s->pool)
		die("mbufs");
	s->mbuf = bench_memory(s->n * sizeof(*s->mbuf));
	if (rte_pktmbuf_alloc_bulk(s->pool, s->mbuf, s->n))
		die("mbufs");
	for (uint32_t i = 0; i < n; i++)
		rte_pktmbuf_attach_extbuf(s->mbuf[i], frames->memory,
					  RTE_BAD_IOVA, FRAME_STRIDE,
					  &s->shared);
}

/* What became of the mbufs does not matter: all of the pool's memory goes. */
void mbuf_set_close(struct mbuf_set *s)
{
	rte_mempool_free(s->pool);
	bench_release(s->mbuf, s->n * sizeof(*s->mbuf));
}

void mbuf_set_receive(struct mbuf_set *s, uint32_t idx, uint32_t slot,
		      uint64_t flags)
{
	const struct frame_set *f = s->frames;
	struct rte_mbuf *m = s->mbuf[idx];
	bool v6 = f->shape.v6;

	m->buf_addr = frame_at(f, slot);
	m->data_off = 0;
	m->data_len = (uint16_t)frame_len(f);
	m->pkt_len = frame_len(f);
	m->nb_segs = 1;
	m->next = NULL;
	m->ol_flags = RTE_MBUF_F_EXTERNAL | flags;
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L4_TCP |
			 (v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4);
	m->tx_offload = 0;
	m->l2_len = 14;
	m->l3_len = v6 ? 40 : 20;
	m->l4_len = f->shape.timestamps ? 32 : 20;
}
