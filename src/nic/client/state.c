// SPDX-License-Identifier: BSD-2-Clause
/* state.c - What the device keeps of its programs: places, ids, owners */
#include "nic/client/state.h"

#include <errno.h>
#include <string.h>

#define QUEUES_DEFAULT 1024
#define QUEUES_MAX (1U << 16)
#define FLOWS_DEFAULT 16384
#define SEND_BURST_DEFAULT 32
#define INDEX_MASK ((1U << DEVICE_INDEX_BITS) - 1)
#define OWNERS_MAX 4096

/* ---- Places ---------------------------------------------------------------- */

static void places_init(struct places *p, uint32_t *free, uint32_t capacity)
{
	*p = (struct places){ free, 0, capacity, capacity };
	for (uint32_t n = 0; n < capacity; n++)
		free[n] = n;
}

static uint32_t take_place(struct places *p)
{
	uint32_t place = p->free[p->head];

	p->head = p->head + 1 == p->capacity ? 0 : p->head + 1;
	p->n_free--;
	return place;
}

static void give_place(struct places *p, uint32_t place)
{
	uint64_t tail = (uint64_t)p->head + p->n_free;

	p->free[tail < p->capacity ? tail : tail - p->capacity] = place;
	p->n_free++;
}

/* ---- Owners ---------------------------------------------------------------- */

static struct object *object_at(const struct device *d, uint32_t node)
{
	uint32_t queues = d->options.queues;

	return node < queues ? &d->queues[node].object :
			       &d->flows[node - queues].object;
}

static uint32_t *bucket_of(const struct device *d, uint32_t owner)
{
	return &d->owners[(owner * 0x9e3779b1U >> 16) & d->owner_mask];
}

static void enter(struct device *d, uint32_t node, uint32_t owner)
{
	uint32_t *head = bucket_of(d, owner);
	struct object *o = object_at(d, node);

	o->owner = owner;
	o->used = true;
	o->previous = DEVICE_NONE;
	o->next = *head;
	if (*head != DEVICE_NONE)
		object_at(d, *head)->previous = node;
	*head = node;
}

/* The id changes as well: the old one matches nothing from now on. */
static void leave(struct device *d, uint32_t node)
{
	struct object *o = object_at(d, node);

	if (o->previous == DEVICE_NONE)
		*bucket_of(d, o->owner) = o->next;
	else
		object_at(d, o->previous)->next = o->next;
	if (o->next != DEVICE_NONE)
		object_at(d, o->next)->previous = o->previous;
	o->used = false;
	o->id += 1U << DEVICE_INDEX_BITS;
}

static uint32_t find_owned(const struct device *d, uint32_t owner,
			   uint32_t node)
{
	while (node != DEVICE_NONE && object_at(d, node)->owner != owner)
		node = object_at(d, node)->next;
	return node;
}

uint32_t state_owned(const struct device *d, uint32_t owner)
{
	return find_owned(d, owner, *bucket_of(d, owner));
}

uint32_t state_owned_next(const struct device *d, uint32_t node)
{
	const struct object *o = object_at(d, node);

	return find_owned(d, o->owner, o->next);
}

struct client_queue *state_queue_at(const struct device *d, uint32_t node)
{
	return node < d->options.queues ? &d->queues[node] : NULL;
}

struct client_flow *state_flow_at(const struct device *d, uint32_t node)
{
	return node < d->options.queues ? NULL :
					  &d->flows[node - d->options.queues];
}

/* ---- Queues and flows ------------------------------------------------------ */

static bool is_object(const struct object *o, uint32_t id)
{
	return o->used && o->id == id;
}

struct client_queue *state_queue(const struct device *d, uint32_t id)
{
	uint32_t place = device_index(id);

	if (place >= d->options.queues ||
	    !is_object(&d->queues[place].object, id))
		return NULL;
	return &d->queues[place];
}

struct client_flow *state_flow(const struct device *d, uint32_t id)
{
	uint32_t place = device_index(id);

	if (place >= d->options.flows || !is_object(&d->flows[place].object, id))
		return NULL;
	return &d->flows[place];
}

struct client_queue *state_add_queue(struct device *d, uint32_t owner)
{
	struct client_queue *q;
	uint32_t place;

	if (!d->queue_places.n_free)
		return NULL;
	place = take_place(&d->queue_places);
	q = &d->queues[place];
	*q = (struct client_queue){ .object.id = q->object.id };
	enter(d, place, owner);
	return q;
}

struct client_flow *state_add_flow(struct device *d, uint32_t owner)
{
	struct client_flow *f;
	uint32_t place;

	if (!d->flow_places.n_free)
		return NULL;
	place = take_place(&d->flow_places);
	f = &d->flows[place];
	*f = (struct client_flow){ .object.id = f->object.id };
	enter(d, d->options.queues + place, owner);
	return f;
}

void state_remove_queue(struct device *d, struct client_queue *q)
{
	uint32_t place = (uint32_t)(q - d->queues);

	leave(d, place);
	give_place(&d->queue_places, place);
}

void state_remove_flow(struct device *d, struct client_flow *f)
{
	uint32_t place = (uint32_t)(f - d->flows);

	leave(d, d->options.queues + place);
	give_place(&d->flow_places, place);
}

/* ---- Memory ---------------------------------------------------------------- */

static bool resolve(struct device_options *o)
{
	if (!o->queues)
		o->queues = QUEUES_DEFAULT;
	if (!o->flows)
		o->flows = FLOWS_DEFAULT;
	if (!o->send_burst)
		o->send_burst = SEND_BURST_DEFAULT;
	return o->queues <= QUEUES_MAX && o->flows < INDEX_MASK;
}

static uint32_t owner_buckets(const struct device_options *o)
{
	uint32_t n = 16;

	while (n < OWNERS_MAX && n < o->queues + o->flows)
		n *= 2;
	return n;
}

/* Takes @bytes of what is at *@at; NULL at first only counts. */
static void *carve(uintptr_t *at, size_t bytes)
{
	uintptr_t start = *at;

	*at = start + ((bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1));
	return (void *)start;
}

static void carve_all(struct device *d, uintptr_t *at)
{
	const struct device_options *o = &d->options;

	d->queues = carve(at, o->queues * sizeof(*d->queues));
	d->flows = carve(at, o->flows * sizeof(*d->flows));
	d->queue_places.free = carve(at, o->queues * sizeof(uint32_t));
	d->flow_places.free = carve(at, o->flows * sizeof(uint32_t));
	d->owners = carve(at, owner_buckets(o) * sizeof(uint32_t));
	d->senders = carve(at, o->queues * sizeof(*d->senders));
	d->lookup = carve(at, lookup_bytes(o->flows));
	d->batch = carve(at, sizeof(*d->batch));
	d->linear = carve(at, DEVICE_LINEAR_BYTES);
}

size_t state_bytes(const struct device_options *options)
{
	struct device d = { .options = *options };
	uintptr_t at = 0;

	if (!resolve(&d.options))
		return 0;
	carve(&at, sizeof(d));
	carve_all(&d, &at);
	return at;
}

struct device *state_init(void *memory, const struct device_options *options,
			  void **rest)
{
	uintptr_t at = (uintptr_t)memory;
	struct device *d = carve(&at, sizeof(*d));

	d->options = *options;
	if (!resolve(&d->options))
		return NULL;
	carve_all(d, &at);
	places_init(&d->queue_places, d->queue_places.free, d->options.queues);
	places_init(&d->flow_places, d->flow_places.free, d->options.flows);
	for (uint32_t n = 0; n < d->options.queues; n++)
		d->queues[n].object.id = n;
	for (uint32_t n = 0; n < d->options.flows; n++)
		d->flows[n].object.id = n;
	d->owner_mask = owner_buckets(&d->options) - 1;
	memset(d->owners, 0xff, (d->owner_mask + 1) * sizeof(*d->owners));
	lookup_init(d->lookup, d->options.flows,
		    d->options.coalescer.seed);
	d->retry = NS_NEVER;
	*rest = (void *)at;
	return d;
}
