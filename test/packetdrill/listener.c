// SPDX-License-Identifier: BSD-2-Clause
/* listener.c - A port that is listened on: SYNs that were answered, connections */
#include "packetdrill/listener.h"

#include <stdlib.h>

#include "packetdrill/host.h"

struct request {
	struct request *next;
	struct address local, remote;
	struct tcp_request tcp;
	struct tcp_endpoint endpoint;
};

static struct tcp_env env_of(const struct listener *l)
{
	return (struct tcp_env){
		.now = l->host->clock.now,
		.config = &l->settings->config,
		.cells = l->host->cells,
	};
}

/* ---- Make, find and release ---------------------------------------------------------- */

struct listener *listener_new(struct host *h, const struct address *local,
			      const struct settings *settings, unsigned backlog)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->host = h;
	l->local = *local;
	l->settings = settings;
	l->backlog = backlog;
	l->next = h->listeners;
	h->listeners = l;
	return l;
}

void listener_free(struct listener *l)
{
	struct listener **at = &l->host->listeners;
	struct request *r;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	while ((r = l->requests)) {
		l->requests = r->next;
		free(r);
	}
	for (unsigned n = 0; n < l->n_ready; n++)
		connection_drop(l->ready[n], true);
	free(l->ready);
	free(l);
}

struct listener *listener_find(const struct host *h, const struct address *local)
{
	for (struct listener *l = h->listeners; l; l = l->next) {
		if (l->local.port == local->port &&
		    (address_is_any(&l->local) ||
		     address_equal_ip(&l->local, local)))
			return l;
	}
	return NULL;
}

/* ---- Requests ---------------------------------------------------------------------------- */

static void answer(struct listener *l, const struct request *r,
		   const struct tcp_segment *s)
{
	host_send(l->host, &r->local, &r->remote, &l->settings->ip, s);
}

static void begin(struct listener *l, const struct datagram *syn)
{
	struct tcp_env env = env_of(l);
	struct request *r = calloc(1, sizeof(*r));
	struct tcp_segment out;

	if (!r)
		abort();
	r->local = syn->destination;
	r->remote = syn->source;
	host_endpoint(l->host, l->settings, &r->local, &r->remote, &r->endpoint);
	tcp_request_begin(&r->tcp, &env, &r->endpoint, &syn->segment, &out);
	r->next = l->requests;
	l->requests = r;
	answer(l, r, &out);
}

static void remove_request(struct listener *l, struct request *r)
{
	struct request **at = &l->requests;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r);
}

static void add_ready(struct listener *l, struct connection *c)
{
	l->ready = realloc(l->ready, (l->n_ready + 1) * sizeof(c));
	if (!l->ready)
		abort();
	l->ready[l->n_ready++] = c;
	l->n_reads++;
}

/* As on other systems, one more than the backlog; the ACK is as if lost. */
static void complete(struct listener *l, struct request *r,
		     const struct datagram *ack)
{
	struct connection *c;

	if (l->n_ready > l->backlog)
		return;
	c = connection_new(l->host, l->settings, &r->local, &r->remote);
	connection_accept(c, &r->tcp, &r->endpoint, ack);
	remove_request(l, r);
	if (c->established)
		add_ready(l, c);
	else
		connection_drop(c, true);
}

static void arrive_for(struct listener *l, struct request *r,
		       const struct datagram *d)
{
	struct tcp_env env = env_of(l);
	struct tcp_segment out;

	switch (tcp_request_arrive(&r->tcp, &env, &r->endpoint, &d->segment,
				   &out)) {
	case TCP_REQUEST_ANSWER:
		answer(l, r, &out);
		break;
	case TCP_REQUEST_FORGET:
		remove_request(l, r);
		break;
	case TCP_REQUEST_COMPLETE:
		complete(l, r, d);
		break;
	case TCP_REQUEST_DROP:
		break;
	}
}

bool listener_arrive(struct listener *l, const struct datagram *d)
{
	for (struct request *r = l->requests; r; r = r->next) {
		if (address_equal(&r->remote, &d->source) &&
		    address_equal(&r->local, &d->destination)) {
			arrive_for(l, r, d);
			return true;
		}
	}
	if (!tcp_request_is_wanted(&d->segment))
		return false;
	begin(l, d);
	return true;
}

struct connection *listener_take(struct listener *l)
{
	struct connection *c;

	if (!l->n_ready)
		return NULL;
	c = l->ready[0];
	l->n_ready--;
	memmove(l->ready, l->ready + 1, l->n_ready * sizeof(c));
	return c;
}

/* ---- Time --------------------------------------------------------------------------------- */

ns_t listener_deadline(const struct listener *l)
{
	ns_t next = NS_NEVER;

	for (const struct request *r = l->requests; r; r = r->next)
		next = r->tcp.deadline < next ? r->tcp.deadline : next;
	return next;
}

static void run_timer(struct listener *l, struct request *r,
		      const struct tcp_env *env)
{
	struct tcp_segment out;

	if (tcp_request_timer(&r->tcp, env, &r->endpoint, &out) ==
	    TCP_REQUEST_ANSWER)
		answer(l, r, &out);
	else
		remove_request(l, r);
}

void listener_timer(struct listener *l)
{
	struct tcp_env env = env_of(l);
	struct request *next;

	for (struct request *r = l->requests; r; r = next) {
		next = r->next;
		if (r->tcp.deadline <= env.now)
			run_timer(l, r, &env);
	}
}
