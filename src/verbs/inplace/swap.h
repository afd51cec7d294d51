/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * swap.h - Replace the pages under a range of addresses, and lose no write
 *
 * DOC: Theory of operation
 * The program goes on using its addresses while other memory comes under them. The
 * new memory is prepared elsewhere, and moved there in one step:
 *
 *   1. the range is write-protected (userfaultfd): a thread that writes to it stops
 *   2. its bytes are copied to the new memory; they cannot change meanwhile
 *   3. mremap(2) puts the new memory in its place
 *   4. the threads that were stopped write again, now to the new memory
 *
 * A program with one thread has nobody who could write between 2 and 3, so it needs
 * no userfaultfd. With several threads it must be one that also stops writes which the
 * kernel makes for them (read(2) into the range): without that right a read(2) would
 * fail with EFAULT, so such a swap is refused.
 *
 * Limits: what has pinned the old pages (O_DIRECT and io_uring requests that are under
 * way, vmsplice) goes on with the old ones. Flags that madvise(2) and mlock(2) had set
 * on the range are lost.
 * Source: ARCHITECTURE D4.
 */
#ifndef VERBS_INPLACE_SWAP_H
#define VERBS_INPLACE_SWAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct swap {
	int uffd;		/* -1: none                                     */
	int pagemap;		/* /proc/self/pagemap; -1: none                 */
};

/**
 * swap_open() - Find out what this process may do
 * @s:		Overwritten; end it with swap_close(). Works without userfaultfd as
 *		long as the program has one thread
 */
void swap_open(struct swap *s);
void swap_close(struct swap *s);

/** swap_is_safe() - Whether a swap would be refused for the threads there are now */
bool swap_is_safe(const struct swap *s);

/**
 * swap_to_object() - Private memory becomes a part of an object
 * @at:		A multiple of the page size; private anonymous memory, writable
 * @bytes:	A multiple of the page size
 * @fd:		Of a memfd that is as long as @offset + @bytes
 * @offset:	A multiple of the page size
 *
 * Return: 0; -EPERM when writes of other threads could not be stopped; -errno of
 * mmap(2), mremap(2) or userfaultfd. On an error nothing has changed.
 */
MUST_CHECK int swap_to_object(const struct swap *s, void *at, size_t bytes, int fd,
			      uint64_t offset);

/**
 * swap_back_to_object() - A private mapping of a part of an object becomes shared
 *
 * As swap_to_object(), but copies only the pages that were written since the part was
 * mapped privately (all of them where the kernel cannot say which, before Linux 6.7).
 */
MUST_CHECK int swap_back_to_object(const struct swap *s, void *at, size_t bytes,
				   int fd, uint64_t offset);

/**
 * swap_to_anonymous() - The reverse: with the bytes that it has now
 *
 * @at may be a shared or a private mapping of the object.
 * Return: as swap_to_object().
 */
MUST_CHECK int swap_to_anonymous(const struct swap *s, void *at, size_t bytes);

#endif
