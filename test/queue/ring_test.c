// SPDX-License-Identifier: BSD-2-Clause
/* ring_test.c - A ring keeps its order, and no index of the other side breaks more */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>

#include "queue/completion.h"
#include "queue/ring.h"
#include "queue/work.h"

#define ENTRIES 8u

struct pair {
	struct ring *ring;
	struct ring_end producer, consumer;
};

/* Both indices at @start, as if so many entries had passed. */
static void open_at(struct pair *p, uint32_t start)
{
	p->ring = aligned_alloc(64, ring_bytes(ENTRIES, sizeof(uint32_t)) + 32);
	assert_non_null(p->ring);
	ring_create(p->ring, RING_SEND, ENTRIES, sizeof(uint32_t));
	ring_attach(&p->producer, p->ring, ENTRIES, sizeof(uint32_t));
	ring_attach(&p->consumer, p->ring, ENTRIES, sizeof(uint32_t));
	atomic_store(&p->ring->head, start);
	atomic_store(&p->ring->tail, start);
	p->producer.own = p->producer.seen = start;
	p->consumer.own = p->consumer.seen = start;
}

static void close_pair(struct pair *p)
{
	free(p->ring);
}

static void write_entry(struct pair *p, uint32_t n, uint32_t value)
{
	*(uint32_t *)ring_slot(&p->producer, n) = value;
}

static uint32_t read_entry(const struct pair *p, uint32_t n)
{
	return *(const uint32_t *)ring_entry(&p->consumer, n);
}

static void ring_is_made_empty(void **state)
{
	struct pair p;

	open_at(&p, 0);
	assert_int_equal(p.ring->magic, RING_MAGIC);
	assert_int_equal(p.ring->version, RING_VERSION);
	assert_int_equal(p.ring->entries, ENTRIES);
	assert_int_equal(p.ring->entry_bytes, 4);
	assert_int_equal(p.ring->kind, RING_SEND);
	assert_int_equal(ring_room(&p.producer, 1), ENTRIES);
	assert_int_equal(ring_ready(&p.consumer, 1), 0);
	close_pair(&p);
}

/* Everything that fits, around the end of the ring and of the numbers. */
static void entries_come_out_as_they_went_in(void **state)
{
	static const uint32_t starts[] = { 0, 5, UINT32_MAX - 3, INT32_MAX };

	for (uint32_t k = 0; k < ARRAY_SIZE(starts); k++) {
		uint32_t in = 0, out = 0;
		struct pair p;

		open_at(&p, starts[k]);
		for (uint32_t round = 0; round < 200; round++) {
			uint32_t some = (round * 7 + k) % (ENTRIES + 1);
			uint32_t room = ring_room(&p.producer, some);
			uint32_t ready;

			assert_true(room >= some || room == ENTRIES - (in - out));
			some = some < room ? some : room;
			for (uint32_t n = 0; n < some; n++)
				write_entry(&p, n, in++);
			ring_publish(&p.producer, some);
			ready = ring_ready(&p.consumer, ENTRIES);
			assert_int_equal(ready, in - out);
			some = (round * 5) % (ready + 1);
			for (uint32_t n = 0; n < some; n++)
				assert_int_equal(read_entry(&p, n), out++);
			ring_release(&p.consumer, some);
		}
		assert_false(p.producer.broken || p.consumer.broken);
		close_pair(&p);
	}
}

static void full_ring_has_no_room(void **state)
{
	struct pair p;

	open_at(&p, UINT32_MAX);
	ring_publish(&p.producer, ENTRIES);
	assert_int_equal(ring_room(&p.producer, 1), 0);
	assert_int_equal(ring_ready(&p.consumer, 1), ENTRIES);
	ring_release(&p.consumer, 1);
	assert_int_equal(ring_room(&p.producer, 1), 1);
	assert_false(p.producer.broken || p.consumer.broken);
	close_pair(&p);
}

/* The other side's index is a line of memory that somebody else writes. */
static void other_side_is_not_looked_at_in_vain(void **state)
{
	struct pair p;

	open_at(&p, 0);
	ring_publish(&p.producer, 3);
	assert_int_equal(ring_ready(&p.consumer, 2), 3);
	ring_publish(&p.producer, 3);
	assert_int_equal(ring_ready(&p.consumer, 3), 3);
	assert_int_equal(ring_ready(&p.consumer, 4), 6);
	ring_release(&p.consumer, 6);
	assert_int_equal(ring_room(&p.producer, 2), 2);
	assert_int_equal(ring_room(&p.producer, 3), ENTRIES);
	close_pair(&p);
}

/* ---- What the other side may write ------------------------------------------ */

/* Numbers near @base, all of them; and some far away. */
static uint32_t number(uint32_t base, int n)
{
	static const uint32_t far[] = {
		1u << 30, 1u << 31, (1u << 31) + 1, 3u << 30,
	};

	return n < 64 ? base + (uint32_t)n - 32 : base + far[n - 64];
}

#define NUMBERS 68

static void consumer_judges_every_tail(void **state)
{
	for (uint32_t seen = 0; seen <= ENTRIES; seen++) {
		for (int n = 0; n < NUMBERS; n++) {
			uint32_t start = UINT32_MAX - 20, tail;
			struct pair p;
			bool right;

			open_at(&p, start);
			ring_publish(&p.producer, seen);
			assert_int_equal(ring_ready(&p.consumer, 1), seen);
			tail = number(start, n);
			/* No fewer than before, no more than there is room for. */
			right = tail - start >= seen && tail - start <= ENTRIES;
			atomic_store(&p.ring->tail, tail);
			assert_int_equal(ring_ready(&p.consumer, ENTRIES + 1),
					 right ? tail - start : 0);
			assert_int_equal(p.consumer.broken, !right);
			atomic_store(&p.ring->tail, start + ENTRIES);
			assert_int_equal(ring_ready(&p.consumer, ENTRIES),
					 right ? ENTRIES : 0);
			close_pair(&p);
		}
	}
}

static void producer_judges_every_head(void **state)
{
	for (uint32_t sent = 0; sent <= ENTRIES; sent++) {
		for (uint32_t seen = 0; seen <= sent; seen++) {
			for (int n = 0; n < NUMBERS; n++) {
				uint32_t start = UINT32_MAX - 20, head;
				struct pair p;
				bool right;

				open_at(&p, start);
				ring_publish(&p.producer, sent);
				atomic_store(&p.ring->head, start + seen);
				assert_int_equal(ring_room(&p.producer,
							   ENTRIES + 1),
						 ENTRIES - sent + seen);
				head = number(start, n);
				right = head - start >= seen &&
					head - start <= sent;
				atomic_store(&p.ring->head, head);
				assert_int_equal(ring_room(&p.producer,
							   ENTRIES + 1),
						 right ? ENTRIES - sent +
							 (head - start) : 0);
				assert_int_equal(p.producer.broken, !right);
				close_pair(&p);
			}
		}
	}
}

/* What a ring says of itself is for who finds it, not for who uses it. */
static void ring_is_used_as_agreed(void **state)
{
	struct pair p;

	open_at(&p, 0);
	p.ring->entries = 1u << 20;
	p.ring->entry_bytes = 4096;
	p.ring->kind = 77;
	assert_int_equal(ring_room(&p.producer, ENTRIES), ENTRIES);
	assert_ptr_equal(ring_at(&p.producer, ENTRIES), p.ring->entry);
	assert_ptr_equal(ring_at(&p.producer, UINT32_MAX),
			 p.ring->entry + 7 * sizeof(uint32_t));
	close_pair(&p);
}

/* ---- Sleep and wake ----------------------------------------------------------- */

static void ag_6_arm_poll_sleep(void **state)
{
	struct pair p;

	open_at(&p, 0);
	assert_false(ring_wants_wake(&p.producer));
	assert_true(ring_arm(&p.consumer));
	ring_publish(&p.producer, 1);
	assert_true(ring_wants_wake(&p.producer));
	assert_false(ring_wants_wake(&p.producer));
	assert_false(ring_arm(&p.consumer));	/* something is there           */
	assert_false(ring_wants_wake(&p.producer));
	assert_int_equal(ring_ready(&p.consumer, 1), 1);
	ring_release(&p.consumer, 1);
	assert_true(ring_arm(&p.consumer));
	ring_disarm(&p.consumer);
	ring_publish(&p.producer, 1);
	assert_false(ring_wants_wake(&p.producer));
	close_pair(&p);
}

static void ag_6_broken_ring_does_not_put_to_sleep(void **state)
{
	struct pair p;

	open_at(&p, 0);
	atomic_store(&p.ring->tail, ENTRIES + 1);
	assert_false(ring_arm(&p.consumer));
	assert_true(p.consumer.broken);
	assert_int_equal(atomic_load(&p.ring->sleeps), 0);
	close_pair(&p);
}

/* Any number in the word: at most one wakeup, and only for 1. */
static void ag_6_nonsense_in_sleeps(void **state)
{
	static const uint32_t words[] = { 2, 0x80000000, UINT32_MAX };
	struct pair p;

	open_at(&p, 0);
	for (uint32_t n = 0; n < ARRAY_SIZE(words); n++) {
		atomic_store(&p.ring->sleeps, words[n]);
		assert_false(ring_wants_wake(&p.producer));
		assert_int_equal(atomic_load(&p.ring->sleeps), 0);
	}
	close_pair(&p);
}

/* ---- Two threads ---------------------------------------------------------------- */

#define MESSAGES 300000u

static void *produce(void *arg)
{
	struct pair *p = arg;
	uint32_t n = 0;

	while (n < MESSAGES) {
		uint32_t room = ring_room(&p->producer, 1);

		room = room < MESSAGES - n ? room : MESSAGES - n;
		for (uint32_t k = 0; k < room; k++)
			write_entry(p, k, (n + k) * 2654435761u);
		ring_publish(&p->producer, room);
		n += room;
		if (!room)
			sched_yield();
	}
	return NULL;
}

static void entries_are_whole_when_they_are_there(void **state)
{
	uint32_t n = 0;
	pthread_t thread;
	struct pair p;

	open_at(&p, UINT32_MAX - 1000);
	assert_int_equal(pthread_create(&thread, NULL, produce, &p), 0);
	while (n < MESSAGES) {
		uint32_t ready = ring_ready(&p.consumer, 1);

		for (uint32_t k = 0; k < ready; k++, n++)
			assert_int_equal(read_entry(&p, k), n * 2654435761u);
		ring_release(&p.consumer, ready);
		if (!ready)
			sched_yield();
	}
	pthread_join(thread, NULL);
	assert_false(p.producer.broken || p.consumer.broken);
	close_pair(&p);
}

/* ---- Layouts ---------------------------------------------------------------------- */

static void blocks_that_a_request_takes(void **state)
{
	assert_int_equal(send_blocks(0, 0), 1);
	assert_int_equal(send_blocks(0, 32), 1);
	assert_int_equal(send_blocks(0, 33), 2);
	assert_int_equal(send_blocks(1, 0), 1);
	assert_int_equal(send_blocks(1, 1), 2);
	assert_int_equal(send_blocks(SEND_DESCRIPTORS_MAX, 32), 16);
	assert_int_equal(send_blocks(0, SEND_INLINE_MAX), 16);
}

static void fault_address_takes_the_place_of_seq_and_ack(void **state)
{
	const struct completion c = { .seq = 0x89abcdef, .ack = 0x01234567 };

	assert_true(completion_fault_address(&c) == 0x0123456789abcdef);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_is_made_empty),
		cmocka_unit_test(entries_come_out_as_they_went_in),
		cmocka_unit_test(full_ring_has_no_room),
		cmocka_unit_test(other_side_is_not_looked_at_in_vain),
		cmocka_unit_test(consumer_judges_every_tail),
		cmocka_unit_test(producer_judges_every_head),
		cmocka_unit_test(ring_is_used_as_agreed),
		cmocka_unit_test(ag_6_arm_poll_sleep),
		cmocka_unit_test(ag_6_broken_ring_does_not_put_to_sleep),
		cmocka_unit_test(ag_6_nonsense_in_sleeps),
		cmocka_unit_test(entries_are_whole_when_they_are_there),
		cmocka_unit_test(blocks_that_a_request_takes),
		cmocka_unit_test(fault_address_takes_the_place_of_seq_and_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
