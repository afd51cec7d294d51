/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path_mtu.h - How large packets may be on the way to the peer
 *
 * DOC: Theory of operation
 * Three sources, none trusted blindly:
 *
 *   - ICMP says that a packet was too big (RFC 1191, RFC 8201). It must quote a
 *     sequence number that is in flight, can only make the MTU smaller, and not
 *     below 552 (IPv4) or 1280 (IPv6).
 *   - Full-sized segments that time out again and again, while nobody says why,
 *     are a black hole: the MTU falls to a base that nearly all paths carry, then
 *     to the least.
 *   - Probes: single segments that are larger than the MTU (RFC 4821). One that is
 *     acknowledged raises it, one that is lost alone says that it was too large;
 *     neither is congestion.
 *
 *	DONE --black hole, or 10 min after it fell--> SEARCHING
 *	DONE <--ICMP, or what is left is not worth a probe-- SEARCHING
 *
 * Without probing it only goes down, and back to the top after ten minutes.
 * Sizes are bytes of the whole IP packet.
 * Source: RFC 1191; RFC 8201; RFC 4821.
 */
#ifndef TCP_PATH_MTU_H
#define TCP_PATH_MTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "packet/seq.h"

#define PATH_MTU_LEAST_V4 552	/* below it: let routers fragment               */
#define PATH_MTU_LEAST_V6 1280	/* RFC 8200 §5                                  */
#define PATH_MTU_BASE_V4 1024	/* RFC 4821 §7.2                                */
#define PATH_MTU_RAISE_NS 600000000000ULL	/* RFC 1191 §6.3: 10 min.       */
#define PATH_MTU_PROBE_WAIT_NS 1000000000ULL	/* after one that was lost      */
#define PATH_MTU_TIMEOUTS 2	/* of full segments: black hole                 */
#define PATH_MTU_TRIES 2	/* of one size                                  */
#define PATH_MTU_ENOUGH 32	/* [bytes] interval that is not worth a probe   */

enum path_mtu_state {
	PATH_MTU_DONE,		/* until .raise_at, if ever                     */
	PATH_MTU_SEARCHING,	/* by probes                                    */
};

enum path_mtu_verdict {
	PATH_MTU_SAME,
	PATH_MTU_LOWER,		/* send again what was larger, without reducing cwnd */
	PATH_MTU_HIGHER,
};

/* Part of a TCB. The first line is for the owner to read. */
struct path_mtu {
	uint16_t mtu;		/* to be used now                               */
	bool may_fragment;	/* IPv4: do not set DF, the path is below .mtu  */
	uint8_t state;		/* enum path_mtu_state                          */
	uint16_t top;		/* of the interface                             */
	uint16_t high;		/* the largest that may still work              */
	uint16_t probe;		/* size of the one in flight; 0: none           */
	uint8_t tries;		/* of this size                                 */
	uint8_t timeouts;	/* of full segments, in a row                   */
	bool v6;
	bool probing;		/* RFC 4821 is wanted                           */
	bool high_failed;	/* a probe has shown that .high + 1 does not work */
	uint8_t spare;
	ns_t probe_after;	/* no probe before                              */
	ns_t raise_at;		/* call path_mtu_raise(); NS_NEVER              */
};

/**
 * path_mtu_init() - A new connection
 * @top:	MTU of the interface, at least 68
 * @known:	What is known of the path, or 0
 * @probing:	Look for more than is known (RFC 4821)
 */
void path_mtu_init(struct path_mtu *p, uint16_t top, uint16_t known, bool v6,
		   bool probing, ns_t now);

/**
 * path_mtu_too_big() - ICMP "fragmentation needed", or ICMPv6 "packet too big"
 * @quoted:	Sequence number that it quotes
 * @una:	SND.UNA
 * @nxt:	SND.NXT
 * @said:	MTU of the next hop as it says, 0 for routers that say none
 *
 * Source: RFC 1191 §3, §5, §7; RFC 8201 §4; RFC 5927 §7.2 (what to check).
 *
 * Return: PATH_MTU_LOWER or PATH_MTU_SAME.
 */
enum path_mtu_verdict path_mtu_too_big(struct path_mtu *p, seq_t quoted,
				       seq_t una, seq_t nxt, uint32_t said,
				       ns_t now);

/**
 * path_mtu_timed_out() - The retransmission timer expired for a full-sized segment
 *
 * Source: RFC 4821 §7.7.
 *
 * Return: PATH_MTU_LOWER when it is a black hole: segments are to be made smaller.
 */
enum path_mtu_verdict path_mtu_timed_out(struct path_mtu *p, ns_t now);

/** path_mtu_works() - A full-sized segment was acknowledged */
static inline void path_mtu_works(struct path_mtu *p)
{
	p->timeouts = 0;
}

/**
 * path_mtu_wants() - Size of a probe to be sent now
 *
 * To be sent as one segment of new data, if there is that much of it, the window
 * has room for it and some more behind it, and nothing is lost at the time.
 *
 * Source: RFC 4821 §7.3, §7.4.
 *
 * Return: bytes of the IP packet, or 0.
 */
uint16_t path_mtu_wants(const struct path_mtu *p, ns_t now);

/** path_mtu_probed() - It was sent, with @size as path_mtu_wants() said */
void path_mtu_probed(struct path_mtu *p, uint16_t size);

/**
 * path_mtu_probe_acked() - The probe has arrived whole
 *
 * Return: PATH_MTU_HIGHER; PATH_MTU_SAME if none was out.
 */
enum path_mtu_verdict path_mtu_probe_acked(struct path_mtu *p, ns_t now);

/**
 * path_mtu_probe_lost() - The probe was lost
 * @alone:	Nothing else was. If not, it says nothing about sizes, but is
 *		congestion, RFC 4821 §7.6.4
 */
void path_mtu_probe_lost(struct path_mtu *p, bool alone, ns_t now);

/**
 * path_mtu_raise() - .raise_at has come: it may have become larger
 *
 * Source: RFC 1191 §6.3; RFC 4821 §7.6.
 *
 * Return: PATH_MTU_HIGHER if .mtu has changed; with probing nothing does at once.
 */
enum path_mtu_verdict path_mtu_raise(struct path_mtu *p, ns_t now);

#endif
