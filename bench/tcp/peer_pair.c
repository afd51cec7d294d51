// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_pair.c - Connections with both ends in lwIP
 *
 * What one end sends is copied, header and at most one byte, to a queue, from where
 * tcp_input() gets it. Timed is all of that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip_alone.h"
#include "peer.h"

#define QUEUE 1024
#define SEGMENT_MAX 64
#define BATCH 64
#define AT_ONCE 32
#define SERVER_PORT 80
#define TIME_WAIT_TICKS 241	/* of 500 ms: 2 MSL                             */

struct packet {
	uint32_t source, destination, len;
	struct pbuf_custom p;
	uint8_t bytes[SEGMENT_MAX];
};

struct pair {
	struct packet queue[QUEUE];
	uint32_t first, last;
	struct tcp_pcb *listener, *client, *server;
	uint64_t n_sent, n_done, n_wrong;
	uint32_t ticks_for;	/* connections in a tick of 500 ms              */
	uint32_t in_tick;
};

static void fail(const char *what)
{
	fprintf(stderr, "bench: lwIP: %s\n", what);
	exit(1);
}

static void enqueue(void *state, struct pbuf *p, uint32_t source,
		    uint32_t destination)
{
	struct pair *x = state;
	struct packet *q = &x->queue[x->last++ % QUEUE];

	x->n_sent++;
	x->n_wrong += p->tot_len != p->len || p->len > SEGMENT_MAX;
	q->source = source;
	q->destination = destination;
	q->len = p->len;
	memcpy(q->bytes, p->payload, p->len);
}

static void pass_on(struct pair *x)
{
	while (x->first != x->last) {
		struct packet *q = &x->queue[x->first++ % QUEUE];

		lwip_alone_wrap(&q->p, q->bytes, q->len);
		lwip_alone_arrive(&q->p.pbuf, q->source, q->destination);
	}
}

static struct pair *open_pair(tcp_accept_fn accepted)
{
	struct pair *x = bench_memory(sizeof(*x));
	struct tcp_pcb *pcb = tcp_new();
	ip_addr_t here;

	IP_ADDR4(&here, 10, 0, 0, 2);
	if (!pcb || tcp_bind(pcb, &here, SERVER_PORT))
		fail("no listener");
	x->listener = tcp_listen(pcb);
	tcp_arg(x->listener, x);
	tcp_accept(x->listener, accepted);
	return x;
}

static void drop_time_wait(void)
{
	tcp_ticks += TIME_WAIT_TICKS;
	tcp_slowtmr();
}

static void close_pair(void *state)
{
	struct pair *x = state;

	if (x->client) {
		lwip_alone_output(enqueue, x);
		tcp_abort(x->client);
		pass_on(x);
	}
	lwip_alone_output(NULL, NULL);
	tcp_close(x->listener);
	drop_time_wait();
	bench_release(x, sizeof(*x));
}

/* ---- A byte there and a byte back -------------------------------------------------------- */

static err_t take_byte(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct pair *x = arg;

	if (!p)
		return ERR_OK;
	x->n_wrong += p->tot_len != 1;
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	if (pcb == x->client) {
		x->n_done++;
		return ERR_OK;
	}
	x->n_wrong += tcp_write(pcb, "b", 1, TCP_WRITE_FLAG_COPY) != ERR_OK;
	return tcp_output(pcb);
}

static err_t accept_for_exchange(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct pair *x = arg;

	x->server = pcb;
	tcp_arg(pcb, x);
	tcp_recv(pcb, take_byte);
	return ERR_OK;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	return ERR_OK;
}

static void run_exchange(void *state, struct bench_run *run)
{
	struct pair *x = state;

	lwip_alone_output(enqueue, x);
	x->n_done = 0;
	x->n_sent = 0;
	do {
		bench_start(run);
		for (uint32_t n = 0; n < BATCH; n++) {
			tcp_write(x->client, "a", 1, TCP_WRITE_FLAG_COPY);
			tcp_output(x->client);
			pass_on(x);
		}
		bench_stop(run);
		run->items += BATCH;
	} while (run->busy_ns < run->least_ns && x->n_done == run->items);
	lwip_alone_output(NULL, NULL);
	if (x->n_done != run->items || x->n_wrong)
		fail("not a byte there and a byte back");
	if (x->n_sent != 2 * run->items)
		fail("not a segment there and a segment back");
}

static void connect_client(struct pair *x, uint32_t port, tcp_connected_fn done)
{
	ip_addr_t here, there;

	IP_ADDR4(&here, 10, 0, 0, 1);
	IP_ADDR4(&there, 10, 0, 0, 2);
	x->client = tcp_new();
	if (!x->client || tcp_bind(x->client, &here, (uint16_t)port))
		fail("no port");
	tcp_arg(x->client, x);
	x->n_wrong += tcp_connect(x->client, &there, SERVER_PORT, done) != ERR_OK;
}

void peer_exchange_case(struct bench_case *c)
{
	struct pair *x = open_pair(accept_for_exchange);

	lwip_alone_output(enqueue, x);
	connect_client(x, 0, connected);
	pass_on(x);
	lwip_alone_output(NULL, NULL);
	if (x->client->state != ESTABLISHED || !x->server)
		fail("no connection");
	tcp_recv(x->client, take_byte);
	c->state = x;
	c->run = run_exchange;
	c->close = close_pair;
}

/* ---- Connections set up and torn down ------------------------------------------------------- */

static err_t close_behind(void *arg, struct tcp_pcb *pcb, struct pbuf *p,
			  err_t err)
{
	struct pair *x = arg;

	if (p) {
		pbuf_free(p);
		x->n_wrong++;
	} else if (pcb->state == CLOSE_WAIT) {
		x->n_done++;
		x->n_wrong += tcp_close(pcb) != ERR_OK;
	}
	return ERR_OK;
}

static err_t accept_and_wait(void *arg, struct tcp_pcb *pcb, err_t err)
{
	tcp_arg(pcb, arg);
	tcp_recv(pcb, close_behind);
	return ERR_OK;
}

static err_t close_at_once(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct pair *x = arg;

	tcp_recv(pcb, close_behind);
	x->n_wrong += tcp_close(pcb) != ERR_OK;
	return ERR_OK;
}

/* As many ticks as go by while so many connections are made. */
static void let_time_pass(struct pair *x)
{
	if (!x->ticks_for) {
		drop_time_wait();
		return;
	}
	for (x->in_tick += AT_ONCE; x->in_tick >= x->ticks_for;
	     x->in_tick -= x->ticks_for)
		tcp_slowtmr();
}

static void connect_some(struct pair *x)
{
	for (uint32_t n = 0; n < AT_ONCE; n++)
		connect_client(x, 0, close_at_once);
	pass_on(x);
	x->client = NULL;
	let_time_pass(x);
}

static void run_connect(void *state, struct bench_run *run)
{
	struct pair *x = state;

	lwip_alone_output(enqueue, x);
	x->n_done = 0;
	do {
		bench_start(run);
		connect_some(x);
		bench_stop(run);
		run->items += AT_ONCE;
	} while (run->busy_ns < run->least_ns);
	lwip_alone_output(NULL, NULL);
	if (x->n_done != run->items || x->n_wrong || tcp_active_pcbs)
		fail("connections are not set up and torn down");
}

void peer_connect_case(struct bench_case *c, uint32_t waiting)
{
	struct pair *x = open_pair(accept_and_wait);

	x->ticks_for = waiting / TIME_WAIT_TICKS;
	lwip_alone_output(enqueue, x);
	for (uint32_t n = 0; n < waiting; n += AT_ONCE)
		connect_some(x);
	lwip_alone_output(NULL, NULL);
	c->state = x;
	c->run = run_connect;
	c->close = close_pair;
}

/* ---- Idle connections ------------------------------------------------------------------------- */

struct idle {
	uint32_t n, ticks;
	struct tcp_pcb *first, *pcb;
};

static void run_ticks(void *state, struct bench_run *run)
{
	struct idle *d = state;

	tcp_active_pcbs = d->pcb;
	do {
		tcp_ticks = d->ticks;
		bench_start(run);
		for (uint32_t n = 0; n < 8; n++)
			tcp_tmr();
		bench_stop(run);
		run->items += 8;
	} while (run->busy_ns < run->least_ns);
	tcp_active_pcbs = NULL;
}

static void close_idle(void *state)
{
	struct idle *d = state;

	bench_release(d->pcb, d->n * sizeof(*d->pcb));
	tcp_active_pcbs = d->first;
	tcp_abort(d->first);
	free(d);
}

/* Copies of one that is established, with keepalive. */
void peer_tick_case(struct bench_case *c, uint32_t n)
{
	struct idle *d = calloc(1, sizeof(*d));

	if (!d)
		exit(1);
	d->n = n;
	d->first = lwip_alone_connect(1448);
	d->pcb = bench_memory(n * sizeof(*d->pcb));
	if (!d->first || d->first->next)
		fail("no connection, or more than one");
	ip_set_option(d->first, SOF_KEEPALIVE);
	d->ticks = tcp_ticks;
	for (uint32_t k = 0; k < n; k++) {
		d->pcb[k] = *d->first;
		d->pcb[k].next = k + 1 < n ? &d->pcb[k + 1] : NULL;
	}
	tcp_active_pcbs = NULL;
	c->state = d;
	c->run = run_ticks;
	c->close = close_idle;
}

double peer_memory(void)
{
	return sizeof(struct tcp_pcb);
}
