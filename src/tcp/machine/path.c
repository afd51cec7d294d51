// SPDX-License-Identifier: BSD-2-Clause
/*
 * path.c - What is heard from the path: how large segments may be, ICMP errors
 *
 * DOC: Theory of operation
 * path_mtu.h has what is known of the path; here it becomes the segment size. If
 * that shrinks, what is out is marked as lost, and goes again in smaller segments,
 * which is no congestion.
 *
 * Probes for a larger size are segments of new data. One is sent while nothing else
 * is amiss, and when so much data follows that its loss is noticed by the ACKs for
 * that. If it is all that was lost, it goes again in segments of the usual size, and
 * the congestion window stays. Peers that do not SACK could not say that it was the
 * probe alone: there the size goes back to the top after ten minutes, as RFC 1191
 * has it.
 *
 * ICMP never ends an established connection (SHLD-25 and
 * RFC 5461 §4.1 for hard errors, MUST-56 for soft ones): anyone can send it.
 *
 * Source: RFC 9293 §3.7, §3.9.2.2; RFC 1191 §3; RFC 4821 §7; RFC 5927.
 */
#include "tcp/machine/machine.h"
#include "tcp/machine/path.h"

/* What is smaller gets through everywhere: its loss says nothing of the path. */
#define BLACK_HOLE_BYTES 512
/* Segments behind a probe: one tells RACK that it is lost, and may be lost, too. */
#define PROBE_BEHIND 2U

/* IP and TCP headers, with what each data segment has of options. */
static uint32_t headers_of_data(const struct tcp_tcb *t)
{
	return (has(t, TCB_V6) ? 60 : 40) + (has(t, TCB_TIMESTAMPS) ? 12 : 0);
}

/* MUST-16: Eff.snd.MSS. */
void set_mss(struct tcp_tcb *t)
{
	uint32_t options = has(t, TCB_TIMESTAMPS) ? 12 : 0;
	uint32_t mss = t->peer_mss, mtu = t->path_mtu.mtu;

	if (t->mss_clamp)
		mss = least(mss, t->mss_clamp);
	mss = most(mss, TCP_MSS_MIN) - options;
	if (mtu > headers_of_data(t))
		mss = least(mss, mtu - headers_of_data(t));
	t->mss = (uint16_t)most(mss, TCP_MSS_MIN - options);
}

void recover_on_new_mss(struct tcp_tcb *t, const struct tcp_env *env)
{
	(void)env;
	congestion_set_mss(&t->congestion, t->mss);
}

static void follow_path(struct tcp_tcb *t, const struct tcp_env *env,
			enum path_mtu_verdict v)
{
	timer_set(t, TIMER_PATH_MTU, t->path_mtu.raise_at);
	if (v == PATH_MTU_SAME)
		return;
	set_mss(t);
	recover_on_new_mss(t, env);
	if (v == PATH_MTU_LOWER && t->path_mtu.probe)
		path_mtu_probe_lost(&t->path_mtu, false, env->now);
	if (v == PATH_MTU_LOWER && outstanding(t)) {
		scoreboard_lose_all(&t->out, env->cells);
		if (!in_recovery(t)) {
			t->phase = TCP_PHASE_LOSS;
			t->recover = t->out.nxt;
		}
		timer_arm_retransmit(t, env);
	}
}

void recover_on_path_mtu_timer(struct tcp_tcb *t, const struct tcp_env *env)
{
	follow_path(t, env, path_mtu_raise(&t->path_mtu, env->now));
}

/* ---- RFC 4821 ----------------------------------------------------------------------- */

/* What peer and user let a packet have. */
static uint32_t largest_packet(const struct tcp_tcb *t)
{
	uint32_t mss = t->peer_mss;

	if (t->mss_clamp)
		mss = least(mss, t->mss_clamp);
	return mss + (has(t, TCB_V6) ? 60 : 40);
}

/* §7.4: nothing is lost or in doubt, and enough follows. */
static bool may_probe(const struct tcp_tcb *t, uint32_t bytes)
{
	uint32_t all = bytes + PROBE_BEHIND * t->mss;

	return t->phase == TCP_PHASE_OPEN && t->out.sacked == 0 &&
	       t->out.lost == 0 && t->out.resent == 0 &&
	       t->frto.step == FRTO_OFF && unsent(t) >= all &&
	       t->congestion.cwnd >= all &&
	       window_behind(t, t->out.nxt) >= all;
}

uint32_t mtu_probe_bytes(const struct tcp_tcb *t, const struct tcp_env *env)
{
	uint32_t size = path_mtu_wants(&t->path_mtu, env->now), bytes;

	if (size == 0)
		return 0;
	size = least(size, largest_packet(t));
	if (size <= headers_of_data(t) + t->mss)
		return 0;
	bytes = size - headers_of_data(t);
	return bytes <= env->config->frame_max && may_probe(t, bytes) ? bytes : 0;
}

void mtu_probe_sent(struct tcp_tcb *t, seq_t start, uint32_t bytes)
{
	t->mtu_probe_start = start;
	t->mtu_probe_end = seq_add(start, bytes);
	path_mtu_probed(&t->path_mtu, (uint16_t)(bytes + headers_of_data(t)));
}

bool mtu_probe_is_lost(struct tcp_tcb *t, const struct tcp_env *env)
{
	struct seq_range lost;
	bool alone;

	if (!t->path_mtu.probe ||
	    !scoreboard_next_lost(&t->out, env->cells, &lost))
		return false;
	alone = !seq_before(lost.start, t->mtu_probe_start) &&
		!seq_before(t->mtu_probe_end, lost.end) &&
		t->out.lost == lost.end.n - lost.start.n;
	path_mtu_probe_lost(&t->path_mtu, alone, env->now);
	timer_set(t, TIMER_PATH_MTU, t->path_mtu.raise_at);
	return alone;
}

void mtu_on_ack(struct tcp_tcb *t, const struct tcp_env *env,
		const struct ack_facts *f)
{
	if (f->out.acked >= t->mss)
		path_mtu_works(&t->path_mtu);
	if (t->path_mtu.probe && !seq_before(t->out.una, t->mtu_probe_end))
		follow_path(t, env,
			    path_mtu_probe_acked(&t->path_mtu, env->now));
}

/* If it is the probe that has timed out, then it says nothing of other sizes. */
void mtu_on_rto(struct tcp_tcb *t, const struct tcp_env *env)
{
	bool probe = t->path_mtu.probe &&
		     seq_equal(t->out.una, t->mtu_probe_start);

	enum path_mtu_verdict v = PATH_MTU_SAME;

	if (t->path_mtu.probe)
		path_mtu_probe_lost(&t->path_mtu, probe, env->now);
	if (env->config->path_mtu_probing && !probe &&
	    outstanding(t) >= BLACK_HOLE_BYTES)
		v = path_mtu_timed_out(&t->path_mtu, env->now);
	follow_path(t, env, v);
}

/* ---- ICMP --------------------------------------------------------------------------- */

void tcp_icmp(struct tcp_tcb *t, const struct tcp_env *env, enum tcp_icmp kind,
	      seq_t quoted, uint16_t mtu)
{
	bool handshake = t->state == TCPS_SYN_SENT ||
			 t->state == TCPS_SYN_RECEIVED;
	seq_t first = handshake ? t->iss : t->out.una;

	if (t->state == TCPS_CLOSED || t->state == TCPS_TIME_WAIT ||
	    seq_before(quoted, first) ||
	    !seq_before(quoted, handshake ? seq_add(t->iss, 1) : t->out.nxt))
		return;
	if (kind == TCP_ICMP_TOO_BIG) {
		follow_path(t, env, path_mtu_too_big(&t->path_mtu, quoted, first,
						     t->out.nxt, mtu, env->now));
	} else if (kind == TCP_ICMP_HARD && handshake) {
		end_connection(t, TCP_END_UNREACHABLE);
	} else {
		t->soft_error = 1;
		t->events |= TCP_EVENT_SOFT_ERROR;
	}
}
