/* SPDX-License-Identifier: BSD-2-Clause */
/* words.h - Words for what runs and entries are */
#ifndef TOOL_PAGETABLE_WORDS_H
#define TOOL_PAGETABLE_WORDS_H

#include "tool/pagetable/runs.h"

/* Bits of an entry, lowest first; a row without a word ends it. */
extern const struct words_bit {
	uint64_t bit;
	const char *word;
} words_bits[];

/* Facts beside state and kind that all pages of a run have; the same. */
extern const struct words_fact {
	uint32_t fact;		/* enum page_facts                              */
	const char *word;
} words_facts[];

/** words_state() - Return: whether the pages of @run are there, or where else */
const char *words_state(const struct run *run);

/** words_kind() - Return: what the pages of @run, which is in a mapping, belong to */
const char *words_kind(const struct run *run);

/**
 * words_lack() - Why the table does not lead to pages that are there
 * @run:	Run
 * @format:	Of the table
 *
 * Return: NULL when nothing is lacking.
 */
const char *words_lack(const struct run *run, enum page_format format);

#endif
