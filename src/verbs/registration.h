/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registration.h - Which memory the device may reach, and which it may go on to
 *
 * DOC: Theory of operation
 * A *range* is one piece of memory that can be registered: an allocation, or a
 * program's buffer that was made memory of the device. It is registered whole or not
 * at all, so a buffer is never registered twice, and two registrations never overlap.
 *
 *      unknown --add--> known --get--> held <--get/put--> idle
 *                         ^                                 |
 *                         +------------- evicted -----------+
 *
 * Whoever uses a registration holds it. One that nobody holds is idle: it stays, for
 * the next time, until there are more than max_ranges or max_bytes registered. Then
 * the idle one goes that was used longest ago. What is held counts, but never goes.
 *
 * To register costs a request and an entry of a page table for each page; to copy
 * costs by the byte. So get() with @spend_bytes refuses until as much has been copied
 * from the range as registering it costs: whatever comes, that is at most twice the
 * best (ski rental).
 *
 * Found by address: the range that was used last, then a search in a sorted array.
 *
 * Threads: one.
 * Source: SPEC AG-5, LIB-3.
 */
#ifndef VERBS_REGISTRATION_H
#define VERBS_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <tto/verbs.h>

#include "base/compiler.h"

struct registered_range {
	struct tto_region region;	/* stag, pdbr, rights: while registered */
	struct registered_range *newer, *older;	/* of the idle                  */
	uint64_t copied_bytes;	/* out of it, since it was not registered       */
	uint32_t object;	/* handle of the memory object ...              */
	uint32_t handle;	/* of the registration                          */
	uint64_t object_offset;	/* ... and where in it the range begins         */
	uint32_t holders;
	bool is_registered;
	bool is_own;		/* the library's: the program cannot free it    */
};

/* Who registers. */
struct registration_ops {
	/* Sets stag, pdbr and handle of @range. Return: 0; -errno. */
	int (*register_range)(void *ctx, struct registered_range *range,
			      uint32_t rights);
	void (*release_range)(void *ctx, struct registered_range *range);
};

struct registration_cache {
	const struct registration_ops *ops;
	void *ctx;
	struct registered_range **ranges;	/* by address                   */
	uint32_t n_ranges, room;
	struct registered_range *last;	/* that was found; NULL: none           */
	struct registered_range *newest, *oldest;	/* of the idle          */
	uint32_t max_ranges;
	uint64_t max_bytes, spend_bytes;
	uint64_t n_registered, bytes_registered;
	uint64_t hits, misses, evictions;
};

/** registration_cache_open() - An empty cache; room comes as it is needed */
void registration_cache_open(struct registration_cache *c,
			     const struct registration_ops *ops, void *ctx,
			     const struct tto_device_options *options);

/** registration_cache_close() - Forget all; nothing is released on the other side */
void registration_cache_close(struct registration_cache *c);

/**
 * registration_add() - Make a range known
 * @range:	The caller's, until registration_remove(); region.address and
 *		region.bytes, object and object_offset are set, the rest is 0. Overlaps
 *		none that is known
 *
 * Return: 0; -ENOMEM.
 */
MUST_CHECK int registration_add(struct registration_cache *c,
				struct registered_range *range);

/**
 * registration_remove() - Forget a range, and release it if it is registered
 *
 * Return: 0; -EBUSY when it is held: nothing has changed.
 */
MUST_CHECK int registration_remove(struct registration_cache *c,
				   struct registered_range *range);

/** registration_find() - The range with all of @bytes at @address, or NULL */
struct registered_range *registration_find(struct registration_cache *c,
					   const void *address, size_t bytes);

/**
 * registration_get() - Hold a range, registered
 * @need:	Rights (enum tto_rights) without which it is no use
 * @make:	Rights to register it with, if it has to be; @need is in it
 *
 * Each has its registration_put().
 *
 * Return: 0; -EACCES: it is held by somebody with less rights; -errno of the device's
 * owner.
 */
MUST_CHECK int registration_get(struct registration_cache *c,
				struct registered_range *range, uint32_t need,
				uint32_t make);
void registration_put(struct registration_cache *c, struct registered_range *range);

/**
 * registration_pays() - Whether to hold a range rather than copy from it
 * @bytes:	That are to be sent; counted as copied when the answer is no
 */
static inline bool registration_pays(const struct registration_cache *c,
				     struct registered_range *range, size_t bytes)
{
	if (likely(range->is_registered))
		return true;
	if (range->copied_bytes >= c->spend_bytes)
		return true;
	range->copied_bytes += bytes;
	return false;
}

static inline struct registered_range *
registration_of(const struct tto_region *region)
{
	return (struct registered_range *)(uintptr_t)region;
}

#endif
