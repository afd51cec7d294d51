/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - A complete host: device, table of connections, timers, applications
 *
 * DOC: Theory of operation
 * What a host does follows from how it is made and from its inputs alone: frames
 * and times. In virtual time these come from test/sim, where a journal of them
 * repeats a run; in real time from test/interop. Either says in struct host_ops
 * what is to be done with what comes out.
 *
 * One struct for each connection and each request (a SYN that was answered), in
 * pools of fixed size. Values in the lookup table: number of a connection; of a
 * request, with HOST_REQUEST; in time_wait.h, with TIME_WAIT_FLAG. Nodes of the
 * timer wheel: TCBs, then applications, then requests.
 */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include "endpoint/connection.h"
#include "endpoint/side.h"
#include "tcp/isn.h"
#include "tcp/ports.h"
#include "tcp/syn_cookie.h"
#include "tcp/time_wait.h"
#include "tcp/timer_wheel.h"

#define HOST_REQUEST 0x40000000u
#define HOST_LISTENER 0x20000000u

struct request {
	struct tcp_request tcp;
	struct tcp_tuple tuple;
	struct tcp_endpoint endpoint;
	bool used;
};

/* What is around a host. */
struct host_ops {
	/* A frame leaves; with the host. See device.h.                         */
	device_transmit_fn *transmit;
	/* What @c sends from place @at of its stream on, @len bytes, at least
	 * until the frame has left.                                            */
	const uint8_t *(*payload)(const struct connection *c, uint64_t at,
				  uint32_t len);
	/* @len bytes at place @at of what @c receives are handed over.         */
	void (*receive)(struct connection *c, uint64_t at, const uint8_t *bytes,
			uint32_t len);
};

struct host {
	struct host_setup setup;
	const struct side *side;	/* setup.side                           */
	const struct host_ops *ops;
	struct verdict *verdict;
	ns_t now;
	struct device device;
	ns_t device_next;	/* when it has something to hand up             */
	void *around;		/* of whoever has it                            */
	struct tcp_config config;
	struct chance chance;

	struct cells *cells;
	struct lookup *lookup;
	struct time_wait *time_wait;
	struct ports *ports;
	struct timer_wheel wheel;
	struct timer_node *nodes;
	struct syn_cookie cookies;
	struct isn_secret secret;

	struct connection *connections;
	struct request *requests;
	struct outcome *outcomes;	/* one for each connection there ever was */
	uint32_t n_connections;	/* places                                       */
	uint32_t n_used, n_outcomes, max_outcomes;
	uint32_t n_requests_used;
	uint32_t n_started;
	ns_t start_at;		/* the next one, NS_NEVER: none                 */
	uint64_t progress;	/* grows with all that gets anywhere            */
	uint64_t n_buffers;	/* of what is out of order                      */
	ns_t last_cookie;
	uint64_t n_renegs, n_cookies;
};

/**
 * host_open() - Make a host
 * @setup:	Copied; its side stays the caller's, and there
 * @ops:	Stays the caller's, and there
 * @around:	host->around, for @ops
 */
struct host *host_open(const struct host_setup *setup, const struct host_ops *ops,
		       struct verdict *verdict, void *around);
void host_close(struct host *h);

/* Frames have come; see device_take(). */
void host_take(struct host *h, const struct tto_frame *frames, size_t n, ns_t now);
/* No more have come: what the device holds is not to wait for its deadline. */
void host_took_all(struct host *h, ns_t now);
/* A frame has come; @bytes were malloc()ed and are the host's now. */
void host_receive(struct host *h, uint8_t *bytes, uint32_t len, ns_t now);

/* Does what is due. */
void host_run(struct host *h, ns_t now);

/* When to call host_run(), on the host's own clock. */
ns_t host_next(const struct host *h);

/* All of it is over, and nothing waits for anything. */
bool host_is_done(const struct host *h);
/* The same, but for TIME-WAIT. */
bool host_is_quiet(const struct host *h);

static inline struct tcp_env host_env(struct host *h)
{
	return (struct tcp_env){ h->now, &h->config, h->cells };
}

/* ---- For connection.c and listen.c ------------------------------------------------- */

struct tcp_endpoint host_endpoint(struct host *h, const struct tcp_tuple *t);
struct connection *host_take_connection(struct host *h,
					const struct tcp_tuple *t);
/* It is over: its outcome is kept, everything else given back. */
void host_free_connection(struct connection *c);
/* An entry of time_wait.h takes its place. */
void host_enter_time_wait(struct connection *c);
void host_arm(struct connection *c);
void host_send(struct host *h, const struct tcp_tuple *t,
	       const struct tcp_segment *s);

/* ---- listen.c ------------------------------------------------------------------------- */

/* For no connection: perhaps for a port that is listened on. */
void listen_arrive(struct host *h, const struct datagram *d);
void listen_arrive_for(struct host *h, uint32_t idx, const struct datagram *d);
void listen_timer(struct host *h, uint32_t idx);
/* A SYN that time_wait.h lets through; @iss is the least to use. */
void listen_reopen(struct host *h, const struct datagram *d, seq_t iss);

#endif
