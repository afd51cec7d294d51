/* SPDX-License-Identifier: BSD-2-Clause */
/* icmp_frames.h - ICMP errors for tests, written field by field as in frames.h */
#ifndef TEST_NIC_ICMP_FRAMES_H
#define TEST_NIC_ICMP_FRAMES_H

#include "nic/frames.h"

struct icmp_spec {
	struct frame_spec outer;	/* addresses, tags and options of the error */
	uint8_t type, code;
	uint32_t rest;		/* of its header: an MTU                        */
	struct frame_spec quote;	/* the segment that it is about         */
	uint32_t quote_bytes;	/* of its IP datagram, at least 12              */
	bool wrong_sum;
};

/**
 * icmp_defaults() - A router says "fragmentation needed", or "packet too big", MTU 1300
 * @arriving:	Of the flow: what is quoted goes the other way
 * @seq:	Of the segment that is quoted
 */
struct icmp_spec icmp_defaults(const struct frame_spec *arriving, uint32_t seq);

/** icmp_build() - Write the frame; @out has FRAME_MAX_BYTES. Return: its length. */
uint32_t icmp_build(const struct icmp_spec *spec, uint8_t *out);

#endif
