// SPDX-License-Identifier: BSD-2-Clause
/* receive.c - From frames to segments of TCP, and to ICMP errors about ours */
#include <errno.h>
#include <string.h>

#include "embed/state.h"
#include "packet/headers.h"
#include "packet/icmp.h"
#include "packet/parse.h"
#include "packet/verify.h"

void embed_hand_over(struct attached *a, const struct embed_datagram *d)
{
	struct embed *e = a->embed;

	/* RFC 1122 §3.2.1.3: from us, by the wire: we would answer ourselves for ever. */
	if (!a->is_looped && embed_is_own(e, d->tuple.remote, d->tuple.v6)) {
		e->stats.bad++;
		return;
	}
	if (embed_is_own(e, d->tuple.local, d->tuple.v6)) {
		e->stats.segments_in++;
		a->arrive(d);
	} else {
		e->stats.not_ours++;
	}
}

/* ---- Segments --------------------------------------------------------------------- */

/* Of a unit that nobody has cut, as a TAP device has them. */
static uint32_t frames_in(const struct embed *e, const struct tto_packet *p)
{
	uint32_t headers = p->header_len - p->l3;
	uint32_t most = p->gso_size ? p->gso_size :
			e->mtu > headers ? e->mtu - headers : 1;

	return p->n_frames == 1 && p->payload_len > most ?
	       (p->payload_len + most - 1) / most : p->n_frames;
}

static void take_segment(struct attached *a, const uint8_t *frame,
			 const struct tto_packet *p)
{
	const uint8_t *ip = frame + p->l3, *tcp = frame + p->l4;
	struct embed_datagram d = { .payload = p->segments };
	uint32_t len = p->header_len - p->l4 + p->payload_len, n;

	if (tcp_segment_parse(&d.segment, tcp, len) == 0) {
		a->embed->stats.bad++;
		return;
	}
	n = frames_in(a->embed, p);
	d.segment.n_frames = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
	d.segment.ecn = p->v6 ? ip[1] >> 4 & 3 : ip[1] & 3;
	memcpy(d.from, frame + 6, 6);
	tcp_tuple_read(&d.tuple, ip, p->v6, tcp, false);
	embed_hand_over(a, &d);
}

/* ---- ICMP ----------------------------------------------------------------------------- */

_Static_assert((int)EMBED_ICMP_SOFT == (int)ICMP_ERROR_SOFT &&
	       (int)EMBED_ICMP_HARD == (int)ICMP_ERROR_HARD &&
	       (int)EMBED_ICMP_TOO_BIG == (int)ICMP_ERROR_TOO_BIG, "the same");

bool embed_read_icmp(const uint8_t *frame, uint32_t len, struct embed_datagram *d)
{
	struct icmp_error error;
	struct seg s;

	if (parse_frame(PARSE_LINK_ETHERNET, frame, len, &s) != PARSE_NOT_TCP ||
	    !icmp_error_parse(frame, &s, &error))
		return false;
	*d = (struct embed_datagram){
		.tuple = error.tuple, .is_icmp = true, .icmp = error.kind,
		.mtu = error.mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)error.mtu,
		.quoted = seq(error.seq),
	};
	return true;
}

/* ---- Frames as they came ---------------------------------------------------------------- */

static void take_other(struct attached *a, const uint8_t *frame, uint32_t len)
{
	struct embed_datagram d;

	if (embed_read_icmp(frame, len, &d))
		embed_hand_over(a, &d);
	else
		a->embed->stats.bad++;
}

/* A frame as it came. */
static void take_frame(struct attached *a, const struct tto_packet *frame)
{
	struct tto_segment payload = { 0 };
	struct tto_packet p = { .segments = &payload, .n_frames = 1,
				.gso_size = frame->gso_size };
	bool trusted = frame->csum != TTO_CSUM_UNKNOWN || frame->held;
	struct seg s;

	if (parse_frame(PARSE_LINK_ETHERNET, frame->header, frame->header_len, &s) !=
	    PARSE_TCP) {
		take_other(a, frame->header, frame->header_len);
		return;
	}
	if (!verify_segment(frame->header, &s, trusted)) {
		a->embed->stats.bad++;
		return;
	}
	payload = (struct tto_segment){
		.payload = (const uint8_t *)frame->header + s.payload,
		.len = s.payload_len,
	};
	p.header_len = s.payload;
	p.payload_len = s.payload_len;
	p.l3 = s.l3;
	p.l4 = s.l4;
	p.v6 = s.v6;
	take_segment(a, frame->header, &p);
}

void embed_deliver(void *ctx, const struct tto_packet *p)
{
	struct attached *a = ctx;

	if (!a->arrive)
		return;
	if (mirror_is_wanted(&a->embed->mirror))
		mirror_packet(&a->embed->mirror, p);
	if (p->changed)
		take_segment(a, p->header, p);
	else
		take_frame(a, p);
}

/* ---- Frames -------------------------------------------------------------------------- */

static uint8_t csum_of(const struct wire_frame *f)
{
	const struct wire_offload *o = &f->offload;

	if (o->flags & WIRE_NEEDS_CSUM)
		return TTO_CSUM_PARTIAL;
	if (o->flags & WIRE_DATA_VALID ||
	    (f->is_summed && verify_tcp(f->iov->iov_base, f->len, f->sum)))
		return TTO_CSUM_VERIFIED;
	return TTO_CSUM_UNKNOWN;
}

static bool describe(struct embed *e, const struct wire_frame *f, struct tto_frame *to)
{
	if (f->n_iov != 1 || f->full_len > f->len) {
		e->stats.bad++;
		return false;
	}
	*to = (struct tto_frame){
		.data = f->iov->iov_base, .len = f->len,
		.gso_size = f->offload.gso_type ? f->offload.gso_size : 0,
		.csum = csum_of(f),
	};
	return true;
}

/* Nothing can follow it in the same segment: it has no data, or ends what it is joined to. */
static bool is_last(const struct tto_frame *f)
{
	const uint8_t *frame = f->data, *ip = frame + ETHERNET_BYTES, *tcp;
	uint32_t bytes;

	if (f->len < ETHERNET_BYTES + sizeof(struct ipv6_header) +
		     sizeof(struct tcp_header))
		return false;
	switch (load_be16(frame + 12)) {
	case ETHERTYPE_IPV4:
		tcp = ip + sizeof(struct ipv4_header);
		bytes = load_be16(ip + 2) - (uint32_t)sizeof(struct ipv4_header);
		break;
	case ETHERTYPE_IPV6:
		tcp = ip + sizeof(struct ipv6_header);
		bytes = load_be16(ip + 4);
		break;
	default:
		return false;
	}
	return tcp[13] & (TCP_PSH | TCP_FIN | TCP_SYN | TCP_RST) ||
	       bytes == (uint32_t)(tcp[12] >> 4) * 4;
}

static bool all_are_alone(const struct tto_frame *frames, uint32_t n)
{
	for (uint32_t k = 0; k + 1 < n; k++)
		if (!is_last(&frames[k]))
			return false;
	return true;
}

static void hand_up_alone(struct attached *a, const struct tto_frame *f)
{
	const struct tto_packet p = {
		.header = f->data, .header_len = f->len,
		.gso_size = f->gso_size, .csum = f->csum,
	};

	take_frame(a, &p);
}

/* The frames are the wire's or the loop's: nothing is held beyond this call. */
static void hand_up(struct attached *a, uint32_t n, ns_t now, embed_arrive_fn *arrive)
{
	a->arrive = arrive;
	/* Who captures is told by the coalescer why each of them was alone. */
	if (!mirror_is_wanted(&a->embed->mirror) && all_are_alone(a->frames, n)) {
		for (uint32_t k = 0; k < n; k++)
			hand_up_alone(a, &a->frames[k]);
	} else {
		tto_coalescer_push(a->coalescer, a->frames, n, now);
		tto_coalescer_flush(a->coalescer, now);
	}
	a->arrive = NULL;
}

/* What is answered meanwhile waits for the next call. */
static uint32_t receive_looped(struct embed *e, ns_t now, embed_arrive_fn *arrive)
{
	uint32_t n = embed_take_looped(e, embed_attached->frames, EMBED_BATCH);

	embed_attached->is_looped = true;
	if (n)
		hand_up(embed_attached, n, now, arrive);
	embed_attached->is_looped = false;
	e->loop_first += n;
	return n;
}

static unsigned frames_for(const struct embed *e, size_t want)
{
	size_t each = embed_attached->wire->caps.tso4 ? UINT16_MAX : e->mtu;

	return want / each + 1 < EMBED_BATCH ? (unsigned)(want / each) + 1 : EMBED_BATCH;
}

static void mirror_received(struct embed *e, int n)
{
	mirror_tend(&e->mirror, e->now);
	if (n > 0)
		mirror_frames(&e->mirror, MIRROR_WIRE_RX, embed_attached->received,
			      (uint32_t)n);
}

int frames_receive(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive)
{
	struct attached *a = embed_attached;
	uint32_t n_ready = 0;
	unsigned asked;
	int got;

	e->now = now;
	neighbours_attach(e->neighbours, frames_wire_of_neighbours(e));
	if (e->neighbours_next <= now)
		e->neighbours_next = neighbours_poll(e->neighbours, now);
	asked = frames_for(e, want);
	got = wire_recv(a->wire, a->received, asked);
	a->has_more = got >= (int)asked;
	if (mirror_is_wanted(&e->mirror))
		mirror_received(e, got);
	for (int n = 0; n < got; n++) {
		if (!neighbours_take(e->neighbours, &a->received[n], now))
			n_ready += describe(e, &a->received[n], &a->frames[n_ready]);
	}
	if (!n_ready)
		return got;
	e->stats.frames_in += n_ready;
	hand_up(a, n_ready, now, arrive);
	return got;
}

int embed_receive(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive)
{
	embed_attached->has_more = true;
	if (embed_has_looped(e))
		return (int)receive_looped(e, now, arrive);
	return embed_attached->ops->receive(e, now, want, arrive);
}

bool embed_has_more(void)
{
	return embed_attached->has_more;
}
