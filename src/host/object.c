// SPDX-License-Identifier: BSD-2-Clause
/*
 * object.c - Memory objects: made here, sealed, mapped on the bus
 *
 * Their pages come when they are first touched. A program that touches them first is
 * the one that pays for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/state.h"

#define PAGE 4096u
#define ALIGN_MAX (1ull << 30)	/* the largest page of the tables               */

/* An object is a file that neither its client nor anybody else can resize. */
static int make_file(uint64_t bytes)
{
	int fd = memfd_create("tto", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)bytes) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* So that large pages fit, when the program maps it as well aligned. */
static uint64_t alignment_for(uint64_t bytes)
{
	uint64_t align = PAGE;

	while (align < ALIGN_MAX && align * 2 <= bytes)
		align *= 2;
	return align;
}

static int map_object(struct host_client *c, int fd, uint64_t bytes, uint64_t *at)
{
	struct host *h = c->host;
	struct window_object o = {
		.fd = fd, .bytes = bytes, .writable = true,
		.align = alignment_for(bytes),
	};
	int err = window_map(&h->window, &o, at);

	if (err)
		return err;
	err = domain_add_extent(&h->memory.domains[c->domain], *at, bytes,
				EXTENT_READ | EXTENT_WRITE);
	if (err)
		(void)!window_unmap(&h->window, *at);
	return err;
}

static int check(const struct host_client *c, const struct control_request *ask)
{
	const struct host_limits *l = &c->policy.limits;
	uint64_t bytes = ask->allocate.bytes;

	if (bytes == 0 || bytes % PAGE || ask->allocate.flags ||
	    ask->allocate.reserved)
		return -EINVAL;
	if (c->usage.objects == l->objects || bytes > l->memory - c->usage.memory)
		return -EDQUOT;
	return 0;
}

int object_allocate(struct request *r)
{
	struct host_client *c = r->client;
	uint64_t bytes = r->ask->allocate.bytes, at;
	uint32_t place;
	int err = check(c, r->ask), fd;

	if (err)
		return err;
	fd = make_file(bytes);
	if (fd < 0)
		return fd;
	err = handle_add(&c->handles, HANDLE_OBJECT, &place);
	if (err)
		goto err_close;
	err = map_object(c, fd, bytes, &at);
	if (err)
		goto err_remove;
	c->handles.places[place].object = (struct host_object){
		.at = at, .bytes = bytes,
	};
	c->usage.objects++;
	c->usage.memory += bytes;
	r->reply->handle = handle_of(&c->handles, place);
	r->reply->n_fds = 1;
	r->fds[0] = fd;
	return 0;

err_remove:
	handle_remove(&c->handles, place);
err_close:
	close(fd);
	return err;
}

void object_drop(struct host_client *c, uint32_t place)
{
	struct host_object *o = &c->handles.places[place].object;
	struct host *h = c->host;

	/* Whole extents go: there is nothing to be split. */
	(void)!memory_revoke(&h->memory, c->domain, o->at, o->bytes);
	(void)!window_unmap(&h->window, o->at);
	c->usage.objects--;
	c->usage.memory -= o->bytes;
	handle_remove(&c->handles, place);
}

int object_free(struct request *r)
{
	struct handle_table *t = &r->client->handles;
	struct handle *handle = handle_find(t, r->ask->handle, HANDLE_OBJECT);

	if (!handle)
		return -ENOENT;
	if (handle->object.refs)
		return -EBUSY;
	object_drop(r->client, handle_place(t, handle));
	return 0;
}
