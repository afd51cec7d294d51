// SPDX-License-Identifier: BSD-2-Clause
/* congestion.c - What all algorithms have in common */
#include "tcp/congestion/congestion.h"

#include "base/compiler.h"
#include "tcp/congestion/algorithm.h"

static const struct {
	void (*grow)(struct congestion *c, const struct congestion_ack *a,
		     uint32_t acked);
	uint32_t (*reduce)(struct congestion *c, uint32_t flight);
	bool hystart;
} algorithms[] = {
	[CONGESTION_RENO] = { reno_grow, reno_reduce, false },
	[CONGESTION_CUBIC] = { cubic_grow, cubic_reduce, true },
};

_Static_assert(ARRAY_SIZE(algorithms) == CONGESTION_N_KINDS, "one for each");

static uint32_t less(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t more(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* RFC 6928 §2, with its ten segments as a parameter. */
static uint32_t initial_window(const struct congestion *c)
{
	return less(c->initial_segments * (uint32_t)c->mss,
		    more(2U * c->mss, c->initial_segments * 1460U));
}

static void set_cwnd(struct congestion *c, uint32_t cwnd)
{
	c->cwnd = more(less(cwnd, c->most), c->mss);
}

void congestion_init(struct congestion *c, uint8_t kind, uint16_t mss,
		     uint8_t initial_segments, uint32_t most)
{
	*c = (struct congestion){
		.ssthresh = CONGESTION_NO_SSTHRESH,
		.mss = mss ? mss : 1,
		.initial_segments = initial_segments ? initial_segments : 1,
		.most = most && most < CONGESTION_MOST ? most : CONGESTION_MOST,
		.unlimited_since = NS_NEVER,
	};
	congestion_set_kind(c, kind);
	set_cwnd(c, initial_window(c));
}

void congestion_set_kind(struct congestion *c, uint8_t kind)
{
	c->kind = kind < CONGESTION_N_KINDS ? kind : CONGESTION_CUBIC;
	c->cubic = (struct cubic){ .epoch = NS_NEVER };
	c->carry = 0;
	c->saved_any = false;
	c->hystart.state = HYSTART_OFF;
	if (algorithms[c->kind].hystart && c->ssthresh == CONGESTION_NO_SSTHRESH)
		hystart_init(&c->hystart);
}

void congestion_set_mss(struct congestion *c, uint16_t mss)
{
	c->mss = mss ? mss : 1;
	set_cwnd(c, c->cwnd);
	c->ssthresh = more(c->ssthresh, 2U * c->mss);
}

/* Bytes that are left for congestion avoidance when the window is ssthresh. */
static uint32_t slow_start(struct congestion *c, uint32_t acked)
{
	/* RFC 9406 §4.3: CSS_GROWTH_DIVISOR. */
	uint32_t part = c->hystart.state == HYSTART_CONSERVATIVE ? 4 : 1;
	uint32_t room = c->ssthresh - c->cwnd;

	if (acked / part < room) {
		set_cwnd(c, c->cwnd + acked / part);
		return 0;
	}
	set_cwnd(c, c->ssthresh);
	return acked - room * part;
}

/* Time in which the window was not used does not count, RFC 9438 §5.8. */
static void shift_epoch(struct congestion *c, ns_t now)
{
	ns_t since = c->unlimited_since;

	c->unlimited_since = NS_NEVER;
	if (since == NS_NEVER || c->cubic.epoch == NS_NEVER)
		return;
	if (since < c->cubic.epoch)
		since = c->cubic.epoch;
	if (now > since)
		c->cubic.epoch += now - since;
}

void congestion_acked(struct congestion *c, const struct congestion_ack *a)
{
	uint32_t left = less(a->acked, CONGESTION_MOST);

	if (congestion_in_slow_start(c))
		hystart_acked(c, a);
	if (!a->limited) {
		if (c->unlimited_since == NS_NEVER)
			c->unlimited_since = a->now;
		return;
	}
	shift_epoch(c, a->now);
	if (congestion_in_slow_start(c))
		left = slow_start(c, left);
	if (!left || congestion_in_slow_start(c))
		return;
	algorithms[c->kind].grow(c, a, less(left, c->cwnd));
	set_cwnd(c, c->cwnd);
}

static void save(struct congestion *c)
{
	c->saved = (struct congestion_saved){ c->cubic, c->cwnd, c->ssthresh };
	c->saved_any = true;
}

/* FlightSize, RFC 5681 §3.1; without what limited transmit has added. */
static void reduce(struct congestion *c, uint32_t flight)
{
	save(c);
	c->ssthresh = more(algorithms[c->kind].reduce(c, less(flight, c->cwnd)),
			   2U * c->mss);
	c->cubic.epoch = NS_NEVER;
	c->carry = 0;
	c->hystart.state = HYSTART_OFF;
	c->unlimited_since = NS_NEVER;
}

void congestion_lost(struct congestion *c, uint32_t flight)
{
	reduce(c, flight);
	c->after_timeout = false;
	set_cwnd(c, c->ssthresh);
}

void congestion_recovered(struct congestion *c)
{
	set_cwnd(c, c->ssthresh);
}

void congestion_marked(struct congestion *c, uint32_t flight)
{
	congestion_lost(c, flight);
	/* What was marked has arrived: there is nothing to take back. */
	c->saved_any = false;
}

void congestion_timed_out(struct congestion *c, uint32_t flight, bool again)
{
	if (!again)
		reduce(c, flight);
	c->cubic.epoch = NS_NEVER;
	c->after_timeout = true;
	set_cwnd(c, c->mss);
}

void congestion_undo(struct congestion *c)
{
	if (!c->saved_any)
		return;
	c->saved_any = false;
	c->after_timeout = false;
	c->cubic = c->saved.cubic;
	c->ssthresh = more(c->saved.ssthresh, 2U * c->mss);
	set_cwnd(c, more(c->cwnd, c->saved.cwnd));
}

void congestion_keep(struct congestion *c)
{
	c->saved_any = false;
}

void congestion_idle(struct congestion *c, ns_t idle, ns_t rto, bool restart)
{
	if (c->unlimited_since == NS_NEVER && c->cubic.epoch != NS_NEVER)
		c->cubic.epoch += idle;
	if (restart && idle > rto)
		set_cwnd(c, less(c->cwnd, initial_window(c)));
}

uint64_t congestion_rate(const struct congestion *c, ns_t srtt)
{
	uint64_t window = (uint64_t)c->cwnd * 1000000000;

	if (!srtt)
		return UINT64_MAX;
	if (congestion_in_slow_start(c))
		return 2 * window / srtt;
	return 5 * window / 4 / srtt;
}
