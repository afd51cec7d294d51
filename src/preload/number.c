// SPDX-License-Identifier: BSD-2-Clause
/*
 * number.c - System calls by number: syscall(2)
 *
 * A table has the numbers that concern our descriptors, each with the call by name. The
 * others, and those for descriptors that are not ours, go on to libc.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/real.h"

#define ARGUMENTS 6

typedef long number_fn(const long *a);

/* Whom a number is for. */
enum whose {
	FIRST,		/* the first argument is a descriptor; of ours only     */
	ANY,
};

#define PTR(n) ((void *)a[n])
#define INT(n) ((int)a[n])
#define SIZE(n) ((size_t)a[n])

static long do_read(const long *a) { return read(INT(0), PTR(1), SIZE(2)); }
static long do_write(const long *a) { return write(INT(0), PTR(1), SIZE(2)); }
static long do_readv(const long *a) { return readv(INT(0), PTR(1), INT(2)); }
static long do_writev(const long *a) { return writev(INT(0), PTR(1), INT(2)); }

static long do_recvfrom(const long *a)
{
	return recvfrom(INT(0), PTR(1), SIZE(2), INT(3), (struct sockaddr *)a[4], PTR(5));
}

static long do_sendto(const long *a)
{
	return sendto(INT(0), PTR(1), SIZE(2), INT(3), (struct sockaddr *)a[4],
		      (socklen_t)a[5]);
}

static long do_recvmsg(const long *a) { return tto_recvmsg(INT(0), PTR(1), INT(2)); }
static long do_sendmsg(const long *a) { return tto_sendmsg(INT(0), PTR(1), INT(2)); }

static long do_recvmmsg(const long *a)
{
	return recvmmsg(INT(0), PTR(1), (unsigned int)a[2], INT(3), PTR(4));
}

static long do_sendmmsg(const long *a)
{
	return sendmmsg(INT(0), PTR(1), (unsigned int)a[2], INT(3));
}

static long do_sendfile(const long *a)
{
	return sendfile(INT(0), INT(1), PTR(2), SIZE(3));
}

static long do_splice(const long *a)
{
	return splice(INT(0), PTR(1), INT(2), PTR(3), SIZE(4), (unsigned int)a[5]);
}

static long do_socket(const long *a) { return tto_socket(INT(0), INT(1), INT(2)); }

static long do_bind(const long *a)
{
	return tto_bind(INT(0), PTR(1), (socklen_t)a[2]);
}

static long do_connect(const long *a)
{
	return tto_connect(INT(0), PTR(1), (socklen_t)a[2]);
}

static long do_listen(const long *a) { return tto_listen(INT(0), INT(1)); }

static long do_accept(const long *a)
{
	return tto_accept4(INT(0), PTR(1), PTR(2), 0);
}

static long do_accept4(const long *a)
{
	return tto_accept4(INT(0), PTR(1), PTR(2), INT(3));
}

static long do_getsockname(const long *a)
{
	return tto_getsockname(INT(0), PTR(1), PTR(2));
}

static long do_getpeername(const long *a)
{
	return tto_getpeername(INT(0), PTR(1), PTR(2));
}

static long do_getsockopt(const long *a)
{
	return tto_getsockopt(INT(0), INT(1), INT(2), PTR(3), PTR(4));
}

static long do_setsockopt(const long *a)
{
	return tto_setsockopt(INT(0), INT(1), INT(2), PTR(3), (socklen_t)a[4]);
}

static long do_shutdown(const long *a) { return tto_shutdown(INT(0), INT(1)); }
static long do_close(const long *a) { return close(INT(0)); }

static long do_close_range(const long *a)
{
	return tto_close_range((unsigned int)a[0], (unsigned int)a[1], INT(2));
}

static long do_dup(const long *a) { return tto_dup(INT(0)); }
static long do_dup3(const long *a) { return dup3(INT(0), INT(1), INT(2)); }
static long do_fcntl(const long *a) { return fcntl(INT(0), INT(1), a[2]); }
static long do_ioctl(const long *a) { return ioctl(INT(0), (unsigned long)a[1], a[2]); }

static long do_ppoll(const long *a)
{
	return ppoll(PTR(0), (nfds_t)a[1], PTR(2), PTR(3));
}

static long do_pselect6(const long *a)
{
	const struct {
		const sigset_t *mask;
		size_t bytes;
	} *with = PTR(5);

	return pselect(INT(0), PTR(1), PTR(2), PTR(3), PTR(4), with ? with->mask : NULL);
}

static long do_epoll_create1(const long *a) { return tto_epoll_create1(INT(0)); }

static long do_epoll_ctl(const long *a)
{
	return tto_epoll_ctl(INT(0), INT(1), INT(2), PTR(3));
}

static long do_epoll_pwait(const long *a)
{
	return epoll_pwait(INT(0), PTR(1), INT(2), INT(3), PTR(4));
}

static long do_exit_group(const long *a) { _exit(INT(0)); }

/* Calls that newer architectures lack. */
#ifdef SYS_poll
static long do_poll(const long *a) { return poll(PTR(0), (nfds_t)a[1], INT(2)); }

static long do_select(const long *a)
{
	return select(INT(0), PTR(1), PTR(2), PTR(3), PTR(4));
}

static long do_dup2(const long *a) { return dup2(INT(0), INT(1)); }

static long do_epoll_wait(const long *a)
{
	return epoll_pwait(INT(0), PTR(1), INT(2), INT(3), NULL);
}

static long do_epoll_create(const long *a) { return epoll_create(INT(0)); }
static long do_fork(const long *a) { return fork(); }
#endif

static const struct {
	uint16_t number;
	uint8_t whose;
	number_fn *call;
} numbers[] = {
	{ SYS_read, FIRST, do_read },
	{ SYS_write, FIRST, do_write },
	{ SYS_readv, FIRST, do_readv },
	{ SYS_writev, FIRST, do_writev },
	{ SYS_recvfrom, FIRST, do_recvfrom },
	{ SYS_sendto, FIRST, do_sendto },
	{ SYS_recvmsg, FIRST, do_recvmsg },
	{ SYS_sendmsg, FIRST, do_sendmsg },
	{ SYS_recvmmsg, FIRST, do_recvmmsg },
	{ SYS_sendmmsg, FIRST, do_sendmmsg },
	{ SYS_sendfile, FIRST, do_sendfile },
	{ SYS_splice, ANY, do_splice },
	{ SYS_socket, ANY, do_socket },
	{ SYS_bind, ANY, do_bind },
	{ SYS_connect, ANY, do_connect },
	{ SYS_listen, ANY, do_listen },
	{ SYS_accept, FIRST, do_accept },
	{ SYS_accept4, FIRST, do_accept4 },
	{ SYS_getsockname, FIRST, do_getsockname },
	{ SYS_getpeername, FIRST, do_getpeername },
	{ SYS_getsockopt, FIRST, do_getsockopt },
	{ SYS_setsockopt, FIRST, do_setsockopt },
	{ SYS_shutdown, FIRST, do_shutdown },
	{ SYS_close, ANY, do_close },
	{ SYS_close_range, ANY, do_close_range },
	{ SYS_dup, FIRST, do_dup },
	{ SYS_dup3, ANY, do_dup3 },
	{ SYS_fcntl, ANY, do_fcntl },
	{ SYS_ioctl, FIRST, do_ioctl },
	{ SYS_ppoll, ANY, do_ppoll },
	{ SYS_pselect6, ANY, do_pselect6 },
	{ SYS_epoll_create1, ANY, do_epoll_create1 },
	{ SYS_epoll_ctl, FIRST, do_epoll_ctl },
	{ SYS_epoll_pwait, FIRST, do_epoll_pwait },
	{ SYS_exit_group, ANY, do_exit_group },
#ifdef SYS_poll
	{ SYS_poll, ANY, do_poll },
	{ SYS_select, ANY, do_select },
	{ SYS_dup2, ANY, do_dup2 },
	{ SYS_epoll_wait, FIRST, do_epoll_wait },
	{ SYS_epoll_create, ANY, do_epoll_create },
	{ SYS_fork, ANY, do_fork },
	{ SYS_vfork, ANY, do_fork },
#endif
};

WRAP long syscall(long number, ...)
{
	long a[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int n = 0; n < ARGUMENTS; n++)
		a[n] = va_arg(list, long);
	va_end(list);
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		if (numbers[n].number != number)
			continue;
		if (numbers[n].whose == ANY || tto_owns(INT(0)))
			return numbers[n].call(a);
		break;
	}
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
