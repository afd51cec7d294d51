// SPDX-License-Identifier: BSD-2-Clause
/* burst_avx2.c - The burst loop for CPUs with AVX2 */
#include <immintrin.h>

#include "nic/aggregate.h"
#include "nic/flow_hash.h"

static ALWAYS_INLINE __m256i masked(const uint8_t *header,
				    const uint8_t *expect, const uint8_t *mask)
{
	__m256i h = _mm256_loadu_si256((const __m256i *)(const void *)header);
	__m256i e = _mm256_loadu_si256((const __m256i *)(const void *)expect);
	__m256i m = _mm256_loadu_si256((const __m256i *)(const void *)mask);

	return _mm256_and_si256(_mm256_xor_si256(h, e), m);
}

/* @bytes is 40, 44, 60 or 64: two halves that overlap, but for 64. */
static ALWAYS_INLINE bool expected(const uint8_t *header, const uint8_t *expect,
				   const uint8_t *mask, uint32_t bytes)
{
	uint32_t at = bytes - 32;
	__m256i differ = _mm256_or_si256(masked(header, expect, mask),
					 masked(header + at, expect + at,
						mask + at));

	return _mm256_testz_si256(differ, differ);
}

/* First place of @tag, or FLOW_BUCKET_PLACES. */
static ALWAYS_INLINE unsigned find_tag(const uint16_t tags[FLOW_BUCKET_PLACES],
				       uint16_t tag)
{
	__m128i all = _mm_load_si128((const __m128i *)(const void *)tags);
	__m128i same = _mm_cmpeq_epi16(all, _mm_set1_epi16((short)tag));
	unsigned bits = (unsigned)_mm_movemask_epi8(same);

	return (unsigned)__builtin_ctz(bits | 1u << 16) / 2;
}

#include "nic/burst_loop.h"

void burst_avx2(struct coalescer *c, const struct tto_frame *frames, size_t n)
{
	burst(c, frames, n);
}
