// SPDX-License-Identifier: BSD-2-Clause
/*
 * record.c - One record of the scoreboard, and how its state changes
 *
 * DOC: Theory of operation
 * The lists by time. What is marked as lost comes from the old end of those in
 * flight, so it belongs to the new end of those lost, and what is sent to the new
 * end of those in flight: a record finds its place in a list at once. The
 * exceptions, which walk, are few: a first segment that is lost though others are
 * older, and two sent at the same instant, the higher one first.
 */
#include "tcp/loss/record.h"

static struct time_list *list_of(struct scoreboard *s, const struct record *r)
{
	return r->state == RECORD_FLIGHT ? &s->flight :
	       r->state == RECORD_LOST	 ? &s->overdue :
					   NULL;
}

static void link_newer(struct time_list *list, struct cells *pool, uint32_t older,
			uint32_t idx)
{
	struct record *r = record_at(pool, idx);
	uint32_t *from = older == CELL_NONE ? &list->oldest :
					      &record_at(pool, older)->newer;

	r->older = older;
	r->newer = *from;
	*from = idx;
	if (r->newer == CELL_NONE)
		list->newest = idx;
	else
		record_at(pool, r->newer)->older = idx;
}

void record_list_from(struct scoreboard *s, struct cells *pool, uint32_t idx,
		      uint32_t older)
{
	const struct record *r = record_at(pool, idx);

	while (older != CELL_NONE) {
		const struct record *o = record_at(pool, older);

		CELL_STEP();
		if (!scoreboard_sent_after(o->sent, o->end, r->sent, r->end))
			break;
		older = o->older;
	}
	link_newer(list_of(s, r), pool, older, idx);
}

void record_list(struct scoreboard *s, struct cells *pool, uint32_t idx)
{
	record_list_from(s, pool, idx, list_of(s, record_at(pool, idx))->newest);
}

void record_unlist(struct scoreboard *s, struct cells *pool, uint32_t idx)
{
	const struct record *r = record_at(pool, idx);
	struct time_list *list = list_of(s, r);

	if (!list)
		return;
	if (r->older == CELL_NONE)
		list->oldest = r->newer;
	else
		record_at(pool, r->older)->newer = r->newer;
	if (r->newer == CELL_NONE)
		list->newest = r->older;
	else
		record_at(pool, r->newer)->older = r->older;
}

/* @len bytes of @r, and @segs, come into what its state is counted by. */
static void count_in(struct scoreboard *s, const struct record *r, uint32_t len,
		     uint32_t segs)
{
	switch ((enum record_state)r->state) {
	case RECORD_FLIGHT:
		s->resent += r->flags & RECORD_RESENT ? len : 0;
		break;
	case RECORD_SACKED:
		s->sacked += len;
		s->sacked_segs += segs;
		break;
	case RECORD_LOST:
		s->lost += len;
		break;
	}
}

static void count_out(struct scoreboard *s, const struct record *r, uint32_t len,
		      uint32_t segs)
{
	count_in(s, r, -len, -segs);
}

uint32_t record_new(struct scoreboard *s, struct cells *pool, uint32_t after,
		    struct seq_range range, uint32_t spare)
{
	uint32_t idx = CELL_NONE;
	struct record *r;

	if (s->records.n + spare < s->limit)
		idx = cells_take(pool, s->records.n);
	if (idx == CELL_NONE)
		return idx;
	r = record_at(pool, idx);
	r->seq = range.start;
	r->end = range.end;
	r->segs = 0;
	r->state = RECORD_FLIGHT;
	r->flags = 0;
	if (after == s->records.last)
		tree_append(&s->records, pool, idx);
	else
		tree_insert(&s->records, pool, after, idx);
	return idx;
}

void record_free(struct scoreboard *s, struct cells *pool, uint32_t idx)
{
	const struct record *r = record_at(pool, idx);

	count_out(s, r, record_len(r), r->segs);
	record_unlist(s, pool, idx);
	tree_remove(&s->records, pool, idx);
	cells_give(pool, idx);
}

uint32_t record_split(struct scoreboard *s, struct cells *pool, uint32_t idx,
		      seq_t at, uint32_t spare)
{
	struct record *r = record_at(pool, idx), *half;
	uint32_t second = record_new(s, pool, idx, (struct seq_range){ at, r->end },
				     spare);

	if (second == CELL_NONE)
		return second;
	half = record_at(pool, second);
	half->sent = r->sent;
	half->state = r->state;
	half->flags = r->flags;
	if (r->flags & RECORD_JOINED)
		r->flags |= RECORD_UNTIMED;
	r->end = at;
	link_newer(list_of(s, half), pool, idx, second);
	tree_mark(&s->records, pool, second, r->node.marks);
	return second;
}

void record_trim(struct scoreboard *s, struct cells *pool, uint32_t idx, seq_t at)
{
	struct record *r = record_at(pool, idx);
	uint32_t segs = r->segs;

	/* Segments in the rest: not known exactly, at most so many. */
	if (r->state == RECORD_SACKED && segs > record_len(r) - (at.n - r->seq.n))
		segs = record_len(r) - (at.n - r->seq.n);
	count_out(s, r, at.n - r->seq.n, r->segs - segs);
	r->segs = segs;
	r->seq = at;
}

void record_set_state(struct scoreboard *s, struct cells *pool, uint32_t idx,
		      enum record_state state, uint32_t segs)
{
	struct record *r = record_at(pool, idx);

	count_out(s, r, record_len(r), r->segs);
	record_unlist(s, pool, idx);
	r->state = (uint8_t)state;
	r->segs = state == RECORD_SACKED ? segs : 0;
	count_in(s, r, record_len(r), r->segs);
	if (state != RECORD_SACKED)
		record_list(s, pool, idx);
	tree_mark(&s->records, pool, idx,
		  state == RECORD_LOST ? RECORD_MARK_LOST : 0);
}

uint32_t record_join_previous(struct scoreboard *s, struct cells *pool,
			      uint32_t idx)
{
	const struct record *r = record_at(pool, idx);
	uint32_t previous = r->node.prev;
	struct record *p = record_at(pool, previous);
	uint32_t len = record_len(r), segs = r->segs;
	seq_t end = r->end;

	record_free(s, pool, idx);
	record_unlist(s, pool, previous);
	p->end = end;
	p->segs += segs;
	count_in(s, p, len, segs);
	if (p->state != RECORD_SACKED)
		record_list(s, pool, previous);
	return previous;
}

uint32_t record_find(struct scoreboard *s, struct cells *pool, seq_t at)
{
	uint32_t idx = s->records.listed;

	if (idx != CELL_NONE && !seq_before(at, record_at(pool, idx)->seq))
		tree_index(&s->records, pool);
	idx = s->records.root;
	while (idx != CELL_NONE) {
		const struct record *r = record_look(pool, idx);

		CELL_STEP();
		if (seq_before(at, r->seq))
			idx = r->node.child[0];
		else if (seq_before(at, r->end))
			break;
		else
			idx = r->node.child[1];
	}
	return idx;
}
