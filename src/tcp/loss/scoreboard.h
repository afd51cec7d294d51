/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scoreboard.h - What is in flight, and what became of it
 *
 * DOC: Theory of operation
 * A record is a range of sequence numbers that were last sent at one instant and
 * whose state is the same: one pseudo frame of 64 KiB, or several sent at once.
 * The records of a connection cover SND.UNA..SND.NXT without hole, in a tree by
 * sequence number. A SACK block that covers a part of a record splits it; so a
 * frame of 44 segments that lost one becomes three records, each with the time at
 * which it was sent. Neighbours that are SACKed become one: what the peer has
 * told costs a record for each hole, not for each segment.
 *
 * A record is in one of three states: in flight, SACKed, or lost (and not yet
 * sent again). Those in flight are also in a list in order of transmission, the
 * oldest first, from which RACK takes what is overdue without looking at the
 * rest. "In flight" is what RFC 6675 §4 calls pipe.
 *
 * What a peer can do: a record is created only by sending or by splitting, which
 * takes a SACK block; a walk over records ends in merging or removing them. So an
 * ACK costs O(log n) for each of its blocks, and for each record that it delivers;
 * while there are neither SACKs nor losses O(1) for each, whatever is in flight. n
 * never exceeds the limit. When the limit or the pool is reached nothing is split
 * for the peer any more: a part of a record that it SACKs is not taken note of, and
 * may be sent again needlessly. What is sent then joins the last record, which takes
 * the later time; of such a record only the end tells when it was sent.
 *
 * Reneging (RFC 2018 §8): a peer may drop what it has SACKed. It has, when the
 * cumulative ACK stops at a SACKed record. A timeout then forgets all SACKs; when
 * there is no such sign it keeps them (RFC 6675 §5.1), as forgetting would send
 * all again after each timeout.
 *
 * Sequence numbers include SYN and FIN. Source: RFC 2018 §5, §8; RFC 6675 §4,
 * §5.1; RFC 2883 §5; RFC 8985 §5.2, §6.2.
 */
#ifndef TCP_LOSS_SCOREBOARD_H
#define TCP_LOSS_SCOREBOARD_H

#include "base/bytes.h"
#include "packet/tcp_segment.h"
#include "tcp/loss/tree.h"

#define SCOREBOARD_LIMIT_MIN 8

struct seq_range {
	seq_t start;
	seq_t end;		/* behind the last one                          */
};

/* Records by the time they were sent, then by their end. */
struct time_list {
	uint32_t oldest;
	uint32_t newest;
};

/* Of a connection: part of its TCB. All may be read, none written. */
struct scoreboard {
	struct tree records;
	struct time_list flight; /* what is in flight                           */
	struct time_list overdue; /* what is lost                               */
	uint32_t limit;		/* records, at most                             */
	seq_t una;		/* SND.UNA: before it all is acknowledged       */
	seq_t nxt;		/* SND.NXT: before it all was sent              */
	seq_t fack;		/* behind the highest that was delivered        */
	uint32_t sacked;	/* [bytes]                                      */
	uint32_t sacked_segs;	/* segments that these are                      */
	uint32_t lost;		/* lost, not sent again since [bytes]           */
	uint32_t resent;	/* in flight, and not for the first time [bytes] */
};

_Static_assert(sizeof(struct scoreboard) <= 160, "part of a TCB");

/* Was a sent later than b? Of the same instant what ends later counts as later. */
static ALWAYS_INLINE bool scoreboard_sent_after(ns_t a, seq_t a_end, ns_t b,
						seq_t b_end)
{
	return a > b || (a == b && seq_before(b_end, a_end));
}

/* How long ago was it sent? What is sent at one instant may be given later ones. */
static ALWAYS_INLINE ns_t scoreboard_since(ns_t now, ns_t sent)
{
	return now > sent ? now - sent : 0;
}

/* Bytes that are supposed to be on their way: "pipe". */
static ALWAYS_INLINE uint32_t scoreboard_in_flight(const struct scoreboard *s)
{
	return s->nxt.n - s->una.n - s->sacked - s->lost;
}

/**
 * scoreboard_init() - Nothing is in flight
 * @s:		Overwritten
 * @una:	First sequence number that will be sent: ISS
 * @limit:	Records that the connection may hold, SCOREBOARD_LIMIT_MIN or
 *		more; with L records and a peer that does its worst, no call
 *		takes more than O(L) steps
 */
void scoreboard_init(struct scoreboard *s, seq_t una, uint32_t limit);

/** scoreboard_free() - Give all records back; @s is as after init at SND.NXT */
void scoreboard_free(struct scoreboard *s, struct cells *pool);

/**
 * scoreboard_send() - New data is sent now
 * @len:	1..2^30 sequence numbers from s->nxt on; not more than 2^30 may
 *		be outstanding
 * @now:	Never less than in a call before
 *
 * Cost:	O(1) amortised
 * Source:	RFC 8985 §6.1
 *
 * Return: true; false when there is no record for it, and nothing has changed:
 * do not send, try again when something was acknowledged. Does not happen while a
 * connection that has records in flight may hold another one, nor when it has
 * none and the pool keeps its reserve.
 */
MUST_CHECK bool scoreboard_send(struct scoreboard *s, struct cells *pool,
				uint32_t len, ns_t now);

/* Whatever an ACK says: scoreboard_ack() in scoreboard_ack.h. */

/**
 * scoreboard_oldest() - When what is in flight for longest was sent
 *
 * Return: NS_NEVER when nothing is in flight
 */
ns_t scoreboard_oldest(const struct scoreboard *s, const struct cells *pool);

/**
 * scoreboard_overdue() - Mark as lost what was sent before and is overdue
 * @sent:	Only what was sent before this instant, or at it with a lower
 * @end:	end
 * @wait:	... and longer than this ago [ns]
 * @next:	Set to when the next one will be overdue, NS_NEVER: none
 *
 * Cost:	O(1), and O(log n) for each record that is marked
 * Source:	RFC 8985 §6.2 step 5. It arms the timer for the last candidate;
 *		@next is the first, so that no other one need be looked at
 * Return: bytes that were marked
 */
uint32_t scoreboard_overdue(struct scoreboard *s, struct cells *pool, ns_t sent,
			    seq_t end, ns_t wait, ns_t now, ns_t *next);

/**
 * scoreboard_lose_first() - Mark the segment at SND.UNA as lost
 * @len:	At most so many bytes of it: the MSS
 *
 * For NewReno, and for a timeout. Does nothing when it is SACKed or lost.
 * Return: bytes that were marked
 */
uint32_t scoreboard_lose_first(struct scoreboard *s, struct cells *pool,
			       uint32_t len);

/**
 * scoreboard_lose_all() - Mark all that is in flight as lost
 *
 * For a timeout of a peer without SACK.
 * Cost:	O(n)
 * Return: bytes that were marked
 */
uint32_t scoreboard_lose_all(struct scoreboard *s, struct cells *pool);

/**
 * scoreboard_reneged() - Does SND.UNA lie in what the peer has SACKed?
 *
 * Source:	RFC 2018 §8
 */
bool scoreboard_reneged(const struct scoreboard *s, const struct cells *pool);

/**
 * scoreboard_find_all() - Nothing is lost: all that was marked is in flight
 *
 * When a timeout or a recovery turned out to be spurious. What was sent again
 * stays as it is. Sending times stay.
 * Cost:	O(n)
 * Source:	RFC 5682 §3.4; RFC 4015 §3.2
 */
void scoreboard_find_all(struct scoreboard *s, struct cells *pool);

/**
 * scoreboard_forget_sacks() - The peer has reneged: what was SACKed is lost
 *
 * Cost:	O(n)
 * Source:	RFC 2018 §8
 */
void scoreboard_forget_sacks(struct scoreboard *s, struct cells *pool);

/**
 * scoreboard_next_lost() - What to send again next: the lowest that is lost
 * @range:	Set to all of it; send as much of it as you want, from its start
 *
 * Cost:	O(1) when nothing is lost, else O(log n)
 * Source:	RFC 6675 §4 NextSeg() rule 1, with IsLost() as RFC 8985 has it
 * Return: false: nothing is lost
 */
bool scoreboard_next_lost(const struct scoreboard *s, const struct cells *pool,
			  struct seq_range *range);

/**
 * scoreboard_resend() - Something is sent again now
 * @start:	In s->una..s->nxt
 * @len:	1.. bytes; what lies behind the record of @start is not counted
 * @now:	As for scoreboard_send()
 *
 * It is in flight again, from now on. When no record is to be had for the
 * remainder, all of the record counts as sent.
 *
 * Source:	RFC 8985 §6.1
 * Return: bytes that are counted as sent; 0 when @start is SACKed or not
 * outstanding: do not send it
 */
uint32_t scoreboard_resend(struct scoreboard *s, struct cells *pool, seq_t start,
			   uint32_t len, ns_t now);

/**
 * scoreboard_last() - The highest segment in flight: what a loss probe sends
 * @len:	At most so many bytes, from the end
 * @range:	Set
 *
 * Return: false: nothing is outstanding, or what would be sent is SACKed
 */
bool scoreboard_last(const struct scoreboard *s, const struct cells *pool,
		     uint32_t len, struct seq_range *range);

#endif
