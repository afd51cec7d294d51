/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain.h - A protection domain: what one client's page tables may lead to
 *
 * A domain has a page table, whose root it names (PDBR), and a list of extents:
 * the parts of the bus that belong to it. The page table may be anybody's work;
 * the extents are set by whoever owns the device and are what keeps domains
 * apart. Every address that comes out of a walk, and every table on the way, has
 * to lie in an extent with the right for it.
 *
 * Extents are changed in the device's thread, between two calls into it.
 */
#ifndef NIC_MEMORY_DOMAIN_H
#define NIC_MEMORY_DOMAIN_H

#include "base/compiler.h"
#include "nic/memory/page_table.h"

enum extent_rights {
	EXTENT_READ = 1,	/* payload may be fetched from there            */
	EXTENT_WRITE = 2,	/* and stored there                             */
	EXTENT_TABLE = 4,	/* page tables may lie there                    */
	EXTENT_TABLE_MARKS = 8,	/* and accessed and dirty are noted in them     */
};

struct extent {
	uint64_t start, end;	/* bus addresses; end is behind the last byte   */
	uint32_t rights;	/* enum extent_rights                           */
	uint32_t reserved;
};

struct domain {
	uint64_t pdbr;		/* bus address of the root table                */
	struct extent *extents;	/* of the caller; sorted, apart from each other */
	uint32_t n_extents, max_extents;
	uint16_t id;		/* tag of its translations                      */
	uint8_t format;		/* enum page_format                             */
	bool in_use;
};

/**
 * domain_add_extent() - Let a domain reach a part of the bus
 * @d:		Extended; extents that touch and have equal rights become one
 * @start:	Bus address, a multiple of 4096
 * @bytes:	A multiple of 4096, not 0
 * @rights:	enum extent_rights
 *
 * Return: 0; -EINVAL for other numbers; -EEXIST when it overlaps another extent;
 * -ENOSPC when the domain has as many as it may.
 */
MUST_CHECK int domain_add_extent(struct domain *d, uint64_t start,
				 uint64_t bytes, uint32_t rights);

/**
 * domain_remove_extent() - Take a part of the bus away from a domain
 * @d:		Extents are shortened, split or removed
 * @start:	Bus address, a multiple of 4096
 * @bytes:	A multiple of 4096; parts that no extent names are no error
 *
 * The translations that lead there stay in the TLB: see memory_revoke().
 *
 * Return: 0; -EINVAL; -ENOSPC when an extent had to be split and there is no
 * place for the second half; nothing is changed then.
 */
MUST_CHECK int domain_remove_extent(struct domain *d, uint64_t start,
				    uint64_t bytes);

/**
 * domain_find_extent() - The extent that a range of the bus lies in
 * @d:		Its extents are searched, O(log n)
 * @start:	Bus address
 * @bytes:	Not 0; the range may be any
 *
 * Return: NULL when no single extent holds the whole range.
 */
const struct extent *domain_find_extent(const struct domain *d, uint64_t start,
					uint64_t bytes);

#endif
