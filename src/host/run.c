// SPDX-License-Identifier: BSD-2-Clause
/* run.c - One pass after the other, and sleep in between */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "host/state.h"

#define SEND_BUDGET 256		/* requests a pass                              */
#define SECOND 1000000000ull
#define EVENTS 32

/* ---- What the device calls ------------------------------------------------------------- */

void host_unclaimed(void *ctx, const struct tto_packet *packet)
{
	struct host *h = ctx;

	h->counters.unclaimed++;
	if (h->to_kernel)
		kernel_wire_put(h, packet);
}

void host_wake(struct host *h, int fd)
{
	uint64_t one = 1;

	if (fd < 0)
		return;
	h->counters.wakes++;
	/* When the counter is full, its reader is awake for long. */
	(void)!write(fd, &one, sizeof(one));
}

void host_wake_queue(void *ctx, uint32_t cq, uint32_t owner)
{
	struct host *h = ctx;

	(void)owner;
	host_wake(h, h->wakes[device_index(cq)]);
}

/* ---- Passes ------------------------------------------------------------------------------ */

/* Frames that are the host's own business are taken out. Return: how many stay. */
static uint32_t take_own(struct host *h, uint32_t n, ns_t now)
{
	uint32_t kept = 0;

	for (uint32_t idx = 0; idx < n; idx++) {
		if (!neighbours_take(h->neighbours, &h->frames[idx], now))
			h->frames[kept++] = h->frames[idx];
	}
	return kept;
}

static int receive(struct host *h, ns_t now)
{
	int n = wire_recv(h->wire, h->frames, HOST_BATCH);
	uint32_t kept;

	if (n <= 0)
		return n;
	kept = h->neighbours ? take_own(h, (uint32_t)n, now) : (uint32_t)n;
	if (kept)
		device_receive(h->device, h->frames, kept, h->link, now);
	return n;
}

int host_run(struct host *h, ns_t now)
{
	int n;

	h->now = now;
	n = receive(h, now);
	if (n < 0)
		return n;
	n += (int)device_send(h->device, h->wire, SEND_BUDGET, now);
	if (h->to_kernel) {
		int from_kernel = kernel_wire_run(h);

		if (from_kernel < 0)
			return from_kernel;
		n += from_kernel;
	}
	if (h->neighbours && neighbours_changed(h->neighbours))
		host_routes_changed(h);
	return n;
}

ns_t host_deadline(struct host *h, ns_t now)
{
	ns_t due = wire_deadline(h->wire), next = device_poll(h->device, now);

	if (next < due)
		due = next;
	next = relink_step(h, now);
	if (next < due)
		due = next;
	if (h->neighbours) {
		next = neighbours_poll(h->neighbours, now);
		if (neighbours_changed(h->neighbours))
			host_routes_changed(h);
		if (next < due)
			due = next;
	}
	return due;
}

void host_routes_changed(struct host *h)
{
	relink_begin(h);
	host_routes_failed(h);
}

void host_routes_failed(struct host *h)
{
	for (uint32_t n = 0; n < h->options.clients; n++) {
		struct host_client *c = h->clients[n];

		if (!c || !c->waits_for_route)
			continue;
		c->waits_for_route = false;
		host_wake(h, c->events);
	}
}

/* ---- Sleep ---------------------------------------------------------------------------------- */

int host_fd(const struct host *h)
{
	if (wire_fd(h->wire) < 0 ||
	    (h->options.kernel && wire_fd(h->options.kernel) < 0))
		return -1;
	return h->epoll;
}

bool host_arm(struct host *h)
{
	if (!device_arm(h->device))
		return false;
	h->counters.sleeps++;
	return true;
}

/* Doorbells that rang are silenced; the wire's event is left to the wire. */
void host_disarm(struct host *h)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(h->epoll, events, EVENTS, 0);
	uint64_t rings;

	device_disarm(h->device);
	for (int idx = 0; idx < n; idx++) {
		uint32_t client = events[idx].data.u32;

		if (client < h->options.clients && h->clients[client])
			(void)!read(h->clients[client]->doorbell, &rings,
				    sizeof(rings));
	}
}

static ns_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * SECOND + (ns_t)t.tv_nsec;
}

static int sleep_until(int fd, ns_t now, ns_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ns_t left = until > now ? until - now : 0;
	struct timespec t = {
		.tv_sec = (time_t)(left / SECOND),
		.tv_nsec = (long)(left % SECOND),
	};

	return ppoll(&p, 1, until == NS_NEVER ? NULL : &t, NULL);
}

int host_sleep(struct host *h, ns_t until)
{
	ns_t begin = clock_now(), now = begin, due;
	int n, woken;

	for (;;) {
		n = host_run(h, now);
		if (n)
			return n;
		due = host_deadline(h, now);
		now = clock_now();
		if (now >= until)
			return 0;
		if (host_fd(h) < 0 || now - begin < h->options.spin_ns ||
		    !host_arm(h))
			continue;
		woken = sleep_until(host_fd(h), now, due < until ? due : until);
		host_disarm(h);
		if (woken < 0)
			return 0;
		begin = now = clock_now();
	}
}
