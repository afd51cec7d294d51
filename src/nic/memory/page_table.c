// SPDX-License-Identifier: BSD-2-Clause
/* page_table.c - The two formats of page tables, as processors document them */
#include "nic/memory/page_table.h"

/* x86-64: bits 51:48 of an address are 0 here, bits 62:52 are for software.  */
#define NO_ADDRESS_X86_64 0x000f000000000000ull

const struct page_layout page_layouts[PAGE_N_FORMATS] = {
	[PAGE_FORMAT_IA32] = {
		.name = "ia32", .levels = 2, .index_bits = 10,
		.entry_bytes = 4, .address_bits = 32, .bus_bits = 32,
		.level = {
			{ "PT", PAGE_SHIFT_4K, false, 0, 0 },
			{ "PD", PAGE_SHIFT_4M, true, 0, 1u << 21 },
		},
	},
	[PAGE_FORMAT_X86_64] = {
		.name = "x86-64", .levels = 4, .index_bits = 9,
		.entry_bytes = 8, .address_bits = 48, .bus_bits = 48,
		.level = {
			{ "PT", PAGE_SHIFT_4K, false, NO_ADDRESS_X86_64, 0 },
			{ "PD", PAGE_SHIFT_2M, true, NO_ADDRESS_X86_64,
			  0x00000000001fe000 },
			{ "PDPT", PAGE_SHIFT_1G, true, NO_ADDRESS_X86_64,
			  0x000000003fffe000 },
			{ "PML4", 39, false,
			  NO_ADDRESS_X86_64 | PTE_LARGE, 0 },
		},
	},
};

uint64_t page_entry_large(const struct page_layout *l, uint32_t level,
			  uint64_t entry)
{
	uint64_t size = 1ull << l->level[level].shift;

	if (l->entry_bytes == 4)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return page_entry_table(entry) & ~(size - 1);
}

uint64_t page_entry_make(const struct page_layout *l, uint32_t level,
			 uint64_t address, uint64_t flags)
{
	if (level == 0)
		return address | flags;
	flags |= PTE_LARGE;
	if (l->entry_bytes == 4)
		return (address & 0xffc00000) | (address >> 32 & 0xff) << 13 |
		       flags;
	return address | flags;
}

uint64_t page_entry_reserved(const struct page_layout *l, uint32_t level,
			     uint64_t entry)
{
	const struct page_level *at = &l->level[level];
	uint64_t reserved = at->reserved;

	if (at->may_be_large && entry & PTE_LARGE)
		reserved |= at->reserved_large;
	return entry & reserved;
}
