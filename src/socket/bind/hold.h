/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hold.h - Ports of this machine's own addresses, which the device's owner holds
 *
 * DOC: Theory of operation
 * With the daemon's device, addresses and ports are the kernel's as well. What the daemon
 * holds for us no socket of the kernel's can have: so the one behind a descriptor stays
 * unbound. When it listens, it listens on the loopback interface, where it collides with
 * nobody's: who is on this machine comes to it there, by whatever address.
 *
 * Limits: on other interfaces than the daemon's nobody listens.
 */
#ifndef SOCKET_BIND_HOLD_H
#define SOCKET_BIND_HOLD_H

#include "socket/cause.h"
#include "socket/stack.h"

/** hold_concerns() - Is a socket that is bound to @t's local address the owner's business? */
bool hold_concerns(const struct tcp_tuple *t);

/**
 * hold_take() - Have the port of s->tuple held, or one that is free if it has none
 *
 * Return: 0; -EADDRINUSE; -EACCES; as embed_claim().
 */
MUST_CHECK int hold_take(int fd, struct socket *s);

/** hold_is_refusal() - Has the owner said with @err that it does not let us? */
bool hold_is_refusal(int err);

/** hold_cause() - Of that, why the socket is the kernel's */
enum socket_cause hold_cause(int err);

/** hold_drop() - No more; nothing if it is not held */
void hold_drop(struct socket *s);

/**
 * hold_listen() - The kernel's socket @fd listens for this machine alone
 * @is_new:	It did not before
 *
 * What it cannot is ours only: SOCKET_OURS. Return: 0; -EADDRINUSE: somebody listens there.
 */
MUST_CHECK int hold_listen(int fd, struct socket *s, int backlog, bool is_new);

/**
 * hold_leave() - @fd, whose socket is @s, is the kernel's from now on, bound as it was
 *
 * Return: 0; -errno of bind(2).
 */
MUST_CHECK int hold_leave(int fd, const struct socket *s, enum socket_cause cause);

#endif
