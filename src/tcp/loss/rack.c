// SPDX-License-Identifier: BSD-2-Clause
/*
 * rack.c - RACK-TLP: loss from the time at which things were sent
 *
 * Theory of operation: see rack.h.
 */
#include "tcp/loss/rack.h"

void rack_init(struct rack *r)
{
	*r = (struct rack){
		.sent = NS_NEVER,
		.window_mult = 1,
		.window_persist = RACK_PERSIST,
		.rtt_since_probe = true,
	};
}

/* RFC 8985 §6.2 step 4: once in a round; back after recoveries without D-SACK. */
static void adapt(struct rack *r, const struct scoreboard *s, bool dsack,
		  bool recovery_ends)
{
	if (r->in_dsack_round && !seq_before(s->una, r->dsack_round))
		r->in_dsack_round = false;
	if (!r->in_dsack_round && dsack) {
		r->in_dsack_round = true;
		r->dsack_round = s->nxt;
		r->window_mult += r->window_mult < RACK_MULT_MAX;
		r->window_persist = RACK_PERSIST;
	} else if (recovery_ends) {
		r->window_persist -= r->window_persist > 0;
		if (!r->window_persist)
			r->window_mult = 1;
	}
}

static ns_t reordering_window(const struct rack *r, const struct scoreboard *s,
			      const struct rack_env *env)
{
	ns_t window = env->min_rtt / 4 * r->window_mult;

	if (!r->reordering_seen &&
	    (env->in_recovery || s->sacked_segs >= RACK_DUP_THRESH))
		return 0;
	return env->srtt && env->srtt < window ? env->srtt : window;
}

void rack_ack(struct rack *r, const struct scoreboard *s,
	      const struct scoreboard_result *result, const struct rack_env *env)
{
	if (result->rack_sent != NS_NEVER) {
		r->rtt = scoreboard_since(env->now, result->rack_last);
		if (r->sent == NS_NEVER ||
		    scoreboard_sent_after(result->rack_sent, result->rack_end,
					  r->sent, r->end)) {
			r->sent = result->rack_sent;
			r->end = result->rack_end;
		}
	}
	if (result->flags & SCOREBOARD_REORDERED)
		r->reordering_seen = true;
	if (scoreboard_has_rtt(result))
		r->rtt_since_probe = true;
	adapt(r, s, result->flags & SCOREBOARD_DSACK, env->recovery_ends);
}

uint32_t rack_detect(struct rack *r, struct scoreboard *s, struct cells *pool,
		     const struct rack_env *env, ns_t *timer)
{
	*timer = NS_NEVER;
	if (r->sent == NS_NEVER)
		return 0;
	r->window = reordering_window(r, s, env);
	return scoreboard_overdue(s, pool, r->sent, r->end, r->rtt + r->window,
				  env->now, timer);
}

uint32_t rack_timeout(struct rack *r, struct scoreboard *s, struct cells *pool,
		      const struct rack_env *env)
{
	uint32_t lost = s->lost;
	ns_t timer;

	rack_probe_forget(r);
	if (scoreboard_reneged(s, pool))
		scoreboard_forget_sacks(s, pool);
	r->window = reordering_window(r, s, env);
	/* Whatever was sent before the end of time. */
	scoreboard_overdue(s, pool, NS_NEVER, s->nxt, r->rtt + r->window,
			   env->now, &timer);
	scoreboard_lose_first(s, pool, env->mss);
	return s->lost - lost;
}

bool rack_may_probe(const struct rack *r)
{
	return !r->probe_out && r->rtt_since_probe;
}

void rack_probe_sent(struct rack *r, seq_t nxt, bool resent)
{
	r->probe_out = true;
	r->probe_resent = resent;
	r->probe_end = nxt;
	r->rtt_since_probe = false;
}

enum rack_probe rack_probe_ack(struct rack *r,
			       const struct scoreboard_result *result, seq_t ack,
			       bool duplicate)
{
	bool twice = result->flags & SCOREBOARD_DSACK &&
		     seq_equal(result->dsack.end, r->probe_end);

	if (!r->probe_out || seq_before(ack, r->probe_end))
		return RACK_PROBE_NONE;
	if (!r->probe_resent || twice) {
		r->probe_out = false;
		return RACK_PROBE_DONE;
	}
	if (seq_before(r->probe_end, ack)) {
		r->probe_out = false;
		return RACK_PROBE_REPAIRED;
	}
	if (!duplicate)
		return RACK_PROBE_NONE;
	r->probe_out = false;
	return RACK_PROBE_DONE;
}
