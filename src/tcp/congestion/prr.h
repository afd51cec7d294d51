/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prr.h - Proportional rate reduction: the window during fast recovery
 *
 * DOC: Theory of operation
 * Goes from what was in flight to ssthresh within one round trip, by sending
 * ssthresh / RecoverFS bytes for each that is delivered. When losses have made
 * less than ssthresh remain, it sends as much as is delivered, and one segment
 * more for each ACK that shows no further loss (SafeACK). Counts bytes, so one
 * large ACK is as good as many.
 *
 *	prr_begin(&p, c.ssthresh, ...);
 *	each ACK in recovery, also the first:	c.cwnd = prr_ack(&p, ...);
 *	whatever is sent, also again:		prr_sent(&p, bytes);
 *	at the end:				congestion_recovered(&c);
 *
 * Source: RFC 6937 §3; RFC 9937 §6.
 */
#ifndef TCP_PRR_H
#define TCP_PRR_H

#include <stdbool.h>
#include <stdint.h>

/* Part of a TCB. */
struct prr {
	uint64_t delivered;	/* since recovery began [bytes]                 */
	uint64_t out;		/* sent since then, anew or again [bytes]       */
	uint32_t recover_fs;	/* [bytes], at least 1                          */
	uint32_t ssthresh;	/* [bytes]                                      */
};

/**
 * prr_begin() - Fast recovery begins
 * @ssthresh:	As reduced [bytes]
 * @flight:	SND.NXT - SND.UNA before the ACK that begins it [bytes]
 * @sacked:	Of these had been SACKed before that ACK [bytes]
 */
void prr_begin(struct prr *p, uint32_t ssthresh, uint32_t flight,
	       uint32_t sacked);

/**
 * prr_ack() - An ACK has come, in recovery
 * @delivered:	Newly acknowledged or SACKed by it [bytes]
 * @in_flight:	Believed to be in the network after it, RFC 6675 pipe [bytes]
 * @mss:	[bytes]
 * @safe:	It moved SND.UNA, and nothing more was found to be lost
 *
 * Return: cwnd [bytes]; what may be sent is that minus @in_flight. At least one
 * MSS for the first retransmission.
 */
uint32_t prr_ack(struct prr *p, uint32_t delivered, uint32_t in_flight,
		 uint16_t mss, bool safe);

/** prr_sent() - @bytes were sent, anew or again */
static inline void prr_sent(struct prr *p, uint32_t bytes)
{
	p->out += bytes;
}

#endif
