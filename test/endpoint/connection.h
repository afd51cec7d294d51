/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.h - A TCB with what its owner keeps: bytes, timers, an application
 *
 * Bytes that are sent are not stored, whoever has the host knows them by their
 * place in the stream; received ones only until they are in order.
 */
#ifndef HOST_CONNECTION_H
#define HOST_CONNECTION_H

#include "endpoint/chance.h"
#include "endpoint/device.h"
#include "tcp/listen.h"
#include "tcp/report.h"
#include "tcp/tcb.h"

struct host;

/* What a connection came to. */
struct outcome {
	struct tcp_tuple tuple;
	seq_t iss, irs;
	uint64_t written, acked, received;	/* bytes of streams             */
	uint8_t end;		/* enum tcp_end                                 */
	bool established, eof, aborted;
	uint32_t n_resets;	/* sent and received                            */
	ns_t established_at, eof_at;
	struct tcp_report report;	/* at the end                           */
};

/* What watch.c remembers of a connection. */
struct watch {
	bool any_edge, any_own_edge;
	seq_t peer_edge;	/* right edge of the window, as received        */
	seq_t own_edge, own_ack;	/* as sent                              */
	seq_t peer_end;		/* behind the highest that was received         */
	bool any_peer, any_tsval;
	seq_t tsval;		/* sent last                                    */
	uint32_t max_flight, most_buffer;
	uint32_t ping_pong;	/* ACKs alone for ACKs alone                    */
	ns_t ping_pong_at;
	bool was_pure_ack;	/* what arrived last                            */
	ns_t last_arrival, last_again, gap;
	uint32_t n_again;	/* instants of retransmission since then        */
	uint16_t mss, most_mss;
};

struct connection {
	struct tcp_tcb tcb;
	struct host *host;
	uint32_t idx;
	bool used;
	struct outcome out;
	struct watch watch;

	/* The application. */
	struct chance chance;
	uint64_t taken;		/* bytes read                                   */
	uint32_t unread;
	bool shut, closed, stalled;
	ns_t read_after, write_after, close_after;
	ns_t wake;
} CACHE_ALIGNED;

/**
 * connection_open() - Connect actively
 * @tuple:	In the host's table with @c's value by now
 */
void connection_open(struct connection *c, const struct tcp_endpoint *endpoint);

/* A handshake is complete; @d is its ACK. */
void connection_accept(struct connection *c, const struct tcp_request *r,
		       const struct tcp_endpoint *endpoint,
		       const struct datagram *d);

void connection_arrive(struct connection *c, const struct datagram *d);
void connection_icmp(struct connection *c, const struct datagram *d);
void connection_timer(struct connection *c);

/* Application and output, until nothing more is to be done. */
void connection_pump(struct connection *c);

/**
 * application_step() - What the application does with its connection now
 *
 * Return: whether it did anything.
 */
bool application_step(struct connection *c, const struct tcp_env *env);

/* Options, for a connection that was just made. */
void application_begin(struct connection *c, const struct tcp_env *env);

#endif
