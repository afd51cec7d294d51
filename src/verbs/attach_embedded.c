// SPDX-License-Identifier: BSD-2-Clause
/* attach_embedded.c - A device in this process, with a wire of its own */
#include <errno.h>

#include "verbs/attach.h"

int attach_embedded(struct attachment **out, const char *where, ns_t timeout_ns,
		    struct tto_error *error)
{
	return attach_say(error, -ENOTSUP, "%s: not yet", where);
}
