/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.h - Registered memory: what a tag (STag) stands for
 *
 * A region is a range of a domain's virtual addresses with rights. Its tag has an
 * index and a key. The key of a place changes each time it is released, and a
 * place whose keys are used up is never used again, so that a tag that was
 * released matches nothing for ever.
 *
 * Regions are changed in the device's thread, between two calls into it.
 * Source: SPEC RQ-6, AG-5.
 */
#ifndef NIC_MEMORY_REGION_H
#define NIC_MEMORY_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "nic/memory/dma_fault.h"

enum region_rights {
	REGION_READ = 1,	/* the device may fetch from it                 */
	REGION_WRITE = 2,	/* and store to it                              */
};

struct region {
	uint64_t start;		/* virtual address                              */
	uint64_t bytes;
	uint32_t key;		/* of the tag that matches now                  */
	uint32_t next_free;	/* index + 1 of the next free place; 0: last    */
	uint16_t domain;
	uint8_t rights;		/* enum region_rights                           */
	bool in_use;
};

struct region_table {
	struct region *places;	/* of the caller                                */
	uint32_t n_places;
	uint32_t n_used;	/* places ever used: those behind are fresh     */
	uint32_t n_live;
	uint32_t first_free, last_free;	/* index + 1; 0: none                   */
};

/* One access to registered memory. */
struct region_access {
	uint64_t stag;
	uint64_t offset;	/* from the start of the region                 */
	uint64_t bytes;
	uint16_t domain;	/* of the queue that asks                       */
	bool write;
};

static inline uint64_t region_stag(uint32_t index, uint32_t key)
{
	return (uint64_t)key << 32 | index;
}

/**
 * region_table_init() - An empty table
 * @t:		Overwritten
 * @places:	Of the caller, for as long as the table is used; overwritten
 * @n_places:	1 or more
 */
void region_table_init(struct region_table *t, struct region *places,
		       uint32_t n_places);

/**
 * region_register() - Give a range of a domain a tag
 * @t:		Table
 * @r:		start, bytes, domain and rights are copied, the rest is not read
 * @stag:	Set on success; never 0
 *
 * Return: 0; -EINVAL when the range is empty or wraps, or without any right;
 * -ENOSPC when there is no place.
 */
MUST_CHECK int region_register(struct region_table *t, const struct region *r,
			       uint64_t *stag);

/**
 * region_release() - Take a tag back; it never matches again
 * @t:		Table
 * @stag:	Any number
 * @domain:	Has to be the region's
 *
 * Return: 0; -ENOENT when no such region is registered for @domain.
 */
MUST_CHECK int region_release(struct region_table *t, uint64_t stag,
			      uint16_t domain);

/**
 * region_release_domain() - Take back all tags of a domain
 * @t:		Table
 * @domain:	Whose client is gone
 *
 * Return: how many there were.
 */
uint32_t region_release_domain(struct region_table *t, uint16_t domain);

/**
 * region_check() - Judge an access, and say to which address it goes
 * @t:		Table
 * @access:	Hostile
 * @address:	Set on success: virtual; on BOUNDS: the first offset that is outside
 *
 * Return: DMA_FAULT_NONE, KEY, DOMAIN, RIGHT or BOUNDS; checked in this order.
 */
enum dma_fault region_check(const struct region_table *t,
			    const struct region_access *access,
			    uint64_t *address);

#endif
