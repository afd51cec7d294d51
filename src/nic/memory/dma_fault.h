/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dma_fault.h - Why the device refused to touch memory
 *
 * One list, from which the numbers, the names and the sentences come. A fault
 * ends one work request with an error and disturbs nothing else (SPEC TX-3).
 *
 * X(IDENTIFIER, "name", "sentence")
 */
#ifndef NIC_MEMORY_DMA_FAULT_H
#define NIC_MEMORY_DMA_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define DMA_FAULTS(X) \
X(NONE, "none", "nothing is wrong") \
X(NOT_PRESENT, "not-present", "no page is mapped at the address") \
X(READ_ONLY, "read-only", "the page may not be written") \
X(SUPERVISOR, "supervisor", "the page is not for programs") \
X(NON_CANONICAL, "non-canonical", "the address does not exist in this format of page tables") \
X(RESERVED, "reserved", "a page table entry has bits set that must be 0") \
X(UNREACHABLE, "unreachable", "the domain may not reach that part of the bus") \
X(TABLE_UNREACHABLE, "table-unreachable", "a page table lies where the domain has none") \
X(CONTENDED, "contended", "a page table entry changed again and again while it was read") \
X(WRAP, "wrap", "address and length reach beyond the last address") \
X(BOUNDS, "bounds", "the access leaves its region") \
X(KEY, "key", "there is no region with that tag, or it was released") \
X(DOMAIN, "domain", "the region belongs to another domain") \
X(RIGHT, "right", "the region was not registered for this kind of access") \
X(PDBR, "pdbr", "the queue may not use that page directory") \
X(COMMAND, "command", "the descriptor has unknown bits set, or lacks its end") \
X(TOO_LONG, "too-long", "more bytes, elements or pages than one work request may have")

enum dma_fault {
#define X(id, name, text) DMA_FAULT_##id,
	DMA_FAULTS(X)
#undef X
	DMA_N_FAULTS
};

/* What a completion with an error says. */
struct dma_error {
	uint64_t address;	/* the first that could not be accessed, as the
				 * descriptor counts: virtual, bus, or offset   */
	uint16_t element;	/* which element of the request                 */
	uint8_t fault;		/* enum dma_fault                               */
	bool write;
};

/**
 * dma_fault_name() - Short name of @fault, "unknown" when out of range
 * @fault:	Any number
 */
const char *dma_fault_name(enum dma_fault fault);

/**
 * dma_fault_text() - Sentence about @fault, without capital and full stop
 * @fault:	Any number
 */
const char *dma_fault_text(enum dma_fault fault);

#endif
