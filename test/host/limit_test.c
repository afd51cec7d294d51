// SPDX-License-Identifier: BSD-2-Clause
/*
 * limit_test.c - What a client may hold, and that nothing of it stays (SPEC AG-7)
 *
 * What there is of descriptors and of mapped memory is asked of the system, not of the
 * host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/view.h"
#include "request_scene.h"

#define PAGE 4096u
#define RANDOM_REQUESTS 300
#define RANDOM_CLIENTS 200

static int set_up(void **state)
{
	static struct scene s;

	scene_open(&s, NULL);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

/* What this process has of the system. */
struct holdings {
	unsigned int descriptors;
	uint64_t shared;	/* bytes of memory objects that are mapped      */
};

static unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static struct holdings look(void)
{
	struct holdings h = { .descriptors = count_descriptors() };
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "memfd:tto") &&
		    sscanf(line, "%lx-%lx", &from, &to) == 2)
			h.shared += to - from;
	}
	fclose(maps);
	return h;
}

static void assert_same(const struct holdings *a, const struct holdings *b)
{
	assert_int_equal(a->descriptors, b->descriptors);
	assert_int_equal(a->shared, b->shared);
}

/* ---- Limits -------------------------------------------------------------------------------- */

static void objects_and_bytes(void **state)
{
	struct scene *s = *state;
	struct host_usage usage;
	struct host_policy p;
	uint32_t object;

	host_policy_all(&p);
	p.limits.objects = 3;
	p.limits.memory = 4 * PAGE;
	scene_client(s, &p);
	assert_int_equal(s->reply.hello.memory, 4 * PAGE);
	scene_object(s, PAGE);
	object = scene_object(s, 2 * PAGE);
	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = 2 * PAGE;
	assert_int_equal(scene_do(s), -EDQUOT);
	scene_object(s, PAGE);
	scene_ask(s, CONTROL_FREE)->handle = object;
	assert_int_equal(scene_do(s), 0);
	scene_object(s, PAGE);
	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = PAGE;
	assert_int_equal(scene_do(s), -EDQUOT);
	host_client_usage(s->client, &usage);
	assert_int_equal(usage.objects, 3);
	assert_int_equal(usage.memory, 3 * PAGE);
}

static void queues(void **state)
{
	struct scene *s = *state;
	struct control_request *r;
	struct host_policy p;
	uint32_t object, first;

	host_policy_all(&p);
	p.limits.queues = 2;
	p.limits.entries = 16;
	scene_client(s, &p);
	object = scene_object(s, 8 * PAGE);
	first = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	scene_queue(s, object, PAGE, RING_COMPLETION, CONTROL_NONE);
	for (uint32_t entries = 16; entries <= 32; entries *= 2) {
		r = scene_ask(s, CONTROL_OPEN_QUEUE);
		r->handle = object;
		r->queue.kind = RING_COMPLETION;
		r->queue.offset = 2 * PAGE;
		r->queue.entries = entries;
		assert_int_equal(scene_do(s), -EDQUOT);
		scene_ask(s, CONTROL_CLOSE_QUEUE)->handle = first;
		assert_int_equal(scene_do(s), entries == 16 ? 0 : -ENOENT);
	}
}

static void regions_and_their_bytes(void **state)
{
	struct scene *s = *state;
	struct control_request *r;
	struct host_policy p;
	uint32_t object, region;

	host_policy_all(&p);
	p.limits.regions = 3;
	p.limits.registered = 8 * PAGE;
	scene_client(s, &p);
	object = scene_object(s, 8 * PAGE);
	region = scene_region(s, object, 0x100000, 0, 6 * PAGE);
	r = scene_ask(s, CONTROL_REGISTER);
	r->handle = object;
	r->region.address = 0x200000;
	r->region.bytes = 3 * PAGE;
	r->region.rights = CONTROL_READ;
	assert_int_equal(scene_do(s), -EDQUOT);
	scene_region(s, object, 0x200000, 0, 2 * PAGE);
	scene_region(s, object, 0x100000, 0, PAGE);	/* pages that are there */
	r = scene_ask(s, CONTROL_REGISTER);
	r->handle = object;
	r->region.address = 0x100000;
	r->region.bytes = 1;
	r->region.rights = CONTROL_READ;
	assert_int_equal(scene_do(s), -EDQUOT);
	scene_ask(s, CONTROL_RELEASE)->handle = region;
	assert_int_equal(scene_do(s), 0);
	scene_region(s, object, 0x100000, 0, 1);
}

/* However a client spreads its regions, the tables for them are there. */
static void tables_suffice(void **state)
{
	struct scene *s = *state;
	struct host_policy p;
	uint32_t object;

	host_policy_all(&p);
	p.limits.regions = 200;
	scene_client(s, &p);
	object = scene_object(s, 2 * PAGE);
	for (uint64_t n = 0; n < 200; n++)
		scene_region(s, object, (n << 39) + (n + 1) * (1ull << 30) - PAGE +
			     (n >= 128 ? 0xffffull << 48 | (256ull - 128) << 39 : 0),
			     0, 2 * PAGE);
}

static void flows(void **state)
{
	struct scene *s = *state;
	struct control_tuple t = scene_tuple(1, 1000);
	struct host_usage usage;
	struct host_policy p;
	uint32_t cq;

	host_policy_all(&p);
	p.limits.flows = 2;
	scene_client(s, &p);
	cq = scene_queue(s, scene_object(s, PAGE), 0, RING_COMPLETION, CONTROL_NONE);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	assert_int_equal(scene_do(s), 0);
	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	assert_int_equal(scene_do(s), 0);
	host_client_usage(s->client, &usage);
	assert_int_equal(usage.flows, 2);
	assert_int_equal(usage.ports, 1);
	t.remote_port++;
	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	assert_int_equal(scene_do(s), -EDQUOT);
}

static void clients(void **state)
{
	struct scene *s = *state;
	struct host_policy all;

	host_policy_all(&all);
	for (int n = 0; n < SCENE_CLIENTS; n++)
		scene_client(s, NULL);
	assert_int_equal(host_client_open(s->host, &all, &s->client), -ENOSPC);
}

static void a_policy_without_rules_allows_nothing(void **state)
{
	struct scene *s = *state;
	struct host_policy none = { 0 };
	struct control_tuple t = scene_tuple(1, 1000);
	uint32_t cq;

	scene_client(s, &none);
	cq = scene_queue(s, scene_object(s, PAGE), 0, RING_COMPLETION, CONTROL_NONE);
	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	assert_int_equal(scene_do(s), -EACCES);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	assert_int_equal(scene_do(s), -EACCES);
}

static void rules_name_addresses_and_ports(void **state)
{
	static const struct {
		uint8_t local;
		uint16_t port;
		bool listen;
		int status;
	} cases[] = {
		{ 1, 2000, false, 0 }, { 1, 2000, true, -EACCES },
		{ 127, 2010, false, 0 }, { 128, 2000, false, -EACCES },
		{ 1, 1999, false, -EACCES }, { 1, 2011, false, -EACCES },
		{ 200, 80, true, 0 }, { 200, 81, true, -EACCES },
		{ 201, 80, true, -EACCES },
	};
	struct scene *s = *state;
	struct host_policy p = {
		.n_rules = 3, .low_ports = 1024,
		.rule = {
			{ .address = { 10 }, .prefix_bits = 25, .rights = HOST_FLOW,
			  .first_port = 2000, .last_port = 2010 },
			{ .address = { 10, 0, 0, 200 }, .prefix_bits = 32,
			  .rights = HOST_LISTEN | HOST_LOW_PORTS,
			  .first_port = 80, .last_port = 80 },
			{ .address = { 10, 0, 0, 200 }, .prefix_bits = 32,
			  .rights = HOST_LISTEN,	/* but no low ports */
			  .first_port = 81, .last_port = 81 },
		},
	};
	uint32_t cq;

	scene_client(s, &p);
	cq = scene_queue(s, scene_object(s, PAGE), 0, RING_COMPLETION, CONTROL_NONE);
	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct control_tuple t = scene_tuple(cases[n].local, cases[n].port);

		scene_flow(s, cases[n].listen ? CONTROL_ADD_LISTEN :
			   CONTROL_ADD_FLOW, &t, cq);
		assert_int_equal(scene_do(s), cases[n].status);
	}
}

/* ---- Nothing stays ---------------------------------------------------------------------------- */

static uint32_t chance(uint32_t below)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % below;
}

static uint32_t any_handle(void)
{
	return chance(8) ? chance(40) | chance(3) << 20 : chance(UINT32_MAX);
}

/* Something that could be right. */
static void ask_at_random(struct scene *s)
{
	struct control_tuple t = scene_tuple((uint8_t)chance(3),
					     (uint16_t)(1000 + chance(6)));
	enum control_operation o = 1 + chance(CONTROL_N_OPERATIONS - 1);
	struct control_request *r = scene_ask(s, o);

	switch (o) {
	case CONTROL_ALLOCATE:
		r->allocate.bytes = (1 + chance(64)) * PAGE;
		break;
	case CONTROL_OPEN_QUEUE:
		r->queue.offset = chance(64) * 512;
		r->queue.kind = 1 + chance(4);
		r->queue.entries = 2u << chance(6);
		r->queue.cq = any_handle();
		break;
	case CONTROL_REGISTER:
		r->region.address = 0x100000 + chance(64) * PAGE;
		r->region.offset = chance(8) * PAGE;
		r->region.bytes = (1 + chance(8)) * PAGE;
		r->region.rights = 1 + chance(3);
		break;
	case CONTROL_ADD_FLOW:
	case CONTROL_ADD_LISTEN:
	case CONTROL_OWN_ADDRESS:
		scene_flow(s, o, &t, any_handle());
		break;
	default:
		break;
	}
	r->handle = any_handle();
}

/* SPEC AG-7: a client that ends in any state leaves nothing. */
static void ag_7_nothing_stays_of_a_client(void **state)
{
	struct scene *s = *state;
	struct holdings before = look(), after;
	struct host_client *open[SCENE_CLIENTS] = { NULL };
	unsigned int granted = 0;

	for (int n = 0; n < RANDOM_CLIENTS; n++) {
		uint32_t at = chance(SCENE_CLIENTS);

		if (open[at])
			host_client_close(open[at]);
		open[at] = scene_client(s, NULL);
		for (uint32_t left = chance(RANDOM_REQUESTS); left; left--) {
			ask_at_random(s);
			granted += scene_do(s) >= 0;
		}
	}
	assert_true(granted > RANDOM_CLIENTS * 10);
	for (int n = 0; n < SCENE_CLIENTS; n++) {
		if (open[n])
			host_client_close(open[n]);
	}
	after = look();
	assert_same(&before, &after);
}

static void closing_the_host_ends_clients(void **state)
{
	struct holdings before = look(), after;
	struct scene s;

	scene_open(&s, NULL);
	for (int n = 0; n < SCENE_CLIENTS; n++) {
		scene_client(&s, NULL);
		scene_queue(&s, scene_object(&s, PAGE), 0, RING_COMPLETION,
			    CONTROL_NONE);
	}
	scene_close(&s);
	after = look();
	assert_same(&before, &after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(objects_and_bytes),
		TEST(queues),
		TEST(regions_and_their_bytes),
		TEST(tables_suffice),
		TEST(flows),
		TEST(clients),
		TEST(a_policy_without_rules_allows_nothing),
		TEST(rules_name_addresses_and_ports),
		TEST(ag_7_nothing_stays_of_a_client),
		TEST(closing_the_host_ends_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
