/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * element.h - One buffer of a work request, and the queue that may name it
 *
 * A buffer is named in one of three ways: a bus address, a virtual address with
 * the PDBR of its page table, or an offset in a registered region. Which domains
 * that may lead to is a property of the queue, which the owner of the device
 * sets; whatever the program writes is only compared with it (SPEC TX-2, RQ-6).
 */
#ifndef NIC_MEMORY_ELEMENT_H
#define NIC_MEMORY_ELEMENT_H

#include "nic/memory/memory.h"

#define DMA_QUEUE_DOMAINS 4

struct dma_queue {
	uint16_t domains[DMA_QUEUE_DOMAINS];	/* ids; bus addresses belong to
						 * the first                    */
	uint8_t n_domains;	/* 1 .. DMA_QUEUE_DOMAINS                       */
};

enum element_kind {
	ELEMENT_BUS,
	ELEMENT_VIRTUAL,
	ELEMENT_REGION,
};

struct element {
	uint64_t address;	/* of the bus, virtual, or an offset            */
	uint64_t base;		/* nothing, PDBR, or STag                       */
	uint32_t bytes;
	uint8_t kind;		/* enum element_kind                            */
};

/**
 * element_translate() - Check an element and say where it lies
 * @m:		Memory
 * @q:		The queue that it came from
 * @e:		Hostile, but for its kind
 * @write:	It is going to be written
 * @spans:	Extended; as it was on a fault
 * @error:	On a fault: address, fault and write are set
 *
 * Return: DMA_FAULT_NONE or what is in @error.
 */
enum dma_fault element_translate(struct memory *m, const struct dma_queue *q,
				 const struct element *e, bool write,
				 struct spans *spans, struct dma_error *error);

#endif
