/* SPDX-License-Identifier: BSD-2-Clause */
/* fragment.h - Cut an IP datagram, or a fragment of one, into fragments */
#ifndef NIC_FRAGMENT_H
#define NIC_FRAGMENT_H

#include "nic/segment.h"

/**
 * fragment_begin() - Plan the fragments of a unit
 * @s:		Template, gather cursor and kernels are set; the rest is set here
 * @l:		Of the template
 * @bytes:	Payload, all of it
 *
 * Return: 0 with s->frames set; -EINVAL, -EMSGSIZE, -EPERM, -EFAULT as
 * tto_segmenter_begin().
 */
MUST_CHECK int fragment_begin(struct segment *s, const struct tto_unit *unit,
			      const struct segment_layout *l, uint64_t bytes);

/**
 * fragment_finish() - Complete the header of a fragment, and go on to the next
 * @frame:	Holds a copy of the template
 * @bytes:	Payload in this frame
 *
 * s->frames still counts this frame.
 */
void fragment_finish(struct segment *s, uint8_t *frame, uint32_t bytes);

#endif
