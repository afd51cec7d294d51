// SPDX-License-Identifier: BSD-2-Clause
/*
 * pair.c - A link in memory: what is sent at one end arrives at the other
 *
 * For tests and simulations: one thread, no clock. Two rings of slots of one
 * size, allocated at once. The slots that a receive handed out are free again
 * at the next one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/kinds.h"

#define FRAMES_MAX 65536
#define LINKTYPE_ETHERNET 1

struct slot {
	uint32_t len;
	struct wire_offload offload;
	ns_t time;
	struct iovec iov;
};

struct ring {
	uint32_t head, tail;	/* sent, freed; head - tail are in use          */
	uint32_t lent;		/* handed out, from tail on                     */
	struct slot *slots;
	uint8_t *memory;
};

struct pair;

struct pair_end {
	struct wire wire;
	struct pair *pair;
	struct ring *in, *out;
	bool closed;
};

struct pair {
	struct pair_end ends[2];
	struct ring rings[2];
	uint32_t mask;
	uint32_t frame_bytes;
};

static struct pair_end *end_of(struct wire *w)
{
	return (struct pair_end *)w;
}

static int pair_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct pair_end *e = end_of(w);
	struct ring *r = e->in;
	const struct pair_end *other = &e->pair->ends[e == e->pair->ends];
	unsigned got = 0;

	r->tail += r->lent;
	r->lent = 0;
	for (; got < n && r->tail + got != r->head; got++) {
		struct slot *s = &r->slots[(r->tail + got) & e->pair->mask];

		frames[got] = (struct wire_frame){
			.iov = &s->iov,
			.n_iov = 1,
			.len = s->len,
			.full_len = s->len,
			.linktype = LINKTYPE_ETHERNET,
			.offload = s->offload,
			.time = s->time,
		};
		w->stats.rx_frames++;
		w->stats.rx_bytes += s->len;
	}
	r->lent = got;
	return got == 0 && other->closed ? -ENODATA : (int)got;
}

static bool put(struct pair *p, struct ring *r, const struct wire_frame *f)
{
	struct slot *s = &r->slots[r->head & p->mask];

	if (f->len > p->frame_bytes)
		return false;
	s->len = wire_frame_copy(f, s->iov.iov_base);
	s->iov.iov_len = s->len;
	s->offload = f->offload;
	s->time = f->time;
	r->head++;
	return true;
}

static int pair_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct pair_end *e = end_of(w);
	struct pair *p = e->pair;
	unsigned taken = 0;

	for (; taken < n && e->out->head - e->out->tail <= p->mask; taken++) {
		if (p->ends[e == p->ends].closed ||
		    !put(p, e->out, &frames[taken])) {
			w->stats.tx_dropped++;
			continue;
		}
		w->stats.tx_frames++;
		w->stats.tx_bytes += frames[taken].len;
	}
	return (int)taken;
}

static void free_pair(struct pair *p)
{
	for (unsigned n = 0; n < 2; n++) {
		free(p->rings[n].slots);
		free(p->rings[n].memory);
	}
	free(p);
}

static int pair_close(struct wire *w)
{
	struct pair_end *e = end_of(w);

	e->closed = true;
	if (e->pair->ends[0].closed && e->pair->ends[1].closed)
		free_pair(e->pair);
	return 0;
}

static const struct wire_ops pair_ops = {
	.kind = "pair",
	.recv = pair_recv,
	.send = pair_send,
	.close = pair_close,
};

static int make_ring(struct ring *r, uint32_t slots, uint32_t frame_bytes)
{
	r->slots = calloc(slots, sizeof(*r->slots));
	r->memory = calloc(slots, frame_bytes);
	if (!r->slots || !r->memory)
		return -ENOMEM;
	for (uint32_t n = 0; n < slots; n++)
		r->slots[n].iov.iov_base = r->memory + (size_t)n * frame_bytes;
	return 0;
}

static void make_end(struct pair *p, unsigned n, bool offload)
{
	struct pair_end *e = &p->ends[n];

	e->pair = p;
	e->in = &p->rings[n];
	e->out = &p->rings[!n];
	e->wire = (struct wire){
		.ops = &pair_ops,
		.caps = { .offload = offload, .csum = offload, .tso4 = offload,
			  .tso6 = offload, .uso = offload, .live = true,
			  .linktype = LINKTYPE_ETHERNET,
			  .max_frame = p->frame_bytes },
	};
	snprintf(e->wire.name, sizeof(e->wire.name), "pair%u", n);
}

int pair_create(struct wire **a, struct wire **b, uint32_t frames,
		uint32_t frame_bytes, bool offload)
{
	uint32_t slots = 1;
	struct pair *p;

	if (frames == 0 || frames > FRAMES_MAX || frame_bytes == 0)
		return -EINVAL;
	while (slots < frames)
		slots *= 2;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->mask = slots - 1;
	p->frame_bytes = frame_bytes;
	if (make_ring(&p->rings[0], slots, frame_bytes) ||
	    make_ring(&p->rings[1], slots, frame_bytes)) {
		free_pair(p);
		return -ENOMEM;
	}
	make_end(p, 0, offload);
	make_end(p, 1, offload);
	*a = &p->ends[0].wire;
	*b = &p->ends[1].wire;
	return 0;
}
