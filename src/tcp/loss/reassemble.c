// SPDX-License-Identifier: BSD-2-Clause
/*
 * reassemble.c - What has arrived before what lies in front of it
 *
 * Theory of operation: see reassemble.h.
 */
#include "tcp/loss/reassemble.h"

/* Further than any window: RFC 7323 §2.3. */
#define REACH (1 << 30)

struct range {			/* a cell                                       */
	struct tree_node node;
	seq_t start;
	seq_t end;
	uint32_t fresher;	/* in the order of the last change              */
	uint32_t staler;
	uint32_t first;		/* its pieces                                   */
	uint32_t last;
};

struct held {			/* a cell                                       */
	struct reassemble_piece piece;
	uint32_t next;
};

_Static_assert(sizeof(struct range) <= CELL_BYTES, "a range is a cell");
_Static_assert(sizeof(struct held) <= CELL_BYTES, "a piece is a cell");

static struct range *range_at(struct cells *pool, uint32_t idx)
{
	return cells_at(pool, idx);
}

static const struct range *range_look(const struct cells *pool, uint32_t idx)
{
	return cells_look(pool, idx);
}

static struct held *held_at(struct cells *pool, uint32_t idx)
{
	return cells_at(pool, idx);
}

void reassemble_init(struct reassemble *r, uint32_t limit_pieces,
		     uint32_t limit_cost)
{
	*r = (struct reassemble){
		.ranges = TREE_EMPTY,
		.recent = CELL_NONE,
		.stale = CELL_NONE,
		.dropped = CELL_NONE,
		.limit_pieces = limit_pieces,
		.limit_cost = limit_cost,
	};
}

/* The pool's reserve is for what is sent. */
static uint32_t take_cell(struct reassemble *r, struct cells *pool)
{
	uint32_t idx = cells_take(pool, 1);

	r->n_cells += idx != CELL_NONE;
	return idx;
}

static void give_cell(struct reassemble *r, struct cells *pool, uint32_t idx)
{
	cells_give(pool, idx);
	r->n_cells--;
}

/* ---- Ranges in the order in which they changed -------------------------------- */

static void enlist(struct reassemble *r, struct cells *pool, uint32_t idx)
{
	struct range *g = range_at(pool, idx);

	g->fresher = CELL_NONE;
	g->staler = r->recent;
	if (r->recent == CELL_NONE)
		r->stale = idx;
	else
		range_at(pool, r->recent)->fresher = idx;
	r->recent = idx;
}

static void delist(struct reassemble *r, struct cells *pool,
		   const struct range *g)
{
	if (g->fresher == CELL_NONE)
		r->recent = g->staler;
	else
		range_at(pool, g->fresher)->staler = g->staler;
	if (g->staler == CELL_NONE)
		r->stale = g->fresher;
	else
		range_at(pool, g->staler)->fresher = g->fresher;
}

static void touch(struct reassemble *r, struct cells *pool, uint32_t idx)
{
	if (r->recent == idx)
		return;
	delist(r, pool, range_at(pool, idx));
	enlist(r, pool, idx);
}

static void remove_range(struct reassemble *r, struct cells *pool, uint32_t idx)
{
	delist(r, pool, range_at(pool, idx));
	tree_remove(&r->ranges, pool, idx);
	give_cell(r, pool, idx);
}

/* The last range that starts at @at or before; CELL_NONE: all start behind. */
static uint32_t range_before(const struct reassemble *r, const struct cells *pool,
			     seq_t at)
{
	uint32_t idx = r->ranges.root, found = CELL_NONE;

	/* What follows a loss in order belongs to the last one. */
	if (idx != CELL_NONE &&
	    !seq_before(at, range_look(pool, r->ranges.last)->start))
		return r->ranges.last;
	while (idx != CELL_NONE) {
		const struct range *g = range_look(pool, idx);
		bool behind = !seq_before(at, g->start);

		CELL_STEP();
		if (behind)
			found = idx;
		idx = g->node.child[behind];
	}
	return found;
}

/* ---- Pieces ----------------------------------------------------------------- */

/* All pieces of a range go onto the list of those dropped. */
static void drop_pieces(struct reassemble *r, struct cells *pool,
			const struct range *g)
{
	uint32_t idx = g->first;

	while (idx != CELL_NONE) {
		struct held *h = held_at(pool, idx);
		uint32_t next = h->next;

		CELL_STEP();
		r->n_pieces--;
		r->bytes -= h->piece.len;
		h->next = r->dropped;
		r->dropped = idx;
		idx = next;
	}
}

static void cut_start(struct reassemble_piece *p, seq_t start)
{
	uint32_t n = start.n - p->seq.n;

	p->seq = start;
	p->skip += n;
	p->len -= n;
}

/* Bytes that came twice: the first such of a segment is told, RFC 2883 §4. */
static void note_twice(struct tcp_sack *twice, seq_t start, seq_t end)
{
	if (seq_equal(twice->start, twice->end))
		*twice = (struct tcp_sack){ start, end };
}

static bool is_full(const struct reassemble *r, const struct reassemble_piece *p)
{
	return r->n_pieces >= r->limit_pieces ||
	       r->cost > r->limit_cost || p->cost > r->limit_cost - r->cost;
}

/* Cut off what is there in front: before RCV.NXT, and in @before. */
static void cut_front(struct reassemble *r, struct cells *pool, uint32_t before,
		      struct reassemble_piece *p, struct tcp_sack *twice)
{
	seq_t end = seq_add(p->seq, p->len);
	const struct range *g;

	if (before == CELL_NONE)
		return;
	g = range_at(pool, before);
	if (!seq_before(p->seq, g->end))
		return;
	if (seq_before(g->end, end))
		end = g->end;
	note_twice(twice, p->seq, end);
	cut_start(p, end);
	touch(r, pool, before);
}

/*
 * Ranges behind the start of a piece: those inside it go, one that it reaches is
 * where it is cut. Return: the first that is behind it.
 */
static uint32_t cut_back(struct reassemble *r, struct cells *pool, uint32_t before,
			 struct reassemble_piece *p, struct tcp_sack *twice)
{
	uint32_t idx = before == CELL_NONE ? r->ranges.first :
					     tree_at(pool, before)->next;

	while (idx != CELL_NONE) {
		const struct range *g = range_at(pool, idx);
		uint32_t next = g->node.next;
		seq_t end = seq_add(p->seq, p->len);

		CELL_STEP();
		if (!seq_before(g->start, end))
			break;
		if (!seq_before(g->end, end)) {
			note_twice(twice, g->start, end);
			p->len = g->start.n - p->seq.n;
			break;
		}
		note_twice(twice, g->start, g->end);
		drop_pieces(r, pool, g);
		remove_range(r, pool, idx);
		idx = next;
	}
	return idx;
}

/* A range of its own for a piece that has no neighbours. */
static bool new_range(struct reassemble *r, struct cells *pool, uint32_t before,
		      uint32_t piece)
{
	struct held *h = held_at(pool, piece);
	uint32_t idx = take_cell(r, pool);
	struct range *g;

	if (idx == CELL_NONE)
		return false;
	g = range_at(pool, idx);
	g->start = h->piece.seq;
	g->end = seq_add(h->piece.seq, h->piece.len);
	g->first = g->last = piece;
	h->next = CELL_NONE;
	tree_insert(&r->ranges, pool, before, idx);
	enlist(r, pool, idx);
	return true;
}

static void append(struct reassemble *r, struct cells *pool, uint32_t range,
		   uint32_t piece)
{
	struct range *g = range_at(pool, range);
	struct held *h = held_at(pool, piece);

	h->next = CELL_NONE;
	held_at(pool, g->last)->next = piece;
	g->last = piece;
	g->end = seq_add(h->piece.seq, h->piece.len);
	touch(r, pool, range);
}

static void prepend(struct reassemble *r, struct cells *pool, uint32_t range,
		    uint32_t piece)
{
	struct range *g = range_at(pool, range);
	struct held *h = held_at(pool, piece);

	h->next = g->first;
	g->first = piece;
	g->start = h->piece.seq;
	touch(r, pool, range);
}

/* Two ranges have become one. */
static void join(struct reassemble *r, struct cells *pool, uint32_t into,
		 uint32_t behind)
{
	struct range *a = range_at(pool, into);
	const struct range *b = range_at(pool, behind);

	held_at(pool, a->last)->next = b->first;
	a->last = b->last;
	a->end = b->end;
	remove_range(r, pool, behind);
}

/* A piece, cut to what is missing, gets its place. False: no cell for a range. */
static bool place(struct reassemble *r, struct cells *pool, uint32_t before,
		  uint32_t behind, uint32_t piece)
{
	const struct reassemble_piece *p = &held_at(pool, piece)->piece;
	bool adjoins_before = before != CELL_NONE &&
			      seq_equal(range_at(pool, before)->end, p->seq);
	bool adjoins_behind = behind != CELL_NONE &&
			      seq_equal(range_at(pool, behind)->start,
					seq_add(p->seq, p->len));

	if (adjoins_before) {
		append(r, pool, before, piece);
		if (adjoins_behind)
			join(r, pool, before, behind);
	} else if (adjoins_behind) {
		prepend(r, pool, behind, piece);
	} else {
		return new_range(r, pool, before, piece);
	}
	return true;
}

/* Something of @p is missing: keep that. */
static enum reassemble_verdict keep(struct reassemble *r, struct cells *pool,
				    uint32_t before, struct reassemble_piece *p,
				    struct tcp_sack *twice)
{
	uint32_t idx = is_full(r, p) ? CELL_NONE : take_cell(r, pool), behind;

	if (idx == CELL_NONE)
		return REASSEMBLE_FULL;
	behind = cut_back(r, pool, before, p, twice);
	held_at(pool, idx)->piece = *p;
	/* Cannot fail once a range was removed: that has left a cell. */
	if (!place(r, pool, before, behind, idx)) {
		give_cell(r, pool, idx);
		return REASSEMBLE_FULL;
	}
	r->n_pieces++;
	r->bytes += p->len;
	r->cost += p->cost;
	return REASSEMBLE_KEPT;
}

enum reassemble_verdict reassemble_insert(struct reassemble *r, struct cells *pool,
					  seq_t rcv_nxt,
					  const struct reassemble_piece *piece)
{
	enum reassemble_verdict verdict = REASSEMBLE_DUPLICATE;
	struct reassemble_piece p = *piece;
	seq_t end = seq_add(p.seq, p.len);
	struct tcp_sack twice = { rcv_nxt, rcv_nxt };
	uint32_t before;

	if (p.len > REACH || seq_diff(end, rcv_nxt) > REACH ||
	    seq_diff(rcv_nxt, p.seq) > REACH)
		return REASSEMBLE_FULL;
	if (seq_before(p.seq, rcv_nxt)) {
		if (seq_before(rcv_nxt, end))
			end = rcv_nxt;
		note_twice(&twice, p.seq, end);
		cut_start(&p, end);
	}
	before = p.len ? range_before(r, pool, p.seq) : CELL_NONE;
	cut_front(r, pool, before, &p, &twice);
	if (p.len)
		verdict = keep(r, pool, before, &p, &twice);
	if (!seq_equal(twice.start, twice.end))
		reassemble_duplicate(r, twice.start, twice.end);
	return verdict;
}

/* The first piece of the first range. */
static void take_first(struct reassemble *r, struct cells *pool, struct range *g,
		       struct reassemble_piece *piece)
{
	uint32_t idx = g->first;
	const struct held *h = held_at(pool, idx);

	*piece = h->piece;
	g->first = h->next;
	if (g->first == CELL_NONE)
		remove_range(r, pool, r->ranges.first);
	else
		g->start = held_at(pool, g->first)->piece.seq;
	give_cell(r, pool, idx);
	r->n_pieces--;
	r->bytes -= piece->len;
	r->cost -= piece->cost;
}

bool reassemble_next(struct reassemble *r, struct cells *pool, seq_t rcv_nxt,
		     struct reassemble_piece *piece)
{
	uint32_t idx = r->ranges.first;
	struct range *g;

	if (idx == CELL_NONE)
		return false;
	g = range_at(pool, idx);
	if (seq_before(rcv_nxt, g->start))
		return false;
	take_first(r, pool, g, piece);
	if (!seq_before(rcv_nxt, seq_add(piece->seq, piece->len)))
		cut_start(piece, seq_add(piece->seq, piece->len));
	else
		cut_start(piece, rcv_nxt);
	return true;
}

bool reassemble_dropped(struct reassemble *r, struct cells *pool,
			struct reassemble_piece *piece)
{
	uint32_t idx = r->dropped;

	if (idx == CELL_NONE)
		return false;
	*piece = held_at(pool, idx)->piece;
	r->dropped = held_at(pool, idx)->next;
	r->cost -= piece->cost;
	give_cell(r, pool, idx);
	return true;
}

void reassemble_drop_all(struct reassemble *r, struct cells *pool)
{
	while (r->ranges.n) {
		drop_pieces(r, pool, range_at(pool, r->ranges.first));
		remove_range(r, pool, r->ranges.first);
	}
}

void reassemble_duplicate(struct reassemble *r, seq_t start, seq_t end)
{
	r->dsack = true;
	r->dsack_start = start;
	r->dsack_end = end;
}

void reassemble_in_order(struct reassemble *r, const struct cells *pool,
			 seq_t end)
{
	const struct range *g;

	if (r->ranges.first == CELL_NONE)
		return;
	g = range_look(pool, r->ranges.first);
	if (seq_before(g->start, end))
		reassemble_duplicate(r, g->start, seq_before(g->end, end) ?
						  g->end : end);
}

/* The range that holds what came twice, if it is not before RCV.NXT. */
static uint32_t range_of_dsack(const struct reassemble *r,
			       const struct cells *pool)
{
	uint32_t idx = range_before(r, pool, r->dsack_start);

	if (idx == CELL_NONE ||
	    seq_before(range_look(pool, idx)->end, r->dsack_end))
		return CELL_NONE;
	return idx;
}

uint32_t reassemble_blocks(struct reassemble *r, const struct cells *pool,
			   uint32_t max, bool with_dsack, struct tcp_sack *blocks)
{
	uint32_t n = 0, around = CELL_NONE;

	if (with_dsack && r->dsack) {
		blocks[n++] = (struct tcp_sack){ r->dsack_start, r->dsack_end };
		around = range_of_dsack(r, pool);
		r->dsack = false;
		if (n < max && around != CELL_NONE) {
			const struct range *g = range_look(pool, around);

			blocks[n++] = (struct tcp_sack){ g->start, g->end };
		}
	}
	for (uint32_t idx = r->recent; n < max && idx != CELL_NONE;
	     idx = range_look(pool, idx)->staler) {
		const struct range *g = range_look(pool, idx);

		if (idx != around)
			blocks[n++] = (struct tcp_sack){ g->start, g->end };
	}
	return n;
}
