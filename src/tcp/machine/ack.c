// SPDX-License-Identifier: BSD-2-Clause
/*
 * ack.c - When to acknowledge
 *
 * DOC: Theory of operation
 * At once: what is out of order, and what fills a hole (RFC 5681 §4.2); a FIN; the
 * first segments of a connection, while the peer's window is small and waits for
 * ACKs; and when two full segments have come since the last ACK (SHLD-18,
 * SHLD-19). Else within delayed_ack, or with what is sent.
 *
 * An aggregate is judged by its bytes, so one of two full segments or more is
 * acknowledged at once, with one ACK. That is a stretch ACK of up to 45 segments.
 * It is what every receiver with aggregation in front of it sends (GRO and LRO
 * likewise), so senders have learnt to count bytes and to pace; an ACK for every
 * two segments would cost each side more than all the rest of the work on the
 * aggregate. Who talks to senders that grow their window for each ACK (RFC 3465
 * with L = 2 limits it) sets stretch: the ACKs of an aggregate are then as many as
 * without aggregation, divided by stretch / 2. Never is the ACK split that fills a
 * hole: F-RTO would take its second part for the proof that nothing was lost.
 *
 * Source: RFC 9293 §3.8.6.3; RFC 5681 §4.2; RFC 5961 §7.
 */
#include "packet/headers.h"
#include "tcp/machine/machine.h"

#define QUICK_AFTER_HOLE 2	/* the peer recovers: do not keep it waiting    */

/* Payload of the frames, as the peer cuts them; the last may be shorter. */
static void note_frame_size(struct tcp_tcb *t, const struct tcp_segment *s)
{
	uint32_t n = s->n_frames, each = s->len;

	if (n > 1) {		/* mostly they are as they were before          */
		each = t->receive_mss;
		if (s->len > each * n || s->len + n <= each * n)
			each = (s->len + n - 1) / n;
	}
	each = least(each, t->our_mss);
	if (each >= t->receive_mss || s->n_frames > 1)
		t->receive_mss = most(each, TCP_MSS_MIN);
}

void ack_data(struct tcp_tcb *t, const struct tcp_env *env,
	      const struct tcp_segment *s, bool hole)
{
	const struct tcp_config *c = env->config;
	uint32_t waiting = t->rcv_nxt.n - t->last_ack_sent.n;

	note_frame_size(t, s);
	if (hole) {
		t->quick_acks = (uint8_t)most(t->quick_acks, QUICK_AFTER_HOLE);
		t->ack_whole = true;
		ack_now(t);
	} else if (waiting >= c->ack_segments * t->receive_mss ||
		   s->ecn == TCP_ECN_CE) {
		ack_now(t);
	} else if (t->quick_acks && !has(t, TCB_NO_QUICK_ACK)) {
		t->quick_acks--;
		ack_now(t);
	} else if (t->ack_due == ACK_NONE) {
		t->ack_due = ACK_DELAYED;
		timer_set(t, TIMER_ACK, env->now + c->delayed_ack);
	}
}

void ack_challenge(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct tcp_config *c = env->config;

	if (env->now - t->challenge_second >= TCP_SECOND) {
		t->challenge_second = env->now;
		t->challenges = 0;
	}
	if (t->challenges >= c->challenge_limit ||
	    (t->last_challenge != NS_NEVER &&
	     env->now - t->last_challenge < c->challenge_interval))
		return;
	t->challenges++;
	t->last_challenge = env->now;
	ack_now(t);
}

seq_t ack_next(const struct tcp_tcb *t, const struct tcp_env *env)
{
	uint32_t most_at_once = env->config->stretch * t->receive_mss;
	uint32_t waiting = t->rcv_nxt.n - t->last_ack_sent.n;

	if (most_at_once == 0 || waiting <= most_at_once || t->ack_whole)
		return t->rcv_nxt;
	return seq_add(t->last_ack_sent, most_at_once);
}

void ack_was_sent(struct tcp_tcb *t, seq_t ack)
{
	t->last_ack_sent = ack;
	if (!seq_equal(ack, t->rcv_nxt))
		return;
	t->ack_due = ACK_NONE;
	t->ack_whole = false;
	timer_stop(t, TIMER_ACK);
}
