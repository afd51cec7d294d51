/* SPDX-License-Identifier: BSD-2-Clause */
/* report.h - What coalescers did, as a table or as JSON */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <tto/engine.h>

struct report {
	struct tto_coalescer_stats total;
	uint64_t bytes_in, bytes_out;
};

/** report_add() - Add the counters of @c to the totals */
void report_add(struct report *r, const struct tto_coalescer *c);

/** report_print() - Write the summary to @out, which is checked by the caller */
void report_print(const struct report *r, bool json, FILE *out);

#endif
