// SPDX-License-Identifier: BSD-2-Clause
/* stream.c - Bytes that tell where they belong */
#include "sim/stream.h"

#include "endpoint/chance.h"

static uint8_t bytes[STREAM_PERIOD + STREAM_PIECE_MAX];

void stream_init(void)
{
	struct chance c = chance_of(1, 1);

	for (uint32_t n = 0; n < STREAM_PERIOD; n++)
		bytes[n] = (uint8_t)chance_u64(&c);
	for (uint32_t n = STREAM_PERIOD; n < sizeof(bytes); n++)
		bytes[n] = bytes[n - STREAM_PERIOD];
}

uint32_t stream_name(uint32_t iss, uint16_t from, uint16_t to)
{
	return (uint32_t)chance_mix((uint64_t)iss << 32 | (uint32_t)from << 16 |
				    to);
}

const uint8_t *stream_bytes(uint32_t name, uint64_t at)
{
	return bytes + (name + at) % STREAM_PERIOD;
}
