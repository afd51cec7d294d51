/* SPDX-License-Identifier: BSD-2-Clause */
/* preload.h - What preload.c and the object have in common */
#ifndef TEST_PACKETDRILL_PRELOAD_H
#define TEST_PACKETDRILL_PRELOAD_H

#include <sys/socket.h>

#define PRELOAD_HOOK "tto_packetdrill_getsockopt"

typedef int preload_getsockopt_fn(int fd, int level, int name, void *value,
				  socklen_t *len);

extern preload_getsockopt_fn *tto_packetdrill_getsockopt;

#endif
