// SPDX-License-Identifier: BSD-2-Clause
/* clients.c - tto clients: who uses the device, and what they hold */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/message.h"
#include "tool/daemon/flow.h"
#include "tool/tool.h"

static uint64_t dropped(const struct stats_client *c)
{
	uint64_t sum = 0;

	for (uint32_t n = 0; n < STATS_DROPS; n++)
		sum += c->drops[n];
	return sum;
}

static void print_text(const struct stats_file *f)
{
	struct stats_client c;

	printf("%8s %6s %8s %7s %7s %6s %14s %14s %8s\n", "pid", "uid", "MiB",
	       "queues", "regions", "flows", "requests", "bytes", "dropped");
	for (uint32_t n = 0; n < f->head.n_clients; n++) {
		if (!stats_file_client(f, n, &c))
			continue;
		printf("%8u %6u %8.1f %7u %7u %6u %14" PRIu64 " %14" PRIu64
		       " %8" PRIu64 "\n", c.pid, c.uid,
		       (double)c.memory / (1 << 20), c.queues, c.regions, c.flows,
		       c.requests, c.bytes, dropped(&c));
	}
}

static void print_client(struct json *j, const struct stats_client *c)
{
	json_object_begin(j, NULL);
	json_u64(j, "pid", c->pid);
	json_u64(j, "uid", c->uid);
	json_u64(j, "gid", c->gid);
	json_u64(j, "memory", c->memory);
	json_u64(j, "memory_limit", c->memory_limit);
	json_u64(j, "registered", c->registered);
	json_u64(j, "registered_limit", c->registered_limit);
	json_u64(j, "objects", c->objects);
	json_u64(j, "objects_limit", c->objects_limit);
	json_u64(j, "queues", c->queues);
	json_u64(j, "queues_limit", c->queues_limit);
	json_u64(j, "regions", c->regions);
	json_u64(j, "regions_limit", c->regions_limit);
	json_u64(j, "flows", c->flows);
	json_u64(j, "flows_limit", c->flows_limit);
	json_u64(j, "ports", c->ports);
	json_u64(j, "requests", c->requests);
	json_u64(j, "completions", c->completions);
	json_u64(j, "bytes", c->bytes);
	json_object_begin(j, "drops");
	for (uint32_t n = 0; drop_name(n); n++)
		json_u64(j, drop_name(n), c->drops[n]);
	json_object_end(j);
	json_object_end(j);
}

static void print_json(const struct stats_file *f)
{
	struct stats_client c;
	struct json j;

	json_begin(&j, stdout);
	json_array_begin(&j, NULL);
	for (uint32_t n = 0; n < f->head.n_clients; n++) {
		if (stats_file_client(f, n, &c))
			print_client(&j, &c);
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
		message("clients: %s: unknown argument; see tto clients --help",
			argv[optind]);
		return TOOL_USAGE;
	}
	if (stats_file_open(&f, "clients", o.path))
		return TOOL_REFUSED;
	if (o.json)
		print_json(&f);
	else
		print_text(&f);
	stats_file_close(&f);
	return TOOL_OK;
}

const struct tool_verb tool_clients = {
	.name = "clients",
	.summary = "who uses the daemon's device, and what they hold",
	.usage =
"Usage: tto clients [--json] [--file FILE]\n"
"\n"
"Reads the statistics of a running ttod, without asking it.\n"
"\n"
"  -j, --json            as JSON, with limits and drops by cause\n"
"  -f, --file FILE       default " STATS_FILE "\n"
"  -h, --help            this text\n",
	.run = run,
};
