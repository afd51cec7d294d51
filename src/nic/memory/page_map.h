/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_map.h - Build page tables: map, unmap and protect ranges
 *
 * For whoever owns a domain's tables. A range is mapped with the largest pages
 * that its addresses allow; when part of a large page changes, the page is split.
 * The device may walk the tables meanwhile: every entry is written whole, and a
 * table is complete before an entry leads to it.
 *
 * Tables that became empty are not used again before page_pool_reclaim(), which
 * is called when the device has acknowledged the invalidation that every unmap()
 * and every protect() that takes a right away has to be followed by.
 */
#ifndef NIC_MEMORY_PAGE_MAP_H
#define NIC_MEMORY_PAGE_MAP_H

#include "nic/memory/bus.h"
#include "nic/memory/page_table.h"

/* Memory for tables, shared by any number of maps of one thread. */
struct page_pool {
	struct bus bus;
	uint64_t next, end;	/* bus addresses: never used so far             */
	uint64_t free;		/* bus address of a free table; 0: none. Its
				 * first bytes hold the address of the next     */
	uint64_t freed;		/* the same, of those that wait                 */
	uint32_t n_used;	/* tables that maps are made of                 */
	uint32_t n_freed;	/* tables that wait for page_pool_reclaim()     */
};

struct page_map {
	struct page_pool *pool;
	uint64_t root;		/* PDBR                                         */
	uint8_t format;		/* enum page_format                             */
	uint8_t largest;	/* log2 of the largest page that is used        */
};

enum page_rights {
	PAGE_WRITE = 1,
	PAGE_SUPERVISOR = 2,	/* not for programs, and so not for the device  */
};

/**
 * page_pool_init() - Memory for tables
 * @p:		Overwritten
 * @bus:	Copied
 * @start:	Bus address, a multiple of 4096, not 0; overwritten table by table
 * @bytes:	A multiple of 4096
 */
void page_pool_init(struct page_pool *p, const struct bus *bus, uint64_t start,
		    uint64_t bytes);

/**
 * page_pool_reclaim() - Tables that were freed may be used again
 * @p:		Pool
 *
 * After the device has acknowledged the invalidation of whatever was unmapped.
 */
void page_pool_reclaim(struct page_pool *p);

/**
 * page_map_init() - An empty map
 * @m:		Overwritten; end it with page_map_clear()
 * @pool:	Of the caller, for as long as the map is used
 * @format:	IA-32 tables need a pool below 4 GiB
 *
 * Return: 0; -ENOMEM when the pool has no table left; -EINVAL.
 */
MUST_CHECK int page_map_init(struct page_map *m, struct page_pool *pool,
			     enum page_format format);

/** page_map_clear() - Give all tables back; nobody may walk them any more. */
void page_map_clear(struct page_map *m);

/**
 * page_map_map() - Map a range
 * @m:		Map
 * @address:	Virtual, a multiple of 4096
 * @bus:	Bus address, a multiple of 4096
 * @bytes:	A multiple of 4096, not 0
 * @rights:	enum page_rights
 *
 * Return: 0; -EINVAL for other numbers, or addresses that the format cannot say
 * (IA-32: beyond 4 GiB; x86-64: not canonical); -EEXIST when a part is mapped
 * already; -ENOMEM. On an error nothing is mapped.
 */
MUST_CHECK int page_map_map(struct page_map *m, uint64_t address, uint64_t bus,
			    uint64_t bytes, uint32_t rights);

/**
 * page_map_unmap() - Take a range out of a map
 * @m:		Map
 * @address:	Virtual, a multiple of 4096
 * @bytes:	A multiple of 4096, not 0; parts that are not mapped are no error
 *
 * Return: 0; -EINVAL, also for a part of an IA-32 page beyond 4 GiB, where there are
 * no smaller ones; -ENOMEM when a large page had to be split and the pool has no
 * table left: the rest of the range, from there on, is as it was.
 */
MUST_CHECK int page_map_unmap(struct page_map *m, uint64_t address,
			      uint64_t bytes);

/**
 * page_map_protect() - Change the rights of what is mapped in a range
 * @m:		Map
 * @address:	Virtual, a multiple of 4096
 * @bytes:	A multiple of 4096, not 0; parts that are not mapped stay so
 * @rights:	enum page_rights
 *
 * Return: as page_map_unmap().
 */
MUST_CHECK int page_map_protect(struct page_map *m, uint64_t address,
				uint64_t bytes, uint32_t rights);

#endif
