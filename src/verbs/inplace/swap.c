// SPDX-License-Identifier: BSD-2-Clause
/* swap.c - Replace the pages under a range of addresses, and lose no write */
#include "verbs/inplace/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 5.19 and 6.4: shared memory, and pages that were never touched. */
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

#define FEATURES (UFFD_FEATURE_PAGEFAULT_FLAG_WP | \
		  UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_WP_UNPOPULATED)

/* ---- userfaultfd ------------------------------------------------------------------ */

/* One that stops the kernel's writes as well. */
static int new_userfaultfd(void)
{
	int dev, fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -1;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	close(dev);
	return fd;
}

void swap_open(struct swap *s)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURES };

	s->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	s->uffd = new_userfaultfd();
	if (s->uffd >= 0 && ioctl(s->uffd, UFFDIO_API, &api) != 0) {
		close(s->uffd);
		s->uffd = -1;
	}
}

void swap_close(struct swap *s)
{
	if (s->uffd >= 0)
		close(s->uffd);
	if (s->pagemap >= 0)
		close(s->pagemap);
	s->uffd = s->pagemap = -1;
}

/* The kernel's list of threads: also those that the C library does not know. */
static bool is_alone(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

bool swap_is_safe(const struct swap *s)
{
	return s->uffd >= 0 || is_alone();
}

static int stop_writers(const struct swap *s, void *at, size_t bytes)
{
	const struct uffdio_range range = { (uintptr_t)at, bytes };
	struct uffdio_register reg = { .range = range,
				       .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .range = range,
					  .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	int err;

	if (ioctl(s->uffd, UFFDIO_REGISTER, &reg) != 0)
		return -errno;
	if (ioctl(s->uffd, UFFDIO_WRITEPROTECT, &wp) == 0)
		return 0;
	err = errno;
	ioctl(s->uffd, UFFDIO_UNREGISTER, &range);
	return -err;
}

/* Those who were stopped try again. Their memory need not be registered any more. */
static void wake_writers(const struct swap *s, void *at, size_t bytes)
{
	const struct uffdio_range range = { (uintptr_t)at, bytes };

	ioctl(s->uffd, UFFDIO_WAKE, &range);
}

/* The old memory stays: what was protected is free again. */
static void let_writers_go(const struct swap *s, void *at, size_t bytes)
{
	const struct uffdio_range range = { (uintptr_t)at, bytes };
	const struct uffdio_writeprotect wp = { .range = range, .mode = 0 };

	ioctl(s->uffd, UFFDIO_WRITEPROTECT, &wp);
	ioctl(s->uffd, UFFDIO_UNREGISTER, &range);
	wake_writers(s, at, bytes);
}

/* ---- Which pages were written ------------------------------------------------------- */

/* Linux 6.7: the kernel's interface, which older headers do not have. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walked_to, regions, n_regions, max_pages;
	uint64_t inverted, all_of, any_of, tell;
};

enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
};

#define PAGEMAP_SCAN_PAGES _IOWR('f', 16, struct scan)

/* A private copy of a page of a file is a page of no file. */
static int copy_written(const struct swap *s, uint8_t *to, uint8_t *from,
			size_t bytes)
{
	struct scan_region region[32];
	struct scan scan = {
		.size = sizeof(scan), .start = (uintptr_t)from,
		.end = (uintptr_t)from + bytes, .regions = (uintptr_t)region,
		.n_regions = ARRAY_SIZE(region), .inverted = SCAN_FILE,
		.all_of = SCAN_FILE, .any_of = SCAN_PRESENT | SCAN_SWAPPED,
	};

	while (scan.start < scan.end) {
		int n = ioctl(s->pagemap, PAGEMAP_SCAN_PAGES, &scan);

		if (n < 0)
			return -errno;
		for (int i = 0; i < n; i++) {
			size_t at = region[i].start - (uintptr_t)from;

			memcpy(to + at, from + at, region[i].end - region[i].start);
		}
		scan.start = scan.walked_to;
	}
	return 0;
}

/* ---- Swapping --------------------------------------------------------------------- */

/* What comes under a range, and where from. */
struct exchange {
	void *at;
	void *fresh;		/* mapped elsewhere                             */
	size_t bytes;
	bool back;		/* @at is a private mapping of the same memory  */
};

static void copy(const struct swap *s, const struct exchange *x)
{
	if (!x->back || copy_written(s, x->fresh, x->at, x->bytes) != 0)
		memcpy(x->fresh, x->at, x->bytes);
}

static int move_there(const struct swap *s, const struct exchange *x)
{
	copy(s, x);
	if (mremap(x->fresh, x->bytes, x->bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
		   x->at) == MAP_FAILED)
		return -errno;
	return 0;
}

static int move_protected(const struct swap *s, const struct exchange *x)
{
	int err = stop_writers(s, x->at, x->bytes);

	if (err)
		return err;
	err = move_there(s, x);
	if (err)
		let_writers_go(s, x->at, x->bytes);
	else
		wake_writers(s, x->at, x->bytes);
	return err;
}

static int swap(const struct swap *s, struct exchange *x, int flags, int fd,
		uint64_t offset)
{
	int err;

	if (!swap_is_safe(s))
		return -EPERM;
	x->fresh = mmap(NULL, x->bytes, PROT_READ | PROT_WRITE,
			flags | MAP_POPULATE, fd, (off_t)offset);
	if (x->fresh == MAP_FAILED)
		return -errno;
	err = s->uffd < 0 ? move_there(s, x) : move_protected(s, x);
	if (err)
		munmap(x->fresh, x->bytes);
	return err;
}

int swap_to_object(const struct swap *s, void *at, size_t bytes, int fd,
		   uint64_t offset)
{
	struct exchange x = { .at = at, .bytes = bytes };

	return swap(s, &x, MAP_SHARED, fd, offset);
}

int swap_back_to_object(const struct swap *s, void *at, size_t bytes, int fd,
			uint64_t offset)
{
	struct exchange x = { .at = at, .bytes = bytes, .back = true };

	return swap(s, &x, MAP_SHARED, fd, offset);
}

int swap_to_anonymous(const struct swap *s, void *at, size_t bytes)
{
	struct exchange x = { .at = at, .bytes = bytes };

	return swap(s, &x, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
