// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_fuzz.c - The reader of captures on any bytes
 *
 * Whatever it says of a packet must be true of the memory it gives, and an error
 * is one line that stays.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_line(const char *text)
{
	require(!strncmp(text, "in: ", 4) && !strchr(text, '\n'));
}

static void check_packet(const struct capture *c,
			 const struct capture_packet *p)
{
	static uint8_t copy[CAPTURE_PACKET_MAX];
	struct capture_interface i;

	require(p->len <= CAPTURE_PACKET_MAX && p->full_len >= p->len);
	memcpy(copy, p->data, p->len);
	require(capture_get_interface(c, p->interface, &i));
	require(i.linktype == p->linktype);
	require(strlen(i.name) < CAPTURE_NAME_MAX);
	require(!p->comment || strlen(p->comment) <= CAPTURE_COMMENT_MAX);
	require(p->direction <= CAPTURE_OUT && p->time != NS_NEVER);
}

static void read_capture(struct capture *c, size_t size)
{
	struct capture_packet p;
	uint64_t packets = 0;
	int got, again;

	while ((got = capture_next(c, &p)) == 1) {
		check_packet(c, &p);
		/* The smallest is a pcapng block of 16 bytes. */
		require(++packets <= size / 16);
	}
	again = capture_next(c, &p);
	require(again == got);
	if (got)
		check_line(capture_error(c));
	capture_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_error error;
	struct capture *c;
	FILE *file;

	if (size == 0)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "rb");
	if (!file)
		return 0;
	if (capture_open_file(&c, file, "in", &error))
		check_line(error.text);
	else
		read_capture(c, size);
	fclose(file);
	return 0;
}
