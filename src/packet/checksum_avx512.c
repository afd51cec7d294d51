/* SPDX-License-Identifier: BSD-2-Clause */
/* checksum_avx512.c - The checksum kernel with 64-byte vectors, for x86-64 */
#include <immintrin.h>

#define LANE_BYTES 64
#define LANES_MASKED
#define KEEP(v) __asm__("" : "+v"(v))
#include "packet/checksum_lanes.h"

static ALWAYS_INLINE lanes first_bytes(const uint8_t *p, size_t n)
{
	return (lanes)_mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, n), p);
}

static ALWAYS_INLINE lanes last_bytes(const uint8_t *end, size_t n)
{
	__mmask64 mask = ~_bzhi_u64(~0ULL, LANE_BYTES - n);

	return (lanes)_mm512_maskz_loadu_epi8(mask, end - LANE_BYTES);
}

/* A single vector, or less. */
static ALWAYS_INLINE uint32_t short_pass(uint8_t *dst, const uint8_t *src,
					 size_t len, bool copying)
{
	__mmask64 mask = _bzhi_u64(~0ULL, len);
	__m512i v = _mm512_maskz_loadu_epi8(mask, src);
	struct run r = { .left = 0 };

	if (copying)
		_mm512_mask_storeu_epi8(dst, mask, v);
	take(&r, 0, (lanes)v);
	return run_sum(&r);
}

static uint32_t sum(const void *p, size_t len)
{
	if (len <= LANE_BYTES)
		return short_pass(NULL, p, len, false);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_avx512, NULL, p, len);
	return lanes_pass(NULL, p, len, false);
}

static uint32_t copy(void *dst, const void *src, size_t len)
{
	if (len <= LANE_BYTES)
		return short_pass(dst, src, len, true);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_avx512, dst, src, len);
	return lanes_pass(dst, src, len, true);
}

const struct checksum_ops checksum_avx512 = { "avx512", sum, copy };
