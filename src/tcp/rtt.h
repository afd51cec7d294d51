/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtt.h - Round-trip time: smoothed, least, and the timeout drawn from them
 *
 * DOC: Theory of operation
 * RFC 6298's estimator was made for one sample in each round trip. With more it
 * forgets too fast, which is why RFC 7323 appendix G divides the gains by the
 * number of samples to be expected. Here that number is not guessed from the
 * window, which says nothing when ACKs are aggregated: it is counted, over the
 * last round trip, or over this one if there are more already.
 *
 * The timeout is SRTT + max(least, 4 RTTVAR). As the least is on top of SRTT it
 * stands for the clock's granularity, too, and the timeout is never below it.
 *
 * The least RTT of the last while is kept by three samples: the best, the best
 * after that one, and the best after both. When the first gets too old the next
 * moves up, so nothing is ever searched.
 * Source: RFC 6298; RFC 7323 appendix G; RFC 8961 §4.
 */
#ifndef TCP_RTT_H
#define TCP_RTT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define RTT_MIN_WINDOW_NS 60000000000ULL	/* of the least RTT             */
#define RTT_SAMPLE_MAX_NS 600000000000ULL	/* more is counted as this      */
#define RTT_FALLBACK_NS 3000000000ULL	/* RFC 6298 §5.7                        */
#define RTT_BACKOFF_MAX 32		/* doublings                            */

struct rtt_least {
	ns_t rtt;		/* 0: none                                      */
	ns_t at;
};

/* Part of a TCB. Read it by the functions below. */
struct rtt {
	uint64_t srtt_q8;	/* [ns / 256]; 0: no sample yet                 */
	uint64_t var_q8;	/* [ns / 256]                                   */
	struct rtt_least least[3];	/* rtt does not fall, at does not, either */
	ns_t round_start;	/* samples are counted from here                */
	uint32_t round_samples;	/* so many in this round                        */
	uint16_t last_samples;	/* and in the one before                        */
	uint8_t backoff;	/* doublings of the timeout                     */
	bool syn_timed_out;
};

/** rtt_init() - Nothing is known of the path */
void rtt_init(struct rtt *r);

/**
 * rtt_sample() - Take a measurement
 * @sample:	Time from sending to acknowledgment [ns], of something that was
 *		sent once, or told apart by timestamps (Karn). Counts as 1 at least
 * @now:	Never goes backwards
 *
 * Also ends the backoff.
 *
 * Source: RFC 6298 §2, §3; RFC 7323 §4.1, appendix G.
 */
void rtt_sample(struct rtt *r, ns_t sample, ns_t now);

/**
 * rtt_timeout() - The retransmission timeout, with its backoff
 * @initial:	While there is no sample [ns]; RFC 6298 §2.1: 1 s
 * @least:	On top of SRTT at least this [ns]; not below the resolution of the
 *		clock that samples come from
 * @most:	Never more than this [ns], RFC 6298 §2.5: at least 60 s
 *
 * Source: RFC 6298 §2, §5.5, §5.7.
 */
ns_t rtt_timeout(const struct rtt *r, ns_t initial, ns_t least, ns_t most);

/** rtt_back_off() - The timer has expired: double it, RFC 6298 §5.5 */
void rtt_back_off(struct rtt *r);

/** rtt_progress() - New data was acknowledged: undo the backoff, RFC 8961 §4 */
static inline void rtt_progress(struct rtt *r)
{
	r->backoff = 0;
}

/** rtt_syn_timed_out() - The SYN has, too: start with 3 s, RFC 6298 §5.7 */
static inline void rtt_syn_timed_out(struct rtt *r)
{
	r->syn_timed_out = true;
}

/**
 * rtt_spurious() - A timeout was too early
 * @sample:	The RTT that has proved it [ns]
 *
 * Makes the timeout larger at once, as the smoothed values follow too slowly.
 *
 * Source: RFC 4015 §3.3.
 */
void rtt_spurious(struct rtt *r, ns_t sample, ns_t now);

/** rtt_smoothed() - SRTT [ns]; 0: no sample yet */
static inline ns_t rtt_smoothed(const struct rtt *r)
{
	return r->srtt_q8 >> 8;
}

/** rtt_variation() - RTTVAR [ns] */
static inline ns_t rtt_variation(const struct rtt *r)
{
	return r->var_q8 >> 8;
}

/** rtt_least() - Least sample of the last RTT_MIN_WINDOW_NS [ns]; 0: none yet */
static inline ns_t rtt_least(const struct rtt *r)
{
	return r->least[0].rtt;
}

#endif
