/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.h - 64 KB units in memory that a device addresses by bus and by page
 *
 * One memory object with all units one after the other, mapped in a window; that
 * is how a bus address sees them. Three domains see the same object: in 4 KiB
 * pages, in 4 KiB pages that lie in another order on the bus, so that no two of
 * them join, and in 2 MiB pages. Headers and page tables lie in objects of their
 * own.
 */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include "base/window.h"
#include "nic/memory/element.h"
#include "nic/memory/page_map.h"

#define PAGES_EXTENTS 8
#define PAGES_AT 0x7f0000000000ull	/* virtual address of the first unit    */

enum pages_domain {
	PAGES_4K,
	PAGES_SCATTERED,	/* 4 KiB                                        */
	PAGES_2M,
	PAGES_N_DOMAINS
};

struct pages {
	struct window window;
	struct memory *memory;
	uint64_t bytes;		/* of all units, a multiple of 2 MiB            */
	uint64_t bus;		/* where they begin                             */
	uint64_t header;	/* bus address of the headers' page             */
	uint64_t tables;	/* bus address of the page tables               */
	struct page_pool pool;
	struct page_map map[PAGES_N_DOMAINS];
	uint16_t id[PAGES_N_DOMAINS];
	struct domain domain[PAGES_N_DOMAINS];
	struct extent extent[PAGES_N_DOMAINS][PAGES_EXTENTS];
	struct region region[1];
};

/**
 * pages_open() - Lay everything out
 * @p:		Overwritten
 * @bytes:	Of all units, a multiple of 2 MiB; filled
 *
 * Exits with a message when that is not possible.
 */
void pages_open(struct pages *p, uint64_t bytes);
void pages_close(struct pages *p);

/** pages_scattered() - Bus address of the scattered domain's @nth page */
uint64_t pages_scattered(const struct pages *p, uint64_t nth);

#endif
