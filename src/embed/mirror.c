// SPDX-License-Identifier: BSD-2-Clause
/* mirror.c - Copies of what passes the device, for a process that captures */
#include "embed/mirror.h"

#include <string.h>
#include <time.h>
#include <tto/engine.h>

#include "base/heap.h"
#include "embed/state.h"
#include "packet/checksum.h"

#define LOOK_NS 10000000u	/* whether there is still a reader              */
#define HEADER_MAX 160		/* of a unit                                    */

/* ---- Sessions -------------------------------------------------------------------- */

static void begin(struct mirror *m, uint32_t session)
{
	if (!m->ring)
		m->ring = heap_alloc(MIRROR_BYTES);
	if (!m->ring)		/* again at the next turn                       */
		return;
	m->head = 0;
	memset(m->taken, 0, sizeof(m->taken));
	memset(m->lost, 0, sizeof(m->lost));
	__atomic_store_n(&m->session, session, __ATOMIC_RELEASE);
}

static void end(struct mirror *m)
{
	heap_free_pages(m->ring);
	m->ring = NULL;
	m->wanted = 0;
}

void mirror_free(struct mirror *m)
{
	heap_free(m->ring);
}

void mirror_tend(struct mirror *m, ns_t now)
{
	uint32_t asked = __atomic_load_n(&m->asked, __ATOMIC_ACQUIRE);

	if (asked == m->session && m->ring && now < m->looked + LOOK_NS)
		return;
	m->looked = now;
	if (!heap_is_locked(m))
		end(m);
	else if (asked != m->session || !m->ring)
		begin(m, asked);
}

/* ---- The ring ------------------------------------------------------------------------ */

/* Of a record with @len bytes in it. NULL: there is no room. */
static uint8_t *take_room(struct mirror *m, uint32_t bytes)
{
	uint64_t used = m->head - __atomic_load_n(&m->tail, __ATOMIC_ACQUIRE);
	uint32_t at = (uint32_t)m->head % MIRROR_BYTES, rest = MIRROR_BYTES - at;
	struct mirror_record *fill = (void *)(m->ring + at);

	if (used > MIRROR_BYTES)	/* he has written nonsense              */
		return NULL;
	if (bytes <= rest)
		return bytes <= MIRROR_BYTES - used ? m->ring + at : NULL;
	if (rest + bytes > MIRROR_BYTES - used)
		return NULL;
	fill->bytes = rest;
	fill->point = MIRROR_NONE;
	m->head += rest;
	return m->ring;
}

static uint64_t clock_real(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Room for @len bytes of a frame, at most what the reader wants of one, behind a record
 * with all but its length set. NULL: it is not wanted, or is lost.
 */
static struct mirror_record *open_record(struct mirror *m, enum mirror_point point,
					 uint32_t len)
{
	uint32_t snap = __atomic_load_n(&m->snap, __ATOMIC_RELAXED);
	uint32_t some = len < snap ? len : snap;
	uint32_t bytes = (uint32_t)(sizeof(struct mirror_record) + some + 7) & ~7u;
	struct mirror_record *r;

	if (!m->ring || !(m->wanted & 1u << point))
		return NULL;
	m->taken[point]++;
	r = some > MIRROR_BYTES / 2 ? NULL :
	    (void *)take_room(m, bytes);
	if (!r) {
		m->lost[point]++;
		return NULL;
	}
	*r = (struct mirror_record){
		.bytes = bytes, .point = point,
		.time = clock_real(), .full_len = len, .n_frames = 1,
	};
	return r;
}

/* As much as there is room for. */
static void add(struct mirror_record *r, const void *bytes, size_t n)
{
	size_t room = r->bytes - sizeof(*r) - r->len;
	uint32_t left = r->full_len - r->len;

	if (n > room)
		n = room;
	if (n > left)
		n = left;
	if (n)
		memcpy((uint8_t *)(r + 1) + r->len, bytes, n);
	r->len += (uint32_t)n;
}

static void close_record(struct mirror *m, const struct mirror_record *r)
{
	__atomic_store_n(&m->head, m->head + r->bytes, __ATOMIC_RELEASE);
}

/* ---- What passes ------------------------------------------------------------------------ */

void mirror_frames(struct mirror *m, enum mirror_point point,
		   const struct wire_frame *frames, uint32_t n)
{
	for (; n; n--, frames++) {
		struct mirror_record *r = open_record(m, point, frames->len);

		if (!r)
			continue;
		for (uint32_t k = 0; k < frames->n_iov; k++)
			add(r, frames->iov[k].iov_base, frames->iov[k].iov_len);
		if (frames->offload.gso_type)
			r->gso_size = frames->offload.gso_size;
		if (frames->offload.flags & WIRE_NEEDS_CSUM)
			r->flags |= MIRROR_CSUM;
		close_record(m, r);
	}
}

void mirror_places(struct mirror *m, const struct wire_place *places, uint32_t n)
{
	for (; n; n--, places++) {
		struct mirror_record *r = open_record(m, MIRROR_WIRE_TX, places->len);

		if (!r)
			continue;
		add(r, places->data, places->len);
		close_record(m, r);
	}
}

void mirror_packet(struct mirror *m, const struct tto_packet *p)
{
	uint32_t len = p->header_len + (p->changed ? p->payload_len : 0);
	struct mirror_record *r = open_record(m, MIRROR_HOST_RX, len);

	if (!r)
		return;
	add(r, p->header, p->header_len);
	for (const struct tto_segment *s = p->segments; p->changed && s; s = s->next)
		add(r, s->payload, s->len);
	r->n_frames = p->n_frames;
	r->gso_size = p->gso_size;
	r->gso_flags = p->gso_flags;
	r->cause = p->cause;
	if (p->changed)
		r->flags |= MIRROR_CHANGED;
	if (p->csum == TTO_CSUM_PARTIAL)
		r->flags |= MIRROR_CSUM;
	close_record(m, r);
}

/* What the segmenter would write into each frame, for the whole. RFC 791, RFC 8200. */
static void set_lengths(uint8_t *header, uint32_t bytes)
{
	uint8_t *ip = header + ETHERNET_BYTES;
	uint32_t len = bytes - ETHERNET_BYTES;

	if (ip[0] >> 4 == 6) {
		store_be16(ip + 4, (uint16_t)(len - 40));
		return;
	}
	store_be16(ip + 2, (uint16_t)len);
	store_be16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~checksum_fold(checksum_header(ip, 20)));
}

void mirror_segment(struct mirror *m, uint8_t *header, struct tto_packet *p)
{
	set_lengths(header, p->header_len + p->payload_len);
	p->header = header;
	p->csum = TTO_CSUM_PARTIAL;
	p->changed = true;
	mirror_packet(m, p);
}

void mirror_unit(struct mirror *m, const uint8_t *header, uint32_t header_bytes,
		 const struct iovec *payload, uint32_t n, uint32_t bytes, uint16_t mss)
{
	uint32_t len = header_bytes + bytes;
	uint8_t copy[HEADER_MAX];
	struct mirror_record *r = header_bytes > sizeof(copy) ? NULL :
				  open_record(m, MIRROR_HOST_TX, len);

	if (!r)
		return;
	memcpy(copy, header, header_bytes);
	set_lengths(copy, len);
	add(r, copy, header_bytes);
	for (; n; n--, payload++)
		add(r, payload->iov_base, payload->iov_len);
	r->gso_size = bytes > mss ? mss : 0;
	r->flags |= MIRROR_CSUM;
	close_record(m, r);
}
