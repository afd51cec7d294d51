/* SPDX-License-Identifier: BSD-2-Clause */
/* report.h - What a bridge did: a line while it runs, a summary after */
#ifndef TOOL_BRIDGE_REPORT_H
#define TOOL_BRIDGE_REPORT_H

#include <stdio.h>
#include <tto/engine.h>

#include "host/kernel/outlet.h"

struct bridge_view {
	const struct wire *wire, *host;
	const struct tto_coalescer *coalescer;	/* NULL: --no-aggregate         */
	const struct outlet_stats *to_host, *to_wire;
	uint64_t unknown;	/* frames of another link type, dropped         */
	ns_t elapsed;
};

/* Counters at the last line, for what happened since. */
struct bridge_mark {
	struct wire_stats wire, host;
	ns_t elapsed;
};

/** bridge_report_progress() - One line about the time since @mark, moved on */
void bridge_report_progress(const struct bridge_view *v,
			    struct bridge_mark *mark, FILE *out);

/**
 * bridge_report_interval() - The same for --stats, as text or a JSON object
 */
void bridge_report_interval(const struct bridge_view *v,
			    struct bridge_mark *mark, bool json, FILE *out);

/** bridge_report_summary() - All of it, as a table or as a JSON object */
void bridge_report_summary(const struct bridge_view *v, bool json, FILE *out);

#endif
