/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum.h - The Internet checksum, as sums that can be combined
 *
 * A *sum* is a uint32_t: the 16-bit words of a range, as they lie in memory
 * (native order), added with end-around carry and folded no further than to
 * fit; 0 is the empty sum. Sums of adjacent ranges add with checksum_add(); a
 * range that begins at an odd offset of the whole enters byte-swapped
 * (checksum_shift()). Because RFC 1071's sum does not depend on byte order, no
 * swap is needed anywhere else: store the folded value as it is (store16).
 *
 * Source: RFC 1071 §1, §2; RFC 1624 for updates.
 */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What differs between CPUs; chosen once, at start, by checksum_select(). */
struct checksum_ops {
	const char *name;	/* "portable", "avx2", "avx512", "neon"         */

	/* Sum of @len bytes at @p; any alignment, @len 0..SIZE_MAX/2.          */
	uint32_t (*sum)(const void *p, size_t len);

	/* The same, copying them to @dst (not overlapping) in the same pass.   */
	uint32_t (*copy)(void *dst, const void *src, size_t len);
};

/**
 * checksum_select() - The kernels for this CPU
 * @name:	NULL for the best, or one by name
 *
 * Return: never NULL for NULL; NULL when @name is unknown or not for this CPU.
 */
const struct checksum_ops *checksum_select(const char *name);

/* Sum of a header: short, any length; inline and without dispatch. */
static inline uint32_t checksum_header(const void *p, size_t len);

/* a + b with end-around carry. */
static inline uint32_t checksum_add(uint32_t a, uint32_t b)
{
	uint64_t s = (uint64_t)a + b;

	return (uint32_t)s + (uint32_t)(s >> 32);
}

/* To 16 bits, 0..0xffff; 0 only if all bytes were 0. Not complemented. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* The sum of a range, as it counts when the range begins at an odd offset. */
static inline uint32_t checksum_shift(uint32_t sum, bool odd)
{
	return odd ? __builtin_bswap16(checksum_fold(sum)) : sum;
}

/* The same as -sum: what must be added to take @sum away. */
static inline uint32_t checksum_negate(uint32_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}

static inline uint32_t checksum_header(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t s = 0;
	uint32_t w32;
	uint16_t w16;

	for (; len >= 4; b += 4, len -= 4) {
		__builtin_memcpy(&w32, b, 4);
		s += w32;
	}
	if (len & 2) {
		__builtin_memcpy(&w16, b, 2);
		s += w16;
		b += 2;
	}
	if (len & 1) {
		uint8_t last[2] = { *b, 0 };

		__builtin_memcpy(&w16, last, 2);
		s += w16;
	}
	s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)(s + (s >> 32));
}

#endif
