// SPDX-License-Identifier: BSD-2-Clause
/* device_comment.c - What the device did to a packet, as a comment in a capture */
#include "tool/device_comment.h"

#include <stdio.h>
#include <string.h>

void device_comment_write(char *out, size_t size, const struct tto_packet *p)
{
	const char *name = tto_cause_name(p->cause);
	const char *text = tto_cause_text(p->cause);

	if (p->changed)
		snprintf(out, size,
			 "tto: joined %u frames, gso_size %u, id %s; %s: %s",
			 p->n_frames, p->gso_size,
			 p->gso_flags & TTO_GSO_FIXED_ID ? "stays" : "counts",
			 name, text);
	else
		snprintf(out, size, "tto: as it came; %s: %s", name, text);
}

bool device_comment_read(const char *comment, uint16_t *gso_size,
			 bool *fixed_id)
{
	unsigned n_frames, size;
	char id[8];

	if (!comment ||
	    sscanf(comment, "tto: joined %9u frames, gso_size %5u, id %7[a-z];",
		   &n_frames, &size, id) != 3)
		return false;
	if (size == 0 || size > UINT16_MAX)
		return false;
	*gso_size = (uint16_t)size;
	*fixed_id = !strcmp(id, "stays");
	return true;
}
