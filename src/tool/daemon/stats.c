// SPDX-License-Identifier: BSD-2-Clause
/* stats.c - tto stats: what the daemon has done so far */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "base/json.h"
#include "base/message.h"
#include "tool/daemon/flow.h"
#include "tool/tool.h"

#define SECOND 1000000000ull

static const struct {
	const char *name, *text;
} totals[] = {
#define X(id, name, text) { name, text },
	STATS_TOTALS(X)
#undef X
};

_Static_assert(ARRAY_SIZE(totals) == STATS_N_TOTALS, "a name for each");

static uint64_t uptime_s(const struct stats_head *h)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec - h->started / SECOND;
}

/* An older daemon counts less. */
static uint32_t known(const struct stats_head *h)
{
	return h->n_totals < STATS_N_TOTALS ? h->n_totals : STATS_N_TOTALS;
}

static void print_text(const struct stats_head *h)
{
	printf("ttod of process %u on %.*s, for %" PRIu64 " s\n\n", h->pid,
	       (int)sizeof(h->wire), h->wire, uptime_s(h));
	for (uint32_t n = 0; n < known(h); n++)
		printf("%-16s %20" PRIu64 "  %s\n", totals[n].name, h->total[n],
		       totals[n].text);
	printf("\nlost or refused, of all clients:\n");
	for (uint32_t n = 0; drop_name(n); n++)
		printf("%-16s %20" PRIu64 "  %s\n", drop_name(n), h->drops[n],
		       drop_text(n));
}

static void print_json(const struct stats_head *h)
{
	char wire[sizeof(h->wire) + 1] = { 0 };
	struct json j;

	memcpy(wire, h->wire, sizeof(h->wire));
	json_begin(&j, stdout);
	json_object_begin(&j, NULL);
	json_u64(&j, "pid", h->pid);
	json_string(&j, "wire", wire);
	json_u64(&j, "uptime_s", uptime_s(h));
	json_object_begin(&j, "totals");
	for (uint32_t n = 0; n < known(h); n++)
		json_u64(&j, totals[n].name, h->total[n]);
	json_object_end(&j);
	json_object_begin(&j, "drops");
	for (uint32_t n = 0; drop_name(n); n++)
		json_u64(&j, drop_name(n), h->drops[n]);
	json_object_end(&j);
	json_object_end(&j);
	json_end(&j);
}

static int run(int argc, char **argv)
{
	struct daemon_options o;
	struct stats_file f;
	int err = daemon_options(argc, argv, &o);

	if (err)
		return err;
	if (optind < argc) {
		message("stats: %s: unknown argument; see tto stats --help",
			argv[optind]);
		return TOOL_USAGE;
	}
	if (stats_file_open(&f, "stats", o.path))
		return TOOL_REFUSED;
	if (o.json)
		print_json(&f.head);
	else
		print_text(&f.head);
	stats_file_close(&f);
	return TOOL_OK;
}

const struct tool_verb tool_stats = {
	.name = "stats",
	.summary = "what the daemon has done so far",
	.usage =
"Usage: tto stats [--json] [--file FILE]\n"
"\n"
"Reads the statistics of a running ttod, without asking it.\n"
"\n"
"  -j, --json            as JSON\n"
"  -f, --file FILE       default " STATS_FILE "\n"
"  -h, --help            this text\n",
	.run = run,
};
