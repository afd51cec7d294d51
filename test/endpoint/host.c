// SPDX-License-Identifier: BSD-2-Clause
/* host.c - A complete host: device, table of connections, timers, applications */
#include "endpoint/host.h"

#include <stdlib.h>
#include <string.h>

#include "endpoint/watch.h"
#include "tcp/loss/cells.h"

#define N_TIME_WAITS 64
#define SPARE_CONNECTIONS 4
#define FIRST_PORT 50000
#define N_PORTS 40		/* few, so that they are used again             */
#define DUE_MAX 32
#define ROUNDS_MAX 100000

/* ---- Make and release ----------------------------------------------------------- */

static void *memory(size_t bytes)
{
	void *p = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) &
				~(size_t)(CACHE_LINE - 1));

	if (!p)
		abort();
	return p;
}

static void *zeroes(size_t n, size_t bytes)
{
	void *p = memory(n * bytes);

	memset(p, 0, n * bytes);
	return p;
}

static void draw(struct host *h, uint8_t *to, size_t bytes)
{
	for (size_t n = 0; n < bytes; n++)
		to[n] = (uint8_t)chance_u64(&h->chance);
}

static void make_tables(struct host *h)
{
	const struct side *s = h->side;
	uint32_t n_nodes = 2 * h->n_connections + s->n_requests;
	uint32_t capacity = h->n_connections + s->n_requests + N_TIME_WAITS + 8;
	uint8_t key[32];

	h->cells = cells_init(memory(cells_bytes(s->n_cells)), s->n_cells,
			      s->n_cells / 8);
	draw(h, key, 32);
	h->lookup = lookup_init(memory(lookup_bytes(capacity)), capacity, key);
	h->time_wait = time_wait_init(memory(time_wait_bytes(N_TIME_WAITS)),
				      N_TIME_WAITS, s->config.time_wait,
				      s->config.timestamp_tick);
	draw(h, key, 32);
	h->ports = ports_init(memory(ports_bytes(1)), 1, FIRST_PORT,
			      FIRST_PORT + N_PORTS - 1, key);
	draw(h, key, 32);
	syn_cookie_init(&h->cookies, key, s->clock_start);
	draw(h, h->secret.key, sizeof(h->secret.key));
	timer_wheel_init(&h->wheel, s->clock_start, s->wheel_shift);
	h->nodes = memory(n_nodes * sizeof(*h->nodes));
	for (uint32_t n = 0; n < n_nodes; n++)
		timer_node_init(&h->nodes[n]);
}

static void listen_on(struct host *h)
{
	struct tcp_tuple t = h->setup.tuple;

	memset(t.remote, 0, sizeof(t.remote));
	t.remote_port = 0;
	(void)lookup_insert(h->lookup, &t, HOST_LISTENER);
}

static void arrive(void *ctx, const struct datagram *d);

struct host *host_open(const struct host_setup *setup, const struct host_ops *ops,
		       struct verdict *verdict, void *around)
{
	struct host *h = zeroes(1, sizeof(*h));

	h->setup = *setup;
	h->side = setup->side;
	h->ops = ops;
	h->verdict = verdict;
	h->now = h->side->clock_start;
	h->config = h->side->config;
	h->chance = chance_of(setup->seed, 100 + setup->number);
	h->n_connections = setup->n_connections + SPARE_CONNECTIONS;
	h->connections = zeroes(h->n_connections, sizeof(*h->connections));
	h->requests = zeroes(h->side->n_requests, sizeof(*h->requests));
	make_tables(h);
	h->start_at = setup->start_at;
	if (setup->listens) {
		h->start_at = NS_NEVER;
		listen_on(h);
	}
	h->around = around;
	h->device.arrive = arrive;
	h->device.transmit = ops->transmit;
	h->device.ctx = h;
	h->device.verdict = verdict;
	h->device_next = NS_NEVER;
	device_open(&h->device, setup);
	return h;
}

void host_close(struct host *h)
{
	for (uint32_t n = 0; n < h->n_connections; n++) {
		struct connection *c = &h->connections[n];
		struct tcp_env env = host_env(h);
		struct tcp_piece piece;

		if (!c->used)
			continue;
		tcp_abort(&c->tcb, &env);
		while (tcp_next_piece(&c->tcb, &env, &piece))
			free((void *)(uintptr_t)piece.cookie);
	}
	device_close(&h->device);
	free(h->connections);
	free(h->requests);
	free(h->outcomes);
	free(h->cells);
	free(h->lookup);
	free(h->time_wait);
	free(h->ports);
	free(h->nodes);
	free(h);
}

/* ---- Connections -------------------------------------------------------------------- */

struct tcp_endpoint host_endpoint(struct host *h, const struct tcp_tuple *t)
{
	struct isn isn = isn_choose(&h->secret, t, h->now);

	return (struct tcp_endpoint){
		.iss = isn.iss,
		.timestamp_offset = isn.timestamp_offset,
		.mtu = h->side->mtu,
		.mss_clamp = h->side->mss_clamp,
		.v6 = t->v6,
	};
}

struct connection *host_take_connection(struct host *h,
					const struct tcp_tuple *t)
{
	uint32_t n = 0;

	while (n < h->n_connections && h->connections[n].used)
		n++;
	if (n == h->n_connections)
		return NULL;
	struct connection *c = &h->connections[n];

	if (!lookup_set(h->lookup, t, n) && lookup_insert(h->lookup, t, n))
		return NULL;
	memset(c, 0, sizeof(*c));
	c->host = h;
	c->idx = n;
	c->used = true;
	c->out.tuple = *t;
	c->chance = chance_of(h->setup.seed, 1000 + 2ULL * h->n_outcomes +
			      h->setup.number);
	c->wake = c->close_after = NS_NEVER;
	h->n_used++;
	return c;
}

static void keep_outcome(struct connection *c)
{
	struct host *h = c->host;

	if (h->n_outcomes == h->max_outcomes) {
		h->max_outcomes = h->max_outcomes ? 2 * h->max_outcomes : 8;
		h->outcomes = realloc(h->outcomes, h->max_outcomes *
				      sizeof(*h->outcomes));
		if (!h->outcomes)
			abort();
	}
	h->outcomes[h->n_outcomes++] = c->out;
}

static void release(struct connection *c)
{
	struct host *h = c->host;

	keep_outcome(c);
	timer_wheel_cancel(&h->wheel, h->nodes, c->idx);
	timer_wheel_cancel(&h->wheel, h->nodes, h->n_connections + c->idx);
	c->used = false;
	h->n_used--;
}

static bool is_chosen_port(uint16_t port)
{
	return port >= FIRST_PORT;
}

void host_free_connection(struct connection *c)
{
	struct tcp_tuple t = c->out.tuple;

	release(c);
	lookup_remove(c->host->lookup, &t);
	if (is_chosen_port(t.local_port))
		ports_release(c->host->ports, &t);
}

void host_enter_time_wait(struct connection *c)
{
	struct host *h = c->host;
	struct tcp_env env = host_env(h);
	struct time_wait_state s;
	struct tcp_tuple tuple = c->out.tuple, gone;

	tcp_time_wait(&c->tcb, &s);
	tcp_forget(&c->tcb, &env);
	release(c);
	if (time_wait_enter(h->time_wait, h->lookup, &tuple, &s, h->now,
			    &gone) == LOOKUP_NONE)
		verdict_fail(h->verdict, "no place in TIME-WAIT");
	if (is_chosen_port(gone.local_port))
		ports_release(h->ports, &gone);
}

static void arm(struct host *h, uint32_t node, ns_t deadline)
{
	if (timer_node_armed(&h->nodes[node]) ?
	    h->nodes[node].deadline != deadline : deadline != NS_NEVER)
		timer_wheel_arm(&h->wheel, h->nodes, node, deadline);
}

void host_arm(struct connection *c)
{
	arm(c->host, c->idx, tcp_deadline(&c->tcb));
	arm(c->host, c->host->n_connections + c->idx, c->wake);
}

/* ---- Start --------------------------------------------------------------------------- */

static bool may_start(const struct host *h)
{
	uint32_t n = 0;

	if (h->start_at == NS_NEVER || h->n_started == h->setup.n_connections)
		return false;
	for (uint32_t k = 0; k < h->n_connections; k++)
		n += h->connections[k].used && !h->connections[k].closed;
	return n < h->setup.n_parallel;
}

static bool choose_tuple(struct host *h, struct tcp_tuple *t)
{
	*t = h->setup.tuple;
	if (t->local_port)
		return lookup_find(h->lookup, t) == LOOKUP_NONE;
	return ports_choose(h->ports, h->lookup, t) == 0;
}

static bool start_one(struct host *h)
{
	struct tcp_endpoint endpoint;
	struct connection *c;
	struct tcp_tuple t;

	if (!tcp_tuple_is_possible(&h->setup.tuple)) {	/* MUST-46              */
		h->start_at = NS_NEVER;
		return false;
	}
	if (!choose_tuple(h, &t)) {
		h->start_at = h->now + TCP_SECOND;
		return false;
	}
	c = host_take_connection(h, &t);
	if (!c) {
		h->start_at = h->now + TCP_SECOND;
		return false;
	}
	if (is_chosen_port(t.local_port))
		ports_use(h->ports, &t);
	h->n_started++;
	endpoint = host_endpoint(h, &t);
	connection_open(c, &endpoint);
	return true;
}

static void start(struct host *h)
{
	while (h->start_at <= h->now && may_start(h) && start_one(h))
		;
}

/* ---- Frames ---------------------------------------------------------------------------- */

void host_send(struct host *h, const struct tcp_tuple *t,
	       const struct tcp_segment *s)
{
	device_send(&h->device, t, s, NULL, 1);
}

static void arrive_in_time_wait(struct host *h, uint32_t number,
				const struct datagram *d)
{
	struct tcp_tuple t = d->tuple;
	struct tcp_segment answer;

	if (d->is_icmp)
		return;
	switch (time_wait_arrive(h->time_wait, number, &d->segment, h->now,
				 &answer)) {
	case TIME_WAIT_ANSWER:
		host_send(h, &t, &answer);
		break;
	case TIME_WAIT_REOPEN:
		time_wait_remove(h->time_wait, h->lookup, number);
		if (is_chosen_port(t.local_port))
			ports_release(h->ports, &t);
		listen_reopen(h, d, answer.seq);
		break;
	case TIME_WAIT_DROP:
		break;
	}
}

static void arrive(void *ctx, const struct datagram *d)
{
	struct host *h = ctx;
	const struct tcp_tuple *t = &h->setup.tuple;
	uint32_t value;

	if (d->tuple.v6 != t->v6 || memcmp(t->local, d->tuple.local, 16) ||
	    h->verdict->failed)
		return;
	value = lookup_find(h->lookup, &d->tuple);
	if (value == LOOKUP_NONE)
		listen_arrive(h, d);
	else if (value & TIME_WAIT_FLAG)
		arrive_in_time_wait(h, value & ~TIME_WAIT_FLAG, d);
	else if (value & HOST_REQUEST)
		listen_arrive_for(h, value & ~HOST_REQUEST, d);
	else if (d->is_icmp)
		connection_icmp(&h->connections[value], d);
	else
		connection_arrive(&h->connections[value], d);
}

void host_take(struct host *h, const struct tto_frame *frames, size_t n, ns_t now)
{
	h->now = now;
	device_take(&h->device, frames, n, now);
	h->device_next = device_poll(&h->device, now);
}

void host_took_all(struct host *h, ns_t now)
{
	h->now = now;
	device_flush(&h->device, now);
	h->device_next = device_poll(&h->device, now);
}

void host_receive(struct host *h, uint8_t *bytes, uint32_t len, ns_t now)
{
	h->now = now;
	device_push(&h->device, bytes, len, now);
	h->device_next = device_poll(&h->device, now);
}

/* ---- Time ------------------------------------------------------------------------------- */

static void expire(struct host *h)
{
	struct tcp_tuple gone[8];
	uint32_t n;

	while (time_wait_next(h->time_wait) <= h->now) {
		n = time_wait_expire(h->time_wait, h->lookup, h->now, gone, 8);
		while (n--)
			if (is_chosen_port(gone[n].local_port))
				ports_release(h->ports, &gone[n]);
	}
}

static void node_is_due(struct host *h, uint32_t node)
{
	uint32_t n = h->n_connections;

	if (node < n && tcp_deadline(&h->connections[node].tcb) <= h->now)
		connection_timer(&h->connections[node]);
	else if (node < 2 * n)
		connection_pump(&h->connections[node % n]);
	else
		listen_timer(h, node - 2 * n);
}

static void run_timers(struct host *h)
{
	uint32_t due[DUE_MAX], n, rounds = 0;

	while (timer_wheel_next(&h->wheel) <= h->now && !h->verdict->failed) {
		n = timer_wheel_advance(&h->wheel, h->nodes, h->now, due, DUE_MAX);
		for (uint32_t k = 0; k < n; k++) {
			/* Another one may have freed it, or used it again. */
			if (due[k] >= 2 * h->n_connections ||
			    h->connections[due[k] % h->n_connections].used)
				node_is_due(h, due[k]);
		}
		if (++rounds > ROUNDS_MAX)
			verdict_fail(h->verdict, "timers fire without end");
	}
}

void host_run(struct host *h, ns_t now)
{
	h->now = now;
	h->device_next = device_poll(&h->device, now);
	run_timers(h);
	expire(h);
	start(h);
}

ns_t host_next(const struct host *h)
{
	ns_t next = timer_wheel_next(&h->wheel), t;

	next = h->device_next < next ? h->device_next : next;
	t = time_wait_next(h->time_wait);
	next = t < next ? t : next;
	if (h->start_at < next && may_start(h))
		next = h->start_at;
	return next;
}

bool host_is_quiet(const struct host *h)
{
	if (h->start_at != NS_NEVER && h->n_started < h->setup.n_connections)
		return false;
	for (uint32_t n = 0; n < h->n_connections; n++)
		if (h->connections[n].used &&
		    h->connections[n].tcb.state != TCPS_TIME_WAIT)
			return false;
	return true;
}

bool host_is_done(const struct host *h)
{
	return (h->start_at == NS_NEVER ||
		h->n_started == h->setup.n_connections) &&
	       h->n_used == 0 && h->n_requests_used == 0 &&
	       time_wait_count(h->time_wait) == 0;
}
