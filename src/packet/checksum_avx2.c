/* SPDX-License-Identifier: BSD-2-Clause */
/* checksum_avx2.c - The checksum kernel with 32-byte vectors, for x86-64 */
#define LANE_BYTES 32
#define KEEP(v) __asm__("" : "+x"(v))
#include "packet/checksum_lanes.h"

static uint32_t sum(const void *p, size_t len)
{
	if (len < LANE_BYTES)
		return checksum_portable.sum(p, len);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_avx2, NULL, p, len);
	return lanes_pass(NULL, p, len, false);
}

static uint32_t copy(void *dst, const void *src, size_t len)
{
	if (len < LANE_BYTES)
		return checksum_portable.copy(dst, src, len);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_avx2, dst, src, len);
	return lanes_pass(dst, src, len, true);
}

const struct checksum_ops checksum_avx2 = { "avx2", sum, copy };
