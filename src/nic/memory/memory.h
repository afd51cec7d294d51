/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - The device's way to memory: translate, and forget in time
 *
 * DOC: Theory of operation
 * One object a worker: the bus, the domains, the regions and the TLB. Nothing
 * here copies: memory_translate() turns a range of virtual addresses into spans
 * of this process's memory, as few as possible, or says why not; fetch.h and
 * scatter.h do the rest. A range is translated whole before its first byte is
 * touched, so that a fault leaves nothing half done (SPEC TX-3).
 *
 * Page tables may change at any time, by anyone. Whoever took a translation
 * away, or a right, says so in the invalidation register and waits until the
 * device has acknowledged. The device reads the register in memory_poll(), which
 * its worker calls between two pieces of work, when nothing is being copied. What
 * was translated before and is not used up (a fetch that waits for room) knows by
 * the epoch that it has to translate again. So, after the acknowledgement, no
 * byte is read or written by the old translation (SPEC TX-4); a translation that
 * was only added needs no invalidation.
 *
 *    changes a table                          the device
 *    page_map_unmap()                         ... copies by old translations ...
 *    invalidation_request() -> ticket         memory_poll(): TLB entries removed,
 *    ... waits ...                               epoch + 1, ticket acknowledged
 *    invalidation_done(ticket): true          translates again, finds no page
 *    the page is free
 *
 * Threads: all of it belongs to the worker, but the register, into which one
 * other thread writes (several lock among themselves).
 */
#ifndef NIC_MEMORY_MEMORY_H
#define NIC_MEMORY_MEMORY_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "nic/memory/bus.h"
#include "nic/memory/dma_fault.h"
#include "nic/memory/domain.h"
#include "nic/memory/region.h"
#include "nic/memory/tlb.h"

/* ---- The invalidation register --------------------------------------------- */

enum invalidation_kind {
	INVALIDATE_PAGE,	/* the page at @address, whatever its size      */
	INVALIDATE_RANGE,	/* @bytes from @address on                      */
	INVALIDATE_DOMAIN,	/* all of @domain                               */
	INVALIDATE_ALL,
};

struct invalidation {
	uint64_t address, bytes;	/* virtual                              */
	uint16_t domain;
	uint8_t kind;		/* enum invalidation_kind                       */
};

#define INVALIDATION_PLACES 32	/* more than that, not yet read: forget all     */

struct invalidation_register {
	_Atomic uint64_t requested;	/* tickets given out                    */
	_Atomic bool overflow;
	struct invalidation place[INVALIDATION_PLACES];
	CACHE_ALIGNED _Atomic uint64_t acknowledged;
};

/**
 * invalidation_request() - Tell the device what has changed
 * @r:		Register
 * @what:	Copied; an unknown kind counts as INVALIDATE_ALL
 *
 * After the change was made in the tables. Never blocks, never fails.
 *
 * Return: a ticket for invalidation_done().
 */
uint64_t invalidation_request(struct invalidation_register *r,
			      const struct invalidation *what);

/** invalidation_done() - Whether the device has forgotten what @ticket was for */
static inline bool invalidation_done(const struct invalidation_register *r,
				     uint64_t ticket)
{
	return atomic_load_explicit(&r->acknowledged, memory_order_acquire) >=
	       ticket;
}

/* ---- The device's memory ---------------------------------------------------- */

struct memory_counters {
	uint64_t walks;		/* of page tables, after TLB misses             */
	uint64_t invalidations;
	uint64_t faults[DMA_N_FAULTS];
};

struct memory {
	struct tlb tlb;
	struct bus bus;
	struct domain *domains;	/* of the caller; a domain's id is its index    */
	uint32_t n_domains;
	uint32_t epoch;		/* changes whenever a translation was forgotten */
	struct region_table regions;
	struct memory_counters counters;
	struct invalidation_register invalidations;
};

/**
 * memory_init() - Memory without domains and regions
 * @m:		Overwritten
 * @bus:	Copied
 * @domains:	Of the caller, @n_domains of them, 1..65536; overwritten
 * @regions:	Of the caller, @n_regions of them, 1 or more; overwritten
 */
void memory_init(struct memory *m, const struct bus *bus,
		 struct domain *domains, uint32_t n_domains,
		 struct region *regions, uint32_t n_regions);

/**
 * memory_add_domain() - Begin a protection domain
 * @m:		Memory
 * @format:	Of its page tables
 * @pdbr:	Bus address of the root table, a multiple of 4096; no extent needs
 *		to hold it yet
 * @extents:	Of the caller, room for @max_extents, until memory_remove_domain()
 * @id:		Set on success
 *
 * Return: 0; -EINVAL for another format or a @pdbr that the format cannot say;
 * -ENOSPC when all domains are in use.
 */
MUST_CHECK int memory_add_domain(struct memory *m, enum page_format format,
				 uint64_t pdbr, struct extent *extents,
				 uint32_t max_extents, uint16_t *id);

/**
 * memory_remove_domain() - End a domain, its regions and its translations
 * @m:		Memory
 * @id:		Of a domain in use
 */
void memory_remove_domain(struct memory *m, uint16_t id);

/**
 * memory_revoke() - Take a part of the bus away from a domain, at once
 * @m:		Memory
 * @id:		Of a domain in use
 * @start:	Bus address, a multiple of 4096
 * @bytes:	A multiple of 4096
 *
 * When it returns, nothing in the domain leads there any more.
 *
 * Return: as domain_remove_extent().
 */
MUST_CHECK int memory_revoke(struct memory *m, uint16_t id, uint64_t start,
			     uint64_t bytes);

/**
 * memory_poll() - Forget what the invalidation register names, and acknowledge
 * @m:		Memory
 *
 * Called by the worker when nothing is being copied and no gather list that was
 * made of this memory is still with a wire.
 */
void memory_poll(struct memory *m);

/* ---- Translating ------------------------------------------------------------- */

/* Places in this process's memory, in order; those that touch are joined. */
struct spans {
	struct iovec *at;	/* of the caller, room for @max                 */
	uint32_t n, max;
};

/* A range that is to be accessed. */
struct memory_range {
	uint64_t address;	/* virtual, or of the bus                       */
	uint64_t bytes;
	uint16_t domain;	/* id of one in use                             */
	bool write;
	bool is_virtual;
};

/**
 * memory_translate() - Where a range lies
 * @m:		Memory
 * @range:	Hostile, but for the domain; 0 bytes at any address are fine
 * @spans:	Extended; as it was on a fault
 * @at:		Set on a fault: the first address that could not be translated, as
 *		@range counts
 *
 * A bus address has to lie in extents of the domain with the right, as a page
 * does that a virtual address leads to.
 *
 * Return: DMA_FAULT_NONE, or another after it was counted; DMA_FAULT_TOO_LONG when
 * @spans are too few.
 */
enum dma_fault memory_translate(struct memory *m,
				const struct memory_range *range,
				struct spans *spans, uint64_t *at);

#endif
