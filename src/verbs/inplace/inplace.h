/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inplace.h - A program's buffers, where they are, as memory of the device
 *
 * DOC: Theory of operation
 * The device reaches objects of the agent, and a program's heap is none. A buffer that
 * is sent or received into again and again is worth to be made one: its pages are
 * replaced by pages of an object (swap.h), at the same addresses, and the program does
 * not notice. From then on the device fetches from it and stores to it without a copy.
 *
 *              enter                      lend
 *    private ─────────► in place (shared) ─────► lent (private copy on write)
 *       ▲                  │        ▲                │
 *       └──── leave ───────┴────────┼──── take back ─┘
 *
 * When may the program use a buffer again that is being sent (SPEC TX-9)? In place:
 * after the completion, or after it waited for that. Lent: at once. Lending maps the
 * same pages privately, so that the kernel gives whoever writes a copy, page by page;
 * the device goes on to read the old bytes from the object. Taking back, after the
 * completion, copies only the pages that were written.
 *
 * What the program does to its memory must keep its meaning:
 *   fork      all buffers leave before it (pthread_atfork()), since a child must not
 *             share what is written later. A clone(2) that the C library does not see
 *             gets no memory there at all, which shows, instead of sharing it, which
 *             would not
 *   free, realloc, munmap, mremap, madvise, mprotect, mmap(MAP_FIXED)
 *             inplace_leave() before it; interpose.c sees to that
 *   others    system calls that the C library does not make: inplace_covers() asks the
 *             kernel each time whether the pages are still there. If not, their part of
 *             the object is never used again, for the program may still have it
 *
 * Nothing here allocates after inplace_open(), so it may be called from within free().
 * There may be many at a time, of a device each: what is in place for one is no private
 * memory any more, so no other takes it.
 * Threads: any; one lock for all.
 * Source: ARCHITECTURE D3, D4; SPEC AG-5, TX-9.
 */
#ifndef VERBS_INPLACE_INPLACE_H
#define VERBS_INPLACE_INPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tto/verbs.h>

#include "base/compiler.h"

#define INPLACE_BYTES_MIN (128U << 10)	/* less never pays soon                 */

/* A part of a memory object. */
struct inplace_part {
	int fd;			/* memfd                                        */
	uint64_t offset, bytes;	/* multiples of the page size                   */
	uint64_t inode;		/* of @fd                                       */
	uint64_t id;		/* of whoever gave it                           */
};

/* Where parts come from, and who tells the device. Called with the lock held; they must
 * not allocate memory, and not call back. */
struct inplace_ops {
	/* Return: 0 with @part of @bytes; -errno. */
	int (*take)(void *ctx, size_t bytes, struct inplace_part *part);
	/* @part is not used any more. */
	void (*give)(void *ctx, const struct inplace_part *part);
	/* @part may still be mapped by the program: it must never be used again. */
	void (*retire)(void *ctx, const struct inplace_part *part);
	/* The device may reach @part at @at. Return: 0; -errno. */
	int (*bind)(void *ctx, void *at, const struct inplace_part *part);
	/* When it returns, the device neither reads nor writes @part. */
	void (*unbind)(void *ctx, void *at, const struct inplace_part *part);
};

struct inplace;

/**
 * inplace_open() - Begin
 * @out:	Set on success; end it with inplace_close()
 * @ranges:	How many buffers may be in place at a time
 *
 * Return: 0; -errno.
 */
MUST_CHECK int inplace_open(struct inplace **out, const struct inplace_ops *ops,
			    void *ctx, uint32_t ranges);

/** inplace_close() - All buffers leave. NULL is allowed. */
void inplace_close(struct inplace *ip);

/**
 * inplace_pages() - The whole pages of a buffer
 *
 * Return: bytes, 0 when there is none; @first is set otherwise.
 */
size_t inplace_pages(const void *at, size_t bytes, void **first);

/**
 * inplace_pays() - Whether a buffer has been copied so often that it should enter
 * @bytes:	Of the buffer
 * @uses:	Copies so far
 *
 * When the copies have cost as much as entering and leaving (build/bench-inplace):
 * whatever comes, that is at most twice the best (ski rental).
 */
static inline bool inplace_pays(size_t bytes, uint32_t uses)
{
	if (bytes < INPLACE_BYTES_MIN)
		return false;
	return uses >= (bytes < (1U << 20) ? 32U : bytes < (4U << 20) ? 16U : 8U);
}

/**
 * inplace_enter() - Replace the pages of a buffer
 * @at, @bytes:	As from inplace_pages()
 *
 * Return: 0; -EACCES: not private anonymous memory that can be written; -EPERM: other
 * threads run, and their writes could not be stopped (see swap.h); -EEXIST: a part of
 * it is in place; -ENOSPC: too many are; -errno. On an error nothing has changed.
 */
MUST_CHECK int inplace_enter(struct inplace *ip, void *at, size_t bytes);

/**
 * inplace_covers() - Whether the device may use a buffer where it is, now
 *
 * Costs a question to the kernel, about a microsecond.
 */
bool inplace_covers(struct inplace *ip, const void *at, size_t bytes);

/**
 * inplace_leave() - Buffers that overlap a range become private memory again
 *
 * With what they contain; work of the device on them is over when it returns.
 * Cheap when there are none.
 */
void inplace_leave(struct inplace *ip, const void *at, size_t bytes);

/** inplace_is_watched() - Whether somebody calls tto_memory_changes(), see verbs.h */
bool inplace_is_watched(void);

/**
 * inplace_lend() - Let the program write to a buffer that the device still reads
 * @at:		In a buffer that is in place
 *
 * Return: 0; -ENOENT; -EBUSY when it is lent already; -errno.
 */
MUST_CHECK int inplace_lend(struct inplace *ip, const void *at);

/**
 * inplace_take_back() - The device has read it: in place again
 *
 * Return: 0; -ENOENT; -EPERM and -errno as swap.h: it stays lent, or has left.
 */
MUST_CHECK int inplace_take_back(struct inplace *ip, const void *at);

struct inplace_counters {
	uint64_t entered, left, lent, taken_back;
	uint64_t stale;		/* gone under our feet, their parts retired     */
	uint64_t bytes;		/* in place now, lent included                  */
};

void inplace_read_counters(struct inplace *ip, struct inplace_counters *out);

#endif
