/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_scene.h - A bus, page tables of both formats, and bytes put into them
 *
 * A byte of a program is known by its area and its offset there. Areas differ in
 * how the device is told where the byte is; where it really lies is kept in a
 * plain list of pages, so that nothing of the code under test is needed to find it.
 */
#ifndef TEST_MEMORY_SCENE_H
#define TEST_MEMORY_SCENE_H

#include "nic/memory/element.h"
#include "nic/memory/page_map.h"
#include "transmit_model.h"

#define SCENE_PAGE 4096u
#define SCENE_AREA_BYTES (2u << 20)
#define SCENE_PAGES (SCENE_AREA_BYTES / SCENE_PAGE)
#define SCENE_BUS_BYTES (32ull << 20)
#define SCENE_DATA (4ull << 20)	/* from here on: no tables                      */
#define SCENE_SPARE (28ull << 20)	/* pages that no area uses at first     */

enum area_kind {
	AREA_BUS,
	AREA_4K,		/* x86-64, pages in any order                   */
	AREA_2M,
	AREA_IA32_4K,
	AREA_IA32_4M,
	AREA_REGION,		/* x86-64, begins inside of a page              */
	N_AREAS
};

enum scene_domain { SCENE_X86_64, SCENE_IA32, SCENE_OTHER, SCENE_DOMAINS };

struct area {
	uint64_t virt;		/* of its first page; AREA_BUS: of the bus      */
	uint64_t base;		/* what elements say: PDBR or STag              */
	uint32_t skip;		/* of the first page: not part of the region    */
	uint32_t next;		/* offset of the first byte that is free        */
	uint8_t kind;		/* enum element_kind                            */
	uint8_t domain;		/* enum scene_domain                            */
	uint32_t page[SCENE_PAGES];	/* of the bus, 4 KiB each               */
};

struct memory_scene {
	struct memory *memory;
	struct bus bus;
	struct dma_queue queue;	/* of the first two domains                     */
	struct domain domain[SCENE_DOMAINS];
	struct extent extent[SCENE_DOMAINS][8];
	struct region region[8];
	struct page_pool pool;
	struct page_map map[SCENE_DOMAINS];
	struct area area[N_AREAS];
	uint32_t n_spare;	/* spare pages in use                           */
};

/* Bytes that have been given a place. */
struct place {
	struct element element;
	enum area_kind area;
	uint32_t offset;
};

void memory_scene_open(struct memory_scene *s, struct rng *r);
void memory_scene_close(struct memory_scene *s);

/* All places are free again. */
void memory_scene_reset(struct memory_scene *s, struct rng *r);

/* Finds room for @bytes, away from other places in one case of two. */
struct place memory_scene_place(struct memory_scene *s, struct rng *r,
				enum area_kind area, uint32_t bytes);

void memory_scene_write(struct memory_scene *s, const struct place *p,
			const uint8_t *bytes);
void memory_scene_read(const struct memory_scene *s, const struct place *p,
		       uint8_t *bytes);

/* A random tag that names nothing but memory of @domain with @rights. */
uint64_t memory_scene_region(struct memory_scene *s, enum scene_domain domain,
			     uint8_t rights);

/* Virtual address of the page that holds the byte at @offset. */
uint64_t memory_scene_page(const struct memory_scene *s, enum area_kind area,
			   uint32_t offset);

/* Takes a 4 KiB page out of the tables. */
void memory_scene_unmap(struct memory_scene *s, enum area_kind area,
			uint32_t offset);
/* Puts it there again, where it was. */
void memory_scene_map(struct memory_scene *s, enum area_kind area,
		      uint32_t offset);
/* Moves its contents to a spare page, and leaves other bytes behind. */
void memory_scene_move(struct memory_scene *s, enum area_kind area,
		       uint32_t offset);

/* Invalidates in one of the ways there are, and polls. */
void memory_scene_forget(struct memory_scene *s, struct rng *r,
			 enum area_kind area, uint32_t offset);

#endif
