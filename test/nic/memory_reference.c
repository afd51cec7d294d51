// SPDX-License-Identifier: BSD-2-Clause
/* memory_reference.c - Slow and plain: what the device may make of page tables */
#include "nic/memory_reference.h"

struct place {			/* of an entry                                  */
	uint64_t at, entry;
	uint32_t rights;	/* of the extent                                */
};

static uint64_t bits(uint64_t v, uint32_t high, uint32_t low)
{
	return (v >> low) & (~0ull >> (63 - (high - low)));
}

/* Rights of the one extent that holds all of a range; 0: there is none. */
static uint32_t rights_of(const struct domain *d, uint64_t start, uint64_t n)
{
	for (uint32_t idx = 0; idx < d->n_extents; idx++) {
		const struct extent *e = &d->extents[idx];

		if (start >= e->start && start < e->end && n <= e->end - start)
			return e->rights;
	}
	return 0;
}

static uint64_t read_entry(const uint8_t *p, uint32_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static bool exists(bool wide, uint64_t address)
{
	if (!wide)
		return address <= 0xffffffff;
	return bits(address, 63, 47) == 0 || bits(address, 63, 47) == 0x1ffff;
}

/* @size: log2 of what an entry at this place covers. */
static bool has_reserved(bool wide, uint32_t size, uint64_t e)
{
	bool large = bits(e, 7, 7) && size > 12;

	if (!wide)
		return large && bits(e, 21, 21);
	if (bits(e, 51, 48) != 0 || (size == 39 && large))
		return true;
	return large && bits(e, size - 1, 13) != 0;
}

static uint64_t page_of(bool wide, uint32_t size, uint64_t e)
{
	if (size == 12)
		return bits(e, wide ? 47 : 31, 12) << 12;
	if (wide)
		return bits(e, 47, size) << size;
	return bits(e, 20, 13) << 32 | bits(e, 31, 22) << 22;
}

static void mark(uint8_t *bytes, const struct place *p, uint32_t n, bool write)
{
	for (uint32_t idx = 0; idx < n; idx++) {
		if (!(p[idx].rights & EXTENT_TABLE_MARKS))
			continue;
		bytes[p[idx].at] |= 0x20;
		if (write && idx + 1 == n)
			bytes[p[idx].at] |= 0x40;
	}
}

static enum dma_fault judge(const struct domain *d, const struct place *p,
			    uint32_t n, bool write, struct reference *r)
{
	uint32_t rights = rights_of(d, r->page, 1ull << r->shift);
	bool user = true;

	r->writable = rights & EXTENT_WRITE;
	for (uint32_t idx = 0; idx < n; idx++) {
		user = user && bits(p[idx].entry, 2, 2);
		r->writable = r->writable && bits(p[idx].entry, 1, 1);
	}
	if (!(rights & (write ? EXTENT_WRITE : EXTENT_READ)))
		return DMA_FAULT_UNREACHABLE;
	if (!user)
		return DMA_FAULT_SUPERVISOR;
	return write && !r->writable ? DMA_FAULT_READ_ONLY : DMA_FAULT_NONE;
}

/* Down to the page. Return: entries on the way, in @p. */
static uint32_t descend(const uint8_t *bytes, const struct domain *d,
			uint64_t address, struct place *p, struct reference *r)
{
	static const uint32_t sizes[2][4] = { { 22, 12 }, { 39, 30, 21, 12 } };
	bool wide = d->format == PAGE_FORMAT_X86_64;
	uint32_t width = wide ? 8 : 4;
	uint64_t table = d->pdbr;

	for (uint32_t n = 0;; n++, p++) {
		uint32_t size = sizes[wide][n];

		p->at = table + width * bits(address, size + (wide ? 8 : 9),
					     size);
		p->rights = rights_of(d, p->at, width);
		r->fault = DMA_FAULT_TABLE_UNREACHABLE;
		if (!(p->rights & EXTENT_TABLE))
			return 0;
		r->at[r->n_steps++] = p->at;
		p->entry = read_entry(bytes + p->at, width);
		r->fault = bits(p->entry, 0, 0) ? DMA_FAULT_RESERVED :
						  DMA_FAULT_NOT_PRESENT;
		if (!bits(p->entry, 0, 0) || has_reserved(wide, size, p->entry))
			return 0;
		table = page_of(wide, 12, p->entry);
		if (size > 12 && !bits(p->entry, 7, 7))
			continue;
		r->page = page_of(wide, size, p->entry);
		r->shift = size;
		return n + 1;
	}
}

struct reference reference_walk(uint8_t *bytes, const struct domain *d,
				uint64_t address, bool write)
{
	struct reference r = { .fault = DMA_FAULT_NON_CANONICAL };
	struct place p[4];
	uint32_t n;

	if (!exists(d->format == PAGE_FORMAT_X86_64, address))
		return r;
	n = descend(bytes, d, address, p, &r);
	if (n == 0)
		return r;
	r.fault = judge(d, p, n, write, &r);
	if (r.fault == DMA_FAULT_NONE)
		mark(bytes, p, n, write);
	r.dirty = bits(bytes[p[n - 1].at], 6, 6) ||
		  !(p[n - 1].rights & EXTENT_TABLE_MARKS);
	return r;
}
