/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interface.h - What packetdrill asks of a shared object
 *
 * The tool looks up packetdrill_interface_init() and calls it once; the object
 * fills in the slots. Each gets @ud first and is otherwise the call of libc of
 * the same name: -1 and errno, read by the tool straight after. There is no
 * version and no size: order and types are the contract.
 */
#ifndef TEST_PACKETDRILL_INTERFACE_H
#define TEST_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_slots {
	void *ud;
	void (*free)(void *ud);
	int (*socket)(void *ud, int domain, int type, int protocol);
	int (*bind)(void *ud, int fd, const struct sockaddr *to, socklen_t len);
	int (*listen)(void *ud, int fd, int backlog);
	int (*accept)(void *ud, int fd, struct sockaddr *peer, socklen_t *len);
	int (*connect)(void *ud, int fd, const struct sockaddr *to,
		       socklen_t len);
	ssize_t (*read)(void *ud, int fd, void *buf, size_t n);
	ssize_t (*readv)(void *ud, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *ud, int fd, void *buf, size_t n, int flags);
	ssize_t (*recvfrom)(void *ud, int fd, void *buf, size_t n, int flags,
			    struct sockaddr *from, socklen_t *len);
	ssize_t (*recvmsg)(void *ud, int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(void *ud, int fd, const void *buf, size_t n);
	ssize_t (*writev)(void *ud, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *ud, int fd, const void *buf, size_t n, int flags);
	ssize_t (*sendto)(void *ud, int fd, const void *buf, size_t n, int flags,
			  const struct sockaddr *to, socklen_t len);
	ssize_t (*sendmsg)(void *ud, int fd, const struct msghdr *msg,
			   int flags);
	int (*fcntl)(void *ud, int fd, int command, ...);
	int (*ioctl)(void *ud, int fd, unsigned long request, ...);
	int (*close)(void *ud, int fd);
	int (*shutdown)(void *ud, int fd, int how);
	int (*getsockopt)(void *ud, int fd, int level, int name, void *value,
			  socklen_t *len);
	int (*setsockopt)(void *ud, int fd, int level, int name,
			  const void *value, socklen_t len);
	int (*poll)(void *ud, struct pollfd *fds, nfds_t n, int timeout_ms);

	/* A whole IP datagram of the peer, to the stack. */
	int (*netdev_send)(void *ud, const void *datagram, size_t n);
	/* Waits for the next one of the stack. @n: room, then bytes; 0 makes
	 * the tool give up. @usecs: when it was sent, by gettimeofday below.   */
	int (*netdev_receive)(void *ud, void *datagram, size_t *n,
			      long long *usecs);

	/* All times of a run come from these two. */
	int (*usleep)(void *ud, useconds_t usecs);
	int (*gettimeofday)(void *ud, struct timeval *tv, struct timezone *tz);

	int (*epoll_create)(void *ud, int size);
	int (*epoll_ctl)(void *ud, int epfd, int op, int fd,
			 struct epoll_event *event);
	int (*epoll_wait)(void *ud, int epfd, struct epoll_event *events,
			  int max, int timeout_ms);
	int (*pipe)(void *ud, int fds[2]);
	ssize_t (*splice)(void *ud, int from, loff_t *from_at, int to,
			  loff_t *to_at, size_t n, unsigned flags);
};

/* The one symbol that the object exports. @flags: --so_flags, or NULL. */
void packetdrill_interface_init(const char *flags,
				struct packetdrill_slots *slots);

#endif
