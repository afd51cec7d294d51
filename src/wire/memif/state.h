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
	bool is_shared;		/* no other connection after this one           */
	int doorbell_file;	/* for all processes; -1                        */
	struct memif_counters counters;
	char why[WHY_BYTES];
};

/* The part of this process. */
struct memif_wire {
	struct wire wire;
	struct memif *memif;
	struct doorbell doorbell;
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

/** memif_remove_socket() - The server's, in the file system */
void memif_remove_socket(const struct memif *m);

#endif
