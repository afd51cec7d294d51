/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_comment.h - What the device did to a packet, as a comment in a capture
 *
 * For people, and for tto segment, which needs to know how an aggregate was
 * made to cut it into the same frames again:
 *
 *	tto: joined 44 frames, gso_size 1460, id counts; full: ...
 *	tto: as it came; dup-ack: ...
 */
#ifndef TOOL_DEVICE_COMMENT_H
#define TOOL_DEVICE_COMMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <tto/engine.h>

#define DEVICE_COMMENT_MAX 256

/** device_comment_write() - One line about @p, at most @size bytes with the 0 */
void device_comment_write(char *out, size_t size, const struct tto_packet *p);

/**
 * device_comment_read() - What an aggregate was made of
 * @comment:	Any text, or NULL
 *
 * Return: true when it says how an aggregate was made; @gso_size (1..65535) and
 * @fixed_id are set then.
 */
bool device_comment_read(const char *comment, uint16_t *gso_size,
			 bool *fixed_id);

#endif
