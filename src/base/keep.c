// SPDX-License-Identifier: BSD-2-Clause
/* keep.c - Descriptors that a program's processes keep */
#include "base/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

int keep_first(void)
{
	struct rlimit limit;
	rlim_t end = FD_SETSIZE;

	/* Far above that the kernel's table of descriptors would have to grow. */
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < end)
		end = limit.rlim_cur;
	return end > 2 * KEEP_MAX ? (int)end - KEEP_MAX : (int)end / 2;
}

/* Past libc, whose names may be somebody else's in a program. */
int keep_descriptor(int fd)
{
	int kept = (int)syscall(SYS_fcntl, fd, F_DUPFD, keep_first());

	if (kept < 0)
		return errno == EINVAL ? -EMFILE : -errno;
	syscall(SYS_close, fd);
	return kept;
}
