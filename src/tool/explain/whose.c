// SPDX-License-Identifier: BSD-2-Clause
/*
 * whose.c - Is a socket of a program the stack's or the kernel's, and why?
 *
 * First comes what the stack's table says of the descriptor. What it does not know is
 * the kernel's, and why follows from what the kernel says of it and of its process.
 */
#include "tool/explain/whose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "socket/descriptor.h"

#define KERNEL_LISTEN 10	/* linux/tcp_states.h                           */

static const struct {
	const char *name, *text;
} causes[] = {
#define X(id, name, text) { name, text },
	SOCKET_CAUSES(X)
#undef X
};

const char *cause_name(int cause)
{
	return cause >= 0 && cause < SOCKET_N_CAUSES ? causes[cause].name : NULL;
}

const char *cause_text(int cause)
{
	return cause >= 0 && cause < SOCKET_N_CAUSES ? causes[cause].text : NULL;
}

const char *whose_name(enum whose whose)
{
	static const char *const names[] = { "stack", "kernel", "both", "nobody" };

	return names[whose];
}

/* ---- The process ------------------------------------------------------------------- */

static int cause_of_process(const struct kernel_process *k)
{
	/* It joins with its first socket. */
	if (k->has_heap || k->has_library)
		return -1;
	if (k->is_static)
		return SOCKET_CAUSE_STATIC;
	if (k->is_privileged)
		return SOCKET_CAUSE_PRIVILEGED;
	return k->has_environment ? SOCKET_CAUSE_NOT_JOINED : SOCKET_CAUSE_ENVIRONMENT;
}

static const struct process *find_entry(const struct look *l, pid_t pid)
{
	for (unsigned n = 0; n < STACK_PROCESSES; n++) {
		if (l->stack->processes[n].pid == pid)
			return &l->stack->processes[n];
	}
	return NULL;
}

int whose_open(struct whose_process *p, const struct look *l, pid_t pid)
{
	*p = (struct whose_process){ .look = l };
	p->n_fds = kernel_fds(pid, &p->fds);
	if (p->n_fds < 0)
		return p->n_fds;
	kernel_process(pid, &p->facts);
	p->entry = find_entry(l, p->facts.inside);
	p->cause = cause_of_process(&p->facts);
	for (int n = 0; n < p->n_fds; n++)
		p->has_ring |= p->fds[n].is_ring;
	p->n_sockets = kernel_sockets(pid, &p->sockets);
	return 0;
}

void whose_close(struct whose_process *p)
{
	free(p->fds);
	free(p->sockets);
}

/* ---- A socket ----------------------------------------------------------------------- */

static uint32_t entry_of(const struct whose_process *p, int fd)
{
	uint32_t entry = DESCRIPTOR_NONE;
	uintptr_t at = p->entry ? (uintptr_t)p->entry->fds : 0;

	if (!at || fd < 0 || (uint32_t)fd >= DESCRIPTORS_MAX ||
	    heap_peek(p->look->heap, (void *)(at + (uint32_t)fd * sizeof(entry)), &entry,
		      sizeof(entry)))
		return DESCRIPTOR_NONE;
	return entry;
}

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_of_internet(const char *protocol)
{
	static const char *const names[] = { "TCP", "UDP", "RAW", "PING", "MPTCP", "SCTP",
					     "DCCP" };

	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		if (begins_with(protocol, names[n]))
			return true;
	}
	return false;
}

/* Was it accepted by a socket that is still there? */
static bool was_accepted(const struct whose_process *p, const struct kernel_socket *of)
{
	for (int n = 0; of && of->remote_port && n < p->n_sockets; n++) {
		const struct kernel_socket *s = &p->sockets[n];

		if (s->is_tcp && s->state == KERNEL_LISTEN &&
		    s->local_port == of->local_port)
			return true;
	}
	return false;
}

static int cause_of_socket(const struct whose_process *p, const struct kernel_fd *d,
			   const struct kernel_socket *k)
{
	if (p->cause >= 0)
		return p->cause;
	if (begins_with(d->protocol, "UDP"))
		return SOCKET_CAUSE_UDP;
	if (begins_with(d->protocol, "RAW") || begins_with(d->protocol, "PING"))
		return SOCKET_CAUSE_RAW;
	if (!begins_with(d->protocol, "TCP"))
		return SOCKET_CAUSE_PROTOCOL;
	if (!p->facts.has_heap)
		return SOCKET_CAUSE_NOT_JOINED;
	if ((uint32_t)d->fd >= DESCRIPTORS_MAX)
		return SOCKET_CAUSE_FULL;
	if (was_accepted(p, k))
		return SOCKET_CAUSE_BY_KERNEL;
	return p->has_ring ? SOCKET_CAUSE_IO_URING : SOCKET_CAUSE_BEFORE;
}

/* Somebody may have the same socket under a number that he has copied unseen. */
static int cause_by_inode(const struct whose_process *p, const struct kernel_fd *d)
{
	int cause = descriptor_cause(entry_of(p, d->fd), d->inode);

	for (int n = 0; cause < 0 && n < p->n_fds; n++) {
		if (p->fds[n].inode == d->inode && !p->fds[n].is_ring)
			cause = descriptor_cause(entry_of(p, p->fds[n].fd), d->inode);
	}
	return cause;
}

static void fill_kernel(const struct whose_process *p, const struct kernel_fd *d,
			struct whose_socket *s)
{
	const struct kernel_socket *k = kernel_socket_find(p->sockets, p->n_sockets,
							   d->inode);
	int cause = p->cause >= 0 ? -1 : cause_by_inode(p, d);

	s->whose = WHOSE_KERNEL;
	s->cause = cause >= 0 ? cause : cause_of_socket(p, d, k);
	s->state = kernel_state(k);
	snprintf(s->local, sizeof(s->local), "%s", k ? k->local : "*");
	snprintf(s->remote, sizeof(s->remote), "%s", k ? k->remote : "*");
}

static void fill_stack(const struct whose_process *p, const struct socket *from,
		       struct whose_socket *s)
{
	struct tcp_report report;

	look_name(s->local, from->tuple.local, from->tuple.local_port, from->tuple.v6);
	look_name(s->remote, from->tuple.remote, from->tuple.remote_port, from->tuple.v6);
	s->whose = WHOSE_STACK;
	if (from->kind == SOCKET_NEW) {
		s->whose = WHOSE_NOBODY;
		s->state = "UNCONN";
	} else if (from->kind == SOCKET_LISTENER) {
		s->whose = from->flags & SOCKET_OURS ? WHOSE_STACK : WHOSE_BOTH;
		s->state = "LISTEN";
	} else {
		look_at_report(p->look, from, &report);
		s->state = from->flags & SOCKET_OVER ? "CLOSED" :
						       look_state(report.state);
	}
}

bool whose_socket(const struct whose_process *p, int n, struct whose_socket *s)
{
	const struct kernel_fd *d = &p->fds[n];
	uint32_t entry = entry_of(p, d->fd);
	struct socket from;

	if (d->is_ring || !is_of_internet(d->protocol))
		return false;
	*s = (struct whose_socket){ .fd = d->fd, .cause = -1 };
	memcpy(s->protocol, d->protocol, sizeof(s->protocol));
	if (p->cause < 0 && entry != DESCRIPTOR_NONE && entry <= STACK_SOCKETS &&
	    look_at_socket(p->look, entry - 1, &from))
		fill_stack(p, &from, s);
	else
		fill_kernel(p, d, s);
	return true;
}
