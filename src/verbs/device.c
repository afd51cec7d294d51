// SPDX-License-Identifier: BSD-2-Clause
/* device.c - Open a device, by its daemon or its wire */
#include "verbs/device.h"
#include "verbs/inplace/buffer.h"

#include <errno.h>
#include <stdlib.h>

enum {
	/* As build/bench-queue finds them; inline wins even longer, but then few requests
	 * have room in an SQ. */
	INLINE_MAX = 512,
	COPY_MAX = 4096,
	COPY_BYTES = 512 << 10,
	COPY_BYTES_MIN = 64 << 10,
	COPY_BYTES_LIMIT = 1 << 30,
	PLACE_MIN = 4096,
	CACHE_REGIONS = 256,
	SPIN_NS = 20 * 1000,
	IN_PLACE_MIN = 24576,
	IN_PLACE_BUFFERS = 64,
	IN_PLACE_BUFFERS_LIMIT = 4096,
};

#define CACHE_BYTES (1ull << 30)
#define IN_PLACE_BYTES (64ull << 20)
#define TIMEOUT_NS 5000000000ull

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *tto_verbs_version(void)
{
	return VERSION(TTO_VERSION_MAJOR, TTO_VERSION_MINOR, TTO_VERSION_PATCH);
}

static void set_default32(uint32_t *value, uint32_t otherwise)
{
	*value = *value ? *value : otherwise;
}

static void set_default64(uint64_t *value, uint64_t otherwise)
{
	*value = *value ? *value : otherwise;
}

int options_take(void *to, size_t bytes, const void *given)
{
	uint32_t size;

	memset(to, 0, bytes);
	if (!given)
		return 0;
	memcpy(&size, given, sizeof(size));
	if (size < sizeof(size) || size > bytes)
		return -EINVAL;
	memcpy(to, given, size);
	return 0;
}

int device_options(struct tto_device_options *o,
		   const struct tto_device_options *given)
{
	int status = options_take(o, sizeof(*o), given);

	if (status)
		return status;
	set_default32(&o->inline_max, INLINE_MAX);
	set_default32(&o->copy_max, COPY_MAX);
	set_default32(&o->copy_bytes, COPY_BYTES);
	set_default32(&o->place_min, PLACE_MIN);
	set_default32(&o->cache_regions, CACHE_REGIONS);
	set_default64(&o->cache_bytes, CACHE_BYTES);
	set_default64(&o->spin_ns, SPIN_NS);
	set_default64(&o->timeout_ns, TIMEOUT_NS);
	set_default64(&o->in_place_bytes, IN_PLACE_BYTES);
	set_default32(&o->in_place_buffers, IN_PLACE_BUFFERS);
	set_default32(&o->in_place_min, IN_PLACE_MIN);
	if (o->inline_max > 900 || o->copy_bytes < COPY_BYTES_MIN ||
	    o->copy_bytes > COPY_BYTES_LIMIT || o->reserved ||
	    o->in_place_buffers > IN_PLACE_BUFFERS_LIMIT || o->copy_bytes & (o->copy_bytes - 1))
		return -EINVAL;
	return 0;
}

int device_make(struct tto_device **out, struct attachment *a,
		const struct tto_device_options *options)
{
	struct tto_device *d = calloc(1, sizeof(*d));

	if (!d) {
		a->ops->close(a);
		return -ENOMEM;
	}
	d->attachment = a;
	d->options = *options;
	registration_cache_open(&d->cache, &memory_registration_ops, d, options);
	*out = d;
	return 0;
}

static int attach(struct attachment **out, const char *where, ns_t timeout_ns,
		  struct tto_error *error)
{
	static const char daemon[] = "daemon:";

	if (!where)
		where = getenv("TTO_DEVICE");
	if (!where || !*where)
		where = "daemon:/run/tto/ttod.sock";
	if (!strncmp(where, daemon, strlen(daemon)))
		return attach_daemon(out, where + strlen(daemon), timeout_ns, error);
	return attach_embedded(out, where, timeout_ns, error);
}

int tto_open(struct tto_device **out, const char *where,
	     const struct tto_device_options *options, struct tto_error *error)
{
	struct tto_device_options o;
	struct attachment *a;
	int status = device_options(&o, options);

	if (status)
		return attach_say(error, status, "an option is out of its range");
	status = attach(&a, where, o.timeout_ns, error);
	if (status)
		return status;
	status = device_make(out, a, &o);
	return status ? attach_say(error, status, "no memory") : 0;
}

int tto_open_domain(struct tto_device **out, struct tto_device *of,
		    struct tto_error *error)
{
	struct attachment *a;
	int status = of->attachment->ops->again(of->attachment, &a, error);

	if (status)
		return status;
	status = device_make(out, a, &of->options);
	return status ? attach_say(error, status, "no memory") : 0;
}

/* The device has nothing of it any more, so nothing needs to be asked for. */
void tto_close(struct tto_device *device)
{
	if (!device)
		return;
	device->attachment->ops->close(device->attachment);
	while (device->qps.next)
		qp_forget((struct tto_qp *)device->qps.next);
	while (device->grqs.next)
		grq_forget((struct tto_grq *)device->grqs.next);
	while (device->cqs.next)
		cq_forget((struct tto_cq *)device->cqs.next);
	flow_forget_all(device);
	buffer_close_all(device);
	memory_forget(device);
	free(device->queues);
	free(device);
}

int tto_device_limits(const struct tto_device *device, struct tto_limits *limits)
{
	const struct control_reply *hello = &device->attachment->hello;

	*limits = (struct tto_limits){
		.memory = hello->hello.memory,
		.queues = hello->hello.queues,
		.regions = hello->hello.regions,
		.flows = hello->hello.flows,
		.max_frame = hello->hello.max_frame,
		.link = hello->hello.linktype == 1 ? TTO_LINK_ETHERNET : TTO_LINK_IP,
		.embedded = device->attachment->ops->run != NULL,
	};
	memcpy(limits->mac, hello->hello.mac, sizeof(limits->mac));
	return 0;
}

int tto_device_stats(const struct tto_device *device, struct tto_device_stats *stats)
{
	*stats = device->stats;
	stats->cache_hits = device->cache.hits;
	stats->cache_misses = device->cache.misses;
	stats->cache_evictions = device->cache.evictions;
	stats->regions = device->cache.n_registered;
	stats->region_bytes = device->cache.bytes_registered;
	buffer_read_stats(device, stats);
	return 0;
}
