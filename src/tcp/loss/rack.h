/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rack.h - RACK-TLP: loss from the time at which things were sent
 *
 * DOC: Theory of operation
 * What was sent before something that has arrived, and is missing for an RTT and
 * a reordering window longer than it should, is lost (RFC 8985 §6). The window is
 * zero until reordering was seen, once three segments' worth was SACKed or a
 * recovery is under way: that is the old rule of three duplicates, so this is
 * also the loss detection of RFC 6675 §5 for peers with SACK, and there is no
 * other. D-SACKs widen it for sixteen recoveries.
 *
 * When nothing comes back at all a probe asks for an answer before the RTO would
 * (RFC 8985 §7): new data if there is, else the last segment once more.
 *
 * The owner calls, for each ACK: scoreboard_ack(); decides whether a recovery
 * ends; rack_ack(); rack_detect(), and whenever its timer says so; rack_probe_ack().
 * It arms one timer: rack_detect()'s, else the probe's, else the RTO.
 *
 * Without SACK there is no RACK (RFC 8985 §4): see newreno.h. min_RTT and SRTT
 * are the RTT estimator's and come as arguments.
 */
#ifndef TCP_LOSS_RACK_H
#define TCP_LOSS_RACK_H

#include "tcp/loss/scoreboard_ack.h"

#define RACK_DUP_THRESH 3	/* segments; RFC 5681 §3.2, RFC 8985 §5.3       */
#define RACK_PERSIST 16		/* recoveries; RFC 8985 §6.2 step 4             */
#define RACK_MULT_MAX 255
#define RACK_FIRST_PTO_NS 1000000000ull		/* RFC 8985 §7.2               */

/* Part of a TCB. */
struct rack {
	ns_t sent;		/* RACK.xmit_ts: latest sent that was delivered;
				 * NS_NEVER: nothing yet                        */
	ns_t rtt;		/* RACK.rtt                                     */
	ns_t window;		/* RACK.reo_wnd                                 */
	seq_t end;		/* RACK.end_seq                                 */
	seq_t dsack_round;
	seq_t probe_end;	/* TLP.end_seq                                  */
	uint8_t window_mult;	/* quarters of min_RTT: 1..RACK_MULT_MAX        */
	uint8_t window_persist;	/* recoveries until it is 1 again               */
	bool in_dsack_round;
	bool reordering_seen;
	bool probe_out;		/* TLP.end_seq is set                           */
	bool probe_resent;	/* TLP.is_retrans                               */
	bool rtt_since_probe;	/* an RTT was measured since                    */
	uint8_t spare;
};

_Static_assert(sizeof(struct rack) == 48, "part of a TCB");

/* What is not RACK's own, at one ACK or timer. */
struct rack_env {
	ns_t now;
	ns_t min_rtt;		/* least RTT lately; 0: not known               */
	ns_t srtt;		/* 0: not known                                 */
	uint16_t mss;		/* [bytes]                                      */
	bool in_recovery;	/* fast or after a timeout, also after this ACK */
	bool recovery_ends;	/* this ACK has ended one                       */
};

/** rack_init() - Nothing was delivered yet; the SYN's RTT counts as measured */
void rack_init(struct rack *r);

/**
 * rack_ack() - Take in what an ACK has delivered
 * @s:		After scoreboard_ack()
 * @result:	Of scoreboard_ack()
 *
 * Source:	RFC 8985 §6.2 steps 2 to 4
 */
void rack_ack(struct rack *r, const struct scoreboard *s,
	      const struct scoreboard_result *result, const struct rack_env *env);

/**
 * rack_detect() - Mark what is overdue as lost
 * @timer:	Set to when to call again; NS_NEVER: no need
 *
 * Cost:	O(1), and O(log n) for each record that is marked
 * Source:	RFC 8985 §6.2 step 5
 * Return: bytes that were marked: enter recovery, if not there
 */
uint32_t rack_detect(struct rack *r, struct scoreboard *s, struct cells *pool,
		     const struct rack_env *env, ns_t *timer);

/**
 * rack_timeout() - The RTO has fired
 *
 * Marks the first segment, and what is overdue: not what was sent a moment ago.
 * If the peer has reneged all that it had SACKed is lost, too.
 *
 * Source:	RFC 8985 §6.3; RFC 2018 §8
 * Return: bytes that were marked
 */
uint32_t rack_timeout(struct rack *r, struct scoreboard *s, struct cells *pool,
		      const struct rack_env *env);

/**
 * rack_may_arm_probe() - Shall new data, or an ACK of some, arm the probe timer?
 * @s:		What is outstanding, now
 *
 * Source:	RFC 8985 §7.2
 */
static inline bool rack_may_arm_probe(const struct rack *r,
				      const struct scoreboard *s,
				      bool in_recovery)
{
	(void)r;
	return !seq_equal(s->una, s->nxt) && !s->sacked && !in_recovery;
}

/**
 * rack_probe_timeout() - PTO: how long from now until the probe
 * @max_ack_delay: of the peer: for a single segment in flight [ns]
 * @rto:	Until the RTO would fire, from now [ns]
 *
 * Source:	RFC 8985 §7.2
 * Return: [ns], at most @rto
 */
static inline ns_t rack_probe_timeout(const struct scoreboard *s,
				      const struct rack_env *env,
				      ns_t max_ack_delay, ns_t rto)
{
	ns_t timeout = env->srtt ? 2 * env->srtt : RACK_FIRST_PTO_NS;

	if (env->srtt && s->nxt.n - s->una.n <= env->mss)
		timeout += max_ack_delay;
	return timeout < rto ? timeout : rto;
}

/**
 * rack_may_probe() - The probe timer has fired: shall one be sent?
 *
 * New data if there is and the peer's window has room for it, else
 * scoreboard_last(). Arm the RTO in any case.
 * Source:	RFC 8985 §7.3
 */
bool rack_may_probe(const struct rack *r);

/**
 * rack_probe_sent() - A probe was sent
 * @nxt:	SND.NXT after it
 * @resent:	It was no new data
 */
void rack_probe_sent(struct rack *r, seq_t nxt, bool resent);

/* What an ACK says about the probe. */
enum rack_probe {
	RACK_PROBE_NONE,	/* nothing                                      */
	RACK_PROBE_DONE,	/* it was answered and has repaired nothing     */
	RACK_PROBE_REPAIRED,	/* it has repaired a loss: congestion            */
};

/**
 * rack_probe_ack() - Has the probe repaired a loss that nobody noticed?
 * @ack:	Its acknowledgment number
 * @duplicate:	It is a duplicate ACK without SACK blocks
 *
 * Source:	RFC 8985 §7.4
 * Return: RACK_PROBE_REPAIRED: reduce the congestion window as for a loss
 */
enum rack_probe rack_probe_ack(struct rack *r,
			       const struct scoreboard_result *result, seq_t ack,
			       bool duplicate);

/**
 * rack_probe_forget() - No probe is out
 *
 * When a recovery begins: what is missing is known then.
 * Source:	RFC 8985 §7.1
 */
static inline void rack_probe_forget(struct rack *r)
{
	r->probe_out = false;
}

/** rack_measured() - An RTT was measured: the next probe may be sent */
static inline void rack_measured(struct rack *r)
{
	r->rtt_since_probe = true;
}

#endif
