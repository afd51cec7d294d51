// SPDX-License-Identifier: BSD-2-Clause
/* listen.c - SYNs, and connections that wait to be accepted */
#include "socket/listen.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>

#include "packet/headers.h"
#include "socket/connection.h"

#define COOKIE_LIFE (2 * SYN_COOKIE_PERIOD_NS)
#define NONE UINT32_MAX

/* ---- Listeners ------------------------------------------------------------------- */

static struct tcp_tuple local_of(const struct socket *s)
{
	struct tcp_tuple t = s->tuple;

	memset(t.remote, 0, sizeof(t.remote));
	t.remote_port = 0;
	return t;
}

/* Of [::], which is for both families. */
static bool is_dual(const struct socket *s)
{
	static const uint8_t any[16];

	return s->tuple.v6 && !memcmp(s->tuple.local, any, 16) &&
	       !(s->flags & SOCKET_V6_ONLY);
}

static int begin_port(struct socket *s, const struct tcp_tuple *t)
{
	int err = embed_claim(stack->embed, t, EMBED_LISTEN);

	if (!err && lookup_insert(stack->lookup, t, STACK_LISTENER | s->idx)) {
		embed_release(stack->embed, t);
		err = -ENOMEM;
	}
	return err;
}

/*
 * The first of those on a port is in the table, the others follow it. That they may share
 * it the kernel has said, where they listen as well; at an address that it has not, each
 * of them must have asked for it.
 */
static int join_port(struct socket *s, const struct tcp_tuple *t)
{
	uint32_t value = lookup_find(stack->lookup, t);
	struct socket *first;

	if (value == LOOKUP_NONE)
		return begin_port(s, t);
	first = stack->sockets[value & ~STACK_LISTENER];
	if (s->flags & SOCKET_OURS && !(first->reuses_port && s->reuses_port))
		return -EADDRINUSE;
	s->same_port[t->v6] = first->same_port[t->v6];
	first->same_port[t->v6] = s;
	return 0;
}

static void leave_port(struct socket *s, const struct tcp_tuple *t)
{
	struct socket *next = s->same_port[t->v6];
	struct socket *at = stack->sockets[lookup_find(stack->lookup, t) &
					   ~STACK_LISTENER];

	s->same_port[t->v6] = NULL;
	if (at == s && next) {
		(void)lookup_set(stack->lookup, t, STACK_LISTENER | next->idx);
		return;
	}
	if (at == s) {
		lookup_remove(stack->lookup, t);
		embed_release(stack->embed, t);
		return;
	}
	while (at->same_port[t->v6] != s)
		at = at->same_port[t->v6];
	at->same_port[t->v6] = next;
}

/* As Linux: which one gets a connection is the tuple's hash. */
static struct socket *choose_on_port(struct socket *first, const struct tcp_tuple *t)
{
	uint32_t n = 0, one = t->remote_port * 2654435761u;

	if (!first->same_port[t->v6])
		return first;
	for (const struct socket *s = first; s; s = s->same_port[t->v6])
		n++;
	for (int k = 0; k < 16; k++)
		one = (one ^ t->remote[k]) * 16777619u;
	for (one = (one >> 8) % n; one; one--)
		first = first->same_port[t->v6];
	return first;
}

int listen_begin(struct socket *s, uint32_t backlog)
{
	struct tcp_tuple t = local_of(s);
	int err;

	s->backlog = backlog;
	if (s->kind == SOCKET_LISTENER)
		return 0;
	err = join_port(s, &t);
	if (err)
		return err;
	if (is_dual(s)) {
		t.v6 = 0;
		/* Somebody else may have that family. */
		if (!join_port(s, &t))
			s->flags |= SOCKET_DUAL;
	}
	s->kind = SOCKET_LISTENER;
	return 0;
}

struct socket *listen_accept(struct socket *s)
{
	struct socket *c = s->accept_first;

	if (!c)
		return NULL;
	s->accept_first = c->next_accept;
	if (!s->accept_first)
		s->accept_last = NULL;
	s->n_accept--;
	c->listener = c->next_accept = NULL;
	c->refs = 1;
	return c;
}

void listen_end(struct socket *s)
{
	struct tcp_tuple t = local_of(s);
	struct socket *c;

	leave_port(s, &t);
	t.v6 = 0;
	if (s->flags & SOCKET_DUAL)
		leave_port(s, &t);
	s->flags &= ~(uint32_t)SOCKET_DUAL;
	while ((c = listen_accept(s)) != NULL) {
		struct tcp_env env = stack_env();

		if (connection_lives(c))
			tcp_abort(&c->tcb, &env);
		c->refs = 0;
		if (connection_lives(c))
			connection_touch(c);
		else
			socket_free(c);
	}
}

void listen_complete(struct socket *c)
{
	struct socket *s = c->listener;

	c->next_accept = NULL;
	if (s->accept_last)
		s->accept_last->next_accept = c;
	else
		s->accept_first = c;
	s->accept_last = c;
	s->n_accept++;
	notify(s, POLLIN);
}

static struct socket *find_listener(const struct embed_datagram *d)
{
	uint32_t value = lookup_find_listener(stack->lookup, &d->tuple);

	if (value == LOOKUP_NONE || !(value & STACK_LISTENER))
		return NULL;
	return choose_on_port(stack->sockets[value & ~STACK_LISTENER], &d->tuple);
}

/* What was asked for of the listener counts for the handshake. */
static struct tcp_endpoint endpoint_of(const struct embed_datagram *d)
{
	struct tcp_endpoint endpoint = stack_endpoint(&d->tuple);
	const struct socket *listener = find_listener(d);

	if (listener)
		endpoint.mss_clamp = listener->mss_clamp;
	return endpoint;
}

/* A socket for a handshake that is complete. NULL: no room. */
static struct socket *make_connection(struct socket *listener,
				      const struct tcp_tuple *t)
{
	struct socket *c;

	if (!listener || listener->n_accept > listener->backlog)
		return NULL;
	c = socket_take();
	if (!c)
		return NULL;
	if (!lookup_set(stack->lookup, t, c->idx) &&
	    lookup_insert(stack->lookup, t, c->idx)) {
		socket_free(c);
		return NULL;
	}
	(void)!embed_claim(stack->embed, t, EMBED_ACCEPTED);
	c->refs = 0;
	c->tuple = *t;
	c->listener = listener;
	socket_inherit(c, listener);
	return c;
}

/* ---- Cookies ----------------------------------------------------------------------- */

static void answer_by_cookie(const struct embed_datagram *d)
{
	const struct tcp_segment *syn = &d->segment;
	struct tcp_endpoint endpoint = endpoint_of(d);
	struct tcp_env env = stack_env();
	uint16_t mss = syn->has & TCP_HAS_MSS ? syn->mss : d->tuple.v6 ? 1220 : 536;
	struct tcp_request r;
	struct tcp_segment out;
	uint8_t random[16];

	if (getrandom(random, sizeof(random), 0) == sizeof(random))
		(void)syn_cookie_rekey(&stack->cookies, random, stack->now);
	stack->last_cookie = stack->now;
	endpoint.iss = syn_cookie_make(&stack->cookies, &d->tuple, syn->seq, mss,
				       stack->now);
	tcp_request_begin(&r, &env, &endpoint, syn, &out);
	tcp_request_hide(&r, &out);
	stack_answer(d, &out);
}

static void accept_cookie(struct socket *listener, const struct embed_datagram *d,
			  uint16_t mss)
{
	const struct tcp_segment *ack = &d->segment;
	struct tcp_endpoint endpoint = endpoint_of(d);
	struct tcp_env env = stack_env();
	struct tcp_request r = tcp_request_recall(ack, mss);
	struct socket *c;

	endpoint.iss = seq(ack->ack.n - 1);
	tcp_request_restore(&r, &env, &endpoint, ack);
	c = make_connection(listener, &d->tuple);
	if (c)
		connection_accept(c, &r, &endpoint, d);
}

/* ---- Requests ------------------------------------------------------------------------- */

static void arm(uint32_t idx)
{
	const struct request *r = &stack->requests[idx];

	timer_wheel_arm(&stack->wheel, stack->nodes, STACK_SOCKETS + idx,
			r->used ? r->tcp.deadline : NS_NEVER);
}

static void forget(uint32_t idx)
{
	struct request *r = &stack->requests[idx];

	r->used = false;
	r->next_free = stack->free_request;
	stack->free_request = idx;
	stack->n_requests--;
	arm(idx);
}

static void begin(const struct embed_datagram *d, const seq_t *least)
{
	struct tcp_env env = stack_env();
	uint32_t idx = stack->free_request;
	struct tcp_segment out;
	struct request *r;

	if (idx == NONE) {
		answer_by_cookie(d);
		return;
	}
	r = &stack->requests[idx];
	if (lookup_insert(stack->lookup, &d->tuple, STACK_REQUEST | idx))
		return;
	stack->free_request = r->next_free;
	stack->n_requests++;
	*r = (struct request){ .used = true, .tuple = d->tuple,
			       .endpoint = endpoint_of(d) };
	if (least && seq_before(r->endpoint.iss, *least))
		r->endpoint.iss = *least;
	tcp_request_begin(&r->tcp, &env, &r->endpoint, &d->segment, &out);
	arm(idx);
	stack_answer(d, &out);
}

static void refuse(const struct embed_datagram *d)
{
	struct tcp_segment out;

	if (tcp_refuse(&d->segment, &out))
		stack_answer(d, &out);
}

void listen_reopen(const struct embed_datagram *d, seq_t least)
{
	if (find_listener(d))
		begin(d, &least);
	else
		refuse(d);
}

void listen_arrive(const struct embed_datagram *d)
{
	struct socket *listener = find_listener(d);
	const struct tcp_segment *s = &d->segment;
	struct tcp_segment out;
	uint16_t mss = 0;

	if (d->is_icmp)
		return;
	if (!listener) {
		refuse(d);
		return;
	}
	if (tcp_request_is_wanted(s)) {
		if (listener->n_accept <= listener->backlog)
			begin(d, NULL);
		return;
	}
	if ((s->flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK &&
	    stack->last_cookie)
		mss = syn_cookie_check(&stack->cookies, &d->tuple, seq(s->seq.n - 1),
				       seq(s->ack.n - 1), stack->now);
	/*
	 * When the ACK of a cookie is lost, what follows it cannot be told from what
	 * belongs to nobody; the peer will send that ACK again.
	 */
	if (mss)
		accept_cookie(listener, d, mss);
	else if ((!stack->last_cookie ||
		  stack->now - stack->last_cookie > COOKIE_LIFE) &&
		 tcp_request_refuse(s, &out))
		stack_answer(d, &out);
}

static void complete(uint32_t idx, const struct embed_datagram *d)
{
	struct request r = stack->requests[idx];
	struct socket *c = make_connection(find_listener(d), &d->tuple);

	if (!c)
		return;		/* as if the ACK were lost                      */
	forget(idx);
	connection_accept(c, &r.tcp, &r.endpoint, d);
}

void listen_arrive_for(uint32_t idx, const struct embed_datagram *d)
{
	struct tcp_env env = stack_env();
	struct request *r = &stack->requests[idx];
	struct tcp_segment out;

	if (d->is_icmp)
		return;
	switch (tcp_request_arrive(&r->tcp, &env, &r->endpoint, &d->segment, &out)) {
	case TCP_REQUEST_ANSWER:
		stack_answer(d, &out);
		arm(idx);
		break;
	case TCP_REQUEST_FORGET:
		lookup_remove(stack->lookup, &r->tuple);
		forget(idx);
		break;
	case TCP_REQUEST_COMPLETE:
		complete(idx, d);
		break;
	case TCP_REQUEST_DROP:
		break;
	}
}

/* By the neighbours' table: where the SYN came from is not kept. */
static void send_again(const struct request *r, const struct tcp_segment *out)
{
	struct tcp_tuple t = r->tuple;
	struct embed_path path;

	if (!embed_route(stack->embed, &t, stack->now, &path))
		stack_send(&r->tuple, &path, out);
}

void listen_timer(uint32_t idx)
{
	struct tcp_env env = stack_env();
	struct request *r = &stack->requests[idx];
	struct tcp_segment out;

	if (!r->used)
		return;
	if (r->tcp.deadline > stack->now) {
		arm(idx);
	} else if (tcp_request_timer(&r->tcp, &env, &r->endpoint, &out) ==
		   TCP_REQUEST_ANSWER) {
		send_again(r, &out);
		arm(idx);
	} else {
		lookup_remove(stack->lookup, &r->tuple);
		forget(idx);
	}
}
