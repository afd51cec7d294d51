// SPDX-License-Identifier: BSD-2-Clause
/*
 * cq.c - Take completions: from the ring, through the streams, to the program
 *
 * DOC: Theory of operation
 * Each entry of the ring is read once. Then it is handed up, or it changes a stream;
 * streams that were changed are *active*, and what they have finished is handed up
 * before the next entry is read. So completions keep their order, and none is made
 * that the program has no room for.
 *
 * Nothing here trusts that the device numbers right: a number that stands for nothing
 * is skipped.
 */
#include <errno.h>

#include "verbs/device.h"

#define TCP_FIN 1
#define TCP_RST 4
#define IDLE_POLLS (1u << 16)	/* between two looks whether the daemon lives */

static const int status_of[COMPLETION_N_STATUS] = {
	[COMPLETION_OK] = 0,
	[COMPLETION_FAULT] = -EFAULT,
	[COMPLETION_INVALID] = -EINVAL,
	[COMPLETION_TUPLE] = -EPERM,
	[COMPLETION_TOO_LARGE] = -EMSGSIZE,
	[COMPLETION_FLUSHED] = -ECANCELED,
};

#define SAME(public, own) ((int)(public) == (int)(own))

_Static_assert(SAME(TTO_IN_ORDER, COMPLETION_IN_ORDER) &&
	       SAME(TTO_TIMESTAMP, COMPLETION_TIMESTAMP) &&
	       SAME(TTO_V6, COMPLETION_V6) && SAME(TTO_MORE, COMPLETION_MORE) &&
	       SAME(TTO_FIRST, COMPLETION_FIRST) && SAME(TTO_FRAME, COMPLETION_RAW),
	       "the public names are the device's");

static void fill(struct tto_completion *c, const struct completion *e, uint8_t kind,
		 struct tto_flow *flow)
{
	*c = (struct tto_completion){
		.flow = flow, .bytes = e->bytes, .kind = kind, .flags = e->flags,
		.status = e->status < COMPLETION_N_STATUS ? status_of[e->status] :
			  -EPROTO,
		.cause = e->cause, .tos = e->tos, .ttl = e->ttl,
		.header_bytes = e->header_bytes, .seq = e->seq, .ack = e->ack,
		.tsval = e->tsval, .tsecr = e->tsecr, .window = e->window,
		.tcp_flags = e->tcp_flags, .segments = e->segments,
		.acks = e->acks, .mss = e->mss, .urgent = e->urgent,
	};
	if (e->status == COMPLETION_FAULT)
		c->fault_address = completion_fault_address(e);
	if (e->kind == COMPLETION_REVOKED)
		c->status = -ECANCELED;
}

/* ---- One entry each: whether it was handed up ------------------------------------------ */

static bool take_send(const struct work_queue *q, const struct completion *e,
		      struct tto_completion *c)
{
	struct tto_qp *qp = q->owner;
	const struct sent_entry *entry = sent_complete(&qp->sent, (uint32_t)e->wr_id,
						       &q->device->cache);

	if (!entry || (e->status == COMPLETION_OK && !(entry->flags & SENT_SIGNALED)))
		return false;
	fill(c, e, TTO_SEND, flow_find(q->device, e->flow));
	c->wr_id = entry->wr_id;
	c->qp = qp;
	return true;
}

/* The last piece of what came with FIN says where the stream ends. */
static void look_for_end(struct tto_qp *qp, const struct completion *e)
{
	if (e->tcp_flags & TCP_FIN && !(e->flags & COMPLETION_MORE) &&
	    !(e->tcp_flags & TCP_RST))
		stream_end(&qp->stream, e->seq + e->bytes);
	cq_activate(qp->cq, qp);
}

/* The device is hostile only to itself, but not beyond the buffer. */
static bool is_within(const struct completion *e, const struct slot *slot)
{
	return e->offset <= slot->bytes && e->bytes <= slot->bytes - e->offset &&
	       e->header_bytes <= e->offset;
}

static bool hand_up_receive(struct tto_qp *qp, struct slot *slot,
			    const struct completion *e, struct tto_completion *c)
{
	fill(c, e, TTO_RECEIVE, flow_find(qp->device, e->flow));
	c->wr_id = slot->wr_id;
	c->qp = qp;
	c->data = slot->address + e->offset;
	slot_give(&qp->slots, slot, &qp->device->cache);
	qp->device->stats.receives_placed++;
	return true;
}

static bool take_receive(const struct work_queue *q, const struct completion *e,
			 struct tto_completion *c)
{
	struct tto_qp *qp = q->owner;
	struct slot *slot = slot_of(&qp->slots, e->wr_id);
	bool is_error = e->status != COMPLETION_OK;

	if (!slot || (!is_error && !is_within(e, slot)))
		return false;
	if (qp->cq->flags & TTO_CQ_RAW)
		return hand_up_receive(qp, slot, e, c);
	if (is_error) {
		stream_remove(&qp->stream, slot);
		cq_activate(qp->cq, qp);
		return hand_up_receive(qp, slot, e, c);
	}
	stream_returned(&qp->stream, slot, e);
	look_for_end(qp, e);
	return false;
}

static bool take_general(const struct work_queue *q, const struct completion *e,
			 struct tto_completion *c)
{
	struct tto_grq *grq = q->owner;
	struct tto_flow *flow = flow_find(q->device, e->flow);
	struct slot *slot = slot_of(&grq->slots, e->wr_id);

	if (!slot || (e->status == COMPLETION_OK && !is_within(e, slot)))
		return false;
	if (flow && flow->in_stream && e->kind == COMPLETION_GENERAL &&
	    e->status == COMPLETION_OK && !(e->flags & COMPLETION_RAW)) {
		stream_general(&flow->qp->stream, slot, e);
		look_for_end(flow->qp, e);
		return false;
	}
	if (flow && flow->in_stream && e->kind == COMPLETION_HEADER)
		look_for_end(flow->qp, e);
	fill(c, e, e->kind == COMPLETION_HEADER ? TTO_HEADER : TTO_GENERAL, flow);
	c->wr_id = slot->wr_id;
	c->grq = grq;
	c->data = slot->address + e->offset;
	c->buffer = slot->address;
	c->buffer_bytes = slot->bytes;
	slot_give(&grq->slots, slot, &q->device->cache);
	return true;
}

/* A GRQ that asked for it and has few left; the device does not say which it is. */
static struct tto_grq *find_low(struct tto_cq *cq)
{
	struct tto_grq *asked = NULL;

	for (struct link *l = cq->device->grqs.next; l; l = l->next) {
		struct tto_grq *grq = (struct tto_grq *)l;
		struct ring_end *end = &grq->queue.end;

		if (grq->cq != cq || !grq->low_limit)
			continue;
		asked = grq;
		if (end->mask + 1 - ring_room(end, end->mask + 1) < grq->low_limit)
			break;
	}
	if (asked)
		asked->low_limit = 0;
	return asked;
}

/* Without a buffer. */
static bool take_header(const struct tto_cq *cq, const struct completion *e,
			struct tto_completion *c)
{
	struct tto_flow *flow = flow_find(cq->device, e->flow);

	fill(c, e, TTO_HEADER, flow);
	if (flow && flow->in_stream)
		look_for_end(flow->qp, e);
	return true;
}

static bool take_entry(struct tto_cq *cq, const struct completion *e,
		       struct tto_completion *c)
{
	const struct work_queue *q;

	if (e->kind == COMPLETION_HEADER && !e->header_bytes)
		return take_header(cq, e, c);
	if (e->kind == COMPLETION_LOW) {
		*c = (struct tto_completion){ .kind = TTO_LOW, .bytes = e->bytes,
					      .grq = find_low(cq) };
		return c->grq != NULL;
	}
	q = work_queue_of(cq->device, e->wr_id);
	if (!q)
		return false;
	switch (q->kind) {
	case RING_SEND:
		return take_send(q, e, c);
	case RING_RECEIVE:
		return take_receive(q, e, c);
	case RING_GENERAL:
		return take_general(q, e, c);
	default:
		return false;
	}
}

/* ---- Streams --------------------------------------------------------------------------- */

static void hand_up_received(struct tto_qp *qp, const struct received *r,
			     struct tto_completion *c)
{
	struct tto_device_stats *stats = &qp->device->stats;

	fill(c, &r->completion, TTO_RECEIVE, flow_find(qp->device,
						       r->completion.flow));
	c->wr_id = r->slot->wr_id;
	c->qp = qp;
	c->data = r->slot->address;
	c->bytes = r->bytes;
	c->seq = r->seq;
	c->status = r->status;
	c->flags = (c->flags & (TTO_TIMESTAMP | TTO_V6)) | TTO_IN_ORDER | r->flags;
	c->header_bytes = 0;
	stats->receives_copied += (r->flags & TTO_COPIED) != 0;
	stats->receives_placed += !(r->flags & TTO_COPIED) && r->bytes;
	slot_give(&qp->slots, r->slot, &qp->device->cache);
}

/* Up to @n of what the streams have finished. */
static uint32_t take_received(struct tto_cq *cq, struct tto_completion *c, uint32_t n)
{
	struct tto_qp **at = &cq->active;
	uint32_t taken = 0;

	while (*at) {
		struct tto_qp *qp = *at;
		struct received received;

		while (taken < n && stream_next(&qp->stream, &received))
			hand_up_received(qp, &received, &c[taken++]);
		if (taken == n)
			break;
		receive_resubmit(qp);
		if (stream_stuck(&qp->stream)) {
			at = &qp->next_active;
			continue;
		}
		*at = qp->next_active;
		qp->is_active = false;
	}
	return taken;
}

void cq_settle(struct tto_cq *cq)
{
	struct tto_qp **at = &cq->active;

	while (*at) {
		struct tto_qp *qp = *at;

		if (!receive_ask_back(qp)) {
			at = &qp->next_active;
			continue;
		}
		*at = qp->next_active;
		qp->is_active = false;
	}
}

void cq_deactivate(struct tto_cq *cq, struct tto_qp *qp)
{
	struct tto_qp **at = &cq->active;

	while (*at && *at != qp)
		at = &(*at)->next_active;
	if (*at)
		*at = qp->next_active;
	qp->is_active = false;
}

/* ---- Poll ------------------------------------------------------------------------------ */

static uint32_t take_ring(struct tto_cq *cq, struct tto_completion *c, uint32_t n)
{
	struct ring_end *end = &cq->queue.end;
	uint32_t taken = 0, read = 0;

	while (taken < n && ring_ready(end, read + 1) > read) {
		struct completion e;

		memcpy(&e, ring_entry(end, read++), sizeof(e));
		taken += take_entry(cq, &e, &c[taken]);
		if (cq->active && taken < n)
			taken += take_received(cq, c + taken, n - taken);
	}
	if (read)
		ring_release(end, read);
	return taken;
}

/* What the device had written before is taken first. */
int device_gone(struct tto_cq *cq)
{
	struct tto_device *d = cq->device;

	for (struct link *l = d->qps.next; l; l = l->next) {
		((struct tto_qp *)l)->sq.end.broken = true;
		((struct tto_qp *)l)->rq.end.broken = true;
	}
	for (struct link *l = d->grqs.next; l; l = l->next)
		((struct tto_grq *)l)->queue.end.broken = true;
	/* The next poll without anything comes here again. */
	cq->idle_polls = UINT32_MAX;
	if (ring_ready(&cq->queue.end, 1))
		return 0;
	cq->queue.end.broken = true;
	return -EPIPE;
}

/* Nothing came for long, or never will. Return: 0; -EPIPE. */
static NO_INLINE int look_around(struct tto_cq *cq)
{
	struct attachment *a = cq->device->attachment;

	if (cq->queue.end.broken)
		return -EPIPE;
	return a->ops->check && a->ops->check(a) ? device_gone(cq) : 0;
}

/* What is left from before: buffers without room, streams that were not done. */
static uint32_t take_left(struct tto_cq *cq, struct tto_completion *c, uint32_t n)
{
	if (cq->device->starved)
		receive_feed(cq->device);
	return cq->active ? take_received(cq, c, n) : 0;
}

static NO_INLINE uint32_t take_some(struct tto_cq *cq, struct tto_completion *c,
				    uint32_t n)
{
	uint32_t taken = take_left(cq, c, n);

	/* Who has room for none may give no array. */
	taken += take_ring(cq, taken ? c + taken : c, n - taken);
	if (unlikely(cq->active) && taken < n)
		cq_settle(cq);
	return taken;
}

/* That there is nothing is found out with few instructions: who polls does it often. */
int cq_take(struct tto_cq *cq, struct tto_completion *c, uint32_t n)
{
	uint32_t taken = 0;
	int status = 0;

	if (cq->run)
		status = cq->run(cq->device->attachment);
	if (ring_ready(&cq->queue.end, 1) || cq->active || cq->device->starved)
		taken = take_some(cq, c, n);
	if (taken || unlikely(status < 0))
		return taken ? (int)taken : status;
	if (likely(++cq->idle_polls % IDLE_POLLS && !cq->queue.end.broken))
		return 0;
	return look_around(cq);
}

bool cq_has(struct tto_cq *cq)
{
	for (struct tto_qp *qp = cq->active; qp; qp = qp->next_active) {
		if (stream_has_next(&qp->stream))
			return true;
	}
	return ring_ready(&cq->queue.end, 1);
}

int tto_poll(struct tto_cq *cq, struct tto_completion *c, uint32_t n)
{
	uint32_t taken = 0;

	if (likely(!cq->n_kept))
		return cq_take(cq, c, n);
	while (taken < n && cq->n_kept) {
		c[taken++] = cq->kept[cq->kept_first];
		cq->kept_first = (cq->kept_first + 1) & (cq->queue.entries - 1);
		cq->n_kept--;
	}
	return (int)taken;
}
