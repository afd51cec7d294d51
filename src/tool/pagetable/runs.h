/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.h - Walk the table over a range, and fold what is equal
 *
 * A run is neighbouring pages of one mapping that are equal in what is known of
 * them and in what the walk said. Counts and frames may differ within it.
 */
#ifndef TOOL_PAGETABLE_RUNS_H
#define TOOL_PAGETABLE_RUNS_H

#include "tool/pagetable/pagemap.h"
#include "tool/pagetable/table.h"

/* Facts that do not end a run: they are counted instead. */
#define RUN_COUNTED (PAGE_EXCLUSIVE | PAGE_SOFT_DIRTY | PAGE_COMPOUND)

struct run {
	uint64_t start, end;	/* virtual addresses; end 0: no run             */
	const struct mapping *mapping;	/* NULL: nothing is mapped              */
	uint32_t facts;		/* enum page_facts                              */
	uint8_t shift;		/* log2 of the native size; 0: not known        */
	uint32_t rights;	/* enum page_rights, of what was to be mapped   */
	enum dma_fault read, write;	/* what walk() said                     */
	struct walk first, last;	/* to read                              */
	uint64_t first_frame, last_frame;	/* bus addresses; 0: none       */
	uint64_t n_walks;	/* entries of the last level that were used     */
	uint64_t n_exclusive, n_soft_dirty, n_compound;	/* of 4 KiB each        */
	uint32_t mapped_min, mapped_max;	/* 0: not known                 */
	bool is_scattered;	/* frames are not one after the other           */
};

struct runs {
	struct process *p;
	struct table *t;
	bool all;		/* a run for each page that is there            */
	void (*print)(void *arg, const struct run *run);
	void *arg;
	struct run run;		/* the one that grows                           */
	struct pieces pieces;
};

/**
 * runs_read() - Read a range, and build the table
 * @r:		The first five are set, the rest is 0
 * @start:	A multiple of 4096; process_read_mappings() was for this range
 * @end:	The same
 *
 * Return: 0; -errno after setting process.error.
 */
MUST_CHECK int runs_read(struct runs *r, uint64_t start, uint64_t end);

/**
 * runs_walk() - Walk the table over the range that was read, print the runs
 * @r:		After runs_read()
 *
 * Return: 0; -EIO after setting process.error, when the table says other than
 * what was read.
 */
MUST_CHECK int runs_walk(struct runs *r);

/** runs_release() - Release the memory of @r, not what it points to */
void runs_release(struct runs *r);

#endif
