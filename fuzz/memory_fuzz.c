// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory_fuzz.c - Any page tables, any descriptors: nothing outside is touched
 *
 * Input: options, then operations of one byte and what belongs to them: write to
 * the tables, walk, translate, fetch, scatter, invalidate, revoke, register. The
 * bus has a page of its own for each table; where no extent is, its memory is not
 * accessible at all, so that a byte too far ends the process. Walks are compared
 * with the reference of the tests, and once everything was invalidated so are
 * translations; whatever a translation says has to lie in an extent that allows it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nic/fetch.h"
#include "nic/memory/page_map.h"
#include "nic/memory/walk.h"
#include "nic/memory_reference.h"
#include "nic/scatter.h"

#define BUS_BYTES (16ull << 20)
#define PAGE 4096u
#define TABLES 16		/* pages at the start of the bus                */
#define LARGE (4ull << 20)
#define N_EXTENTS 40
#define N_DOMAINS 2
#define N_SLOTS 8
#define SLOT_BYTES 2048
#define MAX_DESCRIPTORS 6

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	const uint8_t *at, *end;
	struct bus bus;
	struct memory *memory;
	struct dma_queue queue;
	struct domain domain[N_DOMAINS];
	struct extent extent[N_DOMAINS][N_EXTENTS];
	struct region region[4];
	uint64_t stag[4];
	bool stale;		/* the tables changed since the last poll       */
};

static uint8_t *bus_memory;

static uint64_t take(struct run *r, uint32_t bytes)
{
	uint64_t v = 0;

	for (; bytes > 0; bytes--)
		v = v << 8 | (r->at < r->end ? *r->at++ : 0);
	return v;
}

/* Aligned to the largest page, so that those can be mapped. */
static void reserve_bus(void)
{
	uint8_t *at;

	if (bus_memory)
		return;
	at = mmap(NULL, 2 * BUS_BYTES, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(at != MAP_FAILED);
	bus_memory = at + (-(uintptr_t)at & (LARGE - 1));
}

static void protect(const struct run *r)
{
	CHECK(!mprotect(bus_memory, BUS_BYTES, PROT_NONE));
	for (uint32_t n = 0; n < N_DOMAINS; n++) {
		const struct domain *d = &r->memory->domains[n];

		for (uint32_t k = 0; k < d->n_extents; k++) {
			const struct extent *e = &d->extents[k];

			CHECK(!mprotect(bus_memory + e->start,
					e->end - e->start,
					PROT_READ | PROT_WRITE));
		}
	}
}

/* ---- Addresses that mean something ------------------------------------------------ */

static uint64_t virtual_address(struct run *r)
{
	uint8_t kind = (uint8_t)take(r, 1);
	uint64_t page = kind & 0x3f, offset = take(r, 2) & 0x1fff;

	switch (kind >> 6) {
	case 0: return (page << 12) + offset;
	case 1: return (page << 21) + offset;
	case 2: return ((page & 3) << 30) + ((page >> 2) << 12) + offset;
	default: return take(r, 8);
	}
}

static uint64_t bus_address(struct run *r)
{
	uint8_t kind = (uint8_t)take(r, 1);

	if (kind == 0xff)
		return take(r, 8);
	return kind & 0x80 ? (kind & 7) * (LARGE / 2) + take(r, 2) :
			     (uint64_t)(kind % (2 * TABLES)) * PAGE + take(r, 2);
}

/* ---- Operations ---------------------------------------------------------------------- */

static void write_entry(struct run *r)
{
	uint32_t table = (uint32_t)take(r, 1) % TABLES;
	uint32_t index = (uint32_t)take(r, 1), bytes = 8;
	uint8_t how = (uint8_t)take(r, 1);
	uint64_t entry = (uint64_t)(take(r, 1) % (2 * TABLES)) * PAGE;

	if (how & 0x80)
		entry = take(r, 1) % 8 * (LARGE / 2);
	entry |= take(r, 1) | (how & 1 ? 7 : 0);
	if (how & 2)
		entry ^= take(r, 8);
	if (how & 4)
		bytes = 4;
	if (mprotect(bus_memory + table * PAGE, PAGE, PROT_READ | PROT_WRITE))
		return;
	memcpy(bus_memory + table * PAGE + index * bytes, &entry, bytes);
	protect(r);
	r->stale = true;
}

static void check_walk(struct run *r)
{
	const struct domain *d = &r->memory->domains[take(r, 1) % N_DOMAINS];
	uint64_t address = virtual_address(r);
	bool write = take(r, 1) & 1;
	struct reference expected;
	struct walk w;
	enum dma_fault fault = walk(&r->bus, d, address, write, &w);

	expected = reference_walk(bus_memory, d, address, write);
	CHECK(fault == expected.fault);
	CHECK(fault || (w.page == expected.page && w.shift == expected.shift &&
			w.writable == expected.writable));
}

static void check_span(const struct run *r, const struct domain *d,
		       const struct iovec *span, bool write)
{
	uint64_t at = (uint64_t)((uint8_t *)span->iov_base - bus_memory);
	uint64_t left = span->iov_len;

	(void)r;
	while (left > 0) {
		const struct extent *e = domain_find_extent(d, at, 1);

		CHECK(e && e->rights & (write ? EXTENT_WRITE : EXTENT_READ));
		if (left <= e->end - at)
			break;
		left -= e->end - at;
		at = e->end;
	}
}

/* Each page where the tables have it, when nothing can be stale. */
static void check_fresh(struct run *r, const struct memory_range *range,
			const struct iovec *span)
{
	const struct domain *d = &r->memory->domains[range->domain];
	struct reference expected;
	uint64_t mask;

	if (r->stale || !range->is_virtual)
		return;
	expected = reference_walk(bus_memory, d, range->address, range->write);
	mask = (1ull << expected.shift) - 1;
	CHECK(!expected.fault);
	CHECK(bus_memory + expected.page + (range->address & mask) ==
	      span->iov_base);
}

static void translate(struct run *r)
{
	struct iovec at[20];
	struct spans spans = { at, 0, 1 + (uint32_t)take(r, 1) % 20 };
	struct memory_range range;
	uint64_t failed, sum = 0;

	range.domain = (uint16_t)(take(r, 1) % N_DOMAINS);
	range.write = take(r, 1) & 1;
	range.is_virtual = take(r, 1) & 1;
	range.bytes = take(r, 2);
	range.address = range.is_virtual ? virtual_address(r) : bus_address(r);
	if (memory_translate(r->memory, &range, &spans, &failed)) {
		CHECK(spans.n == 0);
		CHECK(failed - range.address < range.bytes);
		return;
	}
	for (uint32_t n = 0; n < spans.n; n++) {
		check_span(r, &r->memory->domains[range.domain], &at[n],
			   range.write);
		sum += at[n].iov_len;
	}
	CHECK(sum == range.bytes);
	if (range.bytes)
		check_fresh(r, &range, at);
}

static struct descriptor next_descriptor(struct run *r)
{
	struct descriptor d = { .command = (uint16_t)take(r, 2) };

	d.mss = (uint16_t)(take(r, 1) * 8);
	d.length = (uint32_t)take(r, 2);
	d.address = virtual_address(r);
	d.base = r->memory->domains[d.mss & 8 ? 1 : 0].pdbr;
	if (d.command & DESCRIPTOR_REGION) {
		d.address &= 0x3fff;
		d.base = r->stag[d.command >> 8 & 3];
	} else if (!(d.command & DESCRIPTOR_VIRTUAL)) {
		d.address = bus_address(r);
	}
	if ((d.command & 0xf000) == 0xf000)
		d.length = (uint32_t)take(r, 4);
	else
		d.command &= DESCRIPTOR_ALL;
	return d;
}

/* Invalidates, or revokes, between two calls. */
static void disturb(struct run *r)
{
	uint8_t kind = (uint8_t)take(r, 1);
	struct invalidation what = {
		.kind = kind & 7, .domain = kind >> 3 & 1, .bytes = 1u << 16,
	};

	if (kind & 0x40) {
		(void)!memory_revoke(r->memory, what.domain,
				     (uint64_t)(kind & 15) * PAGE, PAGE);
		protect(r);
		return;
	}
	if (what.kind < INVALIDATE_DOMAIN)
		what.address = virtual_address(r);
	invalidation_request(&r->memory->invalidations, &what);
	if (kind & 0x80)
		memory_poll(r->memory);
	if (kind & 0x80 && what.kind > INVALIDATE_DOMAIN)
		r->stale = false;
}

static void fetch(struct run *r)
{
	static struct fetch f;
	static uint8_t frames[N_SLOTS][SLOT_BYTES];
	struct descriptor ring[MAX_DESCRIPTORS];
	uint32_t n = 1 + (uint32_t)take(r, 1) % MAX_DESCRIPTORS;
	enum tto_link link = take(r, 1) % TTO_N_LINKS;
	int left, got;

	for (uint32_t k = 0; k < n; k++)
		ring[k] = next_descriptor(r);
	left = fetch_begin(&f, r->memory, &r->queue,
			   &(struct fetch_request){ .descriptors = ring, .n = n,
						    .link = (uint8_t)link });
	CHECK(fetch_taken(&f) >= 1 && fetch_taken(&f) <= n);
	CHECK(left != -EFAULT || (f.error.fault != DMA_FAULT_NONE &&
				  f.error.element < n));
	while (left > 0) {
		struct tto_slot slot[N_SLOTS];
		struct iovec iov[N_SLOTS][4];
		uint8_t shape = (uint8_t)take(r, 1);

		for (uint32_t k = 0; k < N_SLOTS; k++)
			slot[k] = (struct tto_slot){
				.data = frames[k], .size = SLOT_BYTES,
				.iov = shape & 1 ? iov[k] : NULL, .n_iov = 4,
			};
		got = fetch_next(&f, slot, 1 + (shape >> 1) % N_SLOTS);
		CHECK(got <= left);
		if (got <= 0)
			break;
		left -= got;
		if (shape & 0x80)
			disturb(r);
	}
}

static void store(struct run *r)
{
	static uint8_t bytes[9000];
	struct element to[3];
	struct iovec iov = { bytes, take(r, 2) % sizeof(bytes) };
	struct scatter_source from = { &iov, 1, iov.iov_len };
	struct scatter_target target = { &r->queue, to, 0 };
	struct dma_error error;
	uint32_t sum;

	target.n = 1 + (uint32_t)take(r, 1) % 3;
	for (uint32_t k = 0; k < target.n; k++) {
		struct descriptor d = next_descriptor(r);

		to[k] = (struct element){
			d.address, d.base, d.length,
			d.command & DESCRIPTOR_REGION ? ELEMENT_REGION :
			d.command & DESCRIPTOR_VIRTUAL ? ELEMENT_VIRTUAL :
							 ELEMENT_BUS,
		};
	}
	(void)scatter(r->memory, &target, &from, checksum_select(NULL), &sum,
		      &error);
	r->stale = true;	/* tables may lie in what may be written        */
}

static void change_regions(struct run *r)
{
	uint8_t what = (uint8_t)take(r, 1);
	struct region region = { .domain = what & 1, .rights = what >> 1 & 3 };
	uint64_t *stag = &r->stag[what >> 6];

	region.start = virtual_address(r);
	region.bytes = take(r, 2);
	if (what & 0x20)
		(void)!region_release(&r->memory->regions, *stag, what & 1);
	else
		(void)!region_register(&r->memory->regions, &region, stag);
}

/* ---- A run ----------------------------------------------------------------------------- */

static void add_extents(struct run *r, uint32_t n)
{
	struct domain *d = &r->memory->domains[n];
	uint32_t rights = (uint32_t)take(r, 2);

	for (uint32_t page = 0; page < 2 * TABLES; page++) {
		uint32_t right = rights >> (page % 4 * 4) & 15;

		if (!right || (page + n) % 7 == 6)
			continue;
		CHECK(!domain_add_extent(d, page * PAGE, PAGE, right));
	}
	if (rights & 1)
		CHECK(!domain_add_extent(d, LARGE, LARGE,
					 EXTENT_READ | EXTENT_WRITE));
}

/* Each page that is no table begins with headers that can be sent. */
static void fill(void)
{
	static const uint8_t header[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0,
		10, 0, 0, 1, 10, 0, 0, 2,
		0, 80, 0x30, 0x39, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0,
	};

	CHECK(!mprotect(bus_memory, BUS_BYTES, PROT_READ | PROT_WRITE));
	memset(bus_memory, 0, 2 * TABLES * PAGE);
	for (uint32_t page = TABLES; page < 2 * TABLES; page++)
		memcpy(bus_memory + page * PAGE, header, sizeof(header));
}

static void begin(struct run *r)
{
	reserve_bus();
	fill();
	r->bus = (struct bus){ bus_memory, BUS_BYTES };
	memory_init(r->memory, &r->bus, r->domain, N_DOMAINS, r->region, 4);
	for (uint32_t n = 0; n < N_DOMAINS; n++) {
		uint16_t id;
		uint8_t how = (uint8_t)take(r, 1);

		CHECK(!memory_add_domain(r->memory, how & 1,
					 (uint64_t)(how >> 1) % TABLES * PAGE,
					 r->extent[n], N_EXTENTS, &id));
		add_extents(r, n);
	}
	r->queue = (struct dma_queue){ { 0, 1 }, 1 + (uint8_t)take(r, 1) % 2 };
	r->stale = true;
	protect(r);
}

static void (*const operations[])(struct run *r) = {
	write_entry, write_entry, check_walk, translate, fetch, store, disturb,
	change_regions,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	static struct memory memory;

	memset(&r, 0, sizeof(r));
	r.at = data;
	r.end = data + size;
	r.memory = &memory;
	begin(&r);
	for (uint32_t n = 0; n < 200 && r.at < r.end; n++)
		operations[take(&r, 1) % ARRAY_SIZE(operations)](&r);
	return 0;
}
