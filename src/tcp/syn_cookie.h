/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syn_cookie.h - A handshake that is remembered by the peer
 *
 * DOC: Theory of operation
 * When there is no room for SYNs the ISS of the SYN-ACK carries what must be known
 * when its ACK comes:
 *
 *	31        4   3         2..0
 *	| MAC, 28 | period & 1 | MSS |
 *
 * The MAC is SipHash-2-4 of tuple, the peer's ISN, period and MSS. Periods have 64
 * seconds; a cookie is good in its own and in the next: for 64 to 128 s. The bit
 * says which of both it is of, so there is one MAC to match: a guess is accepted
 * with probability 2^-28.
 *
 * There are two keys, for even and for odd periods. When a period begins nothing
 * that its key has made is valid any more, so then it can be replaced, and a key
 * is used for two minutes only: see syn_cookie_rekey().
 *
 * Window scale, SACK and ECN fit into the low six bits of our TSval, which the
 * peer echoes. They are not authenticated: the peer can only lie about itself.
 * Without timestamps they are not used.
 * Limits: eight values of MSS; what lies between is rounded down.
 * Source: RFC 4987 §3.6, appendix A; RFC 7323 §3.2.
 */
#ifndef TCP_SYN_COOKIE_H
#define TCP_SYN_COOKIE_H

#include "base/bytes.h"
#include "packet/seq.h"
#include "packet/tuple.h"

#define SYN_COOKIE_PERIOD_NS 64000000000ULL
#define SYN_COOKIE_MSS_MIN 48		/* [bytes] the lowest that it says      */
#define SYN_COOKIE_NO_WSCALE 15

struct syn_cookie {
	uint64_t period;	/* the last that was used                       */
	uint8_t key[2][16];
};

struct syn_cookie_options {
	uint8_t wscale;		/* 0..14 of the peer; SYN_COOKIE_NO_WSCALE      */
	bool sack;
	bool ecn;
};

/**
 * syn_cookie_init() - Two keys
 * @random:	32 bytes that nobody can guess
 */
void syn_cookie_init(struct syn_cookie *c, const uint8_t random[32], ns_t now);

/**
 * syn_cookie_rekey() - Replace a key, if that can be done without harm
 * @random:	16 bytes that nobody can guess
 *
 * To be called whenever there is time, before cookies are made and checked.
 *
 * Return: false: @now is in a period that was used; @random was not.
 */
bool syn_cookie_rekey(struct syn_cookie *c, const uint8_t random[16], ns_t now);

/**
 * syn_cookie_make() - An ISS for the SYN-ACK
 * @isn:	SEG.SEQ of the SYN
 * @mss:	Of the SYN, or the default of the family [bytes]
 */
seq_t syn_cookie_make(struct syn_cookie *c, const struct tcp_tuple *tuple,
		      seq_t isn, uint16_t mss, ns_t now);

/**
 * syn_cookie_check() - Is this the ACK of a SYN-ACK of ours?
 * @isn:	SEG.SEQ - 1 of the ACK
 * @cookie:	SEG.ACK - 1 of the ACK
 *
 * Return: MSS of the peer, or less [bytes]; 0: no.
 */
uint16_t syn_cookie_check(const struct syn_cookie *c,
			  const struct tcp_tuple *tuple, seq_t isn, seq_t cookie,
			  ns_t now);

/**
 * syn_cookie_timestamp() - TSval of the SYN-ACK
 * @tsval:	As it would be
 * @o:		What the SYN has offered and we would use
 *
 * Return: less than 64 below @tsval, never above.
 */
uint32_t syn_cookie_timestamp(uint32_t tsval, const struct syn_cookie_options *o);

/** syn_cookie_options() - What the ACK's @tsecr says */
struct syn_cookie_options syn_cookie_options(uint32_t tsecr);

#endif
