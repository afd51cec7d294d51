/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pair.h - Two wires in memory: what one end sends the other receives
 *
 * DOC: Theory of operation
 * Each direction is a ring of descriptors and a ring of bytes, allocated once.
 * A frame is copied into the bytes when it is sent, in one piece, and received
 * where it lies; its place is free again at the next receive, as wire.h has it.
 * Nothing is lost: when either ring is full, send takes no more.
 *
 * What the kernel would know of a frame (struct wire_offload) and the time that
 * the sender gave it go with it, so that a simulator can run on virtual time.
 *
 * When one end is closed the other still receives what is there, then -ENODATA;
 * sending gives -EPIPE.
 *
 * Limits: one thread has both ends. Comments are not carried.
 */
#ifndef WIRE_PAIR_H
#define WIRE_PAIR_H

#include "wire/wire.h"

/* All 0 stands for the defaults. */
struct pair_options {
	uint32_t n_frames;	/* on the way at once, each direction, 1..65536,
				 * rounded up to a power of two; default 256    */
	uint32_t n_bytes;	/* the same in bytes, to 1 GiB; a frame takes a
				 * multiple of 64; default 1 MiB                */
	uint32_t max_frame;	/* default 1514                                 */
	uint16_t linktype;	/* default 1, Ethernet                          */
	bool offload;		/* carries struct wire_offload: checksums may be
				 * unfinished and TCP and UDP units uncut       */
	bool live;		/* what caps.live says                          */
};

#define PAIR_UNIT_MAX (65535u + 64)	/* bytes of an uncut unit               */

/**
 * pair_create() - Make both ends
 * @a:		Set on success; close with wire_close(), each on its own
 * @b:		The same
 * @options:	NULL: the defaults
 *
 * A frame that is too long is taken and counted as tx_dropped; so is, without
 * @options->offload, one that is not finished.
 *
 * Return: 0; -EINVAL: an option out of range, or n_bytes without room for the
 * longest frame; -ENOMEM.
 */
MUST_CHECK int pair_create(struct wire **a, struct wire **b,
			   const struct pair_options *options);

#endif
