// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream.c - Bytes in one direction, as fast as they go
 *
 * A pattern is sent over and over; the receiver looks at one word of each piece, which
 * costs nothing to speak of, and tells a stream of ours from one that lost its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e/traffic.h"

#define PATTERN_BYTES (1u << 16)

/* Byte @at of the stream. */
static uint8_t pattern(uint64_t at)
{
	uint32_t word = (uint32_t)(at % PATTERN_BYTES) / 4 * 2654435761u;

	return (uint8_t)(word >> (24 - at % 4 * 8));
}

static uint8_t *buffer_of(const struct traffic *t)
{
	uint8_t *buffer = aligned_alloc(4096, (t->bytes + 4095) / 4096 * 4096);

	if (!buffer)
		traffic_die("memory");
	memset(buffer, 0, t->bytes);
	return buffer;
}

int traffic_send(const struct traffic *t)
{
	uint8_t *buffer = buffer_of(t);
	int fd = traffic_open(t);

	if (t->bytes % PATTERN_BYTES)
		return fprintf(stderr, "traffic: --bytes: a multiple of %u\n",
			       PATTERN_BYTES), 1;
	for (size_t n = 0; n < t->bytes; n++)
		buffer[n] = pattern(n);
	while (traffic_write(t, fd, buffer, t->bytes))
		continue;
	close(fd);
	free(buffer);
	return 0;
}

/* Return: bytes of the stream until @until, or until it ends; from @at on. */
static uint64_t receive_until(const struct traffic *t, int fd, uint8_t *buffer,
			      uint64_t at, ns_t until)
{
	uint64_t begin = at;
	size_t n;

	do {
		n = traffic_read(t, fd, buffer, t->bytes);
		if (n && buffer[n - 1] != pattern(at + n - 1)) {
			fprintf(stderr, "traffic: byte %llu of the stream is wrong\n",
				(unsigned long long)(at + n - 1));
			exit(1);
		}
		at += n;
	} while (n && traffic_now() < until);
	if (!n) {
		fputs("traffic: the stream has ended early\n", stderr);
		exit(1);
	}
	return at - begin;
}

int traffic_receive(const struct traffic *t)
{
	uint8_t *buffer = buffer_of(t);
	int fd = traffic_accept_one(t);
	uint64_t warm, bytes;
	ns_t began, ended;

	warm = receive_until(t, fd, buffer, 0, traffic_after(traffic_now(), t->warm));
	traffic_say("begin");
	began = traffic_now();
	bytes = receive_until(t, fd, buffer, warm, traffic_after(began, t->seconds));
	ended = traffic_now();
	traffic_say("end");
	printf("{\"bytes\": %llu, \"seconds\": %.9f, \"congestion\": \"%s\"}\n",
	       (unsigned long long)bytes, (double)(ended - began) / 1e9,
	       traffic_congestion(fd));
	traffic_linger();
	close(fd);
	free(buffer);
	return 0;
}
