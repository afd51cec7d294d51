// SPDX-License-Identifier: BSD-2-Clause
/* order.c - What of a flow's bytes has been placed */
#include "nic/client/order.h"

#include <string.h>

#include "packet/seq.h"

static bool is_behind(uint32_t a, uint32_t b)
{
	return seq_diff(seq(a), seq(b)) > 0;
}

/* Ranges that @next has reached are in order as well. */
static void absorb(struct order *o)
{
	uint32_t n = 0;

	for (; n < o->n && !is_behind(o->ahead[n].start, o->next); n++) {
		if (is_behind(o->ahead[n].end, o->next))
			o->next = o->ahead[n].end;
	}
	o->n -= (uint8_t)n;
	memmove(o->ahead, o->ahead + n, o->n * sizeof(*o->ahead));
}

/* Puts @r in its place, joined with those that it touches. */
static void insert(struct order *o, struct order_range r)
{
	struct order_range all[ORDER_RANGES + 1];
	uint32_t n = 0, at = 0;

	while (at < o->n && is_behind(r.start, o->ahead[at].end))
		all[n++] = o->ahead[at++];
	for (; at < o->n && !is_behind(o->ahead[at].start, r.end); at++) {
		if (is_behind(r.start, o->ahead[at].start))
			r.start = o->ahead[at].start;
		if (is_behind(o->ahead[at].end, r.end))
			r.end = o->ahead[at].end;
	}
	all[n++] = r;
	while (at < o->n)
		all[n++] = o->ahead[at++];
	if (n > ORDER_RANGES)
		n = ORDER_RANGES;	/* the farthest is forgotten            */
	memcpy(o->ahead, all, n * sizeof(*all));
	o->n = (uint8_t)n;
}

void order_placed_aside(struct order *o, uint32_t seq, uint32_t bytes)
{
	uint32_t end = seq + bytes;

	if (bytes == 0 || !is_behind(end, o->next))
		return;
	if (!is_behind(seq, o->next)) {
		o->next = end;
		absorb(o);
	} else if (end - o->next <= ORDER_WINDOW) {
		insert(o, (struct order_range){ seq, end });
	}
}

void order_correct(struct order *o, uint32_t ack)
{
	/* Ranges are sorted as seen from @next, and mean nothing from afar. */
	if (!o->known || ack - o->next > ORDER_WINDOW)
		o->n = 0;
	o->known = true;
	o->next = ack;
	absorb(o);
}
