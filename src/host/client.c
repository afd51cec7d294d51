// SPDX-License-Identifier: BSD-2-Clause
/* client.c - A client begins, asks, and ends */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/state.h"

#define KIB 1024ull
#define PAGE 4096ull
#define TABLES_AT_ENDS 6	/* of a mapping: one for each level, both ends  */
#define TABLE_COVERS (2ull << 20)

/* ---- Begin --------------------------------------------------------------------------- */

static void set_default64(uint64_t *value, uint64_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static void set_default32(uint32_t *value, uint32_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static void set_defaults(struct host_limits *l)
{
	set_default64(&l->memory, 256 * KIB * KIB);
	set_default64(&l->registered, 4 * KIB * KIB * KIB);
	set_default32(&l->objects, 256);
	set_default32(&l->queues, 64);
	set_default32(&l->regions, 1024);
	set_default32(&l->flows, 1024);
	set_default32(&l->entries, 65536);
}

/* As many page tables as a client can make necessary; untouched ones cost nothing. */
static int open_tables(struct host_client *c)
{
	const struct host_limits *l = &c->policy.limits;
	struct host *h = c->host;
	uint64_t n = 1 + (uint64_t)l->regions * TABLES_AT_ENDS +
		     l->registered / TABLE_COVERS;
	struct window_object o = { .fd = -1, .bytes = n * PAGE, .writable = true };
	int err = window_map(&h->window, &o, &c->tables_at);

	if (err)
		return err;
	page_pool_init(&c->pool, &h->memory.bus, c->tables_at, o.bytes);
	err = page_map_init(&c->map, &c->pool, PAGE_FORMAT_X86_64);
	if (!err)
		err = memory_add_domain(&h->memory, PAGE_FORMAT_X86_64, c->map.root,
					c->extents, l->objects + 1, &c->domain);
	if (err)
		goto err_unmap;
	err = domain_add_extent(&h->memory.domains[c->domain], c->tables_at,
				o.bytes, EXTENT_TABLE | EXTENT_TABLE_MARKS);
	if (!err)
		return 0;
	memory_remove_domain(&h->memory, c->domain);
err_unmap:
	(void)!window_unmap(&h->window, c->tables_at);
	return err;
}

static int find_place(const struct host *h, uint32_t *idx)
{
	for (*idx = 0; *idx < h->options.clients; ++*idx) {
		if (!h->clients[*idx])
			return 0;
	}
	return -ENOSPC;
}

static void free_client(struct host_client *c)
{
	free(c->extents);
	free(c->mappings);
	handle_table_close(&c->handles);
	free(c);
}

int host_client_open(struct host *h, const struct host_policy *policy,
		     struct host_client **out)
{
	struct host_client *c;
	uint32_t idx;
	int err = find_place(h, &idx);

	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->host = h;
	c->idx = idx;
	c->policy = *policy;
	c->doorbell = c->events = -1;
	set_defaults(&c->policy.limits);
	c->extents = calloc(c->policy.limits.objects + 1, sizeof(*c->extents));
	c->mappings = calloc(c->policy.limits.regions, sizeof(*c->mappings));
	err = c->extents && c->mappings ? open_tables(c) : -ENOMEM;
	if (err) {
		free_client(c);
		return err;
	}
	h->clients[idx] = c;
	*out = c;
	return 0;
}

/* ---- End --------------------------------------------------------------------------- */

static void drop_handle(struct host_client *c, uint32_t place)
{
	switch (c->handles.places[place].kind) {
	case HANDLE_QUEUE:
		queue_drop(c, place);
		break;
	case HANDLE_FLOW:
		host_flow_drop(c, place);
		break;
	case HANDLE_PORT:
		host_port_drop(c, place);
		break;
	default:
		break;
	}
}

void host_client_close(struct host_client *c)
{
	struct device_queue_counters counters;
	struct host *h = c->host;

	host_client_counters(c, &counters);
	queue_add_counters(&h->counters.queues, &counters);
	/* First the device forgets, then the memory goes. */
	device_close_owner(h->device, c->idx);
	memory_remove_domain(&h->memory, c->domain);
	for (uint32_t n = 0; n < c->handles.n_places; n++)
		drop_handle(c, n);
	for (uint32_t n = 0; n < c->handles.n_places; n++) {
		if (c->handles.places[n].kind == HANDLE_OBJECT)
			(void)!window_unmap(&h->window,
					    c->handles.places[n].object.at);
	}
	(void)!window_unmap(&h->window, c->tables_at);
	if (c->doorbell >= 0) {
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, c->doorbell, NULL);
		close(c->doorbell);
		close(c->events);
	}
	h->clients[c->idx] = NULL;
	free_client(c);
}

/* ---- Ask ----------------------------------------------------------------------------- */

static int open_events(struct host_client *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = c->idx };

	c->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->doorbell >= 0 && c->events >= 0 &&
	    !epoll_ctl(c->host->epoll, EPOLL_CTL_ADD, c->doorbell, &event))
		return 0;
	if (c->doorbell >= 0)
		close(c->doorbell);
	if (c->events >= 0)
		close(c->events);
	c->doorbell = c->events = -1;
	return -EMFILE;
}

static int copy_events(struct request *r)
{
	const int fds[] = { r->client->doorbell, r->client->events };

	for (uint32_t n = 0; n < ARRAY_SIZE(fds); n++) {
		r->fds[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, 0);
		if (r->fds[n] < 0)
			return -EMFILE;
		r->reply->n_fds++;
	}
	return 0;
}

static int greet(struct request *r)
{
	struct host_client *c = r->client;
	const struct host_limits *l = &c->policy.limits;
	const struct wire_caps *caps = &c->host->wire->caps;
	int err = 0;

	if (c->greeted)
		return -EPROTO;
	if (!c->policy.in_process && c->doorbell < 0)
		err = open_events(c);
	if (!err && !c->policy.in_process)
		err = copy_events(r);
	if (err)
		return err;
	c->greeted = true;
	r->reply->hello.memory = l->memory;
	r->reply->hello.queues = l->queues;
	r->reply->hello.regions = l->regions;
	r->reply->hello.flows = l->flows;
	r->reply->hello.max_frame = caps->max_frame;
	r->reply->hello.linktype = caps->linktype;
	memcpy(r->reply->hello.mac, c->host->options.mac, 6);
	return 0;
}

static int (*const operations[CONTROL_N_OPERATIONS])(struct request *r) = {
	[CONTROL_HELLO] = greet,
	[CONTROL_ALLOCATE] = object_allocate,
	[CONTROL_FREE] = object_free,
	[CONTROL_OPEN_QUEUE] = queue_open,
	[CONTROL_CLOSE_QUEUE] = queue_close,
	[CONTROL_REGISTER] = region_open,
	[CONTROL_RELEASE] = region_close,
	[CONTROL_ADD_FLOW] = host_flow_add,
	[CONTROL_REMOVE_FLOW] = host_flow_remove,
	[CONTROL_ADD_LISTEN] = host_flow_listen,
	[CONTROL_REMOVE_LISTEN] = host_flow_remove_listen,
	[CONTROL_OWN_ADDRESS] = host_flow_own_address,
	[CONTROL_REVOKE] = queue_revoke,
	[CONTROL_ASK_LOW] = queue_ask_low,
	[CONTROL_ROUTE] = host_flow_route,
	[CONTROL_HOLD_PORT] = host_port_hold,
	[CONTROL_RELEASE_PORT] = host_port_release,
	[CONTROL_ADDRESS] = host_name_address,
};

static bool is_zero(const uint8_t *bytes, size_t n)
{
	uint8_t any = 0;

	for (size_t at = 0; at < n; at++)
		any |= bytes[at];
	return any == 0;
}

static int execute(struct request *r)
{
	const struct control_request *ask = r->ask;
	uint32_t used;

	if (ask->magic != CONTROL_MAGIC || ask->version != CONTROL_VERSION)
		return -EBADMSG;
	if (ask->operation >= CONTROL_N_OPERATIONS ||
	    !operations[ask->operation])
		return -ENOSYS;
	used = control_request_bytes(ask->operation);
	if (!is_zero(ask->bytes + used, sizeof(ask->bytes) - used))
		return -EINVAL;
	if (!r->client->greeted && ask->operation != CONTROL_HELLO)
		return -EPROTO;
	return operations[ask->operation](r);
}

/* An operation that failed leaves nothing in its reply. */
static void clear_reply(struct request *r)
{
	for (uint32_t n = 0; n < r->reply->n_fds; n++)
		close(r->fds[n]);
	memset(r->reply->bytes, 0, sizeof(r->reply->bytes));
	r->reply->n_fds = 0;
	r->reply->handle = CONTROL_NONE;
}

void host_request(struct host_client *c, const struct control_request *request,
		  struct control_reply *reply, int fds[CONTROL_FDS_MAX])
{
	struct request r = {
		.host = c->host, .client = c, .ask = request, .reply = reply,
		.fds = fds,
	};

	*reply = (struct control_reply){
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = request->operation, .number = request->number,
		.handle = CONTROL_NONE,
	};
	c->host->counters.requests++;
	reply->status = execute(&r);
	if (reply->status >= 0)
		return;
	c->host->counters.refused++;
	clear_reply(&r);
}
