// SPDX-License-Identifier: BSD-2-Clause
/*
 * frto.c - Was that timeout, was that recovery necessary?
 *
 * Theory of operation: see frto.h.
 */
#include "tcp/loss/frto.h"

void frto_init(struct frto *f)
{
	*f = (struct frto){ 0 };
}

bool frto_timeout(struct frto *f, const struct scoreboard *s, uint16_t mss)
{
	uint32_t out = s->nxt.n - s->una.n;
	bool again = f->have_recover && seq_before(s->una, f->recover);

	f->have_recover = true;
	f->recover = s->nxt;
	f->resent_end = seq_add(s->una, out < mss ? out : mss);
	f->step = again || !out ? FRTO_OFF : FRTO_FIRST;
	return f->step == FRTO_FIRST;
}

/* The answer: no more questions. */
static enum frto_verdict answer(struct frto *f, enum frto_verdict verdict)
{
	f->step = FRTO_OFF;
	return verdict;
}

/* Step 2: what was sent again is acknowledged, but not all that was out. */
static enum frto_verdict first_ack(struct frto *f, const struct frto_input *in)
{
	if (!in->advanced && in->sack)
		return FRTO_NOTHING;
	if (!in->advanced)
		return in->duplicate ? answer(f, FRTO_LOSS) : FRTO_NOTHING;
	if (!seq_before(in->una, f->recover) ||
	    seq_before(in->una, f->resent_end) || !in->can_send_new)
		return answer(f, FRTO_LOSS);
	f->step = FRTO_SECOND;
	return FRTO_SEND_NEW;
}

/* Step 3: is it about data that was out before, and was not sent again? */
static enum frto_verdict second_ack(struct frto *f,
				    const struct scoreboard_result *result,
				    const struct frto_input *in)
{
	bool original = in->sack ? result->first_sent != NS_NEVER &&
					   seq_before(result->original, f->recover) :
				   in->advanced;

	if (original)
		return answer(f, FRTO_SPURIOUS);
	if (in->advanced || in->duplicate)
		return answer(f, FRTO_LOSS);
	return FRTO_NOTHING;
}

enum frto_verdict frto_ack(struct frto *f, const struct scoreboard_result *result,
			   const struct frto_input *in)
{
	frto_passed(f, in->una);
	switch ((enum frto_step)f->step) {
	case FRTO_FIRST:
		return first_ack(f, in);
	case FRTO_SECOND:
		return second_ack(f, result, in);
	case FRTO_OFF:
		break;
	}
	return FRTO_NOTHING;
}

void undo_begin(struct undo *u, seq_t una)
{
	*u = (struct undo){ .start = una, .open = true };
}

void undo_resent(struct undo *u, uint32_t len, ns_t now, seq_t nxt)
{
	if (!u->open)
		return;
	if (!u->any_resent)
		u->first_resent = now;
	u->any_resent = true;
	u->resent += len;
	u->until = nxt;
}

void undo_end(struct undo *u)
{
	u->open = false;
}

/* RFC 3522 §3.2: only the first ACK for what was sent again can tell. */
static bool eifel(struct undo *u, const struct scoreboard_result *result,
		  ns_t echo_until)
{
	if (u->eifel_done || !result->acked ||
	    !(result->flags & SCOREBOARD_RESENT))
		return false;
	u->eifel_done = true;
	/* NS_NEVER, no timestamps, is never reached. */
	return result->flags & SCOREBOARD_ORIGINAL &&
	       u->first_resent >= echo_until;
}

static bool all_came_twice(struct undo *u, const struct scoreboard_result *result)
{
	uint32_t len = result->dsack.end.n - result->dsack.start.n;

	if (!(result->flags & SCOREBOARD_DSACK) ||
	    seq_before(result->dsack.start, u->start))
		return false;
	u->resent -= len < u->resent ? len : u->resent;
	return !u->resent;
}

enum undo_verdict undo_ack(struct undo *u, const struct scoreboard_result *result,
			   seq_t una, ns_t echo_until)
{
	enum undo_verdict verdict = UNDO_NO;

	if (!u->open || !u->any_resent)
		return verdict;
	if (eifel(u, result, echo_until))
		verdict = UNDO_EIFEL;
	else if (all_came_twice(u, result))
		verdict = UNDO_DSACK;
	/* What was sent later is acknowledged: nothing is to be heard any more. */
	if (verdict != UNDO_NO || seq_before(u->until, una))
		u->open = false;
	return verdict;
}
