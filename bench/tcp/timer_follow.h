/* SPDX-License-Identifier: BSD-2-Clause */
/* timer_follow.h - How an owner lets a timer follow the deadline of a connection */
#ifndef BENCH_TCP_TIMER_FOLLOW_H
#define BENCH_TCP_TIMER_FOLLOW_H

#include "tcp/timer_wheel.h"

/*
 * A deadline that moves away is left where it is: that the timer fires too early now
 * and then costs less than to move it each time. Of what has fired the wheel knows
 * nothing here, so it is armed again when the time has come.
 */
static inline void timer_follow(struct timer_wheel *w, struct timer_node *nodes,
				uint32_t node, ns_t deadline, ns_t now)
{
	const struct timer_node *n = &nodes[node];

	if (!timer_node_armed(n) || deadline < n->deadline || n->deadline <= now)
		timer_wheel_arm(w, nodes, node, deadline);
}

#endif
