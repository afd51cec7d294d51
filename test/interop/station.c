// SPDX-License-Identifier: BSD-2-Clause
/* station.c - A host on a wire, in real time */
#include "interop/station.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "endpoint/watch.h"

#define ASK_EVERY (50 * MS)
#define ROUNDS_MAX 16		/* batches, before time is looked at            */

ns_t station_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * TCP_SECOND + (ns_t)t.tv_nsec;
}

/* ---- Send ------------------------------------------------------------------- */

static void flush(struct station *s)
{
	outlet_flush(s->outlet);
	s->n_out = 0;
}

/* A unit is not copied: it is on its way when this returns. */
static void send_frame(struct station *s, const uint8_t *bytes, uint32_t len,
		       const struct wire_offload *o)
{
	struct iovec *iov = &s->iov[s->n_out];
	bool is_unit = len > STATION_FRAME_MAX;

	if (is_unit) {
		*iov = (struct iovec){ (void *)(uintptr_t)bytes, len };
	} else {
		memcpy(s->out[s->n_out], bytes, len);
		*iov = (struct iovec){ s->out[s->n_out], len };
	}
	outlet_put(s->outlet, &(struct wire_frame){
		.iov = iov, .n_iov = 1, .len = len, .full_len = len,
		.linktype = s->wire->caps.linktype, .offload = *o,
	});
	if (++s->n_out == OUTLET_FRAMES || is_unit)
		flush(s);
}

static void transmit(void *ctx, const uint8_t *frame, uint32_t len,
		     const struct wire_offload *o)
{
	struct host *h = ctx;

	send_frame(h->around, frame, len, o);
}

/* ---- Receive ---------------------------------------------------------------- */

static uint8_t csum_of(const struct wire_offload *o)
{
	if (o->flags & WIRE_NEEDS_CSUM)
		return TTO_CSUM_PARTIAL;
	return o->flags & WIRE_DATA_VALID ? TTO_CSUM_VERIFIED : TTO_CSUM_UNKNOWN;
}

/* Return: whether @f is for the neighbour protocols. */
static bool answer(struct station *s, const struct wire_frame *f)
{
	static const struct wire_offload finished = { 0 };
	uint8_t bytes[NEIGHBOUR_FRAME_MAX];
	uint32_t len;

	if (!neighbour_take(&s->neighbour, f->iov->iov_base, f->len, bytes, &len))
		return false;
	if (len)
		send_frame(s, bytes, len, &finished);
	return true;
}

/* Return: frames received, -errno. */
static int receive(struct station *s, ns_t now)
{
	int got = wire_recv(s->wire, s->received, STATION_BATCH);
	size_t n_ready = 0;

	for (int n = 0; n < got; n++) {
		const struct wire_frame *f = &s->received[n];

		if (f->n_iov != 1 || f->full_len > f->len) {
			s->n_not_understood++;
			continue;
		}
		if (answer(s, f) || !s->host)
			continue;
		s->frames[n_ready++] = (struct tto_frame){
			.data = f->iov->iov_base,
			.len = f->len,
			.gso_size = f->offload.gso_type ? f->offload.gso_size : 0,
			.csum = csum_of(&f->offload),
		};
	}
	if (n_ready)
		host_take(s->host, s->frames, n_ready, now);
	return got;
}

/* ---- The loop --------------------------------------------------------------- */

static void sleep_until(struct station *s, ns_t deadline)
{
	struct pollfd p = { .fd = wire_fd(s->wire), .events = POLLIN };
	ns_t now = station_now(), left;
	struct timespec t;

	if (wire_deadline(s->wire) < deadline)
		deadline = wire_deadline(s->wire);
	if (deadline <= now)
		return;
	left = deadline - now < TCP_SECOND ? deadline - now : TCP_SECOND;
	t = (struct timespec){ (time_t)(left / TCP_SECOND),
			       (long)(left % TCP_SECOND) };
	(void)!ppoll(&p, 1, &t, NULL);
}

static bool is_over(const struct station *s)
{
	const struct host *h = s->host;

	return h && (s->verdict.failed || (host_is_done(h) &&
		     h->n_outcomes >= h->setup.n_connections));
}

/* Return: frames received, -errno. */
static int turn(struct station *s, ns_t next)
{
	int got, n = 0, rounds = 0;

	do {
		got = receive(s, station_now());
		n += got > 0 ? got : 0;
	} while (got == STATION_BATCH && ++rounds < ROUNDS_MAX);
	if (s->host && n > 0 && got < STATION_BATCH)
		host_took_all(s->host, station_now());
	if (s->host)
		host_run(s->host, station_now());
	flush(s);
	if (got < 0)
		return got;
	if (outlet_error(s->outlet))
		return outlet_error(s->outlet);
	if (station_now() > s->limit)
		return -ETIMEDOUT;
	if (s->host)
		next = host_next(s->host);
	if (n == 0 && !is_over(s))
		sleep_until(s, next);
	return n;
}

static int find_neighbour(struct station *s)
{
	static const struct wire_offload finished = { 0 };
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	ns_t ask_at = 0;
	int got = 0;

	while (!s->neighbour.known && got >= 0) {
		if (ask_at <= station_now()) {
			send_frame(s, frame, neighbour_ask(&s->neighbour, frame),
				   &finished);
			ask_at = station_now() + ASK_EVERY;
		}
		got = turn(s, ask_at);
	}
	return got < 0 ? got : 0;
}

int station_open(struct station *s, struct host_setup *setup, struct host_ops *ops)
{
	const struct wire_caps *caps = &s->wire->caps;
	int err = outlet_open(&s->outlet, s->wire, OUTLET_PATIENCE_MS);

	if (!err)
		err = find_neighbour(s);
	if (err)
		return err;
	memcpy(setup->mac, s->neighbour.mac, 6);
	memcpy(setup->peer_mac, s->neighbour.peer_mac, 6);
	setup->csum = caps->csum;
	setup->tso = setup->tuple.v6 ? caps->tso6 : caps->tso4;
	setup->start_at = station_now();
	ops->transmit = transmit;
	s->host = host_open(setup, ops, &s->verdict, s);
	return 0;
}

int station_run(struct station *s)
{
	int got = 0;

	while (got >= 0 && !is_over(s))
		got = turn(s, NS_NEVER);
	if (got >= 0 && !s->verdict.failed)
		watch_end(s->host);
	if (s->verdict.failed)
		return -EPROTO;
	return got < 0 ? got : 0;
}

void station_close(struct station *s)
{
	if (s->host)
		host_close(s->host);
	outlet_close(s->outlet);
}
