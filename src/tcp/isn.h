/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isn.h - Where sequence numbers and timestamps of a connection begin
 *
 * ISN = M + F(tuple, secret): M counts 4 us and goes on for all, F is a PRF, so
 * that numbers of one tuple rise from one connection to the next, and those of one
 * tuple say nothing of another's. The offset of timestamps is the same for all
 * connections of a tuple, so their timestamps rise, too (RFC 6191 needs that).
 * Both come from one SipHash-2-4, of whose 64 bits each has a half.
 * Source: RFC 6528 §3; RFC 7323 §5.4; RFC 9293 §3.4.1 (MUST-8, SHLD-1).
 */
#ifndef TCP_ISN_H
#define TCP_ISN_H

#include "base/bytes.h"
#include "packet/seq.h"
#include "packet/tuple.h"

struct isn_secret {
	uint8_t key[16];	/* random, the same as long as the host is up   */
};

struct isn {
	seq_t iss;
	uint32_t timestamp_offset;
};

/**
 * isn_choose() - ISS and timestamp offset for a new connection
 * @now:	Of a clock that is the same for all connections [ns]
 */
struct isn isn_choose(const struct isn_secret *s, const struct tcp_tuple *tuple,
		      ns_t now);

#endif
