// SPDX-License-Identifier: BSD-2-Clause
/* trace.c - A wire that writes all that passes to a capture */
#include "wire/trace.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/capture.h"
#include "wire/kinds.h"
#include "wire/spec.h"

#define COMMENT_BYTES 128

struct trace {
	struct wire wire;
	struct wire *inner;
	struct capture_writer *out;
	int out_error;		/* stays                                        */
	ns_t now;
	bool is_time_set;	/* by the caller, who goes on doing so          */
};

static struct trace *trace_of(const struct wire *w)
{
	return (struct trace *)(uintptr_t)w;
}

static ns_t time_of(struct trace *t, const struct wire_frame *f)
{
	struct timespec now;

	if (t->is_time_set)
		return t->now;
	if (t->wire.caps.live) {
		clock_gettime(CLOCK_REALTIME, &now);
		t->now = (ns_t)now.tv_sec * 1000000000 + (ns_t)now.tv_nsec;
	} else if (f->time) {
		t->now = f->time;
	}
	return t->now;
}

static const char *gso_name(uint8_t gso_type)
{
	switch (gso_type & ~WIRE_GSO_ECN) {
	case WIRE_GSO_NONE:
		return "none";
	case WIRE_GSO_TCPV4:
		return "tcpv4";
	case WIRE_GSO_TCPV6:
		return "tcpv6";
	case WIRE_GSO_UDP:
		return "udp";
	case WIRE_GSO_UDP_L4:
		return "udp-l4";
	default:
		return "unknown";
	}
}

/* The frame's own comment, or what it leaves to the other side, or NULL. */
static const char *comment_of(const struct wire_frame *f, char *text)
{
	const struct wire_offload *o = &f->offload;

	if (f->comment || (!(o->flags & WIRE_NEEDS_CSUM) && !o->gso_type))
		return f->comment;
	snprintf(text, COMMENT_BYTES,
		 "wire: checksum %s (start %u, offset %u), gso %s%s of %u, "
		 "header %u",
		 o->flags & WIRE_NEEDS_CSUM ? "unfinished" : "finished",
		 o->csum_start, o->csum_offset, gso_name(o->gso_type),
		 o->gso_type & WIRE_GSO_ECN ? " ecn" : "", o->gso_size,
		 o->hdr_len);
	return text;
}

static void record(struct trace *t, const struct wire_frame *frames, int n,
		   enum capture_direction direction)
{
	char text[COMMENT_BYTES];

	for (; n > 0 && !t->out_error; n--, frames++) {
		struct capture_packet p = {
			.time = time_of(t, frames),
			.direction = (uint8_t)direction,
			.comment = comment_of(frames, text),
		};

		t->out_error = capture_write_frame(t->out, t->inner->name, &p,
						   frames);
	}
	t->wire.stats = t->inner->stats;
}

static int trace_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct trace *t = trace_of(w);
	int got = wire_recv(t->inner, frames, n);

	record(t, frames, got, CAPTURE_IN);
	return got;
}

static int trace_send(struct wire *w, const struct wire_frame *frames,
		      unsigned n)
{
	struct trace *t = trace_of(w);
	int taken = wire_send(t->inner, frames, n);

	record(t, frames, taken, CAPTURE_OUT);
	return taken;
}

static int trace_fd(const struct wire *w)
{
	return wire_fd(trace_of(w)->inner);
}

static ns_t trace_deadline(const struct wire *w)
{
	return wire_deadline(trace_of(w)->inner);
}

static int trace_close(struct wire *w)
{
	struct trace *t = trace_of(w);
	int err = wire_close(t->inner);

	if (t->out_error)
		capture_abort(t->out);
	else
		t->out_error = capture_finish(t->out, NULL);
	err = err ? err : t->out_error;
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

	if (!t)
		return spec_error(error, -ENOMEM, "trace", "out of memory");
	err = capture_create(&t->out, path, error);
	if (err) {
		free(t);
		return err;
	}
	t->inner = inner;
	t->wire.ops = &trace_ops;
	t->wire.caps = inner->caps;
	memcpy(t->wire.name, inner->name, sizeof(t->wire.name));
	*out = &t->wire;
	return 0;
}

void trace_set_time(struct wire *w, ns_t now)
{
	trace_of(w)->now = now;
	trace_of(w)->is_time_set = true;
}

int trace_open(struct wire **out, const char *args, struct wire_error *error)
{
	char path[PATH_MAX];
	struct wire *inner;
	int err = spec_word(path, sizeof(path), &args, ":");

	if (err)
		return spec_error(error, err, "trace", "the name is too long");
	if (!*path || *args != ':')
		return spec_error(error, -EINVAL, "trace",
				  "trace:FILE:WIRE is what it takes");
	err = wire_open(&inner, args + 1, error);
	if (err)
		return err;
	err = trace_wrap(out, inner, path, error);
	if (err)
		(void)!wire_close(inner);
	return err;
}
