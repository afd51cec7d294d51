// SPDX-License-Identifier: BSD-2-Clause
/* sent.c - Sends on their way: what each holds until it completes */
#include "verbs/sent.h"

#include <errno.h>
#include <stdlib.h>

int sent_open(struct sent *s, uint32_t entries)
{
	*s = (struct sent){ .mask = entries - 1 };
	s->entry = calloc(entries, sizeof(s->entry[0]));
	s->range = calloc(entries, sizeof(struct registered_range *));
	if (s->entry && s->range)
		return 0;
	sent_close(s, NULL);
	return -ENOMEM;
}

static void put_ranges(struct sent *s, uint32_t n, struct registration_cache *cache)
{
	while (n--)
		registration_put(cache, s->range[s->range_completed++ & s->mask]);
}

void sent_close(struct sent *s, struct registration_cache *cache)
{
	if (s->range && cache)
		put_ranges(s, s->range_posted - s->range_completed, cache);
	free(s->entry);
	free(s->range);
	*s = (struct sent){ .entry = NULL };
}

/* What does not fit before the end of the ring begins at its start. */
uint8_t *sent_take(struct sent *s, uint32_t bytes)
{
	uint32_t at, skip;

	at = s->pool_taken & (s->pool_bytes - 1);
	skip = bytes > s->pool_bytes - at ? s->pool_bytes - at : 0;
	if (s->pool_taken - s->pool_given + skip + bytes > s->pool_bytes)
		return NULL;
	s->pool_taken += skip + bytes;
	return s->pool + (skip ? 0 : at);
}

bool sent_post(struct sent *s, uint64_t wr_id, uint32_t n_ranges, uint8_t flags)
{
	bool report = flags & (SENT_SIGNALED | SENT_IN_PLACE | SENT_LENT) ||
		      s->posted - s->reported >= (s->mask + 1) / 4 ||
		      s->pool_taken - s->pool_reported > s->pool_bytes / 4;

	s->entry[s->posted++ & s->mask] = (struct sent_entry){
		.wr_id = wr_id, .pool_end = s->pool_taken,
		.n_ranges = (uint16_t)n_ranges, .flags = flags,
	};
	if (report) {
		s->reported = s->posted;
		s->pool_reported = s->pool_taken;
	}
	return report;
}

const struct sent_entry *sent_complete(struct sent *s, uint32_t number,
				       struct registration_cache *cache)
{
	const struct sent_entry *entry;

	if (number - s->completed >= s->posted - s->completed)
		return NULL;
	do {
		entry = &s->entry[s->completed & s->mask];
		put_ranges(s, entry->n_ranges, cache);
	} while (s->completed++ != number);
	s->pool_given = entry->pool_end;
	if (s->posted == s->completed)
		s->pool_taken = s->pool_given = s->pool_reported = 0;
	return entry;
}

bool sent_is_reading(const struct sent *s, uint64_t wr_id)
{
	for (uint32_t n = s->completed; n != s->posted; n++) {
		const struct sent_entry *entry = &s->entry[n & s->mask];

		if (entry->wr_id == wr_id && entry->flags & SENT_IN_PLACE)
			return true;
	}
	return false;
}
