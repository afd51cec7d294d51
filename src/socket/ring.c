// SPDX-License-Identifier: BSD-2-Clause
/* ring.c - Bytes of a stream, in a ring that grows */
#include "socket/ring.h"

#include <string.h>

#include "base/heap.h"

static uint32_t index_of(const struct ring *r, uint64_t place)
{
	return (uint32_t)place & (r->size - 1);
}

/* All that lies in the old ring, beyond the end as well, keeps its place. */
static void move(const struct ring *from, struct ring *to)
{
	uint64_t at = from->first, end = from->first + from->size;

	while (at < end) {
		uint32_t there = index_of(to, at), here = index_of(from, at);
		uint32_t n = from->size - here;

		if (n > to->size - there)
			n = to->size - there;
		if (n > end - at)
			n = (uint32_t)(end - at);
		memcpy(to->bytes + there, from->bytes + here, n);
		at += n;
	}
}

bool ring_reserve(struct ring *r, uint64_t end)
{
	uint64_t need = end - r->first;
	struct ring grown = *r;

	if (need > RING_MAX)
		return false;
	if (need > r->most)
		r->most = grown.most = (uint32_t)need;
	if (need <= r->size)
		return true;
	if (!grown.size)
		grown.size = r->next_size ? r->next_size : RING_MIN;
	while (grown.size < need)
		grown.size *= 2;
	grown.bytes = heap_alloc(grown.size);
	if (!grown.bytes)
		return false;
	if (r->size)
		move(r, &grown);
	heap_free(r->bytes);
	*r = grown;
	return true;
}

void ring_put(struct ring *r, uint64_t place, const void *from, uint32_t bytes)
{
	uint32_t at = index_of(r, place), n = r->size - at;

	if (n > bytes)
		n = bytes;
	memcpy(r->bytes + at, from, n);
	if (bytes > n)
		memcpy(r->bytes, (const uint8_t *)from + n, bytes - n);
}

void ring_take(const struct ring *r, uint64_t place, void *to, uint32_t bytes)
{
	uint32_t at = index_of(r, place), n = r->size - at;

	if (n > bytes)
		n = bytes;
	memcpy(to, r->bytes + at, n);
	if (bytes > n)
		memcpy((uint8_t *)to + n, r->bytes, bytes - n);
}

uint32_t ring_look(const struct ring *r, uint64_t place, uint32_t bytes,
		   struct iovec iov[2])
{
	uint32_t at, n;

	if (!bytes)
		return 0;
	at = index_of(r, place);
	n = r->size - at;
	if (n > bytes)
		n = bytes;
	iov[0] = (struct iovec){ r->bytes + at, n };
	iov[1] = (struct iovec){ r->bytes, bytes - n };
	return 1 + (bytes > n);
}

void ring_drop(struct ring *r, uint64_t place, bool idle)
{
	r->first = place;
	if (idle && r->first == r->end && r->size > RING_MIN) {
		heap_free(r->bytes);
		r->bytes = NULL;
		r->next_size = r->most < r->size / 2 ? r->size / 2 : r->size;
		r->size = r->most = 0;
	}
}

void ring_free(struct ring *r)
{
	heap_free(r->bytes);
	*r = (struct ring){ .bytes = NULL };
}
