/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup.h - From a tuple to a number
 *
 * DOC: Theory of operation
 * Open addressing with linear probing: a slot has the hash and the index of an
 * entry, which has tuple and value. Slots are at most two thirds full, a cache line
 * has eight of them, so a search is two cache misses: slot and entry. To remove
 * moves later slots back, so there are no tombstones, and no slowing down.
 *
 * The hash is multilinear with random keys, then mixed: who does not know the key
 * cannot choose tuples that collide.
 *
 * Listeners are in the same table, with nothing on the remote side, and nothing as
 * the local address if that does not matter.
 *
 * All is in one piece of memory of the caller, without pointers.
 * Source: Lemire and Kaser, "Strongly universal string hashing is fast".
 */
#ifndef PACKET_LOOKUP_H
#define PACKET_LOOKUP_H

#include <stddef.h>

#include "packet/tuple.h"

#define LOOKUP_NONE UINT32_MAX
#define LOOKUP_CAPACITY_MAX (1U << 28)

struct lookup;

/**
 * lookup_bytes() - Memory for @capacity entries, 1..LOOKUP_CAPACITY_MAX
 *
 * 60 to 72 bytes for each.
 */
size_t lookup_bytes(uint32_t capacity);

/**
 * lookup_init() - An empty table
 * @memory:	lookup_bytes(@capacity), aligned to 64
 * @key:	16 bytes that nobody can guess
 *
 * Return: @memory.
 */
struct lookup *lookup_init(void *memory, uint32_t capacity,
			   const uint8_t key[16]);

/** lookup_hash() - Hash of @tuple, upper half to be used; also for ports.c */
uint64_t lookup_hash(const struct lookup *l, const struct tcp_tuple *tuple);

/**
 * lookup_prefetch() - @tuple is going to be looked up
 *
 * For who has several segments at once: the cache misses then come together.
 */
void lookup_prefetch(const struct lookup *l, const struct tcp_tuple *tuple);

/** lookup_find() - Value of @tuple, or LOOKUP_NONE */
uint32_t lookup_find(const struct lookup *l, const struct tcp_tuple *tuple);

/**
 * lookup_find_listener() - Who listens for the local side of @tuple
 *
 * First at its very address, then at any address of its family.
 *
 * Source: RFC 9293 §3.9.1.1: an address, or none.
 *
 * Return: value, or LOOKUP_NONE.
 */
uint32_t lookup_find_listener(const struct lookup *l,
			      const struct tcp_tuple *tuple);

/**
 * lookup_insert() - Add @tuple
 * @value:	Anything but LOOKUP_NONE
 *
 * Return: 0; -EEXIST if it is there; -ENOSPC.
 */
int lookup_insert(struct lookup *l, const struct tcp_tuple *tuple,
		  uint32_t value);

/** lookup_set() - Another @value for @tuple. Return: false if it is not there */
bool lookup_set(struct lookup *l, const struct tcp_tuple *tuple, uint32_t value);

/** lookup_remove() - Forget @tuple. Return: its value, LOOKUP_NONE if none */
uint32_t lookup_remove(struct lookup *l, const struct tcp_tuple *tuple);

/** lookup_entry() - Where @tuple is kept until it is removed, or LOOKUP_NONE */
uint32_t lookup_entry(const struct lookup *l, const struct tcp_tuple *tuple);

/** lookup_value() - The value of an @entry */
uint32_t lookup_value(const struct lookup *l, uint32_t entry);

/** lookup_change() - Another @value for an @entry */
void lookup_change(struct lookup *l, uint32_t entry, uint32_t value);

/** lookup_tuple() - The tuple of an @entry, valid until that is removed */
const struct tcp_tuple *lookup_tuple(const struct lookup *l, uint32_t entry);

/** lookup_count() - How many there are */
uint32_t lookup_count(const struct lookup *l);

#endif
