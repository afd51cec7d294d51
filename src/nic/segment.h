/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.h - Cut a pseudo frame into frames
 *
 * The transmit side of the device: the host hands over one header and up to
 * many frames' worth of payload, the wire gets frames. Theory of operation: see
 * segment.c; what fragments need besides: fragment.c.
 */
#ifndef NIC_SEGMENT_H
#define NIC_SEGMENT_H

#include <tto/engine.h>

#include "base/bytes.h"
#include "nic/gather.h"
#include "nic/layout.h"
#include "packet/headers.h"

#define SEGMENT_TEMPLATE_BYTES 448
/* A header may be this long; the rest is for an IPv6 fragment header. */
#define SEGMENT_HEADER_MAX \
	(SEGMENT_TEMPLATE_BYTES - sizeof(struct ipv6_fragment))
#define SEGMENT_FRAMES_MAX 65535

/* State between frames. What is written once a unit comes last. */
struct segment {
	struct gather at;	/* next byte of payload                         */
	struct gather ahead;	/* what is brought into the cache next          */
	const struct checksum_ops *ops;	/* kernels, for whatever is read        */
	uint32_t left;		/* payload bytes from @at on                    */
	uint32_t frames;	/* still to be written; 0: nothing to do        */
	uint32_t per_frame;	/* payload of each but the last                 */
	uint32_t seq;		/* TCP: of the next frame                       */
	uint32_t offset;	/* fragments: of the next one [bytes]           */
	uint16_t id;		/* IPv4 ID of the next frame                    */
	uint16_t header_len;	/* of the next frame                            */
	uint16_t flags;		/* TCP: offset, reserved bits and flags         */
	uint16_t extra;		/* fragments: header bytes that are cut too     */
	bool first_part;	/* fragments: the next is the first of several  */

	uint8_t cut;		/* enum tto_cut                                 */
	bool v6;
	bool sums_payload;	/* finish checksums: read every byte            */
	bool checksum;		/* UDP: not left at 0                           */
	bool cwr_first;		/* TCP: clear CWR behind the first frame        */
	uint8_t id_step;	/* 0 or 1                                       */
	bool runs_ahead;	/* @ahead is where it is to be                  */
	uint16_t l3, l4;	/* offsets in template                          */
	uint16_t split;		/* fragments: of the IPv6 fragment header, or 0 */
	uint16_t fragment;	/* fragments: bits beside the offset            */
	uint32_t per_frame_later;	/* fragments: behind the first          */
	uint32_t ip_sum;	/* IPv4 header without what varies              */
	uint32_t transport_sum;	/* what a checksum covers besides the payload,
				 * without lengths, sequence number and flags   */
	uint8_t template[SEGMENT_TEMPLATE_BYTES];
};

/* As tto_segmenter_begin() and tto_segmenter_next(). */
MUST_CHECK int segment_begin(struct segment *s, const struct tto_unit *unit);
int segment_next(struct segment *s, struct tto_slot *slots, size_t n);

/**
 * segment_move_payload() - Go on with the payload at another place
 * @s:		After segment_begin()
 * @iov:	The same payload, all of it, from where it begins
 * @n:		Elements
 *
 * Return: 0, or -EFAULT when @iov is shorter than what has been written.
 */
MUST_CHECK int segment_move_payload(struct segment *s, const struct iovec *iov,
				    uint32_t n);

/**
 * segment_skip() - Go on as if the next frames had been written
 * @s:		After segment_begin(), TCP or UDP
 * @n:		At most what is left
 *
 * Return: 0, or -EFAULT when the payload has become shorter.
 */
MUST_CHECK int segment_skip(struct segment *s, uint32_t n);

/* Any number of sums, folded and complemented: a checksum field's value. */
static ALWAYS_INLINE uint16_t segment_checksum(uint64_t sums)
{
	return (uint16_t)~checksum_fold(
		checksum_add((uint32_t)sums, (uint32_t)(sums >> 32)));
}

/**
 * segment_pseudo_sum() - Addresses and protocol of the pseudo header
 *
 * Without the length: add BIG16() of it.
 * Source: RFC 9293 §3.1; RFC 8200 §8.1.
 */
uint32_t segment_pseudo_sum(const struct segment *s,
			    const struct segment_layout *l);

/* Whether IP with @bytes from the IP header on can say its length. */
static ALWAYS_INLINE bool segment_fits_ip(bool v6, uint64_t bytes)
{
	return bytes <= IP_MAX_BYTES + (v6 ? sizeof(struct ipv6_header) : 0);
}

#endif
