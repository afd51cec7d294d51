/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h - From the bytes of a frame to what the device needs of it
 *
 * Everything that reads a frame goes through parse_frame(); after it returned
 * PARSE_TCP, the offsets of struct seg lie inside the frame and the values are
 * consistent. Checksums are not looked at.
 */
#ifndef PACKET_PARSE_H
#define PACKET_PARSE_H

#include <stdbool.h>

#include "packet/headers.h"
#include "packet/seq.h"

enum parse_link {		/* equal to enum tto_link, asserted in engine/  */
	PARSE_LINK_ETHERNET,
	PARSE_LINK_IP,
	PARSE_LINK_NULL,
	PARSE_LINK_SLL,
	PARSE_LINK_SLL2,
};

enum parse_verdict {
	PARSE_TCP,		/* whole, plain TCP: all fields are set         */
	PARSE_TCP_FRAGMENT,	/* first fragment, flow known: up to l4, ports  */
	PARSE_FRAGMENT,		/* another fragment; l3 is set                  */
	PARSE_TCP_IP_OPTIONS,	/* IPv4 options or IPv6 extension headers;
				 * all fields are set                           */
	PARSE_NOT_TCP,		/* l3 is set if it is IP at all                 */
	PARSE_MALFORMED,
};

#define PARSE_NO_OFFSET 0xffff
#define PARSE_MAX_TAGS 2

struct seg {
	uint16_t l3;		/* offset of the IP header                      */
	uint16_t l4;		/* offset of what follows IP, or
				 * PARSE_NO_OFFSET                              */
	uint16_t payload;	/* offset of the payload                        */
	uint16_t n_tags;	/* VLAN tags, 0..2                              */
	uint16_t tci[PARSE_MAX_TAGS];	/* host order, outer first              */
	bool v6;
	bool has_tuple;		/* addresses and ports of TCP lie in the frame,
				 * whatever the verdict                         */
	uint8_t protocol;	/* next header behind IP, when l3 is set        */
	uint32_t payload_len;
	uint32_t end;		/* offset behind the IP datagram                */
	seq_t seq, ack;
	uint16_t flags;		/* 12 bits, TCP_FIN .. TCP_RESERVED             */
	uint16_t window;
};

/**
 * parse_link() - Find the network header
 * @link:	What @frame begins with
 * @seg:	l3, n_tags and tci are set
 *
 * More than two tags, or anything that is not IP, is not looked into.
 *
 * Return: ETHERTYPE_IPV4, ETHERTYPE_IPV6, or 0 for anything else.
 */
uint16_t parse_link(enum parse_link link, const uint8_t *frame, uint32_t len,
		    struct seg *seg);

/**
 * parse_frame() - Read a frame up to the end of its TCP header
 * @seg:	Overwritten
 *
 * Source: RFC 791 §3.1; RFC 8200 §3, §4; RFC 9293 §3.1. SPEC RX-16.
 */
enum parse_verdict parse_frame(enum parse_link link, const uint8_t *frame,
			       uint32_t len, struct seg *seg);

/* What the options of a TCP header contain. */
struct tcp_options {
	bool well_formed;
	bool sack;		/* SACK blocks                                  */
	bool forbids_joining;	/* MD5, TCP-AO, MPTCP                           */
	bool timestamp_only;	/* NOP NOP TIMESTAMP and nothing else           */
	bool has_timestamp;
	uint32_t tsval, tsecr;	/* host order                                   */
	uint16_t timestamp_at;	/* offset of TSval within the options           */
};

/**
 * parse_tcp_options() - Walk the options of a TCP header
 * @options:	First byte behind the fixed header
 * @len:	0..40, a multiple of 4
 *
 * Source: RFC 9293 §3.2; RFC 7323 §3.2; RFC 2018 §3.
 */
void parse_tcp_options(const uint8_t *options, uint32_t len,
		       struct tcp_options *out);

#endif
