// SPDX-License-Identifier: BSD-2-Clause
/*
 * request_test.c - Every operation, every error (SPEC AG-1, AG-2, AG-3, AG-5)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "request_scene.h"

#define PAGE 4096u
#define NOWHERE 0x12345678u

static int set_up(void **state)
{
	static struct scene s;

	scene_open(&s, NULL);
	scene_client(&s, NULL);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

/* A handle of somebody else, of every kind. */
struct others {
	uint32_t object, cq, rq, region, flow, listen;
};

static struct others hold_everything(struct scene *s)
{
	struct control_tuple t = scene_tuple(1, 1000), l = scene_tuple(1, 2000);
	struct others o;

	o.object = scene_object(s, 8 * PAGE);
	o.cq = scene_queue(s, o.object, 0, RING_COMPLETION, CONTROL_NONE);
	o.rq = scene_queue(s, o.object, PAGE, RING_RECEIVE, o.cq);
	o.region = scene_region(s, o.object, 0x10000, 4 * PAGE, PAGE);
	scene_flow(s, CONTROL_ADD_FLOW, &t, o.cq);
	assert_int_equal(scene_do(s), 0);
	o.flow = s->reply.handle;
	scene_flow(s, CONTROL_ADD_LISTEN, &l, o.cq);
	assert_int_equal(scene_do(s), 0);
	o.listen = s->reply.handle;
	return o;
}

/* ---- The message itself ------------------------------------------------------------------ */

static void malformed_messages_are_refused(void **state)
{
	struct scene *s = *state;

	scene_ask(s, CONTROL_HELLO)->version++;
	host_request(s->client, &s->ask, &s->reply, s->fds);
	assert_int_equal(s->reply.status, -EBADMSG);
	scene_ask(s, CONTROL_HELLO)->magic ^= 1;
	host_request(s->client, &s->ask, &s->reply, s->fds);
	assert_int_equal(s->reply.status, -EBADMSG);
	for (int operation = 0; operation < 1 << 16; operation++) {
		if (operation > 0 && operation < CONTROL_N_OPERATIONS)
			continue;
		scene_ask(s, (enum control_operation)operation);
		assert_int_equal(scene_do(s), -ENOSYS);
	}
	assert_int_equal(s->reply.handle, CONTROL_NONE);
}

/* What an operation does not know has to be 0, each byte of it. */
static void reserved_bytes_are_refused(void **state)
{
	static const size_t reads[] = {
		[CONTROL_ALLOCATE] = 16, [CONTROL_FREE] = 0,
		[CONTROL_OPEN_QUEUE] = 24, [CONTROL_CLOSE_QUEUE] = 0,
		[CONTROL_REGISTER] = 32, [CONTROL_RELEASE] = 0,
		[CONTROL_ADD_FLOW] = 64, [CONTROL_REMOVE_FLOW] = 0,
		[CONTROL_ADD_LISTEN] = 64, [CONTROL_REMOVE_LISTEN] = 0,
		[CONTROL_OWN_ADDRESS] = 64, [CONTROL_REVOKE] = 8,
		[CONTROL_ASK_LOW] = 4, [CONTROL_ROUTE] = 40,
		[CONTROL_HOLD_PORT] = 44, [CONTROL_RELEASE_PORT] = 0,
		[CONTROL_ADDRESS] = 4,
	};
	struct scene *s = *state;

	for (int o = CONTROL_ALLOCATE; o < CONTROL_N_OPERATIONS; o++) {
		for (size_t at = reads[o]; at < sizeof(s->ask.bytes); at++) {
			scene_ask(s, (enum control_operation)o)->bytes[at] = 1;
			assert_int_equal(scene_do(s), -EINVAL);
		}
	}
}

static void hello_comes_first_and_once(void **state)
{
	struct scene *s = *state;
	struct host_policy all;

	scene_ask(s, CONTROL_HELLO);
	assert_int_equal(scene_do(s), -EPROTO);
	host_policy_all(&all);
	assert_int_equal(host_client_open(s->host, &all, &s->client), 0);
	for (int o = CONTROL_ALLOCATE; o < CONTROL_N_OPERATIONS; o++) {
		scene_ask(s, (enum control_operation)o);
		assert_int_equal(scene_do(s), -EPROTO);
	}
	scene_ask(s, CONTROL_HELLO);
	assert_int_equal(scene_do(s), 0);
	assert_int_equal(s->reply.n_fds, 2);
	assert_int_equal(s->reply.hello.max_frame, 1518);
	assert_int_equal(s->reply.hello.linktype, 1);
	assert_true(s->reply.hello.memory > 0);
	assert_int_equal(s->reply.hello.mac[0] & 3, 2);
}

static void in_a_process_there_are_no_descriptors(void **state)
{
	struct scene *s = *state;
	struct host_policy p;
	uint32_t object;

	host_policy_all(&p);
	p.in_process = true;
	scene_client(s, &p);
	assert_int_equal(s->reply.n_fds, 0);
	object = scene_object(s, PAGE);
	scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	assert_int_equal(s->reply.n_fds, 0);
}

/* ---- Memory ------------------------------------------------------------------------------- */

static void an_object_cannot_be_resized(void **state)
{
	struct scene *s = *state;
	struct stat st;

	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = 3 * PAGE;
	host_request(s->client, &s->ask, &s->reply, s->fds);
	assert_int_equal(s->reply.status, 0);
	assert_int_equal(s->reply.n_fds, 1);
	assert_int_equal(fstat(s->fds[0], &st), 0);
	assert_int_equal(st.st_size, 3 * PAGE);
	assert_int_equal(ftruncate(s->fds[0], PAGE), -1);
	assert_int_equal(ftruncate(s->fds[0], 4 * PAGE), -1);
	assert_int_equal(fcntl(s->fds[0], F_ADD_SEALS, F_SEAL_WRITE), -1);
	close(s->fds[0]);
}

static void allocations_that_make_no_sense(void **state)
{
	static const uint64_t bytes[] = { 0, 1, PAGE - 1, PAGE + 1, UINT64_MAX };
	struct scene *s = *state;

	for (size_t n = 0; n < ARRAY_SIZE(bytes); n++) {
		scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = bytes[n];
		assert_int_equal(scene_do(s), -EINVAL);
	}
	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = PAGE;
	s->ask.allocate.flags = 1;
	assert_int_equal(scene_do(s), -EINVAL);
	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = PAGE;
	s->ask.allocate.reserved = 1;
	assert_int_equal(scene_do(s), -EINVAL);
	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = UINT64_MAX & ~4095ull;
	assert_int_equal(scene_do(s), -EDQUOT);
}

static void memory_in_use_stays(void **state)
{
	struct scene *s = *state;
	uint32_t object = scene_object(s, 4 * PAGE);
	uint32_t cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	uint32_t region = scene_region(s, object, 0x20000, PAGE, PAGE);

	scene_ask(s, CONTROL_FREE)->handle = object;
	assert_int_equal(scene_do(s), -EBUSY);
	scene_ask(s, CONTROL_CLOSE_QUEUE)->handle = cq;
	assert_int_equal(scene_do(s), 0);
	scene_ask(s, CONTROL_FREE)->handle = object;
	assert_int_equal(scene_do(s), -EBUSY);
	scene_ask(s, CONTROL_RELEASE)->handle = region;
	assert_int_equal(scene_do(s), 0);
	scene_ask(s, CONTROL_FREE)->handle = object;
	assert_int_equal(scene_do(s), 0);
	scene_ask(s, CONTROL_FREE)->handle = object;
	assert_int_equal(scene_do(s), -ENOENT);
}

/* ---- Queues -------------------------------------------------------------------------------- */

static void queues_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t kind, entries, flags;
		int status;
	} cases[] = {
		{ 0, 0, 16, 0, -EINVAL },
		{ 0, RING_COMPLETION + 1, 16, 0, -EINVAL },
		{ 32, RING_COMPLETION, 16, 0, -EINVAL },
		{ 0, RING_COMPLETION, 0, 0, -EINVAL },
		{ 0, RING_COMPLETION, 1, 0, -EINVAL },
		{ 0, RING_COMPLETION, 24, 0, -EINVAL },
		{ 0, RING_COMPLETION, 1u << 31, 0, -EINVAL },
		{ 0, RING_COMPLETION, 16, 1, -EINVAL },
		{ 0, RING_SEND, 16, 2, -EINVAL },
		{ 0, RING_COMPLETION, 64, 0, -EINVAL },	/* 256 + 4096 */
		{ PAGE - 64, RING_COMPLETION, 2, 0, -EINVAL },
		{ PAGE, RING_COMPLETION, 2, 0, -EINVAL },
		{ UINT64_MAX & ~63ull, RING_COMPLETION, 2, 0, -EINVAL },
		{ 0, RING_COMPLETION, 1u << 17, 0, -EDQUOT },
		{ 0, RING_COMPLETION, 32, 0, 0 },
	};
	struct scene *s = *state;
	uint32_t object = scene_object(s, PAGE);

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct control_request *r = scene_ask(s, CONTROL_OPEN_QUEUE);

		r->handle = object;
		r->queue.offset = cases[n].offset;
		r->queue.kind = cases[n].kind;
		r->queue.entries = cases[n].entries;
		r->queue.flags = cases[n].flags;
		r->queue.cq = CONTROL_NONE;
		assert_int_equal(scene_do(s), cases[n].status);
	}
}

static void a_queue_needs_a_completion_queue(void **state)
{
	struct scene *s = *state;
	uint32_t object = scene_object(s, 4 * PAGE);
	uint32_t cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	uint32_t rq = scene_queue(s, object, PAGE, RING_RECEIVE, cq);
	const struct {
		uint32_t cq;
		int status;
	} cases[] = {
		{ CONTROL_NONE, -ENOENT }, { NOWHERE, -ENOENT },
		{ object, -ENOENT }, { rq, -EINVAL }, { cq, 0 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct control_request *r = scene_ask(s, CONTROL_OPEN_QUEUE);

		r->handle = object;
		r->queue.offset = 2 * PAGE;
		r->queue.kind = RING_SEND;
		r->queue.entries = 16;
		r->queue.cq = cases[n].cq;
		assert_int_equal(scene_do(s), cases[n].status);
	}
	scene_ask(s, CONTROL_CLOSE_QUEUE)->handle = cq;
	assert_int_equal(scene_do(s), -EBUSY);
	scene_ask(s, CONTROL_CLOSE_QUEUE)->handle = rq;
	assert_int_equal(scene_do(s), 0);
	assert_int_equal(scene_do(s), -ENOENT);
}

static void frames_of_no_flow_need_a_right(void **state)
{
	struct scene *s = *state;
	struct host_policy p;
	uint32_t object, cq;
	struct control_request *r;

	for (int raw = 0; raw < 2; raw++) {
		host_policy_all(&p);
		p.raw = raw;
		scene_client(s, &p);
		object = scene_object(s, 4 * PAGE);
		cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
		r = scene_ask(s, CONTROL_OPEN_QUEUE);
		r->handle = object;
		r->queue.offset = PAGE;
		r->queue.kind = RING_SEND;
		r->queue.entries = 16;
		r->queue.cq = cq;
		r->queue.flags = CONTROL_QUEUE_UNOWNED;
		assert_int_equal(scene_do(s), raw ? 0 : -EACCES);
	}
}

static void revoke_and_low_are_for_receive_queues(void **state)
{
	struct scene *s = *state;
	uint32_t object = scene_object(s, 4 * PAGE);
	uint32_t cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	uint32_t rq = scene_queue(s, object, PAGE, RING_RECEIVE, cq);
	uint32_t grq = scene_queue(s, object, 2 * PAGE, RING_GENERAL, cq);
	uint32_t sq = scene_queue(s, object, 3 * PAGE, RING_SEND, cq);
	const struct {
		uint32_t queue;
		int revoke, low;
	} cases[] = {
		{ cq, -EINVAL, -EINVAL }, { sq, -EINVAL, -EINVAL },
		{ rq, 0, -EINVAL }, { grq, 0, 0 },
		{ object, -ENOENT, -ENOENT }, { NOWHERE, -ENOENT, -ENOENT },
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		scene_ask(s, CONTROL_REVOKE)->handle = cases[n].queue;
		assert_int_equal(scene_do(s), cases[n].revoke);
		scene_ask(s, CONTROL_ASK_LOW)->handle = cases[n].queue;
		s->ask.low.limit = 4;
		assert_int_equal(scene_do(s), cases[n].low);
	}
}

/* ---- Regions --------------------------------------------------------------------------------- */

static void regions_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t address, offset, bytes;
		uint32_t rights;
		int status;
	} cases[] = {
		{ 0x10000, 0, 0, 3, -EINVAL },
		{ 0x10000, 0, PAGE, 0, -EINVAL },
		{ 0x10000, 0, PAGE, 4, -EINVAL },
		{ 0x10001, 0, PAGE, 3, -EINVAL },
		{ 0x10000, 0, 2 * PAGE + 1, 3, -EINVAL },
		{ 0x10000, PAGE, PAGE + 1, 3, -EINVAL },
		{ 0x10000, UINT64_MAX & ~4095ull, PAGE, 3, -EINVAL },
		{ 0x10000, 0, UINT64_MAX, 3, -EINVAL },
		{ UINT64_MAX & ~4095ull, 0, 2 * PAGE, 3, -EINVAL },
		{ 1ull << 47, 0, PAGE, 3, -EINVAL },	/* not canonical */
		{ (1ull << 47) - PAGE, 0, 2 * PAGE, 3, -EINVAL },
		{ (1ull << 47) - PAGE, 0, PAGE, 3, 0 },
		{ 0x10234, 0x234, 1, 1, 0 },
		{ 0, 0, 2 * PAGE, 2, 0 },
	};
	struct scene *s = *state;
	uint32_t object = scene_object(s, 2 * PAGE);

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct control_request *r = scene_ask(s, CONTROL_REGISTER);

		r->handle = object;
		r->region.address = cases[n].address;
		r->region.offset = cases[n].offset;
		r->region.bytes = cases[n].bytes;
		r->region.rights = cases[n].rights;
		assert_int_equal(scene_do(s), cases[n].status);
	}
	scene_ask(s, CONTROL_REGISTER)->handle = object;
	s->ask.region.address = 0x40000;
	s->ask.region.bytes = PAGE;
	s->ask.region.rights = 1;
	s->ask.region.reserved = 1;
	assert_int_equal(scene_do(s), -EINVAL);
}

/* Pages are of one object each; parts of them may be registered again. */
static void regions_share_pages_of_one_object_only(void **state)
{
	struct scene *s = *state;
	uint32_t a = scene_object(s, 4 * PAGE), b = scene_object(s, 4 * PAGE);
	uint32_t whole = scene_region(s, a, 0x100000, 0, 4 * PAGE);
	uint32_t part = scene_region(s, a, 0x101010, PAGE + 16, 100);
	const struct {
		uint32_t object;
		uint64_t address, offset, bytes;
		int status;
	} cases[] = {
		{ b, 0x100000, 0, PAGE, -EEXIST },	/* another object */
		{ a, 0x100000, PAGE, PAGE, -EEXIST },	/* another place of it */
		{ a, 0xff000, 0, PAGE + 1, -EEXIST },	/* begins before */
		{ b, 0x103000, 0, 2 * PAGE, -EEXIST },	/* ends behind */
		{ b, 0x104000, 0, PAGE, 0 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct control_request *r = scene_ask(s, CONTROL_REGISTER);

		r->handle = cases[n].object;
		r->region.address = cases[n].address;
		r->region.offset = cases[n].offset;
		r->region.bytes = cases[n].bytes;
		r->region.rights = 3;
		assert_int_equal(scene_do(s), cases[n].status);
	}
	scene_ask(s, CONTROL_RELEASE)->handle = whole;
	assert_int_equal(scene_do(s), 0);
	scene_ask(s, CONTROL_FREE)->handle = a;
	assert_int_equal(scene_do(s), -EBUSY);
	scene_ask(s, CONTROL_RELEASE)->handle = part;
	assert_int_equal(scene_do(s), 0);
	scene_ask(s, CONTROL_FREE)->handle = a;
	assert_int_equal(scene_do(s), 0);
	/* The addresses are free for others. */
	scene_region(s, b, 0x100000, 0, PAGE);
}

/* ---- Flows ------------------------------------------------------------------------------------ */

static void flows_that_make_no_sense(void **state)
{
	struct scene *s = *state;
	uint32_t object = scene_object(s, 4 * PAGE);
	uint32_t cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	uint32_t rq = scene_queue(s, object, PAGE, RING_RECEIVE, cq);
	struct control_tuple good = scene_tuple(1, 1000), t;

#define WRONG(change, status_) \
	do { \
		t = good; \
		scene_flow(s, CONTROL_ADD_FLOW, &t, cq); \
		change; \
		assert_int_equal(scene_do(s), status_); \
	} while (0)
#define TUPLE s->ask.flow.tuple

	WRONG(TUPLE.v6 = 2, -EINVAL);
	WRONG(TUPLE.local[4] = 1, -EINVAL);
	WRONG(TUPLE.remote[15] = 1, -EINVAL);
	WRONG(TUPLE.local[0] = 224, -EINVAL);
	WRONG(TUPLE.remote[0] = 255, -EINVAL);
	WRONG(TUPLE.remote_port = 0, -EINVAL);
	WRONG(memset(TUPLE.local, 0, 16), -EINVAL);
	WRONG(memset(TUPLE.remote, 0, 16), -EINVAL);
	WRONG(s->ask.flow.flags = 4, -EINVAL);
	WRONG(s->ask.flow.cq = CONTROL_NONE, -EINVAL);
	WRONG(s->ask.flow.cq = rq, -EINVAL);
	WRONG(s->ask.flow.rq = cq, -EINVAL);
	WRONG(s->ask.flow.grq = rq, -EINVAL);
	WRONG(s->ask.flow.sq = rq, -EINVAL);
	WRONG(s->ask.flow.cq = NOWHERE, -ENOENT);
	WRONG(s->ask.flow.rq = object, -ENOENT);
	WRONG(, 0);
	WRONG(, -EEXIST);
}

static void a_listen_has_no_other_side(void **state)
{
	struct scene *s = *state;
	uint32_t object = scene_object(s, PAGE);
	uint32_t cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	struct control_tuple t = scene_tuple(1, 1000);

	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq)->flow.tuple.remote_port = 1;
	assert_int_equal(scene_do(s), -EINVAL);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq)->flow.tuple.remote[3] = 1;
	assert_int_equal(scene_do(s), -EINVAL);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq)->flow.flags = 1;
	assert_int_equal(scene_do(s), -EINVAL);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	assert_int_equal(scene_do(s), 0);
	/* Each is ended by its own operation. */
	scene_ask(s, CONTROL_REMOVE_FLOW)->handle = s->reply.handle;
	assert_int_equal(scene_do(s), -ENOENT);
	s->ask.operation = CONTROL_REMOVE_LISTEN;
	assert_int_equal(scene_do(s), 0);
	assert_int_equal(scene_do(s), -ENOENT);
}

static void an_address_has_no_ports(void **state)
{
	struct scene *s = *state;
	uint32_t object = scene_object(s, PAGE);
	uint32_t cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	struct control_tuple t = scene_tuple(1, 0);
	struct host_policy p;

	scene_flow(s, CONTROL_OWN_ADDRESS, &t, cq)->flow.tuple.local_port = 1;
	assert_int_equal(scene_do(s), -EINVAL);
	memset(scene_flow(s, CONTROL_OWN_ADDRESS, &t, cq)->flow.tuple.local, 0, 16);
	assert_int_equal(scene_do(s), -EINVAL);
	scene_flow(s, CONTROL_OWN_ADDRESS, &t, cq);
	assert_int_equal(scene_do(s), 0);
	scene_ask(s, CONTROL_REMOVE_FLOW)->handle = s->reply.handle;
	assert_int_equal(scene_do(s), 0);

	host_policy_all(&p);
	p.rule[0].rights &= (uint8_t)~HOST_ADDRESS;
	scene_client(s, &p);
	object = scene_object(s, PAGE);
	cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	scene_flow(s, CONTROL_OWN_ADDRESS, &t, cq);
	assert_int_equal(scene_do(s), -EACCES);
}

static void without_addresses_there_are_no_routes(void **state)
{
	struct scene *s = *state;

	scene_ask(s, CONTROL_ROUTE)->route.tuple = scene_tuple(1, 0);
	assert_int_equal(scene_do(s), -ENETUNREACH);
	memset(scene_ask(s, CONTROL_ROUTE)->route.tuple.remote, 0, 16);
	assert_int_equal(scene_do(s), -EINVAL);
}

static void addresses_are_named_one_by_one(void **state)
{
	static const struct host_address own[] = {
		{ .address = { 10, 0, 0, 1 }, .prefix_bits = 24 },
		{ .address = { 0xfd, [15] = 1 }, .prefix_bits = 64, .v6 = 1 },
	};
	struct scene *s = *state;
	const struct control_reply *r = &s->reply;

	scene_ask(s, CONTROL_ADDRESS)->address.index = 0;
	assert_int_equal(scene_do(s), -ENOENT);
	host_set_addresses(s->host, own, 2);
	for (uint32_t n = 0; n < 2; n++) {
		scene_ask(s, CONTROL_ADDRESS)->address.index = n;
		assert_int_equal(scene_do(s), 0);
		assert_memory_equal(r->address.address, own[n].address, 16);
		assert_int_equal(r->address.prefix_bits, own[n].prefix_bits);
		assert_int_equal(r->address.v6, own[n].v6);
	}
	scene_ask(s, CONTROL_ADDRESS)->address.index = 2;
	assert_int_equal(scene_do(s), -ENOENT);
	scene_ask(s, CONTROL_ADDRESS)->address.index = UINT32_MAX;
	assert_int_equal(scene_do(s), -ENOENT);
}

/* ---- Others ------------------------------------------------------------------------------------- */

/* A handle means nothing to another client, whatever it is used for. */
static void handles_of_others_mean_nothing(void **state)
{
	struct scene *s = *state;
	struct others o = hold_everything(s);
	const uint32_t handles[] = { o.object, o.cq, o.rq, o.region, o.flow, o.listen };
	static const enum control_operation by_handle[] = {
		CONTROL_FREE, CONTROL_CLOSE_QUEUE, CONTROL_RELEASE,
		CONTROL_REMOVE_FLOW, CONTROL_REMOVE_LISTEN, CONTROL_REVOKE,
		CONTROL_ASK_LOW,
	};
	struct control_tuple t = scene_tuple(1, 3000);

	scene_client(s, NULL);
	for (size_t h = 0; h < ARRAY_SIZE(handles); h++) {
		for (size_t n = 0; n < ARRAY_SIZE(by_handle); n++) {
			scene_ask(s, by_handle[n])->handle = handles[h];
			assert_int_equal(scene_do(s), -ENOENT);
		}
		scene_flow(s, CONTROL_ADD_FLOW, &t, handles[h]);
		assert_int_equal(scene_do(s), -ENOENT);
	}
}

static void ports_of_others_are_theirs(void **state)
{
	struct scene *s = *state;
	struct host_client *first = s->client;
	struct control_tuple t = scene_tuple(1, 1000), any = t, other = t;
	uint32_t cq, object;

	hold_everything(s);
	memset(any.local, 0, sizeof(any.local));
	other.remote[3] = 77;
	scene_client(s, NULL);
	object = scene_object(s, PAGE);
	cq = scene_queue(s, object, 0, RING_COMPLETION, CONTROL_NONE);
	scene_flow(s, CONTROL_ADD_FLOW, &other, cq);
	assert_int_equal(scene_do(s), -EADDRINUSE);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	assert_int_equal(scene_do(s), -EADDRINUSE);
	scene_flow(s, CONTROL_ADD_LISTEN, &any, cq);
	assert_int_equal(scene_do(s), -EADDRINUSE);
	t.local[3] = 2;		/* another address: another port */
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	assert_int_equal(scene_do(s), 0);

	/* When its owner is gone, it is free. */
	host_client_close(first);
	scene_flow(s, CONTROL_ADD_LISTEN, &any, cq);
	assert_int_equal(scene_do(s), 0);
	scene_flow(s, CONTROL_ADD_FLOW, &other, cq);
	assert_int_equal(scene_do(s), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(malformed_messages_are_refused),
		TEST(reserved_bytes_are_refused),
		TEST(hello_comes_first_and_once),
		TEST(in_a_process_there_are_no_descriptors),
		TEST(an_object_cannot_be_resized),
		TEST(allocations_that_make_no_sense),
		TEST(memory_in_use_stays),
		TEST(queues_that_make_no_sense),
		TEST(a_queue_needs_a_completion_queue),
		TEST(frames_of_no_flow_need_a_right),
		TEST(revoke_and_low_are_for_receive_queues),
		TEST(regions_that_make_no_sense),
		TEST(regions_share_pages_of_one_object_only),
		TEST(flows_that_make_no_sense),
		TEST(a_listen_has_no_other_side),
		TEST(an_address_has_no_ports),
		TEST(without_addresses_there_are_no_routes),
		TEST(addresses_are_named_one_by_one),
		TEST(handles_of_others_mean_nothing),
		TEST(ports_of_others_are_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
