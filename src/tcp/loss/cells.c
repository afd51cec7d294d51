// SPDX-License-Identifier: BSD-2-Clause
/*
 * cells.c - A pool of equal cells that many connections share
 *
 * Theory of operation: see cells.h.
 */
#include "tcp/loss/cells.h"

struct cells *cells_init(void *memory, uint32_t capacity, uint32_t reserve)
{
	struct cells *pool = memory;

	*pool = (struct cells){
		.capacity = capacity,
		.n_free = capacity,
		.free = CELL_NONE,
		.reserve = reserve,
	};
	return pool;
}
