/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - One record of the scoreboard, and how its state changes
 *
 * Only for the scoreboard's own files: here the counters are kept equal to what
 * the records say. A record is in flight, SACKed or lost; two neighbours are never
 * both SACKed.
 */
#ifndef TCP_LOSS_RECORD_H
#define TCP_LOSS_RECORD_H

#include "tcp/loss/scoreboard.h"

enum record_state {
	RECORD_FLIGHT,
	RECORD_SACKED,
	RECORD_LOST,		/* and not sent again since                     */
};

enum {				/* record->flags                                */
	RECORD_RESENT = 1 << 0,	/* sent more than once                          */
	RECORD_JOINED = 1 << 1,	/* sent at different times: sent is the last one,
				 * of its end; the rest is older                */
	RECORD_UNTIMED = 1 << 2, /* sent says nothing of any byte in it          */
};

#define RECORD_MARK_LOST 1	/* in the tree                                  */

/* Records that are kept for what we do, when a peer would have all of them. */
#define RECORD_SPARE 4

struct record {
	struct tree_node node;
	seq_t seq;
	seq_t end;
	ns_t sent;		/* last time                                    */
	uint32_t older;		/* in the list of its state                     */
	uint32_t newer;
	uint32_t segs;		/* that were SACKed with it                     */
	uint8_t state;
	uint8_t flags;
	uint8_t spare[2];
};

_Static_assert(sizeof(struct record) <= CELL_BYTES, "a record is a cell");

static ALWAYS_INLINE struct record *record_at(struct cells *pool, uint32_t idx)
{
	return cells_at(pool, idx);
}

static ALWAYS_INLINE const struct record *record_look(const struct cells *pool,
						      uint32_t idx)
{
	return cells_look(pool, idx);
}

static ALWAYS_INLINE uint32_t record_len(const struct record *r)
{
	return r->end.n - r->seq.n;
}

/**
 * record_new() - A record for a range, in flight and in no list
 * @after:	Its neighbour, or CELL_NONE: it is the first
 * @spare:	Records that must remain
 *
 * Return: index, or CELL_NONE: there is none to be had
 */
uint32_t record_new(struct scoreboard *s, struct cells *pool, uint32_t after,
		    struct seq_range range, uint32_t spare);

/** record_free() - A record goes, and what it counts for */
void record_free(struct scoreboard *s, struct cells *pool, uint32_t idx);

/**
 * record_split() - Cut a record that is not SACKed in two
 * @at:		Inside: becomes the start of the second one
 * @spare:	Records that must remain
 *
 * Return: index of the second one, or CELL_NONE
 */
uint32_t record_split(struct scoreboard *s, struct cells *pool, uint32_t idx,
		      seq_t at, uint32_t spare);

/**
 * record_trim() - Cut the start of a record off; that is nowhere then
 * @at:		Inside
 */
void record_trim(struct scoreboard *s, struct cells *pool, uint32_t idx,
		 seq_t at);

/**
 * record_set_state() - Into another state, with lists and counters
 * @segs:	for RECORD_SACKED: segments that it is
 */
void record_set_state(struct scoreboard *s, struct cells *pool, uint32_t idx,
		      enum record_state state, uint32_t segs);

/**
 * record_join_previous() - Make one of this record and the one in front of it
 *
 * Both SACKed, or both in flight with the same flags and sending time.
 * Return: index of the one that is left
 */
uint32_t record_join_previous(struct scoreboard *s, struct cells *pool,
			      uint32_t idx);

/**
 * record_find() - The record that a sequence number lies in
 * @at:		In s->una..s->nxt - 1
 *
 * Cost: O(log n); Return: index, or CELL_NONE if @at is not outstanding
 */
uint32_t record_find(struct scoreboard *s, struct cells *pool, seq_t at);

/** record_list() - Put a record into the list of its state, where it belongs */
void record_list(struct scoreboard *s, struct cells *pool, uint32_t idx);

/**
 * record_list_from() - The same, by somebody who knows where to look
 * @older:	The record goes behind it, or further towards the oldest
 */
void record_list_from(struct scoreboard *s, struct cells *pool, uint32_t idx,
		      uint32_t older);

/** record_unlist() - Take it out of the list of its state */
void record_unlist(struct scoreboard *s, struct cells *pool, uint32_t idx);

#endif
