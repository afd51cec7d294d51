// SPDX-License-Identifier: BSD-2-Clause
/* work_queue.c - A ring that the device has the other end of, and what was posted to it */
#include "verbs/work_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "verbs/device.h"

static uint32_t entry_bytes(uint32_t kind)
{
	switch (kind) {
	case RING_SEND:
		return SEND_BLOCK_BYTES;
	case RING_COMPLETION:
		return sizeof(struct completion);
	default:
		return sizeof(struct receive_work);
	}
}

/* A place in the device's table; queues that were there before had other numbers. */
static int take_number(struct work_queue *q)
{
	struct tto_device *d = q->device;
	uint32_t index = 0;

	while (index < d->n_queues && d->queues[index].queue)
		index++;
	if (index == d->n_queues) {
		uint32_t n = d->n_queues ? 2 * d->n_queues : 16;
		struct work_queue_place *more;

		if (n > 1u << 16)
			return -ENOSPC;
		more = realloc(d->queues, n * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + d->n_queues, 0, (n - d->n_queues) * sizeof(*more));
		d->queues = more;
		d->n_queues = n;
	}
	d->queues[index].queue = q;
	q->number = (uint64_t)index << 48 |
		    (uint64_t)++d->queues[index].generation << 32;
	return 0;
}

static void give_number(struct work_queue *q)
{
	q->device->queues[q->number >> 48].queue = NULL;
}

struct work_queue *work_queue_of(const struct tto_device *device, uint64_t number)
{
	uint32_t index = (uint32_t)(number >> 48);
	struct work_queue *q = index < device->n_queues ? device->queues[index].queue :
			  NULL;

	return q && (q->number ^ number) >> 32 == 0 ? q : NULL;
}

/* Return: 0 or -errno. */
static int ask(struct work_queue *q, const struct work_queue_options *options, int *fd)
{
	struct control_request request = {
		.operation = CONTROL_OPEN_QUEUE,
		.handle = q->object.handle,
		.queue = { .kind = options->kind, .entries = options->entries,
			   .cq = options->cq, .flags = options->flags },
	};
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int status = attach_request(q->device->attachment, &request, &reply, fds);

	if (status < 0)
		return status;
	q->handle = reply.handle;
	if (fd)
		*fd = reply.n_fds ? fds[0] : -1;
	for (uint32_t i = fd ? 1 : 0; i < reply.n_fds; i++)
		close(fds[i]);
	return 0;
}

int work_queue_open(struct work_queue *q, struct tto_device *device,
	       const struct work_queue_options *options, int *fd)
{
	struct attachment *a = device->attachment;
	uint32_t n = options->entries;
	int status;

	*q = (struct work_queue){ .device = device, .owner = options->owner,
			     .entries = n, .kind = (uint8_t)options->kind };
	if (n < RING_ENTRIES_MIN || n > RING_ENTRIES_MAX || n & (n - 1))
		return -EINVAL;
	status = shared_allocate(a, ring_bytes(n, entry_bytes(options->kind)),
				 &q->object, NULL);
	if (status)
		return status;
	status = take_number(q);
	if (status)
		goto err_free;
	status = ask(q, options, fd);
	if (status)
		goto err_number;
	ring_attach(&q->end, q->object.address, n, entry_bytes(options->kind));
	q->is_open = true;
	return 0;

err_number:
	give_number(q);
err_free:
	shared_free(a, &q->object);
	return status;
}

int work_queue_close(struct work_queue *q)
{
	struct control_request request = { .operation = CONTROL_CLOSE_QUEUE,
					   .handle = q->handle };
	struct control_reply reply;
	int status;

	if (!q->is_open)
		return 0;
	status = attach_request(q->device->attachment, &request, &reply, NULL);
	if (status < 0 && status != -EPIPE)
		return status;
	give_number(q);
	shared_free(q->device->attachment, &q->object);
	q->is_open = false;
	return 0;
}

void work_queue_forget(struct work_queue *q)
{
	shared_unmap(&q->object);
	q->is_open = false;
}

int slots_open(struct slots *s, uint32_t n)
{
	*s = (struct slots){ .at = calloc(n, sizeof(s->at[0])), .n = n };
	if (!s->at)
		return -ENOMEM;
	for (uint32_t i = n; i > 0; i--) {
		s->at[i - 1].next_free = s->first_free;
		s->first_free = i;
	}
	s->n_free = n;
	return 0;
}

void slots_close(struct slots *s)
{
	free(s->at);
	*s = (struct slots){ .at = NULL };
}
