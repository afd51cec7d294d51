// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace.c - A wire around a wire: all that passes is written to a pcapng file
 *
 *	trace:FILE:WIRE
 *
 * Each frame with its direction. A write error does not disturb the traffic;
 * closing the wire reports it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/capture.h"
#include "wire/kinds.h"

#define FRAME_MAX (1u << 18)

struct trace {
	struct wire wire;
	struct wire *inner;
	struct capture_writer *out;
	uint32_t interface;
	uint16_t linktype;
	bool has_interface;
	int error;
	uint8_t frame[FRAME_MAX];
};

static struct trace *trace_of(struct wire *w)
{
	return (struct trace *)w;
}

static ns_t wall_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static int note(struct trace *t, const struct wire_frame *f,
		enum capture_direction direction)
{
	struct capture_packet p = {
		.data = t->frame,
		.len = f->len,
		.full_len = f->full_len > f->len ? f->full_len : f->len,
		.time = t->inner->caps.live ? wall_time() : f->time,
		.comment = f->comment,
		.direction = direction,
	};
	uint16_t linktype = f->linktype ? f->linktype : t->wire.caps.linktype;

	if (!t->has_interface || t->linktype != linktype) {
		int err = capture_add_interface(t->out, linktype,
						t->inner->name, &t->interface);

		if (err)
			return err;
		t->has_interface = true;
		t->linktype = linktype;
	}
	p.interface = t->interface;
	if (f->len > FRAME_MAX)
		return -EMSGSIZE;
	wire_frame_copy(f, t->frame);
	return capture_write(t->out, &p);
}

static void note_all(struct trace *t, const struct wire_frame *frames, int n,
		     enum capture_direction direction)
{
	for (int at = 0; at < n && !t->error; at++)
		t->error = note(t, &frames[at], direction);
}

static int trace_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct trace *t = trace_of(w);
	int got = wire_recv(t->inner, frames, n);

	note_all(t, frames, got, CAPTURE_IN);
	w->stats = t->inner->stats;
	return got;
}

static int trace_send(struct wire *w, const struct wire_frame *frames,
		      unsigned n)
{
	struct trace *t = trace_of(w);
	int taken = wire_send(t->inner, frames, n);

	note_all(t, frames, taken, CAPTURE_OUT);
	w->stats = t->inner->stats;
	return taken;
}

static int trace_fd(const struct wire *w)
{
	return wire_fd(((const struct trace *)w)->inner);
}

static ns_t trace_deadline(const struct wire *w)
{
	return wire_deadline(((const struct trace *)w)->inner);
}

static int trace_close(struct wire *w)
{
	struct trace *t = trace_of(w);
	struct wire_error error;
	int err = wire_close(t->inner);
	int written = capture_finish(t->out, &error);

	if (!err)
		err = t->error ? t->error : written;
	free(t);
	return err;
}

static const struct wire_ops trace_ops = {
	.kind = "trace",
	.recv = trace_recv,
	.send = trace_send,
	.fd = trace_fd,
	.deadline = trace_deadline,
	.close = trace_close,
};

int trace_wrap(struct wire **out, struct wire *inner, const char *path,
	       struct wire_error *error)
{
	struct trace *t = calloc(1, sizeof(*t));
	int err;

	if (!t) {
		snprintf(error->text, sizeof(error->text),
			 "wire trace: out of memory");
		return -ENOMEM;
	}
	err = capture_create(&t->out, path, error);
	if (err) {
		free(t);
		return err;
	}
	t->inner = inner;
	t->wire.ops = &trace_ops;
	t->wire.caps = inner->caps;
	snprintf(t->wire.name, sizeof(t->wire.name), "%s", inner->name);
	*out = &t->wire;
	return 0;
}

int trace_open(struct wire **out, const char *args, struct wire_error *error)
{
	const char *colon = strchr(args, ':');
	struct wire *inner;
	char path[4096];
	int err;

	if (!colon || colon == args || (size_t)(colon - args) >= sizeof(path)) {
		snprintf(error->text, sizeof(error->text),
			 "wire trace: it is trace:FILE:WIRE");
		return -EINVAL;
	}
	memcpy(path, args, (size_t)(colon - args));
	path[colon - args] = '\0';
	err = wire_open(&inner, colon + 1, error);
	if (err)
		return err;
	err = trace_wrap(out, inner, path, error);
	if (err)
		wire_close(inner);
	return err;
}
