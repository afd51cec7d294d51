// SPDX-License-Identifier: BSD-2-Clause
/* judged.c - A TCP connection each call of which is judged */
#include "judged.h"

#include <stdio.h>
#include <string.h>

#include "packet/headers.h"
#include "tcp/loss/record.h"
#include "tcp/machine/machine.h"
#include "tcp/time_wait.h"

#define RECORDS_EVERY 8		/* calls: to look at each record                */
#define TIMERS_MAX 32		/* calls at one instant                         */
#define MSS_LEAST 36		/* TCP_MSS_MIN without the timestamps           */
#define TSVAL_ROUND_NS (24 * 86400 * TCP_SECOND)	/* half of what it counts       */
#define REACH (1 << 30)		/* further than any window                      */

void judged_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* ---- For who wants to see what happens: TTO_TRACE in the environment -------------------- */

static bool tracing;

static void trace(const struct judged *j, const char *what,
		  const struct tcp_segment *s)
{
	const struct tcp_tcb *t = &j->t;

	if (!tracing)
		return;
	fprintf(stderr, "%14.6f %s %-12s", (double)j->env.now / 1e9, what,
		tcp_state_name((enum tcp_state)t->state));
	if (s)
		fprintf(stderr, " flags %03x seq %d ack %d len %u win %u frames %u "
			"ecn %u has %02x ts %u %u", s->flags,
			seq_diff(s->seq, *what == '<' ? t->rcv_nxt : t->out.una),
			seq_diff(s->ack, *what == '<' ? t->out.una : t->rcv_nxt),
			s->len, s->window, s->n_frames, s->ecn, s->has, s->tsval,
			s->tsecr);
	for (uint32_t k = 0; s && k < s->n_sack; k++)
		fprintf(stderr, " sack %d..%d", seq_diff(s->sack[k].start, s->ack),
			seq_diff(s->sack[k].end, s->ack));
	fprintf(stderr, " | out %u unsent %u wnd %u cwnd %u lost %u sacked %u phase %u "
		"next in %.6f\n", outstanding(t), unsent(t), t->snd_wnd,
		t->congestion.cwnd, t->out.lost, t->out.sacked, t->phase,
		tcp_deadline(t) == NS_NEVER ? -1.0 :
		((double)tcp_deadline(t) - (double)j->env.now) / 1e9);
}

void judged_begin(struct judged *j, const struct tcp_env *env,
		  const struct tcp_endpoint *endpoint)
{
	tracing = getenv("TTO_TRACE");
	memset(j, 0, sizeof(*j));
	j->env = *env;
	j->endpoint = *endpoint;
	j->n_cells = env->cells->n_free;
}

/* ---- What is true after any call ----------------------------------------------------- */

/* Records cover what is out, without hole, and the counters are their sums. */
static void check_records(const struct judged *j)
{
	const struct scoreboard *b = &j->t.out;
	uint32_t sacked = 0, lost = 0, resent = 0, n = 0;
	seq_t at = b->una;

	for (uint32_t idx = b->records.first; idx != CELL_NONE;) {
		const struct record *r = record_look(j->env.cells, idx);
		uint32_t len = record_len(r);

		CHECK(seq_equal(r->seq, at) && seq_before(r->seq, r->end));
		sacked += r->state == RECORD_SACKED ? len : 0;
		lost += r->state == RECORD_LOST ? len : 0;
		resent += r->state == RECORD_FLIGHT && r->flags & RECORD_RESENT ?
			  len : 0;
		at = r->end;
		idx = r->node.next;
		n++;
	}
	CHECK(seq_equal(at, b->nxt) && n == b->records.n && n <= b->limit);
	CHECK(sacked == b->sacked && lost == b->lost && resent == b->resent);
}

static void check_stream(struct judged *j)
{
	const struct tcp_tcb *t = &j->t;
	uint64_t acked = tcp_acked(t);
	uint32_t syn = t->state > TCPS_SYN_RECEIVED, fin;

	CHECK(acked >= j->acked && acked <= j->written);
	j->acked = acked;
	if (t->state == TCPS_CLOSED || !syn)
		return;
	/* SND.UNA and RCV.NXT are places in streams, and both ends of one. */
	fin = t->out.una.n - (j->endpoint.iss.n + 1) - (uint32_t)acked;
	CHECK(fin <= 1 && (fin == 0 || (j->shut && acked == j->written)));
	CHECK(t->rcv_nxt.n == j->irs.n + 1 + (uint32_t)j->received + j->eof);
	CHECK(j->received >= j->read);
	CHECK(t->not_read == (uint32_t)(j->received - j->read));
}

static void check(struct judged *j)
{
	const struct tcp_tcb *t = &j->t;
	uint32_t held = t->out.records.n + t->in.n_cells;

	if (!j->opened)
		return;
	CHECK(t->state < TCPS_N && t->state != TCPS_LISTEN && t->mss > 0);
	CHECK(j->env.cells->n_free + held + j->n_hoarded == j->n_cells);
	CHECK(t->in.n_pieces <= j->env.config->reassembly_pieces_max);
	CHECK(t->in.n_cells <= 2 * j->env.config->reassembly_pieces_max + 2);
	CHECK(t->out.sacked + t->out.lost <= outstanding(t));
	CHECK(t->state <= TCPS_SYN_RECEIVED || t->congestion.cwnd >= t->mss);
	CHECK(tcp_urgent_ahead(t) <= (uint32_t)REACH);
	check_stream(j);
	if (++j->n_calls % RECORDS_EVERY == 0)
		check_records(j);
	j->events |= tcp_take_events(&j->t);
	CHECK(!(j->events & TCP_EVENT_CLOSED) == (t->state != TCPS_CLOSED));
}

/* ---- The beginning --------------------------------------------------------------------- */

static uint16_t default_mss(const struct judged *j)
{
	return j->endpoint.v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;
}

static void knows_irs(struct judged *j)
{
	if (j->knows_irs || j->t.state < TCPS_SYN_RECEIVED)
		return;
	j->knows_irs = true;
	j->irs = j->t.irs;
}

void judged_open(struct judged *j)
{
	tcp_open(&j->t, &j->env, &j->endpoint);
	j->opened = true;
	j->peer_mss = default_mss(j);
	check(j);
}

void judged_accept(struct judged *j, const struct tcp_request *r)
{
	tcp_accept(&j->t, &j->env, r, &j->endpoint);
	j->opened = true;
	j->peer_mss = r->mss;
	j->edge = seq_add(r->iss, 1U + r->window);
	j->knows_edge = true;
	j->peer_window = r->window;
	j->endpoint.iss = r->iss;
	knows_irs(j);
	check(j);
}

/* ---- Received ---------------------------------------------------------------------------- */

static void hand_over(struct judged *j, seq_t at, uint32_t len)
{
	CHECK(at.n == j->irs.n + 1 + (uint32_t)j->received);
	CHECK(!j->eof);
	CHECK(seq_diff(j->t.rcv_edge, seq_add(at, len)) >= 0);
	j->received += len;
}

static uint32_t free_place(const struct judged *j)
{
	for (uint32_t k = 0; k < JUDGED_HELD_MAX; k++)
		if (!j->held[k].used)
			return k;
	judged_fail(__FILE__, __LINE__, "so many buffers are held");
}

/* The peer's FIN may have been taken, which is one more. */
static void see_eof(struct judged *j)
{
	seq_t end = seq_add(j->irs, 1 + (uint32_t)j->received);

	if (!j->knows_irs || j->eof || !seq_equal(j->t.rcv_nxt, seq_add(end, 1)))
		return;
	j->eof = true;
	CHECK(j->t.events & TCP_EVENT_PEER_CLOSED);
}

void judged_take_pieces(struct judged *j)
{
	struct tcp_piece p;
	uint32_t n = 0;

	j->pieces_wait = false;
	while (j->opened && tcp_next_piece(&j->t, &j->env, &p)) {
		CHECK(++n <= JUDGED_HELD_MAX && p.cookie < JUDGED_HELD_MAX);
		CHECK(j->held[p.cookie].used);
		j->held[p.cookie].used = false;
		j->n_held--;
		if (p.len) {
			seq_t at = seq_add(j->held[p.cookie].start, p.skip);

			CHECK(!seq_before(j->held[p.cookie].end,
					  seq_add(at, p.len)));
			hand_over(j, at, p.len);
		}
		see_eof(j);
	}
	check(j);
}

/* What the peer may have told of its window, and of its MSS. */
static void see_offer(struct judged *j, const struct tcp_segment *s, bool began)
{
	uint32_t shift = s->flags & TCP_SYN ? 0 : j->t.snd_shift;
	uint32_t window = (uint32_t)s->window << shift;
	seq_t edge = seq_add(s->ack, window);

	if (began && s->flags & TCP_SYN)
		j->peer_mss = s->has & TCP_HAS_MSS ?
			      (uint16_t)most(s->mss, TCP_MSS_MIN) : default_mss(j);
	if (began && !(s->flags & TCP_ACK))	/* simultaneous open            */
		edge = seq_add(j->endpoint.iss, 1 + window);
	else if (!(s->flags & TCP_ACK) || s->flags & TCP_RST ||
		 seq_before(j->t.out.nxt, s->ack))
		return;
	/* RFC 5961 §5.2: from further back it says nothing. */
	if (!began && seq_before(seq_add(s->ack, j->peer_window), j->t.out.una))
		return;
	if (!j->knows_edge || seq_before(j->edge, edge))
		j->edge = edge;
	j->knows_edge = true;
	j->peer_window = most(j->peer_window, window);
}

struct before {			/* of a segment                                 */
	seq_t rcv_nxt, rcv_edge, una, nxt;
	uint64_t received;
	uint32_t events, frames;
	uint8_t state;
};

/* RFC 5961 §3.2, RFC 9293 §3.10.7.3: what may have ended it. */
static void check_end(const struct judged *j, const struct tcp_segment *s,
		      const struct before *b)
{
	if (j->t.state != TCPS_CLOSED || b->state == TCPS_CLOSED)
		return;
	switch (j->t.end) {
	case TCP_END_RESET:
		CHECK(s->flags & TCP_RST && seq_equal(s->seq, b->rcv_nxt));
		break;
	case TCP_END_REFUSED:
		CHECK(s->flags & TCP_RST);
		CHECK(b->state == TCPS_SYN_SENT ?
		      s->flags & TCP_ACK &&
		      seq_equal(s->ack, seq_add(j->endpoint.iss, 1)) :
		      seq_equal(s->seq, b->rcv_nxt));
		break;
	case TCP_END_CLOSED:
		CHECK(b->state == TCPS_LAST_ACK && s->flags & TCP_ACK);
		break;
	case TCP_END_ABORTED:
		CHECK(j->closed && s->len);
		break;
	default:
		judged_fail(__FILE__, __LINE__, "a segment can end it so");
	}
}

static void check_arrival(const struct judged *j, const struct tcp_segment *s,
			  const struct tcp_arrival *a, const struct before *b)
{
	const struct tcp_tcb *t = &j->t;
	seq_t first = seq_add(s->seq, (s->flags & TCP_SYN) != 0);
	bool ack = s->flags & TCP_ACK;

	CHECK(a->cause < TCP_N_CAUSES && a->skip <= s->len &&
	      a->len <= s->len - a->skip && !(a->kept && a->len));
	CHECK(a->len == 0 || seq_equal(seq_add(first, a->skip), b->rcv_nxt));
	CHECK(seq_equal(t->out.nxt, b->nxt));
	/* RFC 9293 §3.10.7.4 fifth: only in SND.UNA < SEG.ACK =< SND.NXT. */
	if (!seq_equal(t->out.una, b->una))
		CHECK(ack && seq_equal(t->out.una, s->ack) &&
		      seq_before(b->una, s->ack) && !seq_before(b->nxt, s->ack));
	if (b->state == TCPS_CLOSED || a->cause == TCP_CAUSE_OUTSIDE_WINDOW ||
	    a->cause == TCP_CAUSE_PAWS || a->cause == TCP_CAUSE_ACK_AHEAD ||
	    a->cause == TCP_CAUSE_ACK_OLD || a->cause == TCP_CAUSE_NO_ACK ||
	    a->cause == TCP_CAUSE_CHALLENGED_SYN)
		CHECK(!a->len && !a->kept && t->state == b->state &&
		      seq_equal(t->rcv_nxt, b->rcv_nxt));
	check_end(j, s, b);
}

static void keep_buffer(struct judged *j, const struct tcp_segment *s, uint32_t k)
{
	j->held[k].start = seq_add(s->seq, (s->flags & TCP_SYN) != 0);
	j->held[k].end = seq_add(j->held[k].start, s->len);
	j->held[k].used = true;
	j->n_held++;
	CHECK(j->n_held <= j->t.in.n_cells);
}

enum tcp_cause judged_arrive(struct judged *j, const struct tcp_segment *s,
			     bool take)
{
	struct before b = {
		j->t.rcv_nxt, j->t.rcv_edge, j->t.out.una, j->t.out.nxt,
		j->received, j->t.events, j->t.frames_sent, j->t.state,
	};
	uint32_t place = free_place(j);
	struct tcp_arrival a;
	bool began;

	trace(j, "<", s);
	tcp_arrive(&j->t, &j->env, s, place, &a);
	began = b.state == TCPS_SYN_SENT && j->t.state > b.state;
	knows_irs(j);
	if (began)	/* what came with a SYN-ACK: RFC 9293 §3.10.7.3        */
		b.rcv_nxt = seq_add(j->irs, 1);
	see_offer(j, s, began);
	check_arrival(j, s, &a, &b);
	if (a.kept)
		keep_buffer(j, s, place);
	if (a.len)
		hand_over(j, b.rcv_nxt, a.len);
	see_eof(j);
	j->pieces_wait |= a.more;
	if (take && a.more)
		judged_take_pieces(j);
	check(j);
	return a.cause;
}

/* ---- Sent ---------------------------------------------------------------------------------- */

static void check_payload(const struct judged *j, const struct tcp_frame *f,
			  seq_t nxt, seq_t una)
{
	const struct tcp_segment *s = &f->segment;
	seq_t end = seq_add(s->seq, tcp_segment_space(s));
	bool fin = s->flags & TCP_FIN;

	CHECK(!fin || (j->shut && f->stream + s->len == j->written));
	if (s->len == 0 && !fin)
		return;
	CHECK(f->stream >= j->acked && f->stream + s->len <= j->written);
	CHECK((uint32_t)f->stream + j->endpoint.iss.n + 1 == s->seq.n);
	/* Anew from SND.NXT on, or again what is out. */
	if (f->again)
		CHECK(!seq_before(s->seq, una) && !seq_before(nxt, end));
	else
		CHECK(seq_equal(s->seq, nxt) && seq_equal(j->t.out.nxt, end));
	/* A probe of a closed window is one beyond it: RFC 9293 §3.8.6.1. */
	CHECK(j->knows_edge && seq_diff(end, j->edge) <= 1);
	CHECK(!f->again || s->ecn == TCP_ECN_NONE);	/* RFC 3168 §6.1.5      */
}

static void check_size(const struct judged *j, const struct tcp_frame *f)
{
	const struct tcp_segment *s = &f->segment;
	uint32_t headers = (j->endpoint.v6 ? 60U : 40U) +
			   (s->has & TCP_HAS_TIMESTAMP ? 12U : 0);
	uint32_t room = j->endpoint.mtu > headers ? j->endpoint.mtu - headers : 0;
	uint32_t frames = s->len > f->mss ? (s->len + f->mss - 1) / f->mss : 1;

	CHECK(f->mss > 0);
	if (s->flags & TCP_SYN)
		return;
	CHECK(f->mss <= most(room, TCP_MSS_MIN));	/* less in fragments    */
	CHECK(f->mss <= most(j->peer_mss, TCP_MSS_MIN));
	CHECK(s->len <= most(j->env.config->frame_max, f->mss));
	CHECK(s->n_frames == frames);
	/* MUST-67: an urgent pointer is that of one frame. */
	CHECK(!(s->flags & TCP_URG) || s->n_frames == 1 || s->urgent > s->len ||
	      !f->again);
}

/* SHLD-14: neither the ACK nor the edge of the window ever goes back. */
static void check_offer(struct judged *j, const struct tcp_segment *s)
{
	uint32_t shift = s->flags & TCP_SYN ? 0 : j->t.rcv_shift;
	seq_t edge = seq_add(s->ack, (uint32_t)s->window << shift);

	if (!(s->flags & TCP_ACK) || s->flags & TCP_RST)
		return;
	CHECK(!seq_before(j->t.rcv_nxt, s->ack));
	CHECK(!j->has_acked || !seq_before(s->ack, j->own_ack));
	/* The window of a SYN is not scaled, and may be less than there is. */
	CHECK(!j->has_acked || s->flags & TCP_SYN ||
	      seq_diff(j->own_edge, edge) < (int32_t)(1U << j->t.rcv_shift));
	j->own_ack = s->ack;
	if (!j->has_acked || seq_before(j->own_edge, edge))
		j->own_edge = edge;
	j->has_acked = true;
}

/* Are all bytes of the block in buffers that are held? */
static bool is_held(const struct judged *j, const struct tcp_sack *b)
{
	seq_t at = b->start;

	for (uint32_t n = 0; n <= j->n_held && seq_before(at, b->end); n++)
		for (uint32_t k = 0; k < JUDGED_HELD_MAX; k++)
			if (j->held[k].used && !seq_before(at, j->held[k].start) &&
			    seq_before(at, j->held[k].end))
				at = j->held[k].end;
	return !seq_before(at, b->end);
}

static void check_sacks(const struct judged *j, const struct tcp_segment *s)
{
	CHECK(s->n_sack <= (s->has & TCP_HAS_TIMESTAMP ? 3 : 4));
	for (uint32_t n = 0; n < s->n_sack; n++) {
		const struct tcp_sack *b = &s->sack[n];
		bool dsack = n == 0 && !seq_before(s->ack, b->start);

		CHECK(seq_before(b->start, b->end));
		if (n == 0 && s->n_sack > 1 &&
		    !seq_before(b->start, s->sack[1].start) &&
		    !seq_before(s->sack[1].end, b->end))
			dsack = true;	/* RFC 2883 §4: inside of the second    */
		if (j->pieces_wait && !seq_before(s->ack, b->start))
			continue;	/* is in order, and not taken yet       */
		CHECK(dsack || (seq_before(s->ack, b->start) && is_held(j, b)));
		CHECK(dsack || seq_diff(j->t.rcv_edge, b->end) >= 0);
	}
}

static void check_options(struct judged *j, const struct tcp_segment *s)
{
	if (s->has & TCP_HAS_TIMESTAMP) {	/* RFC 7323 §5.4                */
		CHECK(j->env.now - j->tsval_at > TSVAL_ROUND_NS ||
		      !seq_before(seq(s->tsval), seq(j->tsval)));
		j->tsval = s->tsval;
		j->tsval_at = j->env.now;
	}
	CHECK(s->wscale <= TCP_SEGMENT_WSCALE_MAX);
	if (s->flags & TCP_SYN) {
		CHECK(s->has & TCP_HAS_MSS && s->n_sack == 0 && s->len == 0);
		CHECK(j->t.state == TCPS_SYN_SENT ||
		      j->t.state == TCPS_SYN_RECEIVED);
		return;
	}
	CHECK(!(s->has & (TCP_HAS_MSS | TCP_HAS_WSCALE | TCP_HAS_SACK_PERMITTED)));
	CHECK(s->flags & (TCP_ACK | TCP_RST));
	CHECK(s->n_sack == 0 || j->t.flags & TCB_SACK);
	/* RFC 7323 §3.2: always or never. */
	CHECK(!(s->has & TCP_HAS_TIMESTAMP) == !(j->t.flags & TCB_TIMESTAMPS));
}

/* The header says the same as the segment. */
static void check_header(const struct tcp_segment *s)
{
	uint8_t header[TCP_SEGMENT_HEADER_MAX];
	uint32_t bytes = tcp_segment_emit(s, header);
	struct tcp_segment read;

	CHECK(bytes == tcp_segment_header_bytes(s));
	CHECK(tcp_segment_parse(&read, header, bytes + s->len) == bytes);
	CHECK(seq_equal(read.seq, s->seq) && read.flags == s->flags &&
	      seq_equal(read.ack, s->ack) && read.window == s->window &&
	      read.len == s->len && read.urgent == s->urgent &&
	      read.has == s->has && read.n_sack == s->n_sack);
	CHECK(!(s->has & TCP_HAS_TIMESTAMP) ||
	      (read.tsval == s->tsval && read.tsecr == s->tsecr));
	CHECK(!memcmp(read.sack, s->sack, s->n_sack * sizeof(s->sack[0])));
}

/* As the simulator has it: new data only as far as the congestion window goes. */
static void check_congestion(const struct judged *j, const struct tcp_frame *f)
{
	const struct tcp_tcb *t = &j->t;
	uint64_t allowed = t->congestion.cwnd + 3ULL * t->mss + f->mss;

	if (!(t->flags & TCB_SACK))
		allowed += (uint64_t)t->newreno.dupacks * t->mss;
	if (f->segment.len == 0 || f->again ||
	    (t->rack.probe_out && f->segment.len <= t->mss))
		return;
	CHECK(scoreboard_in_flight(&t->out) <= allowed);
}

bool judged_emit(struct judged *j, struct tcp_frame *f)
{
	seq_t nxt = j->t.out.nxt, una = j->t.out.una;
	uint8_t state = j->t.state;

	if (!j->opened || !tcp_emit(&j->t, &j->env, f))
		return false;
	trace(j, ">", &f->segment);
	CHECK(j->t.state == state);
	if (f->segment.flags & TCP_RST) {
		CHECK(f->segment.len == 0);
		check_header(&f->segment);
		return true;
	}
	CHECK(state != TCPS_CLOSED);
	CHECK(state < TCPS_FIN_WAIT_2 || tcp_segment_space(&f->segment) == 0);
	if (!(f->segment.flags & TCP_SYN))
		check_payload(j, f, nxt, una);
	check_size(j, f);
	check_offer(j, &f->segment);
	check_sacks(j, &f->segment);
	check_options(j, &f->segment);
	check_header(&f->segment);
	check_congestion(j, f);
	return true;
}

void judged_drain(struct judged *j,
		  void (*sent)(void *context, const struct tcp_frame *f),
		  void *context)
{
	uint32_t all = unsent(&j->t) + outstanding(&j->t), limit, n = 0;
	struct tcp_frame f;

	limit = 64 + 2 * (all / most(j->t.mss, 1)) + all / MSS_LEAST;
	/* ACKs of an aggregate, divided by stretch. */
	limit += (j->t.rcv_nxt.n - j->t.last_ack_sent.n) / TCP_MSS_MIN;
	while (judged_emit(j, &f)) {
		CHECK(++n <= limit);
		if (sent)
			sent(context, &f);
	}
	check(j);
}

/* ---- Waiting -------------------------------------------------------------------------------- */

void judged_timers(struct judged *j,
		   void (*sent)(void *context, const struct tcp_frame *f),
		   void *context)
{
	uint32_t n = 0;

	while (j->opened && tcp_deadline(&j->t) <= j->env.now) {
		CHECK(++n <= TIMERS_MAX);
		trace(j, "timer", NULL);
		tcp_timer(&j->t, &j->env);
		judged_drain(j, sent, context);
	}
}

static bool must_have_deadline(const struct judged *j)
{
	const struct tcp_tcb *t = &j->t;

	if (t->state == TCPS_CLOSED)
		return false;
	if (t->state == TCPS_FIN_WAIT_2)
		return j->closed;
	return t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RECEIVED ||
	       t->state > TCPS_CLOSE_WAIT || outstanding(t) ||
	       j->acked < j->written;
}

/* What the peer may still send fits in beside what nobody has read. */
static void check_room(struct judged *j)
{
	const struct tcp_tcb *t = &j->t;
	uint64_t offered = j->has_acked && seq_before(t->rcv_nxt, j->own_edge) ?
			   j->own_edge.n - t->rcv_nxt.n : 0;

	/* The window of a SYN is not scaled. */
	j->most_buffer = most(j->most_buffer, most(t->receive_buffer, UINT16_MAX));
	CHECK(j->eof || t->not_read + offered <= j->most_buffer);
	CHECK(j->pieces_wait || t->in.bytes <= window_offered(t));
}

void judged_rest(struct judged *j)
{
	const struct tcp_config *c = j->env.config;
	const struct tcp_tcb *t = &j->t;
	ns_t deadline = tcp_deadline(t);

	if (!j->opened || t->state == TCPS_CLOSED)
		return;
	CHECK(deadline > j->env.now);
	CHECK(deadline != NS_NEVER || !must_have_deadline(j));
	if (outstanding(t) && t->state < TCPS_TIME_WAIT)
		CHECK(deadline <= j->env.now + 2 * c->rto_max);
	/* MUST-40: what has come in order is acknowledged in time. */
	if (j->has_acked && !seq_equal(j->own_ack, t->rcv_nxt))
		CHECK(deadline <= j->env.now + c->delayed_ack);
	if (j->knows_irs)
		check_room(j);
}

/* ---- The user -------------------------------------------------------------------------------- */

void judged_icmp(struct judged *j, enum tcp_icmp kind, seq_t quoted, uint16_t mtu)
{
	uint8_t state = j->t.state;

	trace(j, "icmp", NULL);
	tcp_icmp(&j->t, &j->env, kind, quoted, mtu);
	/* SHLD-25, RFC 5461 §4.1: it ends nothing that is established. */
	CHECK(j->t.state == state || state <= TCPS_SYN_RECEIVED);
	check(j);
}

void judged_write(struct judged *j, uint32_t bytes, bool more)
{
	int error;

	trace(j, "write", NULL);
	error = tcp_write(&j->t, &j->env, bytes, more);
	CHECK(error <= 0);
	CHECK(error || (j->t.state && !j->shut));
	if (error == 0)
		j->written += bytes;
	check(j);
}

void judged_read(struct judged *j, uint32_t bytes)
{
	bytes = least(bytes, (uint32_t)(j->received - j->read));
	trace(j, "read", NULL);
	tcp_read(&j->t, &j->env, bytes);
	j->read += bytes;
	check(j);
}

void judged_set_option(struct judged *j, enum tcp_option option, uint64_t value)
{
	struct tcp_tcb before = j->t;

	trace(j, "option", NULL);
	/* What is refused changes nothing. */
	if (tcp_set_option(&j->t, &j->env, option, value) != 0)
		CHECK(!memcmp(&before, &j->t, sizeof(before)));
	check(j);
}

void judged_shutdown(struct judged *j)
{
	trace(j, "shutdown", NULL);
	tcp_shutdown(&j->t, &j->env);
	j->shut = true;
	check(j);
}

void judged_close(struct judged *j)
{
	trace(j, "close", NULL);
	tcp_close(&j->t, &j->env);
	j->shut = j->closed = true;
	check(j);
}

void judged_end(struct judged *j)
{
	struct tcp_frame f;

	if (!j->opened)
		return;
	check_records(j);
	tcp_abort(&j->t, &j->env);
	CHECK(j->t.state == TCPS_CLOSED && tcp_deadline(&j->t) == NS_NEVER);
	while (judged_emit(j, &f))
		CHECK(f.segment.flags & TCP_RST);
	judged_take_pieces(j);
	tcp_forget(&j->t, &j->env);
	CHECK(j->n_held == 0);
	CHECK(j->env.cells->n_free + j->n_hoarded == j->n_cells);
	j->opened = false;
}
