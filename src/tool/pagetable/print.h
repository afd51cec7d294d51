/* SPDX-License-Identifier: BSD-2-Clause */
/* print.h - Runs as text or as JSON, as they come */
#ifndef TOOL_PAGETABLE_PRINT_H
#define TOOL_PAGETABLE_PRINT_H

#include "base/json.h"
#include "tool/pagetable/runs.h"

struct print {
	bool json;
	enum page_format format;
	const struct process *p;
	const struct table *t;		/* NULL: none was built                 */
	uint64_t start, end;		/* both 0: not known                    */
	struct json j;
};

/** print_begin() - Print what comes before the runs; @o is set but for print.j */
void print_begin(struct print *o);

/**
 * print_run() - Print a run
 * @o:		A struct print, begun
 * @run:	Run
 */
void print_run(void *o, const struct run *run);

/**
 * print_end() - Print what comes after the runs
 * @o:		Begun
 * @error:	Why it is not complete; NULL: it is
 */
void print_end(struct print *o, const char *error);

#endif
