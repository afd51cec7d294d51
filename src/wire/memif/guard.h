/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.h - Outlive the end of shared memory that somebody else may take away
 *
 * DOC: Theory of operation
 * Reading where a mapped file has no page any more raises SIGBUS. The handler
 * looks whether the address lies in memory that is guarded, puts a page of zeros
 * there, notes that it was hit, and lets the access happen again. What reads goes
 * on with zeros; whoever owns the memory asks guard_was_hit() and gives it up.
 * Any other SIGBUS goes to the handler that was there before.
 *
 * The handler is installed with the first memory that is guarded, and stays.
 *
 * Limits: GUARDS_MAX ranges in a process. A program that installs a handler of
 * its own for SIGBUS later has to call ours, or takes the protection away.
 */
#ifndef WIRE_MEMIF_GUARD_H
#define WIRE_MEMIF_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define GUARDS_MAX 64

/** guard_add() - Guard @bytes from @base on; Return: 0; -ENOSPC; -errno */
MUST_CHECK int guard_add(void *base, size_t bytes);

/** guard_was_hit() - Whether pages of it had to be replaced */
bool guard_was_hit(const void *base);

/** guard_remove() - Before it is unmapped */
void guard_remove(const void *base);

#endif
