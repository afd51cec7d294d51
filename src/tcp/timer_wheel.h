/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer_wheel.h - Any number of deadlines, at the same cost each
 *
 * DOC: Theory of operation
 * Time is counted in granules of 2^shift ns. Eight levels have 64 slots each; a
 * deadline lies in the level of the highest group of six bits in which it differs
 * from the wheel's time, in the slot that this group names. So all slots that are
 * used lie ahead, those of a lower level before those of a higher one, and the
 * next is the first bit of the first level that has any. When the time comes to a
 * slot of a higher level, its nodes move down; each node moves at most 7 times.
 *
 * Arm and cancel are O(1), the next deadline is eight words. Nothing ever looks at
 * a timer that is not due or moving. timer_wheel_advance() does no more in one call
 * than it is told to, even if a million are due, or the clock jumps by years.
 *
 * A timer fires never early, and late by less than one granule if the owner calls
 * when timer_wheel_next() says so. Order: by granule; any within one.
 *
 * Nodes are in an array of the caller; links are indices into it, so wheel and
 * nodes may be in memory that is mapped anywhere. One thread at a time.
 */
#ifndef TCP_TIMER_WHEEL_H
#define TCP_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define TIMER_WHEEL_LEVELS 8
#define TIMER_WHEEL_SLOTS 64
#define TIMER_WHEEL_SHIFT 18		/* of a granule: 262 us                 */
#define TIMER_WHEEL_SHIFT_MIN 16	/* 8 * 6 + 16 = 64: all of time         */
#define TIMER_WHEEL_SHIFT_MAX 30
#define TIMER_WHEEL_NODES_MAX 0x7fffffffU
#define TIMER_NONE UINT32_MAX

struct timer_node {
	ns_t deadline;
	uint32_t next;		/* node, or TIMER_NONE                          */
	uint32_t prev;		/* node, or slot; TIMER_NONE: not armed         */
};

struct timer_wheel {
	uint64_t time;		/* [granules]: all before is done               */
	uint64_t used[TIMER_WHEEL_LEVELS];	/* a bit for each slot          */
	uint32_t n_armed;
	uint8_t shift;
	uint8_t moving;		/* level whose slot at .time is being emptied;
				 * 0: none                                      */
	uint8_t spare[2];
	uint32_t first[TIMER_WHEEL_LEVELS * TIMER_WHEEL_SLOTS];
};

/**
 * timer_wheel_init() - An empty wheel
 * @shift:	log2 of the granule [ns], TIMER_WHEEL_SHIFT_MIN..MAX; what is outside
 *		is brought inside
 */
void timer_wheel_init(struct timer_wheel *w, ns_t now, uint8_t shift);

/** timer_node_init() - Before its first use */
static inline void timer_node_init(struct timer_node *node)
{
	node->prev = TIMER_NONE;
}

static inline bool timer_node_armed(const struct timer_node *node)
{
	return node->prev != TIMER_NONE;
}

/**
 * timer_wheel_arm() - Set the deadline of a node, whether it had one or not
 * @nodes:	The caller's array
 * @node:	Index of it, at most TIMER_WHEEL_NODES_MAX - 1
 * @deadline:	May be in the past: then it is due at once. NS_NEVER: cancel
 *
 * Cost: O(1)
 */
void timer_wheel_arm(struct timer_wheel *w, struct timer_node *nodes,
		     uint32_t node, ns_t deadline);

/** timer_wheel_cancel() - No deadline for @node of @nodes any more, if it had one */
void timer_wheel_cancel(struct timer_wheel *w, struct timer_node *nodes,
			uint32_t node);

/**
 * timer_wheel_next() - When to call timer_wheel_advance()
 *
 * May be before the soonest deadline, when something has to move down first; never
 * later than one granule after it.
 *
 * Return: time [ns]; NS_NEVER if nothing is armed.
 */
ns_t timer_wheel_next(const struct timer_wheel *w);

/**
 * timer_wheel_advance() - Take what is due
 * @now:	Going backwards does nothing
 * @due:	Gets at most @max nodes, which are then not armed
 * @max:	At least 1; at most four times as many nodes are looked at
 *
 * What is armed by the caller meanwhile, for now or the past, comes with the next
 * call. All is done once timer_wheel_next() is behind @now; a return of 0 does not
 * say so.
 *
 * Return: how many there are in @due.
 */
uint32_t timer_wheel_advance(struct timer_wheel *w, struct timer_node *nodes,
			     ns_t now, uint32_t *due, uint32_t max);

#endif
