// SPDX-License-Identifier: BSD-2-Clause
/* window.c - A reserved range of addresses, in which memory objects are mapped */
#include "base/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define GUARD_BYTES 4096ull
#define WINDOW_ALIGN (1ull << 30)
#define FIRST_PLACES 16

int window_open(struct window *w, uint64_t bytes)
{
	uint8_t *at, *base;
	uint64_t before;

	if (bytes == 0 || bytes % WINDOW_ALIGN || bytes > 1ull << 46)
		return -EINVAL;
	at = mmap(NULL, bytes + WINDOW_ALIGN, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	before = -(uintptr_t)at % WINDOW_ALIGN;
	base = at + before;
	if (before)
		munmap(at, before);
	munmap(base + bytes, WINDOW_ALIGN - before);
	*w = (struct window){ .base = base, .size = bytes };
	return 0;
}

void window_close(struct window *w)
{
	munmap(w->base, w->size);
	free(w->places);
	*w = (struct window){ 0 };
}

/* ---- Finding a place -------------------------------------------------------------- */

static bool is_sound(const struct window_object *o)
{
	uint64_t end;

	return o->bytes != 0 && (o->offset | o->bytes) % GUARD_BYTES == 0 &&
	       !__builtin_add_overflow(o->offset, o->bytes, &end) &&
	       (o->align & (o->align - 1)) == 0 &&
	       (o->align == 0 || o->align >= GUARD_BYTES) &&
	       (o->align == 0 || o->like % GUARD_BYTES == 0);
}

/* The next position from @at on that is congruent; may wrap to less than @at. */
static uint64_t align_up(const struct window_object *o, uint64_t at)
{
	uint64_t align = o->align ? o->align : GUARD_BYTES;
	uint64_t like = o->align ? o->like : 0;

	return at + ((like - at) & (align - 1));
}

/* Where in the list, and where in the window. */
static bool find_room(const struct window *w, const struct window_object *o,
		      uint32_t *idx, uint64_t *at)
{
	uint64_t end_of_window = w->size - GUARD_BYTES;
	uint64_t limit = o->limit && o->limit < end_of_window ?
			 o->limit : end_of_window;
	uint64_t from = GUARD_BYTES;

	for (uint32_t n = 0; n <= w->n_places; n++) {
		uint64_t end = n < w->n_places ? w->places[n].start - GUARD_BYTES :
						 limit;
		uint64_t start = align_up(o, from);

		if (end > limit)
			end = limit;
		if (start >= from && start < end && o->bytes <= end - start) {
			*idx = n;
			*at = start;
			return true;
		}
		if (n < w->n_places)
			from = w->places[n].start + w->places[n].bytes +
			       GUARD_BYTES;
	}
	return false;
}

static int make_room_in_list(struct window *w)
{
	uint32_t max = w->max_places ? w->max_places * 2 : FIRST_PLACES;
	struct window_place *places;

	if (w->n_places < w->max_places)
		return 0;
	places = realloc(w->places, max * sizeof(*places));
	if (!places)
		return -ENOMEM;
	w->places = places;
	w->max_places = max;
	return 0;
}

/* ---- Mapping ------------------------------------------------------------------------ */

static int check_object(const struct window_object *o)
{
	struct stat st;
	int seals;

	if (o->fd < 0)
		return 0;
	seals = fcntl(o->fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(o->fd, &st) ||
	    (uint64_t)st.st_size < o->offset + o->bytes)
		return -EPERM;
	return 0;
}

static int reserve(const struct window *w, uint64_t at, uint64_t bytes)
{
	void *p = mmap(w->base + at, bytes, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		       -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

static int map_at(const struct window *w, const struct window_object *o,
		  uint64_t at)
{
	int flags = o->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	int prot = o->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int err;

	if (mmap(w->base + at, o->bytes, prot, flags | MAP_FIXED, o->fd,
		 (off_t)o->offset) != MAP_FAILED)
		return 0;
	err = -errno;
	(void)!reserve(w, at, o->bytes);
	return err;
}

int window_map(struct window *w, const struct window_object *object,
	       uint64_t *at)
{
	uint64_t start;
	uint32_t idx;
	int err;

	if (!is_sound(object))
		return -EINVAL;
	err = check_object(object);
	if (err)
		return err;
	if (!find_room(w, object, &idx, &start))
		return -ENOSPC;
	err = make_room_in_list(w);
	if (!err)
		err = map_at(w, object, start);
	if (err)
		return err;
	memmove(&w->places[idx + 1], &w->places[idx],
		(w->n_places - idx) * sizeof(*w->places));
	w->places[idx] = (struct window_place){ start, object->bytes };
	w->n_places++;
	*at = start;
	return 0;
}

int window_unmap(struct window *w, uint64_t at)
{
	uint32_t idx = 0;
	int err;

	while (idx < w->n_places && w->places[idx].start != at)
		idx++;
	if (idx == w->n_places)
		return -ENOENT;
	err = reserve(w, at, w->places[idx].bytes);
	if (err)
		return err;
	w->n_places--;
	memmove(&w->places[idx], &w->places[idx + 1],
		(w->n_places - idx) * sizeof(*w->places));
	return 0;
}
