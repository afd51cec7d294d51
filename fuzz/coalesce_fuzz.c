// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_fuzz.c - The coalescer with any frames, in any order, at any time
 *
 * Input: HEADER_BYTES of options, then operations of one byte and what belongs
 * to them: a frame of one of four flows, perhaps changed in one way or in any
 * bytes; a frame out of the input as it is; push, poll, flush, sent. The watch
 * of the tests judges every packet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_BYTES 10
#define N_FLOWS 4
#define MAX_PENDING 64
#define MAX_FRAMES 400

struct input_bytes {
	const uint8_t *at, *end;
};

struct run {
	struct input_bytes in;
	struct watch watch;
	struct frame_spec flows[N_FLOWS];
	struct tto_frame pending[MAX_PENDING];
	uint32_t n_pending;
	uint64_t now_ns;
	uint8_t *bytes;		/* FRAME_MAX_BYTES to build a frame in          */
};

static uint8_t take(struct run *r)
{
	return r->in.at < r->in.end ? *r->in.at++ : 0;
}

static uint16_t take16(struct run *r)
{
	uint16_t high = take(r);

	return (uint16_t)(high << 8 | take(r));
}

static void read_options(struct run *r, struct tto_coalescer_options *o)
{
	static const uint32_t rals[] = { 576, 1000, 4000, 65535 };
	static const uint32_t times[] = { 1, 1000, 50000, 1000000 };
	uint8_t b = take(r);

	o->size = sizeof(*o);
	o->policy = b & 1;
	o->output = b >> 1 & 1;
	o->partial_csum = b >> 2 & 1;
	o->link = (b >> 3) % TTO_N_LINKS;
	o->flows = 1 + take(r) % 16;
	o->ral = rals[take(r) % 4];
	o->segments = 1 + take(r) % 32;
	o->buffers = 1 + take(r) % 4;
	b = take(r);
	o->timeout_aggregation_ns = times[b & 3];
	o->timeout_ack_aggregation_ns = times[b >> 2 & 3];
	o->terminate_no_activity_time_ns = 100ull * times[b >> 4 & 3];
	o->timeout_keepalive_ns = 10ull * times[b >> 6];
	o->replace_idle_time_ns = 1 + take(r) * 100ull;
	o->receive_acked_bytes_aggregation = 1 + take(r) * 256u;
	take16(r);	/* for later use */
}

static void make_flows(struct run *r, uint8_t link)
{
	for (uint16_t i = 0; i < N_FLOWS; i++) {
		struct frame_spec *s = &r->flows[i];

		*s = frame_defaults();
		s->link = link;
		s->source_port = (uint16_t)(1000 + i);
		s->payload_len = 100;
		s->v6 = i == 1;
		if (i == 2)
			frame_timestamp(s, 1, 1);
		if (i == 3 && link != TTO_LINK_IP && link != TTO_LINK_NULL)
			frame_tag(s, 0x8100, 5);
		if (i == 3)
			s->fragment = 0;
		s->seq = 0u - 250u;
	}
}

static void pend(struct run *r, const uint8_t *data, uint32_t len, uint8_t csum,
		 uint16_t gso_size)
{
	void *copy = malloc(len + 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	r->pending[r->n_pending++] = (struct tto_frame){
		.data = copy, .len = len, .csum = csum, .gso_size = gso_size,
	};
}

static void push(struct run *r)
{
	watch_push(&r->watch, r->pending, r->n_pending, r->now_ns);
	while (r->n_pending)
		free((void *)(uintptr_t)r->pending[--r->n_pending].data);
}

/* A change of this frame alone. */
static void twist(struct run *r, struct frame_spec *s, uint8_t kind)
{
	uint8_t value = take(r);

	switch (kind) {
	case 1: s->flags ^= value; break;
	case 2: s->flags ^= (uint16_t)(value << 4); break;
	case 3: s->payload_len = value; break;
	case 4: s->payload_len = value * 16u; break;
	case 5: s->tcp_sum = value % 3; break;
	case 6: s->ip_sum = s->v6 ? SUM_RIGHT : value % 3; break;
	case 7: s->trailer = value % 32; break;
	case 8: s->fragment ^= (uint16_t)(value << 8); break;
	case 9: s->protocol = value; break;
	case 10: s->csum = value % 3; break;
	case 11: s->urgent = value; break;
	case 12: s->seq += (uint32_t)(int8_t)value; break;
	case 13:
		s->options_len = value % 11 * 4;
		for (uint8_t i = 0; i < s->options_len; i++)
			s->options[i] = take(r);
		break;
	case 14:
		s->ip_extra_len = value % 5 * (s->v6 ? 8 : 4);
		s->next_header = 60;
		for (uint8_t i = 0; i < s->ip_extra_len; i++)
			s->ip_extra[i] = take(r);
		break;
	default:
		break;
	}
}

/* A change of the flow from here on. */
static void turn(struct run *r, struct frame_spec *s, uint8_t kind)
{
	uint8_t value = take(r);

	switch (kind) {
	case 16: s->ack += (uint32_t)(int8_t)value; break;
	case 17: s->ack += value * 256u; break;
	case 18: s->window ^= value; break;
	case 19: s->ttl ^= value; break;
	case 20: s->tos ^= value; break;
	case 21: s->id += value; break;
	case 22: s->mac ^= value; break;
	case 23: s->seq += (uint32_t)(int8_t)value * 50; break;
	case 24: s->seq += (uint32_t)value << 24; break;
	case 25: s->payload_len = value; break;
	case 26: s->tci[0] ^= (uint16_t)(value << 8); break;
	case 27: s->flow_label = s->v6 ? value : 0; break;
	case 28: s->fragment ^= F_DF; break;
	case 29: frame_timestamp(s, value, take(r)); break;
	case 30: s->options_len = 0; break;
	default: s->csum = value % 3; break;
	}
}

static void structured(struct run *r, uint8_t op)
{
	struct frame_spec *flow = &r->flows[op % N_FLOWS], s;
	uint8_t kind = op >> 2 & 31;

	if (kind >= 16)
		turn(r, flow, kind);
	s = *flow;
	if (kind && kind < 16)
		twist(r, &s, kind);
	/* A wire that verified a wrong checksum is not to be believed. */
	if (s.csum == TTO_CSUM_VERIFIED && s.tcp_sum == SUM_WRONG)
		s.csum = TTO_CSUM_UNKNOWN;
	pend(r, r->bytes, frame_build(&s, r->bytes), s.csum,
	     kind == 15 ? 100 : 0);
	flow->seq += s.payload_len;
	flow->id++;
}

static void damaged(struct run *r, uint8_t op)
{
	uint32_t len = frame_build(&r->flows[op % N_FLOWS], r->bytes);

	for (uint8_t n = 1 + (op >> 2 & 3); n; n--) {
		uint16_t at = take(r);

		r->bytes[at % len] ^= take(r);
	}
	pend(r, r->bytes, len, TTO_CSUM_UNKNOWN, 0);
}

static void raw(struct run *r, uint8_t op)
{
	uint32_t len = take16(r) % 2048, left = (uint32_t)(r->in.end - r->in.at);

	len = len < left ? len : left;
	pend(r, r->in.at, len, op & 1 ? TTO_CSUM_PARTIAL : TTO_CSUM_UNKNOWN, 0);
	r->pending[r->n_pending - 1].truncated = op >> 1 & 1;
	r->in.at += len;
}

static void sent(struct run *r)
{
	struct frame_spec s = r->flows[take(r) % N_FLOWS];
	struct tto_frame frame = { .data = r->bytes };
	uint8_t value = take(r);

	frame_reverse(&s);
	s.ack = s.seq;
	s.seq = r->flows[0].ack - (value & 3);
	s.payload_len = value >> 2;
	frame.len = frame_build(&s, r->bytes);
	watch_sent(&r->watch, &frame, 1, r->now_ns);
}

static void operate(struct run *r, uint8_t op)
{
	static const uint32_t steps[] = { 0, 1, 900, 5000, 60000, 2000000 };

	if (op < 0x80) {
		structured(r, op);
	} else if (op < 0xa0) {
		raw(r, op);
	} else if (op < 0xb0) {
		damaged(r, op);
	} else if (op < 0xc0) {
		r->now_ns += steps[op % 6];
		push(r);
	} else if (op < 0xd0) {
		watch_poll(&r->watch, r->now_ns);
	} else if (op < 0xd8) {
		watch_flush(&r->watch, r->now_ns);
	} else if (op < 0xe8) {
		sent(r);
	} else if (op < 0xf8) {
		watch_run_to(&r->watch, r->now_ns + steps[op % 6]);
	} else {
		r->now_ns -= r->now_ns > 500 ? 500 : 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tto_coalescer_options o = { 0 };
	static uint8_t bytes[FRAME_MAX_BYTES];
	static struct run r;

	if (size < HEADER_BYTES)
		return 0;
	memset(&r, 0, sizeof(r));
	r.bytes = bytes;
	r.in = (struct input_bytes){ data, data + size };
	read_options(&r, &o);
	make_flows(&r, o.link);
	if (watch_open(&r.watch, &o))
		abort();
	r.now_ns = 1000;
	while (r.in.at < r.in.end && r.watch.n_records < MAX_FRAMES &&
	       !r.watch.failure[0]) {
		operate(&r, take(&r));
		if (r.n_pending == MAX_PENDING)
			push(&r);
	}
	push(&r);
	watch_check(&r.watch);
	watch_flush(&r.watch, r.now_ns);
	if (r.watch.failure[0]) {
		watch_print(&r.watch, 0, r.watch.n_records);
		fprintf(stderr, "%s\n", r.watch.failure);
		abort();
	}
	watch_close(&r.watch);
	return 0;
}
