// SPDX-License-Identifier: BSD-2-Clause
/* socket.c - A socket's life, from its first descriptor to its last */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/heap.h"
#include "socket/connection.h"
#include "socket/bind/hold.h"
#include "socket/ready/error_queue.h"
#include "socket/listen.h"
#include "socket/ready/urgent.h"

struct socket *socket_take(void)
{
	uint32_t idx;
	struct socket *s;

	if (!stack->n_free_sockets)
		return NULL;
	idx = stack->free_sockets[stack->n_free_sockets - 1];
	s = stack->sockets[idx];
	if (!s)
		s = heap_alloc(sizeof(*s));
	if (!s)
		return NULL;
	stack->n_free_sockets--;
	stack->sockets[idx] = s;
	memset(s, 0, sizeof(*s));
	s->idx = idx;
	s->kind = SOCKET_NEW;
	s->refs = 1;
	s->low_water = 1;
	s->ttl = 64;
	stack->n_sockets++;
	return s;
}

/* One in the list of output is freed when its turn comes there. */
void socket_free(struct socket *s)
{
	ring_free(&s->send);
	ring_free(&s->receive);
	while (s->watches)
		watch_remove(s->watches);
	hold_drop(s);
	s->kind = SOCKET_FREE;
	if (s->flags & SOCKET_OUTPUT)
		return;
	stack->free_sockets[stack->n_free_sockets++] = s->idx;
	stack->n_sockets--;
}

static void close_connection(struct socket *s)
{
	struct tcp_env env = stack_env();

	s->flags |= SOCKET_ORPHAN;
	if (s->flags & SOCKET_OVER) {
		socket_free(s);
		return;
	}
	if (s->linger_set && !s->linger)
		tcp_abort(&s->tcb, &env);
	else
		tcp_close(&s->tcb, &env);
	connection_touch(s);
}

void socket_drop(struct socket *s)
{
	if (--s->refs)
		return;
	stack->now = stack_clock();
	switch (s->kind) {
	case SOCKET_CONNECTION:
		close_connection(s);
		break;
	case SOCKET_LISTENER:
		listen_end(s);
		socket_free(s);
		break;
	default:
		socket_free(s);
	}
	embed_flush(stack->embed);
}

static uint32_t readiness_of_connection(const struct socket *s)
{
	uint32_t events = 0, unread = urgent_readable(s);
	bool read_ends = s->flags & (SOCKET_PEER_CLOSED | SOCKET_SHUT_READ |
				     SOCKET_OVER);

	if (s->flags & SOCKET_CONNECTING)
		return 0;
	if (read_ends)
		events |= POLLRDHUP;
	if (read_ends || (unread && unread >= s->low_water))
		events |= POLLIN | POLLRDNORM;
	if (s->error || error_queue_has(s))
		events |= POLLERR;
	if (s->flags & SOCKET_OVER || (read_ends && s->flags & SOCKET_SHUT_WRITE))
		events |= POLLHUP;
	if (s->flags & (SOCKET_OVER | SOCKET_SHUT_WRITE) ||
	    tcp_send_space(&s->tcb) > 0)
		events |= POLLOUT | POLLWRNORM;
	if (urgent_is_there(s))
		events |= POLLPRI;
	return events;
}

uint32_t socket_readiness(const struct socket *s)
{
	switch (s->kind) {
	case SOCKET_CONNECTION:
		return readiness_of_connection(s);
	case SOCKET_LISTENER:
		return s->accept_first ? POLLIN | POLLRDNORM : 0;
	default:
		return POLLOUT | POLLWRNORM | POLLHUP;
	}
}
