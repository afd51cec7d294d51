// SPDX-License-Identifier: BSD-2-Clause
/* create.c - Sockets: from socket() to close() */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "preload/real.h"

WRAP int socket(int domain, int type, int protocol)
{
	return tto_socket(domain, type, protocol);
}
WRAP_ALIAS(__socket, socket);

WRAP int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t bytes)
{
	return tto_bind(fd, address.__sockaddr__, bytes);
}

WRAP int listen(int fd, int backlog)
{
	return tto_listen(fd, backlog);
}

WRAP int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t bytes)
{
	return tto_connect(fd, address.__sockaddr__, bytes);
}
WRAP_ALIAS(__connect, connect);

WRAP int accept4(int fd, __SOCKADDR_ARG address, socklen_t *bytes, int flags)
{
	if (!tto_owns(fd))
		return REAL(accept4)(fd, address, bytes, flags);
	return tto_accept4(fd, address.__sockaddr__, bytes, flags);
}

WRAP int accept(int fd, __SOCKADDR_ARG address, socklen_t *bytes)
{
	if (!tto_owns(fd))
		return REAL(accept)(fd, address, bytes);
	return tto_accept4(fd, address.__sockaddr__, bytes, 0);
}

WRAP int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *bytes)
{
	return tto_getsockname(fd, address.__sockaddr__, bytes);
}

WRAP int getpeername(int fd, __SOCKADDR_ARG address, socklen_t *bytes)
{
	return tto_getpeername(fd, address.__sockaddr__, bytes);
}

WRAP int getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	return tto_getsockopt(fd, level, option, value, bytes);
}

WRAP int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	return tto_setsockopt(fd, level, option, value, bytes);
}

WRAP int shutdown(int fd, int how)
{
	return tto_shutdown(fd, how);
}

WRAP int sockatmark(int fd)
{
	int at = 0;

	return tto_ioctl(fd, SIOCATMARK, &at) ? -1 : at;
}

/* ---- Close --------------------------------------------------------------------------- */

WRAP int close(int fd)
{
	int result = tto_close_fd(fd);

	if (!result && fd <= STDERR_FILENO)
		stream_follow(fd);
	return result;
}
WRAP_ALIAS(__close, close);

WRAP int close_range(unsigned int first, unsigned int last, int flags)
{
	return tto_close_range(first, last, flags);
}

WRAP void closefrom(int first)
{
	tto_close_range(first < 0 ? 0 : (unsigned int)first, ~0U, 0);
}
