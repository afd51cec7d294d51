// SPDX-License-Identifier: BSD-2-Clause
/*
 * scoreboard.c - What is in flight: sending, losing, sending again
 *
 * Theory of operation: see scoreboard.h. What an ACK does: scoreboard_ack.c.
 */
#include "tcp/loss/record.h"

#define NO_TIMES ((struct time_list){ CELL_NONE, CELL_NONE })

void scoreboard_init(struct scoreboard *s, seq_t una, uint32_t limit)
{
	*s = (struct scoreboard){
		.records = TREE_EMPTY,
		.flight = NO_TIMES,
		.overdue = NO_TIMES,
		.limit = limit,
		.una = una,
		.nxt = una,
		.fack = una,
	};
}

void scoreboard_free(struct scoreboard *s, struct cells *pool)
{
	uint32_t idx = s->records.first;

	while (idx != CELL_NONE) {
		uint32_t next = tree_at(pool, idx)->next;

		cells_give(pool, idx);
		idx = next;
	}
	scoreboard_init(s, s->nxt, s->limit);
}

/* No record for it, or none needed: the last one becomes longer. */
static void lengthen(struct scoreboard *s, struct cells *pool, uint32_t idx,
		     uint32_t len, ns_t now)
{
	struct record *r = record_at(pool, idx);

	record_unlist(s, pool, idx);
	r->flags = r->sent != now || r->flags ? RECORD_JOINED : 0;
	r->sent = now;
	r->end = seq_add(r->end, len);
	record_list(s, pool, idx);
}

bool scoreboard_send(struct scoreboard *s, struct cells *pool, uint32_t len,
		     ns_t now)
{
	struct seq_range range = { s->nxt, seq_add(s->nxt, len) };
	uint32_t last = s->records.last, idx = CELL_NONE;
	const struct record *r = last == CELL_NONE ? NULL : record_at(pool, last);
	bool may_join = r && r->state == RECORD_FLIGHT &&
			!(r->flags & RECORD_RESENT);

	if (!may_join || r->sent != now || r->flags)
		idx = record_new(s, pool, last, range, 0);
	if (idx != CELL_NONE) {
		record_at(pool, idx)->sent = now;
		record_list(s, pool, idx);
	} else if (may_join) {
		lengthen(s, pool, last, len, now);
	} else {
		return false;
	}
	s->nxt = range.end;
	return true;
}

ns_t scoreboard_oldest(const struct scoreboard *s, const struct cells *pool)
{
	return s->flight.oldest == CELL_NONE ? NS_NEVER :
	       record_look(pool, s->flight.oldest)->sent;
}

uint32_t scoreboard_overdue(struct scoreboard *s, struct cells *pool, ns_t sent,
			    seq_t end, ns_t wait, ns_t now, ns_t *next)
{
	uint32_t lost = s->lost;

	*next = NS_NEVER;
	while (s->flight.oldest != CELL_NONE) {
		const struct record *r = record_at(pool, s->flight.oldest);

		CELL_STEP();
		if (!scoreboard_sent_after(sent, end, r->sent, r->end))
			break;
		if (now < r->sent || now - r->sent < wait) {
			*next = wait < NS_NEVER - r->sent ? r->sent + wait :
							    NS_NEVER;
			break;
		}
		record_set_state(s, pool, s->flight.oldest, RECORD_LOST, 0);
	}
	return s->lost - lost;
}

uint32_t scoreboard_lose_first(struct scoreboard *s, struct cells *pool,
			       uint32_t len)
{
	uint32_t idx = s->records.first, lost = s->lost;
	const struct record *r;

	if (idx == CELL_NONE)
		return 0;
	r = record_at(pool, idx);
	if (r->state != RECORD_FLIGHT)
		return 0;
	if (record_len(r) > len)
		record_split(s, pool, idx, seq_add(r->seq, len), 0);
	record_set_state(s, pool, idx, RECORD_LOST, 0);
	return s->lost - lost;
}

uint32_t scoreboard_lose_all(struct scoreboard *s, struct cells *pool)
{
	uint32_t lost = s->lost;

	while (s->flight.oldest != CELL_NONE)
		record_set_state(s, pool, s->flight.oldest, RECORD_LOST, 0);
	return s->lost - lost;
}

bool scoreboard_reneged(const struct scoreboard *s, const struct cells *pool)
{
	return s->sacked &&
	       record_look(pool, s->records.first)->state == RECORD_SACKED;
}

/*
 * Both lists are sorted, so each record that was lost finds its place from where
 * the newer one before it stands.
 */
void scoreboard_find_all(struct scoreboard *s, struct cells *pool)
{
	uint32_t idx = s->overdue.newest, from = s->flight.newest;

	s->overdue = NO_TIMES;
	s->lost = 0;
	while (idx != CELL_NONE) {
		struct record *r = record_at(pool, idx);
		uint32_t older = r->older;

		r->state = RECORD_FLIGHT;
		s->resent += r->flags & RECORD_RESENT ? record_len(r) : 0;
		tree_mark(&s->records, pool, idx, 0);
		record_list_from(s, pool, idx, from);
		from = r->older;
		idx = older;
	}
}

/* When it was sent is not known any more: before all else, in order. */
void scoreboard_forget_sacks(struct scoreboard *s, struct cells *pool)
{
	uint32_t from = CELL_NONE;

	for (uint32_t idx = s->records.first; idx != CELL_NONE;
	     idx = tree_at(pool, idx)->next) {
		struct record *r = record_at(pool, idx);

		if (r->state != RECORD_SACKED)
			continue;
		r->sent = 0;
		r->flags = RECORD_RESENT | RECORD_UNTIMED;
		r->state = RECORD_LOST;
		r->segs = 0;
		s->lost += record_len(r);
		tree_mark(&s->records, pool, idx, RECORD_MARK_LOST);
		record_list_from(s, pool, idx, from);
		from = idx;
	}
	s->sacked = s->sacked_segs = 0;
}

bool scoreboard_next_lost(const struct scoreboard *s, const struct cells *pool,
			  struct seq_range *range)
{
	uint32_t idx = tree_first_marked(&s->records, pool, RECORD_MARK_LOST);
	const struct record *r;

	if (idx == CELL_NONE)
		return false;
	r = record_look(pool, idx);
	*range = (struct seq_range){ r->seq, r->end };
	return true;
}

/* A record is sent again: all of it, or for want of a record a part. */
static void sent_again(struct scoreboard *s, struct cells *pool, uint32_t idx,
		       bool whole, ns_t now)
{
	struct record *r = record_at(pool, idx);
	const struct record *p;

	if (r->state != RECORD_LOST)
		record_set_state(s, pool, idx, RECORD_LOST, 0);
	r->sent = now;
	r->flags = RECORD_RESENT | (whole ? 0 : RECORD_UNTIMED);
	record_set_state(s, pool, idx, RECORD_FLIGHT, 0);
	if (r->node.prev == CELL_NONE)
		return;
	p = record_at(pool, r->node.prev);
	if (p->state == RECORD_FLIGHT && p->flags == r->flags && p->sent == now)
		record_join_previous(s, pool, idx);
}

uint32_t scoreboard_resend(struct scoreboard *s, struct cells *pool, seq_t start,
			   uint32_t len, ns_t now)
{
	uint32_t idx = record_find(s, pool, start), second;
	const struct record *r;
	bool whole = true;

	if (idx == CELL_NONE)
		return 0;
	r = record_at(pool, idx);
	if (r->state == RECORD_SACKED)
		return 0;
	if (seq_before(r->seq, start)) {
		second = record_split(s, pool, idx, start, 0);
		whole = second != CELL_NONE;
		idx = whole ? second : idx;
		r = record_at(pool, idx);
	}
	if (len < r->end.n - start.n)
		whole &= record_split(s, pool, idx, seq_add(start, len), 0) !=
			 CELL_NONE;
	else
		len = r->end.n - start.n;
	sent_again(s, pool, idx, whole, now);
	return len;
}

bool scoreboard_last(const struct scoreboard *s, const struct cells *pool,
		     uint32_t len, struct seq_range *range)
{
	const struct record *r;

	if (s->records.last == CELL_NONE)
		return false;
	r = record_look(pool, s->records.last);
	if (r->state == RECORD_SACKED)
		return false;
	*range = (struct seq_range){ r->seq, r->end };
	if (record_len(r) > len)
		range->start = seq(r->end.n - len);
	return true;
}
