// SPDX-License-Identifier: BSD-2-Clause
/* handle.c - Numbers by which a client names what it holds */
#include "host/handle.h"

#include <errno.h>
#include <stdlib.h>

#define PLACE_BITS 20
#define PLACE_MASK (HANDLE_PLACES_MAX - 1)
#define GENERATIONS 0xfffU	/* CONTROL_NONE is never a handle               */
#define FIRST_PLACES 64U

void handle_table_close(struct handle_table *t)
{
	free(t->places);
	*t = (struct handle_table){ 0 };
}

static int grow(struct handle_table *t)
{
	uint32_t max = t->max_places ? t->max_places * 2 : FIRST_PLACES;
	struct handle *places;

	if (t->max_places == HANDLE_PLACES_MAX)
		return -ENOSPC;
	places = reallocarray(t->places, max, sizeof(*places));
	if (!places)
		return -ENOMEM;
	t->places = places;
	t->max_places = max;
	return 0;
}

static int fresh_place(struct handle_table *t, uint32_t *place)
{
	int err = t->n_places == t->max_places ? grow(t) : 0;

	if (err)
		return err;
	*place = t->n_places++;
	t->places[*place] = (struct handle){ .kind = HANDLE_FREE };
	return 0;
}

static uint32_t take_free(struct handle_table *t)
{
	uint32_t place = t->first_free - 1;

	t->first_free = t->places[place].next_free;
	if (!t->first_free)
		t->last_free = 0;
	return place;
}

int handle_add(struct handle_table *t, enum handle_kind kind, uint32_t *place)
{
	uint16_t generation;
	int err = 0;

	if (t->first_free)
		*place = take_free(t);
	else
		err = fresh_place(t, place);
	if (err)
		return err;
	generation = t->places[*place].generation;
	t->places[*place] = (struct handle){
		.kind = (uint8_t)kind, .generation = generation,
	};
	return 0;
}

void handle_remove(struct handle_table *t, uint32_t place)
{
	struct handle *h = &t->places[place];

	h->kind = HANDLE_FREE;
	h->generation = (uint16_t)((h->generation + 1) % GENERATIONS);
	h->next_free = 0;
	if (t->last_free)
		t->places[t->last_free - 1].next_free = place + 1;
	else
		t->first_free = place + 1;
	t->last_free = place + 1;
}

uint32_t handle_of(const struct handle_table *t, uint32_t place)
{
	return (uint32_t)t->places[place].generation << PLACE_BITS | place;
}

struct handle *handle_find(const struct handle_table *t, uint32_t number,
			   enum handle_kind kind)
{
	uint32_t place = number & PLACE_MASK;

	if (place >= t->n_places || t->places[place].kind != kind ||
	    handle_of(t, place) != number)
		return NULL;
	return &t->places[place];
}
