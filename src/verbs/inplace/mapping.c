// SPDX-License-Identifier: BSD-2-Clause
/* mapping.c - What is mapped at an address of this process */
#include "verbs/inplace/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- Linux 6.11: one question, one answer --------------------------------------------- */

enum {
	QUERY_READABLE = 0x01,
	QUERY_WRITABLE = 0x02,
	QUERY_SHARED = 0x08,
};

/* The kernel's interface, which older headers do not have. */
struct map_query {
	uint64_t size;
	uint64_t flags;
	uint64_t address;
	uint64_t start, end, vma_flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t name_size, build_id_size;
	uint64_t name, build_id;
};

#define MAP_QUERY _IOWR('f', 17, struct map_query)

static bool is_stack(const char *name)
{
	return strncmp(name, "[stack", 6) == 0;
}

#define NAME_BYTES 32

/* @name: room for NAME_BYTES; NULL: it is dear, for the kernel has to make a path of it. */
static int ask(int fd, const void *at, struct mapping *m, char *name)
{
	struct map_query q = {
		.size = sizeof(q), .address = (uintptr_t)at,
		.name_size = name ? NAME_BYTES : 0, .name = (uintptr_t)name,
	};

	if (ioctl(fd, MAP_QUERY, &q) != 0) {
		/* Not a stack then, and its name is of no interest. */
		if (errno == ENAMETOOLONG)
			return ask(fd, at, m, NULL);
		return -errno;
	}
	*m = (struct mapping){
		.start = q.start, .end = q.end, .offset = q.offset,
		.inode = q.inode,
		.readable = q.vma_flags & QUERY_READABLE,
		.writable = q.vma_flags & QUERY_WRITABLE,
		.shared = q.vma_flags & QUERY_SHARED,
		.special = (name && is_stack(name)) ||
			   q.page_size != (uint64_t)sysconf(_SC_PAGESIZE),
	};
	return 0;
}

/* ---- Before: the whole list ---------------------------------------------------------------- */

struct lines {
	int fd;
	size_t n, at;
	char buffer[4096];
};

/* The next line, without its end; what does not fit in @line is cut. */
static bool next_line(struct lines *l, char *line, size_t size)
{
	size_t len = 0;

	for (;;) {
		if (l->at == l->n) {
			ssize_t n = read(l->fd, l->buffer, sizeof(l->buffer));

			if (n <= 0)
				return false;
			l->n = (size_t)n;
			l->at = 0;
		}
		if (l->buffer[l->at] == '\n')
			break;
		if (len + 1 < size)
			line[len++] = l->buffer[l->at];
		l->at++;
	}
	l->at++;
	line[len] = '\0';
	return true;
}

static bool read_line(const char *line, struct mapping *m)
{
	char rights[5] = "", name[32] = "";
	unsigned long start, end, offset, inode;

	if (sscanf(line, "%lx-%lx %4s %lx %*x:%*x %lu %31s", &start, &end, rights,
		   &offset, &inode, name) < 5)
		return false;
	*m = (struct mapping){
		.start = start, .end = end, .offset = offset, .inode = inode,
		.readable = rights[0] == 'r', .writable = rights[1] == 'w',
		.shared = rights[3] == 's',
		.special = is_stack(name) ||
			   strncmp(name, "/anon_hugepage", 14) == 0,
	};
	return true;
}

static int search(int fd, const void *at, struct mapping *m)
{
	struct lines l = { .fd = fd };
	char line[160];

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while (next_line(&l, line, sizeof(line)))
		if (read_line(line, m) && (uintptr_t)at < m->end)
			return (uintptr_t)at >= m->start ? 0 : -ENOENT;
	return -ENOENT;
}

/* ---- Both ------------------------------------------------------------------------------------- */

int mapping_open(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

int mapping_find(int fd, const void *at, struct mapping *m)
{
	char name[NAME_BYTES] = "";
	int err = ask(fd, at, m, name);

	return err == -ENOTTY ? search(fd, at, m) : err;
}

/* Whose name does not matter. */
static int find(int fd, const void *at, struct mapping *m)
{
	int err = ask(fd, at, m, NULL);

	return err == -ENOTTY ? search(fd, at, m) : err;
}

int mapping_is_private_memory(int fd, const void *at, size_t bytes)
{
	const uint8_t *next = at, *end = next + bytes;

	while (next < end) {
		struct mapping m;
		int err = mapping_find(fd, next, &m);

		if (err)
			return err == -ENOENT ? -EACCES : err;
		if (m.inode || m.shared || m.special || !m.readable ||
		    !m.writable)
			return -EACCES;
		next += m.end - (uintptr_t)next;
	}
	return 0;
}

int mapping_is_object(int fd, const void *at, size_t bytes, uint64_t inode,
		      uint64_t offset, bool shared)
{
	const uint8_t *next = at, *end = next + bytes;

	while (next < end) {
		struct mapping m;
		int err = find(fd, next, &m);
		uint64_t here = offset + (uint64_t)(next - (const uint8_t *)at);

		if (err)
			return err == -ENOENT ? -ESTALE : err;
		if (m.inode != inode || m.shared != shared ||
		    m.offset + ((uintptr_t)next - m.start) != here)
			return -ESTALE;
		next += m.end - (uintptr_t)next;
	}
	return 0;
}
