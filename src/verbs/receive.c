// SPDX-License-Identifier: BSD-2-Clause
/* receive.c - Post receives, and take them back */
#include <errno.h>

#include "verbs/device.h"

/* ---- For one flow: RQ -------------------------------------------------------------- */

/* Names the buffer for the device, if it is worth it. Return: 0; -errno. */
static int name_receive(struct tto_qp *qp, struct slot *slot,
			const struct tto_receive *r)
{
	bool is_raw = qp->cq->flags & TTO_CQ_RAW;
	int status;

	if (!is_raw && r->bytes < qp->device->options.place_min)
		return 0;
	status = memory_place(qp->device, r->address, r->bytes, r->region, TTO_WRITE,
			      &slot->place, &slot->range);
	/* What cannot be placed is copied. */
	return is_raw || status == -EINVAL ? status : 0;
}

static int post_one(struct tto_qp *qp, const struct tto_receive *r, uint32_t *written)
{
	struct ring_end *end = &qp->rq.end;
	struct slot *slot;
	int status;

	if (!r->bytes || r->reserved)
		return -EINVAL;
	if (ring_room(end, *written + 1) <= *written)
		return end->broken ? -EPIPE : -EAGAIN;
	slot = slot_take(&qp->slots);
	if (!slot)
		return -EAGAIN;
	slot->wr_id = r->wr_id;
	slot->address = r->address;
	slot->bytes = r->bytes;
	slot->queue = &qp->rq;
	slot->range = NULL;
	status = name_receive(qp, slot, r);
	if (status) {
		slot_give(&qp->slots, slot, &qp->device->cache);
		return status;
	}
	if (qp->cq->flags & TTO_CQ_RAW || stream_post(&qp->stream, slot, slot->range))
		slot_write(&qp->slots, slot, (*written)++);
	return 0;
}

int tto_post_receive(struct tto_qp *qp, const struct tto_receive *receives,
		     uint32_t n, uint32_t *taken)
{
	uint32_t at = 0, written = 0;
	int status = qp->rq.is_open ? 0 : -EINVAL;

	while (!status && at < n) {
		status = post_one(qp, &receives[at], &written);
		at += status == 0;
	}
	if (written)
		ring_publish(&qp->rq.end, written);
	if (at && stream_has_next(&qp->stream))
		cq_activate(qp->cq, qp);
	if (taken)
		*taken = at;
	return status;
}

void receive_resubmit(struct tto_qp *qp)
{
	struct slot *slot;
	uint32_t written = 0;

	while (ring_room(&qp->rq.end, written + 1) > written &&
	       (slot = stream_resubmit(&qp->stream)))
		slot_write(&qp->slots, slot, written++);
	if (written)
		ring_publish(&qp->rq.end, written);
}

/* ---- For all flows: GRQ -------------------------------------------------------------- */

static int post_general(struct tto_grq *grq, const struct tto_receive *r,
			uint32_t *written)
{
	struct ring_end *end = &grq->queue.end;
	struct slot *slot;
	int status;

	if (!r->bytes || r->reserved)
		return -EINVAL;
	if (ring_room(end, *written + 1) <= *written)
		return end->broken ? -EPIPE : -EAGAIN;
	slot = slot_take(&grq->slots);
	if (!slot)
		return -EAGAIN;
	slot->wr_id = r->wr_id;
	slot->address = r->address;
	slot->bytes = r->bytes;
	slot->queue = &grq->queue;
	slot->range = NULL;
	status = memory_place(grq->device, r->address, r->bytes, r->region, TTO_WRITE,
			      &slot->place, &slot->range);
	if (status) {
		slot_give(&grq->slots, slot, &grq->device->cache);
		return status;
	}
	slot_write(&grq->slots, slot, (*written)++);
	return 0;
}

int tto_post_general(struct tto_grq *grq, const struct tto_receive *receives,
		     uint32_t n, uint32_t *taken)
{
	uint32_t at = 0, written = 0;
	int status = 0;

	while (!status && at < n) {
		status = post_general(grq, &receives[at], &written);
		at += status == 0;
	}
	if (written)
		ring_publish(&grq->queue.end, written);
	if (taken)
		*taken = at;
	return status;
}

int tto_return(const struct tto_completion *c)
{
	const struct tto_receive receive = { .wr_id = c->wr_id, .address = c->buffer,
					     .bytes = c->buffer_bytes };

	return c->grq && c->buffer ? tto_post_general(c->grq, &receive, 1, NULL) : 0;
}

void receive_publish(struct tto_grq *grq)
{
	struct ring_end *end = &grq->queue.end;
	uint32_t written = 0;

	while (grq->spent && ring_room(end, written + 1) > written) {
		struct slot *slot = grq->spent;

		grq->spent = slot->next;
		slot_write(&grq->slots, slot, written++);
	}
	if (written)
		ring_publish(end, written);
}

/* The device may not have said yet that it has taken so many out of the ring. */
void receive_spent(void *qp, struct slot *slot)
{
	struct tto_grq *grq = slot->queue->owner;

	if (likely(!grq->spent && ring_room(&grq->queue.end, 1))) {
		slot_write(&grq->slots, slot, 0);
		ring_publish(&grq->queue.end, 1);
		return;
	}
	if (!grq->spent) {
		grq->next_starved = grq->device->starved;
		grq->device->starved = grq;
	}
	slot->next = grq->spent;
	grq->spent = slot;
}

void receive_feed(struct tto_device *device)
{
	struct tto_grq **at = &device->starved;

	while (*at) {
		struct tto_grq *grq = *at;

		receive_publish(grq);
		if (grq->spent)
			at = &grq->next_starved;
		else
			*at = grq->next_starved;
	}
}

/* ---- Take back ----------------------------------------------------------------------- */

/* Return: how many the device gave back; -errno. */
static int revoke(struct work_queue *q, struct slots *slots, const struct slot *slot)
{
	struct control_request request = {
		.operation = CONTROL_REVOKE,
		.handle = q->handle,
		.revoke = { .wr_id = q->number | (uint32_t)(slot - slots->at) },
	};
	struct control_reply reply;

	return attach_request(q->device->attachment, &request, &reply, NULL);
}

static int revoke_all(struct work_queue *q, struct slots *slots, uint64_t wr_id)
{
	int n = 0;

	for (uint32_t i = 0; i < slots->n; i++) {
		struct slot *slot = &slots->at[i];
		int status = 0;

		if (slot->wr_id != wr_id)
			continue;
		if (slot->state == SLOT_WAITING) {
			n += !slot->is_revoked;
			slot->is_revoked = true;
		} else if (slot->state == SLOT_POSTED) {
			/* If the device had it no more, it is on its way back, and
			 * comes without bytes perhaps: then none are copied to it. */
			status = revoke(q, slots, slot);
			slot->is_revoked = status >= 0;
		}
		if (status < 0)
			return status;
		n += status;
	}
	return n;
}

int tto_revoke(struct tto_qp *qp, uint64_t wr_id)
{
	int n = revoke_all(&qp->rq, &qp->slots, wr_id);

	cq_activate(qp->cq, qp);
	return n;
}

int tto_revoke_general(struct tto_grq *grq, uint64_t wr_id)
{
	return revoke_all(&grq->queue, &grq->slots, wr_id);
}

/* Whether it was still there is told by its completion. */
bool receive_ask_back(struct tto_qp *qp)
{
	struct slot *slot = stream_stuck(&qp->stream);
	struct control_request request = { .operation = CONTROL_REVOKE,
					   .handle = qp->rq.handle };

	if (!slot || slot->is_asked_back)
		return true;
	request.revoke.wr_id = qp->rq.number | (uint32_t)(slot - qp->slots.at);
	slot->is_asked_back = attach_tell(qp->device->attachment, &request) == 0;
	qp->device->stats.receives_asked_back += slot->is_asked_back;
	return slot->is_asked_back;
}
