/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.h - SYNs, and connections that wait to be accepted
 *
 * A SYN is remembered as a request, or by a cookie when there are too many. A listener
 * whose queue is full completes no handshake: the peer's ACK is as if it were lost.
 */
#ifndef SOCKET_LISTEN_H
#define SOCKET_LISTEN_H

#include "socket/stack.h"

/**
 * listen_begin() - @s, whose tuple has the local side, gets what comes for it
 *
 * Return: 0; -EADDRINUSE; -ENOMEM.
 */
MUST_CHECK int listen_begin(struct socket *s, uint32_t backlog);

/** listen_end() - No more; what nobody has accepted is reset */
void listen_end(struct socket *s);

/** listen_accept() - The oldest that is complete. NULL: none */
struct socket *listen_accept(struct socket *s);

/** listen_complete() - @s is established, and goes to its listener's queue */
void listen_complete(struct socket *s);

/* Segments for no connection; for a request; for an address that waits no longer. */
void listen_arrive(const struct embed_datagram *d);
void listen_arrive_for(uint32_t request, const struct embed_datagram *d);
void listen_reopen(const struct embed_datagram *d, seq_t least);
void listen_timer(uint32_t request);

#endif
