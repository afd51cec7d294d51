// SPDX-License-Identifier: BSD-2-Clause
/*
 * timers.c - What happens when nothing happens
 *
 * DOC: Theory of operation
 * A connection has one deadline for its owner, the soonest of these:
 *
 *   RETRANSMIT	the SYN again; the RTO; while nothing is out and the peer's window
 *		is closed, the persist timer (RFC 9293 §3.8.6.1)
 *   LOSS	RACK's reordering window, or its probe: soon, before the RTO
 *   ACK	a delayed ACK
 *   KEEPALIVE	if it is on. Moves lazily: it looks when it fires
 *   CORK	200 ms for a small segment that waits for more
 *   END	FIN-WAIT-2 when the user is gone; 2 MSL
 *   PATH_MTU	look for a larger one
 *
 * A timer that fires leaves what is to be sent in the TCB, for tcp_emit().
 * Source: RFC 9293 §3.8.1, §3.8.3, §3.8.4, §3.8.6.1; RFC 6298 §5.
 */
#include "tcp/machine/machine.h"
#include "tcp/machine/path.h"
#include "tcp/time_wait.h"

void timer_stop_all(struct tcp_tcb *t)
{
	for (uint32_t k = 0; k < N_TIMERS; k++)
		t->deadline[k] = NS_NEVER;
}

ns_t tcp_deadline(const struct tcp_tcb *t)
{
	ns_t soonest = t->deadline[0];

	for (uint32_t k = 1; k < N_TIMERS; k++)
		soonest = sooner(soonest, t->deadline[k]);
	return soonest;
}

/* ---- RETRANSMIT -------------------------------------------------------------------- */

static ns_t backed_off(ns_t rto, uint32_t doublings, ns_t max)
{
	for (; doublings > 0 && rto < max; doublings--)
		rto *= 2;
	return sooner(rto, max);
}

/* Not later than the user's patience lasts. */
static ns_t within_user_timeout(const struct tcp_tcb *t,
				const struct tcp_env *env, ns_t at)
{
	ns_t end;

	if (t->user_timeout == 0 || t->stalled_since == NS_NEVER)
		return at;
	end = t->stalled_since + t->user_timeout;
	return end > env->now ? sooner(at, end) : at;
}

/* Is there something to send that the peer's window has no room for? */
static bool is_persisting(const struct tcp_tcb *t)
{
	if (unsent(t))
		return t->snd_wnd < least(unsent(t), t->mss);
	return fin_is_unsent(t) && t->snd_wnd == 0;
}

void timer_arm_retransmit(struct tcp_tcb *t, const struct tcp_env *env)
{
	ns_t rto;

	if (outstanding(t) == 0 && !(is_sending(t) && is_persisting(t))) {
		timer_stop(t, TIMER_RETRANSMIT);
		timer_stop(t, TIMER_LOSS);
		return;
	}
	rto = retransmission_timeout(t, env);
	if (outstanding(t) == 0)
		rto = backed_off(rto, t->backoff, env->config->rto_max);
	if (t->stalled_since == NS_NEVER)
		t->stalled_since = env->now;
	timer_set(t, TIMER_RETRANSMIT,
		  within_user_timeout(t, env, env->now + rto));
}

/* R2, or what the user has said: RFC 9293 §3.8.3, MUST-20, MUST-21. */
static bool is_hopeless(const struct tcp_tcb *t, const struct tcp_env *env,
			uint32_t tries)
{
	const struct tcp_config *c = env->config;

	if (t->user_timeout)
		return t->stalled_since != NS_NEVER &&
		       env->now - t->stalled_since >= t->user_timeout;
	if (has(t, TCB_ORPHAN))
		return tries > c->orphan_retries;
	return tries > c->retries;
}

static void on_syn_timeout(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct tcp_config *c = env->config;
	uint32_t limit = t->state == TCPS_SYN_SENT ? c->syn_retries :
						     c->syn_ack_retries;

	if (t->retransmits >= limit ||
	    (t->user_timeout && is_hopeless(t, env, 0))) {
		end_connection(t, TCP_END_TIMED_OUT);
		return;
	}
	t->retransmits++;
	raise_flag(t, TCB_SYN_DUE);
	timer_set(t, TIMER_RETRANSMIT,
		  within_user_timeout(t, env, env->now +
				      backed_off(c->rto_initial, t->retransmits,
						 c->rto_max)));
}

/* MUST-36, MUST-37, SHLD-29, SHLD-30. */
static void on_persist(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct tcp_config *c = env->config;

	if (t->probes && is_hopeless(t, env, t->probes)) {
		end_connection(t, TCP_END_TIMED_OUT);
		return;
	}
	if (t->probes < UINT8_MAX)
		t->probes++;
	if (t->backoff < 32)
		t->backoff++;
	raise_flag(t, TCB_PERSIST_DUE);
	timer_set(t, TIMER_RETRANSMIT,
		  env->now + backed_off(retransmission_timeout(t, env), t->backoff,
					c->rto_max));
}

static void on_rto(struct tcp_tcb *t, const struct tcp_env *env)
{
	t->retransmits++;
	if (is_hopeless(t, env, t->retransmits)) {
		end_connection(t, TCP_END_TIMED_OUT);
		return;
	}
	if (t->retransmits == env->config->retries_soft)
		t->events |= TCP_EVENT_SOFT_ERROR;	/* R1, MUST-20, SHLD-9 */
	recover_on_rto(t, env);
	timer_arm_retransmit(t, env);
	timer_stop(t, TIMER_LOSS);
}

static void on_retransmit(struct tcp_tcb *t, const struct tcp_env *env)
{
	if (t->state <= TCPS_SYN_RECEIVED)
		on_syn_timeout(t, env);
	else if (outstanding(t) == 0 || t->snd_wnd == 0)
		on_persist(t, env);
	else
		on_rto(t, env);
}

/* ---- KEEPALIVE ---------------------------------------------------------------------- */

ns_t keepalive_idle(const struct tcp_tcb *t, const struct tcp_env *env)
{
	return t->keepalive_idle ? t->keepalive_idle :
				   env->config->keepalive_idle;
}

/* MUST-26: only when nothing is out. MUST-29: one without an answer is no failure. */
static void on_keepalive(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct tcp_config *c = env->config;
	ns_t idle = keepalive_idle(t, env);
	ns_t interval = t->keepalive_interval ? t->keepalive_interval :
						c->keepalive_interval;
	uint32_t count = t->keepalive_count ? t->keepalive_count :
					      c->keepalive_count;
	ns_t silent = env->now - t->last_received;

	if (outstanding(t) || unsent(t) || silent < idle) {
		timer_set(t, TIMER_KEEPALIVE, silent < idle ?
			  t->last_received + idle : env->now + idle);
		return;
	}
	if (t->user_timeout ? silent >= t->user_timeout && t->probes :
			      t->probes >= count) {
		reset_peer(t, TCP_END_TIMED_OUT);
		return;
	}
	t->probes++;
	raise_flag(t, TCB_KEEPALIVE_DUE);
	timer_set(t, TIMER_KEEPALIVE, env->now + interval);
}

/* ---- END ------------------------------------------------------------------------------ */

void enter_fin_wait_2(struct tcp_tcb *t, const struct tcp_env *env)
{
	if (has(t, TCB_ORPHAN))
		timer_set(t, TIMER_END, env->now + t->fin_wait);
}

void enter_time_wait(struct tcp_tcb *t, const struct tcp_env *env)
{
	timer_stop_all(t);
	timer_set(t, TIMER_END, env->now + env->config->time_wait);
	if (!has(t, TCB_TOLD_TIME_WAIT))
		t->events |= TCP_EVENT_TIME_WAIT;
	raise_flag(t, TCB_TOLD_TIME_WAIT);
}

void tcp_time_wait(const struct tcp_tcb *t, struct time_wait_state *w)
{
	*w = (struct time_wait_state){
		.snd_nxt = t->out.nxt,
		.rcv_nxt = t->rcv_nxt,
		.ts_recent = t->ts_recent,
		.timestamp_offset = t->timestamp_offset,
		.window = window_offered(t),
		.receive_shift = t->rcv_shift,
		.timestamps = has(t, TCB_TIMESTAMPS),
	};
}

/* ---- All of them ------------------------------------------------------------------------ */

static void on_ack_timer(struct tcp_tcb *t, const struct tcp_env *env)
{
	(void)env;
	if (t->ack_due == ACK_DELAYED)
		ack_now(t);
}

static void on_cork(struct tcp_tcb *t, const struct tcp_env *env)
{
	(void)env;
	drop_flag(t, TCB_MORE);
	raise_flag(t, TCB_CORK_OVER);
}

static void on_end(struct tcp_tcb *t, const struct tcp_env *env)
{
	(void)env;
	end_connection(t, TCP_END_CLOSED);
}

void tcp_timer(struct tcp_tcb *t, const struct tcp_env *env)
{
	static void (*const on[])(struct tcp_tcb *, const struct tcp_env *) = {
		[TIMER_RETRANSMIT] = on_retransmit,
		[TIMER_LOSS] = recover_on_loss_timer,
		[TIMER_ACK] = on_ack_timer,
		[TIMER_KEEPALIVE] = on_keepalive,
		[TIMER_CORK] = on_cork,
		[TIMER_END] = on_end,
		[TIMER_PATH_MTU] = recover_on_path_mtu_timer,
	};

	_Static_assert(ARRAY_SIZE(on) == N_TIMERS, "one for each timer");
	for (uint32_t k = 0; k < N_TIMERS; k++) {
		if (t->deadline[k] > env->now)
			continue;
		timer_stop(t, (enum tcp_timer)k);
		on[k](t, env);
	}
}
