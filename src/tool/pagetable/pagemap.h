/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pagemap.h - What the kernel says of a process's pages
 *
 * The bits are those of the kernel's interface; what headers of the system may
 * be too old to have is named here.
 * Source: proc_pid_pagemap(5), PAGEMAP_SCAN(2const); the kernel's documentation
 * of pagemap, kpageflags and kpagecount.
 */
#ifndef TOOL_PAGETABLE_PAGEMAP_H
#define TOOL_PAGETABLE_PAGEMAP_H

#include "tool/pagetable/process.h"

#define PAGEMAP_SHIFT 12
#define PAGEMAP_PAGE (1 << PAGEMAP_SHIFT)
#define PAGEMAP_SHIFT_HUGE 21		/* of a table of native entries         */
#define UNSCANNED_MAX (256ull << 30)	/* a few seconds                        */
#define PIECES_MAX (1u << 22)	/* that are kept: 192 MiB               */
#define PAGEMAP_WINDOW (1ull << 30)	/* largest page; read at a time         */

/* An entry of /proc/PID/pagemap. */
#define PAGEMAP_FRAME ((1ull << 55) - 1)
#define PAGEMAP_SOFT_DIRTY (1ull << 55)
#define PAGEMAP_EXCLUSIVE (1ull << 56)
#define PAGEMAP_WRITE_PROTECTED (1ull << 57)	/* by userfaultfd(2)            */
#define PAGEMAP_GUARD (1ull << 58)
#define PAGEMAP_FILE (1ull << 61)	/* or shared memory                     */
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_PRESENT (1ull << 63)

/* What is known of a page; what has to be equal in a piece. */
enum page_facts {
	PAGE_THERE = 1,		/* present                                      */
	PAGE_SWAPPED = 2,
	PAGE_GUARD = 4,		/* MADV_GUARD_INSTALL                           */
	PAGE_HIDDEN = 8,	/* of the kernel's part: not looked at          */
	PAGE_FILE = 16,		/* of a file, or shared memory                  */
	PAGE_EXCLUSIVE = 32,	/* nobody else maps it                          */
	PAGE_SOFT_DIRTY = 64,
	PAGE_PROTECTED = 128,	/* against writing, by userfaultfd(2)           */
	PAGE_ZERO = 256,	/* everybody's page of zeroes                   */
	PAGE_MERGED = 512,	/* by KSM                                       */
	PAGE_COMPOUND = 1024,	/* part of a large page of memory, however mapped */
	PAGE_SHMEM = 2048,
	PAGE_HUGETLB = 4096,
};

/* Neighbours of which all is equal and whose frames are neighbours as well. */
struct piece {
	uint64_t start, end;	/* virtual addresses                            */
	const struct mapping *mapping;	/* NULL: nothing is mapped              */
	uint64_t frame;		/* bus address of the first; 0: none            */
	uint32_t facts;		/* enum page_facts                              */
	uint32_t mapped;	/* how many times, or 0: not known              */
	uint8_t shift;		/* log2 of its native size; 0: not known        */
};

struct pieces {
	struct piece *piece;	/* in ascending order, without holes            */
	uint32_t n, max;
};

/**
 * pagemap_add_gap() - Append a piece where nothing is mapped
 * @p:		For process.error
 * @start:	A multiple of 4096
 * @end:	The same; nothing is appended when it is not above @start
 * @out:	Extended
 *
 * Return: as pagemap_read().
 */
MUST_CHECK int pagemap_add_gap(struct process *p, uint64_t start, uint64_t end,
			       struct pieces *out);

/**
 * pagemap_read() - What is known of the pages of a part of a mapping
 * @p:		Open
 * @m:		One of process.mappings
 * @start:	A multiple of 4096, in @m
 * @end:	The same; no multiple of PAGEMAP_WINDOW lies between
 * @out:	Extended by pieces that cover the range; its memory is the caller's
 *
 * Return: 0; -ESRCH when the process has ended; -E2BIG when it becomes more than
 * PIECES_MAX, or UNSCANNED_MAX without PAGEMAP_SCAN; -ENOMEM; -errno.
 */
MUST_CHECK int pagemap_read(struct process *p, const struct mapping *m,
			    uint64_t start, uint64_t end, struct pieces *out);

#endif
