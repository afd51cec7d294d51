/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loss_model.h - A scoreboard that is an array of bytes, and never clever
 *
 * Each byte of a stream has a state of its own. Positions count from the first
 * byte, so nothing wraps here. What struct scoreboard says is compared with it byte
 * by byte.
 */
#ifndef TEST_TCP_LOSS_MODEL_H
#define TEST_TCP_LOSS_MODEL_H

#include "tcp/loss_check.h"

#include "tcp/loss/record.c"
#include "tcp/loss/scoreboard.c"
#include "tcp/loss/scoreboard_ack.c"

#define MODEL_BYTES 20000

struct model_byte {
	ns_t sent;		/* 0: not known                                 */
	uint8_t state;		/* enum record_state                            */
	bool resent;
};

struct model {
	seq_t first;		/* sequence number of byte 0                    */
	uint32_t una, nxt, fack;
	struct model_byte byte[MODEL_BYTES];	uint32_t last_at;	/* highest byte that counted for RACK           */
};

static inline seq_t model_seq(const struct model *m, uint32_t at)
{
	return seq_add(m->first, at);
}

static inline uint32_t model_at(const struct model *m, seq_t s)
{
	return s.n - m->first.n;
}

static inline void model_send(struct model *m, uint32_t len, ns_t now)
{
	for (; len; len--)
		m->byte[m->nxt++] = (struct model_byte){ .sent = now };
}

static inline void model_resend(struct model *m, uint32_t at, uint32_t len,
				ns_t now)
{
	for (; len; len--)
		m->byte[at++] = (struct model_byte){ .sent = now, .resent = true };
}

/* One byte arrives; @fack is that from before this ACK. */
static inline void model_deliver(struct model *m, const struct scoreboard_input *in,
				 struct scoreboard_result *out, uint32_t at,
				 uint32_t fack)
{
	const struct model_byte *b = m->byte + at;
	bool counts = b->sent != 0;
	seq_t end = model_seq(m, at + 1);

	out->delivered++;
	if (b->resent) {
		out->flags |= SCOREBOARD_RESENT;
		if (counts && !seq_before(in->ack, end) &&
		    b->sent >= in->echo_until) {
			out->flags |= SCOREBOARD_ORIGINAL;
			counts = false;
		}
		counts = counts && in->now - b->sent >= in->min_rtt;
	} else {
		if (at + 1 < fack)
			out->flags |= SCOREBOARD_REORDERED;
		if (b->state == RECORD_LOST)
			out->flags |= SCOREBOARD_WAS_LOST;
		if (out->first_sent == NS_NEVER) {
			out->first_sent = out->last_sent = b->sent;
			out->original = model_seq(m, at);
		}
		if (b->sent < out->first_sent)
			out->first_sent = b->sent;
		if (b->sent > out->last_sent)
			out->last_sent = b->sent;
		if (seq_before(model_seq(m, at), out->original))
			out->original = model_seq(m, at);
	}
	if (counts && at >= m->last_at) {
		m->last_at = at;
		out->rack_last = b->sent;
	}
	if (counts && (out->rack_sent == NS_NEVER || b->sent > out->rack_sent ||
		       (b->sent == out->rack_sent &&
			at + 1 > model_at(m, out->rack_end)))) {
		out->rack_sent = b->sent;
		out->rack_end = end;
	}
	if (at + 1 > m->fack)
		m->fack = at + 1;
}

/* RFC 2883 §4: below the ACK, or within the second block. */
static inline bool model_is_dsack(const struct model *m,
				  const struct scoreboard_input *in)
{
	const struct tcp_sack *b = in->blocks;
	int64_t ack, start, end;

	if (!in->n_blocks)
		return false;
	ack = m->una + (int64_t)seq_diff(in->ack, model_seq(m, m->una));
	start = m->una + (int64_t)seq_diff(b->start, model_seq(m, m->una));
	end = m->una + (int64_t)seq_diff(b->end, model_seq(m, m->una));
	if (start >= end || end > m->nxt || ack - start > 1 << 30)
		return false;
	return end <= ack ||
	       (in->n_blocks > 1 && !seq_before(b[0].start, b[1].start) &&
		!seq_before(b[1].end, b[0].end) && start > ack);
}

static inline void model_ack(struct model *m, const struct scoreboard_input *in,
			     struct scoreboard_result *out)
{
	uint32_t fack = m->fack;
	bool dsack;

	*out = (struct scoreboard_result){ .first_sent = NS_NEVER,
					   .rack_sent = NS_NEVER };
	m->last_at = 0;
	if (seq_diff(in->ack, model_seq(m, m->nxt)) > 0)
		return;
	for (; seq_diff(in->ack, model_seq(m, m->una)) > 0; m->una++) {
		out->acked++;
		if (m->byte[m->una].state != RECORD_SACKED)
			model_deliver(m, in, out, m->una, fack);
	}
	if (m->fack < m->una)
		m->fack = m->una;
	dsack = model_is_dsack(m, in);
	if (dsack) {
		out->flags |= SCOREBOARD_DSACK;
		out->dsack = in->blocks[0];
	}
	for (uint32_t b = dsack; b < in->n_blocks; b++) {
		int64_t start = seq_diff(in->blocks[b].start, model_seq(m, m->una));
		int64_t end = seq_diff(in->blocks[b].end, model_seq(m, m->una));

		if (start <= 0 || start >= end || end > m->nxt - m->una)
			continue;
		for (uint32_t at = m->una + (uint32_t)start;
		     at < m->una + (uint32_t)end; at++) {
			if (m->byte[at].state == RECORD_SACKED)
				continue;
			model_deliver(m, in, out, at, fack);
			m->byte[at].state = RECORD_SACKED;
			out->sacked++;
			out->flags |= SCOREBOARD_SACKS;
		}
	}
	if (m->una < m->nxt && m->byte[m->una].state == RECORD_SACKED)
		out->flags |= SCOREBOARD_RENEGED;
}

/* RFC 8985 §6.2 step 5, as it stands there, of each byte. */
static inline uint32_t model_overdue(struct model *m, ns_t sent, seq_t end,
				     ns_t wait, ns_t now, ns_t *next)
{
	uint32_t lost = 0;

	*next = NS_NEVER;
	for (uint32_t at = m->una; at < m->nxt; at++) {
		struct model_byte *b = m->byte + at;

		if (b->state != RECORD_FLIGHT ||
		    !(sent > b->sent ||
		      (sent == b->sent && model_at(m, end) > at + 1)))
			continue;
		if (b->sent + wait <= now) {
			b->state = RECORD_LOST;
			lost++;
		} else if (b->sent + wait < *next) {
			*next = b->sent + wait;
		}
	}
	return lost;
}

static inline void model_find_all(struct model *m)
{
	for (uint32_t at = m->una; at < m->nxt; at++)
		if (m->byte[at].state == RECORD_LOST)
			m->byte[at].state = RECORD_FLIGHT;
}

static inline void model_forget_sacks(struct model *m)
{
	for (uint32_t at = m->una; at < m->nxt; at++)
		if (m->byte[at].state == RECORD_SACKED)
			m->byte[at] = (struct model_byte){ .state = RECORD_LOST,
							   .resent = true };
}

/* ---- What must always be true ------------------------------------------------- */

static inline void check_times(struct cells *pool, const struct time_list *list,
			       enum record_state state, uint32_t n)
{
	uint32_t older = CELL_NONE;

	for (uint32_t idx = list->oldest; idx != CELL_NONE;
	     idx = record_at(pool, idx)->newer) {
		const struct record *r = record_at(pool, idx), *o;

		CHECK(n-- && r->state == state && r->older == older);
		if (older != CELL_NONE) {
			o = record_at(pool, older);
			CHECK(o->sent <= r->sent);
			CHECK(o->sent < r->sent || !r->sent ||
			      seq_before(o->end, r->end));
		}
		older = idx;
	}
	CHECK(list->newest == older && n == 0);
}

/* The scoreboard agrees with itself. @others: cells that somebody else has. */
static inline void check_scoreboard(const struct scoreboard *s, struct cells *pool,
				    uint32_t others)
{
	uint32_t bytes[3] = { 0 }, n[3] = { 0 }, resent = 0, segs = 0;
	seq_t at = s->una;
	uint8_t state = RECORD_FLIGHT;

	loss_check_tree(&s->records, pool);
	for (uint32_t idx = s->records.first; idx != CELL_NONE;
	     idx = tree_at(pool, idx)->next) {
		const struct record *r = record_at(pool, idx);

		CHECK(seq_equal(r->seq, at) && seq_before(r->seq, r->end));
		CHECK(r->state < 3);
		CHECK(state != RECORD_SACKED || r->state != RECORD_SACKED);
		CHECK((r->node.marks == RECORD_MARK_LOST) ==
		      (r->state == RECORD_LOST));
		state = r->state;
		bytes[state] += record_len(r);
		n[state]++;
		segs += r->segs;
		if (state == RECORD_FLIGHT && r->flags & RECORD_RESENT)
			resent += record_len(r);
		at = r->end;
	}
	CHECK(seq_equal(at, s->nxt));
	CHECK(s->sacked == bytes[RECORD_SACKED] && s->lost == bytes[RECORD_LOST]);
	CHECK(scoreboard_in_flight(s) == bytes[RECORD_FLIGHT]);
	CHECK(s->resent == resent && s->sacked_segs == segs);
	CHECK(s->records.n <= s->limit);
	CHECK(pool->n_free + s->records.n + others == pool->capacity);
	check_times(pool, &s->flight, RECORD_FLIGHT, n[RECORD_FLIGHT]);
	check_times(pool, &s->overdue, RECORD_LOST, n[RECORD_LOST]);
}

/* ... and with the model, in every byte. */
static inline void check_model(const struct scoreboard *s, struct cells *pool,
			       const struct model *m)
{
	uint32_t at = m->una;

	check_scoreboard(s, pool, 0);
	CHECK(seq_equal(s->una, model_seq(m, m->una)));
	CHECK(seq_equal(s->nxt, model_seq(m, m->nxt)));
	CHECK(seq_equal(s->fack, model_seq(m, m->fack)));
	for (uint32_t idx = s->records.first; idx != CELL_NONE;
	     idx = tree_at(pool, idx)->next) {
		const struct record *r = record_at(pool, idx);

		for (; at < model_at(m, r->end); at++) {
			const struct model_byte *b = m->byte + at;

			CHECK(b->state == r->state);
			if (r->state == RECORD_SACKED)
				continue;
			CHECK(b->sent == r->sent);
			CHECK(b->resent == !!(r->flags & RECORD_RESENT));
		}
	}
	CHECK(at == m->nxt);
}

static inline void check_result(const struct scoreboard_result *a,
				const struct scoreboard_result *b)
{
	CHECK(a->flags == b->flags);
	CHECK(a->acked == b->acked && a->sacked == b->sacked);
	CHECK(a->delivered == b->delivered);
	CHECK(a->first_sent == b->first_sent && a->last_sent == b->last_sent);
	CHECK(a->rack_sent == b->rack_sent);
	CHECK(a->rack_last == b->rack_last);
	CHECK(a->rack_sent == NS_NEVER || seq_equal(a->rack_end, b->rack_end));
	CHECK(a->first_sent == NS_NEVER || seq_equal(a->original, b->original));
	CHECK(!(a->flags & SCOREBOARD_DSACK) ||
	      (seq_equal(a->dsack.start, b->dsack.start) &&
	       seq_equal(a->dsack.end, b->dsack.end)));
}

#endif
