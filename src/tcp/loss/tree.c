// SPDX-License-Identifier: BSD-2-Clause
/*
 * tree.c - Cells in an order, with O(log n) search and O(1) neighbours
 *
 * Theory of operation: see tree.h.
 */
#include "tcp/loss/tree.h"

static uint8_t height_of(const struct cells *pool, uint32_t idx)
{
	return idx == CELL_NONE ? 0 : tree_look(pool, idx)->height;
}

static uint8_t marks_below(const struct cells *pool, uint32_t idx)
{
	return idx == CELL_NONE ? 0 : tree_look(pool, idx)->marks_below;
}

/* What a cell says of the subtree below it, from its children. */
static void sum_up(struct cells *pool, struct tree_node *n)
{
	uint8_t before = height_of(pool, n->child[0]);
	uint8_t behind = height_of(pool, n->child[1]);

	n->height = (uint8_t)((before > behind ? before : behind) + 1);
	n->marks_below = n->marks | marks_below(pool, n->child[0]) |
			 marks_below(pool, n->child[1]);
}

/* @to, or nothing, stands where @from stood below @parent. */
static void replace_child(struct tree *t, struct cells *pool, uint32_t parent,
			  uint32_t from, uint32_t to)
{
	if (parent == CELL_NONE) {
		t->root = to;
	} else {
		struct tree_node *p = tree_at(pool, parent);

		p->child[p->child[1] == from] = to;
	}
	if (to != CELL_NONE)
		tree_at(pool, to)->parent = parent;
}

/* The child of @top on @side takes its place, and has it as the other child. */
static uint32_t rotate(struct tree *t, struct cells *pool, uint32_t top, int side)
{
	struct tree_node *down = tree_at(pool, top);
	uint32_t idx = down->child[side];
	struct tree_node *up = tree_at(pool, idx);
	uint32_t inner = up->child[!side];

	replace_child(t, pool, down->parent, top, idx);
	down->child[side] = inner;
	if (inner != CELL_NONE)
		tree_at(pool, inner)->parent = top;
	up->child[!side] = top;
	down->parent = idx;
	sum_up(pool, down);
	sum_up(pool, up);
	return idx;
}

/* Of a subtree whose sides may differ by two: its new root. */
static uint32_t balance(struct tree *t, struct cells *pool, uint32_t idx)
{
	struct tree_node *n = tree_at(pool, idx);
	int lean = height_of(pool, n->child[1]) - height_of(pool, n->child[0]);
	int side = lean > 0;
	struct tree_node *heavy;

	if (lean >= -1 && lean <= 1)
		return idx;
	heavy = tree_at(pool, n->child[side]);
	if (height_of(pool, heavy->child[!side]) >
	    height_of(pool, heavy->child[side]))
		rotate(t, pool, n->child[side], !side);
	return rotate(t, pool, idx, side);
}

/* Something has changed below @idx: upwards until it makes no difference. */
static void settle(struct tree *t, struct cells *pool, uint32_t idx)
{
	while (idx != CELL_NONE) {
		struct tree_node *n = tree_at(pool, idx);
		uint8_t height = n->height, marks = n->marks_below;

		CELL_STEP();
		sum_up(pool, n);
		idx = balance(t, pool, idx);
		n = tree_at(pool, idx);
		if (n->height == height && n->marks_below == marks)
			return;
		idx = n->parent;
	}
}

static void list_behind(struct tree *t, struct cells *pool, uint32_t after,
			uint32_t idx)
{
	struct tree_node *n = tree_at(pool, idx);
	uint32_t *from = after == CELL_NONE ? &t->first :
					      &tree_at(pool, after)->next;

	n->prev = after;
	n->next = *from;
	*from = idx;
	if (n->next == CELL_NONE)
		t->last = idx;
	else
		tree_at(pool, n->next)->prev = idx;
	t->n++;
}

static void take_out(struct tree *t, struct cells *pool, uint32_t idx)
{
	const struct tree_node *n = tree_at(pool, idx);

	if (t->listed == idx)
		t->listed = n->next;
	if (n->prev == CELL_NONE)
		t->first = n->next;
	else
		tree_at(pool, n->prev)->next = n->next;
	if (n->next == CELL_NONE)
		t->last = n->prev;
	else
		tree_at(pool, n->next)->prev = n->prev;
	t->n--;
}

/* A cell that is in the list gets its place in the tree. */
static void attach(struct tree *t, struct cells *pool, uint32_t idx)
{
	struct tree_node *n = tree_at(pool, idx);
	uint32_t parent = n->prev;
	int side = 1;

	n->child[0] = n->child[1] = CELL_NONE;
	n->height = 1;
	n->marks = n->marks_below = 0;
	/* Of two neighbours one has no child on the side of the other. */
	if (parent == CELL_NONE || tree_at(pool, parent)->child[1] != CELL_NONE) {
		parent = n->next;
		side = 0;
	}
	n->parent = parent;
	if (parent == CELL_NONE)
		t->root = idx;
	else
		tree_at(pool, parent)->child[side] = idx;
	settle(t, pool, parent);
}

void tree_append(struct tree *t, struct cells *pool, uint32_t idx)
{
	struct tree_node *n = tree_at(pool, idx);

	list_behind(t, pool, t->last, idx);
	n->height = 0;
	n->marks = 0;
	if (t->listed == CELL_NONE)
		t->listed = idx;
}

void tree_index(struct tree *t, struct cells *pool)
{
	while (t->listed != CELL_NONE) {
		uint32_t idx = t->listed;
		struct tree_node *n = tree_at(pool, idx);
		uint32_t next = n->next;

		/* As the last one: those behind it are not in the tree yet. */
		n->next = CELL_NONE;
		attach(t, pool, idx);
		n->next = next;
		t->listed = next;
	}
}

void tree_insert(struct tree *t, struct cells *pool, uint32_t after, uint32_t idx)
{
	tree_index(t, pool);
	list_behind(t, pool, after, idx);
	attach(t, pool, idx);
}

/* The next cell takes the place of @n, which has two children. */
static void replace_by_next(struct tree *t, struct cells *pool, uint32_t idx,
			    const struct tree_node *n)
{
	uint32_t next = n->next;
	struct tree_node *s = tree_at(pool, next);
	uint32_t from = s->parent;

	if (from == idx) {
		from = next;
	} else {
		replace_child(t, pool, from, next, s->child[1]);
		s->child[1] = n->child[1];
		tree_at(pool, s->child[1])->parent = next;
	}
	s->child[0] = n->child[0];
	tree_at(pool, s->child[0])->parent = next;
	s->height = n->height;
	s->marks_below = n->marks_below;
	replace_child(t, pool, n->parent, idx, next);
	settle(t, pool, from);
	settle(t, pool, next);	/* its own marks are others than those of @n */
}

void tree_remove(struct tree *t, struct cells *pool, uint32_t idx)
{
	const struct tree_node *n = tree_at(pool, idx);
	int side;

	if (!n->height) {
		take_out(t, pool, idx);
		return;
	}
	side = n->child[0] == CELL_NONE;
	if (n->child[0] != CELL_NONE && n->child[1] != CELL_NONE) {
		replace_by_next(t, pool, idx, n);
	} else {
		replace_child(t, pool, n->parent, idx, n->child[side]);
		settle(t, pool, n->parent);
	}
	take_out(t, pool, idx);
}

void tree_mark(struct tree *t, struct cells *pool, uint32_t idx, uint8_t marks)
{
	struct tree_node *n = tree_at(pool, idx);

	if (n->marks == marks)
		return;
	tree_index(t, pool);
	n->marks = marks;
	settle(t, pool, idx);
}

uint32_t tree_first_marked(const struct tree *t, const struct cells *pool,
			   uint8_t mark)
{
	uint32_t idx = t->root;

	if (!(marks_below(pool, idx) & mark))
		return CELL_NONE;
	for (;;) {
		const struct tree_node *n = tree_look(pool, idx);

		CELL_STEP();
		if (marks_below(pool, n->child[0]) & mark)
			idx = n->child[0];
		else if (n->marks & mark)
			return idx;
		else
			idx = n->child[1];
	}
}
