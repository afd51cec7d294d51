// SPDX-License-Identifier: BSD-2-Clause
/* flow.c - Why a flow of the daemon is received as it is (SPEC RX-13) */
#include "tool/explain/flow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <tto/engine.h>

#include "base/compiler.h"
#include "base/json.h"
#include "base/message.h"
#include "tool/daemon/flow.h"
#include "tool/tool.h"

#define STOPS_AT 65535		/* counters of causes                           */

struct cause {
	uint32_t cause, count;
};

static int by_count(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

/* Causes that there were, most frequent first. Return: how many. */
static uint32_t sort_causes(const struct stats_flow *f, struct cause *out,
			    uint64_t *sum)
{
	uint32_t used = 0;

	*sum = 0;
	for (uint32_t n = 0; n < TTO_N_CAUSES; n++) {
		if (!f->causes[n])
			continue;
		out[used++] = (struct cause){ n, f->causes[n] };
		*sum += f->causes[n];
	}
	qsort(out, used, sizeof(*out), by_count);
	return used;
}

static void print_causes(const struct stats_flow *f)
{
	struct cause causes[TTO_N_CAUSES];
	uint64_t sum;
	uint32_t n_causes = sort_causes(f, causes, &sum);

	if (!n_causes)
		return;
	printf("\nwhy packets ended where they did:\n");
	for (uint32_t n = 0; n < n_causes; n++)
		printf("  %-14s %5u%s %3.0f%%  %s\n", tto_cause_name(causes[n].cause),
		       causes[n].count, causes[n].count >= STOPS_AT ? "+" : " ",
		       100.0 * causes[n].count / (double)sum,
		       tto_cause_text(causes[n].cause));
}

static void print_drops(const struct stats_flow *f)
{
	bool first = true;

	for (uint32_t n = 0; drop_name(n); n++) {
		if (!f->drops[n])
			continue;
		if (first)
			printf("\nlost or refused:\n");
		first = false;
		printf("  %-14s %6" PRIu64 "       %s\n", drop_name(n), f->drops[n],
		       drop_text(n));
	}
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void explain(const struct stats_flow *f)
{
	struct flow_names names;

	flow_names(&names, f);
	printf("flow %u: %s, %s - %s, process %u\n\n", f->id, names.kind,
	       names.local, names.remote, f->pid);
	printf("received  %" PRIu64 " packets of %" PRIu64 " segments (%.1f each), %"
	       PRIu64 " bytes\n", f->packets, f->segments, flow_joined(f), f->bytes);
	printf("placed    %.0f%% in the program's own buffers (RQ), %.0f%% in shared "
	       "ones (GRQ)\n", share(f->placed_rq, f->bytes),
	       share(f->placed_grq, f->bytes));
	printf("order     %" PRIu64 " packets did not continue the stream\n",
	       f->out_of_order);
	printf("sent      %" PRIu64 " bytes\n", f->sent);
	print_causes(f);
	print_drops(f);
}

/* Ids have the record's place in their low bits. */
static bool find_flow(const struct stats_file *file, uint32_t id,
		      struct stats_flow *out)
{
	for (uint32_t n = 0; n < file->head.n_flows; n++) {
		if (stats_file_flow(file, n, out) && out->id == id)
			return true;
	}
	return false;
}

int flow_explain(const struct daemon_options *o, uint32_t id)
{
	struct stats_file file;
	struct stats_flow f;
	struct json j;
	bool found;

	if (stats_file_open(&file, "explain", o->path))
		return TOOL_REFUSED;
	found = find_flow(&file, id, &f);
	stats_file_close(&file);
	if (!found) {
		message("explain: %u: no such flow; see tto flows", id);
		return TOOL_REFUSED;
	}
	if (!o->json) {
		explain(&f);
		return TOOL_OK;
	}
	json_begin(&j, stdout);
	flow_json(&j, &f);
	json_end(&j);
	return TOOL_OK;
}

bool flow_is_client(const struct stats_file *file, pid_t pid)
{
	struct stats_client c;

	for (uint32_t n = 0; n < file->head.n_clients; n++) {
		if (stats_file_client(file, n, &c) && c.pid == (uint32_t)pid)
			return true;
	}
	return false;
}

unsigned flow_explain_all(const struct stats_file *file, pid_t pid, struct json *j)
{
	struct stats_flow f;
	unsigned n_found = 0;

	for (uint32_t n = 0; n < file->head.n_flows; n++) {
		if (!stats_file_flow(file, n, &f) || (pid && f.pid != (uint32_t)pid))
			continue;
		n_found++;
		if (j) {
			flow_json(j, &f);
			continue;
		}
		if (n_found > 1)
			putchar('\n');
		explain(&f);
	}
	return n_found;
}
