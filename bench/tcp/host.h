/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - All that a host has for its connections, and nothing that carries bytes
 *
 * DOC: Theory of operation
 * One of two hosts opens connections and closes them as soon as they are
 * established, the other one listens and closes when its peer has. What is sent is
 * a header, as the wire has it, in a queue of the other host; what arrives is
 * parsed, looked up, and given to whom it belongs: to a connection, to a request (a
 * SYN that was answered), to an entry in TIME-WAIT, or to the listener.
 *
 * Values in the table: the number of a connection; of a request, with HOST_REQUEST;
 * with TIME_WAIT_FLAG that of time_wait.h. Nodes of the wheel: connections, requests.
 */
#ifndef BENCH_TCP_HOST_H
#define BENCH_TCP_HOST_H

#include "tcp/isn.h"
#include "tcp/listen.h"
#include "tcp/loss/cells.h"
#include "tcp/ports.h"
#include "tcp/tcb.h"
#include "tcp/time_wait.h"
#include "tcp/timer_wheel.h"

#define HOST_CONNECTIONS 256	/* at once, without TIME-WAIT                   */
#define HOST_QUEUE 1024		/* segments                                     */
#define HOST_REQUEST 0x40000000u
#define HOST_LISTENER 0x20000000u
#define HOST_PORT 80

struct host_connection {
	struct tcp_tcb tcb;
	struct tcp_tuple tuple;
	bool is_active;
};

struct host_request {
	struct tcp_request tcp;
	struct tcp_endpoint endpoint;
};

struct host_packet {		/* IPv4 addresses, TCP header; no payload       */
	uint8_t source[4], destination[4];
	uint32_t len;
	uint8_t header[TCP_SEGMENT_HEADER_MAX];
};

/* Numbers that are not in use. */
struct host_pool {
	uint32_t n;
	uint32_t number[HOST_CONNECTIONS];
};

struct host {
	struct tcp_env env;
	struct tcp_config config;
	struct lookup *lookup;
	struct ports *ports;
	struct time_wait *time_wait;
	struct isn_secret secret;
	struct timer_wheel wheel;
	struct timer_node node[2 * HOST_CONNECTIONS];
	struct host_connection *connection;
	struct host_request request[HOST_CONNECTIONS];
	struct host_pool free_connections, free_requests;
	struct host *peer;
	struct host_packet queue[HOST_QUEUE];	/* what comes                   */
	uint32_t first, last;
	uint32_t capacity;	/* of the table                                 */
	uint64_t n_sent, n_opened, n_closed, n_wrong;
};

/**
 * host_open() - A host without connections
 * @waiting:	Room in TIME-WAIT
 *
 * Set peer. Exits with a message when there is no memory.
 */
struct host *host_open(uint32_t waiting);
void host_close(struct host *h);

/** host_listen() - On HOST_PORT, at any address */
void host_listen(struct host *h);

/** host_connect() - From address @local to @remote, port HOST_PORT; then close */
void host_connect(struct host *h, uint32_t local, uint32_t remote);

/** host_run() - Take all that has come, at @now. Return: how much that was */
uint32_t host_run(struct host *h, ns_t now);

/** host_expire() - Timers and TIME-WAIT, at @now */
void host_expire(struct host *h, ns_t now);

#endif
