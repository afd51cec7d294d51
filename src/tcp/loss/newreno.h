/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newreno.h - Loss recovery with peers that do not SACK
 *
 * DOC: Theory of operation
 * Three duplicate ACKs say that the segment at SND.UNA is lost (RFC 5681 §3.2);
 * an ACK that ends inside what was out when the recovery began says it of the
 * next one (RFC 6582 §3.2). Each duplicate also says that one segment has left the
 * network, which newreno_left() counts: take it from scoreboard_in_flight(), then
 * nothing needs to be inflated. What is lost is marked in the scoreboard, and sent
 * again as with SACK.
 */
#ifndef TCP_LOSS_NEWRENO_H
#define TCP_LOSS_NEWRENO_H

#include "tcp/loss/scoreboard.h"

#define NEWRENO_DUP_THRESH 3

/* Part of a TCB. */
struct newreno {
	seq_t recover;		/* SND.NXT when the last recovery or timeout began */
	uint32_t dupacks;	/* since SND.UNA moved, or in this recovery     */
	bool recovering;
	bool have_recover;
	uint8_t spare[2];
};

enum newreno_verdict {
	NEWRENO_NOTHING,
	NEWRENO_LIMITED,	/* send a new segment if the window of the peer has
				 * room, beyond cwnd by at most 2 (RFC 3042 §2) */
	NEWRENO_ENTER,		/* loss: newreno_lose(), reduce, recover         */
	NEWRENO_LEFT,		/* recovering: one more segment has left        */
	NEWRENO_PARTIAL,	/* recovering: newreno_lose() again             */
	NEWRENO_FULL,		/* the recovery has ended                       */
};

/** newreno_init() - No recovery yet */
void newreno_init(struct newreno *n);

/**
 * newreno_dupack() - A duplicate ACK as of RFC 5681 §2 has come
 * @s:		What is outstanding
 *
 * Source:	RFC 6582 §3.2 steps 2, 3; RFC 3042 §2
 * Return: NEWRENO_LIMITED, NEWRENO_ENTER, NEWRENO_LEFT or, after a timeout for
 * what was sent before it, NEWRENO_NOTHING
 */
enum newreno_verdict newreno_dupack(struct newreno *n,
				    const struct scoreboard *s);

/**
 * newreno_ack() - An ACK has moved SND.UNA
 * @s:		After scoreboard_ack()
 * @acked:	By so many bytes
 * @mss:	[bytes]
 *
 * Source:	RFC 6582 §3.2 step 3
 * Return: NEWRENO_PARTIAL, NEWRENO_FULL, or NEWRENO_NOTHING outside a recovery
 */
enum newreno_verdict newreno_ack(struct newreno *n, const struct scoreboard *s,
				 uint32_t acked, uint16_t mss);

/**
 * newreno_lose() - Mark the segment at SND.UNA as lost
 *
 * Return: bytes that were marked
 */
uint32_t newreno_lose(struct scoreboard *s, struct cells *pool, uint16_t mss);

/**
 * newreno_timeout() - The RTO has fired: all that is out is lost
 *
 * Source:	RFC 6582 §3.2 step 4; RFC 5681 §3.1
 * Return: bytes that were marked
 */
uint32_t newreno_timeout(struct newreno *n, struct scoreboard *s,
			 struct cells *pool);

/** newreno_stop() - The recovery was spurious and is undone */
void newreno_stop(struct newreno *n);

/** newreno_left() - Bytes that duplicates say have left the network */
uint32_t newreno_left(const struct newreno *n, const struct scoreboard *s,
		      uint16_t mss);

#endif
