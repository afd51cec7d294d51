// SPDX-License-Identifier: BSD-2-Clause
/* range.c - Which process and which addresses the arguments name */
#include "tool/pagetable/range.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "base/message.h"
#include "tool/pagetable/process.h"

#define PAGE_MASK 4095ull

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

/* Return: bits to shift by; -1 when @text is no suffix. */
static int suffix_shift(const char *text)
{
	if (!*text)
		return 0;
	if (text[1])
		return -1;
	return *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : -1;
}

/* Return: false when it is no number or has more than 64 bits. */
static bool parse_number(const char *text, uint64_t *value)
{
	bool is_hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	unsigned base = is_hex ? 16 : 10;
	const char *p = is_hex ? text + 2 : text, *first = p;
	uint64_t v = 0;
	int shift;

	for (; digit(*p) < base; p++) {
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit(*p), &v))
			return false;
	}
	shift = suffix_shift(p);
	if (p == first || shift < 0 || v > UINT64_MAX >> shift)
		return false;
	*value = v << shift;
	return true;
}

static int parse_pid(struct range *r, const char *text)
{
	uint64_t pid;

	if (!parse_number(text, &pid) || pid < 1 || pid > PROCESS_PID_MAX) {
		message("pagetable: %s: not the number of a process", text);
		return -EINVAL;
	}
	r->pid = (uint32_t)pid;
	return 0;
}

/* What begins with a bracket or a slash is a name. */
static int parse_start(struct range *r, const char *text)
{
	if (*text == '[' || *text == '/') {
		r->name = text;
		return 0;
	}
	if (parse_number(text, &r->start))
		return 0;
	message("pagetable: %s: neither an address (hexadecimal with 0x) nor the name of a mapping",
		text);
	return -EINVAL;
}

static int parse_bytes(struct range *r, const char *text)
{
	if (parse_number(text, &r->bytes) && r->bytes)
		return 0;
	message("pagetable: %s: not a length (a number from 1, K, M or G may follow)",
		text);
	return -EINVAL;
}

int range_parse(struct range *r, char **args)
{
	unsigned n = 0;
	int err;

	*r = (struct range){ 0 };
	while (args[n])
		n++;
	if (n < 2 || n > 3) {
		message("pagetable: arguments are PID ADDRESS LENGTH; see tto pagetable --help");
		return -EINVAL;
	}
	err = parse_pid(r, args[0]);
	if (!err)
		err = parse_start(r, args[1]);
	if (!err && n == 3)
		err = parse_bytes(r, args[2]);
	if (!err && n == 2 && !r->name) {
		message("pagetable: %s: a length has to follow", args[1]);
		err = -EINVAL;
	}
	return err;
}

int range_pages(const struct range *r, uint64_t *start, uint64_t *end)
{
	uint64_t behind;

	if (__builtin_add_overflow(r->start, r->bytes, &behind) ||
	    __builtin_add_overflow(behind, PAGE_MASK, end)) {
		message("pagetable: 0x%" PRIx64 ": 0x%" PRIx64
			" bytes on, there are no more addresses",
			r->start, r->bytes);
		return -EINVAL;
	}
	*start = r->start & ~PAGE_MASK;
	*end &= ~PAGE_MASK;
	if (*start != r->start || *end != behind)
		message("pagetable: 0x%" PRIx64
			": rounded to whole pages: 0x%" PRIx64 " to 0x%" PRIx64,
			r->start, *start, *end);
	return 0;
}
