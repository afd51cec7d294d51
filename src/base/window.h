/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h - A reserved range of addresses, in which memory objects are mapped
 *
 * Nothing in the range is memory until an object is mapped there; what is
 * unmapped becomes unreachable again, but stays reserved, so that nothing else
 * of the process gets in. Positions are offsets in the range. Each object is
 * followed by an unreachable page at least.
 *
 * Only objects that cannot shrink are mapped (F_SEAL_SHRINK): reading behind the
 * end of a file kills the reader.
 *
 * Threads: none; one thread changes a window.
 */
#ifndef BASE_WINDOW_H
#define BASE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct window_place {		/* what is mapped; kept sorted                  */
	uint64_t start, bytes;
};

struct window {
	uint8_t *base;
	uint64_t size;
	struct window_place *places;
	uint32_t n_places, max_places;
};

/* What is to be mapped. */
struct window_object {
	int fd;			/* a memfd with F_SEAL_SHRINK, of pages of any
				 * size; -1: fresh private memory               */
	uint64_t offset;	/* in @fd, a multiple of 4096                   */
	uint64_t bytes;		/* a multiple of 4096, not 0                    */
	bool writable;
	uint64_t like;		/* with @align: the position is congruent to
				 * this modulo @align, e.g. the object's address
				 * in a program, so that large pages fit        */
	uint64_t align;		/* a power of two, at least 4096; 0: 4096       */
	uint64_t limit;		/* the object ends below; 0: end of the window  */
};

/**
 * window_open() - Reserve addresses
 * @w:		Overwritten on success; end it with window_close()
 * @bytes:	A multiple of 1 GiB; costs nothing but address space
 *
 * The base is a multiple of 1 GiB. The first page is never given out.
 *
 * Return: 0; -ENOMEM; -EINVAL.
 */
MUST_CHECK int window_open(struct window *w, uint64_t bytes);

/** window_close() - Unmap everything, and give the addresses back */
void window_close(struct window *w);

/**
 * window_map() - Map an object where there is room
 * @w:		Window
 * @object:	See struct window_object; the descriptor may be closed afterwards
 * @at:		Set on success: offset in the window
 *
 * Return: 0; -EINVAL for numbers that do not fit each other; -EPERM for an object
 * that could shrink, or is shorter than said; -ENOSPC without room; -errno of
 * mmap(2).
 */
MUST_CHECK int window_map(struct window *w, const struct window_object *object,
			  uint64_t *at);

/**
 * window_unmap() - Make an object unreachable again
 * @w:		Window
 * @at:		As window_map() said
 *
 * Return: 0; -ENOENT.
 */
MUST_CHECK int window_unmap(struct window *w, uint64_t at);

#endif
