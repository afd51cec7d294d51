// SPDX-License-Identifier: BSD-2-Clause
/* state.c - The states of RFC 9293 §3.3.2, and how they follow each other */
#include <errno.h>

#include "packet/headers.h"
#include "tcp/machine/machine.h"

#define BIT(state) (1U << TCPS_##state)

/* Figure 5, with the arrows that its caption adds: RST, abort and timeout. */
static const uint16_t successors[] = {
	[TCPS_CLOSED] = BIT(SYN_SENT) | BIT(SYN_RECEIVED),
	[TCPS_LISTEN] = BIT(SYN_RECEIVED),
	[TCPS_SYN_SENT] = BIT(CLOSED) | BIT(SYN_RECEIVED) | BIT(ESTABLISHED),
	[TCPS_SYN_RECEIVED] = BIT(CLOSED) | BIT(ESTABLISHED) | BIT(FIN_WAIT_1) |
			      BIT(CLOSE_WAIT),
	[TCPS_ESTABLISHED] = BIT(CLOSED) | BIT(CLOSE_WAIT) | BIT(FIN_WAIT_1),
	[TCPS_CLOSE_WAIT] = BIT(CLOSED) | BIT(LAST_ACK),
	[TCPS_FIN_WAIT_1] = BIT(CLOSED) | BIT(FIN_WAIT_2) | BIT(CLOSING),
	[TCPS_CLOSING] = BIT(CLOSED) | BIT(TIME_WAIT),
	[TCPS_LAST_ACK] = BIT(CLOSED),
	[TCPS_FIN_WAIT_2] = BIT(CLOSED) | BIT(TIME_WAIT),
	[TCPS_TIME_WAIT] = BIT(CLOSED),
};

static const char *const names[] = {
	[TCPS_CLOSED] = "CLOSED",
	[TCPS_LISTEN] = "LISTEN",
	[TCPS_SYN_SENT] = "SYN-SENT",
	[TCPS_SYN_RECEIVED] = "SYN-RECEIVED",
	[TCPS_ESTABLISHED] = "ESTABLISHED",
	[TCPS_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCPS_FIN_WAIT_1] = "FIN-WAIT-1",
	[TCPS_CLOSING] = "CLOSING",
	[TCPS_LAST_ACK] = "LAST-ACK",
	[TCPS_FIN_WAIT_2] = "FIN-WAIT-2",
	[TCPS_TIME_WAIT] = "TIME-WAIT",
};

_Static_assert(ARRAY_SIZE(successors) == TCPS_N, "one for each state");
_Static_assert(ARRAY_SIZE(names) == TCPS_N, "one for each state");

const char *tcp_state_name(enum tcp_state state)
{
	return state < TCPS_N ? names[state] : "?";
}

bool tcp_state_may_follow(enum tcp_state next, enum tcp_state state)
{
	return state < TCPS_N && next < TCPS_N &&
	       (successors[state] >> next & 1U) != 0;
}

void set_state(struct tcp_tcb *t, enum tcp_state next)
{
	/* No peer can reach this: the callers test for the states before. */
	assert(tcp_state_may_follow(next, (enum tcp_state)t->state));
	t->state = (uint8_t)next;
}

void end_connection(struct tcp_tcb *t, enum tcp_end why)
{
	if (t->state == TCPS_CLOSED)
		return;
	set_state(t, TCPS_CLOSED);
	t->end = (uint8_t)why;
	t->events |= TCP_EVENT_CLOSED;
	t->ack_due = ACK_NONE;
	timer_stop_all(t);
}

uint32_t tcp_take_events(struct tcp_tcb *t)
{
	uint32_t events = t->events;

	t->events = 0;
	return events;
}
