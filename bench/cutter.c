// SPDX-License-Identifier: BSD-2-Clause
/* cutter.c - The units through our engine */
#include "cutter.h"

#include <stdlib.h>
#include <tto/engine.h>

#include "packet/checksum.h"

#define SLOT_ELEMENTS 2

struct cutter {
	const struct source *source;
	struct cutter_work work;
	uint32_t unit;
	uint32_t first_slot;
	struct tto_slot slot[SOURCE_SLOTS];
	struct iovec element[SOURCE_SLOTS][SLOT_ELEMENTS];
};

static struct tto_unit describe(const struct cutter *c,
				const struct iovec *payload)
{
	const struct source *s = c->source;

	return (struct tto_unit){
		.header = (uint8_t *)payload->iov_base - s->header_len,
		.header_len = s->header_len,
		.mss = (uint16_t)s->mss,
		.link = TTO_LINK_ETHERNET,
		.cut = s->udp ? TTO_CUT_UDP : TTO_CUT_TCP,
		.flags = c->work.checksum ? 0 : TTO_UNIT_PARTIAL_CSUM,
		.n_payload = 1,
		.payload = payload,
		.cpu = c->work.cpu,
	};
}

/* Return: frames made of the next unit. */
static uint32_t cut_unit(struct cutter *c)
{
	const struct source *s = c->source;
	struct iovec payload = { source_payload(s, c->unit), s->payload_len };
	struct tto_unit unit = describe(c, &payload);
	struct tto_slot *slot = c->slot + c->first_slot;
	struct tto_segmenter segmenter;
	int n;

	c->first_slot = SOURCE_SEGMENTS - c->first_slot;
	c->unit = c->unit + 1 < s->n_units ? c->unit + 1 : 0;
	if (tto_segmenter_begin(&segmenter, &unit) < 0)
		return 0;
	for (uint32_t i = 0; i < SOURCE_SEGMENTS; i++)
		slot[i].n_iov = SLOT_ELEMENTS;
	n = tto_segmenter_next(&segmenter, slot, SOURCE_SEGMENTS);
	return n > 0 ? (uint32_t)n : 0;
}

/* The frames of the first unit: payload as it was, lengths, checksums. */
static bool is_right(struct cutter *c)
{
	const uint8_t *payload = source_payload(c->source, c->unit);
	const struct tto_slot *slot = c->slot + c->first_slot;
	uint32_t mss = c->source->mss, header_len = c->source->header_len;
	uint32_t frames = cut_unit(c);
	bool right = true;

	for (uint32_t i = 0; i < frames; i++, slot++, payload += mss) {
		const uint8_t *header = slot->data;
		const void *cut = c->work.contiguous ? header + header_len :
						       slot->iov->iov_base;

		right &= memcmp(cut, payload, mss) == 0;
		if (c->work.checksum)
			right &= frame_is_right(header, header_len, mss,
						checksum_header(payload, mss));
	}
	return right;
}

static void run(void *state, struct bench_run *run)
{
	struct cutter *c = state;

	if (!is_right(c))
		return;
	do {
		uint64_t frames = 0;

		bench_start(run);
		for (uint32_t i = 0; i < SOURCE_BATCH; i++)
			frames += cut_unit(c);
		bench_stop(run);
		run->items += frames;
		run->contained += frames;
		run->outputs += SOURCE_BATCH;
	} while (run->busy_ns < run->least_ns && run->items);
}

bool cutter_has_cpu(const char *cpu)
{
	struct tto_segmenter segmenter;
	struct iovec payload = { (char[]){ "x" }, 1 };
	uint8_t header[FRAME_HEADER_MAX];
	struct tto_unit unit = {
		.header = header,
		.header_len = frame_header(header, false, false, false, 1),
		.mss = 1,
		.n_payload = 1,
		.payload = &payload,
		.cpu = cpu,
	};

	return tto_segmenter_begin(&segmenter, &unit) == 1;
}

void cutter_case(struct bench_case *bc, const struct source *source,
		 const struct cutter_work *work)
{
	struct cutter *c = calloc(1, sizeof(*c));

	if (!c)
		exit(1);
	c->source = source;
	c->work = *work;
	for (uint32_t i = 0; i < SOURCE_SLOTS; i++) {
		c->slot[i].data = source_slot(source, i);
		c->slot[i].size = SOURCE_SLOT_BYTES - SOURCE_HEADER_ROOM +
				  source->header_len;
		c->slot[i].iov = work->contiguous ? NULL : c->element[i];
	}
	bc->state = c;
	bc->close = free;
	bc->run = run;
}
