/* SPDX-License-Identifier: BSD-2-Clause */
/* memif.h - What a memif wire tells of itself, beyond what all wires do */
#ifndef WIRE_MEMIF_MEMIF_H
#define WIRE_MEMIF_MEMIF_H

#include "wire/wire.h"

struct memif_counters {
	bool is_up;
	uint64_t connected;	/* times                                        */
	uint64_t ended;		/* connections, those that never came up, too   */
	uint64_t doorbells;	/* rung to wake the peer                        */
	const char *peer;	/* what it calls itself, or ""                  */
	const char *why;	/* the last connection ended, or "" while up    */
};

/**
 * memif_counters() - How the connection is
 * @w:		A wire of this kind
 *
 * Return: valid until the next call with @w.
 */
const struct memif_counters *memif_counters(const struct wire *w);

#endif
