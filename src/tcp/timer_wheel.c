// SPDX-License-Identifier: BSD-2-Clause
/* timer_wheel.c - Any number of deadlines, at the same cost each */
#include "tcp/timer_wheel.h"

#define SLOT_BITS 6
#define HEAD 0x80000000U	/* in prev: the rest is a slot of first[]       */
#define MOVES 3			/* for each that may be due                     */

struct place {
	uint64_t time;		/* when the slot begins [granules]              */
	uint32_t level, slot;
};

void timer_wheel_init(struct timer_wheel *w, ns_t now, uint8_t shift)
{
	if (shift < TIMER_WHEEL_SHIFT_MIN)
		shift = TIMER_WHEEL_SHIFT_MIN;
	if (shift > TIMER_WHEEL_SHIFT_MAX)
		shift = TIMER_WHEEL_SHIFT_MAX;
	*w = (struct timer_wheel){ .time = now >> shift, .shift = shift };
	for (int slot = 0; slot < TIMER_WHEEL_LEVELS * TIMER_WHEEL_SLOTS; slot++)
		w->first[slot] = TIMER_NONE;
}

/* Granule at whose beginning @deadline has come; never before the wheel's time. */
static uint64_t granule_of(const struct timer_wheel *w, ns_t deadline)
{
	uint64_t last = UINT64_MAX >> w->shift, granule = deadline >> w->shift;

	if (granule << w->shift != deadline && granule < last)
		granule++;
	return granule > w->time ? granule : w->time;
}

static void link_node(struct timer_wheel *w, struct timer_node *nodes,
		      uint32_t node)
{
	uint64_t granule = granule_of(w, nodes[node].deadline);
	uint64_t differ = granule ^ w->time;
	uint32_t level = differ ?
		(63 - (uint32_t)__builtin_clzll(differ)) / SLOT_BITS : 0;
	uint32_t bit = granule >> level * SLOT_BITS & (TIMER_WHEEL_SLOTS - 1);
	uint32_t slot = level * TIMER_WHEEL_SLOTS + bit;

	nodes[node].prev = HEAD | slot;
	nodes[node].next = w->first[slot];
	if (w->first[slot] != TIMER_NONE)
		nodes[w->first[slot]].prev = node;
	w->first[slot] = node;
	w->used[level] |= 1ULL << bit;
}

static void unlink_node(struct timer_wheel *w, struct timer_node *nodes,
			uint32_t node)
{
	uint32_t next = nodes[node].next, prev = nodes[node].prev;
	uint32_t slot = prev & ~HEAD;

	if (next != TIMER_NONE)
		nodes[next].prev = prev;
	if (!(prev & HEAD)) {
		nodes[prev].next = next;
		return;
	}
	w->first[slot] = next;
	if (next == TIMER_NONE)
		w->used[slot / TIMER_WHEEL_SLOTS] &=
			~(1ULL << slot % TIMER_WHEEL_SLOTS);
}

void timer_wheel_arm(struct timer_wheel *w, struct timer_node *nodes,
		     uint32_t node, ns_t deadline)
{
	timer_wheel_cancel(w, nodes, node);
	if (deadline == NS_NEVER)
		return;
	nodes[node].deadline = deadline;
	link_node(w, nodes, node);
	w->n_armed++;
}

void timer_wheel_cancel(struct timer_wheel *w, struct timer_node *nodes,
			uint32_t node)
{
	if (!timer_node_armed(&nodes[node]))
		return;
	unlink_node(w, nodes, node);
	nodes[node].prev = TIMER_NONE;
	w->n_armed--;
}

/* The slot of a higher level that the wheel is in, if it is not yet empty. */
static bool find_moving(const struct timer_wheel *w, struct place *p)
{
	p->level = w->moving;
	p->slot = w->time >> p->level * SLOT_BITS & (TIMER_WHEEL_SLOTS - 1);
	p->time = w->time;
	return w->moving && w->used[p->level] >> p->slot & 1;
}

static bool find_next(const struct timer_wheel *w, struct place *p)
{
	uint64_t round;

	if (find_moving(w, p))
		return true;
	for (p->level = 0; !w->used[p->level]; p->level++)
		if (p->level + 1 == TIMER_WHEEL_LEVELS)
			return false;
	p->slot = (uint32_t)__builtin_ctzll(w->used[p->level]);
	round = w->time >> p->level * SLOT_BITS & ~63ULL;
	p->time = (round | p->slot) << p->level * SLOT_BITS;
	return true;
}

ns_t timer_wheel_next(const struct timer_wheel *w)
{
	struct place p;

	return find_next(w, &p) ? p.time << w->shift : NS_NEVER;
}

static uint32_t take_due(struct timer_wheel *w, struct timer_node *nodes,
			 const struct place *p, uint32_t *due, uint32_t max)
{
	uint32_t n = 0, node;

	while (n < max && (node = w->first[p->slot]) != TIMER_NONE) {
		timer_wheel_cancel(w, nodes, node);
		due[n++] = node;
	}
	return n;
}

static uint32_t move_down(struct timer_wheel *w, struct timer_node *nodes,
			  const struct place *p, uint32_t max)
{
	uint32_t slot = p->level * TIMER_WHEEL_SLOTS + p->slot, n, node;

	w->moving = (uint8_t)p->level;
	for (n = 0; n < max && (node = w->first[slot]) != TIMER_NONE; n++) {
		unlink_node(w, nodes, node);
		link_node(w, nodes, node);
	}
	return n;
}

uint32_t timer_wheel_advance(struct timer_wheel *w, struct timer_node *nodes,
			     ns_t now, uint32_t *due, uint32_t max)
{
	uint64_t until = now >> w->shift, moves = (uint64_t)MOVES * max;
	struct place p;
	uint32_t n = 0;

	while (n < max && moves) {
		if (!find_next(w, &p) || p.time > until) {
			if (until > w->time)
				w->time = until;
			break;
		}
		w->time = p.time;
		if (p.level == 0)
			n += take_due(w, nodes, &p, due + n, max - n);
		else
			moves -= move_down(w, nodes, &p, (uint32_t)
					   (moves < UINT32_MAX ? moves :
					    UINT32_MAX));
	}
	return n;
}
