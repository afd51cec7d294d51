// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream.c - Sockets as streams of stdio
 *
 * libc's streams read and write by calls that nobody can wrap. So a stream over a socket is
 * made with functions of its own (fopencookie(3)), and stdin, stdout and stderr are
 * exchanged while descriptors 0, 1 and 2 are sockets of ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload/real.h"

static _Atomic int n_streams;

static ssize_t cookie_read(void *cookie, char *to, size_t bytes)
{
	return read((int)(intptr_t)cookie, to, bytes);
}

/* 0 is an error here: fopencookie(3). */
static ssize_t cookie_write(void *cookie, const char *from, size_t bytes)
{
	ssize_t wrote = write((int)(intptr_t)cookie, from, bytes);

	return wrote < 0 ? 0 : wrote;
}

/* As lseek(2) of a socket; libc takes this error as a matter of course. */
static int cookie_seek(void *cookie, off64_t *place, int whence)
{
	errno = ESPIPE;
	return -1;
}

static int cookie_close(void *cookie)
{
	n_streams--;
	return close((int)(intptr_t)cookie);
}

static FILE *open_stream(int fd, const char *mode)
{
	cookie_io_functions_t functions = { cookie_read, cookie_write, cookie_seek,
					    cookie_close };
	FILE *f = fopencookie((void *)(intptr_t)fd, mode, functions);

	if (!f)
		return NULL;
	n_streams++;
	f->_fileno = fd;	/* for fileno()                                 */
	return f;
}

/* One that is not ours yet may become so with connect(). */
static bool may_be_ours(int fd)
{
	int domain, type;
	socklen_t n = sizeof(int);

	if (tto_owns(fd))
		return true;
	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) &&
	       (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM;
}

WRAP FILE *fdopen(int fd, const char *mode)
{
	int saved = errno;

	if (!may_be_ours(fd)) {
		errno = saved;
		return REAL(fdopen)(fd, mode);
	}
	errno = saved;
	return open_stream(fd, mode);
}
WRAP_ALIAS(_IO_fdopen, fdopen);

/* ---- stdin, stdout, stderr ------------------------------------------------------------- */

/* What they were, while they are exchanged. */
static FILE *before[STDERR_FILENO + 1];

static FILE **standard(int fd)
{
	return fd == STDIN_FILENO ? &stdin : fd == STDOUT_FILENO ? &stdout : &stderr;
}

static void exchange(int fd)
{
	FILE *f = open_stream(fd, fd == STDIN_FILENO ? "r" : "w");

	if (!f)
		return;
	if (fd == STDERR_FILENO)
		setvbuf(f, NULL, _IONBF, 0);
	before[fd] = *standard(fd);
	*standard(fd) = f;
}

/* The stream is not closed: its descriptor is somebody else's by now. */
static void change_back(int fd)
{
	*standard(fd) = before[fd];
	before[fd] = NULL;
	n_streams--;
}

void stream_follow(int fd)
{
	int saved = errno;
	bool is_ours;

	if (fd < 0 || fd > STDERR_FILENO)
		return;
	is_ours = tto_owns(fd);
	if (is_ours && !before[fd])
		exchange(fd);
	else if (!is_ours && before[fd])
		change_back(fd);
	errno = saved;
}

void stream_flush(void)
{
	if (n_streams > 0)
		fflush(NULL);
}
