// SPDX-License-Identifier: BSD-2-Clause
/* source.c - The 64 KB units that every contender cuts into frames */
#include "source.h"

#include <string.h>

#include "bench.h"

#define MTU 1500

void source_open(struct source *s, uint32_t n_units, bool v6, bool udp)
{
	uint8_t header[FRAME_HEADER_MAX];

	*s = (struct source){ .n_units = n_units, .v6 = v6, .udp = udp };
	s->mss = MTU - (v6 ? 40 : 20) - (udp ? 8 : 20);
	s->payload_len = SOURCE_SEGMENTS * s->mss;
	s->header_len = frame_header(header, v6, udp, false, s->payload_len);
	s->stride = SOURCE_HEADER_ROOM + (s->payload_len + 63) / 64 * 64;
	s->memory = bench_memory(n_units * s->stride);
	s->slots = bench_memory(SOURCE_SLOTS * SOURCE_SLOT_BYTES);
	frame_fill(s->memory, n_units * s->stride);
	for (uint32_t unit = 0; unit < n_units; unit++)
		memcpy(source_header(s, unit), header, s->header_len);
}

void source_close(struct source *s)
{
	bench_release(s->memory, s->n_units * s->stride);
	bench_release(s->slots, SOURCE_SLOTS * SOURCE_SLOT_BYTES);
	s->memory = NULL;
	s->slots = NULL;
}
