// SPDX-License-Identifier: BSD-2-Clause
/*
 * pagemap.c - What the kernel says of a process's pages
 *
 * DOC: Theory of operation
 * PAGEMAP_SCAN finds the pages that are there without looking at the holes
 * between them, and says which are large; /proc/PID/pagemap then has the frame
 * and the other bits of each. By the frame, /proc/kpageflags and
 * /proc/kpagecount are asked, when we may. Pages are joined to pieces as they
 * come, so that memory is taken for what differs only, and never for more than
 * PIECES_MAX pieces.
 *
 * Limits: before Linux 6.7 there is no PAGEMAP_SCAN: holes are read as well, and
 * native sizes stay unknown but for hugetlbfs. The process goes on meanwhile, so
 * that each page is right for a moment, and all of them together perhaps never.
 */
#include "tool/pagetable/pagemap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK_PAGES 2048u
#define REGIONS_MAX 256u

/* The interface of PAGEMAP_SCAN. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end;
	uint64_t regions, n_regions;
	uint64_t max_pages;
	uint64_t inverted, all_of, any_of, returned;
};

_Static_assert(sizeof(struct scan) == 96, "struct pm_scan_arg");

#define SCAN_REQUEST _IOWR('f', 16, struct scan)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)
#define SCAN_ZERO (1u << 5)
#define SCAN_HUGE (1u << 6)

/* Bits of /proc/kpageflags. */
#define FRAME_ANONYMOUS (1ull << 12)
#define FRAME_SWAP_BACKED (1ull << 14)
#define FRAME_COMPOUND (3ull << 15)
#define FRAME_HUGETLB (1ull << 17)
#define FRAME_MERGED (1ull << 21)
#define FRAME_ZERO (1ull << 24)

/* What is read at a time. */
struct block {
	uint64_t start;
	uint32_t pages;
	uint64_t entry[BLOCK_PAGES];
	uint64_t flags[BLOCK_PAGES];	/* of /proc/kpageflags, or 0            */
	uint64_t count[BLOCK_PAGES];	/* of /proc/kpagecount, or 0            */
};

/* The work of one call. */
struct reader {
	struct process *p;
	const struct mapping *m;
	struct pieces *out;
	uint32_t n_before;	/* pieces of earlier calls: left alone          */
	struct block *block;
};

/* ---- Pieces --------------------------------------------------------------------- */

static bool continues(const struct piece *a, const struct piece *b)
{
	return a->end == b->start && a->facts == b->facts &&
	       a->mapped == b->mapped && a->shift == b->shift &&
	       (!b->frame || a->frame + (a->end - a->start) == b->frame);
}

static int append(struct process *p, struct pieces *o,
		  const struct piece *piece)
{
	uint32_t max = o->max ? 2 * o->max : 256;
	struct piece *more;

	if (o->n == PIECES_MAX)
		return process_fail(p, -E2BIG, "more than 4194304 pieces of memory; ask for less");
	if (o->n == o->max) {
		more = realloc(o->piece, max * sizeof(*more));
		if (!more)
			return process_fail(p, -ENOMEM, "pagemap");
		o->piece = more;
		o->max = max;
	}
	o->piece[o->n++] = *piece;
	return 0;
}

int pagemap_add_gap(struct process *p, uint64_t start, uint64_t end,
		    struct pieces *out)
{
	struct piece gap = { .start = start, .end = end };

	return start < end ? append(p, out, &gap) : 0;
}

static int add(struct reader *r, struct piece *piece)
{
	struct pieces *o = r->out;

	piece->mapping = r->m;
	if (o->n > r->n_before && continues(&o->piece[o->n - 1], piece)) {
		o->piece[o->n - 1].end = piece->end;
		return 0;
	}
	return append(r->p, o, piece);
}

static int add_hole(struct reader *r, uint64_t start, uint64_t end,
		    uint32_t facts)
{
	struct piece hole = { .start = start, .end = end, .facts = facts };

	return start < end ? add(r, &hole) : 0;
}

/* ---- A page ---------------------------------------------------------------------- */

static uint32_t facts_of_entry(uint64_t entry)
{
	static const struct {
		uint64_t bit;
		uint32_t fact;
	} known[] = {
		{ PAGEMAP_PRESENT, PAGE_THERE },
		{ PAGEMAP_SWAPPED, PAGE_SWAPPED },
		{ PAGEMAP_GUARD, PAGE_GUARD },
		{ PAGEMAP_FILE, PAGE_FILE },
		{ PAGEMAP_EXCLUSIVE, PAGE_EXCLUSIVE },
		{ PAGEMAP_SOFT_DIRTY, PAGE_SOFT_DIRTY },
		{ PAGEMAP_WRITE_PROTECTED, PAGE_PROTECTED },
	};
	uint32_t facts = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(known); n++)
		facts |= entry & known[n].bit ? known[n].fact : 0;
	/* A guard page is written down as if it were in swap. */
	if (facts & PAGE_GUARD)
		return PAGE_GUARD;
	return facts & (PAGE_THERE | PAGE_SWAPPED) ? facts : 0;
}

static uint32_t facts_of_frame(uint64_t flags)
{
	return (flags & FRAME_ZERO ? PAGE_ZERO : 0) |
	       (flags & FRAME_MERGED ? PAGE_MERGED : 0) |
	       (flags & FRAME_COMPOUND ? PAGE_COMPOUND : 0) |
	       (flags & FRAME_HUGETLB ? PAGE_HUGETLB : 0) |
	       ((flags & (FRAME_SWAP_BACKED | FRAME_ANONYMOUS)) ==
			FRAME_SWAP_BACKED ? PAGE_SHMEM : 0);
}

/*
 * A number for a frame that we may not know: the next one, and within a large
 * page such that it stays one.
 */
static uint64_t symbol(struct process *p, uint64_t address, uint8_t shift)
{
	uint64_t pages = 1ull << (shift > PAGEMAP_SHIFT ?
				  shift - PAGEMAP_SHIFT : 0);
	uint64_t page = 1 + (address >> PAGEMAP_SHIFT) / pages;

	if (pages > 1 && p->symbol_page != page) {
		p->symbol_page = page;
		p->next_symbol = (p->next_symbol + pages - 1) & ~(pages - 1);
		p->next_symbol += (address >> PAGEMAP_SHIFT) & (pages - 1);
	}
	return p->next_symbol++;
}

static uint8_t native_shift(const struct reader *r, uint64_t categories)
{
	if (r->m->shift > PAGEMAP_SHIFT)
		return r->m->shift;
	if (!r->p->can_scan)
		return 0;
	return categories & SCAN_HUGE ? PAGEMAP_SHIFT_HUGE : PAGEMAP_SHIFT;
}

static int add_page(struct reader *r, uint32_t n, uint64_t categories)
{
	const struct block *b = r->block;
	uint64_t at = b->start + (uint64_t)n * PAGEMAP_PAGE;
	struct piece page = {
		.start = at, .end = at + PAGEMAP_PAGE,
		.facts = facts_of_entry(b->entry[n]),
	};

	if (!(page.facts & PAGE_THERE))
		return add(r, &page);
	page.shift = native_shift(r, categories);
	page.facts |= facts_of_frame(b->flags[n]);
	if (categories & SCAN_ZERO)
		page.facts |= PAGE_ZERO;
	if (r->m->shift > PAGEMAP_SHIFT)
		page.facts |= PAGE_HUGETLB;
	page.mapped = (uint32_t)b->count[n];
	page.frame = PAGEMAP_PAGE * (r->p->sees_frames ?
				     b->entry[n] & PAGEMAP_FRAME :
				     symbol(r->p, at, page.shift));
	return add(r, &page);
}

/* ---- Blocks ---------------------------------------------------------------------- */

/* How many entries from @n on are of neighbouring frames. */
static uint32_t neighbours(const struct block *b, uint32_t n)
{
	uint64_t frame = b->entry[n] & PAGEMAP_FRAME;
	uint32_t k = n + 1;

	while (k < b->pages && b->entry[k] & PAGEMAP_PRESENT &&
	       (b->entry[k] & PAGEMAP_FRAME) == frame + (k - n))
		k++;
	return k - n;
}

/* What cannot be read is left 0: not known. */
static void read_frames(int fd, uint64_t frame, uint64_t *out, uint32_t n)
{
	memset(out, 0, n * sizeof(*out));
	if (fd >= 0)
		(void)!pread(fd, out, n * sizeof(*out),
			     (off_t)(frame * sizeof(*out)));
}

static void ask_for_frames(const struct process *p, struct block *b)
{
	uint32_t run;

	for (uint32_t n = 0; n < b->pages; n += run) {
		uint64_t frame = b->entry[n] & PAGEMAP_FRAME;

		run = 1;
		b->flags[n] = b->count[n] = 0;
		if (!(b->entry[n] & PAGEMAP_PRESENT) || !frame)
			continue;
		run = neighbours(b, n);
		read_frames(p->kpageflags, frame, &b->flags[n], run);
		read_frames(p->kpagecount, frame, &b->count[n], run);
	}
}

static int read_block(struct reader *r, uint64_t start, uint64_t end)
{
	struct block *b = r->block;
	uint64_t pages = (end - start) / PAGEMAP_PAGE;
	ssize_t got;

	b->start = start;
	b->pages = pages < BLOCK_PAGES ? (uint32_t)pages : BLOCK_PAGES;
	got = pread(r->p->pagemap, b->entry, b->pages * sizeof(*b->entry),
		    (off_t)(start / PAGEMAP_PAGE * sizeof(*b->entry)));
	if (got < 0)
		return process_fail(r->p, -errno, "pagemap");
	b->pages = (uint32_t)((size_t)got / sizeof(*b->entry));
	if (!b->pages)
		return process_fail(r->p, -ESRCH, "pagemap");
	ask_for_frames(r->p, b);
	return 0;
}

static int read_pages(struct reader *r, uint64_t start, uint64_t end,
		      uint64_t categories)
{
	int err = 0;

	while (start < end && !err) {
		err = read_block(r, start, end);
		if (err)
			break;
		for (uint32_t n = 0; n < r->block->pages && !err; n++)
			err = add_page(r, n, categories);
		start += (uint64_t)r->block->pages * PAGEMAP_PAGE;
	}
	return err;
}

/* ---- Regions ---------------------------------------------------------------------- */

/* hugetlbfs is the only one with pages of other sizes: see what they are. */
static void look_at_size(struct reader *r, uint64_t categories)
{
	uint64_t mask = (1ull << PAGEMAP_SHIFT_HUGE) - 1;

	if (categories & SCAN_HUGE && r->m->has_file && !r->m->shift &&
	    !((r->m->start | r->m->end) & mask))
		process_look_at_sizes(r->p);
}

static int add_regions(struct reader *r, const struct scan_region *regions,
		       uint32_t n, uint64_t *at)
{
	int err = 0;

	for (uint32_t k = 0; k < n && !err; k++) {
		look_at_size(r, regions[k].categories);
		err = add_hole(r, *at, regions[k].start, 0);
		if (!err)
			err = read_pages(r, regions[k].start, regions[k].end,
					 regions[k].categories);
		*at = regions[k].end;
	}
	return err;
}

/* Return: how many regions were found from @at on, or -errno. */
static int scan(const struct reader *r, uint64_t at, uint64_t end,
		struct scan_region *regions, uint64_t *walk_end)
{
	struct scan s = {
		.size = sizeof(s), .start = at, .end = end,
		.regions = (uintptr_t)regions, .n_regions = REGIONS_MAX,
		.any_of = SCAN_PRESENT | SCAN_SWAPPED,
		.returned = SCAN_PRESENT | SCAN_SWAPPED | SCAN_ZERO | SCAN_HUGE,
	};
	int n = ioctl(r->p->pagemap, SCAN_REQUEST, &s);

	*walk_end = s.walk_end;
	return n < 0 ? -errno : n;
}

/* Without the ioctl the whole range is one region of which nothing is known. */
static int read_unscanned(struct reader *r, uint64_t start, uint64_t end)
{
	r->p->can_scan = false;
	r->p->unscanned += end - start;
	if (r->p->unscanned > UNSCANNED_MAX)
		return process_fail(r->p, -E2BIG, "more than 256 GiB, and no PAGEMAP_SCAN (Linux 6.7) to find what is there; ask for less");
	if (!r->m->shift)
		process_look_at_sizes(r->p);
	return read_pages(r, start, end, 0);
}

static int read_scanned(struct reader *r, uint64_t start, uint64_t end)
{
	struct scan_region regions[REGIONS_MAX];
	uint64_t at = start, next = start;
	int err = 0;

	while (next < end && !err) {
		uint64_t from = next;
		int n = scan(r, from, end, regions, &next);

		if (n == -ENOTTY || n == -EINVAL)
			return at == start ? read_unscanned(r, start, end) :
			       process_fail(r->p, n, "PAGEMAP_SCAN");
		if (n < 0)
			return process_fail(r->p, n, "PAGEMAP_SCAN");
		err = add_regions(r, regions, (uint32_t)n, &at);
		if (next <= from)
			break;
	}
	return err ? err : add_hole(r, at, end, 0);
}

int pagemap_read(struct process *p, const struct mapping *m, uint64_t start,
		 uint64_t end, struct pieces *out)
{
	struct reader r = { .p = p, .m = m, .out = out, .n_before = out->n };
	int err;

	if (start >> 63)	/* [vsyscall]                                    */
		return add_hole(&r, start, end, PAGE_HIDDEN);
	r.block = malloc(sizeof(*r.block));
	if (!r.block)
		return process_fail(p, -ENOMEM, "pagemap");
	err = p->can_scan ? read_scanned(&r, start, end) :
			    read_unscanned(&r, start, end);
	free(r.block);
	return err;
}
