// SPDX-License-Identifier: BSD-2-Clause
/* doctor.c - tto doctor: what this machine can do, and what to change */
#include "tool/doctor/doctor.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/message.h"
#include "tool/tool.h"
#include "wire/interface.h"

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_MISSING] = "missing",
	[DOCTOR_UNKNOWN] = "unknown",
};

_Static_assert(ARRAY_SIZE(level_names) == DOCTOR_N_LEVELS, "a name for each");

void doctor_say(struct doctor *d, enum doctor_level level, const char *change,
		const char *format, ...)
{
	struct finding *f = &d->findings[d->n_findings];
	va_list args;

	if (d->n_findings == DOCTOR_FINDINGS_MAX)
		return;
	d->n_findings++;
	f->level = level;
	va_start(args, format);
	vsnprintf(f->what, sizeof(f->what), format, args);
	va_end(args);
	snprintf(f->change, sizeof(f->change), "%s", change);
}

bool doctor_read(const char *path, char *out, unsigned size)
{
	FILE *file = fopen(path, "re");
	bool read;

	if (!file)
		return false;
	read = fgets(out, (int)size, file);
	fclose(file);
	if (read)
		out[strcspn(out, "\n")] = '\0';
	return read;
}

static void print_text(const struct doctor *d)
{
	for (unsigned n = 0; n < d->n_findings; n++) {
		const struct finding *f = &d->findings[n];

		printf("%-8s %s%s%s\n", level_names[f->level], f->what,
		       *f->change ? " - " : "", f->change);
	}
}

static void print_json(const struct doctor *d)
{
	struct json j;

	json_begin(&j, stdout);
	json_array_begin(&j, NULL);
	for (unsigned n = 0; n < d->n_findings; n++) {
		const struct finding *f = &d->findings[n];

		json_object_begin(&j, NULL);
		json_string(&j, "level", level_names[f->level]);
		json_string(&j, "what", f->what);
		json_string(&j, "change", *f->change ? f->change : NULL);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_end(&j);
}

/* Without names: all Ethernet interfaces that are up. */
static void check_all_interfaces(struct doctor *d)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		struct interface_state s;

		if (!interface_query(i->if_name, &s) && s.up &&
		    s.hardware == ARPHRD_ETHER)
			doctor_check_interface(d, i->if_name);
	}
	if (all)
		if_freenameindex(all);
}

/* Return: whether all of @names are interfaces; else one line about it. */
static bool exist(char **names)
{
	struct interface_state s;

	for (; *names; names++) {
		int err = interface_query(*names, &s);

		if (err) {
			message_errno(err, "doctor: %s", *names);
			return false;
		}
	}
	return true;
}

static void check_interfaces(struct doctor *d, char **names)
{
	if (!*names)
		check_all_interfaces(d);
	for (; *names; names++)
		doctor_check_interface(d, *names);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct doctor *d;
	bool json = false;
	int option;

	while ((option = tool_getopt(argc, argv, ":j", longs)) != -1) {
		if (option != 'j')
			return TOOL_USAGE;
		json = true;
	}
	if (!exist(argv + optind))
		return TOOL_USAGE;
	d = calloc(1, sizeof(*d));
	if (!d)
		return message("out of memory"), TOOL_REFUSED;
	doctor_check_machine(d);
	doctor_check_wires(d);
	check_interfaces(d, argv + optind);
	if (json)
		print_json(d);
	else
		print_text(d);
	free(d);
	return TOOL_OK;
}

const struct tool_verb tool_doctor = {
	.name = "doctor",
	.summary = "say what this machine can do, and what to change",
	.usage =
"Usage: tto doctor [--json] [INTERFACE...]\n"
"\n"
"Looks at the kernel, privileges, wires, and the settings that would spoil a\n"
"measurement: of the interfaces named, or of all Ethernet interfaces that are\n"
"up. Changes nothing, needs no privilege, and says what it could not look at.\n"
"\n"
"  -j, --json            findings as JSON\n"
"  -h, --help            this text\n"
"\n"
"Each line: ok, warn, missing or unknown; what is; what to change.\n",
	.run = run,
};
