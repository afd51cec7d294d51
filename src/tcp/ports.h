/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.h - Ephemeral ports that cannot be guessed and are found at once
 *
 * DOC: Theory of operation
 * Double-hash selection: where to begin is a secret function of addresses and the
 * remote port; from there a counter goes on, one of several, so that a port comes
 * back late and what one peer sees says nothing about another's.
 *
 * Remotes with the same counter are a group. It counts for each port how many
 * connections of the group use it, with a bitmap of those that none does, and
 * takes the next of these: found by looking at a few words, however many are in use.
 * Only when a group has none left are ports shared in it, to different remotes, and
 * tuples looked up one by one.
 *
 * All is in one piece of memory of the caller, without pointers.
 * Source: RFC 6056 §3.3.4; RFC 9293 §3.9.1.1.
 */
#ifndef TCP_PORTS_H
#define TCP_PORTS_H

#include "packet/lookup.h"

#define PORTS_FIRST 32768		/* usual, inclusive                     */
#define PORTS_LAST 60999

struct ports;

/**
 * ports_bytes() - Memory for so many groups
 * @n_groups:	A power of two, 1..1024: one for each 16 k connections or so; each
 *		takes 137 KiB
 */
size_t ports_bytes(uint32_t n_groups);

/**
 * ports_init() - No port is used
 * @memory:	ports_bytes(@n_groups), aligned to 64
 * @first:	Lowest port to choose, at least 1
 * @last:	Highest port to choose, at least @first
 * @key:	16 bytes that nobody can guess
 *
 * Return: @memory.
 */
struct ports *ports_init(void *memory, uint32_t n_groups, uint16_t first,
			 uint16_t last, const uint8_t key[16]);

/**
 * ports_choose() - A local port for an active open
 * @l:		Where all connections are
 * @tuple:	Gets the port; the rest is given
 *
 * Never one on which somebody listens. The port is not yet used: insert the tuple, then
 * ports_use().
 *
 * Return: 0, or -EADDRNOTAVAIL if for all of them there is such a tuple.
 */
int ports_choose(struct ports *p, const struct lookup *l,
		 struct tcp_tuple *tuple);

/** ports_use() - A connection with @tuple was made, by whoever chose its port */
void ports_use(struct ports *p, const struct tcp_tuple *tuple);

/** ports_release() - ... and is gone, TIME-WAIT included */
void ports_release(struct ports *p, const struct tcp_tuple *tuple);

#endif
