/* SPDX-License-Identifier: BSD-2-Clause */
/* byte_queue.h - Bytes of a stream: in at the end, out at the front */
#ifndef TEST_PACKETDRILL_BYTE_QUEUE_H
#define TEST_PACKETDRILL_BYTE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* All 0 is an empty one at the beginning of its stream. */
struct byte_queue {
	uint8_t *bytes;
	size_t head, len, room;	/* what is there: bytes[head] and on            */
	uint64_t at;		/* place in the stream of the first of them     */
};

/* Aborts when there is no memory. */
void byte_queue_add(struct byte_queue *q, const void *bytes, size_t n);

/* Take @n bytes away, which are there. */
void byte_queue_drop(struct byte_queue *q, size_t n);

/* The bytes from @place of the stream on, which is in the queue. */
const uint8_t *byte_queue_look(const struct byte_queue *q, uint64_t place);

void byte_queue_free(struct byte_queue *q);

#endif
