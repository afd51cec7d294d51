// SPDX-License-Identifier: BSD-2-Clause
/*
 * window.c - How much we offer to receive, and how large the buffers are
 *
 * DOC: Theory of operation
 * The window is what the buffer has room for, but never takes back what was
 * offered (SHLD-14), and opens in steps that are worth it only (MUST-39, receiver's
 * silly window). Data out of order is inside the window and costs nothing extra.
 *
 * Tuning: in each round trip of the receiver the user reads some bytes. A buffer
 * of twice the most of that never limits a sender that doubles its window each
 * round trip; so the buffer follows, up to its limit. If the user reads slowly it
 * does not grow. The round trip is measured from the timestamps that come back,
 * or without them as the time in which a window's worth arrives. Between neighbours
 * it is shorter than their clock shows, and what looks like a long one is our own
 * queue: a buffer that followed that would only leave the caches.
 *
 * The send buffer has what may be in flight, and as much again or a unit, to go on with
 * when that is acknowledged: the user comes as soon as there is room. What may be is
 * the congestion window, but little more than ever was: where something else is the
 * limit the window is larger than the path, and a buffer that followed it would only
 * leave the caches.
 *
 * Source: RFC 9293 §3.8.6.2.2; RFC 7323 §2.3.
 */
#include "packet/headers.h"
#include "tcp/machine/machine.h"

#define AHEAD_BYTES (64U << 10)	/* one unit                                     */

static uint32_t room(const struct tcp_tcb *t)
{
	uint32_t buffer = t->receive_buffer;
	uint32_t free_bytes = buffer > t->not_read ? buffer - t->not_read : 0;

	if (t->window_clamp)
		free_bytes = least(free_bytes, t->window_clamp);
	return least(free_bytes, (uint32_t)UINT16_MAX << t->rcv_shift);
}

/* MUST-39: the edge moves by a segment, or half of the buffer, or not at all. */
static uint32_t worth_opening(const struct tcp_tcb *t)
{
	return least(t->receive_buffer / 2, t->our_mss);
}

uint16_t window_to_offer(struct tcp_tcb *t, seq_t ack)
{
	seq_t edge = seq_add(t->rcv_nxt, room(t));
	int32_t opened = seq_diff(edge, t->rcv_edge);

	if (opened > 0 && (uint32_t)opened >= worth_opening(t)) {
		/* What the field cannot say is not offered. */
		edge = seq_add(ack, (edge.n - ack.n) >> t->rcv_shift
						     << t->rcv_shift);
		if (seq_before(t->rcv_edge, edge))
			t->rcv_edge = edge;
	}
	/*
	 * Rounded down this may say less than was said before; that is still
	 * taken: RFC 7323 §2.4.
	 */
	opened = seq_diff(t->rcv_edge, ack);
	return opened > 0 ? (uint16_t)least((uint32_t)opened >> t->rcv_shift,
					    UINT16_MAX) : 0;
}

/* ---- Tuning ------------------------------------------------------------------------ */

/* Less than the clock of the timestamps shows: what was seen of our own segments. */
static ns_t within_a_tick(const struct tcp_tcb *t, const struct tcp_env *env)
{
	ns_t tick = env->config->timestamp_tick, own = rtt_least(&t->rtt);

	return own && own < tick ? own : tick;
}

/* The least of the last one or two seconds: the path without its queues. */
static void take_round_trip(struct tcp_tcb *t, ns_t now, ns_t rtt)
{
	if (!t->rcv_rtt_next || rtt < t->rcv_rtt_next)
		t->rcv_rtt_next = rtt;
	if (!t->rcv_rtt || rtt < t->rcv_rtt)
		t->rcv_rtt = rtt;
	if (now - t->rcv_rtt_since < TCP_SECOND)
		return;
	t->rcv_rtt = t->rcv_rtt_next;
	t->rcv_rtt_next = rtt;
	t->rcv_rtt_since = now;
}

static void measure_round_trip(struct tcp_tcb *t, const struct tcp_env *env,
			       const struct tcp_segment *s)
{
	ns_t rtt = 0;

	if (has(t, TCB_TIMESTAMPS) && s->tsecr) {
		uint32_t ticks = tsval_now(t, env) - s->tsecr;

		rtt = ticks ? (ns_t)ticks * env->config->timestamp_tick :
			      within_a_tick(t, env);
		if (ticks > INT32_MAX || s->len < t->receive_mss)
			return;
	} else {
		if (t->rcv_rtt_at && seq_before(t->rcv_nxt, t->rcv_rtt_end))
			return;
		if (t->rcv_rtt_at)
			rtt = env->now - t->rcv_rtt_at;
		t->rcv_rtt_at = env->now;
		t->rcv_rtt_end = seq_add(t->rcv_nxt, window_offered(t));
	}
	if (rtt)
		take_round_trip(t, env->now, rtt);
}

void window_on_data(struct tcp_tcb *t, const struct tcp_env *env,
		    const struct tcp_segment *s)
{
	if (t->receive_buffer < env->config->receive_buffer_max &&
	    !has(t, TCB_RECEIVE_BUFFER_FIXED))
		measure_round_trip(t, env, s);
}

static void tune(struct tcp_tcb *t, const struct tcp_env *env, uint32_t bytes)
{
	uint32_t limit = env->config->receive_buffer_max;
	uint64_t wanted, space = t->tune_space;
	ns_t took = env->now - t->tune_at;

	t->tune_read += bytes;
	if (t->rcv_rtt == 0 || took < t->rcv_rtt)
		return;
	/* Of one round trip, in units of 1024 ns, so that nothing overflows. */
	t->tune_read = (uint32_t)(t->tune_read * ((t->rcv_rtt >> 10) + 1) /
				  ((took >> 10) + 1));
	if (t->tune_read > t->tune_space) {
		wanted = 2ULL * t->tune_read + 16U * t->our_mss;
		if (space)	/* it grows: be ahead by two round trips        */
			wanted += 2 * (wanted * (t->tune_read - space) / space);
		wanted = wanted < limit ? wanted : limit;
		t->receive_buffer = most(t->receive_buffer, (uint32_t)wanted);
		t->tune_space = t->tune_read;
	}
	t->tune_read = 0;
	t->tune_at = env->now;
}

/*
 * Tell the peer that there is room again? If what it knows of lasts for a while
 * the next ACK will tell.
 */
static bool is_worth_telling(const struct tcp_tcb *t)
{
	uint32_t now = room(t), known = window_offered(t);

	if (now <= known || now - known < worth_opening(t))
		return false;
	return now - known >= t->receive_buffer / 4 ||
	       known < most(t->receive_buffer / 8, 2U * t->our_mss);
}

void window_on_read(struct tcp_tcb *t, const struct tcp_env *env,
		    uint32_t bytes)
{
	t->not_read -= least(bytes, t->not_read);
	if (!has(t, TCB_RECEIVE_BUFFER_FIXED))
		tune(t, env, bytes);
	if (is_receiving(t) && is_worth_telling(t))
		ack_now(t);
}

uint32_t send_buffer(const struct tcp_tcb *t)
{
	uint32_t cwnd = t->congestion.cwnd;

	if (has(t, TCB_SEND_BUFFER_FIXED))
		return t->send_buffer;
	/* What never was out is not needed: the window is larger than the path. */
	cwnd = least(cwnd, t->peak_flight + t->peak_flight / 4 + AHEAD_BYTES);
	return most(t->send_buffer, least(cwnd + least(cwnd, AHEAD_BYTES),
					  t->send_buffer_max));
}
