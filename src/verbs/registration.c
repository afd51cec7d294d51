// SPDX-License-Identifier: BSD-2-Clause
/* registration.c - Which memory the device may reach, and which it may go on to */
#include "verbs/registration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void registration_cache_open(struct registration_cache *c,
			     const struct registration_ops *ops, void *ctx,
			     const struct tto_device_options *options)
{
	*c = (struct registration_cache){
		.ops = ops, .ctx = ctx,
		.max_ranges = options->cache_regions,
		.max_bytes = options->cache_bytes,
		.spend_bytes = options->register_after,
	};
}

void registration_cache_close(struct registration_cache *c)
{
	free(c->ranges);
	*c = (struct registration_cache){ .n_ranges = 0 };
}

/* ---- By address ------------------------------------------------------------------ */

/* Index of the first range that begins behind @address. */
static uint32_t first_behind(const struct registration_cache *c,
			     const void *address)
{
	uint32_t low = 0, high = c->n_ranges;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if ((uintptr_t)c->ranges[middle]->region.address <=
		    (uintptr_t)address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool holds(const struct registered_range *range, const void *address,
		  size_t bytes)
{
	uint64_t at = (uintptr_t)address - (uintptr_t)range->region.address;

	return at <= range->region.bytes && bytes <= range->region.bytes - at;
}

struct registered_range *registration_find(struct registration_cache *c,
					   const void *address, size_t bytes)
{
	uint32_t behind;

	if (likely(c->last && holds(c->last, address, bytes)))
		return c->last;
	behind = first_behind(c, address);
	if (!behind || !holds(c->ranges[behind - 1], address, bytes))
		return NULL;
	c->last = c->ranges[behind - 1];
	return c->last;
}

int registration_add(struct registration_cache *c, struct registered_range *range)
{
	uint32_t at;

	if (c->n_ranges == c->room) {
		uint32_t room = c->room ? 2 * c->room : 16;
		void *more = realloc(c->ranges, room * sizeof(c->ranges[0]));

		if (!more)
			return -ENOMEM;
		c->ranges = more;
		c->room = room;
	}
	at = first_behind(c, range->region.address);
	memmove(&c->ranges[at + 1], &c->ranges[at],
		(c->n_ranges - at) * sizeof(c->ranges[0]));
	c->ranges[at] = range;
	c->n_ranges++;
	return 0;
}

/* ---- Idle, the one used longest ago last -------------------------------------------- */

static void idle_add(struct registration_cache *c, struct registered_range *range)
{
	range->newer = NULL;
	range->older = c->newest;
	if (c->newest)
		c->newest->newer = range;
	else
		c->oldest = range;
	c->newest = range;
}

static void idle_remove(struct registration_cache *c,
			struct registered_range *range)
{
	if (range->newer)
		range->newer->older = range->older;
	else
		c->newest = range->older;
	if (range->older)
		range->older->newer = range->newer;
	else
		c->oldest = range->newer;
}

/* @range is idle. */
static void release(struct registration_cache *c, struct registered_range *range)
{
	idle_remove(c, range);
	c->ops->release_range(c->ctx, range);
	range->is_registered = false;
	range->copied_bytes = 0;
	c->n_registered--;
	c->bytes_registered -= range->region.bytes;
}

static bool evict(struct registration_cache *c)
{
	if (!c->oldest)
		return false;
	release(c, c->oldest);
	c->evictions++;
	return true;
}

static bool is_over(const struct registration_cache *c)
{
	return c->n_registered > c->max_ranges || c->bytes_registered > c->max_bytes;
}

int registration_remove(struct registration_cache *c, struct registered_range *range)
{
	uint32_t at = first_behind(c, range->region.address) - 1;

	if (range->holders)
		return -EBUSY;
	if (range->is_registered)
		release(c, range);
	c->n_ranges--;
	memmove(&c->ranges[at], &c->ranges[at + 1],
		(c->n_ranges - at) * sizeof(c->ranges[0]));
	if (c->last == range)
		c->last = NULL;
	return 0;
}

/* ---- Hold -------------------------------------------------------------------------- */

/* The owner of the device has no place: idle ones make room, one after the other. */
static int register_range(struct registration_cache *c,
			  struct registered_range *range, uint32_t rights)
{
	int status;

	do {
		status = c->ops->register_range(c->ctx, range, rights);
	} while ((status == -ENOSPC || status == -EDQUOT) && evict(c));
	if (status < 0)
		return status;
	range->region.rights = rights;
	range->is_registered = true;
	range->holders = 1;
	c->n_registered++;
	c->bytes_registered += range->region.bytes;
	while (is_over(c) && evict(c))
		continue;
	return 0;
}

int registration_get(struct registration_cache *c, struct registered_range *range,
		     uint32_t need, uint32_t make)
{
	if (range->is_registered && (range->region.rights & need) == need) {
		c->hits++;
		if (range->holders++ == 0)
			idle_remove(c, range);
		return 0;
	}
	if (range->holders)
		return -EACCES;
	if (range->is_registered) {
		make |= range->region.rights;
		release(c, range);
	}
	c->misses++;
	return register_range(c, range, make);
}

void registration_put(struct registration_cache *c, struct registered_range *range)
{
	if (--range->holders)
		return;
	idle_add(c, range);
	while (is_over(c) && evict(c))
		continue;
}
