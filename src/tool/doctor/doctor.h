/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - Findings about this machine, and who makes them
 *
 * Each finding says what is, and, unless all is well, what to change.
 */
#ifndef TOOL_DOCTOR_H
#define TOOL_DOCTOR_H

#include <stdbool.h>

#include "base/compiler.h"

#define DOCTOR_FINDINGS_MAX 256
#define DOCTOR_TEXT_BYTES 200

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARN,		/* works, but slower, or a measurement misleads */
	DOCTOR_MISSING,		/* something cannot be done                     */
	DOCTOR_UNKNOWN,		/* could not be looked at                       */
	DOCTOR_N_LEVELS
};

struct finding {
	enum doctor_level level;
	char what[DOCTOR_TEXT_BYTES];
	char change[DOCTOR_TEXT_BYTES];		/* "" when there is nothing to  */
};

struct doctor {
	struct finding findings[DOCTOR_FINDINGS_MAX];
	unsigned n_findings;
};

/**
 * doctor_say() - Add a finding; when there are too many it is left out
 * @d:		Findings so far
 * @level:	How bad it is
 * @change:	What to change, or ""
 * @format:	printf format of what is
 */
void doctor_say(struct doctor *d, enum doctor_level level, const char *change,
		const char *format, ...) PRINTF_LIKE(4, 5);

/** doctor_read() - First line of a file of /proc or /sys; false: not readable */
bool doctor_read(const char *path, char *out, unsigned size);

/** doctor_check_machine() - Kernel, CPU, clock, network settings, programs */
void doctor_check_machine(struct doctor *d);

/** doctor_check_wires() - Privileges, namespaces, and what each wire needs */
void doctor_check_wires(struct doctor *d);

/**
 * doctor_check_interface() - Offloads and settings of one interface
 *
 * Says nothing when there is none of that name.
 */
void doctor_check_interface(struct doctor *d, const char *name);

#endif
