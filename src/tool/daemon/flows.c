// SPDX-License-Identifier: BSD-2-Clause
/* flows.c - tto flows: connections and listens of the daemon's clients */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/message.h"
#include "tool/daemon/flow.h"
#include "tool/tool.h"

static uint64_t dropped(const struct stats_flow *f)
{
	uint64_t sum = 0;

	for (uint32_t n = 0; n < STATS_DROPS; n++)
		sum += f->drops[n];
	return sum;
}

static void print_text(const struct stats_file *file)
{
	struct stats_flow f;
	struct flow_names names;

	printf("%8s %8s %-22s %-22s %12s %6s %14s %14s %8s\n", "flow", "pid",
	       "local", "remote", "packets", "joined", "received", "sent", "dropped");
	for (uint32_t n = 0; n < file->head.n_flows; n++) {
		if (!stats_file_flow(file, n, &f))
			continue;
		flow_names(&names, &f);
		printf("%8u %8u %-22s %-22s %12" PRIu64 " %6.1f %14" PRIu64
		       " %14" PRIu64 " %8" PRIu64 "\n", f.id, f.pid, names.local,
		       names.remote, f.packets, flow_joined(&f), f.bytes, f.sent,
		       dropped(&f));
	}
}

static void print_json(const struct stats_file *file)
{
	struct stats_flow f;
	struct json j;

	json_begin(&j, stdout);
	json_array_begin(&j, NULL);
	for (uint32_t n = 0; n < file->head.n_flows; n++) {
		if (stats_file_flow(file, n, &f))
			flow_json(&j, &f);
	}
	json_array_end(&j);
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
		message("flows: %s: unknown argument; see tto flows --help",
			argv[optind]);
		return TOOL_USAGE;
	}
	if (stats_file_open(&f, "flows", o.path))
		return TOOL_REFUSED;
	if (o.json)
		print_json(&f);
	else
		print_text(&f);
	stats_file_close(&f);
	return TOOL_OK;
}

const struct tool_verb tool_flows = {
	.name = "flows",
	.summary = "connections and listens of the daemon's clients",
	.usage =
"Usage: tto flows [--json] [--file FILE]\n"
"\n"
"Reads the statistics of a running ttod, without asking it. \"joined\" is how many\n"
"segments a packet that reached the program was made of.\n"
"\n"
"  -j, --json            as JSON, with drops and ends of aggregates by cause\n"
"  -f, --file FILE       default " STATS_FILE "\n"
"  -h, --help            this text\n",
	.run = run,
};
