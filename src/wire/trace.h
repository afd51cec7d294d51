/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - A wire that writes all that passes to a capture
 *
 * DOC: Theory of operation
 * Frames pass by reference and unchanged; each is appended to a pcapng file
 * with its direction: inbound is what was received, outbound what the inner
 * wire took. A frame that left something to the other side (an unfinished
 * checksum, an uncut unit) gets a comment that says so.
 *
 * Times: what trace_set_time() said last. Before it was ever called: on a live
 * wire the time of day; else the frame's own time, or the latest before it.
 *
 * When the file can no longer be written the frames pass on all the same, and
 * wire_close() returns the error and removes the file.
 *
 * Limits: of a frame longer than CAPTURE_PACKET_MAX the beginning is written.
 */
#ifndef WIRE_TRACE_H
#define WIRE_TRACE_H

#include "wire/wire.h"

/**
 * trace_wrap() - Trace @inner into the capture @path
 * @out:	Set on success; closing it closes @inner
 * @inner:	Stays the caller's on failure
 * @path:	As for capture_create()
 * @error:	Filled in on failure
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int trace_wrap(struct wire **out, struct wire *inner,
			  const char *path, struct wire_error *error);

/** trace_set_time() - @now is the time of what passes from here on [ns] */
void trace_set_time(struct wire *w, ns_t now);

#endif
