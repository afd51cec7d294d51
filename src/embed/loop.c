// SPDX-License-Identifier: BSD-2-Clause
/*
 * loop.c - From us to us: units that never see a wire
 *
 * They lie whole in places of the heap until the next embed_receive(), which hands them
 * up like what came from the wire. The device is full before all places are taken; the
 * rest is for what does not ask. When they are taken, too, a unit is lost.
 */
#include <string.h>

#include "base/heap.h"
#include "embed/state.h"

static const struct host_address own[2] = {
	{ .address = { 127, 0, 0, 1 }, .prefix_bits = 8 },
	{ .address = { [15] = 1 }, .prefix_bits = 128, .v6 = 1 },
};

int embed_add_loopback(struct embed *e)
{
	if (e->n_addresses + ARRAY_SIZE(own) > HOST_ADDRESSES_MAX)
		return -1;
	memcpy(e->addresses + e->n_addresses, own, sizeof(own));
	e->n_addresses += ARRAY_SIZE(own);
	return 0;
}

bool embed_has_looped(const struct embed *e)
{
	return e->loop_first != e->loop_end;
}

bool embed_loop_is_full(const struct embed *e)
{
	return e->loop_end - e->loop_first >= EMBED_LOOP - EMBED_LOOP_SPARE;
}

static struct looped *place(struct embed *e, uint32_t n)
{
	return &e->loop[n % EMBED_LOOP];
}

/* Header of the whole unit, with its lengths, and its payload behind it. */
void embed_loop(struct embed *e, struct tto_unit *unit)
{
	struct looped *l = place(e, e->loop_end);
	struct tto_segmenter s;
	struct tto_slot slot = { .size = EMBED_LOOP_BYTES };

	if (e->loop_end - e->loop_first == EMBED_LOOP) {
		e->stats.dropped++;
		return;
	}
	if (!l->bytes)
		l->bytes = heap_alloc(EMBED_LOOP_BYTES);
	slot.data = l->bytes;
	l->mss = unit->mss;
	unit->mss = UINT16_MAX;
	unit->flags |= TTO_UNIT_PARTIAL_CSUM;
	if (!l->bytes || tto_segmenter_begin(&s, unit) != 1 ||
	    tto_segmenter_next(&s, &slot, 1) != 1) {
		e->stats.dropped++;
		return;
	}
	l->len = slot.len;
	l->payload = slot.len - unit->header_len;
	e->loop_end++;
}

/* Those that are there now. Return: how many of @frames are used. */
uint32_t embed_take_looped(struct embed *e, struct tto_frame *frames, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t at = e->loop_first; at != e->loop_end && n < max; at++, n++) {
		const struct looped *l = place(e, at);

		frames[n] = (struct tto_frame){
			.data = l->bytes, .len = l->len, .csum = TTO_CSUM_PARTIAL,
			.gso_size = l->payload > l->mss ? l->mss : 0,
		};
	}
	return n;
}
