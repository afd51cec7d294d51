// SPDX-License-Identifier: BSD-2-Clause
/*
 * device_fuzz.c - Any program, any frames: nothing outside is touched, no call runs away
 *
 * Input: options, then operations of one byte and what belongs to them: write to the
 * program's memory, its rings among it; move an index; post buffers and requests that
 * are nearly right; let frames arrive, as bytes or made; run the device against a
 * wire that takes what it likes; ask for what owners ask for. Around the program's
 * memory nothing is accessible, so that a byte too far ends the process. What leaves
 * has the tuple of the flow that it was posted for, or the queue may send anything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nic/device.h"
#include "nic/frames.h"
#include "nic/icmp_frames.h"

#define PAGE 4096u
#define MEMORY (32 * PAGE)	/* of the program, in the middle of the bus      */
#define BUS_BYTES (4ull * MEMORY)
#define RING 16u		/* entries of each                              */
#define RINGS 4u
#define RING_PAGES 1u		/* each                                         */
#define QUEUE_FRAMES 24u
#define OPERATIONS 400

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CQ, SQ, RQ, GRQ };

static const struct {
	uint8_t kind;
	uint32_t entry_bytes;
} kinds[RINGS] = {
	{ RING_COMPLETION, sizeof(struct completion) },
	{ RING_SEND, SEND_BLOCK_BYTES },
	{ RING_RECEIVE, sizeof(struct receive_work) },
	{ RING_GENERAL, sizeof(struct receive_work) },
};

struct run {
	const uint8_t *at, *end;
	struct memory *memory;
	struct domain domain[1];
	struct extent extent[1][4];
	struct region region[4];
	struct device *device;
	bool unowned;
	uint32_t id[RINGS];
	struct ring_end end_of[RINGS];	/* as the program believes they are     */
	uint32_t flow, listen;
	struct frame_spec spec;
	struct wire wire;
	uint32_t takes;		/* frames that the wire takes before it is full */
	uint32_t n_frames;	/* that are going to arrive                     */
	struct wire_frame frames[QUEUE_FRAMES];
	struct iovec iov[QUEUE_FRAMES];
	uint8_t bytes[QUEUE_FRAMES][2048];
	uint32_t n_wakes;
	ns_t now;
};

static struct bus bus;
static uint8_t *mine;		/* the program's memory                         */

static uint32_t take(struct run *r, uint32_t bytes)
{
	uint32_t v = 0;

	for (; bytes > 0; bytes--)
		v = v << 8 | (r->at < r->end ? *r->at++ : 0);
	return v;
}

/* ---- The wire ------------------------------------------------------------ */

/* Frames of a flow that the program has; the remote side of a listen is free. */
static void judge_frame(const struct run *r, const uint8_t *frame, uint32_t len)
{
	struct frame_spec spec = r->spec;
	static uint8_t want[FRAME_MAX_BYTES];

	frame_reverse(&spec);
	spec.payload_len = 0;
	frame_build(&spec, want);
	CHECK(len >= 54 && frame[12] == 8 && frame[14] == 0x45);
	CHECK(frame[23] == 6);
	CHECK(!memcmp(frame + 26, want + 26, 4));
	if (get16(frame + 34) == spec.source_port)
		CHECK(!memcmp(frame + 30, want + 30, 8));
	else
		CHECK(get16(frame + 34) == (uint16_t)(spec.source_port + 1));
}

static int wire_takes(struct wire *w, const struct wire_frame *frames,
		      unsigned int n)
{
	struct run *r = (struct run *)((uint8_t *)w -
				       offsetof(struct run, wire));
	static uint8_t bytes[1u << 17];
	unsigned int taken = 0;

	if (r->takes == 255)
		return -ENETDOWN;
	for (; taken < n && r->takes > 0; taken++, r->takes--) {
		const struct wire_frame *f = &frames[taken];

		CHECK(f->len > 0 && f->len <= sizeof(bytes));
		CHECK(f->offload.gso_type || f->len <= w->caps.max_frame);
		CHECK(wire_frame_copy(f, bytes) == f->len);
		if (!r->unowned)
			judge_frame(r, bytes, f->len);
	}
	return (int)taken;
}

static const struct wire_ops wire_ops = { .kind = "fuzz", .send = wire_takes };

/* ---- The program --------------------------------------------------------- */

static void write_memory(struct run *r)
{
	uint32_t at = take(r, 2) % MEMORY, bytes = take(r, 1) % 64;

	for (; bytes > 0; bytes--, at++)
		mine[at % MEMORY] = (uint8_t)take(r, 1);
}

static void move_index(struct run *r)
{
	uint8_t which = (uint8_t)take(r, 1);
	struct ring *ring = r->end_of[which % RINGS].ring;
	_Atomic uint32_t *const words[] = { &ring->tail, &ring->head,
					    &ring->sleeps };
	_Atomic uint32_t *word = words[(which >> 2) % 3];

	if (which & 0x80)
		atomic_store(word, take(r, 4));
	else
		atomic_fetch_add(word, (which >> 4) & 7);
}

/* Somewhere in its memory, mostly; else about its ends. */
static uint64_t address(struct run *r)
{
	uint32_t at = take(r, 3);

	return MEMORY + (at & 0x800000 ? (uint64_t)(int32_t)(at << 12) >> 10 :
					 at % MEMORY);
}

static void post_buffer(struct run *r)
{
	uint8_t how = (uint8_t)take(r, 1);
	struct ring_end *e = &r->end_of[how & 1 ? RQ : GRQ];
	struct receive_work w = { .address = address(r) };

	w.length = take(r, 2);
	w.command = how & 0x80 ? (uint16_t)take(r, 1) : 0;
	w.reserved = how >> 6 & 1;
	w.wr_id = how >> 1 & 7;
	*(struct receive_work *)ring_slot(e, 0) = w;
	ring_publish(e, 1);
}

static void put(struct ring_end *sq, uint32_t at, const void *from,
		uint32_t bytes)
{
	const uint8_t *b = from;

	for (; bytes > 0; at++, b++, bytes--)
		((uint8_t *)ring_slot(sq, at / SEND_BLOCK_BYTES))
			[at % SEND_BLOCK_BYTES] = *b;
}

static void spoil(struct run *r, void *at, uint32_t bytes)
{
	uint32_t n = take(r, 1) % bytes;

	((uint8_t *)at)[n] ^= (uint8_t)take(r, 1);
}

static void put_descriptor(struct run *r, uint32_t at, bool last)
{
	struct descriptor d = { .address = address(r) };

	d.length = take(r, 2);
	d.command = last ? DESCRIPTOR_END : 0;
	put(&r->end_of[SQ], at, &d, sizeof(d));
}

/* A request of the flow, with some bytes of it changed. */
static void post_request(struct run *r)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = r->spec;
	uint8_t how = (uint8_t)take(r, 1);
	struct ring_end *sq = &r->end_of[SQ];
	struct send_head h = {
		.wr_id = how, .flow = how & 1 ? r->listen : r->flow,
		.mss = (uint16_t)take(r, 2), .descriptors = how >> 1 & 3,
		.flags = how & 8 ? SEND_SIGNALED : how & 0x10 ? SEND_UNOWNED : 0,
	};
	uint32_t at = sizeof(h);

	frame_reverse(&spec);
	spec.source_port += how & 1;
	spec.payload_len = take(r, 1);
	h.inline_bytes = (uint16_t)frame_build(&spec, frame);
	if (how & 0x20)
		spoil(r, frame, h.inline_bytes);
	h.blocks = (uint8_t)send_blocks(h.descriptors, h.inline_bytes);
	for (uint32_t n = 0; n < h.descriptors; n++, at += sizeof(struct descriptor))
		put_descriptor(r, at, n + 1 == h.descriptors);
	put(sq, at, frame, h.inline_bytes);
	if (how & 0x40)
		spoil(r, &h, sizeof(h));
	put(sq, 0, &h, sizeof(h));
	ring_publish(sq, how & 0x80 ? take(r, 1) % RING : h.blocks);
}

/* Takes its completions, and may arm. */
static void poll(struct run *r)
{
	struct ring_end *cq = &r->end_of[CQ];
	uint32_t tail = atomic_load(&cq->ring->tail);
	uint8_t how = (uint8_t)take(r, 1);

	cq->own = tail;
	atomic_store(&cq->ring->head, tail);
	atomic_store(&cq->ring->sleeps, how & 1);
}

/* ---- Frames -------------------------------------------------------------- */

static void add_frame(struct run *r, uint32_t len, uint8_t how)
{
	uint32_t n = r->n_frames++;

	r->iov[n] = (struct iovec){ r->bytes[n], len };
	r->frames[n] = (struct wire_frame){
		.iov = &r->iov[n], .n_iov = 1, .len = len,
		.full_len = how & 4 ? len + 1 : len, .linktype = 1,
	};
	if (how & 1)
		r->frames[n].offload.flags = WIRE_DATA_VALID;
	if (how & 2)
		r->frames[n].offload = (struct wire_offload){
			.flags = WIRE_NEEDS_CSUM, .gso_type = WIRE_GSO_TCPV4,
			.gso_size = (uint16_t)take(r, 1),
		};
}

static void arrive_bytes(struct run *r)
{
	uint32_t len = take(r, 1);

	if (r->n_frames == QUEUE_FRAMES)
		return;
	for (uint32_t n = 0; n < len; n++)
		r->bytes[r->n_frames][n] = (uint8_t)take(r, 1);
	add_frame(r, len, (uint8_t)take(r, 1));
}

static void arrive(struct run *r)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = r->spec;
	uint8_t how = (uint8_t)take(r, 1);
	uint32_t len;

	if (r->n_frames == QUEUE_FRAMES)
		return;
	spec.flags = how & 4 ? (uint16_t)take(r, 1) : F_ACK;
	spec.payload_len = take(r, how & 8 ? 2 : 1) % 1400;
	if (how & 0x10)
		spec.seq += take(r, 2);
	if (how & 0x20)
		frame_sack(&spec, 1, 2);
	spec.destination_port += how >> 6 & 1;
	if (how & 0x80)
		spec.tcp_sum = SUM_WRONG;
	len = frame_build(&spec, frame);
	memcpy(r->bytes[r->n_frames], frame, len);
	add_frame(r, len, how & 3);
	r->spec.seq = spec.seq + spec.payload_len;
	r->spec.id++;
}

/* An ICMP error about what the program may have sent. */
static void arrive_error(struct run *r)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	uint8_t how = (uint8_t)take(r, 1);
	struct icmp_spec spec = icmp_defaults(&r->spec, take(r, 4));
	uint32_t len;

	if (r->n_frames == QUEUE_FRAMES)
		return;
	spec.type = how & 1 ? (uint8_t)take(r, 1) : 3;
	spec.code = how & 2 ? (uint8_t)take(r, 1) : 4;
	spec.wrong_sum = how & 4;
	spec.quote_bytes = how & 8 ? 12 + take(r, 1) : 28;
	spec.quote.source_port += how >> 4 & 1;
	len = icmp_build(&spec, frame);
	if (how & 0x20)		/* one byte of it is anything                   */
		frame[take(r, 2) % len] = (uint8_t)take(r, 1);
	memcpy(r->bytes[r->n_frames], frame, len);
	add_frame(r, len, how >> 6);
}

/* ---- The device ---------------------------------------------------------- */

static void receive(struct run *r)
{
	device_receive(r->device, r->frames, r->n_frames, TTO_LINK_ETHERNET,
		       r->now += 1000);
	r->n_frames = 0;
}

static void send(struct run *r)
{
	uint32_t budget = take(r, 1), done;

	r->takes = take(r, 1);
	done = device_send(r->device, &r->wire, budget, r->now += 1000);
	CHECK(done <= budget);
}

/* Queues are closed with all that belongs to them, and made again. */
static void open_all(struct run *r)
{
	struct device_flow f = { .cq = 0 };
	static uint8_t frame[FRAME_MAX_BYTES];

	device_close_owner(r->device, 1);
	for (uint32_t n = 0; n < RINGS; n++) {
		struct ring *ring = (struct ring *)(void *)
				    (mine + n * RING_PAGES * PAGE);
		const struct device_queue q = {
			.kind = kinds[n].kind, .owner = 1, .ring = ring,
			.entries = RING, .cq = n ? r->id[CQ] : DEVICE_NONE,
			.dma = { { 0 }, 1 }, .unowned = r->unowned,
		};

		ring_create(ring, kinds[n].kind, RING, kinds[n].entry_bytes);
		ring_attach(&r->end_of[n], ring, RING, kinds[n].entry_bytes);
		CHECK(!device_open_queue(r->device, &q, &r->id[n]));
	}
	frame_build(&r->spec, frame);
	f.owner = 1;
	f.cq = r->id[CQ];
	f.sq = r->id[SQ];
	f.rq = r->id[RQ];
	f.grq = r->id[GRQ];
	memcpy(f.tuple.remote, frame + 26, 4);
	memcpy(f.tuple.local, frame + 30, 4);
	f.tuple.remote_port = r->spec.source_port;
	f.tuple.local_port = r->spec.destination_port;
	f.errors = true;
	CHECK(!device_add_flow(r->device, &f, &r->flow));
	memset(f.tuple.remote, 0, 16);
	f.tuple.remote_port = 0;
	f.tuple.local_port++;
	CHECK(!device_add_flow(r->device, &f, &r->listen));
}

static void ask(struct run *r)
{
	uint8_t how = (uint8_t)take(r, 1);
	struct device_queue_counters c;

	switch (how & 7) {
	case 0:
		CHECK(device_revoke(r->device, r->id[how & 8 ? RQ : GRQ],
				    how >> 4 & 7) >= 0);
		break;
	case 1:
		CHECK(!device_ask_low(r->device, r->id[GRQ], take(r, 1)));
		break;
	case 2:
		(void)device_arm(r->device);
		break;
	case 3:
		device_disarm(r->device);
		break;
	case 4:
		CHECK(device_poll(r->device, r->now) > 0);
		break;
	case 5:
		for (uint32_t n = 0; n < RINGS; n++) {
			CHECK(device_counters(r->device, r->id[n], &c));
			CHECK(c.drops[DEVICE_DROP_RING_BROKEN] <= 1);
		}
		break;
	case 6:
		open_all(r);
		break;
	default:
		memory_poll(r->memory);
		break;
	}
}

/* ---- A run --------------------------------------------------------------- */

static void unclaimed(void *ctx, const struct tto_packet *packet)
{
	CHECK(packet->n_frames > 0);
}

static void wake(void *ctx, uint32_t cq, uint32_t owner)
{
	struct run *r = ctx;

	CHECK(cq == r->id[CQ] && owner == 1);
	r->n_wakes++;
}

static void reserve(void)
{
	if (!bus.base) {
		bus = (struct bus){ mmap(NULL, BUS_BYTES, PROT_NONE, MAP_PRIVATE |
					 MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
				    BUS_BYTES };
		CHECK(bus.base != MAP_FAILED);
		mine = bus.base + MEMORY;
		CHECK(!mprotect(mine, MEMORY, PROT_READ | PROT_WRITE));
	}
	memset(mine, 0, MEMORY);
}

static void begin(struct run *r)
{
	static void *device_memory;
	uint8_t how = (uint8_t)take(r, 1);
	struct device_options o = {
		.queues = 8, .flows = 8, .send_burst = 1 + (how & 7),
		.coalescer = {
			.size = sizeof(o.coalescer), .flows = 8,
			.policy = TTO_POLICY_HOST, .segments = 512,
		},
	};
	const struct device_callbacks callbacks = { r, unclaimed, wake };
	uint16_t domain;

	reserve();
	memory_init(r->memory, &bus, r->domain, 1, r->region, 4);
	CHECK(!memory_add_domain(r->memory, PAGE_FORMAT_X86_64, MEMORY,
				 r->extent[0], 4, &domain));
	CHECK(!domain_add_extent(&r->domain[0], MEMORY, MEMORY,
				 EXTENT_READ | EXTENT_WRITE | EXTENT_TABLE));
	free(device_memory);
	device_memory = aligned_alloc(CACHE_LINE, device_bytes(&o));
	CHECK(device_memory);
	memset(device_memory, 0, device_bytes(&o));
	CHECK(!device_init(&r->device, device_memory, &o, r->memory,
			   &callbacks));
	r->spec = frame_defaults();
	r->unowned = how & 8;
	r->wire = (struct wire){
		.ops = &wire_ops,
		.caps = {
			.linktype = 1, .max_frame = how & 0x80 ? 9014 : 1514,
			.csum = how & 0x10, .tso4 = how & 0x20,
			.offload = how & 0x30,
		},
	};
	open_all(r);
}

static void (*const operations[])(struct run *r) = {
	write_memory, move_index, post_buffer, post_buffer, post_request,
	post_request, poll, arrive_bytes, arrive, arrive, receive, send, ask,
	arrive_error,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	static struct memory memory;

	memset(&r, 0, sizeof(r));
	r.at = data;
	r.end = data + size;
	r.memory = &memory;
	begin(&r);
	for (uint32_t n = 0; n < OPERATIONS && r.at < r.end; n++)
		operations[take(&r, 1) % ARRAY_SIZE(operations)](&r);
	receive(&r);
	device_close_owner(r.device, 1);
	return 0;
}
