// SPDX-License-Identifier: BSD-2-Clause
/* find.c - The stacks of this machine's processes */
#include "tool/ss/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name that base/heap.c gives its memory. */
static const char heap_name[] = "/memfd:tto-heap (deleted)";

static void add(struct found_stack *stacks, int *n, pid_t pid, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat s;

	if (fd < 0 || fstat(fd, &s) || *n == FIND_STACKS_MAX) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int k = 0; k < *n; k++) {
		if (stacks[k].inode == s.st_ino && stacks[k].device == s.st_dev) {
			close(fd);
			return;
		}
	}
	stacks[(*n)++] = (struct found_stack){ .heap = fd, .pid = pid,
					       .device = s.st_dev, .inode = s.st_ino };
}

static int look_at(struct found_stack *stacks, int *n, pid_t pid)
{
	char path[NAME_MAX + 32], target[sizeof(heap_name)];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		length = readlink(path, target, sizeof(target));
		if (length == sizeof(heap_name) - 1 &&
		    !memcmp(target, heap_name, sizeof(heap_name) - 1))
			add(stacks, n, pid, path);
	}
	closedir(dir);
	return 0;
}

int find_stacks(struct found_stack *stacks, pid_t pid)
{
	struct dirent *entry;
	int n = 0, err;
	DIR *dir;

	if (pid) {
		err = look_at(stacks, &n, pid);
		return err ? err : n;
	}
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		/* Those of others, and those that end meanwhile, are passed over. */
		if (pid > 0)
			(void)!look_at(stacks, &n, pid);
	}
	closedir(dir);
	return n;
}
