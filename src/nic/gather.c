// SPDX-License-Identifier: BSD-2-Clause
/* gather.c - A cursor over payload that is scattered over many elements */
#include "nic/gather.h"

int gather_total(const struct iovec *iov, uint32_t n, uint64_t *total)
{
	uint64_t sum = 0;

	if (!iov && n > 0)
		return -EFAULT;
	for (uint32_t idx = 0; idx < n; idx++) {
		const volatile struct iovec *element = &iov[idx];
		uintptr_t base = (uintptr_t)element->iov_base, end;
		size_t len = element->iov_len;

		if (__builtin_add_overflow(base, len, &end) ||
		    (base == 0 && len > 0) ||
		    __builtin_add_overflow(sum, len, &sum))
			return -EFAULT;
	}
	*total = sum;
	return 0;
}

/* What the current element gives of @bytes; 0 when the list has ended. */
static uint32_t next_part(struct gather *g, uint32_t bytes)
{
	while (g->left == 0) {
		if (g->n == 0)
			return 0;
		gather_enter(g);
	}
	return g->left < bytes ? (uint32_t)g->left : bytes;
}

static void skip(struct gather *g, uint32_t part)
{
	g->p += part;
	g->left -= part;
}

/* Sum of the bytes so far, and of a part that begins at offset @done. */
static uint32_t join(uint32_t sum, uint32_t part_sum, uint32_t done)
{
	return checksum_add(sum, checksum_shift(part_sum, done & 1));
}

int gather_list_parts(struct gather *g, uint32_t bytes, struct iovec *iov,
		      uint32_t max, const struct checksum_ops *ops,
		      uint32_t *sum)
{
	struct gather at = *g;
	uint32_t n = 0, s = 0;

	for (uint32_t done = 0, part; done < bytes; done += part) {
		part = next_part(&at, bytes - done);
		if (part == 0)
			return -EFAULT;
		if (n == max)
			return -ENOBUFS;
		iov[n].iov_base = (void *)(uintptr_t)at.p;
		iov[n++].iov_len = part;
		if (ops)
			s = join(s, ops->sum(at.p, part), done);
		skip(&at, part);
	}
	*g = at;
	*sum = s;
	return (int)n;
}

int gather_copy_parts(struct gather *g, uint32_t bytes, uint8_t *dst,
		      const struct checksum_ops *ops, uint32_t *sum)
{
	struct gather at = *g;
	uint32_t s = 0;

	for (uint32_t done = 0, part; done < bytes; done += part) {
		part = next_part(&at, bytes - done);
		if (part == 0)
			return -EFAULT;
		s = join(s, ops->copy(dst + done, at.p, part), done);
		skip(&at, part);
	}
	*g = at;
	*sum = s;
	return 0;
}

int gather_sum(struct gather *g, uint32_t bytes, const struct checksum_ops *ops,
	       uint32_t *sum)
{
	struct gather at = *g;
	uint32_t s = 0;

	for (uint32_t done = 0, part; done < bytes; done += part) {
		part = next_part(&at, bytes - done);
		if (part == 0)
			return -EFAULT;
		s = join(s, ops->sum(at.p, part), done);
		skip(&at, part);
	}
	*g = at;
	*sum = s;
	return 0;
}

int gather_skip(struct gather *g, uint64_t bytes)
{
	if (bytes == 0)		/* of nothing there is not even an address      */
		return 0;
	while (bytes > g->left) {
		bytes -= g->left;
		g->left = 0;
		if (g->n == 0)
			return -EFAULT;
		gather_enter(g);
	}
	g->p += bytes;
	g->left -= bytes;
	return 0;
}

void gather_prefetch_parts(struct gather *g, uint32_t bytes)
{
	while (bytes > 0) {
		uint32_t part = next_part(g, bytes);

		if (part == 0)
			return;
		gather_touch(g->p, part);
		skip(g, part);
		bytes -= part;
	}
}
