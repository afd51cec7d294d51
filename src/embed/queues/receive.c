// SPDX-License-Identifier: BSD-2-Clause
/*
 * receive.c - From completions to segments of TCP
 *
 * An aggregate is one completion for each buffer that its payload has filled. It is handed
 * up when all are there, with what its header says: that lies in front of the payload when
 * there was more than a completion can say. Buffers go back when it was handed up.
 */
#include <errno.h>
#include <string.h>

#include "embed/queues/queues.h"
#include "packet/headers.h"
#include "packet/parse.h"
#include "queue/completion.h"
#include "queue/work.h"

#define BATCH_BYTES (48U << 10)
#define PIECES 80		/* of an aggregate: 64 KiB in the smallest pieces */
#define LOOK_NS 10000000u
#define LINK_FROM 6		/* of Ethernet                                  */

struct pieces {
	uint32_t n;		/* completions                                  */
	uint32_t bytes;		/* of payload                                   */
	uint16_t flags;
	struct completion first;
	struct tto_segment payload[PIECES];
	uint32_t n_payload;
};

/* ---- Buffers ------------------------------------------------------------------------ */

static uint8_t *buffer(const struct queues *q, uint64_t number)
{
	return q->buffers + number * QUEUES_BUFFER_BYTES;
}

static void give_back(struct queues *q, uint64_t number)
{
	struct receive_work *work = ring_slot(&q->grq, q->n_back);

	if (ring_room(&q->grq, q->n_back + 1) <= q->n_back)
		return;		/* more than there are: a number came twice     */
	*work = (struct receive_work){
		.address = (uintptr_t)buffer(q, number), .base = q->pdbr,
		.length = QUEUES_BUFFER_BYTES, .command = DESCRIPTOR_VIRTUAL,
		.wr_id = number,
	};
	q->n_back++;
}

static void publish_buffers(struct queues *q)
{
	if (q->n_back)
		ring_publish(&q->grq, q->n_back);
	q->n_back = 0;
}

void queues_fill(struct queues *q)
{
	for (uint32_t n = 0; n < QUEUES_BUFFERS; n++)
		give_back(q, n);
	publish_buffers(q);
}

static bool has_buffer(const struct completion *c)
{
	return c->kind == COMPLETION_GENERAL ||
	       (c->kind == COMPLETION_HEADER && c->header_bytes);
}

/* The device may be wrong only to itself. */
static bool is_within(const struct completion *c)
{
	return c->wr_id < QUEUES_BUFFERS && c->offset <= QUEUES_BUFFER_BYTES &&
	       c->bytes <= QUEUES_BUFFER_BYTES - c->offset &&
	       c->header_bytes <= c->offset;
}

/* ---- Segments ----------------------------------------------------------------------- */

/* Return: whether there is a header that says all, in front of the payload. */
static bool read_header(const struct queues *q, const struct pieces *p,
			struct embed_datagram *d)
{
	const struct completion *c = &p->first;
	const uint8_t *frame = buffer(q, c->wr_id) + c->offset - c->header_bytes;
	struct seg s;
	uint16_t type = parse_link(PARSE_LINK_ETHERNET, frame, c->header_bytes, &s);
	bool v6 = type == ETHERTYPE_IPV6;
	uint32_t l4 = s.l3 + (v6 ? 40U : 20U), header;

	if (!type || l4 + 20U > c->header_bytes || (!v6 && frame[s.l3] != 0x45) ||
	    frame[s.l3 + (v6 ? 6 : 9)] != PROTOCOL_TCP)
		return false;
	header = tcp_segment_parse(&d->segment, frame + l4,
				   c->header_bytes - l4 + p->bytes);
	if (!header || l4 + header != c->header_bytes)
		return false;
	tcp_tuple_read(&d->tuple, frame + s.l3, v6, frame + l4, false);
	memcpy(d->from, frame + LINK_FROM, sizeof(d->from));
	return true;
}

/* What a completion has fields for, of a flow's segment. */
static bool read_fields(const struct queues *q, const struct pieces *p,
			struct embed_datagram *d)
{
	const struct completion *c = &p->first;
	const struct claim *claim = claim_of_flow(q, c->flow);
	bool has_syn = p->flags & TCP_SYN;

	if (!claim)
		return false;
	d->tuple = claim->tuple;
	memcpy(d->from, claim->from, sizeof(d->from));
	d->segment = (struct tcp_segment){
		.seq = seq(c->seq - has_syn), .ack = seq(c->ack), .len = p->bytes,
		.flags = p->flags, .window = c->window, .urgent = c->urgent,
		.source_port = claim->tuple.remote_port,
		.destination_port = claim->tuple.local_port,
	};
	if (c->flags & COMPLETION_TIMESTAMP) {
		d->segment.has = TCP_HAS_TIMESTAMP;
		d->segment.tsval = c->tsval;
		d->segment.tsecr = c->tsecr;
	}
	return true;
}

/* As a frame that would have brought the same. */
static void mirror(struct queues *q, const struct pieces *p,
		   const struct embed_datagram *d)
{
	struct tcp_tuple t = { .local_port = d->tuple.remote_port,
			       .remote_port = d->tuple.local_port, .v6 = d->tuple.v6 };
	uint8_t header[ETHERNET_BYTES + sizeof(struct ipv6_header) +
		       TCP_SEGMENT_HEADER_MAX];
	struct tto_packet packet = {
		.payload_len = p->bytes, .segments = d->payload, .v6 = (uint8_t)t.v6,
		.n_frames = d->segment.n_frames, .gso_size = p->first.mss,
		.cause = p->first.cause, .l3 = ETHERNET_BYTES,
	};
	uint32_t n = ETHERNET_BYTES;

	memcpy(t.local, d->tuple.remote, sizeof(t.local));
	memcpy(t.remote, d->tuple.local, sizeof(t.remote));
	memcpy(header, q->embed->mac, 6);
	memcpy(header + 6, d->from, 6);
	store_be16(header + 12, t.v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	n += tcp_tuple_write_ip(&t, p->first.tos, p->first.ttl, 0, header + n);
	packet.l4 = (uint16_t)n;
	n += tcp_segment_emit(&d->segment, header + n);
	packet.header_len = n;
	mirror_segment(&q->embed->mirror, header, &packet);
}

static void hand_up(struct queues *q, struct pieces *p)
{
	const struct completion *c = &p->first;
	struct attached *a = embed_attached;
	struct embed_datagram d = { .payload = p->n_payload ? p->payload : NULL };

	if (!(c->header_bytes ? read_header(q, p, &d) : read_fields(q, p, &d))) {
		q->embed->stats.bad++;
		return;
	}
	d.segment.flags = p->flags;
	d.segment.n_frames = c->segments ? c->segments : 1;
	d.segment.ecn = c->tos & 3;
	if (mirror_is_wanted(&q->embed->mirror))
		mirror(q, p, &d);
	embed_hand_over(a, &d);
}

/* A frame of no segment of ours: what ICMP says about one. */
static void hand_up_frame(struct queues *q, const struct pieces *p)
{
	struct embed_datagram d;

	if (p->n_payload == 1 &&
	    embed_read_icmp(p->payload[0].payload, p->payload[0].len, &d))
		embed_hand_over(embed_attached, &d);
	else
		q->embed->stats.bad++;
}

/* ---- Completions ----------------------------------------------------------------------- */

static void add_piece(const struct queues *q, struct pieces *p, const struct completion *c)
{
	struct tto_segment *to = &p->payload[p->n_payload];

	if (!p->n)
		p->first = *c;
	p->n++;
	p->flags |= c->tcp_flags;
	if (!c->bytes)
		return;
	*to = (struct tto_segment){
		.payload = buffer(q, c->wr_id) + c->offset, .len = c->bytes,
	};
	if (p->n_payload)
		p->payload[p->n_payload - 1].next = to;
	p->n_payload++;
	p->bytes += c->bytes;
}

/*
 * All pieces of the next aggregate, which stay in the ring.
 * Return: completions; 0: not all are there yet.
 */
static uint32_t gather(struct queues *q, struct pieces *p)
{
	uint32_t ready = ring_ready(&q->cq, PIECES);
	struct completion c;

	p->n = p->bytes = p->n_payload = p->flags = 0;
	while (p->n < ready) {
		memcpy(&c, ring_entry(&q->cq, p->n), sizeof(c));
		if (c.kind == COMPLETION_SEND || c.status != COMPLETION_OK ||
		    (has_buffer(&c) && !is_within(&c)) ||
		    (!has_buffer(&c) && c.kind != COMPLETION_HEADER)) {
			if (!p->n)
				p->first = c;
			return p->n ? p->n : 1;
		}
		add_piece(q, p, &c);
		if (!(c.flags & COMPLETION_MORE) || p->n == PIECES)
			return p->n;
	}
	return 0;
}

/*
 * @n completions are done with. A process that dies in between loses their buffers: better
 * than to have them given back twice.
 */
static void release(struct queues *q, uint32_t n)
{
	uint64_t buffers[PIECES];
	uint32_t n_buffers = 0;
	struct completion c;

	for (uint32_t k = 0; k < n; k++) {
		memcpy(&c, ring_entry(&q->cq, k), sizeof(c));
		if (has_buffer(&c) && is_within(&c))
			buffers[n_buffers++] = c.wr_id;
	}
	ring_release(&q->cq, n);
	for (uint32_t k = 0; k < n_buffers; k++)
		give_back(q, buffers[k]);
}

/* Of what was refused: the link header may have been an old one. */
static void take_error(struct queues *q, const struct completion *c)
{
	if (c->status == COMPLETION_OK)
		return;
	if (c->kind == COMPLETION_SEND && c->status == COMPLETION_TUPLE)
		queues_forget_ways(q, true);
	q->embed->stats.dropped++;
}

/* One aggregate. Return: its bytes, headers and all, about; 0: none is there. */
static uint32_t receive_one(struct queues *q)
{
	struct pieces p;
	uint32_t n = gather(q, &p);

	if (!n)
		return 0;
	if (!p.n)
		take_error(q, &p.first);
	else if (p.first.flags & COMPLETION_RAW)
		hand_up_frame(q, &p);
	else
		hand_up(q, &p);
	release(q, n);
	q->embed->stats.frames_in += p.n ? p.first.segments : 0;
	return p.bytes + 1;
}

/* Now and then, and when an answer is due. */
static int look_around(struct queues *q, ns_t now)
{
	if (!q->n_untaken && !q->wants_route && now - q->looked < LOOK_NS)
		return 0;
	q->looked = now;
	return queues_listen_to(q);
}

int queues_receive(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive)
{
	struct queues *q = e->queues;
	size_t most = want < BATCH_BYTES ? want : BATCH_BYTES, bytes = 0;
	uint32_t got;
	int n = 0;

	e->now = now;
	if (look_around(q, now) || q->cq.broken)
		return -ENETDOWN;
	if (mirror_is_wanted(&e->mirror))
		mirror_tend(&e->mirror, now);
	embed_attached->arrive = arrive;
	for (; bytes < most && (got = receive_one(q)); n++)
		bytes += got;
	embed_attached->arrive = NULL;
	publish_buffers(q);
	return n;
}
