// SPDX-License-Identifier: BSD-2-Clause
/* memory.c - Memory of the device: allocate, register, name */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "verbs/device.h"

/* ---- The cache's way to the device's owner ------------------------------------------ */

static int register_range(void *ctx, struct registered_range *range, uint32_t rights)
{
	struct tto_device *d = ctx;
	struct control_request request = {
		.operation = CONTROL_REGISTER,
		.handle = range->object,
		.region = { .address = (uintptr_t)range->region.address,
			    .bytes = range->region.bytes,
			    .offset = range->object_offset, .rights = rights },
	};
	struct control_reply reply;
	int status = attach_request(d->attachment, &request, &reply, NULL);

	if (status < 0)
		return status;
	range->handle = reply.handle;
	range->region.stag = reply.region.stag;
	range->region.pdbr = reply.region.pdbr;
	return 0;
}

/* It can only fail when the device is gone, and then it reaches nothing either. */
static void release_range(void *ctx, struct registered_range *range)
{
	struct tto_device *d = ctx;
	struct control_request request = { .operation = CONTROL_RELEASE,
					   .handle = range->handle };
	struct control_reply reply;
	int status = attach_request(d->attachment, &request, &reply, NULL);

	(void)status;
}

const struct registration_ops memory_registration_ops = {
	.register_range = register_range,
	.release_range = release_range,
};

/* ---- Allocations ---------------------------------------------------------------------- */

int memory_take(struct tto_device *device, size_t bytes, struct allocation **out,
		int *fd)
{
	struct allocation *a = calloc(1, sizeof(*a));
	int status;

	if (!a)
		return -ENOMEM;
	status = shared_allocate(device->attachment, bytes, &a->object, fd);
	if (status)
		goto err_free;
	a->range.region.address = a->object.address;
	a->range.region.bytes = a->object.bytes;
	a->range.object = a->object.handle;
	status = registration_add(&device->cache, &a->range);
	if (status)
		goto err_object;
	a->next = device->allocations;
	device->allocations = a;
	*out = a;
	return 0;

err_object:
	if (fd)
		close(*fd);
	shared_free(device->attachment, &a->object);
err_free:
	free(a);
	return status;
}

int memory_give(struct tto_device *device, struct allocation *a)
{
	struct allocation **at = &device->allocations;
	int status;

	if (!a)
		return 0;
	status = registration_remove(&device->cache, &a->range);
	if (status)
		return status;
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	/* Whatever the owner thinks of it, the program has no more of it. */
	if (shared_free(device->attachment, &a->object))
		shared_unmap(&a->object);
	free(a);
	return 0;
}

void memory_forget(struct tto_device *device)
{
	while (device->allocations) {
		struct allocation *a = device->allocations;

		device->allocations = a->next;
		shared_unmap(&a->object);
		free(a);
	}
	registration_cache_close(&device->cache);
}

int tto_memory_allocate(struct tto_device *device, size_t bytes, void **address)
{
	struct allocation *a;
	int status = memory_take(device, bytes, &a, NULL);

	if (status)
		return status;
	*address = a->object.address;
	return 0;
}

int tto_memory_free(struct tto_device *device, void *address)
{
	struct registered_range *range = registration_find(&device->cache, address, 1);

	if (!range || range->region.address != address || range->is_own)
		return -ENOENT;
	return memory_give(device, (struct allocation *)range);
}

/* ---- Regions ------------------------------------------------------------------------- */

int tto_region_register(struct tto_device *device, const void *address, size_t bytes,
			uint32_t rights, const struct tto_region **region)
{
	struct registered_range *range;
	int status;

	if (!bytes || !rights || rights & ~(uint32_t)(TTO_READ | TTO_WRITE))
		return -EINVAL;
	range = registration_find(&device->cache, address, bytes);
	if (!range)
		return -EFAULT;
	status = registration_get(&device->cache, range, rights, rights);
	if (status)
		return status;
	*region = &range->region;
	return 0;
}

int tto_region_release(struct tto_device *device, const struct tto_region *region)
{
	struct registered_range *range =
		registration_find(&device->cache, region->address, region->bytes);

	if (!range || &range->region != region || !range->holders)
		return -ENOENT;
	registration_put(&device->cache, range);
	return 0;
}

/* A region is named by its tag; what the library found itself, by its page table. */
int memory_place(struct tto_device *device, const void *address, size_t bytes,
		 const struct tto_region *region, uint32_t need,
		 struct place *place, struct registered_range **range)
{
	struct registered_range *r = region ? registration_of(region) :
				     registration_find(&device->cache, address, bytes);
	uint64_t offset;
	int status;

	if (!r)
		return -EFAULT;
	offset = (uintptr_t)address - (uintptr_t)r->region.address;
	if (offset > r->region.bytes || bytes > r->region.bytes - offset)
		return -EINVAL;
	status = registration_get(&device->cache, r, need, TTO_READ | TTO_WRITE);
	if (status)
		return status;
	*place = region ? (struct place){ offset, r->region.stag,
					  DESCRIPTOR_REGION } :
		 (struct place){ (uintptr_t)address, r->region.pdbr,
				 DESCRIPTOR_VIRTUAL };
	*range = r;
	return 0;
}
