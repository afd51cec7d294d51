// SPDX-License-Identifier: BSD-2-Clause
/* options.c - Values of options: numbers in a range */
#include "tool/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/message.h"

/* Return: bits to shift by; -1 when @suffix is no suffix of @allowed. */
static int suffix_shift(const char *suffix, const char *allowed)
{
	const char *found;

	if (!*suffix)
		return 0;
	found = suffix[1] ? NULL : strchr(allowed, *suffix);
	return found ? (int)(found - allowed + 1) * 10 : -1;
}

/* Return: false when it is no number or has more than 64 bits. */
static bool parse(const char *text, const char *suffixes, uint64_t *value)
{
	const char *p = text;
	uint64_t v = 0;
	int shift;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	}
	shift = suffix_shift(p, suffixes);
	if (p == text || shift < 0 || v > UINT64_MAX >> shift)
		return false;
	*value = v << shift;
	return true;
}

static int read_number(const char *name, const char *text, const char *suffixes,
		       uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t v;

	if (!parse(text, suffixes, &v) || v < min || v > max) {
		message("%s %s: a number from %" PRIu64 " to %" PRIu64, name,
			text, min, max);
		return -EINVAL;
	}
	*value = v;
	return 0;
}

int options_u64(const char *name, const char *text, uint64_t min, uint64_t max,
		uint64_t *value)
{
	return read_number(name, text, "", min, max, value);
}

int options_u32(const char *name, const char *text, uint32_t min, uint32_t max,
		uint32_t *value)
{
	uint64_t v;
	int err = read_number(name, text, "", min, max, &v);

	if (!err)
		*value = (uint32_t)v;
	return err;
}

int options_bytes(const char *name, const char *text, uint64_t min,
		  uint64_t max, uint64_t *value)
{
	return read_number(name, text, "KMG", min, max, value);
}
