/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassemble.h - What has arrived before what lies in front of it
 *
 * DOC: Theory of operation
 * A piece is received data in a buffer that somebody else owns: sequence number,
 * length, and a cookie that names the buffer. Pieces that adjoin form a range;
 * the ranges are in a tree by sequence number, and in a list with the one that
 * changed last in front, which is what SACK reports (RFC 2018 §4). The pieces of a
 * range are a list, in order, and never overlap.
 *
 * A new piece is cut to what is missing at its two ends, so what was received
 * first is kept. Where it spans ranges, though, they go and the new piece stays
 * whole: to cut it in two would make two pieces hold one buffer. Nobody relies on
 * which of two copies is used; RFC 9293 §3.10.7.4 leaves it open.
 *
 * Every cookie that was taken comes back once: from reassemble_next(), in order,
 * or from reassemble_dropped().
 *
 * What a peer can do: each call costs O(log n) for n ranges and O(1), amortised,
 * for each piece that goes away; the worst single call removes all pieces of the
 * connection, which it had to send before. Cells held are at most twice limit_pieces:
 * the peer that sends every second byte gets that many and then is refused, which
 * loses nothing: the piece at RCV.NXT never needs a place here.
 *
 * Limits: refused is the new piece, never an older one, so we do not renege.
 * A FIN is not a piece: the owner remembers its sequence number.
 * Source: RFC 9293 §3.10.7.4; RFC 2018 §4; RFC 2883 §4.
 */
#ifndef TCP_LOSS_REASSEMBLE_H
#define TCP_LOSS_REASSEMBLE_H

#include "packet/tcp_segment.h"
#include "tcp/loss/tree.h"

struct reassemble_piece {
	uint64_t cookie;	/* the owner's                                  */
	seq_t seq;
	uint32_t len;		/* [bytes]                                      */
	uint32_t skip;		/* bytes of the buffer in front of it that are not
				 * its own: grows by what is cut at its start    */
	uint32_t cost;		/* what holding it costs [bytes of memory]      */
};

/* Of a connection: part of its TCB. All may be read, none written. */
struct reassemble {
	struct tree ranges;
	uint32_t recent;	/* range that changed last                      */
	uint32_t stale;		/* range that did not for the longest time      */
	uint32_t dropped;	/* pieces whose cookies go back                 */
	uint32_t n_pieces;	/* without dropped ones                         */
	uint32_t n_cells;
	uint32_t bytes;		/* of data that are held                        */
	uint32_t cost;		/* of memory, dropped ones included             */
	uint32_t limit_pieces;
	uint32_t limit_cost;
	seq_t dsack_start;	/* came twice and is not reported yet           */
	seq_t dsack_end;
	bool dsack;
	uint8_t spare[3];
};

_Static_assert(sizeof(struct reassemble) <= 160, "part of a TCB");

enum reassemble_verdict {
	REASSEMBLE_KEPT,	/* the cookie is taken                          */
	REASSEMBLE_DUPLICATE,	/* all of it is here already: not taken         */
	REASSEMBLE_FULL,	/* a limit, or the pool: not taken              */
};

/**
 * reassemble_init() - Nothing is held
 * @limit_pieces: 1..2^20
 * @limit_cost:	Sum of the cost of pieces, at most [bytes]
 */
void reassemble_init(struct reassemble *r, uint32_t limit_pieces,
		     uint32_t limit_cost);

/**
 * reassemble_insert() - Data has come that is not, or not only, at RCV.NXT
 * @rcv_nxt:	What lies before it is cut off, as a duplicate
 * @piece:	len 1..2^30, ends in the receive window; borrowed until return
 *
 * Afterwards fetch from reassemble_dropped(). A duplicate is remembered for
 * reassemble_blocks().
 *
 * Cost:	O(log n), and O(1) for each piece that goes away
 */
MUST_CHECK enum reassemble_verdict
reassemble_insert(struct reassemble *r, struct cells *pool, seq_t rcv_nxt,
		  const struct reassemble_piece *piece);

/**
 * reassemble_next() - The piece that lies at RCV.NXT, if there is one
 * @rcv_nxt:	Raised by the caller for each piece with data
 * @piece:	Set; its part before @rcv_nxt is cut off, and if that is all of it
 *		len is 0. Its cookie is the caller's again
 *
 * Call it until it says false, each time that RCV.NXT has moved.
 * Cost:	O(1), and O(log n) when a range ends
 * Return: false: there is none
 */
bool reassemble_next(struct reassemble *r, struct cells *pool, seq_t rcv_nxt,
		     struct reassemble_piece *piece);

/**
 * reassemble_dropped() - A cookie that is not needed any more
 * @piece:	Set
 *
 * Return: false: there is none
 */
bool reassemble_dropped(struct reassemble *r, struct cells *pool,
			struct reassemble_piece *piece);

/**
 * reassemble_drop_all() - All pieces go: fetch them from reassemble_dropped()
 *
 * When the connection ends. Cost: O(ranges)
 */
void reassemble_drop_all(struct reassemble *r, struct cells *pool);

/**
 * reassemble_duplicate() - A segment has come that lies before RCV.NXT
 * @start:	First byte that is there twice
 * @end:	Behind the last
 *
 * Source:	RFC 2883 §4.1: reported once, in the next ACK
 */
void reassemble_duplicate(struct reassemble *r, seq_t start, seq_t end);

/**
 * reassemble_in_order() - Data at RCV.NXT has come, which does not come here
 * @end:	Behind it
 *
 * What of it is held already came twice.
 * Source:	RFC 2883 §4.2
 */
void reassemble_in_order(struct reassemble *r, const struct cells *pool,
			 seq_t end);

/* Is there anything to SACK? */
static ALWAYS_INLINE bool reassemble_has_blocks(const struct reassemble *r)
{
	return r->ranges.n || r->dsack;
}

/**
 * reassemble_blocks() - SACK blocks for an ACK that is sent now
 * @max:	1..TCP_SEGMENT_SACKS that fit
 * @with_dsack:	A duplicate is reported in front, and forgotten
 * @blocks:	@max; set
 *
 * Shape:	D-SACK; the range it lies in; then what changed last, first
 * Source:	RFC 2018 §4; RFC 2883 §4
 * Return: how many were set
 */
uint32_t reassemble_blocks(struct reassemble *r, const struct cells *pool,
			   uint32_t max, bool with_dsack,
			   struct tcp_sack *blocks);

#endif
