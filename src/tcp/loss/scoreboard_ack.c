// SPDX-License-Identifier: BSD-2-Clause
/*
 * scoreboard_ack.c - What one ACK says about what is in flight
 *
 * Theory of operation: see scoreboard_ack.h.
 */
#include "tcp/loss/scoreboard_ack.h"

#include "tcp/loss/record.h"

/* A D-SACK further back than this is not believed [bytes]. */
#define DSACK_REACH (1 << 30)

static void note_never_resent(struct scoreboard_result *out,
			      const struct record *r, bool timed)
{
	if (r->state == RECORD_LOST)
		out->flags |= SCOREBOARD_WAS_LOST;
	if (!timed)
		return;
	/* Those come in the order in which they were sent. */
	if (out->first_sent == NS_NEVER) {
		out->first_sent = r->sent;
		out->original = r->seq;
	}
	out->last_sent = r->sent;
}

/*
 * What was sent again: is it the second one that has arrived? Not when it came
 * sooner than one ever did, nor when the ACK echoes an earlier time. A SACK echoes
 * that of the last segment in order (RFC 7323 §4.3), which says nothing of it.
 */
static bool is_second(const struct scoreboard_input *in,
		      struct scoreboard_result *out, const struct record *r,
		      seq_t end)
{
	if (!seq_before(in->ack, end) && r->sent >= in->echo_until) {
		out->flags |= SCOREBOARD_ORIGINAL;
		return false;
	}
	return scoreboard_since(in->now, r->sent) >= in->min_rtt;
}

/* The start of @r, up to @end, is delivered. It is not SACKed yet. */
static void deliver(struct scoreboard *s, const struct scoreboard_input *in,
		    struct scoreboard_result *out, const struct record *r,
		    seq_t end)
{
	bool timed = !(r->flags & RECORD_UNTIMED) &&
		     (!(r->flags & RECORD_JOINED) || seq_equal(end, r->end));

	out->delivered += end.n - r->seq.n;
	if (r->flags & RECORD_RESENT) {
		out->flags |= SCOREBOARD_RESENT;
		timed = timed && is_second(in, out, r, end);
	} else {
		if (seq_before(end, s->fack))
			out->flags |= SCOREBOARD_REORDERED;
		note_never_resent(out, r, timed);
	}
	if (seq_before(s->fack, end))
		s->fack = end;
	if (timed)
		out->rack_last = r->sent;
	if (timed && (out->rack_sent == NS_NEVER ||
		      scoreboard_sent_after(r->sent, end, out->rack_sent,
					out->rack_end))) {
		out->rack_sent = r->sent;
		out->rack_end = end;
	}
}

static void acknowledge(struct scoreboard *s, struct cells *pool,
			const struct scoreboard_input *in,
			struct scoreboard_result *out)
{
	uint32_t idx;

	out->acked = in->ack.n - s->una.n;
	while ((idx = s->records.first) != CELL_NONE) {
		const struct record *r = record_at(pool, idx);
		bool whole = !seq_before(in->ack, r->end);

		CELL_STEP();
		if (!seq_before(r->seq, in->ack))
			break;
		if (r->state != RECORD_SACKED)
			deliver(s, in, out, r, whole ? r->end : in->ack);
		if (!whole) {
			record_trim(s, pool, idx, in->ack);
			break;
		}
		record_free(s, pool, idx);
	}
	s->una = in->ack;
}

/*
 * The part of a record that a block covers, as a record of its own; CELL_NONE:
 * there are no records for it. Then what could be split stays split.
 */
static uint32_t cut_out(struct scoreboard *s, struct cells *pool, uint32_t idx,
			const struct tcp_sack *block)
{
	const struct record *r = record_at(pool, idx);

	if (seq_before(r->seq, block->start)) {
		idx = record_split(s, pool, idx, block->start, RECORD_SPARE);
		if (idx == CELL_NONE)
			return idx;
		r = record_at(pool, idx);
	}
	if (seq_before(block->end, r->end) &&
	    record_split(s, pool, idx, block->end, RECORD_SPARE) == CELL_NONE)
		return CELL_NONE;
	return idx;
}

/* One record, not SACKed yet, is; its neighbours may have been. */
static uint32_t sack_record(struct scoreboard *s, struct cells *pool,
			    const struct scoreboard_input *in,
			    struct scoreboard_result *out, uint32_t idx)
{
	const struct record *r = record_at(pool, idx);
	uint32_t next = r->node.next, previous = r->node.prev;

	deliver(s, in, out, r, r->end);
	out->sacked += record_len(r);
	out->flags |= SCOREBOARD_SACKS;
	record_set_state(s, pool, idx, RECORD_SACKED,
			 (record_len(r) + in->mss - 1) / in->mss);
	if (previous != CELL_NONE &&
	    record_at(pool, previous)->state == RECORD_SACKED)
		idx = record_join_previous(s, pool, idx);
	if (next != CELL_NONE && record_at(pool, next)->state == RECORD_SACKED)
		idx = record_join_previous(s, pool, next);
	return idx;
}

/* A block that lies in SND.UNA + 1..SND.NXT. */
static void sack_block(struct scoreboard *s, struct cells *pool,
		       const struct scoreboard_input *in,
		       struct scoreboard_result *out, const struct tcp_sack *block)
{
	uint32_t idx = record_find(s, pool, block->start);

	while (idx != CELL_NONE) {
		const struct record *r = record_at(pool, idx);
		uint32_t part;

		CELL_STEP();
		if (!seq_before(r->seq, block->end))
			break;
		if (r->state != RECORD_SACKED) {
			part = cut_out(s, pool, idx, block);
			if (part != CELL_NONE)
				idx = sack_record(s, pool, in, out, part);
		}
		idx = tree_at(pool, idx)->next;
	}
}

/* RFC 2883 §4: the first block says twice what the ACK, or the second, says. */
static bool is_dsack(const struct scoreboard *s,
		     const struct scoreboard_input *in)
{
	const struct tcp_sack *b = in->blocks;

	if (!in->n_blocks || !seq_before(b[0].start, b[0].end) ||
	    seq_diff(in->ack, b[0].start) > DSACK_REACH ||
	    seq_before(s->nxt, b[0].end))
		return false;
	if (!seq_before(in->ack, b[0].end))
		return true;
	return in->n_blocks > 1 && !seq_before(b[0].start, b[1].start) &&
	       !seq_before(b[1].end, b[0].end) && seq_before(in->ack, b[0].start);
}

/* Those that can be true; ascending, as seen from SND.UNA. */
static uint32_t sort_blocks(const struct scoreboard *s,
			    const struct scoreboard_input *in, uint32_t first,
			    struct tcp_sack *sorted)
{
	uint32_t n = 0;

	for (uint32_t b = first; b < in->n_blocks && b < TCP_SEGMENT_SACKS; b++) {
		struct tcp_sack block = in->blocks[b];
		uint32_t start = block.start.n - s->una.n, place = n;

		/* Nothing is SACKed at SND.UNA, nor what was not sent. */
		if (start - 1 >= s->nxt.n - s->una.n ||
		    block.end.n - s->una.n > s->nxt.n - s->una.n ||
		    block.end.n - s->una.n <= start)
			continue;
		for (; place && seq_before(block.start, sorted[place - 1].start);
		     place--)
			sorted[place] = sorted[place - 1];
		sorted[place] = block;
		n++;
	}
	return n;
}

void scoreboard_ack(struct scoreboard *s, struct cells *pool,
		    const struct scoreboard_input *in,
		    struct scoreboard_result *out)
{
	struct tcp_sack sorted[TCP_SEGMENT_SACKS];
	uint32_t n;
	bool dsack;

	*out = (struct scoreboard_result){
		.first_sent = NS_NEVER,
		.rack_sent = NS_NEVER,
	};
	if (seq_before(s->nxt, in->ack))
		return;
	if (seq_before(s->una, in->ack))
		acknowledge(s, pool, in, out);
	if (in->n_blocks) {
		dsack = is_dsack(s, in);
		if (dsack) {
			out->flags |= SCOREBOARD_DSACK;
			out->dsack = in->blocks[0];
		}
		n = sort_blocks(s, in, dsack, sorted);
		for (uint32_t b = 0; b < n; b++)
			sack_block(s, pool, in, out, sorted + b);
	}
	if (s->sacked && scoreboard_reneged(s, pool))
		out->flags |= SCOREBOARD_RENEGED;
}
