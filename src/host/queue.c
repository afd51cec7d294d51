// SPDX-License-Identifier: BSD-2-Clause
/* queue.c - Queues in a client's objects */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/state.h"

static uint32_t entry_bytes(uint32_t kind)
{
	switch (kind) {
	case RING_SEND: return SEND_BLOCK_BYTES;
	case RING_RECEIVE:
	case RING_GENERAL: return sizeof(struct receive_work);
	case RING_COMPLETION: return sizeof(struct completion);
	default: return 0;
	}
}

static int check(const struct request *r)
{
	const struct host_client *c = r->client;
	uint32_t flags = r->ask->queue.flags, kind = r->ask->queue.kind;
	uint32_t entries = r->ask->queue.entries;

	if (!entry_bytes(kind) || entries < RING_ENTRIES_MIN ||
	    entries > RING_ENTRIES_MAX || (entries & (entries - 1)) ||
	    r->ask->queue.offset % CACHE_LINE ||
	    flags & ~(uint32_t)CONTROL_QUEUE_UNOWNED ||
	    (flags && kind != RING_SEND))
		return -EINVAL;
	if (c->usage.queues == c->policy.limits.queues ||
	    entries > c->policy.limits.entries)
		return -EDQUOT;
	return flags && !c->policy.raw ? -EACCES : 0;
}

/* Where the ring lies; NULL when the object does not hold it. */
static struct ring *ring_in(const struct request *r, const struct host_object *o)
{
	uint64_t offset = r->ask->queue.offset;
	uint64_t bytes = ring_bytes(r->ask->queue.entries,
				    entry_bytes(r->ask->queue.kind));

	if (offset > o->bytes || bytes > o->bytes - offset)
		return NULL;
	return (void *)(r->host->window.base + o->at + offset);
}

/* The id of the CQ that is named; not read for a CQ itself. */
static int find_cq(const struct request *r, uint32_t *id)
{
	const struct handle *cq;

	*id = DEVICE_NONE;
	if (r->ask->queue.kind == RING_COMPLETION)
		return 0;
	cq = handle_find(&r->client->handles, r->ask->queue.cq, HANDLE_QUEUE);
	if (!cq)
		return -ENOENT;
	*id = cq->queue.id;
	return cq->queue.kind == RING_COMPLETION ? 0 : -EINVAL;
}

/* For a CQ of another process: one for us, one that goes there. */
static int make_event(struct request *r, int *event)
{
	*event = -1;
	if (r->ask->queue.kind != RING_COMPLETION || r->client->policy.in_process)
		return 0;
	*event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*event < 0)
		return -errno;
	r->fds[0] = fcntl(*event, F_DUPFD_CLOEXEC, 0);
	if (r->fds[0] >= 0) {
		r->reply->n_fds = 1;
		return 0;
	}
	close(*event);
	return -EMFILE;
}

static void unmake_event(struct request *r, int event)
{
	if (event < 0)
		return;
	close(event);
	close(r->fds[0]);
	r->reply->n_fds = 0;
}

static int open_at(struct request *r, struct ring *ring, struct host_queue *q)
{
	struct device_queue dq = {
		.kind = q->kind, .ring = ring, .entries = q->entries,
		.unowned = r->ask->queue.flags & CONTROL_QUEUE_UNOWNED,
		.owner = r->client->idx,
		.dma = { .domains = { r->client->domain }, .n_domains = 1 },
	};
	int err = find_cq(r, &dq.cq);

	if (!err)
		err = make_event(r, &q->event);
	if (err)
		return err;
	ring_create(ring, (enum ring_kind)q->kind, q->entries,
		    entry_bytes(q->kind));
	err = device_open_queue(r->host->device, &dq, &q->id);
	if (err)
		unmake_event(r, q->event);
	return err;
}

int queue_open(struct request *r)
{
	struct host_client *c = r->client;
	struct handle *object;
	struct host_queue q = {
		.kind = (uint8_t)r->ask->queue.kind,
		.entries = r->ask->queue.entries,
	};
	struct ring *ring;
	uint32_t place;
	int err = check(r);

	if (err)
		return err;
	object = handle_find(&c->handles, r->ask->handle, HANDLE_OBJECT);
	if (!object)
		return -ENOENT;
	ring = ring_in(r, &object->object);
	if (!ring)
		return -EINVAL;
	q.object = handle_place(&c->handles, object);
	err = handle_add(&c->handles, HANDLE_QUEUE, &place);
	if (err)
		return err;
	err = open_at(r, ring, &q);
	if (err) {
		handle_remove(&c->handles, place);
		return err;
	}
	c->handles.places[place].queue = q;
	r->host->wakes[device_index(q.id)] = q.event;
	c->handles.places[q.object].object.refs++;
	c->usage.queues++;
	r->reply->handle = handle_of(&c->handles, place);
	return 0;
}

void queue_drop(struct host_client *c, uint32_t place)
{
	struct host_queue *q = &c->handles.places[place].queue;

	if (q->event >= 0)
		close(q->event);
	c->handles.places[q->object].object.refs--;
	c->usage.queues--;
	handle_remove(&c->handles, place);
}

void queue_add_counters(struct device_queue_counters *sum,
			const struct device_queue_counters *more)
{
	sum->requests += more->requests;
	sum->completions += more->completions;
	sum->bytes += more->bytes;
	for (uint32_t n = 0; n < DEVICE_N_DROPS; n++)
		sum->drops[n] += more->drops[n];
}

int queue_close(struct request *r)
{
	struct handle_table *t = &r->client->handles;
	struct handle *handle = handle_find(t, r->ask->handle, HANDLE_QUEUE);
	struct device_queue_counters counters;
	bool known;
	int err;

	if (!handle)
		return -ENOENT;
	known = device_counters(r->host->device, handle->queue.id, &counters);
	err = device_close_queue(r->host->device, handle->queue.id);
	if (!err && known)
		queue_add_counters(&r->client->closed, &counters);
	if (!err)
		queue_drop(r->client, handle_place(t, handle));
	return err;
}

/* A queue of receive buffers, by the handle of the request. */
static int find_receive(const struct request *r, uint32_t kinds, uint32_t *id)
{
	const struct handle *handle = handle_find(&r->client->handles,
						  r->ask->handle, HANDLE_QUEUE);

	if (!handle)
		return -ENOENT;
	*id = handle->queue.id;
	return kinds & 1u << handle->queue.kind ? 0 : -EINVAL;
}

int queue_revoke(struct request *r)
{
	uint32_t id;
	int err = find_receive(r, 1u << RING_RECEIVE | 1u << RING_GENERAL, &id);

	return err ? err :
	       device_revoke(r->host->device, id, r->ask->revoke.wr_id);
}

int queue_ask_low(struct request *r)
{
	uint32_t id;
	int err = find_receive(r, 1u << RING_GENERAL, &id);

	return err ? err :
	       device_ask_low(r->host->device, id, r->ask->low.limit);
}
