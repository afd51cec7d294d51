// SPDX-License-Identifier: BSD-2-Clause
/* ring.c - One ring of memif, from either end, in either direction */
#include "wire/memif/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

#define ARM_PAUSES 16
#define PREFETCH_BYTES 256	/* of the next frame; the hardware goes on      */
#define WINDOW_MIN 128u
#define SHRINK_AFTER (1u << 16)

/* ---- Slots and indices ------------------------------------------------------ */

static uint16_t owned(const struct ring *r)
{
	return (uint16_t)(r->end - r->next);
}

static uint32_t size_of(const struct ring *r)
{
	return r->mask + 1u;
}

/*
 * The buffers of slots first .. end - 1 are in none any more. They are taken again in the
 * order in which they were used: neighbours in memory are fetched before they are asked for.
 */
static void reclaim(struct ring *r, uint16_t first, uint16_t end)
{
	struct ring_buffers *b = &r->buffers;

	while (end != first)
		b->unused[b->n_unused++] = b->in_slot[--end & r->mask];
}

/*
 * Return: 0, or -EPROTO when the peer's index is nowhere it could be: before
 * where it was, or behind what it was given.
 */
static int look(struct ring *r)
{
	uint16_t end = __atomic_load_n(r->theirs, __ATOMIC_ACQUIRE);
	uint32_t most = size_of(r);

	if (r->is_client && r->receives)
		most = (uint16_t)(r->offered - r->next);
	else if (r->is_client)
		end += (uint16_t)size_of(r);
	if ((uint16_t)(end - r->next) > most || (uint16_t)(end - r->next) < owned(r))
		return -EPROTO;
	if (end == r->end)
		return 0;
	r->is_cut = false;
	if (r->is_client && !r->receives)
		reclaim(r, r->end, end);
	r->starved = r->starved || (uint16_t)(end - r->next) == most;
	r->end = end;
	return 0;
}

static void hand_over(struct ring *r)
{
	__atomic_store_n(r->mine, r->is_client && r->receives ? r->offered :
			 r->next, __ATOMIC_RELEASE);
}

static struct memif_descriptor *at_slot(const struct ring *r, uint16_t slot)
{
	return &r->shared->descriptors[slot & r->mask];
}

/* Once, and nothing is read again: the peer may be writing to it. */
static struct memif_descriptor read_slot(const struct ring *r, uint16_t slot)
{
	const uint64_t *from = (const void *)at_slot(r, slot);
	union {
		uint64_t words[2];
		struct memif_descriptor d;
	} copy;

	copy.words[0] = __atomic_load_n(&from[0], __ATOMIC_RELAXED);
	copy.words[1] = __atomic_load_n(&from[1], __ATOMIC_RELAXED);
	return copy.d;
}

static uint32_t own_offset(const struct ring *r, uint16_t slot)
{
	return r->buffers.offset +
	       r->buffers.in_slot[slot & r->mask] * r->buffers.bytes;
}

/* What a client's descriptor says, whatever stood there. */
static void write_own(const struct ring *r, uint16_t slot, uint32_t length,
		      uint16_t flags)
{
	*at_slot(r, slot) = (struct memif_descriptor){
		.flags = flags,
		.length = length,
		.offset = own_offset(r, slot),
	};
}

/* Return: where the buffer is, all of it in memory that is shared; or NULL. */
static uint8_t *find_buffer(const struct ring *r, uint16_t slot,
			    const struct memif_descriptor *d)
{
	if (r->is_client)
		return d->length <= r->buffers.bytes ?
		       r->regions->base + own_offset(r, slot) : NULL;
	if (d->region >= r->n_regions ||
	    !region_holds(&r->regions[d->region], d->offset, d->length))
		return NULL;
	return r->regions[d->region].base + d->offset;
}

/* ---- Make -------------------------------------------------------------------- */

static void take_place(struct ring *r, uint8_t *at, unsigned log2)
{
	r->shared = (void *)at;
	r->mask = (uint16_t)((1u << log2) - 1);
	r->mine = r->is_client ? &r->shared->head : &r->shared->tail;
	r->theirs = r->is_client ? &r->shared->tail : &r->shared->head;
	r->next = r->end = r->offered = 0;
	if (r->is_client && !r->receives)
		r->end = (uint16_t)size_of(r);
	r->is_cut = r->starved = false;
}

int ring_create(struct ring *r, uint32_t offset, unsigned log2)
{
	struct ring_buffers *b = &r->buffers;

	r->is_client = true;
	take_place(r, r->regions->base + offset, log2);
	b->in_slot = heap_zeroed(size_of(r), sizeof(*b->in_slot));
	b->unused = heap_zeroed(size_of(r), sizeof(*b->unused));
	if (!b->in_slot || !b->unused)
		return -ENOMEM;
	for (b->n_unused = 0; b->n_unused < size_of(r); b->n_unused++)
		b->unused[b->n_unused] = (uint16_t)b->n_unused;
	r->window = size_of(r) < WINDOW_MIN ? size_of(r) : WINDOW_MIN;
	r->shared->cookie = MEMIF_COOKIE;
	return 0;
}

void ring_release(struct ring *r)
{
	heap_free(r->buffers.in_slot);
	heap_free(r->buffers.unused);
	r->buffers = (struct ring_buffers){ .bytes = 0 };
}

int ring_attach(struct ring *r, const struct memif_add_ring *where,
		const char **why)
{
	const struct region *region;
	uint32_t cookie;

	*why = "a ring that does not lie in a region";
	if (where->region >= r->n_regions ||
	    where->log2_ring > MEMIF_LOG2_RING_MAX ||
	    where->offset % sizeof(uint64_t))
		return -EPROTO;
	region = &r->regions[where->region];
	if (!region_holds(region, where->offset, ring_bytes(where->log2_ring)))
		return -EPROTO;
	r->is_client = false;
	take_place(r, region->base + where->offset, where->log2_ring);
	*why = "a ring without the cookie";
	cookie = __atomic_load_n(&r->shared->cookie, __ATOMIC_RELAXED);
	return cookie == MEMIF_COOKIE ? 0 : -EPROTO;
}

static void judge_window(struct ring *r)
{
	if (!r->starved && r->n_since < SHRINK_AFTER)
		return;
	if (r->starved)
		r->window *= 2;
	else if (r->window > WINDOW_MIN)
		r->window /= 2;
	if (r->window > size_of(r))
		r->window = size_of(r);
	r->starved = false;
	r->n_since = 0;
}

void ring_offer(struct ring *r)
{
	struct ring_buffers *b = &r->buffers;

	judge_window(r);
	while (b->n_unused && (uint16_t)(r->offered - r->next) < r->window) {
		b->in_slot[r->offered & r->mask] = b->unused[--b->n_unused];
		write_own(r, r->offered++, b->bytes, 0);
	}
	hand_over(r);
}

/* ---- Send -------------------------------------------------------------------- */

struct source {
	const struct iovec *iov;
	size_t at;		/* in *iov                                      */
	uint32_t left;		/* of the frame                                 */
};

static void copy_from(struct source *s, uint8_t *to, uint32_t bytes)
{
	s->left -= bytes;
	while (bytes) {
		size_t part = s->iov->iov_len - s->at;

		if (part > bytes)
			part = bytes;
		memcpy(to, (const uint8_t *)s->iov->iov_base + s->at, part);
		to += part;
		bytes -= (uint32_t)part;
		s->at += part;
		if (s->at == s->iov->iov_len) {
			s->iov++;
			s->at = 0;
		}
	}
}

/* Fills one slot. Return: 0 or -EPROTO. */
static int fill(struct ring *r, uint16_t slot, struct source *s)
{
	struct memif_descriptor d = { .length = r->buffers.bytes }, *shared;
	struct ring_buffers *b = &r->buffers;
	uint8_t *to;
	uint32_t part;
	uint16_t flags;

	if (r->is_client)
		b->in_slot[slot & r->mask] = b->unused[--b->n_unused];
	else
		d = read_slot(r, slot);
	to = find_buffer(r, slot, &d);
	if (!to || !d.length)
		return -EPROTO;
	part = s->left < d.length ? s->left : d.length;
	copy_from(s, to, part);
	flags = s->left ? MEMIF_NEXT : 0;
	if (r->is_client) {
		write_own(r, slot, part, flags);
		return 0;
	}
	shared = at_slot(r, slot);
	shared->length = part;
	shared->flags = flags;
	return 0;
}

/* Return: 1; 0 when there is no room; -errno. */
static int put(struct ring *r, const struct wire_frame *f)
{
	struct source s = { f->iov, 0, f->len };
	uint32_t each = r->buffers.bytes;
	uint16_t slot = r->next;
	int err;

	if (r->is_client && (f->len + each - 1) / each > owned(r))
		return 0;
	while (s.left) {
		if (slot == r->end)
			return 0;
		err = fill(r, slot++, &s);
		if (err)
			return err;
	}
	r->next = slot;
	return 1;
}

/* As put(), with what the peer gave back meanwhile. */
static int put_again(struct ring *r, const struct wire_frame *f)
{
	uint16_t before = owned(r);
	int done = look(r);

	if (!done && owned(r) > before)
		done = put(r, f);
	/* All slots are free, and they are not enough. */
	if (!done && owned(r) == size_of(r))
		return -EMSGSIZE;
	return done;
}

int ring_send(struct ring *r, const struct wire_frame *frames, unsigned n)
{
	unsigned taken = 0;
	int done = look(r);

	if (done)
		return done;
	while (taken < n) {
		done = put(r, &frames[taken]);
		if (!done)
			done = put_again(r, &frames[taken]);
		if (done <= 0)
			break;
		taken++;
	}
	if (taken)
		hand_over(r);
	return done < 0 && !taken ? done : (int)taken;
}

/* The @n-th of the slots that are ours. Return: whether it can be lent. */
static bool lend_slot(struct ring *r, unsigned n, struct wire_place *place)
{
	const struct ring_buffers *b = &r->buffers;
	uint16_t slot = (uint16_t)(r->next + n);
	struct memif_descriptor d;

	if (r->is_client) {
		uint32_t buffer = b->unused[b->n_unused - 1 - n];

		*place = (struct wire_place){
			.data = r->regions->base + b->offset + buffer * b->bytes,
			.size = b->bytes,
		};
		return true;
	}
	d = read_slot(r, slot);
	*place = (struct wire_place){ .data = find_buffer(r, slot, &d),
				      .size = d.length };
	return place->data;
}

int ring_lend(struct ring *r, struct wire_place *places, unsigned n)
{
	int err = owned(r) < n ? look(r) : 0;

	if (err)
		return err;
	if (n > owned(r))
		n = owned(r);
	for (unsigned k = 0; places && k < n; k++) {
		if (!lend_slot(r, k, &places[k]))
			return -EPROTO;
	}
	return (int)n;
}

void ring_send_lent(struct ring *r, const struct wire_place *places, unsigned n)
{
	struct ring_buffers *b = &r->buffers;

	for (unsigned k = 0; k < n; k++) {
		uint16_t slot = r->next++;

		if (r->is_client) {
			b->in_slot[slot & r->mask] = b->unused[--b->n_unused];
			write_own(r, slot, places[k].len, 0);
		} else {
			at_slot(r, slot)->length = places[k].len;
			at_slot(r, slot)->flags = 0;
		}
	}
	hand_over(r);
}

bool ring_has_listener(const struct ring *r)
{
	/* The new index before the mask: see the head of ring.h. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(__atomic_load_n(&r->shared->flags, __ATOMIC_RELAXED) &
		 MEMIF_MASK_INTERRUPT);
}

/* ---- Receive ----------------------------------------------------------------- */

static void prefetch_frame(const struct ring *r, uint16_t slot)
{
	struct memif_descriptor d = { .length = 0 };
	const uint8_t *at;

	if (!r->is_client)
		d = read_slot(r, slot);
	at = find_buffer(r, slot, &d);
	for (uint32_t n = 0; at && n < PREFETCH_BYTES; n += CACHE_LINE)
		prefetch_read(at + n);
}

/* Slots first .. end - 1 were received. */
static void give_back(struct ring *r, uint16_t first, uint16_t end)
{
	if (r->is_client) {
		reclaim(r, first, end);
		return;
	}
	for (uint16_t slot = first; slot != end; slot++) {
		/* DPDK's client does not clear it when it uses the slot again. */
		if (at_slot(r, slot)->flags & MEMIF_NEXT)
			at_slot(r, slot)->flags = 0;
	}
}

/*
 * Copies the frame that begins at @slot to @to, as far as @room goes. Return: 0;
 * -EAGAIN: it has no end yet; -EPROTO. *@bytes: of the whole frame.
 */
static int gather(struct ring *r, uint16_t *slot, uint8_t *to, size_t room,
		  size_t *bytes)
{
	struct memif_descriptor d;
	const uint8_t *from;

	for (*bytes = 0; *slot != r->end; *bytes += d.length) {
		d = read_slot(r, *slot);
		from = find_buffer(r, *slot, &d);
		if (!from)
			return -EPROTO;
		if (*bytes + d.length <= room)
			memcpy(to + *bytes, from, d.length);
		++*slot;
		if (!(d.flags & MEMIF_NEXT)) {
			*bytes += d.length;
			return 0;
		}
	}
	/* All that could be given: there will never be an end. */
	return owned(r) == size_of(r) ? -EPROTO : -EAGAIN;
}

/*
 * The usual frame, of one slot: summed on the way, which spares its reader to go over it
 * again. Return: false: it is another.
 */
static bool copy_slot(struct ring *r, const struct inbox *in, uint8_t *to, size_t room,
		      size_t *bytes, uint32_t *sum)
{
	struct memif_descriptor d = read_slot(r, r->next);
	const uint8_t *from = find_buffer(r, r->next, &d);

	if (!from || d.flags & MEMIF_NEXT || d.length > room ||
	    d.length > RING_FRAME_MAX || !d.length)
		return false;
	*sum = in->sums->copy(to, from, d.length);
	*bytes = d.length;
	return true;
}

static void deliver(struct inbox *in, uint8_t *data, size_t bytes, bool is_summed,
		    uint32_t sum)
{
	struct iovec *iov = &in->iov[in->n];

	*iov = (struct iovec){ data, bytes };
	in->frames[in->n++] = (struct wire_frame){
		.iov = iov,
		.n_iov = 1,
		.len = (uint32_t)bytes,
		.full_len = (uint32_t)bytes,
		.linktype = LINKTYPE_ETHERNET,
		.is_summed = is_summed,
		.sum = sum,
	};
	in->used += (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

/* Return: 1: taken, or dropped; 0: no frame, or no room for it; -EPROTO. */
static int take(struct ring *r, struct inbox *in)
{
	size_t room = in->n_bytes - in->used, bytes;
	uint8_t *to = in->bytes + in->used;
	uint16_t slot = r->next;
	uint32_t sum = 0;
	bool is_summed = copy_slot(r, in, to, room, &bytes, &sum);
	int err = is_summed ? 0 : gather(r, &slot, to, room, &bytes);

	slot += is_summed;

	if (err == -EAGAIN)
		r->is_cut = true;
	if (err)
		return err == -EAGAIN ? 0 : err;
	if (bytes > room && bytes <= RING_FRAME_MAX && in->used)
		return 0;
	if (bytes == 0 || bytes > room || bytes > RING_FRAME_MAX)
		in->n_dropped++;
	else
		deliver(in, to, bytes, is_summed, sum);
	/* See fit_buffer(): nobody who cuts frames may run out of slots. */
	if ((uint16_t)(slot - r->next) > 1)
		r->starved = true;
	r->next = slot;
	return 1;
}

int ring_receive(struct ring *r, struct inbox *in)
{
	uint16_t before = r->next;
	int err = owned(r) && !r->is_cut ? 0 : look(r);

	while (!err && in->n < in->room && owned(r) && !r->is_cut) {
		if (owned(r) > 1)
			prefetch_frame(r, r->next + 1);
		err = take(r, in);
		if (err <= 0)
			break;
		err = 0;
	}
	give_back(r, before, r->next);
	r->n_since += in->n;
	/* A frame that waits for its end may need more buffers. */
	if (r->is_client && (r->next != before || r->is_cut))
		ring_offer(r);
	else if (r->next != before)
		hand_over(r);
	return err;
}

void ring_interrupts(struct ring *r, bool on)
{
	__atomic_store_n(&r->shared->flags, on ? 0 : MEMIF_MASK_INTERRUPT,
			 __ATOMIC_RELAXED);
}

bool ring_is_quiet(struct ring *r, bool peer_has_fence)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (int n = 0; n < ARM_PAUSES; n++) {
		if (look(r) || (owned(r) && !r->is_cut))
			return false;
		if (peer_has_fence)
			return true;
		spin_pause();
	}
	return true;
}
