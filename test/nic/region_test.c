// SPDX-License-Identifier: BSD-2-Clause
/*
 * region_test.c - Tags of registered memory (SPEC RQ-6, AG-5)
 *
 * Every tag that was ever given is remembered, with what it stood for and
 * whether it still does; all of them are tried again and again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/memory/region.h"
#include "nic/transmit_model.h"

#define SEEDS 200
#define STEPS 1000
#define PLACES 16
#define DOMAINS 4

struct tag {
	uint64_t stag;
	struct region region;	/* as it was registered                         */
	bool live;
};

struct scene {
	uint64_t seed;
	uint32_t step;
	struct rng rng;
	struct region_table table;
	struct region places[PLACES];
	uint32_t n_places, n_live, n;
	struct tag tags[STEPS + PLACES];
};

static uint64_t n_faults[DMA_N_FAULTS], n_full;

static void check(const struct scene *s, bool ok, const char *what)
{
	if (!ok)
		fail_msg("seed %ju, step %u: %s", (uintmax_t)s->seed, s->step,
			 what);
}

static uint64_t rng64(struct rng *r)
{
	return (uint64_t)rng_below(r, UINT32_MAX) << 32 | rng_below(r, UINT32_MAX);
}

static const struct tag *find_tag(const struct scene *s, uint64_t stag)
{
	for (uint32_t n = 0; n < s->n; n++)
		if (s->tags[n].stag == stag)
			return &s->tags[n];
	return NULL;
}

static enum dma_fault expected(const struct scene *s,
			       const struct region_access *a)
{
	const struct tag *t = find_tag(s, a->stag);

	if (!t || !t->live)
		return DMA_FAULT_KEY;
	if (t->region.domain != a->domain)
		return DMA_FAULT_DOMAIN;
	if (!(t->region.rights & (a->write ? REGION_WRITE : REGION_READ)))
		return DMA_FAULT_RIGHT;
	if ((unsigned __int128)a->offset + a->bytes > t->region.bytes)
		return DMA_FAULT_BOUNDS;
	return DMA_FAULT_NONE;
}

static void check_access(struct scene *s, const struct region_access *a)
{
	uint64_t address = 0;
	enum dma_fault want = expected(s, a);
	enum dma_fault fault = region_check(&s->table, a, &address);

	check(s, fault == want, dma_fault_name(fault));
	n_faults[fault]++;
	if (!fault)
		check(s, address == find_tag(s, a->stag)->region.start +
				    a->offset, "address");
}

/* Tags of the past mostly, and their neighbours. */
static uint64_t any_stag(struct scene *s)
{
	struct rng *r = &s->rng;

	if (s->n == 0 || rng_chance(r, 8))
		return region_stag(rng_below(r, PLACES + 3), rng_below(r, 40));
	if (rng_chance(r, 16))
		return s->tags[rng_below(r, s->n)].stag ^ 1ull << rng_below(r, 64);
	return s->tags[s->n - 1 - rng_below(r, rng_chance(r, 2) ? s->n :
					    s->n < 30 ? s->n : 30)].stag;
}

static void any_access(struct scene *s)
{
	struct rng *r = &s->rng;
	struct region_access a = { .stag = any_stag(s),
				   .domain = rng_below(r, DOMAINS),
				   .write = rng_chance(r, 2) };
	const struct tag *t = find_tag(s, a.stag);
	uint64_t bytes = t ? t->region.bytes : 1;

	if (t && rng_below(r, 4))
		a.domain = t->region.domain;
	a.offset = rng_chance(r, 8) ? rng64(r) : rng64(r) % bytes;
	a.bytes = rng_chance(r, 8) ? rng64(r) : rng64(r) % bytes;
	if (rng_chance(r, 2) && a.offset <= bytes)	/* just in, just out */
		a.bytes = bytes - a.offset + rng_below(r, 2);
	check_access(s, &a);
}

static struct region any_region(struct rng *r)
{
	struct region v = { .start = rng64(r), .domain = rng_below(r, DOMAINS),
			    .rights = rng_below(r, 4) };

	v.start >>= rng_below(r, 64);
	v.bytes = rng64(r) >> rng_below(r, 64);
	if (rng_chance(r, 8))		/* up to the last address, or beyond */
		v.bytes = 0 - v.start + rng_below(r, 2);
	v.key = rng_below(r, 100);	/* these are not read                */
	v.next_free = rng_below(r, 100);
	v.in_use = rng_chance(r, 2);
	return v;
}

static void any_register(struct scene *s)
{
	struct region v = any_region(&s->rng);
	bool valid = v.rights && v.bytes &&
		     (unsigned __int128)v.start + v.bytes <=
		     (unsigned __int128)1 << 64;
	uint64_t stag = 0;
	int err = region_register(&s->table, &v, &stag);

	check(s, err == (!valid ? -EINVAL : s->n_live == s->n_places ?
			 -ENOSPC : 0), "result of region_register");
	n_full += err == -ENOSPC;
	if (err)
		return;
	check(s, stag != 0, "tag 0");
	check(s, !find_tag(s, stag), "a tag was given again");
	s->tags[s->n++] = (struct tag){ stag, v, true };
	s->n_live++;
}

static void any_release(struct scene *s)
{
	uint64_t stag = any_stag(s);
	struct tag *t = (struct tag *)(uintptr_t)find_tag(s, stag);
	uint16_t domain = rng_below(&s->rng, DOMAINS);
	bool match;

	if (t && rng_below(&s->rng, 4))
		domain = t->region.domain;
	match = t && t->live && t->region.domain == domain;
	check(s, region_release(&s->table, stag, domain) ==
		 (match ? 0 : -ENOENT), "result of region_release");
	if (!match)
		return;
	t->live = false;
	s->n_live--;
}

static void any_domain_ends(struct scene *s)
{
	uint16_t domain = rng_below(&s->rng, DOMAINS);
	uint32_t n_released = 0;

	for (uint32_t n = 0; n < s->n; n++) {
		struct tag *t = &s->tags[n];

		n_released += t->live && t->region.domain == domain;
		t->live = t->live && t->region.domain != domain;
	}
	s->n_live -= n_released;
	check(s, region_release_domain(&s->table, domain) == n_released,
	      "result of region_release_domain");
}

static void one_step(struct scene *s)
{
	switch (rng_below(&s->rng, 40)) {
	case 0: any_domain_ends(s); break;
	case 1 ... 20: any_register(s); break;
	default: any_release(s);
	}
	check(s, s->table.n_live == s->n_live, "n_live");
	for (uint32_t n = 0; n < 20; n++)
		any_access(s);
}

static void check_all(struct scene *s)
{
	for (uint32_t n = 0; n < s->n; n++) {
		struct region_access a = { s->tags[n].stag, 0, 1,
					   s->tags[n].region.domain,
					   !(s->tags[n].region.rights & 1) };

		check_access(s, &a);
	}
}

static void rq_6_tags_match_until_they_are_released(void **state)
{
	static struct scene s;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		memset(&s, 0, sizeof(s));
		memset(s.places, 0xa5, sizeof(s.places));
		s.seed = seed;
		s.rng = (struct rng){ seed * 0x9e3779b97f4a7c15 };
		s.n_places = 1 + rng_below(&s.rng, PLACES);
		region_table_init(&s.table, s.places, s.n_places);
		for (s.step = 0; s.step < STEPS; s.step++)
			one_step(&s);
		check_all(&s);
	}
	print_message("seeds 1..%u, table full %ju\n", SEEDS, (uintmax_t)n_full);
	for (uint32_t f = 0; f < DMA_N_FAULTS; f++)
		if (n_faults[f])
			print_message("%s: %ju\n", dma_fault_name(f),
				      (uintmax_t)n_faults[f]);
	assert_true(n_full > 100);
	assert_true(n_faults[DMA_FAULT_NONE] > 100);
	for (uint32_t f = DMA_FAULT_BOUNDS; f <= DMA_FAULT_RIGHT; f++)
		assert_true(n_faults[f] > 100);
}

/* A place close to its last key: it is used up, and stays so. */
static void rq_6_places_without_keys_are_retired(void **state)
{
	struct region places[2], v = { .start = 4096, .bytes = 10, .domain = 1,
				       .rights = REGION_READ };
	struct region_table t;
	uint64_t keep, stag, tags[8] = { 0 }, address;
	uint32_t n = 0;

	(void)state;
	region_table_init(&t, places, 2);
	assert_int_equal(region_register(&t, &v, &stag), 0);
	assert_int_equal(region_register(&t, &v, &keep), 0);
	assert_int_equal(region_release(&t, stag, 1), 0);
	places[(uint32_t)stag].key = UINT32_MAX - 3;
	while (region_register(&t, &v, &stag) == 0) {
		assert_true(n < 8);
		for (uint32_t k = 0; k < n; k++)
			assert_true(tags[k] != stag);
		tags[n++] = stag;
		assert_int_equal(region_release(&t, stag, 1), 0);
	}
	assert_int_equal(n, 4);		/* the last key is 2^32 - 1     */
	assert_int_equal(region_register(&t, &v, &stag), -ENOSPC);
	for (uint32_t k = 0; k < 8; k++) {	/* tag 0 is among them  */
		struct region_access a = { tags[k], 0, 1, 1, false };

		assert_int_equal(region_check(&t, &a, &address), DMA_FAULT_KEY);
	}
	for (uint32_t turn = 0; turn < 100; turn++) {
		assert_int_equal(region_release(&t, keep, 1), 0);
		assert_int_equal(region_register(&t, &v, &keep), 0);
		assert_int_equal((uint32_t)keep, 1);
		assert_int_equal(region_register(&t, &v, &stag), -ENOSPC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rq_6_tags_match_until_they_are_released),
		cmocka_unit_test(rq_6_places_without_keys_are_retired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
