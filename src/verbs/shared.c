// SPDX-License-Identifier: BSD-2-Clause
/* shared.c - A memory object of the device's owner, mapped in this process */
#include "verbs/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What could shrink would end the program by a signal when it is touched. */
static bool is_safe(int fd, size_t bytes)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK && fstat(fd, &st) == 0 &&
	       st.st_size >= 0 && (uint64_t)st.st_size >= bytes;
}

/* Return: 0 or -errno. */
static int map(struct shared *o, const struct control_reply *reply, const int *fds)
{
	if (reply->n_fds != 1 || !is_safe(fds[0], o->bytes))
		return -EPROTO;
	o->address = mmap(NULL, o->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0],
			  0);
	return o->address == MAP_FAILED ? -errno : 0;
}

static int free_handle(struct attachment *a, uint32_t handle)
{
	struct control_request request = { .operation = CONTROL_FREE,
					   .handle = handle };
	struct control_reply reply;

	return attach_request(a, &request, &reply, NULL);
}

int shared_allocate(struct attachment *a, size_t bytes, struct shared *o, int *fd)
{
	struct control_request request = { .operation = CONTROL_ALLOCATE,
					   .handle = CONTROL_NONE };
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int status;

	if (!bytes || bytes > SIZE_MAX - SHARED_PAGE)
		return -EINVAL;
	bytes = (bytes + SHARED_PAGE - 1) & ~(size_t)(SHARED_PAGE - 1);
	request.allocate.bytes = bytes;
	status = attach_request(a, &request, &reply, fds);
	if (status < 0)
		return status;
	*o = (struct shared){ .bytes = bytes, .handle = reply.handle };
	status = map(o, &reply, fds);
	if (fd && !status)
		*fd = fds[0];
	for (uint32_t i = fd && !status ? 1 : 0; i < reply.n_fds; i++)
		close(fds[i]);
	if (status)
		free_handle(a, reply.handle);
	return status;
}

void shared_unmap(struct shared *o)
{
	if (o->address)
		munmap(o->address, o->bytes);
	*o = (struct shared){ .address = NULL };
}

int shared_free(struct attachment *a, struct shared *o)
{
	int status = o->address ? free_handle(a, o->handle) : 0;

	if (status < 0 && status != -EPIPE)
		return status;
	shared_unmap(o);
	return 0;
}
