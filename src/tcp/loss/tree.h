/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.h - Cells in an order, with O(log n) search and O(1) neighbours
 *
 * DOC: Theory of operation
 * An AVL tree with a list threaded through it. It compares nothing: whoever
 * inserts says behind which cell, and whoever searches walks down from the root
 * with a comparison of his own, in the open.
 *
 * What is appended last is at first only in the list, and comes into the tree when
 * somebody is going to search. Appending last and removing first, which is all that
 * a connection without loss does, never touches the tree.
 *
 * Each cell has marks, and knows which marks occur below it; so the first cell
 * that has a certain mark is found in O(log n).
 *
 * Limits: height below 1.45 log2(n); n < 2^32.
 */
#ifndef TCP_LOSS_TREE_H
#define TCP_LOSS_TREE_H

#include "tcp/loss/cells.h"

/* First member of a cell that is in a tree. */
struct tree_node {
	uint32_t parent;
	uint32_t child[2];	/* before, behind                               */
	uint32_t next;		/* in order                                     */
	uint32_t prev;
	uint8_t height;		/* of this subtree, 1 for a leaf; 0: only listed */
	uint8_t marks;		/* of this cell; set by tree_mark()             */
	uint8_t marks_below;	/* of this cell and all below                   */
	uint8_t spare;		/* the cell's own                               */
};

struct tree {
	uint32_t root;
	uint32_t first;
	uint32_t last;
	uint32_t listed;	/* first that is only in the list; all behind it are */
	uint32_t n;
};

#define TREE_EMPTY                                                             \
	((struct tree){ .root = CELL_NONE, .first = CELL_NONE,                 \
			.last = CELL_NONE, .listed = CELL_NONE })

static ALWAYS_INLINE struct tree_node *tree_at(struct cells *pool, uint32_t idx)
{
	return cells_at(pool, idx);
}

static ALWAYS_INLINE const struct tree_node *tree_look(const struct cells *pool,
						       uint32_t idx)
{
	return cells_look(pool, idx);
}

/**
 * tree_append() - Put a cell behind all others, into the list only
 * @idx:	Not in a tree; its node is overwritten but for @spare
 *
 * Cost:	O(1)
 */
void tree_append(struct tree *t, struct cells *pool, uint32_t idx);

/**
 * tree_index() - All that is only in the list comes into the tree
 *
 * To be called before a search goes down from the root.
 * Cost:	O(1) amortised for each cell that was appended
 */
void tree_index(struct tree *t, struct cells *pool);

/**
 * tree_insert() - Put a cell behind another
 * @t:		Its cells are in @pool
 * @after:	In @t, or CELL_NONE: @idx becomes the first
 * @idx:	Not in a tree; its node is overwritten but for @spare
 *
 * Cost:	O(log n)
 */
void tree_insert(struct tree *t, struct cells *pool, uint32_t after,
		 uint32_t idx);

/**
 * tree_remove() - Take a cell out
 * @idx:	In @t; is not given back to the pool
 *
 * Cost:	O(log n); O(1) when it is only in the list
 */
void tree_remove(struct tree *t, struct cells *pool, uint32_t idx);

/**
 * tree_mark() - Set the marks of a cell
 * @idx:	In @t
 * @marks:	Replace those it has
 *
 * Cost:	O(log n), less where others have the same marks
 */
void tree_mark(struct tree *t, struct cells *pool, uint32_t idx,
	       uint8_t marks);

/**
 * tree_first_marked() - The first cell in order that has a mark
 * @mark:	One or more bits; any of them will do
 *
 * Cost:	O(1) when there is none, else O(log n)
 * Return: index, or CELL_NONE
 */
uint32_t tree_first_marked(const struct tree *t, const struct cells *pool,
			   uint8_t mark);

#endif
