/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * burst_loop.h - The common case of coalescing, in stages over a burst
 *
 * DOC: Theory of operation
 * Included by one source file for each instruction set, which defines
 * expected(), the masked comparison of a header, and find_tag(), which finds
 * the first of eight tags. Compiled there with its -m flags; nothing here is
 * particular to one of them. (There is none for AVX-512: a load of 64 bytes
 * behind an Ethernet header always crosses a cache line, and two loads of 32 are
 * faster.)
 *
 * A burst is worked through in stages, so that the cache misses of its frames
 * overlap: the headers were asked for by the caller; hash the tuples and fetch
 * the buckets; look the tags up and fetch the flows; then join, in order of
 * arrival. What the stages
 * find out beforehand (struct glance) is a guess about the state of the table:
 * frames earlier in the burst may change it. join_next() therefore relies on
 * nothing but the bytes of the flow that it looks at: a flow that is open and
 * expects this very header is the frame's flow.
 *
 * Whatever is not the next plain segment of an open aggregate goes to
 * coalesce_frame(), in its place in the order.
 */
#ifndef NIC_BURST_LOOP_H
#define NIC_BURST_LOOP_H

#include "nic/aggregate.h"
#include "nic/flow_hash.h"

/* Frames whose payload is fetched ahead of the one that is summed. */
#define PAYLOAD_AHEAD 2

/* Frames whose aggregate, and whose place in it, are fetched ahead. */
#define AGGREGATES_AHEAD 8
#define TAILS_AHEAD 4

#define PARTIAL_SHIFT 4		/* from csum to FLOW_PARTIAL                    */

/* What the loop is compiled for, so that it need not ask for each frame. */
struct burst_kind {
	bool lossless, contiguous, ethernet;
};

struct glance {
	struct flow *flow;	/* c->nobody, which is never open: no candidate */
	uint32_t bucket;
	uint16_t tag;		/* NO_TAG: not a candidate                      */
	uint8_t shape;		/* what the state of its flow has to be, but for
				 * FLOW_TIMESTAMP                               */
	uint8_t l3;
};

#define NO_TAG 1		/* no flow has it                               */

_Static_assert(TTO_CSUM_PARTIAL << PARTIAL_SHIFT == FLOW_PARTIAL &&
	       !((TTO_CSUM_UNKNOWN | TTO_CSUM_VERIFIED) & TTO_CSUM_PARTIAL),
	       "one bit moves");

/* Bytes of the IP and TCP header that must be as expected. */
static const uint8_t masks[4][FLOW_EXPECT_BYTES] CACHE_ALIGNED = {
	/* version to TOS, length, - ID, DF, TTL, protocol, - checksum, addresses;
	 * ports, - seq, ACK, offset, flags, window, - checksum, urgent        */
#define IPV4 \
	255, 255, 255, 255, 0, 0, 255, 255, 255, 255, 0, 0, \
	255, 255, 255, 255, 255, 255, 255, 255
	/* all but nothing: version, class, label, length, next header, limit,
	 * addresses                                                            */
#define IPV6 \
	255, 255, 255, 255, 255, 255, 255, 255, \
	255, 255, 255, 255, 255, 255, 255, 255, \
	255, 255, 255, 255, 255, 255, 255, 255, \
	255, 255, 255, 255, 255, 255, 255, 255, \
	255, 255, 255, 255, 255, 255, 255, 255
#define TCP \
	255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, \
	255, 255, 255, 255, 0, 0, 255, 255
#define TIMESTAMP 255, 255, 255, 255
	[0] = { IPV4, TCP },
	[FLOW_V6] = { IPV6, TCP },
	[FLOW_TIMESTAMP] = { IPV4, TCP, TIMESTAMP },
	[FLOW_V6 | FLOW_TIMESTAMP] = { IPV6, TCP, TIMESTAMP },
#undef IPV4
#undef IPV6
#undef TCP
#undef TIMESTAMP
};

_Static_assert((FLOW_V6 | FLOW_TIMESTAMP) < 4, "index of masks[]");

/* Behind one or two VLAN tags; the ethertype behind them, in network order. */
static ALWAYS_INLINE uint16_t glance_tags(const uint8_t *b, struct glance *g,
					  uint32_t *vids)
{
	uint16_t outer = load_be16(b + 14), inner = 0, type = load16(b + 16);

	g->l3 += sizeof(struct vlan_tag);
	g->shape ^= 1 << FLOW_TAGS_SHIFT;
	if (type == BIG16(ETHERTYPE_VLAN)) {
		inner = load_be16(b + 18);
		type = load16(b + 20);
		g->l3 += sizeof(struct vlan_tag);
		g->shape ^= (1 ^ 2) << FLOW_TAGS_SHIFT;
	}
	*vids = flow_vids(outer, inner);
	return type;
}

/* The last byte of the headers: mostly in the first line, which is there. */
static ALWAYS_INLINE void fetch_rest(const uint8_t *ip)
{
	prefetch_read(ip + 19 + (ip[32] >> 4) * 4);
}

static ALWAYS_INLINE uint16_t type_of_version(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? BIG16(ETHERTYPE_IPV6) : BIG16(ETHERTYPE_IPV4);
}

static ALWAYS_INLINE void glance_away(struct glance *g)
{
	g->bucket = 0;
	g->tag = NO_TAG;
}

/*
 * Takes the frame for plain TCP and hashes what would be its tuple. If it is
 * something else, no flow will expect its header.
 */
static ALWAYS_INLINE void glance_at(const struct coalescer *c,
				    const struct tto_frame *frame,
				    const struct burst_kind kind,
				    struct glance *g)
{
	const uint8_t *b = frame->data, *ip;
	uint32_t vids = 0;
	uint16_t type;
	uint64_t hash;

	g->shape = (uint8_t)(FLOW_OPEN | (frame->csum & TTO_CSUM_PARTIAL)
					 << PARTIAL_SHIFT);
	g->l3 = kind.ethernet ? sizeof(struct eth_header) : 0;
	if (unlikely(frame->len < g->l3 + 8u + FLOW_EXPECT_BYTES) ||
	    unlikely(frame->gso_size | frame->truncated)) {
		glance_away(g);
		return;
	}
	type = kind.ethernet ? load16(b + 12) : type_of_version(b);
	if (kind.ethernet && unlikely(type != BIG16(ETHERTYPE_IPV4)) &&
	    (type == BIG16(ETHERTYPE_VLAN) || type == BIG16(ETHERTYPE_QINQ)))
		type = glance_tags(b, g, &vids);
	ip = b + g->l3;
	if (likely(type == BIG16(ETHERTYPE_IPV4))) {
		hash = flow_hash_v4(&c->table, ip + 12, vids);
		fetch_rest(ip);
	} else if (type == BIG16(ETHERTYPE_IPV6)) {
		g->shape |= FLOW_V6;
		prefetch_read(b + CACHE_LINE);
		hash = flow_hash_v6(&c->table, ip + 8, vids);
	} else {
		glance_away(g);
		return;
	}
	g->bucket = flow_bucket_of(&c->table, hash);
	g->tag = flow_tag_of(hash);
	prefetch_read(&c->table.buckets[g->bucket]);
}

static ALWAYS_INLINE void find_flow(struct coalescer *c, struct glance *g)
{
	const struct flow_bucket *b = &c->table.buckets[g->bucket];
	unsigned place = find_tag(b->tag, g->tag);

	g->flow = &c->nobody;
	if (unlikely(place == FLOW_BUCKET_PLACES))
		return;
	g->flow = &c->table.flows[b->flow[place]];
	prefetch_read(g->flow);
	prefetch_write((uint8_t *)g->flow + CACHE_LINE);
}

/* Link header and timestamps: what lies outside the masked 64 bytes. */
static ALWAYS_INLINE bool is_around_expected(const uint8_t *b, uint32_t l3,
					     const struct flow *f,
					     const struct burst_kind kind,
					     unsigned shape)
{
	uint64_t differ = 0;

	if (kind.ethernet)
		differ = (load64(b) ^ load64(f->mac)) |
			 (load32(b + 8) ^ load32(f->mac + 8));
	if (kind.ethernet && shape & FLOW_TAGS)
		differ |= load64(b + 12) ^ load64(f->tags);
	if (shape & FLOW_TIMESTAMP)
		differ |= load64(b + l3 + (shape & FLOW_V6 ? 64 : 44)) ^
			  load64(f->timestamp);
	return differ == 0;
}

/*
 * IPv4: header checksum right, and the ID that cutting would give. The rest of
 * the header is known to be as expected, so its sum is known.
 */
static ALWAYS_INLINE bool is_ipv4_next(const struct flow *f, const uint8_t *ip,
				       const struct burst_kind kind)
{
	uint16_t field = load16(ip + 10);
	uint32_t sum = (uint32_t)f->ip_sum + load16(ip + 4) + field;

	if (load_be16(ip + 4) != f->next_id ||
	    (kind.lossless && field == 0xffff))
		return false;
	return checksum_fold(sum) == 0xffff;
}

/* Up to the last byte that masks[] has a bit of; not beyond: see fetch_rest(). */
static ALWAYS_INLINE uint32_t compared_bytes(unsigned shape)
{
	return (shape & FLOW_V6 ? 60u : 40u) + (shape & FLOW_TIMESTAMP ? 4 : 0);
}

/* Where the parts of a frame lie, once its shape is known. */
struct parts {
	const uint8_t *ip, *tcp;
	struct aggregate_part payload;	/* sum: from take_payload()             */
};

/*
 * Checksum right and, for lossless, written as cutting would write it. Copies
 * the payload to @copy: harmless if the checksum turns out wrong, for nothing
 * behind the aggregate's tail is valid.
 */
static ALWAYS_INLINE bool take_payload(const struct coalescer *c,
				       const struct flow *f, enum tto_csum csum,
				       const struct burst_kind kind,
				       struct parts *p, uint8_t *copy)
{
	struct aggregate_part *part = &p->payload;
	uint16_t field = load16(p->tcp + 16);
	uint32_t header = (uint32_t)f->tcp_sum + load16(p->tcp + 4) +
			  load16(p->tcp + 6) + field;

	if (kind.lossless && unlikely(field == 0xffff))
		return false;
	if (csum == TTO_CSUM_UNKNOWN) {
		part->sum = kind.contiguous ?
				    c->sums->copy(copy, part->at, part->len) :
				    c->sums->sum(part->at, part->len);
		return checksum_fold(checksum_add(header, part->sum)) == 0xffff;
	}
	if (kind.contiguous)
		memcpy(copy, part->at, part->len);
	if (likely(csum == TTO_CSUM_VERIFIED)) {
		part->sum = ~header;	/* -header modulo 2^32 - 1, so modulo
					 * 0xffff                               */
		return true;
	}
	part->sum = 0;
	return field == load16(f->expect + flow_tcp_at(f) + 16);
}

/*
 * True when the frame was joined to what @f holds. @shape is that of the flow
 * and a constant in the common cases. Only when expected() was true is it known
 * that the frame has it: then its fixed offsets hold.
 */
static ALWAYS_INLINE bool join_shape(struct coalescer *c,
				     const struct tto_frame *frame,
				     const struct burst_kind kind, uint32_t l3,
				     struct flow *f, unsigned shape)
{
	const uint8_t *b = frame->data;
	uint32_t header = (shape & FLOW_V6 ? 60u : 40u) +
			  (shape & FLOW_TIMESTAMP ? TCPOPT_TIMESTAMP_BYTES : 0);
	struct aggregate *a = &c->aggregates[f->aggregate];
	struct parts p = {
		.ip = b + l3,
		.tcp = b + l3 + (shape & FLOW_V6 ? 40 : 20),
		.payload = { b + l3 + header, frame->len - l3 - header, 0 },
	};

	if (unlikely(!expected(p.ip, f->expect, masks[shape & 3],
			       compared_bytes(shape))) ||
	    unlikely(!is_around_expected(b, l3, f, kind, shape)) ||
	    unlikely(frame->len != a->expect_len) ||
	    unlikely(load_be32(p.tcp + 4) != f->next.n) ||
	    unlikely(p.payload.len - 1 >= a->room) ||
	    (!kind.contiguous && unlikely(c->room == 0)))
		return false;
	if (!(shape & FLOW_V6) && unlikely(!is_ipv4_next(f, p.ip, kind)))
		return false;
	if (unlikely(!take_payload(c, f, (enum tto_csum)frame->csum, kind, &p,
				   kind.contiguous ? aggregate_tail(a) : NULL)))
		return false;

	if (!(shape & FLOW_V6))
		f->next_id = (uint16_t)(load_be16(p.ip + 4) + f->id_step);
	f->state |= FLOW_PROVEN;
	f->active = c->now_active;
	aggregate_append(c, f, a, frame, &p.payload, kind.contiguous);
	if (unlikely(a->room < f->gso_size))
		aggregate_end(c, f, TTO_CAUSE_FULL);
	return true;
}

static ALWAYS_INLINE bool join_next(struct coalescer *c,
				    const struct tto_frame *frame,
				    const struct burst_kind kind,
				    const struct glance *g)
{
	const unsigned eth = sizeof(struct eth_header);
	struct flow *f = g->flow;
	unsigned state = f->state & FLOW_SHAPE;
	unsigned timestamp = state & FLOW_TIMESTAMP;
	bool is_plain = !(g->shape & (FLOW_V6 | FLOW_TAGS));

	if (unlikely((state & ~(unsigned)FLOW_TIMESTAMP) != g->shape))
		return false;
	if (!kind.ethernet || unlikely(!is_plain))
		return join_shape(c, frame, kind, kind.ethernet ? g->l3 : 0, f,
				  state & (FLOW_V6 | FLOW_TAGS |
					   FLOW_TIMESTAMP));
	if (timestamp)
		return join_shape(c, frame, kind, eth, f, FLOW_TIMESTAMP);
	return join_shape(c, frame, kind, eth, f, 0);
}

static ALWAYS_INLINE void fetch_payload(const struct tto_frame *frame)
{
	const uint8_t *b = frame->data;

	for (uint32_t at = CACHE_LINE; at < 2048 && at < frame->len;
	     at += CACHE_LINE)
		prefetch_read(b + at);
}

static ALWAYS_INLINE void fetch_aggregate(const struct coalescer *c,
					  const struct glance *g)
{
	prefetch_write(&c->aggregates[g->flow->aggregate]);
}

/* What appending writes to: the end of the chain, or of the copy. */
static ALWAYS_INLINE void fetch_tail(const struct coalescer *c,
				     const struct burst_kind kind,
				     const struct glance *g)
{
	const struct aggregate *a = &c->aggregates[g->flow->aggregate];

	/* As numbers: an aggregate that was never open points nowhere. */
	if (kind.contiguous)
		prefetch_write((const void *)((uintptr_t)a->payload + a->bytes));
	else
		prefetch_write((const void *)((uintptr_t)a->last +
					      sizeof(*a->last)));
}

static ALWAYS_INLINE void burst_of_kind(struct coalescer *c,
					const struct tto_frame *frames,
					size_t n, const struct burst_kind kind)
{
	struct glance glances[COALESCE_BURST + AGGREGATES_AHEAD];
	/* The frames of a burst come from one wire. */
	const bool reads = kind.contiguous ||
			   frames->csum == TTO_CSUM_UNKNOWN;

	for (size_t idx = 0; idx < n; idx++)
		glance_at(c, &frames[idx], kind, &glances[idx]);
	for (size_t idx = 0; idx < n; idx++)
		find_flow(c, &glances[idx]);
	for (size_t idx = n; idx < n + AGGREGATES_AHEAD; idx++)
		glances[idx].flow = &c->nobody;
	for (size_t idx = 0; idx < AGGREGATES_AHEAD; idx++)
		fetch_aggregate(c, &glances[idx]);
	for (size_t idx = 0; idx < n; idx++) {
		fetch_aggregate(c, &glances[idx + AGGREGATES_AHEAD]);
		fetch_tail(c, kind, &glances[idx + TAILS_AHEAD]);
		if (reads && idx + PAYLOAD_AHEAD < n)
			fetch_payload(&frames[idx + PAYLOAD_AHEAD]);
		if (unlikely(!join_next(c, &frames[idx], kind, &glances[idx])))
			coalesce_frame(c, &frames[idx]);
	}
}

static ALWAYS_INLINE void burst(struct coalescer *c,
				const struct tto_frame *frames, size_t n)
{
	bool lossless = c->options.policy == TTO_POLICY_LOSSLESS;
	bool contiguous = aggregate_is_contiguous(c);

	if (c->options.link == TTO_LINK_ETHERNET && lossless && contiguous)
		burst_of_kind(c, frames, n,
			      (struct burst_kind){ true, true, true });
	else if (c->options.link == TTO_LINK_ETHERNET && lossless)
		burst_of_kind(c, frames, n,
			      (struct burst_kind){ true, false, true });
	else if (c->options.link <= TTO_LINK_IP)
		burst_of_kind(c, frames, n,
			      (struct burst_kind){
				      lossless, contiguous,
				      c->options.link == TTO_LINK_ETHERNET });
	else
		for (; n > 0; n--)
			coalesce_frame(c, frames++);
}

#endif
