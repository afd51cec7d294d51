// SPDX-License-Identifier: BSD-2-Clause
/* request_scene.c - A host on one end of a pair, and clients that ask */
#include "request_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/pair.h"

void scene_open(struct scene *s, const struct host_options *options)
{
	struct host_options o = options ? *options : (struct host_options){ 0 };
	struct wire *near;

	*s = (struct scene){ 0 };
	if (!o.clients)
		o.clients = SCENE_CLIENTS;
	o.device.queues = 256;
	o.device.flows = 256;
	o.device.coalescer.flows = 256;
	o.window_bytes = 4ull << 30;
	assert_int_equal(pair_create(&near, &s->far, NULL), 0);
	/* As AF_PACKET has it. */
	near->caps.tag_bytes = 4;
	near->caps.max_frame += near->caps.tag_bytes;
	assert_int_equal(host_open(&s->host, near, &o), 0);
}

void scene_close(struct scene *s)
{
	host_close(s->host);
	assert_int_equal(wire_close(s->far), 0);
}

struct control_request *scene_ask(struct scene *s, enum control_operation operation)
{
	static uint32_t number;

	s->ask = (struct control_request){
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = (uint16_t)operation, .number = ++number,
	};
	return &s->ask;
}

int scene_do(struct scene *s)
{
	host_request(s->client, &s->ask, &s->reply, s->fds);
	assert_int_equal(s->reply.magic, CONTROL_MAGIC);
	assert_int_equal(s->reply.version, CONTROL_VERSION);
	assert_int_equal(s->reply.number, s->ask.number);
	assert_int_equal(s->reply.operation, s->ask.operation);
	assert_true(s->reply.n_fds <= CONTROL_FDS_MAX);
	for (uint32_t n = 0; n < s->reply.n_fds; n++)
		assert_int_equal(close(s->fds[n]), 0);
	return s->reply.status;
}

struct host_client *scene_client(struct scene *s, const struct host_policy *policy)
{
	struct host_policy all;

	host_policy_all(&all);
	assert_int_equal(host_client_open(s->host, policy ? policy : &all,
					  &s->client), 0);
	scene_ask(s, CONTROL_HELLO);
	assert_int_equal(scene_do(s), 0);
	return s->client;
}

uint32_t scene_object(struct scene *s, uint64_t bytes)
{
	scene_ask(s, CONTROL_ALLOCATE)->allocate.bytes = bytes;
	assert_int_equal(scene_do(s), 0);
	assert_int_equal(s->reply.n_fds, 1);
	return s->reply.handle;
}

uint32_t scene_queue(struct scene *s, uint32_t object, uint64_t offset,
		     enum ring_kind kind, uint32_t cq)
{
	struct control_request *r = scene_ask(s, CONTROL_OPEN_QUEUE);

	r->handle = object;
	r->queue.offset = offset;
	r->queue.kind = kind;
	r->queue.entries = 16;
	r->queue.cq = cq;
	assert_int_equal(scene_do(s), 0);
	return s->reply.handle;
}

uint32_t scene_region(struct scene *s, uint32_t object, uint64_t address,
		      uint64_t offset, uint64_t bytes)
{
	struct control_request *r = scene_ask(s, CONTROL_REGISTER);

	r->handle = object;
	r->region.address = address;
	r->region.offset = offset;
	r->region.bytes = bytes;
	r->region.rights = CONTROL_READ | CONTROL_WRITE;
	assert_int_equal(scene_do(s), 0);
	return s->reply.handle;
}

struct control_tuple scene_tuple(uint8_t local, uint16_t port)
{
	return (struct control_tuple){
		.local = { 10, 0, 0, local }, .remote = { 10, 0, 0, 9 },
		.local_port = port, .remote_port = 80,
	};
}

struct control_request *scene_flow(struct scene *s, enum control_operation operation,
				   const struct control_tuple *tuple, uint32_t cq)
{
	struct control_request *r = scene_ask(s, operation);

	r->flow.tuple = *tuple;
	if (operation != CONTROL_ADD_FLOW) {
		memset(r->flow.tuple.remote, 0, sizeof(r->flow.tuple.remote));
		r->flow.tuple.remote_port = 0;
	}
	r->flow.cq = cq;
	r->flow.rq = r->flow.grq = r->flow.sq = CONTROL_NONE;
	return r;
}
