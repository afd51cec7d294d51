// SPDX-License-Identifier: BSD-2-Clause
/* loop.c - The loop of the bridge, and what a frame meets on its way */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "tool/bridge/bridge.h"

#define SECOND 1000000000ULL
#define TCP_CHECKSUM_AT 16
#define WINDOW_NS 100000	/* how fast frames come is judged this often    */
#define STREAM_FRAMES 8		/* in a window: about 1 Gbit/s                  */
#define NAP_NS 30000		/* and what the timer is late                   */
#define DRAIN_TURNS 32		/* for what has arrived when it is told to stop */

/* ---- Frames ---------------------------------------------------------------- */

static ns_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (ns_t)t.tv_sec * SECOND + (ns_t)t.tv_nsec;
}

static ns_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static uint8_t csum_of(const struct wire_offload *o)
{
	if (o->flags & WIRE_NEEDS_CSUM)
		return TTO_CSUM_PARTIAL;
	return o->flags & WIRE_DATA_VALID ? TTO_CSUM_VERIFIED :
					    TTO_CSUM_UNKNOWN;
}

static struct tto_frame frame_of(struct wire_frame *f)
{
	return (struct tto_frame){
		.data = f->iov->iov_base,
		.len = f->len,
		.gso_size = f->offload.gso_type ? f->offload.gso_size : 0,
		.csum = csum_of(&f->offload),
		.truncated = f->full_len > f->len,
		.cookie = f,
	};
}

/* A frame that is handed up as it came, while its memory is still WIRE's. */
static const struct wire_frame *origin(const struct tto_packet *p)
{
	const struct wire_frame *f = p->segments->cookie;

	return f && f->iov->iov_base == p->header ? f : NULL;
}

static struct wire_offload describe(const struct bridge *b,
				    const struct tto_packet *p)
{
	bool unit = p->changed &&
		    (p->v6 ? b->host->caps.tso6 : b->host->caps.tso4);
	struct wire_offload o = { 0 };

	if (p->csum == TTO_CSUM_PARTIAL) {
		o.flags = WIRE_NEEDS_CSUM;
		o.csum_start = p->l4;
		o.csum_offset = TCP_CHECKSUM_AT;
	} else if (p->csum == TTO_CSUM_VERIFIED) {
		o.flags = WIRE_DATA_VALID;
	}
	/* A unit of one segment is none: kernels refuse it. */
	if (unit && p->payload_len > p->gso_size) {
		o.gso_type = p->v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4;
		o.gso_size = p->gso_size;
		o.hdr_len = (uint16_t)p->header_len;
	}
	return o;
}

void bridge_deliver(void *ctx, const struct tto_packet *p)
{
	struct bridge *b = ctx;
	const struct wire_frame *as_it_came = origin(p);
	struct iovec iov = {
		.iov_base = (void *)(uintptr_t)p->header,
		.iov_len = p->header_len + p->payload_len,
	};
	struct wire_frame f = {
		.iov = &iov,
		.n_iov = 1,
		.len = (uint32_t)iov.iov_len,
		.full_len = (uint32_t)iov.iov_len,
		.linktype = b->wire->caps.linktype,
		.time = b->time,
	};

	if (as_it_came) {
		f = *as_it_came;
		f.time = b->time;
	} else {
		f.offload = describe(b, p);
	}
	outlet_put(b->to_host, &f);
	outlet_flush(b->to_host);
}

/* One element in place of several; they are copied. */
static bool make_linear(struct bridge *b, struct wire_frame *f)
{
	uint32_t at = 0;

	if (f->len > BRIDGE_LINEAR_BYTES)
		return false;
	for (uint32_t n = 0; n < f->n_iov; n++) {
		memcpy(b->linear + at, f->iov[n].iov_base, f->iov[n].iov_len);
		at += (uint32_t)f->iov[n].iov_len;
	}
	b->linear_iov = (struct iovec){ .iov_base = b->linear, .iov_len = at };
	f->iov = &b->linear_iov;
	f->n_iov = 1;
	return true;
}

/* The clock of a capture, stopping at each deadline on the way to @time. */
static ns_t advance(struct bridge *b, ns_t time)
{
	uint64_t due;

	while ((due = tto_coalescer_poll(b->coalescer, b->time)) <= time)
		b->time = due;
	if (time > b->time)
		b->time = time;
	return b->time;
}

/* Frames that are not @link or not in one piece are rare: one at a time. */
static void push_apart(struct bridge *b, struct wire_frame *f, ns_t now)
{
	struct tto_frame frame;

	if (f->linktype != b->wire->caps.linktype ||
	    (f->n_iov != 1 && !make_linear(b, f))) {
		b->unknown++;
		return;
	}
	frame = frame_of(f);
	if (!b->wire->caps.live)
		now = advance(b, f->time);
	tto_coalescer_push(b->coalescer, &frame, 1, now);
}

static bool is_plain(const struct bridge *b, const struct wire_frame *f)
{
	return f->n_iov == 1 && f->linktype == b->wire->caps.linktype;
}

static void push(struct bridge *b, unsigned n, ns_t now)
{
	unsigned n_ready = 0;

	for (unsigned idx = 0; idx < n; idx++) {
		struct wire_frame *f = &b->received[idx];

		if (likely(is_plain(b, f) && b->wire->caps.live)) {
			b->frames[n_ready++] = frame_of(f);
			continue;
		}
		tto_coalescer_push(b->coalescer, b->frames, n_ready, now);
		n_ready = 0;
		push_apart(b, f, now);
	}
	tto_coalescer_push(b->coalescer, b->frames, n_ready, now);
}

/* To @outlet, with nothing in between. */
static void pass(struct bridge *b, unsigned n, const struct wire *from,
		 struct outlet *to)
{
	for (unsigned idx = 0; idx < n; idx++) {
		struct wire_frame *f = &b->received[idx];

		if (!f->time)
			f->time = b->real_time;
		if (f->linktype != from->caps.linktype) {
			b->unknown++;
		} else if (likely(f->n_iov == 1)) {
			outlet_put(to, f);
		} else if (make_linear(b, f)) {
			outlet_put(to, f);
			outlet_flush(to);
		}
	}
	outlet_flush(to);
}

static int take_from_wire(struct bridge *b, ns_t now)
{
	int n;

	if (b->wire_is_quiet)
		return 0;
	n = wire_recv(b->wire, b->received, BRIDGE_BATCH);
	if (n <= 0)
		return n;
	if (b->coalescer)
		push(b, (unsigned)n, now);
	else
		pass(b, (unsigned)n, b->wire, b->to_host);
	return n;
}

static void show_sent(struct bridge *b, unsigned n, ns_t now)
{
	unsigned n_ready = 0;

	for (unsigned idx = 0; idx < n; idx++) {
		if (b->received[idx].n_iov == 1)
			b->frames[n_ready++] = frame_of(&b->received[idx]);
	}
	tto_coalescer_sent(b->coalescer, b->frames, n_ready, now);
}

static int take_from_host(struct bridge *b, ns_t now)
{
	int n;

	if (b->host_is_quiet || b->host_ended)
		return 0;
	n = wire_recv(b->host, b->received, BRIDGE_BATCH);
	/* A capture as HOST has no more to say: that is no end. */
	b->host_ended = n == -ENODATA;
	if (n <= 0)
		return b->host_ended ? 0 : n;
	if (b->coalescer && b->wire->caps.live)
		show_sent(b, (unsigned)n, now);
	pass(b, (unsigned)n, b->host, b->to_wire);
	return n;
}

/* ---- Loop ------------------------------------------------------------------ */

struct bridge_view bridge_view(const struct bridge *b)
{
	return (struct bridge_view){
		.wire = b->wire,
		.host = b->host,
		.coalescer = b->coalescer,
		.to_host = outlet_stats(b->to_host),
		.to_wire = outlet_stats(b->to_wire),
		.unknown = b->unknown,
		.elapsed = clock_now() - b->start,
	};
}

static void report(struct bridge *b, ns_t now)
{
	struct bridge_view v = bridge_view(b);

	b->next_report = now + b->report_every;
	if (b->progress)
		bridge_report_progress(&v, &b->mark, stderr);
	else
		bridge_report_interval(&v, &b->mark, b->json, stdout);
}

static ns_t earliest(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

/* Nothing to receive, for sure: it has a descriptor and no clock of its own. */
static bool is_quiet(const struct pollfd *p, const struct wire *w)
{
	return p->fd >= 0 && !p->revents && wire_deadline(w) == NS_NEVER;
}

/* A wire without a descriptor is always ready, until it has come to its end. */
static bool may_sleep(const struct bridge *b)
{
	return !b->busy && wire_fd(b->wire) >= 0 &&
	       (b->host_ended || wire_fd(b->host) >= 0);
}

static int sleep_until(struct pollfd *fds, nfds_t n, ns_t now, ns_t due)
{
	ns_t left = due > now ? due - now : 0;
	struct timespec t = {
		.tv_sec = (time_t)(left / SECOND),
		.tv_nsec = (long)(left % SECOND),
	};

	return ppoll(fds, n, due == NS_NEVER ? NULL : &t, NULL);
}

static void wait_until(struct bridge *b, ns_t due)
{
	struct pollfd fds[] = {
		{ .fd = b->stop_fd, .events = POLLIN },
		{ .fd = wire_fd(b->wire), .events = POLLIN },
		{ .fd = wire_fd(b->host), .events = POLLIN },
	};
	ns_t now = clock_now();

	if (b->streaming) {
		sleep_until(fds, 1, now, earliest(due, now + NAP_NS));
		return;
	}
	if (sleep_until(fds, ARRAY_SIZE(fds), now, due) < 0)
		return;
	b->wire_is_quiet = is_quiet(&fds[1], b->wire);
	b->host_is_quiet = is_quiet(&fds[2], b->host);
}

static void judge_speed(struct bridge *b, ns_t now, int n)
{
	b->window_frames += (uint32_t)n;
	if (now - b->window_start < WINDOW_NS)
		return;
	b->streaming = b->window_frames >= STREAM_FRAMES &&
		       now - b->window_start < 2 * WINDOW_NS;
	b->window_frames = 0;
	b->window_start = now;
}

static ns_t next_due(struct bridge *b, ns_t now)
{
	ns_t due = earliest(wire_deadline(b->wire), wire_deadline(b->host));

	if (b->coalescer && b->wire->caps.live)
		due = earliest(due, tto_coalescer_poll(b->coalescer, now));
	if (b->report_every)
		due = earliest(due, b->next_report);
	return due;
}

static int blame(struct bridge *b, const struct wire *w, int err)
{
	if (err)
		b->failed = w;
	return err;
}

/* The first that is worth ending for; 0 when there is none. */
static int first_error(struct bridge *b, int from_wire, int from_host)
{
	int err = from_wire < 0 ? from_wire : outlet_error(b->to_wire);

	if (err)
		return blame(b, b->wire, err);
	err = from_host < 0 ? from_host : outlet_error(b->to_host);
	return blame(b, b->host, err);
}

/* For captures that are written; other wires have clocks of their own. */
static void tell_time(struct bridge *b)
{
	if (b->wire->caps.live && b->host->caps.live)
		return;
	b->real_time = read_clock(CLOCK_REALTIME);
	if (b->wire->caps.live)
		b->time = b->real_time;
}

/* Return: 0 to go on, -ENODATA when WIRE has come to its end, -errno. */
static int turn(struct bridge *b)
{
	ns_t now = clock_now(), due;
	int from_wire, from_host, err;

	tell_time(b);
	from_wire = take_from_wire(b, now);
	from_host = take_from_host(b, now);
	err = first_error(b, from_wire, from_host);
	if (err)
		return err;
	b->wire_is_quiet = b->host_is_quiet = false;
	due = next_due(b, now);
	if (b->report_every && now >= b->next_report)
		report(b, now);
	judge_speed(b, now, from_wire + from_host);
	if (!from_wire && !from_host && may_sleep(b))
		wait_until(b, due);
	return 0;
}

int bridge_run(struct bridge *b, const volatile int *stop)
{
	int err = 0;

	b->start = clock_now();
	b->next_report = b->start + b->report_every;
	while (!*stop && !err)
		err = turn(b);
	for (int n = 0; n < DRAIN_TURNS && !err; n++)
		err = first_error(b, take_from_wire(b, clock_now()),
				  take_from_host(b, clock_now()));
	if (b->coalescer)
		tto_coalescer_flush(b->coalescer, b->wire->caps.live ?
				    clock_now() : b->time);
	return err == -ENODATA ? 0 : err;
}
