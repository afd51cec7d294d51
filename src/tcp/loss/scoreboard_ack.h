/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scoreboard_ack.h - What one ACK says about what is in flight
 *
 * DOC: Theory of operation
 * First the acknowledgment number, then the SACK blocks in ascending order: so
 * what one ACK delivers is seen in the order of sequence numbers, and only what
 * is older than what an earlier ACK told counts as reordered.
 *
 * Blocks are believed when they lie behind SND.UNA, up to SND.NXT, and are not
 * empty; others are ignored. The first may be a D-SACK instead.
 * Source: RFC 2018 §5; RFC 2883 §4, §5; RFC 8985 §6.2.
 */
#ifndef TCP_LOSS_SCOREBOARD_ACK_H
#define TCP_LOSS_SCOREBOARD_ACK_H

#include "tcp/loss/scoreboard.h"

/* An ACK, as far as it concerns what was sent. */
struct scoreboard_input {
	ns_t now;
	ns_t min_rtt;		/* least RTT lately; 0: not known               */
	ns_t echo_until;	/* when a TSval later than the echoed one began to
				 * be sent; NS_NEVER without timestamps        */
	seq_t ack;		/* its acknowledgment number, also if it is older
				 * than SND.UNA: then only its blocks count    */
	uint16_t mss;		/* [bytes], not 0                               */
	uint8_t n_blocks;	/* 0..TCP_SEGMENT_SACKS                         */
	const struct tcp_sack *blocks;	/* as they came                         */
};

enum {
	SCOREBOARD_DSACK = 1 << 0,	/* .dsack is what came twice           */
	SCOREBOARD_REORDERED = 1 << 1,	/* never sent again, came late: reordering */
	SCOREBOARD_RESENT = 1 << 2,	/* something sent again was delivered  */
	SCOREBOARD_ORIGINAL = 1 << 3,	/* acknowledged, and the echo is older than
					 * when it was sent again (RFC 3522 §3.2) */
	SCOREBOARD_WAS_LOST = 1 << 4,	/* delivered, though marked lost and not
					 * sent again                          */
	SCOREBOARD_RENEGED = 1 << 5,	/* SND.UNA is SACKed                    */
	SCOREBOARD_SACKS = 1 << 6,	/* there was a block, other than D-SACK,
					 * that told something new             */
};

/* What one ACK did. Delivered: acknowledged or SACKed for the first time. */
struct scoreboard_result {
	uint32_t flags;
	uint32_t acked;		/* SND.UNA went on by [bytes]                   */
	uint32_t sacked;	/* SACKed for the first time [bytes]            */
	uint32_t delivered;	/* both, each byte once [bytes]                 */
	ns_t first_sent;	/* of what was delivered and never sent again: the
				 * earliest sending time; NS_NEVER: nothing     */
	ns_t last_sent;		/* ... the latest                               */
	ns_t rack_last;		/* of the last that counts for RACK: when sent  */
	ns_t rack_sent;		/* of what counts for RACK: latest sending time;
				 * NS_NEVER: nothing (RFC 8985 §6.2 step 2)     */
	seq_t rack_end;		/* ... and its end                              */
	seq_t original;		/* lowest delivered that was never sent again,
				 * while first_sent is not NS_NEVER             */
	struct tcp_sack dsack;
};

/* Is now - first_sent an RTT (Karn's rule, RFC 6298 §3)? */
static inline bool scoreboard_has_rtt(const struct scoreboard_result *r)
{
	return r->first_sent != NS_NEVER && !(r->flags & SCOREBOARD_RESENT);
}

/**
 * scoreboard_ack() - An ACK has come
 * @in:		Acknowledges nothing behind s->nxt (then nothing happens); its
 *		blocks may be anything
 * @out:	Overwritten
 *
 * Cost:	O(log n) for each block, and for each record that is delivered;
 *		O(1) for the latter while nothing was SACKed or lost
 * Source:	RFC 2018 §5; RFC 2883 §4, §5; RFC 8985 §6.2 steps 2, 3
 */
void scoreboard_ack(struct scoreboard *s, struct cells *pool,
		    const struct scoreboard_input *in,
		    struct scoreboard_result *out);

#endif
