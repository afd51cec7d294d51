// SPDX-License-Identifier: BSD-2-Clause
/* alive.c - Which sockets the kernel still has */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/keep.h"
#include "socket/kernel.h"
#include "socket/passing/passing.h"

#define LINE 160		/* of one member, and more                      */
#define PIECE 4096

int passing_open(void)
{
	int made = kernel_epoll_create1(EPOLL_CLOEXEC);
	int fd = made < 0 ? -errno : keep_descriptor(made);

	if (fd < 0) {
		if (made >= 0)
			(void)!kernel_close(made);
		return fd;
	}
	stack->passing_fd = fd;
	return 0;
}

/* It is told of nothing: nobody waits there. */
int alive_watch(int fd, uint64_t inode)
{
	struct epoll_event nothing = { .data.u64 = inode };

	if (!kernel_epoll_ctl(stack->passing_fd, EPOLL_CTL_ADD, fd, &nothing) ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

/* "tfd: 7 events: 18 data: 4d2 ...", a line for each member. */
static void read_line(const char *line, void (*found)(uint64_t inode))
{
	const char *at = strncmp(line, "tfd:", 4) ? NULL : strstr(line, "data:");

	if (at)
		found(strtoull(at + 5, NULL, 16));
}

/* Whole lines of @text. Return: what is behind them, moved to the front. */
static size_t read_lines(char *text, size_t bytes, void (*found)(uint64_t inode))
{
	char *at = text, *end;

	while ((end = memchr(at, '\n', bytes))) {
		*end = '\0';
		read_line(at, found);
		bytes -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	if (bytes >= LINE)	/* not one that we want                         */
		bytes = 0;
	memmove(text, at, bytes);
	return bytes;
}

int alive_look(void (*found)(uint64_t inode))
{
	char path[48], text[LINE + PIECE];
	size_t have = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", stack->passing_fd);
	fd = (int)kernel_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = kernel_call(SYS_read, fd, text + have, PIECE)) > 0)
		have = read_lines(text, have + (size_t)n, found);
	n = n < 0 ? -errno : 0;
	(void)!kernel_close(fd);
	return (int)n;
}
