/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.h - What poll, select and epoll need of waiting
 *
 * The rest is in stack.h. Two more places behind a list of pollfds are for the wire and for
 * the sleeper's event.
 */
#ifndef SOCKET_WAIT_H
#define SOCKET_WAIT_H

#include "socket/stack.h"

#define WAIT_MORE 2
#define WAIT_FEW 62		/* descriptors for which a stack frame has room */

/**
 * sleepers_open() - Make the events of all sleepers, in a new stack
 *
 * They stay open over exec, at numbers that programs rarely use.
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int sleepers_open(void);

/** sleeper_set_asleep() - It is to be told by its event, or not; NULL is allowed */
void sleeper_set_asleep(struct sleeper *sleeper, bool is_asleep);

/** sleeper_awake() - It is so no more. Who has the same event finds it drained by the last
 * who was meant; NULL is allowed */
void sleeper_awake(struct sleeper *sleeper);

/** sleeper_watch_list() - It is told with the others in a set's or a queue's list; NULL is
 * allowed */
void sleeper_watch_list(struct sleeper *sleeper, struct watch **first);

/** sleepers_drop() - Those of a process that is gone, and what they watched */
void sleepers_drop(pid_t process);

/**
 * sleep_among() - As sleep_once(), without a copy
 * @list:	@n descriptors, and room for WAIT_MORE
 *
 * Return: as sleep_once().
 */
int sleep_among(struct sleeper *sleeper, struct pollfd *list, nfds_t n, ns_t until,
		const sigset_t *mask);

/** wait_until() - When a timeout ends; NULL: NS_NEVER. The clock is stack_clock()'s */
ns_t wait_until(const struct timespec *timeout);

/**
 * wait_restarts() - After -EINTR: does the call go on?
 *
 * As SA_RESTART of the handlers says. The kernel does not tell which of them ran; so it
 * goes on if all of them would. With a time limit (SO_RCVTIMEO) it never does: signal(7).
 */
bool wait_restarts(void);

/** watch_insert() - Into the list that begins at @first */
void watch_insert(struct watch **first, struct watch *w);

/** watches_tell() - Whoever watches for one of @events in this list */
void watches_tell(struct watch *first, uint32_t events);

/** watches_tell_set() - A set has got something: of those who wait in it one is told */
void watches_tell_set(struct watch *first);

/** watches_drop() - Those of sleepers who are told; of sets, members go */
void watches_drop(struct watch **first);

/* ---- poll.c ------------------------------------------------------------------------- */

/** poll_has_ours() - Is one of them ours? Without lock */
bool poll_has_ours(const struct pollfd *fds, nfds_t n);

/**
 * poll_among() - As ppoll(2), of which at least one is ours. Without lock
 * @list:	Room for @n and WAIT_MORE
 * @timeout:	NULL: for ever
 *
 * Return: how many are ready; -errno.
 */
int poll_among(struct pollfd *fds, nfds_t n, struct pollfd *list,
	       const struct timespec *timeout, const sigset_t *mask);

#endif
