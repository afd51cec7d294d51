// SPDX-License-Identifier: BSD-2-Clause
/* open.c - Open a wire by its specification */
#include <errno.h>

#include "wire/kinds.h"
#include "wire/spec.h"

static const struct {
	const char *kind;
	wire_open_fn *open;
} kinds[] = {
	{ "afpacket", afpacket_open },
	{ "tap", tap_open },
	{ "memif", memif_open },
	{ "pair", pair_open },
	{ "pcap", pcap_open },
	{ "trace", trace_open },
	{ "fault", fault_open },
};

int wire_open(struct wire **out, const char *spec, struct wire_error *error)
{
	size_t len = strcspn(spec, ":");

	for (size_t k = 0; spec[len] == ':' && k < ARRAY_SIZE(kinds); k++) {
		if (strlen(kinds[k].kind) == len &&
		    !memcmp(kinds[k].kind, spec, len))
			return kinds[k].open(out, spec + len + 1, error);
	}
	return spec_error(error, -EINVAL, *spec ? spec : "wire",
			  "not a wire; KIND:NAME with KIND afpacket, tap, memif, pair, "
			  "pcap, trace or fault");
}
