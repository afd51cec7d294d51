/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * range.h - Which process and which addresses the arguments name
 *
 * Each function prints one line on stderr ("tto: pagetable: what: why") when it
 * fails.
 */
#ifndef TOOL_PAGETABLE_RANGE_H
#define TOOL_PAGETABLE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct range {
	uint32_t pid;
	const char *name;	/* of a mapping; NULL: start is an address      */
	uint64_t start;		/* as it was given                              */
	uint64_t bytes;		/* 0 with a name: all of it                     */
};

/**
 * range_parse() - Read PID ADDRESS [LENGTH]
 * @r:		Overwritten; borrows from @args
 * @args:	Ends with NULL
 *
 * Return: 0; -EINVAL.
 */
MUST_CHECK int range_parse(struct range *r, char **args);

/**
 * range_pages() - The whole pages that a range touches
 * @r:		With its start set
 * @start:	Set to a multiple of 4096
 * @end:	The same, greater
 *
 * What had to be rounded is said on stderr.
 *
 * Return: 0; -EINVAL when the end is no address.
 */
MUST_CHECK int range_pages(const struct range *r, uint64_t *start,
			   uint64_t *end);

#endif
