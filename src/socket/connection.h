/* SPDX-License-Identifier: BSD-2-Clause */
/* connection.h - A socket's TCP: segments in, bytes out, and the other way */
#ifndef SOCKET_CONNECTION_H
#define SOCKET_CONNECTION_H

#include "socket/stack.h"

/** connection_open() - Send a SYN for s->tuple, which is in the table */
void connection_open(struct socket *s);

/** connection_accept() - A handshake is complete; @d is its ACK */
void connection_accept(struct socket *s, const struct tcp_request *r,
		       const struct tcp_endpoint *endpoint,
		       const struct embed_datagram *d);

void connection_arrive(struct socket *s, const struct embed_datagram *d);
void connection_icmp(struct socket *s, const struct embed_datagram *d);
void connection_timer(struct socket *s);

/**
 * connection_touch() - Something was changed by the user: send what is due
 *
 * Events are told; the TCB may be gone after it.
 */
void connection_touch(struct socket *s);

/** connection_output() - Send what is due. Return: false: the device is full */
bool connection_output(struct socket *s);

/** connection_queue() - Have it in the list that the turn's end serves */
void connection_queue(struct socket *s);

/** connection_took() - Received bytes before @place are somebody's, and leave the ring */
void connection_took(struct socket *s, uint64_t place);

/* Is there a TCB to talk to? */
static inline bool connection_lives(const struct socket *s)
{
	return s->kind == SOCKET_CONNECTION && !(s->flags & SOCKET_OVER);
}

#endif
