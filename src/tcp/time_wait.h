/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time_wait.h - TIME-WAIT without a TCB
 *
 * DOC: Theory of operation
 * What TIME-WAIT has to do needs six numbers of a connection, not a TCB: answer the
 * peer's FIN if it comes again, keep old segments from new connections, and let a
 * new connection begin early if it can be told from the old one. Entries have 48
 * bytes, beside the one in lookup.h.
 *
 * All wait for the same time, so a list in order of arrival is one in order of
 * deadlines; who starts again goes to the end. To enter, answer and expire is O(1).
 * When there is no room the oldest leaves early: better than to refuse, and what it
 * protects from is improbable with PAWS.
 *
 * RSTs are ignored, which is RFC 1337's first fix. An answer to anything but the
 * FIN is limited in rate, so that two ends which disagree do not talk for ever.
 *
 * All is in one piece of memory of the caller, without pointers.
 * Source: RFC 9293 §3.10.7.4; RFC 1337; RFC 6191.
 */
#ifndef TCP_TIME_WAIT_H
#define TCP_TIME_WAIT_H

#include <stddef.h>

#include "base/bytes.h"
#include "packet/tcp_segment.h"
#include "packet/lookup.h"

/* In a value of lookup.h: the rest of it is the number of a waiting one. */
#define TIME_WAIT_FLAG 0x80000000U
#define TIME_WAIT_CAPACITY_MAX (1U << 28)
#define TIME_WAIT_ANSWER_NS 500000000ULL	/* RFC 5961 §7: between answers */

/* What a connection leaves behind. */
struct time_wait_state {
	seq_t snd_nxt, rcv_nxt;	/* behind both FINs                             */
	uint32_t ts_recent;
	uint32_t timestamp_offset;
	uint32_t window;	/* that is advertised [bytes]                   */
	uint8_t receive_shift;	/* its scale                                    */
	bool timestamps;	/* were agreed upon                             */
};

enum time_wait_verdict {
	TIME_WAIT_DROP,		/* nothing to do                                */
	TIME_WAIT_ANSWER,	/* send the answer                              */
	TIME_WAIT_REOPEN,	/* a new connection: time_wait_remove(), then treat
				 * the SYN as LISTEN does; answer->seq is the least
				 * ISS to use                                   */
};

struct time_wait;

/** time_wait_bytes() - Memory for @capacity of them, 1..TIME_WAIT_CAPACITY_MAX */
size_t time_wait_bytes(uint32_t capacity);

/**
 * time_wait_init() - None is waiting
 * @memory:	time_wait_bytes(@capacity), aligned to 64
 * @duration:	2 MSL [ns]
 * @tick:	Of timestamps [ns], at least 1
 *
 * Return: @memory.
 */
struct time_wait *time_wait_init(void *memory, uint32_t capacity, ns_t duration,
				 ns_t tick);

/**
 * time_wait_enter() - A connection begins to wait; its TCB may go
 * @l:		There @tuple gets its new value, whether it was in it or not
 * @s:		Borrowed until return
 * @gone:	If not NULL gets the tuple of who had to leave early; local_port 0:
 *		nobody
 *
 * Return: the number in it, without TIME_WAIT_FLAG; LOOKUP_NONE if @tuple was not
 * in @l, and that is full of others.
 */
uint32_t time_wait_enter(struct time_wait *w, struct lookup *l,
			 const struct tcp_tuple *tuple,
			 const struct time_wait_state *s, ns_t now,
			 struct tcp_tuple *gone);

/**
 * time_wait_arrive() - A segment for one that waits
 * @number:	Value in lookup.h, without TIME_WAIT_FLAG
 * @answer:	Overwritten unless the verdict is TIME_WAIT_DROP; ports are those of
 *		@in, the other way
 *
 * Source: RFC 9293 §3.10.7.4, also §3.6.1; RFC 6191 §2; RFC 1337 §3 fix F1;
 * RFC 7323 §5.3.
 */
enum time_wait_verdict time_wait_arrive(struct time_wait *w, uint32_t number,
					const struct tcp_segment *in, ns_t now,
					struct tcp_segment *answer);

/** time_wait_remove() - @number waits no longer, and leaves @l, too */
void time_wait_remove(struct time_wait *w, struct lookup *l, uint32_t number);

/**
 * time_wait_next() - When to call time_wait_expire(); NS_NEVER if none waits
 */
ns_t time_wait_next(const struct time_wait *w);

/**
 * time_wait_expire() - Let go who has waited long enough
 * @gone:	Gets their tuples if not NULL, for ports_release(); room for @max
 * @max:	So many at most
 *
 * Return: how many.
 */
uint32_t time_wait_expire(struct time_wait *w, struct lookup *l, ns_t now,
			  struct tcp_tuple *gone, uint32_t max);

/** time_wait_count() - How many wait */
uint32_t time_wait_count(const struct time_wait *w);

#endif
