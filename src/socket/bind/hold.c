// SPDX-License-Identifier: BSD-2-Clause
/* hold.c - Ports of this machine's own addresses, which the device's owner holds */
#include "socket/bind/hold.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "socket/address.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"

#define TRIES 16		/* ports that somebody else has in one family   */

static const uint8_t any[16];

bool hold_concerns(const struct tcp_tuple *t)
{
	if (!embed_holds_ports(stack->embed) || embed_is_loopback(t->local, t->v6))
		return false;
	return !memcmp(t->local, any, 16) ||
	       embed_is_own(stack->embed, t->local, t->v6);
}

enum socket_cause hold_cause(int err)
{
	return err == -ENETDOWN ? SOCKET_CAUSE_DOWN : SOCKET_CAUSE_REFUSED;
}

bool hold_is_refusal(int err)
{
	return err == -ENETDOWN || err == -EACCES || err == -EDQUOT;
}

/* ---- Take and drop ------------------------------------------------------------------ */

static struct tcp_tuple local_of(const struct socket *s)
{
	struct tcp_tuple t = { .local_port = s->tuple.local_port, .v6 = s->tuple.v6 };

	memcpy(t.local, s->tuple.local, sizeof(t.local));
	return t;
}

/* [::] is for both families. */
static bool is_dual(const struct socket *s)
{
	return s->tuple.v6 && !memcmp(s->tuple.local, any, 16) &&
	       !(s->flags & SOCKET_V6_ONLY);
}

static bool is_listened_on(const struct socket *s, const struct tcp_tuple *t)
{
	uint32_t value = lookup_find(stack->lookup, t);

	return value != LOOKUP_NONE &&
	       !(s->reuses_port &&
		 stack->sockets[value & ~STACK_LISTENER]->reuses_port);
}

/* SO_REUSEADDR is known to the kernel only. */
static bool may_reuse(int fd, const struct socket *s)
{
	socklen_t bytes = sizeof(int);
	int on = 0;

	return s->reuses_port ||
	       (!kernel_getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &bytes) && on);
}

static int take(struct socket *s, bool reuse)
{
	struct tcp_tuple t = local_of(s);
	int err = is_listened_on(s, &t) ? -EADDRINUSE :
		  embed_hold(stack->embed, &t, reuse, &s->holds[0]);

	if (err)
		return err;
	s->tuple.local_port = t.local_port;
	s->flags |= SOCKET_HELD;
	if (!is_dual(s))
		return 0;
	t.v6 = 0;
	err = is_listened_on(s, &t) ? -EADDRINUSE :
	      embed_hold(stack->embed, &t, reuse, &s->holds[1]);
	if (!err)
		s->flags |= SOCKET_HELD_DUAL;
	else
		hold_drop(s);
	return err;
}

int hold_take(int fd, struct socket *s)
{
	bool is_chosen = !s->tuple.local_port, reuse = may_reuse(fd, s);
	int err = -EADDRINUSE;

	for (int n = 0; n < TRIES && err == -EADDRINUSE; n++) {
		err = take(s, reuse);
		if (err && is_chosen)
			s->tuple.local_port = 0;
		if (!is_chosen)
			break;
	}
	return err;
}

void hold_drop(struct socket *s)
{
	if (s->flags & SOCKET_HELD)
		embed_unhold(stack->embed, s->holds[0]);
	if (s->flags & SOCKET_HELD_DUAL)
		embed_unhold(stack->embed, s->holds[1]);
	s->flags &= ~(uint32_t)(SOCKET_HELD | SOCKET_HELD_DUAL);
}

/* ---- The kernel's socket --------------------------------------------------------------- */

static int bind_kernel(int fd, const struct tcp_tuple *t, bool as_v6)
{
	struct sockaddr_storage a = { 0 };
	socklen_t bytes = sizeof(a);

	address_write(t->local, t->local_port, t->v6, as_v6, (struct sockaddr *)&a,
		      &bytes);
	return kernel_bind(fd, &a, bytes) ? -errno : 0;
}

int hold_listen(int fd, struct socket *s, int backlog, bool is_new)
{
	int err;

	if (!is_new)
		return s->flags & SOCKET_OURS || !kernel_listen(fd, backlog) ? 0 : -errno;
	if (kernel_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3))
		return 0;
	err = bind_kernel(fd, &s->tuple, s->flags & SOCKET_V6);
	if (!err && kernel_listen(fd, backlog))
		err = -errno;
	if (!err)
		s->flags &= ~(uint32_t)SOCKET_OURS;
	return err == -EADDRINUSE ? err : 0;
}

int hold_leave(int fd, const struct socket *s, enum socket_cause cause)
{
	const struct tcp_tuple was = s->tuple;
	bool as_v6 = s->flags & SOCKET_V6;
	bool is_bound = s->flags & SOCKET_BOUND && s->flags & SOCKET_OURS &&
			embed_holds_ports(stack->embed);

	descriptor_leave(fd, cause);
	return is_bound ? bind_kernel(fd, &was, as_v6) : 0;
}
