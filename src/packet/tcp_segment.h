/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_segment.h - A TCP segment as values, and the header that says the same
 *
 * What src/tcp takes and gives: host order, options by meaning. One such segment
 * may stand for many frames: an aggregate when it was received, a pseudo frame
 * when it is to be sent. The payload is not here, only its length.
 * Flags are those of packet/headers.h.
 */
#ifndef PACKET_TCP_SEGMENT_H
#define PACKET_TCP_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/seq.h"

#define TCP_SEGMENT_HEADER_MAX 60	/* RFC 9293 §3.1: data offset 15        */
#define TCP_SEGMENT_SACKS 4	/* RFC 2018 §3: three beside timestamps         */
#define TCP_SEGMENT_WSCALE_MAX 14	/* RFC 7323 §2.3                        */

enum {				/* which options there are: has                 */
	TCP_HAS_MSS = 0x01,
	TCP_HAS_WSCALE = 0x02,
	TCP_HAS_SACK_PERMITTED = 0x04,
	TCP_HAS_TIMESTAMP = 0x08,
	TCP_HAS_SIGNATURE = 0x10,	/* MD5 or TCP-AO; only ever parsed      */
};

enum tcp_ecn {			/* RFC 3168 §5: low bits of TOS, traffic class  */
	TCP_ECN_NONE = 0,
	TCP_ECN_ECT1 = 1,
	TCP_ECN_ECT0 = 2,
	TCP_ECN_CE = 3,
};

struct tcp_sack {		/* bytes start .. end - 1                       */
	seq_t start, end;
};

struct tcp_segment {
	seq_t seq, ack;
	uint32_t len;		/* payload [bytes]; may exceed what IP can say  */
	uint32_t tsval, tsecr;	/* RFC 7323 §3.2; of the oldest frame           */
	uint16_t flags;		/* 12 bits, TCP_FIN .. TCP_RESERVED             */
	uint16_t window;	/* as in the header, not scaled                 */
	uint16_t urgent;	/* as in the header                             */
	uint16_t mss;
	uint16_t n_frames;	/* that were joined into it, or that it is to be
				 * cut into; at least 1                         */
	uint16_t source_port, destination_port;
	uint8_t ecn;		/* enum tcp_ecn of the IP header                */
	uint8_t has;		/* TCP_HAS_...                                  */
	uint8_t wscale;		/* as received; more than 14 counts as 14       */
	uint8_t n_sack;
	struct tcp_sack sack[TCP_SEGMENT_SACKS];
};

/**
 * tcp_segment_parse() - Read a TCP header
 * @s:		Overwritten; n_frames is 1 and ecn is 0, which the caller corrects
 * @tcp:	Its first byte. Only the header is read: the payload may lie
 *		elsewhere
 * @len:	Header and payload [bytes]; of these the header is at @tcp
 *
 * Options that are unknown, repeated or of a wrong length for their kind are
 * skipped. A length of 0 or 1, or one beyond the header, ends the options.
 * The checksum is not looked at.
 *
 * Source: RFC 9293 §3.1, §3.2; RFC 7323 §2.2, §3.2; RFC 2018 §2, §3.
 *
 * Return: bytes of the header, or 0 if there is no whole header.
 */
uint32_t tcp_segment_parse(struct tcp_segment *s, const uint8_t *tcp,
			   uint32_t len);

/**
 * tcp_segment_header_bytes() - How long the header of @s is
 *
 * SACK blocks for which there is no room are left out: 3 fit beside timestamps.
 *
 * Return: 20..60, a multiple of 4.
 */
uint32_t tcp_segment_header_bytes(const struct tcp_segment *s);

/**
 * tcp_segment_emit() - Write the header of a segment
 * @s:		wscale at most 14
 * @tcp:	tcp_segment_header_bytes() are written; checksum 0
 *
 * The order of options is that of Linux, which middleboxes know best.
 *
 * Source: RFC 9293 §3.1, §3.2; RFC 7323 appendix A.
 *
 * Return: bytes written.
 */
uint32_t tcp_segment_emit(const struct tcp_segment *s, uint8_t *tcp);

/* What a segment takes of the sequence space: SYN and FIN count (SEG.LEN). */
static inline uint32_t tcp_segment_space(const struct tcp_segment *s)
{
	/* FIN is bit 0 and SYN is bit 1 of the flags. */
	return s->len + (s->flags & 1U) + (s->flags >> 1 & 1U);
}

#endif
