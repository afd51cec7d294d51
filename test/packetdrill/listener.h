/* SPDX-License-Identifier: BSD-2-Clause */
/* listener.h - A port that is listened on: SYNs that were answered, connections */
#ifndef TEST_PACKETDRILL_LISTENER_H
#define TEST_PACKETDRILL_LISTENER_H

#include "packetdrill/connection.h"

struct request;

struct listener {
	struct listener *next;
	struct host *host;
	struct address local;
	const struct settings *settings;	/* of the socket                */
	struct request *requests;
	struct connection **ready;	/* not accepted yet, the oldest first   */
	unsigned n_ready, backlog;
	unsigned n_reads;	/* readiness to read: edges                     */
};

/* @settings: those of new connections; may change, but stay where they are. */
struct listener *listener_new(struct host *h, const struct address *local,
			      const struct settings *settings, unsigned backlog);

/* Connections that nobody has accepted are reset. */
void listener_free(struct listener *l);

/* Who listens at @local; NULL: nobody. */
struct listener *listener_find(const struct host *h,
			       const struct address *local);

/* Return: false if a RST is the answer. */
bool listener_arrive(struct listener *l, const struct datagram *d);

/* The oldest connection, or NULL. */
struct connection *listener_take(struct listener *l);

ns_t listener_deadline(const struct listener *l);
void listener_timer(struct listener *l);

#endif
