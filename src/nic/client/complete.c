// SPDX-License-Identifier: BSD-2-Clause
/* complete.c - The device's side of the rings: take, complete, make known */
#include "nic/client/complete.h"

#include <string.h>

void complete_note_broken(struct client_queue *q)
{
	if (!q->counted_broken)
		q->counters.drops[DEVICE_DROP_RING_BROKEN]++;
	q->counted_broken = true;
}

struct completion *complete(struct device *d, struct client_queue *cq,
			    const struct completion *c)
{
	struct completion *to = ring_slot(&cq->end, cq->pending);

	memcpy(to, c, sizeof(*to));
	cq->pending++;
	cq->counters.completions++;
	cq->counters.bytes += c->bytes;
	complete_mark(d, cq);
	return to;
}

static bool is_cq(const struct client_queue *q)
{
	return q->kind == RING_COMPLETION;
}

static void release(struct client_queue *q)
{
	if (!q->end.broken)
		ring_release(&q->end, q->pending);
	q->pending = 0;
}

static void publish(struct device *d, struct client_queue *cq)
{
	uint32_t n = cq->pending;

	cq->pending = 0;
	if (n == 0 || cq->end.broken)
		return;
	ring_publish(&cq->end, n);
	if (ring_wants_wake(&cq->end))
		d->callbacks.wake(d->callbacks.ctx, cq->object.id,
				  cq->object.owner);
}

void complete_publish(struct device *d)
{
	struct client_queue *all = d->dirty;

	d->dirty = NULL;
	for (struct client_queue *q = all; q; q = q->next_dirty) {
		q->dirty = false;
		if (!is_cq(q))
			release(q);
	}
	for (struct client_queue *q = all; q; q = q->next_dirty) {
		if (is_cq(q))
			publish(d, q);
	}
}
