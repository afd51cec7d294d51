// SPDX-License-Identifier: BSD-2-Clause
/* dma_fault.c - Names and sentences of what refuses an access */
#include "nic/memory/dma_fault.h"

static const struct {
	const char *name, *text;
} faults[DMA_N_FAULTS] = {
#define X(id, name, text) [DMA_FAULT_##id] = { name, text },
	DMA_FAULTS(X)
#undef X
};

const char *dma_fault_name(enum dma_fault fault)
{
	return (unsigned int)fault < DMA_N_FAULTS ? faults[fault].name :
						    "unknown";
}

const char *dma_fault_text(enum dma_fault fault)
{
	return (unsigned int)fault < DMA_N_FAULTS ? faults[fault].text :
						    "an unknown fault";
}
