// SPDX-License-Identifier: BSD-2-Clause
/* report.c - What coalescers did, as a table or as JSON */
#include "tool/report.h"

#include <inttypes.h>

#include "base/json.h"

void report_add(struct report *r, const struct tto_coalescer *c)
{
	struct tto_coalescer_stats s;

	tto_coalescer_stats(c, &s);
	r->total.frames_in += s.frames_in;
	r->total.packets_out += s.packets_out;
	r->total.aggregates += s.aggregates;
	r->total.frames_joined += s.frames_joined;
	r->total.flows += s.flows;
	r->total.flows_created += s.flows_created;
	r->total.held += s.held;
	for (unsigned cause = 0; cause < TTO_N_CAUSES; cause++) {
		r->total.ended[cause] += s.ended[cause];
		r->total.passed[cause] += s.passed[cause];
	}
}

static double mean(uint64_t sum, uint64_t n)
{
	return n ? (double)sum / (double)n : 0;
}

static void print_table(const struct report *r, FILE *out)
{
	const struct tto_coalescer_stats *t = &r->total;

	fprintf(out, "%-18s %12s %14s\n", "", "packets", "bytes");
	fprintf(out, "%-18s %12" PRIu64 " %14" PRIu64 "\n", "in", t->frames_in,
		r->bytes_in);
	fprintf(out, "%-18s %12" PRIu64 " %14" PRIu64 "\n", "out",
		t->packets_out, r->bytes_out);
	fprintf(out, "%-18s %12" PRIu64 "\n", "aggregates", t->aggregates);
	fprintf(out, "%-18s %12.1f\n", "frames/aggregate",
		mean(t->frames_joined, t->aggregates));
	fprintf(out, "%-18s %12.2f\n", "frames/packet",
		mean(t->frames_in, t->packets_out));
	fprintf(out, "%-18s %12" PRIu64 "\n", "flows", t->flows_created);
	fprintf(out, "\n%-18s %12s %14s  why\n", "cause", "ended", "passed");
	for (unsigned cause = 0; cause < TTO_N_CAUSES; cause++) {
		if (!t->ended[cause] && !t->passed[cause])
			continue;
		fprintf(out, "%-18s %12" PRIu64 " %14" PRIu64 "  %s\n",
			tto_cause_name(cause), t->ended[cause],
			t->passed[cause], tto_cause_text(cause));
	}
}

static void print_json(const struct report *r, FILE *out)
{
	const struct tto_coalescer_stats *t = &r->total;
	struct json j;

	json_begin(&j, out);
	json_object_begin(&j, NULL);
	json_u64(&j, "frames_in", t->frames_in);
	json_u64(&j, "packets_out", t->packets_out);
	json_u64(&j, "bytes_in", r->bytes_in);
	json_u64(&j, "bytes_out", r->bytes_out);
	json_u64(&j, "aggregates", t->aggregates);
	json_u64(&j, "frames_joined", t->frames_joined);
	json_double(&j, "mean_frames_per_aggregate",
		    mean(t->frames_joined, t->aggregates));
	json_u64(&j, "flows_created", t->flows_created);
	json_array_begin(&j, "causes");
	for (unsigned cause = 0; cause < TTO_N_CAUSES; cause++) {
		if (!t->ended[cause] && !t->passed[cause])
			continue;
		json_object_begin(&j, NULL);
		json_string(&j, "cause", tto_cause_name(cause));
		json_u64(&j, "ended", t->ended[cause]);
		json_u64(&j, "passed", t->passed[cause]);
		json_string(&j, "text", tto_cause_text(cause));
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_end(&j);
}

void report_print(const struct report *r, bool json, FILE *out)
{
	if (json)
		print_json(r, out);
	else
		print_table(r, out);
}
