/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_hash.h - From a tuple to its bucket and tag
 *
 * Multilinear, with random 64-bit keys: for tuples chosen without knowledge of
 * the keys two of them collide with probability 2^-32, whoever chose them. That
 * says nothing of many tuples that count up, which it would spread in steps of
 * one size; so it is mixed once more. Nobody can fill a bucket on purpose, and
 * nobody does by accident.
 *
 * Source: Lemire and Kaser, "Strongly universal string hashing is fast".
 */
#ifndef NIC_FLOW_HASH_H
#define NIC_FLOW_HASH_H

#include "nic/flow.h"

/* A bijection that leaves no arithmetic progression. */
static ALWAYS_INLINE uint64_t flow_mix(uint64_t h)
{
	h = (h ^ h >> 33) * 0xd6e8feb86659fd93;
	return (h ^ h >> 32) * 0xa24baed4963ee407;
}

/* Hash of the words of a tuple; upper 32 bits are the ones to use. */
static ALWAYS_INLINE uint64_t flow_hash_v4(const struct flow_table *t,
					   const uint8_t *tuple, uint32_t vids)
{
	return flow_mix(t->key[10] + t->key[0] * load32(tuple) +
			t->key[1] * load32(tuple + 4) +
			t->key[8] * load32(tuple + 8) + t->key[9] * vids);
}

static ALWAYS_INLINE uint64_t flow_hash_v6(const struct flow_table *t,
					   const uint8_t *tuple, uint32_t vids)
{
	uint64_t h = t->key[10] + t->key[9] * vids;

	for (int word = 0; word < 9; word++)
		h += t->key[word] * load32(tuple + 4 * word);
	return flow_mix(h);
}

static ALWAYS_INLINE uint32_t flow_vids(uint16_t outer, uint16_t inner)
{
	return (uint32_t)(outer & 0xfff) << 16 | (inner & 0xfff);
}

static ALWAYS_INLINE uint32_t flow_bucket_of(const struct flow_table *t,
					     uint64_t hash)
{
	return (uint32_t)(hash >> 32) >> t->bucket_shift & t->bucket_mask;
}

static ALWAYS_INLINE uint16_t flow_tag_of(uint64_t hash)
{
	return (uint16_t)(hash >> 32) | 0x8000;
}

/* First place of @tag, or FLOW_BUCKET_PLACES. */
static ALWAYS_INLINE unsigned
flow_find_tag(const uint16_t tags[FLOW_BUCKET_PLACES], uint16_t tag)
{
	const uint64_t ones = 0x0001000100010001, tops = 0x8000800080008000;
	uint64_t low = load64(tags) ^ tag * ones;
	uint64_t high = load64(tags + 4) ^ tag * ones;

	/* The lowest hit is exact; above it there may be false ones. */
	low = (low - ones) & ~low & tops;
	high = (high - ones) & ~high & tops;
	if (low)
		return (unsigned)__builtin_ctzll(low) / 16;
	if (high)
		return 4 + (unsigned)__builtin_ctzll(high) / 16;
	return FLOW_BUCKET_PLACES;
}

#endif
