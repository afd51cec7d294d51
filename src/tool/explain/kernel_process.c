// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel_process.c - What the kernel says of a process, in /proc
 *
 * Source: proc(5); getauxval(3) for AT_SECURE; elf(5).
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tool/explain/kernel.h"

#define HEADERS_MAX 64		/* of a program that are looked at              */

static FILE *open_file(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* The last of the numbers is that of the innermost namespace. */
static void read_status(pid_t pid, struct kernel_process *p)
{
	FILE *f = open_file(pid, "status");
	char line[256];

	p->inside = pid;
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Name:\t", 6))
			sscanf(line + 6, "%31[^\n]", p->name);
		if (!strncmp(line, "NSpid:", 6) && strrchr(line, '\t'))
			p->inside = atoi(strrchr(line, '\t') + 1);
	}
	if (f)
		fclose(f);
	for (char *c = p->name; *c; c++) {	/* it goes to a terminal        */
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static void read_maps(pid_t pid, struct kernel_process *p)
{
	FILE *f = open_file(pid, "maps");
	char line[PATH_MAX + 128];

	while (f && fgets(line, sizeof(line), f)) {
		p->has_heap |= strstr(line, "/memfd:tto-heap") != NULL;
		p->has_library |= strstr(line, "/libtto-preload.so") != NULL;
	}
	if (f)
		fclose(f);
}

static void read_environment(pid_t pid, struct kernel_process *p)
{
	FILE *f = open_file(pid, "environ");
	bool has_stack = false, library = false;
	char *text = NULL;
	size_t room = 0;

	while (f && getdelim(&text, &room, '\0', f) > 0) {
		has_stack |= !strncmp(text, "TTO_STACK=", 10);
		library |= !strncmp(text, "LD_PRELOAD=", 11) &&
			   strstr(text, "libtto-preload.so");
	}
	p->has_environment = has_stack && library;
	free(text);
	if (f)
		fclose(f);
}

static void read_auxiliary(pid_t pid, struct kernel_process *p)
{
	FILE *f = open_file(pid, "auxv");
	ElfW(auxv_t) a;

	while (f && fread(&a, sizeof(a), 1, f) == 1 && a.a_type != AT_NULL) {
		if (a.a_type == AT_SECURE)
			p->is_privileged = a.a_un.a_val != 0;
	}
	if (f)
		fclose(f);
}

static void read_program(pid_t pid, struct kernel_process *p)
{
	FILE *f = open_file(pid, "exe");
	bool has_linker = false;
	ElfW(Phdr) header;
	ElfW(Ehdr) elf;

	if (!f)
		return;
	if (fread(&elf, sizeof(elf), 1, f) == 1 &&
	    !memcmp(elf.e_ident, ELFMAG, SELFMAG) &&
	    elf.e_phentsize == sizeof(header) &&
	    !fseeko(f, (off_t)(elf.e_phoff & INT32_MAX), SEEK_SET)) {
		for (int n = 0; n < elf.e_phnum && n < HEADERS_MAX &&
		     fread(&header, sizeof(header), 1, f) == 1; n++)
			has_linker |= header.p_type == PT_INTERP;
		p->is_static = !has_linker;
	}
	fclose(f);
}

void kernel_process(pid_t pid, struct kernel_process *p)
{
	*p = (struct kernel_process){ .pid = pid };
	read_status(pid, p);
	read_maps(pid, p);
	read_environment(pid, p);
	read_auxiliary(pid, p);
	read_program(pid, p);
}

/* ---- Descriptors ------------------------------------------------------------------ */

/* Return: whether it is a socket or an io_uring. */
static bool read_fd(pid_t pid, const char *name, struct kernel_fd *d)
{
	char path[NAME_MAX + 32], target[64];
	unsigned long long inode;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	*d = (struct kernel_fd){ .fd = atoi(name),
				 .is_ring = !strcmp(target, "anon_inode:[io_uring]") };
	if (d->is_ring)
		return true;
	if (sscanf(target, "socket:[%llu]", &inode) != 1)
		return false;
	d->inode = inode;
	n = getxattr(path, "system.sockprotoname", d->protocol, sizeof(d->protocol) - 1);
	d->protocol[n > 0 ? n : 0] = '\0';
	return true;
}

static int by_fd(const void *a, const void *b)
{
	const struct kernel_fd *x = a, *y = b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

int kernel_fds(pid_t pid, struct kernel_fd **out)
{
	struct dirent *entry;
	struct kernel_fd d;
	size_t n = 0, room = 0;
	char path[32];
	DIR *dir;

	*out = NULL;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!read_fd(pid, entry->d_name, &d))
			continue;
		if (n == room) {
			struct kernel_fd *more;

			room = room ? 2 * room : 64;
			more = reallocarray(*out, room, sizeof(*more));
			if (!more)
				break;
			*out = more;
		}
		(*out)[n++] = d;
	}
	closedir(dir);
	if (n)
		qsort(*out, n, sizeof(**out), by_fd);
	return (int)n;
}
