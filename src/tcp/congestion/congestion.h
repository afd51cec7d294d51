/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * congestion.h - How much may be in flight
 *
 * DOC: Theory of operation
 * One object for all algorithms, with the window in bytes. What they share is
 * here: slow start, reactions, undo, limits. What they differ in is
 * how the window grows in congestion avoidance and by how much it shrinks: reno.c
 * (RFC 5681), cubic.c (RFC 9438). hystart.c (RFC 9406) ends the first slow start
 * before it overflows the path.
 *
 * An ACK may stand for anything between a byte and megabytes: growth is a function
 * of bytes, computed without a loop, and one ACK of many bytes gives what many ACKs
 * for the same bytes would have, taken one after the other, up to a few bytes.
 *
 * The window grows only while it is the limit (RFC 7661's concern). During fast
 * recovery the window is PRR's (prr.h): the owner sets .cwnd to what prr_ack()
 * says, and congestion_recovered() then sets it to ssthresh.
 *
 * Limits: no pacing, but congestion_rate() says how fast to send.
 */
#ifndef TCP_CONGESTION_H
#define TCP_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "packet/seq.h"

#define CONGESTION_MOST (1U << 30)	/* [bytes] what RFC 7323 windows reach  */
#define CONGESTION_NO_SSTHRESH UINT32_MAX

enum congestion_kind {
	CONGESTION_RENO,
	CONGESTION_CUBIC,
	CONGESTION_N_KINDS
};

enum hystart_state {		/* RFC 9406 §4.2                                */
	HYSTART_OFF,
	HYSTART_SLOW_START,
	HYSTART_CONSERVATIVE,	/* CSS: growing by a quarter, to see            */
};

/* RFC 9406: the rounds of the first slow start. */
struct hystart {
	seq_t round_end;
	uint32_t last_round_us, this_round_us;	/* least RTT; UINT32_MAX: none  */
	uint32_t baseline_us;	/* of the round that made it conservative       */
	uint8_t state;		/* enum hystart_state                           */
	uint8_t n_samples;	/* in this round                                */
	uint8_t css_rounds;
	bool round_known;
};

/* RFC 9438's variables. Windows in bytes; time in 1/4096 s for K. */
struct cubic {
	ns_t epoch;		/* when this congestion avoidance began; NS_NEVER */
	uint32_t w_max;		/* 0: none yet                                  */
	uint32_t k;
	uint32_t w_est;
	uint32_t prior;		/* cwnd at the last reduction                   */
};

/* What a reduction has destroyed, in case it was wrong. */
struct congestion_saved {
	struct cubic cubic;
	uint32_t cwnd, ssthresh;
};

/* Part of a TCB; the first two lines are for the owner to read. */
struct congestion {
	uint32_t cwnd;		/* [bytes]; at least one MSS                    */
	uint32_t ssthresh;	/* [bytes]; at least two MSS                    */
	uint16_t mss;
	uint8_t kind;		/* enum congestion_kind                         */
	bool saved_any;		/* congestion_undo() would do something         */
	bool after_timeout;	/* K = 0 next time, RFC 9438 §4.8               */
	uint8_t initial_segments;
	uint8_t spare[2];
	uint32_t most;		/* cwnd never above it [bytes]                  */
	uint32_t carry;		/* what is left of growth below a byte          */
	uint32_t est_carry;	/* the same of w_est                            */
	uint32_t pending;	/* acknowledged, not yet grown by [bytes]       */
	ns_t unlimited_since;	/* cwnd is not the limit; NS_NEVER: it is       */
	struct cubic cubic;
	struct hystart hystart;
	struct congestion_saved saved;
};

_Static_assert(sizeof(struct congestion) <= 128, "part of a TCB");

/* What an ACK says. */
struct congestion_ack {
	ns_t now;
	ns_t rtt;		/* sample of this ACK [ns]; 0: none             */
	ns_t srtt;		/* [ns]; 0: not known                           */
	seq_t una, nxt;		/* SND.UNA after the ACK, SND.NXT               */
	uint32_t acked;		/* newly delivered [bytes]; after a timeout
				 * without SACK no more than one MSS for each ACK
				 * (RFC 3465 §2.3), else all of it              */
	bool limited;		/* cwnd has kept us from sending                */
};

/**
 * congestion_init() - A new connection
 * @kind:	enum congestion_kind; what is unknown counts as CUBIC
 * @mss:	Payload of a frame [bytes], at least 1
 * @initial_segments: RFC 6928: 10
 * @most:	The window never gets above this [bytes]; 0: CONGESTION_MOST
 *
 * Source: RFC 6928 §2; RFC 5681 §3.1.
 */
void congestion_init(struct congestion *c, uint8_t kind, uint16_t mss,
		     uint8_t initial_segments, uint32_t most);

/**
 * congestion_set_mss() - The MSS has become known, or another
 *
 * The window stays what it is in bytes, but not below one MSS; if nothing was
 * acknowledged yet call congestion_init() instead.
 */
void congestion_set_mss(struct congestion *c, uint16_t mss);

/** congestion_set_kind() - Another algorithm from now on, with the same window */
void congestion_set_kind(struct congestion *c, uint8_t kind);

/**
 * congestion_acked() - New data is acknowledged, outside fast recovery
 *
 * After a timeout this is slow start. O(1) whatever @a->acked is.
 *
 * Source: RFC 5681 §3.1; RFC 9438 §4; RFC 9406 §4.2.
 */
void congestion_acked(struct congestion *c, const struct congestion_ack *a);

/**
 * congestion_lost() - Fast recovery begins
 * @flight:	FlightSize: SND.NXT - SND.UNA [bytes]
 *
 * Sets ssthresh, and cwnd to it; PRR is the better way there.
 *
 * Source: RFC 5681 §3.2; RFC 9438 §4.6, §4.7.
 */
void congestion_lost(struct congestion *c, uint32_t flight);

/** congestion_recovered() - Fast recovery has ended: cwnd is ssthresh */
void congestion_recovered(struct congestion *c);

/**
 * congestion_marked() - The peer has echoed congestion (ECE)
 * @flight:	As for congestion_lost()
 *
 * At most once for a window of data, and not in recovery: that is for the owner to
 * see to.
 *
 * Source: RFC 3168 §6.1.2.
 */
void congestion_marked(struct congestion *c, uint32_t flight);

/**
 * congestion_timed_out() - The retransmission timer has expired
 * @flight:	As for congestion_lost()
 * @again:	The same data has timed out before: ssthresh stays
 *
 * Source: RFC 5681 §3.1; RFC 9438 §4.8.
 */
void congestion_timed_out(struct congestion *c, uint32_t flight, bool again);

/**
 * congestion_undo() - The last loss or timeout was none
 *
 * A timeout that came again counts with the first. Nothing happens if there is
 * none, or it was undone.
 *
 * Source: RFC 9438 §4.9.
 */
void congestion_undo(struct congestion *c);

/** congestion_keep() - It was right: congestion_undo() does nothing any more */
void congestion_keep(struct congestion *c);

/**
 * congestion_idle() - Sending begins again, and nothing was in flight
 * @idle:	For so long [ns]
 * @rto:	Timeout without backoff [ns], for @restart
 * @restart:	Back to the initial window after an RTO, RFC 5681 §4.1
 *
 * The time does not count for CUBIC, RFC 9438 §5.8.
 */
void congestion_idle(struct congestion *c, ns_t idle, ns_t rto, bool restart);

static inline bool congestion_in_slow_start(const struct congestion *c)
{
	return c->cwnd < c->ssthresh;
}

/**
 * congestion_rate() - A hint how fast to send, for pacing
 * @srtt:	[ns]; 0: not known
 *
 * Twice the window in a round trip in slow start, 5/4 of it later.
 *
 * Return: [bytes/s]; UINT64_MAX: at once.
 */
uint64_t congestion_rate(const struct congestion *c, ns_t srtt);

#endif
