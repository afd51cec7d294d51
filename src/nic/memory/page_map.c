// SPDX-License-Identifier: BSD-2-Clause
/* page_map.c - Build page tables: map, unmap and protect ranges */
#include "nic/memory/page_map.h"

#include <errno.h>
#include <string.h>

/* A table gets these bits in the entry that leads to it; rights are the pages'. */
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITABLE | PTE_USER)
#define SPLIT_KEEPS (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED | \
		     PTE_DIRTY)

/* ---- Memory for tables --------------------------------------------------------- */

void page_pool_init(struct page_pool *p, const struct bus *bus, uint64_t start,
		    uint64_t bytes)
{
	*p = (struct page_pool){ .bus = *bus, .next = start,
				 .end = start + bytes };
}

/* The link has bit 0 clear: whoever still walks the table finds nothing. */
static void push(const struct page_pool *p, uint64_t *list, uint64_t table)
{
	bus_store64(&p->bus, table, *list);
	*list = table;
}

static uint64_t pop(const struct page_pool *p, uint64_t *list)
{
	uint64_t table = *list;

	*list = bus_load64(&p->bus, table);
	return table;
}

void page_pool_reclaim(struct page_pool *p)
{
	while (p->freed)
		push(p, &p->free, pop(p, &p->freed));
	p->n_freed = 0;
}

/* Return: an empty table, or 0. */
static uint64_t take_table(struct page_pool *p)
{
	uint64_t table;

	if (p->free) {
		table = pop(p, &p->free);
	} else if (p->next < p->end) {
		table = p->next;
		p->next += PAGE_TABLE_BYTES;
	} else {
		return 0;
	}
	memset(bus_at(&p->bus, table), 0, PAGE_TABLE_BYTES);
	p->n_used++;
	return table;
}

static void free_table(struct page_pool *p, uint64_t table)
{
	push(p, &p->freed, table);
	p->n_used--;
	p->n_freed++;
}

/* ---- Entries --------------------------------------------------------------------- */

/* A table of a map, and what it covers. */
struct node {
	uint64_t table;
	uint32_t level;
	uint64_t start;		/* virtual address of its first entry           */
};

struct range {
	uint64_t first, last;	/* virtual addresses                            */
};

static const struct page_layout *layout(const struct page_map *m)
{
	return &page_layouts[m->format];
}

static uint32_t n_entries(const struct page_map *m)
{
	return 1u << layout(m)->index_bits;
}

static uint64_t load_entry(const struct page_map *m, const struct node *n,
			   uint32_t index)
{
	const struct bus *bus = &m->pool->bus;

	return layout(m)->entry_bytes == 4 ?
	       bus_load32(bus, n->table + index * 4) :
	       bus_load64(bus, n->table + index * 8);
}

static void store_entry(const struct page_map *m, const struct node *n,
			uint32_t index, uint64_t entry)
{
	const struct bus *bus = &m->pool->bus;

	if (layout(m)->entry_bytes == 4)
		bus_store32(bus, n->table + index * 4, (uint32_t)entry);
	else
		bus_store64(bus, n->table + index * 8, entry);
}

static uint64_t entry_size(const struct page_map *m, const struct node *n)
{
	return 1ull << layout(m)->level[n->level].shift;
}

static uint64_t entry_start(const struct page_map *m, const struct node *n,
			    uint32_t index)
{
	return n->start + index * entry_size(m, n);
}

static bool is_page(const struct page_map *m, const struct node *n,
		    uint64_t entry)
{
	return n->level == 0 || (layout(m)->level[n->level].may_be_large &&
				 entry & PTE_LARGE);
}

static struct node child(const struct page_map *m, const struct node *n,
			 uint32_t index, uint64_t entry)
{
	return (struct node){ page_entry_table(entry), n->level - 1,
			      entry_start(m, n, index) };
}

static bool is_empty(const struct page_map *m, const struct node *n)
{
	for (uint32_t index = 0; index < n_entries(m); index++) {
		if (load_entry(m, n, index))
			return false;
	}
	return true;
}

/* Entries of @n that @r has a part of. */
static uint32_t first_index(const struct page_map *m, const struct node *n,
			    const struct range *r)
{
	return r->first <= n->start ?
	       0 : (uint32_t)((r->first - n->start) / entry_size(m, n));
}

static uint32_t last_index(const struct page_map *m, const struct node *n,
			   const struct range *r)
{
	uint64_t index = (r->last - n->start) / entry_size(m, n);

	return index < n_entries(m) ? (uint32_t)index : n_entries(m) - 1;
}

static bool covers(const struct page_map *m, const struct node *n,
		   uint32_t index, const struct range *r)
{
	uint64_t start = entry_start(m, n, index);

	return r->first <= start && r->last - start >= entry_size(m, n) - 1;
}

/* ---- A map ------------------------------------------------------------------------ */

int page_map_init(struct page_map *m, struct page_pool *pool,
		  enum page_format format)
{
	uint64_t table;

	if ((unsigned int)format >= PAGE_N_FORMATS)
		return -EINVAL;
	*m = (struct page_map){ .pool = pool, .format = (uint8_t)format };
	m->largest = format == PAGE_FORMAT_IA32 ? PAGE_SHIFT_4M :
						  PAGE_SHIFT_1G;
	if ((pool->end - 1) >> layout(m)->bus_bits)
		return -EINVAL;
	table = take_table(pool);
	if (!table)
		return -ENOMEM;
	m->root = table;
	return 0;
}

/* The sign of x86-64's upper half is left out inside: addresses count from 0. */
static struct node root(const struct page_map *m)
{
	return (struct node){ m->root, layout(m)->levels - 1u, 0 };
}

/* Checks a range of virtual addresses, and takes the sign off it. */
static bool take_range(const struct page_map *m, uint64_t address,
		       uint64_t bytes, struct range *r)
{
	const struct page_layout *l = layout(m);
	uint64_t last;

	if ((address | bytes) % PAGE_TABLE_BYTES || bytes == 0 ||
	    __builtin_add_overflow(address, bytes - 1, &last) ||
	    !page_is_canonical(l, address) || !page_is_canonical(l, last) ||
	    (address ^ last) >> (l->address_bits == 32 ? 32 : 47))
		return false;
	r->first = address & ((1ull << l->address_bits) - 1);
	r->last = last & ((1ull << l->address_bits) - 1);
	return true;
}

static void clear_table(struct page_map *m, const struct node *n)
{
	for (uint32_t index = 0; index < n_entries(m); index++) {
		uint64_t entry = load_entry(m, n, index);

		if (entry && !is_page(m, n, entry)) {
			struct node below = child(m, n, index, entry);

			clear_table(m, &below);
		}
	}
	memset(bus_at(&m->pool->bus, n->table), 0, PAGE_TABLE_BYTES);
	free_table(m->pool, n->table);
}

void page_map_clear(struct page_map *m)
{
	struct node top = root(m);

	clear_table(m, &top);
	m->root = 0;
}

/* ---- Map --------------------------------------------------------------------------- */

static uint64_t page_flags(uint32_t rights)
{
	return PTE_PRESENT | (rights & PAGE_WRITE ? PTE_WRITABLE : 0) |
	       (rights & PAGE_SUPERVISOR ? 0 : PTE_USER);
}

/* Where a range goes: virtual address + offset = bus address. */
struct mapping {
	struct range r;
	uint64_t offset;
	uint64_t flags;
};

static bool is_mapped(const struct page_map *m, const struct node *n,
		      const struct range *r)
{
	uint32_t last = last_index(m, n, r);

	for (uint32_t index = first_index(m, n, r); index <= last; index++) {
		uint64_t entry = load_entry(m, n, index);
		struct node below;

		if (!entry)
			continue;
		if (is_page(m, n, entry))
			return true;
		below = child(m, n, index, entry);
		if (is_mapped(m, &below, r))
			return true;
	}
	return false;
}

static bool can_be_page(const struct page_map *m, const struct node *n,
			uint32_t index, const struct mapping *g)
{
	const struct page_level *at = &layout(m)->level[n->level];
	uint64_t bus = entry_start(m, n, index) + g->offset;

	if (n->level == 0)
		return true;
	return at->may_be_large && at->shift <= m->largest &&
	       covers(m, n, index, &g->r) && bus % entry_size(m, n) == 0;
}

static int map_in(struct page_map *m, const struct node *n,
		  const struct mapping *g)
{
	uint32_t last = last_index(m, n, &g->r);
	int err = 0;

	for (uint32_t index = first_index(m, n, &g->r); index <= last && !err;
	     index++) {
		uint64_t bus = entry_start(m, n, index) + g->offset;
		uint64_t entry = load_entry(m, n, index);
		struct node below;

		if (!entry && can_be_page(m, n, index, g)) {
			store_entry(m, n, index,
				    page_entry_make(layout(m), n->level, bus,
						    g->flags));
			continue;
		}
		if (!entry) {
			entry = take_table(m->pool);
			if (!entry)
				return -ENOMEM;
			entry |= TABLE_FLAGS;
			store_entry(m, n, index, entry);
		}
		below = child(m, n, index, entry);
		err = map_in(m, &below, g);
	}
	return err;
}

/* Whether the format can say all bus addresses of the range. */
static bool can_say(const struct page_map *m, const struct mapping *g,
		    uint64_t bus, uint64_t bytes)
{
	uint64_t last;
	uint32_t bits = layout(m)->bus_bits;

	if (__builtin_add_overflow(bus, bytes - 1, &last))
		return false;
	if (last >> bits == 0)
		return true;
	/* PSE-40: beyond 4 GiB there are only large pages. */
	return m->format == PAGE_FORMAT_IA32 && last >> 40 == 0 &&
	       m->largest >= PAGE_SHIFT_4M &&
	       (g->r.first | bus | bytes) % (1ull << PAGE_SHIFT_4M) == 0;
}

static int unmap_in(struct page_map *m, const struct node *n,
		    const struct range *r);

int page_map_map(struct page_map *m, uint64_t address, uint64_t bus,
		 uint64_t bytes, uint32_t rights)
{
	struct node top = root(m);
	struct mapping g = { .flags = page_flags(rights) };
	int err;

	if (!take_range(m, address, bytes, &g.r) ||
	    bus % PAGE_TABLE_BYTES || !can_say(m, &g, bus, bytes))
		return -EINVAL;
	if (is_mapped(m, &top, &g.r))
		return -EEXIST;
	g.offset = bus - g.r.first;
	err = map_in(m, &top, &g);
	if (err)	/* nothing of the range was there: no page is split     */
		(void)!unmap_in(m, &top, &g.r);
	return err;
}

/* ---- Unmap, protect ------------------------------------------------------------------ */

/* Return: false when the device has marked the entry meanwhile. */
static bool swap_entry(const struct page_map *m, const struct node *n,
		       uint32_t index, uint64_t expected, uint64_t entry)
{
	const struct bus *bus = &m->pool->bus;

	return layout(m)->entry_bytes == 4 ?
	       bus_swap32(bus, n->table + index * 4, (uint32_t)expected,
			  (uint32_t)entry) :
	       bus_swap64(bus, n->table + index * 8, expected, entry);
}

static void fill_like(struct page_map *m, const struct node *below,
		      uint64_t page, uint64_t entry)
{
	for (uint32_t k = 0; k < n_entries(m); k++)
		store_entry(m, below, k,
			    page_entry_make(layout(m), below->level,
					    page + k * entry_size(m, below),
					    entry & SPLIT_KEEPS));
}

/* A large page becomes a table of smaller ones that say the same. */
static int split(struct page_map *m, const struct node *n, uint32_t index,
		 uint64_t *entry)
{
	uint64_t page = page_entry_large(layout(m), n->level, *entry);
	struct node below = { take_table(m->pool), n->level - 1, 0 };
	uint64_t table = below.table | TABLE_FLAGS;

	if (!below.table)
		return -ENOMEM;
	do {
		*entry = load_entry(m, n, index);
		fill_like(m, &below, page, *entry);
	} while (!swap_entry(m, n, index, *entry, table));
	*entry = table;
	return 0;
}

/* PSE-40: beyond 4 GiB there are only large pages, which stay whole. */
static bool can_split_at(const struct page_map *m, const struct range *r,
			 uint64_t edge)
{
	struct node top = root(m);
	uint32_t index = page_index(layout(m), top.level, edge);
	uint64_t entry = load_entry(m, &top, index);

	return !is_page(m, &top, entry) || covers(m, &top, index, r) ||
	       page_entry_large(layout(m), top.level, entry) >> 32 == 0;
}

static bool can_split(const struct page_map *m, const struct range *r)
{
	return m->format != PAGE_FORMAT_IA32 ||
	       (can_split_at(m, r, r->first) && can_split_at(m, r, r->last));
}

static int unmap_below(struct page_map *m, const struct node *n,
		       uint32_t index, uint64_t entry, const struct range *r)
{
	struct node below = child(m, n, index, entry);
	int err = unmap_in(m, &below, r);

	if (is_empty(m, &below)) {
		store_entry(m, n, index, 0);
		free_table(m->pool, below.table);
	}
	return err;
}

static int unmap_in(struct page_map *m, const struct node *n,
		    const struct range *r)
{
	uint32_t last = last_index(m, n, r);
	int err = 0;

	for (uint32_t index = first_index(m, n, r); index <= last && !err;
	     index++) {
		uint64_t entry = load_entry(m, n, index);

		if (!entry)
			continue;
		if (is_page(m, n, entry) && covers(m, n, index, r)) {
			store_entry(m, n, index, 0);
			continue;
		}
		if (is_page(m, n, entry))
			err = split(m, n, index, &entry);
		if (!err)
			err = unmap_below(m, n, index, entry, r);
	}
	return err;
}

int page_map_unmap(struct page_map *m, uint64_t address, uint64_t bytes)
{
	struct node top = root(m);
	struct range r;

	if (!take_range(m, address, bytes, &r) || !can_split(m, &r))
		return -EINVAL;
	return unmap_in(m, &top, &r);
}

static void change_rights(struct page_map *m, const struct node *n,
			  uint32_t index, uint64_t flags)
{
	uint64_t rights = PTE_WRITABLE | PTE_USER, entry;

	do
		entry = load_entry(m, n, index);
	while (!swap_entry(m, n, index, entry, (entry & ~rights) | flags));
}

static int protect_in(struct page_map *m, const struct node *n,
		      const struct range *r, uint64_t flags)
{
	uint32_t last = last_index(m, n, r);
	int err = 0;

	for (uint32_t index = first_index(m, n, r); index <= last && !err;
	     index++) {
		uint64_t entry = load_entry(m, n, index);
		struct node below;

		if (!entry)
			continue;
		if (is_page(m, n, entry) && covers(m, n, index, r)) {
			change_rights(m, n, index, flags);
			continue;
		}
		if (is_page(m, n, entry))
			err = split(m, n, index, &entry);
		if (err)
			break;
		below = child(m, n, index, entry);
		err = protect_in(m, &below, r, flags);
	}
	return err;
}

int page_map_protect(struct page_map *m, uint64_t address, uint64_t bytes,
		     uint32_t rights)
{
	struct node top = root(m);
	struct range r;

	if (!take_range(m, address, bytes, &r) || !can_split(m, &r))
		return -EINVAL;
	return protect_in(m, &top, &r,
			  page_flags(rights) & (PTE_WRITABLE | PTE_USER));
}
