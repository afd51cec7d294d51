/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h - What the daemon lets others see: layout of the statistics file
 *
 * DOC: Theory of operation
 * One file in shared memory, written by the daemon only, read by whoever may open it,
 * without asking and without making anybody wait. Totals are single words, which only
 * grow. Clients and flows are records of fixed size at fixed places, each with a sequence
 * number that is odd while it is being written: a reader copies the record and takes it
 * if the number was even and is still the same (stats_read()).
 *
 *   | head, totals | clients: n_clients records | flows: n_flows records |
 *
 * The file is as long as it says; a reader judges what it says all the same. It stays
 * locked (flock(2)) as long as its writer lives: who gets the lock looks at a file that
 * was left behind.
 *
 * Threads: one writer, any number of readers.
 * Source: ARCHITECTURE D8.
 */
#ifndef CONTROL_STATS_H
#define CONTROL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/message.h"

#define STATS_MAGIC 0x736f7474U		/* "ttos"                               */
#define STATS_VERSION 1
#define STATS_CAUSES 64			/* room for enum tto_cause              */
#define STATS_DROPS 16			/* and for enum device_drop             */
#define STATS_ATTEMPTS 100		/* to read a record                     */

/* X(ID, "name", "sentence") */
#define STATS_TOTALS(X) \
X(RECEIVED_FRAMES, "received-frames", "frames that the wire brought") \
X(RECEIVED_BYTES, "received-bytes", "their bytes") \
X(RECEIVED_LOST, "received-lost", "frames that were lost before they could be received") \
X(SENT_FRAMES, "sent-frames", "frames and units that the wire took") \
X(SENT_BYTES, "sent-bytes", "their bytes") \
X(SENT_LOST, "sent-lost", "frames that the other side of the wire refused") \
X(UNCLAIMED, "unclaimed", "packets that were for no client") \
X(ANSWERED, "answered", "questions of neighbours and pings that the daemon answered") \
X(REQUESTS, "requests", "what clients asked for") \
X(REFUSED, "refused", "of these, what was refused") \
X(CLIENTS, "clients", "clients that were let in") \
X(TURNED_AWAY, "turned-away", "clients that were not let in") \
X(WAKES, "wakes", "times that a sleeping client was woken") \
X(SLEEPS, "sleeps", "times that the daemon went to sleep") \
X(WALKS, "walks", "walks of the device through page tables") \
X(FAULTS, "faults", "accesses to memory that were refused")

enum stats_total {
#define X(id, name, text) STATS_##id,
	STATS_TOTALS(X)
#undef X
	STATS_N_TOTALS
};

#define STATS_TOTALS_ROOM 64

struct stats_head {
	uint32_t magic;
	uint16_t version;
	uint16_t reserved;
	uint64_t bytes;		/* of the file                                  */
	uint32_t pid;		/* of the writer                                */
	uint32_t n_clients, n_flows;
	uint32_t n_totals;
	uint64_t clients_at, flows_at;	/* where the records are                */
	uint64_t started;	/* [ns since 1970]                              */
	uint64_t updated;	/* last sweep [ns, CLOCK_MONOTONIC]             */
	char wire[64];
	uint64_t total[STATS_TOTALS_ROOM];	/* enum stats_total             */
	uint64_t drops[STATS_DROPS];	/* of all clients that there were       */
};

struct stats_client {
	uint32_t seq;		/* see stats_read()                             */
	uint32_t used;
	uint32_t pid, uid, gid;
	uint32_t objects, queues, regions, flows, ports;	/* held now     */
	uint64_t memory, registered;				/* bytes        */
	uint64_t memory_limit, registered_limit;
	uint32_t objects_limit, queues_limit, regions_limit, flows_limit;
	uint64_t requests, completions, bytes;		/* of all its queues    */
	uint64_t drops[STATS_DROPS];
};

struct stats_flow {
	uint32_t seq;
	uint32_t used;
	uint32_t id;		/* of the device                                */
	uint32_t client;	/* its record                                   */
	uint32_t operation;	/* that made it: ADD_FLOW, ADD_LISTEN, OWN_ADDRESS */
	uint32_t pid;
	struct control_tuple tuple;
	uint64_t packets, segments, acks, bytes;	/* received             */
	uint64_t placed_rq, placed_grq;			/* bytes                */
	uint64_t out_of_order, sent;
	uint64_t drops[STATS_DROPS];
	uint32_t causes[STATS_CAUSES];
};

_Static_assert(sizeof(struct stats_head) % 64 == 0, "records begin aligned");
_Static_assert(sizeof(struct stats_client) % 8 == 0, "whole words");
_Static_assert(sizeof(struct stats_flow) % 8 == 0, "whole words");
_Static_assert(STATS_N_TOTALS <= STATS_TOTALS_ROOM, "there is room");

/* A record is copied word by word: each is either old or new, never half. */
static inline void stats_copy(void *to, const void *from, size_t bytes)
{
	uint64_t *t = to;
	const uint64_t *f = from;

	for (size_t n = 0; n < bytes / sizeof(*t); n++)
		__atomic_store_n(&t[n], __atomic_load_n(&f[n], __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

/**
 * stats_write() - Replace a record
 * @to:		In the file; its first member is seq
 * @from:	The same, with any seq; changed
 * @bytes:	Of the record
 */
static inline void stats_write(void *to, void *from, size_t bytes)
{
	uint32_t *seq = to;
	uint32_t before = __atomic_load_n(seq, __ATOMIC_RELAXED);

	__atomic_store_n(seq, before + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(uint32_t *)from = before + 1;
	stats_copy(to, from, bytes);
	__atomic_store_n(seq, before + 2, __ATOMIC_RELEASE);
}

/**
 * stats_read() - Copy a record
 * @to:		Of the caller
 * @from:	In the file
 * @bytes:	Of the record
 *
 * Return: false when it changed each time that it was tried.
 */
static inline bool stats_read(void *to, const void *from, size_t bytes)
{
	const uint32_t *seq = from;

	for (int attempt = 0; attempt < STATS_ATTEMPTS; attempt++) {
		uint32_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		stats_copy(to, from, bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

#endif
