// SPDX-License-Identifier: BSD-2-Clause
/*
 * acked.c - The fifth step of arrival: what an ACK says about what was sent
 *
 * SND.WND, then everything that recover.c does with an ACK, then what the owner is
 * told. An aggregated ACK is one ACK: congestion control counts bytes.
 * Source: RFC 9293 §3.10.7.4 fifth; RFC 5681 §2; RFC 7323 §4.
 */
#include "packet/headers.h"
#include "tcp/machine/machine.h"

/*
 * The peer's window, unless the segment is older than what told it last: then the
 * window ends where it did, and what is acknowledged was part of it.
 */
static bool take_window(struct tcp_tcb *t, const struct tcp_segment *s)
{
	uint32_t window = (uint32_t)s->window << t->snd_shift;
	bool same = window == t->snd_wnd;

	if (!seq_before(t->wl1, s->seq) &&
	    !(seq_equal(t->wl1, s->seq) && !seq_before(s->ack, t->wl2))) {
		t->snd_wnd -= least(t->snd_wnd, s->ack.n - t->out.una.n);
		return true;
	}
	t->snd_wnd = window;
	t->max_window = most(t->max_window, window);
	t->wl1 = s->seq;
	t->wl2 = s->ack;
	return same;
}

/*
 * When a TSval later than the one that is echoed began to be sent. Whatever was
 * sent since has not caused this ACK.
 */
static ns_t echo_until(struct tcp_tcb *t, const struct tcp_env *env,
		       const struct tcp_segment *s)
{
	ns_t tick = env->config->timestamp_tick, age;

	if (!has(t, TCB_TIMESTAMPS) || !(s->has & TCP_HAS_TIMESTAMP) ||
	    s->tsecr == 0)
		return NS_NEVER;
	age = (tsval_now(t, env) - s->tsecr) * tick;
	if (age > t->tick_at)
		return NS_NEVER;	/* we have never sent that              */
	return t->tick_at - age + tick;
}

/* The stream goes on; the FIN is no byte of it. */
static void tell_owner(struct tcp_tcb *t, uint32_t acked)
{
	bool fin = has(t, TCB_FIN) && seq_before(t->send_end, t->out.una);
	uint32_t space = tcp_send_space(t), enough = send_buffer(t) / 3;
	/* The buffer may have become smaller since something was written. */
	bool was_full = has(t, TCB_FULL) || space < acked || space - acked < enough;

	t->acked += acked - fin;
	t->events |= TCP_EVENT_ACKED;
	if (was_full && space >= enough &&
	    (t->not_sent_lowat == 0 || unsent(t) < t->not_sent_lowat)) {
		drop_flag(t, TCB_FULL);
		t->events |= TCP_EVENT_WRITABLE;
	}
}

static void note_progress(struct tcp_tcb *t, const struct tcp_env *env)
{
	t->retransmits = 0;
	t->soft_error = 0;
	t->stalled_since = outstanding(t) || unsent(t) ? env->now : NS_NEVER;
}

/* What was sent into a closed window has been dropped: again, and at once. */
static void window_has_opened(struct tcp_tcb *t, const struct tcp_env *env)
{
	(void)scoreboard_lose_first(&t->out, env->cells, t->mss);
	drop_flag(t, TCB_PERSIST_DUE);
	timer_arm_retransmit(t, env);
}

void take_acknowledgment(struct tcp_tcb *t, const struct tcp_env *env,
			 const struct tcp_segment *s)
{
	bool old = seq_before(s->ack, t->out.una);
	struct ack_facts f;
	bool same_window = true;

	timer_on_arrival(t, env);
	if (!old)
		same_window = take_window(t, s);
	t->probes = 0;		/* MUST-37: as long as it answers               */
	t->last_ack_received = env->now;
	if (has(t, TCB_MORE) && !has(t, TCB_CORK))
		raise_flag(t, TCB_CORK_OVER);
	if (outstanding(t) == 0 && s->n_sack == 0) {
		if (t->snd_wnd)
			t->backoff = 0;
		timer_arm_retransmit(t, env);
		return;
	}
	f.in.now = env->now;
	f.in.min_rtt = 0;
	f.in.echo_until = echo_until(t, env, s);
	f.in.ack = s->ack;
	f.in.mss = t->mss;
	f.in.blocks = s->sack;
	f.in.n_blocks = has(t, TCB_SACK) ? s->n_sack : 0;
	f.ece = has(t, TCB_ECN) && (s->flags & TCP_ECE);
	/* What answers to a probe of a closed window is no duplicate. */
	f.duplicate = seq_equal(s->ack, t->out.una) && outstanding(t) &&
		      tcp_segment_space(s) == 0 && same_window && t->snd_wnd;
	recover_on_ack(t, env, &f);
	if (f.out.acked) {
		note_progress(t, env);
		tell_owner(t, f.out.acked);
	}
	if (outstanding(t) == 0 && f.out.acked == 0)
		timer_arm_retransmit(t, env);
	else if (outstanding(t) && t->backoff && t->snd_wnd)
		window_has_opened(t, env);
	if (t->snd_wnd)
		t->backoff = 0;
}
