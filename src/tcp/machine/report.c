// SPDX-License-Identifier: BSD-2-Clause
/* report.c - What a connection tells of itself */
#include "tcp/machine/machine.h"

static uint8_t phase_to_tell(const struct tcp_tcb *t)
{
	return t->phase == TCP_PHASE_OPEN && t->out.sacked ? TCP_PHASE_DISORDER :
							     t->phase;
}

static void report_agreement(const struct tcp_tcb *t, struct tcp_report *r)
{
	r->state = t->state;
	r->end = t->end;
	r->phase = phase_to_tell(t);
	r->congestion = t->congestion.kind;
	r->send_shift = t->snd_shift;
	r->receive_shift = t->rcv_shift;
	r->timestamps = has(t, TCB_TIMESTAMPS);
	r->sack = has(t, TCB_SACK);
	r->window_scaling = has(t, TCB_SCALING);
	r->ecn = has(t, TCB_ECN);
	r->ecn_seen = t->congestion_marks != 0;
	r->send_mss = t->mss;
	r->receive_mss = t->receive_mss;
	r->path_mtu = t->path_mtu.mtu;
}

static void report_times(const struct tcp_tcb *t, const struct tcp_env *env,
			 struct tcp_report *r)
{
	r->rto = retransmission_timeout(t, env);
	r->delayed_ack = env->config->delayed_ack;
	r->rtt = rtt_smoothed(&t->rtt);
	r->rtt_var = rtt_variation(&t->rtt);
	r->rtt_min = rtt_least(&t->rtt);
	r->rtt_receive = t->rcv_rtt;
	r->last_sent = env->now - t->last_sent;
	r->last_received = env->now - t->last_received;
	r->last_ack_received = env->now - t->last_ack_received;
	r->retransmits = t->retransmits;
	r->probes = t->probes;
	r->backoff = t->rtt.backoff;
}

static void report_windows(const struct tcp_tcb *t, struct tcp_report *r)
{
	r->cwnd = t->congestion.cwnd;
	r->ssthresh = t->congestion.ssthresh;
	r->in_flight = scoreboard_in_flight(&t->out);
	r->sacked = t->out.sacked;
	r->lost = t->out.lost;
	r->retransmitting = t->out.resent;
	r->not_sent = unsent(t);
	r->not_acked = outstanding(t);
	r->not_read = t->not_read;
	r->send_window = t->snd_wnd;
	r->receive_window = window_offered(t);
	r->send_buffer = send_buffer(t);
	r->receive_buffer = t->receive_buffer;
	r->reordering = t->rack.reordering_seen ? t->rack.window_mult : 0;
}

static void report_counts(const struct tcp_tcb *t, struct tcp_report *r)
{
	r->bytes_sent = t->bytes_sent;
	r->bytes_again = t->bytes_again;
	r->bytes_acked = t->acked;
	r->bytes_received = t->received;
	r->frames_sent = t->frames_sent;
	r->frames_received = t->frames_received;
	r->data_frames_sent = t->data_frames_sent;
	r->data_frames_received = t->data_frames_received;
	r->units_sent = t->units_sent;
	r->units_received = t->units_received;
	r->again_total = t->again_total;
	r->timeouts = t->timeouts;
	r->spurious = t->spurious;
	r->dsacks = t->dsacks;
	r->out_of_order = t->out_of_order;
	r->congestion_marks = t->congestion_marks;
}

void tcp_report(const struct tcp_tcb *t, const struct tcp_env *env,
		struct tcp_report *r)
{
	*r = (struct tcp_report){ 0 };
	report_agreement(t, r);
	report_times(t, env, r);
	report_windows(t, r);
	report_counts(t, r);
}
