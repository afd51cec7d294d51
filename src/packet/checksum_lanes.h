/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum_lanes.h - The checksum kernel for vectors of LANE_BYTES bytes
 *
 * How it works: checksum_kernels.h. A file that wants a kernel defines some of
 * these, includes this file once and wraps lanes_pass():
 *
 *	LANE_BYTES	16, 32 or 64
 *	KEEP(v)		holds a vector in its register; else gcc 12 reads each
 *			vector twice and moves the sums about
 *	LANES_TAKE	the file has its own take()
 *	LANES_MASKED	the file has its own first_bytes() and last_bytes()
 *	ALIGN_ABOVE	bytes above which aligning the body pays
 *
 * Source: RFC 1071 §2.
 */
#ifndef PACKET_CHECKSUM_LANES_H
#define PACKET_CHECKSUM_LANES_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "packet/checksum_kernels.h"

#ifndef LANE_BYTES
#define LANE_BYTES 16
#endif
#ifndef KEEP
#define KEEP(v) (void)(v)
#endif
#ifndef ALIGN_ABOVE
#define ALIGN_ABOVE 511
#endif

typedef uint64_t lanes __attribute__((vector_size(LANE_BYTES)));
typedef uint64_t lane_pair __attribute__((vector_size(16)));

/* A range on its way: what is left of it, and the sums of what is not. */
struct run {
	uint8_t *to;
	const uint8_t *from;
	size_t left;
	lanes all[2];		/* two of each: shorter chains of additions */
	lanes high[2];
	uint64_t alone;		/* sum of the bytes added alone */
};

static ALWAYS_INLINE lanes load_lanes(const uint8_t *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static ALWAYS_INLINE void store_lanes(uint8_t *p, lanes v)
{
	memcpy(p, &v, sizeof(v));
}

#ifdef LANES_MASKED
/* The first @n bytes of the vector at @p, then zeros; may read the vector. */
static ALWAYS_INLINE lanes first_bytes(const uint8_t *p, size_t n);
/* Zeros, then the last @n bytes of the vector that ends at @end. */
static ALWAYS_INLINE lanes last_bytes(const uint8_t *end, size_t n);
#else
static const uint8_t window[3 * LANE_BYTES] CACHE_ALIGNED = {
	[LANE_BYTES ... 2 * LANE_BYTES - 1] = 0xff,
};

static ALWAYS_INLINE lanes first_bytes(const uint8_t *p, size_t n)
{
	return load_lanes(p) & load_lanes(window + 2 * LANE_BYTES - n);
}

static ALWAYS_INLINE lanes last_bytes(const uint8_t *end, size_t n)
{
	return load_lanes(end - LANE_BYTES) & load_lanes(window + n);
}
#endif

#ifdef LANES_TAKE
static ALWAYS_INLINE void take(struct run *r, unsigned n, lanes v);
#else
static ALWAYS_INLINE void take(struct run *r, unsigned n, lanes v)
{
	r->all[n] += v;
	r->high[n] += v >> 32;
	KEEP(r->all[n]);
	KEEP(r->high[n]);
}
#endif

static ALWAYS_INLINE lanes fetch(const struct run *r, unsigned n)
{
	lanes v = load_lanes(r->from + n * LANE_BYTES);

	KEEP(v);
	return v;
}

/* After all loads and stores before: gcc 12 mixes them, out of order, slower. */
static ALWAYS_INLINE void put_two(const struct run *r, unsigned n, lanes v,
				  lanes w)
{
	__asm__ volatile("" : : : "memory");
	store_lanes(r->to + n * LANE_BYTES, v);
	store_lanes(r->to + (n + 1) * LANE_BYTES, w);
}

static ALWAYS_INLINE void advance(struct run *r, size_t n, bool copying)
{
	r->from += n;
	if (copying)
		r->to += n;
	r->left -= n;
}

/* A byte as the first or second of a word, in either byte order. */
static ALWAYS_INLINE uint16_t word_of(uint8_t first, uint8_t second)
{
	return load16((const uint8_t[2]){ first, second });
}

/*
 * Up to the boundary that the body is aligned to; at least a vector and a byte
 * are left. Return: whether words are put together the wrong way from here on.
 */
static ALWAYS_INLINE bool run_head(struct run *r, bool copying)
{
	uintptr_t aligned = copying ? (uintptr_t)r->to : (uintptr_t)r->from;
	size_t n = -aligned % LANE_BYTES;
	size_t odd = n & 1;

	if (copying)
		store_lanes(r->to, load_lanes(r->from));
	take(r, 0, first_bytes(r->from + odd, n - odd));
	if (odd)
		r->alone += word_of(0, *r->from);
	advance(r, n, copying);
	return odd;
}

static ALWAYS_INLINE void four(struct run *r, bool copying)
{
	lanes a = fetch(r, 0), b = fetch(r, 1);
	lanes c = fetch(r, 2), d = fetch(r, 3);

	if (copying) {
		put_two(r, 0, a, b);
		put_two(r, 2, c, d);
	}
	take(r, 0, a);
	take(r, 1, b);
	take(r, 0, c);
	take(r, 1, d);
	advance(r, 4 * LANE_BYTES, copying);
}

static ALWAYS_INLINE void two(struct run *r, bool copying)
{
	lanes a = fetch(r, 0), b = fetch(r, 1);

	if (copying)
		put_two(r, 0, a, b);
	take(r, 0, a);
	take(r, 1, b);
	advance(r, 2 * LANE_BYTES, copying);
}

static ALWAYS_INLINE void one(struct run *r, bool copying)
{
	lanes a = fetch(r, 0);

	if (copying)
		store_lanes(r->to, a);
	take(r, 0, a);
	advance(r, LANE_BYTES, copying);
}

static ALWAYS_INLINE void run_body(struct run *r, bool copying)
{
	while (r->left >= 4 * LANE_BYTES)
		four(r, copying);
	if (r->left & 2 * LANE_BYTES)
		two(r, copying);
	if (r->left & LANE_BYTES)
		one(r, copying);
}

/* Less than a vector is left, and there was at least one before. */
static ALWAYS_INLINE void run_tail(struct run *r, bool copying)
{
	const uint8_t *end = r->from + r->left;
	size_t odd = r->left & 1;

	if (copying)
		store_lanes(r->to + r->left - LANE_BYTES,
			    load_lanes(end - LANE_BYTES));
	take(r, 1, last_bytes(end - odd, r->left - odd));
	if (odd)
		r->alone += word_of(end[-1], 0);
}

/* Folds to 32 bits; 0 only from 0. */
static ALWAYS_INLINE uint32_t fold_to_32(uint64_t s)
{
	s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)(s + (s >> 32));
}

static ALWAYS_INLINE uint32_t run_sum(const struct run *r)
{
	lanes all = r->all[0] + r->all[1];
	lanes high = r->high[0] + r->high[1];
	lanes both = all - (high << 32) + high;
	lane_pair pairs[LANE_BYTES / sizeof(lane_pair)];

	KEEP(both);
	memcpy(pairs, &both, sizeof(both));
	for (unsigned n = 1; n < ARRAY_SIZE(pairs); n++)
		pairs[0] += pairs[n];
	return fold_to_32(pairs[0][0] + pairs[0][1] + r->alone);
}

/**
 * lanes_pass() - Sum, or copy and sum, a range in one pass
 * @dst:	Used if @copying
 * @len:	LANE_BYTES..CHECKSUM_PART_BYTES
 * @copying:	A constant
 *
 * Return: the sum.
 */
static ALWAYS_INLINE uint32_t lanes_pass(uint8_t *restrict dst,
					 const uint8_t *restrict src,
					 size_t len, bool copying)
{
	struct run r = { .to = dst, .from = src, .left = len };
	bool swapped = false;
	uint32_t s;

	if (len > ALIGN_ABOVE)
		swapped = run_head(&r, copying);
	run_body(&r, copying);
	if (r.left)
		run_tail(&r, copying);
	s = run_sum(&r);
	return swapped ? s << 8 | s >> 24 : s;
}

#endif
