/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - Put what has arrived into the buffers of whom it is for
 *
 * DOC: Theory of operation
 * An aggregate is a run of bytes. Buffers are taken for it one after the other,
 * each is filled and handed back with a completion, and with the last byte the last
 * buffer is: nothing waits in a buffer for more to come. So how many completions
 * there are depends on buffers and aggregates, and how the bytes were cut by the
 * sender does not matter (SPEC RQ-5).
 *
 *   in order, and nothing but what a completion can say:  RQ, then GRQ
 *   out of order; or options to be looked at:             GRQ, headers in front
 *
 * A buffer is checked and translated right before it is written (SPEC RQ-6). One
 * that may not be written is handed back with the reason, and the next is tried, a
 * few times. What finds no buffer, or no room for its completion, is dropped and
 * counted, from there on: what was placed before is as if the rest had been lost on
 * the way.
 *
 * Revoked requests are marked where they lie, in the ring. Whoever takes the mark
 * away can only be the program that asked for it.
 * Source: SPEC RQ-1..RQ-7; patent US 7,596,628 (RQ, GRQ).
 */
#ifndef NIC_CLIENT_PLACE_H
#define NIC_CLIENT_PLACE_H

#include "nic/client/steer.h"

/** place_segment() - A verified segment or aggregate, for a flow or a listen */
void place_segment(struct device *d, struct client_flow *f,
		   const struct arrival *a);

/** place_frame() - A whole frame, for the owner of an address, or an error for a flow */
void place_frame(struct device *d, struct client_flow *f,
		 const struct tto_packet *packet);

/** place_drop() - Count what is lost for @f */
void place_drop(struct client_flow *f, enum device_drop why);

/**
 * place_revoke() - Mark posted requests, see device_revoke()
 *
 * Cost: O(posted). Return: how many were marked.
 */
uint32_t place_revoke(struct device *d, struct client_queue *q, uint64_t wr_id);

/** place_tell_low() - Complete COMPLETION_LOW if it is time */
void place_tell_low(struct device *d, struct client_queue *grq);

#endif
