/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * datagram.h - IP datagrams of TCP and ICMP: what came, and what goes
 *
 * What goes is one pseudo frame of src/tcp at a time. It is cut into frames by
 * the segmenter of tto/engine.h, so a script sees what the device would send.
 */
#ifndef TEST_PACKETDRILL_DATAGRAM_H
#define TEST_PACKETDRILL_DATAGRAM_H

#include "packet/tcp_segment.h"
#include "packetdrill/address.h"
#include "tcp/tcp.h"

enum datagram_kind {
	DATAGRAM_NONE,		/* not for TCP, or damaged: to be ignored       */
	DATAGRAM_TCP,
	DATAGRAM_ICMP,		/* an error about TCP                           */
};

struct datagram {
	struct address source, destination;	/* ICMP: of what it quotes      */

	struct tcp_segment segment;
	const uint8_t *payload;

	enum tcp_icmp icmp;
	int error;		/* errno that it means                          */
	seq_t quoted;
	uint16_t mtu;
};

/**
 * datagram_parse() - Read what the peer sent
 * @d:		Overwritten with what belongs to the kind
 *
 * Checksums are checked; fragments are not put together.
 * Source: RFC 9293 §3.1, MUST-3; RFC 792; RFC 4443 §3; RFC 5461 §2.
 */
enum datagram_kind datagram_parse(struct datagram *d, const uint8_t *bytes,
				  size_t n);

/* A frame on its way to the peer. */
struct datagram_sent {
	struct datagram_sent *next;
	ns_t time;
	size_t n;
	uint8_t bytes[];
};

struct datagram_queue {
	struct datagram_sent *first, **last;	/* last: NULL when empty        */
	uint16_t id;		/* IPv4 ID of the next                          */
};

/* What IP says about a segment besides addresses. */
struct datagram_options {
	uint8_t tos;		/* DSCP; ECN comes from the segment             */
	uint8_t ttl;
};

/**
 * datagram_queue_add() - Frames for a segment
 * @s:		With ports
 * @payload:	s->len bytes
 * @mss:	Payload of one frame at most
 */
void datagram_queue_add(struct datagram_queue *q, ns_t now,
			const struct address addresses[2],
			const struct datagram_options *options,
			const struct tcp_segment *s, const uint8_t *payload,
			uint16_t mss);

/* The first one; the caller frees it. NULL: none. */
struct datagram_sent *datagram_queue_take(struct datagram_queue *q);

#endif
