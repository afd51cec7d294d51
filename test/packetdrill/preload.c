// SPDX-License-Identifier: BSD-2-Clause
/*
 * preload.c - libtto-packetdrill-info.so, for scripts with %{ code }%
 *
 * The tool reads TCP_INFO for such code with getsockopt() of libc. Loaded by
 * LD_PRELOAD, this puts itself in front of it and asks the object, which leaves
 * its own function here when it is loaded.
 */
#include <dlfcn.h>
#include <sys/socket.h>

#include "packetdrill/preload.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT preload_getsockopt_fn *tto_packetdrill_getsockopt;

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	preload_getsockopt_fn *next;

	if (tto_packetdrill_getsockopt &&
	    !tto_packetdrill_getsockopt(fd, level, name, value, len))
		return 0;
	next = (preload_getsockopt_fn *)dlsym(RTLD_NEXT, "getsockopt");
	return next(fd, level, name, value, len);
}
