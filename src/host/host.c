// SPDX-License-Identifier: BSD-2-Clause
/* host.c - Begin and end to host a device */
#include "host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "host/state.h"

#define GIB (1ull << 30)
#define REGIONS_A_CLIENT 1024
#define QUEUES_A_CLIENT 64
#define QUEUES_MAX 65536u
#define FIRST_PORT 32768	/* as Linux chooses them                        */
#define LAST_PORT 60999
#define ETHERNET_BYTES 14
#define LINKTYPE_NULL 0
#define LINKTYPE_RAW 101
#define LINKTYPE_SLL 113
#define LINKTYPE_SLL2 276

static int link_of(uint16_t linktype, enum tto_link *link)
{
	switch (linktype) {
	case LINKTYPE_ETHERNET: *link = TTO_LINK_ETHERNET; return 0;
	case LINKTYPE_RAW: *link = TTO_LINK_IP; return 0;
	case LINKTYPE_NULL: *link = TTO_LINK_NULL; return 0;
	case LINKTYPE_SLL: *link = TTO_LINK_SLL; return 0;
	case LINKTYPE_SLL2: *link = TTO_LINK_SLL2; return 0;
	default: return -EINVAL;
	}
}

static int set_defaults(struct host *h)
{
	static const uint8_t none[16];
	struct host_options *o = &h->options;
	struct tto_coalescer_options *c = &o->device.coalescer;
	uint32_t mtu = h->wire->caps.max_frame, link = h->wire->caps.tag_bytes;

	if (h->link == TTO_LINK_ETHERNET)
		link += ETHERNET_BYTES;
	mtu = mtu > link ? mtu - link : 0;
	if (!o->window_bytes)
		o->window_bytes = 64 * GIB;
	if (!o->clients)
		o->clients = 64;
	if (!o->device.queues)
		o->device.queues = o->clients * QUEUES_A_CLIENT < QUEUES_MAX ?
				   o->clients * QUEUES_A_CLIENT : QUEUES_MAX;
	if (!o->device.flows)
		o->device.flows = 16384;
	if (!o->spin_ns)
		o->spin_ns = 20000;
	if (!o->first_port) {
		o->first_port = FIRST_PORT;
		o->last_port = LAST_PORT;
	}
	if (o->last_port < o->first_port)
		return -EINVAL;
	h->owns_all = !o->n_addresses && !o->hooks.route;
	h->mtu = o->mtu ? o->mtu : mtu > UINT16_MAX ? UINT16_MAX : mtu;
	if (!memcmp(o->mac, none, sizeof(o->mac))) {
		if (getrandom(o->mac, sizeof(o->mac), 0) != sizeof(o->mac))
			return -EIO;
		o->mac[0] = (uint8_t)((o->mac[0] & 0xfc) | 2);
	}
	c->size = sizeof(*c);
	c->policy = TTO_POLICY_HOST;
	c->output = TTO_OUTPUT_GATHER;
	c->link = (uint8_t)h->link;
	if (!memcmp(c->seed, none, sizeof(c->seed)) &&
	    getrandom(c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		return -EIO;
	return 0;
}

static int open_memory(struct host *h)
{
	uint32_t n = h->options.clients, n_regions;
	struct bus bus;
	int err;

	if (n > UINT16_MAX || __builtin_mul_overflow(n, REGIONS_A_CLIENT, &n_regions))
		return -EINVAL;
	h->clients = calloc(n, sizeof(struct host_client *));
	h->domains = calloc(n, sizeof(*h->domains));
	h->regions = calloc(n_regions, sizeof(*h->regions));
	h->wakes = calloc(h->options.device.queues, sizeof(*h->wakes));
	if (!h->clients || !h->domains || !h->regions || !h->wakes)
		return -ENOMEM;
	err = window_open(&h->window, h->options.window_bytes);
	if (err)
		return err;
	bus = (struct bus){ .base = h->window.base, .size = h->window.size };
	memory_init(&h->memory, &bus, h->domains, n, h->regions, n_regions);
	return 0;
}

static int open_device(struct host *h)
{
	struct device_callbacks callbacks = {
		.ctx = h, .unclaimed = host_unclaimed, .wake = host_wake_queue,
	};
	size_t bytes = device_bytes(&h->options.device);
	int err;

	if (!bytes)
		return -EINVAL;
	h->device_memory = aligned_alloc(CACHE_LINE, bytes);
	if (!h->device_memory)
		return -ENOMEM;
	memset(h->device_memory, 0, bytes);
	err = device_init(&h->device, h->device_memory, &h->options.device,
			  &h->memory, &callbacks);
	return err;
}

static int open_neighbours(struct host *h)
{
	if (!h->options.n_addresses || h->options.hooks.route ||
	    h->link != TTO_LINK_ETHERNET)
		return 0;
	h->neighbours = neighbours_open(h->wire, h->options.mac,
					h->options.addresses,
					h->options.n_addresses);
	return h->neighbours ? 0 : -ENOMEM;
}

static int open_epoll(struct host *h)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
	int fd = wire_fd(h->wire);

	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll < 0)
		return -errno;
	if (fd >= 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	fd = h->options.kernel ? wire_fd(h->options.kernel) : -1;
	if (fd >= 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	return 0;
}

/* Everything but the wire. */
static void release(struct host *h)
{
	if (h->epoll >= 0)
		close(h->epoll);
	neighbours_close(h->neighbours);
	kernel_wire_close(h);
	free(h->device_memory);
	if (h->window.base)
		window_close(&h->window);
	free(h->wakes);
	free(h->regions);
	free(h->domains);
	free(h->clients);
	free(h);
}

int host_open(struct host **out, struct wire *wire,
	      const struct host_options *options)
{
	struct host *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->wire = wire;
	h->epoll = -1;
	if (options)
		h->options = *options;
	err = h->options.n_addresses > HOST_ADDRESSES_MAX ? -EINVAL : 0;
	if (!err)
		err = link_of(wire->caps.linktype, &h->link);
	if (!err)
		err = set_defaults(h);
	if (!err)
		err = open_memory(h);
	if (!err)
		err = open_device(h);
	if (!err)
		err = open_neighbours(h);
	if (!err && h->options.kernel)
		err = kernel_wire_open(h);
	if (!err)
		err = open_epoll(h);
	if (err) {
		release(h);
		return err;
	}
	*out = h;
	return 0;
}

void host_close(struct host *h)
{
	if (!h)
		return;
	for (uint32_t n = 0; n < h->options.clients; n++) {
		if (h->clients[n])
			host_client_close(h->clients[n]);
	}
	(void)!wire_close(h->options.kernel);
	(void)!wire_close(h->wire);
	release(h);
}

void host_set_addresses(struct host *h, const struct host_address *addresses,
			uint32_t n)
{
	if (n > HOST_ADDRESSES_MAX)
		n = HOST_ADDRESSES_MAX;
	memcpy(h->options.addresses, addresses, n * sizeof(*addresses));
	h->options.n_addresses = n;
}

void host_counters(const struct host *h, struct host_counters *counters)
{
	struct device_queue_counters client;

	*counters = h->counters;
	for (uint32_t n = 0; n < h->options.clients; n++) {
		if (!h->clients[n])
			continue;
		host_client_counters(h->clients[n], &client);
		queue_add_counters(&counters->queues, &client);
	}
	if (h->neighbours)
		counters->answered = neighbours_answered(h->neighbours);
	counters->walks = h->memory.counters.walks;
	for (uint32_t n = 0; n < DMA_N_FAULTS; n++)
		counters->faults += h->memory.counters.faults[n];
	counters->wire = h->wire->stats;
}
