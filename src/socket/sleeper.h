/* SPDX-License-Identifier: BSD-2-Clause */
/* sleeper.h - Who waits for a socket; all of it is in the heap: ready/sleeper.c */
#ifndef SOCKET_SLEEPER_H
#define SOCKET_SLEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct end;
struct epoll_member;
struct cursor;
struct sleeper;
struct socket;

/*
 * Somebody who wants to know when a socket's readiness changes: a thread in a blocking
 * call or in poll (wait.c), a member of an epoll set (epoll.c), or what a work queue has
 * of the socket (work/end.c). In a list of the socket's, and in the heap.
 */
struct watch {
	struct watch *next, **at;	/* *at == this; at NULL: in no list     */
	struct socket *socket;
	uint32_t events;	/* POLLIN ...; POLLERR and POLLHUP always count */
	struct sleeper *sleeper;	/* to be woken; NULL: @member or @end   */
	struct epoll_member *member;	/* gets into its set's ready list       */
	struct end *end;	/* of a work queue; NULL                        */
};

/* By which sleepers are woken; one has it alone, if there are not many of them. */
struct event {
	int fd;			/* eventfd; the same number in all processes    */
	uint32_t n_sleepers;
	uint32_t n_written;	/* of these, to be woken; 0: @fd is drained     */
};

/* A thread that sleeps, or is about to: wait.c. */
struct sleeper {
	struct event *event;
	struct sleeper *next_free;
	pid_t process;		/* 0: nobody                                    */
	bool is_asleep;		/* or about to be: write to @event              */
	bool is_told;		/* since it looked last                         */
	bool is_written;	/* was woken, and counts in @event              */
	struct watch watch;	/* for who waits for a single thing             */
	bool holds;		/* that thing, a socket: it stays while he waits */
	struct watch *many;	/* poll's, for the sleeper's time               */
	struct cursor *receiver;	/* of @watch's socket, while this thread
				 * makes turns: it is in its own memory         */
};

#endif
