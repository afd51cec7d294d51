// SPDX-License-Identifier: BSD-2-Clause
/* region.c - Registered memory: what a tag (STag) stands for */
#include "nic/memory/region.h"

#include <errno.h>
#include <string.h>

void region_table_init(struct region_table *t, struct region *places,
		       uint32_t n_places)
{
	memset(places, 0, n_places * sizeof(*places));
	*t = (struct region_table){ .places = places, .n_places = n_places };
}

/* Places that were never used come first, then that released longest ago. */
static struct region *take_place(struct region_table *t)
{
	struct region *r;

	if (t->n_used < t->n_places) {
		r = &t->places[t->n_used++];
		r->key = 1;
		return r;
	}
	if (!t->first_free)
		return NULL;
	r = &t->places[t->first_free - 1];
	t->first_free = r->next_free;
	if (!t->first_free)
		t->last_free = 0;
	return r;
}

/* Key 0 follows the last: the place is retired. */
static void give_place(struct region_table *t, struct region *r)
{
	uint32_t place = (uint32_t)(r - t->places) + 1;

	r->in_use = false;
	r->next_free = 0;
	t->n_live--;
	if (++r->key == 0)
		return;
	if (t->last_free)
		t->places[t->last_free - 1].next_free = place;
	else
		t->first_free = place;
	t->last_free = place;
}

int region_register(struct region_table *t, const struct region *r,
		    uint64_t *stag)
{
	struct region *place;
	uint64_t last;

	if (r->bytes == 0 || !(r->rights & (REGION_READ | REGION_WRITE)) ||
	    __builtin_add_overflow(r->start, r->bytes - 1, &last))
		return -EINVAL;
	place = take_place(t);
	if (!place)
		return -ENOSPC;
	place->start = r->start;
	place->bytes = r->bytes;
	place->domain = r->domain;
	place->rights = r->rights;
	place->in_use = true;
	t->n_live++;
	*stag = region_stag((uint32_t)(place - t->places), place->key);
	return 0;
}

static struct region *find(const struct region_table *t, uint64_t stag)
{
	uint32_t index = (uint32_t)stag;
	struct region *r;

	if (index >= t->n_used)
		return NULL;
	r = &t->places[index];
	return r->in_use && r->key == stag >> 32 ? r : NULL;
}

int region_release(struct region_table *t, uint64_t stag, uint16_t domain)
{
	struct region *r = find(t, stag);

	if (!r || r->domain != domain)
		return -ENOENT;
	give_place(t, r);
	return 0;
}

uint32_t region_release_domain(struct region_table *t, uint16_t domain)
{
	uint32_t n = 0;

	for (uint32_t index = 0; index < t->n_used; index++) {
		struct region *r = &t->places[index];

		if (r->in_use && r->domain == domain) {
			give_place(t, r);
			n++;
		}
	}
	return n;
}

enum dma_fault region_check(const struct region_table *t,
			    const struct region_access *access,
			    uint64_t *address)
{
	const struct region *r = find(t, access->stag);
	uint8_t right = access->write ? REGION_WRITE : REGION_READ;

	if (!r)
		return DMA_FAULT_KEY;
	if (r->domain != access->domain)
		return DMA_FAULT_DOMAIN;
	if (!(r->rights & right))
		return DMA_FAULT_RIGHT;
	if (access->offset > r->bytes ||
	    access->bytes > r->bytes - access->offset) {
		*address = access->offset > r->bytes ? access->offset :
						       r->bytes;
		return DMA_FAULT_BOUNDS;
	}
	*address = r->start + access->offset;
	return DMA_FAULT_NONE;
}
