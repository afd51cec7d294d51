/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.h - Fixed-width integers with an order, and unaligned access
 *
 * be16_t and be32_t are structs so that a forgotten swap does not compile;
 * at -O1 and above they cost nothing. They have alignment 1.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdint.h>
#include <string.h>

typedef uint64_t ns_t;		/* time or duration in nanoseconds */
#define NS_NEVER UINT64_MAX

typedef struct {
	uint8_t b[2];
} be16_t;

typedef struct {
	uint8_t b[4];
} be32_t;

static inline uint16_t load16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void store32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIG16(v) __builtin_bswap16(v)
#define BIG32(v) __builtin_bswap32(v)
#define LITTLE64(v) (v)
#else
#define BIG16(v) (v)
#define BIG32(v) (v)
#define LITTLE64(v) __builtin_bswap64(v)
#endif

static inline uint16_t load_be16(const void *p)
{
	return BIG16(load16(p));
}

static inline uint32_t load_be32(const void *p)
{
	return BIG32(load32(p));
}

static inline uint64_t load_le64(const void *p)
{
	return LITTLE64(load64(p));
}

static inline void store_be16(void *p, uint16_t v)
{
	store16(p, BIG16(v));
}

static inline void store_be32(void *p, uint32_t v)
{
	store32(p, BIG32(v));
}

static inline uint16_t from_be16(be16_t v)
{
	return load_be16(v.b);
}

static inline uint32_t from_be32(be32_t v)
{
	return load_be32(v.b);
}

static inline be16_t to_be16(uint16_t v)
{
	be16_t r;

	store_be16(r.b, v);
	return r;
}

static inline be32_t to_be32(uint32_t v)
{
	be32_t r;

	store_be32(r.b, v);
	return r;
}

#endif
