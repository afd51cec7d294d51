// SPDX-License-Identifier: BSD-2-Clause
/* receive.c - Everything that reads */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "preload/real.h"

/* Fortified calls, which no header declares. */
ssize_t __read_chk(int fd, void *to, size_t bytes, size_t room);
ssize_t __recv_chk(int fd, void *to, size_t bytes, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *to, size_t bytes, size_t room, int flags,
		       __SOCKADDR_ARG address, socklen_t *n);
void __chk_fail(void) __attribute__((noreturn));

static ssize_t receive(int fd, const struct iovec *iov, size_t n, int flags)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				  .msg_iovlen = n };

	return tto_recvmsg(fd, &message, flags);
}

static ssize_t receive_one(int fd, void *to, size_t bytes, int flags)
{
	struct iovec iov = { to, bytes };

	return receive(fd, &iov, 1, flags);
}

/* ---- read() and what is like it -------------------------------------------------------- */

WRAP ssize_t read(int fd, void *to, size_t bytes)
{
	if (!tto_owns(fd))
		return REAL(read)(fd, to, bytes);
	return bytes ? receive_one(fd, to, bytes, 0) : 0;
}
WRAP_ALIAS(__read, read);

WRAP ssize_t __read_chk(int fd, void *to, size_t bytes, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return read(fd, to, bytes);
}

static ssize_t read_elements(int fd, const struct iovec *iov, int n)
{
	size_t bytes = 0;

	if (n < 0 || n > IOV_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (int k = 0; k < n; k++)
		bytes += iov[k].iov_len;
	return bytes ? receive(fd, iov, (size_t)n, 0) : 0;
}

WRAP ssize_t readv(int fd, const struct iovec *iov, int n)
{
	if (!tto_owns(fd))
		return REAL(readv)(fd, iov, n);
	return read_elements(fd, iov, n);
}

/* A place is for files; -1 is readv(). */
WRAP ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t place, int flags)
{
	if (!tto_owns(fd) || place != -1)
		return REAL(preadv2)(fd, iov, n, place, flags);
	return read_elements(fd, iov, n);
}

WRAP ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t place, int flags)
{
	return preadv2(fd, iov, n, place, flags);
}

/* ---- recv() and what is like it ---------------------------------------------------------- */

WRAP ssize_t recv(int fd, void *to, size_t bytes, int flags)
{
	if (!tto_owns(fd))
		return REAL(recv)(fd, to, bytes, flags);
	return receive_one(fd, to, bytes, flags);
}
WRAP_ALIAS(__recv, recv);

WRAP ssize_t __recv_chk(int fd, void *to, size_t bytes, size_t room, int flags)
{
	if (bytes > room)
		__chk_fail();
	return recv(fd, to, bytes, flags);
}

WRAP ssize_t recvfrom(int fd, void *to, size_t bytes, int flags, __SOCKADDR_ARG address,
		      socklen_t *n)
{
	if (!tto_owns(fd))
		return REAL(recvfrom)(fd, to, bytes, flags, address, n);
	/* tcp(7): a stream does not say whom it is from. */
	if (address.__sockaddr__ && n)
		*n = 0;
	return receive_one(fd, to, bytes, flags);
}

WRAP ssize_t __recvfrom_chk(int fd, void *to, size_t bytes, size_t room, int flags,
			    __SOCKADDR_ARG address, socklen_t *n)
{
	if (bytes > room)
		__chk_fail();
	return recvfrom(fd, to, bytes, flags, address, n);
}

WRAP ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t got;

	if (tto_owns(fd))
		return tto_recvmsg(fd, message, flags);
	got = REAL(recvmsg)(fd, message, flags);
	if (got >= 0)
		tto_pass_end(message, flags);
	return got;
}

/* By a descriptor that is not ours: some that are may have come. */
static int take_many(int fd, struct mmsghdr *messages, unsigned int n, int flags,
		     struct timespec *timeout)
{
	int got = REAL(recvmmsg)(fd, messages, n, flags, timeout);

	for (int k = 0; k < got; k++)
		tto_pass_end(&messages[k].msg_hdr, flags);
	return got;
}

static bool is_over(const struct timespec *start, const struct timespec *timeout)
{
	struct timespec now;
	int64_t ns;

	if (!timeout)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (now.tv_sec - start->tv_sec - timeout->tv_sec) * 1000000000LL +
	     now.tv_nsec - start->tv_nsec - timeout->tv_nsec;
	return ns >= 0;
}

/* As recvmmsg(2) has it: the time is looked at behind each message only. */
WRAP int recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags,
		  struct timespec *timeout)
{
	struct timespec start;
	unsigned int got = 0;

	if (!tto_owns(fd))
		return take_many(fd, messages, n, flags, timeout);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (got < n && !(got && is_over(&start, timeout))) {
		struct mmsghdr *m = &messages[got];
		ssize_t bytes = tto_recvmsg(fd, &m->msg_hdr, flags & ~MSG_WAITFORONE);

		if (bytes < 0)
			return got ? (int)got : -1;
		m->msg_len = (unsigned int)bytes;
		got++;
		if (!bytes)
			break;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	}
	return (int)got;
}
