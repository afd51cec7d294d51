// SPDX-License-Identifier: BSD-2-Clause
/* send.c - Everything that writes */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/real.h"

int __sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags);
int __dprintf_chk(int fd, int flag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

static ssize_t transmit(int fd, const struct iovec *iov, size_t n, int flags)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				  .msg_iovlen = n };

	return tto_sendmsg(fd, &message, flags);
}

static ssize_t transmit_one(int fd, const void *from, size_t bytes, int flags)
{
	struct iovec iov = { (void *)(uintptr_t)from, bytes };

	return transmit(fd, &iov, 1, flags);
}

/* ---- write() and what is like it ------------------------------------------------------- */

WRAP ssize_t write(int fd, const void *from, size_t bytes)
{
	if (!tto_owns(fd))
		return REAL(write)(fd, from, bytes);
	return transmit_one(fd, from, bytes, 0);
}
WRAP_ALIAS(__write, write);

static ssize_t write_elements(int fd, const struct iovec *iov, int n)
{
	if (n < 0 || n > IOV_MAX) {
		errno = EINVAL;
		return -1;
	}
	return transmit(fd, iov, (size_t)n, 0);
}

WRAP ssize_t writev(int fd, const struct iovec *iov, int n)
{
	if (!tto_owns(fd))
		return REAL(writev)(fd, iov, n);
	return write_elements(fd, iov, n);
}

WRAP ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t place, int flags)
{
	if (!tto_owns(fd) || place != -1)
		return REAL(pwritev2)(fd, iov, n, place, flags);
	return write_elements(fd, iov, n);
}

WRAP ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t place, int flags)
{
	return pwritev2(fd, iov, n, place, flags);
}

/* ---- send() and what is like it ------------------------------------------------------------ */

WRAP ssize_t send(int fd, const void *from, size_t bytes, int flags)
{
	if (!tto_owns(fd))
		return REAL(send)(fd, from, bytes, flags);
	return transmit_one(fd, from, bytes, flags);
}
WRAP_ALIAS(__send, send);

/* With an address it may be a connect() of TCP Fast Open: tto_sendmsg() knows. */
WRAP ssize_t sendto(int fd, const void *from, size_t bytes, int flags,
		    __CONST_SOCKADDR_ARG address, socklen_t n)
{
	struct iovec iov = { (void *)(uintptr_t)from, bytes };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_namelen = n };

	if (!tto_owns(fd))
		return REAL(sendto)(fd, from, bytes, flags, address, n);
	message.msg_name = (void *)(uintptr_t)address.__sockaddr__;
	return tto_sendmsg(fd, &message, flags);
}

/* By a descriptor that is not ours: some that are may be in the message. */
static ssize_t pass_on(int fd, const struct msghdr *message, int flags)
{
	ssize_t sent;

	if (!message || !message->msg_controllen)
		return REAL(sendmsg)(fd, message, flags);
	tto_pass_begin(message);
	sent = REAL(sendmsg)(fd, message, flags);
	if (sent < 0) {
		int saved = errno;

		tto_pass_failed(message);
		errno = saved;
	}
	return sent;
}

WRAP ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (!tto_owns(fd))
		return pass_on(fd, message, flags);
	return tto_sendmsg(fd, message, flags);
}

static int pass_many_on(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
	int sent, saved;

	for (unsigned int k = 0; k < n; k++)
		tto_pass_begin(&messages[k].msg_hdr);
	sent = REAL(sendmmsg)(fd, messages, n, flags);
	saved = errno;
	for (unsigned int k = sent < 0 ? 0 : (unsigned int)sent; k < n; k++)
		tto_pass_failed(&messages[k].msg_hdr);
	errno = saved;
	return sent;
}

WRAP int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
	unsigned int sent = 0;

	if (!tto_owns(fd))
		return pass_many_on(fd, messages, n, flags);
	while (sent < n) {
		ssize_t bytes = tto_sendmsg(fd, &messages[sent].msg_hdr, flags);

		if (bytes < 0)
			return sent ? (int)sent : -1;
		messages[sent++].msg_len = (unsigned int)bytes;
	}
	return (int)sent;
}
WRAP_ALIAS(__sendmmsg, sendmmsg);

/* ---- Formatted -------------------------------------------------------------------------- */

/* Return: @n, or -1. */
static int write_text(int fd, const char *text, int n)
{
	for (int at = 0; at < n;) {
		ssize_t wrote = write(fd, text + at, (size_t)(n - at));

		if (wrote < 0)
			return -1;
		at += (int)wrote;
	}
	return n;
}

WRAP int vdprintf(int fd, const char *format, va_list arguments)
{
	char *text;
	int n;

	if (!tto_owns(fd))
		return REAL(vdprintf)(fd, format, arguments);
	n = vasprintf(&text, format, arguments);
	if (n < 0)
		return -1;
	n = write_text(fd, text, n);
	free(text);
	return n;
}

WRAP int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
	return vdprintf(fd, format, arguments);
}

WRAP int dprintf(int fd, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vdprintf(fd, format, arguments);
	va_end(arguments);
	return n;
}

WRAP int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vdprintf(fd, format, arguments);
	va_end(arguments);
	return n;
}
