/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h - What stands behind "memif:" in a wire's specification */
#ifndef WIRE_MEMIF_OPTIONS_H
#define WIRE_MEMIF_OPTIONS_H

#include "wire/memif/session.h"

#define SOCKET_PATH_BYTES 108

struct memif_options {
	char path[SOCKET_PATH_BYTES];
	struct session_options session;
	uint32_t mtu;
	bool poll;		/* the owner never sleeps                       */
};

/**
 * memif_options_parse() - Read PATH[,OPTION[=VALUE]]...
 * @o:		Set, defaults where nothing is said
 * @args:	As in tto(1)
 * @error:	Filled in on failure
 *
 * Return: 0 or -EINVAL.
 */
MUST_CHECK int memif_options_parse(struct memif_options *o, const char *args,
				   struct wire_error *error);

#endif
