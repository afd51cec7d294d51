// SPDX-License-Identifier: BSD-2-Clause
/*
 * wire.c - A wire to the kernel's stack, for all that is no client's (SPEC KT-2, KT-3)
 *
 * What comes is handed on at once, as its memory goes back to the wire; what the kernel
 * sends goes out beside what clients send. Nobody waits: what finds no room is dropped,
 * as a network card does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/state.h"

#define LINEAR_BYTES (1u << 20)	/* the longest aggregate, and its headers       */
#define TCP_CHECKSUM_AT 16

int kernel_wire_open(struct host *h)
{
	int err = outlet_open(&h->to_wire, h->wire, 0);

	if (!err)
		err = outlet_open(&h->to_kernel, h->options.kernel, 0);
	h->linear = malloc(LINEAR_BYTES);
	return err || h->linear ? err : -ENOMEM;
}

void kernel_wire_close(struct host *h)
{
	outlet_close(h->to_wire);
	outlet_close(h->to_kernel);
	free(h->linear);
}

static struct wire_offload describe(const struct host *h, const struct tto_packet *p)
{
	const struct wire_caps *caps = &h->options.kernel->caps;
	struct wire_offload o = { 0 };

	if (p->csum == TTO_CSUM_PARTIAL) {
		o.flags = WIRE_NEEDS_CSUM;
		o.csum_start = p->l4;
		o.csum_offset = TCP_CHECKSUM_AT;
	} else if (p->csum == TTO_CSUM_VERIFIED) {
		o.flags = WIRE_DATA_VALID;
	}
	/* A unit of one segment is none: kernels refuse it. */
	if ((p->v6 ? caps->tso6 : caps->tso4) && p->payload_len > p->gso_size) {
		o.gso_type = p->v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4;
		o.gso_size = p->gso_size;
		o.hdr_len = (uint16_t)p->header_len;
	}
	return o;
}

/* One frame, as the wire brought it; NULL when it is more, or was changed. */
static const struct wire_frame *origin(const struct tto_packet *p)
{
	const struct wire_frame *f = p->n_frames == 1 && !p->changed ?
				     p->segments->cookie : NULL;

	return f && f->n_iov == 1 && f->iov->iov_base == p->header ? f : NULL;
}

static bool gather(struct host *h, const struct tto_packet *p, struct iovec *iov)
{
	uint32_t at = p->header_len;

	if ((uint64_t)p->header_len + p->payload_len > LINEAR_BYTES)
		return false;
	memcpy(h->linear, p->header, p->header_len);
	for (const struct tto_segment *s = p->segments; s; s = s->next) {
		if (s->len)
			memcpy(h->linear + at, s->payload, s->len);
		at += s->len;
	}
	*iov = (struct iovec){ h->linear, at };
	return true;
}

void kernel_wire_put(struct host *h, const struct tto_packet *p)
{
	const struct wire_frame *as_it_came = origin(p);
	struct iovec iov;
	struct wire_frame f = {
		.iov = &iov, .n_iov = 1, .linktype = h->wire->caps.linktype,
		.offload = describe(h, p),
	};

	if (as_it_came) {
		f = *as_it_came;
	} else {
		if (!gather(h, p, &iov))
			return;
		f.len = f.full_len = (uint32_t)iov.iov_len;
	}
	outlet_put(h->to_kernel, &f);
	outlet_flush(h->to_kernel);
}

int kernel_wire_run(struct host *h)
{
	int n = wire_recv(h->options.kernel, h->frames, HOST_BATCH);

	for (int idx = 0; idx < n; idx++) {
		if (h->frames[idx].n_iov == 1)
			outlet_put(h->to_wire, &h->frames[idx]);
	}
	outlet_flush(h->to_wire);
	return n;
}
