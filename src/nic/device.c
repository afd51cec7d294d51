// SPDX-License-Identifier: BSD-2-Clause
/* device.c - The device as programs see it: queues, flows, listens */
#include "nic/device.h"

#include <errno.h>
#include <string.h>

#include "nic/client/complete.h"
#include "nic/client/place.h"
#include "nic/client/send.h"
#include "nic/client/state.h"
#include "nic/client/steer.h"
#include "nic/flow_hash.h"

/* ---- Make ------------------------------------------------------------------ */

static int resolve(struct tto_coalescer_options *out,
		   const struct device_options *options)
{
	int err = coalesce_resolve(out, &options->coalescer);

	out->output = TTO_OUTPUT_GATHER;
	if (out->segments < DEVICE_BURST)
		out->segments = DEVICE_BURST;
	return err;
}

size_t device_bytes(const struct device_options *options)
{
	struct tto_coalescer_options coalescer;
	size_t bytes = state_bytes(options);

	if (!bytes || resolve(&coalescer, options))
		return 0;
	bytes += coalesce_bytes(&coalescer);
	return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

int device_init(struct device **out, void *memory,
		const struct device_options *options, struct memory *m,
		const struct device_callbacks *callbacks)
{
	struct tto_coalescer_options coalescer;
	struct device *d;
	void *rest;
	int err = resolve(&coalescer, options);

	if (err)
		return err;
	d = state_init(memory, options, &rest);
	if (!d)
		return -EINVAL;
	d->memory = m;
	d->callbacks = *callbacks;
	d->link = coalescer.link;
	err = coalesce_init(&d->coalescer, rest, &coalescer, steer_packet, d);
	if (!err)
		*out = d;
	return err;
}

/* ---- Queues ---------------------------------------------------------------- */

static uint32_t entry_bytes(uint8_t kind)
{
	switch (kind) {
	case RING_SEND:
		return SEND_BLOCK_BYTES;
	case RING_RECEIVE:
	case RING_GENERAL:
		return sizeof(struct receive_work);
	case RING_COMPLETION:
		return sizeof(struct completion);
	default:
		return 0;
	}
}

static bool is_queue_right(const struct device_queue *q)
{
	uint32_t n = q->entries;

	return entry_bytes(q->kind) && q->ring && n >= RING_ENTRIES_MIN &&
	       n <= RING_ENTRIES_MAX && (n & (n - 1)) == 0 &&
	       (q->kind == RING_COMPLETION ||
		(q->dma.n_domains >= 1 &&
		 q->dma.n_domains <= DMA_QUEUE_DOMAINS));
}

/*
 * The queue of @owner with @id and of this @kind. Return: 0 with @q set, NULL for
 * DEVICE_NONE; -ENOENT.
 */
static int find_queue(const struct device *d, uint32_t id, uint8_t kind,
		      uint32_t owner, struct client_queue **q)
{
	*q = NULL;
	if (id == DEVICE_NONE)
		return 0;
	*q = state_queue(d, id);
	return *q && (*q)->kind == kind && (*q)->object.owner == owner ?
		       0 : -ENOENT;
}

int device_open_queue(struct device *d, const struct device_queue *q,
		      uint32_t *id)
{
	struct client_queue *new, *cq = NULL;

	if (!is_queue_right(q))
		return -EINVAL;
	if (q->kind != RING_COMPLETION &&
	    (find_queue(d, q->cq, RING_COMPLETION, q->owner, &cq) || !cq))
		return -ENOENT;
	new = state_add_queue(d, q->owner);
	if (!new)
		return -ENOSPC;
	ring_attach(&new->end, q->ring, q->entries, entry_bytes(q->kind));
	new->kind = q->kind;
	new->unowned = q->unowned;
	new->cq = cq;
	new->dma = q->dma;
	if (cq)
		cq->references++;
	if (q->kind == RING_SEND) {
		new->turn = d->n_senders;
		d->senders[d->n_senders++] = new;
	}
	*id = new->object.id;
	return 0;
}

static void end_queue(struct device *d, struct client_queue *q)
{
	if (q->kind == RING_SEND) {
		struct client_queue *last = d->senders[--d->n_senders];

		d->senders[q->turn] = last;
		last->turn = q->turn;
	}
	if (q->cq)
		q->cq->references--;
	state_remove_queue(d, q);
}

int device_close_queue(struct device *d, uint32_t id)
{
	struct client_queue *q = state_queue(d, id);

	if (!q)
		return -ENOENT;
	if (q->references)
		return -EBUSY;
	end_queue(d, q);
	return 0;
}

/* ---- Flows ----------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
	while (n > 0 && !bytes[n - 1])
		n--;
	return n == 0;
}

static void set_link(struct client_flow *f, const uint8_t *link, uint32_t bytes)
{
	uint16_t outer = 0, inner = 0;

	f->link_bytes = (uint8_t)bytes;
	if (bytes)
		memcpy(f->link, link, bytes);
	if (bytes >= 18)
		outer = load_be16(f->link + 14);
	if (bytes >= 22)
		inner = load_be16(f->link + 18);
	f->vids = flow_vids(outer, inner);
}

/* Whether nothing is said but what a listen or an address says. */
static bool is_one_sided(const struct tcp_tuple *t)
{
	return t->remote_port == 0 && is_zero(t->remote, sizeof(t->remote));
}

static bool is_flow_right(const struct device_flow *f)
{
	const struct tcp_tuple *t = &f->tuple;

	return t->v6 <= 1 && f->link_bytes <= DEVICE_LINK_MAX &&
	       f->link_free <= f->link_bytes &&
	       (t->v6 || (is_zero(t->local + 4, 12) &&
			  is_zero(t->remote + 4, 12)));
}

static int find_flow_queues(const struct device *d, const struct device_flow *f,
			    struct client_flow *to)
{
	if (find_queue(d, f->cq, RING_COMPLETION, f->owner, &to->cq) ||
	    !to->cq ||
	    find_queue(d, f->rq, RING_RECEIVE, f->owner, &to->rq) ||
	    find_queue(d, f->grq, RING_GENERAL, f->owner, &to->grq) ||
	    find_queue(d, f->sq, RING_SEND, f->owner, &to->sq))
		return -ENOENT;
	return 0;
}

static void refer(struct client_queue *q, int by)
{
	if (q)
		q->references += (uint32_t)by;
}

static void refer_all(struct client_flow *f, int by)
{
	refer(f->cq, by);
	refer(f->rq, by);
	refer(f->grq, by);
	refer(f->sq, by);
}

static int add_flow(struct device *d, const struct device_flow *f,
		    enum client_flow_kind kind, struct client_flow **out)
{
	struct client_flow found = { 0 }, *to;
	int err = is_flow_right(f) ? find_flow_queues(d, f, &found) : -EINVAL;

	if (err)
		return err;
	to = state_add_flow(d, f->owner);
	if (!to)
		return -ENOSPC;
	to->cq = found.cq;
	to->rq = found.rq;
	to->grq = found.grq;
	to->sq = found.sq;
	to->kind = (uint8_t)kind;
	to->tuple = f->tuple;
	to->order.known = f->knows_next;
	to->order.next = f->next_seq;
	to->errors.wanted = f->errors && kind == FLOW_CONNECTION;
	d->n_errors += to->errors.wanted;
	to->link_free = f->link_free;
	set_link(to, f->link, f->link_bytes);
	refer_all(to, 1);
	*out = to;
	return 0;
}

static void end_flow(struct device *d, struct client_flow *f)
{
	if (f == d->address)
		d->address = NULL;
	else if (f->kind != FLOW_ADDRESS)
		lookup_remove(d->lookup, &f->tuple);
	d->n_errors -= f->errors.wanted;
	refer_all(f, -1);
	state_remove_flow(d, f);
}

int device_add_flow(struct device *d, const struct device_flow *f, uint32_t *id)
{
	enum client_flow_kind kind = is_one_sided(&f->tuple) ? FLOW_LISTEN :
							       FLOW_CONNECTION;
	struct client_flow *to;
	int err;

	if (lookup_find(d->lookup, &f->tuple) != LOOKUP_NONE)
		return -EEXIST;
	err = add_flow(d, f, kind, &to);
	if (err)
		return err;
	err = lookup_insert(d->lookup, &f->tuple, (uint32_t)(to - d->flows));
	if (err) {
		d->n_errors -= to->errors.wanted;
		refer_all(to, -1);
		state_remove_flow(d, to);
		return err;
	}
	*id = to->object.id;
	return 0;
}

int device_remove_flow(struct device *d, uint32_t id)
{
	struct client_flow *f = state_flow(d, id);

	if (!f)
		return -ENOENT;
	end_flow(d, f);
	return 0;
}

int device_set_link(struct device *d, uint32_t flow, const uint8_t *link,
		    uint32_t bytes)
{
	struct client_flow *f = state_flow(d, flow);

	if (!f)
		return -ENOENT;
	if (bytes > DEVICE_LINK_MAX || bytes < f->link_free)
		return -EINVAL;
	set_link(f, link, bytes);
	return 0;
}

int device_set_address_owner(struct device *d, const struct device_flow *f,
			     uint32_t *id)
{
	struct client_flow *to;
	int err;

	if (d->address)
		return -EEXIST;
	if (!is_one_sided(&f->tuple) || f->tuple.local_port)
		return -EINVAL;
	err = add_flow(d, f, FLOW_ADDRESS, &to);
	if (err)
		return err;
	d->address = to;
	*id = to->object.id;
	return 0;
}

/* ---- Owners ---------------------------------------------------------------- */

/* CQs are referred to by other queues, and these by flows. */
void device_close_owner(struct device *d, uint32_t owner)
{
	uint32_t node, next;

	for (node = state_owned(d, owner); node != DEVICE_NONE; node = next) {
		struct client_flow *f = state_flow_at(d, node);

		next = state_owned_next(d, node);
		if (f)
			end_flow(d, f);
	}
	for (node = state_owned(d, owner); node != DEVICE_NONE; node = next) {
		struct client_queue *q = state_queue_at(d, node);

		next = state_owned_next(d, node);
		if (q->kind != RING_COMPLETION)
			end_queue(d, q);
	}
	while ((node = state_owned(d, owner)) != DEVICE_NONE)
		end_queue(d, state_queue_at(d, node));
}

int device_revoke(struct device *d, uint32_t rq, uint64_t wr_id)
{
	struct client_queue *q = state_queue(d, rq);
	uint32_t n;

	if (!q || (q->kind != RING_RECEIVE && q->kind != RING_GENERAL))
		return -ENOENT;
	n = place_revoke(d, q, wr_id);
	complete_publish(d);
	return (int)n;
}

int device_ask_low(struct device *d, uint32_t grq, uint32_t limit)
{
	struct client_queue *q = state_queue(d, grq);

	if (!q || q->kind != RING_GENERAL)
		return -ENOENT;
	q->low_limit = limit;
	if (limit)
		place_tell_low(d, q);
	complete_publish(d);
	return 0;
}

bool device_counters(const struct device *d, uint32_t queue,
		     struct device_queue_counters *out)
{
	const struct client_queue *q = state_queue(d, queue);

	if (q)
		*out = q->counters;
	return q;
}

/* The coalescer counts causes, for whoever's flow it is. */
static void copy_causes(const struct device *d, const struct tcp_tuple *t,
			uint32_t vids, uint32_t *causes)
{
	size_t bytes = t->v6 ? 16 : 4;
	struct flow_key key = { .v6 = t->v6 };
	uint32_t flow;

	memcpy(key.tuple, t->remote, bytes);
	memcpy(key.tuple + bytes, t->local, bytes);
	store_be16(key.tuple + 2 * bytes, t->remote_port);
	store_be16(key.tuple + 2 * bytes + 2, t->local_port);
	key.vid[0] = (uint16_t)(vids >> 16);
	key.vid[1] = vids & 0xffff;
	key.n_tags = (uint8_t)(!!key.vid[0] + !!key.vid[1]);
	flow = flow_lookup(&d->coalescer->table, &key);
	if (flow == FLOW_NONE)
		return;
	for (uint32_t n = 0; n < TTO_N_CAUSES; n++)
		causes[n] = d->coalescer->causes[flow][n];
}

bool device_flow_counters(const struct device *d, uint32_t flow,
			  struct device_flow_counters *out)
{
	const struct client_flow *f = state_flow(d, flow);

	if (!f)
		return false;
	*out = f->counters;
	if (f->kind == FLOW_CONNECTION)
		copy_causes(d, &f->tuple, f->vids, out->causes);
	return true;
}

/* ---- Data path ------------------------------------------------------------- */

static uint8_t csum_of(const struct wire_offload *o)
{
	if (o->flags & WIRE_NEEDS_CSUM)
		return TTO_CSUM_PARTIAL;
	return o->flags & WIRE_DATA_VALID ? TTO_CSUM_VERIFIED :
					    TTO_CSUM_UNKNOWN;
}

static struct tto_frame frame_of(const struct wire_frame *f)
{
	return (struct tto_frame){
		.data = f->iov->iov_base,
		.len = f->len,
		.gso_size = f->offload.gso_type ? f->offload.gso_size : 0,
		.csum = csum_of(&f->offload),
		.truncated = f->full_len > f->len,
		.cookie = (void *)(uintptr_t)f,
	};
}

static void push(struct device *d, uint32_t n, ns_t now)
{
	coalesce_push(d->coalescer, d->frames, n, now);
	coalesce_flush(d->coalescer, now);
}

/* A frame in several pieces is copied to be in one, and goes alone. */
static void push_pieces(struct device *d, const struct wire_frame *frame,
			ns_t now)
{
	struct iovec linear = { d->linear, frame->len };
	struct wire_frame f = *frame;

	if (frame->len == 0 || frame->len > DEVICE_LINEAR_BYTES)
		return;
	wire_frame_copy(frame, d->linear);
	f.iov = &linear;
	f.n_iov = 1;
	d->frames[0] = frame_of(&f);
	push(d, 1, now);
}

void device_receive(struct device *d, const struct wire_frame *frames,
		    uint32_t n, enum tto_link link, ns_t now)
{
	uint32_t held = 0;

	d->link = link;
	d->now = now;
	d->coalescer->options.link = (uint8_t)link;
	for (uint32_t k = 0; k < n; k++) {
		if (likely(frames[k].n_iov == 1))
			d->frames[held++] = frame_of(&frames[k]);
		if (held == DEVICE_BURST || unlikely(frames[k].n_iov != 1)) {
			push(d, held, now);
			held = 0;
		}
		if (unlikely(frames[k].n_iov != 1))
			push_pieces(d, &frames[k], now);
	}
	push(d, held, now);
	complete_publish(d);
}

uint32_t device_send(struct device *d, struct wire *w, uint32_t budget,
		     ns_t now)
{
	uint32_t n = send_run(d, w, budget, now);

	complete_publish(d);
	return n;
}

ns_t device_poll(struct device *d, ns_t now)
{
	ns_t due = coalesce_poll(d->coalescer, now);

	complete_publish(d);
	return due < d->retry ? due : d->retry;
}

/* A queue that waits for room in its CQ has no work: device_poll() says when. */
bool device_arm(struct device *d)
{
	for (uint32_t n = 0; n < d->n_senders; n++) {
		struct client_queue *q = d->senders[n];

		if (ring_arm(&q->end))
			continue;
		if (q->end.broken)
			complete_note_broken(q);
		else if (complete_room(q->cq, 1))
			return false;
	}
	return true;
}

void device_disarm(struct device *d)
{
	for (uint32_t n = 0; n < d->n_senders; n++)
		ring_disarm(&d->senders[n]->end);
}
