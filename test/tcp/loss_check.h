/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loss_check.h - Random numbers, counted steps, and what is always true of a tree
 *
 * For the tests of src/tcp/loss, which include what they test to count its steps.
 */
#ifndef TEST_TCP_LOSS_CHECK_H
#define TEST_TCP_LOSS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "packet/seq.h"

static uint64_t loss_steps;	/* since somebody set it to 0                   */
#define CELL_STEP() (loss_steps++)

#include "tcp/loss/cells.c"
#include "tcp/loss/tree.c"

/* What is being run, for whoever wants to see it again. */
static struct {
	uint64_t seed;
	uint32_t step;
	uint64_t state;
} loss_run;

#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what))                                                   \
			fail_msg("seed %llu step %u: " #what,                  \
				 (unsigned long long)loss_run.seed,            \
				 loss_run.step);                               \
	} while (0)

static inline void loss_begin(uint64_t seed)
{
	loss_run.seed = seed;
	loss_run.step = 0;
	loss_run.state = seed * 0x9e3779b97f4a7c15ull + 1;
}

/* 0..n - 1; n is small beside 2^32 */
static inline uint32_t loss_random(uint32_t n)
{
	uint64_t z = loss_run.state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)(((z ^ (z >> 31)) >> 32) * n >> 32);
}

static inline uint32_t loss_between(uint32_t least, uint32_t most)
{
	return least + loss_random(most - least + 1);
}

/* A sequence number: often one from which the next wrap is near. */
static inline seq_t loss_first_seq(void)
{
	static const uint32_t near[] = { 0, 0x80000000, 0x7fffffff, 0xffffffff };

	if (loss_random(4))
		return seq(near[loss_random(4)] - loss_random(3000));
	return seq(loss_random(UINT32_MAX));
}

/* SEEDS=number FIRST=seed in the environment: other runs than by default. */
static inline uint64_t loss_setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

#define FOR_EACH_SEED(by_default)                                              \
	for (uint64_t first_ = loss_setting("FIRST", 1), seed_ = first_;       \
	     seed_ < first_ + loss_setting("SEEDS", by_default) &&             \
	     (loss_begin(seed_), true);                                        \
	     seed_++)

static inline struct cells *loss_pool(uint32_t capacity, uint32_t reserve)
{
	void *memory = aligned_alloc(CACHE_LINE, cells_bytes(capacity));

	assert_non_null(memory);
	return cells_init(memory, capacity, reserve);
}

/* AVL, threaded in order, marks summed up. Return: nodes below @idx. */
static inline uint32_t loss_check_subtree(struct cells *pool, uint32_t idx,
					  uint32_t parent, uint32_t *previous)
{
	const struct tree_node *n;
	uint32_t count = 1;
	int lean;

	if (idx == CELL_NONE)
		return 0;
	n = tree_at(pool, idx);
	CHECK(n->parent == parent);
	count += loss_check_subtree(pool, n->child[0], idx, previous);
	CHECK(n->prev == *previous);
	CHECK(*previous == CELL_NONE || tree_at(pool, *previous)->next == idx);
	*previous = idx;
	count += loss_check_subtree(pool, n->child[1], idx, previous);
	lean = height_of(pool, n->child[1]) - height_of(pool, n->child[0]);
	CHECK(lean >= -1 && lean <= 1);
	CHECK(n->height == 1 + (lean > 0 ? height_of(pool, n->child[1]) :
					   height_of(pool, n->child[0])));
	CHECK(n->marks_below == (n->marks | marks_below(pool, n->child[0]) |
				 marks_below(pool, n->child[1])));
	return count;
}

static inline void loss_check_tree(const struct tree *t, struct cells *pool)
{
	uint32_t previous = CELL_NONE;
	uint32_t n = loss_check_subtree(pool, t->root, CELL_NONE, &previous);

	for (uint32_t idx = t->listed; idx != CELL_NONE;
	     idx = tree_at(pool, idx)->next) {
		const struct tree_node *node = tree_at(pool, idx);

		CHECK(!node->height && !node->marks && node->prev == previous);
		CHECK(previous == CELL_NONE ||
		      tree_at(pool, previous)->next == idx);
		previous = idx;
		n++;
	}
	CHECK(n == t->n && t->last == previous);
	CHECK(t->last == CELL_NONE || tree_at(pool, t->last)->next == CELL_NONE);
	CHECK((t->first == CELL_NONE) == (t->n == 0));
	CHECK(t->first == CELL_NONE || tree_at(pool, t->first)->prev == CELL_NONE);
}

static inline uint32_t loss_log2(uint32_t n)
{
	uint32_t bits = 1;

	while (n >>= 1)
		bits++;
	return bits;
}

#endif
