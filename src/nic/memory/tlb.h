/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.h - Translations that were used lately
 *
 * Three arrays: 4 KiB pages, 2 and 4 MiB pages, 1 GiB pages. Four ways to a set,
 * so that a set is one cache line. An entry is tagged with its domain and holds
 * the place in this process's memory, so that a hit needs nothing else; bits 11:0
 * of it, which are 0 in an address of a page, say what may be done there.
 *
 * A write needs an entry with TLB_WRITE, which only a walk for writing makes,
 * because that marks the page as dirty.
 * Source: patent US 9,319,491, TLBs 345. SPEC TX-4.
 */
#ifndef NIC_MEMORY_TLB_H
#define NIC_MEMORY_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define TLB_WAYS 4
#define TLB_SMALL_SETS 256	/* 4 MiB                                        */
#define TLB_LARGE_SETS 32	/* 256 or 512 MiB                               */
#define TLB_HUGE_SETS 4		/* 16 GiB                                       */

enum tlb_rights {
	TLB_READ = 1,
	TLB_WRITE = 2,
};

enum tlb_array {
	TLB_SMALL,		/* 4 KiB                                        */
	TLB_LARGE,		/* 2 MiB or 4 MiB, by the domain's format       */
	TLB_HUGE,		/* 1 GiB                                        */
	TLB_N_ARRAYS
};

struct tlb_set {
	uint64_t tag[TLB_WAYS];	/* page number << 16 | domain                   */
	uint64_t place[TLB_WAYS];	/* host address of the page | rights; 0:
					 * nothing here                         */
} CACHE_ALIGNED;

struct tlb {
	struct tlb_set small[TLB_SMALL_SETS];
	struct tlb_set large[TLB_LARGE_SETS];
	struct tlb_set huge[TLB_HUGE_SETS];
	uint32_t victim;	/* counts up: which way is replaced next        */
	uint64_t hits[TLB_N_ARRAYS];
	uint64_t misses;
};

/* What is looked for in one array. */
struct tlb_key {
	uint64_t page;		/* virtual address >> shift                     */
	uint16_t domain;
	uint8_t array;		/* enum tlb_array                               */
};

/** tlb_clear() - Forget everything; counters stay. */
void tlb_clear(struct tlb *t);

/**
 * tlb_insert() - Remember a translation
 * @t:		TLB of this worker
 * @key:	An entry for it that is there already is replaced
 * @place:	Host address of the page, a multiple of 4096, | enum tlb_rights
 */
void tlb_insert(struct tlb *t, const struct tlb_key *key, uint64_t place);

/** tlb_remove() - Forget one translation, if it is there. */
void tlb_remove(struct tlb *t, const struct tlb_key *key);

/**
 * tlb_remove_range() - Forget a domain's translations of a range
 * @t:		TLB of this worker
 * @domain:	Its id
 * @first:	Virtual address of the first byte
 * @last:	And of the last; ~0ull with @first 0 is the whole domain
 * @large_shift: log2 of the large pages of the domain's format
 *
 * Cost: that of looking at every entry.
 */
void tlb_remove_range(struct tlb *t, uint16_t domain, uint64_t first,
		      uint64_t last, uint32_t large_shift);

static ALWAYS_INLINE struct tlb_set *tlb_set(struct tlb *t,
					     enum tlb_array array,
					     uint64_t page)
{
	switch (array) {
	case TLB_SMALL: return &t->small[page % TLB_SMALL_SETS];
	case TLB_LARGE: return &t->large[page % TLB_LARGE_SETS];
	default: return &t->huge[page % TLB_HUGE_SETS];
	}
}

/**
 * tlb_find() - Look in one array
 * @t:		TLB of this worker
 * @array:	Constant, so that this becomes four comparisons
 * @page:	Virtual address >> shift
 * @domain:	Id
 *
 * Return: host address of the page | enum tlb_rights, or 0.
 */
static ALWAYS_INLINE uint64_t tlb_find(struct tlb *t, enum tlb_array array,
				       uint64_t page, uint16_t domain)
{
	const struct tlb_set *set = tlb_set(t, array, page);
	uint64_t tag = page << 16 | domain;

	for (uint32_t way = 0; way < TLB_WAYS; way++) {
		if (set->tag[way] == tag && set->place[way])
			return set->place[way];
	}
	return 0;
}

#endif
