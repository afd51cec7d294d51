// SPDX-License-Identifier: BSD-2-Clause
/* prr.c - Proportional rate reduction: the window during fast recovery */
#include "tcp/congestion/prr.h"

void prr_begin(struct prr *p, uint32_t ssthresh, uint32_t flight,
	       uint32_t sacked)
{
	*p = (struct prr){
		.recover_fs = flight > sacked ? flight - sacked : 1,
		.ssthresh = ssthresh,
	};
}

/* Rounded up; in two parts, so that it cannot overflow in a long recovery. */
static uint64_t share(const struct prr *p)
{
	uint64_t rounds = p->delivered / p->recover_fs;
	uint64_t rest = p->delivered % p->recover_fs * p->ssthresh;

	if (rounds > UINT32_MAX)
		rounds = UINT32_MAX;
	return rounds * p->ssthresh + (rest + p->recover_fs - 1) / p->recover_fs;
}

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Slow start reduction bound if @safe, else conservative reduction bound. */
static uint64_t refill(const struct prr *p, uint32_t delivered,
		       uint32_t in_flight, uint16_t mss, bool safe)
{
	uint64_t owed = above(p->delivered, p->out);
	uint64_t count = owed > delivered ? owed : delivered;
	uint64_t room = p->ssthresh - in_flight;

	if (safe)
		count += mss;
	return count < room ? count : room;
}

uint32_t prr_ack(struct prr *p, uint32_t delivered, uint32_t in_flight,
		 uint16_t mss, bool safe)
{
	uint64_t count = 0, cwnd;

	p->delivered += delivered;
	if (in_flight > p->ssthresh)
		count = above(share(p), p->out);
	else if (delivered)
		count = refill(p, delivered, in_flight, mss, safe);
	/* The first retransmission is never held back. */
	if (!p->out && count < mss)
		count = mss;
	cwnd = in_flight + count;
	return cwnd < UINT32_MAX ? (uint32_t)cwnd : UINT32_MAX;
}
