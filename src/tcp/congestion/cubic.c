// SPDX-License-Identifier: BSD-2-Clause
/*
 * cubic.c - The window as a cubic function of time
 *
 * DOC: Theory of operation
 * W_cubic(t) = C (t - K)^3 + W_max with C = 0.4 segments/s^3: concave up to where
 * the last loss was, flat there, then convex. K is such that it begins at cwnd. All
 * in integers: windows in bytes, t in 1/4096 s, so that the cube of 2^21 (8.5
 * minutes) fits into 63 bits; what is further away grows no faster.
 *
 * Many bytes in one ACK: RFC 9438 §4.4 gives (target - cwnd) / cwnd for each
 * segment. Over x = acked / cwnd windows that sums up to (target - cwnd) (1 - e^-x),
 * for which we use x / (1 + x/2 + x^2/12): lower by less than 1/1000 for x up to 1.
 * Growth below a byte is carried on.
 *
 * As many bytes may come in one ACK or in many, those of many are collected until
 * they are a share of the window that is worth the divisions.
 */
#include "tcp/congestion/algorithm.h"

#define TIME_BITS 12		/* of a second                                  */
#define DISTANCE_MAX (1U << 21)	/* in that unit                                 */
#define PART_BITS 31		/* of what fraction() returns                   */
#define STEPS 64		/* in which a window of bytes is taken          */
#define EST_BITS 13		/* carried on for W_est                         */

/* One bit at a time: once for each loss is seldom enough. */
uint32_t cubic_root(uint64_t x)
{
	uint64_t root = 0;

	for (int bit = 21; bit >= 0; bit--) {
		uint64_t try = root | 1ULL << bit;

		/* 2642245 is the last whose cube fits into 64 bits. */
		if (try <= 2642245 && try * try * try <= x)
			root = try;
	}
	return (uint32_t)root;
}

static uint64_t ticks(ns_t ns)
{
	uint64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	if (seconds > DISTANCE_MAX)
		return 2ULL * DISTANCE_MAX;
	return (seconds << TIME_BITS) + (rest << TIME_BITS) / 1000000000;
}

/* K = cbrt((W_max - cwnd) / C), RFC 9438 §4.2. */
static uint32_t time_to_reach(const struct congestion *c, uint32_t w_max)
{
	uint64_t segments_q20 = ((uint64_t)(w_max - c->cwnd) << 20) / c->mss;
	uint64_t cube_q20 = segments_q20 / 2 * 5;	/* divided by C         */

	if (cube_q20 >> (63 - (3 * TIME_BITS - 20)))
		return DISTANCE_MAX;
	return cubic_root(cube_q20 << (3 * TIME_BITS - 20));
}

/* RFC 9438 §4.2; §4.8 for the first time after a timeout. */
static void begin_epoch(struct congestion *c, ns_t now)
{
	struct cubic *q = &c->cubic;

	if (c->after_timeout || q->w_max < c->cwnd)
		q->w_max = c->cwnd;
	c->after_timeout = false;
	q->k = time_to_reach(c, q->w_max);
	q->w_est = c->cwnd;
	q->epoch = now;
	c->carry = 0;
	c->est_carry = 0;
	c->pending = 0;
}

static uint32_t w_cubic(const struct congestion *c, uint64_t t)
{
	const struct cubic *q = &c->cubic;
	bool convex = t > q->k;
	uint64_t distance = convex ? t - q->k : q->k - t, delta;

	if (distance > DISTANCE_MAX)
		distance = DISTANCE_MAX;
	delta = distance * distance * distance >> 2 * TIME_BITS;
	delta = (delta * c->mss * 2 / 5) >> TIME_BITS;
	if (convex)
		return delta < CONGESTION_MOST ? q->w_max + (uint32_t)delta :
			q->w_max + CONGESTION_MOST;
	return delta < q->w_max ? q->w_max - (uint32_t)delta : 0;
}

/* x = acked / cwnd, at most 1, in 2^-32. */
static uint64_t windows(uint32_t acked, uint32_t cwnd)
{
	return ((uint64_t)acked << 32) / cwnd;
}

/* What Reno would have with the same losses, RFC 9438 §4.3. */
static void grow_estimate(struct congestion *c, uint64_t x)
{
	/* alpha = 3 (1 - 0.7) / (1 + 0.7) = 9/17, until it has caught up. */
	uint64_t alpha_17 = c->cubic.w_est < c->cubic.prior ? 9 : 17;
	uint64_t grown = (x * alpha_17 * c->mss / 17 >> (32 - EST_BITS)) +
			 c->est_carry;

	c->est_carry = grown & ((1U << EST_BITS) - 1);
	c->cubic.w_est += (uint32_t)(grown >> EST_BITS);
	if (c->cubic.w_est > c->most)
		c->cubic.w_est = c->most;
}

/* 1 - e^-x */
static uint64_t fraction(uint64_t x)
{
	uint64_t square = (x >> 16) * (x >> 16);

	return (x << PART_BITS) / ((1ULL << 32) + x / 2 + square / 12);
}

/*
 * Towards @target, but by no more than half of what is acknowledged: that is what
 * its limit of 1.5 cwnd comes to, which moves with cwnd.
 */
static void grow_towards(struct congestion *c, uint32_t target, uint32_t acked,
			 uint64_t x)
{
	uint32_t even = (uint32_t)(target * 2ULL / 3), half = acked / 2;
	uint64_t grown;

	if (c->cwnd < even) {
		if (half > even - c->cwnd)
			half = even - c->cwnd;
		c->cwnd += half;
		acked -= 2 * half;
		x = windows(acked, c->cwnd);
	}
	if (c->cwnd < even || c->cwnd >= target)
		return;
	grown = (target - c->cwnd) * fraction(x);
	/* cwnd in the denominator grows, too: if by much, take what it is half way. */
	if (grown >> PART_BITS > c->cwnd / 64) {
		x = windows(acked, c->cwnd + (uint32_t)(grown >> PART_BITS) / 2);
		grown = (target - c->cwnd) * fraction(x);
	}
	grown += c->carry;
	c->carry = grown & ((1U << PART_BITS) - 1);
	c->cwnd += (uint32_t)(grown >> PART_BITS);
}

void cubic_grow(struct congestion *c, const struct congestion_ack *a,
		uint32_t acked)
{
	ns_t elapsed;
	uint64_t x;

	if (c->cubic.epoch == NS_NEVER)
		begin_epoch(c, a->now);
	c->pending += acked;
	if (c->pending < c->cwnd / STEPS)
		return;
	acked = c->pending < c->cwnd ? c->pending : c->cwnd;
	c->pending = 0;
	elapsed = a->now > c->cubic.epoch ? a->now - c->cubic.epoch : 0;
	x = windows(acked, c->cwnd);
	grow_estimate(c, x);
	if (w_cubic(c, ticks(elapsed)) < c->cubic.w_est) {
		if (c->cwnd < c->cubic.w_est)
			c->cwnd = c->cubic.w_est;
		return;
	}
	grow_towards(c, w_cubic(c, ticks(elapsed + a->srtt)), acked, x);
}

uint32_t cubic_reduce(struct congestion *c, uint32_t flight)
{
	struct cubic *q = &c->cubic;

	/* Fast convergence: who comes down again makes room, §4.7. */
	q->w_max = c->cwnd < q->w_max ? (uint32_t)(c->cwnd * 17ULL / 20) :
		c->cwnd;
	q->prior = c->cwnd;
	return (uint32_t)(flight * 7ULL / 10);
}
