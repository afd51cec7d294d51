/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch.h - From descriptors to frames: payload out of a program's memory
 *
 *   descriptors -> element_translate() -> spans -> segment -> frames
 *
 * A pseudo frame is translated whole before its first byte is read, so one that
 * must be refused has sent nothing. Then headers are copied once, and each frame's
 * payload is copied and summed in one pass from where the program left it; there
 * is no other copy (SPEC TX-10).
 *
 * A fetch may stop between two frames, when there is no room. If translations
 * were forgotten meanwhile, it translates again before it goes on; when its pages
 * are gone, it ends with an error after the frames that have left.
 * Headers, and a short payload, may instead come inline: a copy that the device
 * has already is the first part of the pseudo frame, and the descriptors name the
 * rest. What the wire can do itself is left to it.
 * Source: SPEC TX-2, TX-3, TX-10, LIB-3; ARCHITECTURE D5; patent US 9,319,491,
 * FIG. 5.
 */
#ifndef NIC_FETCH_H
#define NIC_FETCH_H

#include "nic/memory/element.h"
#include "nic/segment.h"
#include "queue/descriptor.h"
#include "wire/wire.h"

#define FETCH_ELEMENTS 64	/* descriptors of a pseudo frame                */
#define FETCH_SPANS 320		/* 1 MiB in 4 KiB pages, and then some          */

/* How a pseudo frame is cut, when its descriptors do not say it. */
struct fetch_cut {
	uint16_t command;	/* enum descriptor_command; how an address is
				 * meant and DESCRIPTOR_END are not looked at   */
	uint16_t mss;
	uint32_t fragment_id;
};

/* What is to be fetched; all of it is the caller's. */
struct fetch_request {
	const struct descriptor *descriptors;	/* hostile, may change meanwhile;
				 * those up to the first with DESCRIPTOR_END are
				 * taken, copied once                           */
	uint32_t n;		/* of them; 0 only with inline bytes            */
	uint32_t inline_bytes;
	const uint8_t *inline_at;	/* in front of what the descriptors name;
				 * the device's own, until the last
				 * fetch_next()                                 */
	const struct fetch_cut *cut;	/* NULL: as the first descriptor says   */
	const struct wire_caps *caps;	/* of the wire that it is for; NULL: the
				 * wire can do nothing                          */
	uint8_t link;		/* enum tto_link: what the frames begin with    */
};

struct fetch {
	struct memory *memory;
	struct dma_queue queue;
	const uint8_t *inline_at;
	uint32_t inline_bytes;
	uint32_t epoch;		/* of the translations in @span                 */
	uint32_t n_elements;
	uint32_t n_spans;
	uint32_t skip;		/* bytes of the pseudo frame in front of the
				 * payload                                      */
	uint32_t bytes;		/* of payload                                   */
	uint16_t gso_size;	/* not 0: one frame, which the wire cuts        */
	bool partial;		/* the wire finishes checksums                  */
	struct dma_error error;	/* after -EFAULT                                */
	struct segment segment;
	struct element element[FETCH_ELEMENTS];
	struct iovec span[FETCH_SPANS + 1];	/* inline bytes first, if any   */
};

/**
 * fetch_begin() - Take a pseudo frame from a queue
 * @f:		Overwritten; nothing to release afterwards
 * @m:		Memory; until the last fetch_next()
 * @q:		Copied
 * @r:		Copied, but for what it points to
 *
 * A TCP unit becomes one frame with f->gso_size set when the wire can cut it. What
 * it was made of is in f->segment then, its headers in f->segment.template.
 *
 * Return: frames (1 or more); -EFAULT with f->error set; -EINVAL, -EMSGSIZE,
 * -EPERM for headers and lengths as tto_segmenter_begin().
 */
MUST_CHECK int fetch_begin(struct fetch *f, struct memory *m,
			   const struct dma_queue *q,
			   const struct fetch_request *r);

/**
 * fetch_begin_whole() - Take a frame from a queue that is not looked into
 * @f:		Overwritten; nothing to release afterwards
 * @m:		Memory
 * @q:		Copied
 * @r:		Only where its bytes are is looked at
 *
 * The frame is what f->span, f->n_spans elements, names until the next
 * memory_poll(); f->bytes is its length.
 *
 * Return: 0; -EFAULT with f->error set; -EMSGSIZE for 4 GiB or more.
 */
MUST_CHECK int fetch_begin_whole(struct fetch *f, struct memory *m,
				 const struct dma_queue *q,
				 const struct fetch_request *r);

/**
 * fetch_taken() - Descriptors that the last fetch_begin() took
 * @f:		Also after an error of fetch_begin()
 *
 * After DMA_FAULT_COMMAND for want of an end: all that were there.
 */
static inline uint32_t fetch_taken(const struct fetch *f)
{
	return f->n_elements;
}

/**
 * fetch_next() - Write the next frames
 * @f:		After fetch_begin()
 * @slots:	@n places for frames; gather lists name the program's memory and
 *		are good until the next memory_poll()
 * @n:		Any number
 *
 * Return: slots filled, 0 after the last frame, -ENOBUFS as tto_segmenter_next();
 * -EFAULT with f->error set when translations were forgotten and the pseudo frame,
 * all of it, cannot be translated again.
 */
MUST_CHECK int fetch_next(struct fetch *f, struct tto_slot *slots, size_t n);

#endif
