// SPDX-License-Identifier: BSD-2-Clause
/* descriptor.c - Numbers and flags: dup(), fcntl(), ioctl() */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/real.h"

int __fcntl(int fd, int command, ...);
int __dup2(int fd, int to);
int __fxstat(int version, int fd, struct stat *to);
int __fxstat64(int version, int fd, struct stat64 *to);

static int copied(int fd)
{
	if (fd >= 0 && fd <= STDERR_FILENO)
		stream_follow(fd);
	return fd;
}

WRAP int dup(int fd)
{
	return copied(tto_dup(fd));
}

WRAP int dup2(int fd, int to)
{
	return copied(tto_dup3(fd, to, -1));
}
WRAP_ALIAS(__dup2, dup2);

WRAP int dup3(int fd, int to, int flags)
{
	return copied(tto_dup3(fd, to, flags));
}

/* One argument of any type is behind the command, or none, which is then not looked at. */
WRAP int fcntl(int fd, int command, ...)
{
	unsigned long argument;
	va_list list;

	va_start(list, command);
	argument = va_arg(list, unsigned long);
	va_end(list);
	if (command == F_SETLKW || command == F_OFD_SETLKW)	/* may wait      */
		return REAL(fcntl)(fd, command, argument);
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return copied(tto_fcntl(fd, command, argument));
	return tto_fcntl(fd, command, argument);
}
WRAP_ALIAS(__fcntl, fcntl);
WRAP_ALIAS(fcntl64, fcntl);

/* ---- What is there ------------------------------------------------------------------------ */

static bool is_hidden(int fd)
{
	if (!tto_keeps(fd))
		return false;
	errno = EBADF;
	return true;
}

WRAP int fstat(int fd, struct stat *to)
{
	return is_hidden(fd) ? -1 : REAL(fstat)(fd, to);
}

WRAP int fstat64(int fd, struct stat64 *to)
{
	return is_hidden(fd) ? -1 : REAL(fstat64)(fd, to);
}

/* What fstat() was in programs that were built for a C library before 2.33. */
WRAP int __fxstat(int version, int fd, struct stat *to)
{
	return is_hidden(fd) ? -1 : REAL(__fxstat)(version, fd, to);
}

WRAP int __fxstat64(int version, int fd, struct stat64 *to)
{
	return is_hidden(fd) ? -1 : REAL(__fxstat64)(version, fd, to);
}

/* ---- ioctl() ------------------------------------------------------------------------------- */

WRAP int ioctl(int fd, unsigned long request, ...)
{
	void *argument;
	va_list list;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (!tto_owns(fd))
		return REAL(ioctl)(fd, request, argument);
	return tto_ioctl(fd, request, argument);
}
