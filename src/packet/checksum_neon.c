/* SPDX-License-Identifier: BSD-2-Clause */
/* checksum_neon.c - The checksum kernel for aarch64: adds both halves at once */
#include <arm_neon.h>

#define LANE_BYTES 16
#define LANES_TAKE
#define ALIGN_ABOVE SIZE_MAX
#include "packet/checksum_lanes.h"

static ALWAYS_INLINE void take(struct run *r, unsigned n, lanes v)
{
	r->all[n] = (lanes)vpadalq_u32((uint64x2_t)r->all[n], (uint32x4_t)v);
}

static uint32_t sum(const void *p, size_t len)
{
	if (len < LANE_BYTES)
		return checksum_portable.sum(p, len);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_neon, NULL, p, len);
	return lanes_pass(NULL, p, len, false);
}

static uint32_t copy(void *dst, const void *src, size_t len)
{
	if (len < LANE_BYTES)
		return checksum_portable.copy(dst, src, len);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_neon, dst, src, len);
	return lanes_pass(dst, src, len, true);
}

const struct checksum_ops checksum_neon = { "neon", sum, copy };
