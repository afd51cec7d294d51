/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dpdk_coalesce.h - Coalesce DPDK mbufs with libtto-engine, without a copy
 *
 * Each mbuf is a frame, and its own cookie. An aggregate becomes a chain of the
 * mbufs that went into it: the new header is written over that of the first, and
 * the others are trimmed to their payload.
 */
#ifndef DPDK_COALESCE_H
#define DPDK_COALESCE_H

#include <rte_mbuf.h>
#include <tto/engine.h>

#define DPDK_COALESCE_BURST 64

struct dpdk_coalescer {
	struct tto_coalescer *engine;
	void (*send)(void *ctx, struct rte_mbuf *mbuf);	/* takes the mbuf     */
	void *ctx;
};

/* An mbuf in several parts is passed on as it is: "cut short". */
static inline void dpdk_coalesce_frame(struct tto_frame *f, struct rte_mbuf *m)
{
	uint64_t checked = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	f->data = rte_pktmbuf_mtod(m, const void *);
	f->len = m->data_len;
	f->gso_size = m->ol_flags & RTE_MBUF_F_RX_LRO ? m->tso_segsz : 0;
	f->csum = checked == RTE_MBUF_F_RX_L4_CKSUM_GOOD ? TTO_CSUM_VERIFIED :
							   TTO_CSUM_UNKNOWN;
	f->truncated = m->nb_segs > 1;
	f->cookie = m;
}

static inline void dpdk_coalesce_chain(const struct tto_packet *p)
{
	const struct tto_segment *s = p->segments;
	struct rte_mbuf *head = s->cookie, *tail = head, *m;

	memmove(rte_pktmbuf_mtod(head, void *), p->header, p->header_len);
	head->data_len = (uint16_t)(p->header_len + s->len);
	while ((s = s->next)) {
		m = s->cookie;
		if (!s->len) {	/* an ACK without data, policy host */
			rte_pktmbuf_free(m);
			continue;
		}
		m->data_off = (uint16_t)((uintptr_t)s->payload -
					 (uintptr_t)m->buf_addr);
		m->data_len = (uint16_t)s->len;
		tail->next = m;
		tail = m;
		head->nb_segs++;
	}
	head->pkt_len = p->header_len + p->payload_len;
	head->tso_segsz = p->gso_size;
	head->ol_flags |= RTE_MBUF_F_RX_LRO;
}

static inline void dpdk_coalesce_deliver(void *ctx, const struct tto_packet *p)
{
	const struct dpdk_coalescer *d = ctx;

	if (p->changed)
		dpdk_coalesce_chain(p);
	d->send(d->ctx, p->segments->cookie);
}

/* Takes the mbufs; what is due goes to send(). */
static inline void dpdk_coalesce(struct dpdk_coalescer *d,
				 struct rte_mbuf **mbuf, uint16_t n,
				 uint64_t now_ns)
{
	struct tto_frame frames[DPDK_COALESCE_BURST];
	uint16_t done, i;

	for (done = 0; done < n; done += i) {
		for (i = 0; i < DPDK_COALESCE_BURST && done + i < n; i++)
			dpdk_coalesce_frame(&frames[i], mbuf[done + i]);
		tto_coalescer_push(d->engine, frames, i, now_ns);
	}
}

#endif
