// SPDX-License-Identifier: BSD-2-Clause
/*
 * lookup_test.c - The table against a list; listeners; ephemeral ports
 *
 * Requirement LIB-4.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "tcp/ports.h"

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static const uint8_t key[16] = { 3, 1, 4, 1, 5, 9 };

/* All alike but for a few bits, as real ones are; every third is IPv6. */
static struct tcp_tuple tuple(uint32_t n)
{
	struct tcp_tuple t = { .local_port = 443,
			       .remote_port = (uint16_t)(n * 2 + 1),
			       .v6 = n % 3 == 0 };

	store_be32(t.local, 0xc0a80001);
	store_be32(t.remote + (t.v6 ? 12 : 0), 0x0a000000 + n / 1024);
	return t;
}

static struct lookup *new_table(uint32_t capacity)
{
	void *memory = aligned_alloc(64, (lookup_bytes(capacity) + 63) & ~63UL);

	assert_non_null(memory);
	return lookup_init(memory, capacity, key);
}

/* Random inserts, changes, removals: always what the list says. */
static void as_a_list(void **unused)
{
	static uint32_t model[600];

	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint32_t capacity, count = 0;
		struct lookup *l;

		state = seed;
		capacity = 1 + (uint32_t)draw() % 500;
		l = new_table(capacity);
		for (int n = 0; n < 600; n++)
			model[n] = LOOKUP_NONE;
		for (int step = 0; step < 6000; step++) {
			uint32_t n = (uint32_t)draw() % 600, v = (uint32_t)step;
			struct tcp_tuple t = tuple(n);
			uint32_t entry = lookup_entry(l, &t);

			assert_int_equal(lookup_find(l, &t), model[n]);
			if (entry != LOOKUP_NONE)
				assert_true(tcp_tuple_equal(lookup_tuple(l, entry),
							    &t));
			switch (draw() % 4) {
			case 0:
				assert_int_equal(lookup_remove(l, &t), model[n]);
				count -= model[n] != LOOKUP_NONE;
				model[n] = LOOKUP_NONE;
				break;
			case 1:
				assert_int_equal(lookup_set(l, &t, v),
						 model[n] != LOOKUP_NONE);
				if (model[n] != LOOKUP_NONE)
					model[n] = v;
				break;
			default:
				if (model[n] != LOOKUP_NONE) {
					assert_int_equal(lookup_insert(l, &t, v),
							 -EEXIST);
				} else if (count == capacity) {
					assert_int_equal(lookup_insert(l, &t, v),
							 -ENOSPC);
				} else {
					assert_int_equal(lookup_insert(l, &t, v),
							 0);
					model[n] = v;
					count++;
				}
			}
			assert_int_equal(lookup_count(l), count);
		}
		free(l);
	}
}

/* Position independent: a copy elsewhere answers the same. */
static void may_be_anywhere(void **unused)
{
	struct lookup *l = new_table(100), *copy = new_table(100);

	for (uint32_t n = 0; n < 100; n++) {
		struct tcp_tuple t = tuple(n);

		assert_int_equal(lookup_insert(l, &t, n), 0);
	}
	memcpy(copy, l, lookup_bytes(100));
	memset(l, 0xee, lookup_bytes(100));
	free(l);
	for (uint32_t n = 0; n < 200; n++) {
		struct tcp_tuple t = tuple(n);

		assert_int_equal(lookup_find(copy, &t),
				 n < 100 ? n : LOOKUP_NONE);
	}
	free(copy);
}

/* RFC 9293 §3.9.1.1: the very address goes before any address. */
static void listeners(void **unused)
{
	struct lookup *l = new_table(10);
	struct tcp_tuple any = { .local_port = 443 }, one = any, v6 = any;
	struct tcp_tuple t = tuple(1);

	assert_int_equal(lookup_find_listener(l, &t), LOOKUP_NONE);
	v6.v6 = 1;
	assert_int_equal(lookup_insert(l, &v6, 3), 0);
	assert_int_equal(lookup_find_listener(l, &t), LOOKUP_NONE);
	assert_int_equal(lookup_insert(l, &any, 1), 0);
	assert_int_equal(lookup_find_listener(l, &t), 1);
	memcpy(one.local, t.local, 4);
	assert_int_equal(lookup_insert(l, &one, 2), 0);
	assert_int_equal(lookup_find_listener(l, &t), 2);
	t.local_port = 80;
	assert_int_equal(lookup_find_listener(l, &t), LOOKUP_NONE);
	/* Nobody's connection is a listener. */
	t = tuple(1);
	assert_int_equal(lookup_find(l, &t), LOOKUP_NONE);
	free(l);
}

static struct ports *new_ports(uint32_t n_groups, uint16_t first, uint16_t last)
{
	void *memory = aligned_alloc(64, (ports_bytes(n_groups) + 63) & ~63UL);

	assert_non_null(memory);
	return ports_init(memory, n_groups, first, last, key);
}

static struct tcp_tuple to_remote(uint32_t n)
{
	struct tcp_tuple t = { .remote_port = 80 };

	store_be32(t.local, 0xc0a80001);
	store_be32(t.remote, 0x0a000000 + n);
	return t;
}

/* To one remote: every port of the range once, then none. RFC 6056 §3.3.4. */
static void rfc_6056_every_port_once(void **unused)
{
	struct ports *p = new_ports(4, PORTS_FIRST, PORTS_LAST);
	struct lookup *l = new_table(PORTS_LAST - PORTS_FIRST + 1);
	struct tcp_tuple t = to_remote(1);
	uint16_t last;

	for (int n = PORTS_FIRST; n <= PORTS_LAST; n++) {
		assert_int_equal(ports_choose(p, l, &t), 0);
		assert_in_range(t.local_port, PORTS_FIRST, PORTS_LAST);
		assert_int_equal(lookup_insert(l, &t, 1), 0);
		ports_use(p, &t);
	}
	assert_int_equal(ports_choose(p, l, &t), -EADDRNOTAVAIL);
	/* Whatever is given back is found again. */
	t.local_port = last = 45678;
	lookup_remove(l, &t);
	ports_release(p, &t);
	assert_int_equal(ports_choose(p, l, &t), 0);
	assert_int_equal(t.local_port, last);
	free(p);
	free(l);
}

/* RFC 6056 §3.3.4: a port that was given back does not come again at once. */
static void rfc_6056_goes_on(void **unused)
{
	struct ports *p = new_ports(4, PORTS_FIRST, PORTS_LAST);
	struct lookup *l = new_table(1);
	struct tcp_tuple t = to_remote(1);

	for (int n = 0; n < 1000; n++) {
		uint16_t last = t.local_port;

		assert_int_equal(ports_choose(p, l, &t), 0);
		assert_int_not_equal(t.local_port, last);
		ports_use(p, &t);
		ports_release(p, &t);
	}
	free(p);
	free(l);
}

/* One group is full of others' connections: ports are shared then. */
static void ports_are_shared_among_remotes(void **unused)
{
	struct ports *p = new_ports(1, 40000, 40099);
	struct lookup *l = new_table(1000);

	for (uint32_t n = 0; n < 1000; n++) {
		struct tcp_tuple t = to_remote(n % 10);

		assert_int_equal(ports_choose(p, l, &t), 0);
		assert_int_equal(lookup_insert(l, &t, 1), 0);
		ports_use(p, &t);
	}
	for (uint32_t n = 0; n < 10; n++) {
		struct tcp_tuple t = to_remote(n);

		assert_int_equal(ports_choose(p, l, &t), -EADDRNOTAVAIL);
		for (uint16_t port = 40000; port < 40100; port++) {
			t.local_port = port;
			assert_int_equal(lookup_remove(l, &t), 1);
			ports_release(p, &t);
		}
		assert_int_equal(ports_choose(p, l, &t), 0);
	}
	free(p);
	free(l);
}

/* It is given out neither for the listener's address nor, if that is any, for others. */
static void a_listeners_port_is_not_chosen(void **unused)
{
	struct ports *p = new_ports(1, 40000, 40009);
	struct lookup *l = new_table(20);
	struct tcp_tuple t = to_remote(1), at = { .local_port = 40004 },
			 any = { .local_port = 40007 };

	memcpy(at.local, t.local, sizeof(at.local));
	assert_int_equal(lookup_insert(l, &at, 7), 0);
	assert_int_equal(lookup_insert(l, &any, 8), 0);
	for (int n = 0; n < 8; n++) {
		assert_int_equal(ports_choose(p, l, &t), 0);
		assert_int_not_equal(t.local_port, 40004);
		assert_int_not_equal(t.local_port, 40007);
		assert_int_equal(lookup_insert(l, &t, 1), 0);
		ports_use(p, &t);
	}
	assert_int_equal(ports_choose(p, l, &t), -EADDRNOTAVAIL);
	free(p);
	free(l);
}

/* RFC 6056 §3.3.4: where one remote's ports are says nothing of another's. */
static void rfc_6056_not_guessed(void **unused)
{
	struct ports *p = new_ports(16, 1024, 65535);
	struct lookup *l = new_table(1);
	uint32_t buckets[16] = { 0 };

	for (uint32_t n = 0; n < 16000; n++) {
		struct tcp_tuple t = to_remote(n);

		assert_int_equal(ports_choose(p, l, &t), 0);
		buckets[(t.local_port - 1024) * 16 / (65536 - 1024)]++;
	}
	/* Binomial: 1000, deviation 31. */
	for (int n = 0; n < 16; n++)
		assert_in_range(buckets[n], 800, 1200);
	free(p);
	free(l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_a_list),
		cmocka_unit_test(may_be_anywhere),
		cmocka_unit_test(listeners),
		cmocka_unit_test(rfc_6056_every_port_once),
		cmocka_unit_test(rfc_6056_goes_on),
		cmocka_unit_test(ports_are_shared_among_remotes),
		cmocka_unit_test(a_listeners_port_is_not_chosen),
		cmocka_unit_test(rfc_6056_not_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
