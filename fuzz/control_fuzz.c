// SPDX-License-Identifier: BSD-2-Clause
/*
 * control_fuzz.c - Any requests of any clients: limits hold, nothing stays
 *
 * Input: for each request a byte for client and operation, and what the operation
 * reads; handles are mostly those that were answered before, to whichever client. An
 * operation of 0 ends the client, one beyond the last is 128 bytes as they come. The
 * host is a real one, on a wire in memory; frames and rings are not touched.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/view.h"
#include "wire/pair.h"

#define CLIENTS 3
#define HANDLES 32
#define PAGE 4096ull

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	const uint8_t *at, *end;
	struct host *host;
	struct host_client *client[CLIENTS];
	uint32_t handle[HANDLES];
	uint32_t n_handles;
};

static const struct host_limits limits = {
	.memory = 64 * PAGE, .registered = 128 * PAGE, .objects = 6, .queues = 6,
	.regions = 8, .flows = 6, .entries = 64,
};

static uint64_t take(struct run *r, uint32_t bytes)
{
	uint64_t v = 0;

	for (; bytes > 0; bytes--)
		v = v << 8 | (r->at < r->end ? *r->at++ : 0);
	return v;
}

static uint32_t take_handle(struct run *r)
{
	uint32_t n = (uint32_t)take(r, 1);

	if (n == 0xff)
		return CONTROL_NONE;
	if (n >= 0xf0)
		return (uint32_t)take(r, 4);
	return r->handle[n % HANDLES];
}

/* Numbers that are small, near a page, or huge. */
static uint64_t take_number(struct run *r)
{
	uint64_t kind = take(r, 1);

	if (kind < 0x60)
		return kind * PAGE;
	if (kind < 0xc0)
		return kind - 0x60;
	if (kind < 0xe0)
		return (kind - 0xc0) * PAGE + take(r, 2);
	return take(r, 8);
}

/* Of two users. */
static struct host_client *begin(struct run *r, uint32_t who)
{
	struct host_policy p;
	struct host_client *c;

	host_policy_all(&p);
	p.limits = limits;
	p.user = who & 1;
	p.low_ports = 16;
	p.rule[0].rights &= (uint8_t)~HOST_LOW_PORTS;
	CHECK(host_client_open(r->host, &p, &c) == 0);
	return c;
}

static void check_usage(const struct host_client *c)
{
	struct host_usage u;

	host_client_usage(c, &u);
	CHECK(u.memory <= limits.memory && u.objects <= limits.objects);
	CHECK(u.registered <= limits.registered && u.regions <= limits.regions);
	CHECK(u.queues <= limits.queues && u.flows <= limits.flows);
	CHECK(u.ports <= u.flows);
	CHECK((u.memory == 0) == (u.objects == 0));
	CHECK((u.registered == 0) == (u.regions == 0));
}

static void take_tuple(struct run *r, struct control_tuple *t)
{
	uint64_t kind = take(r, 1);

	if (kind >= 0xf0) {
		for (size_t n = 0; n < sizeof(*t); n++)
			((uint8_t *)t)[n] = (uint8_t)take(r, 1);
		return;
	}
	t->v6 = kind & 1;
	t->local[0] = kind & 2 ? 10 : 0;
	t->local_port = kind >> 2 & 31;
	if (kind & 0x80) {
		t->remote[0] = 10;
		t->remote_port = 80;
	}
}

static void take_flow(struct run *r, struct control_request *q)
{
	take_tuple(r, &q->flow.tuple);
	q->flow.cq = take_handle(r);
	q->flow.rq = take_handle(r);
	q->flow.grq = take_handle(r);
	q->flow.sq = take_handle(r);
}

static void take_payload(struct run *r, struct control_request *q)
{
	switch (q->operation) {
	case CONTROL_ALLOCATE:
		q->allocate.bytes = take_number(r);
		break;
	case CONTROL_OPEN_QUEUE:
		q->queue.offset = take_number(r);
		q->queue.kind = (uint32_t)take(r, 1) % 6;
		q->queue.entries = 1u << take(r, 1) % 32;
		q->queue.cq = take_handle(r);
		q->queue.flags = (uint32_t)take(r, 1) / 128;
		break;
	case CONTROL_REGISTER:
		q->region.address = take_number(r);
		q->region.bytes = take_number(r);
		q->region.offset = take_number(r);
		q->region.rights = (uint32_t)take(r, 1) % 5;
		break;
	case CONTROL_ADD_FLOW:
	case CONTROL_ADD_LISTEN:
	case CONTROL_OWN_ADDRESS:
		take_flow(r, q);
		break;
	case CONTROL_ASK_LOW:
		q->low.limit = (uint32_t)take(r, 1);
		break;
	case CONTROL_ROUTE:
		take_tuple(r, &q->route.tuple);
		break;
	case CONTROL_HOLD_PORT:
		take_tuple(r, &q->hold.tuple);
		q->hold.flags = (uint32_t)take(r, 1) / 100;
		break;
	default:
		break;
	}
}

static void check_reply(const struct control_request *q,
			const struct control_reply *p)
{
	CHECK(p->magic == CONTROL_MAGIC && p->version == CONTROL_VERSION);
	CHECK(p->number == q->number && p->operation == q->operation);
	CHECK(p->n_fds <= CONTROL_FDS_MAX);
	if (p->status >= 0)
		return;
	CHECK(p->n_fds == 0 && p->handle == CONTROL_NONE);
	for (size_t n = 0; n < sizeof(p->bytes); n++)
		CHECK(p->bytes[n] == 0);
}

static void ask(struct run *r, struct host_client *c, uint32_t operation)
{
	struct control_request q = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = (uint16_t)operation,
	};
	struct control_reply p;
	int fds[CONTROL_FDS_MAX];

	if (operation < CONTROL_N_OPERATIONS) {
		q.handle = take_handle(r);
		take_payload(r, &q);
	} else {
		for (size_t n = 0; n < sizeof(q); n++)
			((uint8_t *)&q)[n] = (uint8_t)take(r, 1);
	}
	host_request(c, &q, &p, fds);
	check_reply(&q, &p);
	for (uint32_t n = 0; n < p.n_fds; n++)
		CHECK(close(fds[n]) == 0);
	if (p.handle != CONTROL_NONE)
		r->handle[r->n_handles++ % HANDLES] = p.handle;
	check_usage(c);
}

static void open_host(struct run *r)
{
	struct host_options o = {
		.clients = CLIENTS, .window_bytes = 1ull << 30,
		.device = { .queues = 16, .flows = 16,
			    .coalescer = { .flows = 16, .segments = 4096 } },
	};
	struct wire *near, *far;

	CHECK(pair_create(&near, &far, NULL) == 0);
	CHECK(host_open(&r->host, near, &o) == 0);
	CHECK(wire_close(far) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .at = data, .end = data + size };
	int lowest = dup(STDERR_FILENO), again;

	close(lowest);
	open_host(&r);
	while (r.at < r.end) {
		uint32_t what = (uint32_t)take(&r, 1), who = what % CLIENTS;
		uint32_t operation = what / CLIENTS % (CONTROL_N_OPERATIONS + 2);

		if (operation == 0 && r.client[who]) {
			host_client_close(r.client[who]);
			r.client[who] = NULL;
		}
		if (!r.client[who]) {
			r.client[who] = begin(&r, who);
			ask(&r, r.client[who], CONTROL_HELLO);
		}
		ask(&r, r.client[who], operation);
	}
	host_close(r.host);
	again = dup(STDERR_FILENO);
	close(again);
	CHECK(again == lowest);
	return 0;
}
