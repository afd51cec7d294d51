// SPDX-License-Identifier: BSD-2-Clause
/* fetch_hostile_test.c - Descriptors that nobody should write (SPEC TX-2) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "nic/fetch_scene.h"

static bool command_is_known(uint16_t command)
{
	return !(command & ~DESCRIPTOR_ALL) &&
	       (command & 3) != (DESCRIPTOR_VIRTUAL | DESCRIPTOR_REGION);
}

static void check_command(struct fetch_scene *s, uint32_t n, uint16_t command)
{
	uint16_t before = s->ring[n].command;
	struct tto_slot slot[UNIT_SLOTS];
	int got;

	s->ring[n].command = command;
	got = unit_begin_ring(s, s->ring, s->n);
	EXPECT(s, got != 0);
	if (!command_is_known(command)) {
		EXPECT(s, got == -EFAULT);
		EXPECT(s, s->fetch.error.fault == DMA_FAULT_COMMAND);
		EXPECT(s, s->fetch.error.element == n);
	}
	if (command == before)
		EXPECT(s, got == s->frames);
	unit_offer(&s->rng, slot, true);
	EXPECT(s, fetch_next(&s->fetch, slot, UNIT_SLOTS) >= (got > 0));
	s->ring[n].command = before;
}

/* All 2^16 in the first, the last, and one between. */
static void tx_2_every_command_is_judged(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= 2; seed++) {
		do {
			unit_make(s, seed + s->rng.state % 1000);
			if (s->frames < 0)
				unit_drop(s);
		} while (s->frames < 0);
		s->n = 4;
		unit_lay_out(s, UNIT_AREAS, UINT32_MAX, AREA_BUS);
		for (uint32_t c = 0; c < 65536; c++)
			check_command(s, rng_below(&s->rng, s->n), (uint16_t)c);
		unit_drop(s);
	}
}

static void tx_2_without_an_end(void **state)
{
	struct fetch_scene *s = *state;

	unit_make(s, 3);
	s->n = 5;
	unit_lay_out(s, UNIT_AREAS, UINT32_MAX, AREA_BUS);
	for (uint32_t n = 1; n < s->n; n++) {
		EXPECT(s, unit_begin_ring(s, s->ring, n) == -EFAULT);
		EXPECT(s, s->fetch.error.fault == DMA_FAULT_COMMAND);
		EXPECT(s, fetch_taken(&s->fetch) == n);
		unit_check_end(s);
	}
	unit_drop(s);
}

static void tx_2_too_many_elements(void **state)
{
	struct fetch_scene *s = *state;
	struct descriptor ring[FETCH_ELEMENTS + 40];

	for (uint32_t n = FETCH_ELEMENTS + 1; n <= ARRAY_SIZE(ring); n++) {
		memset(ring, 0, sizeof(ring));
		ring[n - 1].command = DESCRIPTOR_END;
		s->unit.link = TTO_LINK_ETHERNET;
		assert_int_equal(unit_begin_ring(s, ring, n), -EFAULT);
		assert_int_equal(s->fetch.error.fault, DMA_FAULT_TOO_LONG);
		assert_int_equal(s->fetch.error.element, FETCH_ELEMENTS);
		assert_int_equal(fetch_taken(&s->fetch), n);
		unit_check_end(s);
	}
}

/* Lengths that add up to more than 32 bits, over memory that is there or not. */
static void tx_2_lengths_near_the_end(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct tto_slot slot[UNIT_SLOTS];
		int got;

		unit_make(s, seed);
		unit_lay_out_anyhow(s);
		for (uint32_t n = 0; n < s->n; n++)
			if (rng_chance(&s->rng, 2))
				s->ring[n].length = 0 - rng_below(&s->rng, 5000);
		s->ring[s->n - 1].length = UINT32_MAX;
		got = unit_begin(s);
		EXPECT(s, got < 0);
		unit_offer(&s->rng, slot, true);
		EXPECT(s, fetch_next(&s->fetch, slot, UNIT_SLOTS) == 0);
		unit_drop(s);
	}
}

/* Everything random but the memory. */
static void tx_2_random_descriptors(void **state)
{
	struct fetch_scene *s = *state;

	for (uint64_t seed = 1; seed <= 4000; seed++) {
		struct tto_slot slot[UNIT_SLOTS];
		int got, calls = 0;

		s->seed = seed;
		s->rng = (struct rng){ seed };
		rng_fill(&s->rng, (uint8_t *)s->ring, sizeof(s->ring));
		for (uint32_t n = 0; n < ARRAY_SIZE(s->ring); n++) {
			const struct area *a = &s->m.area[rng_below(&s->rng, N_AREAS)];

			s->ring[n].command &= DESCRIPTOR_ALL & ~3;
			s->ring[n].length %= 3000;
			s->ring[n].base = a->base;
			s->ring[n].address = a->virt + s->ring[n].address % 20000;
			if (a->kind == ELEMENT_VIRTUAL)
				s->ring[n].command |= DESCRIPTOR_VIRTUAL;
		}
		s->unit.link = (uint8_t)rng_below(&s->rng, TTO_N_LINKS);
		got = unit_begin_ring(s, s->ring,
				      1 + rng_below(&s->rng, ARRAY_SIZE(s->ring)));
		EXPECT(s, got != 0);
		while (unit_offer(&s->rng, slot, true), got > 0) {
			int n = fetch_next(&s->fetch, slot, UNIT_SLOTS);

			EXPECT(s, n > 0 && n <= got && ++calls < 70000);
			got -= n;
		}
		unit_check_end(s);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fetch_setup, fetch_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tx_2_every_command_is_judged),
		T(tx_2_without_an_end),
		T(tx_2_too_many_elements),
		T(tx_2_lengths_near_the_end),
		T(tx_2_random_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
