// SPDX-License-Identifier: BSD-2-Clause
/* host.c - All that a host has for its connections, and nothing that carries bytes */
#include "host.h"

#include "bench.h"
#include "packet/headers.h"
#include "timer_follow.h"

#define CELLS 1024
#define PORT_GROUPS 8
#define DUE 32
#define BURST 8

/* A segment, before it is known whose it is. */
struct arriving {
	struct tcp_tuple tuple;
	struct tcp_segment segment;
};

/* ---- Make and release ------------------------------------------------------------- */

struct host *host_open(uint32_t waiting)
{
	static const uint8_t key[16] = { 3, 1, 4, 1, 5, 9, 2, 6 };
	struct host *h = bench_memory(sizeof(*h));

	h->capacity = waiting + 2 * HOST_CONNECTIONS + 8;
	tcp_config_default(&h->config);
	h->env.now = 1000 * TCP_SECOND;
	h->env.config = &h->config;
	h->env.cells = cells_init(bench_memory(cells_bytes(CELLS)), CELLS, 16);
	h->lookup = lookup_init(bench_memory(lookup_bytes(h->capacity)),
				h->capacity, key);
	h->ports = ports_init(bench_memory(ports_bytes(PORT_GROUPS)), PORT_GROUPS,
			      PORTS_FIRST, PORTS_LAST, key);
	h->time_wait = time_wait_init(bench_memory(time_wait_bytes(h->capacity)),
				      h->capacity, h->config.time_wait,
				      h->config.timestamp_tick);
	timer_wheel_init(&h->wheel, h->env.now, TIMER_WHEEL_SHIFT);
	h->connection = bench_memory(HOST_CONNECTIONS * sizeof(*h->connection));
	for (uint32_t n = 0; n < HOST_CONNECTIONS; n++) {
		h->free_connections.number[h->free_connections.n++] = n;
		h->free_requests.number[h->free_requests.n++] = n;
		timer_node_init(&h->node[n]);
		timer_node_init(&h->node[HOST_CONNECTIONS + n]);
	}
	return h;
}

void host_close(struct host *h)
{
	bench_release(h->env.cells, cells_bytes(CELLS));
	bench_release(h->lookup, lookup_bytes(h->capacity));
	bench_release(h->ports, ports_bytes(PORT_GROUPS));
	bench_release(h->time_wait, time_wait_bytes(h->capacity));
	bench_release(h->connection, HOST_CONNECTIONS * sizeof(*h->connection));
	bench_release(h, sizeof(*h));
}

void host_listen(struct host *h)
{
	const struct tcp_tuple t = { .local_port = HOST_PORT };

	h->n_wrong += lookup_insert(h->lookup, &t, HOST_LISTENER) != 0;
}

static uint32_t take_number(struct host *h, struct host_pool *pool)
{
	h->n_wrong += pool->n == 0;
	return pool->n ? pool->number[--pool->n] : 0;
}

static struct tcp_endpoint endpoint_for(struct host *h,
					const struct tcp_tuple *t)
{
	struct isn isn = isn_choose(&h->secret, t, h->env.now);

	return (struct tcp_endpoint){
		.iss = isn.iss, .timestamp_offset = isn.timestamp_offset,
		.mtu = 1500,
	};
}

/* ---- Send -------------------------------------------------------------------------- */

static void send_segment(struct host *h, const struct tcp_tuple *t,
			 struct tcp_segment *s)
{
	struct host_packet *p = &h->peer->queue[h->peer->last++ % HOST_QUEUE];

	h->n_sent++;
	s->source_port = t->local_port;
	s->destination_port = t->remote_port;
	memcpy(p->source, t->local, sizeof(p->source));
	memcpy(p->destination, t->remote, sizeof(p->destination));
	p->len = tcp_segment_emit(s, p->header);
}

static void emit(struct host *h, struct host_connection *c)
{
	struct tcp_frame f;

	while (tcp_emit(&c->tcb, &h->env, &f))
		send_segment(h, &c->tuple, &f.segment);
}

/* ---- A connection ------------------------------------------------------------------- */

static uint32_t number_of(const struct host *h, const struct host_connection *c)
{
	return (uint32_t)(c - h->connection);
}

static void arm(struct host *h, uint32_t node, ns_t deadline)
{
	timer_follow(&h->wheel, h->node, node, deadline, h->env.now);
}

static void forget(struct host *h, struct host_connection *c)
{
	uint32_t number = number_of(h, c);

	tcp_forget(&c->tcb, &h->env);
	timer_wheel_cancel(&h->wheel, h->node, number);
	h->free_connections.number[h->free_connections.n++] = number;
	h->n_closed++;
}

static void enter_time_wait(struct host *h, struct host_connection *c)
{
	struct time_wait_state state;

	tcp_time_wait(&c->tcb, &state);
	h->n_wrong += time_wait_enter(h->time_wait, h->lookup, &c->tuple, &state,
				      h->env.now, NULL) == LOOKUP_NONE;
	forget(h, c);
}

static void end(struct host *h, struct host_connection *c)
{
	h->n_wrong += c->is_active || c->tcb.end != TCP_END_CLOSED;
	lookup_remove(h->lookup, &c->tuple);
	forget(h, c);
}

/* Until there is no more to do, as the application has it: close at once. */
static void pump(struct host *h, struct host_connection *c)
{
	uint32_t events;

	for (;;) {
		emit(h, c);
		events = tcp_take_events(&c->tcb);
		if (events & TCP_EVENT_CLOSED) {
			end(h, c);
			return;
		}
		if (events & TCP_EVENT_TIME_WAIT) {
			enter_time_wait(h, c);
			return;
		}
		if (!(events & (c->is_active ? TCP_EVENT_ESTABLISHED :
					       TCP_EVENT_PEER_CLOSED)))
			break;
		tcp_close(&c->tcb, &h->env);
	}
	arm(h, number_of(h, c), tcp_deadline(&c->tcb));
}

void host_connect(struct host *h, uint32_t local, uint32_t remote)
{
	uint32_t number = take_number(h, &h->free_connections);
	struct host_connection *c = &h->connection[number];
	struct tcp_endpoint endpoint;

	c->is_active = true;
	c->tuple = (struct tcp_tuple){ .remote_port = HOST_PORT };
	store_be32(c->tuple.local, local);
	store_be32(c->tuple.remote, remote);
	h->n_wrong += ports_choose(h->ports, h->lookup, &c->tuple) != 0;
	h->n_wrong += lookup_insert(h->lookup, &c->tuple, number) != 0;
	ports_use(h->ports, &c->tuple);
	endpoint = endpoint_for(h, &c->tuple);
	tcp_open(&c->tcb, &h->env, &endpoint);
	h->n_opened++;
	pump(h, c);
}

/* ---- A request ------------------------------------------------------------------------ */

static void begin(struct host *h, const struct tcp_tuple *t,
		  const struct tcp_segment *s)
{
	uint32_t number = take_number(h, &h->free_requests);
	struct host_request *r = &h->request[number];
	struct tcp_segment out;

	h->n_wrong += lookup_find_listener(h->lookup, t) != HOST_LISTENER ||
		      !tcp_request_is_wanted(s);
	h->n_wrong += lookup_insert(h->lookup, t, HOST_REQUEST | number) != 0;
	r->endpoint = endpoint_for(h, t);
	tcp_request_begin(&r->tcp, &h->env, &r->endpoint, s, &out);
	arm(h, HOST_CONNECTIONS + number, r->tcp.deadline);
	send_segment(h, t, &out);
}

static void complete(struct host *h, uint32_t request, const struct tcp_tuple *t,
		     const struct tcp_segment *s)
{
	uint32_t number = take_number(h, &h->free_connections);
	struct host_connection *c = &h->connection[number];
	struct host_request *r = &h->request[request];
	struct tcp_arrival arrival;

	lookup_set(h->lookup, t, number);
	c->is_active = false;
	c->tuple = *t;
	tcp_accept(&c->tcb, &h->env, &r->tcp, &r->endpoint);
	timer_wheel_cancel(&h->wheel, h->node, HOST_CONNECTIONS + request);
	h->free_requests.number[h->free_requests.n++] = request;
	tcp_arrive(&c->tcb, &h->env, s, 0, &arrival);
	h->n_opened++;
	pump(h, c);
}

static void arrive_for_request(struct host *h, uint32_t number,
			       const struct tcp_tuple *t,
			       const struct tcp_segment *s)
{
	struct host_request *r = &h->request[number];
	struct tcp_segment out;

	if (tcp_request_arrive(&r->tcp, &h->env, &r->endpoint, s, &out) ==
	    TCP_REQUEST_COMPLETE)
		complete(h, number, t, s);
	else
		h->n_wrong++;
}

/* ---- Receive --------------------------------------------------------------------------- */

static void parse(struct host *h, const struct host_packet *p,
		  struct arriving *a)
{
	h->n_wrong += !tcp_segment_parse(&a->segment, p->header, p->len);
	a->tuple = (struct tcp_tuple){
		.local_port = a->segment.destination_port,
		.remote_port = a->segment.source_port,
	};
	memcpy(a->tuple.local, p->destination, sizeof(p->destination));
	memcpy(a->tuple.remote, p->source, sizeof(p->source));
	lookup_prefetch(h->lookup, &a->tuple);
}

static void arrive(struct host *h, const struct arriving *a)
{
	uint32_t value = lookup_find(h->lookup, &a->tuple);
	struct host_connection *c;
	struct tcp_arrival arrival;

	if (value == LOOKUP_NONE) {
		begin(h, &a->tuple, &a->segment);
	} else if (value & TIME_WAIT_FLAG) {
		h->n_wrong++;
	} else if (value & HOST_REQUEST) {
		arrive_for_request(h, value & ~HOST_REQUEST, &a->tuple,
				   &a->segment);
	} else {
		c = &h->connection[value];
		tcp_arrive(&c->tcb, &h->env, &a->segment, 0, &arrival);
		pump(h, c);
	}
}

uint32_t host_run(struct host *h, ns_t now)
{
	uint32_t n = h->last - h->first, some;
	struct arriving burst[BURST];

	h->env.now = now;
	h->n_wrong += n > HOST_QUEUE;
	for (uint32_t left = n; left; left -= some) {
		some = left < BURST ? left : BURST;
		for (uint32_t k = 0; k < some; k++)
			parse(h, &h->queue[h->first++ % HOST_QUEUE], &burst[k]);
		for (uint32_t k = 0; k < some; k++)
			arrive(h, &burst[k]);
	}
	return n;
}

void host_expire(struct host *h, ns_t now)
{
	struct tcp_tuple gone[DUE];
	uint32_t due[DUE], n;

	h->env.now = now;
	while (timer_wheel_next(&h->wheel) <= now)
		h->n_wrong += timer_wheel_advance(&h->wheel, h->node, now, due,
						  DUE);
	while (time_wait_next(h->time_wait) <= now) {
		n = time_wait_expire(h->time_wait, h->lookup, now, gone, DUE);
		while (n)
			ports_release(h->ports, &gone[--n]);
	}
}
