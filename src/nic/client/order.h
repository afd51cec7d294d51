/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order.h - What of a flow's bytes has been placed: where "in order" goes on
 *
 * The device does no TCP, but it has to know which segment continues what it has
 * placed, because that one may go to the application's own buffer. So it keeps the
 * end of the bytes in order, and the few ranges nearest behind it that were placed
 * out of order: when the gap is filled, order goes on behind them.
 *
 * A range that found no place is forgotten, and a stranger can make the device
 * believe what is not. Both are mended by the flow's owner, who knows: what it
 * acknowledges is in order (SPEC RX-12). Until then segments count as out of order,
 * which costs a copy and loses nothing.
 * Source: SPEC RQ-1, RQ-2; RFC 9293 §3.4.
 */
#ifndef NIC_CLIENT_ORDER_H
#define NIC_CLIENT_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define ORDER_RANGES 4
#define ORDER_WINDOW (1U << 30)	/* RFC 7323 §2.3: no window is larger           */

/* Sequence numbers; @end is behind the last byte. */
struct order_range {
	uint32_t start, end;
};

/* All 0: nothing is known. */
struct order {
	uint32_t next;		/* behind the bytes in order                    */
	bool known;		/* @next is                                     */
	uint8_t n;		/* ranges, nearest first, apart from each other
				 * and from @next                               */
	struct order_range ahead[ORDER_RANGES];
};

/** order_begin() - Bytes in order begin at @seq, unless that is known */
static ALWAYS_INLINE void order_begin(struct order *o, uint32_t seq)
{
	if (unlikely(!o->known)) {
		o->known = true;
		o->next = seq;
	}
}

/* What order_placed() does when there is more to it. */
void order_placed_aside(struct order *o, uint32_t seq, uint32_t bytes);

/**
 * order_placed() - Bytes have been placed
 * @o:		o->known
 * @seq:	Of the first of them, any number
 * @bytes:	How many, less than ORDER_WINDOW
 */
static ALWAYS_INLINE void order_placed(struct order *o, uint32_t seq,
				       uint32_t bytes)
{
	if (likely(seq == o->next && o->n == 0))
		o->next += bytes;
	else
		order_placed_aside(o, seq, bytes);
}

/* What order_acked() does when the owner knows better. */
void order_correct(struct order *o, uint32_t ack);

/**
 * order_acked() - The flow's owner has acknowledged everything before @ack
 *
 * That moves the end of what is in order forwards; backwards only from where no
 * window reaches to.
 */
static ALWAYS_INLINE void order_acked(struct order *o, uint32_t ack)
{
	if (unlikely(!o->known || o->next - ack > ORDER_WINDOW))
		order_correct(o, ack);
}

#endif
