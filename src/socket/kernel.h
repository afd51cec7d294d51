/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - System calls of the kernel's sockets, past everyone who wraps libc
 *
 * The names of the calls that libtto-preload takes from libc are not to be called in here:
 * they would come back. These go to the kernel, set errno as libc does, and are not points
 * of cancellation.
 */
#ifndef SOCKET_KERNEL_H
#define SOCKET_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kernel.h"

/*
 * What no program has anything at: nothing, -1 and their neighbours. The kernel answers
 * EFAULT, and so do we, for these; other wrong addresses end the process.
 */
static inline bool is_nowhere(const void *p)
{
	return (uintptr_t)p < 4096 || (intptr_t)p < 0;
}

#define kernel_close(fd) ((int)kernel_call(SYS_close, fd))
#define kernel_socket(domain, type, protocol) \
	((int)kernel_call(SYS_socket, domain, type, protocol))
#define kernel_bind(fd, address, bytes) ((int)kernel_call(SYS_bind, fd, address, bytes))
#define kernel_listen(fd, backlog) ((int)kernel_call(SYS_listen, fd, backlog))
#define kernel_accept4(fd, address, bytes, flags) \
	((int)kernel_call(SYS_accept4, fd, address, bytes, flags))
#define kernel_connect(fd, address, bytes) \
	((int)kernel_call(SYS_connect, fd, address, bytes))
#define kernel_getsockname(fd, address, bytes) \
	((int)kernel_call(SYS_getsockname, fd, address, bytes))
#define kernel_getpeername(fd, address, bytes) \
	((int)kernel_call(SYS_getpeername, fd, address, bytes))
#define kernel_getsockopt(fd, level, option, value, bytes) \
	((int)kernel_call(SYS_getsockopt, fd, level, option, value, bytes))
#define kernel_setsockopt(fd, level, option, value, bytes) \
	((int)kernel_call(SYS_setsockopt, fd, level, option, value, bytes))
#define kernel_shutdown(fd, how) ((int)kernel_call(SYS_shutdown, fd, how))
#define kernel_recvmsg(fd, message, flags) \
	((ssize_t)kernel_call(SYS_recvmsg, fd, message, flags))
#define kernel_sendmsg(fd, message, flags) \
	((ssize_t)kernel_call(SYS_sendmsg, fd, message, flags))
#define kernel_readv(fd, iov, n) ((ssize_t)kernel_call(SYS_readv, fd, iov, n))
#define kernel_writev(fd, iov, n) ((ssize_t)kernel_call(SYS_writev, fd, iov, n))
#define kernel_fcntl(fd, command, argument) \
	((int)kernel_call(SYS_fcntl, fd, command, argument))
#define kernel_ioctl(fd, request, argument) \
	((int)kernel_call(SYS_ioctl, fd, request, argument))
#define kernel_dup(fd) ((int)kernel_call(SYS_dup, fd))
#define kernel_dup3(fd, to, flags) ((int)kernel_call(SYS_dup3, fd, to, flags))
/* The kernel's mask of signals has 8 bytes. */
#define kernel_ppoll(fds, n, timeout, mask) \
	((int)kernel_call(SYS_ppoll, fds, n, timeout, mask, 8))
#define kernel_epoll_create1(flags) ((int)kernel_call(SYS_epoll_create1, flags))
#define kernel_epoll_ctl(set, operation, fd, event) \
	((int)kernel_call(SYS_epoll_ctl, set, operation, fd, event))
#define kernel_epoll_pwait(set, events, n, timeout_ms, mask) \
	((int)kernel_call(SYS_epoll_pwait, set, events, n, timeout_ms, mask, 8))

#endif
