// SPDX-License-Identifier: BSD-2-Clause
/* segmenter.c - The public names of the transmit side */
#include <tto/engine.h>

#include "nic/segment.h"
#include "packet/parse.h"

_Static_assert(sizeof(struct segment) <= sizeof(struct tto_segmenter),
	       "the state fits");
_Static_assert(_Alignof(struct segment) <= _Alignof(struct tto_segmenter),
	       "and is aligned");

_Static_assert((int)TTO_LINK_ETHERNET == PARSE_LINK_ETHERNET &&
	       (int)TTO_LINK_IP == PARSE_LINK_IP &&
	       (int)TTO_LINK_NULL == PARSE_LINK_NULL &&
	       (int)TTO_LINK_SLL == PARSE_LINK_SLL &&
	       (int)TTO_LINK_SLL2 == PARSE_LINK_SLL2,
	       "segment_begin() hands the link on");

int tto_segmenter_begin(struct tto_segmenter *s, const struct tto_unit *unit)
{
	return segment_begin((struct segment *)(void *)s, unit);
}

int tto_segmenter_next(struct tto_segmenter *s, struct tto_slot *slots,
		       size_t n)
{
	return segment_next((struct segment *)(void *)s, slots, n);
}
