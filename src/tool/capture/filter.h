/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.h - Which frames are wanted: by address and port, of either side */
#ifndef TOOL_CAPTURE_FILTER_H
#define TOOL_CAPTURE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct filter {
	bool has_address, v6;
	uint8_t address[16];
	uint16_t port;		/* 0: any                                       */
};

/**
 * filter_address() - Read an address of IPv4 or IPv6
 *
 * Return: 0; -EINVAL, after one line on stderr.
 */
int filter_address(struct filter *f, const char *text);

/** filter_passes() - Is the frame, of which @len bytes are there, one of these? */
bool filter_passes(const struct filter *f, const uint8_t *frame, uint32_t len);

#endif
