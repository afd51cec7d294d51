// SPDX-License-Identifier: BSD-2-Clause
/*
 * output.c - What to send next
 *
 * DOC: Theory of operation
 * The owner pulls. Each time the first of these that is due and allowed is given:
 * an RST; a SYN; what is lost; RACK's probe; new data and the FIN; a probe of a
 * closed window; a keepalive; an ACK alone. Everything else carries the ACK, too.
 *
 * New data goes out in multiples of the segment size, as large as the peer's
 * window, the congestion window and frame_max allow. The rest that is smaller
 * goes if nothing speaks against it: the Nagle algorithm with Minshall's change,
 * which holds a small segment back only while another small one is outstanding,
 * so that the tail of a large write does not wait (SHLD-7); cork; and the sender's
 * silly window avoidance (MUST-38). On a fast path a piece of what the windows will
 * allow waits for the next ACK, or frames would get smaller and smaller. PSH is on the end of what was written (MUST-61)
 * and on each frame of several segments, so that a receiver that joins them does
 * not wait at its end.
 *
 * Source: RFC 9293 §3.7.4, §3.8.6; RFC 3168 §6.1; RFC 6675 §4.
 */
#include "packet/headers.h"
#include "tcp/machine/machine.h"
#include "tcp/machine/path.h"

#define CORK_NS (200 * TCP_MS)
#define SOON_NS TCP_MS
#define FREE_RTT_NS (512 * 1000ULL)	/* below it, frames of any size         */

/* ---- Headers --------------------------------------------------------------------- */

/* A frame of nothing. What n_sack does not count is not touched. */
static void begin_frame(const struct tcp_tcb *t, struct tcp_frame *f)
{
	struct tcp_segment *s = &f->segment;

	f->stream = 0;
	f->mss = t->mss;
	f->again = false;
	s->seq = s->ack = seq(0);
	s->len = s->tsval = s->tsecr = 0;
	s->flags = s->window = s->urgent = s->mss = 0;
	s->n_frames = 1;
	s->source_port = s->destination_port = 0;
	s->ecn = s->has = s->wscale = s->n_sack = 0;
}

static void put_timestamp(struct tcp_tcb *t, const struct tcp_env *env,
			  struct tcp_segment *s)
{
	s->has |= TCP_HAS_TIMESTAMP;
	s->tsval = tsval_now(t, env);
	s->tsecr = t->ts_recent;
}

/* Beside data only where they do not make a frame more of it; see tcp_emit(). */
static void put_blocks(struct tcp_tcb *t, const struct tcp_env *env,
		       struct tcp_frame *f)
{
	struct tcp_segment *s = &f->segment;
	uint32_t max = has(t, TCB_TIMESTAMPS) ? 3 : 4;

	if (s->len && s->len + 4 + 8 * max > f->mss)
		return;
	/* A duplicate that this ACK does not reach would be read as a hole before it. */
	s->n_sack = (uint8_t)reassemble_blocks(&t->in, env->cells, max,
					       seq_equal(s->ack, t->rcv_nxt),
					       s->sack);
}

static void put_ack(struct tcp_tcb *t, const struct tcp_env *env,
		    struct tcp_frame *f)
{
	struct tcp_segment *s = &f->segment;

	s->ack = ack_next(t, env);
	s->window = window_to_offer(t, s->ack);
	if (has(t, TCB_SACK) && reassemble_has_blocks(&t->in))
		put_blocks(t, env, f);
	if (has(t, TCB_ECE) && has(t, TCB_ECN))
		s->flags |= TCP_ECE;
	ack_was_sent(t, s->ack);
}

/* Urgent data up to send_up: the pointer is relative to each frame, so one frame. */
static void put_urgent(const struct tcp_tcb *t, struct tcp_segment *s)
{
	int32_t ahead = seq_diff(t->send_up, s->seq);

	if (!has(t, TCB_URGENT_SENT) || ahead <= 0)
		return;
	s->flags |= TCP_URG;
	s->urgent = (uint16_t)least((uint32_t)ahead, UINT16_MAX);
}

static void count(struct tcp_tcb *t, const struct tcp_env *env,
		  const struct tcp_frame *f)
{
	t->units_sent++;
	t->frames_sent += f->segment.n_frames;
	t->bytes_sent += f->segment.len;
	if (f->again) {
		t->bytes_again += f->segment.len;
		t->again_total++;
	}
	if (!f->segment.len)
		return;
	t->data_frames_sent += f->segment.n_frames;
	t->last_sent = env->now;
}

static uint16_t frames_of(uint32_t len, uint16_t mss)
{
	return (uint16_t)(len > mss ? (len + mss - 1) / mss : 1);
}

/*
 * A frame of @space sequence numbers from @start on, to be cut to @mss; a FIN if it
 * reaches that.
 */
static void make_frame(struct tcp_tcb *t, const struct tcp_env *env,
		       struct tcp_frame *f, seq_t start, uint32_t space,
		       uint16_t mss)
{
	seq_t last = seq_add(start, space);
	bool fin = space && has(t, TCB_FIN) && seq_before(t->send_end, last);
	struct tcp_segment *s = &f->segment;

	begin_frame(t, f);
	f->stream = t->acked + (start.n - t->out.una.n);
	f->mss = mss;
	s->seq = start;
	s->len = space - fin;
	s->flags = fin ? TCP_FIN | TCP_ACK : TCP_ACK;
	s->n_frames = frames_of(s->len, mss);
	if (has(t, TCB_TIMESTAMPS))
		put_timestamp(t, env, s);
	if (s->len > mss || (s->len && !has(t, TCB_MORE) &&
				!seq_before(last, t->send_end)))
		s->flags |= TCP_PSH;
	put_urgent(t, s);
	put_ack(t, env, f);
}

/* ---- RST, SYN, ACK ------------------------------------------------------------------- */

static bool emit_reset(struct tcp_tcb *t, const struct tcp_env *env,
		       struct tcp_frame *f)
{
	if (!has(t, TCB_RST_DUE))
		return false;
	begin_frame(t, f);
	f->segment.seq = t->rst_seq;
	f->segment.flags = TCP_RST;
	if (has(t, TCB_TIMESTAMPS))	/* RFC 7323 §3.2                       */
		put_timestamp(t, env, &f->segment);
	if (has(t, TCB_RST_ACK)) {
		f->segment.flags |= TCP_ACK;
		f->segment.ack = t->rst_ack;
	}
	drop_flag(t, TCB_RST_DUE);
	count(t, env, f);
	return true;
}

/* What a SYN asks for, and what a SYN-ACK has agreed to. */
static uint8_t options_of_syn(const struct tcp_tcb *t, const struct tcp_env *env)
{
	if (t->state == TCPS_SYN_SENT)
		return TCP_HAS_MSS | options_we_want(env->config);
	return (uint8_t)(TCP_HAS_MSS |
			 (has(t, TCB_TIMESTAMPS) ? TCP_HAS_TIMESTAMP : 0) |
			 (has(t, TCB_SACK) ? TCP_HAS_SACK_PERMITTED : 0) |
			 (has(t, TCB_SCALING) ? TCP_HAS_WSCALE : 0));
}

/* RFC 3168 §6.1.1; not in a second SYN, which may have been lost for that. */
static uint16_t ecn_of_syn(const struct tcp_tcb *t)
{
	if (t->state == TCPS_SYN_SENT)
		return has(t, TCB_ECN_ASKED) && t->retransmits == 0 ?
		       TCP_ECE | TCP_CWR : 0;
	return has(t, TCB_ECN) ? TCP_ECE : 0;
}

static bool emit_syn(struct tcp_tcb *t, const struct tcp_env *env,
		     struct tcp_frame *f)
{
	struct tcp_segment *s = &f->segment;

	if (!has(t, TCB_SYN_DUE))
		return false;
	drop_flag(t, TCB_SYN_DUE);
	begin_frame(t, f);
	f->again = t->retransmits != 0;
	s->seq = t->iss;
	s->flags = (uint16_t)(ecn_of_syn(t) | TCP_SYN |
			      (t->state == TCPS_SYN_SENT ? 0 : TCP_ACK));
	s->window = (uint16_t)least(t->receive_buffer, UINT16_MAX);
	s->has = options_of_syn(t, env);
	s->mss = t->our_mss;
	s->wscale = shift_for(env->config->receive_buffer_max);
	s->tsval = tsval_now(t, env);
	if (s->flags & TCP_ACK) {
		s->ack = t->rcv_nxt;
		s->tsecr = t->ts_recent;
		ack_was_sent(t, s->ack);
	}
	t->syn_sent = env->now;
	count(t, env, f);
	return true;
}

static bool emit_ack(struct tcp_tcb *t, const struct tcp_env *env,
		     struct tcp_frame *f)
{
	if (t->ack_due != ACK_NOW)
		return false;
	make_frame(t, env, f, t->out.nxt, 0, t->mss);
	count(t, env, f);
	return true;
}

/* ---- Data ------------------------------------------------------------------------------ */

/* As much of @bytes as is whole segments, but one at least. */
static uint32_t whole_segments(const struct tcp_tcb *t, uint32_t bytes)
{
	return most(bytes / t->mss, 1) * t->mss;
}

/*
 * What is sent in about a millisecond at the rate of this connection, but two
 * segments at least: larger frames would be bursts on a slow path. The shorter the
 * path the less that matters: below half a millisecond nothing is held back.
 */
static uint32_t largest_frame(const struct tcp_tcb *t, const struct tcp_env *env)
{
	uint32_t frame_max = most(env->config->frame_max, t->mss);
	ns_t rtt = rtt_least(&t->rtt);
	uint64_t bytes;

	/* The urgent pointer is not the same in two frames. */
	if (has(t, TCB_URGENT_SENT) && seq_before(t->out.una, t->send_up))
		return t->mss;
	if (rtt < FREE_RTT_NS)
		return frame_max;
	bytes = congestion_rate(&t->congestion, rtt_smoothed(&t->rtt)) >> 10;
	if (rtt / FREE_RTT_NS < 32)
		bytes += frame_max >> (rtt / FREE_RTT_NS);
	if (bytes >= frame_max)
		return frame_max;
	return whole_segments(t, least(most((uint32_t)bytes, 2U * t->mss),
				       frame_max));
}

/*
 * RACK takes what was sent at one instant for sent in the order of sequence numbers.
 * What breaks this order, for it is sent again, is sent a nanosecond later.
 */
static ns_t instant_for(struct tcp_tcb *t, const struct tcp_env *env, seq_t end)
{
	if (t->instant < env->now)
		t->instant = env->now;
	else if (seq_before(end, t->instant_end))
		t->instant++;
	t->instant_end = end;
	return t->instant;
}

static bool emit_range(struct tcp_tcb *t, const struct tcp_env *env,
		       struct tcp_frame *f, seq_t start, uint32_t space)
{
	space = scoreboard_resend(&t->out, env->cells, start, space,
				  instant_for(t, env, seq_add(start, space)));
	if (space == 0)
		return false;
	make_frame(t, env, f, start, space, t->mss);
	f->again = true;
	recover_on_sent(t, env, space, true);
	count(t, env, f);
	return true;
}

/* The lowest that is lost, as much as the windows allow, in whole segments. */
static bool emit_lost(struct tcp_tcb *t, const struct tcp_env *env,
		      struct tcp_frame *f)
{
	uint32_t len, allowed;
	struct seq_range range;

	if (t->out.lost == 0 || t->frto.step == FRTO_SECOND)
		return false;
	allowed = window_of_congestion(t);
	if (allowed == 0 || !scoreboard_next_lost(&t->out, env->cells, &range))
		return false;
	if (t->frto.step == FRTO_FIRST && !seq_equal(range.start, t->out.una))
		return false;
	len = least(range.end.n - range.start.n,
		    window_behind(t, range.start));
	allowed = least(allowed, largest_frame(t, env));
	if (allowed < len)
		len = least(len, whole_segments(t, allowed));
	return len && emit_range(t, env, f, range.start, len);
}

static bool emit_new_range(struct tcp_tcb *t, const struct tcp_env *env,
			   struct tcp_frame *f, uint32_t space, uint16_t mss)
{
	seq_t start = t->out.nxt;

	if (!scoreboard_send(&t->out, env->cells, space,
			     instant_for(t, env, seq_add(start, space))))
		return false;
	make_frame(t, env, f, start, space, mss);
	if (has(t, TCB_ECN) && f->segment.len) {
		f->segment.ecn = TCP_ECN_ECT0;
		if (has(t, TCB_CWR))
			f->segment.flags |= TCP_CWR;
		drop_flag(t, TCB_CWR);
	}
	if (f->segment.len < f->segment.n_frames * (uint32_t)mss)
		t->small_end = seq_add(start, f->segment.len);
	recover_on_sent(t, env, space, false);
	count(t, env, f);
	return true;
}

static bool small_one_is_out(const struct tcp_tcb *t)
{
	return seq_before(t->out.una, t->small_end) &&
	       !seq_before(t->out.nxt, t->small_end);
}

/* May the end of the stream, less than a segment, be sent now? */
static bool may_send_rest(struct tcp_tcb *t, const struct tcp_env *env)
{
	if (has(t, TCB_FIN))
		return true;
	if (has(t, TCB_CORK | TCB_MORE) && !has(t, TCB_CORK_OVER)) {
		if (!timer_runs(t, TIMER_CORK))
			timer_set(t, TIMER_CORK, env->now + CORK_NS);
		return false;
	}
	if (has(t, TCB_URGENT_SENT) && !seq_before(t->send_up, t->send_end))
		return true;
	return has(t, TCB_NO_DELAY) || !small_one_is_out(t);
}

/*
 * Is it better to wait for the next ACK than to send the little that the windows
 * allow? Its ACK would allow as little again: what goes out would fall into smaller
 * and smaller frames. Not for what is a third of the window; not when sending begins
 * again; and only while the oldest that is out has been on its way for half a round
 * trip, so that its ACK is near, and others behind it.
 */
static bool more_is_soon_allowed(const struct tcp_tcb *t,
				 const struct tcp_env *env, uint32_t n)
{
	ns_t sent;

	if (n >= least(t->congestion.cwnd, t->snd_wnd) / 3 || in_recovery(t) ||
	    env->now - t->last_sent >= SOON_NS)
		return false;
	sent = scoreboard_oldest(&t->out, env->cells);
	return sent != NS_NEVER && env->now - sent >= rtt_smoothed(&t->rtt) / 2;
}

/*
 * How much new data now: MUST-38's rules (RFC 9293 §3.8.6.2.1) with SND.UNA + SND.WND -
 * SND.NXT and the congestion window; the override timeout is the persist timer.
 */
static uint32_t new_data(struct tcp_tcb *t, const struct tcp_env *env)
{
	uint32_t left = unsent(t), window = window_behind(t, t->out.nxt);
	uint32_t allowed = window_of_congestion(t), frame;
	uint32_t n = least(least(left, window), allowed);

	if (allowed < least(left, window))
		raise_flag(t, TCB_CWND_LIMITED);
	frame = largest_frame(t, env);
	if (n < least(left, frame) && more_is_soon_allowed(t, env, n))
		return 0;
	n = least(n, frame);
	if (n == left && n % t->mss && may_send_rest(t, env))
		return n;
	if (n >= t->mss)
		return n - n % t->mss;
	/* Half of the largest window that it ever had; it has no more room. */
	if (n == window && n && n < left && n >= t->max_window / 2)
		return n;
	return 0;
}

/*
 * A segment that is larger than the others: RFC 4821 §7.4. If cwnd has no room for
 * it, nothing else is sent before it: something is out, so ACKs make room.
 */
static bool emit_mtu_probe(struct tcp_tcb *t, const struct tcp_env *env,
			   struct tcp_frame *f, uint32_t bytes)
{
	seq_t start = t->out.nxt;

	if (window_of_congestion(t) < bytes) {
		raise_flag(t, TCB_CWND_LIMITED);
		return false;
	}
	if (!emit_new_range(t, env, f, bytes, (uint16_t)bytes))
		return false;
	mtu_probe_sent(t, start, bytes);
	return true;
}

static bool emit_new(struct tcp_tcb *t, const struct tcp_env *env,
		     struct tcp_frame *f)
{
	uint32_t n, fin;

	/* RFC 5682 §2.1 step 1: the first segment again, and wait. */
	if (t->frto.step == FRTO_FIRST || (unsent(t) == 0 && !fin_is_unsent(t)))
		return false;
	n = mtu_probe_bytes(t, env);
	if (n)
		return emit_mtu_probe(t, env, f, n);
	n = new_data(t, env);
	fin = fin_is_unsent(t) && n == unsent(t) &&
	      window_behind(t, t->out.nxt) > n;
	if (n + fin == 0)
		return false;
	if (n == unsent(t)) {
		drop_flag(t, TCB_CORK_OVER);
		timer_stop(t, TIMER_CORK);
	}
	return emit_new_range(t, env, f, n + fin, t->mss);
}

/* ---- Probes -------------------------------------------------------------------------------- */

/* RFC 8985 §7.3: new data if possible, else the last segment again. */
static bool emit_loss_probe(struct tcp_tcb *t, const struct tcp_env *env,
			    struct tcp_frame *f)
{
	struct seq_range range;
	uint32_t n;
	bool sent = false, again = false;

	if (!has(t, TCB_PROBE_DUE))
		return false;
	drop_flag(t, TCB_PROBE_DUE);
	n = least(least(unsent(t), t->mss), window_behind(t, t->out.nxt));
	if (n)
		sent = emit_new_range(t, env, f, n, t->mss);
	if (!sent && scoreboard_last(&t->out, env->cells, t->mss, &range)) {
		again = true;
		sent = emit_range(t, env, f, range.start,
				  range.end.n - range.start.n);
	}
	if (sent)
		rack_probe_sent(&t->rack, t->out.nxt, again);
	return sent;
}

/* MUST-36: a byte of new data, or of what is out, into a window of zero. */
static bool emit_window_probe(struct tcp_tcb *t, const struct tcp_env *env,
			      struct tcp_frame *f)
{
	uint32_t n;

	if (!has(t, TCB_PERSIST_DUE))
		return false;
	drop_flag(t, TCB_PERSIST_DUE);
	if (outstanding(t))
		return emit_range(t, env, f, t->out.una,
				  most(least(t->snd_wnd, t->mss), 1));
	n = least(unsent(t), most(least(t->snd_wnd, t->mss), 1));
	if (n == 0)
		n = fin_is_unsent(t);
	return n && emit_new_range(t, env, f, n, t->mss);
}

/* RFC 9293 §3.8.4: a sequence number that the peer has to answer to. */
static bool emit_keepalive(struct tcp_tcb *t, const struct tcp_env *env,
			   struct tcp_frame *f)
{
	if (!has(t, TCB_KEEPALIVE_DUE))
		return false;
	drop_flag(t, TCB_KEEPALIVE_DUE);
	make_frame(t, env, f, seq_add(t->out.nxt, UINT32_MAX), 0, t->mss);
	f->stream = t->acked;
	count(t, env, f);
	return true;
}

static bool emit_data(struct tcp_tcb *t, const struct tcp_env *env,
		      struct tcp_frame *f)
{
	return is_sending(t) &&
	       (emit_lost(t, env, f) || emit_loss_probe(t, env, f) ||
		emit_new(t, env, f) || emit_window_probe(t, env, f));
}

/* The owner asks until there is nothing, so that is the most frequent answer. */
static ALWAYS_INLINE bool is_nothing_due(const struct tcp_tcb *t)
{
	return t->ack_due != ACK_NOW && t->out.lost == 0 && unsent(t) == 0 &&
	       !has(t, TCB_RST_DUE | TCB_SYN_DUE | TCB_PROBE_DUE |
		       TCB_PERSIST_DUE | TCB_KEEPALIVE_DUE) &&
	       !fin_is_unsent(t);
}

bool tcp_emit(struct tcp_tcb *t, const struct tcp_env *env,
	      struct tcp_frame *frame)
{
	bool alone;

	if (is_nothing_due(t))
		return false;
	if (emit_reset(t, env, frame))
		return true;
	if (t->state == TCPS_CLOSED)
		return false;
	if (emit_syn(t, env, frame))
		return true;
	/* One of several, or with blocks for which data has no room. */
	alone = t->ack_due == ACK_NOW &&
		(!seq_equal(ack_next(t, env), t->rcv_nxt) ||
		 (has(t, TCB_SACK) && reassemble_has_blocks(&t->in)));
	if (alone && emit_ack(t, env, frame))
		return true;
	return emit_data(t, env, frame) || emit_keepalive(t, env, frame) ||
	       emit_ack(t, env, frame);
}
