// SPDX-License-Identifier: BSD-2-Clause
/*
 * recover.c - Loss and congestion: what an ACK or a silence means for sending
 *
 * DOC: Theory of operation
 * The parts know nothing of each other; here they meet. For an ACK: the scoreboard
 * says what was delivered, the RTT estimator and RACK (or NewReno, for peers
 * without SACK) learn from it, what is lost is marked, and then:
 *
 *   OPEN	the window grows by what was delivered
 *   REDUCED	the peer has seen a mark: as OPEN, but reduced once in a round trip
 *   RECOVERY	PRR says what the window is, until all is acknowledged that was out
 *		when it began
 *   LOSS	slow start after a timeout, likewise
 *
 * Going back to OPEN early, when nothing was lost after all: F-RTO, Eifel, D-SACK.
 *
 * Source: RFC 5681 §3; RFC 6582 §3.2; RFC 6937 §3; RFC 8985; RFC 5682; RFC 4015
 * §3; RFC 3168 §6.1.2; RFC 6298 §5.
 */
#include <errno.h>

#include "packet/headers.h"
#include "tcp/machine/machine.h"
#include "tcp/machine/path.h"

/* ---- Windows -------------------------------------------------------------------- */

bool in_recovery(const struct tcp_tcb *t)
{
	return t->phase == TCP_PHASE_RECOVERY || t->phase == TCP_PHASE_LOSS;
}

/* Duplicates say what has left the network when SACK cannot. */
static uint32_t in_flight(const struct tcp_tcb *t)
{
	uint32_t n = scoreboard_in_flight(&t->out), left;

	if (has(t, TCB_SACK) || t->newreno.dupacks == 0)
		return n;
	left = newreno_left(&t->newreno, &t->out, t->mss);
	return n > left ? n - left : 0;
}

uint32_t window_of_congestion(const struct tcp_tcb *t)
{
	uint32_t n = in_flight(t), cwnd = t->congestion.cwnd;

	return cwnd > n ? cwnd - n : 0;
}

ns_t retransmission_timeout(const struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct tcp_config *c = env->config;

	return rtt_timeout(&t->rtt, c->rto_initial, c->rto_min, c->rto_max);
}

static struct rack_env rack_env_of(const struct tcp_tcb *t,
				   const struct tcp_env *env)
{
	return (struct rack_env){
		.now = env->now,
		.min_rtt = rtt_least(&t->rtt),
		.srtt = rtt_smoothed(&t->rtt),
		.mss = t->mss,
		.in_recovery = in_recovery(t),
	};
}

/* ---- The timer for losses --------------------------------------------------------- */

static void arm_loss_timer(struct tcp_tcb *t, const struct tcp_env *env,
			   ns_t reordering)
{
	const struct tcp_config *c = env->config;
	const struct rack_env e = rack_env_of(t, env);
	ns_t rto;

	t->loss_timer_probes = false;
	timer_set(t, TIMER_LOSS, reordering);
	if (reordering != NS_NEVER || !has(t, TCB_SACK) || !c->tail_loss_probe ||
	    !rack_may_arm_probe(&t->rack, &t->out, in_recovery(t)))
		return;
	t->loss_timer_probes = true;
	rto = t->deadline[TIMER_RETRANSMIT];
	rto = rto == NS_NEVER ? retransmission_timeout(t, env) :
	      rto > env->now ? rto - env->now : 0;
	timer_set(t, TIMER_LOSS, env->now +
		  rack_probe_timeout(&t->out, &e, TCP_PEERS_DELAY_NS, rto));
}

/* ---- From one phase to another ------------------------------------------------------- */

static void enter_recovery(struct tcp_tcb *t, const struct tcp_env *env,
			   uint32_t flight, uint32_t sacked)
{
	/* RFC 3168 §6.1.2: a mark has already reduced it for this round trip. */
	if (t->phase != TCP_PHASE_REDUCED)
		congestion_lost(&t->congestion, flight);
	prr_begin(&t->prr, t->congestion.ssthresh, flight, sacked);
	undo_begin(&t->undo, t->out.una);
	rack_probe_forget(&t->rack);
	t->recover = t->out.nxt;
	t->phase = TCP_PHASE_RECOVERY;
	raise_flag(t, TCB_CWR);
}

static void leave_phase(struct tcp_tcb *t)
{
	if (t->phase == TCP_PHASE_RECOVERY)
		congestion_recovered(&t->congestion);
	t->phase = TCP_PHASE_OPEN;
}

static void reduce_once(struct tcp_tcb *t, const struct tcp_env *env,
			uint32_t flight)
{
	if (t->phase != TCP_PHASE_OPEN)
		return;
	congestion_marked(&t->congestion, flight);
	t->recover = t->out.nxt;
	t->phase = TCP_PHASE_REDUCED;
	raise_flag(t, TCB_CWR);
}

/* Nothing was lost. */
static void undo_all(struct tcp_tcb *t, const struct tcp_env *env)
{
	t->spurious++;
	if (in_recovery(t)) {
		scoreboard_find_all(&t->out, env->cells);
		newreno_stop(&t->newreno);
		t->phase = TCP_PHASE_OPEN;
		t->retransmits = 0;
	}
	frto_init(&t->frto);
	congestion_undo(&t->congestion);
	undo_end(&t->undo);
}

/* ---- An ACK -------------------------------------------------------------------------- */

/*
 * Without SACK an ACK that fills a hole covers data that had arrived long before,
 * and after a timeout what is acknowledged may have been so before, by an ACK that
 * was lost: the time since it was sent is no RTT then. What is echoed always is,
 * but with the clock's resolution only. Nor is it an RTT when the peer answers to
 * something that it had already (D-SACK, or an echo from before it was sent again):
 * that would be the timeout, measured, which would grow without bound.
 */
static ns_t take_rtt(struct tcp_tcb *t, const struct tcp_env *env,
		     const struct ack_facts *f)
{
	const struct scoreboard_result *r = &f->out;
	bool echo = r->acked && f->in.echo_until != NS_NEVER;
	bool plain = scoreboard_has_rtt(r) &&
		     (has(t, TCB_SACK) || !in_recovery(t)) &&
		     (echo || t->phase != TCP_PHASE_LOSS);
	bool twice = r->flags & (SCOREBOARD_DSACK | SCOREBOARD_ORIGINAL);
	ns_t rtt = NS_NEVER, tick = env->config->timestamp_tick;

	if (plain && !twice)
		rtt = scoreboard_since(env->now, r->first_sent);
	if (echo && !twice)
		rtt = sooner(rtt, env->now + (plain ? tick : 0) -
			     sooner(env->now, f->in.echo_until - tick));
	if (rtt == NS_NEVER) {
		/* MUST-18, RFC 8961 §4: not by what was sent again. */
		if (r->acked && !(r->flags & SCOREBOARD_RESENT))
			rtt_progress(&t->rtt);
		return 0;
	}
	rtt_sample(&t->rtt, rtt, env->now);
	rack_measured(&t->rack);
	return rtt ? rtt : 1;
}

/* A peer that SACKs. Returns what was found to be lost; sets the timer. */
static uint32_t find_losses(struct tcp_tcb *t, const struct tcp_env *env,
			    const struct ack_facts *f, bool ends)
{
	struct rack_env e = rack_env_of(t, env);
	uint32_t lost;
	ns_t timer;

	e.recovery_ends = ends;
	e.in_recovery = e.in_recovery && !ends;
	rack_ack(&t->rack, &t->out, &f->out, &e);
	lost = rack_detect(&t->rack, &t->out, env->cells, &e, &timer);
	t->reordering_timer = timer;
	if (t->rack.probe_out &&
	    rack_probe_ack(&t->rack, &f->out, f->in.ack,
			   f->duplicate && f->in.n_blocks == 0) ==
	    RACK_PROBE_REPAIRED)
		reduce_once(t, env, f->flight);
	return lost;
}

/*
 * A peer that does not. Limited transmit (RFC 3042) needs nothing: a duplicate
 * leaves less in flight.
 */
static uint32_t count_duplicates(struct tcp_tcb *t, const struct tcp_env *env,
				 const struct ack_facts *f)
{
	enum newreno_verdict v = NEWRENO_NOTHING;

	t->reordering_timer = NS_NEVER;
	if (f->out.acked)
		v = newreno_ack(&t->newreno, &t->out, f->out.acked, t->mss);
	else if (f->duplicate)
		v = newreno_dupack(&t->newreno, &t->out);
	if ((v == NEWRENO_ENTER && t->phase != TCP_PHASE_LOSS) ||
	    v == NEWRENO_PARTIAL)
		return newreno_lose(&t->out, env->cells, t->mss);
	return 0;
}

/* Returns whether the window is set: for two new segments, and nothing else. */
static bool ask_frto(struct tcp_tcb *t, const struct tcp_env *env,
		     const struct ack_facts *f, ns_t rtt)
{
	const struct frto_input in = {
		.una = t->out.una,
		.advanced = f->out.acked != 0,
		.duplicate = f->duplicate ||
			     (!f->out.acked && f->in.n_blocks),
		.sack = has(t, TCB_SACK),
		/* A whole segment, which Nagle does not hold back. */
		.can_send_new = unsent(t) >= t->mss &&
				t->snd_wnd >= outstanding(t) + t->mss,
	};

	switch (frto_ack(&t->frto, &f->out, &in)) {
	case FRTO_SEND_NEW:
		t->congestion.cwnd = in_flight(t) + 2U * t->mss;
		return true;
	case FRTO_SPURIOUS:
		if (rtt)
			rtt_spurious(&t->rtt, rtt, env->now);
		undo_all(t, env);
		break;
	case FRTO_LOSS:
	case FRTO_NOTHING:
		break;
	}
	return false;
}

/* Is the window what holds us back, or would be if it did not grow? */
static bool is_limited(const struct tcp_tcb *t)
{
	return has(t, TCB_CWND_LIMITED) ||
	       (congestion_in_slow_start(&t->congestion) &&
		t->congestion.cwnd / 2 < t->max_flight);
}

static void grow(struct tcp_tcb *t, const struct tcp_env *env,
		 const struct ack_facts *f, ns_t rtt)
{
	const struct congestion_ack a = {
		.now = env->now,
		.rtt = rtt,
		.srtt = rtt_smoothed(&t->rtt),
		.una = t->out.una,
		.nxt = t->out.nxt,
		.acked = t->phase == TCP_PHASE_LOSS && !has(t, TCB_SACK) ?
			 least(f->out.delivered, t->mss) : f->out.delivered,
		.limited = is_limited(t),
	};

	/* RFC 5681 §3.1: nothing grows by an ACK that only SACKs. */
	if (a.acked && f->out.acked)
		congestion_acked(&t->congestion, &a);
	drop_flag(t, TCB_CWND_LIMITED);
}

static void follow_prr(struct tcp_tcb *t, uint32_t delivered, bool safe)
{
	uint32_t cwnd = prr_ack(&t->prr, delivered, in_flight(t), t->mss, safe);

	t->congestion.cwnd = most(cwnd, t->mss);
}

static void set_window(struct tcp_tcb *t, const struct tcp_env *env,
		       const struct ack_facts *f, uint32_t lost, ns_t rtt)
{
	if (t->phase == TCP_PHASE_RECOVERY)
		follow_prr(t, f->delivered, f->out.acked && lost == 0);
	else if (t->phase != TCP_PHASE_REDUCED)
		grow(t, env, f, rtt);
}

/*
 * What began the phase is acknowledged. After ECN something behind that is needed,
 * too: it carries the CWR that ends the echo, RFC 3168 §6.1.2.
 */
static bool phase_ends(const struct tcp_tcb *t, const struct ack_facts *f)
{
	if (t->phase == TCP_PHASE_OPEN || f->out.acked == 0)
		return false;
	if (t->phase == TCP_PHASE_REDUCED)
		return seq_before(t->recover, t->out.una);
	return !seq_before(t->out.una, t->recover);
}

/* Each duplicate ACK has told of a segment that this ACK tells of again. */
static void discount_duplicates(const struct tcp_tcb *t, struct ack_facts *f)
{
	uint64_t told = (uint64_t)t->newreno.dupacks * t->mss;
	uint32_t rest = f->out.delivered > t->mss ?
			f->out.delivered - t->mss : 0;

	if (f->out.acked && !t->newreno.recovering)
		f->out.delivered -= told < rest ? (uint32_t)told : rest;
}

void recover_on_ack(struct tcp_tcb *t, const struct tcp_env *env,
		    struct ack_facts *f)
{
	uint32_t sacked = t->out.sacked, lost;
	uint32_t pipe = in_flight(t);
	bool ends, is_set = false;
	ns_t rtt;

	f->flight = outstanding(t);
	f->in.min_rtt = rtt_least(&t->rtt);
	scoreboard_ack(&t->out, env->cells, &f->in, &f->out);
	t->dsacks += (f->out.flags & SCOREBOARD_DSACK) != 0;
	if (f->out.acked == 0 && f->in.n_blocks == 0 && !f->duplicate &&
	    !f->ece)
		return;
	rtt = take_rtt(t, env, f);
	ends = phase_ends(t, f);
	if (!has(t, TCB_SACK))
		discount_duplicates(t, f);
	lost = has(t, TCB_SACK) ? find_losses(t, env, f, ends) :
				  count_duplicates(t, env, f);
	if (t->frto.step != FRTO_OFF)
		is_set = ask_frto(t, env, f, rtt);
	else
		frto_passed(&t->frto, t->out.una);
	if (t->undo.open && undo_ack(&t->undo, &f->out, t->out.una,
				     f->in.echo_until) != UNDO_NO) {
		undo_all(t, env);
		lost = 0;
	} else if (ends) {
		leave_phase(t);
	}
	if (lost && !mtu_probe_is_lost(t, env) && !in_recovery(t))
		enter_recovery(t, env, f->flight, sacked);
	if (f->ece)
		reduce_once(t, env, f->flight);
	/* RFC 6937 §3: without SACK what has left is what was delivered. */
	f->delivered = has(t, TCB_SACK) ? f->out.delivered :
		       pipe - least(pipe, in_flight(t) + lost);
	if (!is_set)
		set_window(t, env, f, lost, rtt);
	/* RFC 6582 §3.2 step 3: a partial ACK sends the next one in any case. */
	if (!has(t, TCB_SACK) && lost && f->out.acked)
		t->congestion.cwnd = most(t->congestion.cwnd,
					  in_flight(t) + t->mss);
	mtu_on_ack(t, env, f);
	if (f->out.acked)	/* RFC 6298 §5.3 */
		timer_arm_retransmit(t, env);
	if (outstanding(t) && (f->out.delivered || lost))
		arm_loss_timer(t, env, t->reordering_timer);
}

/* ---- Silence ---------------------------------------------------------------------------- */

void recover_on_rto(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct rack_env e = rack_env_of(t, env);
	bool again = t->retransmits > 1;
	uint32_t flight = outstanding(t);

	if (env->config->frto)
		(void)frto_timeout(&t->frto, &t->out, t->mss);
	if (has(t, TCB_SACK))
		rack_timeout(&t->rack, &t->out, env->cells, &e);
	else
		newreno_timeout(&t->newreno, &t->out, env->cells);
	if (!again)
		undo_begin(&t->undo, t->out.una);
	congestion_timed_out(&t->congestion, flight, again);
	/* What is not yet overdue is no reason to keep the first one back. */
	t->congestion.cwnd = most(t->congestion.cwnd, in_flight(t) + t->mss);
	rtt_back_off(&t->rtt);
	t->recover = t->out.nxt;
	t->phase = TCP_PHASE_LOSS;
	t->timeouts++;
	drop_flag(t, TCB_PROBE_DUE);
	mtu_on_rto(t, env);
}

void recover_on_loss_timer(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct rack_env e = rack_env_of(t, env);
	uint32_t flight = outstanding(t), lost;
	ns_t timer;

	if (t->loss_timer_probes) {
		t->loss_timer_probes = false;
		if (flight && rack_may_probe(&t->rack)) {
			raise_flag(t, TCB_PROBE_DUE);
			timer_arm_retransmit(t, env);
		}
		return;
	}
	lost = rack_detect(&t->rack, &t->out, env->cells, &e, &timer);
	if (lost && !mtu_probe_is_lost(t, env) && !in_recovery(t))
		enter_recovery(t, env, flight, t->out.sacked);
	if (lost && t->phase == TCP_PHASE_RECOVERY)
		follow_prr(t, 0, false);
	arm_loss_timer(t, env, timer);
}

/* ---- Something is sent ------------------------------------------------------------------- */

/* The most that was outstanding in this round trip. */
static void note_flight(struct tcp_tcb *t)
{
	if (outstanding(t) > t->max_flight ||
	    !seq_before(t->out.una, t->max_flight_end)) {
		t->max_flight = outstanding(t);
		t->max_flight_end = t->out.nxt;
		t->peak_flight = most(t->max_flight,
				      t->peak_flight - t->peak_flight / 16);
	}
}

void recover_on_sent(struct tcp_tcb *t, const struct tcp_env *env, uint32_t len,
		     bool again)
{
	if (t->phase == TCP_PHASE_RECOVERY)
		prr_sent(&t->prr, len);
	if (again)
		undo_resent(&t->undo, len, env->now, t->out.nxt);
	else
		note_flight(t);
	/* While a closed window is probed the persist timer runs, backed off. */
	if (t->backoff == 0 &&
	    (outstanding(t) == len || !timer_runs(t, TIMER_RETRANSMIT)))
		timer_arm_retransmit(t, env);
	if (!again && (t->loss_timer_probes || !timer_runs(t, TIMER_LOSS)))
		arm_loss_timer(t, env, NS_NEVER);
}

void recover_begin(struct tcp_tcb *t, const struct tcp_env *env)
{
	bool restart = env->config->slow_start_after_idle;

	congestion_idle(&t->congestion, env->now - t->last_sent,
			restart ? retransmission_timeout(t, env) : 0, restart);
}

int recover_set_congestion(struct tcp_tcb *t, uint64_t kind)
{
	if (kind >= CONGESTION_N_KINDS)
		return -EINVAL;
	congestion_set_kind(&t->congestion, (uint8_t)kind);
	return 0;
}
