// SPDX-License-Identifier: BSD-2-Clause
/* icmp_frames.c - ICMP errors for tests, written field by field */
#include "nic/icmp_frames.h"

#include <string.h>

#define ROUTER 77

struct icmp_spec icmp_defaults(const struct frame_spec *arriving, uint32_t seq)
{
	struct icmp_spec s = {
		.outer = *arriving, .quote = *arriving, .rest = 1300,
		.type = arriving->v6 ? 2 : 3, .code = arriving->v6 ? 0 : 4,
		.quote_bytes = arriving->v6 ? 48 : 28,
	};

	frame_reverse(&s.quote);
	s.quote.seq = seq;
	s.outer.source = ROUTER;
	s.outer.protocol = arriving->v6 ? 58 : 1;
	s.outer.next_header = s.outer.protocol;
	s.outer.options_len = 0;
	return s;
}

uint32_t icmp_build(const struct icmp_spec *spec, uint8_t *out)
{
	static uint8_t quoted[FRAME_MAX_BYTES];
	struct frame_spec outer = spec->outer;
	uint32_t l3 = frame_link_bytes(&outer), l4, bytes = 8 + spec->quote_bytes, len;
	uint16_t sum;

	/* As long as a TCP segment that is overwritten then. */
	outer.payload_len = bytes - 20;
	len = frame_build(&outer, out);
	l4 = l3 + (outer.v6 ? 40 : 20) + outer.ip_extra_len;
	frame_build(&spec->quote, quoted);
	memset(out + l4, 0, bytes);
	out[l4] = spec->type;
	out[l4 + 1] = spec->code;
	put32(out + l4 + 4, spec->rest);
	memcpy(out + l4 + 8, quoted + frame_link_bytes(&spec->quote), spec->quote_bytes);
	sum = naive_sum(0, out + l4, bytes);
	if (outer.v6) {
		uint8_t rest[8] = { [7] = 58 };

		put32(rest, bytes);
		sum = naive_sum(sum, out + l3 + 8, 32);
		sum = naive_sum(sum, rest, sizeof(rest));
	}
	put16(out + l4 + 2, (uint16_t)(~sum + spec->wrong_sum));
	return len;
}
