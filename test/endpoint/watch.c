// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c - What a host must keep to, whatever the network does
 *
 * Some of it is looked up in the TCB, which only a test may do; none of it is
 * computed the way src/tcp computes it.
 */
#include "endpoint/watch.h"

#include "packet/headers.h"
#include "tcp/loss/cells.h"

#define PING_PONG_MAX 100
#define PING_PONG_NS TCP_SECOND
#define BACKOFF_FROM 4		/* instants: probe, timeout; from here doubled  */

#define FAIL(c, ...) verdict_fail((c)->host->verdict, __VA_ARGS__)

/* ---- Received ------------------------------------------------------------------------ */

static bool is_pure_ack(const struct tcp_segment *s)
{
	return s->len == 0 && !(s->flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

static void see_peer_edge(struct connection *c, const struct tcp_segment *s)
{
	struct watch *w = &c->watch;
	uint32_t shift = s->flags & TCP_SYN ? 0 : c->tcb.snd_shift;
	seq_t edge = seq_add(s->ack, (uint32_t)s->window << shift);

	if (!(s->flags & TCP_ACK) || (s->flags & TCP_RST))
		return;
	if (!w->any_edge || seq_before(w->peer_edge, edge))
		w->peer_edge = edge;
	w->any_edge = true;
}

void watch_arrive(struct connection *c, const struct tcp_segment *s)
{
	struct watch *w = &c->watch;
	seq_t end = seq_add(s->seq, tcp_segment_space(s));

	if (c->tcb.state != TCPS_SYN_SENT && seq_before(c->tcb.rcv_edge, end))
		end = c->tcb.rcv_nxt;	/* is refused, at least in part         */
	see_peer_edge(c, s);
	if (!w->any_peer || seq_before(w->peer_end, end))
		w->peer_end = end;
	w->any_peer = true;
	w->was_pure_ack = is_pure_ack(s);
	if (!w->was_pure_ack)
		w->ping_pong = 0;
	w->last_arrival = c->host->now;
	w->n_again = 0;
}

/* ---- Sent: what must not be -------------------------------------------------------------- */

/* Never beyond the window, except for a probe of one segment byte or FIN. */
static void check_window(struct connection *c, const struct tcp_frame *f)
{
	seq_t end = seq_add(f->segment.seq, tcp_segment_space(&f->segment));

	if (f->segment.flags & (TCP_SYN | TCP_RST) || !c->watch.any_edge)
		return;
	if (seq_diff(end, c->watch.peer_edge) > 1)
		FAIL(c, "sends %d bytes beyond the window of the peer",
		     seq_diff(end, c->watch.peer_edge));
}

/*
 * RFC 9293 §3.8.6: what was offered is not taken back, but for what the scaled field
 * cannot say (RFC 7323 §2.4); ACKs do not go back.
 */
static void check_offer(struct connection *c, const struct tcp_segment *s)
{
	struct watch *w = &c->watch;
	uint32_t shift = s->flags & TCP_SYN ? 0 : c->tcb.rcv_shift;
	seq_t edge = seq_add(s->ack, (uint32_t)s->window << shift);

	if (!(s->flags & TCP_ACK) || (s->flags & TCP_RST))
		return;
	if (w->any_own_edge && seq_before(s->ack, w->own_ack))
		FAIL(c, "ACK goes back by %d", seq_diff(w->own_ack, s->ack));
	if (w->any_own_edge &&
	    seq_diff(w->own_edge, edge) >= (int32_t)(1U << c->tcb.rcv_shift))
		FAIL(c, "right edge of the window goes back by %d",
		     seq_diff(w->own_edge, edge));
	if (w->any_peer && seq_before(w->peer_end, s->ack))
		FAIL(c, "acknowledges %d bytes that never came",
		     seq_diff(s->ack, w->peer_end));
	w->own_ack = s->ack;
	if (!w->any_own_edge || seq_before(w->own_edge, edge))
		w->own_edge = edge;
	w->any_own_edge = true;
}

static void check_sacks(struct connection *c, const struct tcp_segment *s)
{
	for (unsigned n = 0; n < s->n_sack; n++) {
		const struct tcp_sack *b = &s->sack[n];

		if (!seq_before(b->start, b->end) ||
		    seq_before(c->watch.peer_end, b->end))
			FAIL(c, "SACK block %u of bytes that never came", n);
		else if (n > 0 && !seq_before(s->ack, b->start))
			FAIL(c, "SACK block %u is not above the ACK", n);
	}
}

/* RFC 7323 §3.2, §5.4: TSval never goes back. */
static void check_timestamp(struct connection *c, const struct tcp_segment *s)
{
	if (!(s->has & TCP_HAS_TIMESTAMP) || s->flags & TCP_RST)
		return;
	if (c->watch.any_tsval && seq_before(seq(s->tsval), c->watch.tsval))
		FAIL(c, "TSval goes back");
	c->watch.tsval = seq(s->tsval);
	c->watch.any_tsval = true;
}

static void check_stream(struct connection *c, const struct tcp_frame *f)
{
	if (f->segment.len == 0)
		return;
	if (f->stream < tcp_acked(&c->tcb))
		FAIL(c, "sends byte %llu again, which was acknowledged",
		     (unsigned long long)f->stream);
	if (f->stream + f->segment.len > c->out.written)
		FAIL(c, "sends bytes that were never written");
	if (seq_add(c->out.iss, (uint32_t)f->stream + 1).n != f->segment.seq.n)
		FAIL(c, "byte %llu with a wrong sequence number",
		     (unsigned long long)f->stream);
	if (f->segment.flags & TCP_FIN &&
	    f->stream + f->segment.len != c->out.written)
		FAIL(c, "FIN is not at the end");
}

/* ---- Sent: what must have an end ------------------------------------------------------------ */

/* An ACK alone for an ACK alone, and so on: nobody would ever stop. */
static void check_ping_pong(struct connection *c, const struct tcp_frame *f)
{
	struct watch *w = &c->watch;

	if (!is_pure_ack(&f->segment) || !w->was_pure_ack ||
	    w->last_arrival != c->host->now)
		return;
	if (c->host->now - w->ping_pong_at > PING_PONG_NS)
		w->ping_pong = 0;
	w->ping_pong_at = c->host->now;
	if (++w->ping_pong > PING_PONG_MAX)
		FAIL(c, "ACKs are answered by ACKs without end");
}

/* RFC 6298 §5.5: without any answer each wait is twice as long as the last. */
static void check_backoff(struct connection *c, const struct tcp_frame *f)
{
	struct watch *w = &c->watch;
	ns_t now = c->host->now, gap = now - w->last_again;
	ns_t granule = c->host->side->clock_tick + (2ULL << c->host->wheel.shift);

	if (!f->again || !c->host->setup.is_steady)
		return;
	if (w->mss != f->mss || w->n_again == 0) {
		w->mss = f->mss;
		w->n_again = 1;
	} else if (gap != 0) {
		w->n_again++;
		if (w->n_again > BACKOFF_FROM && gap + granule < w->gap / 10 * 17 &&
		    gap + granule < c->host->config.rto_max / 10 * 9)
			FAIL(c, "sends again after %llu us, before that after %llu us",
			     (unsigned long long)gap / 1000,
			     (unsigned long long)w->gap / 1000);
		w->gap = gap;
	}
	w->last_again = now;
}

/* RFC 6582 §3.2 step 3: each duplicate ACK says that one has left the network. */
static uint64_t without_sack(const struct connection *c)
{
	return c->tcb.flags & TCB_SACK ? 0 :
	       (uint64_t)c->tcb.newreno.dupacks * c->tcb.mss;
}

/* New data only as far as the congestion window goes; three more may be RACK's
 * probe and limited transmit. And the window only grows when it is used. */
static void check_congestion(struct connection *c, const struct tcp_frame *f)
{
	const struct congestion *g = &c->tcb.congestion;
	uint32_t flight = c->tcb.out.nxt.n - c->tcb.out.una.n;
	uint64_t most, mss = c->tcb.mss;
	bool is_probe = c->tcb.rack.probe_out && f->segment.len <= mss;

	if (mss > c->watch.most_mss)
		c->watch.most_mss = c->tcb.mss;
	if (flight > c->watch.max_flight)
		c->watch.max_flight = flight;
	most = 3ULL * c->watch.max_flight + 8 * mss +
	       2ULL * c->host->config.initial_segments * c->watch.most_mss;
	if (g->cwnd > most)
		FAIL(c, "cwnd is %u, but never more than %u was in flight, MSS %u",
		     g->cwnd, c->watch.max_flight, c->tcb.mss);
	if (f->segment.len && !f->again && !is_probe &&
	    scoreboard_in_flight(&c->tcb.out) > g->cwnd + 3 * mss + f->mss +
						 without_sack(c))
		FAIL(c, "%u bytes are in flight with a cwnd of %u, MSS %u, phase %u",
		     scoreboard_in_flight(&c->tcb.out), g->cwnd, c->tcb.mss,
		     c->tcb.phase);
}

void watch_emit(struct connection *c, const struct tcp_frame *f)
{
	const struct tcp_segment *s = &f->segment;

	if (f->mss == 0)
		FAIL(c, "a frame with an MSS of 0");
	check_window(c, f);
	check_offer(c, s);
	check_sacks(c, s);
	check_timestamp(c, s);
	check_stream(c, f);
	check_ping_pong(c, f);
	check_backoff(c, f);
	check_congestion(c, f);
}

/* ---- At rest ----------------------------------------------------------------------------------- */

static bool must_have_deadline(const struct connection *c)
{
	const struct tcp_tcb *t = &c->tcb;
	uint32_t outstanding = t->out.nxt.n - t->out.una.n;

	if (outstanding && t->state != TCPS_TIME_WAIT)
		return true;
	if (c->out.acked < c->out.written || c->closed)
		return true;
	return t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RECEIVED ||
	       t->state == TCPS_FIN_WAIT_1 || t->state == TCPS_CLOSING ||
	       t->state == TCPS_LAST_ACK || t->state == TCPS_TIME_WAIT;
}

/*
 * What the peer may still send fits into the buffer beside what nobody has read. It may
 * have sent more than it was offered: a probe is taken as long as there is room.
 */
static void check_room(struct connection *c)
{
	const struct tcp_tcb *t = &c->tcb;
	struct watch *w = &c->watch;
	int32_t ahead = w->any_own_edge ? seq_diff(w->own_edge, t->rcv_nxt) : 0;
	uint32_t offered = ahead > 0 ? (uint32_t)ahead : 0;

	if (t->receive_buffer > w->most_buffer)
		w->most_buffer = t->receive_buffer;
	if (w->most_buffer < UINT16_MAX)	/* a SYN's window is not scaled  */
		w->most_buffer = UINT16_MAX;
	if (!c->out.eof && (uint64_t)c->unread + offered > w->most_buffer)
		FAIL(c, "%u bytes are not read and %u more are offered, into %u",
		     c->unread, offered, w->most_buffer);
}

/* MUST-58: within half a second what has come in order is acknowledged. */
static void check_delayed_ack(struct connection *c)
{
	const struct tcp_tcb *t = &c->tcb;

	if (c->watch.any_own_edge && !seq_equal(c->watch.own_ack, t->rcv_nxt) &&
	    tcp_deadline(t) > c->host->now + TCP_SECOND / 2)
		FAIL(c, "%d bytes will not be acknowledged in time",
		     seq_diff(t->rcv_nxt, c->watch.own_ack));
}

void watch_rest(struct connection *c)
{
	ns_t deadline = tcp_deadline(&c->tcb), now = c->host->now;
	const struct tcp_config *config = &c->host->config;
	uint32_t outstanding = c->tcb.out.nxt.n - c->tcb.out.una.n;

	if (deadline == NS_NEVER && must_have_deadline(c))
		FAIL(c, "waits for ever in state %u", c->tcb.state);
	if (outstanding && c->tcb.state != TCPS_TIME_WAIT &&
	    deadline > now + 2 * config->rto_max)
		FAIL(c, "waits %llu s for an ACK",
		     (unsigned long long)((deadline - now) / TCP_SECOND));
	check_room(c);
	check_delayed_ack(c);
	if (c->out.acked > c->out.written)
		FAIL(c, "more is acknowledged than was written");
}

/* ---- The end ------------------------------------------------------------------------------------- */

void watch_end(struct host *h)
{
	struct verdict *v = h->verdict;
	uint32_t listeners = h->setup.listens;

	if (h->cells->n_free != h->side->n_cells)
		verdict_fail(v, "host %u: %u cells leak", h->setup.number,
			     h->side->n_cells - h->cells->n_free);
	if (h->n_buffers)
		verdict_fail(v, "host %u: %llu buffers leak", h->setup.number,
			     (unsigned long long)h->n_buffers);
	if (lookup_count(h->lookup) != listeners)
		verdict_fail(v, "host %u: %u entries leak in the table", h->setup.number,
			     lookup_count(h->lookup) - listeners);
	if (h->wheel.n_armed)
		verdict_fail(v, "host %u: %u timers leak", h->setup.number,
			     h->wheel.n_armed);
}
