/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll.h - poll() and epoll over the sockets of a host */
#ifndef TEST_PACKETDRILL_EPOLL_H
#define TEST_PACKETDRILL_EPOLL_H

#include <poll.h>
#include <sys/epoll.h>

struct epoll_set;
struct host;

/* As the calls of these names; -errno. */
int epoll_make(struct host *h);
int epoll_control(struct host *h, int epfd, int op, int fd,
		  const struct epoll_event *event);
int epoll_await(struct host *h, int epfd, struct epoll_event *events, int max,
		int timeout_ms);
int epoll_poll(struct host *h, struct pollfd *fds, nfds_t n, int timeout_ms);

/* Return: -EBADF if @epfd is none. */
int epoll_close(struct host *h, int epfd);
void epoll_free(struct epoll_set *set);

#endif
