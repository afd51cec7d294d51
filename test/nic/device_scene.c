// SPDX-License-Identifier: BSD-2-Clause
/* device_scene.c - A device, programs on its one side, a wire on the other */
#include "nic/device_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/traffic.h"

#define PAGE 4096u
#define STRIDE (SCENE_PROGRAM_BYTES + SCENE_CANARY_BYTES)
#define BUS_BYTES ((uint64_t)SCENE_PROGRAMS * STRIDE + SCENE_CANARY_BYTES)
#define CANARY 0xc5
#define FRAMES 64

/* ---- The device ------------------------------------------------------------ */

static void take_nobodys(void *ctx, const struct tto_packet *packet)
{
	struct device_scene *s = ctx;
	struct scene_packet *to = &s->nobodys[s->n_nobodys % SCENE_NOBODYS];
	uint32_t at = packet->header_len;

	s->n_nobodys++;
	to->cause = packet->cause;
	to->len = packet->header_len + packet->payload_len;
	if (to->len > sizeof(to->bytes))
		return;
	memcpy(to->bytes, packet->header, packet->header_len);
	for (const struct tto_segment *seg = packet->segments; seg;
	     seg = seg->next) {
		if (seg->len)
			memcpy(to->bytes + at, seg->payload, seg->len);
		at += seg->len;
	}
}

static void note_wake(void *ctx, uint32_t cq, uint32_t owner)
{
	struct device_scene *s = ctx;

	s->wakes[s->n_wakes++ % SCENE_WAKES] = cq;
}

static void *zeroed(size_t align, size_t bytes)
{
	void *p = aligned_alloc(align, (bytes + align - 1) / align * align);

	assert_non_null(p);
	memset(p, 0, bytes);
	return p;
}

void scene_open(struct device_scene *s, const struct device_options *options,
		const struct pair_options *pair)
{
	struct device_options o = {
		.queues = 64, .flows = 256,
		.coalescer = {
			.size = sizeof(o.coalescer), .flows = 256,
			.policy = TTO_POLICY_HOST,
			.seed = { 1, 2, 3 },
		},
	};
	const struct device_callbacks callbacks = {
		.ctx = s, .unclaimed = take_nobodys, .wake = note_wake,
	};

	memset(s, 0, sizeof(*s));
	if (options)
		o = *options;
	s->bus = (struct bus){ zeroed(PAGE, BUS_BYTES), BUS_BYTES };
	memset(s->bus.base, CANARY, BUS_BYTES);
	s->memory = zeroed(CACHE_LINE, sizeof(*s->memory));
	memory_init(s->memory, &s->bus, s->domain, SCENE_PROGRAMS, s->region,
		    16);
	if (pair)
		s->pair = *pair;
	s->pair.n_frames = s->pair.n_frames ? s->pair.n_frames : 1024;
	s->pair.n_bytes = s->pair.n_bytes ? s->pair.n_bytes : 4u << 20;
	assert_int_equal(pair_create(&s->near, &s->far, &s->pair), 0);
	assert_true(device_bytes(&o) > 0);
	s->device_memory = zeroed(CACHE_LINE, device_bytes(&o));
	assert_int_equal(device_init(&s->device, s->device_memory, &o,
				     s->memory, &callbacks), 0);
	s->now = 1000000;
}

void scene_close(struct device_scene *s)
{
	wire_close(s->near);
	wire_close(s->far);
	free(s->device_memory);
	free(s->memory);
	free(s->bus.base);
}

/* ---- Programs -------------------------------------------------------------- */

uint32_t program_place(struct program *p, uint32_t bytes)
{
	uint32_t at = p->next;

	p->next = (at + bytes + CACHE_LINE - 1) & ~(uint32_t)(CACHE_LINE - 1);
	assert_true(p->next <= SCENE_PROGRAM_BYTES);
	return at;
}

static uint32_t open_queue(struct program *p, struct ring_end *end,
			   enum ring_kind kind, uint32_t entries,
			   uint32_t entry_bytes)
{
	struct ring *r = (struct ring *)(void *)
		(p->memory + program_place(p, (uint32_t)ring_bytes(entries,
								   entry_bytes)));
	const struct device_queue q = {
		.kind = (uint8_t)kind, .owner = p->owner, .ring = r,
		.entries = entries, .dma = p->dma,
		.cq = kind == RING_COMPLETION ? DEVICE_NONE : p->cq_id,
		.unowned = p->options.unowned,
	};
	uint32_t id;

	ring_create(r, kind, entries, entry_bytes);
	ring_attach(end, r, entries, entry_bytes);
	assert_int_equal(device_open_queue(p->scene->device, &q, &id), 0);
	return id;
}

static void open_queues(struct program *p)
{
	const struct program_options *o = &p->options;

	p->cq_id = open_queue(p, &p->cq, RING_COMPLETION, o->cq ? o->cq : 64,
			      sizeof(struct completion));
	p->sq_id = open_queue(p, &p->sq, RING_SEND, o->sq ? o->sq : 64,
			      SEND_BLOCK_BYTES);
	p->rq_id = open_queue(p, &p->rq, RING_RECEIVE, o->rq ? o->rq : 64,
			      sizeof(struct receive_work));
	p->grq_id = open_queue(p, &p->grq, RING_GENERAL, o->grq ? o->grq : 64,
			       sizeof(struct receive_work));
}

void program_open(struct device_scene *s, struct program *p,
		  const struct program_options *options)
{
	uint64_t start = (uint64_t)s->n_programs * STRIDE + SCENE_CANARY_BYTES;

	assert_true(s->n_programs < SCENE_PROGRAMS);
	memset(p, 0, sizeof(*p));
	if (options)
		p->options = *options;
	p->scene = s;
	p->owner = s->n_programs++;
	p->bus = start;
	p->memory = s->bus.base + start;
	assert_int_equal(memory_add_domain(s->memory, PAGE_FORMAT_X86_64, start,
					   p->extent, 4, &p->domain), 0);
	assert_int_equal(domain_add_extent(&s->domain[p->domain], start,
					   SCENE_PROGRAM_BYTES,
					   EXTENT_READ | EXTENT_WRITE), 0);
	p->dma = (struct dma_queue){ { p->domain }, 1 };
	open_queues(p);
}

void program_reopen(struct program *p)
{
	uint32_t next = p->next;

	p->next = 0;
	open_queues(p);
	p->next = next;
}

static void check_canary(const uint8_t *p)
{
	for (uint32_t n = 0; n < SCENE_CANARY_BYTES; n++) {
		if (p[n] != CANARY)
			fail_msg("a byte outside of a program's memory was written");
	}
}

void program_check_canaries(const struct program *p)
{
	check_canary(p->memory - SCENE_CANARY_BYTES);
	check_canary(p->memory + SCENE_PROGRAM_BYTES);
}

struct device_flow program_flow(const struct program *p,
				const struct frame_spec *spec)
{
	uint8_t frame[FRAME_MAX_BYTES];
	struct device_flow f = {
		.owner = p->owner, .cq = p->cq_id, .rq = p->rq_id,
		.grq = p->grq_id, .sq = p->sq_id,
	};
	struct frame_spec short_spec = *spec;
	uint32_t link = frame_link_bytes(spec);
	size_t bytes = spec->v6 ? 16 : 4;
	const uint8_t *from;

	short_spec.payload_len = 0;
	frame_build(&short_spec, frame);
	from = frame + link + (spec->v6 ? 8 : 12);
	memcpy(f.tuple.remote, from, bytes);
	memcpy(f.tuple.local, from + bytes, bytes);
	f.tuple.remote_port = spec->source_port;
	f.tuple.local_port = spec->destination_port;
	f.tuple.v6 = spec->v6;
	return f;
}

struct device_flow program_listen(const struct program *p,
				  const struct frame_spec *spec)
{
	struct device_flow f = program_flow(p, spec);

	memset(f.tuple.remote, 0, sizeof(f.tuple.remote));
	f.tuple.remote_port = 0;
	return f;
}

void program_receive(struct program *p, struct ring_end *to, uint32_t offset,
		     uint32_t bytes, uint64_t wr_id)
{
	assert_true(ring_room(to, 1) >= 1);
	*(struct receive_work *)ring_slot(to, 0) = (struct receive_work){
		.address = p->bus + offset, .length = bytes, .wr_id = wr_id,
	};
	ring_publish(to, 1);
}

/* Writes @bytes at @at of a request that begins at the next slot. */
static void put(struct ring_end *sq, uint32_t at, const void *from,
		uint32_t bytes)
{
	const uint8_t *b = from;

	for (; bytes > 0; at++, b++, bytes--)
		((uint8_t *)ring_slot(sq, at / SEND_BLOCK_BYTES))
			[at % SEND_BLOCK_BYTES] = *b;
}

bool program_send(struct program *p, const struct program_send *send)
{
	uint32_t blocks = send_blocks(send->n, send->inline_bytes);
	const struct send_head head = {
		.wr_id = send->wr_id, .flow = send->flow, .mss = send->mss,
		.command = send->command, .flags = send->flags,
		.inline_bytes = (uint16_t)send->inline_bytes,
		.descriptors = (uint8_t)send->n, .blocks = (uint8_t)blocks,
	};
	uint32_t at = sizeof(head);

	if (ring_room(&p->sq, blocks) < blocks)
		return false;
	put(&p->sq, 0, &head, sizeof(head));
	put(&p->sq, at, send->descriptor, send->n * sizeof(struct descriptor));
	at += send->n * (uint32_t)sizeof(struct descriptor);
	put(&p->sq, at, send->inline_at, send->inline_bytes);
	ring_publish(&p->sq, blocks);
	return true;
}

bool program_poll(struct program *p, struct completion *c)
{
	if (!ring_ready(&p->cq, 1))
		return false;
	*c = *(const struct completion *)ring_entry(&p->cq, 0);
	ring_release(&p->cq, 1);
	return true;
}

/* ---- The wire -------------------------------------------------------------- */

void scene_arrive_bytes(struct device_scene *s, const uint8_t *frame,
			uint32_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)frame, len };
	const struct wire_frame f = {
		.iov = &iov, .n_iov = 1, .len = len,
		.linktype = s->near->caps.linktype,
	};

	assert_int_equal(wire_send(s->far, &f, 1), 1);
}

void scene_arrive(struct device_scene *s, const struct frame_spec *spec)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t len = frame_build(spec, frame);
	const struct iovec iov = { frame, len };
	struct wire_frame f = {
		.iov = &iov, .n_iov = 1, .len = len,
		.linktype = s->near->caps.linktype,
	};

	if (spec->csum == TTO_CSUM_VERIFIED)
		f.offload.flags = WIRE_DATA_VALID;
	if (spec->csum == TTO_CSUM_PARTIAL)
		f.offload.flags = WIRE_NEEDS_CSUM;
	if (spec->gso_size) {
		f.offload.gso_type = spec->v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4;
		f.offload.gso_size = spec->gso_size;
	}
	assert_int_equal(wire_send(s->far, &f, 1), 1);
}

void scene_run(struct device_scene *s)
{
	struct wire_frame frames[FRAMES];
	int got;

	while ((got = wire_recv(s->near, frames, FRAMES)) > 0)
		device_receive(s->device, frames, (uint32_t)got,
			       s->near->caps.linktype == 1 ? TTO_LINK_ETHERNET :
							     TTO_LINK_IP,
			       s->now);
	while (device_send(s->device, s->near, 256, s->now))
		;
	s->now += 1000;
}

uint32_t scene_leave(struct device_scene *s, uint8_t *frame,
		     struct wire_offload *offload)
{
	struct wire_frame f;

	if (wire_recv(s->far, &f, 1) != 1)
		return 0;
	if (offload)
		*offload = f.offload;
	return wire_frame_copy(&f, frame);
}

uint64_t scene_drops(const struct device_scene *s, uint32_t queue,
		     enum device_drop drop)
{
	struct device_queue_counters c;

	assert_true(device_counters(s->device, queue, &c));
	return c.drops[drop];
}
