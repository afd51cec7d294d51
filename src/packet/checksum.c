/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum.c - The portable checksum kernel, and the choice among kernels
 *
 * Source: RFC 1071. How the kernels work: checksum_kernels.h.
 */
#define LANE_BYTES 16
#define ALIGN_ABOVE SIZE_MAX
#include "packet/checksum_lanes.h"

/* Fewer bytes than a vector: two accesses of half the size, overlapping. */
static void copy_short(uint8_t *dst, const uint8_t *src, size_t len)
{
	if (len >= 8) {
		memcpy(dst, src, 8);
		memcpy(dst + len - 8, src + len - 8, 8);
	} else if (len >= 4) {
		memcpy(dst, src, 4);
		memcpy(dst + len - 4, src + len - 4, 4);
	} else if (len) {
		dst[0] = src[0];
		dst[len / 2] = src[len / 2];
		dst[len - 1] = src[len - 1];
	}
}

static uint32_t sum(const void *p, size_t len)
{
	if (len < LANE_BYTES)
		return checksum_header(p, len);
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_portable, NULL, p, len);
	return lanes_pass(NULL, p, len, false);
}

static uint32_t copy(void *dst, const void *src, size_t len)
{
	if (len < LANE_BYTES) {
		copy_short(dst, src, len);
		return checksum_header(src, len);
	}
	if (unlikely(len > CHECKSUM_PART_BYTES))
		return checksum_parts(&checksum_portable, dst, src, len);
	return lanes_pass(dst, src, len, true);
}

const struct checksum_ops checksum_portable = { "portable", sum, copy };

uint32_t checksum_parts(const struct checksum_ops *k, void *dst,
			const void *src, size_t len)
{
	const uint8_t *from = src;
	uint8_t *to = dst;
	uint32_t s = 0;
	size_t n;

	for (; len; len -= n, from += n) {
		n = len < CHECKSUM_PART_BYTES ? len : CHECKSUM_PART_BYTES;
		if (to) {
			s = checksum_add(s, k->copy(to, from, n));
			to += n;
		} else {
			s = checksum_add(s, k->sum(from, n));
		}
	}
	return s;
}

#ifdef __x86_64__
static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("bmi2");
}
#endif

static bool always(void)
{
	return true;
}

/* Best first. */
static const struct {
	const struct checksum_ops *ops;
	bool (*usable)(void);
} kernels[] = {
#ifdef __x86_64__
	{ &checksum_avx512, has_avx512 },
	{ &checksum_avx2, has_avx2 },
#endif
#ifdef __aarch64__
	{ &checksum_neon, always },
#endif
	{ &checksum_portable, always },
};

const struct checksum_ops *checksum_select(const char *name)
{
	size_t n;

#ifdef __x86_64__
	__builtin_cpu_init();
#endif
	for (n = 0; n < ARRAY_SIZE(kernels); n++) {
		const struct checksum_ops *ops = kernels[n].ops;

		if ((!name || !strcmp(name, ops->name)) && kernels[n].usable())
			return ops;
	}
	return NULL;
}
