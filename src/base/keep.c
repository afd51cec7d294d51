// SPDX-License-Identifier: BSD-2-Clause
/* keep.c - Descriptors that a program's processes keep */
#include "base/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t kept[FD_SETSIZE / 64];

static int keep_first(void)
{
	struct rlimit limit;
	rlim_t end = FD_SETSIZE;

	/* Far above that the kernel's table of descriptors would have to grow. */
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < end)
		end = limit.rlim_cur;
	return end > 2 * KEEP_MAX ? (int)end - KEEP_MAX : (int)end / 2;
}

static void remember(int first, int last)
{
	for (int fd = first; fd <= last && fd < FD_SETSIZE; fd++)
		kept[fd / 64] |= 1ULL << (fd % 64);
}

/* Past libc, whose names may be somebody else's in a program. */
int keep_descriptor(int fd)
{
	int high = (int)syscall(SYS_fcntl, fd, F_DUPFD, keep_first());

	if (high < 0)
		return errno == EINVAL ? -EMFILE : -errno;
	syscall(SYS_close, fd);
	remember(high, high);
	return high;
}

/* ---- Which they are ------------------------------------------------------------------ */

bool keep_has(int fd)
{
	return (unsigned)fd < FD_SETSIZE && kept[fd / 64] >> (fd % 64) & 1;
}

int keep_end(void)
{
	int end = FD_SETSIZE;

	while (end && !keep_has(end - 1))
		end--;
	return end;
}

int keep_list(char *text, size_t size)
{
	size_t at = 0;

	for (int fd = 0, last; fd < FD_SETSIZE; fd = last + 1) {
		last = fd;
		if (!keep_has(fd))
			continue;
		while (keep_has(last + 1))
			last++;
		at += (size_t)snprintf(text + at, size - at, "%s%d-%d", at ? "," : "",
				       fd, last);
		if (at >= size)
			return -ENAMETOOLONG;
	}
	return 0;
}

bool keep_learn(const char *text)
{
	int first, last, n;

	while (sscanf(text, "%d-%d%n", &first, &last, &n) == 2) {
		if (first < 0 || last < first || last >= FD_SETSIZE)
			return false;
		remember(first, last);
		text += n;
		if (*text != ',')
			break;
		text++;
	}
	return !*text;
}
