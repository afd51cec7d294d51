// SPDX-License-Identifier: BSD-2-Clause
/* passing.c - Sockets in messages to other processes: who sends, who receives */
#include "socket/passing/passing.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/join.h"
#include "socket/kernel.h"
#include "socket/process.h"

/* ---- Messages ------------------------------------------------------------------------ */

typedef void each_fn(int fd);

/* Descriptors of @c, as far as they lie in @m. */
static size_t count_rights(const struct msghdr *m, const struct cmsghdr *c)
{
	size_t room = (size_t)((const char *)m->msg_control + m->msg_controllen -
			       (const char *)CMSG_DATA(c));
	size_t bytes = c->cmsg_len - CMSG_LEN(0);

	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len < CMSG_LEN(0))
		return 0;
	return (bytes < room ? bytes : room) / sizeof(int);
}

static void for_rights(const struct msghdr *m, each_fn *each)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	for (; c; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
		for (size_t n = count_rights(m, c); n; n--) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + (n - 1) * sizeof(fd), sizeof(fd));
			each(fd);
		}
	}
}

/* Most control messages are others. */
static bool has_rights(const struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	while (c && !count_rights(m, c))
		c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c);
	return c;
}

/* ---- What is on its way ------------------------------------------------------------------ */

/* Return: 0: not a socket. */
static uint64_t inode_of(int fd)
{
	struct stat st;

	if (kernel_call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) ||
	    !S_ISSOCK(st.st_mode))
		return 0;
	return (uint64_t)st.st_ino;
}

static struct passing **find(uint64_t inode)
{
	struct passing **at = &stack->passings;

	while (*at && (*at)->inode != inode)
		at = &(*at)->next;
	return at;
}

/* All @n of them are dropped. */
static void forget(struct passing **at)
{
	struct passing *p = *at;

	*at = p->next;
	while (p->n--)
		descriptor_drop(p->entry);
	heap_free(p);
}

/* A message has come, or was never sent. */
static void one_less(struct passing **at)
{
	if ((*at)->n == 1) {
		forget(at);
		return;
	}
	(*at)->n--;
	descriptor_drop((*at)->entry);
}

static struct passing *make(int fd, uint64_t inode, uint32_t entry)
{
	struct passing *p = alive_watch(fd, inode) ? NULL : heap_zeroed(1, sizeof(*p));

	if (!p)
		return NULL;
	p->inode = inode;
	p->entry = entry;
	p->next = stack->passings;
	stack->passings = p;
	return p;
}

static void sent(int fd)
{
	const struct socket *s = descriptor_socket(fd);
	uint64_t inode = s ? inode_of(fd) : 0;
	struct passing *p;

	if (!inode)
		return;
	p = *find(inode);
	if (!p)
		p = make(fd, inode, s->idx + 1);
	if (!p)
		return;
	p->n++;
	descriptor_hold(p->entry);
}

static void not_sent(int fd)
{
	uint64_t inode = descriptor_socket(fd) ? inode_of(fd) : 0;
	struct passing **at = find(inode);

	if (inode && *at)
		one_less(at);
}

/* It is seen again when the message is received. */
static void seen(int fd)
{
	const struct passing *p = *find(inode_of(fd));

	descriptor_forget(fd);
	if (!p)
		return;
	descriptor_hold(p->entry);
	if (descriptor_add(fd, stack->sockets[p->entry - 1]))
		descriptor_drop(p->entry);
}

static void received(int fd)
{
	struct passing **at = find(inode_of(fd));

	seen(fd);
	if (*at)
		one_less(at);
}

/* ---- Who sends and receives ---------------------------------------------------------- */

void tto_pass_begin(const struct msghdr *m)
{
	if (!process_self || !has_rights(m) || !stack_lock())
		return;
	for_rights(m, sent);
	stack_unlock();
}

void tto_pass_failed(const struct msghdr *m)
{
	if (!process_self || !has_rights(m) || !stack_lock())
		return;
	for_rights(m, not_sent);
	stack_unlock();
}

/* A process that has not joined yet does so with the first socket that it is given. */
static void join_for(int fd)
{
	int type = 0, protocol = 0;
	socklen_t bytes = sizeof(int);

	if (!kernel_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) &&
	    !kernel_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes) &&
	    type == SOCK_STREAM && protocol == IPPROTO_TCP)
		join_if_due();
}

void tto_pass_end(const struct msghdr *m, int flags)
{
	if (!has_rights(m))
		return;
	if (join_is_due)
		for_rights(m, join_for);
	if (!process_self || !stack_lock())
		return;
	for_rights(m, flags & MSG_PEEK ? seen : received);
	stack_unlock();
}

/* ---- What nobody will receive ------------------------------------------------------------- */

static void is_there(uint64_t inode)
{
	struct passing *p = *find(inode);

	if (p)
		p->is_alive = true;
}

void passing_reap(void)
{
	struct passing **at = &stack->passings;

	if (!*at)
		return;
	for (struct passing *p = *at; p; p = p->next)
		p->is_alive = false;
	if (alive_look(is_there))
		return;
	while (*at) {
		if ((*at)->is_alive)
			at = &(*at)->next;
		else
			forget(at);
	}
}
