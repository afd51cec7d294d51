// SPDX-License-Identifier: BSD-2-Clause
/* buffer.c - Memory of the program's own, sent from where it is */
#include "verbs/inplace/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verbs/inplace/candidate.h"
#include "verbs/inplace/inplace.h"

enum buffer_state {
	BUFFER_NONE,
	BUFFER_SPARE,		/* only its object is there                     */
	BUFFER_ENTERING,
	BUFFER_IN_PLACE,
	BUFFER_LEFT,		/* by any thread; it may still be on its way    */
	BUFFER_LOST,		/* the same, and the program may have the object */
};

struct buffer {
	uint8_t *at;		/* the program's                                */
	size_t bytes;
	struct allocation *object;	/* as large                             */
	struct inplace_part part;
	uint64_t used;		/* when last, in uses                           */
	_Atomic uint8_t state;	/* enum buffer_state                            */
	bool is_lent;
};

struct buffers {
	struct inplace *inplace;
	struct candidates candidates;
	struct buffer *last;	/* that was found; NULL: none                   */
	struct buffer *entering;
	uint64_t n_uses;
	uint64_t bytes;		/* of objects                                   */
	uint32_t n;
	struct buffer at[];
};

/* ---- What inplace.h tells, from any thread ------------------------------------------ */

static int take(void *ctx, size_t bytes, struct inplace_part *part)
{
	const struct buffers *s = ctx;

	*part = s->entering->part;
	return 0;
}

static void give(void *ctx, const struct inplace_part *part)
{
	struct buffers *s = ctx;

	s->at[part->id].state = BUFFER_LEFT;
}

static void retire(void *ctx, const struct inplace_part *part)
{
	struct buffers *s = ctx;

	s->at[part->id].state = BUFFER_LOST;
}

/* It is registered when it is first used; and what is being sent is sent. */
static int bind_part(void *ctx, void *at, const struct inplace_part *part)
{
	return 0;
}

static void unbind_part(void *ctx, void *at, const struct inplace_part *part)
{
}

static const struct inplace_ops ops = { take, give, retire, bind_part, unbind_part };

/* ---- Objects ------------------------------------------------------------------------- */

static void free_object(struct tto_device *d, struct buffer *b)
{
	d->buffers->bytes -= b->bytes;
	close(b->part.fd);
	/* Nobody holds it, so this cannot fail. */
	(void)memory_give(d, b->object);
	*b = (struct buffer){ .state = BUFFER_NONE };
}

static bool is_on_its_way(const struct buffer *b)
{
	return b->object->range.holders != 0;
}

/* Those that have left and were sent are spare, or free. */
static void collect(struct tto_device *d)
{
	struct buffers *s = d->buffers;

	for (struct buffer *b = s->at; b < s->at + s->n; b++) {
		uint8_t state = b->state;

		if ((state != BUFFER_LEFT && state != BUFFER_LOST) || is_on_its_way(b))
			continue;
		if (state == BUFFER_LOST) {
			free_object(d, b);
			continue;
		}
		b->state = BUFFER_SPARE;
		b->is_lent = false;
	}
}

/* Frees what is spare, else lets go what was used longest ago. Return: false: nothing. */
static bool make_room(struct tto_device *d)
{
	struct buffers *s = d->buffers;
	struct buffer *oldest = NULL;

	collect(d);
	for (struct buffer *b = s->at; b < s->at + s->n; b++) {
		if (b->state == BUFFER_SPARE) {
			free_object(d, b);
			return true;
		}
		if (b->state == BUFFER_IN_PLACE && !is_on_its_way(b) &&
		    (!oldest || b->used < oldest->used))
			oldest = b;
	}
	if (!oldest)
		return false;
	inplace_leave(s->inplace, oldest->at, oldest->bytes);
	return true;
}

/* A spare one of this size, or a place for a new one; NULL: neither. */
static struct buffer *find_place(struct buffers *s, size_t bytes)
{
	struct buffer *place = NULL;

	for (struct buffer *b = s->at; b < s->at + s->n; b++) {
		if (b->state == BUFFER_SPARE && b->bytes == bytes)
			return b;
		if (b->state == BUFFER_NONE)
			place = b;
	}
	return s->bytes + bytes <= s->candidates.max_bytes ? place : NULL;
}

/* Return: 0; -errno. */
static int new_object(struct tto_device *d, struct buffer *b, size_t bytes)
{
	struct buffers *s = d->buffers;
	struct stat st;
	int fd, status;

	do {
		status = memory_take(d, bytes, &b->object, &fd);
	} while ((status == -EDQUOT || status == -ENOSPC) && make_room(d));
	if (status)
		return status;
	b->object->range.is_own = true;
	b->bytes = bytes;
	b->part = (struct inplace_part){ .fd = fd, .bytes = bytes,
					 .id = (uint64_t)(b - s->at) };
	s->bytes += bytes;
	if (fstat(fd, &st)) {
		free_object(d, b);
		return -EIO;
	}
	b->part.inode = st.st_ino;
	b->state = BUFFER_SPARE;
	return 0;
}

/* Return: with an object of @bytes; NULL: there is no room for it. */
static struct buffer *take_object(struct tto_device *d, size_t bytes)
{
	struct buffer *b;

	collect(d);
	do {
		b = find_place(d->buffers, bytes);
	} while (!b && make_room(d));
	if (!b || b->state == BUFFER_SPARE)
		return b;
	return new_object(d, b, bytes) ? NULL : b;
}

/* ---- Enter ---------------------------------------------------------------------------- */

/* What is in place of it already becomes part of it. */
static void grow(const struct buffers *s, uint8_t **at, size_t *bytes)
{
	for (const struct buffer *b = s->at; b < s->at + s->n; b++) {
		uint8_t *end = *at + *bytes, *b_end = b->at + b->bytes;

		if (b->state != BUFFER_IN_PLACE || b->at >= end || b_end <= *at)
			continue;
		*at = b->at < *at ? b->at : *at;
		*bytes = (size_t)((b_end > end ? b_end : end) - *at);
	}
}

/* If it cannot be, it is copied, as before. */
static void enter(struct tto_device *d, uint8_t *at, size_t bytes)
{
	struct buffers *s = d->buffers;
	struct buffer *b;

	grow(s, &at, &bytes);
	inplace_leave(s->inplace, at, bytes);
	b = take_object(d, bytes);
	if (!b)
		return;
	b->at = at;
	b->state = BUFFER_ENTERING;
	s->entering = b;
	if (inplace_enter(s->inplace, at, bytes) == 0) {
		uint8_t entering = BUFFER_ENTERING;

		/* Another thread may have made it leave since. */
		if (atomic_compare_exchange_strong(&b->state, &entering,
						   BUFFER_IN_PLACE))
			b->used = ++s->n_uses;
	} else {
		b->state = BUFFER_SPARE;
	}
}

/* @coming of what was counted have not been copied yet. */
static bool pays(const struct tto_device *d, const struct candidate *c, size_t bytes,
		 uint32_t coming)
{
	uint64_t uses = (c->copied_bytes - coming) / (c->end - c->start);

	if (d->options.in_place_uses)
		return uses >= d->options.in_place_uses;
	return inplace_pays(bytes, (uint32_t)uses);
}

/* What is going to be copied, unless it enters. */
static void count(struct tto_device *d, const struct tto_element *e, bool insist)
{
	struct buffers *s = d->buffers;
	struct candidate *c = candidate_count(&s->candidates, e->address, e->bytes);
	void *first;
	size_t bytes = inplace_pages((void *)c->start, c->end - c->start, &first);

	if (!bytes || (!insist && !pays(d, c, bytes, e->bytes)))
		return;
	/* If it is in vain, that is done again when as much has been copied. */
	candidate_forget(c);
	enter(d, first, bytes);
}

/* ---- Find ------------------------------------------------------------------------------ */

static bool lies_in(const struct buffer *b, const void *first, size_t bytes)
{
	return b->state == BUFFER_IN_PLACE && (const uint8_t *)first >= b->at &&
	       (const uint8_t *)first + bytes <= b->at + b->bytes;
}

static struct buffer *find(struct buffers *s, const void *first, size_t bytes)
{
	if (likely(s->last && lies_in(s->last, first, bytes)))
		return s->last;
	for (struct buffer *b = s->at; b < s->at + s->n; b++) {
		if (lies_in(b, first, bytes))
			return s->last = b;
	}
	return NULL;
}

/* The device has to be done with what is lent before it is shared again. */
static bool is_usable(struct buffers *s, struct buffer *b, const void *first,
		      size_t bytes)
{
	if (b->is_lent) {
		if (is_on_its_way(b) || inplace_take_back(s->inplace, b->at))
			return false;
		b->is_lent = false;
	}
	return inplace_covers(s->inplace, first, bytes);
}

/* Return: 0; -errno: all is copied. */
static int open_buffers(struct tto_device *d)
{
	uint32_t n = d->options.in_place_buffers;
	struct buffers *s = calloc(1, sizeof(*s) + n * sizeof(s->at[0]));
	int status;

	if (!s)
		return -ENOMEM;
	s->n = n;
	s->candidates.max_bytes = d->options.in_place_bytes;
	status = inplace_open(&s->inplace, &ops, s, n);
	if (status) {
		free(s);
		d->options.in_place_min = UINT32_MAX;
		return status;
	}
	d->buffers = s;
	return 0;
}

bool buffer_find(struct tto_device *device, const struct tto_element *e, bool insist,
		 struct buffer_piece *piece)
{
	struct buffers *s = device->buffers;
	struct buffer *b;
	void *first;
	size_t bytes;

	if ((e->bytes < device->options.in_place_min && !insist) ||
	    e->bytes > device->options.in_place_bytes || !inplace_is_watched())
		return false;
	if (!s && open_buffers(device))
		return false;
	s = device->buffers;
	bytes = inplace_pages(e->address, e->bytes, &first);
	if (!bytes)
		return false;
	b = find(s, first, bytes);
	if (!b) {
		count(device, e, insist);
		b = find(s, first, bytes);
	}
	if (!b || !is_usable(s, b, first, bytes))
		return false;
	b->used = ++s->n_uses;
	*piece = (struct buffer_piece){
		.buffer = b, .bytes = (uint32_t)bytes,
		.head_bytes = (uint32_t)((uintptr_t)first - (uintptr_t)e->address),
	};
	piece->tail_bytes = e->bytes - piece->head_bytes - piece->bytes;
	return true;
}

int buffer_place(struct tto_device *device, const struct buffer_piece *piece,
		 const void *address, bool lend, struct place *place,
		 struct registered_range **range)
{
	struct buffer *b = piece->buffer;
	struct registered_range *r = &b->object->range;
	uint64_t offset = (uintptr_t)address - (uintptr_t)b->at;
	int status = registration_get(&device->cache, r, TTO_READ, TTO_READ);

	if (status)
		return status;
	/* Others of the same request may have lent it already. */
	if (lend && !b->is_lent) {
		status = inplace_lend(device->buffers->inplace, b->at);
		if (status) {
			registration_put(&device->cache, r);
			return status;
		}
		b->is_lent = true;
	}
	*place = (struct place){ (uintptr_t)r->region.address + offset,
				 r->region.pdbr, DESCRIPTOR_VIRTUAL };
	*range = r;
	return 0;
}

void buffer_read_stats(const struct tto_device *device, struct tto_device_stats *stats)
{
	struct inplace_counters c;

	if (!device->buffers)
		return;
	inplace_read_counters(device->buffers->inplace, &c);
	stats->buffers_entered = c.entered;
	stats->buffers_left = c.left + c.stale;
	stats->buffers_lent = c.lent;
	stats->buffers = c.entered - c.left - c.stale;
	stats->buffer_bytes = c.bytes;
}

void buffer_close_all(struct tto_device *device)
{
	struct buffers *s = device->buffers;

	if (!s)
		return;
	inplace_close(s->inplace);
	for (struct buffer *b = s->at; b < s->at + s->n; b++) {
		if (b->state != BUFFER_NONE)
			close(b->part.fd);
	}
	free(s);
	device->buffers = NULL;
}
