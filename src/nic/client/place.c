// SPDX-License-Identifier: BSD-2-Clause
/* place.c - Put what has arrived into the buffers of whom it is for */
#include "nic/client/place.h"

#include <string.h>

#include "nic/client/complete.h"
#include "nic/scatter.h"
#include "packet/headers.h"

#define PATIENCE 8		/* buffers that cannot be used, for one packet  */
#define PIECES 64		/* it may become, and one more for each so many
				 * bytes: tiny buffers cost their owner, and not
				 * the others                                   */
#define REVOKED 1		/* receive_work.reserved: the device's mark     */
#define TELL_REVOKED_MAX 64	/* at once, when a program takes them back      */

/* What is being placed, and how far it is. */
struct placing {
	struct device *d;
	struct client_flow *f;
	struct completion c;	/* of the next piece                            */
	struct iovec *at;	/* what is left of the payload                  */
	uint32_t n;		/* its elements                                 */
	uint32_t left;		/* and bytes                                    */
	const uint8_t *header;	/* to be put in front of the first piece        */
	uint32_t header_bytes;	/* 0: none                                      */
	bool uses_rq;
	unsigned int patience;
	struct completion *last;	/* of the piece before, in its CQ       */
	uint8_t last_flags;
};

/* One posted buffer; a copy. */
struct buffer {
	struct client_queue *queue;
	struct receive_work work;
};

/* ---- Drops ----------------------------------------------------------------- */

void place_drop(struct client_flow *f, enum device_drop why)
{
	struct client_queue *q = f->cq;

	if (why == DEVICE_DROP_NO_BUFFER && (f->grq || f->rq))
		q = f->grq ? f->grq : f->rq;
	q->counters.drops[why]++;
	f->counters.drops[why]++;
}

/* ---- Buffers --------------------------------------------------------------- */

/* Each field is read once. */
static void copy_work(struct receive_work *to, const struct receive_work *from)
{
	const volatile struct receive_work *w = from;

	to->address = w->address;
	to->base = w->base;
	to->length = w->length;
	to->command = w->command;
	to->reserved = w->reserved;
	to->wr_id = w->wr_id;
}

static void complete_revoked(struct device *d, struct client_queue *q,
			     uint64_t wr_id)
{
	const struct completion c = {
		.wr_id = wr_id, .flow = COMPLETION_NO_FLOW,
		.kind = COMPLETION_REVOKED,
	};

	complete_take(d, q, 1);
	q->counters.completions++;
	complete(d, q->cq, &c);
}

/*
 * The next buffer of @q that was not revoked; it is not taken yet. Those that were
 * are completed on the way, as long as there is patience.
 */
static bool find_buffer(struct device *d, struct client_queue *q,
			unsigned int *patience, struct buffer *b)
{
	while (complete_ready(q, 1)) {
		copy_work(&b->work, complete_entry(q, 0));
		b->queue = q;
		if (likely(!(b->work.reserved & REVOKED)))
			return true;
		if (!*patience || !complete_room(q->cq, 1))
			return false;
		--*patience;
		complete_revoked(d, q, b->work.wr_id);
	}
	return false;
}

static void take_buffer(struct device *d, const struct buffer *b)
{
	complete_take(d, b->queue, 1);
	b->queue->counters.completions++;
}

static uint8_t kind_of(const struct client_queue *q)
{
	return q->kind == RING_RECEIVE ? COMPLETION_RECEIVE :
					 COMPLETION_GENERAL;
}

/* Hands back a buffer into which nothing could be put. */
static void refuse_buffer(struct placing *p, const struct buffer *b,
			  uint8_t status, const struct dma_error *error)
{
	struct completion c = {
		.wr_id = b->work.wr_id, .flow = p->c.flow,
		.kind = kind_of(b->queue), .status = status,
	};

	if (status == COMPLETION_FAULT) {
		c.fault = error->fault;
		c.seq = (uint32_t)error->address;
		c.ack = (uint32_t)(error->address >> 32);
		b->queue->counters.drops[DEVICE_DROP_BUFFER_FAULT]++;
	} else {
		b->queue->counters.drops[DEVICE_DROP_BAD_REQUEST]++;
	}
	take_buffer(p->d, b);
	complete(p->d, p->f->cq, &c);
}

static bool is_work_right(const struct receive_work *w)
{
	return w->length && (w->command == DESCRIPTOR_VIRTUAL ||
			     w->command == DESCRIPTOR_REGION ||
			     w->command == 0);
}

/* ---- One piece ------------------------------------------------------------- */

/* The source is what is left of the payload, behind the headers if there are any. */
static enum dma_fault write_buffer(struct placing *p, const struct buffer *b,
				   uint32_t bytes, struct dma_error *error)
{
	const struct receive_work *w = &b->work;
	const struct element e = {
		.address = w->address, .base = w->base, .bytes = w->length,
		.kind = w->command == DESCRIPTOR_VIRTUAL ? ELEMENT_VIRTUAL :
			w->command == DESCRIPTOR_REGION ? ELEMENT_REGION :
							  ELEMENT_BUS,
	};
	const struct scatter_target to = { &b->queue->dma, &e, 1 };
	struct scatter_source from = { p->at, p->n, bytes };

	if (p->header_bytes) {	/* there is a place in front                    */
		p->at[-1] = (struct iovec){ (void *)(uintptr_t)p->header,
					    p->header_bytes };
		from.at--;
		from.n++;
		from.bytes += p->header_bytes;
	}
	return scatter(p->d->memory, &to, &from, p->d->coalescer->sums, NULL,
		       error);
}

/* Moves on behind what was written. */
static void advance(struct placing *p, uint32_t bytes)
{
	p->left -= bytes;
	p->header_bytes = 0;
	for (; bytes > 0 && bytes >= p->at->iov_len; p->at++, p->n--)
		bytes -= (uint32_t)p->at->iov_len;
	if (bytes) {
		p->at->iov_base = (uint8_t *)p->at->iov_base + bytes;
		p->at->iov_len -= bytes;
	}
}

/* A GRQ buffer brings back one of the RQ, so that its owner copies in order. */
static void bring_back(struct placing *p, uint32_t seq)
{
	struct completion c = {
		.flow = p->c.flow, .seq = seq, .kind = COMPLETION_RECEIVE,
		.tcp_flags = p->c.tcp_flags & ~(TCP_FIN | TCP_PSH),
	};
	struct buffer b;

	if (!p->f->rq || !find_buffer(p->d, p->f->rq, &p->patience, &b) ||
	    !complete_room(p->f->cq, 1))
		return;
	c.wr_id = b.work.wr_id;
	take_buffer(p->d, &b);
	complete(p->d, p->f->cq, &c);
}

static void report(struct placing *p, const struct buffer *b, uint32_t bytes)
{
	struct completion c = p->c;
	bool from_rq = b->queue->kind == RING_RECEIVE;

	c.wr_id = b->work.wr_id;
	c.bytes = bytes;
	c.offset = p->header_bytes;
	c.header_bytes = (uint16_t)p->header_bytes;
	if (c.kind != COMPLETION_HEADER)
		c.kind = kind_of(b->queue);
	if (bytes < p->left) {
		c.flags |= COMPLETION_MORE;
		c.tcp_flags &= (uint16_t)~(TCP_FIN | TCP_PSH);
	}
	b->queue->counters.bytes += bytes;
	if (from_rq)
		p->f->counters.placed_rq += bytes;
	else
		p->f->counters.placed_grq += bytes;
	p->last = complete(p->d, p->f->cq, &c);
	p->last_flags = c.flags;
	p->c.seq += bytes;
	p->c.flags &= (uint8_t)~COMPLETION_FIRST;
}

/* Room for what a piece completes: itself, and an RQ buffer that it brings back. */
static bool has_completions(const struct placing *p, const struct buffer *b)
{
	bool two = b->queue->kind == RING_GENERAL && p->f->rq && p->left &&
		   complete_ready(p->f->rq, 1);

	return complete_room(p->f->cq, two ? 2 : 1);
}

/* The next buffer to be tried: from the RQ if that may be, else the GRQ. */
static enum device_drop choose_buffer(struct placing *p, struct buffer *b)
{
	struct client_flow *f = p->f;
	struct client_queue *grq = f->grq;

	if (!grq && f->kind == FLOW_LISTEN)
		grq = f->rq;
	if (!(p->uses_rq && find_buffer(p->d, f->rq, &p->patience, b)) &&
	    !(grq && find_buffer(p->d, grq, &p->patience, b)))
		return DEVICE_DROP_NO_BUFFER;
	if (!has_completions(p, b))
		return DEVICE_DROP_CQ_FULL;
	return DEVICE_N_DROPS;
}

static enum device_drop lose_patience(struct placing *p, enum device_drop why)
{
	if (!p->patience)
		return why;
	p->patience--;
	return DEVICE_N_DROPS;
}

/*
 * Fills one buffer. Return: DEVICE_N_DROPS when that is done, or a buffer was
 * refused and the next may do; else why not.
 */
static enum device_drop place_piece(struct placing *p)
{
	struct buffer b;
	enum device_drop why = choose_buffer(p, &b);
	struct dma_error error;
	uint32_t room, bytes, seq = p->c.seq;

	if (unlikely(why != DEVICE_N_DROPS))
		return why;
	room = b.work.length;
	if (unlikely(!is_work_right(&b.work) || room <= p->header_bytes)) {
		refuse_buffer(p, &b, COMPLETION_INVALID, NULL);
		return lose_patience(p, DEVICE_DROP_NO_BUFFER);
	}
	room -= p->header_bytes;
	bytes = p->left < room ? p->left : room;
	if (unlikely(write_buffer(p, &b, bytes, &error))) {
		refuse_buffer(p, &b, COMPLETION_FAULT, &error);
		return lose_patience(p, DEVICE_DROP_BUFFER_FAULT);
	}
	take_buffer(p->d, &b);
	report(p, &b, bytes);
	advance(p, bytes);
	if (b.queue->kind == RING_GENERAL && bytes &&
	    !(p->c.flags & COMPLETION_RAW))
		bring_back(p, seq);
	return DEVICE_N_DROPS;
}

/* All pieces; what finds no place is dropped. */
static void place_all(struct placing *p)
{
	enum device_drop why = DEVICE_N_DROPS;
	uint32_t pieces = PIECES + p->left / PIECES;

	while ((p->left || p->header_bytes) && why == DEVICE_N_DROPS)
		why = pieces-- ? place_piece(p) : DEVICE_DROP_NO_BUFFER;
	if (unlikely(p->f->grq && p->f->grq->low_limit))
		place_tell_low(p->d, p->f->grq);
	if (likely(why == DEVICE_N_DROPS))
		return;
	place_drop(p->f, why);
	if (p->last)	/* after all there is no more                           */
		p->last->flags = p->last_flags & (uint8_t)~COMPLETION_MORE;
}

/* ---- What is placed -------------------------------------------------------- */

static void add_source(struct placing *p, const void *bytes, uint32_t len)
{
	if (!len)
		return;
	p->at[p->n++] = (struct iovec){ (void *)(uintptr_t)bytes, len };
	p->left += len;
}

static void add_segments(struct placing *p, const struct tto_packet *packet)
{
	for (const struct tto_segment *s = packet->segments; s; s = s->next)
		add_source(p, s->payload, s->len);
}

static uint16_t saturate(uint32_t n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

/* A frame that the wire has joined already says how it was cut. */
static void count_segments(struct completion *c, const struct arrival *a)
{
	const struct tto_packet *p = a->packet;
	const struct wire_frame *frame = p->segments->cookie;

	c->segments = saturate(p->n_frames);
	c->acks = saturate(p->n_acks);
	c->mss = p->changed ? p->gso_size : saturate(a->payload_bytes);
	if (unlikely(p->cause == TTO_CAUSE_GSO && frame &&
		     frame->offload.gso_size)) {
		c->mss = frame->offload.gso_size;
		c->segments = saturate((a->payload_bytes + c->mss - 1) /
				       c->mss);
	}
}

/* Return: whether there are options for which a completion has no field. */
static bool describe_options(struct completion *c, const struct arrival *a)
{
	const uint8_t *tcp = a->header + a->l4;
	uint32_t bytes = a->header_bytes - a->l4 -
			 (uint32_t)sizeof(struct tcp_header);
	struct tcp_options o;

	if (bytes == 0)
		return false;
	parse_tcp_options(tcp + sizeof(struct tcp_header), bytes, &o);
	if (o.has_timestamp && o.well_formed) {
		c->flags |= COMPLETION_TIMESTAMP;
		c->tsval = o.tsval;
		c->tsecr = o.tsecr;
	}
	return !o.timestamp_only;
}

static void describe_headers(struct completion *c, const struct arrival *a)
{
	const uint8_t *ip = a->header + a->l3, *tcp = a->header + a->l4;

	c->seq = a->seq + !!(a->flags & TCP_SYN);
	c->ack = a->ack;
	c->window = load_be16(tcp + 14);
	c->urgent = load_be16(tcp + 18);
	c->tcp_flags = a->flags;
	c->cause = a->packet->cause;
	if (a->v6) {
		c->flags |= COMPLETION_V6;
		c->tos = (uint8_t)(load_be16(ip) >> 4);
		c->ttl = ip[7];
	} else {
		c->tos = ip[1];
		c->ttl = ip[8];
	}
}

static void count_arrival(struct client_flow *f, const struct completion *c)
{
	f->counters.packets++;
	f->counters.segments += c->segments;
	f->counters.acks += c->acks;
}

/* No payload, and nothing that a completion cannot say. */
static void place_header(struct placing *p)
{
	p->c.kind = COMPLETION_HEADER;
	if (unlikely(!complete_room(p->f->cq, 1)))
		place_drop(p->f, DEVICE_DROP_CQ_FULL);
	else
		complete(p->d, p->f->cq, &p->c);
}

/* Where in its flow's bytes an arrival is. */
static void find_order(struct placing *p, const struct arrival *a)
{
	struct order *o = &p->f->order;

	if (p->f->kind != FLOW_CONNECTION)
		return;
	if (!(a->flags & TCP_RST))
		order_begin(o, p->c.seq);
	if (o->known && p->c.seq == o->next)
		p->c.flags |= COMPLETION_IN_ORDER;
	else if (a->payload_bytes)
		p->f->counters.out_of_order++;
}

void place_segment(struct device *d, struct client_flow *f,
		   const struct arrival *a)
{
	struct placing p = {
		.d = d, .f = f, .patience = PATIENCE, .at = d->source + 1,
		.c = { .flow = f->object.id, .flags = COMPLETION_FIRST },
	};
	uint32_t seq;
	bool more;

	describe_headers(&p.c, a);
	count_segments(&p.c, a);
	more = describe_options(&p.c, a) || f->kind == FLOW_LISTEN;
	find_order(&p, a);
	count_arrival(f, &p.c);
	if (a->flags & TCP_ACK)
		errors_acked(&f->errors, a->ack);
	seq = p.c.seq;
	/* RFC 9293 §3.10.7.4: what a RST carries is no part of the stream. */
	if (a->flags & TCP_RST)
		;
	else if (a->payload)
		add_source(&p, a->payload, a->payload_bytes);
	else
		add_segments(&p, a->packet);
	if (p.left == 0 && !more) {
		place_header(&p);
		return;
	}
	if (more) {
		p.header = a->header;
		p.header_bytes = a->header_bytes;
	}
	if (!p.left)
		p.c.kind = COMPLETION_HEADER;
	p.uses_rq = !more && f->rq && p.c.flags & COMPLETION_IN_ORDER;
	place_all(&p);
	if (f->kind == FLOW_CONNECTION) {
		order_placed(&f->order, seq, p.c.seq - seq);
		f->counters.bytes += p.c.seq - seq;
	}
}

void place_frame(struct device *d, struct client_flow *f,
		 const struct tto_packet *packet)
{
	struct placing p = {
		.d = d, .f = f, .patience = PATIENCE, .at = d->source + 1,
		.c = {
			.flow = f->object.id,
			.flags = COMPLETION_FIRST | COMPLETION_RAW,
			.segments = saturate(packet->n_frames),
			.acks = saturate(packet->n_acks),
			.cause = packet->cause,
			.mss = packet->gso_size,
		},
	};

	add_source(&p, packet->header, packet->header_len);
	add_segments(&p, packet);
	count_arrival(f, &p.c);
	place_all(&p);
	f->counters.bytes += p.c.seq;
}

/* ---- What programs ask ------------------------------------------------------ */

uint32_t place_revoke(struct device *d, struct client_queue *q, uint64_t wr_id)
{
	unsigned int patience = TELL_REVOKED_MAX;
	uint32_t n = 0, ready = complete_ready(q, q->end.mask + 1);
	struct buffer b;

	for (uint32_t at = 0; at < ready; at++) {
		struct receive_work *w = (struct receive_work *)
			(uintptr_t)complete_entry(q, at);

		copy_work(&b.work, w);
		if (b.work.wr_id != wr_id || b.work.reserved & REVOKED)
			continue;
		w->reserved = REVOKED;
		n++;
	}
	if (n)	/* those whose turn it is now                                   */
		find_buffer(d, q, &patience, &b);
	return n;
}

void place_tell_low(struct device *d, struct client_queue *grq)
{
	uint32_t left = complete_ready(grq, grq->low_limit);
	const struct completion c = {
		.flow = COMPLETION_NO_FLOW, .kind = COMPLETION_LOW,
		.bytes = left,
	};

	if (left >= grq->low_limit || !complete_room(grq->cq, 1))
		return;
	grq->low_limit = 0;
	complete(d, grq->cq, &c);
}
