/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket.h - What programs know of TCP, as POSIX and Linux have it
 *
 * Functions return what the call returns, or -errno. Those that may block wait
 * in virtual time, see clock.h.
 */
#ifndef TEST_PACKETDRILL_SOCKET_H
#define TEST_PACKETDRILL_SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "packetdrill/host.h"
#include "packetdrill/listener.h"

/* Options that are kept and told again, but change nothing here. */
enum plain_option {
	PLAIN_REUSEADDR,
	PLAIN_REUSEPORT,
	PLAIN_PRIORITY,
	PLAIN_MARK,
	PLAIN_FREEBIND,
	PLAIN_V6ONLY,
	PLAIN_INQ,		/* except this one: see socket_receive_message() */
	PLAIN_N
};

struct socket {
	int fd;			/* of an eventfd: nobody else's number          */
	struct host *host;
	bool v6;		/* AF_INET6                                     */
	bool nonblocking;
	bool bound;
	bool shut_read;
	struct address local;
	struct settings settings;
	struct connection *connection;	/* one of these two, or none            */
	struct listener *listener;
	int error;		/* of a connection that is gone; told once      */
	bool linger;
	int linger_seconds;
	ns_t receive_timeout, send_timeout;	/* 0: none                      */
	uint32_t receive_lowat;
	uint32_t send_buffer, receive_buffer;	/* as told; 0: automatic        */
	int plain[PLAIN_N];
};

/* Return: the descriptor's socket; NULL: there is none. */
struct socket *socket_of(const struct host *h, int fd);

/* ---- Connections: socket.c -------------------------------------------------------- */

int socket_open(struct host *h, int domain, int type, int protocol);
int socket_bind(struct socket *s, const struct sockaddr *to, socklen_t len);
int socket_listen(struct socket *s, int backlog);
int socket_accept(struct socket *s, struct sockaddr *peer, socklen_t *len);
int socket_connect(struct socket *s, const struct sockaddr *to, socklen_t len);
int socket_shutdown(struct socket *s, int how);
int socket_close(struct socket *s);

/* Release; a connection that it has is reset. The descriptor is closed already. */
void socket_free(struct socket *s);

/* The pending error, told once; 0: none. */
int socket_take_error(struct socket *s);

/* ---- Bytes: transfer.c --------------------------------------------------------------- */

/* A list of pieces of memory; NULL in one gives -EFAULT. */
ssize_t socket_receive(struct socket *s, const struct iovec *iov, size_t n,
		       int flags);

/* With TCP_INQ a control message tells how much is left; 1 at the end. */
ssize_t socket_receive_message(struct socket *s, struct msghdr *msg, int flags);

ssize_t socket_send(struct socket *s, const struct iovec *iov, size_t n,
		    int flags);
int socket_ioctl(struct socket *s, unsigned long request, int *value);

/* ---- Options: options.c --------------------------------------------------------------- */

int socket_set_option(struct socket *s, int level, int name, const void *value,
		      socklen_t len);
int socket_get_option(struct socket *s, int level, int name, void *value,
		      socklen_t *len);

/* TCP_INFO: tcp_info.c */
struct tcp_info;
void socket_tcp_info(struct socket *s, struct tcp_info *info);

/* ---- Readiness: readiness.c ----------------------------------------------------------- */

/* POLLIN and the like that are true now. */
short socket_readiness(const struct socket *s);

#endif
