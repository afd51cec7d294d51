/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * candidate.h - How often memory of the program's own was copied
 *
 * DOC: Theory of operation
 * A program's buffer does not tell where it begins and ends; what is sent of it does:
 * pieces that overlap or touch are one candidate, with all bytes that were ever copied
 * out of it. Divided by its size, that is how often it was copied.
 *
 * Few are kept; the one that was copied from longest ago makes room for another. None
 * grows beyond a limit: a program that walks through its memory and never comes back has
 * candidates that never come to much.
 *
 * Threads: one.
 * Source: SPEC AG-5, LIB-3.
 */
#ifndef VERBS_INPLACE_CANDIDATE_H
#define VERBS_INPLACE_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANDIDATES 32

struct candidate {
	uintptr_t start, end;	/* equal: none                                  */
	uint64_t copied_bytes;
	uint64_t counted;	/* when last, in counts                         */
};

struct candidates {
	struct candidate at[CANDIDATES];
	struct candidate *last;	/* that was counted, NULL: none                 */
	uint64_t n_counted;
	uint64_t max_bytes;	/* of one                                       */
};

/**
 * candidate_count() - Bytes are going to be copied
 * @bytes:	1 .. max_bytes
 *
 * Return: what they are part of now; valid until the next call.
 */
struct candidate *candidate_count(struct candidates *s, const void *address,
				  size_t bytes);

/** candidate_forget() - It has been judged: counting begins anew */
static inline void candidate_forget(struct candidate *c)
{
	*c = (struct candidate){ .start = 0 };
}

#endif
