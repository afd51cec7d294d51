// SPDX-License-Identifier: BSD-2-Clause
/*
 * region.c - Which of a program's addresses stand for which part of an object
 *
 * A region is a tag for a range; the pages below it are mapped once, and shared by all
 * regions that lie in them, so that a program may register an allocation and parts of
 * it as well. Pages stay until the last of their regions is released.
 * Source: SPEC AG-5, TX-4.
 */
#include <errno.h>
#include <string.h>

#include "host/state.h"

#define PAGE 4096u
#define RIGHTS (CONTROL_READ | CONTROL_WRITE)

_Static_assert((int)CONTROL_READ == (int)REGION_READ, "the same");
_Static_assert((int)CONTROL_WRITE == (int)REGION_WRITE, "the same");

/* The first mapping that ends behind @address. */
static uint32_t find_behind(const struct host_client *c, uint64_t address)
{
	uint32_t low = 0, high = c->n_mappings;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (c->mappings[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Whole pages of what is asked for; -EINVAL when that makes no sense. */
static int pages_of(const struct request *r, const struct host_object *o,
		    struct mapping *m)
{
	uint64_t address = r->ask->region.address, bytes = r->ask->region.bytes;
	uint64_t offset = r->ask->region.offset, end;

	if (bytes == 0 || r->ask->region.reserved || offset > o->bytes ||
	    bytes > o->bytes - offset || (address - offset) % PAGE ||
	    __builtin_add_overflow(address, bytes + PAGE - 1, &end) ||
	    !(r->ask->region.rights & RIGHTS) ||
	    r->ask->region.rights & ~(uint32_t)RIGHTS)
		return -EINVAL;
	m->start = address - address % PAGE;
	m->end = end - end % PAGE;
	m->offset = offset - offset % PAGE;
	m->writable = r->ask->region.rights & CONTROL_WRITE;
	return 0;
}

/* After something was taken away from the tables. */
static void invalidate(struct host_client *c, uint64_t start, uint64_t end)
{
	struct memory *m = &c->host->memory;
	struct invalidation what = {
		.kind = INVALIDATE_RANGE, .domain = c->domain,
		.address = start, .bytes = end - start,
	};

	(void)invalidation_request(&m->invalidations, &what);
	memory_poll(m);
	page_pool_reclaim(&c->pool);
}

static int map_pages(struct host_client *c, const struct mapping *m, uint32_t idx)
{
	uint64_t bytes = m->end - m->start;
	int err;

	if (bytes > c->policy.limits.registered - c->usage.registered)
		return -EDQUOT;
	err = page_map_map(&c->map, m->start,
			   c->handles.places[m->object].object.at + m->offset,
			   bytes, m->writable ? PAGE_WRITE : 0);
	if (err)
		return err;
	memmove(&c->mappings[idx + 1], &c->mappings[idx],
		(c->n_mappings - idx) * sizeof(*m));
	c->mappings[idx] = *m;
	c->n_mappings++;
	c->usage.registered += bytes;
	c->handles.places[m->object].object.refs++;
	return 0;
}

/* The pages are there already: are they the same, and with the right? */
static int share_pages(struct host_client *c, const struct mapping *m,
		       struct mapping *there)
{
	int err = 0;

	if (m->start < there->start || m->end > there->end ||
	    m->object != there->object ||
	    m->start - m->offset != there->start - there->offset)
		return -EEXIST;
	if (m->writable && !there->writable)
		err = page_map_protect(&c->map, there->start,
				       there->end - there->start, PAGE_WRITE);
	if (!err && m->writable)
		there->writable = true;
	return err;
}

static void unmap_pages(struct host_client *c, uint32_t idx)
{
	struct mapping m = c->mappings[idx];

	/* A whole mapping goes: nothing has to be split that was not when it came. */
	(void)!page_map_unmap(&c->map, m.start, m.end - m.start);
	invalidate(c, m.start, m.end);
	c->n_mappings--;
	memmove(&c->mappings[idx], &c->mappings[idx + 1],
		(c->n_mappings - idx) * sizeof(m));
	c->usage.registered -= m.end - m.start;
	c->handles.places[m.object].object.refs--;
}

static int take_pages(struct host_client *c, const struct mapping *m, uint32_t *idx)
{
	*idx = find_behind(c, m->start);
	if (*idx < c->n_mappings && c->mappings[*idx].start < m->end)
		return share_pages(c, m, &c->mappings[*idx]);
	return map_pages(c, m, *idx);
}

static int tag_region(struct request *r, uint64_t *stag)
{
	struct region region = {
		.start = r->ask->region.address, .bytes = r->ask->region.bytes,
		.domain = r->client->domain,
		.rights = (uint8_t)r->ask->region.rights,
	};

	return region_register(&r->host->memory.regions, &region, stag);
}

int region_open(struct request *r)
{
	struct host_client *c = r->client;
	struct handle *object = handle_find(&c->handles, r->ask->handle,
					    HANDLE_OBJECT);
	struct mapping m = { 0 };
	uint32_t place, idx;
	uint64_t stag;
	int err;

	if (!object)
		return -ENOENT;
	err = pages_of(r, &object->object, &m);
	if (err)
		return err;
	if (c->usage.regions == c->policy.limits.regions)
		return -EDQUOT;
	m.object = handle_place(&c->handles, object);
	err = handle_add(&c->handles, HANDLE_REGION, &place);
	if (err)
		return err;
	err = take_pages(c, &m, &idx);
	if (err)
		goto err_handle;
	err = tag_region(r, &stag);
	if (err)
		goto err_pages;
	c->mappings[idx].regions++;
	c->usage.regions++;
	c->handles.places[place].region = (struct host_region){
		.stag = stag, .address = m.start,
	};
	r->reply->handle = handle_of(&c->handles, place);
	r->reply->region.stag = stag;
	r->reply->region.pdbr = c->map.root;
	return 0;

err_pages:
	if (!c->mappings[idx].regions)
		unmap_pages(c, idx);
err_handle:
	handle_remove(&c->handles, place);
	return err;
}

int region_close(struct request *r)
{
	struct host_client *c = r->client;
	struct handle *handle = handle_find(&c->handles, r->ask->handle,
					    HANDLE_REGION);
	uint32_t idx;
	int err;

	if (!handle)
		return -ENOENT;
	err = region_release(&r->host->memory.regions, handle->region.stag,
			     c->domain);
	if (err)
		return err;
	idx = find_behind(c, handle->region.address);
	if (--c->mappings[idx].regions == 0)
		unmap_pages(c, idx);
	else
		invalidate(c, handle->region.address, handle->region.address + 1);
	c->usage.regions--;
	handle_remove(&c->handles, handle_place(&c->handles, handle));
	return 0;
}
