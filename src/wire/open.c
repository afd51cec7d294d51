// SPDX-License-Identifier: BSD-2-Clause
/* open.c - Open a wire by its specification */
#include <errno.h>
#include <stdio.h>

#include "wire/kinds.h"

static const struct {
	const char *kind;
	int (*open)(struct wire **out, const char *args,
		    struct wire_error *error);
} kinds[] = {
	{ "afpacket", afpacket_open },
	{ "fault", fault_open },
	{ "pcap", pcap_open },
	{ "tap", tap_open },
	{ "trace", trace_open },
};

int wire_open(struct wire **out, const char *spec, struct wire_error *error)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);

	*out = NULL;
	for (size_t n = 0; n < ARRAY_SIZE(kinds); n++) {
		if (strlen(kinds[n].kind) != len ||
		    strncmp(kinds[n].kind, spec, len) != 0)
			continue;
		if (colon)
			return kinds[n].open(out, colon + 1, error);
		snprintf(error->text, sizeof(error->text),
			 "wire %.100s: no name; it is KIND:NAME", spec);
		return -EINVAL;
	}
	snprintf(error->text, sizeof(error->text),
		 "wire %.100s: unknown kind; afpacket, fault, pcap, tap, trace",
		 spec);
	return -EINVAL;
}
