// SPDX-License-Identifier: BSD-2-Clause
/*
 * sent_test.c - What a send holds is held until it completes, and no longer
 *
 * A model keeps each send that is on its way with the bytes that it wrote to its memory;
 * when it completes they have to be there still. It completes only what was to be
 * reported, so a send that is never reported would stop it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verbs/sent.h"

#define SEEDS 300
#define STEPS 2000
#define ENTRIES 64u
#define POOL 4096u

struct on_its_way {
	uint8_t *at;
	uint32_t bytes, n_ranges;
	uint8_t flags, pattern;
	bool is_reported;
};

struct scene {
	uint64_t random;
	struct sent sent;
	struct registration_cache cache;
	struct registered_range range;
	uint8_t pool[POOL];
	struct on_its_way send[ENTRIES];	/* by number                    */
	uint32_t n_posted, n_completed;
	uint32_t held;
	bool is_quiet;		/* short sends that nobody wants to know of     */
};

static uint32_t pick(struct scene *s, uint32_t n)
{
	s->random = s->random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((s->random >> 33) % n);
}

/* Return: false: no room. */
static bool post(struct scene *s)
{
	struct on_its_way w = { .pattern = (uint8_t)pick(s, 256) };

	if (s->is_quiet) {
		w.bytes = 0;
	} else if (pick(s, 3) == 0) {
		w.flags = SENT_IN_PLACE;
		w.n_ranges = pick(s, 4);
	} else if (pick(s, 2)) {
		w.bytes = 1 + pick(s, POOL / 4);
	}
	w.flags |= s->is_quiet || pick(s, 20) ? 0 : SENT_SIGNALED;
	if (!sent_has_room(&s->sent) || !sent_has_ranges(&s->sent, w.n_ranges))
		return false;
	if (w.bytes) {
		w.at = sent_take(&s->sent, w.bytes);
		if (!w.at)
			return false;
		assert_true(w.at >= s->pool && w.at + w.bytes <= s->pool + POOL);
		memset(w.at, w.pattern, w.bytes);
	}
	for (uint32_t i = 0; i < w.n_ranges; i++) {
		s->range.holders++;
		s->held++;
		sent_hold(&s->sent, &s->range);
	}
	w.is_reported = sent_post(&s->sent, s->n_posted, w.n_ranges, w.flags);
	if (w.flags)
		assert_true(w.is_reported);
	s->send[s->n_posted++ % ENTRIES] = w;
	assert_int_equal(s->n_posted, s->sent.posted);
	return true;
}

/* The oldest that is reported, and all before it. Return: false: none is. */
static bool complete(struct scene *s)
{
	uint32_t number = s->n_completed;
	const struct sent_entry *entry;

	while (number != s->n_posted && !s->send[number % ENTRIES].is_reported)
		number++;
	if (number == s->n_posted)
		return false;
	for (; s->n_completed != number + 1; s->n_completed++) {
		const struct on_its_way *w = &s->send[s->n_completed % ENTRIES];

		for (uint32_t i = 0; i < w->bytes; i++)
			assert_int_equal(w->at[i], w->pattern);
		s->held -= w->n_ranges;
		if (w->flags & SENT_IN_PLACE)
			assert_true(sent_is_reading(&s->sent, s->n_completed));
	}
	entry = sent_complete(&s->sent, number, &s->cache);
	assert_non_null(entry);
	assert_int_equal(entry->wr_id, number);
	assert_int_equal(entry->flags, s->send[number % ENTRIES].flags);
	assert_false(sent_is_reading(&s->sent, number));
	/* One more than those, for the range itself. */
	assert_int_equal(s->range.holders, s->held + 1);
	assert_null(sent_complete(&s->sent, number, &s->cache));
	return true;
}

static void run(uint64_t seed)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->random = seed;
	s->is_quiet = seed % 4 == 0;
	s->range.holders = 1;
	assert_int_equal(sent_open(&s->sent, ENTRIES), 0);
	s->sent.pool = s->pool;
	s->sent.pool_bytes = POOL;
	for (int i = 0; i < STEPS; i++) {
		uint32_t n = pick(s, 80);

		while (n-- && post(s))
			continue;
		/* Without room something is reported that is on its way. */
		if (n != UINT32_MAX)
			assert_true(complete(s));
		n = pick(s, 12);
		while (n-- && complete(s))
			continue;
	}
	assert_null(sent_complete(&s->sent, s->n_posted, &s->cache));
	assert_null(sent_complete(&s->sent, s->n_posted + 1000, &s->cache));
	sent_close(&s->sent, &s->cache);
	assert_int_equal(s->range.holders, 1);
	free(s);
}

static uint64_t last_seed;

static int say_seed(void **state)
{
	print_message("the last seed was %llu\n", (unsigned long long)last_seed);
	return 0;
}

static void tx_9_memory_is_free_when_it_completes(void **state)
{
	for (last_seed = 1; last_seed <= SEEDS; last_seed++)
		run(last_seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(tx_9_memory_is_free_when_it_completes,
					  say_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
