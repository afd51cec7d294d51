// SPDX-License-Identifier: BSD-2-Clause
/* pagetable.c - tto pagetable: a process's memory, as a device would walk it */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "tool/pagetable/print.h"
#include "tool/pagetable/range.h"
#include "tool/tool.h"

struct options {
	enum page_format format;
	bool json, all;
};

static int parse_format(const char *text, enum page_format *format)
{
	for (unsigned n = 0; n < PAGE_N_FORMATS; n++) {
		if (!strcmp(text, page_layouts[n].name)) {
			*format = n;
			return 0;
		}
	}
	message("pagetable: --format %s: ia32 or x86-64", text);
	return -EINVAL;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int option, err = 0;

	*o = (struct options){ .format = PAGE_FORMAT_X86_64 };
	while (!err && (option = tool_getopt(argc, argv, ":f:ja", longs)) != -1) {
		if (option == 'f')
			err = parse_format(optarg, &o->format);
		else if (option == 'j')
			o->json = true;
		else if (option == 'a')
			o->all = true;
		else
			err = -EINVAL;
	}
	return err;
}

/* A name becomes addresses. */
static int resolve(struct process *p, struct range *r)
{
	uint64_t end;
	int err;

	if (!r->name)
		return 0;
	err = process_find(p, r->name, &r->start, &end);
	if (!err && !r->bytes)
		r->bytes = end - r->start;
	return err;
}

static int show(struct process *p, struct table *t, const struct options *o,
		struct print *out)
{
	struct runs runs = { .p = p, .t = t, .all = o->all,
			     .print = print_run, .arg = out };
	int err = runs_read(&runs, out->start, out->end);

	if (!err) {
		out->t = t;
		print_begin(out);
		err = runs_walk(&runs);
		print_end(out, err ? p->error : NULL);
	}
	runs_release(&runs);
	return err;
}

static int build_and_show(struct process *p, const struct options *o,
			  struct print *out)
{
	struct table t;
	int err = process_read_mappings(p, out->start, out->end);

	if (err)
		return err;
	err = table_open(&t, o->format);
	if (err)
		return process_fail(p, err, "table");
	err = show(p, &t, o, out);
	table_close(&t);
	return err;
}

/* Return: exit status. */
static int work(struct process *p, struct range *r, const struct options *o)
{
	struct print out = { .json = o->json, .format = o->format, .p = p };
	int err = process_open(p, r->pid);

	if (!err)
		err = resolve(p, r);
	if (!err && range_pages(r, &out.start, &out.end))
		return TOOL_USAGE;
	if (!err)
		err = build_and_show(p, o, &out);
	if (!err)
		return TOOL_OK;
	if (!out.t) {	/* not even begun                                       */
		print_begin(&out);
		print_end(&out, p->error);
	}
	message("pagetable: %s", p->error);
	return TOOL_REFUSED;
}

static int run(int argc, char **argv)
{
	struct options o;
	struct process p;
	struct range r;
	int status;

	if (parse_options(argc, argv, &o) || range_parse(&r, argv + optind))
		return TOOL_USAGE;
	status = work(&p, &r, &o);
	process_close(&p);
	return status;
}

const struct tool_verb tool_pagetable = {
	.name = "pagetable",
	.summary = "a process's memory, as a device would walk it",
	.usage =
"Usage: tto pagetable PID ADDRESS LENGTH [OPTIONS]\n"
"\n"
"Builds a page table from that of a live process, walks it as the device does,\n"
"and prints the walk level by level: what is present, its size, its sharing,\n"
"and what the device may do. Pages that are equal are folded.\n"
"\n"
"ADDRESS and LENGTH: decimal, or hexadecimal with 0x; K, M or G may follow.\n"
"ADDRESS may be the name of a mapping, as \"[heap]\"; LENGTH may be left out then.\n"
"\n"
"  -f, --format FORMAT   ia32 or x86-64 (the default)\n"
"  -a, --all             every page on its own\n"
"  -j, --json            runs as JSON\n"
"  -h, --help            this text\n"
"\n"
"Frame numbers need CAP_SYS_ADMIN; without it symbols stand for them.\n",
	.run = run,
};
