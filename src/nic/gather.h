/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.h - A cursor over payload that is scattered over many elements
 *
 * DOC: Theory of operation
 * The cursor holds what is left of the current element, so the common case, a
 * request that lies within it, is one comparison. Elements may be empty, and
 * may end at odd offsets: sums of what follows are then shifted, so the parity
 * counts from the start of the request and not of the element.
 *
 * Each element is read once when the cursor enters it, in one volatile access a
 * field. Whoever changes the list meanwhile cannot make the cursor leave it; a
 * list that has become too short ends with -EFAULT.
 *
 * A request that fails leaves the cursor where it was.
 */
#ifndef NIC_GATHER_H
#define NIC_GATHER_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/compiler.h"
#include "packet/checksum.h"

struct gather {
	const uint8_t *p;	/* next byte                                    */
	size_t left;		/* bytes from there to the end of the element   */
	const struct iovec *next;	/* element behind the current one       */
	uint32_t n;		/* elements from next on                        */
};

/**
 * gather_total() - Bytes of a whole list
 * @iov:	@n elements; NULL only when @n is 0
 * @total:	Set on success [bytes]
 *
 * Return: 0, or -EFAULT when an element wraps around the address space or
 * begins at NULL and is not empty, or when the sum overflows.
 */
MUST_CHECK int gather_total(const struct iovec *iov, uint32_t n,
			    uint64_t *total);

/* The elements of a request, some of which are empty or end within it. */
MUST_CHECK int gather_list_parts(struct gather *g, uint32_t bytes,
				 struct iovec *iov, uint32_t max,
				 const struct checksum_ops *ops, uint32_t *sum);
MUST_CHECK int gather_copy_parts(struct gather *g, uint32_t bytes,
				 uint8_t *dst, const struct checksum_ops *ops,
				 uint32_t *sum);
void gather_prefetch_parts(struct gather *g, uint32_t bytes);

/* On to the next element; there is one. */
static ALWAYS_INLINE void gather_enter(struct gather *g)
{
	const volatile struct iovec *element = g->next++;

	g->p = element->iov_base;
	g->left = element->iov_len;
	g->n--;
}

/**
 * gather_begin() - Put the cursor before the first byte of a list
 * @iov:	@n elements; read as the cursor passes them
 */
static ALWAYS_INLINE void gather_begin(struct gather *g,
				       const struct iovec *iov, uint32_t n)
{
	*g = (struct gather){ .next = iov, .n = n };
	if (n)
		gather_enter(g);
}

/**
 * gather_list() - Name the next bytes as elements, and sum them
 * @bytes:	0..65535; the cursor moves on behind them
 * @iov:	Filled in with elements that are not empty, room for @max
 * @ops:	NULL: no sum is wanted, the bytes are not read
 * @sum:	Set, if @ops is not NULL, to the sum of the bytes
 *
 * Return: elements used; -ENOBUFS when there are more than @max; -EFAULT when
 * the list ended.
 */
MUST_CHECK static ALWAYS_INLINE int
gather_list(struct gather *g, uint32_t bytes, struct iovec *iov, uint32_t max,
	    const struct checksum_ops *ops, uint32_t *sum)
{
	if (unlikely(g->left < bytes || bytes == 0 || max == 0)) {
		struct gather parts = *g;	/* @g stays in registers        */
		uint32_t s = 0;
		int n = gather_list_parts(&parts, bytes, iov, max, ops, &s);

		*g = parts;
		*sum = s;
		return n;
	}
	iov->iov_base = (void *)(uintptr_t)g->p;
	iov->iov_len = bytes;
	if (ops)
		*sum = ops->sum(g->p, bytes);
	g->p += bytes;
	g->left -= bytes;
	return 1;
}

/**
 * gather_copy() - Copy the next bytes, and sum them in the same pass
 * @bytes:	0..65535; the cursor moves on behind them
 * @dst:	Room for @bytes
 * @sum:	Set to the sum of the bytes; who does not want it loses nothing,
 *		the kernels copy no slower than memcpy()
 *
 * Return: 0, or -EFAULT when the list ended.
 */
MUST_CHECK static ALWAYS_INLINE int
gather_copy(struct gather *g, uint32_t bytes, uint8_t *dst,
	    const struct checksum_ops *ops, uint32_t *sum)
{
	if (unlikely(g->left < bytes || bytes == 0)) {
		struct gather parts = *g;
		uint32_t s = 0;
		int err = gather_copy_parts(&parts, bytes, dst, ops, &s);

		*g = parts;
		*sum = s;
		return err;
	}
	*sum = ops->copy(dst, g->p, bytes);
	g->p += bytes;
	g->left -= bytes;
	return 0;
}

/**
 * gather_sum() - Sum of the next bytes
 * @g:		Moves on behind them
 * @bytes:	Any number
 *
 * Return: 0, or -EFAULT when the list ended.
 */
MUST_CHECK int gather_sum(struct gather *g, uint32_t bytes,
			  const struct checksum_ops *ops, uint32_t *sum);

/**
 * gather_skip() - Move on without looking at the bytes
 * @g:		Moves on behind them
 * @bytes:	Any number
 *
 * Return: 0, or -EFAULT when the list ended.
 */
MUST_CHECK int gather_skip(struct gather *g, uint64_t bytes);

static ALWAYS_INLINE void gather_touch(const uint8_t *p, uint32_t bytes)
{
	const uint8_t *end = p + bytes;

	for (; end - p >= 4 * CACHE_LINE; p += 4 * CACHE_LINE) {
		prefetch_read(p);
		prefetch_read(p + CACHE_LINE);
		prefetch_read(p + 2 * CACHE_LINE);
		prefetch_read(p + 3 * CACHE_LINE);
	}
	for (; p < end; p += CACHE_LINE)
		prefetch_read(p);
}

/**
 * gather_prefetch() - Bring the next bytes into the cache
 * @g:		A cursor of its own, ahead of the one that reads; moves on
 *
 * Stops silently where the list ends.
 */
static ALWAYS_INLINE void gather_prefetch(struct gather *g, uint32_t bytes)
{
	if (unlikely(g->left < bytes || bytes == 0)) {
		struct gather parts = *g;

		gather_prefetch_parts(&parts, bytes);
		*g = parts;
		return;
	}
	gather_touch(g->p, bytes);
	g->p += bytes;
	g->left -= bytes;
}

#endif
