/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - What there is of a memif wire
 *
 * In two parts: struct memif, which several processes have if there is a heap
 * (base/heap.h), and what each of them has for itself.
 */
#ifndef WIRE_MEMIF_STATE_H
#define WIRE_MEMIF_STATE_H

#include <sys/types.h>

#include "wire/memif/doorbell.h"
#include "wire/memif/memif.h"
#include "wire/memif/options.h"

#define BATCH 128		/* frames a call                                */
#define ARENA_BYTES (512u << 10)
#define SESSIONS 4		/* one is up; the others have yet to say who
				 * they are                                     */

#define SHARED_REGIONS 4	/* of a connection that is shared               */
#define SHARED_FDS (1 + 2 * QUEUES_MAX + SHARED_REGIONS)
#define MEETING_NS 5000000000ull	/* from HELLO to CONNECT at most        */

struct memif {
	struct memif_options options;
	int epoll;
	int listener;		/* server                                       */
	dev_t device;		/* of its socket in the file system             */
	ino_t inode;
	struct session sessions[SESSIONS];
	ns_t due[SESSIONS];	/* to be up                                     */
	struct session *up;
	ns_t retry;		/* client: not before this                      */
	ns_t full_since;	/* 0: the peer takes frames                     */
	unsigned n_empty, n_busy;
	unsigned first_rx;	/* ring to begin with                           */
	bool armed;
	unsigned n_failed;	/* connections that did not come up, in a row   */
	bool is_shared;		/* what follows is in use                       */
	uint32_t generation;	/* connections that were made known to all      */
	int doorbell_file;	/* for all processes; -1                        */
	int box[2];		/* descriptors of the one that is up: in, out   */
	int numbers[SHARED_FDS];	/* under which all processes have them  */
	unsigned n_numbers;
	pid_t meets;		/* has the descriptors of one that is not up    */
	ns_t meets_until;	/* then it is given up, if nobody has looked    */
	ns_t look;		/* by that process, the next                    */
	struct memif_counters counters;
	char why[WHY_BYTES];
};

/* The part of this process. */
struct memif_wire {
	struct wire wire;
	struct memif *memif;
	struct doorbell doorbell;
	bool has_shared;	/* it was this process that did                 */
	uint32_t generation;	/* of the connection that it has                */
	struct region mapped[REGIONS_MAX];	/* here                         */
	unsigned n_mapped;
	bool has_met;		/* what is mapped is of one that is not up      */
	struct iovec received[BATCH];
	uint8_t *arena;
	const struct checksum_ops *sums;
};

static inline struct memif_wire *memif_self(const struct wire *w)
{
	return (struct memif_wire *)(uintptr_t)w;
}

/** memif_make() - This process's part of @m; Return: 0 or -ENOMEM */
MUST_CHECK int memif_make(struct memif_wire **out, struct memif *m);

/** memif_share() - As wire_share(), once there is a peer: waits for one a few seconds */
MUST_CHECK int memif_share(struct wire *w, char *spec, size_t size);

/**
 * memif_adopt() - Use what another process has shared
 * @spec:	What follows "shared=" in what memif_share() wrote
 *
 * Return: 0; -EPROTO: nothing of that kind; -ENOMEM: the addresses are taken; -errno.
 */
MUST_CHECK int memif_adopt(struct wire **out, const char *spec);

/* ---- share.c: of a wire that is shared -------------------------------------------- */

/** memif_catch_up() - Have the connection that others have brought up */
void memif_catch_up(struct memif_wire *w);

/**
 * memif_publish() - Have all have a connection that is up in this process
 *
 * Return: 0; -errno: it is to be ended, s->why says why.
 */
MUST_CHECK int memif_publish(struct memif_wire *w, struct session *s);

/** memif_end_shared() - As memif_session_close(), for all */
void memif_end_shared(struct memif_wire *w, struct session *s, const char *why);

/**
 * memif_may_meet() - Whether a connection may be begun, and one begun go on, here
 *
 * Another's that has not been looked at for long is given up.
 */
MUST_CHECK bool memif_may_meet(struct memif_wire *w, ns_t now);

/**
 * memif_note_met() - After that: what this process has of a connection that is not up
 * @s:		NULL: there is none
 *
 * Return: 0; -errno: it is to be ended, s->why says why.
 */
MUST_CHECK int memif_note_met(struct memif_wire *w, struct session *s, ns_t now);

/** memif_remove_socket() - The server's, in the file system */
void memif_remove_socket(const struct memif *m);

#endif
