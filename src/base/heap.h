/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.h - Memory that several processes have at the same address
 *
 * DOC: Theory of operation
 * One file without a name (memfd), mapped at HEAP_ADDRESS by everyone who has its
 * descriptor, so that what lies in it may point to what lies in it. It is sparse: what
 * was never touched, or was large and is free again, takes no memory.
 *
 * The range is divided into chunks of 64 KiB. A chunk has objects of one size class, or
 * is part of a run of 2^n chunks; a byte for each chunk says which. Whoever frees needs
 * no more than the address.
 *
 * A process without a heap, such as the daemon, gets the same functions from libc: what
 * may lie in a heap is allocated with heap_*() everywhere.
 *
 * Limits: one heap in a process. Freed runs are not joined.
 * Threads: none; whoever shares a heap has a lock around it.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define HEAP_ADDRESS 0x3a0000000000ULL
#define HEAP_BYTES (64ULL << 30)	/* of addresses                         */

/**
 * heap_create() - A heap for this process, and those that get its descriptor
 * @fd:		Set on success: a memfd, close-on-exec, until heap_share() moves it
 *
 * Return: 0; -EEXIST: there is one; -ENOMEM: the addresses are taken; -errno.
 */
MUST_CHECK int heap_create(int *fd);

/**
 * heap_join() - Map a heap that another process has made
 * @fd:		Stays the caller's
 *
 * Return: as heap_create(); -EPROTO: not a heap of this version.
 */
MUST_CHECK int heap_join(int fd);

/**
 * heap_peek() - Copy out of a heap that is not this process's, without mapping it
 * @fd:		Of the heap, to be read from
 * @at:		Where it would be in a process that has it; anything
 *
 * What is there may change meanwhile, and nothing about it is believed.
 *
 * Return: 0; -EFAULT: not in the heap; another -errno.
 */
MUST_CHECK int heap_peek(int fd, const void *at, void *to, size_t bytes);

/**
 * heap_peek_root() - What heap_root() has there
 *
 * Return: 0; -EPROTO: not a heap of this version; -errno.
 */
MUST_CHECK int heap_peek_root(int fd, void **root);

/**
 * heap_share() - Give the descriptor of a heap that was made here a number of keep.h
 *
 * Return: the number, by which programs that are executed join; -ENOENT; another -errno.
 */
MUST_CHECK int heap_share(void);

/** heap_leave() - Unmap it; what it has stays for the others */
void heap_leave(void);

/* Is there one in this process? */
bool heap_exists(void);

/**
 * heap_alloc() - Memory, aligned to 64, with anything in it
 *
 * Return: NULL: there is none left.
 */
void *heap_alloc(size_t bytes);

/** heap_zeroed() - As heap_alloc(), with zeros; NULL as well if @n * @bytes overflows */
void *heap_zeroed(size_t n, size_t bytes);

/** heap_free() - Of either; NULL is allowed */
void heap_free(void *memory);

/** heap_free_pages() - The same, of what nobody will want soon: takes no memory any more */
void heap_free_pages(void *memory);

/** heap_room() - Bytes that an allocation has, at least what was asked for */
size_t heap_room(const void *memory);

/**
 * heap_lock() - A lock on a place of another process's heap, until @fd is closed
 * @fd:		Of the heap, to be written to, opened by who locks: the lock goes with it,
 *		however the process ends
 *
 * Of the kernel's: there is nothing of it in the heap, where somebody could change it.
 *
 * Return: 0; -EAGAIN: somebody has it; another -errno. Source: fcntl(2), F_OFD_SETLK.
 */
MUST_CHECK int heap_lock(int fd, const void *at);

/** heap_is_locked() - Has another process a lock on this place of this process's heap? */
bool heap_is_locked(const void *at);

/** heap_count() - Allocations that were not freed; 0 without a heap */
uint64_t heap_count(void);

/* Something that all who join need to find: the owner's, NULL at first. */
void **heap_root(void);

#endif
