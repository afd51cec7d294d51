// SPDX-License-Identifier: BSD-2-Clause
/*
 * open.c - Connections begin: RFC 9293 §3.10.1, §3.10.7.3
 *
 * Active, simultaneous, or from a request that listen.c has answered. What both
 * SYNs say is agreed upon in one place.
 * Source: RFC 9293 §3.5, §3.10.7.3; RFC 7323 §2.5, §3.2; RFC 2018 §2; RFC 3168
 * §6.1.1; RFC 6298 §5.7.
 */
#include "packet/headers.h"
#include "tcp/listen.h"
#include "tcp/machine/machine.h"
#include "tcp/machine/path.h"

#define SCOREBOARD_RECORDS 4096		/* in flight, per connection            */

static void init(struct tcp_tcb *t, const struct tcp_env *env,
		 const struct tcp_endpoint *endpoint, seq_t iss,
		 uint32_t timestamp_offset)
{
	const struct tcp_config *c = env->config;

	*t = (struct tcp_tcb){
		.iss = iss,
		.send_end = seq_add(iss, 1),
		.small_end = iss,
		.max_flight_end = iss,
		.mtu = endpoint->mtu,
		.our_mss = announced_mss(endpoint),
		.mss_clamp = endpoint->mss_clamp,
		.timestamp_offset = timestamp_offset,
		.flags = endpoint->v6 ? TCB_V6 : 0,
		.receive_buffer = c->receive_buffer,
		.send_buffer = c->send_buffer,
		.send_buffer_max = c->send_buffer_max,
		.receive_mss = TCP_MSS_DEFAULT_V4,
		.quick_acks = c->quick_acks,
		.stalled_since = env->now,
		.last_challenge = NS_NEVER,
		.reordering_timer = NS_NEVER,
		.last_sent = env->now,
		.last_received = env->now,
		.last_ack_received = env->now,
		.tune_at = env->now,
		.fin_wait = c->fin_wait,
	};
	timer_stop_all(t);
	scoreboard_init(&t->out, seq_add(iss, 1), SCOREBOARD_RECORDS);
	reassemble_init(&t->in, c->reassembly_pieces_max, UINT32_MAX);
	rtt_init(&t->rtt);
	rack_init(&t->rack);
	congestion_set_kind(&t->congestion, c->congestion);	/* for later    */
	newreno_init(&t->newreno);
	frto_init(&t->frto);
	path_mtu_init(&t->path_mtu, endpoint->mtu, endpoint->path_mtu,
		      endpoint->v6, c->path_mtu_probing, env->now);
}

void tcp_open(struct tcp_tcb *t, const struct tcp_env *env,
	      const struct tcp_endpoint *endpoint)
{
	init(t, env, endpoint, endpoint->iss, endpoint->timestamp_offset);
	t->peer_mss = endpoint->v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;
	set_mss(t);
	set_state(t, TCPS_SYN_SENT);
	put_flag(t, TCB_ECN_ASKED, env->config->ecn == TCP_ECN_ASK);
	raise_flag(t, TCB_SYN_DUE);
	timer_set(t, TIMER_RETRANSMIT, env->now + env->config->rto_initial);
}

/* ---- What is agreed upon ------------------------------------------------------------ */

static void agree(struct tcp_tcb *t, const struct tcp_env *env, uint8_t options,
		  uint8_t shift)
{
	put_flag(t, TCB_TIMESTAMPS, options & TCP_HAS_TIMESTAMP);
	put_flag(t, TCB_SACK, options & TCP_HAS_SACK_PERMITTED);
	put_flag(t, TCB_SCALING, options & TCP_HAS_WSCALE);
	if (options & TCP_HAS_WSCALE) {
		t->snd_shift = shift;
		t->rcv_shift = shift_for(env->config->receive_buffer_max);
	}
}

/* The peer's SYN: where its numbers begin. */
static void take_irs(struct tcp_tcb *t, const struct tcp_env *env, seq_t irs,
		     uint32_t tsval)
{
	t->irs = irs;
	t->rcv_nxt = seq_add(irs, 1);
	t->last_ack_sent = t->rcv_nxt;
	t->rcv_edge = seq_add(t->rcv_nxt, least(t->receive_buffer, UINT16_MAX));
	t->ts_recent = tsval;
	t->ts_recent_at = env->now;
}

static void take_syn(struct tcp_tcb *t, const struct tcp_env *env,
		     const struct tcp_segment *s)
{
	bool ecn = env->config->ecn != TCP_ECN_OFF;
	uint16_t echo = s->flags & (TCP_ECE | TCP_CWR);

	agree(t, env, s->has & options_we_want(env->config), peers_shift(s));
	take_irs(t, env, s->seq, s->tsval);
	t->peer_mss = mss_of_syn(s, has(t, TCB_V6));
	t->snd_wnd = t->max_window = s->window;	/* RFC 7323 §2.2: not scaled    */
	t->wl1 = s->seq;
	t->wl2 = s->ack;
	/* RFC 3168 §6.1.1: a SYN has both bits, a SYN-ACK ECE alone. */
	if (s->flags & TCP_ACK)
		ecn = ecn && has(t, TCB_ECN_ASKED) && echo == TCP_ECE;
	else
		ecn = ecn && echo == (TCP_ECE | TCP_CWR);
	put_flag(t, TCB_ECN, ecn);
	set_mss(t);
}

void become_established(struct tcp_tcb *t, const struct tcp_env *env)
{
	const struct tcp_config *c = env->config;
	uint8_t segments = c->initial_segments;

	/* RFC 6298 §5.7; RFC 5681 §3.1: a lost SYN makes us careful. */
	if (t->retransmits) {
		rtt_syn_timed_out(&t->rtt);
		segments = t->retransmits > 1 ? 1 : segments;
	} else if (t->syn_sent != NS_NEVER) {
		rtt_sample(&t->rtt, env->now - t->syn_sent, env->now);
	}
	congestion_init(&t->congestion, t->congestion.kind, t->mss, segments, 0);
	t->retransmits = 0;
	t->stalled_since = unsent(t) ? env->now : NS_NEVER;
	/* What was written before may meet a closed window, to be probed. */
	timer_arm_retransmit(t, env);
	t->path_mtu.probing = c->path_mtu_probing && has(t, TCB_SACK);
	timer_set(t, TIMER_PATH_MTU, t->path_mtu.raise_at);
	if (has(t, TCB_KEEPALIVE))
		timer_set(t, TIMER_KEEPALIVE, env->now + keepalive_idle(t, env));
	t->events |= TCP_EVENT_ESTABLISHED | TCP_EVENT_WRITABLE;
	if (has(t, TCB_FIN))	/* tcp_shutdown() was called before             */
		set_state(t, TCPS_FIN_WAIT_1);
}

/* ---- Passive -------------------------------------------------------------------------- */

void tcp_accept(struct tcp_tcb *t, const struct tcp_env *env,
		const struct tcp_request *r,
		const struct tcp_endpoint *endpoint)
{
	init(t, env, endpoint, r->iss, r->timestamp_offset);
	t->peer_mss = r->mss;
	t->snd_wnd = t->max_window = r->window;
	agree(t, env, r->has, r->wscale);
	take_irs(t, env, r->irs, r->ts_recent);
	put_flag(t, TCB_ECN, r->ecn);
	raise_flag(t, TCB_PASSIVE);
	t->syn_sent = r->sent;
	t->retransmits = r->n_sent > 1 ? r->n_sent - 1 : 0;
	set_mss(t);
	set_state(t, TCPS_SYN_RECEIVED);
	timer_set(t, TIMER_RETRANSMIT, env->now + env->config->rto_initial);
}

/* ---- SYN-SENT: §3.10.7.3 ---------------------------------------------------------------- */

static void refuse(struct tcp_tcb *t, seq_t at)
{
	t->rst_seq = at;
	raise_flag(t, TCB_RST_DUE);
	drop_flag(t, TCB_RST_ACK);
}

static void open_simultaneously(struct tcp_tcb *t, const struct tcp_env *env)
{
	set_state(t, TCPS_SYN_RECEIVED);
	raise_flag(t, TCB_SYN_DUE);
	timer_set(t, TIMER_RETRANSMIT, env->now + env->config->rto_initial);
}

void arrive_in_syn_sent(struct tcp_tcb *t, const struct tcp_env *env,
			const struct tcp_segment *s, struct tcp_arrival *result)
{
	bool ack = s->flags & TCP_ACK;

	/* first: the ACK; there is nothing that it could be but ISS + 1. */
	if (ack && !seq_equal(s->ack, seq_add(t->iss, 1))) {
		result->cause = TCP_CAUSE_ACK_BAD_IN_HANDSHAKE;
		if (!(s->flags & TCP_RST))
			refuse(t, s->ack);
		return;
	}
	/* second: RST, which counts only with an ACK. */
	if (s->flags & TCP_RST) {
		result->cause = ack ? TCP_CAUSE_RESET :
				      TCP_CAUSE_UNWANTED_IN_HANDSHAKE;
		if (ack)
			end_connection(t, TCP_END_REFUSED);
		return;
	}
	/* third: security, not here. fourth: SYN. */
	if (!(s->flags & TCP_SYN)) {
		result->cause = TCP_CAUSE_UNWANTED_IN_HANDSHAKE;
		return;
	}
	result->cause = TCP_CAUSE_SYN_TAKEN;
	take_syn(t, env, s);
	if (!ack) {
		open_simultaneously(t, env);
		return;
	}
	set_state(t, TCPS_ESTABLISHED);
	become_established(t, env);
	ack_now(t);
}
