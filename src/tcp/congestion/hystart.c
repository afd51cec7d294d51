// SPDX-License-Identifier: BSD-2-Clause
/*
 * hystart.c - Leave slow start when the round trips get longer
 *
 * A queue that builds up shows in the least RTT of a round, before it overflows.
 * That may be an error, so growth is slower for five rounds first; if the RTT falls
 * again slow start goes on. RFC 9406's limit L of growth in one ACK is not applied:
 * it is about bursts from bursty ACKs, and aggregates are what we are made for.
 */
#include "tcp/congestion/algorithm.h"

#define MIN_THRESHOLD_US 4000	/* RFC 9406 §4.3 for all of these               */
#define MAX_THRESHOLD_US 16000
#define THRESHOLD_DIVISOR 8
#define N_SAMPLES 8
#define CSS_ROUNDS 5
#define UNKNOWN UINT32_MAX

void hystart_init(struct hystart *h)
{
	*h = (struct hystart){ .state = HYSTART_SLOW_START,
			       .last_round_us = UNKNOWN,
			       .this_round_us = UNKNOWN,
			       .baseline_us = UNKNOWN };
}

static void next_round(struct congestion *c, seq_t nxt)
{
	struct hystart *h = &c->hystart;

	h->round_end = nxt;
	h->round_known = true;
	h->last_round_us = h->this_round_us;
	h->this_round_us = UNKNOWN;
	h->n_samples = 0;
	if (h->state != HYSTART_CONSERVATIVE || ++h->css_rounds < CSS_ROUNDS)
		return;
	h->state = HYSTART_OFF;
	c->ssthresh = c->cwnd > 2U * c->mss ? c->cwnd : 2U * c->mss;
}

static uint32_t threshold(uint32_t last_us)
{
	uint32_t part = last_us / THRESHOLD_DIVISOR;

	if (part < MIN_THRESHOLD_US)
		return MIN_THRESHOLD_US;
	return part < MAX_THRESHOLD_US ? part : MAX_THRESHOLD_US;
}

static void judge(struct hystart *h)
{
	if (h->n_samples < N_SAMPLES)
		return;
	if (h->state == HYSTART_CONSERVATIVE) {
		if (h->this_round_us >= h->baseline_us)
			return;
		h->state = HYSTART_SLOW_START;
		h->baseline_us = UNKNOWN;
	} else if (h->last_round_us != UNKNOWN && h->this_round_us >=
		   (uint64_t)h->last_round_us + threshold(h->last_round_us)) {
		h->state = HYSTART_CONSERVATIVE;
		h->baseline_us = h->this_round_us;
		h->css_rounds = 0;
	}
}

void hystart_acked(struct congestion *c, const struct congestion_ack *a)
{
	struct hystart *h = &c->hystart;
	uint64_t us = a->rtt / 1000;

	if (h->state == HYSTART_OFF)
		return;
	if (!h->round_known || !seq_before(a->una, h->round_end))
		next_round(c, a->nxt);
	if (h->state == HYSTART_OFF || !a->rtt)
		return;
	if (us < h->this_round_us)
		h->this_round_us = (uint32_t)us;
	if (h->n_samples < N_SAMPLES)
		h->n_samples++;
	judge(h);
}
