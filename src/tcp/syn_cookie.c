// SPDX-License-Identifier: BSD-2-Clause
/* syn_cookie.c - A handshake that is remembered by the peer */
#include "tcp/syn_cookie.h"

#include "base/compiler.h"
#include "base/siphash.h"

#define MSS_BITS 3
#define DATA_BITS (MSS_BITS + 1)

/* Common ones, and the least. */
static const uint16_t mss_table[] = {
	SYN_COOKIE_MSS_MIN, 536, 1220, 1360, 1400, 1440, 1460, 8940
};

_Static_assert(ARRAY_SIZE(mss_table) == 1 << MSS_BITS, "one for each index");

enum {				/* low bits of a timestamp                      */
	TIMESTAMP_WSCALE = 0x0f,
	TIMESTAMP_SACK = 0x10,
	TIMESTAMP_ECN = 0x20,
	TIMESTAMP_BITS = 0x3f,
};

static uint64_t period_of(ns_t now)
{
	return now / SYN_COOKIE_PERIOD_NS;
}

void syn_cookie_init(struct syn_cookie *c, const uint8_t random[32], ns_t now)
{
	memcpy(c->key, random, sizeof(c->key));
	c->period = period_of(now);
}

bool syn_cookie_rekey(struct syn_cookie *c, const uint8_t random[16], ns_t now)
{
	uint64_t period = period_of(now);

	if (period <= c->period)
		return false;
	c->period = period;
	memcpy(c->key[period & 1], random, sizeof(c->key[0]));
	return true;
}

/* The whole cookie, so that one comparison checks all of it. */
static uint32_t seal(const struct syn_cookie *c, const struct tcp_tuple *tuple,
		     seq_t isn, uint64_t period, uint32_t mss)
{
	struct {
		struct tcp_tuple tuple;
		uint32_t isn, mss;
		uint64_t period;
	} said = { *tuple, isn.n, mss, period };
	uint64_t mac = siphash_2_4(&said, sizeof(said), c->key[period & 1]);

	return (uint32_t)mac << DATA_BITS | (uint32_t)(period & 1) << MSS_BITS |
		mss;
}

seq_t syn_cookie_make(struct syn_cookie *c, const struct tcp_tuple *tuple,
		      seq_t isn, uint16_t mss, ns_t now)
{
	uint32_t index = ARRAY_SIZE(mss_table) - 1;

	while (index > 0 && mss_table[index] > mss)
		index--;
	if (period_of(now) > c->period)
		c->period = period_of(now);
	return seq(seal(c, tuple, isn, period_of(now), index));
}

uint16_t syn_cookie_check(const struct syn_cookie *c,
			  const struct tcp_tuple *tuple, seq_t isn, seq_t cookie,
			  ns_t now)
{
	uint32_t index = cookie.n & ((1U << MSS_BITS) - 1);
	uint64_t period = period_of(now);

	if ((period ^ cookie.n >> MSS_BITS) & 1) {
		if (!period)
			return 0;
		period--;
	}
	return seal(c, tuple, isn, period, index) == cookie.n ?
		mss_table[index] : 0;
}

uint32_t syn_cookie_timestamp(uint32_t tsval, const struct syn_cookie_options *o)
{
	uint32_t bits = o->wscale < SYN_COOKIE_NO_WSCALE ? o->wscale :
		SYN_COOKIE_NO_WSCALE;
	uint32_t below = tsval & TIMESTAMP_BITS;

	bits |= o->sack ? TIMESTAMP_SACK : 0;
	bits |= o->ecn ? TIMESTAMP_ECN : 0;
	/* Never ahead of our clock: what follows must not look older. */
	if (bits > below)
		tsval -= TIMESTAMP_BITS + 1;
	return (tsval & ~(uint32_t)TIMESTAMP_BITS) | bits;
}

struct syn_cookie_options syn_cookie_options(uint32_t tsecr)
{
	return (struct syn_cookie_options){
		.wscale = tsecr & TIMESTAMP_WSCALE,
		.sack = tsecr & TIMESTAMP_SACK,
		.ecn = tsecr & TIMESTAMP_ECN,
	};
}
