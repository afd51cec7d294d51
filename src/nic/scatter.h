/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scatter.h - Bytes from the wire into a program's memory
 *
 * The counterpart of fetch.h: where the bytes go is checked (domain, key, bounds,
 * right) and translated for writing right before they are written, and all of it
 * before the first byte (SPEC RQ-6).
 */
#ifndef NIC_SCATTER_H
#define NIC_SCATTER_H

#include "nic/memory/element.h"
#include "packet/checksum.h"

#define SCATTER_SPANS 320	/* of one call: 1 MiB in 4 KiB pages            */

/* What is to be written: payload, in the device's memory; trusted. */
struct scatter_source {
	const struct iovec *at;
	uint32_t n;
	uint64_t bytes;		/* to be written, at most the sum of the elements */
};

/* Where it goes: the elements of a work request, filled in order; hostile. */
struct scatter_target {
	const struct dma_queue *queue;	/* that they came from                  */
	const struct element *at;
	uint32_t n;
};

/**
 * scatter() - Copy to the elements of a work request
 * @m:		Memory
 * @to:		Elements behind the last byte are not looked at
 * @from:	What to write
 * @ops:	Kernels for the copy
 * @sum:	Set on success, unless NULL: sum of the bytes (packet/checksum.h)
 * @error:	Set on a fault
 *
 * Return: DMA_FAULT_NONE; another after which nothing was written; BOUNDS at
 * address 0 of the element behind the last when @to is too short for @from.
 */
enum dma_fault scatter(struct memory *m, const struct scatter_target *to,
		       const struct scatter_source *from,
		       const struct checksum_ops *ops, uint32_t *sum,
		       struct dma_error *error);

#endif
