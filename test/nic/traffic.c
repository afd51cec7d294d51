// SPDX-License-Identifier: BSD-2-Clause
/*
 * traffic.c - Random traffic for the receive side, out of a seed
 *
 * DOC: Theory of operation
 * A few flows, each a frame_spec that moves on. A seed has a mood: how much
 * trouble there is, so that some seeds are nearly clean (long aggregates) and
 * some are nearly all trouble. Trouble is either a change of the one frame that
 * is sent (a flag, a wrong checksum, a fragment ...), a change of the flow from
 * here on (TTL, ACK, timestamp, MAC ...), or something that the network does
 * (loss, reordering, duplication, retransmission in other pieces, damage).
 */
#include <stdlib.h>
#include <string.h>

#include "nic/traffic.h"

#define MAX_FLOWS 40
#define PICK(t, ...) pick(t, (const uint32_t[]){ __VA_ARGS__ }, \
	sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

struct stream {
	struct frame_spec spec;
	uint32_t mss;
	uint32_t id_step;
	uint32_t tsval, tsecr;
	uint8_t timestamps;	/* 0: none, 1: aligned, 2: elsewhere            */
	uint8_t acks_in_ten;	/* frames without data                          */
};

struct traffic {
	struct script *script;
	uint64_t random;
	uint32_t trouble;	/* of 1000 frames                               */
	uint32_t n_streams, n_opened;
	struct stream streams[MAX_FLOWS];
	struct tto_frame delayed;	/* data NULL: none                      */
	uint8_t bytes[FRAME_MAX_BYTES];
};

uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t below(struct traffic *t, uint32_t n)
{
	return random_below(&t->random, n);
}

static uint32_t pick(struct traffic *t, const uint32_t *choices, size_t n)
{
	return choices[below(t, (uint32_t)n)];
}

/* ---- The script ----------------------------------------------------------- */

static void add_frame(struct traffic *t, struct tto_frame frame)
{
	struct script *s = t->script;

	if (s->n_frames == s->room_frames) {
		s->room_frames = s->room_frames * 2 + 256;
		s->frames = realloc(s->frames,
				    s->room_frames * sizeof(*s->frames));
		if (!s->frames)
			abort();
	}
	s->frames[s->n_frames++] = frame;
}

static void add_step(struct traffic *t, uint8_t call, uint64_t at_ns,
		     uint32_t from)
{
	struct script *s = t->script;

	if (s->n_steps == s->room_steps) {
		s->room_steps = s->room_steps * 2 + 256;
		s->steps = realloc(s->steps, s->room_steps * sizeof(*s->steps));
		if (!s->steps)
			abort();
	}
	s->steps[s->n_steps++] = (struct script_step){
		call, at_ns, from, s->n_frames - from,
	};
}

static struct tto_frame copy_of(const struct tto_frame *frame)
{
	struct tto_frame copy = *frame;
	void *data = malloc(frame->len + 1);

	if (!data)
		abort();
	memcpy(data, frame->data, frame->len);
	copy.data = data;
	return copy;
}

/* ---- Sending -------------------------------------------------------------- */

/* What the network does to a frame that was sent. */
static void network(struct traffic *t, const struct tto_frame *frame)
{
	uint32_t dice = below(t, 1000);
	uint32_t rate = t->trouble / 8 + 1;

	if (dice < rate)	/* lost */
		return;
	if (dice < 2 * rate && !t->delayed.data) {
		t->delayed = copy_of(frame);
		return;
	}
	add_frame(t, copy_of(frame));
	if (dice >= 1000 - rate)	/* duplicated */
		add_frame(t, copy_of(frame));
	if (t->delayed.data && below(t, 4) == 0) {
		add_frame(t, t->delayed);
		t->delayed.data = NULL;
	}
}

static void damage(struct traffic *t, struct tto_frame *frame)
{
	uint32_t n = 1 + below(t, 3);

	frame->csum = TTO_CSUM_UNKNOWN;
	while (n-- && frame->len)
		t->bytes[below(t, below(t, 2) ? frame->len
			       : frame->len < 70 ? frame->len : 70)] ^=
			(uint8_t)(1u << below(t, 8));
}

static void send(struct traffic *t, const struct frame_spec *spec)
{
	struct tto_frame frame = { .data = t->bytes };

	frame.len = frame_build(spec, t->bytes);
	frame.csum = spec->csum;
	frame.gso_size = spec->gso_size;
	if (below(t, 8000) < t->trouble)
		damage(t, &frame);
	if (below(t, 16000) < t->trouble) {
		frame.len = below(t, frame.len + 1);
		frame.truncated = (uint8_t)below(t, 2);
		frame.csum = TTO_CSUM_UNKNOWN;
	}
	network(t, &frame);
}

/* ---- Trouble -------------------------------------------------------------- */

/* A change of the flow from here on. */
static void turn(struct traffic *t, struct stream *s)
{
	struct frame_spec *spec = &s->spec;

	switch (below(t, 14)) {
	case 0: spec->ttl = (uint8_t)(60 + below(t, 5)); break;
	case 1: spec->tos = (uint8_t)PICK(t, 0, 2, 3, 0x28); break;
	case 2: spec->id += (uint16_t)below(t, 1000); break;
	case 3: s->id_step = PICK(t, 0, 1, 7); break;
	case 4: spec->fragment ^= F_DF; break;
	case 5: spec->mac ^= 1; break;
	case 6: spec->tci[0] ^= 0x4000; break;
	case 7: spec->flow_label = spec->v6 ? below(t, 3) : 0; break;
	case 8: spec->window = (uint16_t)below(t, 3); break;
	case 9: spec->csum = (uint8_t)below(t, 3); break;
	case 10: s->mss = PICK(t, 1, 2, 99, 100, 536, 1448, 1460); break;
	case 11: s->tsval -= below(t, 3); break;
	case 12: spec->ack -= below(t, 2000); break;
	default: spec->seq += PICK(t, 1, 1000, 100000, 0x40000000); break;
	}
}

/* A change of this frame alone. */
static void twist(struct traffic *t, struct frame_spec *s)
{
	switch (below(t, 24)) {
	case 0: s->flags |= F_SYN; break;
	case 1: s->flags |= F_RST; break;
	case 2: s->flags |= F_FIN; break;
	case 3: s->flags |= F_URG; break;
	case 4: s->flags |= F_ECE; break;
	case 5: s->flags |= F_CWR; break;
	case 6: s->flags |= F_AE; break;
	case 7: s->flags &= (uint16_t)~F_ACK; break;
	case 8: s->payload_len = 0; break;
	case 9: s->payload_len = below(t, s->payload_len + 2); break;
	case 10: s->payload_len += below(t, 9); break;
	case 11: s->seq -= below(t, 2000); break;
	case 12: s->seq -= 1; s->payload_len = below(t, 2); break;
	case 13: s->csum = TTO_CSUM_UNKNOWN; s->tcp_sum = SUM_WRONG; break;
	case 14: s->ip_sum = s->v6 ? SUM_RIGHT : SUM_WRONG; break;
	case 15: s->tcp_sum = SUM_ALL_ONES; break;
	case 16: s->ip_sum = s->v6 ? SUM_RIGHT : SUM_ALL_ONES; break;
	case 17: s->trailer = (uint16_t)(1 + below(t, 8)); break;
	case 18: s->fragment |= F_MF; break;
	case 19: s->protocol = (uint8_t)PICK(t, 17, 1, 47, 50, 132); break;
	case 20: s->gso_size = 500; break;
	case 21:
		if (s->options_len <= 28)
			frame_sack(s, s->ack + 1000, s->ack + 2000);
		break;
	case 22:
		frame_options(s, below(t, 2) ? "\x13\x12" "0123456789abcdef"
					     : "\xfd\x00" "0123456789abcdef", 18);
		break;
	default:
		memcpy(s->ip_extra, s->v6 ? "\x06\0\x01\x04\0\0\0\0"
					  : "\x94\x04\0\0\x01\x01\x01\0", 8);
		s->next_header = 60;
		s->ip_extra_len = s->v6 ? 8 : 4;
		break;
	}
}

/* Bytes that were sent before, in other pieces. */
static void retransmit(struct traffic *t, const struct stream *s)
{
	struct frame_spec again = s->spec;
	uint32_t back = below(t, 5000), n = 1 + below(t, 4);

	again.seq -= back;
	while (n--) {
		again.payload_len = 1 + below(t, 1460);
		send(t, &again);
		again.seq += again.payload_len;
		again.id++;
	}
}

/* ---- A stream ------------------------------------------------------------- */

static void next_frame(struct traffic *t, struct stream *s)
{
	struct frame_spec spec;
	bool no_data = below(t, 10) < s->acks_in_ten;

	if (below(t, 1000) < t->trouble)
		turn(t, s);
	s->spec.payload_len = no_data ? 0 : s->mss;
	if (no_data && below(t, 4))
		s->spec.ack += below(t, 3000);
	if (below(t, 64) == 0)
		s->tsval++;
	if (below(t, 64) == 0)
		s->tsecr++;
	if (s->timestamps == 1)
		frame_timestamp(&s->spec, s->tsval, s->tsecr);
	spec = s->spec;
	if (below(t, 30) == 0)
		spec.flags |= F_PSH;
	if (below(t, 1000) < t->trouble)
		twist(t, &spec);
	send(t, &spec);
	if (spec.seq == s->spec.seq)	/* a gap of ours is not a loss */
		s->spec.seq += spec.payload_len;
	s->spec.id += (uint16_t)s->id_step;
	if (below(t, 4000) < t->trouble)
		retransmit(t, s);
	if (spec.flags & F_SYN && below(t, 2)) {	/* begins anew */
		s->spec.seq = (uint32_t)random_next(&t->random);
		s->spec.ack = (uint32_t)random_next(&t->random);
	}
}

static void open_stream(struct traffic *t, struct stream *s, uint8_t link)
{
	struct frame_spec *spec = &s->spec;

	memset(s, 0, sizeof(*s));
	*spec = frame_defaults();
	spec->link = link;
	spec->v6 = below(t, 3) == 0;
	spec->source = (uint16_t)below(t, 3);
	spec->source_port = (uint16_t)(t->n_opened += below(t, 20) ? 1 : 0);
	if (below(t, 3) == 0)
		frame_reverse(spec);
	spec->seq = (uint32_t)random_next(&t->random);
	if (below(t, 3) == 0)
		spec->seq = 0u - below(t, 20000);
	spec->ack = (uint32_t)random_next(&t->random);
	spec->id = (uint16_t)below(t, 65536);
	spec->stream = below(t, 100);
	spec->csum = (uint8_t)PICK(t, 0, 0, 0, TTO_CSUM_VERIFIED,
				   TTO_CSUM_PARTIAL);
	if (link != TTO_LINK_IP && link != TTO_LINK_NULL && below(t, 3) == 0) {
		frame_tag(spec, 0x8100, (uint16_t)(1 + below(t, 3)));
		if (below(t, 3) == 0)
			frame_tag(spec, 0x8100, (uint16_t)(1 + below(t, 3)));
		if (below(t, 30) == 0)
			frame_tag(spec, 0x8100, 1);
	}
	s->mss = PICK(t, 1, 7, 100, 536, 999, 1000, 1448, 1460, 1461);
	s->id_step = PICK(t, 0, 1, 1, 1, 5);
	if (below(t, 3) == 0)
		spec->fragment = 0;
	s->timestamps = (uint8_t)PICK(t, 0, 0, 1, 1, 1, 2);
	if (s->timestamps == 2)
		frame_options(spec, below(t, 2)
			      ? "\x08\x0a\0\0\x13\x88\0\0\x17\x70" : "\xfd\x04"
			      "\x12\x34\x01\x01\x01\x01\x01\x01", 10);
	s->tsval = (uint32_t)random_next(&t->random);
	s->acks_in_ten = (uint8_t)PICK(t, 0, 0, 0, 2, 10);
}

/* ---- The whole ------------------------------------------------------------ */

static void random_options(struct traffic *t, struct tto_coalescer_options *o)
{
	o->size = sizeof(*o);
	o->policy = (uint8_t)below(t, 2);
	o->output = (uint8_t)below(t, 2);
	o->link = (uint8_t)(below(t, 10) < 7 ? 0 : below(t, TTO_N_LINKS));
	o->partial_csum = below(t, 4) == 0;
	o->flows = PICK(t, 0, 0, 64, 64, 1, 2, 3, 8, 16);
	o->ral = PICK(t, 0, 0, 0, 576, 1000, 3000, 9000, 524288);
	o->segments = PICK(t, 0, 0, 0, 1, 2, 8, 50);
	o->buffers = PICK(t, 1, 2, 8, 64);
	if (o->ral != 524288 && below(t, 3) == 0)
		o->buffers = 0;
	o->receive_acked_bytes_aggregation = PICK(t, 0, 0, 1, 1000, 20000);
	o->timeout_aggregation_ns = PICK(t, 0, 1, 1000, 50000, 1000000);
	o->timeout_ack_aggregation_ns = PICK(t, 0, 1, 1000, 30000, 1000000);
	o->terminate_no_activity_time_ns = PICK(t, 0, 0, 10000, 1000000);
	o->timeout_keepalive_ns = PICK(t, 0, 1000, 1000000);
	o->replace_idle_time_ns = PICK(t, 0, 1, 1000, 1000000);
	for (size_t i = 0; i < sizeof(o->seed); i++)
		o->seed[i] = (uint8_t)below(t, 256);
}

/* Frames of our side: the streams, the other way round. */
static void send_out(struct traffic *t, uint64_t now_ns)
{
	const struct stream *s = &t->streams[below(t, t->n_streams)];
	struct frame_spec out = s->spec;
	uint32_t from = t->script->n_frames;
	struct tto_frame frame = { .data = t->bytes };

	frame_reverse(&out);
	out.seq = s->spec.ack - below(t, 3);
	out.ack = s->spec.seq;
	out.payload_len = PICK(t, 0, 0, 1, 1000);
	frame.len = frame_build(&out, t->bytes);
	add_frame(t, copy_of(&frame));
	add_step(t, SCRIPT_SENT, now_ns, from);
}

static void burst(struct traffic *t, uint64_t now_ns)
{
	uint32_t n = PICK(t, 1, 1, 2, 5, 16, 33, 64, 100);
	uint32_t train = PICK(t, 1, 1, 4, 20);
	uint32_t from = t->script->n_frames, which = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (i % train == 0)
			which = below(t, t->n_streams);
		next_frame(t, &t->streams[which]);
		if (below(t, 20000) < t->trouble)
			open_stream(t, &t->streams[which],
				    t->script->options.link);
	}
	add_step(t, SCRIPT_PUSH, now_ns, from);
}

void script_make(struct script *script, uint64_t seed)
{
	struct traffic *t = calloc(1, sizeof(*t));
	uint64_t now_ns;
	uint32_t n;

	if (!t)
		abort();
	memset(script, 0, sizeof(*script));
	t->script = script;
	t->random = seed * 0x2545f4914f6cdd1d + 99;
	random_options(t, &script->options);
	script->diligent = below(t, 10) < 7;
	t->trouble = PICK(t, 0, 2, 10, 50, 300);
	t->n_streams = PICK(t, 1, 2, 5, 12, MAX_FLOWS);
	for (uint32_t i = 0; i < t->n_streams; i++)
		open_stream(t, &t->streams[i], script->options.link);
	now_ns = PICK(t, 0, 1, 1000000, 0xfffffff0);
	for (n = PICK(t, 5, 20, 40, 80); n; n--) {
		burst(t, now_ns);
		if (below(t, 10) == 0)
			send_out(t, now_ns);
		if (below(t, 5) == 0)
			add_step(t, SCRIPT_POLL, now_ns, script->n_frames);
		if (below(t, 30) == 0)
			add_step(t, SCRIPT_FLUSH, now_ns, script->n_frames);
		now_ns += PICK(t, 0, 0, 1, 100, 2000, 2000, 40000, 300000,
			       2000000);
		if (below(t, 60) == 0)
			now_ns += 2000000000;
		if (below(t, 40) == 0)
			now_ns -= now_ns > 5000 ? 5000 : now_ns;
	}
	if (t->delayed.data)
		add_frame(t, t->delayed);
	add_step(t, SCRIPT_FLUSH, now_ns, script->n_frames);
	free(t);
}

void script_free(struct script *script)
{
	for (uint32_t i = 0; i < script->n_frames; i++)
		free((void *)(uintptr_t)script->frames[i].data);
	free(script->frames);
	free(script->steps);
	memset(script, 0, sizeof(*script));
}
