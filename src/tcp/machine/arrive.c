// SPDX-License-Identifier: BSD-2-Clause
/*
 * arrive.c - A segment arrives: RFC 9293 §3.10.7.4, step by step
 *
 * DOC: Theory of operation
 * tcp_arrive() is the RFC's list. Each step either ends the matter with a cause
 * or lets the next one have the segment. In front of it is header prediction: the
 * segment that is expected, and nothing is in disorder, needs none of the tests;
 * it runs the same code for the ACK and for the text.
 *
 * An aggregate is a segment like any other: all rules are about ranges of sequence
 * numbers. What depends on frames is in ack.c and window.c.
 *
 * A peer can make us send one ACK for each segment that carries data, and a
 * limited number for those that carry none (RFC 5961 §7).
 *
 * Source: RFC 9293 §3.10.7.4; RFC 5961 §3.2, §4.2, §5.2; RFC 7323 §4.3, §5.3.
 */
#include "packet/headers.h"
#include "tcp/machine/machine.h"

/* RFC 7323 §5.5: a timestamp says nothing about one from 24 days ago. */
#define TS_RECENT_VALID_NS (24ULL * 86400 * TCP_SECOND)

enum verdict { GO_ON, DONE };

/* The segment while the steps look at it. */
struct arriving {
	const struct tcp_segment *s;
	struct tcp_arrival *result;
	uint64_t cookie;
	uint32_t skip;		/* of the payload: before RCV.NXT               */
	uint32_t len;		/* of the payload: behind that, in the window   */
	bool fin;		/* its FIN lies in the window                   */
};

static enum verdict end(struct arriving *a, enum tcp_cause cause)
{
	a->result->cause = cause;
	return DONE;
}

/* ---- first: is it in the window? ------------------------------------------------ */

bool sequence_is_acceptable(seq_t nxt, uint32_t window,
			    const struct tcp_segment *s)
{
	uint32_t space = tcp_segment_space(s);
	int32_t first = seq_diff(s->seq, nxt);
	int32_t last = (int32_t)((uint32_t)first + space - 1);

	if (space == 0)
		return window ? first >= 0 && (uint32_t)first < window :
				first == 0;
	if (window == 0 || space > INT32_MAX)
		return false;
	return (first >= 0 && (uint32_t)first < window) ||
	       (last >= 0 && (first < 0 || (uint32_t)last < window));
}

static bool is_too_old(const struct tcp_tcb *t, const struct tcp_env *env,
		       const struct tcp_segment *s)
{
	return has(t, TCB_TIMESTAMPS) && (s->has & TCP_HAS_TIMESTAMP) &&
	       seq_before(seq(s->tsval), seq(t->ts_recent)) &&
	       env->now - t->ts_recent_at < TS_RECENT_VALID_NS;
}

static void note_timestamp(struct tcp_tcb *t, const struct tcp_env *env,
			   const struct tcp_segment *s)
{
	if (!has(t, TCB_TIMESTAMPS) || !(s->has & TCP_HAS_TIMESTAMP) ||
	    seq_before(t->last_ack_sent, s->seq) || is_too_old(t, env, s))
		return;
	t->ts_recent = s->tsval;
	t->ts_recent_at = env->now;
}

/* Has the peer's FIN been taken? Then nothing follows. */
static bool has_ended(const struct tcp_tcb *t)
{
	return has(t, TCB_PEER_FIN) && seq_before(t->fin_at, t->rcv_nxt);
}

/* Of @len bytes from @start on, those before the peer's FIN, if that is known. */
static uint32_t before_fin(const struct tcp_tcb *t, seq_t start, uint32_t len)
{
	int32_t room = seq_diff(t->fin_at, start);

	if (!has(t, TCB_PEER_FIN))
		return len;
	return room > 0 ? least((uint32_t)room, len) : 0;
}

/* What of payload and FIN is new and fits. */
static void trim(struct tcp_tcb *t, struct arriving *a)
{
	const struct tcp_segment *s = a->s;
	seq_t first = seq_add(s->seq, (s->flags & TCP_SYN) != 0);
	int32_t had = seq_diff(t->rcv_nxt, first);
	uint32_t window = window_offered(t), ahead;

	a->skip = had > 0 ? least((uint32_t)had, s->len) : 0;
	a->len = s->len - a->skip;
	a->fin = s->flags & TCP_FIN;
	ahead = had < 0 ? 0U - (uint32_t)had : 0;
	if (ahead + a->len > window) {
		a->len = window > ahead ? window - ahead : 0;
		a->fin = false;
	}
	a->len = before_fin(t, seq_add(first, a->skip), a->len);
	/* RFC 2883 §4: tell the peer what came twice. */
	if (a->skip && has(t, TCB_SACK))
		reassemble_duplicate(&t->in, first, seq_add(first, a->skip));
}

/*
 * Nothing is taken of it but, if the window is closed, ACK, URG and RST (MUST-66).
 * A probe of a closed window, and what was lost on its way back, get their ACK.
 */
static enum verdict not_acceptable(struct tcp_tcb *t, const struct tcp_env *env,
				   struct arriving *a)
{
	const struct tcp_segment *s = a->s;

	if (window_offered(t) == 0 && seq_equal(s->seq, t->rcv_nxt) &&
	    !(s->flags & TCP_SYN)) {
		ack_now(t);
		return GO_ON;
	}
	if (s->flags & TCP_RST)
		return end(a, TCP_CAUSE_OUTSIDE_WINDOW);
	if (t->state == TCPS_TIME_WAIT && (s->flags & TCP_FIN))
		enter_time_wait(t, env);
	if (t->state == TCPS_SYN_RECEIVED && (s->flags & TCP_SYN))
		raise_flag(t, TCB_SYN_DUE);	/* our answer was lost          */
	else if (s->len && !(s->flags & TCP_SYN))
		ack_now(t);
	else
		ack_challenge(t, env);
	return end(a, TCP_CAUSE_OUTSIDE_WINDOW);
}

/*
 * Simultaneous open: the peer's SYN-ACK has its SYN once more, and what counts is
 * the ACK (MUST-10, figure 8).
 */
static bool is_second_syn(const struct tcp_tcb *t, const struct tcp_segment *s)
{
	return t->state == TCPS_SYN_RECEIVED && !has(t, TCB_PASSIVE) &&
	       (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK) &&
	       seq_equal(s->seq, t->irs);
}

static enum verdict check_sequence(struct tcp_tcb *t, const struct tcp_env *env,
				   struct arriving *a)
{
	const struct tcp_segment *s = a->s;
	bool rst = s->flags & TCP_RST;

	if (has(t, TCB_TIMESTAMPS) && !(s->has & TCP_HAS_TIMESTAMP) && !rst &&
	    env->config->timestamps_required)
		return end(a, TCP_CAUSE_NO_TIMESTAMP);
	if (!rst && is_too_old(t, env, s)) {
		ack_challenge(t, env);
		return end(a, TCP_CAUSE_PAWS);
	}
	trim(t, a);
	if (!sequence_is_acceptable(t->rcv_nxt, window_offered(t), s) &&
	    !is_second_syn(t, s))
		return not_acceptable(t, env, a);
	return GO_ON;
}

/* ---- second: RST ------------------------------------------------------------------- */

static enum verdict check_reset(struct tcp_tcb *t, const struct tcp_env *env,
				struct arriving *a)
{
	if (!(a->s->flags & TCP_RST))
		return GO_ON;
	if (!seq_equal(a->s->seq, t->rcv_nxt)) {
		ack_challenge(t, env);
		return end(a, TCP_CAUSE_CHALLENGED_RESET);
	}
	/* RFC 1337 §3: what is over is not ended early by what comes late. */
	if (t->state != TCPS_TIME_WAIT)
		end_connection(t, t->state == TCPS_SYN_RECEIVED ?
				  TCP_END_REFUSED : TCP_END_RESET);
	return end(a, TCP_CAUSE_RESET);
}

/* ---- fourth: SYN ------------------------------------------------------------------- */

static enum verdict check_syn(struct tcp_tcb *t, const struct tcp_env *env,
			      struct arriving *a)
{
	if (!(a->s->flags & TCP_SYN) || is_second_syn(t, a->s))
		return GO_ON;
	ack_challenge(t, env);
	return end(a, TCP_CAUSE_CHALLENGED_SYN);
}

/* ---- fifth: ACK -------------------------------------------------------------------- */

static enum verdict complete_handshake(struct tcp_tcb *t,
				       const struct tcp_env *env,
				       struct arriving *a)
{
	const struct tcp_segment *s = a->s;

	if (!seq_equal(s->ack, seq_add(t->iss, 1))) {
		t->rst_seq = s->ack;
		raise_flag(t, TCB_RST_DUE);
		drop_flag(t, TCB_RST_ACK);
		return end(a, TCP_CAUSE_ACK_BAD_IN_HANDSHAKE);
	}
	t->snd_wnd = (uint32_t)s->window << t->snd_shift;
	t->wl1 = s->seq;
	t->wl2 = s->ack;
	set_state(t, TCPS_ESTABLISHED);
	become_established(t, env);
	return GO_ON;
}

static bool fin_is_acked(const struct tcp_tcb *t)
{
	return has(t, TCB_FIN) && seq_before(t->send_end, t->out.una);
}

/* What the ACK of our FIN changes. */
static enum verdict after_ack(struct tcp_tcb *t, const struct tcp_env *env,
			      struct arriving *a)
{
	if (!fin_is_acked(t))
		return t->state == TCPS_CLOSING || t->state == TCPS_LAST_ACK ?
		       DONE : GO_ON;
	switch (t->state) {
	case TCPS_FIN_WAIT_1:
		set_state(t, TCPS_FIN_WAIT_2);
		enter_fin_wait_2(t, env);
		break;
	case TCPS_CLOSING:
		set_state(t, TCPS_TIME_WAIT);
		enter_time_wait(t, env);
		return DONE;
	case TCPS_LAST_ACK:
		end_connection(t, TCP_END_CLOSED);
		return DONE;
	case TCPS_TIME_WAIT:	/* the peer is not where it should be           */
		if (tcp_segment_space(a->s) ||
		    !seq_equal(a->s->seq, t->rcv_nxt))
			ack_challenge(t, env);
		return DONE;
	}
	return GO_ON;
}

static enum verdict take_ack(struct tcp_tcb *t, const struct tcp_env *env,
			     struct arriving *a)
{
	const struct tcp_segment *s = a->s;

	if (!(s->flags & TCP_ACK))
		return end(a, TCP_CAUSE_NO_ACK);
	if (t->state == TCPS_SYN_RECEIVED &&
	    complete_handshake(t, env, a) == DONE)
		return DONE;
	/* RFC 5961 §5.2; MAX.SND.WND is what the peer may still have to say. */
	if (seq_before(t->out.nxt, s->ack)) {
		ack_challenge(t, env);
		return end(a, TCP_CAUSE_ACK_AHEAD);
	}
	if (seq_before(seq_add(s->ack, t->max_window), t->out.una)) {
		ack_challenge(t, env);
		return end(a, TCP_CAUSE_ACK_OLD);
	}
	/* RFC 7323 §4.3; what somebody has guessed badly changes no TS.Recent. */
	note_timestamp(t, env, s);
	take_acknowledgment(t, env, s);
	return after_ack(t, env, a);
}

/* ---- sixth: URG ---------------------------------------------------------------------- */

/* MUST-30 to MUST-33; the data itself stays in the stream. */
static void take_urgent(struct tcp_tcb *t, struct arriving *a)
{
	seq_t up = seq_add(a->s->seq, a->s->urgent);	/* behind it, MUST-62   */

	if (!(a->s->flags & TCP_URG) || !is_receiving(t) ||
	    !seq_before(t->rcv_nxt, up))
		return;
	if (has(t, TCB_URGENT) && !seq_before(t->receive_up, up))
		return;
	t->receive_up = up;
	raise_flag(t, TCB_URGENT);
	t->events |= TCP_EVENT_URGENT;
}

/* ---- seventh: the text ---------------------------------------------------------------- */

static void advance(struct tcp_tcb *t, uint32_t len)
{
	t->rcv_nxt = seq_add(t->rcv_nxt, len);
	t->received += len;
	t->not_read += len;
	t->events |= TCP_EVENT_READABLE;
}

static void take_in_order(struct tcp_tcb *t, const struct tcp_env *env,
			  struct arriving *a)
{
	bool hole = t->in.ranges.n != 0;

	a->result->skip = a->skip;
	a->result->len = a->len;
	a->result->more = t->in.n_pieces != 0;
	if (hole && a->skip == 0 && has(t, TCB_SACK))
		reassemble_in_order(&t->in, env->cells,
				    seq_add(t->rcv_nxt, a->len));
	advance(t, a->len);
	window_on_data(t, env, a->s);
	ack_data(t, env, a->s, hole || a->skip);
}

static void take_out_of_order(struct tcp_tcb *t, const struct tcp_env *env,
			      struct arriving *a)
{
	const struct reassemble_piece piece = {
		.cookie = a->cookie,
		.seq = seq_add(a->s->seq, a->skip),
		.len = a->len,
		.skip = a->skip,
		.cost = a->len,
	};

	t->out_of_order++;
	a->result->kept = reassemble_insert(&t->in, env->cells, t->rcv_nxt,
					    &piece) == REASSEMBLE_KEPT;
	a->result->more = t->in.dropped != CELL_NONE;
	ack_now(t);
}

static void take_ecn(struct tcp_tcb *t, const struct tcp_segment *s)
{
	if (s->flags & TCP_CWR)
		drop_flag(t, TCB_ECE);
	if (s->ecn == TCP_ECN_CE) {
		raise_flag(t, TCB_ECE);
		t->congestion_marks++;
	}
}

static enum verdict take_text(struct tcp_tcb *t, const struct tcp_env *env,
			      struct arriving *a)
{
	if (a->s->len == 0 || !is_receiving(t))
		return GO_ON;
	if (has(t, TCB_ECN))
		take_ecn(t, a->s);
	if (a->len == 0) {
		ack_now(t);	/* all of it was here, or does not fit          */
		return GO_ON;
	}
	if (has(t, TCB_ORPHAN)) {
		reset_peer(t, TCP_END_ABORTED);
		/* Where the peer is, so that it believes: RFC 5961 §3.2. */
		t->rst_seq = a->s->ack;
		drop_flag(t, TCB_RST_ACK);
		return end(a, TCP_CAUSE_AFTER_CLOSE);
	}
	if (seq_before(t->rcv_nxt, seq_add(a->s->seq, a->skip)))
		take_out_of_order(t, env, a);
	else
		take_in_order(t, env, a);
	return GO_ON;
}

/* ---- eighth: FIN ------------------------------------------------------------------------ */

/* Everything before the peer's FIN has come: take it. */
static void take_peers_fin(struct tcp_tcb *t, const struct tcp_env *env)
{
	if (!has(t, TCB_PEER_FIN) || !is_receiving(t) ||
	    !seq_equal(t->rcv_nxt, t->fin_at))
		return;
	t->rcv_nxt = seq_add(t->rcv_nxt, 1);
	t->events |= TCP_EVENT_PEER_CLOSED;
	ack_now(t);
	switch (t->state) {
	case TCPS_ESTABLISHED:
		set_state(t, TCPS_CLOSE_WAIT);
		break;
	case TCPS_FIN_WAIT_1:
		set_state(t, TCPS_CLOSING);
		break;
	case TCPS_FIN_WAIT_2:
		set_state(t, TCPS_TIME_WAIT);
		enter_time_wait(t, env);
		break;
	}
}

static void take_fin(struct tcp_tcb *t, const struct tcp_env *env,
		     struct arriving *a)
{
	const struct tcp_segment *s = a->s;

	if (a->fin && is_receiving(t) && !has(t, TCB_PEER_FIN)) {
		t->fin_at = seq_add(s->seq,
				    s->len + ((s->flags & TCP_SYN) != 0));
		raise_flag(t, TCB_PEER_FIN);
		ack_now(t);
	}
	if (!has(t, TCB_PEER_FIN))
		return;
	take_peers_fin(t, env);
	/* What the peer has sent from behind it is only to be freed. */
	a->result->more |= has_ended(t) && t->in.n_pieces;
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* The segment that is expected, with nothing unusual about it or about us. */
static ALWAYS_INLINE bool is_predicted(const struct tcp_tcb *t,
				       const struct tcp_segment *s)
{
	bool timestamps = has(t, TCB_TIMESTAMPS);

	return t->state == TCPS_ESTABLISHED && seq_equal(s->seq, t->rcv_nxt) &&
	       (s->flags & (uint16_t)~TCP_PSH) == TCP_ACK &&
	       s->has == (timestamps ? TCP_HAS_TIMESTAMP : 0) &&
	       (!timestamps || !seq_before(seq(s->tsval), seq(t->ts_recent))) &&
	       s->n_sack == 0 && t->in.ranges.n == 0 && s->ecn != TCP_ECN_CE &&
	       !seq_before(s->ack, t->out.una) &&
	       !seq_before(t->out.nxt, s->ack) && s->len <= window_offered(t) &&
	       !has(t, TCB_PEER_FIN | TCB_ORPHAN);
}

static void arrive_as_predicted(struct tcp_tcb *t, const struct tcp_env *env,
				struct arriving *a)
{
	const struct tcp_segment *s = a->s;

	a->result->cause = TCP_CAUSE_FAST;
	note_timestamp(t, env, s);
	take_acknowledgment(t, env, s);
	if (s->len) {
		a->len = s->len;
		take_in_order(t, env, a);
	}
}

/* The order is that of RFC 9293 §3.10.7.4 and must not change. */
static void arrive_step_by_step(struct tcp_tcb *t, const struct tcp_env *env,
				struct arriving *a)
{
	a->result->cause = TCP_CAUSE_TAKEN;
	if (check_sequence(t, env, a) == DONE)	/* first:   in the window?  */
		return;
	if (check_reset(t, env, a) == DONE)	/* second:  RST             */
		return;
	/*                                         third:   security, not here */
	if (check_syn(t, env, a) == DONE)	/* fourth:  SYN             */
		return;
	if (take_ack(t, env, a) == DONE)	/* fifth:   ACK             */
		return;
	take_urgent(t, a);			/* sixth:   URG             */
	if (take_text(t, env, a) == DONE)	/* seventh: data            */
		return;
	take_fin(t, env, a);			/* eighth:  FIN             */
}

/* §3.10.7.3, end of fourth: text and controls that came with the SYN-ACK. */
static void take_rest_of_syn_ack(struct tcp_tcb *t, const struct tcp_env *env,
				 struct arriving *a)
{
	trim(t, a);
	take_urgent(t, a);
	if (take_text(t, env, a) == GO_ON)
		take_fin(t, env, a);
}

void tcp_arrive(struct tcp_tcb *t, const struct tcp_env *env,
		const struct tcp_segment *s, uint64_t cookie,
		struct tcp_arrival *result)
{
	struct arriving a = { .s = s, .result = result, .cookie = cookie };

	*result = (struct tcp_arrival){ .cause = TCP_CAUSE_CLOSED };
	t->units_received++;
	t->frames_received += s->n_frames;
	t->data_frames_received += s->len ? s->n_frames : 0;
	if (t->state == TCPS_CLOSED)
		return;
	if (t->state == TCPS_SYN_SENT) {
		arrive_in_syn_sent(t, env, s, result);
		if (is_synchronized(t))
			take_rest_of_syn_ack(t, env, &a);
	} else if (likely(is_predicted(t, s)))
		arrive_as_predicted(t, env, &a);
	else
		arrive_step_by_step(t, env, &a);
}

/* ---- What has waited --------------------------------------------------------------------------- */

bool tcp_next_piece(struct tcp_tcb *t, const struct tcp_env *env,
		    struct tcp_piece *piece)
{
	struct reassemble_piece p;

	if ((t->state == TCPS_CLOSED || has_ended(t)) && t->in.n_pieces)
		reassemble_drop_all(&t->in, env->cells);
	if (reassemble_dropped(&t->in, env->cells, &p))
		p.len = 0;
	else if (!reassemble_next(&t->in, env->cells, t->rcv_nxt, &p))
		return false;
	if (p.len)
		p.len = before_fin(t, t->rcv_nxt, p.len);
	*piece = (struct tcp_piece){ p.cookie, p.skip, p.len };
	if (p.len) {
		advance(t, p.len);
		ack_now(t);
		take_peers_fin(t, env);
	}
	return true;
}
