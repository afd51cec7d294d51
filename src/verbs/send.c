// SPDX-License-Identifier: BSD-2-Clause
/*
 * send.c - Post sends, each the way that is cheapest for its size
 *
 * DOC: Theory of operation
 *   short    | head | header, payload |                  nothing is held
 *   medium   | head | descriptor of the pool | header |  pool memory, until reported
 *   long     | head | descriptors | header |             the payload's registrations
 *
 * Long is memory of the device, and what of the program's own is in place
 * (inplace/buffer.h); pieces between that are short are copied to the pool all the same.
 *
 * A request is written into the ring behind those of the same call, and all are
 * published together: one fence, and one doorbell if the device sleeps. A request that
 * would go round the end of the ring is built beside it.
 * Source: SPEC LIB-3, TX-2, TX-9.
 */
#include <errno.h>

#include "verbs/device.h"
#include "verbs/inplace/buffer.h"

#define ELEMENTS_MAX 16
#define WAYS (TTO_SEND_INLINE | TTO_SEND_COPY | TTO_SEND_IN_PLACE)
#define DESCRIPTORS_MAX (3 * ELEMENTS_MAX)
#define ALL_FLAGS (TTO_SEND_SIGNALED | WAYS | TTO_SEND_UDP | TTO_SEND_LEND)
#define ALL_UNIT_FLAGS (TTO_UNIT_FIXED_ID | TTO_UNIT_PARTIAL_CSUM | \
			TTO_UNIT_NO_UDP_CSUM | TTO_UNIT_ACCECN)
#define REQUEST_BYTES (SEND_BLOCKS_MAX * SEND_BLOCK_BYTES)

#define SAME(public, own) ((int)(public) == (int)(own))

_Static_assert(SAME(TTO_UNIT_FIXED_ID << 8, DESCRIPTOR_FIXED_ID) &&
	       SAME(TTO_UNIT_PARTIAL_CSUM << 8, DESCRIPTOR_PARTIAL_CSUM) &&
	       SAME(TTO_UNIT_NO_UDP_CSUM << 8, DESCRIPTOR_NO_UDP_CSUM) &&
	       SAME(TTO_UNIT_ACCECN << 8, DESCRIPTOR_ACCECN) &&
	       SAME(TTO_CUT_UDP << 4, DESCRIPTOR_CUT_UDP) &&
	       SAME(TTO_CUT_FRAGMENT << 4, DESCRIPTOR_CUT_FRAGMENT),
	       "the public names are the device's");

/* Where the payload of an element is fetched from, if the way is long. */
struct source {
	enum { SOURCE_DEVICE, SOURCE_BUFFER, SOURCE_COPY } kind;
	struct buffer_piece piece;	/* of a buffer                          */
};

/* A request that is being made. */
struct making {
	struct tto_qp *qp;
	const struct tto_send *send;
	uint64_t bytes;		/* of payload                                   */
	uint32_t way;		/* one of WAYS                                  */
	uint32_t n_descriptors, n_ranges, inline_bytes, blocks;
	struct source source[ELEMENTS_MAX];
	struct descriptor descriptor[DESCRIPTORS_MAX];
};

static void put_ranges(struct making *m, struct registered_range **ranges)
{
	while (m->n_ranges)
		registration_put(&m->qp->device->cache, ranges[--m->n_ranges]);
}

/* ---- Which way ------------------------------------------------------------------------- */

static bool is_sound(const struct tto_qp *qp, const struct tto_send *s)
{
	return !(s->flags & ~(uint32_t)ALL_FLAGS) &&
	       !(s->unit_flags & ~ALL_UNIT_FLAGS) && s->cut <= TTO_CUT_FRAGMENT &&
	       s->n_elements <= ELEMENTS_MAX && (!s->flow || s->flow->qp == qp) &&
	       (s->flags & WAYS & ((s->flags & WAYS) - 1)) == 0;
}

/* Of an element with payload. Return: descriptors; 0: copy all of the request. */
static uint32_t find_source(struct making *m, const struct tto_element *e,
			    struct source *source)
{
	struct tto_device *d = m->qp->device;
	/* What is too large to be copied cannot wait until it pays. */
	bool insists = m->send->flags & TTO_SEND_IN_PLACE ||
		       m->bytes > d->options.copy_bytes / 4;
	bool lends = m->send->flags & TTO_SEND_LEND;
	struct registered_range *range = e->region ? registration_of(e->region) :
		registration_find(&d->cache, e->address, e->bytes);

	source->kind = SOURCE_DEVICE;
	if (range)
		return !lends && (insists || e->region ||
				  registration_pays(&d->cache, range, e->bytes));
	source->kind = SOURCE_BUFFER;
	if (buffer_find(d, e, insists, &source->piece))
		return 1 + (source->piece.head_bytes != 0) +
		       (source->piece.tail_bytes != 0);
	source->kind = SOURCE_COPY;
	return !insists && e->bytes <= d->options.copy_max;
}

/* Sets source and n_descriptors. Return: whether the long way is possible, and pays. */
static bool find_sources(struct making *m)
{
	const struct tto_send *s = m->send;
	bool is_long = false;

	m->n_descriptors = 0;
	for (uint32_t i = 0; i < s->n_elements; i++) {
		uint32_t n;

		if (!s->elements[i].bytes)
			continue;
		n = find_source(m, &s->elements[i], &m->source[i]);
		if (!n)
			return false;
		m->n_descriptors += n;
		is_long |= m->source[i].kind != SOURCE_COPY;
	}
	return is_long && m->n_descriptors <= SEND_DESCRIPTORS_MAX;
}

static bool fits_inline(const struct making *m)
{
	return m->send->header_bytes + m->bytes <= SEND_INLINE_MAX;
}

static void choose_way(struct making *m)
{
	const struct tto_device_options *o = &m->qp->device->options;

	m->way = m->send->flags & WAYS;
	if (m->way) {
		if (m->way == TTO_SEND_IN_PLACE && !find_sources(m) &&
		    m->n_descriptors <= SEND_DESCRIPTORS_MAX)
			m->n_descriptors = 0;
		return;
	}
	if (m->bytes <= o->inline_max && fits_inline(m))
		m->way = TTO_SEND_INLINE;
	else if (m->bytes <= o->copy_max || !find_sources(m))
		m->way = TTO_SEND_COPY;
	else
		m->way = TTO_SEND_IN_PLACE;
}

/* ---- Each way --------------------------------------------------------------------------- */

static void gather(const struct tto_send *s, uint8_t *to)
{
	for (uint32_t i = 0; i < s->n_elements; i++) {
		if (s->elements[i].bytes)
			memcpy(to, s->elements[i].address, s->elements[i].bytes);
		to += s->elements[i].bytes;
	}
}

/* The first medium send of a QP. Return: 0; -errno. */
static int open_pool(struct tto_qp *qp)
{
	uint32_t bytes = qp->device->options.copy_bytes;
	struct registered_range *range;
	struct place place;
	int status = memory_take(qp->device, bytes, &qp->pool, NULL);

	if (status)
		return status;
	qp->pool->range.is_own = true;
	/* Held as long as there is the pool. */
	status = memory_place(qp->device, qp->pool->object.address, bytes, NULL,
			      TTO_READ, &place, &range);
	if (status) {
		memory_give(qp->device, qp->pool);
		qp->pool = NULL;
		return status;
	}
	qp->sent.pool = qp->pool->object.address;
	qp->sent.pool_bytes = bytes;
	return 0;
}

/* Memory of the pool, that the next request is to hold. Return: 0; -EAGAIN; -errno. */
static int take_pool(struct making *m, uint32_t bytes, uint8_t **at)
{
	struct tto_qp *qp = m->qp;
	int status = qp->pool ? 0 : open_pool(qp);

	if (status)
		return status;
	if (bytes > qp->sent.pool_bytes / 4)
		return -EMSGSIZE;
	*at = sent_take(&qp->sent, bytes);
	return *at ? 0 : -EAGAIN;
}

static void add_descriptor(struct making *m, const struct place *place, uint32_t bytes)
{
	m->descriptor[m->n_descriptors++] = (struct descriptor){
		.address = place->address, .base = place->base, .length = bytes,
		.command = place->command,
	};
}

static void add_copied(struct making *m, const uint8_t *at, uint32_t bytes)
{
	const struct place place = { (uintptr_t)at, m->qp->pool->range.region.pdbr,
				     DESCRIPTOR_VIRTUAL };

	add_descriptor(m, &place, bytes);
}

static int make_medium(struct making *m)
{
	uint8_t *at;
	int status = m->bytes > UINT32_MAX ? -EMSGSIZE :
		     take_pool(m, (uint32_t)m->bytes, &at);

	if (status)
		return status;
	gather(m->send, at);
	m->n_descriptors = 0;
	add_copied(m, at, (uint32_t)m->bytes);
	m->descriptor[0].command |= DESCRIPTOR_END;
	return 0;
}

static int copy_piece(struct making *m, const uint8_t *from, uint32_t bytes)
{
	uint8_t *at;
	int status = bytes ? take_pool(m, bytes, &at) : 0;

	if (status || !bytes)
		return status;
	memcpy(at, from, bytes);
	add_copied(m, at, bytes);
	return 0;
}

static int make_device(struct making *m, const struct tto_element *e,
		       struct registered_range **range)
{
	struct place place;
	int status = memory_place(m->qp->device, e->address, e->bytes, e->region,
				  TTO_READ, &place, range);

	if (status)
		return status;
	m->n_ranges++;
	add_descriptor(m, &place, e->bytes);
	return 0;
}

static int make_buffer(struct making *m, const uint8_t *at,
		       const struct buffer_piece *piece, struct registered_range **range)
{
	const uint8_t *first = at + piece->head_bytes;
	struct place place;
	int status = copy_piece(m, at, piece->head_bytes);

	if (status)
		return status;
	status = buffer_place(m->qp->device, piece, first,
			      m->send->flags & TTO_SEND_LEND, &place, range);
	if (status)
		return status;
	m->n_ranges++;
	add_descriptor(m, &place, piece->bytes);
	return copy_piece(m, first + piece->bytes, piece->tail_bytes);
}

/* On an error nothing is held. */
static int make_long(struct making *m, struct registered_range **ranges)
{
	const struct tto_send *s = m->send;
	uint32_t pool_taken = m->qp->sent.pool_taken;
	int status = m->n_descriptors ? 0 : -EFAULT;

	m->n_descriptors = 0;
	for (uint32_t i = 0; i < s->n_elements && !status; i++) {
		const struct tto_element *e = &s->elements[i];

		if (!e->bytes)
			continue;
		if (m->source[i].kind == SOURCE_DEVICE)
			status = make_device(m, e, &ranges[m->n_ranges]);
		else if (m->source[i].kind == SOURCE_BUFFER)
			status = make_buffer(m, e->address, &m->source[i].piece,
					     &ranges[m->n_ranges]);
		else
			status = copy_piece(m, e->address, e->bytes);
	}
	if (!status) {
		m->descriptor[m->n_descriptors - 1].command |= DESCRIPTOR_END;
		return 0;
	}
	put_ranges(m, ranges);
	m->qp->sent.pool_taken = pool_taken;
	return status;
}

/* ---- Into the ring ------------------------------------------------------------------------ */

static void write_request(const struct making *m, uint8_t *to, uint64_t number,
			  bool report)
{
	const struct tto_send *s = m->send;
	uint8_t *at = to + sizeof(struct send_head);
	struct send_head head = {
		.wr_id = number,
		.flow = s->flow ? s->flow->id : COMPLETION_NO_FLOW,
		.fragment_id = s->fragment_id,
		.inline_bytes = (uint16_t)m->inline_bytes,
		.mss = s->mss,
		.command = (uint16_t)(s->cut << 4 | s->unit_flags << 8 |
				      (s->flags & TTO_SEND_UDP ? DESCRIPTOR_UDP : 0)),
		.blocks = (uint8_t)m->blocks,
		.descriptors = (uint8_t)m->n_descriptors,
		.flags = (report ? SEND_SIGNALED : 0) |
			 (s->flow ? 0 : SEND_UNOWNED),
	};

	memcpy(to, &head, sizeof(head));
	memcpy(at, m->descriptor, m->n_descriptors * sizeof(m->descriptor[0]));
	at += m->n_descriptors * sizeof(m->descriptor[0]);
	memcpy(at, s->header, s->header_bytes);
	if (m->way == TTO_SEND_INLINE)
		gather(s, at + s->header_bytes);
}

/* @written blocks are in front of it that are not published yet. */
static void put_request(const struct making *m, uint32_t written, uint64_t number,
			bool report)
{
	struct ring_end *end = &m->qp->sq.end;
	uint8_t beside[REQUEST_BYTES];
	uint32_t first = (end->own + written) & end->mask;
	uint32_t straight = end->mask + 1 - first;

	if (likely(m->blocks <= straight)) {
		write_request(m, ring_slot(end, written), number, report);
		return;
	}
	write_request(m, beside, number, report);
	memcpy(ring_slot(end, written), beside, straight * SEND_BLOCK_BYTES);
	memcpy(ring_slot(end, written + straight), beside + straight * SEND_BLOCK_BYTES,
	       (m->blocks - straight) * SEND_BLOCK_BYTES);
}

/* Counts blocks, and sees that there is room. Return: 0; -errno. */
static int measure(struct making *m, uint32_t written)
{
	struct ring_end *end = &m->qp->sq.end;
	uint32_t n = m->way == TTO_SEND_INLINE ? 0 :
		     m->way == TTO_SEND_COPY ? 1 : m->n_descriptors;

	m->inline_bytes = m->send->header_bytes;
	if (m->way == TTO_SEND_INLINE) {
		if (!fits_inline(m))
			return -EMSGSIZE;
		m->inline_bytes += (uint32_t)m->bytes;
	}
	m->n_descriptors = n;
	m->blocks = send_blocks(n, m->inline_bytes);
	if (m->inline_bytes > SEND_INLINE_MAX || m->blocks > SEND_BLOCKS_MAX)
		return -EMSGSIZE;
	if (ring_room(end, written + m->blocks) < written + m->blocks)
		return end->broken ? -EPIPE : -EAGAIN;
	return sent_has_room(&m->qp->sent) && sent_has_ranges(&m->qp->sent, n) ? 0 :
	       -EAGAIN;
}

static void count(struct making *m)
{
	struct tto_device_stats *stats = &m->qp->device->stats;

	switch (m->way) {
	case TTO_SEND_INLINE:
		stats->sends_short++;
		stats->bytes_short += m->bytes;
		break;
	case TTO_SEND_COPY:
		stats->sends_medium++;
		stats->bytes_medium += m->bytes;
		break;
	default:
		stats->sends_long++;
		stats->bytes_long += m->bytes;
	}
}

/* What the long way cannot have is copied, unless the program insists. */
static int make(struct making *m, struct registered_range **ranges, uint32_t written)
{
	int status = measure(m, written);

	if (status || m->way == TTO_SEND_INLINE)
		return status;
	if (m->way == TTO_SEND_IN_PLACE) {
		status = make_long(m, ranges);
		if (!status || m->send->flags & TTO_SEND_IN_PLACE ||
		    status == -EINVAL)
			return status;
		m->way = TTO_SEND_COPY;
		status = measure(m, written);
	}
	return status ? status : make_medium(m);
}

static int post_one(struct tto_qp *qp, const struct tto_send *s, uint32_t *written)
{
	struct registered_range *ranges[ELEMENTS_MAX];
	struct making m;
	uint64_t number;
	bool report;
	int status;

	m.qp = qp;
	m.send = s;
	m.bytes = 0;
	m.n_ranges = 0;
	if (unlikely(!is_sound(qp, s)))
		return -EINVAL;
	for (uint32_t i = 0; i < s->n_elements; i++)
		m.bytes += s->elements[i].bytes;
	if (unlikely(!(m.bytes + s->header_bytes)))
		return -EINVAL;
	choose_way(&m);
	if (!m.bytes)
		m.way = TTO_SEND_INLINE;
	status = make(&m, ranges, *written);
	if (unlikely(status))
		return status;
	for (uint32_t i = 0; i < m.n_ranges; i++)
		sent_hold(&qp->sent, ranges[i]);
	number = qp->sq.number | qp->sent.posted;
	report = sent_post(&qp->sent, s->wr_id, m.n_ranges,
			   (s->flags & TTO_SEND_SIGNALED ? SENT_SIGNALED : 0) |
			   (m.way != TTO_SEND_IN_PLACE ? 0 :
			    s->flags & TTO_SEND_LEND ? SENT_LENT : SENT_IN_PLACE));
	put_request(&m, *written, number, report);
	*written += m.blocks;
	count(&m);
	return 0;
}

int tto_post_send(struct tto_qp *qp, const struct tto_send *sends, uint32_t n,
		  uint32_t *taken)
{
	struct attachment *a = qp->device->attachment;
	uint32_t at = 0, written = 0;
	int status = 0;

	while (!status && at < n) {
		status = post_one(qp, &sends[at], &written);
		at += status == 0;
	}
	if (written) {
		ring_publish(&qp->sq.end, written);
		if (ring_wants_wake(&qp->sq.end)) {
			qp->device->stats.doorbells++;
			if (a->ops->ring)
				a->ops->ring(a);
		}
	}
	if (taken)
		*taken = at;
	return status;
}
