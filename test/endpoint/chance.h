/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chance.h - Random numbers that a seed decides
 *
 * Each part of a run has a stream of its own, so that what one part draws does not
 * change what another one gets. Source: Steele et al., SplitMix64.
 */
#ifndef HOST_CHANCE_H
#define HOST_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
	uint64_t state;
};

static inline uint64_t chance_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Stream number @stream of @seed. */
static inline struct chance chance_of(uint64_t seed, uint64_t stream)
{
	return (struct chance){ chance_mix(seed + chance_mix(stream + 1)) };
}

static inline uint64_t chance_u64(struct chance *c)
{
	return chance_mix(c->state += 0x9e3779b97f4a7c15ULL);
}

/* 0..n-1 */
static inline uint64_t chance_below(struct chance *c, uint64_t n)
{
	return chance_u64(c) % n;
}

/* low..high, both included */
static inline uint64_t chance_range(struct chance *c, uint64_t low,
				    uint64_t high)
{
	return low + chance_below(c, high - low + 1);
}

/* low..high, where each power of two is as likely as the next */
static inline uint64_t chance_scale(struct chance *c, uint64_t low,
				    uint64_t high)
{
	uint64_t top = low;

	while (top < high && chance_below(c, 64) < 60)
		top *= 2;
	if (top > high)
		top = high;
	return chance_range(c, low, top);
}

/* Once in @n times. */
static inline bool chance_one_in(struct chance *c, uint64_t n)
{
	return chance_below(c, n) == 0;
}

#endif
