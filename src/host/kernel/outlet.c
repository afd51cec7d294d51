// SPDX-License-Identifier: BSD-2-Clause
/* outlet.c - One way out: frames are fitted to what a wire can do, and sent */
#include "host/kernel/outlet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>

#include "nic/segment.h"
#include "packet/checksum.h"
#include "packet/parse.h"

#define HEADER_ROOM 256		/* of a frame that is cut                       */
#define TCP_CHECKSUM_AT 16
#define UDP_CHECKSUM_AT 6
#define UDP_BYTES ((uint32_t)sizeof(struct udp_header))

struct place {
	struct wire_frame frame;
	struct iovec iov[2];
	uint8_t header[HEADER_ROOM];
};

struct outlet {
	struct wire *wire;
	int patience_ms;
	const struct checksum_ops *checksum;
	struct outlet_stats stats;
	int error;
	uint32_t fragment_id;
	unsigned n_waiting;
	struct wire_frame waiting[OUTLET_FRAMES];
	struct place places[OUTLET_FRAMES];	/* for those that were cut      */
};

int outlet_open(struct outlet **out, struct wire *wire, int patience_ms)
{
	struct outlet *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->wire = wire;
	o->patience_ms = patience_ms;
	o->checksum = checksum_select(NULL);
	/* Nobody should guess it; but without randomness all goes on. */
	if (getrandom(&o->fragment_id, sizeof(o->fragment_id), GRND_NONBLOCK) < 0)
		o->fragment_id = 1;
	*out = o;
	return 0;
}

void outlet_close(struct outlet *o)
{
	free(o);
}

int outlet_error(const struct outlet *o)
{
	return o->error;
}

const struct outlet_stats *outlet_stats(const struct outlet *o)
{
	return &o->stats;
}

/* Return: whether it is worth trying again. */
static bool wait_for_room(const struct outlet *o, int *patience_ms)
{
	struct pollfd p = { .fd = wire_fd(o->wire), .events = POLLOUT };

	if (p.fd < 0 || --*patience_ms < 0)
		return false;
	return poll(&p, 1, 1) >= 0 || errno == EINTR;
}

void outlet_flush(struct outlet *o)
{
	unsigned n_sent = 0;
	int patience_ms = o->patience_ms;

	while (n_sent < o->n_waiting && !o->error) {
		int got = wire_send(o->wire, o->waiting + n_sent,
				    o->n_waiting - n_sent);

		if (got < 0)
			o->error = got;
		else
			n_sent += (unsigned)got;
		if (!got && !wait_for_room(o, &patience_ms))
			break;
	}
	o->stats.dropped_full += o->n_waiting - n_sent;
	o->n_waiting = 0;
}

/*
 * Whether the wire takes a frame of this gso_type. Who cuts finishes checksums: a
 * wire that does not is not asked to cut.
 */
static bool takes(const struct wire_caps *caps, uint8_t gso_type)
{
	if (gso_type == WIRE_GSO_NONE)
		return true;
	if (!caps->csum)
		return false;
	switch (gso_type & ~WIRE_GSO_ECN) {
	case WIRE_GSO_TCPV4:
		return caps->tso4;
	case WIRE_GSO_TCPV6:
		return caps->tso6;
	case WIRE_GSO_UDP_L4:
		return caps->uso;
	default:
		return false;
	}
}

/* The field holds the sum of the pseudo header: it is part of the sum. */
static bool finish_checksum(struct outlet *o, struct wire_frame *frame)
{
	uint8_t *data = frame->iov->iov_base;
	uint32_t start = frame->offload.csum_start;
	uint32_t at = start + frame->offload.csum_offset;
	uint16_t checksum;

	if (at + sizeof(checksum) > frame->len)
		return false;
	checksum = (uint16_t)~checksum_fold(
		o->checksum->sum(data + start, frame->len - start));
	/* The two zeros are equal, but UDP's 0 would say "none". */
	store16(data + at, checksum ? checksum : 0xffff);
	frame->offload = (struct wire_offload){ 0 };
	o->stats.checksums_finished++;
	return true;
}

static void enqueue(struct outlet *o, const struct wire_frame *frame)
{
	o->waiting[o->n_waiting++] = *frame;
	if (o->n_waiting == OUTLET_FRAMES)
		outlet_flush(o);
}

/* ---- Cut ------------------------------------------------------------------- */

struct job {
	struct tto_unit unit;
	struct iovec payload;
	struct wire_offload offload;	/* of each frame                        */
};

/* Return: enum tto_cut, or -1 when @type is no unit that is known. */
static int cut_of(uint8_t type)
{
	switch (type & ~WIRE_GSO_ECN) {
	case WIRE_GSO_TCPV4:
	case WIRE_GSO_TCPV6:
		return TTO_CUT_TCP;
	case WIRE_GSO_UDP_L4:
		return TTO_CUT_UDP;
	case WIRE_GSO_UDP:
		return TTO_CUT_FRAGMENT;
	default:
		return -1;
	}
}

/* Bytes before what is cut; 0 when the frame is not what @cut wants. */
static uint32_t header_len(const struct wire_frame *frame, int cut,
			   struct seg *seg)
{
	enum parse_verdict v = parse_frame(PARSE_LINK_ETHERNET,
					   frame->iov->iov_base, frame->len,
					   seg);

	if (cut == TTO_CUT_TCP)
		return v == PARSE_TCP || v == PARSE_TCP_IP_OPTIONS ?
		       seg->payload : 0;
	if (v != PARSE_NOT_TCP || seg->l3 == PARSE_NO_OFFSET ||
	    seg->protocol != PROTOCOL_UDP || seg->l4 + UDP_BYTES > seg->end)
		return 0;
	return seg->l4 + UDP_BYTES;
}

/* 0 in the field is "none", unless it is the sum of a pseudo header. */
static bool has_no_checksum(const struct wire_frame *frame,
			    const struct seg *seg)
{
	const uint8_t *udp = (const uint8_t *)frame->iov->iov_base + seg->l4;

	return seg->protocol == PROTOCOL_UDP && !seg->v6 &&
	       !(frame->offload.flags & WIRE_NEEDS_CSUM) &&
	       !load16(udp + UDP_CHECKSUM_AT);
}

static void plan_checksum(const struct outlet *o,
			  const struct wire_frame *frame, const struct seg *seg,
			  struct job *job)
{
	if (has_no_checksum(frame, seg)) {
		job->unit.flags |= TTO_UNIT_NO_UDP_CSUM;
	} else if (o->wire->caps.csum && job->unit.cut != TTO_CUT_FRAGMENT) {
		job->unit.flags |= TTO_UNIT_PARTIAL_CSUM;
		job->offload = (struct wire_offload){
			.flags = WIRE_NEEDS_CSUM,
			.csum_start = seg->l4,
			.csum_offset = job->unit.cut == TTO_CUT_TCP ?
				       TCP_CHECKSUM_AT : UDP_CHECKSUM_AT,
		};
	}
}

/* Return: false when the frame is not what its offload header says. */
static bool plan_cut(struct outlet *o, const struct wire_frame *frame,
		     struct job *job)
{
	uint8_t *data = frame->iov->iov_base;
	uint32_t size = frame->offload.gso_size, len;
	int cut = cut_of(frame->offload.gso_type);
	struct seg seg;

	if (!size || cut < 0)
		return false;
	len = header_len(frame, cut, &seg);
	if (!len)
		return false;
	if (cut == TTO_CUT_FRAGMENT)
		size += seg.l4 - seg.l3;	/* the cut wants an MTU */
	if (size > IP_MAX_BYTES)
		return false;
	job->payload = (struct iovec){
		.iov_base = data + len,
		.iov_len = seg.end - len,
	};
	job->unit = (struct tto_unit){
		.header = data,
		.header_len = len,
		.mss = (uint16_t)size,
		.cut = (uint8_t)cut,
		.n_payload = 1,
		.payload = &job->payload,
		.fragment_id = o->fragment_id++,
	};
	plan_checksum(o, frame, &seg, job);
	return true;
}

/* The next places of the queue, as slots for the segmenter. */
static unsigned offer_slots(struct outlet *o, struct tto_slot *slots)
{
	unsigned n = OUTLET_FRAMES - o->n_waiting;

	for (unsigned idx = 0; idx < n; idx++) {
		struct place *p = &o->places[o->n_waiting + idx];

		slots[idx] = (struct tto_slot){
			.data = p->header,
			.size = sizeof(p->header),
			.iov = &p->iov[1],
			.n_iov = 1,
		};
	}
	return n;
}

static void enqueue_slot(struct outlet *o, const struct tto_slot *slot,
			 const struct wire_frame *unit, const struct job *job)
{
	struct place *p = &o->places[o->n_waiting];

	p->iov[0] = (struct iovec){ .iov_base = slot->data, .iov_len = slot->len };
	p->frame = *unit;
	p->frame.iov = p->iov;
	p->frame.n_iov = 1 + slot->n_iov;
	p->frame.len = p->frame.full_len = slot->len + slot->payload_len;
	p->frame.offload = job->offload;
	enqueue(o, &p->frame);
}

static bool cut(struct outlet *o, const struct wire_frame *frame)
{
	struct tto_slot slots[OUTLET_FRAMES];
	struct segment segment;
	struct job job = { 0 };
	int got;

	if (!plan_cut(o, frame, &job) ||
	    segment_begin(&segment, &job.unit) < 0)
		return false;
	o->stats.units_cut++;
	while ((got = segment_next(&segment, slots, offer_slots(o, slots))) > 0) {
		for (int n = 0; n < got; n++)
			enqueue_slot(o, &slots[n], frame, &job);
		o->stats.frames_cut += (unsigned)got;
	}
	return got == 0;
}

void outlet_put(struct outlet *o, const struct wire_frame *frame)
{
	const struct wire_caps *caps = &o->wire->caps;
	struct wire_frame f = *frame;
	bool good = true;

	if (!takes(caps, f.offload.gso_type)) {
		good = cut(o, &f);
	} else {
		if (f.offload.flags & WIRE_NEEDS_CSUM && !caps->csum)
			good = finish_checksum(o, &f);
		if (good)
			enqueue(o, &f);
	}
	if (!good)
		o->stats.dropped_bad++;
}
