// SPDX-License-Identifier: BSD-2-Clause
/* candidate.c - How often memory of the program's own was copied */
#include "verbs/inplace/candidate.h"

#include "base/compiler.h"

static uintptr_t low_of(const struct candidate *c, uintptr_t start)
{
	return c->start < start ? c->start : start;
}

static uintptr_t high_of(const struct candidate *c, uintptr_t end)
{
	return c->end > end ? c->end : end;
}

/* Whether a piece belongs to it, and would not make it too large. */
static bool takes(const struct candidates *s, const struct candidate *c,
		  uintptr_t start, uintptr_t end)
{
	return c->start != c->end && start <= c->end && end >= c->start &&
	       high_of(c, end) - low_of(c, start) <= s->max_bytes;
}

/* Another one that it touches by now becomes part of it. */
static void join(struct candidates *s, struct candidate *c)
{
	for (struct candidate *o = s->at; o < s->at + CANDIDATES; o++) {
		if (o == c || !takes(s, c, o->start, o->end) || o->start == o->end)
			continue;
		c->start = low_of(c, o->start);
		c->end = high_of(c, o->end);
		c->copied_bytes += o->copied_bytes;
		*o = (struct candidate){ .start = 0 };
	}
}

static struct candidate *find(struct candidates *s, uintptr_t start, uintptr_t end)
{
	struct candidate *oldest = s->at;

	if (likely(s->last && takes(s, s->last, start, end)))
		return s->last;
	for (struct candidate *c = s->at; c < s->at + CANDIDATES; c++) {
		if (takes(s, c, start, end))
			return c;
		if (c->counted < oldest->counted)
			oldest = c;
	}
	*oldest = (struct candidate){ .start = start, .end = start };
	return oldest;
}

struct candidate *candidate_count(struct candidates *s, const void *address,
				  size_t bytes)
{
	uintptr_t start = (uintptr_t)address, end = start + bytes;
	struct candidate *c = find(s, start, end);

	if (start < c->start || end > c->end) {
		c->start = low_of(c, start);
		c->end = high_of(c, end);
		join(s, c);
	}
	c->copied_bytes += bytes;
	c->counted = ++s->n_counted;
	s->last = c;
	return c;
}
