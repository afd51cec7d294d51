/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_reference.h - Slow and plain: what the device may make of page tables
 *
 * Entries are read byte by byte and taken apart as the processor manuals draw
 * them; nothing but the structures is shared with the code under test.
 */
#ifndef TEST_MEMORY_REFERENCE_H
#define TEST_MEMORY_REFERENCE_H

#include "nic/memory/walk.h"

struct reference {
	enum dma_fault fault;
	uint64_t page;		/* this and the rest: when there is no fault    */
	uint32_t shift;
	bool writable;
	bool dirty;
	uint32_t n_steps;	/* also on a fault: entries that were read      */
	uint64_t at[WALK_MAX_STEPS];	/* where they lie on the bus            */
};

/**
 * reference_walk() - What walk() should say
 * @bytes:	Contents of the bus; marks are made here when there is no fault
 * @d:		As for walk()
 */
struct reference reference_walk(uint8_t *bytes, const struct domain *d,
				uint64_t address, bool write);

#endif
