// SPDX-License-Identifier: BSD-2-Clause
/* doorbell.c - Wake the owner of an eventfd who may be hostile */
#include "wire/memif/doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kernel.h"

#define RESULTS 64	/* are thrown away when there is no room for more */

void doorbell_init(struct doorbell *d)
{
	*d = (struct doorbell){ .file = -1 };
}

void doorbell_open(struct doorbell *d)
{
	d->file = memfd_create("doorbell", MFD_CLOEXEC);
	if (d->file >= 0 && ftruncate(d->file, 1)) {
		close(d->file);
		d->file = -1;
	}
}

/* With the first ring: to take down a context takes the kernel milliseconds. */
static void set_up(struct doorbell *d)
{
	d->is_set_up = true;
	if (d->file < 0)
		doorbell_open(d);
	if (d->file < 0 || syscall(SYS_io_setup, RESULTS, &d->context))
		d->context = 0;
}

void doorbell_close(struct doorbell *d)
{
	if (d->context)
		syscall(SYS_io_destroy, d->context);
	if (d->file >= 0)
		close(d->file);
	doorbell_init(d);
}

bool doorbell_is_eventfd(int fd)
{
	static const char eventfd[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(eventfd)];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target));
	return len == sizeof(eventfd) - 1 &&
	       !memcmp(target, eventfd, sizeof(eventfd) - 1);
}

static void discard_results(struct doorbell *d)
{
	struct io_event results[RESULTS];
	struct timespec no_time = { 0 };

	syscall(SYS_io_getevents, d->context, 0L, (long)RESULTS, results,
		&no_time);
}

static bool ring_by_kernel(struct doorbell *d, int fd)
{
	uint8_t byte;
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)d->file,
		.aio_buf = (uintptr_t)&byte,
		.aio_nbytes = sizeof(byte),
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	}, *requests = &request;

	if (syscall(SYS_io_submit, d->context, 1L, &requests) == 1)
		return true;
	/* A process that was forked has no context of its parent's. */
	if (errno == EINVAL)
		d->is_set_up = false;
	if (errno != EAGAIN)
		return false;
	discard_results(d);
	return syscall(SYS_io_submit, d->context, 1L, &requests) == 1;
}

static void ring_by_write(int fd)
{
	const uint64_t one = 1;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (!(flags & O_NONBLOCK) &&
			  fcntl(fd, F_SETFL, flags | O_NONBLOCK)))
		return;
	/* Full: it was rung, and nobody came. */
	if (poll(&p, 1, 0) == 1 && write(fd, &one, sizeof(one)) < 0)
		return;
}

/* Without a look at O_NONBLOCK: that may be forbidden. */
static void ring_confined(int fd)
{
	static const uint64_t one = 1;
	static const struct timespec none;
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (kernel_call(SYS_ppoll, &p, 1, &none, NULL, 8) == 1)
		(void)!kernel_call(SYS_write, fd, &one, sizeof(one));
}

void doorbell_ring(struct doorbell *d, int fd)
{
	d->n_rung++;
	if (kernel_is_confined) {
		ring_confined(fd);
		return;
	}
	if (!d->is_set_up)
		set_up(d);
	if (!d->context || !ring_by_kernel(d, fd))
		ring_by_write(fd);
}
