// SPDX-License-Identifier: BSD-2-Clause
/*
 * registration_test.c - The cache against one that is written down as its rules
 *
 * The reference keeps ranges in a list, and when it was used last with each; it looks
 * at all of them every time. Both are asked the same by a seed; what the device's owner
 * was told has to be the same, in the same order.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "verbs/registration.h"

#define SEEDS 500
#define STEPS 600
#define N_RANGES 24
#define MAX_RANGES 6
#define MAX_BYTES (40u << 12)
#define OWNER_MAX 8		/* registrations that the owner allows          */
#define TOLD 8192

/* What the owner of the device was told: +index: register; -index: release. */
struct owner {
	int told[TOLD];
	uint32_t n_told;
	uint32_t n_registered;
	bool is_full;		/* refuse what comes, whatever it is            */
};

struct reference_range {
	bool known, registered;
	uint32_t rights, holders;
	uint64_t idle_since;	/* when the last holder left                    */
};

struct scene {
	uint64_t random, time;
	struct owner owner, expected;
	struct registration_cache cache;
	struct registered_range range[N_RANGES];
	struct reference_range reference[N_RANGES];
};

static uint32_t pick(struct scene *s, uint32_t n)
{
	s->random = s->random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((s->random >> 33) % n);
}

/* ---- The owner of the device -------------------------------------------------------------- */

static void tell(struct owner *o, int what)
{
	assert_true(o->n_told < TOLD);
	o->told[o->n_told++] = what;
}

static int owner_register(struct owner *o, int index)
{
	if (o->n_registered >= OWNER_MAX)
		return -ENOSPC;
	o->n_registered++;
	tell(o, index + 1);
	return 0;
}

static void owner_release(struct owner *o, int index)
{
	o->n_registered--;
	tell(o, -index - 1);
}

static int register_range(void *ctx, struct registered_range *range, uint32_t rights)
{
	struct scene *s = ctx;

	return owner_register(&s->owner, (int)(range - s->range));
}

static void release_range(void *ctx, struct registered_range *range)
{
	struct scene *s = ctx;

	owner_release(&s->owner, (int)(range - s->range));
}

static const struct registration_ops ops = {
	.register_range = register_range,
	.release_range = release_range,
};

/* ---- The reference ----------------------------------------------------------------------- */

static void reference_release(struct scene *s, int index)
{
	s->reference[index].registered = false;
	owner_release(&s->expected, index);
}

/* The idle one that was used longest ago. Return: false: none is idle. */
static bool reference_evict(struct scene *s)
{
	int oldest = -1;

	for (int i = 0; i < N_RANGES; i++) {
		const struct reference_range *r = &s->reference[i];

		if (r->registered && !r->holders &&
		    (oldest < 0 || r->idle_since < s->reference[oldest].idle_since))
			oldest = i;
	}
	if (oldest >= 0)
		reference_release(s, oldest);
	return oldest >= 0;
}

static void reference_bound(struct scene *s)
{
	uint64_t n, bytes;

	do {
		n = bytes = 0;
		for (int i = 0; i < N_RANGES; i++) {
			n += s->reference[i].registered;
			bytes += s->reference[i].registered ?
				 s->range[i].region.bytes : 0;
		}
	} while ((n > MAX_RANGES || bytes > MAX_BYTES) && reference_evict(s));
}

static int reference_get(struct scene *s, int index, uint32_t need, uint32_t make)
{
	struct reference_range *r = &s->reference[index];
	int status;

	if (r->registered && (r->rights & need) == need) {
		r->holders++;
		return 0;
	}
	if (r->holders)
		return -EACCES;
	if (r->registered) {
		make |= r->rights;
		reference_release(s, index);
	}
	do {
		status = owner_register(&s->expected, index);
	} while (status && reference_evict(s));
	if (status)
		return status;
	*r = (struct reference_range){ .known = true, .registered = true,
				       .rights = make, .holders = 1 };
	reference_bound(s);
	return 0;
}

static void reference_put(struct scene *s, int index)
{
	if (--s->reference[index].holders)
		return;
	s->reference[index].idle_since = ++s->time;
	reference_bound(s);
}

static int reference_remove(struct scene *s, int index)
{
	if (s->reference[index].holders)
		return -EBUSY;
	if (s->reference[index].registered)
		reference_release(s, index);
	s->reference[index].known = false;
	return 0;
}

/* ---- Both -------------------------------------------------------------------------------- */

static void compare(struct scene *s)
{
	assert_int_equal(s->owner.n_told, s->expected.n_told);
	assert_memory_equal(s->owner.told, s->expected.told,
			    s->owner.n_told * sizeof(s->owner.told[0]));
}

static void add(struct scene *s, int index)
{
	struct registered_range *range = &s->range[index];

	/* One behind the other, with gaps, never in this order. */
	*range = (struct registered_range){ .region = {
		.address = (void *)((uintptr_t)(index * 7 % N_RANGES + 1) << 20),
		.bytes = (size_t)(1 + pick(s, 12)) << 12,
	} };
	assert_int_equal(registration_add(&s->cache, range), 0);
	s->reference[index].known = true;
}

static void find(struct scene *s, int index)
{
	struct registered_range *range = &s->range[index];
	const uint8_t *start = range->region.address;
	size_t bytes = range->region.bytes;
	struct registered_range *expected = s->reference[index].known ? range : NULL;

	if (!start)
		return;
	assert_ptr_equal(registration_find(&s->cache, start, 1), expected);
	assert_ptr_equal(registration_find(&s->cache, start, bytes), expected);
	assert_ptr_equal(registration_find(&s->cache, start + bytes - 1, 1), expected);
	assert_null(registration_find(&s->cache, start - 1, 2));
	assert_null(registration_find(&s->cache, start + bytes - 1, 2));
	assert_null(registration_find(&s->cache, start + 1, SIZE_MAX));
}

static void step(struct scene *s)
{
	int index = (int)pick(s, N_RANGES);
	struct reference_range *r = &s->reference[index];
	uint32_t need = 1 + pick(s, 3), make = need | pick(s, 4);

	switch (pick(s, 8)) {
	case 0:
		if (r->known)
			assert_int_equal(registration_remove(&s->cache,
							     &s->range[index]),
					 reference_remove(s, index));
		break;
	case 1:
		find(s, index);
		break;
	case 2:
	case 3:
		if (r->holders) {
			registration_put(&s->cache, &s->range[index]);
			reference_put(s, index);
		}
		break;
	default:
		if (!r->known)
			add(s, index);
		else
			assert_int_equal(registration_get(&s->cache, &s->range[index],
							  need, make),
					 reference_get(s, index, need, make));
	}
	compare(s);
}

static struct scene *open_scene(uint64_t seed)
{
	const struct tto_device_options options = {
		.cache_regions = MAX_RANGES, .cache_bytes = MAX_BYTES,
		.register_after = 10000,
	};
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->random = seed;
	registration_cache_open(&s->cache, &ops, s, &options);
	return s;
}

static void close_scene(struct scene *s)
{
	registration_cache_close(&s->cache);
	free(s);
}

static uint64_t last_seed;

static int say_seed(void **state)
{
	print_message("the last seed was %llu\n", (unsigned long long)last_seed);
	return 0;
}

static void ag_5_same_as_the_reference(void **state)
{
	uint64_t evictions = 0;

	for (last_seed = 1; last_seed <= SEEDS; last_seed++) {
		struct scene *s = open_scene(last_seed);

		for (int i = 0; i < STEPS; i++)
			step(s);
		evictions += s->cache.evictions;
		close_scene(s);
	}
	assert_true(evictions > SEEDS);
}

/* SPEC AG-5: whatever part of it is asked for. */
static void ag_5_a_buffer_is_registered_once(void **state)
{
	struct scene *s = open_scene(1);
	uint8_t *start;

	add(s, 3);
	start = s->range[3].region.address;
	for (uint32_t i = 0; i < 100; i++) {
		struct registered_range *range =
			registration_find(&s->cache, start + i, 4096 - i);

		assert_int_equal(registration_get(&s->cache, range, TTO_READ,
						  TTO_READ), 0);
		if (i % 3)
			registration_put(&s->cache, range);
	}
	assert_int_equal(s->owner.n_told, 1);
	close_scene(s);
}

/* SPEC LIB-3: copied until that has cost as much as to register. */
static void lib_3_registered_when_it_pays(void **state)
{
	struct scene *s = open_scene(1);
	struct registered_range *range = &s->range[3];

	add(s, 3);
	assert_false(registration_pays(&s->cache, range, 4000));
	assert_false(registration_pays(&s->cache, range, 4000));
	assert_false(registration_pays(&s->cache, range, 4000));
	assert_true(registration_pays(&s->cache, range, 1));
	/* What is registered costs nothing more. */
	range->copied_bytes = 0;
	assert_int_equal(registration_get(&s->cache, range, TTO_READ, TTO_READ), 0);
	assert_true(registration_pays(&s->cache, range, 1));
	close_scene(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(ag_5_same_as_the_reference, say_seed),
		cmocka_unit_test(ag_5_a_buffer_is_registered_once),
		cmocka_unit_test(lib_3_registered_when_it_pays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
