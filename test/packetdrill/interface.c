// SPDX-License-Identifier: BSD-2-Clause
/*
 * interface.c - The slots: each takes the lock, finds the socket, sets errno
 */
#include "packetdrill/interface.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packetdrill/epoll.h"
#include "packetdrill/flags.h"
#include "packetdrill/preload.h"
#include "packetdrill/socket.h"

/* ---- What all have in common -------------------------------------------------------- */

static ssize_t leave(struct host *h, ssize_t result)
{
	host_sweep(h);
	clock_unlock(&h->clock);
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

/* Return: NULL: no such socket; the lock is held in either case. */
static struct socket *enter(struct host *h, int fd)
{
	clock_lock(&h->clock);
	return socket_of(h, fd);
}

/* Runs CALL with "s" for the socket that FD is. */
#define ON_SOCKET(CALL)							\
	struct host *h = ud;						\
	struct socket *s = enter(h, fd);				\
									\
	return leave(h, s ? (CALL) : -EBADF)

#define ON_SOCKET_INT(CALL)						\
	struct host *h = ud;						\
	struct socket *s = enter(h, fd);				\
									\
	return (int)leave(h, s ? (CALL) : -EBADF)

/* ---- Connections ------------------------------------------------------------------------ */

static int slot_socket(void *ud, int domain, int type, int protocol)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	return (int)leave(h, socket_open(h, domain, type, protocol));
}

static int slot_bind(void *ud, int fd, const struct sockaddr *to, socklen_t len)
{
	ON_SOCKET_INT(socket_bind(s, to, len));
}

static int slot_listen(void *ud, int fd, int backlog)
{
	ON_SOCKET_INT(socket_listen(s, backlog));
}

static int slot_accept(void *ud, int fd, struct sockaddr *peer, socklen_t *len)
{
	ON_SOCKET_INT(socket_accept(s, peer, len));
}

static int slot_connect(void *ud, int fd, const struct sockaddr *to,
			socklen_t len)
{
	ON_SOCKET_INT(socket_connect(s, to, len));
}

static int slot_shutdown(void *ud, int fd, int how)
{
	ON_SOCKET_INT(socket_shutdown(s, how));
}

static int slot_close(void *ud, int fd)
{
	struct host *h = ud;
	struct socket *s = enter(h, fd);

	return (int)leave(h, s ? socket_close(s) : epoll_close(h, fd));
}

/* ---- Bytes ------------------------------------------------------------------------------ */

static struct iovec one(const void *buf, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)buf, n };
}

static ssize_t slot_recv(void *ud, int fd, void *buf, size_t n, int flags)
{
	struct iovec iov = one(buf, n);

	ON_SOCKET(socket_receive(s, &iov, 1, flags));
}

static ssize_t slot_read(void *ud, int fd, void *buf, size_t n)
{
	return slot_recv(ud, fd, buf, n, 0);
}

static ssize_t slot_readv(void *ud, int fd, const struct iovec *iov, int n)
{
	ON_SOCKET(n < 0 ? -EINVAL : socket_receive(s, iov, (size_t)n, 0));
}

static ssize_t slot_recvfrom(void *ud, int fd, void *buf, size_t n, int flags,
			     struct sockaddr *from, socklen_t *len)
{
	return slot_recv(ud, fd, buf, n, flags);
}

static ssize_t slot_recvmsg(void *ud, int fd, struct msghdr *msg, int flags)
{
	ON_SOCKET(socket_receive_message(s, msg, flags));
}

static ssize_t slot_send(void *ud, int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov = one(buf, n);

	ON_SOCKET(socket_send(s, &iov, 1, flags));
}

static ssize_t slot_write(void *ud, int fd, const void *buf, size_t n)
{
	return slot_send(ud, fd, buf, n, 0);
}

static ssize_t slot_writev(void *ud, int fd, const struct iovec *iov, int n)
{
	ON_SOCKET(n < 0 ? -EINVAL : socket_send(s, iov, (size_t)n, 0));
}

/* A connected socket does not look at the address. */
static ssize_t slot_sendto(void *ud, int fd, const void *buf, size_t n,
			   int flags, const struct sockaddr *to, socklen_t len)
{
	return slot_send(ud, fd, buf, n, flags);
}

static ssize_t slot_sendmsg(void *ud, int fd, const struct msghdr *msg,
			    int flags)
{
	ON_SOCKET(socket_send(s, msg->msg_iov, msg->msg_iovlen, flags));
}

/* ---- Control ------------------------------------------------------------------------------ */

static int control(struct socket *s, int command, int value)
{
	switch (command) {
	case F_GETFL:
		return O_RDWR | (s->nonblocking ? O_NONBLOCK : 0);
	case F_SETFL:
		s->nonblocking = value & O_NONBLOCK;
		return 0;
	case F_GETFD:
	case F_SETFD:
		return 0;
	default:
		return -EINVAL;
	}
}

static int slot_fcntl(void *ud, int fd, int command, ...)
{
	struct host *h = ud;
	struct socket *s = enter(h, fd);
	va_list args;
	int value = 0;

	if (command == F_SETFL || command == F_SETFD) {
		va_start(args, command);
		value = va_arg(args, int);
		va_end(args);
	}
	return (int)leave(h, s ? control(s, command, value) : -EBADF);
}

static int slot_ioctl(void *ud, int fd, unsigned long request, ...)
{
	struct host *h = ud;
	struct socket *s = enter(h, fd);
	va_list args;
	int *value;

	va_start(args, request);
	value = va_arg(args, int *);
	va_end(args);
	return (int)leave(h, s ? socket_ioctl(s, request, value) : -EBADF);
}

static int slot_getsockopt(void *ud, int fd, int level, int name, void *value,
			   socklen_t *len)
{
	ON_SOCKET_INT(socket_get_option(s, level, name, value, len));
}

static int slot_setsockopt(void *ud, int fd, int level, int name,
			   const void *value, socklen_t len)
{
	ON_SOCKET_INT(socket_set_option(s, level, name, value, len));
}

static int slot_poll(void *ud, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	return (int)leave(h, epoll_poll(h, fds, n, timeout_ms));
}

static int slot_epoll_create(void *ud, int size)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	return (int)leave(h, size > 0 ? epoll_make(h) : -EINVAL);
}

static int slot_epoll_ctl(void *ud, int epfd, int op, int fd,
			  struct epoll_event *event)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	return (int)leave(h, epoll_control(h, epfd, op, fd, event));
}

static int slot_epoll_wait(void *ud, int epfd, struct epoll_event *events,
			   int max, int timeout_ms)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	return (int)leave(h, epoll_await(h, epfd, events, max, timeout_ms));
}

/* ---- The network and time -------------------------------------------------------------------- */

static int slot_netdev_send(void *ud, const void *datagram, size_t n)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	host_receive(h, datagram, n);
	return (int)leave(h, 0);
}

static int slot_netdev_receive(void *ud, void *datagram, size_t *n,
			       long long *usecs)
{
	struct host *h = ud;
	struct datagram_sent *d;

	clock_lock(&h->clock);
	d = host_wait_sent(h);
	if (d) {
		*n = d->n < *n ? d->n : *n;
		memcpy(datagram, d->bytes, *n);
		*usecs = (long long)(d->time / 1000);
		free(d);
	} else {
		*n = 0;
	}
	return (int)leave(h, 0);
}

static int slot_usleep(void *ud, useconds_t usecs)
{
	struct host *h = ud;

	clock_lock(&h->clock);
	clock_advance(&h->clock, h->clock.now + (ns_t)usecs * 1000);
	return (int)leave(h, 0);
}

static int slot_gettimeofday(void *ud, struct timeval *tv, struct timezone *tz)
{
	struct host *h = ud;
	ns_t now;

	clock_lock(&h->clock);
	now = clock_read(&h->clock);
	tv->tv_sec = (time_t)(now / TCP_SECOND);
	tv->tv_usec = (suseconds_t)(now % TCP_SECOND / 1000);
	return (int)leave(h, 0);
}

/* ---- What we do not have ---------------------------------------------------------------------- */

static int slot_pipe(void *ud, int fds[2])
{
	errno = ENOSYS;
	return -1;
}

static ssize_t slot_splice(void *ud, int from, loff_t *from_at, int to,
			   loff_t *to_at, size_t n, unsigned flags)
{
	errno = ENOSYS;
	return -1;
}

/* ---- The beginning and the end ----------------------------------------------------------------- */

static struct host *the_host;	/* for who asks without knowing it              */

static int preloaded_getsockopt(int fd, int level, int name, void *value,
				socklen_t *len)
{
	return the_host ? slot_getsockopt(the_host, fd, level, name, value, len) :
			  -1;
}

static void hook_preload(struct host *h)
{
	preload_getsockopt_fn **hook = dlsym(RTLD_DEFAULT, PRELOAD_HOOK);

	the_host = h;
	if (hook)
		*hook = preloaded_getsockopt;
}

static void slot_free(void *ud)
{
	the_host = NULL;
	host_free(ud);
}

__attribute__((visibility("default")))
void packetdrill_interface_init(const char *flags,
				struct packetdrill_slots *slots)
{
	struct flags f;

	if (flags_parse(&f, flags))
		exit(2);
	hook_preload(host_new(&f));
	*slots = (struct packetdrill_slots){
		.ud = the_host,
		.free = slot_free,
		.socket = slot_socket,
		.bind = slot_bind,
		.listen = slot_listen,
		.accept = slot_accept,
		.connect = slot_connect,
		.read = slot_read,
		.readv = slot_readv,
		.recv = slot_recv,
		.recvfrom = slot_recvfrom,
		.recvmsg = slot_recvmsg,
		.write = slot_write,
		.writev = slot_writev,
		.send = slot_send,
		.sendto = slot_sendto,
		.sendmsg = slot_sendmsg,
		.fcntl = slot_fcntl,
		.ioctl = slot_ioctl,
		.close = slot_close,
		.shutdown = slot_shutdown,
		.getsockopt = slot_getsockopt,
		.setsockopt = slot_setsockopt,
		.poll = slot_poll,
		.netdev_send = slot_netdev_send,
		.netdev_receive = slot_netdev_receive,
		.usleep = slot_usleep,
		.gettimeofday = slot_gettimeofday,
		.epoll_create = slot_epoll_create,
		.epoll_ctl = slot_epoll_ctl,
		.epoll_wait = slot_epoll_wait,
		.pipe = slot_pipe,
		.splice = slot_splice,
	};
}
