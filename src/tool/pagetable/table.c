// SPDX-License-Identifier: BSD-2-Clause
/* table.c - The table that is built: its memory, its map, and the domain to walk in */
#include "tool/pagetable/table.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#define GIB_4 (1ull << 32)

/*
 * Where the table lies on the bus, and how large it may become.
 *
 * IA-32: between the I/O APIC and the firmware of a PC, where memory is never;
 * enough for a page directory and all its 1024 tables. x86-64: at 64 TiB; enough
 * for 128 GiB of 4 KiB pages.
 */
static const struct place {
	uint64_t start, bytes;
	uint64_t frames_end;	/* behind the last that an entry can name       */
} places[PAGE_N_FORMATS] = {
	[PAGE_FORMAT_IA32] = { 0xfec00000, 5ull << 20, 1ull << 40 },
	[PAGE_FORMAT_X86_64] = { 1ull << 46, 256ull << 20, 1ull << 48 },
};

static int add_extents(struct domain *d, const struct place *at)
{
	uint64_t end = at->start + at->bytes;
	uint32_t rights = EXTENT_READ | EXTENT_WRITE;
	int err = domain_add_extent(d, 0, at->start, rights);

	if (!err)
		err = domain_add_extent(d, at->start, at->bytes, EXTENT_TABLE);
	if (!err)
		err = domain_add_extent(d, end, at->frames_end - end, rights);
	return err;
}

int table_open(struct table *t, enum page_format format)
{
	const struct place *at = &places[format];
	struct bus bus = { .size = at->frames_end };
	int err;

	*t = (struct table){ .bytes = at->bytes };
	t->memory = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->memory == MAP_FAILED)
		return -ENOMEM;
	bus.base = (uint8_t *)((uintptr_t)t->memory - at->start);
	page_pool_init(&t->pool, &bus, at->start, at->bytes);
	err = page_map_init(&t->map, &t->pool, format);
	t->domain = (struct domain){
		.pdbr = t->map.root, .format = (uint8_t)format,
		.extents = t->extents, .max_extents = TABLE_EXTENTS,
		.in_use = true,
	};
	if (!err)
		err = add_extents(&t->domain, at);
	if (err)
		table_close(t);
	return err;
}

void table_close(struct table *t)
{
	munmap(t->memory, t->bytes);
}

/* What is refused as a whole is what the format cannot say: that is no error. */
static int map_part(struct table *t, uint64_t address, uint64_t frame,
		    uint64_t bytes, uint32_t rights)
{
	int err = bytes ? page_map_map(&t->map, address, frame, bytes, rights) :
			  0;

	return err == -EINVAL ? 0 : err;
}

/* Frames beyond 4 GiB: the 4 MiB pages that lie wholly within the range. */
static int map_beyond(struct table *t, uint64_t address, uint64_t frame,
		      uint64_t bytes, uint32_t rights)
{
	uint64_t mask = (1ull << PAGE_SHIFT_4M) - 1;
	uint64_t head = -address & mask;

	if ((address ^ frame) & mask || head >= bytes)
		return 0;
	return map_part(t, address + head, frame + head,
			(bytes - head) & ~mask, rights);
}

static int map_ia32(struct table *t, uint64_t address, uint64_t frame,
		    uint64_t bytes, uint32_t rights)
{
	uint64_t near;
	int err = 0;

	if (address >= GIB_4)
		return 0;
	if (bytes > GIB_4 - address)
		bytes = GIB_4 - address;
	near = frame >= GIB_4 ? 0 : GIB_4 - frame;
	if (near > bytes)
		near = bytes;
	if (near)
		err = map_part(t, address, frame, near, rights);
	if (!err && near < bytes)
		err = map_beyond(t, address + near, frame + near, bytes - near,
				 rights);
	return err;
}

int table_map(struct table *t, uint64_t address, uint64_t frame, uint64_t bytes,
	      uint32_t rights, uint8_t largest)
{
	uint8_t usual = t->map.largest;
	int err;

	if (largest && largest < usual)
		t->map.largest = largest;
	if (t->domain.format == PAGE_FORMAT_IA32)
		err = map_ia32(t, address, frame, bytes, rights);
	else
		err = map_part(t, address, frame, bytes, rights);
	t->map.largest = usual;
	return err;
}

uint64_t table_limit(const struct table *t, uint64_t address)
{
	const uint64_t half = 1ull << 47;

	if (t->domain.format == PAGE_FORMAT_IA32)
		return address < GIB_4 ? GIB_4 : UINT64_MAX;
	return address < half ? half : address < -half ? -half : UINT64_MAX;
}
