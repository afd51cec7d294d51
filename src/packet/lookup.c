// SPDX-License-Identifier: BSD-2-Clause
/* lookup.c - From a tuple to a number */
#include "packet/lookup.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/siphash.h"

#define WORDS (sizeof(struct tcp_tuple) / 4)
#define SLOTS_MIN 8

struct slot {
	uint32_t hash;		/* its upper bits say where it would like to be */
	uint32_t entry;		/* LOOKUP_NONE: the slot is free                */
};

struct entry {
	struct tcp_tuple tuple;
	uint32_t value;
	uint32_t next_free;
};

_Static_assert(sizeof(struct entry) == 48, "four of them in three cache lines");

struct lookup {
	uint64_t key[WORDS + 1];
	uint64_t entries;	/* where they begin [bytes from here]           */
	uint32_t mask;		/* slots - 1                                    */
	uint32_t shift;		/* from hash to slot                            */
	uint32_t capacity;
	uint32_t count;
	uint32_t fresh;		/* entries from here on were never used         */
	uint32_t first_free;
	struct slot slots[] CACHE_ALIGNED;
} CACHE_ALIGNED;

static uint32_t slots_for(uint32_t capacity)
{
	uint32_t slots = SLOTS_MIN;

	while (slots < capacity + (uint64_t)capacity / 2)
		slots *= 2;
	return slots;
}

size_t lookup_bytes(uint32_t capacity)
{
	return sizeof(struct lookup) +
		(size_t)slots_for(capacity) * sizeof(struct slot) +
		(size_t)capacity * sizeof(struct entry);
}

static void make_keys(struct lookup *l, const uint8_t key[16])
{
	for (uint64_t n = 0; n < ARRAY_SIZE(l->key); n++)
		l->key[n] = siphash_2_4(&n, sizeof(n), key);
}

struct lookup *lookup_init(void *memory, uint32_t capacity,
			   const uint8_t key[16])
{
	uint32_t slots = slots_for(capacity);
	struct lookup *l = memory;

	memset(l, 0, sizeof(*l));
	make_keys(l, key);
	l->entries = sizeof(*l) + (uint64_t)slots * sizeof(struct slot);
	l->mask = slots - 1;
	l->shift = 32 - (uint32_t)__builtin_ctz(slots);
	l->capacity = capacity;
	l->first_free = LOOKUP_NONE;
	memset(l->slots, 0xff, slots * sizeof(struct slot));
	return l;
}

static struct entry *entry_at(struct lookup *l, uint32_t entry)
{
	return (struct entry *)(void *)((char *)l + l->entries) + entry;
}

static const struct entry *entry_of(const struct lookup *l, uint32_t entry)
{
	return (const struct entry *)(const void *)
		((const char *)l + l->entries) + entry;
}

/* A bijection that leaves no arithmetic progression. */
static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15;
	return (h ^ h >> 29) * 0xbf58476d1ce4e5b9;
}

uint64_t lookup_hash(const struct lookup *l, const struct tcp_tuple *tuple)
{
	const uint8_t *p = (const uint8_t *)tuple;
	uint64_t h = l->key[WORDS];

	/* The other words of IPv4 are 0. */
	if (!tuple->v6)
		return mix(h + l->key[0] * load32(p) + l->key[4] * load32(p + 16)
			   + l->key[8] * load32(p + 32));
	for (size_t word = 0; word < WORDS; word++)
		h += l->key[word] * load32(p + 4 * word);
	return mix(h);
}

void lookup_prefetch(const struct lookup *l, const struct tcp_tuple *tuple)
{
	uint32_t hash = (uint32_t)(lookup_hash(l, tuple) >> 32);

	prefetch_read(&l->slots[hash >> l->shift]);
}

/* Slot of @tuple, or the free one where the search has ended. */
static uint32_t probe(const struct lookup *l, const struct tcp_tuple *tuple,
		      uint32_t hash)
{
	uint32_t slot = hash >> l->shift;

	/* There is a free one: at most two thirds are used. */
	for (;; slot = (slot + 1) & l->mask) {
		const struct slot *s = &l->slots[slot];

		if (s->entry == LOOKUP_NONE)
			return slot;
		if (s->hash == hash &&
		    tcp_tuple_equal(&entry_of(l, s->entry)->tuple, tuple))
			return slot;
	}
}

static uint32_t find_slot(const struct lookup *l, const struct tcp_tuple *tuple)
{
	return probe(l, tuple, (uint32_t)(lookup_hash(l, tuple) >> 32));
}

uint32_t lookup_entry(const struct lookup *l, const struct tcp_tuple *tuple)
{
	return l->slots[find_slot(l, tuple)].entry;
}

uint32_t lookup_value(const struct lookup *l, uint32_t entry)
{
	return entry_of(l, entry)->value;
}

void lookup_change(struct lookup *l, uint32_t entry, uint32_t value)
{
	entry_at(l, entry)->value = value;
}

uint32_t lookup_find(const struct lookup *l, const struct tcp_tuple *tuple)
{
	uint32_t entry = lookup_entry(l, tuple);

	return entry == LOOKUP_NONE ? LOOKUP_NONE : lookup_value(l, entry);
}

uint32_t lookup_find_listener(const struct lookup *l,
			      const struct tcp_tuple *tuple)
{
	struct tcp_tuple key = { .local_port = tuple->local_port,
				 .v6 = tuple->v6 };
	uint32_t value;

	memcpy(key.local, tuple->local, sizeof(key.local));
	value = lookup_find(l, &key);
	if (value != LOOKUP_NONE)
		return value;
	memset(key.local, 0, sizeof(key.local));
	return lookup_find(l, &key);
}

static uint32_t new_entry(struct lookup *l)
{
	uint32_t entry = l->first_free;

	if (entry == LOOKUP_NONE)
		return l->fresh++;
	l->first_free = entry_of(l, entry)->next_free;
	return entry;
}

int lookup_insert(struct lookup *l, const struct tcp_tuple *tuple,
		  uint32_t value)
{
	uint32_t hash = (uint32_t)(lookup_hash(l, tuple) >> 32);
	uint32_t slot = probe(l, tuple, hash), entry;

	if (l->slots[slot].entry != LOOKUP_NONE)
		return -EEXIST;
	if (l->count == l->capacity)
		return -ENOSPC;
	entry = new_entry(l);
	*entry_at(l, entry) = (struct entry){ *tuple, value, LOOKUP_NONE };
	l->slots[slot] = (struct slot){ hash, entry };
	l->count++;
	return 0;
}

bool lookup_set(struct lookup *l, const struct tcp_tuple *tuple, uint32_t value)
{
	uint32_t entry = lookup_entry(l, tuple);

	if (entry == LOOKUP_NONE)
		return false;
	lookup_change(l, entry, value);
	return true;
}

/* Who comes later moves into the hole if that is nearer to where it wants to be. */
static void close_hole(struct lookup *l, uint32_t hole)
{
	uint32_t slot = hole, wanted;

	for (;;) {
		slot = (slot + 1) & l->mask;
		if (l->slots[slot].entry == LOOKUP_NONE)
			break;
		wanted = l->slots[slot].hash >> l->shift;
		if (((slot - wanted) & l->mask) < ((slot - hole) & l->mask))
			continue;
		l->slots[hole] = l->slots[slot];
		hole = slot;
	}
	l->slots[hole].entry = LOOKUP_NONE;
}

uint32_t lookup_remove(struct lookup *l, const struct tcp_tuple *tuple)
{
	uint32_t slot = find_slot(l, tuple), entry = l->slots[slot].entry;

	if (entry == LOOKUP_NONE)
		return LOOKUP_NONE;
	close_hole(l, slot);
	entry_at(l, entry)->next_free = l->first_free;
	l->first_free = entry;
	l->count--;
	return entry_of(l, entry)->value;
}

const struct tcp_tuple *lookup_tuple(const struct lookup *l, uint32_t entry)
{
	return &entry_of(l, entry)->tuple;
}

uint32_t lookup_count(const struct lookup *l)
{
	return l->count;
}
