/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - The table that is built: its memory, its map, and the domain to walk in
 *
 * Bus addresses of pages are the physical addresses of their frames. The table's
 * own memory gets bus addresses where no frame is to be expected; nothing but
 * the table is ever touched. A frame that does lie there is out of the domain's
 * reach, and the walk says so.
 */
#ifndef TOOL_PAGETABLE_TABLE_H
#define TOOL_PAGETABLE_TABLE_H

#include "nic/memory/page_map.h"
#include "nic/memory/walk.h"

#define TABLE_EXTENTS 3

struct table {
	struct page_pool pool;
	struct page_map map;	/* with the root                                */
	struct domain domain;
	struct extent extents[TABLE_EXTENTS];
	void *memory;
	uint64_t bytes;
};

/**
 * table_open() - An empty table
 * @t:		Overwritten, and must not move; table_close() on success
 * @format:	Of the table
 *
 * Return: 0; -ENOMEM.
 */
MUST_CHECK int table_open(struct table *t, enum page_format format);

/** table_close() - Release the memory of @t */
void table_close(struct table *t);

/**
 * table_map() - Map what the format can say of a range
 * @t:		Open
 * @address:	Virtual, a multiple of 4096; the range was not mapped before
 * @frame:	Bus address, a multiple of 4096
 * @bytes:	A multiple of 4096, not 0
 * @rights:	enum page_rights
 * @largest:	log2 of the largest page to use; 0: the format's
 *
 * Of addresses that the format does not have, nothing is mapped; of frames
 * beyond 4 GiB in IA-32, what 4 MiB pages can cover.
 *
 * Return: 0; -ENOMEM when the tables would take more memory than was meant for
 * them; -EEXIST.
 */
MUST_CHECK int table_map(struct table *t, uint64_t address, uint64_t frame,
			 uint64_t bytes, uint32_t rights, uint8_t largest);

/**
 * table_limit() - Where the walk may begin to give another answer
 * @t:		Open
 * @address:	Virtual
 *
 * Return: the first address above @address at which addresses begin or cease to
 * exist in the format; UINT64_MAX: none.
 */
uint64_t table_limit(const struct table *t, uint64_t address);

#endif
