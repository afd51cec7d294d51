// SPDX-License-Identifier: BSD-2-Clause
/* handles.c - Open and close CQs, GRQs and QPs */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "verbs/device.h"

enum {
	GRQ_ENTRIES = 256,
	GRQ_BUFFER_BYTES = 65536,
	SEND_BLOCKS = 1024,
	SEND_BLOCKS_MIN = 64,	/* the largest request four times               */
	RECEIVES = 64,
};

/* ---- CQ -------------------------------------------------------------------------------- */

int tto_cq_open(struct tto_device *device, uint32_t entries, uint32_t flags,
		struct tto_cq **out)
{
	struct tto_cq *cq = calloc(1, sizeof(*cq));
	const struct work_queue_options options = {
		.kind = RING_COMPLETION, .entries = entries, .cq = CONTROL_NONE,
		.owner = cq,
	};
	int status = flags & ~(uint32_t)TTO_CQ_RAW ? -EINVAL : 0;

	if (!cq)
		return -ENOMEM;
	if (!status)
		status = work_queue_open(&cq->queue, device, &options, &cq->event);
	if (!status && cq->event >= 0 && attach_check_event(cq->event)) {
		(void)!work_queue_close(&cq->queue);
		close(cq->event);
		status = -EPROTO;
	}
	if (status) {
		free(cq);
		return status;
	}
	cq->device = device;
	cq->run = device->attachment->ops->run;
	cq->flags = flags;
	cq->fd = -1;
	link_add(&device->cqs, &cq->link);
	*out = cq;
	return 0;
}

void cq_forget(struct tto_cq *cq)
{
	link_remove(&cq->link);
	work_queue_forget(&cq->queue);
	if (cq->event >= 0)
		close(cq->event);
	if (cq->fd >= 0)
		close(cq->fd);
	free(cq->kept);
	free(cq);
}

int tto_cq_close(struct tto_cq *cq)
{
	int status = cq->users ? -EBUSY : work_queue_close(&cq->queue);

	if (!status)
		cq_forget(cq);
	return status;
}

/* ---- GRQ ------------------------------------------------------------------------------- */

/* @n buffers of @bytes each, behind one another. */
static int fill_grq(struct tto_grq *grq, uint32_t n, uint32_t bytes)
{
	struct tto_device *d = grq->device;
	int status = memory_take(d, (size_t)n * bytes, &grq->buffers, NULL);

	if (status)
		return status;
	grq->buffers->range.is_own = true;
	for (uint32_t i = 0; i < n && !status; i++) {
		const struct tto_receive receive = {
			.wr_id = i,
			.address = (uint8_t *)grq->buffers->object.address +
				   (size_t)i * bytes,
			.bytes = bytes,
		};

		status = tto_post_general(grq, &receive, 1, NULL);
	}
	return status;
}

/* Return: 0 with defaults set in @o; -EINVAL. */
static int take_grq_options(struct tto_grq_options *o,
			    const struct tto_grq_options *given)
{
	int status = options_take(o, sizeof(*o), given);

	if (status)
		return status;
	o->entries = o->entries ? o->entries : GRQ_ENTRIES;
	o->buffer_bytes = o->buffer_bytes ? o->buffer_bytes : GRQ_BUFFER_BYTES;
	return o->buffers > o->entries ? -EINVAL : 0;
}

/* All that its slots hold is free again. */
static void put_slots(struct slots *slots, struct registration_cache *cache)
{
	for (uint32_t i = 0; i < slots->n; i++) {
		if (slots->at[i].state != SLOT_FREE)
			slot_give(slots, &slots->at[i], cache);
	}
}

int tto_grq_open(struct tto_device *device, struct tto_cq *cq,
		 const struct tto_grq_options *options, struct tto_grq **out)
{
	struct tto_grq *grq = calloc(1, sizeof(*grq));
	struct tto_grq_options o;
	struct work_queue_options q = { .kind = RING_GENERAL, .cq = cq->queue.handle,
				   .owner = grq };
	int status;

	if (!grq)
		return -ENOMEM;
	grq->device = device;
	grq->cq = cq;
	status = cq->device == device ? take_grq_options(&o, options) : -EINVAL;
	if (status)
		goto err_free;
	q.entries = o.entries;
	status = work_queue_open(&grq->queue, device, &q, NULL);
	if (status)
		goto err_free;
	status = slots_open(&grq->slots, o.entries);
	if (!status && o.buffers)
		status = fill_grq(grq, o.buffers, o.buffer_bytes);
	if (status)
		goto err_close;
	cq->users++;
	link_add(&device->grqs, &grq->link);
	*out = grq;
	return 0;

err_close:
	if (work_queue_close(&grq->queue) == 0) {
		put_slots(&grq->slots, &device->cache);
		memory_give(device, grq->buffers);
	}
	slots_close(&grq->slots);
err_free:
	free(grq);
	return status;
}

void grq_forget(struct tto_grq *grq)
{
	link_remove(&grq->link);
	work_queue_forget(&grq->queue);
	slots_close(&grq->slots);
	free(grq);
}

/* A GRQ that waits for room in its ring waits no more. */
static void unlist_starved(struct tto_grq *grq)
{
	struct tto_grq **at = &grq->device->starved;

	while (*at && *at != grq)
		at = &(*at)->next_starved;
	if (*at)
		*at = grq->next_starved;
}

int tto_grq_close(struct tto_grq *grq)
{
	struct tto_device *d = grq->device;
	int status = grq->users ? -EBUSY : work_queue_close(&grq->queue);

	if (status)
		return status;
	unlist_starved(grq);
	put_slots(&grq->slots, &d->cache);
	grq->cq->users--;
	/* Held by the program: it stays until the device is closed. */
	if (memory_give(d, grq->buffers))
		grq->buffers->range.is_own = false;
	grq_forget(grq);
	return 0;
}

int tto_grq_ask_low(struct tto_grq *grq, uint32_t limit)
{
	struct control_request request = { .operation = CONTROL_ASK_LOW,
					   .handle = grq->queue.handle,
					   .low = { .limit = limit } };
	struct control_reply reply;
	int status;

	if (!limit || limit > grq->queue.entries)
		return -EINVAL;
	status = attach_request(grq->device->attachment, &request, &reply, NULL);
	if (status < 0)
		return status;
	grq->low_limit = limit;
	return 0;
}

/* ---- QP -------------------------------------------------------------------------------- */

static int take_qp_options(struct tto_qp_options *o, const struct tto_qp_options *given)
{
	int status = options_take(o, sizeof(*o), given);

	if (status)
		return status;
	o->send_blocks = o->send_blocks ? o->send_blocks : SEND_BLOCKS;
	o->receives = o->receives ? o->receives : RECEIVES;
	return o->send_blocks < SEND_BLOCKS_MIN ? -EINVAL : 0;
}

/* Return: 0; -errno, and what is open has to be closed. */
static int open_queues(struct tto_qp *qp, const struct tto_qp_options *o)
{
	struct work_queue_options q = {
		.kind = RING_SEND, .entries = o->send_blocks,
		.cq = qp->cq->queue.handle, .owner = qp,
		.flags = o->unowned ? CONTROL_QUEUE_UNOWNED : 0,
	};
	int status = work_queue_open(&qp->sq, qp->device, &q, NULL);

	if (!status)
		status = sent_open(&qp->sent, o->send_blocks);
	if (status || o->no_receive)
		return status;
	q.kind = RING_RECEIVE;
	q.entries = o->receives;
	q.flags = 0;
	status = work_queue_open(&qp->rq, qp->device, &q, NULL);
	return status ? status : slots_open(&qp->slots, o->receives);
}

/* Return: 0; -errno: it goes on to be open. */
static int close_queues(struct tto_qp *qp)
{
	int status = work_queue_close(&qp->sq);

	if (!status)
		status = work_queue_close(&qp->rq);
	if (status)
		return status;
	stream_drop(&qp->stream);
	put_slots(&qp->slots, &qp->device->cache);
	sent_close(&qp->sent, &qp->device->cache);
	memory_give(qp->device, qp->pool);
	return 0;
}

int tto_qp_open(struct tto_device *device, struct tto_cq *cq,
		const struct tto_qp_options *options, struct tto_qp **out)
{
	struct tto_qp *qp = calloc(1, sizeof(*qp));
	struct tto_qp_options o;
	int status;

	if (!qp)
		return -ENOMEM;
	qp->device = device;
	qp->cq = cq;
	stream_open(&qp->stream, receive_spent, qp);
	status = cq->device == device ? take_qp_options(&o, options) : -EINVAL;
	if (!status)
		status = open_queues(qp, &o);
	if (status) {
		close_queues(qp);
		slots_close(&qp->slots);
		free(qp);
		return status;
	}
	cq->users++;
	link_add(&device->qps, &qp->link);
	*out = qp;
	return 0;
}

void qp_forget(struct tto_qp *qp)
{
	link_remove(&qp->link);
	work_queue_forget(&qp->sq);
	work_queue_forget(&qp->rq);
	stream_drop(&qp->stream);
	sent_close(&qp->sent, NULL);
	slots_close(&qp->slots);
	free(qp);
}

int tto_qp_close(struct tto_qp *qp)
{
	int status = qp->users ? -EBUSY : close_queues(qp);

	if (status)
		return status;
	cq_deactivate(qp->cq, qp);
	qp->cq->users--;
	qp_forget(qp);
	return 0;
}
