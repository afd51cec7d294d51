// SPDX-License-Identifier: BSD-2-Clause
/*
 * tree_test.c - Cells in an order, against an array
 *
 * SPEC LIB-4: what the scoreboard and the reassembly stand on. SEEDS and FIRST in
 * the environment choose other runs.
 */
#include "tcp/loss_check.h"

#define MANY 200

static struct cells *pool;
static struct tree tree;
static uint32_t order[MANY];	/* the cells, as they should come               */

static void put_at(uint32_t place, uint32_t idx)
{
	for (uint32_t n = tree.n; n > place; n--)
		order[n] = order[n - 1];
	order[place] = idx;
}

static void insert(void)
{
	uint32_t place = loss_random(tree.n + 1);
	uint32_t idx = cells_take(pool, 1);

	if (idx == CELL_NONE) {
		CHECK(tree.n == MANY);
		return;
	}
	if (loss_random(2)) {
		put_at(tree.n, idx);
		tree_append(&tree, pool, idx);
	} else {
		put_at(place, idx);
		tree_insert(&tree, pool, place ? order[place - 1] : CELL_NONE, idx);
	}
}

static void take_out_one(void)
{
	uint32_t place = loss_random(tree.n), idx;

	if (!tree.n)
		return;
	idx = order[place];
	for (; place + 1 < tree.n; place++)
		order[place] = order[place + 1];
	tree_remove(&tree, pool, idx);
	cells_give(pool, idx);
}

static void check(uint8_t mark)
{
	uint32_t idx = tree.first, first = CELL_NONE;

	loss_check_tree(&tree, pool);
	for (uint32_t place = 0; place < tree.n; place++) {
		CHECK(idx == order[place]);
		if (first == CELL_NONE && tree_at(pool, idx)->marks & mark)
			first = idx;
		idx = tree_at(pool, idx)->next;
	}
	CHECK(idx == CELL_NONE);
	CHECK(tree_first_marked(&tree, pool, mark) == first);
	CHECK(pool->n_free + tree.n == MANY);
}

static void order_and_marks_are_kept(void **state)
{
	(void)state;
	FOR_EACH_SEED(200) {
		uint32_t growth = loss_between(3, 7);

		pool = loss_pool(MANY, 0);
		tree = TREE_EMPTY;
		for (; loss_run.step < 400; loss_run.step++) {
			if (loss_random(10) < growth)
				insert();
			else
				take_out_one();
			if (tree.n && !loss_random(3))
				tree_mark(&tree, pool,
					  order[loss_random(tree.n)],
					  (uint8_t)loss_random(4));
			if (!loss_random(20))
				tree_index(&tree, pool);
			check((uint8_t)loss_between(1, 3));
		}
		free(pool);
	}
}

/* Appended last, removed first: the tree is never touched. */
static void queue_costs_nothing(void **state)
{
	(void)state;
	loss_begin(0);
	pool = loss_pool(MANY, 0);
	tree = TREE_EMPTY;
	loss_steps = 0;
	for (uint32_t n = 0; n < 10 * MANY; n++) {
		if (tree.n == MANY) {
			uint32_t idx = tree.first;

			tree_remove(&tree, pool, idx);
			cells_give(pool, idx);
		}
		tree_append(&tree, pool, cells_take(pool, 1));
	}
	assert_int_equal(loss_steps, 0);
	tree_index(&tree, pool);
	assert_in_range(loss_steps, MANY - 1, 3 * MANY);
	free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_marks_are_kept),
		cmocka_unit_test(queue_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
