/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll.h - Sets of descriptors, some of which are ours
 *
 * DOC: Theory of operation
 * A set is an epoll descriptor of the kernel, which has the members that are the kernel's,
 * and this struct, which has ours. A member has a watch on its socket; when that says
 * something, the member gets into the list of those that may be ready. Who waits takes the
 * list from its front and asks each: one that is not ready leaves, one that is is
 * reported, and stays at the end of the list unless it is EPOLLET or EPOLLONESHOT. These
 * are the kernel's rules.
 *
 * A listening socket is with both, for connections may come over either, and so is one
 * that is neither connected nor listening yet. So is a set in a set: the kernel's members of the inner one make its descriptor ready, ours this struct.
 *
 * The kernel's side is asked whenever there is nothing of ours, and now and then
 * otherwise, so that it does not starve.
 *
 * Limits: the kernel's members of a set in a set may be told of a second time.
 * Threads: stack's lock.
 * Source: epoll(7).
 */
#ifndef SOCKET_EPOLL_H
#define SOCKET_EPOLL_H

#include <sys/epoll.h>

#include "socket/stack.h"

#define EPOLL_BUCKETS 16u	/* at first                                     */
#define EPOLL_DEPTH 5		/* sets in sets, as the kernel's EP_MAX_NESTS   */

struct epoll_member {
	struct watch watch;	/* of the socket, or of @inner                  */
	struct epoll_set *set;
	struct epoll_set *inner;	/* a set in the set; NULL: a socket     */
	struct epoll_member *next;	/* in a bucket                          */
	struct epoll_member *ready_next, **ready_at;
	epoll_data_t data;
	uint32_t events;	/* and EPOLLET ...; without EPOLL... left after
				 * EPOLLONESHOT: none                           */
	int fd;
	bool in_kernel;		/* its descriptor is in the kernel's set, too   */
};

struct epoll_set {
	uint32_t refs;		/* descriptors, in all processes                */
	int fd;			/* one of them, the last that was used          */
	uint32_t n_members, n_buckets;
	uint32_t n_double;	/* members that are with the kernel, too        */
	bool has_kernel;	/* something is, or was, in the kernel's set    */
	ns_t looked;		/* at the kernel's side                         */
	struct epoll_member **buckets;
	struct epoll_member *ready_first, **ready_last;
	struct watch *watches;	/* who waits for it; sets that it is in         */
	struct epoll_set *next, **at;	/* in stack->sets                       */
};

static inline bool epoll_is_exclusive(const struct epoll_member *m)
{
	return m->events & EPOLLEXCLUSIVE;
}

/**
 * epoll_tell() - @m may be ready
 *
 * Return: whether somebody was waiting for it.
 */
bool epoll_tell(struct epoll_member *m);

/** epoll_is_ready() - Has @set something of ours to report? */
bool epoll_is_ready(struct epoll_set *set);

/** epoll_drop() - One descriptor less */
void epoll_drop(struct epoll_set *set);

/** epoll_member_free() - Out of its set */
void epoll_member_free(struct epoll_member *m);

/**
 * epoll_is_ours() - Nothing comes over the kernel's socket behind @s from now on
 *
 * For one that was added to sets while that was not decided.
 */
void epoll_is_ours(struct socket *s);

/* Is its kernel's socket to be looked at as well, or alone? It may still go over that. */
static inline bool socket_in_kernel(const struct socket *s)
{
	return s->kind == SOCKET_NEW ||
	       (s->kind == SOCKET_LISTENER && !(s->flags & SOCKET_OURS));
}

/** socket_events() - What is ready of ours: socket_readiness(), but nothing of one for which
 * it is not decided over which stack it goes */
uint32_t socket_events(const struct socket *s);

/* ---- For epoll_ctl.c and epoll_wait.c ------------------------------------------------- */

/** epoll_find() - The member for @fd that is @s or @inner; NULL */
struct epoll_member *epoll_find(const struct epoll_set *set, int fd,
				const struct socket *s, const struct epoll_set *inner);

/** epoll_readiness() - Which of what it asked for is so now */
uint32_t epoll_readiness(const struct epoll_member *m);

/** epoll_ready_push() - At the end of its set's list, if it is not in it */
void epoll_ready_push(struct epoll_member *m);

/** epoll_ready_remove() - Out of the list, if it is in it */
void epoll_ready_remove(struct epoll_member *m);

#endif
