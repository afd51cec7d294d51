// SPDX-License-Identifier: BSD-2-Clause
/* path_mtu.c - How large packets may be on the way to the peer */
#include "tcp/path_mtu.h"

#include "base/compiler.h"

#define MTU_MIN_V4 68		/* RFC 791: less is no MTU                      */
#define ETHERNET 1500

/* RFC 1191 §7.1, for routers that do not say. */
static const uint16_t plateaus[] = {
	32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68
};

static uint16_t least(const struct path_mtu *p)
{
	uint16_t mtu = p->v6 ? PATH_MTU_LEAST_V6 : PATH_MTU_LEAST_V4;

	return mtu < p->top ? mtu : p->top;
}

static void settle(struct path_mtu *p, ns_t now)
{
	p->state = PATH_MTU_DONE;
	p->raise_at = p->mtu < p->top || p->may_fragment ?
		now + PATH_MTU_RAISE_NS : NS_NEVER;
}

static void search(struct path_mtu *p, ns_t now)
{
	p->state = PATH_MTU_SEARCHING;
	p->raise_at = NS_NEVER;
	p->tries = 0;
	if (p->high - p->mtu < PATH_MTU_ENOUGH && p->high_failed)
		settle(p, now);
}

void path_mtu_init(struct path_mtu *p, uint16_t top, uint16_t known, bool v6,
		   bool probing, ns_t now)
{
	*p = (struct path_mtu){ .top = top, .high = top, .v6 = v6,
				.probing = probing };
	p->mtu = known && known < top ? known : top;
	if (p->mtu < least(p))
		p->mtu = least(p);
	settle(p, now);
}

/* What to believe of it; 0: nothing. */
static uint32_t believed(const struct path_mtu *p, uint32_t said)
{
	unsigned step = 0;

	if (said)
		return said < (p->v6 ? PATH_MTU_LEAST_V6 : MTU_MIN_V4) ? 0 : said;
	while (step < ARRAY_SIZE(plateaus) - 1 && plateaus[step] >= p->mtu)
		step++;
	return plateaus[step];
}

static void lower(struct path_mtu *p, uint16_t mtu)
{
	p->mtu = mtu;
	p->timeouts = 0;
	p->tries = 0;
}

enum path_mtu_verdict path_mtu_too_big(struct path_mtu *p, seq_t quoted,
				       seq_t una, seq_t nxt, uint32_t said,
				       ns_t now)
{
	bool in_flight = !seq_before(quoted, una) && seq_before(quoted, nxt);
	uint32_t mtu = believed(p, said);

	if (!in_flight || !mtu)
		return PATH_MTU_SAME;
	if (mtu < p->high) {
		p->high = (uint16_t)(mtu > p->mtu ? mtu : p->mtu);
		p->high_failed = false;
	}
	if (mtu >= p->mtu)
		return PATH_MTU_SAME;
	if (mtu < least(p)) {
		mtu = least(p);
		if (mtu == p->mtu && (p->may_fragment || p->v6))
			return PATH_MTU_SAME;
		p->may_fragment = !p->v6;
	}
	if (mtu > p->mtu)
		return PATH_MTU_SAME;
	lower(p, (uint16_t)mtu);
	p->high = p->mtu;
	settle(p, now);
	return PATH_MTU_LOWER;
}

enum path_mtu_verdict path_mtu_timed_out(struct path_mtu *p, ns_t now)
{
	uint16_t base = p->v6 ? PATH_MTU_LEAST_V6 : PATH_MTU_BASE_V4;

	if (++p->timeouts < PATH_MTU_TIMEOUTS)
		return PATH_MTU_SAME;
	p->timeouts = 0;
	if (p->mtu <= least(p))
		return PATH_MTU_SAME;
	/* Only a probe will tell whether it was the size. */
	if (p->state != PATH_MTU_SEARCHING) {
		p->high = p->mtu;
		p->high_failed = false;
	}
	lower(p, p->mtu > base ? base : least(p));
	p->probe_after = now + PATH_MTU_PROBE_WAIT_NS;
	if (p->probing)
		search(p, now);
	else
		settle(p, now);
	return PATH_MTU_LOWER;
}

static uint16_t next_size(const struct path_mtu *p)
{
	if (!p->high_failed)
		return p->high;
	if (p->mtu < ETHERNET && ETHERNET < p->high)
		return ETHERNET;
	return (uint16_t)(p->mtu + (p->high - p->mtu + 1) / 2);
}

uint16_t path_mtu_wants(const struct path_mtu *p, ns_t now)
{
	if (p->state != PATH_MTU_SEARCHING || p->probe || now < p->probe_after)
		return 0;
	return next_size(p);
}

void path_mtu_probed(struct path_mtu *p, uint16_t size)
{
	p->probe = size;
}

static void go_on(struct path_mtu *p, ns_t now)
{
	if (p->high <= p->mtu ||
	    (p->high_failed && p->high - p->mtu < PATH_MTU_ENOUGH))
		settle(p, now);
}

enum path_mtu_verdict path_mtu_probe_acked(struct path_mtu *p, ns_t now)
{
	uint16_t size = p->probe;

	p->probe = 0;
	if (size <= p->mtu)
		return PATH_MTU_SAME;
	p->mtu = size;
	if (p->high < size)
		p->high = size;
	p->tries = 0;
	p->timeouts = 0;
	p->may_fragment = false;
	p->probe_after = now;
	go_on(p, now);
	return PATH_MTU_HIGHER;
}

void path_mtu_probe_lost(struct path_mtu *p, bool alone, ns_t now)
{
	uint16_t size = p->probe;

	p->probe = 0;
	p->probe_after = now + PATH_MTU_PROBE_WAIT_NS;
	if (!size || !alone || ++p->tries < PATH_MTU_TRIES)
		return;
	p->tries = 0;
	if (size > p->mtu && size <= p->high) {
		p->high = size - 1;
		p->high_failed = true;
	}
	go_on(p, now);
}

enum path_mtu_verdict path_mtu_raise(struct path_mtu *p, ns_t now)
{
	if (now < p->raise_at)
		return PATH_MTU_SAME;
	p->raise_at = NS_NEVER;
	p->high = p->top;
	p->high_failed = false;
	p->may_fragment = false;
	if (p->probing && p->mtu < p->top) {
		search(p, now);
		return PATH_MTU_SAME;
	}
	if (p->mtu == p->top)
		return PATH_MTU_SAME;
	p->mtu = p->top;
	return PATH_MTU_HIGHER;
}
