/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_table.h - The two formats of page tables, as processors document them
 *
 * IA-32 (two levels, 4-byte entries; 4 MiB pages by PSE, with PSE-36/40 address
 * bits), and x86-64 (four levels, 8-byte entries; 4 KiB, 2 MiB, 1 GiB). "Level" is
 * the number of levels below: level 0 is the table whose entries are 4 KiB pages.
 *
 *   x86-64 virtual address, 48 bits, sign-extended
 *   | sign | PML4 47:39 | PDPT 38:30 | PD 29:21 | PT 20:12 | offset 11:0 |
 *
 *   IA-32 virtual address, 32 bits
 *   | PD 31:22 | PT 21:12 | offset 11:0 |
 *
 *   entry bit  0      1         2     5         6      7     63 (x86-64)
 *              present writable user  accessed  dirty  large  no-execute
 *
 * Source: the Intel and AMD manuals for system programming; patent US 9,319,491,
 * FIG. 4A and 4B. SPEC TX-3.
 */
#ifndef NIC_MEMORY_PAGE_TABLE_H
#define NIC_MEMORY_PAGE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT_4K 12
#define PAGE_SHIFT_2M 21
#define PAGE_SHIFT_4M 22
#define PAGE_SHIFT_1G 30
#define PAGE_TABLE_BYTES 4096u	/* of every table of both formats               */

#define PTE_PRESENT 0x001u
#define PTE_WRITABLE 0x002u
#define PTE_USER 0x004u
#define PTE_WRITE_THROUGH 0x008u	/* this and the next: ignored           */
#define PTE_CACHE_DISABLE 0x010u
#define PTE_ACCESSED 0x020u
#define PTE_DIRTY 0x040u		/* of a page, not of a table            */
#define PTE_LARGE 0x080u		/* in a table above level 0             */
#define PTE_GLOBAL 0x100u		/* ignored                              */
#define PTE_NO_EXECUTE (1ull << 63)	/* ignored: the device runs nothing     */

enum page_format {
	PAGE_FORMAT_IA32,
	PAGE_FORMAT_X86_64,
	PAGE_N_FORMATS
};

/* One level of a format. */
struct page_level {
	const char *name;	/* as the manuals call its table                */
	uint8_t shift;		/* log2 of the bytes that an entry covers       */
	bool may_be_large;	/* an entry may be a page itself                */
	uint64_t reserved;	/* bits that must be 0 in any present entry     */
	uint64_t reserved_large;	/* and in one that is a large page      */
};

struct page_layout {
	const char *name;	/* "ia32", "x86-64"                             */
	uint8_t levels;		/* tables on the way to a 4 KiB page            */
	uint8_t index_bits;	/* log2 of the entries of a table               */
	uint8_t entry_bytes;
	uint8_t address_bits;	/* of a virtual address                         */
	uint8_t bus_bits;	/* of the address of a table or a 4 KiB page    */
	struct page_level level[4];	/* [0] holds the 4 KiB pages            */
};

extern const struct page_layout page_layouts[PAGE_N_FORMATS];

/* Whether @address exists: 32 bits, or 48 with the sign extended. */
static inline bool page_is_canonical(const struct page_layout *l,
				     uint64_t address)
{
	if (l->address_bits == 32)
		return address >> 32 == 0;
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* Which entry of the table at @level leads on to @address. */
static inline uint32_t page_index(const struct page_layout *l, uint32_t level,
				  uint64_t address)
{
	return (uint32_t)(address >> l->level[level].shift) &
	       ((1u << l->index_bits) - 1);
}

/* Address of the table, or of the 4 KiB page, that an entry names. */
static inline uint64_t page_entry_table(uint64_t entry)
{
	return entry & 0x000ffffffffff000;
}

/**
 * page_entry_large() - Address of the large page that an entry names
 * @l:		Format
 * @level:	1 or 2, of the table in which @entry stands
 * @entry:	Present, with PTE_LARGE
 *
 * Source: PSE-36/40 for IA-32: bits 39:32 of the address stand in bits 20:13.
 */
uint64_t page_entry_large(const struct page_layout *l, uint32_t level,
			  uint64_t entry);

/**
 * page_entry_make() - An entry that names a page
 * @l:		Format
 * @level:	Of the table in which it is to stand; above 0: a large page
 * @address:	Of the page, a multiple of its size, within what the format can say
 * @flags:	PTE_* bits
 */
uint64_t page_entry_make(const struct page_layout *l, uint32_t level,
			 uint64_t address, uint64_t flags);

/**
 * page_entry_reserved() - Bits of an entry that are set and must not be
 * @l:		Format
 * @level:	Of the table in which @entry stands
 * @entry:	Present
 */
uint64_t page_entry_reserved(const struct page_layout *l, uint32_t level,
			     uint64_t entry);

#endif
