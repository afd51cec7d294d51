/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.h - Memory that is shared with a peer
 *
 * DOC: Theory of operation
 * A peer that made a file smaller after we mapped it would end us with SIGBUS. So
 * what a peer offers has to be sealed against that (F_SEAL_SHRINK). If it is not,
 * we seal it, which every holder of a memfd may that was made to be sealed; and
 * only then its size is asked for. What can be sealed is memory: no file system
 * of the peer's own is behind it, which could keep us waiting in a page fault.
 *
 * What cannot be sealed (memory of hugetlbfs, as for peers that share all their
 * packet buffers) is refused, unless it is asked for in the specification of the
 * wire; then the region is watched by guard.h, as are huge pages, of which the
 * kernel may run out.
 *
 * What we offer ourselves is sealed against any change of size.
 */
#ifndef WIRE_MEMIF_REGION_H
#define WIRE_MEMIF_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* All regions of a peer. What it writes there is charged to whoever is first. */
#define REGION_BYTES_MAX (1ull << 30)

struct region {
	uint8_t *base;		/* NULL: there is none                          */
	size_t bytes;
	int fd;			/* of ours, to be sent; of any that other
				 * processes are to map; -1 otherwise           */
	bool guarded;
};

/** memif_region_make() - Memory of @bytes, zeros, to be shared; Return: 0 or -errno */
MUST_CHECK int memif_region_make(struct region *r, size_t bytes);

/**
 * memif_region_accept() - Map what a peer offers
 * @r:		Set on success
 * @fd:		Of a file in memory; the caller's still
 * @bytes:	As the peer says
 * @unsealed:	Take what cannot be sealed
 * @why:	Set on failure, for the peer and the user
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int memif_region_accept(struct region *r, int fd, uint64_t bytes,
			     bool unsealed, const char **why);

/** memif_region_is_gone() - Whether the peer took memory away that it had offered */
bool memif_region_is_gone(const struct region *r);

/** memif_region_close() - Unmap, and close the descriptor; an empty one is allowed */
void memif_region_close(struct region *r);

/** region_holds() - Whether @bytes at @offset lie in it */
static inline bool region_holds(const struct region *r, uint64_t offset,
				uint64_t bytes)
{
	return offset <= r->bytes && bytes <= r->bytes - offset;
}

#endif
