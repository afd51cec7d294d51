// SPDX-License-Identifier: BSD-2-Clause
/* tlb.c - Translations that were used lately */
#include "nic/memory/tlb.h"

#include <string.h>

#include "nic/memory/page_table.h"

/* Each array as what it is made of. */
struct sets {
	struct tlb_set *set;
	uint32_t n;
	uint32_t shift;		/* of its pages                                 */
};

static void all_sets(struct tlb *t, uint32_t large_shift,
		     struct sets sets[TLB_N_ARRAYS])
{
	sets[TLB_SMALL] = (struct sets){ t->small, TLB_SMALL_SETS,
					 PAGE_SHIFT_4K };
	sets[TLB_LARGE] = (struct sets){ t->large, TLB_LARGE_SETS,
					 large_shift };
	sets[TLB_HUGE] = (struct sets){ t->huge, TLB_HUGE_SETS, PAGE_SHIFT_1G };
}

void tlb_clear(struct tlb *t)
{
	memset(t->small, 0, sizeof(t->small));
	memset(t->large, 0, sizeof(t->large));
	memset(t->huge, 0, sizeof(t->huge));
}

/* The way that holds @tag; TLB_WAYS: none does. */
static uint32_t way_of(const struct tlb_set *set, uint64_t tag)
{
	uint32_t way = 0;

	while (way < TLB_WAYS && !(set->place[way] && set->tag[way] == tag))
		way++;
	return way;
}

void tlb_insert(struct tlb *t, const struct tlb_key *key, uint64_t place)
{
	struct tlb_set *set = tlb_set(t, key->array, key->page);
	uint64_t tag = key->page << 16 | key->domain;
	uint32_t into = TLB_WAYS;

	for (uint32_t way = 0; way < TLB_WAYS; way++) {
		if (!set->place[way] || set->tag[way] == tag)
			into = way;
		if (set->place[way] && set->tag[way] == tag)
			break;
	}
	if (into == TLB_WAYS)
		into = t->victim++ % TLB_WAYS;
	set->tag[into] = tag;
	set->place[into] = place;
}

void tlb_remove(struct tlb *t, const struct tlb_key *key)
{
	struct tlb_set *set = tlb_set(t, key->array, key->page);
	uint32_t way = way_of(set, key->page << 16 | key->domain);

	if (way < TLB_WAYS)
		set->place[way] = 0;
}

/* Canonical addresses survive the shifts of a tag: the sign comes back. */
static uint64_t tag_address(uint64_t tag, uint32_t shift)
{
	return (uint64_t)((int64_t)tag >> 16) << shift;
}

static void remove_from_set(struct tlb_set *set, uint32_t shift,
			    uint16_t domain, uint64_t first, uint64_t last)
{
	for (uint32_t way = 0; way < TLB_WAYS; way++) {
		uint64_t start = tag_address(set->tag[way], shift);
		uint64_t end = start + ((1ull << shift) - 1);

		if ((uint16_t)set->tag[way] == domain && start <= last &&
		    end >= first)
			set->place[way] = 0;
	}
}

void tlb_remove_range(struct tlb *t, uint16_t domain, uint64_t first,
		      uint64_t last, uint32_t large_shift)
{
	struct sets sets[TLB_N_ARRAYS];

	all_sets(t, large_shift, sets);
	for (uint32_t array = 0; array < TLB_N_ARRAYS; array++) {
		const struct sets *s = &sets[array];

		for (uint32_t n = 0; n < s->n; n++)
			remove_from_set(&s->set[n], s->shift, domain, first,
					last);
	}
}
