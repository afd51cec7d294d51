// SPDX-License-Identifier: BSD-2-Clause
/*
 * aggregate.c - What is held of a flow: open, append, deliver
 *
 * DOC: Theory of operation
 * Gather output: the frames stay where they are; an aggregate is a chain of
 * struct tto_segment out of one pool of chunks, and the header is rewritten in a scratch
 * buffer while it is handed up. Contiguous output: header and payload of the
 * first segment are copied to the aggregate's buffer, later payloads behind.
 *
 * The checksum of the result is never computed over the payload again: each
 * segment brings the sum of its payload (computed while it was verified, or
 * taken out of its checksum field), and the sums add up, byte-swapped after an
 * odd length (RFC 1071 §2(B)).
 *
 * Source: SPEC RX-3 to RX-6, RX-8, RX-10.
 */
#include "nic/aggregate.h"

#include "packet/pseudo.h"

static size_t round_line(size_t bytes)
{
	return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static uint32_t n_aggregates(const struct tto_coalescer_options *o)
{
	if (o->output == TTO_OUTPUT_CONTIGUOUS)
		return o->buffers;
	return o->flows < o->segments ? o->flows : o->segments;
}

static size_t buffer_bytes(const struct tto_coalescer_options *o)
{
	/* One line more than a round number: buffers of different flows then
	 * do not fall on the same sets of the cache. */
	return (COALESCE_HEADER_ROOM + (size_t)o->ral + 4095) / 4096 * 4096 +
	       CACHE_LINE;
}

/* Enough to hold o->segments frames however they are spread over flows. */
static size_t n_chunks(const struct tto_coalescer_options *o)
{
	return o->segments / CHUNK_SEGMENTS + n_aggregates(o);
}

size_t aggregate_pool_bytes(const struct tto_coalescer_options *o)
{
	size_t n = n_aggregates(o);
	size_t bytes = n * sizeof(struct aggregate) +
		       round_line(n * sizeof(uint32_t));

	if (o->output == TTO_OUTPUT_CONTIGUOUS)
		return bytes + n * buffer_bytes(o);
	return bytes + (n_chunks(o) + 1) * CHUNK_BYTES +
	       n_chunks(o) * sizeof(uint32_t);
}

static void init_segments(struct coalescer *c, uint8_t *m)
{
	uint32_t n = (uint32_t)n_chunks(&c->options);

	m += -(uintptr_t)m % CHUNK_BYTES;
	c->segments = (struct tto_segment *)(void *)m;
	c->free_chunks = (uint32_t *)(void *)(m + n * CHUNK_BYTES);
	for (uint32_t idx = 0; idx < n; idx++)
		c->free_chunks[idx] = n - 1 - idx;
	c->n_free_chunks = n;
	c->room = c->options.segments;
}

void aggregate_init(struct coalescer *c, void *memory)
{
	uint32_t n = n_aggregates(&c->options);
	uint8_t *m = memory;

	c->aggregates = memory;
	m += n * sizeof(struct aggregate);
	c->free_aggregates = (uint32_t *)(void *)m;
	m += round_line(n * sizeof(uint32_t));
	for (uint32_t idx = 0; idx < n; idx++)
		c->free_aggregates[idx] = n - 1 - idx;
	c->n_free_aggregates = n;
	if (aggregate_is_contiguous(c)) {
		c->buffers = m;
		c->buffer_bytes = buffer_bytes(&c->options);
	} else {
		init_segments(c, m);
	}
	for (unsigned q = 0; q < N_QUEUES; q++)
		c->queue[q].oldest = c->queue[q].newest = AGGREGATE_NONE;
	c->queue[QUEUE_DATA].timeout = c->options.timeout_aggregation_ns;
	c->queue[QUEUE_DATA].cause = TTO_CAUSE_DEADLINE;
	c->queue[QUEUE_ACK].timeout = c->options.timeout_ack_aggregation_ns;
	c->queue[QUEUE_ACK].cause = TTO_CAUSE_ACK_DEADLINE;
	/* Nothing is held longer than its flow may be silent. */
	if (c->options.terminate_no_activity_time_ns <
	    c->options.timeout_aggregation_ns) {
		c->queue[QUEUE_DATA].timeout =
			c->options.terminate_no_activity_time_ns;
		c->queue[QUEUE_DATA].cause = TTO_CAUSE_IDLE;
	}
}

/* ---- The queues of deadlines ---------------------------------------------- */

static void enqueue(struct coalescer *c, uint32_t idx, uint8_t queue, ns_t since)
{
	struct aggregate *a = &c->aggregates[idx];
	struct aggregate_list *l = &c->queue[queue];

	a->queue = queue;
	a->since = since;
	a->older = l->newest;
	a->newer = AGGREGATE_NONE;
	if (l->newest == AGGREGATE_NONE)
		l->oldest = idx;
	else
		c->aggregates[l->newest].newer = idx;
	l->newest = idx;
}

static void dequeue(struct coalescer *c, const struct aggregate *a)
{
	struct aggregate_list *l = &c->queue[a->queue];

	if (a->older == AGGREGATE_NONE)
		l->oldest = a->newer;
	else
		c->aggregates[a->older].newer = a->newer;
	if (a->newer == AGGREGATE_NONE)
		l->newest = a->older;
	else
		c->aggregates[a->newer].older = a->older;
}

static ns_t add_timeout(ns_t since, ns_t timeout)
{
	return timeout > NS_NEVER - 1 - since ? NS_NEVER - 1 : since + timeout;
}

static ns_t due(const struct coalescer *c, const struct aggregate_list *l)
{
	if (l->oldest == AGGREGATE_NONE)
		return NS_NEVER;
	return add_timeout(c->aggregates[l->oldest].since, l->timeout);
}

ns_t aggregate_deadline(const struct coalescer *c)
{
	ns_t data = due(c, &c->queue[QUEUE_DATA]);
	ns_t ack = due(c, &c->queue[QUEUE_ACK]);

	return data < ack ? data : ack;
}

void aggregate_await_ack(struct coalescer *c, struct aggregate *a)
{
	uint32_t idx = (uint32_t)(a - c->aggregates);

	if (a->queue == QUEUE_ACK ||
	    add_timeout(c->now, c->queue[QUEUE_ACK].timeout) >=
		    add_timeout(a->since, c->queue[QUEUE_DATA].timeout))
		return;
	dequeue(c, a);
	enqueue(c, idx, QUEUE_ACK, c->now);
}

static struct flow *flow_at_head(struct coalescer *c, unsigned queue)
{
	return &c->table.flows[c->aggregates[c->queue[queue].oldest].flow];
}

void aggregate_expire(struct coalescer *c)
{
	for (unsigned q = 0; q < N_QUEUES; q++) {
		while (due(c, &c->queue[q]) <= c->now)
			aggregate_end(c, flow_at_head(c, q),
				      (enum tto_cause)c->queue[q].cause);
	}
}

void aggregate_end_oldest(struct coalescer *c, enum tto_cause cause)
{
	uint32_t data = c->queue[QUEUE_DATA].oldest;
	uint32_t ack = c->queue[QUEUE_ACK].oldest;
	unsigned queue = QUEUE_DATA;

	if (data == AGGREGATE_NONE && ack == AGGREGATE_NONE)
		return;
	if (data == AGGREGATE_NONE ||
	    (ack != AGGREGATE_NONE &&
	     c->aggregates[ack].first_ns < c->aggregates[data].first_ns))
		queue = QUEUE_ACK;
	aggregate_end(c, flow_at_head(c, queue), cause);
}

/* ---- Opening ---------------------------------------------------------------- */

static uint16_t options_shape(const uint8_t *tcp, uint32_t len)
{
	if (len == 0)
		return 0;
	if (len == TCPOPT_TIMESTAMP_BYTES &&
	    load_be32(tcp + sizeof(struct tcp_header)) ==
		    TCPOPT_TIMESTAMP_ALIGNED)
		return FLOW_TIMESTAMP;
	return FLOW_OTHER_OPTIONS;
}

void aggregate_expect_sums(struct flow *f)
{
	bool v6 = f->state & FLOW_V6;
	const uint8_t *ip = f->expect, *tcp = ip + flow_tcp_at(f);
	uint32_t ip_bytes = v6 ? sizeof(struct ipv6_header) +
					 load_be16(ip + 4) :
				 load_be16(ip + 2);
	uint32_t sum = pseudo_sum(ip, v6, PROTOCOL_TCP,
				  ip_bytes - flow_tcp_at(f));

	sum = checksum_add(sum, checksum_header(tcp, 4));
	sum = checksum_add(sum, checksum_header(tcp + 8, 8));
	sum = checksum_add(sum, checksum_header(tcp + 18, 2));
	if (f->state & FLOW_TIMESTAMP) {
		sum = checksum_add(sum, checksum_header(tcp + 20, 4));
		sum = checksum_add(sum, checksum_header(f->timestamp, 8));
	}
	f->tcp_sum = checksum_fold(sum);
	if (v6)
		return;
	sum = checksum_header(ip, 4);
	sum = checksum_add(sum, checksum_header(ip + 6, 4));
	f->ip_sum = checksum_fold(checksum_add(sum,
					       checksum_header(ip + 12, 8)));
}

/* What the next segment of the flow should look like: like this one. */
static void expect_like(const struct coalescer *c, struct flow *f,
			const struct tto_frame *frame, const struct seg *seg)
{
	const uint8_t *b = frame->data, *tcp = b + seg->l4;
	uint32_t n = frame->len - seg->l3;
	uint16_t shape = options_shape(tcp, seg->payload - seg->l4 -
						    sizeof(struct tcp_header));

	if (likely(n >= FLOW_EXPECT_BYTES)) {
		memcpy(f->expect, b + seg->l3, FLOW_EXPECT_BYTES);
	} else {
		memcpy(f->expect, b + seg->l3, n);
		memset(f->expect + n, 0, FLOW_EXPECT_BYTES - n);
	}
	if (shape == FLOW_TIMESTAMP)
		memcpy(f->timestamp, tcp + sizeof(struct tcp_header) + 4, 8);
	if (c->options.link == TTO_LINK_ETHERNET) {
		memcpy(f->mac, b, sizeof(f->mac));
		if (seg->n_tags)
			memcpy(f->tags, b + 12, sizeof(f->tags));
	}
	if (frame->csum == TTO_CSUM_PARTIAL)
		shape |= FLOW_PARTIAL;
	f->state &= (uint16_t)~(FLOW_TIMESTAMP | FLOW_OTHER_OPTIONS |
				FLOW_PARTIAL);
	f->state |= shape | FLOW_OPEN;
	aggregate_expect_sums(f);
	f->id_step = 1;
	f->next_id = (uint16_t)(load_be16(b + seg->l3 + 4) + 1);
}

static void hold_frame(struct coalescer *c, struct aggregate *a,
		       const struct tto_frame *frame, const struct seg *seg)
{
	struct tto_segment *s = aggregate_chunk(c, NULL);
	const uint8_t *b = frame->data;

	c->room--;
	*s = (struct tto_segment){
		.payload = seg->payload_len ? b + seg->payload : NULL,
		.len = seg->payload_len,
		.cookie = frame->cookie,
	};
	a->header = b;
	a->first = a->last = s;
}

static void copy_frame(struct coalescer *c, struct aggregate *a,
		       const struct tto_frame *frame, const struct seg *seg)
{
	uint8_t *buffer = c->buffers + (size_t)(a - c->aggregates) *
					       c->buffer_bytes;

	a->payload = buffer + COALESCE_HEADER_ROOM;
	a->header = a->payload - seg->payload;
	memcpy(a->payload - seg->payload, frame->data, frame->len);
}

static bool has_room(const struct coalescer *c)
{
	return c->n_free_aggregates > 0 && aggregate_has_segment(c);
}

void aggregate_open(struct coalescer *c, struct flow *f,
		    const struct tto_frame *frame, const struct seg *seg,
		    uint32_t sum)
{
	struct aggregate *a;
	uint32_t idx;

	while (!has_room(c))
		aggregate_end_oldest(c, TTO_CAUSE_NO_MEMORY);
	idx = c->free_aggregates[--c->n_free_aggregates];
	a = &c->aggregates[idx];
	*a = (struct aggregate){
		.first_ns = c->now,
		.flow = (uint32_t)(f - c->table.flows),
		.bytes = seg->payload_len,
		.room = c->options.ral - (seg->payload - seg->l3) -
			seg->payload_len,
		.n_frames = 1,
		/* With a trailer behind it nothing may be copied there yet. */
		.expect_len = frame->len == seg->end ? seg->end : 0,
		.sum = sum,
		.frame_len = frame->len,
		.l3 = seg->l3,
		.l4 = seg->l4,
		.header_len = seg->payload,
		.n_acks = seg->payload_len == 0,
		.csum = frame->csum,
	};
	if (aggregate_is_contiguous(c))
		copy_frame(c, a, frame, seg);
	else
		hold_frame(c, a, frame, seg);

	expect_like(c, f, frame, seg);
	f->aggregate = idx;
	f->next = seq_add(seg->seq, seg->payload_len);
	f->gso_size = (uint16_t)seg->payload_len;
	enqueue(c, idx, QUEUE_DATA, c->now);
}

/* ---- Delivery ---------------------------------------------------------------- */

static void count(struct coalescer *c, struct flow *f, uint64_t *total,
		  enum tto_cause cause)
{
	total[cause]++;
	c->stats.packets_out++;
	if (f) {
		uint16_t *mine = &c->causes[f - c->table.flows][cause];

		*mine = (uint16_t)(*mine + (*mine < UINT16_MAX));
	}
}

/* Policy host: what moved on since the first segment (SPEC RX-4, RX-5). */
static void write_newest(const struct flow *f, uint8_t *ip, uint8_t *tcp,
			 bool v6)
{
	size_t tcp_at = v6 ? sizeof(struct ipv6_header) :
			     sizeof(struct ipv4_header);

	memcpy(tcp + 8, f->expect + tcp_at + 8, 4);	/* ACK          */
	memcpy(tcp + 14, f->expect + tcp_at + 14, 2);	/* window       */
	if (v6) {
		ip[7] = f->expect[7];			/* hop limit    */
	} else {
		ip[8] = f->expect[8];			/* TTL          */
		store_be16(ip + 4, (uint16_t)(f->next_id - f->id_step));
	}
}

static void write_ip_length(uint8_t *ip, bool v6, uint32_t bytes)
{
	uint16_t sum;

	if (v6) {
		bytes -= sizeof(struct ipv6_header);
		store_be16(ip + 4, bytes > IP_MAX_BYTES ? 0 : (uint16_t)bytes);
		return;
	}
	store_be16(ip + 2, bytes > IP_MAX_BYTES ? 0 : (uint16_t)bytes);
	store16(ip + 10, 0);
	sum = checksum_fold(checksum_header(ip, sizeof(struct ipv4_header)));
	store16(ip + 10, (uint16_t)~sum);
}

static void write_tcp_checksum(const struct flow *f, const struct aggregate *a,
			       uint8_t *ip, uint8_t *tcp, bool partial)
{
	uint32_t header = a->header_len - a->l4;
	uint32_t sum = pseudo_sum(ip, f->state & FLOW_V6, PROTOCOL_TCP,
				  header + a->bytes);

	if (partial) {
		store16(tcp + 16, checksum_fold(sum));
		return;
	}
	store16(tcp + 16, 0);
	sum = checksum_add(sum, checksum_header(tcp, header));
	sum = checksum_add(sum, checksum_add((uint32_t)a->sum,
					     (uint32_t)(a->sum >> 32)));
	store16(tcp + 16, (uint16_t)~checksum_fold(sum));
}

static void describe_joined(struct coalescer *c, const struct flow *f,
			    const struct aggregate *a, struct tto_packet *p)
{
	bool v6 = f->state & FLOW_V6, partial;
	uint8_t *header = c->scratch;

	if (aggregate_is_contiguous(c))
		header = a->payload - a->header_len;
	else
		memcpy(header, a->header, a->header_len);
	partial = a->csum == TTO_CSUM_PARTIAL || c->options.partial_csum;

	if (c->options.policy == TTO_POLICY_HOST)
		write_newest(f, header + a->l3, header + a->l4, v6);
	header[a->l4 + 13] |= a->closing;
	write_ip_length(header + a->l3, v6,
			(uint32_t)a->header_len - a->l3 + a->bytes);
	write_tcp_checksum(f, a, header + a->l3, header + a->l4, partial);

	p->header = header;
	p->header_len = a->header_len;
	p->payload_len = a->bytes;
	p->gso_size = f->gso_size;
	p->gso_flags = v6 || f->id_step ? 0 : TTO_GSO_FIXED_ID;
	p->csum = partial ? TTO_CSUM_PARTIAL : TTO_CSUM_VERIFIED;
	p->changed = 1;
	c->stats.aggregates++;
	c->stats.frames_joined += a->n_frames;
}

static void describe_single(const struct aggregate *a, struct tto_packet *p)
{
	p->header = a->header;
	p->header_len = a->frame_len;
	p->csum = a->csum == TTO_CSUM_PARTIAL ? TTO_CSUM_PARTIAL :
						TTO_CSUM_VERIFIED;
	if (a->first) {
		a->first->payload = NULL;
		a->first->len = 0;
	}
}

static void release(struct coalescer *c, uint32_t idx)
{
	const struct aggregate *a = &c->aggregates[idx];
	uint32_t chunk;

	if (a->first) {
		chunk = (uint32_t)((size_t)(a->first - c->segments) /
				   CHUNK_SEGMENTS);
		for (uint32_t n = 0; n < a->n_frames; n += CHUNK_SEGMENTS) {
			c->free_chunks[c->n_free_chunks++] = chunk;
			chunk = c->segments[(size_t)chunk * CHUNK_SEGMENTS]
					.reserved;
		}
		c->room += a->n_frames;
	}
	c->free_aggregates[c->n_free_aggregates++] = idx;
}

void aggregate_end(struct coalescer *c, struct flow *f, enum tto_cause cause)
{
	struct aggregate *a = &c->aggregates[f->aggregate];
	struct tto_segment copied = { 0 };
	struct tto_packet p;

	if (!(f->state & FLOW_OPEN))
		return;
	p = (struct tto_packet){
		.segments = a->first ? a->first : &copied,
		.n_frames = a->n_frames,
		.n_acks = a->n_acks,
		.l3 = a->l3,
		.l4 = a->l4,
		.cause = cause,
		.v6 = f->state & FLOW_V6,
		.held = 1,
		.first_tsval = a->first_tsval,
		.first_ns = a->first_ns,
	};
	if (a->n_frames == 1) {
		describe_single(a, &p);
	} else {
		describe_joined(c, f, a, &p);
		if (!a->first && a->bytes) {
			copied.payload = a->payload;
			copied.len = a->bytes;
		}
	}
	dequeue(c, a);
	f->state &= (uint16_t)~FLOW_OPEN;
	f->ack_delivered = flow_newest_ack(f);
	count(c, f, c->stats.ended, cause);
	c->deliver(c->ctx, &p);
	release(c, f->aggregate);
}

void aggregate_pass(struct coalescer *c, struct flow *f,
		    const struct tto_frame *frame, const struct seg *seg,
		    enum tto_cause cause)
{
	struct tto_segment s = { .cookie = frame->cookie };
	struct tto_packet p = {
		.header = frame->data,
		.header_len = frame->len,
		.segments = &s,
		.n_frames = 1,
		.l3 = PARSE_NO_OFFSET,
		.l4 = PARSE_NO_OFFSET,
		.csum = frame->csum,
		.cause = cause,
		.first_ns = c->now,
	};

	if (seg && seg->l3 != PARSE_NO_OFFSET) {
		p.l3 = seg->l3;
		p.v6 = seg->v6;
		if (seg->has_tuple)
			p.l4 = seg->l4;
	}
	count(c, f, c->stats.passed, cause);
	c->deliver(c->ctx, &p);
}
