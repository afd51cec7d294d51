// SPDX-License-Identifier: BSD-2-Clause
/*
 * user.c - What the user does: RFC 9293 §3.9.1, §3.10.2 to §3.10.6
 *
 * Calls never send: they change what tcp_emit() finds.
 */
#include <errno.h>

#include "tcp/machine/machine.h"
#include "tcp/machine/path.h"

/* Sequence numbers that may be written and not acknowledged; half of what
 * comparisons of them can bear, so that a record has room. */
#define STREAM_MAX (1U << 30)

/* ---- The send stream ----------------------------------------------------------------- */

static uint32_t written(const struct tcp_tcb *t)
{
	int32_t n = seq_diff(t->send_end, t->out.una);

	return n > 0 ? (uint32_t)n : 0;
}

uint32_t tcp_send_space(const struct tcp_tcb *t)
{
	uint32_t buffer = send_buffer(t), used = written(t);

	return buffer > used ? buffer - used : 0;
}

uint64_t tcp_acked(const struct tcp_tcb *t)
{
	return t->acked;
}

int tcp_write(struct tcp_tcb *t, const struct tcp_env *env, uint32_t bytes,
	      bool more)
{
	if (t->state == TCPS_CLOSED || has(t, TCB_FIN))
		return -EPIPE;
	if (bytes > STREAM_MAX - least(written(t), STREAM_MAX))
		return -ENOSPC;
	if (outstanding(t) == 0 && unsent(t) == 0)
		recover_begin(t, env);
	t->send_end = seq_add(t->send_end, bytes);
	put_flag(t, TCB_MORE, more);
	if (tcp_send_space(t) < send_buffer(t) / 3)
		raise_flag(t, TCB_FULL);
	if (outstanding(t) == 0 && is_synchronized(t) &&
	    !timer_runs(t, TIMER_RETRANSMIT))
		timer_arm_retransmit(t, env);
	return 0;
}

void tcp_write_urgent(struct tcp_tcb *t)
{
	t->send_up = t->send_end;
	raise_flag(t, TCB_URGENT_SENT);
}

/* ---- What was received ----------------------------------------------------------------- */

void tcp_read(struct tcp_tcb *t, const struct tcp_env *env, uint32_t bytes)
{
	window_on_read(t, env, bytes);
	if (has(t, TCB_URGENT) && tcp_urgent_ahead(t) == 0)
		drop_flag(t, TCB_URGENT);
}

uint32_t tcp_urgent_ahead(const struct tcp_tcb *t)
{
	int32_t n = seq_diff(t->receive_up, t->rcv_nxt);

	if (!has(t, TCB_URGENT))
		return 0;
	n += (int32_t)t->not_read;
	return n > 0 ? (uint32_t)n : 0;
}

/* ---- The end ------------------------------------------------------------------------------ */

void tcp_shutdown(struct tcp_tcb *t, const struct tcp_env *env)
{
	if (has(t, TCB_FIN))
		return;
	switch (t->state) {
	case TCPS_SYN_SENT:	/* §3.10.4: nothing was agreed upon             */
		end_connection(t, TCP_END_CLOSED);
		return;
	case TCPS_SYN_RECEIVED:	/* as soon as it is established                 */
		raise_flag(t, TCB_FIN);
		return;
	case TCPS_ESTABLISHED:
		set_state(t, TCPS_FIN_WAIT_1);
		break;
	case TCPS_CLOSE_WAIT:
		set_state(t, TCPS_LAST_ACK);
		break;
	default:
		return;
	}
	raise_flag(t, TCB_FIN);
	if (outstanding(t) == 0)
		timer_arm_retransmit(t, env);
}

void tcp_close(struct tcp_tcb *t, const struct tcp_env *env)
{
	if (t->not_read && t->state != TCPS_CLOSED &&
	    t->state != TCPS_TIME_WAIT) {
		reset_peer(t, TCP_END_ABORTED);	/* MUST-12, SHLD-3: see tcp.h   */
		return;
	}
	raise_flag(t, TCB_ORPHAN);
	tcp_shutdown(t, env);
	if (t->state == TCPS_FIN_WAIT_2)
		enter_fin_wait_2(t, env);
}

void reset_peer(struct tcp_tcb *t, enum tcp_end why)
{
	seq_t edge = seq_add(t->out.una, t->snd_wnd);

	if (t->state == TCPS_CLOSED)
		return;
	if (t->state != TCPS_SYN_SENT && t->state != TCPS_TIME_WAIT) {
		/* Where the peer takes it: in its window. */
		t->rst_seq = seq_before(edge, t->out.nxt) ? edge : t->out.nxt;
		t->rst_ack = t->rcv_nxt;
		raise_flag(t, TCB_RST_DUE | TCB_RST_ACK);
	}
	end_connection(t, why);
}

void tcp_abort(struct tcp_tcb *t, const struct tcp_env *env)
{
	(void)env;
	reset_peer(t, TCP_END_ABORTED);
}

void tcp_forget(struct tcp_tcb *t, const struct tcp_env *env)
{
	struct reassemble_piece p;

	scoreboard_free(&t->out, env->cells);
	reassemble_drop_all(&t->in, env->cells);
	while (reassemble_dropped(&t->in, env->cells, &p))
		;
	timer_stop_all(t);
}

/* ---- Options --------------------------------------------------------------------------------- */

static int set_time(ns_t *time, uint64_t value, uint64_t least_ns)
{
	if (value < least_ns || value > (uint64_t)INT64_MAX)
		return -EINVAL;
	*time = value;
	return 0;
}

static int set_size(uint32_t *size, uint64_t value)
{
	if (value > STREAM_MAX)
		return -EINVAL;
	*size = (uint32_t)value;
	return 0;
}

static int set_keepalive(struct tcp_tcb *t, const struct tcp_env *env, bool on)
{
	put_flag(t, TCB_KEEPALIVE, on);
	t->probes = 0;
	if (!on)
		timer_stop(t, TIMER_KEEPALIVE);
	else if (is_synchronized(t))
		timer_set(t, TIMER_KEEPALIVE, env->now + keepalive_idle(t, env));
	return 0;
}

static int set_keepalive_time(struct tcp_tcb *t, const struct tcp_env *env,
			      ns_t *time, uint64_t value)
{
	int error = set_time(time, value, TCP_MS);

	if (!error && has(t, TCB_KEEPALIVE))
		set_keepalive(t, env, true);
	return error;
}

static int set_switch(struct tcp_tcb *t, enum tcp_option option, bool on)
{
	switch (option) {
	case TCP_OPTION_NO_DELAY:
		put_flag(t, TCB_NO_DELAY, on);
		put_flag(t, TCB_CORK_OVER, on && unsent(t));	/* send it      */
		break;
	case TCP_OPTION_CORK:
		put_flag(t, TCB_CORK, on);
		drop_flag(t, TCB_CORK_OVER);
		break;
	default:
		put_flag(t, TCB_NO_QUICK_ACK, !on);
		t->quick_acks = on ? 16 : 0;
		if (on && t->ack_due == ACK_DELAYED)
			ack_now(t);
	}
	return 0;
}

static int set_buffer(struct tcp_tcb *t, enum tcp_option option, uint64_t value)
{
	bool sending = option == TCP_OPTION_SEND_BUFFER;

	if (value < 2 * TCP_MSS_MIN || value > STREAM_MAX)
		return -EINVAL;
	raise_flag(t, sending ? TCB_SEND_BUFFER_FIXED :
				TCB_RECEIVE_BUFFER_FIXED);
	return set_size(sending ? &t->send_buffer : &t->receive_buffer, value);
}

static int set_mss_clamp(struct tcp_tcb *t, const struct tcp_env *env,
			 uint64_t value)
{
	if (value > UINT16_MAX || (value && value < TCP_MSS_MIN))
		return -EINVAL;
	t->mss_clamp = (uint16_t)value;
	set_mss(t);
	recover_on_new_mss(t, env);
	return 0;
}

int tcp_set_option(struct tcp_tcb *t, const struct tcp_env *env,
		   enum tcp_option option, uint64_t value)
{
	switch (option) {
	case TCP_OPTION_NO_DELAY:
	case TCP_OPTION_CORK:
	case TCP_OPTION_QUICK_ACK:
		return value > 1 ? -EINVAL : set_switch(t, option, value);
	case TCP_OPTION_KEEPALIVE:
		return value > 1 ? -EINVAL : set_keepalive(t, env, value);
	case TCP_OPTION_KEEPALIVE_IDLE:
		return set_keepalive_time(t, env, &t->keepalive_idle, value);
	case TCP_OPTION_KEEPALIVE_INTERVAL:
		return set_time(&t->keepalive_interval, value, TCP_MS);
	case TCP_OPTION_KEEPALIVE_COUNT:
		if (value < 1 || value > 127)
			return -EINVAL;
		t->keepalive_count = (uint8_t)value;
		return 0;
	case TCP_OPTION_USER_TIMEOUT:
		return set_time(&t->user_timeout, value, 0);
	case TCP_OPTION_FIN_WAIT:
		return set_time(&t->fin_wait, value, 0);
	case TCP_OPTION_MSS_CLAMP:
		return set_mss_clamp(t, env, value);
	case TCP_OPTION_WINDOW_CLAMP:
		return set_size(&t->window_clamp, value);
	case TCP_OPTION_SEND_BUFFER:
	case TCP_OPTION_RECEIVE_BUFFER:
		return set_buffer(t, option, value);
	case TCP_OPTION_NOT_SENT_LOWAT:
		return set_size(&t->not_sent_lowat, value);
	case TCP_OPTION_CONGESTION:
		return recover_set_congestion(t, value);
	default:
		return -EINVAL;
	}
}
