// SPDX-License-Identifier: BSD-2-Clause
/* look.c - A stack of other processes, copied piece by piece */
#include "tool/stack/look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/message.h"
#include "tcp/tcp.h"

static const char *const states[] = {
	"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECV", "ESTAB", "CLOSE-WAIT",
	"FIN-WAIT-1", "CLOSING", "LAST-ACK", "FIN-WAIT-2", "TIME-WAIT",
};
_Static_assert(ARRAY_SIZE(states) == TCPS_N, "one for each state");

static int copy(struct look *l)
{
	void *root;
	int err = heap_peek_root(l->heap, &root);

	if (!err)
		err = heap_peek(l->heap, root, l->stack, sizeof(*l->stack));
	if (!err && l->stack->version != STACK_VERSION)
		err = -EPROTO;
	return err ? err : heap_peek(l->heap, l->stack->sockets, l->sockets,
				     STACK_SOCKETS * sizeof(struct socket *));
}

int look_open(struct look *l, const struct found_stack *found, const char *verb)
{
	int err = -ENOMEM;

	l->heap = found->heap;
	l->stack = calloc(1, sizeof(*l->stack));
	l->sockets = calloc(STACK_SOCKETS, sizeof(struct socket *));
	if (l->stack && l->sockets)
		err = copy(l);
	if (err == -EPROTO || err == -EFAULT)
		message("%s: process %d: not a stack of this version", verb,
			(int)found->pid);
	else if (err)
		message_errno(err, "%s: process %d", verb, (int)found->pid);
	if (err)
		look_close(l);
	return err;
}

void look_close(struct look *l)
{
	free(l->stack);
	free(l->sockets);
	l->stack = NULL;
	l->sockets = NULL;
}

bool look_at_socket(const struct look *l, uint32_t n, struct socket *s)
{
	return n < STACK_SOCKETS && l->sockets[n] &&
	       !heap_peek(l->heap, l->sockets[n], s, sizeof(*s)) &&
	       s->kind != SOCKET_FREE;
}

void look_at_report(const struct look *l, const struct socket *s, struct tcp_report *r)
{
	struct tcp_env env = { l->stack->now, &l->stack->config, NULL };
	struct tcp_tcb tcb = s->tcb;

	tcb.rtt.backoff &= 31;	/* it is shifted by                             */
	if (s->flags & SOCKET_OVER)
		*r = s->report;
	else
		tcp_report(&tcb, &env, r);
}

void look_name(char text[LOOK_NAME_BYTES], const uint8_t address[16], uint16_t port,
	       bool v6)
{
	char ip[INET6_ADDRSTRLEN];

	inet_ntop(v6 ? AF_INET6 : AF_INET, address, ip, sizeof(ip));
	if (port)
		snprintf(text, LOOK_NAME_BYTES, v6 ? "[%s]:%u" : "%s:%u", ip, port);
	else
		snprintf(text, LOOK_NAME_BYTES, v6 ? "[%s]:*" : "%s:*", ip);
}

const char *look_state(uint8_t state)
{
	return state < TCPS_N ? states[state] : "?";
}
