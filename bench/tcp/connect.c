// SPDX-License-Identifier: BSD-2-Clause
/*
 * connect.c - Connections that are set up and torn down, while others are in TIME-WAIT
 *
 * Timed is everything that both hosts of host.h do, from the choice of a port to
 * the end: SYN, SYN-ACK, ACK, FIN, ACK, FIN, ACK; at the one that has closed first,
 * also an entry in TIME-WAIT, and one that has waited long enough. So that as many
 * are in TIME-WAIT all the time as are wanted, time goes by accordingly.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "host.h"

#define AT_ONCE 32
#define HOP_NS 5000
#define ADDRESSES 16		/* of the listener: 28 232 ports are for each   */
#define CLIENT 0x0a000001
#define SERVER 0x0a000101
#define SEGMENTS 7

struct connecting {
	struct host *client, *server;
	uint32_t waiting;
	uint32_t address;
	ns_t now, step;		/* for each AT_ONCE                             */
};

static void connect_some(struct connecting *c)
{
	c->client->env.now = c->now;
	for (uint32_t n = 0; n < AT_ONCE; n++)
		host_connect(c->client, CLIENT,
			     SERVER + c->address++ % ADDRESSES);
	for (uint32_t n = 1; n; ) {
		n = host_run(c->server, c->now += HOP_NS);
		n += host_run(c->client, c->now += HOP_NS);
	}
	c->now += c->step;
	host_expire(c->client, c->now);
	host_expire(c->server, c->now);
}

static void check(const struct connecting *c, uint64_t n, uint64_t segments)
{
	if (!c->client->n_wrong && !c->server->n_wrong &&
	    c->client->n_opened == n && c->server->n_opened == n &&
	    c->client->n_closed == n && c->server->n_closed == n &&
	    segments == n * SEGMENTS &&
	    time_wait_count(c->client->time_wait) <= c->waiting + AT_ONCE)
		return;
	fprintf(stderr, "bench: connections are not set up and torn down\n");
	exit(1);
}

static void run(void *state, struct bench_run *run)
{
	struct connecting *c = state;

	do {
		bench_start(run);
		connect_some(c);
		bench_stop(run);
		run->items += AT_ONCE;
	} while (run->busy_ns < run->least_ns);
	check(c, c->client->n_opened, c->client->n_sent + c->server->n_sent);
}

static void close_connecting(void *state)
{
	struct connecting *c = state;

	host_close(c->client);
	host_close(c->server);
	free(c);
}

void connect_case(struct bench_case *b, uint32_t waiting, uint32_t room)
{
	struct connecting *c = calloc(1, sizeof(*c));

	if (!c)
		exit(1);
	c->client = host_open(room);
	c->server = host_open(room);
	c->client->peer = c->server;
	c->server->peer = c->client;
	host_listen(c->server);
	c->waiting = waiting;
	c->now = c->client->env.now;
	c->step = waiting ? c->client->config.time_wait / waiting * AT_ONCE :
			    c->client->config.time_wait;
	for (uint32_t n = 0; n <= waiting; n += AT_ONCE)
		connect_some(c);
	check(c, c->client->n_opened, c->client->n_sent + c->server->n_sent);
	b->state = c;
	b->run = run;
	b->close = close_connecting;
}
