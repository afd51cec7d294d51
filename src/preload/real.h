/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * real.h - What a call was before it was wrapped
 *
 * REAL(read)(fd, to, bytes) is the read() that comes behind this library: libc's, or that of
 * another one that wraps it. A name is looked for when it is first used, so that nothing
 * has to have been set up: constructors of others may run before ours.
 */
#ifndef PRELOAD_REAL_H
#define PRELOAD_REAL_H

#include <tto/tto.h>

/* Exported, whatever the default is; libtto-preload.map has the list. */
#define WRAP __attribute__((visibility("default")))

/* Another name of @name, which is defined before in the same file. */
#define WRAP_ALIAS(other, name) \
	extern __typeof__(name) other __attribute__((alias(#name), visibility("default")))

#define REAL(name) \
	({ \
		static void *found_; \
		(__typeof__(&name))(found_ ? found_ : real_find(&found_, #name)); \
	})

/** real_find() - The next one of that name; ends the process if there is none */
void *real_find(void **found, const char *name);

/** forked() - In both, behind what has made @child after tto_fork_begin(). Return: @child */
pid_t forked(pid_t child);

/** stream_follow() - Descriptor 0, 1 or 2 may have become another one: so do stdin ... */
void stream_follow(int fd);

/** stream_flush() - Before the sockets go: what is in buffers of streams of ours */
void stream_flush(void);

#endif
