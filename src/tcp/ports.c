// SPDX-License-Identifier: BSD-2-Clause
/* ports.c - Ephemeral ports that cannot be guessed and are found at once */
#include "tcp/ports.h"

#include <errno.h>

#include "base/compiler.h"
#include "base/siphash.h"

#define PORTS 65536
#define NOWHERE UINT32_MAX
#define STRIDE 2654435761U	/* a prime above any range                      */

struct group {
	uint32_t counter;
	uint64_t any[PORTS / 64 / 64];	/* which words of free[] are not 0      */
	uint64_t free[PORTS / 64];	/* ports of the range, by nobody used   */
	uint16_t users[PORTS];
} CACHE_ALIGNED;

struct ports {
	uint8_t key[16];
	uint32_t n_groups;
	uint16_t first, last;
	struct group groups[];
} CACHE_ALIGNED;

size_t ports_bytes(uint32_t n_groups)
{
	return sizeof(struct ports) + n_groups * sizeof(struct group);
}

static bool in_range(const struct ports *p, uint32_t port)
{
	return port >= p->first && port <= p->last;
}

static void set_free(struct group *g, uint32_t port)
{
	g->free[port / 64] |= 1ULL << port % 64;
	g->any[port / 64 / 64] |= 1ULL << port / 64 % 64;
}

static void set_used(struct group *g, uint32_t port)
{
	g->free[port / 64] &= ~(1ULL << port % 64);
	if (!g->free[port / 64])
		g->any[port / 64 / 64] &= ~(1ULL << port / 64 % 64);
}

struct ports *ports_init(void *memory, uint32_t n_groups, uint16_t first,
			 uint16_t last, const uint8_t key[16])
{
	struct ports *p = memory;

	memset(p, 0, ports_bytes(n_groups));
	memcpy(p->key, key, sizeof(p->key));
	p->n_groups = n_groups;
	p->first = first;
	p->last = last;
	for (uint32_t group = 0; group < n_groups; group++)
		for (uint32_t port = first; port <= last; port++)
			set_free(&p->groups[group], port);
	return p;
}

/* RFC 6056 §3.3.4: F in the lower half, G in the upper. */
static uint64_t hash_remote(const struct ports *p, const struct tcp_tuple *tuple)
{
	struct tcp_tuple remote = *tuple;

	remote.local_port = 0;
	return tcp_tuple_siphash(&remote, p->key);
}

static struct group *group_of(struct ports *p, uint64_t hash)
{
	return &p->groups[(hash >> 32) & (p->n_groups - 1)];
}

/* First bit of @words from @bit on, of @n_words; NOWHERE if there is none. */
static uint32_t next_bit(const uint64_t *words, uint32_t n_words, uint32_t bit)
{
	uint32_t word = bit / 64;
	uint64_t here;

	if (word >= n_words)
		return NOWHERE;
	for (here = words[word] & ~0ULL << bit % 64; !here; here = words[word])
		if (++word == n_words)
			return NOWHERE;
	return word * 64 + (uint32_t)__builtin_ctzll(here);
}

static uint32_t next_free(const struct group *g, uint32_t port)
{
	uint64_t here = g->free[port / 64] & ~0ULL << port % 64;
	uint32_t word;

	if (here)
		return port / 64 * 64 + (uint32_t)__builtin_ctzll(here);
	word = next_bit(g->any, ARRAY_SIZE(g->any), port / 64 + 1);
	if (word == NOWHERE)
		return NOWHERE;
	return word * 64 + (uint32_t)__builtin_ctzll(g->free[word]);
}

/* A listener's port would be somebody's own: who connects to it from there meets himself. */
static bool is_new(const struct lookup *l, struct tcp_tuple *tuple, uint32_t port)
{
	tuple->local_port = (uint16_t)port;
	return lookup_entry(l, tuple) == LOOKUP_NONE &&
	       lookup_find_listener(l, tuple) == LOOKUP_NONE;
}

int ports_choose(struct ports *p, const struct lookup *l,
		 struct tcp_tuple *tuple)
{
	uint64_t hash = hash_remote(p, tuple);
	struct group *g = group_of(p, hash);
	uint32_t range = p->last - p->first + 1U, port;
	uint32_t start = ((uint32_t)hash + g->counter++) % range;

	port = next_free(g, p->first + start);
	if (port == NOWHERE)
		port = next_free(g, p->first);
	if (port != NOWHERE && is_new(l, tuple, port))
		return 0;
	/* Neighbours are likely to be in use by the same remote. */
	for (uint64_t n = 0; n < range; n++)
		if (is_new(l, tuple, p->first +
			   (uint32_t)((start + n * STRIDE) % range)))
			return 0;
	return -EADDRNOTAVAIL;
}

void ports_use(struct ports *p, const struct tcp_tuple *tuple)
{
	struct group *g = group_of(p, hash_remote(p, tuple));

	if (g->users[tuple->local_port] < UINT16_MAX)
		g->users[tuple->local_port]++;
	if (in_range(p, tuple->local_port))
		set_used(g, tuple->local_port);
}

void ports_release(struct ports *p, const struct tcp_tuple *tuple)
{
	struct group *g = group_of(p, hash_remote(p, tuple));

	/* Who was counted no more stays for good: it is only a hint. */
	if (!g->users[tuple->local_port] ||
	    g->users[tuple->local_port] == UINT16_MAX)
		return;
	if (--g->users[tuple->local_port] == 0 && in_range(p, tuple->local_port))
		set_free(g, tuple->local_port);
}
