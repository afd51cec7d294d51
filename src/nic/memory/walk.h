/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h - Walk page tables: from a virtual address to a bus address
 *
 * The tables are hostile: they may contain cycles, lead outside, have reserved
 * bits set, and change at any moment. So the number of steps is that of the
 * format, each entry is read once, whole, and what was read is all that is
 * believed. Like a processor, the walk marks the entries that it used as
 * accessed, and the page as dirty when it is to be written, if the table lies
 * in an extent that says so (EXTENT_TABLE_MARKS); when the entry is another by
 * then, the walk begins again.
 * Source: SPEC TX-3; patent US 9,319,491, FIG. 4A and 4B.
 */
#ifndef NIC_MEMORY_WALK_H
#define NIC_MEMORY_WALK_H

#include "nic/memory/bus.h"
#include "nic/memory/dma_fault.h"
#include "nic/memory/domain.h"

#define WALK_MAX_STEPS 4
#define WALK_ATTEMPTS 8		/* before DMA_FAULT_CONTENDED                   */

struct walk_step {
	uint64_t address;	/* of the entry, on the bus                     */
	uint64_t entry;		/* as it was read                               */
	uint32_t level;		/* of its table: index in page_layout.level     */
	uint32_t index;		/* within its table                             */
};

/*
 * The result. When a walk fails, @steps tells how far it came: the last of them
 * is the entry that ended it, if an entry did.
 */
struct walk {
	uint64_t address;	/* what was translated                          */
	uint64_t page;		/* bus address of the page                      */
	uint8_t shift;		/* log2 of its size                             */
	bool writable;		/* in all steps, and in the extent              */
	bool dirty;		/* marked, or marks are not kept                */
	uint8_t n_steps;
	uint8_t marks;		/* bit n: the table of step n keeps marks       */
	uint8_t rights;		/* PTE_WRITABLE and PTE_USER, of all steps but
				 * the last                                     */
	const struct extent *extent;	/* in which the page lies; good until
					 * the domain's extents change          */
	struct walk_step steps[WALK_MAX_STEPS];
};

/**
 * walk() - Translate one address, without any cache
 * @bus:	Holds the tables
 * @d:		Its PDBR and format say where to begin, its extents what is allowed
 * @address:	Virtual, any
 * @write:	The page is going to be written
 * @w:		Overwritten, also on a fault
 *
 * The whole page has to lie in one extent of @d that has EXTENT_READ, or
 * EXTENT_WRITE for @write. A walk that ends with a fault leaves no marks.
 *
 * Return: DMA_FAULT_NONE, NON_CANONICAL, NOT_PRESENT, RESERVED, SUPERVISOR,
 * READ_ONLY, UNREACHABLE, TABLE_UNREACHABLE or CONTENDED; when several apply, the
 * one that a processor would meet first on the way down, rights last.
 */
enum dma_fault walk(const struct bus *bus, const struct domain *d,
		    uint64_t address, bool write, struct walk *w);

/* Whether walk_on() to @address has its last step left to do only. */
static ALWAYS_INLINE bool walk_is_near(const struct page_layout *l,
				       const struct walk *w, uint64_t address)
{
	uint32_t level = w->steps[w->n_steps - 1].level;

	return (w->address ^ address) >>
	       (l->level[level].shift + l->index_bits) == 0;
}

/**
 * walk_on() - Translate another address, from where a walk has come to
 * @bus:	As for walk()
 * @d:		As for walk()
 * @address:	Virtual, any
 * @write:	As for walk()
 * @w:		Of a walk in @d that succeeded; overwritten
 *
 * Neighbours mostly differ in their last step only, and then only that is done.
 * What the steps before it found must not have been given up since: no
 * memory_poll() in between.
 *
 * Return: as walk().
 */
enum dma_fault walk_on(const struct bus *bus, const struct domain *d,
		       uint64_t address, bool write, struct walk *w);

/**
 * walk_run() - How many pages follow that need no walk of their own
 * @bus:	As for walk()
 * @d:		As for walk()
 * @w:		Of a walk in @d that succeeded, as for walk_on()
 * @max:	More are of no use
 *
 * Those whose entries follow in the same table, and say the same but for the
 * address, which goes on: with the same rights, already marked, in the same
 * extent. Pages of one memory object do.
 *
 * Return: 0..@max.
 */
uint64_t walk_run(const struct bus *bus, const struct domain *d,
		  const struct walk *w, uint64_t max);

#endif
