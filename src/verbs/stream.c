// SPDX-License-Identifier: BSD-2-Clause
/* stream.c - Bytes in order, wherever they were placed, to receives in order */
#include "verbs/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void stream_open(struct stream *s, void (*spent)(void *, struct slot *), void *ctx)
{
	*s = (struct stream){ .spent = spent, .ctx = ctx };
	s->last = &s->first;
	s->back = &s->front;
}

/* ---- Pieces ------------------------------------------------------------------------ */

static struct slot *slot_of_piece(struct piece *p)
{
	return (struct slot *)(void *)((uint8_t *)p - offsetof(struct slot, piece));
}

/* Not in the list any more: its memory is used otherwise. */
static void release_piece(struct stream *s, struct piece *p)
{
	switch (p->origin) {
	case PIECE_GENERAL:
		s->spent(s->ctx, slot_of_piece(p));
		break;
	case PIECE_RECEIVE:
		slot_of_piece(p)->state = SLOT_WAITING;
		s->n_waiting++;
		break;
	default:
		free(p);
	}
}

/* The front piece has no bytes left. */
static void drop_piece(struct stream *s)
{
	struct piece *p = s->front;

	s->front = p->next;
	if (!s->front)
		s->back = &s->front;
	release_piece(s, p);
}

void stream_drop(struct stream *s)
{
	while (s->front)
		drop_piece(s);
	while (s->ahead) {
		struct piece *p = s->ahead;

		s->ahead = p->next;
		release_piece(s, p);
	}
	s->n_ahead = 0;
	s->knows_next = s->knows_fin = false;
	s->status = 0;
}

static void fill_in(struct piece *p, uint8_t origin, uint8_t *data,
		    const struct completion *c)
{
	*p = (struct piece){ .data = data, .bytes = c->bytes, .seq = c->seq,
			     .origin = origin, .completion = *c };
}

/* A piece that is not where its slot is. Return: NULL: no memory. */
static struct piece *copy_of(const struct piece *p)
{
	struct piece *moved = malloc(sizeof(*moved) + p->bytes);

	if (!moved)
		return NULL;
	*moved = *p;
	moved->origin = PIECE_MOVED;
	moved->data = (uint8_t *)(moved + 1);
	memcpy(moved->data, p->data, p->bytes);
	return moved;
}

/* What repeats bytes in order is cut off. Return: whether anything is left. */
static bool cut_front(const struct stream *s, struct piece *p)
{
	uint32_t n = s->next - p->seq;

	if (n >= p->bytes)
		return false;
	p->data += n;
	p->bytes -= n;
	p->seq += n;
	return true;
}

/* @p begins at next, or before. */
static void append(struct stream *s, struct piece *p)
{
	if (!cut_front(s, p)) {
		release_piece(s, p);
		return;
	}
	p->next = NULL;
	*s->back = p;
	s->back = &p->next;
	s->next += p->bytes;
}

static bool is_ahead(const struct stream *s, uint32_t seq)
{
	return seq != s->next && seq - s->next < UINT32_MAX / 2;
}

/* Too many: the farthest is given up. */
static void drop_farthest(struct stream *s)
{
	struct piece **at = &s->ahead, *p;

	while ((*at)->next)
		at = &(*at)->next;
	p = *at;
	*at = NULL;
	s->n_ahead--;
	release_piece(s, p);
}

/* It may wait for long, and others need the buffer: it is copied out of it. Without
 * memory it is as if it had been lost on the way. */
static void put_ahead(struct stream *s, struct piece *from)
{
	struct piece **at = &s->ahead;
	struct piece *p = from->seq - s->next > STREAM_WINDOW ? NULL : copy_of(from);

	release_piece(s, from);
	if (!p)
		return;
	while (*at && (*at)->seq - s->next < p->seq - s->next)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	if (++s->n_ahead > STREAM_AHEAD_MAX)
		drop_farthest(s);
}

static void take_piece(struct stream *s, struct piece *p)
{
	if (!s->knows_next)
		stream_begin(s, p->seq);
	if (is_ahead(s, p->seq)) {
		put_ahead(s, p);
		return;
	}
	append(s, p);
	while (s->ahead && !is_ahead(s, s->ahead->seq)) {
		p = s->ahead;
		s->ahead = p->next;
		s->n_ahead--;
		append(s, p);
	}
}

void stream_general(struct stream *s, struct slot *slot, const struct completion *c)
{
	slot->state = SLOT_FILLED;
	fill_in(&slot->piece, PIECE_GENERAL, slot->address + c->offset, c);
	if (c->bytes && !s->status)
		take_piece(s, &slot->piece);
	else
		s->spent(s->ctx, slot);
}

/* ---- Receives ---------------------------------------------------------------------- */

bool stream_post(struct stream *s, struct slot *slot, bool placeable)
{
	bool place = placeable && !s->front && !s->n_waiting &&
		     !stream_has_ended(s);

	slot->next = NULL;
	slot->is_revoked = false;
	slot->is_asked_back = false;
	*s->last = slot;
	s->last = &slot->next;
	slot->state = place ? SLOT_POSTED : SLOT_WAITING;
	s->n_posted += place;
	s->n_waiting += !place;
	return place;
}

/* None is with the device, so that this one is the first there; or all before are. */
struct slot *stream_resubmit(struct stream *s)
{
	struct slot *slot = s->first;

	if (!s->n_waiting || s->front || stream_has_ended(s) || s->status)
		return NULL;
	while (slot && slot->state == SLOT_POSTED)
		slot = slot->next;
	if (!slot || !slot->range || slot->is_revoked)
		return NULL;
	for (struct slot *later = slot->next; later; later = later->next) {
		if (later->state == SLOT_POSTED)
			return NULL;
	}
	slot->state = SLOT_POSTED;
	slot->is_asked_back = false;
	s->n_waiting--;
	s->n_posted++;
	return slot;
}

void stream_returned(struct stream *s, struct slot *slot, const struct completion *c)
{
	s->n_posted--;
	if (!c->bytes || s->status) {
		slot->state = SLOT_WAITING;
		s->n_waiting++;
		return;
	}
	slot->state = SLOT_FILLED;
	fill_in(&slot->piece, PIECE_RECEIVE, slot->address + c->offset, c);
	take_piece(s, &slot->piece);
}

static void unlink_receive(struct stream *s, struct slot **at)
{
	struct slot *slot = *at;

	*at = slot->next;
	if (s->last == &slot->next)
		s->last = at;
}

void stream_remove(struct stream *s, struct slot *slot)
{
	struct slot **at = &s->first;

	while (*at && *at != slot)
		at = &(*at)->next;
	if (*at)
		unlink_receive(s, at);
	s->n_posted--;
}

/* ---- Bytes to receives --------------------------------------------------------------- */

/* Bytes are lost at *@at: what comes behind cannot be told as a stream. */
static void cut_off(struct stream *s, struct piece **at)
{
	struct piece *p = *at;

	*at = NULL;
	s->back = at;
	s->status = -ENOMEM;
	while (p) {
		struct piece *next = p->next;

		release_piece(s, p);
		p = next;
	}
}

/* Other bytes come first: those that the device placed in @slot make room. */
static void move_away(struct stream *s, struct slot *slot)
{
	struct piece *moved = copy_of(&slot->piece);
	struct piece **at = &s->front;

	while (*at != &slot->piece)
		at = &(*at)->next;
	if (!moved) {
		cut_off(s, at);
		return;
	}
	*at = moved;
	if (!moved->next)
		s->back = &moved->next;
	s->n_moved++;
	slot->state = SLOT_WAITING;
	s->n_waiting++;
}

static void copy(struct stream *s, struct slot *slot, struct received *out)
{
	while (s->front && out->bytes < slot->bytes) {
		struct piece *p = s->front;
		uint32_t room = slot->bytes - out->bytes;
		uint32_t n = p->bytes < room ? p->bytes : room;

		if (!out->bytes)
			out->seq = p->seq;
		memcpy(slot->address + out->bytes, p->data, n);
		out->bytes += n;
		out->completion = p->completion;
		p->data += n;
		p->bytes -= n;
		p->seq += n;
		if (!p->bytes)
			drop_piece(s);
	}
	out->flags = TTO_COPIED;
}

/* The device placed its bytes, or what is left of them, in @slot itself. */
static void keep(struct stream *s, struct slot *slot, struct received *out)
{
	struct piece *p = s->front;

	out->bytes = p->bytes;
	out->seq = p->seq;
	out->completion = p->completion;
	if (p->data != slot->address)
		memmove(slot->address, p->data, p->bytes);
	s->front = p->next;
	if (!s->front)
		s->back = &s->front;
}

static void finish(struct stream *s, struct received *out)
{
	struct slot *slot = s->first;

	if (slot->state == SLOT_WAITING)
		s->n_waiting--;
	unlink_receive(s, &s->first);
	out->slot = slot;
	if (stream_has_ended(s) && !s->front)
		out->flags |= TTO_END;
}

bool stream_next(struct stream *s, struct received *out)
{
	struct slot *slot = s->first;

	if (!stream_has_next(s))
		return false;
	*out = (struct received){ .seq = s->next };
	if (slot->state == SLOT_FILLED && s->front != &slot->piece)
		move_away(s, slot);
	if (slot->state == SLOT_FILLED)
		keep(s, slot, out);
	else if (slot->is_revoked)
		out->status = -ECANCELED;
	else if (s->front)
		copy(s, slot, out);
	else
		out->status = s->status;	/* 0: it has ended              */
	finish(s, out);
	return true;
}
