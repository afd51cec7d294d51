/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doorbell.h - Wake the owner of an eventfd who may be hostile
 *
 * DOC: Theory of operation
 * An eventfd that two processes share is one open file: either of them can
 * make its counter full and writes to it blocking, and a write(2) of the other
 * would then never return. The kernel itself, when it signals an eventfd for a
 * request of asynchronous I/O that is done (IOCB_FLAG_RESFD), neither waits nor
 * takes anything for an eventfd that is none. So a doorbell is rung by reading a
 * byte of a file in memory, asynchronously.
 *
 * Reading may block in the same way. Who listens has the descriptor in an epoll
 * set, edge triggered, and never reads it: each ring is an edge, whatever the
 * counter says.
 *
 * Limits: where the kernel has no asynchronous I/O or does not allow it, write(2)
 * is used, after a look at whether it would block; a peer that changes that
 * between the two can make us wait. So it is in a process that has confined itself.
 */
#ifndef WIRE_MEMIF_DOORBELL_H
#define WIRE_MEMIF_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct doorbell {
	unsigned long context;		/* of asynchronous I/O; 0: there is none */
	int file;			/* a byte to read                       */
	bool is_set_up;
	uint64_t n_rung;
};

/** doorbell_init() - Nothing is opened before the first ring */
void doorbell_init(struct doorbell *d);
/** doorbell_open() - Have the file before that */
void doorbell_open(struct doorbell *d);
void doorbell_close(struct doorbell *d);

/** doorbell_is_eventfd() - Whether @fd, of unknown origin, is an eventfd */
bool doorbell_is_eventfd(int fd);

/**
 * doorbell_ring() - Wake whoever listens to @fd; never waits
 * @fd:		An eventfd, as doorbell_is_eventfd() says
 */
void doorbell_ring(struct doorbell *d, int fd);

#endif
