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

/* Return: how to open it, NULL: unknown; *@name is what follows the kind. */
static wire_open_fn *find_kind(const char *spec, const char **name)
{
	size_t len = strcspn(spec, ":");

	*name = spec + len + 1;
	for (size_t k = 0; spec[len] == ':' && k < ARRAY_SIZE(kinds); k++) {
		if (strlen(kinds[k].kind) == len &&
		    !memcmp(kinds[k].kind, spec, len))
			return kinds[k].open;
	}
	return NULL;
}

bool wire_is_known(const char *spec)
{
	return find_kind(spec, &spec) != NULL;
}

int wire_open(struct wire **out, const char *spec, struct wire_error *error)
{
	const char *name;
	wire_open_fn *open = find_kind(spec, &name);

	if (open)
		return open(out, name, error);
	return spec_error(error, -EINVAL, *spec ? spec : "wire",
			  "not a wire; KIND:NAME with KIND afpacket, tap, memif, pair, "
			  "pcap, trace or fault");
}
