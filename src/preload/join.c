// SPDX-License-Identifier: BSD-2-Clause
/* join.c - Begin and end of a program that `tto run` has started */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/real.h"

static void say(const char *text)
{
	(void)!REAL(write)(STDERR_FILENO, text, strlen(text));
}

void *real_find(void **found, const char *name)
{
	*found = dlsym(RTLD_NEXT, name);
	if (!*found) {
		say("tto: libc lacks ");
		say(name);
		say("\n");
		abort();
	}
	return *found;
}

static void say_why(int err, const struct tto_error *error)
{
	say("tto: no stack, the kernel's sockets are used: ");
	say(error->text[0] ? error->text : strerror(-err));
	say("\n");
}

__attribute__((constructor)) static void join(void)
{
	struct tto_error error = { 0 };
	int saved = errno, err = tto_join_later(say_why, &error);

	if (err && err != -ENOENT && err != -EEXIST)
		say_why(err, &error);
	for (int fd = 0; !err && fd <= STDERR_FILENO; fd++)
		stream_follow(fd);
	errno = saved;
}

__attribute__((destructor)) static void leave(void)
{
	stream_flush();
	tto_exit();
}

WRAP __attribute__((noreturn)) void _exit(int status)
{
	tto_exit();
	REAL(_exit)(status);
	__builtin_unreachable();
}
WRAP_ALIAS(_Exit, _exit);
