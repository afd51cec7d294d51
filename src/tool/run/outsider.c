// SPDX-License-Identifier: BSD-2-Clause
/*
 * outsider.c - Programs in front of whose calls nothing can be put
 *
 * They run, over the kernel; who started them is told why, as far as the file tells it.
 * Source: elf(5), ld.so(8), execve(2).
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/run/run.h"

#define HEADERS_MAX 64
#define DYNAMIC_MAX 128

/* Where execvp(3) finds it. */
static bool find_file(const char *name, char path[PATH_MAX])
{
	const char *at = getenv("PATH");

	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	for (; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int n = snprintf(path, PATH_MAX, "%.*s/%s", (int)strcspn(at, ":"), at,
				 name);

		if (n < PATH_MAX && !access(path, X_OK))
			return true;
	}
	return false;
}

/* ---- What an executable says of itself ------------------------------------------------- */

static bool is_go(int fd, const ElfW(Phdr) *h)
{
	struct {
		ElfW(Nhdr) header;
		char name[4];
	} note;

	return h->p_type == PT_NOTE &&
	       pread(fd, &note, sizeof(note), (off_t)h->p_offset) == sizeof(note) &&
	       note.header.n_namesz == sizeof(note.name) &&
	       !memcmp(note.name, "Go\0", sizeof(note.name));
}

/* A program that needs no linker; the linker itself needs none either, and is none. */
static bool is_pie(int fd, const ElfW(Phdr) *h)
{
	ElfW(Dyn) entries[DYNAMIC_MAX];
	ssize_t n;

	if (h->p_type != PT_DYNAMIC)
		return false;
	n = pread(fd, entries, sizeof(entries), (off_t)h->p_offset) /
	    (ssize_t)sizeof(*entries);
	for (ssize_t k = 0; k < n; k++)
		if (entries[k].d_tag == DT_FLAGS_1)
			return entries[k].d_un.d_val & DF_1_PIE;
	return false;
}

/* Return: NULL: the library is put in front of it. */
static const char *why_by_headers(int fd, const ElfW(Ehdr) *elf)
{
	bool has_linker = false, go = false, alone = elf->e_type == ET_EXEC;
	ElfW(Phdr) h;

	if (elf->e_phentsize != sizeof(h))
		return NULL;
	for (int n = 0; n < elf->e_phnum && n < HEADERS_MAX; n++) {
		off_t at = (off_t)elf->e_phoff + n * (off_t)sizeof(h);

		if (pread(fd, &h, sizeof(h), at) != sizeof(h))
			return NULL;
		has_linker |= h.p_type == PT_INTERP;
		go |= is_go(fd, &h);
		alone |= is_pie(fd, &h);
	}
	if (go)
		return "it is written in Go, which calls the kernel by itself";
	return alone && !has_linker ? "it is linked statically" : NULL;
}

static const char *why_by_file(int fd)
{
	ElfW(Ehdr) elf;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG))
		return NULL;	/* a script                                     */
	if (elf.e_ident[EI_CLASS] == ELFCLASS32)
		return "it is a program of 32 bits";
	return why_by_headers(fd, &elf);
}

static bool is_privileged(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	return (st.st_mode & S_ISUID && st.st_uid != getuid()) ||
	       ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		st.st_gid != getgid()) ||
	       (getuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0);
}

void outsider_tell(const char *program)
{
	const char *why = NULL;
	char path[PATH_MAX];
	int fd = find_file(program, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		why = is_privileged(fd) ? "it has more rights than its user" :
					  why_by_file(fd);
		close(fd);
	}
	if (why)
		message("%s runs over the kernel: %s", program, why);
}
