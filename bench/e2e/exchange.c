// SPDX-License-Identifier: BSD-2-Clause
/* exchange.c - A message there and back, one at a time */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e/traffic.h"

#define MESSAGE_MAX 65536u
#define SAMPLES_MAX (8u << 20)

static bool read_all(const struct traffic *t, int fd, uint8_t *message)
{
	size_t n, got = 0;

	while (got < t->bytes) {
		n = traffic_read(t, fd, message + got, t->bytes - got);
		if (!n)
			return false;
		got += n;
	}
	return true;
}

int traffic_answer(const struct traffic *t)
{
	static uint8_t message[MESSAGE_MAX];
	int fd = traffic_accept_one(t);

	while (read_all(t, fd, message) && traffic_write(t, fd, message, t->bytes))
		continue;
	close(fd);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The number in the message tells this answer from the one before. */
static void exchange(const struct traffic *t, int fd, uint32_t number)
{
	static uint8_t message[MESSAGE_MAX];
	uint32_t got;

	memcpy(message, &number, sizeof(number));
	if (!traffic_write(t, fd, message, t->bytes) || !read_all(t, fd, message))
		traffic_die("the peer has ended early");
	memcpy(&got, message, sizeof(got));
	if (got == number)
		return;
	fputs("traffic: this is no answer\n", stderr);
	exit(1);
}

/* Times of round trips [ns] until @until. Return: how many. */
static uint32_t measure(const struct traffic *t, int fd, uint32_t *samples, ns_t until)
{
	ns_t now = traffic_now(), before;
	uint32_t n = 0;

	do {
		before = now;
		exchange(t, fd, n);
		now = traffic_now();
		samples[n++] = now - before > UINT32_MAX ? UINT32_MAX :
							   (uint32_t)(now - before);
	} while (now < until && n < SAMPLES_MAX);
	return n;
}

static double one_way_us(const uint32_t *samples, uint32_t n, double part)
{
	return (double)samples[(uint32_t)((n - 1) * part)] / 2000;
}

int traffic_ask(const struct traffic *t)
{
	uint32_t *samples = malloc(SAMPLES_MAX * sizeof(*samples)), n;
	int fd = traffic_open(t);
	ns_t began, ended;

	if (!samples)
		traffic_die("memory");
	measure(t, fd, samples, traffic_after(traffic_now(), t->warm));
	traffic_say("begin");
	began = traffic_now();
	n = measure(t, fd, samples, traffic_after(began, t->seconds));
	ended = traffic_now();
	traffic_say("end");
	qsort(samples, n, sizeof(*samples), compare);
	printf("{\"count\": %u, \"seconds\": %.9f, \"p50_us\": %.4f, \"p99_us\": %.4f, "
	       "\"p999_us\": %.4f, \"max_us\": %.4f, \"congestion\": \"%s\"}\n",
	       n, (double)(ended - began) / 1e9, one_way_us(samples, n, 0.5),
	       one_way_us(samples, n, 0.99), one_way_us(samples, n, 0.999),
	       one_way_us(samples, n, 1), traffic_congestion(fd));
	traffic_linger();
	close(fd);
	free(samples);
	return 0;
}
