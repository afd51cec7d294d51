/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sent.h - Sends on their way: what each holds until it completes
 *
 * DOC: Theory of operation
 * Sends of a QP complete in the order of posting, so what is known of them is a ring:
 * a count of those posted and a count of those completed, for ever. A completion says
 * how many sends there were when its own was posted, and stands for all before it.
 *
 * Most sends are not reported. So that room becomes free all the same, the device is
 * asked to report whenever a quarter has been used (of the ring, of the memory for
 * medium sends) since it was asked last: when something is used up, at least three
 * reports are on their way, and three quarters become free.
 *
 * Memory for medium sends is a ring as well: it is taken and given back in order. When
 * nothing is on its way it begins at its start again, where the cache is warm.
 * Source: SPEC TX-9, LIB-3.
 */
#ifndef VERBS_SENT_H
#define VERBS_SENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "verbs/registration.h"

enum sent_flag {
	SENT_SIGNALED = 1,	/* the program wants to know                    */
	SENT_IN_PLACE = 2,	/* its memory is still being read               */
	SENT_LENT = 4,		/* the same, but whoever writes gets a copy     */
};

/* One send. */
struct sent_entry {
	uint64_t wr_id;		/* the program's                                */
	uint32_t pool_end;	/* pool_taken when it was posted                */
	uint16_t n_ranges;	/* held, in struct sent.range                   */
	uint8_t flags;		/* enum sent_flag                               */
};

struct sent {
	struct sent_entry *entry;
	struct registered_range **range;	/* held by those on their way   */
	uint32_t mask;		/* of both: entries - 1                         */
	uint32_t posted, completed;	/* sends, counted for ever              */
	uint32_t reported;	/* posted, when a report was asked for last     */
	uint32_t range_posted, range_completed;

	uint8_t *pool;		/* for medium sends; NULL: not yet              */
	uint32_t pool_bytes;	/* a power of two                               */
	uint32_t pool_taken, pool_given;	/* bytes, counted for ever      */
	uint32_t pool_reported;
};

MUST_CHECK int sent_open(struct sent *s, uint32_t entries);

/**
 * sent_close() - Nothing is on its way any more
 * @cache:	Where the ranges are held; NULL: it ends as well
 */
void sent_close(struct sent *s, struct registration_cache *cache);

static inline bool sent_has_room(const struct sent *s)
{
	return s->posted - s->completed <= s->mask;
}

static inline bool sent_has_ranges(const struct sent *s, uint32_t n)
{
	return s->range_posted - s->range_completed + n <= s->mask + 1;
}

/* Holds on behalf of the send that is posted next. */
static inline void sent_hold(struct sent *s, struct registered_range *range)
{
	s->range[s->range_posted++ & s->mask] = range;
}

/**
 * sent_take() - Memory for the payload of the send that is posted next
 * @bytes:	1 .. pool_bytes / 4
 *
 * Return: contiguous memory; NULL: too much is on its way.
 */
uint8_t *sent_take(struct sent *s, uint32_t bytes);

/**
 * sent_post() - A send is on its way
 *
 * Return: whether the device has to report it; its number is posted - 1 then.
 */
bool sent_post(struct sent *s, uint64_t wr_id, uint32_t n_ranges, uint8_t flags);

/**
 * sent_complete() - The device has reported the send with this number
 *
 * All before it are complete as well.
 *
 * Return: what was posted; NULL: not on its way.
 */
const struct sent_entry *sent_complete(struct sent *s, uint32_t number,
				       struct registration_cache *cache);

/** sent_is_reading() - Whether memory of a send with @wr_id is still being read */
bool sent_is_reading(const struct sent *s, uint64_t wr_id);

#endif
