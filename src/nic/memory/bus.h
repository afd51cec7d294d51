/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bus.h - The bus: all memory that the device can address
 *
 * One reserved window of this process's address space, in which memory objects
 * are mapped and unmapped (base/window.h does that). A bus address is an offset
 * in the window, so that getting at memory is one addition. Which parts of the
 * window hold memory, and whose, is not known here: a domain's extents say so,
 * and nothing is touched that no extent names.
 *
 * Page tables lie on the bus and are read and written by others at the same
 * time, so that their entries are accessed whole and atomically.
 * Source: ARCHITECTURE D3.
 */
#ifndef NIC_MEMORY_BUS_H
#define NIC_MEMORY_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct bus {
	uint8_t *base;		/* host address of bus address 0, a multiple of
				 * 4096                                         */
	uint64_t size;		/* bytes; a bus address is less                 */
};

/* Where bus address @address, which an extent names, lies in this process. */
static ALWAYS_INLINE uint8_t *bus_at(const struct bus *bus, uint64_t address)
{
	return bus->base + address;
}

static ALWAYS_INLINE uint32_t bus_load32(const struct bus *bus,
					 uint64_t address)
{
	return __atomic_load_n((uint32_t *)(void *)bus_at(bus, address),
			       __ATOMIC_ACQUIRE);
}

static ALWAYS_INLINE uint64_t bus_load64(const struct bus *bus,
					 uint64_t address)
{
	return __atomic_load_n((uint64_t *)(void *)bus_at(bus, address),
			       __ATOMIC_ACQUIRE);
}

static ALWAYS_INLINE void bus_store32(const struct bus *bus, uint64_t address,
				      uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)bus_at(bus, address), value,
			 __ATOMIC_RELEASE);
}

static ALWAYS_INLINE void bus_store64(const struct bus *bus, uint64_t address,
				      uint64_t value)
{
	__atomic_store_n((uint64_t *)(void *)bus_at(bus, address), value,
			 __ATOMIC_RELEASE);
}

/* Puts @value where @expected is. Return: false when something else is there. */
static ALWAYS_INLINE bool bus_swap32(const struct bus *bus, uint64_t address,
				     uint32_t expected, uint32_t value)
{
	return __atomic_compare_exchange_n(
		(uint32_t *)(void *)bus_at(bus, address), &expected, value,
		false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static ALWAYS_INLINE bool bus_swap64(const struct bus *bus, uint64_t address,
				     uint64_t expected, uint64_t value)
{
	return __atomic_compare_exchange_n(
		(uint64_t *)(void *)bus_at(bus, address), &expected, value,
		false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

#endif
