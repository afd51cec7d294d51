// SPDX-License-Identifier: BSD-2-Clause
/* capture_fuzz.c - Any bytes as a capture: packets in bounds, or one line of error */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_error(const char *text)
{
	if (!*text || strchr(text, '\n'))
		abort();
}

static volatile uint8_t seen;

static void read_all(struct capture *c)
{
	struct capture_packet p;
	int got;

	while ((got = capture_next(c, &p)) == 1) {
		if (p.len > p.full_len || p.len > CAPTURE_PACKET_MAX + 65536)
			abort();
		for (uint32_t at = 0; at < p.len; at++)
			seen ^= p.data[at];
		if (p.comment && strlen(p.comment) > 4096)
			abort();
	}
	if (got < 0)
		check_error(capture_error(c));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static char path[64];
	struct wire_error error;
	struct capture *c;
	FILE *f;

	if (!path[0])
		snprintf(path, sizeof(path), "/dev/shm/tto-fuzz.%d", getpid());
	f = fopen(path, "wb");
	if (!f)
		return 0;
	fwrite(bytes, 1, len, f);
	fclose(f);
	if (capture_open(&c, path, &error))
		check_error(error.text);
	else
		read_all(c);
	capture_close(c);
	unlink(path);
	return 0;
}
