// SPDX-License-Identifier: BSD-2-Clause
/* readiness.c - What poll() says of a socket, as Linux has it */
#include <poll.h>

#include "packetdrill/socket.h"
#include "tcp/tcp.h"

static short readable(const struct socket *s, const struct connection *c)
{
	bool end = c->peer_closed || s->shut_read || c->closed;
	short mask = 0;

	if (end)
		mask |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (c->received.len >= s->receive_lowat)
		mask |= POLLIN | POLLRDNORM;
	if (!c->closed && tcp_urgent_ahead(&c->tcb))
		mask |= POLLPRI;
	return mask;
}

static short writable(const struct connection *c)
{
	if (c->shut || c->closed || connection_space(c))
		return POLLOUT | POLLWRNORM;
	return 0;
}

static short connected(const struct socket *s, const struct connection *c)
{
	bool both = (c->peer_closed || s->shut_read) && c->shut;
	short mask = c->error ? POLLERR : 0;

	if (both || c->closed)
		mask |= POLLHUP;
	if (c->established || c->closed)
		mask |= readable(s, c) | writable(c);
	return mask;
}

short socket_readiness(const struct socket *s)
{
	if (s->listener)
		return s->listener->n_ready ? POLLIN | POLLRDNORM : 0;
	if (s->connection)
		return connected(s, s->connection);
	return POLLHUP | POLLOUT | POLLWRNORM | (s->error ? POLLERR : 0);
}
