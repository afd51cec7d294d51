// SPDX-License-Identifier: BSD-2-Clause
/* burst_portable.c - The burst loop for any CPU */
#include "nic/aggregate.h"
#include "nic/flow_hash.h"

/* @bytes is 40, 44, 60 or 64; the last eight may overlap those before. */
static ALWAYS_INLINE bool expected(const uint8_t *header, const uint8_t *expect,
				   const uint8_t *mask, uint32_t bytes)
{
	uint64_t differ = 0;
	uint32_t at;

	for (at = 0; at + 8 <= bytes; at += 8)
		differ |= (load64(header + at) ^ load64(expect + at)) &
			  load64(mask + at);
	at = bytes - 8;
	differ |= (load64(header + at) ^ load64(expect + at)) & load64(mask + at);
	return differ == 0;
}

static ALWAYS_INLINE unsigned find_tag(const uint16_t tags[FLOW_BUCKET_PLACES],
				       uint16_t tag)
{
	return flow_find_tag(tags, tag);
}

#include "nic/burst_loop.h"

void burst_portable(struct coalescer *c, const struct tto_frame *frames,
		    size_t n)
{
	burst(c, frames, n);
}
