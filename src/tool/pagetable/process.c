// SPDX-License-Identifier: BSD-2-Clause
/* process.c - A live process: its mappings, and the files that tell of its pages */
#include "tool/pagetable/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/pagetable/pagemap.h"

int process_fail(struct process *p, int err, const char *what)
{
	if (err == -E2BIG)
		snprintf(p->error, sizeof(p->error), "process %u: %s", p->pid,
			 what);
	else
		snprintf(p->error, sizeof(p->error), "process %u: %s: %s",
			 p->pid, what, err == -ESRCH ?
			 "it has ended, or has no memory" : strerror(-err));
	return err;
}

static FILE *open_stream(struct process *p, const char *file)
{
	int fd = openat(p->dir, file, O_RDONLY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");

	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

static int open_dir(struct process *p)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", p->pid);
	p->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dir >= 0)
		return 0;
	if (errno != ENOENT)
		return process_fail(p, -errno, path);
	snprintf(p->error, sizeof(p->error), "process %u: there is none",
		 p->pid);
	return -ESRCH;
}

static void read_name(struct process *p)
{
	FILE *stream = open_stream(p, "comm");

	if (!stream)
		return;
	if (fgets(p->name, sizeof(p->name), stream))
		p->name[strcspn(p->name, "\n")] = '\0';
	fclose(stream);
}

/* Whoever may see frame numbers sees that of the page he stands on. */
static bool sees_frames(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0, here = (uintptr_t)&entry;
	bool sees;

	if (fd < 0)
		return false;
	sees = pread(fd, &entry, sizeof(entry),
		     (off_t)(here / PAGEMAP_PAGE * sizeof(entry))) ==
		       sizeof(entry) && entry & PAGEMAP_FRAME;
	close(fd);
	return sees;
}

static int open_pagemap(struct process *p)
{
	p->pagemap = openat(p->dir, "pagemap", O_RDONLY | O_CLOEXEC);
	if (p->pagemap < 0)
		return process_fail(p, -errno, "pagemap");
	p->sees_frames = sees_frames();
	if (!p->sees_frames)
		return 0;
	p->kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	p->kpagecount = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
	return 0;
}

int process_open(struct process *p, uint32_t pid)
{
	int err;

	*p = (struct process){ .pid = pid, .dir = -1, .pagemap = -1,
			       .kpageflags = -1, .kpagecount = -1,
			       .can_scan = true, .next_symbol = 1 };
	if (sysconf(_SC_PAGESIZE) != PAGEMAP_PAGE) {
		snprintf(p->error, sizeof(p->error),
			 "this machine: its pages are not of 4 KiB");
		return -ENOTSUP;
	}
	err = open_dir(p);
	if (err)
		return err;
	read_name(p);
	return open_pagemap(p);
}

void process_close(struct process *p)
{
	int files[] = { p->dir, p->pagemap, p->kpageflags, p->kpagecount };

	for (unsigned n = 0; n < ARRAY_SIZE(files); n++) {
		if (files[n] >= 0)
			close(files[n]);
	}
	free(p->mappings);
	p->mappings = NULL;
}

bool process_has_ended(const struct process *p)
{
	uint64_t entry;

	return pread(p->pagemap, &entry, sizeof(entry), 0) == 0;
}

/* ---- Mappings ------------------------------------------------------------------ */

/* The head of a line of maps and smaps. Return: false for any other line. */
static bool parse_mapping(const char *line, struct mapping *m)
{
	uint64_t inode;
	int name = 0;

	*m = (struct mapping){ 0 };
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64 " %n",
		   &m->start, &m->end, m->rights, &inode, &name) != 4 || !name)
		return false;
	m->shared = m->rights[3] == 's';
	m->has_file = inode != 0;
	snprintf(m->name, sizeof(m->name), "%s", line + name);
	m->name[strcspn(m->name, "\n")] = '\0';
	return m->start < m->end;
}

static int keep(struct process *p, const struct mapping *m)
{
	uint32_t max = p->max_mappings ? 2 * p->max_mappings : 64;
	struct mapping *more;

	if (p->n_mappings == p->max_mappings) {
		more = realloc(p->mappings, max * sizeof(*more));
		if (!more)
			return process_fail(p, -ENOMEM, "maps");
		p->mappings = more;
		p->max_mappings = max;
	}
	p->mappings[p->n_mappings++] = *m;
	return 0;
}

/* Called for each mapping. Return: 0 to go on. */
typedef int visit_fn(struct process *p, const struct mapping *m, void *arg);

static int each_mapping(struct process *p, visit_fn *visit, void *arg)
{
	FILE *stream = open_stream(p, "maps");
	struct mapping m;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	if (!stream)
		return process_fail(p, -errno, "maps");
	while (!err && getline(&line, &size, stream) > 0) {
		if (parse_mapping(line, &m))
			err = visit(p, &m, arg);
	}
	if (!err && ferror(stream))
		err = process_fail(p, -EIO, "maps");
	free(line);
	fclose(stream);
	return err;
}

struct search {
	const char *name;
	uint64_t start, end;	/* both 0: not found                            */
};

static int compare_name(struct process *p, const struct mapping *m, void *arg)
{
	struct search *s = arg;

	if (strcmp(m->name, s->name))
		return 0;
	if (!s->end)
		s->start = m->start;
	s->end = m->end;
	return 0;
}

int process_find(struct process *p, const char *name, uint64_t *start,
		 uint64_t *end)
{
	struct search s = { .name = name };
	int err = each_mapping(p, compare_name, &s);

	if (err)
		return err;
	if (!s.end) {
		snprintf(p->error, sizeof(p->error),
			 "process %u: %s: no mapping has that name", p->pid,
			 name);
		return -ENOENT;
	}
	*start = s.start;
	*end = s.end;
	return 0;
}

struct limits {
	uint64_t start, end;
};

/* What changes while it is read could come twice: that is left out. */
static int keep_within(struct process *p, const struct mapping *m, void *arg)
{
	const struct limits *l = arg;

	if (m->end <= l->start || m->start >= l->end)
		return 0;
	if (p->n_mappings && p->mappings[p->n_mappings - 1].end > m->start)
		return 0;
	return keep(p, m);
}

int process_read_mappings(struct process *p, uint64_t start, uint64_t end)
{
	struct limits l = { start, end };
	int err;

	p->n_mappings = 0;
	err = each_mapping(p, keep_within, &l);
	if (err || p->n_mappings)
		return err;
	snprintf(p->error, sizeof(p->error),
		 "process %u: nothing is mapped from 0x%" PRIx64 " to 0x%" PRIx64,
		 p->pid, start, end);
	return -ENOENT;
}

/* ---- Sizes of pages ------------------------------------------------------------- */

/* Takes what smaps says of @m to the mapping of the same start. */
static void set_size(struct process *p, const struct mapping *m,
		     uint64_t kilobytes, uint32_t *next)
{
	while (*next < p->n_mappings && p->mappings[*next].start < m->start)
		++*next;
	if (*next < p->n_mappings && p->mappings[*next].start == m->start &&
	    kilobytes >= 4)
		p->mappings[*next].shift =
			(uint8_t)(63 - __builtin_clzll(kilobytes << 10));
}

static void read_sizes(struct process *p, FILE *stream)
{
	uint64_t kilobytes, end = p->mappings[p->n_mappings - 1].end;
	struct mapping m = { 0 }, other;
	char *line = NULL;
	uint32_t next = 0;
	size_t size = 0;

	while (m.start < end && getline(&line, &size, stream) > 0) {
		if (sscanf(line, "KernelPageSize: %" SCNu64, &kilobytes) == 1)
			set_size(p, &m, kilobytes, &next);
		else if (parse_mapping(line, &other))
			m = other;
	}
	free(line);
}

void process_look_at_sizes(struct process *p)
{
	FILE *stream = open_stream(p, "smaps");

	for (uint32_t n = 0; n < p->n_mappings; n++)
		p->mappings[n].shift = PAGEMAP_SHIFT;
	if (!stream)
		return;
	read_sizes(p, stream);
	fclose(stream);
}
