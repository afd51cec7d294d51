// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalescer.c - The public coalescer: memory for nic/coalesce, and its names
 */
#include <errno.h>
#include <sys/mman.h>

#include "nic/coalesce.h"

_Static_assert((int)TTO_LINK_ETHERNET == PARSE_LINK_ETHERNET &&
		       (int)TTO_LINK_IP == PARSE_LINK_IP &&
		       (int)TTO_LINK_NULL == PARSE_LINK_NULL &&
		       (int)TTO_LINK_SLL == PARSE_LINK_SLL &&
		       (int)TTO_LINK_SLL2 == PARSE_LINK_SLL2,
	       "enum tto_link and enum parse_link are the same");

struct tto_coalescer {
	struct coalescer *nic;
	size_t bytes;		/* of the mapping that holds this and all else  */
} CACHE_ALIGNED;

int tto_coalescer_open(struct tto_coalescer **out,
		       const struct tto_coalescer_options *options,
		       tto_deliver_fn *deliver, void *ctx)
{
	struct tto_coalescer_options resolved;
	struct tto_coalescer *c;
	size_t bytes;
	int err;

	if (!out || !deliver)
		return -EINVAL;
	err = coalesce_resolve(&resolved, options);
	if (err)
		return err;
	/* A mapping: zero, and taken from memory only where it is touched. */
	bytes = sizeof(*c) + coalesce_bytes(&resolved);
	c = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c == MAP_FAILED)
		return -ENOMEM;
	/* Flows are met in no order: large pages save a walk for each. */
	madvise(c, bytes, MADV_HUGEPAGE);
	c->bytes = bytes;
	err = coalesce_init(&c->nic, c + 1, &resolved, deliver, ctx);
	if (err) {
		munmap(c, bytes);
		return err;
	}
	*out = c;
	return 0;
}

void tto_coalescer_close(struct tto_coalescer *c)
{
	if (c)
		munmap(c, c->bytes);
}

void tto_coalescer_push(struct tto_coalescer *c, const struct tto_frame *frames,
			size_t n, uint64_t now_ns)
{
	coalesce_push(c->nic, frames, n, now_ns);
}

void tto_coalescer_sent(struct tto_coalescer *c, const struct tto_frame *frames,
			size_t n, uint64_t now_ns)
{
	coalesce_sent(c->nic, frames, n, now_ns);
}

uint64_t tto_coalescer_poll(struct tto_coalescer *c, uint64_t now_ns)
{
	return coalesce_poll(c->nic, now_ns);
}

void tto_coalescer_flush(struct tto_coalescer *c, uint64_t now_ns)
{
	coalesce_flush(c->nic, now_ns);
}

void tto_coalescer_stats(const struct tto_coalescer *c,
			 struct tto_coalescer_stats *stats)
{
	coalesce_stats(c->nic, stats);
}

bool tto_coalescer_flow(const struct tto_coalescer *c, uint32_t *cursor,
			struct tto_flow_info *info)
{
	return coalesce_flow(c->nic, cursor, info);
}

int tto_packet_iov(const struct tto_packet *packet, struct iovec *iov,
		   size_t max)
{
	const struct tto_segment *s = packet->segments;
	size_t n = 0;

	if (max == 0)
		return -ENOBUFS;
	iov[n++] = (struct iovec){ (void *)(uintptr_t)packet->header,
				   packet->header_len };
	for (; s; s = s->next) {
		if (s->len == 0)
			continue;
		if (n == max)
			return -ENOBUFS;
		iov[n++] = (struct iovec){ (void *)(uintptr_t)s->payload,
					   s->len };
	}
	return (int)n;
}

static const struct {
	const char *name, *text;
} causes[] = {
#define X(id, name, text) { name, text },
	TTO_CAUSES(X)
#undef X
};

_Static_assert(ARRAY_SIZE(causes) == TTO_N_CAUSES, "a name for each cause");

const char *tto_cause_name(enum tto_cause cause)
{
	return (unsigned)cause < TTO_N_CAUSES ? causes[cause].name : "unknown";
}

const char *tto_cause_text(enum tto_cause cause)
{
	return (unsigned)cause < TTO_N_CAUSES ? causes[cause].text :
						"not a cause";
}

#define STRING(x) #x
#define VERSION(a, b, c) STRING(a) "." STRING(b) "." STRING(c)

const char *tto_version(void)
{
	return VERSION(TTO_VERSION_MAJOR, TTO_VERSION_MINOR, TTO_VERSION_PATCH);
}
