// SPDX-License-Identifier: BSD-2-Clause
/* memory.c - The device's way to memory: translate, and forget in time */
#include "nic/memory/memory.h"

#include <errno.h>
#include <string.h>

#include "nic/memory/walk.h"

#define SETS_AHEAD 17		/* of the TLB: 64 KiB at any offset             */

void memory_init(struct memory *m, const struct bus *bus,
		 struct domain *domains, uint32_t n_domains,
		 struct region *regions, uint32_t n_regions)
{
	memset(m, 0, sizeof(*m));
	memset(domains, 0, n_domains * sizeof(*domains));
	m->bus = *bus;
	m->domains = domains;
	m->n_domains = n_domains;
	region_table_init(&m->regions, regions, n_regions);
}

/* ---- Domains ----------------------------------------------------------------- */

static void forget_domain(struct memory *m, uint16_t id)
{
	tlb_remove_range(&m->tlb, id, 0, UINT64_MAX, PAGE_SHIFT_2M);
	m->epoch++;
}

int memory_add_domain(struct memory *m, enum page_format format, uint64_t pdbr,
		      struct extent *extents, uint32_t max_extents,
		      uint16_t *id)
{
	uint32_t n = 0;

	if ((unsigned int)format >= PAGE_N_FORMATS ||
	    pdbr % PAGE_TABLE_BYTES != 0 ||
	    pdbr >> page_layouts[format].bus_bits != 0)
		return -EINVAL;
	while (n < m->n_domains && m->domains[n].in_use)
		n++;
	if (n == m->n_domains)
		return -ENOSPC;
	m->domains[n] = (struct domain){
		.pdbr = pdbr, .extents = extents, .max_extents = max_extents,
		.id = (uint16_t)n, .format = (uint8_t)format, .in_use = true,
	};
	*id = (uint16_t)n;
	return 0;
}

void memory_remove_domain(struct memory *m, uint16_t id)
{
	region_release_domain(&m->regions, id);
	m->domains[id] = (struct domain){ .id = id };
	forget_domain(m, id);
}

int memory_revoke(struct memory *m, uint16_t id, uint64_t start,
		  uint64_t bytes)
{
	int err = domain_remove_extent(&m->domains[id], start, bytes);

	if (!err)
		forget_domain(m, id);
	return err;
}

/* ---- The invalidation register ------------------------------------------------ */

uint64_t invalidation_request(struct invalidation_register *r,
			      const struct invalidation *what)
{
	uint64_t ticket = atomic_load_explicit(&r->requested,
					       memory_order_relaxed);
	uint64_t done = atomic_load_explicit(&r->acknowledged,
					     memory_order_acquire);

	/* What finds no place is covered by forgetting all, which may come
	 * before the ticket is seen: the tables were changed before. */
	if (ticket - done >= INVALIDATION_PLACES)
		atomic_store_explicit(&r->overflow, true, memory_order_release);
	else
		r->place[ticket % INVALIDATION_PLACES] = *what;
	atomic_store_explicit(&r->requested, ticket + 1, memory_order_release);
	return ticket + 1;
}

static void forget_page(struct memory *m, const struct domain *d,
			uint64_t address)
{
	uint32_t large = page_layouts[d->format].level[1].shift;

	tlb_remove(&m->tlb, &(struct tlb_key){ address >> PAGE_SHIFT_4K, d->id,
					       TLB_SMALL });
	tlb_remove(&m->tlb, &(struct tlb_key){ address >> large, d->id,
					       TLB_LARGE });
	tlb_remove(&m->tlb, &(struct tlb_key){ address >> PAGE_SHIFT_1G, d->id,
					       TLB_HUGE });
}

static void invalidate(struct memory *m, const struct invalidation *what)
{
	const struct domain *d = what->domain < m->n_domains ?
				 &m->domains[what->domain] : NULL;
	uint64_t last = what->address + (what->bytes - 1);

	if (what->kind > INVALIDATE_DOMAIN) {
		tlb_clear(&m->tlb);
	} else if (!d || (what->kind == INVALIDATE_RANGE && !what->bytes)) {
		return;
	} else if (what->kind == INVALIDATE_DOMAIN) {
		forget_domain(m, d->id);
	} else if (what->kind == INVALIDATE_PAGE) {
		forget_page(m, d, what->address);
	} else {
		if (last < what->address)
			last = UINT64_MAX;
		tlb_remove_range(&m->tlb, d->id, what->address, last,
				 page_layouts[d->format].level[1].shift);
	}
}

void memory_poll(struct memory *m)
{
	struct invalidation_register *r = &m->invalidations;
	uint64_t done = atomic_load_explicit(&r->acknowledged,
					     memory_order_relaxed);
	uint64_t requested = atomic_load_explicit(&r->requested,
						  memory_order_acquire);

	if (likely(done == requested))
		return;
	m->counters.invalidations += requested - done;
	m->epoch++;
	if (atomic_exchange_explicit(&r->overflow, false,
				     memory_order_acq_rel) ||
	    requested - done > INVALIDATION_PLACES) {
		tlb_clear(&m->tlb);
	} else {
		for (; done != requested; done++)
			invalidate(m, &r->place[done % INVALIDATION_PLACES]);
	}
	atomic_store_explicit(&r->acknowledged, requested,
			      memory_order_release);
}

/* ---- Translating --------------------------------------------------------------- */

/* A page, or several that follow each other: where they are in this process. */
struct page {
	uint8_t *at;
	uint32_t shift;		/* log2 of its size                             */
	uint64_t more;		/* pages behind it                              */
};

/* What is the same for all pages of a range, and the way to the last of them. */
struct translation {
	struct memory *m;
	const struct domain *d;
	bool write;
	bool walked;
	struct walk walk;
};

static enum tlb_array array_of(uint32_t shift)
{
	if (shift == PAGE_SHIFT_4K)
		return TLB_SMALL;
	return shift == PAGE_SHIFT_1G ? TLB_HUGE : TLB_LARGE;
}

static NO_INLINE enum dma_fault walk_tables(struct translation *t,
					    uint64_t address, uint64_t bytes,
					    struct page *page)
{
	struct memory *m = t->m;
	struct walk *w = &t->walk;
	enum dma_fault fault =
		t->walked ? walk_on(&m->bus, t->d, address, t->write, w) :
			    walk(&m->bus, t->d, address, t->write, w);
	uint64_t rights = 0;

	m->tlb.misses++;
	m->counters.walks++;
	if (fault)
		return fault;
	t->walked = true;
	page->at = bus_at(&m->bus, w->page);
	page->shift = w->shift;
	page->more = walk_run(&m->bus, t->d, w,
			      ((address + bytes - 1) >> w->shift) -
			      (address >> w->shift));
	if (w->extent->rights & EXTENT_READ)
		rights |= TLB_READ;
	if (t->write || (w->writable && w->dirty))
		rights |= TLB_WRITE;
	tlb_insert(&m->tlb,
		   &(struct tlb_key){ address >> w->shift, t->d->id,
				      (uint8_t)array_of(w->shift) },
		   (uintptr_t)page->at | rights);
	return DMA_FAULT_NONE;
}

static ALWAYS_INLINE bool use_hit(struct translation *t, uint64_t place,
				  enum tlb_array array, uint32_t shift,
				  struct page *page)
{
	if (!(place & (t->write ? TLB_WRITE : TLB_READ)))
		return false;
	t->m->tlb.hits[array]++;
	page->at = (uint8_t *)(uintptr_t)(place & ~0xfffull);
	page->shift = shift;
	page->more = 0;
	return true;
}

static ALWAYS_INLINE enum dma_fault find_page(struct translation *t,
					      uint64_t address, uint64_t bytes,
					      struct page *page)
{
	struct tlb *tlb = &t->m->tlb;
	const struct page_layout *l = &page_layouts[t->d->format];
	uint32_t large = l->level[1].shift;
	uint16_t id = t->d->id;

	/* A tag does not hold all bits of an address that does not exist. */
	if (unlikely(!page_is_canonical(l, address)))
		return DMA_FAULT_NON_CANONICAL;
	/* The entry beside one that was just read costs no more than the TLB. */
	if (t->walked && walk_is_near(l, &t->walk, address))
		return walk_tables(t, address, bytes, page);
	if (use_hit(t, tlb_find(tlb, TLB_SMALL, address >> PAGE_SHIFT_4K, id),
		    TLB_SMALL, PAGE_SHIFT_4K, page) ||
	    use_hit(t, tlb_find(tlb, TLB_LARGE, address >> large, id),
		    TLB_LARGE, large, page) ||
	    use_hit(t, tlb_find(tlb, TLB_HUGE, address >> PAGE_SHIFT_1G, id),
		    TLB_HUGE, PAGE_SHIFT_1G, page))
		return DMA_FAULT_NONE;
	return walk_tables(t, address, bytes, page);
}

/* Return: false when @s is full. */
static ALWAYS_INLINE bool add_span(struct spans *s, uint32_t first, uint8_t *at,
				   uint64_t bytes)
{
	struct iovec *last = s->n > first ? &s->at[s->n - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == at) {
		last->iov_len += bytes;
		return true;
	}
	if (s->n == s->max)
		return false;
	s->at[s->n++] = (struct iovec){ at, bytes };
	return true;
}

/* Payload that streams through the cache takes the TLB's lines with it. */
static ALWAYS_INLINE void prefetch_sets(struct tlb *t, uint64_t address,
					uint64_t bytes)
{
	uint64_t page = address >> PAGE_SHIFT_4K;
	uint64_t last = (address + (bytes - 1)) >> PAGE_SHIFT_4K;

	if (last - page >= SETS_AHEAD)
		last = page + SETS_AHEAD - 1;
	for (; page <= last; page++)
		prefetch_read(tlb_set(t, TLB_SMALL, page));
}

static enum dma_fault translate_virtual(struct memory *m,
					const struct memory_range *range,
					struct spans *spans, uint64_t *at)
{
	struct translation t;
	uint64_t address = range->address, left = range->bytes;
	uint32_t first = spans->n;

	t.m = m;
	t.d = &m->domains[range->domain];
	t.write = range->write;
	t.walked = false;
	prefetch_sets(&m->tlb, address, left);
	while (left > 0) {
		struct page page;
		enum dma_fault fault = find_page(&t, address, left, &page);
		uint64_t offset, part;

		*at = address;
		if (unlikely(fault))
			return fault;
		offset = address & ((1ull << page.shift) - 1);
		part = ((page.more + 1) << page.shift) - offset;
		if (part > left)
			part = left;
		if (!add_span(spans, first, page.at + offset, part))
			return DMA_FAULT_TOO_LONG;
		address += part;
		left -= part;
	}
	return DMA_FAULT_NONE;
}

static enum dma_fault translate_bus(struct memory *m,
				    const struct memory_range *range,
				    struct spans *spans, uint64_t *at)
{
	const struct domain *d = &m->domains[range->domain];
	uint32_t right = range->write ? EXTENT_WRITE : EXTENT_READ;
	uint64_t address = range->address, left = range->bytes;
	uint32_t first = spans->n;

	while (left > 0) {
		const struct extent *e = domain_find_extent(d, address, 1);
		uint64_t part;

		*at = address;
		if (!e || !(e->rights & right))
			return DMA_FAULT_UNREACHABLE;
		part = e->end - address < left ? e->end - address : left;
		if (!add_span(spans, first, bus_at(&m->bus, address), part))
			return DMA_FAULT_TOO_LONG;
		address += part;
		left -= part;
	}
	return DMA_FAULT_NONE;
}

enum dma_fault memory_translate(struct memory *m,
				const struct memory_range *range,
				struct spans *spans, uint64_t *at)
{
	uint32_t n = spans->n;
	enum dma_fault fault;
	uint64_t last;

	if (range->bytes == 0)
		return DMA_FAULT_NONE;
	*at = range->address;
	if (__builtin_add_overflow(range->address, range->bytes - 1, &last))
		fault = DMA_FAULT_WRAP;
	else if (range->is_virtual)
		fault = translate_virtual(m, range, spans, at);
	else
		fault = translate_bus(m, range, spans, at);
	if (unlikely(fault)) {
		spans->n = n;
		m->counters.faults[fault]++;
	}
	return fault;
}
