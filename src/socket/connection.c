// SPDX-License-Identifier: BSD-2-Clause
/*
 * connection.c - A socket's TCP: segments in, bytes out, and the other way
 *
 * Received bytes go to where recv() or a work queue wants them, if somebody does and
 * nothing is before them; else into the ring, those out of order to their place beyond
 * its end. So the machine's pieces need no buffers: a cookie is the place in the stream.
 */
#include "socket/connection.h"

#include <errno.h>
#include <poll.h>

#include "packet/headers.h"
#include "socket/listen.h"
#include "socket/ready/urgent.h"
#include "socket/work/take.h"

#define UNITS_A_TURN 32		/* of one connection, before others are served  */

/* ---- Receive -------------------------------------------------------------------- */

/* Where in the stream @g begins; before the first byte if it is a SYN or older. */
static uint64_t place_of(const struct socket *s, const struct tcp_segment *g)
{
	seq_t first = seq_add(g->seq, (g->flags & TCP_SYN) != 0);

	return s->tcb.received + (uint64_t)(int64_t)seq_diff(first, s->tcb.rcv_nxt);
}

/*
 * Room for what may be accepted of @g. A byte of a probe may be taken beyond the window.
 * Return: false: no memory; as if it were lost.
 */
static bool make_room(struct socket *s, const struct tcp_segment *g)
{
	int32_t ahead = seq_diff(s->tcb.rcv_edge, s->tcb.rcv_nxt);
	uint64_t limit = s->tcb.received + (ahead > 0 ? (uint32_t)ahead : 0) + 1;
	uint64_t place = place_of(s, g), end = place + g->len;

	if (!g->len || (int64_t)(end - s->tcb.received) <= 0)
		return true;
	return ring_reserve(&s->receive, end < limit ? end : limit);
}

/* Is all of @g next in the stream, and wanted by who waits in recv()? Urgent is not. */
static bool is_wanted(const struct socket *s, const struct tcp_segment *g)
{
	const struct cursor *r = s->receiver;

	return r && r->n_iov && !ring_count(&s->receive) && !s->urgent &&
	       !(g->flags & TCP_URG) && cursor_part(r) >= g->len &&
	       place_of(s, g) == s->tcb.received;
}

/* @n bytes that are next in the stream. */
static void take_in_order(struct socket *s, const uint8_t *bytes, uint32_t n)
{
	uint32_t given = 0;

	if (s->receiver && !ring_count(&s->receive) && !s->urgent) {
		struct tcp_env env = stack_env();

		given = cursor_fill(s->receiver, bytes, n);
		s->receive.first += given;
		s->receive.end += given;
		s->bytes_straight += given;
		if (given)
			tcp_read(&s->tcb, &env, given);
	} else if (s->posted && !ring_count(&s->receive)) {
		given = work_take(s, bytes, n);
	}
	if (given == n)
		return;
	ring_put(&s->receive, s->receive.end, bytes + given, n - given);
	ring_extend(&s->receive, n - given);
}

/* Bytes from..to - 1 of the payload, to their place or in order. */
static void take_payload(struct socket *s, const struct tto_segment *p, uint32_t from,
			 uint32_t to, uint64_t place, bool in_order)
{
	uint32_t at = 0;

	for (; p && at < to; at += p->len, p = p->next) {
		uint32_t first = from > at ? from - at : 0;
		uint32_t end = to - at < p->len ? to - at : p->len;
		const uint8_t *bytes = p->payload;

		if (first >= end)
			continue;
		if (in_order)
			take_in_order(s, bytes + first, end - first);
		else
			ring_put(&s->receive, place + at + first, bytes + first,
				 end - first);
	}
}

/* Out of order: what is not in the ring already, as far as there is room. */
static void keep(struct socket *s, const struct embed_datagram *d, uint64_t place)
{
	struct ring *r = &s->receive;
	uint64_t limit = r->first + r->size;
	uint32_t from = 0, to = d->segment.len;

	if ((int64_t)(r->end - place) > 0)
		from = (uint32_t)(r->end - place);
	if ((int64_t)(place + to - limit) > 0)
		to = (int64_t)(limit - place) > 0 ? (uint32_t)(limit - place) : 0;
	take_payload(s, d->payload, from, to, place, false);
}

void connection_took(struct socket *s, uint64_t place)
{
	urgent_passed(s, place);
	/* The ring may have what is out of order behind its end: then it stays. */
	ring_drop(&s->receive, place, s->flags & SOCKET_OVER ||
				      s->tcb.in.n_pieces == 0);
}

static void take_pieces(struct socket *s, const struct tcp_env *env)
{
	struct tcp_piece piece;

	while (tcp_next_piece(&s->tcb, env, &piece)) {
		if (piece.len && connection_lives(s))
			ring_extend(&s->receive, piece.len);
	}
}

static void take_segment(struct socket *s, const struct tcp_env *env,
			 const struct embed_datagram *d)
{
	bool in_handshake = s->tcb.state == TCPS_SYN_SENT;
	struct tcp_arrival result;
	uint64_t place;

	if (in_handshake ? d->segment.len && !ring_reserve(&s->receive, UINT16_MAX) :
			   !is_wanted(s, &d->segment) && !make_room(s, &d->segment))
		return;
	place = in_handshake ? 0 : place_of(s, &d->segment);
	/* Its byte is not for who reads: through the ring. */
	if (d->segment.flags & TCP_URG)
		s->receiver = NULL;
	tcp_arrive(&s->tcb, env, &d->segment, place, &result);
	if (result.len)
		take_payload(s, d->payload, result.skip, result.skip + result.len,
			     place, true);
	if (result.kept)
		keep(s, d, place);
	if (s->posted && d->segment.len)
		work_note(s, d->segment.flags);
	if (result.more)
		take_pieces(s, env);
}

/* ---- Send ------------------------------------------------------------------------- */

/* Return: 0; -EAGAIN: the neighbour is not known yet; -errno: there is no way. */
static int find_path(struct socket *s)
{
	struct tcp_tuple t = s->tuple;
	struct embed_path path;
	int err;

	if (stack->now < s->path.until)
		return 0;
	err = embed_route(stack->embed, &t, stack->now, &path);
	if (!err)
		s->path = path;
	else if (s->path.until)	/* the old one may still do                     */
		err = 0;
	return err;
}

static void send_frame(struct socket *s, const struct tcp_frame *f)
{
	struct iovec payload[2];
	const struct embed_unit unit = {
		.tuple = &s->tuple, .path = &s->path, .segment = &f->segment,
		.payload = payload,
		.n_payload = ring_look(&s->send, f->stream, f->segment.len, payload),
		.mss = f->mss, .tos = s->tos, .ttl = s->ttl,
	};

	embed_send(stack->embed, &unit);
}

void connection_queue(struct socket *s)
{
	if (s->flags & SOCKET_OUTPUT)
		return;
	s->flags |= SOCKET_OUTPUT;
	s->next_output = NULL;
	*stack->output_last = s;
	stack->output_last = &s->next_output;
}

/* ---- What happens --------------------------------------------------------------------- */

static int error_of(const struct socket *s)
{
	switch (s->tcb.end) {
	case TCP_END_RESET:
		return s->flags & SOCKET_PEER_CLOSED &&
		       s->flags & SOCKET_SHUT_WRITE ? 0 : ECONNRESET;
	case TCP_END_REFUSED:
		return ECONNREFUSED;
	case TCP_END_TIMED_OUT:
		return ETIMEDOUT;
	case TCP_END_UNREACHABLE:
		return EHOSTUNREACH;
	default:
		return 0;
	}
}

static void arm(struct socket *s)
{
	ns_t deadline = tcp_deadline(&s->tcb);
	struct timer_node *n = &stack->nodes[s->idx];

	if (timer_node_armed(n) ? n->deadline != deadline : deadline != NS_NEVER)
		timer_wheel_arm(&stack->wheel, stack->nodes, s->idx, deadline);
}

/* The TCB is gone; the socket stays as long as it has descriptors. */
static void end(struct socket *s)
{
	timer_wheel_cancel(&stack->wheel, stack->nodes, s->idx);
	s->flags |= SOCKET_OVER;
	s->flags &= ~(uint32_t)SOCKET_CONNECTING;
	ring_free(&s->send);
	notify(s, POLLIN | POLLOUT | POLLHUP | POLLRDHUP | POLLERR);
	if (s->listener && !(s->flags & SOCKET_CONNECTED))
		s->listener = NULL;
	/* One that waits to be accepted goes on waiting. */
	if (!s->refs && !s->listener)
		socket_free(s);
}

static void finish(struct socket *s, const struct tcp_env *env)
{
	tcp_report(&s->tcb, env, &s->report);
	take_pieces(s, env);
	s->error = s->error ? s->error : error_of(s);
	tcp_forget(&s->tcb, env);
	lookup_remove(stack->lookup, &s->tuple);
	embed_release(stack->embed, &s->tuple);
	if (s->flags & SOCKET_PORT)
		ports_release(stack->ports, &s->tuple);
	s->flags &= ~(uint32_t)SOCKET_PORT;
	end(s);
}

/*
 * What is due at the end, an RST or the last ACK, leaves although the device is full: it is
 * small, and there is no later.
 */
static void send_last(struct socket *s, const struct tcp_env *env)
{
	struct tcp_frame f;

	while (tcp_emit(&s->tcb, env, &f)) {
		if (!find_path(s))
			send_frame(s, &f);
	}
}

static void wait_out(struct socket *s, const struct tcp_env *env)
{
	struct time_wait_state w;
	struct tcp_tuple gone;

	send_last(s, env);
	tcp_report(&s->tcb, env, &s->report);
	take_pieces(s, env);
	tcp_time_wait(&s->tcb, &w);
	tcp_forget(&s->tcb, env);
	(void)time_wait_enter(stack->time_wait, stack->lookup, &s->tuple, &w, env->now,
			      &gone);
	stack_port_is_free(&gone);
	embed_linger(stack->embed, &s->tuple);
	s->flags &= ~(uint32_t)SOCKET_PORT;
	end(s);
}

static void become_established(struct socket *s)
{
	s->flags &= ~(uint32_t)SOCKET_CONNECTING;
	s->flags |= SOCKET_CONNECTED;
	if (s->listener)
		listen_complete(s);
}

/* An urgent byte that is next, read or not, is gone when there is a newer one. */
static void skip_displaced(struct socket *s, const struct tcp_env *env)
{
	uint64_t place = s->receive.first;

	if (!urgent_is_next(s, place) || s->flags & SOCKET_OOB_INLINE ||
	    !ring_count(&s->receive))
		return;
	ring_drop(&s->receive, place + 1, false);
	tcp_read(&s->tcb, env, 1);
}

/* Return: false: the TCB is gone, and perhaps the socket. */
static bool take_events(struct socket *s, const struct tcp_env *env)
{
	uint32_t events = tcp_take_events(&s->tcb), ready = 0;

	if (!events)
		return true;
	if (events & TCP_EVENT_ESTABLISHED) {
		become_established(s);
		ready |= POLLOUT;
	}
	if (events & TCP_EVENT_READABLE)
		ready |= POLLIN;
	if (events & TCP_EVENT_PEER_CLOSED) {
		s->flags |= SOCKET_PEER_CLOSED;
		ready |= POLLIN | POLLRDHUP;
	}
	if (events & TCP_EVENT_ACKED)
		ring_drop(&s->send, tcp_acked(&s->tcb), true);
	if (events & TCP_EVENT_WRITABLE)
		ready |= POLLOUT;
	if (events & TCP_EVENT_URGENT) {
		skip_displaced(s, env);
		urgent_announced(s);
	}
	if (urgent_is_there(s))
		ready |= POLLPRI;
	if (events & TCP_EVENT_CLOSED) {
		finish(s, env);
		return false;
	}
	if (events & TCP_EVENT_TIME_WAIT) {
		wait_out(s, env);
		return false;
	}
	if (ready)
		notify(s, ready);
	return true;
}

/* Until nothing is to be sent, or the device is full. */
bool connection_output(struct socket *s)
{
	struct tcp_env env = stack_env();
	uint32_t units = UNITS_A_TURN;
	struct tcp_frame f;
	int err;

	s->flags &= ~(uint32_t)SOCKET_ASKS;
	while (units-- && embed_ready(stack->embed)) {
		err = find_path(s);
		if (err == -EAGAIN) {
			s->flags |= SOCKET_ASKS;
			return false;
		}
		if (!tcp_emit(&s->tcb, &env, &f)) {
			if (!take_events(s, &env))
				return true;
			arm(s);
			return true;
		}
		if (!err)
			send_frame(s, &f);
	}
	return false;
}

void connection_touch(struct socket *s)
{
	struct tcp_env env = stack_env();

	if (s->tcb.state == TCPS_CLOSED) {
		send_last(s, &env);
		(void)take_events(s, &env);
		return;
	}
	if (!take_events(s, &env))
		return;
	if (!connection_output(s))
		connection_queue(s);
}

/* ---- Entries --------------------------------------------------------------------------- */

static void begin(struct socket *s)
{
	s->kind = SOCKET_CONNECTION;
	socket_apply_options(s);
}

void connection_open(struct socket *s)
{
	struct tcp_endpoint endpoint = stack_endpoint(&s->tuple);
	struct tcp_env env = stack_env();

	endpoint.mss_clamp = s->mss_clamp;
	stack->n_opened++;
	s->flags |= SOCKET_CONNECTING;
	tcp_open(&s->tcb, &env, &endpoint);
	begin(s);
	connection_touch(s);
}

void connection_accept(struct socket *s, const struct tcp_request *r,
		       const struct tcp_endpoint *endpoint,
		       const struct embed_datagram *d)
{
	struct tcp_env env = stack_env();

	stack->n_accepted++;
	tcp_accept(&s->tcb, &env, r, endpoint);
	s->flags |= SOCKET_CONNECTING;
	memcpy(s->path.mac, d->from, sizeof(s->path.mac));
	s->path.until = env.now + TCP_SECOND;
	begin(s);
	connection_arrive(s, d);
}

/* Sent is at the end of the turn: one ACK for all that comes in it. */
void connection_arrive(struct socket *s, const struct embed_datagram *d)
{
	struct tcp_env env = stack_env();

	take_segment(s, &env, d);
	if (s->tcb.state == TCPS_CLOSED)
		connection_touch(s);
	else if (take_events(s, &env))
		connection_queue(s);
}

void connection_icmp(struct socket *s, const struct embed_datagram *d)
{
	struct tcp_env env = stack_env();

	tcp_icmp(&s->tcb, &env, (enum tcp_icmp)d->icmp, d->quoted, d->mtu);
	connection_touch(s);
}

void connection_timer(struct socket *s)
{
	struct tcp_env env = stack_env();

	if (tcp_deadline(&s->tcb) > env.now) {
		arm(s);
		return;
	}
	tcp_timer(&s->tcb, &env);
	connection_touch(s);
}
