// SPDX-License-Identifier: BSD-2-Clause
/* domain.c - A protection domain: what one client's page tables may lead to */
#include "nic/memory/domain.h"

#include <errno.h>
#include <string.h>

static bool is_pages(uint64_t start, uint64_t bytes)
{
	uint64_t end;

	return (start | bytes) % PAGE_TABLE_BYTES == 0 && bytes != 0 &&
	       !__builtin_add_overflow(start, bytes, &end);
}

/* The first extent that ends behind @address; n_extents: there is none. */
static uint32_t first_behind(const struct domain *d, uint64_t address)
{
	uint32_t low = 0, high = d->n_extents;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (d->extents[mid].end > address)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void open_place(struct domain *d, uint32_t at)
{
	memmove(&d->extents[at + 1], &d->extents[at],
		(d->n_extents - at) * sizeof(*d->extents));
	d->n_extents++;
}

static void close_places(struct domain *d, uint32_t at, uint32_t n)
{
	if (n == 0)
		return;
	memmove(&d->extents[at], &d->extents[at + n],
		(d->n_extents - at - n) * sizeof(*d->extents));
	d->n_extents -= n;
}

int domain_add_extent(struct domain *d, uint64_t start, uint64_t bytes,
		      uint32_t rights)
{
	struct extent *e = d->extents;
	uint32_t at;
	bool joins_before, joins_behind;

	if (!is_pages(start, bytes))
		return -EINVAL;
	at = first_behind(d, start);
	if (at < d->n_extents && e[at].start < start + bytes)
		return -EEXIST;
	joins_before = at > 0 && e[at - 1].end == start &&
		       e[at - 1].rights == rights;
	joins_behind = at < d->n_extents && e[at].start == start + bytes &&
		       e[at].rights == rights;
	if (joins_before) {
		e[at - 1].end = joins_behind ? e[at].end : start + bytes;
		close_places(d, at, joins_behind);
	} else if (joins_behind) {
		e[at].start = start;
	} else if (d->n_extents == d->max_extents) {
		return -ENOSPC;
	} else {
		open_place(d, at);
		e[at] = (struct extent){ start, start + bytes, rights, 0 };
	}
	return 0;
}

int domain_remove_extent(struct domain *d, uint64_t start, uint64_t bytes)
{
	uint64_t end = start + bytes;
	uint32_t at, n = 0;
	struct extent *e;

	if (!is_pages(start, bytes))
		return -EINVAL;
	at = first_behind(d, start);
	e = &d->extents[at];
	if (at < d->n_extents && e->start < start) {
		if (e->end > end) {	/* a piece out of the middle            */
			if (d->n_extents == d->max_extents)
				return -ENOSPC;
			open_place(d, at);
			e[1].start = end;
		}
		e->end = start;
		e++;
		at++;
	}
	while (at + n < d->n_extents && e[n].end <= end)
		n++;
	close_places(d, at, n);
	if (at < d->n_extents && e->start < end)
		e->start = end;
	return 0;
}

const struct extent *domain_find_extent(const struct domain *d, uint64_t start,
					uint64_t bytes)
{
	uint32_t at = first_behind(d, start);
	const struct extent *e = &d->extents[at];

	if (at == d->n_extents || e->start > start ||
	    bytes > e->end - start)
		return NULL;
	return e;
}
