/* SPDX-License-Identifier: BSD-2-Clause */
/* host.h - One end of the network: addresses, time, connections, listeners */
#ifndef TEST_PACKETDRILL_HOST_H
#define TEST_PACKETDRILL_HOST_H

#include "packetdrill/clock.h"
#include "packetdrill/connection.h"
#include "packetdrill/flags.h"
#include "tcp/isn.h"
#include "tcp/time_wait.h"

#define HOST_FDS 1024		/* descriptors are below                        */

struct epoll_set;
struct listener;
struct socket;

/* RFC 1191 §6.3: what was heard of a path counts for others, for ten minutes. */
struct known_path {
	struct address remote;
	uint16_t mtu;		/* 0: nothing                                   */
	ns_t until;
};

struct host {
	struct clock clock;
	struct flags flags;
	struct cells *cells;
	struct isn_secret secret;
	struct lookup *waiting;	/* of those in TIME-WAIT                        */
	struct time_wait *time_wait;
	seq_t least_iss;	/* of the connection that takes the place of one */
	bool has_least_iss;
	struct known_path path;
	struct datagram_queue out;
	struct connection *connections;
	struct listener *listeners;
	struct socket *socket[HOST_FDS];
	struct epoll_set *epoll[HOST_FDS];
	uint16_t next_port;
};

/* @flags: copied. Aborts when there is no memory. */
struct host *host_new(const struct flags *flags);
void host_free(struct host *h);

/* A datagram of the peer. */
void host_receive(struct host *h, const uint8_t *bytes, size_t n);

/**
 * host_wait_sent() - The next frame to the peer, whatever time it takes
 *
 * Return: the caller's to free; NULL if there never will be one.
 */
struct datagram_sent *host_wait_sent(struct host *h);

/* A segment that belongs to no connection, yet or any more. */
void host_send(struct host *h, const struct address *local,
	       const struct address *remote, const struct datagram_options *ip,
	       const struct tcp_segment *s);

/* ISS and the like for a connection that begins now. */
void host_endpoint(const struct host *h, const struct settings *settings,
		   const struct address *local, const struct address *remote,
		   struct tcp_endpoint *endpoint);

/* The path to @remote carries packets of @mtu bytes, and no larger ones. */
void host_learn_path(struct host *h, const struct address *remote, uint16_t mtu);

bool host_is_local(const struct host *h, const struct address *a);

/**
 * host_choose_source() - Address and port for an active open
 * @local:	What of it is not 0 stays
 *
 * Return: 0; -EADDRNOTAVAIL: no address of that family.
 */
int host_choose_source(struct host *h, struct address *local,
		       const struct address *remote);

struct connection *host_find(const struct host *h, const struct address *local,
			     const struct address *remote);

void host_add(struct host *h, struct connection *c);

/* @c has come to TIME-WAIT; the rest is not its business. */
void host_enter_time_wait(struct host *h, const struct connection *c,
			  const struct time_wait_state *state);

/* Free the connections that nobody has and that are over. */
void host_sweep(struct host *h);

#endif
