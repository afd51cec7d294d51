/* SPDX-License-Identifier: BSD-2-Clause */
/* verify.h - Are the checksums of a TCP segment right? */
#ifndef PACKET_VERIFY_H
#define PACKET_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

struct seg;

/**
 * verify_tcp() - Is the checksum of TCP right?
 * @frame:	Ethernet, any bytes; only headers are read
 * @len:	Of all of it
 * @sum:	Of all of it, as checksum.h has it
 *
 * For plain segments: IPv4 without options, not a fragment, or IPv6 without extensions,
 * and nothing behind the datagram. A wrong header checksum of IPv4 may make up for a
 * wrong one of TCP: whoever asks has to look at that as well.
 *
 * Return: true: it is right; false: it is wrong, or the frame is something else.
 */
bool verify_tcp(const uint8_t *frame, uint32_t len, uint32_t sum);

/**
 * verify_segment() - Are the checksums of a frame with TCP right?
 * @s:		From parse_frame()
 * @trusted:	That of TCP is known to be: only the IPv4 header is looked at
 */
bool verify_segment(const uint8_t *frame, const struct seg *s, bool trusted);

#endif
