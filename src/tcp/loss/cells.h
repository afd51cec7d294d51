/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cells.h - A pool of equal cells that many connections share
 *
 * DOC: Theory of operation
 * What a connection has in flight and what it holds out of order is kept in
 * cells of one cache line: a record of the scoreboard, or a piece of received
 * data. A pool is one block of memory without pointers, so it can be mapped at
 * different addresses; cells name each other by index.
 *
 * A free cell is an ordinary thing to run out of. The last @reserve cells are
 * given only to those who hold none: as long as there are no more holders than
 * that, a peer that makes its connection hold much takes nothing that another
 * one needs to go on.
 *
 * Limits: no lock; a pool belongs to whoever drives its connections.
 */
#ifndef TCP_LOSS_CELLS_H
#define TCP_LOSS_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* A test defines it, to count what a call costs. */
#ifndef CELL_STEP
#define CELL_STEP() ((void)0)
#endif

#define CELL_BYTES 64
#define CELL_NONE UINT32_MAX

struct cells {
	uint32_t capacity;	/* [cells]                                      */
	uint32_t n_free;
	uint32_t n_fresh;	/* cells from here on were never taken          */
	uint32_t free;		/* first of the list of those that came back    */
	uint32_t reserve;	/* only for holders of none                     */
	uint32_t reserved[11];
} CACHE_ALIGNED;

_Static_assert(sizeof(struct cells) == CELL_BYTES, "cells follow their head");

/** cells_bytes() - Memory that a pool of @capacity cells needs */
static inline size_t cells_bytes(uint32_t capacity)
{
	return ((size_t)capacity + 1) * CELL_BYTES;
}

/**
 * cells_init() - Make a pool; costs the same for any capacity
 * @memory:	cells_bytes(@capacity), aligned to CACHE_LINE; need not be zero
 * @capacity:	1..CELL_NONE - 1
 * @reserve:	0..@capacity: kept for holders of none
 *
 * Return: @memory
 */
struct cells *cells_init(void *memory, uint32_t capacity, uint32_t reserve);

/* Cell @idx, which was taken; what is in it is its holder's affair. */
static ALWAYS_INLINE void *cells_at(struct cells *pool, uint32_t idx)
{
	return (uint8_t *)pool + ((size_t)idx + 1) * CELL_BYTES;
}

static ALWAYS_INLINE const void *cells_look(const struct cells *pool,
					    uint32_t idx)
{
	return (const uint8_t *)pool + ((size_t)idx + 1) * CELL_BYTES;
}

/**
 * cells_take() - Take a cell
 * @n_held:	Cells that the holder has
 *
 * Cost:	O(1), one line
 * Return: index, or CELL_NONE; its content is undefined
 */
static inline uint32_t cells_take(struct cells *pool, uint32_t n_held)
{
	uint32_t idx = pool->free;

	if (pool->n_free <= (n_held ? pool->reserve : 0))
		return CELL_NONE;
	pool->n_free--;
	if (idx == CELL_NONE)
		return pool->n_fresh++;
	pool->free = load32(cells_at(pool, idx));
	return idx;
}

/** cells_give() - Give a cell back that was taken */
static inline void cells_give(struct cells *pool, uint32_t idx)
{
	store32(cells_at(pool, idx), pool->free);
	pool->free = idx;
	pool->n_free++;
}

#endif
