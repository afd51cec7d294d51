// SPDX-License-Identifier: BSD-2-Clause
/*
 * number.c - System calls by number: syscall(2)
 *
 * A table has the numbers that concern our descriptors, each with the call by name. The
 * others, and those for descriptors that are not ours, go on to libc.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

static long do_prctl(const long *a) { return prctl(INT(0), a[1], a[2], a[3], a[4]); }

static long do_seccomp(const long *a)
{
	long result = REAL(syscall)(SYS_seccomp, a[0], a[1], a[2]);

	/* Some operations only ask; to be careful without need does no harm. */
	if (!result)
		tto_confine();
	return result;
}

/* @flags: of the clone that @a asks for. One that shares memory is libc's, or not to be had. */
static long do_clone_with(unsigned long flags, long number, const long *a)
{
	long child;

	if (flags & CLONE_VM)
		return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4]);
	tto_fork_begin();
	child = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4]);
	forked((pid_t)child);
	return child;
}

static long do_clone(const long *a)
{
	return do_clone_with((unsigned long)a[0], SYS_clone, a);
}

static long do_clone3(const long *a)
{
	const struct clone_args *with = PTR(0);

	return do_clone_with(with ? with->flags : CLONE_VM, SYS_clone3, a);
}

static long do_prlimit64(const long *a)
{
	return prlimit(INT(0), (enum __rlimit_resource)a[1], PTR(2), PTR(3));
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
	number_fn *call;	/* NULL: it is none of ours                     */
	enum whose whose;
} numbers[] = {
	[SYS_read] = { do_read, FIRST },
	[SYS_write] = { do_write, FIRST },
	[SYS_readv] = { do_readv, FIRST },
	[SYS_writev] = { do_writev, FIRST },
	[SYS_recvfrom] = { do_recvfrom, FIRST },
	[SYS_sendto] = { do_sendto, FIRST },
	[SYS_recvmsg] = { do_recvmsg, ANY },
	[SYS_sendmsg] = { do_sendmsg, ANY },
	[SYS_recvmmsg] = { do_recvmmsg, ANY },
	[SYS_sendmmsg] = { do_sendmmsg, ANY },
	[SYS_sendfile] = { do_sendfile, FIRST },
	[SYS_splice] = { do_splice, ANY },
	[SYS_socket] = { do_socket, ANY },
	[SYS_bind] = { do_bind, ANY },
	[SYS_connect] = { do_connect, ANY },
	[SYS_listen] = { do_listen, ANY },
	[SYS_accept] = { do_accept, FIRST },
	[SYS_accept4] = { do_accept4, FIRST },
	[SYS_getsockname] = { do_getsockname, FIRST },
	[SYS_getpeername] = { do_getpeername, FIRST },
	[SYS_getsockopt] = { do_getsockopt, FIRST },
	[SYS_setsockopt] = { do_setsockopt, FIRST },
	[SYS_shutdown] = { do_shutdown, FIRST },
	[SYS_close] = { do_close, ANY },
	[SYS_close_range] = { do_close_range, ANY },
	[SYS_dup] = { do_dup, FIRST },
	[SYS_dup3] = { do_dup3, ANY },
	[SYS_fcntl] = { do_fcntl, ANY },
	[SYS_ioctl] = { do_ioctl, FIRST },
	[SYS_ppoll] = { do_ppoll, ANY },
	[SYS_pselect6] = { do_pselect6, ANY },
	[SYS_epoll_create1] = { do_epoll_create1, ANY },
	[SYS_epoll_ctl] = { do_epoll_ctl, FIRST },
	[SYS_epoll_pwait] = { do_epoll_pwait, FIRST },
	[SYS_clone] = { do_clone, ANY },
	[SYS_clone3] = { do_clone3, ANY },
	[SYS_prlimit64] = { do_prlimit64, ANY },
	[SYS_prctl] = { do_prctl, ANY },
	[SYS_seccomp] = { do_seccomp, ANY },
	[SYS_exit_group] = { do_exit_group, ANY },
#ifdef SYS_poll
	[SYS_poll] = { do_poll, ANY },
	[SYS_select] = { do_select, ANY },
	[SYS_dup2] = { do_dup2, ANY },
	[SYS_epoll_wait] = { do_epoll_wait, FIRST },
	[SYS_epoll_create] = { do_epoll_create, ANY },
	[SYS_fork] = { do_fork, ANY },
	[SYS_vfork] = { do_fork, ANY },
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
	if (number >= 0 && (size_t)number < sizeof(numbers) / sizeof(numbers[0]) &&
	    numbers[number].call &&
	    (numbers[number].whose == ANY || tto_owns(INT(0))))
		return numbers[number].call(a);
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
