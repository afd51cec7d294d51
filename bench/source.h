/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h - The 64 KB units that every contender cuts into frames
 *
 * A unit is a header and 44 full payloads right behind it, the payload at a
 * cache line. Contenders that write whole frames write them to a ring of
 * SOURCE_SLOTS slots, so that their payload begins at a cache line too.
 */
#ifndef BENCH_SOURCE_H
#define BENCH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"

#define SOURCE_SEGMENTS 44	/* 64 240 bytes of TCP payload over IPv4        */
#define SOURCE_HEADER_ROOM 128
#define SOURCE_SLOTS (2 * SOURCE_SEGMENTS)
#define SOURCE_SLOT_BYTES 2048
#define SOURCE_BATCH 8		/* units between two looks at the clock         */

struct source {
	uint32_t n_units;
	bool v6, udp;
	uint32_t header_len, mss, payload_len;
	size_t stride;
	uint8_t *memory;
	uint8_t *slots;
};

void source_open(struct source *s, uint32_t n_units, bool v6, bool udp);
void source_close(struct source *s);

static inline uint8_t *source_payload(const struct source *s, uint32_t unit)
{
	return s->memory + unit * s->stride + SOURCE_HEADER_ROOM;
}

static inline uint8_t *source_header(const struct source *s, uint32_t unit)
{
	return source_payload(s, unit) - s->header_len;
}

/* Where the frame of a slot begins. */
static inline uint8_t *source_slot(const struct source *s, uint32_t slot)
{
	return s->slots + (size_t)slot * SOURCE_SLOT_BYTES +
	       SOURCE_HEADER_ROOM - s->header_len;
}

#endif
