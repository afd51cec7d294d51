/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - Bytes of a stream, in a ring that grows
 *
 * Places are those of the stream, from 0 on. Bytes first .. end - 1 are there; with
 * ring_put() some may lie beyond the end, and count when ring_extend() says so. The
 * memory is of the heap, a power of two, and none while nothing is in it. The next
 * one is as large as was needed last, so that a busy stream does not grow each time.
 */
#ifndef SOCKET_RING_H
#define SOCKET_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/compiler.h"

#define RING_MIN 4096u
#define RING_MAX (64u << 20)

struct ring {
	uint8_t *bytes;
	uint32_t size;		/* a power of two; 0: no memory                 */
	uint32_t next_size;	/* to begin with; 0: RING_MIN                   */
	uint32_t most;		/* bytes that were needed of this one           */
	uint64_t first, end;
};

static inline uint32_t ring_count(const struct ring *r)
{
	return (uint32_t)(r->end - r->first);
}

/**
 * ring_reserve() - Have room for everything before @end
 *
 * Return: false: more than RING_MAX, or no memory; nothing has changed.
 */
MUST_CHECK bool ring_reserve(struct ring *r, uint64_t end);

/** ring_put() - Write @bytes at @place, for which there is room */
void ring_put(struct ring *r, uint64_t place, const void *from, uint32_t bytes);

/** ring_take() - Copy out @bytes from @place on, which are there */
void ring_take(const struct ring *r, uint64_t place, void *to, uint32_t bytes);

/** ring_look() - Where @bytes from @place on are: one or two elements. Return: how many */
uint32_t ring_look(const struct ring *r, uint64_t place, uint32_t bytes,
		   struct iovec iov[2]);

static inline void ring_extend(struct ring *r, uint32_t bytes)
{
	r->end += bytes;
}

/** ring_drop() - Forget what is before @place; the memory goes with the last byte, if
 * @idle says that there is no hurry for it */
void ring_drop(struct ring *r, uint64_t place, bool idle);

/** ring_free() - Forget all */
void ring_free(struct ring *r);

#endif
