/* SPDX-License-Identifier: BSD-2-Clause */
/* shared.h - A memory object of the device's owner, mapped in this process */
#ifndef VERBS_SHARED_H
#define VERBS_SHARED_H

#include "verbs/attach.h"

#define SHARED_PAGE 4096u

struct shared {
	void *address;
	size_t bytes;
	uint32_t handle;
};

/**
 * shared_allocate() - Ask for an object and map it
 * @bytes:	1 or more; rounded up to pages
 * @o:		Set on success; release with shared_free()
 * @fd:		Set to the object's descriptor, then the caller's to close; or NULL
 *
 * Return: 0; -ENOMEM; -errno of the other side.
 */
MUST_CHECK int shared_allocate(struct attachment *a, size_t bytes, struct shared *o,
			       int *fd);

/**
 * shared_free() - Give it back, then unmap it
 *
 * Return: 0, or -errno of the other side: it stays mapped then.
 */
int shared_free(struct attachment *a, struct shared *o);

/** shared_unmap() - Of an attachment that is closed */
void shared_unmap(struct shared *o);

#endif
