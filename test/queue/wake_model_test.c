// SPDX-License-Identifier: BSD-2-Clause
/*
 * wake_model_test.c - No wakeup is lost, whatever memory does (SPEC AG-6)
 *
 * All interleavings of a producer and a consumer that do, step by step, what
 * ring.h does in ring_publish(), ring_wants_wake(), ring_ready(), ring_arm() and
 * ring_disarm(), on the machines of weak_memory.h. What is looked for:
 *
 *   a state in which the producer is done, the consumer sleeps, nobody is going to
 *   wake it, and there is something that it has not taken;
 *   an entry that was not yet written when it was taken.
 *
 * And that the checker would find it: with each part of the protocol left out in turn
 * it has to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/siphash.h"
#include "base/compiler.h"
#include "queue/weak_memory.h"

#define ENTRIES 3		/* that are published, one after the other      */
#define ARMS 4			/* of the consumer, at most                     */
#define STATES (1u << 22)

enum location { TAIL, SLEEPS, ENTRY };
enum thread { PRODUCER, CONSUMER };

/* What may be left out, or done the wrong way round. */
enum {
	NO_CONSUMER_FENCE = 1,
	NO_PRODUCER_FENCE = 2,
	NO_SECOND_LOOK = 4,	/* arms, and sleeps at once                     */
	WAKES_FIRST = 8,	/* looks who sleeps, and publishes then         */
	NO_RELEASE = 16,
	NO_ACQUIRE = 32,
	NO_DISARM = 64,		/* leaves the word as it is when it wakes up    */
};

enum producer_step { WRITE, PUBLISH, PRODUCER_FENCE, LOOK_WHO_SLEEPS, TAKE_WORD,
		     WAKE, NEXT, PRODUCER_DONE };
enum consumer_step { POLL, READ_ENTRY, ARM, CONSUMER_FENCE, LOOK_AGAIN, DISARM, SLEEP,
		     AWAKE, CONSUMER_DONE };

/* Compared as bytes: no padding that is not 0. */
struct state {
	struct memory_state memory;
	uint8_t producer, consumer;	/* steps                                */
	uint8_t published;	/* entry that is being published, from 1 on     */
	uint8_t taken, seen;
	uint8_t arms;
	uint8_t event;		/* the kernel's                                 */
	uint8_t waking;		/* the producer is going to                     */
	uint8_t idle_wakes;	/* woke up for another reason                   */
	uint8_t torn;
};

struct search {
	uint32_t left_out;
	struct state *states;	/* all that were found; also the queue          */
	uint32_t n, next;
	uint32_t *table;	/* index + 1                                    */
	bool lost, torn;
};

static bool without(const struct search *s, uint32_t what)
{
	return s->left_out & what;
}

/* ---- The producer -------------------------------------------------------------- */

/* LOOK_WHO_SLEEPS and what follows it: behind it, or wrongly before it. */
static uint8_t behind_wake(const struct search *s)
{
	return without(s, WAKES_FIRST) ? PUBLISH : NEXT;
}

static bool step_producer(const struct search *s, struct state *x, uint32_t c)
{
	struct memory_state *m = &x->memory;
	uint8_t value;

	switch (x->producer) {
	case WRITE:
		x->producer = without(s, WAKES_FIRST) ? LOOK_WHO_SLEEPS :
							PUBLISH;
		return memory_write(m, PRODUCER, ENTRY, RELAXED, c,
				    x->published);
	case PUBLISH:
		x->producer = without(s, WAKES_FIRST) ? NEXT :
			      without(s, NO_PRODUCER_FENCE) ? LOOK_WHO_SLEEPS :
							      PRODUCER_FENCE;
		return memory_write(m, PRODUCER, TAIL,
				    without(s, NO_RELEASE) ? RELAXED : RELEASE,
				    c, x->published);
	case PRODUCER_FENCE:
		x->producer = LOOK_WHO_SLEEPS;
		return memory_fence(m, PRODUCER, c);
	case LOOK_WHO_SLEEPS:
		if (!memory_load(m, PRODUCER, SLEEPS, RELAXED, c, &value))
			return false;
		x->producer = value ? TAKE_WORD : behind_wake(s);
		return true;
	case TAKE_WORD:
		if (!memory_exchange(m, PRODUCER, SLEEPS, c, &value))
			return false;
		x->producer = value ? WAKE : behind_wake(s);
		return true;
	case WAKE:
		x->event = 1;
		memory_signal(m, PRODUCER);
		x->producer = behind_wake(s);
		return c == 0;
	case NEXT:
		x->producer = x->published == ENTRIES ? PRODUCER_DONE : WRITE;
		x->published += x->published < ENTRIES;
		return c == 0;
	default:
		return false;
	}
}

/* ---- The consumer -------------------------------------------------------------- */

static enum memory_order_of look_order(const struct search *s)
{
	return without(s, NO_ACQUIRE) ? RELAXED : ACQUIRE;
}

/* An entry that is there has been written. */
static bool read_entry(struct state *x, uint32_t c)
{
	uint8_t value;

	if (!memory_load(&x->memory, CONSUMER, ENTRY, RELAXED, c, &value))
		return false;
	x->torn = value < x->seen;
	x->taken = x->seen;
	x->consumer = x->taken == ENTRIES ? CONSUMER_DONE : POLL;
	return true;
}

static bool step_consumer(const struct search *s, struct state *x, uint32_t c)
{
	struct memory_state *m = &x->memory;

	switch (x->consumer) {
	case POLL:
		if (!memory_load(m, CONSUMER, TAIL, look_order(s), c, &x->seen))
			return false;
		x->consumer = x->seen != x->taken ? READ_ENTRY : ARM;
		return true;
	case READ_ENTRY:
		return read_entry(x, c);
	case ARM:
		if (x->arms++ == ARMS)
			return false;
		x->consumer = without(s, NO_SECOND_LOOK) ? SLEEP :
			      without(s, NO_CONSUMER_FENCE) ? LOOK_AGAIN :
							      CONSUMER_FENCE;
		return memory_write(m, CONSUMER, SLEEPS, RELAXED, c, 1);
	case CONSUMER_FENCE:
		x->consumer = LOOK_AGAIN;
		return memory_fence(m, CONSUMER, c);
	case LOOK_AGAIN:
		if (!memory_load(m, CONSUMER, TAIL, look_order(s), c, &x->seen))
			return false;
		x->consumer = x->seen != x->taken ? DISARM : SLEEP;
		return true;
	case DISARM:
		x->consumer = POLL;
		return memory_write(m, CONSUMER, SLEEPS, RELAXED, c, 0);
	case SLEEP:
		if (!x->event && x->idle_wakes++)
			return false;
		if (x->event)
			memory_wait(m, CONSUMER);
		x->event = 0;
		x->consumer = without(s, NO_DISARM) ? POLL : AWAKE;
		return c == 0;
	case AWAKE:
		x->consumer = POLL;
		return memory_write(m, CONSUMER, SLEEPS, RELAXED, c, 0);
	default:
		return false;
	}
}

/* ---- All states ------------------------------------------------------------------ */

static bool is_lost(const struct state *x)
{
	return x->producer == PRODUCER_DONE && x->consumer == SLEEP &&
	       !x->event && x->taken < ENTRIES && memory_is_drained(&x->memory);
}

static void enter(struct search *s, const struct state *x)
{
	static const uint8_t key[16] = { 7 };
	uint32_t at = (uint32_t)siphash_2_4(x, sizeof(*x), key);

	for (;; at++) {
		uint32_t *slot = &s->table[at % (2 * STATES)];

		if (*slot == 0) {
			assert_true(s->n < STATES);
			s->states[s->n++] = *x;
			*slot = s->n;
			s->lost |= is_lost(x);
			s->torn |= x->torn;
			return;
		}
		if (memcmp(&s->states[*slot - 1], x, sizeof(*x)) == 0)
			return;
	}
}

typedef bool step_fn(const struct search *s, struct state *x, uint32_t choice);

static bool step_drain_producer(const struct search *s, struct state *x,
				uint32_t choice)
{
	return memory_drain(&x->memory, PRODUCER, choice);
}

static bool step_drain_consumer(const struct search *s, struct state *x,
				uint32_t choice)
{
	return memory_drain(&x->memory, CONSUMER, choice);
}

static void expand(struct search *s, uint32_t n)
{
	static step_fn *const steps[] = {
		step_producer, step_consumer, step_drain_producer,
		step_drain_consumer,
	};

	for (uint32_t k = 0; k < ARRAY_SIZE(steps); k++) {
		for (uint32_t choice = 0;; choice++) {
			struct state x = s->states[n];

			if (!steps[k](s, &x, choice))
				break;
			enter(s, &x);
		}
	}
}

static struct search explore(enum memory_machine machine, uint32_t left_out)
{
	struct search s = { .left_out = left_out };
	struct state first;

	s.states = malloc(STATES * sizeof(*s.states));
	s.table = calloc(2 * STATES, sizeof(*s.table));
	assert_true(s.states && s.table);
	memset(&first, 0, sizeof(first));
	memory_begin(&first.memory, machine);
	first.published = 1;
	enter(&s, &first);
	for (; s.next < s.n && !s.lost && !s.torn; s.next++)
		expand(&s, s.next);
	free(s.states);
	free(s.table);
	return s;
}

static const char *const names[] = { "TSO", "PSO", "C11" };

static void ag_6_no_wakeup_is_lost(void **state)
{
	for (uint32_t n = 0; n < N_MACHINES; n++) {
		struct search s = explore((enum memory_machine)n, 0);

		print_message("%s: %u states\n", names[n], s.n);
		assert_false(s.lost);
		assert_false(s.torn);
		assert_true(s.n > 1000);
	}
}

/* Forgetting to disarm costs a wakeup that nobody needs, and loses none. */
static void ag_6_disarming_is_a_courtesy(void **state)
{
	for (uint32_t n = 0; n < N_MACHINES; n++) {
		struct search s = explore((enum memory_machine)n, NO_DISARM);

		assert_false(s.lost);
	}
}

/* The checker is no better than what it finds. */
static void ag_6_each_part_of_the_protocol_is_needed(void **state)
{
	static const uint32_t parts[] = {
		NO_CONSUMER_FENCE, NO_PRODUCER_FENCE, NO_SECOND_LOOK,
		WAKES_FIRST,
	};

	for (uint32_t n = 0; n < N_MACHINES; n++) {
		for (uint32_t k = 0; k < ARRAY_SIZE(parts); k++) {
			struct search s = explore((enum memory_machine)n,
						  parts[k]);

			if (!s.lost)
				fail_msg("%s: nothing is lost without part %u",
					 names[n], parts[k]);
		}
	}
}

static void entries_are_published_and_acquired(void **state)
{
	assert_true(explore(MACHINE_PSO, NO_RELEASE).torn);
	assert_true(explore(MACHINE_VIEWS, NO_RELEASE).torn);
	assert_true(explore(MACHINE_VIEWS, NO_ACQUIRE).torn);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ag_6_no_wakeup_is_lost),
		cmocka_unit_test(ag_6_disarming_is_a_courtesy),
		cmocka_unit_test(ag_6_each_part_of_the_protocol_is_needed),
		cmocka_unit_test(entries_are_published_and_acquired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
