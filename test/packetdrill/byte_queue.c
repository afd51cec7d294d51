// SPDX-License-Identifier: BSD-2-Clause
/* byte_queue.c - Bytes of a stream: in at the end, out at the front */
#include "packetdrill/byte_queue.h"

#include <stdlib.h>
#include <string.h>

static void make_room(struct byte_queue *q, size_t n)
{
	if (q->head && q->len)
		memmove(q->bytes, q->bytes + q->head, q->len);
	q->head = 0;
	if (q->len + n <= q->room)
		return;
	q->room = 2 * (q->len + n);
	q->bytes = realloc(q->bytes, q->room);
	if (!q->bytes)
		abort();
}

void byte_queue_add(struct byte_queue *q, const void *bytes, size_t n)
{
	if (!n)
		return;
	if (q->head + q->len + n > q->room)
		make_room(q, n);
	memcpy(q->bytes + q->head + q->len, bytes, n);
	q->len += n;
}

void byte_queue_drop(struct byte_queue *q, size_t n)
{
	q->head += n;
	q->len -= n;
	q->at += n;
}

const uint8_t *byte_queue_look(const struct byte_queue *q, uint64_t place)
{
	return q->bytes + q->head + (place - q->at);
}

void byte_queue_free(struct byte_queue *q)
{
	free(q->bytes);
	*q = (struct byte_queue){ 0 };
}
