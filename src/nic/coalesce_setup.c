// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_setup.c - Options, their defaults, and the memory of a coalescer
 */
#include <errno.h>

#include "nic/aggregate.h"

#define US 1000ULL
#define S 1000000000ULL

struct range {
	size_t at;
	uint32_t min, max, preset;
};

/* 0 stands for the preset. */
static const struct range ranges[] = {
	{ offsetof(struct tto_coalescer_options, flows), 1, FLOW_MAX, 16384 },
	{ offsetof(struct tto_coalescer_options, ral), COALESCE_RAL_MIN,
	  COALESCE_RAL_MAX, IP_MAX_BYTES },
	{ offsetof(struct tto_coalescer_options, segments), 1, 1u << 24, 0 },
	{ offsetof(struct tto_coalescer_options, buffers), 1, 1u << 16, 256 },
	{ offsetof(struct tto_coalescer_options,
		   receive_acked_bytes_aggregation),
	  1, INT32_MAX, 65535 },
};

static const struct {
	size_t at;
	ns_t preset;
} times[] = {
	{ offsetof(struct tto_coalescer_options, timeout_aggregation_ns),
	  200 * US },
	{ offsetof(struct tto_coalescer_options, timeout_ack_aggregation_ns),
	  100 * US },
	{ offsetof(struct tto_coalescer_options,
		   terminate_no_activity_time_ns),
	  60 * S },
	{ offsetof(struct tto_coalescer_options, timeout_keepalive_ns),
	  10 * S },
	{ offsetof(struct tto_coalescer_options, replace_idle_time_ns), 1 * S },
};

static int resolve_numbers(struct tto_coalescer_options *o)
{
	for (size_t n = 0; n < ARRAY_SIZE(ranges); n++) {
		const struct range *r = &ranges[n];
		uint32_t v = load32((uint8_t *)o + r->at);

		if (v == 0)
			store32((uint8_t *)o + r->at, r->preset);
		else if (v < r->min || v > r->max)
			return -EINVAL;
	}
	for (size_t n = 0; n < ARRAY_SIZE(times); n++) {
		uint8_t *at = (uint8_t *)o + times[n].at;

		if (load64(at) == 0)
			memcpy(at, &times[n].preset, sizeof(ns_t));
	}
	return 0;
}

int coalesce_resolve(struct tto_coalescer_options *out,
		     const struct tto_coalescer_options *options)
{
	size_t size = options ? options->size : 0;

	*out = (struct tto_coalescer_options){ 0 };
	if (options) {
		if (size < offsetof(struct tto_coalescer_options, flows))
			return -EINVAL;
		if (size > sizeof(*out))
			size = sizeof(*out);
		memcpy(out, options, size);
	}
	out->size = sizeof(*out);
	if (out->policy > TTO_POLICY_HOST || out->link >= TTO_N_LINKS ||
	    out->output > TTO_OUTPUT_CONTIGUOUS)
		return -EINVAL;
	if (resolve_numbers(out))
		return -EINVAL;
	if (out->segments == 0)
		out->segments = out->flows < 1024 ? 4096 : 4 * out->flows;
	return 0;
}

static size_t round_line(size_t bytes)
{
	return (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static size_t causes_bytes(const struct tto_coalescer_options *o)
{
	return round_line(o->flows * sizeof(uint16_t[TTO_N_CAUSES]));
}

size_t coalesce_bytes(const struct tto_coalescer_options *o)
{
	return round_line(sizeof(struct coalescer)) +
	       flow_table_bytes(o->flows) + causes_bytes(o) +
	       aggregate_pool_bytes(o);
}

/* The burst loop that goes with a checksum kernel; AVX-512 implies AVX2. */
static coalesce_burst_fn *select_burst(const char *name)
{
#if TTO_X86_KERNELS
	if (!strcmp(name, "avx512") || !strcmp(name, "avx2"))
		return burst_avx2;
#endif
	return burst_portable;
}

static ns_t sweep_step(const struct tto_coalescer_options *o)
{
	ns_t shortest = o->terminate_no_activity_time_ns;
	ns_t step;

	if (o->timeout_keepalive_ns < shortest)
		shortest = o->timeout_keepalive_ns;
	step = shortest / 4 / (o->flows / 16 + 1);
	return step ? step : 1;
}

int coalesce_init(struct coalescer **out, void *memory,
		  const struct tto_coalescer_options *options,
		  tto_deliver_fn *deliver, void *ctx)
{
	struct coalescer *c = memory;
	uint8_t *m = memory;
	ns_t limit = options->timeout_keepalive_ns >> FLOW_KEEPALIVE_SHIFT;

	c->sums = checksum_select(options->cpu);
	if (!c->sums)
		return -ENOTSUP;
	c->deliver = deliver;
	c->ctx = ctx;
	c->burst = select_burst(c->sums->name);
	c->options = *options;
	c->options.cpu = c->sums->name;
	c->sweep_step = sweep_step(options);
	c->keepalive_limit = limit > 0x7fff ? 0x7fff : (uint32_t)limit;
	/* Two ticks more, so that what is rounded down is never too early. */
	limit = (options->terminate_no_activity_time_ns >> FLOW_ACTIVE_SHIFT) + 2;
	c->idle_limit = limit > INT32_MAX ? INT32_MAX : (uint32_t)limit;

	m += round_line(sizeof(*c));
	flow_table_init(&c->table, m, options->flows, options->seed,
			options->replace_idle_time_ns);
	m += flow_table_bytes(options->flows);
	c->causes = (uint16_t (*)[TTO_N_CAUSES])(void *)m;
	m += causes_bytes(options);
	aggregate_init(c, m);
	*out = c;
	return 0;
}
