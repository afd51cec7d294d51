// SPDX-License-Identifier: BSD-2-Clause
/* listen.c - SYNs: remembered as requests, or by cookie when there are too many */
#include <stdlib.h>
#include <string.h>

#include "packet/headers.h"
#include "endpoint/host.h"

#define COOKIE_LIFE (2 * SYN_COOKIE_PERIOD_NS)

static void arm(struct host *h, uint32_t idx)
{
	uint32_t node = 2 * h->n_connections + idx;

	timer_wheel_arm(&h->wheel, h->nodes, node, h->requests[idx].used ?
			h->requests[idx].tcp.deadline : NS_NEVER);
}

static void refuse(struct host *h, const struct datagram *d)
{
	struct tcp_segment out;

	if (tcp_refuse(&d->segment, &out))
		host_send(h, &d->tuple, &out);
}

static void forget(struct host *h, uint32_t idx)
{
	h->requests[idx].used = false;
	h->n_requests_used--;
	arm(h, idx);
}

/* ---- Cookies ----------------------------------------------------------------------- */

static void rekey(struct host *h)
{
	uint8_t random[16];

	for (unsigned n = 0; n < sizeof(random); n++)
		random[n] = (uint8_t)chance_u64(&h->chance);
	(void)syn_cookie_rekey(&h->cookies, random, h->now);
}

static void answer_by_cookie(struct host *h, const struct datagram *d)
{
	const struct tcp_segment *syn = &d->segment;
	struct tcp_endpoint endpoint = host_endpoint(h, &d->tuple);
	struct tcp_env env = host_env(h);
	uint16_t mss = syn->has & TCP_HAS_MSS ? syn->mss : d->tuple.v6 ? 1220 : 536;
	struct tcp_request r;
	struct tcp_segment out;

	rekey(h);
	h->n_cookies++;
	h->last_cookie = h->now;
	endpoint.iss = syn_cookie_make(&h->cookies, &d->tuple, syn->seq, mss,
				       h->now);
	tcp_request_begin(&r, &env, &endpoint, syn, &out);
	tcp_request_hide(&r, &out);
	host_send(h, &d->tuple, &out);
}

static void accept_cookie(struct host *h, const struct datagram *d, uint16_t mss)
{
	const struct tcp_segment *ack = &d->segment;
	struct tcp_endpoint endpoint = host_endpoint(h, &d->tuple);
	struct tcp_env env = host_env(h);
	struct tcp_request r = tcp_request_recall(ack, mss);
	struct connection *c;

	endpoint.iss = seq(ack->ack.n - 1);
	tcp_request_restore(&r, &env, &endpoint, ack);
	c = host_take_connection(h, &d->tuple);
	if (c)
		connection_accept(c, &r, &endpoint, d);
}

/* ---- Requests ------------------------------------------------------------------------- */

static void begin(struct host *h, const struct datagram *d, const seq_t *least)
{
	struct tcp_env env = host_env(h);
	struct tcp_segment out;
	uint32_t idx = 0;
	struct request *r;

	while (idx < h->side->n_requests && h->requests[idx].used)
		idx++;
	if (idx == h->side->n_requests || (h->side->cookies_only && !least)) {
		answer_by_cookie(h, d);
		return;
	}
	r = &h->requests[idx];
	if (lookup_insert(h->lookup, &d->tuple, HOST_REQUEST | idx))
		return;
	*r = (struct request){ .used = true, .tuple = d->tuple,
			       .endpoint = host_endpoint(h, &d->tuple) };
	h->n_requests_used++;
	if (least && seq_before(r->endpoint.iss, *least))
		r->endpoint.iss = *least;
	tcp_request_begin(&r->tcp, &env, &r->endpoint, &d->segment, &out);
	arm(h, idx);
	host_send(h, &d->tuple, &out);
}

static bool is_listened_on(struct host *h, const struct datagram *d)
{
	return lookup_find_listener(h->lookup, &d->tuple) != LOOKUP_NONE;
}

void listen_reopen(struct host *h, const struct datagram *d, seq_t iss)
{
	if (is_listened_on(h, d))
		begin(h, d, &iss);
	else
		refuse(h, d);
}

void listen_arrive(struct host *h, const struct datagram *d)
{
	const struct tcp_segment *s = &d->segment;
	struct tcp_segment out;
	uint16_t mss = 0;

	/* MUST-57, MUST-63: not even an RST. */
	if (d->is_icmp || !tcp_tuple_is_possible(&d->tuple))
		return;
	if (!is_listened_on(h, d)) {
		refuse(h, d);
		return;
	}
	if (tcp_request_is_wanted(s)) {
		begin(h, d, NULL);
		return;
	}
	if ((s->flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK)
		mss = syn_cookie_check(&h->cookies, &d->tuple,
				       seq(s->seq.n - 1), seq(s->ack.n - 1),
				       h->now);
	/*
	 * When the ACK of a cookie is lost, what follows it cannot be told from
	 * what belongs to nobody; the peer will send that ACK again.
	 */
	if (mss)
		accept_cookie(h, d, mss);
	else if ((!h->n_cookies || h->now - h->last_cookie > COOKIE_LIFE) &&
		 tcp_request_refuse(s, &out))
		host_send(h, &d->tuple, &out);
}

static void complete(struct host *h, uint32_t idx, const struct datagram *d)
{
	struct request r = h->requests[idx];
	struct connection *c = host_take_connection(h, &d->tuple);

	if (!c)
		return;		/* as if the ACK were lost                      */
	forget(h, idx);
	connection_accept(c, &r.tcp, &r.endpoint, d);
}

void listen_arrive_for(struct host *h, uint32_t idx, const struct datagram *d)
{
	struct tcp_env env = host_env(h);
	struct request *r = &h->requests[idx];
	struct tcp_segment out;

	if (d->is_icmp)
		return;
	switch (tcp_request_arrive(&r->tcp, &env, &r->endpoint, &d->segment,
				   &out)) {
	case TCP_REQUEST_ANSWER:
		host_send(h, &d->tuple, &out);
		arm(h, idx);
		break;
	case TCP_REQUEST_FORGET:
		lookup_remove(h->lookup, &r->tuple);
		forget(h, idx);
		break;
	case TCP_REQUEST_COMPLETE:
		complete(h, idx, d);
		break;
	case TCP_REQUEST_DROP:
		break;
	}
}

void listen_timer(struct host *h, uint32_t idx)
{
	struct tcp_env env = host_env(h);
	struct request *r = &h->requests[idx];
	struct tcp_segment out;

	if (!r->used)
		return;
	if (r->tcp.deadline > h->now) {
		arm(h, idx);
	} else if (tcp_request_timer(&r->tcp, &env, &r->endpoint, &out) ==
		   TCP_REQUEST_ANSWER) {
		host_send(h, &r->tuple, &out);
		arm(h, idx);
	} else {
		lookup_remove(h->lookup, &r->tuple);
		forget(h, idx);
	}
}
