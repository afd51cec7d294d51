// SPDX-License-Identifier: BSD-2-Clause
/* host.c - One end of the network: addresses, time, connections, listeners */
#include "packetdrill/host.h"

#include <errno.h>
#include <stdlib.h>

#include "packetdrill/epoll.h"
#include "packetdrill/listener.h"
#include "packetdrill/socket.h"
#include "tcp/loss/cells.h"

#define N_CELLS 16384
#define N_WAITING 64
#define FIRST_PORT 32768	/* of those for active opens                    */

/* ---- Time ---------------------------------------------------------------------------- */

static ns_t sooner(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

static ns_t host_deadline(void *ctx)
{
	const struct host *h = ctx;
	ns_t next = NS_NEVER;

	for (const struct connection *c = h->connections; c; c = c->next) {
		if (!c->closed)
			next = sooner(next, tcp_deadline(&c->tcb));
	}
	for (const struct listener *l = h->listeners; l; l = l->next)
		next = sooner(next, listener_deadline(l));
	return sooner(next, time_wait_next(h->time_wait));
}

static void host_run(void *ctx)
{
	struct host *h = ctx;

	for (struct connection *c = h->connections; c; c = c->next) {
		if (!c->closed && tcp_deadline(&c->tcb) <= h->clock.now)
			connection_timer(c);
	}
	for (struct listener *l = h->listeners; l; l = l->next)
		listener_timer(l);
	time_wait_expire(h->time_wait, h->waiting, h->clock.now, NULL,
			 N_WAITING);
	host_sweep(h);
}

/* ---- Make and release ------------------------------------------------------------------ */

static void *take_memory(size_t bytes)
{
	void *memory = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) &
						 ~(size_t)(CACHE_LINE - 1));

	if (!memory)
		abort();
	return memory;
}

struct host *host_new(const struct flags *flags)
{
	static const struct isn_secret secret = { "packetdrill" };
	struct host *h = take_memory(sizeof(*h));
	const struct clock_user user = { host_deadline, host_run, h };

	*h = (struct host){ .flags = *flags, .secret = secret };
	h->cells = cells_init(take_memory(cells_bytes(N_CELLS)), N_CELLS,
			      N_CELLS / 16);
	h->waiting = lookup_init(take_memory(lookup_bytes(N_WAITING)),
				 N_WAITING, secret.key);
	h->time_wait = time_wait_init(take_memory(time_wait_bytes(N_WAITING)),
				      N_WAITING, flags->config.time_wait,
				      flags->config.timestamp_tick);
	h->next_port = FIRST_PORT;
	clock_init(&h->clock, &user);
	return h;
}

void host_free(struct host *h)
{
	struct connection *c;
	struct datagram_sent *d;

	for (int fd = 0; fd < HOST_FDS; fd++) {
		if (h->socket[fd])
			socket_free(h->socket[fd]);
		if (h->epoll[fd])
			epoll_free(h->epoll[fd]);
	}
	while ((c = h->connections)) {
		h->connections = c->next;
		connection_free(c);
	}
	while ((d = datagram_queue_take(&h->out)))
		free(d);
	free(h->cells);
	free(h->waiting);
	free(h->time_wait);
	free(h);
}

/* ---- Connections ------------------------------------------------------------------------- */

struct connection *host_find(const struct host *h, const struct address *local,
			     const struct address *remote)
{
	for (struct connection *c = h->connections; c; c = c->next) {
		if (!c->closed && address_equal(&c->local, local) &&
		    address_equal(&c->remote, remote))
			return c;
	}
	return NULL;
}

void host_add(struct host *h, struct connection *c)
{
	c->next = h->connections;
	h->connections = c;
}

void host_sweep(struct host *h)
{
	struct connection **at = &h->connections;

	while (*at) {
		struct connection *c = *at;

		if (c->orphan && c->closed) {
			*at = c->next;
			connection_free(c);
		} else {
			at = &c->next;
		}
	}
}

/* ---- Addresses --------------------------------------------------------------------------- */

bool host_is_local(const struct host *h, const struct address *a)
{
	for (unsigned n = 0; n < h->flags.n_local; n++) {
		const struct local *l = &h->flags.local[n];

		if (address_in_prefix(&l->address, a,
				      h->flags.any_local ? l->prefix : 128))
			return true;
	}
	return false;
}

/* The one in the same network as @remote, else the first of the family. */
static const struct address *choose_ip(const struct host *h,
				       const struct address *remote)
{
	const struct address *found = NULL;

	for (unsigned n = 0; n < h->flags.n_local; n++) {
		const struct local *l = &h->flags.local[n];

		if (address_is_v4(&l->address) != address_is_v4(remote))
			continue;
		if (address_in_prefix(&l->address, remote, l->prefix))
			return &l->address;
		if (!found)
			found = &l->address;
	}
	return found;
}

int host_choose_source(struct host *h, struct address *local,
		       const struct address *remote)
{
	if (address_is_any(local)) {
		const struct address *ip = choose_ip(h, remote);

		if (!ip)
			return -EADDRNOTAVAIL;
		*local = (struct address){ .port = local->port };
		address_set_ip(local, ip->ip, true);
	}
	if (!local->port)
		local->port = h->next_port++;
	return 0;
}

static void fill_tuple(struct tcp_tuple *t, const struct address *local,
		       const struct address *remote)
{
	size_t bytes = address_is_v4(local) ? 4 : 16;

	*t = (struct tcp_tuple){
		.local_port = local->port,
		.remote_port = remote->port,
		.v6 = !address_is_v4(local),
	};
	memcpy(t->local, address_wire_ip(local), bytes);
	memcpy(t->remote, address_wire_ip(remote), bytes);
}

void host_learn_path(struct host *h, const struct address *remote, uint16_t mtu)
{
	h->path = (struct known_path){
		.remote = *remote, .mtu = mtu,
		.until = h->clock.now + PATH_MTU_RAISE_NS,
	};
}

static uint16_t known_mtu(const struct host *h, const struct address *remote)
{
	return h->path.until > h->clock.now &&
	       address_equal_ip(&h->path.remote, remote) ? h->path.mtu : 0;
}

void host_endpoint(const struct host *h, const struct settings *settings,
		   const struct address *local, const struct address *remote,
		   struct tcp_endpoint *endpoint)
{
	struct tcp_tuple tuple;
	struct isn isn;

	fill_tuple(&tuple, local, remote);
	isn = isn_choose(&h->secret, &tuple, h->clock.now);
	*endpoint = (struct tcp_endpoint){
		.iss = h->has_least_iss && seq_before(isn.iss, h->least_iss) ?
		       h->least_iss : isn.iss,
		.timestamp_offset = isn.timestamp_offset,
		.mtu = tuple.v6 ? h->flags.mtu_v6 : h->flags.mtu_v4,
		.path_mtu = known_mtu(h, remote),
		.mss_clamp = settings->mss_clamp,
		.v6 = tuple.v6,
	};
}

/* ---- The network --------------------------------------------------------------------------- */

void host_send(struct host *h, const struct address *local,
	       const struct address *remote, const struct datagram_options *ip,
	       const struct tcp_segment *s)
{
	const struct address addresses[2] = { *local, *remote };
	struct tcp_segment to = *s;

	to.source_port = local->port;
	to.destination_port = remote->port;
	datagram_queue_add(&h->out, h->clock.now, addresses, ip, &to, NULL, 1);
}

static void refuse(struct host *h, const struct datagram *d, bool listening)
{
	const struct datagram_options ip = { .ttl = 64 };
	struct tcp_segment rst;

	if (listening ? tcp_request_refuse(&d->segment, &rst) :
			tcp_refuse(&d->segment, &rst))
		host_send(h, &d->destination, &d->source, &ip, &rst);
}

void host_enter_time_wait(struct host *h, const struct connection *c,
			  const struct time_wait_state *state)
{
	struct tcp_tuple tuple;

	fill_tuple(&tuple, &c->local, &c->remote);
	time_wait_enter(h->time_wait, h->waiting, &tuple, state, h->clock.now,
			NULL);
}

/* Return: whether that was all. */
static bool arrive_waiting(struct host *h, const struct datagram *d)
{
	const struct datagram_options ip = { .ttl = 64 };
	struct tcp_tuple tuple;
	struct tcp_segment answer;
	uint32_t number;

	fill_tuple(&tuple, &d->destination, &d->source);
	number = lookup_find(h->waiting, &tuple);
	if (number == LOOKUP_NONE)
		return false;
	number &= ~TIME_WAIT_FLAG;
	switch (time_wait_arrive(h->time_wait, number, &d->segment,
				 h->clock.now, &answer)) {
	case TIME_WAIT_ANSWER:
		host_send(h, &d->destination, &d->source, &ip, &answer);
		break;
	case TIME_WAIT_REOPEN:
		time_wait_remove(h->time_wait, h->waiting, number);
		h->least_iss = answer.seq;
		h->has_least_iss = true;
		return false;
	case TIME_WAIT_DROP:
		break;
	}
	return true;
}

static void receive_tcp(struct host *h, const struct datagram *d)
{
	struct connection *c = host_find(h, &d->destination, &d->source);
	struct listener *l = listener_find(h, &d->destination);

	if (!host_is_local(h, &d->destination))
		return;
	h->has_least_iss = false;
	if (c)
		connection_arrive(c, d);
	else if (!arrive_waiting(h, d) && (!l || !listener_arrive(l, d)))
		refuse(h, d, l != NULL);
	h->has_least_iss = false;
}

void host_receive(struct host *h, const uint8_t *bytes, size_t n)
{
	struct connection *c;
	struct datagram d;

	switch (datagram_parse(&d, bytes, n)) {
	case DATAGRAM_TCP:
		receive_tcp(h, &d);
		break;
	case DATAGRAM_ICMP:
		c = host_find(h, &d.source, &d.destination);
		if (c)
			connection_icmp(c, &d);
		break;
	case DATAGRAM_NONE:
		break;
	}
	host_sweep(h);
	clock_settle(&h->clock);
}

struct datagram_sent *host_wait_sent(struct host *h)
{
	while (!h->out.first) {
		if (!clock_step(&h->clock, NS_NEVER - 1))
			return NULL;
	}
	return datagram_queue_take(&h->out);
}
