// SPDX-License-Identifier: BSD-2-Clause
/* pages.c - 64 KB units in memory that a device addresses by bus and by page */
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frames.h"

#define TABLE_BYTES (4ull << 20)
#define LARGE (2ull << 20)

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-err));
	exit(1);
}

static int sealed_object(uint64_t bytes)
{
	int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		must(-errno, "memory object");
	return fd;
}

static uint64_t map_object(struct pages *p, uint64_t bytes)
{
	struct window_object o = {
		.fd = sealed_object(bytes), .bytes = bytes, .writable = true,
		.align = LARGE,
	};
	uint64_t at;

	must(window_map(&p->window, &o, &at), "mapping");
	close(o.fd);
	return at;
}

static void add_extent(struct pages *p, uint32_t n, uint64_t at, uint64_t bytes,
		       uint32_t rights)
{
	must(domain_add_extent(&p->memory->domains[p->id[n]], at, bytes,
			       rights), "extent");
}

static void add_domain(struct pages *p, uint32_t n)
{
	must(page_map_init(&p->map[n], &p->pool, PAGE_FORMAT_X86_64), "tables");
	must(memory_add_domain(p->memory, PAGE_FORMAT_X86_64, p->map[n].root,
			       p->extent[n], PAGES_EXTENTS, &p->id[n]),
	     "domain");
	add_extent(p, n, p->bus, p->bytes, EXTENT_READ);
	add_extent(p, n, p->header, LARGE, EXTENT_READ);
	add_extent(p, n, p->tables, TABLE_BYTES,
		   EXTENT_TABLE | EXTENT_TABLE_MARKS);
}

uint64_t pages_scattered(const struct pages *p, uint64_t nth)
{
	uint64_t n = p->bytes / PAGE_TABLE_BYTES, step = 0x9e3779b1;

	return p->bus + (nth * step + 7) % n * PAGE_TABLE_BYTES;
}

static void map_pages(struct pages *p)
{
	p->map[PAGES_4K].largest = PAGE_SHIFT_4K;
	must(page_map_map(&p->map[PAGES_4K], PAGES_AT, p->bus, p->bytes, 0),
	     "map");
	must(page_map_map(&p->map[PAGES_2M], PAGES_AT, p->bus, p->bytes, 0),
	     "map");
	for (uint64_t n = 0; n < p->bytes / PAGE_TABLE_BYTES; n++)
		must(page_map_map(&p->map[PAGES_SCATTERED],
				  PAGES_AT + n * PAGE_TABLE_BYTES,
				  pages_scattered(p, n), PAGE_TABLE_BYTES, 0),
		     "map");
}

void pages_open(struct pages *p, uint64_t bytes)
{
	struct bus bus;

	memset(p, 0, sizeof(*p));
	p->bytes = bytes;
	must(window_open(&p->window, 1ull << 30), "window");
	p->tables = map_object(p, TABLE_BYTES);
	p->header = map_object(p, LARGE);
	p->bus = map_object(p, bytes);
	frame_fill(p->window.base + p->bus, bytes);

	bus = (struct bus){ p->window.base, p->window.size };
	p->memory = aligned_alloc(CACHE_LINE, sizeof(*p->memory));
	must(p->memory ? 0 : -ENOMEM, "memory");
	memory_init(p->memory, &bus, p->domain, PAGES_N_DOMAINS, p->region, 1);
	page_pool_init(&p->pool, &bus, p->tables, TABLE_BYTES);
	for (uint32_t n = 0; n < PAGES_N_DOMAINS; n++)
		add_domain(p, n);
	map_pages(p);
}

void pages_close(struct pages *p)
{
	free(p->memory);
	window_close(&p->window);
}
