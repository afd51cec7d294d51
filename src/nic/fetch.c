// SPDX-License-Identifier: BSD-2-Clause
/* fetch.c - From descriptors to frames: payload out of a program's memory */
#include "nic/fetch.h"

#include <string.h>

/* A pseudo frame, as its request says. */
struct pseudo_frame {
	struct fetch_cut cut;
	uint64_t bytes;		/* headers and payload                          */
};

/* ---- Descriptors --------------------------------------------------------------- */

/* The device's own copy: each field is read once. */
static struct descriptor copy_descriptor(const struct descriptor *from)
{
	const volatile struct descriptor *d = from;

	return (struct descriptor){
		.address = d->address, .base = d->base, .length = d->length,
		.mss = d->mss, .command = d->command,
		.fragment_id = d->fragment_id,
	};
}

static bool take_element(const struct descriptor *d, struct element *e)
{
	uint16_t kind = d->command & (DESCRIPTOR_VIRTUAL | DESCRIPTOR_REGION);

	*e = (struct element){ .address = d->address, .base = d->base,
			       .bytes = d->length };
	if (kind == DESCRIPTOR_VIRTUAL)
		e->kind = ELEMENT_VIRTUAL;
	else if (kind == DESCRIPTOR_REGION)
		e->kind = ELEMENT_REGION;
	return kind != (DESCRIPTOR_VIRTUAL | DESCRIPTOR_REGION) &&
	       !(d->command & ~DESCRIPTOR_ALL);
}

static int refuse(struct fetch *f, enum dma_fault fault, uint32_t element,
		  uint64_t address)
{
	f->error = (struct dma_error){
		.address = address, .element = (uint16_t)element,
		.fault = (uint8_t)fault,
	};
	f->memory->counters.faults[fault]++;
	return -EFAULT;
}

/* Takes descriptors up to the end of the pseudo frame. */
static int take_descriptors(struct fetch *f, const struct fetch_request *r,
			    struct pseudo_frame *p)
{
	bool wrong = false, ended = r->n == 0 && r->inline_bytes > 0;
	uint32_t taken = 0, wrong_at = 0;

	while (taken < r->n && !ended) {
		const struct descriptor d = copy_descriptor(&r->descriptors[taken]);
		struct element spare;
		struct element *e = taken < FETCH_ELEMENTS ?
				    &f->element[taken] : &spare;

		if (taken == 0 && !r->cut)
			p->cut = (struct fetch_cut){ d.command, d.mss,
						     d.fragment_id };
		if (!take_element(&d, e) && !wrong) {
			wrong = true;
			wrong_at = taken;
		}
		p->bytes += d.length;
		ended = d.command & DESCRIPTOR_END;
		taken++;
	}
	f->n_elements = taken;
	if (wrong || !ended)
		return refuse(f, DMA_FAULT_COMMAND,
			      wrong ? wrong_at : taken - !!taken, 0);
	if (taken > FETCH_ELEMENTS)
		return refuse(f, DMA_FAULT_TOO_LONG, FETCH_ELEMENTS, 0);
	return 0;
}

/* ---- Memory ---------------------------------------------------------------------- */

static int translate(struct fetch *f)
{
	struct spans spans = { f->span, 0, FETCH_SPANS };

	if (f->inline_bytes) {
		spans.at[spans.n++] = (struct iovec){
			(void *)(uintptr_t)f->inline_at, f->inline_bytes,
		};
		spans.max++;
	}
	f->epoch = f->memory->epoch;
	for (uint32_t n = 0; n < f->n_elements; n++) {
		if (element_translate(f->memory, &f->queue, &f->element[n],
				      false, &spans, &f->error)) {
			f->error.element = (uint16_t)n;
			return -EFAULT;
		}
	}
	f->n_spans = spans.n;
	return 0;
}

/* The payload's part of the spans: what lies behind the headers. */
static const struct iovec *payload(struct fetch *f, uint32_t *n)
{
	uint32_t first = 0, skip = f->skip;

	while (first < f->n_spans && skip >= f->span[first].iov_len)
		skip -= (uint32_t)f->span[first++].iov_len;
	if (skip) {
		struct iovec *partial = &f->span[first];

		partial->iov_base = (uint8_t *)partial->iov_base + skip;
		partial->iov_len -= skip;
	}
	*n = f->n_spans - first;
	return &f->span[first];
}

/* ---- The unit ---------------------------------------------------------------------- */

static uint32_t transport_bytes(const struct segment_layout *l,
				const uint8_t *header, uint16_t command)
{
	switch (command & DESCRIPTOR_CUT) {
	case DESCRIPTOR_CUT_TCP:
		return l->header_len - l->l4 < sizeof(struct tcp_header) ?
		       sizeof(struct tcp_header) :
		       (header[l->l4 + 12] >> 4) * 4U;
	case DESCRIPTOR_CUT_UDP:
		return sizeof(struct udp_header);
	default:
		if (l->protocol == PROTOCOL_FRAGMENT && l->v6)
			return sizeof(struct ipv6_fragment);
		return command & DESCRIPTOR_UDP ?
		       sizeof(struct udp_header) : 0;
	}
}

static uint8_t unit_flags(uint16_t command)
{
	return (uint8_t)((command & DESCRIPTOR_FIXED_ID ?
			  TTO_UNIT_FIXED_ID : 0) |
			 (command & DESCRIPTOR_PARTIAL_CSUM ?
			  TTO_UNIT_PARTIAL_CSUM : 0) |
			 (command & DESCRIPTOR_NO_UDP_CSUM ?
			  TTO_UNIT_NO_UDP_CSUM : 0) |
			 (command & DESCRIPTOR_ACCECN ?
			  TTO_UNIT_ACCECN : 0));
}

static enum tto_cut unit_cut(uint16_t command)
{
	switch (command & DESCRIPTOR_CUT) {
	case DESCRIPTOR_CUT_TCP: return TTO_CUT_TCP;
	case DESCRIPTOR_CUT_UDP: return TTO_CUT_UDP;
	case DESCRIPTOR_CUT_FRAGMENT: return TTO_CUT_FRAGMENT;
	default: return (enum tto_cut)-1;	/* refused as unknown           */
	}
}

/* Copies the headers, wherever they are, and finds their end. */
static int read_header(struct fetch *f, const struct pseudo_frame *p,
		       enum tto_link link, struct segment_layout *l,
		       uint8_t *header)
{
	uint32_t len = p->bytes < SEGMENT_HEADER_MAX ? (uint32_t)p->bytes :
						       SEGMENT_HEADER_MAX;
	struct gather g;
	uint32_t sum;

	gather_begin(&g, f->span, f->n_spans);
	if (gather_copy(&g, len, header, checksum_select("portable"), &sum) ||
	    !layout_read(l, link, header, len))
		return -EINVAL;
	f->skip = l->l4 + transport_bytes(l, header, p->cut.command);
	if (f->skip > len)
		return -EINVAL;
	f->bytes = (uint32_t)(p->bytes - f->skip);
	return p->bytes - f->skip <= UINT32_MAX ? 0 : -EMSGSIZE;
}

/* Whether the wire cuts it into the very frames that were asked for. */
static bool wire_cuts(const struct fetch *f, const struct wire_caps *caps,
		      const struct segment_layout *l, const struct tto_unit *u)
{
	uint32_t headers = f->skip - l->l3;
	uint16_t flags;

	if (u->cut != TTO_CUT_TCP ||
	    f->skip < l->l4 + sizeof(struct tcp_header))
		return false;
	flags = load_be16((const uint8_t *)u->header + l->l4 + 12);
	return u->mss && f->bytes > u->mss &&
	       (l->v6 ? caps->tso6 : caps->tso4) &&
	       f->bytes <= UINT16_MAX - headers &&
	       !(u->flags & TTO_UNIT_FIXED_ID) &&
	       !(flags & (TCP_SYN | TCP_RST | TCP_URG)) &&
	       !(flags & TCP_CWR && u->flags & TTO_UNIT_ACCECN);
}

/* Leaves to the wire what it can do. */
static void use_wire(struct fetch *f, const struct wire_caps *caps,
		     const struct segment_layout *l, struct tto_unit *u)
{
	u->flags &= (uint8_t)~TTO_UNIT_PARTIAL_CSUM;
	if (!caps->csum || u->cut == TTO_CUT_FRAGMENT)
		return;
	f->partial = true;
	u->flags |= TTO_UNIT_PARTIAL_CSUM;
	if (!wire_cuts(f, caps, l, u))
		return;
	f->gso_size = u->mss;
	u->mss = (uint16_t)f->bytes;
}

static int begin_unit(struct fetch *f, const struct pseudo_frame *p,
		      const struct fetch_request *r)
{
	uint8_t header[SEGMENT_HEADER_MAX];
	struct segment_layout l;
	struct tto_unit u = {
		.header = header, .mss = p->cut.mss, .link = r->link,
		.cut = (uint8_t)unit_cut(p->cut.command),
		.flags = unit_flags(p->cut.command),
		.fragment_id = p->cut.fragment_id,
	};
	int err = read_header(f, p, (enum tto_link)r->link, &l, header);

	if (err)
		return err;
	if (r->caps)
		use_wire(f, r->caps, &l, &u);
	u.header_len = f->skip;
	u.payload = payload(f, &u.n_payload);
	return segment_begin(&f->segment, &u);
}

static int begin_bytes(struct fetch *f, struct memory *m,
		       const struct dma_queue *q, const struct fetch_request *r,
		       struct pseudo_frame *p)
{
	int err;

	f->memory = m;
	f->queue = *q;
	f->inline_at = r->inline_at;
	f->inline_bytes = r->inline_bytes;
	f->n_spans = 0;
	f->skip = 0;
	f->bytes = 0;
	f->gso_size = 0;
	f->partial = false;
	f->error = (struct dma_error){ 0 };
	f->segment.frames = 0;
	p->bytes = r->inline_bytes;
	err = take_descriptors(f, r, p);
	return err ? err : translate(f);
}

int fetch_begin(struct fetch *f, struct memory *m, const struct dma_queue *q,
		const struct fetch_request *r)
{
	struct pseudo_frame p = { 0 };
	int err;

	if (r->cut)
		p.cut = *r->cut;
	err = begin_bytes(f, m, q, r, &p);
	return err ? err : begin_unit(f, &p, r);
}

int fetch_begin_whole(struct fetch *f, struct memory *m,
		      const struct dma_queue *q, const struct fetch_request *r)
{
	struct pseudo_frame p = { 0 };
	int err = begin_bytes(f, m, q, r, &p);

	if (err)
		return err;
	f->bytes = (uint32_t)p.bytes;
	return p.bytes <= UINT32_MAX ? 0 : -EMSGSIZE;
}

/* Translations were forgotten since: the same bytes, where they are now. */
static int translate_again(struct fetch *f)
{
	const struct iovec *iov;
	uint32_t n;
	int err = translate(f);

	if (!err) {
		iov = payload(f, &n);
		err = segment_move_payload(&f->segment, iov, n);
	}
	if (err)
		f->segment.frames = 0;
	return err;
}

int fetch_next(struct fetch *f, struct tto_slot *slots, size_t n)
{
	if (unlikely(f->epoch != f->memory->epoch) && f->segment.frames) {
		int err = translate_again(f);

		if (err)
			return err;
	}
	return segment_next(&f->segment, slots, n);
}
