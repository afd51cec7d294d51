/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - One connection of memif, from HELLO to DISCONNECT
 *
 * DOC: Theory of operation
 * A machine over a socket that never waits:
 *
 *	SESSION_MEETING		server: HELLO is sent; client: waits for it
 *	SESSION_SHARING		regions and rings, one message at a time, each
 *				answered before the next
 *	SESSION_UP		rings carry frames
 *
 * Anything else ends it: the functions return -errno, session_why() has a reason
 * in words, and memif_session_close() tells it the peer, if it still listens. A peer
 * that asks faster than it reads answers is not read.
 *
 * The client makes one region: rings first, all buffers behind them. Its heads
 * are moved once CONNECTED has come, because servers set indices to zero when
 * they answer CONNECT.
 *
 * Descriptors to sleep on are in an epoll set of the owner.
 *
 * Limits: Ethernet frames; QUEUES_MAX rings for each direction, REGIONS_MAX
 * regions.
 */
#ifndef WIRE_MEMIF_SESSION_H
#define WIRE_MEMIF_SESSION_H

#include "wire/memif/ring.h"

#define QUEUES_MAX 16
#define REGIONS_MAX 32
#define WHY_BYTES 128
#define SESSION_BELL 1		/* data of the epoll events that are a peer's ring */

struct session_options {
	bool is_server;
	bool unsealed;		/* takes memory that may be taken away          */
	uint32_t id;
	uint8_t log2_ring;	/* client: of its rings; server: the largest    */
	uint8_t n_queues;	/* each direction, likewise                     */
	uint32_t buffer_bytes;	/* client                                       */
	char secret[MEMIF_SECRET_BYTES + 1];
	char name[MEMIF_NAME_BYTES];	/* of the interface, for the peer       */
};

enum session_state {
	SESSION_NONE,
	SESSION_MEETING,
	SESSION_SHARING,
	SESSION_UP,
};

struct session {
	const struct session_options *options;
	enum session_state state;
	int fd;
	int epoll;
	bool waits_to_send;
	struct memif_message waiting;	/* to be sent, the peer does not read   */
	int waiting_fd;
	uint8_t log2_ring;		/* client: what both can                */
	uint16_t step;			/* client: what is sent next            */
	uint16_t n_regions, n_rx, n_tx;
	struct region regions[REGIONS_MAX];
	struct ring rx[QUEUES_MAX], tx[QUEUES_MAX];
	char peer[MEMIF_NAME_BYTES + 1];	/* what it calls itself         */
	bool peer_has_fence;		/* see ring_is_quiet(): it is one of us */
	char why[WHY_BYTES];
};

/**
 * memif_session_open() - Begin, on a socket that is connected
 * @options:	Borrowed until memif_session_close()
 * @fd:		The session's from now on, whatever is returned
 * @epoll:	Gets what can wake us; -1: nothing does
 *
 * Return: 0; -errno: memif_session_close() is still to be called.
 */
MUST_CHECK int memif_session_open(struct session *s,
			    const struct session_options *options, int fd,
			    int epoll);

/**
 * memif_session_advance() - Read what the peer says, answer
 *
 * Takes a bounded number of messages a call. Return: 0; -errno: it is over.
 */
MUST_CHECK int memif_session_advance(struct session *s);

/** memif_session_close() - Tell the peer why, give back everything; NONE is allowed */
void memif_session_close(struct session *s, const char *why);

/** memif_session_is_gone() - Whether the peer took away memory that was not sealed */
bool memif_session_is_gone(const struct session *s);

#endif
