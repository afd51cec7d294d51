// SPDX-License-Identifier: BSD-2-Clause
/* scatter.c - Bytes from the wire into a program's memory */
#include "nic/scatter.h"

#include "nic/gather.h"

/* Where everything goes, or why not. */
static enum dma_fault translate(struct memory *m,
				const struct scatter_target *to, uint64_t left,
				struct spans *spans, struct dma_error *error)
{
	for (uint32_t n = 0; n < to->n && left > 0; n++) {
		struct element e = to->at[n];
		enum dma_fault fault;

		if (e.bytes > left)
			e.bytes = (uint32_t)left;
		left -= e.bytes;
		fault = element_translate(m, to->queue, &e, true, spans,
					  error);
		if (fault) {
			error->element = (uint16_t)n;
			return fault;
		}
	}
	if (left == 0)
		return DMA_FAULT_NONE;
	*error = (struct dma_error){ .element = (uint16_t)to->n, .write = true,
				     .fault = DMA_FAULT_BOUNDS };
	m->counters.faults[DMA_FAULT_BOUNDS]++;
	return DMA_FAULT_BOUNDS;
}

/* The source is as long as it says, so that the copy cannot fail. */
static uint32_t copy(const struct spans *spans, struct gather *from,
		     const struct checksum_ops *ops)
{
	uint64_t done = 0;
	uint32_t sum = 0;

	for (uint32_t n = 0; n < spans->n; n++) {
		uint8_t *at = spans->at[n].iov_base;
		size_t left = spans->at[n].iov_len;

		while (left > 0) {
			uint32_t part = left < (1u << 30) ? (uint32_t)left :
							    1u << 30;
			uint32_t part_sum = 0;

			if (gather_copy(from, part, at, ops, &part_sum))
				return sum;
			sum = checksum_add(sum, checksum_shift(part_sum,
							       done & 1));
			at += part;
			done += part;
			left -= part;
		}
	}
	return sum;
}

enum dma_fault scatter(struct memory *m, const struct scatter_target *to,
		       const struct scatter_source *from,
		       const struct checksum_ops *ops, uint32_t *sum,
		       struct dma_error *error)
{
	struct iovec at[SCATTER_SPANS];
	struct spans spans = { at, 0, SCATTER_SPANS };
	enum dma_fault fault = translate(m, to, from->bytes, &spans, error);
	struct gather g;
	uint32_t s;

	if (fault)
		return fault;
	gather_begin(&g, from->at, from->n);
	s = copy(&spans, &g, ops);
	if (sum)
		*sum = s;
	return DMA_FAULT_NONE;
}
