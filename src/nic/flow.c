// SPDX-License-Identifier: BSD-2-Clause
/*
 * flow.c - The flow lookup table (FLT): from a segment's tuple to its flow
 *
 * Theory of operation: see flow.h.
 */
#include "nic/flow.h"

#include "base/siphash.h"
#include "nic/flow_hash.h"

#define CANDIDATES 16

static uint32_t buckets_for(uint32_t capacity)
{
	uint32_t n = 1;

	/* Twice as many places as flows: at a mean of 4 of 8 taken, 2% overflow. */
	while (n * FLOW_BUCKET_PLACES < capacity * 2)
		n *= 2;
	return n;
}

size_t flow_table_bytes(uint32_t capacity)
{
	size_t bytes = (size_t)capacity * sizeof(struct flow) +
		       (size_t)buckets_for(capacity) *
			       sizeof(struct flow_bucket) +
		       (size_t)capacity * sizeof(uint32_t);

	return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

void flow_table_init(struct flow_table *t, void *memory, uint32_t capacity,
		     const uint8_t seed[16], ns_t replace_idle_ns)
{
	uint32_t n_buckets = buckets_for(capacity);
	uint8_t *m = memory;

	*t = (struct flow_table){
		.flows = memory,
		.capacity = capacity,
		.n_free = capacity,
		.bucket_mask = n_buckets - 1,
		.bucket_shift = 32 - (uint32_t)__builtin_ctz(n_buckets),
	};
	m += (size_t)capacity * sizeof(struct flow);
	t->buckets = (struct flow_bucket *)(void *)m;
	m += (size_t)n_buckets * sizeof(struct flow_bucket);
	t->free = (uint32_t *)(void *)m;
	for (uint32_t place = 0; place < capacity; place++)
		t->free[place] = capacity - 1 - place;

	replace_idle_ns >>= FLOW_ACTIVE_SHIFT;
	t->replace_idle = replace_idle_ns > INT32_MAX ?
				  INT32_MAX :
				  (uint32_t)replace_idle_ns;
	if (n_buckets == 1)	/* a shift by 32 is undefined */
		t->bucket_shift = 0;
	for (uint64_t word = 0; word <= FLOW_HASH_WORDS; word++)
		t->key[word] = siphash_2_4(&word, sizeof(word), seed);
}

static size_t tuple_bytes(bool v6)
{
	return v6 ? 36 : 12;
}

/* Two addresses of @bytes, and the ports; swapped when @reverse. */
static ALWAYS_INLINE void copy_tuple(uint8_t *out, const uint8_t *addresses,
				     const uint8_t *ports, size_t bytes,
				     bool reverse)
{
	memcpy(out, addresses + (reverse ? bytes : 0), bytes);
	memcpy(out + bytes, addresses + (reverse ? 0 : bytes), bytes);
	memcpy(out + 2 * bytes, ports + (reverse ? 2 : 0), 2);
	memcpy(out + 2 * bytes + 2, ports + (reverse ? 0 : 2), 2);
}

void flow_key_of(const uint8_t *frame, const struct seg *seg, bool reverse,
		 struct flow_key *key)
{
	const uint8_t *ip = frame + seg->l3, *ports = frame + seg->l4;

	if (seg->v6)
		copy_tuple(key->tuple, ip + 8, ports, 16, reverse);
	else
		copy_tuple(key->tuple, ip + 12, ports, 4, reverse);
	key->v6 = seg->v6;
	key->n_tags = (uint8_t)seg->n_tags;
	key->vid[0] = seg->tci[0] & 0xfff;
	key->vid[1] = seg->tci[1] & 0xfff;
}

static uint64_t hash_of(const struct flow_table *t, const struct flow_key *key)
{
	uint32_t vids = flow_vids(key->vid[0], key->vid[1]);

	return key->v6 ? flow_hash_v6(t, key->tuple, vids) :
			 flow_hash_v4(t, key->tuple, vids);
}

static uint32_t other_bucket(const struct flow_table *t, uint32_t bucket,
			     uint16_t tag)
{
	/* Its own inverse, and another bucket unless there is only one. */
	return bucket ^ ((tag * 0x5bd1e995u | 1) & t->bucket_mask);
}

static uint32_t vids_in(const struct flow *f)
{
	unsigned n_tags = (f->state & FLOW_TAGS) >> FLOW_TAGS_SHIFT;

	return flow_vids(n_tags > 0 ? load_be16(f->tags + 2) : 0,
			 n_tags > 1 ? load_be16(f->tags + 6) : 0);
}

static const uint8_t *tuple_in(const struct flow *f)
{
	return f->expect + (f->state & FLOW_V6 ? 8 : 12);
}

void flow_key_in(const struct flow *f, struct flow_key *key)
{
	uint32_t vids = vids_in(f);

	*key = (struct flow_key){
		.v6 = f->state & FLOW_V6,
		.n_tags = (f->state & FLOW_TAGS) >> FLOW_TAGS_SHIFT,
		.vid = { (uint16_t)(vids >> 16), (uint16_t)(vids & 0xfff) },
	};
	memcpy(key->tuple, tuple_in(f), tuple_bytes(key->v6));
}

static bool is_key(const struct flow *f, const struct flow_key *key)
{
	uint16_t shape = (uint16_t)((key->v6 ? FLOW_V6 : 0) |
				    key->n_tags << FLOW_TAGS_SHIFT);

	return (f->state & (FLOW_V6 | FLOW_TAGS)) == shape &&
	       !memcmp(tuple_in(f), key->tuple, tuple_bytes(key->v6)) &&
	       vids_in(f) == flow_vids(key->vid[0], key->vid[1]);
}

static uint32_t find_in(const struct flow_table *t, uint32_t bucket,
			uint16_t tag, const struct flow_key *key)
{
	const struct flow_bucket *b = &t->buckets[bucket];

	for (unsigned place = 0; place < FLOW_BUCKET_PLACES; place++) {
		if (b->tag[place] == tag &&
		    is_key(&t->flows[b->flow[place]], key))
			return b->flow[place];
	}
	return FLOW_NONE;
}

uint32_t flow_lookup(const struct flow_table *t, const struct flow_key *key)
{
	uint64_t hash = hash_of(t, key);
	uint32_t bucket = flow_bucket_of(t, hash);
	uint16_t tag = flow_tag_of(hash);
	uint32_t found = find_in(t, bucket, tag, key);

	if (found != FLOW_NONE || !t->buckets[bucket].overflowed)
		return found;
	return find_in(t, other_bucket(t, bucket, tag), tag, key);
}

static unsigned free_place(const struct flow_bucket *b)
{
	return flow_find_tag(b->tag, 0);
}

/* Keeps the better victim of *best and @candidate. */
static void consider(const struct flow_table *t, uint32_t candidate,
		     uint32_t now, uint32_t *best)
{
	const struct flow *f = &t->flows[candidate], *b;
	uint32_t idle = now - f->active;

	if (!(f->state & FLOW_USED))
		return;
	if (f->state & FLOW_PROVEN && idle < t->replace_idle)
		return;
	if (*best == FLOW_NONE) {
		*best = candidate;
		return;
	}
	b = &t->flows[*best];
	if ((f->state & FLOW_PROVEN) != (b->state & FLOW_PROVEN)) {
		if (b->state & FLOW_PROVEN)
			*best = candidate;
	} else if (idle > now - b->active) {
		*best = candidate;
	}
}

static uint32_t victim_in_buckets(const struct flow_table *t, uint32_t first,
				  uint32_t second, uint32_t now)
{
	uint32_t best = FLOW_NONE;

	for (unsigned place = 0; place < FLOW_BUCKET_PLACES; place++) {
		consider(t, t->buckets[first].flow[place], now, &best);
		consider(t, t->buckets[second].flow[place], now, &best);
	}
	return best;
}

static uint32_t victim_anywhere(struct flow_table *t, uint32_t now)
{
	uint32_t best = FLOW_NONE;

	for (unsigned n = 0; n < CANDIDATES; n++) {
		consider(t, t->hand, now, &best);
		t->hand = t->hand + 1 == t->capacity ? 0 : t->hand + 1;
	}
	return best;
}

/*
 * Moves one flow of a full bucket to its other bucket. At a load of one half
 * that fails about once in 10^20.
 */
static bool move_one(struct flow_table *t, uint32_t bucket)
{
	struct flow_bucket *from = &t->buckets[bucket];

	for (unsigned place = 0; place < FLOW_BUCKET_PLACES; place++) {
		uint16_t tag = from->tag[place];
		uint32_t other = other_bucket(t, bucket, tag);
		struct flow_bucket *to = &t->buckets[other];
		unsigned free = free_place(to);
		struct flow_key key;

		if (free == FLOW_BUCKET_PLACES)
			continue;
		flow_key_in(&t->flows[from->flow[place]], &key);
		if (flow_bucket_of(t, hash_of(t, &key)) == bucket)
			from->overflowed++;
		else
			to->overflowed--;
		to->tag[free] = tag;
		to->flow[free] = from->flow[place];
		from->tag[place] = 0;
		return true;
	}
	return false;
}

static bool has_place(struct flow_table *t, uint32_t first, uint32_t second)
{
	return free_place(&t->buckets[first]) != FLOW_BUCKET_PLACES ||
	       free_place(&t->buckets[second]) != FLOW_BUCKET_PLACES ||
	       move_one(t, first) || move_one(t, second);
}

/* Sees to it that one of the two buckets and one context are free. */
static bool make_place(struct flow_table *t, uint32_t first, uint32_t second,
		       uint32_t now, void (*evict)(void *, uint32_t), void *ctx)
{
	uint32_t victim;

	if (!has_place(t, first, second))
		victim = victim_in_buckets(t, first, second, now);
	else if (t->n_free == 0)
		victim = victim_anywhere(t, now);
	else
		return true;
	if (victim == FLOW_NONE)
		return false;
	evict(ctx, victim);
	flow_remove(t, victim);
	return true;
}

static void set_key(struct flow *f, const struct flow_key *key)
{
	f->state = (uint16_t)(FLOW_USED | (key->v6 ? FLOW_V6 : 0) |
			      key->n_tags << FLOW_TAGS_SHIFT);
	memcpy(f->expect + (key->v6 ? 8 : 12), key->tuple,
	       tuple_bytes(key->v6));
	store_be16(f->tags + 2, key->vid[0]);
	store_be16(f->tags + 6, key->vid[1]);
}

uint32_t flow_create(struct flow_table *t, const struct flow_key *key,
		     uint32_t now, void (*evict)(void *ctx, uint32_t flow),
		     void *ctx)
{
	uint64_t hash = hash_of(t, key);
	uint16_t tag = flow_tag_of(hash);
	uint32_t first = flow_bucket_of(t, hash);
	uint32_t second = other_bucket(t, first, tag), home = first;
	unsigned place;
	struct flow *f;

	if (!make_place(t, first, second, now, evict, ctx))
		return FLOW_NONE;
	place = free_place(&t->buckets[first]);
	if (place == FLOW_BUCKET_PLACES) {
		home = second;
		place = free_place(&t->buckets[second]);
		t->buckets[first].overflowed++;
	}
	t->buckets[home].tag[place] = tag;
	t->buckets[home].flow[place] = t->free[--t->n_free];

	f = &t->flows[t->buckets[home].flow[place]];
	memset(f, 0, sizeof(*f));
	set_key(f, key);
	f->active = now;
	return t->buckets[home].flow[place];
}

static bool clear_place(struct flow_bucket *b, uint16_t tag, uint32_t flow)
{
	for (unsigned place = 0; place < FLOW_BUCKET_PLACES; place++) {
		if (b->tag[place] == tag && b->flow[place] == flow) {
			b->tag[place] = 0;
			return true;
		}
	}
	return false;
}

void flow_remove(struct flow_table *t, uint32_t flow)
{
	struct flow_key key;
	uint64_t hash;
	uint32_t first;
	uint16_t tag;

	flow_key_in(&t->flows[flow], &key);
	hash = hash_of(t, &key);
	first = flow_bucket_of(t, hash);
	tag = flow_tag_of(hash);
	if (!clear_place(&t->buckets[first], tag, flow) &&
	    clear_place(&t->buckets[other_bucket(t, first, tag)], tag, flow))
		t->buckets[first].overflowed--;
	t->flows[flow].state = 0;
	t->free[t->n_free++] = flow;
}
