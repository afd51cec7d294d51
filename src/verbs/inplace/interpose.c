// SPDX-License-Identifier: BSD-2-Clause
/*
 * interpose.c - Buffers leave before the program changes what is mapped
 *
 * The C library's functions that end, move or change a range of memory, in front of
 * the C library. As long as nothing is in place, each costs a load and a branch.
 *
 * What the C library itself calls inside does not come by here: free() and realloc()
 * therefore ask the allocator how far the block reaches, since they may unmap or move
 * it.
 */
/* Both names of mmap() are wanted, not one for the other. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <tto/verbs.h>

#include "base/compiler.h"

#define EXPORT __attribute__((visibility("default")))

/* The next definition of @name: the C library's, or another one in between. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	\
	if (unlikely(!next)) \
		next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#ifdef __SANITIZE_ADDRESS__
#define HAS_ALLOCATOR 0		/* it has one of its own, in front of us: then not
				 * every change is told, and all is copied      */
#else
#define HAS_ALLOCATOR 1
#endif

#if HAS_ALLOCATOR
static __attribute__((constructor)) void begin(void)
{
	tto_memory_watch();
}

static void block_changes(void *block)
{
	if (unlikely(tto_memory_in_place()) && block)
		tto_memory_changes(block, malloc_usable_size(block));
}

EXPORT void free(void *block)
{
	NEXT(free);

	block_changes(block);
	next(block);
}

EXPORT void *realloc(void *block, size_t bytes)
{
	NEXT(realloc);

	block_changes(block);
	return next(block, bytes);
}
#endif

EXPORT int munmap(void *at, size_t bytes)
{
	NEXT(munmap);

	tto_memory_changes(at, bytes);
	return next(at, bytes);
}

EXPORT int madvise(void *at, size_t bytes, int advice)
{
	NEXT(madvise);

	tto_memory_changes(at, bytes);
	return next(at, bytes, advice);
}

EXPORT int mprotect(void *at, size_t bytes, int rights)
{
	NEXT(mprotect);

	tto_memory_changes(at, bytes);
	return next(at, bytes, rights);
}

EXPORT void *mmap(void *at, size_t bytes, int rights, int flags, int fd, off_t offset)
{
	NEXT(mmap);

	if (flags & MAP_FIXED)
		tto_memory_changes(at, bytes);
	return next(at, bytes, rights, flags, fd, offset);
}

EXPORT void *mmap64(void *at, size_t bytes, int rights, int flags, int fd,
		    off64_t offset)
{
	return mmap(at, bytes, rights, flags, fd, (off_t)offset);
}

EXPORT void *mremap(void *at, size_t old_bytes, size_t bytes, int flags, ...)
{
	NEXT(mremap);
	void *to = NULL;

	if (flags & MREMAP_FIXED) {
		va_list list;

		va_start(list, flags);
		to = va_arg(list, void *);
		va_end(list);
		tto_memory_changes(to, bytes);
	}
	tto_memory_changes(at, old_bytes);
	return next(at, old_bytes, bytes, flags, to);
}
