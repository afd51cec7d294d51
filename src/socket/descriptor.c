// SPDX-License-Identifier: BSD-2-Clause
/* descriptor.c - What the descriptors of this process are */
#include "socket/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/heap.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/epoll.h"
#include "socket/ready/wait.h"
#include "socket/work/take.h"

#define SET_SHIFT 6		/* what is in the heap is aligned to 64         */

_Static_assert(SOCKET_N_CAUSES <= 32, "a cause fits into an entry");
_Static_assert(HEAP_BYTES >> SET_SHIFT <= DESCRIPTOR_SET, "sets fit into an entry");

/* ---- Entries ------------------------------------------------------------------------- */

static struct epoll_set *set_of(uint32_t entry)
{
	uintptr_t at = entry & ~DESCRIPTOR_SET;

	return entry & DESCRIPTOR_SET ? (void *)(HEAP_ADDRESS + (at << SET_SHIFT)) : NULL;
}

static struct socket *socket_of(uint32_t entry)
{
	if (entry == DESCRIPTOR_NONE || entry >= DESCRIPTOR_KERNEL)
		return NULL;
	return stack->sockets[entry - 1];
}

void descriptor_hold(uint32_t entry)
{
	struct epoll_set *set = set_of(entry);
	struct socket *s = socket_of(entry);

	if (set)
		set->refs++;
	if (s)
		s->refs++;
}

void descriptor_drop(uint32_t entry)
{
	struct epoll_set *set = set_of(entry);
	struct socket *s = socket_of(entry);

	if (set)
		epoll_drop(set);
	if (!s)
		return;
	if (s->refs == 1)
		watches_drop(&s->watches);
	socket_drop(s);
}

/* ---- The table ---------------------------------------------------------------------------- */

static uint32_t look(int fd)
{
	const struct process *me = process_self;

	if (!me || (uint32_t)fd >= DESCRIPTORS_MAX)
		return DESCRIPTOR_NONE;
	return __atomic_load_n(&me->fds[fd], __ATOMIC_RELAXED);
}

static int set_entry(int fd, uint32_t entry)
{
	struct process *me = process_self;

	if ((uint32_t)fd >= DESCRIPTORS_MAX)
		return -EMFILE;
	if (!me)
		return -ENOMEM;
	if (me->end_fds <= (uint32_t)fd)
		me->end_fds = (uint32_t)fd + 1;
	__atomic_store_n(&me->fds[fd], entry, __ATOMIC_RELAXED);
	return 0;
}

struct socket *descriptor_socket(int fd)
{
	return socket_of(look(fd));
}

int descriptor_lock(int fd, const struct socket *s)
{
	if (!stack_lock())
		return -EAGAIN;
	if (descriptor_socket(fd) == s)
		return 0;
	stack_unlock();
	return -EBADF;
}

struct epoll_set *descriptor_set(int fd)
{
	return set_of(look(fd));
}

int descriptor_add(int fd, struct socket *s)
{
	descriptor_forget(fd);
	return set_entry(fd, s->idx + 1);
}

int descriptor_add_set(int fd, struct epoll_set *set)
{
	uint32_t at = (uint32_t)(((uintptr_t)set - HEAP_ADDRESS) >> SET_SHIFT);

	descriptor_forget(fd);
	return set_entry(fd, at | DESCRIPTOR_SET);
}

void descriptor_copy(int from, int to)
{
	uint32_t entry = look(from);

	descriptor_forget(to);
	if (entry == DESCRIPTOR_NONE)
		return;
	descriptor_hold(entry);
	if (set_entry(to, entry))
		descriptor_drop(entry);
}

void descriptor_forget(int fd)
{
	uint32_t entry = look(fd);

	if (entry == DESCRIPTOR_NONE)
		return;
	works_close(fd);
	(void)!set_entry(fd, DESCRIPTOR_NONE);
	descriptor_drop(entry);
}

void descriptor_leave(int fd, enum socket_cause cause)
{
	struct stat st;

	descriptor_forget(fd);
	if (!kernel_call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH))
		(void)!set_entry(fd, descriptor_mark(cause, st.st_ino));
}
