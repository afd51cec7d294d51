// SPDX-License-Identifier: BSD-2-Clause
/* isn.c - Where sequence numbers and timestamps of a connection begin */
#include "tcp/isn.h"

#define ISN_TICK_NS 4000	/* RFC 6528 §3                                  */

struct isn isn_choose(const struct isn_secret *s, const struct tcp_tuple *tuple,
		      ns_t now)
{
	uint64_t f = tcp_tuple_siphash(tuple, s->key);

	return (struct isn){
		.iss = seq((uint32_t)(now / ISN_TICK_NS) + (uint32_t)f),
		.timestamp_offset = (uint32_t)(f >> 32),
	};
}
