/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping.h - What is mapped at an address of this process
 *
 * Asked of the kernel: by an ioctl of /proc/self/maps where there is one (Linux 6.11,
 * about a microsecond), else by reading that file.
 */
#ifndef VERBS_INPLACE_MAPPING_H
#define VERBS_INPLACE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct mapping {
	uint64_t start, end;
	uint64_t offset;	/* in the file                                  */
	uint64_t inode;		/* 0: anonymous                                 */
	bool readable, writable, shared;
	bool special;		/* stack, or of pages of another size           */
};

/**
 * mapping_open() - Return: a descriptor for mapping_find(), or -errno
 */
MUST_CHECK int mapping_open(void);

/**
 * mapping_find() - The mapping that @at lies in
 * @fd:		Of mapping_open(), in the process that opened it
 *
 * Return: 0; -ENOENT when there is none; -errno.
 */
MUST_CHECK int mapping_find(int fd, const void *at, struct mapping *m);

/**
 * mapping_is_private_memory() - Whether a range is memory that may be replaced
 *
 * Private, anonymous, readable and writable, of ordinary pages, and not the stack.
 * Return: 0; -EACCES; -errno.
 */
MUST_CHECK int mapping_is_private_memory(int fd, const void *at, size_t bytes);

/**
 * mapping_is_object() - Whether all of a range is still a part of an object
 * @inode, @offset: of the part
 * @shared:	How it is to be mapped
 *
 * Return: 0; -ESTALE when not; -errno.
 */
MUST_CHECK int mapping_is_object(int fd, const void *at, size_t bytes,
				 uint64_t inode, uint64_t offset, bool shared);

#endif
