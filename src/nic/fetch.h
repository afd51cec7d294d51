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
 * Source: SPEC TX-2, TX-3, TX-10; patent US 9,319,491, FIG. 5.
 */
#ifndef NIC_FETCH_H
#define NIC_FETCH_H

#include "nic/memory/element.h"
#include "nic/segment.h"
#include "queue/descriptor.h"

#define FETCH_ELEMENTS 64	/* descriptors of a pseudo frame                */
#define FETCH_SPANS 320		/* 1 MiB in 4 KiB pages, and then some          */

struct fetch {
	struct memory *memory;
	struct dma_queue queue;
	uint32_t epoch;		/* of the translations in @span                 */
	uint32_t n_elements;
	uint32_t n_spans;
	uint32_t skip;		/* bytes of the pseudo frame in front of the
				 * payload                                      */
	struct dma_error error;	/* after -EFAULT                                */
	struct segment segment;
	struct element element[FETCH_ELEMENTS];
	struct iovec span[FETCH_SPANS];
};

/**
 * fetch_begin() - Take a pseudo frame from a queue
 * @f:		Overwritten; nothing to release afterwards
 * @m:		Memory; until the last fetch_next()
 * @q:		Copied
 * @descriptors: Hostile, may change meanwhile; @n of them are there, those up to
 *		the first with DESCRIPTOR_END are taken, copied once
 * @n:		1 or more
 * @link:	What the frames begin with
 *
 * Return: frames (1 or more); -EFAULT with f->error set; -EINVAL, -EMSGSIZE,
 * -EPERM for headers and lengths as tto_segmenter_begin().
 */
MUST_CHECK int fetch_begin(struct fetch *f, struct memory *m,
			   const struct dma_queue *q,
			   const struct descriptor *descriptors, uint32_t n,
			   enum tto_link link);

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
