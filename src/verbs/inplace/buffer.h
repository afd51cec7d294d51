/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffer.h - Memory of the program's own, sent from where it is
 *
 * DOC: Theory of operation
 * What joins the registration cache and inplace.h. A buffer that is sent is copied, and
 * counted (candidate.h), until that has cost as much as to bring its pages in. Then it
 * *enters*: a memory object is allocated, the buffer's whole pages become the object's,
 * and sends name the object. The object is an allocation like any other, with an address
 * of its own that nobody uses; so it is registered once, held by the sends that are on
 * their way, and its registration goes when it was not used for long.
 *
 *      program's address    | page | page | page |        what the program sees
 *                               \      |      /
 *      object               | page | page | page |        what the device is given
 *                               /      |      \
 *      object's own address | page | page | page |        what is registered
 *
 * The pages can leave at any time, from any thread (free(), fork() ...), and nobody
 * waits for the device then: the program gets copies, and the object keeps what is being
 * sent until that has been sent. Only then the object may be used for another buffer, or
 * be freed; that is done here, by the thread that has the handle.
 *
 * What is in front of the first whole page and behind the last one is copied: the rest of
 * these pages is not the device's business.
 *
 * Threads: the handle's; inplace.h tells from others.
 * Source: SPEC AG-5, LIB-3, TX-9; ARCHITECTURE D3, D4.
 */
#ifndef VERBS_INPLACE_BUFFER_H
#define VERBS_INPLACE_BUFFER_H

#include "verbs/device.h"

struct buffer;

/* A piece of payload that lies in a buffer: copied, in place, copied. */
struct buffer_piece {
	struct buffer *buffer;
	uint32_t head_bytes, bytes, tail_bytes;
};

/**
 * buffer_find() - Whether to send memory of the program's own in place
 * @e:		Of no region, in no memory of the device, not empty
 * @insist:	Bring it in at once if it is not in place
 * @piece:	Set if so; bytes is not 0
 *
 * Counts what is going to be copied, and brings the pages in when that pays.
 *
 * Return: whether it is in place now.
 */
bool buffer_find(struct tto_device *device, const struct tto_element *e, bool insist,
		 struct buffer_piece *piece);

/**
 * buffer_place() - Hold a piece's pages for the device, and name them
 * @address:	Of the piece
 * @lend:	What the program writes there from now on is its own
 * @range:	Set to what is held; registration_put() it
 *
 * Return: 0; -errno of mmap(2), of the device's owner.
 */
MUST_CHECK int buffer_place(struct tto_device *device, const struct buffer_piece *piece,
			    const void *address, bool lend, struct place *place,
			    struct registered_range **range);

/** buffer_read_stats() - Sets what of @stats is about buffers */
void buffer_read_stats(const struct tto_device *device, struct tto_device_stats *stats);

/** buffer_close_all() - All leave; before memory_forget() */
void buffer_close_all(struct tto_device *device);

#endif
