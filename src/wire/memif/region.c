// SPDX-License-Identifier: BSD-2-Clause
/* region.c - Memory that is shared with a peer */
#include "wire/memif/region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/kernel.h"
#include "wire/memif/guard.h"

#define PLACES 64		/* behind the heap                              */

/* Where there is a heap other processes may have to map it, at the same address. */
static void *map(int fd, size_t bytes)
{
	uintptr_t at = HEAP_ADDRESS + HEAP_BYTES;
	void *base = MAP_FAILED;

	if (!heap_exists())
		return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (int n = 0; n < PLACES && base == MAP_FAILED; n++, at += REGION_BYTES_MAX) {
		base = mmap((void *)at, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
		if (base == MAP_FAILED && errno != EEXIST)
			break;
	}
	return base;
}

int memif_region_make(struct region *r, size_t bytes)
{
	int fd = memfd_create("memif", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;
	void *base;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto failed;
	base = map(fd, bytes);
	if (base == MAP_FAILED)
		goto failed;
	*r = (struct region){ .base = base, .bytes = bytes, .fd = fd };
	return 0;
failed:
	err = -errno;
	kernel_call(SYS_close, fd);
	return err;
}

static bool has_seal(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK;
}

/* Return: whether its size is for good; sealed here if need be. */
static bool is_sealed(int fd)
{
	if (has_seal(fd))
		return true;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return false;
	return has_seal(fd);
}

/* Other file systems may be the peer's own, and slow as it likes. */
static bool is_memory(int fd, bool *huge)
{
	struct statfs s;

	if (fstatfs(fd, &s))
		return false;
	*huge = s.f_type == HUGETLBFS_MAGIC;
	return *huge || s.f_type == TMPFS_MAGIC;
}

int memif_region_accept(struct region *r, int fd, uint64_t bytes, bool unsealed,
		  const char **why)
{
	bool huge = false, sealed;
	struct stat s;
	void *base;

	*why = "a region that is not memory";
	if (!is_memory(fd, &huge))
		return -EINVAL;
	sealed = is_sealed(fd);
	*why = "a region that is not sealed against shrinking";
	if (!sealed && !unsealed)
		return -EPERM;
	*why = "a region larger than its file, empty, or too large";
	if (fstat(fd, &s) || !S_ISREG(s.st_mode) || bytes == 0 ||
	    bytes > REGION_BYTES_MAX || bytes > (uint64_t)s.st_size)
		return -EINVAL;
	*why = "a region that cannot be mapped";
	base = map(fd, bytes);
	if (base == MAP_FAILED)
		return -errno;
	*r = (struct region){ .base = base, .bytes = bytes, .fd = -1 };
	if (heap_exists())
		r->fd = (int)kernel_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
	*why = "too many regions to be watched";
	r->guarded = huge || !sealed;
	if (r->guarded && guard_add(base, bytes)) {
		munmap(base, bytes);
		if (r->fd >= 0)
			kernel_call(SYS_close, r->fd);
		*r = (struct region){ .fd = -1 };
		return -ENOSPC;
	}
	return 0;
}

bool memif_region_is_gone(const struct region *r)
{
	return r->guarded && guard_was_hit(r->base);
}

void memif_region_close(struct region *r)
{
	if (r->guarded)
		guard_remove(r->base);
	if (r->base)
		munmap(r->base, r->bytes);
	if (r->fd >= 0)
		kernel_call(SYS_close, r->fd);
	*r = (struct region){ .fd = -1 };
}
