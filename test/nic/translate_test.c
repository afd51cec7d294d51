// SPDX-License-Identifier: BSD-2-Clause
/*
 * translate_test.c - Ranges, elements, and translations that are given up
 * (SPEC TX-2, TX-3, TX-4, RQ-6)
 *
 * Four domains with equal virtual addresses change their tables at random. What
 * comes out is compared with slow walks, page by page, as soon as the device has
 * acknowledged the change. Only addresses are compared: no payload is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/memory/element.h"
#include "nic/memory/page_map.h"
#include "nic/memory_reference.h"
#include "nic/transmit_model.h"

#define SEEDS 60
#define STEPS 60
#define DOMAINS 4
#define EXTENTS 16
#define SPANS 64
#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define TABLES (8 * MIB)

static uint8_t memory[TABLES] __attribute__((aligned(4096)));
static const struct bus bus = { memory, 1ull << 40 };

struct client {
	struct page_map map;
	struct extent extents[EXTENTS];
	uint64_t stag;		/* of a region, or of one that is gone          */
	struct region region;
	bool registered;
};

struct scene {
	uint64_t seed;
	uint32_t step;
	struct rng rng;
	struct page_pool pool;
	struct domain domains[DOMAINS];
	struct region regions[64];
	struct client clients[DOMAINS];
	uint64_t faults[DMA_N_FAULTS];	/* that should have been counted       */
};

/* What should come out. */
struct answer {
	enum dma_fault fault;
	uint64_t at;
	uint32_t n;
	struct iovec spans[SPANS];
};

static struct memory m;
static uint64_t n_faults[DMA_N_FAULTS], n_overflows, n_joined;

static void check(const struct scene *s, bool ok, const char *what)
{
	if (!ok)
		fail_msg("seed %ju, step %u: %s", (uintmax_t)s->seed, s->step,
			 what);
}

/* ---- The model ----------------------------------------------------------------- */

static bool reaches(const struct domain *d, uint64_t a, bool write)
{
	for (uint32_t n = 0; n < d->n_extents; n++) {
		const struct extent *e = &d->extents[n];

		if (a >= e->start && a < e->end)
			return e->rights & (write ? EXTENT_WRITE : EXTENT_READ);
	}
	return false;
}

/* Where one address leads. The reference may not mark: others do that here. */
static enum dma_fault look(const struct memory_range *r, uint64_t a,
			   uint64_t *to)
{
	struct extent extents[EXTENTS];
	struct domain d = m.domains[r->domain];
	struct reference ref;

	*to = a;
	if (!r->is_virtual)
		return reaches(&d, a, r->write) ? DMA_FAULT_NONE :
						  DMA_FAULT_UNREACHABLE;
	for (uint32_t n = 0; n < d.n_extents; n++) {
		extents[n] = d.extents[n];
		extents[n].rights &= ~(uint32_t)EXTENT_TABLE_MARKS;
	}
	d.extents = extents;
	ref = reference_walk(memory, &d, a, r->write);
	*to = ref.page + (a & ((1ull << ref.shift) - 1));
	return ref.fault;
}

static enum dma_fault add(struct answer *w, uint64_t to, uint64_t bytes,
			  uint32_t room)
{
	uint8_t *at = (uint8_t *)((uintptr_t)memory + to);
	struct iovec *last = w->n ? &w->spans[w->n - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == at) {
		last->iov_len += bytes;
		n_joined++;
		return DMA_FAULT_NONE;
	}
	if (w->n == room)
		return DMA_FAULT_TOO_LONG;
	w->spans[w->n++] = (struct iovec){ at, bytes };
	return DMA_FAULT_NONE;
}

static void expect(const struct memory_range *r, uint32_t room,
		   struct answer *w)
{
	uint64_t done = 0, to;

	*w = (struct answer){ .at = r->address };
	if (r->bytes > 0 && r->address + (r->bytes - 1) < r->address)
		w->fault = DMA_FAULT_WRAP;
	while (done < r->bytes && !w->fault) {
		uint64_t a = r->address + done, part = 4096 - a % 4096;

		if (part > r->bytes - done)
			part = r->bytes - done;
		w->at = a;
		w->fault = look(r, a, &to);
		if (!w->fault)
			w->fault = add(w, to, part, room);
		done += part;
	}
}

/* ---- Comparing ------------------------------------------------------------------ */

/* Spans that were there before stay, and so does all of it on a fault. */
static void compare_spans(const struct scene *s, const struct spans *got,
			  const struct answer *want, uint32_t before)
{
	uint32_t n = want->fault ? 0 : want->n;

	check(s, got->n == before + n, "number of spans");
	for (uint32_t k = 0; k < before; k++)
		check(s, got->at[k].iov_base == memory + k &&
			 got->at[k].iov_len == 1, "spans of before");
	for (uint32_t k = 0; k < n; k++) {
		const struct iovec *v = &got->at[before + k];

		check(s, v->iov_base == want->spans[k].iov_base, "place");
		check(s, v->iov_len == want->spans[k].iov_len, "length");
	}
}

static void count(struct scene *s, enum dma_fault fault)
{
	n_faults[fault]++;
	if (fault)
		s->faults[fault]++;
	check(s, memcmp(s->faults, m.counters.faults, sizeof(s->faults)) == 0,
	      "counters of faults");
}

static struct spans some_spans(struct rng *r, struct iovec *at)
{
	struct spans v = { at, rng_below(r, 3), SPANS };

	for (uint32_t k = 0; k < v.n; k++)
		at[k] = (struct iovec){ memory + k, 1 };
	if (rng_chance(r, 4))
		v.max = v.n + rng_below(r, 3);
	return v;
}

/* What was translated for writing is marked as dirty, by TLB or by walk. */
static void check_dirty(const struct scene *s, const struct memory_range *r)
{
	for (uint64_t done = 0; done < r->bytes; done += 4096)
		check(s, reference_walk(memory, &m.domains[r->domain],
					r->address + done, false).dirty,
		      "not dirty");
}

static void check_range(struct scene *s, const struct memory_range *r)
{
	struct iovec at[SPANS];
	struct spans spans = some_spans(&s->rng, at);
	uint32_t before = spans.n;
	struct answer want;
	uint64_t where = r->address;
	enum dma_fault fault;

	expect(r, spans.max - before, &want);
	fault = memory_translate(&m, r, &spans, &where);
	if (fault != want.fault)
		fail_msg("seed %ju, step %u: %#jx + %#jx: %s, not %s",
			 (uintmax_t)s->seed, s->step, (uintmax_t)r->address,
			 (uintmax_t)r->bytes, dma_fault_name(fault),
			 dma_fault_name(want.fault));
	if (fault)
		check(s, where == want.at, "first address that fails");
	else if (r->write && r->is_virtual)
		check_dirty(s, r);
	compare_spans(s, &spans, &want, before);
	count(s, fault);
}

static uint64_t any_virtual(struct rng *r)
{
	uint64_t a = rng_below(r, 16 * MIB);

	switch (rng_below(r, 12)) {
	case 0: return 0ull - 1 - rng_below(r, 16 * MIB);
	case 1: return (1ull << 47) - 1 - rng_below(r, 100000);
	case 2: return 4 * GIB - 1 - rng_below(r, 16 * MIB);
	case 3: return a << rng_below(r, 40);
	case 4: case 5: case 6: return a;
	default: return a % MIB;	/* often, so that the TLB has it        */
	}
}

static uint64_t any_bus(struct rng *r)
{
	static const uint64_t edges[] = { 16 * MIB, 512 * MIB, 768 * MIB, GIB,
					  3 * GIB };

	return edges[rng_below(r, 5)] + rng_below(r, 200000) - 100000;
}

static uint32_t any_length(struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0: return 0;
	case 1: case 2: return rng_below(r, 3 * MIB);
	case 3: return 4096;
	default: return rng_below(r, 65536);
	}
}

static void check_ranges(struct scene *s)
{
	struct rng *r = &s->rng;

	for (uint32_t n = 0; n < 60; n++) {
		struct memory_range v = {
			.bytes = any_length(r), .write = rng_chance(r, 2),
			.domain = rng_below(r, DOMAINS),
			.is_virtual = rng_below(r, 8),
		};

		v.address = v.is_virtual ? any_virtual(r) : any_bus(r);
		check_range(s, &v);
	}
}

/* ---- Elements --------------------------------------------------------------------- */

static bool has_domain(const struct dma_queue *q, uint32_t id)
{
	for (uint32_t n = 0; n < q->n_domains; n++)
		if (q->domains[n] == id)
			return true;
	return false;
}

/* As the SPEC says: @range is set when there is no fault. */
static enum dma_fault judge(const struct scene *s, const struct dma_queue *q,
			    const struct element *e, uint32_t client,
			    struct memory_range *range)
{
	const struct client *c = &s->clients[client];

	range->domain = (uint16_t)client;
	switch (e->kind) {
	case ELEMENT_BUS:
		range->domain = q->domains[0];
		range->is_virtual = false;
		return DMA_FAULT_NONE;
	case ELEMENT_VIRTUAL:
		return has_domain(q, client) && e->base == c->map.root ?
		       DMA_FAULT_NONE : DMA_FAULT_PDBR;
	}
	if (!c->registered || e->base != c->stag)
		return DMA_FAULT_KEY;
	if (!has_domain(q, client))
		return DMA_FAULT_DOMAIN;
	if (!(c->region.rights & (range->write ? REGION_WRITE : REGION_READ)))
		return DMA_FAULT_RIGHT;
	if (e->address > c->region.bytes ||
	    e->bytes > c->region.bytes - e->address)
		return DMA_FAULT_BOUNDS;
	range->address = c->region.start + e->address;
	return DMA_FAULT_NONE;
}

static struct element any_element(struct scene *s, uint32_t client)
{
	struct rng *r = &s->rng;
	struct element e = { .bytes = any_length(r), .kind = rng_below(r, 3) };
	const struct client *c = &s->clients[client];

	if (e.kind == ELEMENT_BUS) {
		e.address = any_bus(r);
	} else if (e.kind == ELEMENT_VIRTUAL) {
		e.address = any_virtual(r);
		e.base = c->map.root ^ (rng_chance(r, 8) ? 1ull << 60 : 0);
	} else {
		e.base = c->stag ^ (rng_chance(r, 16) ? 1ull << 60 : 0);
		e.address = rng_below(r, 3 * MIB);
		if (rng_chance(r, 2))
			e.bytes = rng_below(r, 30000);
	}
	return e;
}

static struct dma_queue any_queue(struct rng *r)
{
	struct dma_queue q = { .n_domains = 1 + rng_below(r, DOMAINS) };
	uint32_t first = rng_below(r, DOMAINS);

	for (uint32_t n = 0; n < DMA_QUEUE_DOMAINS; n++)
		q.domains[n] = (first + n * 3) % DOMAINS;
	return q;
}

static void check_element(struct scene *s)
{
	struct dma_queue q = any_queue(&s->rng);
	uint32_t client = rng_below(&s->rng, DOMAINS);
	struct element e = any_element(s, client);
	struct memory_range range = { e.address, e.bytes, 0,
				      rng_chance(&s->rng, 2), true };
	struct iovec at[SPANS];
	struct spans spans = some_spans(&s->rng, at);
	struct dma_error error = { 0 };
	uint32_t before = spans.n;
	struct answer want = { .at = e.address };
	enum dma_fault fault = judge(s, &q, &e, client, &range), got;

	if (!fault)
		expect(&range, spans.max - before, &want);
	else
		want.fault = fault;
	if (!fault)
		want.at = e.address + (want.at - range.address);
	/* The first that is outside: where the region ends, or all of it. */
	if (fault == DMA_FAULT_BOUNDS &&
	    want.at < s->clients[client].region.bytes)
		want.at = s->clients[client].region.bytes;
	got = element_translate(&m, &q, &e, range.write, &spans, &error);
	if (got != want.fault)
		fail_msg("seed %ju, step %u: element of kind %u: %s, not %s",
			 (uintmax_t)s->seed, s->step, e.kind,
			 dma_fault_name(got), dma_fault_name(want.fault));
	if (got)
		check(s, error.address == want.at && error.fault == got &&
			 error.write == range.write, "error of an element");
	compare_spans(s, &spans, &want, before);
	count(s, got);
}

static void any_registration(struct scene *s)
{
	struct rng *r = &s->rng;
	uint32_t id = rng_below(r, DOMAINS);
	struct client *c = &s->clients[id];

	if (c->registered) {
		check(s, region_release(&m.regions, c->stag, id) == 0,
		      "region_release");
		c->registered = false;
		return;
	}
	c->region = (struct region){ .start = rng_below(r, 14 * MIB),
				     .bytes = 1 + rng_below(r, 3 * MIB),
				     .domain = (uint16_t)id,
				     .rights = 1 + rng_below(r, 3) };
	c->registered = region_register(&m.regions, &c->region, &c->stag) == 0;
}

/* ---- Changes ------------------------------------------------------------------------ */

/* Return: the ticket; the kind fits what was changed. */
static uint64_t give_up(struct scene *s, uint32_t id, uint64_t a, uint64_t bytes)
{
	struct invalidation what = { a, bytes, (uint16_t)id,
				     rng_below(&s->rng, INVALIDATE_ALL + 3) };

	if (rng_below(&s->rng, 4) && what.kind > INVALIDATE_RANGE)
		what.kind = INVALIDATE_RANGE;
	if (what.kind == INVALIDATE_PAGE && bytes > 4096)
		what.kind = INVALIDATE_RANGE;
	if (what.kind == INVALIDATE_PAGE)
		what.address += rng_below(&s->rng, 4096);
	return invalidation_request(&m.invalidations, &what);
}

/* Return: a ticket, or 0: something was only added. */
static uint64_t any_change(struct scene *s)
{
	struct rng *r = &s->rng;
	uint32_t id = rng_below(r, DOMAINS), rights = rng_below(r, 9) % 4;
	struct page_map *map = &s->clients[id].map;
	uint64_t a = rng_below(r, rng_chance(r, 2) ? 256 : 4096) * 4096ull;
	uint64_t bytes, to;
	int err;

	bytes = (1 + rng_below(r, rng_chance(r, 2) ? 1 : 1000)) * 4096ull;
	if (rng_chance(r, 4) && map->format == PAGE_FORMAT_X86_64)
		a |= 0ull - 16 * MIB;
	if (rng_chance(r, 4))
		bytes = 4 * MIB;
	if (bytes == 4 * MIB)
		a &= ~(4 * MIB - 1);
	to = rng_below(r, 14) * 256 * MIB + (rng_chance(r, 2) ? a % (4 * MIB) :
					     rng_below(r, 5000) * 4096ull);
	if (rng_chance(r, 2)) {
		err = page_map_map(map, a, to, bytes, rights);
		check(s, err == 0 || err == -EEXIST || err == -EINVAL, "map");
		return 0;
	}
	err = rng_chance(r, 2) ? page_map_unmap(map, a, bytes) :
				 page_map_protect(map, a, bytes, rights);
	check(s, err == 0 || err == -EINVAL, "unmap");
	return give_up(s, id, a, bytes);
}

/* Some changes, or more than the register has places for. */
static void change(struct scene *s)
{
	uint32_t n = rng_chance(&s->rng, 8) ? 80 : rng_below(&s->rng, 6);
	uint32_t n_tickets = 0, epoch = m.epoch;
	uint64_t last = 0;

	while (n-- > 0) {
		uint64_t ticket = any_change(s);

		if (!ticket)
			continue;
		check(s, ticket > last, "tickets count up");
		check(s, !invalidation_done(&m.invalidations, ticket),
		      "acknowledged too early");
		last = ticket;
		n_tickets++;
	}
	n_overflows += n_tickets > INVALIDATION_PLACES;
	memory_poll(&m);
	check(s, invalidation_done(&m.invalidations, last), "not acknowledged");
	check(s, !n_tickets || epoch != m.epoch, "epoch");
	page_pool_reclaim(&s->pool);
}

static void add_extents(struct domain *d)
{
	static const struct extent all[] = {
		{ 0, TABLES, EXTENT_TABLE | EXTENT_TABLE_MARKS, 0 },
		{ 16 * MIB, 512 * MIB, EXTENT_READ | EXTENT_WRITE, 0 },
		{ 512 * MIB, 768 * MIB, EXTENT_READ, 0 },
		{ 768 * MIB, 800 * MIB, EXTENT_WRITE, 0 },
		{ GIB, 3 * GIB, EXTENT_READ | EXTENT_WRITE, 0 },
	};

	for (size_t n = 0; n < sizeof(all) / sizeof(*all); n++)
		assert_int_equal(domain_add_extent(d, all[n].start,
						   all[n].end - all[n].start,
						   all[n].rights), 0);
}

static void add_client(struct scene *s, uint32_t id)
{
	struct client *c = &s->clients[id];
	enum page_format format = rng_below(&s->rng, PAGE_N_FORMATS);
	uint16_t got;

	assert_int_equal(page_map_init(&c->map, &s->pool, format), 0);
	assert_int_equal(memory_add_domain(&m, format, c->map.root, c->extents,
					   EXTENTS, &got), 0);
	assert_int_equal(got, id);
	add_extents(&m.domains[id]);
}

/* Another comes with the same id: nothing of the first may be left. */
static void replace_client(struct scene *s)
{
	uint32_t id = rng_below(&s->rng, DOMAINS);

	memory_remove_domain(&m, (uint16_t)id);
	s->clients[id].registered = false;
	page_map_clear(&s->clients[id].map);
	page_pool_reclaim(&s->pool);
	add_client(s, id);
}

/* At once, without a poll; and what comes back needs none either. */
static void revoke(struct scene *s)
{
	uint32_t id = rng_below(&s->rng, DOMAINS), epoch = m.epoch;
	uint64_t start = GIB + rng_below(&s->rng, 1000) * MIB;
	uint64_t bytes = (1 + rng_below(&s->rng, 1000)) * MIB;

	check_ranges(s);
	check(s, memory_revoke(&m, (uint16_t)id, start, bytes) == 0, "revoke");
	check(s, epoch != m.epoch, "epoch");
	check_ranges(s);
	check(s, domain_add_extent(&m.domains[id], start, bytes,
				   EXTENT_READ | EXTENT_WRITE) == 0, "add");
}

static void one_step(struct scene *s)
{
	change(s);
	check_ranges(s);
	if (rng_chance(&s->rng, 8))
		revoke(s);
	if (rng_chance(&s->rng, 16))
		replace_client(s);
	for (uint32_t n = 0; n < 30; n++) {
		if (rng_chance(&s->rng, 8))
			any_registration(s);
		check_element(s);
	}
	check_ranges(s);
}

static void tx_4_translations_are_those_of_the_tables(void **state)
{
	static struct scene s;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		memset(&s, 0, sizeof(s));
		s.seed = seed;
		s.rng = (struct rng){ seed * 0x9e3779b97f4a7c15 };
		page_pool_init(&s.pool, &bus, 4096, TABLES - 4096);
		memory_init(&m, &bus, s.domains, DOMAINS, s.regions, 64);
		for (uint32_t id = 0; id < DOMAINS; id++)
			add_client(&s, id);
		for (s.step = 0; s.step < STEPS; s.step++)
			one_step(&s);
	}
	print_message("seeds 1..%u, joined %ju, overflows %ju, hits %ju\n",
		      SEEDS, (uintmax_t)n_joined, (uintmax_t)n_overflows,
		      (uintmax_t)m.tlb.hits[TLB_SMALL]);
	for (uint32_t f = 0; f < DMA_N_FAULTS; f++) {
		print_message("%s: %ju\n", dma_fault_name(f),
			      (uintmax_t)n_faults[f]);
		if (f != DMA_FAULT_RESERVED && f != DMA_FAULT_CONTENDED &&
		    f != DMA_FAULT_TABLE_UNREACHABLE && f != DMA_FAULT_COMMAND)
			assert_true(n_faults[f] > 20);
	}
	assert_true(n_overflows > 20 && m.tlb.hits[TLB_SMALL] > 0 &&
		    m.tlb.hits[TLB_LARGE] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_4_translations_are_those_of_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
