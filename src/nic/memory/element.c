// SPDX-License-Identifier: BSD-2-Clause
/* element.c - One buffer of a work request, and the queue that may name it */
#include "nic/memory/element.h"

/* The domain of the queue whose page tables begin at @pdbr. */
static enum dma_fault find_pdbr(const struct memory *m,
				const struct dma_queue *q, uint64_t pdbr,
				struct memory_range *range)
{
	for (uint32_t n = 0; n < q->n_domains; n++) {
		const struct domain *d = &m->domains[q->domains[n]];

		if (d->in_use && d->pdbr == pdbr) {
			range->domain = q->domains[n];
			return DMA_FAULT_NONE;
		}
	}
	return DMA_FAULT_PDBR;
}

static enum dma_fault find_region(const struct memory *m,
				  const struct dma_queue *q,
				  const struct element *e,
				  struct memory_range *range)
{
	enum dma_fault fault = DMA_FAULT_KEY;

	for (uint32_t n = 0; n < q->n_domains; n++) {
		const struct region_access access = {
			.stag = e->base, .offset = e->address,
			.bytes = e->bytes, .domain = q->domains[n],
			.write = range->write,
		};

		fault = region_check(&m->regions, &access, &range->address);
		if (fault == DMA_FAULT_DOMAIN)
			continue;
		range->domain = q->domains[n];
		break;
	}
	return fault;
}

static enum dma_fault find_range(const struct memory *m,
				 const struct dma_queue *q,
				 const struct element *e,
				 struct memory_range *range)
{
	switch (e->kind) {
	case ELEMENT_BUS:
		range->domain = q->domains[0];
		range->is_virtual = false;
		return DMA_FAULT_NONE;
	case ELEMENT_VIRTUAL:
		return find_pdbr(m, q, e->base, range);
	default:
		return find_region(m, q, e, range);
	}
}

enum dma_fault element_translate(struct memory *m, const struct dma_queue *q,
				 const struct element *e, bool write,
				 struct spans *spans, struct dma_error *error)
{
	struct memory_range range = {
		.address = e->address, .bytes = e->bytes, .write = write,
		.is_virtual = true,
	};
	enum dma_fault fault = find_range(m, q, e, &range);
	uint64_t at = range.address;

	if (unlikely(fault)) {
		m->counters.faults[fault]++;
		at = fault == DMA_FAULT_BOUNDS ? range.address : e->address;
	} else {
		fault = memory_translate(m, &range, spans, &at);
		if (likely(!fault))
			return DMA_FAULT_NONE;
		at = e->address + (at - range.address);
	}
	error->address = at;
	error->fault = (uint8_t)fault;
	error->write = write;
	return fault;
}
