// SPDX-License-Identifier: BSD-2-Clause
/* print.c - Runs as text or as JSON, as they come */
#include "tool/pagetable/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/pagetable/words.h"

static const struct page_layout *layout(const struct print *o)
{
	return &page_layouts[o->format];
}

/* ---- Text ------------------------------------------------------------------------ */

static void put_size(uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;

	for (bytes >>= 10; unit + 1 < ARRAY_SIZE(units) && !(bytes & 1023) &&
	     bytes; unit++)
		bytes >>= 10;
	printf("%" PRIu64 " %s", bytes, units[unit]);
}

/* Names come from others: no control bytes to the terminal. */
static void put_name(const char *name)
{
	for (; *name; name++)
		putchar((unsigned char)*name < 0x20 || *name == 0x7f ? '?' :
								     *name);
}

static void put_frame(const struct print *o, uint64_t frame)
{
	if (o->p->sees_frames)
		printf("0x%" PRIx64, frame);
	else
		printf("#%" PRIu64, frame / PAGEMAP_PAGE);
}

static void put_entries(uint64_t n, uint8_t shift)
{
	printf("%" PRIu64 " x ", n);
	put_size(1ull << shift);
}

static uint64_t native_pages(const struct run *run)
{
	return ((run->end - 1) >> run->shift) - (run->start >> run->shift) + 1;
}

/* "word" of all pages, "word 3 of 7" of some. */
static void put_part(const char *word, uint64_t n, const struct run *run)
{
	uint64_t all = (run->end - run->start) / PAGEMAP_PAGE;

	if (n == all)
		printf(", %s", word);
	else if (n)
		printf(", %s %" PRIu64 " of %" PRIu64, word, n, all);
}

static void put_mapped(const struct run *run)
{
	if (!run->mapped_max)
		return;
	printf(", mapped %" PRIu32, run->mapped_min);
	if (run->mapped_max != run->mapped_min)
		printf("..%" PRIu32, run->mapped_max);
	printf(" time%s", run->mapped_max == 1 ? "" : "s");
}

static void put_native(const struct print *o, const struct run *run)
{
	printf("  native   %s", words_state(run));
	if (run->facts & PAGE_THERE) {
		if (run->shift) {
			printf(" ");
			put_entries(native_pages(run), run->shift);
		} else {
			printf(", size not known");
		}
	}
	if (run->mapping)
		printf(", %s, %s", words_kind(run),
		       run->mapping->shared ? "shared" : "private");
	for (unsigned n = 0; words_facts[n].word; n++) {
		if (run->facts & words_facts[n].fact)
			printf(", %s", words_facts[n].word);
	}
	put_part("exclusive", run->n_exclusive, run);
	put_mapped(run);
	put_part("soft-dirty", run->n_soft_dirty, run);
	if (run->shift == PAGEMAP_SHIFT)
		put_part("of large frames", run->n_compound, run);
	printf("\n");
}

static void put_frames(const struct print *o, const struct run *run)
{
	if (!run->first_frame)
		return;
	printf("  frames   ");
	put_frame(o, run->first_frame);
	if (run->last.address != run->first.address) {
		printf(run->is_scattered ? " and others, the last " : " to ");
		put_frame(o, run->last_frame);
	}
	printf("\n");
}

static void put_built(const struct print *o, const struct run *run)
{
	const char *lack = words_lack(run, o->format);

	printf("  built    ");
	if (run->first.shift)
		put_entries(run->n_walks, run->first.shift);
	else
		printf("nothing");
	if (run->read == DMA_FAULT_NONE)
		printf("; reading is allowed, writing %s%s",
		       run->write ? "is refused: " : "as well",
		       run->write ? dma_fault_name(run->write) : "");
	else
		printf("; %s: %s", dma_fault_name(run->read),
		       dma_fault_text(run->read));
	if (lack)
		printf(" (%s)", lack);
	printf("\n");
}

static void put_bits(const struct print *o, const struct walk_step *s)
{
	uint64_t reserved = page_entry_reserved(layout(o), s->level, s->entry);

	for (unsigned n = 0; words_bits[n].word; n++) {
		if (s->entry & words_bits[n].bit)
			printf(" %s", words_bits[n].word);
	}
	if (reserved)
		printf(" reserved:0x%" PRIx64, reserved);
}

static void put_step(const struct print *o, const struct walk *w, unsigned n)
{
	const struct walk_step *s = &w->steps[n];
	bool is_page = w->shift && n + 1u == w->n_steps;

	printf("  %-4s %4" PRIu32 "  at 0x%" PRIx64 ": %0*" PRIx64,
	       layout(o)->level[s->level].name, s->index, s->address,
	       layout(o)->entry_bytes * 2, s->entry);
	if (!(s->entry & PTE_PRESENT)) {
		printf("  not present\n");
		return;
	}
	if (is_page) {
		printf("  page ");
		put_frame(o, w->page);
	} else {
		printf("  table 0x%" PRIx64, page_entry_table(s->entry));
	}
	printf(" ");
	put_bits(o, s);
	printf("\n");
}

static void print_run_text(const struct print *o, const struct run *run)
{
	printf("\n0x%" PRIx64 " to 0x%" PRIx64 "  ", run->start, run->end);
	put_size(run->end - run->start);
	printf("  %s  ", run->mapping ? run->mapping->rights : "----");
	put_name(run->mapping ? run->mapping->name : "no mapping");
	printf("\n");
	put_native(o, run);
	put_frames(o, run);
	put_built(o, run);
	for (unsigned n = 0; n < run->first.n_steps; n++)
		put_step(o, &run->first, n);
	if (run->n_walks < 2 || !run->last.n_steps)
		return;
	printf("  ... %" PRIu64 " more, the last for 0x%" PRIx64 ":\n",
	       run->n_walks - 1, run->last.address);
	put_step(o, &run->last, run->last.n_steps - 1u);
}

static void print_begin_text(const struct print *o)
{
	if (!o->t)
		return;
	printf("process %" PRIu32 " (", o->p->pid);
	put_name(o->p->name);
	printf("), 0x%" PRIx64 " to 0x%" PRIx64 ", in a table of format %s with PDBR 0x%" PRIx64 "\n",
	       o->start, o->end, layout(o)->name, o->t->domain.pdbr);
	if (!o->p->sees_frames)
		printf("frame numbers are hidden (they need CAP_SYS_ADMIN): #1, #2, ... stand for frames, N * 4096 for the address of #N\n");
	if (!o->p->can_scan)
		printf("no PAGEMAP_SCAN (Linux 6.7): native sizes are known for hugetlbfs only\n");
}

/* ---- JSON ------------------------------------------------------------------------- */

/* What may have more than 53 bits is text. */
static void json_hex(struct json *j, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_string(j, key, text);
}

static void json_step(struct print *o, const struct walk_step *s)
{
	struct json *j = &o->j;

	json_object_begin(j, NULL);
	json_string(j, "level", layout(o)->level[s->level].name);
	json_u64(j, "index", s->index);
	json_hex(j, "address", s->address);
	json_hex(j, "entry", s->entry);
	json_array_begin(j, "bits");
	for (unsigned n = 0; words_bits[n].word; n++) {
		if (s->entry & words_bits[n].bit)
			json_string(j, NULL, words_bits[n].word);
	}
	json_array_end(j);
	json_hex(j, "reserved",
		 page_entry_reserved(layout(o), s->level, s->entry));
	json_object_end(j);
}

static void json_walk(struct print *o, const char *key, const struct walk *w,
		      uint64_t frame)
{
	struct json *j = &o->j;

	json_object_begin(j, key);
	json_hex(j, "address", w->address);
	if (frame)
		json_hex(j, "frame", frame);
	else
		json_string(j, "frame", NULL);
	if (w->shift)
		json_hex(j, "page", w->page);
	else
		json_string(j, "page", NULL);
	json_array_begin(j, "steps");
	for (unsigned n = 0; n < w->n_steps; n++)
		json_step(o, &w->steps[n]);
	json_array_end(j);
	json_object_end(j);
}

static void json_facts(struct json *j, const struct run *run)
{
	json_array_begin(j, "facts");
	for (unsigned n = 0; words_facts[n].word; n++) {
		if (run->facts & words_facts[n].fact)
			json_string(j, NULL, words_facts[n].word);
	}
	json_array_end(j);
}

static void json_native(struct json *j, const struct run *run)
{
	json_string(j, "state", words_state(run));
	json_string(j, "kind", run->mapping ? words_kind(run) : NULL);
	json_facts(j, run);
	json_u64(j, "native_page_bytes", run->shift ? 1ull << run->shift : 0);
	json_u64(j, "exclusive_pages", run->n_exclusive);
	json_u64(j, "soft_dirty_pages", run->n_soft_dirty);
	json_u64(j, "large_frame_pages", run->n_compound);
	json_u64(j, "mapped_min", run->mapped_min);
	json_u64(j, "mapped_max", run->mapped_max);
	json_bool(j, "scattered", run->is_scattered);
}

static void json_mapping(struct json *j, const struct mapping *m)
{
	json_string(j, "mapping", m ? m->name : NULL);
	json_string(j, "rights", m ? m->rights : NULL);
	json_string(j, "sharing", !m ? NULL : m->shared ? "shared" : "private");
}

static void print_run_json(struct print *o, const struct run *run)
{
	struct json *j = &o->j;
	uint8_t shift = run->first.shift;

	json_object_begin(j, NULL);
	json_hex(j, "start", run->start);
	json_hex(j, "end", run->end);
	json_u64(j, "pages", (run->end - run->start) / PAGEMAP_PAGE);
	json_mapping(j, run->mapping);
	json_native(j, run);
	json_u64(j, "built_page_bytes", shift ? 1ull << shift : 0);
	json_u64(j, "built_entries", shift ? run->n_walks : 0);
	json_string(j, "read", dma_fault_name(run->read));
	json_string(j, "write", dma_fault_name(run->write));
	json_string(j, "lack", words_lack(run, o->format));
	json_walk(o, "first", &run->first, run->first_frame);
	json_walk(o, "last", &run->last, run->last_frame);
	json_object_end(j);
}

static void print_begin_json(struct print *o)
{
	struct json *j = &o->j;

	json_begin(j, stdout);
	json_object_begin(j, NULL);
	json_u64(j, "process", o->p->pid);
	json_string(j, "name", o->p->name);
	json_string(j, "format", layout(o)->name);
	json_bool(j, "privileged", o->p->sees_frames);
	json_hex(j, "start", o->start);
	json_hex(j, "end", o->end);
	json_hex(j, "pdbr", o->t ? o->t->domain.pdbr : 0);
	json_array_begin(j, "runs");
}

static void print_end_json(struct print *o, const char *error)
{
	json_array_end(&o->j);
	json_bool(&o->j, "page_sizes_known", o->p->can_scan);
	json_u64(&o->j, "tables", o->t ? o->t->pool.n_used : 0);
	json_string(&o->j, "error", error);
	json_object_end(&o->j);
	json_end(&o->j);
}

/* ---- Either ----------------------------------------------------------------------- */

void print_begin(struct print *o)
{
	if (o->json)
		print_begin_json(o);
	else
		print_begin_text(o);
}

void print_run(void *o, const struct run *run)
{
	struct print *print = o;

	if (print->json)
		print_run_json(print, run);
	else
		print_run_text(print, run);
}

void print_end(struct print *o, const char *error)
{
	if (o->json)
		print_end_json(o, error);
	else if (o->t && !error)
		printf("\n%" PRIu32 " tables of %u bytes\n", o->t->pool.n_used,
		       PAGE_TABLE_BYTES);
}
