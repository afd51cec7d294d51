/* SPDX-License-Identifier: BSD-2-Clause */
/* verdict.h - What was wrong first in a run */
#ifndef HOST_VERDICT_H
#define HOST_VERDICT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

struct verdict {
	bool failed;
	uint64_t time;		/* virtual, of the failure [ns]                 */
	uint64_t now;		/* kept by the world                            */
	char text[256];
};

PRINTF_LIKE(2, 3)
static inline void verdict_fail(struct verdict *v, const char *format, ...)
{
	va_list args;

	if (v->failed)
		return;
	v->failed = true;
	v->time = v->now;
	va_start(args, format);
	vsnprintf(v->text, sizeof(v->text), format, args);
	va_end(args);
}

#endif
