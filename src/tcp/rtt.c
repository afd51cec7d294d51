// SPDX-License-Identifier: BSD-2-Clause
/* rtt.c - Round-trip time: smoothed, least, and the timeout drawn from them */
#include "tcp/rtt.h"

#define ALPHA_SHIFT 3		/* gain 1/8 in each round trip, RFC 6298 §2.3   */
#define BETA_SHIFT 2		/* 1/4                                          */
#define SHARE_MAX 8		/* 256 samples in a round trip are told apart   */

void rtt_init(struct rtt *r)
{
	*r = (struct rtt){ .last_samples = 1 };
}

/* log2 of the number of samples to expect in a round trip, rounded up. */
static int count_sample(struct rtt *r, ns_t now)
{
	uint32_t expected;
	int share;

	if (now - r->round_start >= rtt_smoothed(r)) {
		r->last_samples = r->round_samples < UINT16_MAX ?
			(uint16_t)r->round_samples : UINT16_MAX;
		r->round_samples = 0;
		r->round_start = now;
	}
	r->round_samples++;
	expected = r->last_samples > r->round_samples ? r->last_samples :
		r->round_samples;
	share = expected > 1 ? 32 - __builtin_clz(expected - 1) : 0;
	return share < SHARE_MAX ? share : SHARE_MAX;
}

static void smooth(struct rtt *r, ns_t sample, int share)
{
	int64_t error = (int64_t)(sample << 8) - (int64_t)r->srtt_q8;
	int64_t distance = error < 0 ? -error : error;

	r->var_q8 += (uint64_t)((distance - (int64_t)r->var_q8) >>
				(BETA_SHIFT + share));
	r->srtt_q8 += (uint64_t)(error >> (ALPHA_SHIFT + share));
}

static bool too_old(const struct rtt_least *l, ns_t now)
{
	return now - l->at > RTT_MIN_WINDOW_NS;
}

static void keep_least(struct rtt_least l[3], ns_t sample, ns_t now)
{
	struct rtt_least this = { sample, now };

	if (!l[0].rtt || sample <= l[0].rtt || too_old(&l[2], now))
		l[0] = l[1] = l[2] = this;
	else if (sample <= l[1].rtt)
		l[1] = l[2] = this;
	else if (sample <= l[2].rtt)
		l[2] = this;
	while (too_old(&l[0], now)) {
		l[0] = l[1];
		l[1] = l[2];
		l[2] = this;
	}
	/* The others must be younger, or all three would get too old at once. */
	if (l[1].at == l[0].at && now - l[0].at > RTT_MIN_WINDOW_NS / 4)
		l[1] = l[2] = this;
	else if (l[2].at == l[1].at && now - l[1].at > RTT_MIN_WINDOW_NS / 4)
		l[2] = this;
}

static ns_t in_range(ns_t sample)
{
	if (sample > RTT_SAMPLE_MAX_NS)
		return RTT_SAMPLE_MAX_NS;
	return sample ? sample : 1;
}

static void start_with(struct rtt *r, ns_t sample)
{
	r->srtt_q8 = sample << 8;
	r->var_q8 = sample << 7;
}

void rtt_sample(struct rtt *r, ns_t sample, ns_t now)
{
	sample = in_range(sample);
	keep_least(r->least, sample, now);
	r->backoff = 0;
	if (r->srtt_q8) {
		smooth(r, sample, count_sample(r, now));
		return;
	}
	start_with(r, sample);
	r->round_start = now;
	r->round_samples = 1;
}

ns_t rtt_timeout(const struct rtt *r, ns_t initial, ns_t least, ns_t most)
{
	ns_t spread = 4 * rtt_variation(r), timeout = initial;

	if (r->srtt_q8)
		timeout = rtt_smoothed(r) + (spread > least ? spread : least);
	else if (r->syn_timed_out && timeout < RTT_FALLBACK_NS)
		timeout = RTT_FALLBACK_NS;
	if (timeout > most >> r->backoff)
		return most;
	return timeout << r->backoff;
}

void rtt_back_off(struct rtt *r)
{
	if (r->backoff < RTT_BACKOFF_MAX)
		r->backoff++;
}

void rtt_spurious(struct rtt *r, ns_t sample, ns_t now)
{
	sample = in_range(sample);
	keep_least(r->least, sample, now);
	r->backoff = 0;
	if (sample <= rtt_smoothed(r))
		return;
	if (r->var_q8 > sample << 7) {
		r->srtt_q8 = sample << 8;
		return;
	}
	start_with(r, sample);
}
