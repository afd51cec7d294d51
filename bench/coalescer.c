// SPDX-License-Identifier: BSD-2-Clause
/* coalescer.c - The frames through our engine */
#include "coalescer.h"

#include <stdio.h>
#include <stdlib.h>

#include "packet/checksum.h"

#define CHECKED_PACKETS 64	/* in the first turn, which does not count      */

struct coalescer_state {
	struct frame_stream stream;
	struct tto_coalescer *engine;
	struct tto_frame *frame;	/* descriptors of the batch             */
	uint8_t csum;
	ns_t now;
	uint64_t packets, joined;
	uint32_t to_check;	/* packets that are still to be looked at       */
	uint32_t wrong;
};

/* Places in the flow table: as a user would choose, with a quarter to spare. */
static uint32_t table_places(uint32_t flows)
{
	uint32_t places = 16384;

	while (places * 4 / 5 < flows)
		places *= 2;
	return places;
}

struct tto_coalescer *coalescer_open(const struct frame_set *frames,
				     const char *cpu, enum tto_output output,
				     tto_deliver_fn *deliver, void *ctx)
{
	uint32_t flows = frames->shape.flows;
	struct tto_coalescer_options options = {
		.size = sizeof(options),
		.output = (uint8_t)output,
		.flows = table_places(flows),
		.ral = frames->header_len - 14 +
		       FRAMES_PER_AGGREGATE * frames->payload_len,
		.segments = flows * FRAMES_PER_AGGREGATE + 4096,
		.timeout_aggregation_ns = (ns_t)10 * 1000 * 1000 * 1000,
		.seed = { 1, 2, 3, 4, 5, 6, 7, 8 },
		.cpu = cpu,
	};
	struct tto_coalescer *engine;
	int error = tto_coalescer_open(&engine, &options, deliver, ctx);

	if (error) {
		fprintf(stderr, "bench: tto_coalescer_open: %s\n",
			strerror(-error));
		exit(1);
	}
	return engine;
}

/* All segments have an even length: their sums just add up. */
static bool is_right(const struct tto_packet *packet)
{
	const struct tto_segment *segment = packet->segments;
	uint32_t sum = 0;

	for (; segment; segment = segment->next)
		sum = checksum_add(sum, checksum_header(segment->payload,
							segment->len));
	return frame_is_right(packet->header, packet->header_len,
			      packet->payload_len, sum);
}

static void deliver(void *ctx, const struct tto_packet *packet)
{
	struct coalescer_state *s = ctx;

	if (unlikely(s->to_check)) {
		s->to_check--;
		s->wrong += !is_right(packet);
	}

	s->packets++;
	s->joined += packet->n_frames;
}

static void receive(struct coalescer_state *s)
{
	const struct frame_set *set = s->stream.set;

	frame_stream_next(&s->stream);
	for (uint32_t i = 0; i < s->stream.n; i++)
		s->frame[i] = (struct tto_frame){
			.data = frame_at(set, s->stream.slot[i]),
			.len = frame_len(set),
			.csum = s->csum,
		};
}

static void push(struct coalescer_state *s)
{
	uint32_t n = s->stream.n, burst = COALESCER_BURST;

	for (uint32_t at = 0; at < n; at += burst) {
		if (burst > n - at)
			burst = n - at;
		s->now += burst * COALESCER_FRAME_NS;
		tto_coalescer_push(s->engine, s->frame + at, burst, s->now);
	}
}

static void run(void *state, struct bench_run *run)
{
	struct coalescer_state *s = state;

	while (frame_stream_is_starting(&s->stream)) {
		receive(s);
		push(s);
	}
	s->packets = s->joined = 0;
	do {
		receive(s);
		bench_start(run);
		push(s);
		bench_stop(run);
		run->items += s->stream.n;
	} while (run->busy_ns < run->least_ns);
	run->outputs = s->packets;
	run->contained = s->wrong ? 0 : s->joined;
}

static void close_case(void *state)
{
	struct coalescer_state *s = state;

	tto_coalescer_close(s->engine);
	bench_release(s->frame,
		      s->stream.set->batch_max * sizeof(*s->frame));
	frame_stream_close(&s->stream);
	free(s);
}

bool coalescer_has_cpu(const char *cpu)
{
	struct tto_coalescer_options options = { .size = sizeof(options),
						 .cpu = cpu };
	struct coalescer_state unused;
	struct tto_coalescer *engine;

	if (tto_coalescer_open(&engine, &options, deliver, &unused))
		return false;
	tto_coalescer_close(engine);
	return true;
}

void coalescer_case(struct bench_case *c, const struct frame_set *frames,
		    const struct coalescer_work *work)
{
	struct coalescer_state *s = calloc(1, sizeof(*s));

	if (!s)
		exit(1);
	s->to_check = CHECKED_PACKETS;
	frame_stream_open(&s->stream, frames);
	s->csum = work->verify ? TTO_CSUM_UNKNOWN : TTO_CSUM_VERIFIED;
	s->frame = bench_memory(frames->batch_max * sizeof(*s->frame));
	s->engine = coalescer_open(frames, work->cpu,
				   work->contiguous ? TTO_OUTPUT_CONTIGUOUS :
						      TTO_OUTPUT_GATHER,
				   deliver, s);
	c->state = s;
	c->close = close_case;
	c->run = run;
}
