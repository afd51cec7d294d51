// SPDX-License-Identifier: BSD-2-Clause
/*
 * newreno.c - Loss recovery with peers that do not SACK
 *
 * Theory of operation: see newreno.h.
 */
#include "tcp/loss/newreno.h"

void newreno_init(struct newreno *n)
{
	*n = (struct newreno){ 0 };
}

enum newreno_verdict newreno_dupack(struct newreno *n, const struct scoreboard *s)
{
	if (seq_equal(s->una, s->nxt))
		return NEWRENO_NOTHING;
	n->dupacks += n->dupacks < UINT32_MAX;
	if (n->recovering)
		return NEWRENO_LEFT;
	if (n->dupacks < NEWRENO_DUP_THRESH)
		return NEWRENO_LIMITED;
	/* Duplicates may be of what the last recovery sent without need. */
	if (n->have_recover && !seq_before(n->recover, s->una))
		return NEWRENO_NOTHING;
	n->recovering = true;
	n->have_recover = true;
	n->recover = s->nxt;
	return NEWRENO_ENTER;
}

enum newreno_verdict newreno_ack(struct newreno *n, const struct scoreboard *s,
				 uint32_t acked, uint16_t mss)
{
	uint32_t segs = acked / mss, told;

	if (n->recovering && seq_before(s->una, n->recover)) {
		/* One was sent again; of the others each had its duplicate. */
		told = segs ? segs - 1 : 0;
		n->dupacks -= told < n->dupacks ? told : n->dupacks;
		return NEWRENO_PARTIAL;
	}
	n->dupacks = 0;
	/* It is behind us: forget it before sequence numbers come round. */
	if (seq_before(n->recover, s->una))
		n->have_recover = false;
	if (!n->recovering)
		return NEWRENO_NOTHING;
	n->recovering = false;
	return NEWRENO_FULL;
}

uint32_t newreno_lose(struct scoreboard *s, struct cells *pool, uint16_t mss)
{
	return scoreboard_lose_first(s, pool, mss);
}

uint32_t newreno_timeout(struct newreno *n, struct scoreboard *s,
			 struct cells *pool)
{
	newreno_stop(n);
	n->have_recover = true;
	n->recover = s->nxt;
	return scoreboard_lose_all(s, pool);
}

void newreno_stop(struct newreno *n)
{
	n->recovering = false;
	n->dupacks = 0;
}

uint32_t newreno_left(const struct newreno *n, const struct scoreboard *s,
		      uint16_t mss)
{
	uint64_t left = (uint64_t)n->dupacks * mss;
	uint32_t in_flight = scoreboard_in_flight(s);

	return left < in_flight ? (uint32_t)left : in_flight;
}
