/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errors.h - Which ICMP errors about a flow may be true
 *
 * Anybody can send an error that quotes a tuple. Who does not see the connection does
 * not know what of it is on its way: the bytes from what the other side has acknowledged
 * to what was sent last. The device does no TCP, but it sees both pass, and hands up
 * only errors about these; a few at a time, so that who does see the connection cannot
 * fill its queues. What the connection does about an error is its owner's business, who
 * judges again.
 *
 * Limits: what was sent before the flow was opened is not known.
 * Source: RFC 5927 §4.1, §7.2; RFC 9293 §3.9.2.2.
 */
#ifndef NIC_CLIENT_ERRORS_H
#define NIC_CLIENT_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define ERRORS_BURST 8
#define ERRORS_EACH_NS 100000000ull	/* and so often then                    */

/* All 0: nothing is wanted. */
struct errors {
	bool wanted;
	bool known;		/* something was sent                           */
	uint32_t una, next;	/* sequence numbers on their way: una .. next-1 */
	ns_t due;		/* when there would have been enough            */
};

/** errors_sent() - The flow's owner sends @bytes, SYN and FIN included, from @seq on */
static ALWAYS_INLINE void errors_sent(struct errors *e, uint32_t seq, uint32_t bytes)
{
	if (likely(!e->wanted))
		return;
	if (!e->known) {
		e->known = true;
		e->una = e->next = seq;
	}
	if ((int32_t)(seq + bytes - e->next) > 0)
		e->next = seq + bytes;
}

/** errors_acked() - Somebody says that all before @ack has come */
static ALWAYS_INLINE void errors_acked(struct errors *e, uint32_t ack)
{
	if (unlikely(e->wanted) && ack - e->una <= e->next - e->una)
		e->una = ack;
}

/** errors_allow() - Whether an error that quotes @seq is handed up, now */
static inline bool errors_allow(struct errors *e, uint32_t seq, ns_t now)
{
	if (!e->known || seq - e->una >= e->next - e->una)
		return false;
	if (e->due < now)
		e->due = now;
	if (e->due - now > (ERRORS_BURST - 1) * ERRORS_EACH_NS)
		return false;
	e->due += ERRORS_EACH_NS;
	return true;
}

#endif
