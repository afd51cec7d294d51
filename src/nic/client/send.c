// SPDX-License-Identifier: BSD-2-Clause
/* send.c - From the requests of a send queue to frames on the wire */
#include "nic/client/send.h"

#include <stdatomic.h>
#include <string.h>

#include "nic/client/complete.h"

#define GROUP 16		/* frames that are made at once                 */
#define GROUP_ELEMENTS 4	/* of each; few are in more pieces              */
#define RETRY_NS 1000000	/* until a CQ is looked at again that was full  */
#define TCP_CHECKSUM_AT 16
#define COMMANDS (DESCRIPTOR_ALL & ~(DESCRIPTOR_VIRTUAL | DESCRIPTOR_REGION | \
				     DESCRIPTOR_END))

/* A request while it is worked on. */
struct sending {
	struct device *d;
	struct send_batch *b;
	struct client_queue *sq;
	struct client_flow *flow;	/* NULL: unowned                        */
	const struct send_head *head;	/* the device's copy                    */
	struct send_record *r;
	uint32_t skip;		/* frames that have left before                 */
};

/* ---- The batch goes to the wire -------------------------------------------- */

static void complete_send(struct device *d, const struct send_record *r)
{
	struct completion c = {
		.wr_id = r->wr_id, .flow = r->flow, .bytes = r->bytes,
		.kind = COMPLETION_SEND, .status = r->status,
	};

	if (r->status == COMPLETION_OK) {
		r->sq->counters.bytes += r->bytes;
		if (!r->signaled)
			return;
	}
	if (r->status == COMPLETION_FAULT) {
		c.seq = (uint32_t)r->error.address;
		c.ack = (uint32_t)(r->error.address >> 32);
		c.fault = r->error.fault;
		c.fault_element = (uint8_t)r->error.element;
	}
	r->sq->counters.completions++;
	complete(d, r->sq->cq, &c);
}

/* The wire has all frames of a record. */
static void finish_record(struct device *d, const struct send_record *r)
{
	struct client_queue *sq = r->sq;

	sq->cq->reserved--;
	d->batch->taken++;
	if (r->blocks == 0) {
		sq->skip += r->end - r->begin;
		return;
	}
	sq->skip = 0;
	sq->ahead -= r->blocks;
	complete_take(d, sq, r->blocks);
	complete_send(d, r);
}

/* It waits in its queue, as if it had not been taken. */
static void undo_record(const struct send_record *r, uint32_t n_sent)
{
	r->sq->cq->reserved--;
	r->sq->ahead = 0;
	if (r->begin < n_sent)
		r->sq->skip += n_sent - r->begin;
}

static void count_refused(struct send_batch *b, uint32_t n_sent)
{
	for (uint32_t n = 0; n < b->n_records; n++) {
		struct send_record *r = &b->records[n];

		if (r->end > n_sent)
			r->sq->counters.drops[DEVICE_DROP_WIRE]++;
	}
}

/* Frames that the wire refuses for good are lost, as on any wire. */
static uint32_t send_frames(struct send_batch *b)
{
	uint32_t n_sent = 0;

	while (n_sent < b->n_frames) {
		int got = wire_send(b->wire, b->frames + n_sent,
				    b->n_frames - n_sent);

		if (got < 0) {
			count_refused(b, n_sent);
			return b->n_frames;
		}
		if (got == 0) {
			b->full = true;
			break;
		}
		n_sent += (uint32_t)got;
	}
	return n_sent;
}

static void flush(struct device *d)
{
	struct send_batch *b = d->batch;
	uint32_t n_sent = send_frames(b);

	for (uint32_t n = 0; n < b->n_records; n++) {
		const struct send_record *r = &b->records[n];

		if (likely(r->end <= n_sent))
			finish_record(d, r);
		else
			undo_record(r, n_sent);
	}
	b->n_frames = b->n_records = b->n_elements = b->n_bytes = 0;
}

/* Room for one more request, and most of what it may make. */
static bool make_room(struct device *d)
{
	struct send_batch *b = d->batch;

	if (b->n_frames > SEND_FRAMES / 2 || b->n_records == SEND_RECORDS ||
	    b->n_elements > SEND_ELEMENTS / 2 ||
	    b->n_bytes > SEND_BYTES - SEND_COPY_MAX -
			 SEND_BLOCKS_MAX * SEND_BLOCK_BYTES)
		flush(d);
	return !b->full;
}

/* ---- Frames ---------------------------------------------------------------- */

static uint32_t round_line(uint32_t bytes)
{
	return (bytes + CACHE_LINE - 1) & ~(uint32_t)(CACHE_LINE - 1);
}

static uint8_t *take_bytes(struct send_batch *b, uint32_t bytes)
{
	uint8_t *at = b->bytes + b->n_bytes;

	b->n_bytes += round_line(bytes);
	return at;
}

static struct wire_frame *add_frame(struct send_batch *b,
				    const struct iovec *iov, uint32_t n_iov,
				    uint32_t len)
{
	struct wire_frame *f = &b->frames[b->n_frames++];

	*f = (struct wire_frame){
		.iov = iov, .n_iov = n_iov, .len = len,
		.linktype = b->wire->caps.linktype, .time = b->now,
	};
	b->made++;
	return f;
}

/* What the wire is told of each frame. */
static struct wire_offload describe(const struct fetch *f)
{
	const struct segment *s = &f->segment;
	struct wire_offload o = { 0 };

	if (!f->partial)
		return o;
	o.flags = WIRE_NEEDS_CSUM;
	o.csum_start = s->l4;
	o.csum_offset = TCP_CHECKSUM_AT;
	if (!f->gso_size)
		return o;
	o.gso_type = s->v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4;
	if (s->template[s->l4 + 13] & TCP_CWR)	/* s->flags: of the next frame */
		o.gso_type |= WIRE_GSO_ECN;
	o.gso_size = f->gso_size;
	o.hdr_len = s->header_len;
	return o;
}

/* How the next frames are made: copied, or with elements that name the payload. */
struct shape {
	bool copied;
	uint32_t elements;	/* room for the payload's                       */
	uint32_t bytes;		/* and for what is written                      */
};

static struct shape choose_shape(const struct fetch *f)
{
	const struct segment *s = &f->segment;
	uint32_t longest = s->left < s->per_frame ? s->left : s->per_frame;
	struct shape shape = { .bytes = s->header_len };

	shape.copied = f->n_elements == 0 ||
		       (f->gso_size && f->n_spans > SEND_FRAME_ELEMENTS);
	if (shape.copied)
		shape.bytes += longest;
	else
		shape.elements = f->gso_size ? SEND_FRAME_ELEMENTS :
					       GROUP_ELEMENTS;
	return shape;
}

/* Return: slots that there is room for, at most @n. */
static uint32_t offer_slots(const struct send_batch *b,
			    const struct shape *shape, struct tto_slot *slots,
			    uint32_t n)
{
	uint32_t stride = round_line(shape->bytes), done = 0;
	uint32_t bytes = b->n_bytes, elements = b->n_elements;

	for (; done < n && bytes + stride <= SEND_BYTES &&
	       elements + 1 + shape->elements <= SEND_ELEMENTS; done++) {
		slots[done] = (struct tto_slot){
			.data = (uint8_t *)(uintptr_t)b->bytes + bytes,
			.size = stride,
		};
		if (!shape->copied) {
			slots[done].iov = (struct iovec *)(uintptr_t)
						  b->elements + elements + 1;
			slots[done].n_iov = shape->elements;
		}
		bytes += stride;
		elements += 1 + shape->elements;
	}
	return done;
}

static void add_slots(struct send_batch *b, const struct shape *shape,
		      const struct tto_slot *slots, int n)
{
	const struct wire_offload offload = describe(&b->fetch);

	for (int k = 0; k < n; k++) {
		const struct tto_slot *s = &slots[k];
		struct iovec *iov = b->elements + b->n_elements;
		uint32_t len = s->len;

		if (s->iov)
			len += s->payload_len;
		iov[0] = (struct iovec){ s->data, s->len };
		add_frame(b, iov, 1 + (s->iov ? s->n_iov : 0), len)->offload =
			offload;
		b->n_elements += 1 + shape->elements;
		b->n_bytes += round_line(shape->bytes);
	}
}

/*
 * Makes up to @n frames. Return: how many, fewer when there is no room for more in
 * the batch; -EFAULT.
 */
static int make_frames(struct send_batch *b, uint32_t n)
{
	struct shape shape = choose_shape(&b->fetch);
	struct tto_slot slots[GROUP];
	uint32_t done = 0;

	while (done < n) {
		uint32_t group = n - done < GROUP ? n - done : GROUP;
		int got;

		group = offer_slots(b, &shape, slots, group);
		if (!group)
			break;
		got = fetch_next(&b->fetch, slots, group);
		if (got == -ENOBUFS && !shape.copied) {
			/* In too many pieces: this one is copied. */
			shape.copied = true;
			shape.elements = 0;
			shape.bytes += b->fetch.segment.per_frame;
			continue;
		}
		if (got <= 0)
			return got;
		add_slots(b, &shape, slots, got);
		done += (uint32_t)got;
		if (b->fetch.n_elements && shape.copied)
			shape = choose_shape(&b->fetch);
	}
	return (int)done;
}

/* ---- One request ----------------------------------------------------------- */

static uint8_t refuse(struct sending *x, enum device_drop why, uint8_t status)
{
	x->sq->counters.drops[why]++;
	return status;
}

static uint8_t refuse_fetch(struct sending *x, int err)
{
	switch (err) {
	case -EFAULT:
		x->r->error = x->b->fetch.error;
		return refuse(x, DEVICE_DROP_BUFFER_FAULT, COMPLETION_FAULT);
	case -EMSGSIZE:
		return refuse(x, DEVICE_DROP_BAD_REQUEST, COMPLETION_TOO_LARGE);
	default:
		return refuse(x, DEVICE_DROP_BAD_REQUEST, COMPLETION_INVALID);
	}
}

static bool is_address_right(const uint8_t *mine, const uint8_t *theirs,
			     bool v6, bool may_be_any)
{
	static const uint8_t any[16];
	size_t bytes = v6 ? 16 : 4;

	return !memcmp(mine, theirs, bytes) ||
	       (may_be_any && !memcmp(mine, any, sizeof(any)));
}

static bool is_port_right(uint16_t mine, const uint8_t *theirs, bool may_be_any)
{
	return mine == load_be16(theirs) || (may_be_any && mine == 0);
}

static bool is_link_right(const struct segment *s, const struct client_flow *f)
{
	uint32_t first = f->link_free;

	return !f->link_bytes ||
	       (s->l3 == f->link_bytes &&
		!memcmp(s->template + first, f->link + first,
			f->link_bytes - first));
}

/* SPEC TX-8: the headers that are going to be sent, reversed, are the flow's. */
static bool is_tuple_right(const struct segment *s, const struct client_flow *f)
{
	const uint8_t *ip = s->template + s->l3, *tcp = s->template + s->l4;
	const struct tcp_tuple *t = &f->tuple;
	bool open = f->kind != FLOW_CONNECTION;
	bool v6 = t->v6;
	size_t ip_bytes = v6 ? sizeof(struct ipv6_header) :
			       sizeof(struct ipv4_header);

	if (s->v6 != v6 || s->l3 + ip_bytes != s->l4 || !is_link_right(s, f))
		return false;
	return is_address_right(t->local, ip + (v6 ? 8 : 12), v6, false) &&
	       is_address_right(t->remote, ip + (v6 ? 24 : 16), v6, open) &&
	       is_port_right(t->local_port, tcp, f->kind == FLOW_ADDRESS) &&
	       is_port_right(t->remote_port, tcp + 2, open);
}

static bool is_too_large(const struct fetch *f, const struct wire_caps *caps)
{
	const struct segment *s = &f->segment;
	uint32_t payload = f->gso_size ? f->gso_size :
			   s->left < s->per_frame ? s->left : s->per_frame;

	return caps->max_frame && s->header_len + payload > caps->max_frame;
}

static struct fetch_request request_of(const struct sending *x)
{
	const struct send_head *h = x->head;
	const struct descriptor *first = (const void *)(h + 1);

	return (struct fetch_request){
		.descriptors = first, .n = h->descriptors,
		.inline_at = (const uint8_t *)(first + h->descriptors),
		.inline_bytes = h->inline_bytes,
		.caps = &x->b->wire->caps, .link = (uint8_t)x->b->link,
	};
}

/* What the flow's state learns from what its owner sends (SPEC RX-12). */
static void note_sent(struct sending *x)
{
	const struct segment *s = &x->b->fetch.segment;

	const uint8_t *tcp = s->template + s->l4;

	if (s->flags & TCP_ACK)
		order_acked(&x->flow->order, load_be32(tcp + 8));
	errors_sent(&x->flow->errors, load_be32(tcp + 4),
		    x->b->fetch.bytes + !!(s->flags & TCP_SYN) +
		    !!(s->flags & TCP_FIN));
	x->flow->counters.sent += x->b->fetch.bytes;
}

/* Return: enum completion_status; with COMPLETION_OK there are @frames to be made. */
static uint8_t begin_flow(struct sending *x, uint32_t *frames)
{
	const struct fetch_cut cut = {
		.command = x->head->command, .mss = x->head->mss,
		.fragment_id = x->head->fragment_id,
	};
	struct fetch_request r = request_of(x);
	struct fetch *f = &x->b->fetch;
	int got;

	x->flow = state_flow(x->d, x->head->flow);
	if (!x->flow || x->flow->sq != x->sq)
		return refuse(x, DEVICE_DROP_BAD_FLOW, COMPLETION_FLUSHED);
	if (cut.command & ~COMMANDS)
		return refuse(x, DEVICE_DROP_BAD_REQUEST, COMPLETION_INVALID);
	if ((cut.command & DESCRIPTOR_CUT) != DESCRIPTOR_CUT_TCP)
		return refuse(x, DEVICE_DROP_BAD_TUPLE, COMPLETION_TUPLE);
	r.cut = &cut;
	got = fetch_begin(f, x->d->memory, &x->sq->dma, &r);
	if (got < 0)
		return refuse_fetch(x, got);
	if (!is_tuple_right(&f->segment, x->flow))
		return refuse(x, DEVICE_DROP_BAD_TUPLE, COMPLETION_TUPLE);
	if (is_too_large(f, r.caps))
		return refuse_fetch(x, -EMSGSIZE);
	x->r->bytes = f->bytes;
	*frames = (uint32_t)got;
	if (x->skip == 0)
		note_sent(x);
	return COMPLETION_OK;
}

/* A frame as it is. It is put into the batch at once. */
static uint8_t send_unowned(struct sending *x)
{
	struct fetch_request r = request_of(x);
	struct send_batch *b = x->b;
	struct fetch *f = &b->fetch;
	struct iovec *iov = b->elements + b->n_elements;
	uint32_t most = r.caps->max_frame ? r.caps->max_frame : SEND_COPY_MAX;
	int err;

	if (!x->sq->unowned)
		return refuse(x, DEVICE_DROP_BAD_FLOW, COMPLETION_FLUSHED);
	err = fetch_begin_whole(f, x->d->memory, &x->sq->dma, &r);
	if (!err && f->bytes == 0)
		err = -EINVAL;
	if (!err && (f->bytes > most || f->bytes > SEND_COPY_MAX))
		err = -EMSGSIZE;
	if (err)
		return refuse_fetch(x, err);
	x->r->bytes = f->bytes;
	if (f->n_spans <= SEND_FRAME_ELEMENTS) {
		memcpy(iov, f->span, f->n_spans * sizeof(*iov));
		b->n_elements += f->n_spans;
		add_frame(b, iov, f->n_spans, f->bytes);
		return COMPLETION_OK;
	}
	iov[0] = (struct iovec){ take_bytes(b, f->bytes), f->bytes };
	for (uint32_t n = 0, at = 0; n < f->n_spans; n++) {
		memcpy((uint8_t *)iov[0].iov_base + at, f->span[n].iov_base,
		       f->span[n].iov_len);
		at += (uint32_t)f->span[n].iov_len;
	}
	b->n_elements++;
	add_frame(b, iov, 1, f->bytes);
	return COMPLETION_OK;
}

/* Frames of this request, but for those that have left before. */
static void make_request_frames(struct sending *x, uint32_t frames)
{
	struct send_batch *b = x->b;
	uint32_t skip = x->skip < frames ? x->skip : frames;
	uint32_t room = SEND_FRAMES - b->n_frames;
	int got = segment_skip(&b->fetch.segment, skip);

	frames -= skip;
	if (got == 0 && frames)
		got = make_frames(b, frames < room ? frames : room);
	if (got < 0)
		x->r->status = refuse_fetch(x, got);
	else if ((uint32_t)got < frames)
		x->r->blocks = 0;
}

static void work_on(struct sending *x)
{
	uint32_t frames = 0;

	if (x->head->flags & SEND_UNOWNED) {
		if (x->skip == 0)
			x->r->status = send_unowned(x);
		return;
	}
	x->r->status = begin_flow(x, &frames);
	if (x->r->status == COMPLETION_OK)
		make_request_frames(x, frames);
}

/* ---- Requests -------------------------------------------------------------- */

/* The device's own copy of @n blocks, each read once. */
static void copy_blocks(struct client_queue *sq, uint8_t *to, uint32_t first,
			uint32_t n)
{
	for (; n > 0; n--, first++, to += SEND_BLOCK_BYTES)
		memcpy(to, complete_entry(sq, sq->ahead + first),
		       SEND_BLOCK_BYTES);
	/* What is read from here on is the copy, and never the ring again. */
	atomic_signal_fence(memory_order_seq_cst);
}

/*
 * Copies the next request. Return: its head, or NULL: where the next one begins
 * is not known then.
 */
static const struct send_head *copy_request(struct sending *x)
{
	uint8_t *to = x->b->bytes + x->b->n_bytes;
	const struct send_head *h = (const void *)to;
	struct client_queue *sq = x->sq;

	copy_blocks(sq, to, 0, 1);
	if (h->blocks == 0 || h->blocks > SEND_BLOCKS_MAX ||
	    complete_ready(sq, sq->ahead + h->blocks) < sq->ahead + h->blocks)
		return NULL;
	if (h->blocks > 1)
		copy_blocks(sq, to + SEND_BLOCK_BYTES, 1, h->blocks - 1U);
	x->b->n_bytes += h->blocks * SEND_BLOCK_BYTES;
	return h;
}

static void break_queue(struct sending *x, struct send_record *r)
{
	r->status = refuse(x, DEVICE_DROP_BAD_REQUEST, COMPLETION_INVALID);
	r->blocks = 1;
	x->sq->ahead++;
	x->sq->end.broken = true;
	complete_note_broken(x->sq);
}

static void take_request(struct device *d, struct client_queue *sq)
{
	struct send_batch *b = d->batch;
	struct send_record *r = &b->records[b->n_records++];
	struct sending x = {
		.d = d, .b = b, .sq = sq, .r = r,
		.skip = sq->ahead ? 0 : sq->skip,
	};

	*r = (struct send_record){
		.sq = sq, .begin = b->n_frames, .flow = COMPLETION_NO_FLOW,
	};
	sq->cq->reserved++;
	x.head = copy_request(&x);
	if (unlikely(!x.head)) {
		break_queue(&x, r);
	} else {
		r->wr_id = x.head->wr_id;
		r->flow = x.head->flow;
		r->signaled = x.head->flags & SEND_SIGNALED;
		r->blocks = x.head->blocks;
		if (unlikely(send_blocks(x.head->descriptors,
					 x.head->inline_bytes) > r->blocks))
			r->status = refuse(&x, DEVICE_DROP_BAD_REQUEST,
					   COMPLETION_INVALID);
		else
			work_on(&x);
		sq->ahead += r->blocks;
	}
	r->end = b->n_frames;
	if (unlikely(r->blocks == 0))
		flush(d);
}

/* Requests of one queue, until there are enough, or enough frames. Return: how many. */
static uint32_t take_turn(struct device *d, struct client_queue *sq,
			  uint32_t budget)
{
	struct send_batch *b = d->batch;
	uint32_t n = 0, made = b->made;

	if (budget > d->options.send_burst)
		budget = d->options.send_burst;
	while (n < budget && b->made - made < d->options.send_burst) {
		if (complete_ready(sq, sq->ahead + 1) <= sq->ahead)
			break;
		if (!complete_room(sq->cq, 1)) {
			d->retry = b->now + RETRY_NS;
			break;
		}
		if (!make_room(d))
			break;
		take_request(d, sq);
		n++;
	}
	return n;
}

static enum tto_link link_of(uint16_t linktype)
{
	switch (linktype) {	/* LINKTYPE_ of pcap                            */
	case 0:
	case 108:
		return TTO_LINK_NULL;
	case 1:
		return TTO_LINK_ETHERNET;
	case 113:
		return TTO_LINK_SLL;
	case 276:
		return TTO_LINK_SLL2;
	default:
		return TTO_LINK_IP;
	}
}

uint32_t send_run(struct device *d, struct wire *w, uint32_t budget, ns_t now)
{
	struct send_batch *b = d->batch;
	uint32_t n = 0, idle = 0;

	b->wire = w;
	b->link = link_of(w->caps.linktype);
	b->now = now;
	b->full = false;
	b->made = b->taken = 0;
	d->retry = NS_NEVER;
	while (n < budget && idle < d->n_senders && !b->full) {
		uint32_t taken;

		if (++d->turn >= d->n_senders)
			d->turn = 0;
		taken = take_turn(d, d->senders[d->turn], budget - n);
		idle = taken ? 0 : idle + 1;
		n += taken;
	}
	if (b->n_records)
		flush(d);
	return b->taken;
}
