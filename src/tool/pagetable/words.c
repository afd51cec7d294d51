// SPDX-License-Identifier: BSD-2-Clause
/* words.c - Words for what runs and entries are */
#include "tool/pagetable/words.h"

#include <stddef.h>
#include <string.h>

const struct words_bit words_bits[] = {
	{ PTE_PRESENT, "present" },
	{ PTE_WRITABLE, "writable" },
	{ PTE_USER, "user" },
	{ PTE_WRITE_THROUGH, "write-through" },
	{ PTE_CACHE_DISABLE, "cache-disable" },
	{ PTE_ACCESSED, "accessed" },
	{ PTE_DIRTY, "dirty" },
	{ PTE_LARGE, "large" },
	{ PTE_GLOBAL, "global" },
	{ PTE_NO_EXECUTE, "no-execute" },
	{ 0, NULL },
};

const struct words_fact words_facts[] = {
	{ PAGE_ZERO, "the page of zeroes" },
	{ PAGE_MERGED, "merged" },
	{ PAGE_PROTECTED, "write-protected by userfaultfd" },
	{ 0, NULL },
};

const char *words_state(const struct run *run)
{
	if (!run->mapping)
		return "not mapped";
	if (run->facts & PAGE_HIDDEN)
		return "hidden";
	if (run->facts & PAGE_GUARD)
		return "guard";
	if (run->facts & PAGE_SWAPPED)
		return "swapped";
	return run->facts & PAGE_THERE ? "present" : "not present";
}

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* Without privilege, names are all there is. */
static bool is_shmem(const struct run *run)
{
	const char *name = run->mapping->name;

	return run->facts & PAGE_SHMEM || begins_with(name, "/memfd:") ||
	       begins_with(name, "/dev/zero") || begins_with(name, "/SYSV") ||
	       begins_with(name, "/dev/shm/");
}

const char *words_kind(const struct run *run)
{
	const struct mapping *m = run->mapping;
	bool own = run->facts & (PAGE_THERE | PAGE_SWAPPED) &&
		   !(run->facts & PAGE_FILE) && !m->shared;

	if (run->facts & PAGE_HUGETLB || m->shift > PAGEMAP_SHIFT)
		return "hugetlb";
	if (begins_with(m->name, "[v"))
		return "of the kernel";
	if (!m->has_file)
		return "anonymous";
	if (is_shmem(run))
		return own ? "anonymous copy of shmem" : "shmem";
	return own ? "anonymous copy of file" : "file";
}

const char *words_lack(const struct run *run, enum page_format format)
{
	bool narrow = format == PAGE_FORMAT_IA32;

	if (!(run->facts & PAGE_THERE))
		return NULL;
	switch (run->read) {
	case DMA_FAULT_NON_CANONICAL:
		return narrow ? "the address has more than 32 bits" :
				"the address has more than 48 bits";
	case DMA_FAULT_NOT_PRESENT:
		return narrow ? "the frame is beyond 4 GiB, and not part of a 4 MiB page" :
				"the frame is beyond what an entry can say";
	case DMA_FAULT_UNREACHABLE:
		return "the frame is where the table lies";
	default:
		return NULL;
	}
}
