// SPDX-License-Identifier: BSD-2-Clause
/*
 * runs.c - Walk the table over a range, and fold what is equal
 *
 * DOC: Theory of operation
 * First the whole range is read and mapped, window by window: at most 1 GiB of
 * one mapping, so that no large page reaches from one to the next. Then the
 * finished table is walked from the first address to the last, in steps of
 * what each walk has answered for. Time and memory follow what is there, not
 * the length of the range.
 *
 * Rights are what the program itself has, without copying: a page of a private
 * mapping that others have too, or that is still the file's, may be written by a
 * program, which gets a copy first. The device cannot copy: it may only read.
 */
#include "tool/pagetable/runs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Build ----------------------------------------------------------------------- */

static bool may_write(const struct piece *piece)
{
	const struct mapping *m = piece->mapping;
	uint32_t f = piece->facts;

	if (m->rights[1] != 'w' || f & PAGE_PROTECTED)
		return false;
	if (m->shared)
		return true;
	return f & PAGE_EXCLUSIVE && !(f & (PAGE_FILE | PAGE_ZERO | PAGE_MERGED));
}

static uint32_t rights_of(const struct piece *piece)
{
	if (!strncmp(piece->mapping->rights, "---", 3))
		return PAGE_SUPERVISOR;
	return may_write(piece) ? PAGE_WRITE : 0;
}

/* Numbers that stand for frames must not look like neighbours of each other. */
static bool maps_together(const struct runs *r, const struct piece *a,
			  const struct piece *b)
{
	return b->facts & PAGE_THERE && a->end == b->start &&
	       a->frame + (a->end - a->start) == b->frame &&
	       rights_of(a) == rights_of(b) &&
	       (r->p->sees_frames || a->shift == b->shift);
}

static int fail_to_build(struct runs *r, int err, uint64_t address)
{
	snprintf(r->p->error, sizeof(r->p->error),
		 err == -ENOMEM ?
		 "0x%" PRIx64 ": the table has %" PRIu64
		 " MiB, all that it may have; ask for less" :
		 "0x%" PRIx64 ": cannot be mapped in a table of %" PRIu64 " MiB",
		 address, r->t->bytes >> 20);
	return err;
}

/* Maps the pieces from @first on. */
static int build(struct runs *r, uint32_t first)
{
	const struct piece *piece = r->pieces.piece;
	uint32_t next;
	int err;

	for (uint32_t n = first; n < r->pieces.n; n = next) {
		next = n + 1;
		if (!(piece[n].facts & PAGE_THERE))
			continue;
		while (next < r->pieces.n &&
		       maps_together(r, &piece[next - 1], &piece[next]))
			next++;
		err = table_map(r->t, piece[n].start, piece[n].frame,
				piece[next - 1].end - piece[n].start,
				rights_of(&piece[n]),
				r->p->sees_frames ? 0 : piece[n].shift);
		if (err)
			return fail_to_build(r, err, piece[n].start);
	}
	return 0;
}

/* ---- Fold ------------------------------------------------------------------------- */

static void flush(struct runs *r)
{
	if (r->run.n_walks)
		r->print(r->arg, &r->run);
	r->run.n_walks = 0;
}

static bool is_equal(const struct run *a, const struct run *b)
{
	return a->end == b->start && a->mapping == b->mapping &&
	       ((a->facts ^ b->facts) & ~RUN_COUNTED) == 0 &&
	       a->shift == b->shift && a->rights == b->rights &&
	       a->read == b->read && a->write == b->write &&
	       a->first.shift == b->first.shift;
}

static bool may_join(const struct runs *r, const struct run *next)
{
	if (!r->run.n_walks || !is_equal(&r->run, next))
		return false;
	return !r->all || !(next->facts & (PAGE_THERE | PAGE_SWAPPED));
}

/* Pieces may end within a large page that was built. */
static bool used_same_entry(const struct walk *a, const struct walk *b)
{
	return a->n_steps && b->n_steps && a->steps[a->n_steps - 1].address ==
					   b->steps[b->n_steps - 1].address;
}

static void join(struct run *a, const struct run *b)
{
	if (b->first_frame != a->last_frame + (b->start - a->last.address))
		a->is_scattered = true;
	if (!used_same_entry(&a->last, &b->first))
		a->n_walks++;
	a->end = b->end;
	a->last = b->last;
	a->last_frame = b->last_frame;
	a->n_exclusive += b->n_exclusive;
	a->n_soft_dirty += b->n_soft_dirty;
	a->n_compound += b->n_compound;
	if (b->mapped_min < a->mapped_min)
		a->mapped_min = b->mapped_min;
	if (b->mapped_max > a->mapped_max)
		a->mapped_max = b->mapped_max;
}

/* ---- Walk ------------------------------------------------------------------------- */

/* The first address that the walk to @at has not answered for. */
static uint64_t answered_until(const struct table *t, const struct walk *w,
			       uint64_t at)
{
	const struct page_layout *l = &page_layouts[t->domain.format];
	uint64_t limit = table_limit(t, at), size;

	if (!w->n_steps)
		return limit;
	size = 1ull << l->level[w->steps[w->n_steps - 1].level].shift;
	size = (at | (size - 1)) + 1;
	return size && size < limit ? size : limit;
}

/* What the walk leads to, as far as it is to be: the truth is in two places. */
static int compare_frame(struct runs *r, const struct run *run)
{
	const struct walk *w = &run->first;
	uint64_t found = w->page + (w->address & ((1ull << w->shift) - 1));

	if (run->read == DMA_FAULT_NOT_PRESENT || !w->shift ||
	    found == run->first_frame)
		return 0;
	snprintf(r->p->error, sizeof(r->p->error),
		 "0x%" PRIx64 ": the walk leads to 0x%" PRIx64 ", not to 0x%" PRIx64,
		 w->address, found, run->first_frame);
	return -EIO;
}

static void count(struct run *run, const struct piece *piece)
{
	uint64_t pages = (run->end - run->start) / PAGEMAP_PAGE;

	run->n_exclusive = piece->facts & PAGE_EXCLUSIVE ? pages : 0;
	run->n_soft_dirty = piece->facts & PAGE_SOFT_DIRTY ? pages : 0;
	run->n_compound = piece->facts & PAGE_COMPOUND ? pages : 0;
	run->mapped_min = run->mapped_max = piece->mapped;
}

/* One entry, or as much of it as the piece has. Return: 0 or -errno. */
static int walk_once(struct runs *r, const struct piece *piece, uint64_t at,
		     uint64_t *next)
{
	struct run run = { .start = at, .mapping = piece->mapping,
			   .facts = piece->facts, .shift = piece->shift,
			   .n_walks = 1 };
	struct walk write;
	int err;

	run.read = walk(&r->t->pool.bus, &r->t->domain, at, false, &run.first);
	run.write = walk(&r->t->pool.bus, &r->t->domain, at, true, &write);
	run.first.address = at;
	run.last = run.first;
	*next = answered_until(r->t, &run.first, at);
	if (*next > piece->end)
		*next = piece->end;
	run.end = *next;
	if (piece->facts & PAGE_THERE) {
		run.rights = rights_of(piece);
		run.first_frame = piece->frame + (at - piece->start);
		run.last_frame = run.first_frame;
	}
	count(&run, piece);
	err = piece->facts & PAGE_THERE ? compare_frame(r, &run) : 0;
	if (may_join(r, &run)) {
		join(&r->run, &run);
	} else {
		flush(r);
		r->run = run;
	}
	return err;
}

static int walk_piece(struct runs *r, const struct piece *piece)
{
	uint64_t at = piece->start;
	int err = 0;

	while (at < piece->end && !err)
		err = walk_once(r, piece, at, &at);
	return err;
}

/* ---- Range ------------------------------------------------------------------------ */

static int read_window(struct runs *r, const struct mapping *m, uint64_t start,
		       uint64_t end)
{
	uint32_t first = r->pieces.n;
	int err = pagemap_read(r->p, m, start, end, &r->pieces);

	return err ? err : build(r, first);
}

static int read_mapping(struct runs *r, const struct mapping *m, uint64_t start,
			uint64_t end)
{
	int err = 0;

	while (start < end && !err) {
		uint64_t next = (start | (PAGEMAP_WINDOW - 1)) + 1;

		if (next > end || !next)
			next = end;
		err = read_window(r, m, start, next);
		start = next;
	}
	return err;
}

static int read_all(struct runs *r, uint64_t start, uint64_t end)
{
	uint64_t at = start;
	int err = 0;

	for (uint32_t n = 0; n < r->p->n_mappings && !err; n++) {
		const struct mapping *m = &r->p->mappings[n];
		uint64_t from = m->start > at ? m->start : at;
		uint64_t to = m->end < end ? m->end : end;

		err = pagemap_add_gap(r->p, at, from, &r->pieces);
		if (!err)
			err = read_mapping(r, m, from, to);
		at = to;
	}
	if (!err)
		err = pagemap_add_gap(r->p, at, end, &r->pieces);
	return err;
}

int runs_read(struct runs *r, uint64_t start, uint64_t end)
{
	int err = read_all(r, start, end);

	if (!err && process_has_ended(r->p))
		err = process_fail(r->p, -ESRCH, "pagemap");
	return err;
}

int runs_walk(struct runs *r)
{
	int err = 0;

	for (uint32_t n = 0; n < r->pieces.n && !err; n++)
		err = walk_piece(r, &r->pieces.piece[n]);
	flush(r);
	return err;
}

void runs_release(struct runs *r)
{
	free(r->pieces.piece);
}
