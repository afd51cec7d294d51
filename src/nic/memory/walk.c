// SPDX-License-Identifier: BSD-2-Clause
/* walk.c - Walk page tables: from a virtual address to a bus address */
#include "nic/memory/walk.h"

#include <stddef.h>

/* What a walk needs besides its result. */
struct way {
	const struct bus *bus;
	const struct domain *d;
	const struct page_layout *l;
	const struct extent *last;	/* that was found: often the next, too  */
	struct walk *w;
};

static ALWAYS_INLINE const struct extent *find_extent(struct way *y, uint64_t start,
					uint64_t bytes)
{
	const struct extent *e = y->last;

	if (e && start >= e->start && start < e->end && bytes <= e->end - start)
		return e;
	y->last = domain_find_extent(y->d, start, bytes);
	return y->last;
}

static ALWAYS_INLINE uint64_t load_entry(const struct bus *bus,
					 const struct page_layout *l,
					 uint64_t at)
{
	return l->entry_bytes == 4 ? bus_load32(bus, at) : bus_load64(bus, at);
}

static bool swap_entry(const struct way *y, const struct walk_step *s,
		       uint64_t value)
{
	if (y->l->entry_bytes == 4)
		return bus_swap32(y->bus, s->address, (uint32_t)s->entry,
				  (uint32_t)value);
	return bus_swap64(y->bus, s->address, s->entry, value);
}

/* Reads the entry for the address: the step's address and level are set. */
static ALWAYS_INLINE enum dma_fault read_entry(const struct way *y, struct walk_step *s)
{
	s->entry = load_entry(y->bus, y->l, s->address);
	if (!(s->entry & PTE_PRESENT))
		return DMA_FAULT_NOT_PRESENT;
	if (page_entry_reserved(y->l, s->level, s->entry))
		return DMA_FAULT_RESERVED;
	return DMA_FAULT_NONE;
}

static enum dma_fault step(struct way *y, uint64_t table, uint32_t level)
{
	const struct extent *e = find_extent(y, table, PAGE_TABLE_BYTES);
	struct walk *w = y->w;
	struct walk_step *s = &w->steps[w->n_steps];

	if (!e || !(e->rights & EXTENT_TABLE))
		return DMA_FAULT_TABLE_UNREACHABLE;
	s->level = level;
	s->index = page_index(y->l, level, w->address);
	s->address = table + (uint64_t)s->index * y->l->entry_bytes;
	if (w->n_steps > 0)
		w->rights &= (uint8_t)s[-1].entry;
	if (e->rights & EXTENT_TABLE_MARKS)
		w->marks |= (uint8_t)(1u << w->n_steps);
	w->n_steps++;
	return read_entry(y, s);
}

static ALWAYS_INLINE bool ends_here(const struct way *y, const struct walk_step *s)
{
	return s->level == 0 || (y->l->level[s->level].may_be_large &&
				 s->entry & PTE_LARGE);
}

/* The entry of the last step is a page. */
static ALWAYS_INLINE void take_page(const struct way *y, const struct walk_step *s)
{
	y->w->shift = y->l->level[s->level].shift;
	y->w->page = s->level ? page_entry_large(y->l, s->level, s->entry) :
				page_entry_table(s->entry);
}

/* Down the levels, to the entry that is a page. */
static enum dma_fault descend(struct way *y)
{
	uint64_t table = y->d->pdbr;

	for (uint32_t level = y->l->levels; level-- > 0;) {
		enum dma_fault fault = step(y, table, level);
		const struct walk_step *s;

		if (fault)
			return fault;
		s = &y->w->steps[y->w->n_steps - 1];
		table = page_entry_table(s->entry);
		if (ends_here(y, s)) {
			take_page(y, s);
			break;
		}
	}
	return DMA_FAULT_NONE;
}

/* Whether the page may be used as is asked. */
static ALWAYS_INLINE enum dma_fault judge(struct way *y, bool write)
{
	struct walk *w = y->w;
	const struct extent *e = find_extent(y, w->page, 1ull << w->shift);
	uint64_t rights = w->rights & w->steps[w->n_steps - 1].entry;

	if (!e || !(e->rights & (write ? EXTENT_WRITE : EXTENT_READ)))
		return DMA_FAULT_UNREACHABLE;
	w->extent = e;
	w->writable = rights & PTE_WRITABLE && e->rights & EXTENT_WRITE;
	if (!(rights & PTE_USER))
		return DMA_FAULT_SUPERVISOR;
	if (write && !(rights & PTE_WRITABLE))
		return DMA_FAULT_READ_ONLY;
	return DMA_FAULT_NONE;
}

/* Return: false when the entry is not the one that was used any more. */
static ALWAYS_INLINE bool mark_step(const struct way *y, uint32_t n,
				    uint64_t marks)
{
	struct walk_step *s = &y->w->steps[n];
	uint64_t entry = s->entry | marks;

	if (!(y->w->marks & 1u << n) || entry == s->entry)
		return true;
	if (!swap_entry(y, s, entry))
		return false;
	s->entry = entry;
	return true;
}

/* The last step leads to the page, which may be going to be written. */
static ALWAYS_INLINE bool mark_page(const struct way *y, bool write)
{
	struct walk *w = y->w;
	uint32_t last = w->n_steps - 1u;

	if (!mark_step(y, last, write ? PTE_ACCESSED | PTE_DIRTY :
					PTE_ACCESSED))
		return false;
	w->dirty = w->steps[last].entry & PTE_DIRTY ||
		   !(w->marks & 1u << last);
	return true;
}

static bool mark(const struct way *y, bool write)
{
	for (uint32_t n = 0; n + 1u < y->w->n_steps; n++) {
		if (!mark_step(y, n, PTE_ACCESSED))
			return false;
	}
	return mark_page(y, write);
}

enum dma_fault walk(const struct bus *bus, const struct domain *d,
		    uint64_t address, bool write, struct walk *w)
{
	struct way y = { bus, d, &page_layouts[d->format], NULL, w };

	*w = (struct walk){ .address = address };
	if (!page_is_canonical(y.l, address))
		return DMA_FAULT_NON_CANONICAL;
	for (uint32_t attempt = 0; attempt < WALK_ATTEMPTS; attempt++) {
		enum dma_fault fault;

		*w = (struct walk){ .address = address,
				    .rights = PTE_WRITABLE | PTE_USER };
		fault = descend(&y);
		if (!fault)
			fault = judge(&y, write);
		if (fault || mark(&y, write))
			return fault;
	}
	return DMA_FAULT_CONTENDED;
}

enum dma_fault walk_on(const struct bus *bus, const struct domain *d,
		       uint64_t address, bool write, struct walk *w)
{
	struct way y = { bus, d, &page_layouts[d->format], w->extent, w };
	struct walk_step *s = &w->steps[w->n_steps - 1];
	uint32_t index = page_index(y.l, s->level, address);
	enum dma_fault fault;

	if (!walk_is_near(y.l, w, address))
		return walk(bus, d, address, write, w);
	s->address += ((uint64_t)index - s->index) * y.l->entry_bytes;
	s->index = index;
	w->address = address;
	fault = read_entry(&y, s);
	if (!fault && !ends_here(&y, s))
		return walk(bus, d, address, write, w);
	if (!fault) {
		take_page(&y, s);
		fault = judge(&y, write);
	}
	if (!fault && !mark_page(&y, write))
		return walk(bus, d, address, write, w);
	return fault;
}

uint64_t walk_run(const struct bus *bus, const struct domain *d,
		  const struct walk *w, uint64_t max)
{
	const struct page_layout *l = &page_layouts[d->format];
	const struct walk_step *s = &w->steps[w->n_steps - 1];
	uint64_t size = 1ull << w->shift, entry = s->entry, at = s->address;
	uint64_t in_table = (1u << l->index_bits) - 1 - s->index;
	uint64_t in_extent = (w->extent->end - w->page - size) >> w->shift;
	uint64_t n = 0;

	if (max > in_table)
		max = in_table;
	if (max > in_extent)
		max = in_extent;
	while (n < max) {
		entry += size;
		at += l->entry_bytes;
		if (load_entry(bus, l, at) != entry)
			break;
		n++;
	}
	return n;
}
