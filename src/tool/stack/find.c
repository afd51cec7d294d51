// SPDX-License-Identifier: BSD-2-Clause
/* find.c - The stacks of this machine's processes */
#include "tool/stack/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name that base/heap.c gives its memory. */
static const char heap_name[] = "/memfd:tto-heap (deleted)";

/* Those that have a stack may write to it; those that look at one, as we do, read. */
static bool is_writable(pid_t pid, const char *fd)
{
	char path[NAME_MAX + 32], line[64];
	unsigned flags = O_RDONLY;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "flags: %o", &flags) != 1)
		;
	if (f)
		fclose(f);
	return (flags & O_ACCMODE) == O_RDWR;
}

/* Called for each heap of a process. Return: whether to look for more. */
typedef bool heap_fn(void *ctx, pid_t pid, const char *path, const struct stat *s);

static int look_at(pid_t pid, heap_fn *call, void *ctx)
{
	char path[NAME_MAX + 32], target[sizeof(heap_name)];
	struct dirent *entry;
	bool more = true;
	struct stat s;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (more && (entry = readdir(dir))) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		length = readlink(path, target, sizeof(target));
		if (length == sizeof(heap_name) - 1 &&
		    !memcmp(target, heap_name, sizeof(heap_name) - 1) &&
		    is_writable(pid, entry->d_name) && !stat(path, &s))
			more = call(ctx, pid, path, &s);
	}
	closedir(dir);
	return 0;
}

/* Those of others, and those that end meanwhile, are passed over. */
static int look_at_all(heap_fn *call, void *ctx)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0)
			(void)!look_at(pid, call, ctx);
	}
	closedir(dir);
	return 0;
}

/* ---- Stacks ---------------------------------------------------------------------- */

struct stacks {
	struct found_stack *found;
	int n;
};

static bool is_one(const struct found_stack *f, const struct stat *s)
{
	return f->inode == s->st_ino && f->device == s->st_dev;
}

static bool add_stack(void *ctx, pid_t pid, const char *path, const struct stat *s)
{
	struct stacks *to = ctx;
	int fd;

	for (int n = 0; n < to->n; n++) {
		if (is_one(&to->found[n], s))
			return true;
	}
	if (to->n == FIND_STACKS_MAX)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		to->found[to->n++] = (struct found_stack){
			.heap = fd, .pid = pid,
			.device = s->st_dev, .inode = s->st_ino,
		};
	return true;
}

int find_stacks(struct found_stack *stacks, pid_t pid)
{
	struct stacks to = { .found = stacks };
	int err = pid ? look_at(pid, add_stack, &to) : look_at_all(add_stack, &to);

	return err ? err : to.n;
}

/* ---- Processes -------------------------------------------------------------------- */

struct processes {
	const struct found_stack *of;
	pid_t *pids;
	int n;
};

static bool add_process(void *ctx, pid_t pid, const char *path, const struct stat *s)
{
	struct processes *to = ctx;
	pid_t *more;

	if (!is_one(to->of, s))
		return true;
	more = realloc(to->pids, (size_t)(to->n + 1) * sizeof(*more));
	if (!more)
		return false;
	to->pids = more;
	to->pids[to->n++] = pid;
	return false;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int find_processes(const struct found_stack *of, pid_t **pids)
{
	struct processes to = { .of = of };
	int err = look_at_all(add_process, &to);

	*pids = to.pids;
	if (err)
		return err;
	if (to.n)
		qsort(to.pids, (size_t)to.n, sizeof(*to.pids), by_number);
	return to.n;
}
