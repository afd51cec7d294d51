// SPDX-License-Identifier: BSD-2-Clause
/*
 * share.c - Connections of memif that several processes have
 *
 * DOC: Theory of operation
 * What is known of the connection is in the heap, its memory is mapped at the same
 * addresses in all processes, and its descriptors have the same numbers. So any of them
 * receives and sends as the one that opened it would; one at a time.
 *
 * When it has ended, one process, whichever looks first, begins the next, as a wire does
 * that is not shared, but one at a time. Until it is up its descriptors are that process's
 * alone, and in no epoll set, because others could do nothing about them; it looks after
 * some milliseconds, and after more if nothing comes. When it does not, for MEETING_NS,
 * another begins anew.
 *
 * A connection that is up is published:
 *
 *	its descriptors get the numbers that are kept for them, and are sent, with those
 *	of its memory, into the box: a pair of sockets that all processes have
 *	generation goes up
 *
 * Each process compares that number before it does anything, and if it has another one,
 * unmaps what it had, looks into the box - it only looks (MSG_PEEK), so that others find the
 * same -, puts the descriptors under their numbers and maps the memory where it is for all.
 * Numbers that are kept are out of a program's reach. Those that stand for nothing are
 * taken all the same, by another name of the doorbell's file.
 *
 * Limits: no memory that is watched by guard.h, which is for one process; SHARED_REGIONS of
 * it. A connection that is not up, and whose process looks after something else, waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/keep.h"
#include "base/kernel.h"
#include "wire/memif/channel.h"
#include "wire/memif/state.h"

#define PATIENCE_MS 5000
#define TURN_MS 20
#define LOOK_NS 2000000u	/* while a connection is not up                 */

/* ---- Descriptors of a connection --------------------------------------------------- */

/* One of them: where it is kept, and what wakes us; @events 0: nothing. */
struct shared_fd {
	int *fd;
	uint32_t events;
	unsigned slot;		/* in m->numbers                                */
};

/* All, in an order that is the same for all, regions last. Return: how many. */
static unsigned list_fds(const struct memif *m, struct session *s,
			 struct shared_fd *list)
{
	unsigned queues = m->options.session.n_queues, n = 0;

	list[n++] = (struct shared_fd){ &s->fd, EPOLLIN, 0 };
	for (unsigned k = 0; k < s->n_rx; k++)
		list[n++] = (struct shared_fd){ &s->rx[k].event, EPOLLIN | EPOLLET,
						1 + k };
	for (unsigned k = 0; k < s->n_tx; k++)
		list[n++] = (struct shared_fd){ &s->tx[k].event, 0, 1 + queues + k };
	for (unsigned k = 0; k < s->n_regions && k < SHARED_REGIONS; k++)
		list[n++] = (struct shared_fd){ &s->regions[k].fd, 0,
						1 + 2 * queues + k };
	return n;
}

/* The set knows a descriptor by its number. */
static void unwatch(const struct memif *m, int fd)
{
	kernel_call(SYS_epoll_ctl, m->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static int watch(const struct memif *m, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events,
				 .data.u32 = events & EPOLLET ? SESSION_BELL : 0 };

	return kernel_call(SYS_epoll_ctl, m->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* From here on @number stands for what @fd does. */
static int put(int fd, int number)
{
	return kernel_call(SYS_dup3, fd, number, 0) < 0 ? -errno : 0;
}

/* This process has none of a connection's. */
static void drop_numbers(const struct memif *m)
{
	for (unsigned n = 0; n < m->n_numbers; n++)
		(void)!put(m->doorbell_file, m->numbers[n]);
}

static int refuse(struct session *s, int err, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	return err;
}

/* What has come since the last time gets its number. */
static int settle(const struct memif *m, struct session *s)
{
	struct shared_fd list[SHARED_FDS];
	unsigned n = list_fds(m, s, list);

	if (s->n_regions > SHARED_REGIONS)
		return refuse(s, -ENOSPC, "too many regions for several processes");
	for (unsigned k = 0; k < n; k++) {
		int own = *list[k].fd, number = m->numbers[list[k].slot];

		if (own < 0 || own == number)
			continue;
		if (list[k].events && s->epoll >= 0)
			unwatch(m, own);
		if (put(own, number))
			return refuse(s, -EMFILE, "no descriptors");
		kernel_call(SYS_close, own);
		*list[k].fd = number;
	}
	return 0;
}

/* ---- The box ------------------------------------------------------------------------ */

static void close_fds(const int *fds, unsigned n)
{
	while (n)
		kernel_call(SYS_close, fds[--n]);
}

union box_control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(SHARED_FDS * sizeof(int))];
};

/* Return: how many descriptors there are in it, of @generation; -EAGAIN: none. */
static int read_box(const struct memif *m, int *fds, uint32_t *generation, int flags)
{
	union box_control control;
	struct iovec iov = { generation, sizeof(*generation) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;
	size_t bytes;

	if (kernel_call(SYS_recvmsg, m->box[1], &message,
			flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
	    sizeof(*generation))
		return -EAGAIN;
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EAGAIN;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), bytes);
	return (int)(bytes / sizeof(int));
}

static void empty_box(const struct memif *m)
{
	int fds[SHARED_FDS], n;
	uint32_t generation;

	while ((n = read_box(m, fds, &generation, 0)) >= 0)
		close_fds(fds, (unsigned)n);
}

static int fill_box(const struct memif *m, const int *fds, unsigned n,
		    uint32_t generation)
{
	union box_control control = { .bytes = { 0 } };
	struct iovec iov = { &generation, sizeof(generation) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	empty_box(m);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	return kernel_call(SYS_sendmsg, m->box[0], &message,
			   MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ---- Publish -------------------------------------------------------------------------- */

static void note_mapped(struct memif_wire *w, const struct session *s)
{
	w->n_mapped = s->n_regions;
	memcpy(w->mapped, s->regions, s->n_regions * sizeof(s->regions[0]));
}

/* What wakes this process wakes all from now on. */
static int watch_all(const struct memif *m, struct session *s,
		     const struct shared_fd *list, unsigned n)
{
	int err = 0;

	s->epoll = m->epoll;
	for (unsigned k = 0; k < n && !err; k++) {
		if (list[k].events)
			err = watch(m, *list[k].fd, list[k].events);
	}
	return err;
}

int memif_publish(struct memif_wire *w, struct session *s)
{
	struct memif *m = w->memif;
	struct shared_fd list[SHARED_FDS];
	int fds[SHARED_FDS], err = settle(m, s);
	unsigned n;

	for (unsigned k = 0; k < s->n_regions && !err; k++) {
		if (s->regions[k].guarded || s->regions[k].fd < 0)
			err = refuse(s, -EOPNOTSUPP, "memory that cannot be shared");
	}
	if (err)
		return err;
	n = list_fds(m, s, list);
	for (unsigned k = 0; k < n; k++)
		fds[k] = *list[k].fd;
	err = fill_box(m, fds, n, m->generation + 1);
	if (!err)
		err = watch_all(m, s, list, n);
	if (err)
		return refuse(s, err, "descriptors that cannot be passed on");
	for (unsigned k = 0; k < s->n_regions; k++) {
		(void)!put(m->doorbell_file, s->regions[k].fd);
		s->regions[k].fd = -1;
	}
	note_mapped(w, s);
	w->generation = ++m->generation;
	return 0;
}

/* ---- Catch up --------------------------------------------------------------------------- */

static void unmap_all(const struct region *regions, unsigned n)
{
	while (n--)
		munmap(regions[n].base, regions[n].bytes);
}

static void forget_mapped(struct memif_wire *w)
{
	unmap_all(w->mapped, w->n_mapped);
	w->n_mapped = 0;
}

static int map_regions(struct memif_wire *w, const struct session *s, const int *fds)
{
	for (unsigned n = 0; n < s->n_regions; n++) {
		const struct region *r = &s->regions[n];
		void *at = mmap(r->base, r->bytes, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_FIXED_NOREPLACE, fds[n], 0);

		if (at == MAP_FAILED) {
			int err = errno == EEXIST ? -ENOMEM : -errno;

			unmap_all(s->regions, n);
			return err;
		}
	}
	note_mapped(w, s);
	return 0;
}

/* What is in the box is what is up. */
static int take_box(struct memif_wire *w, const int *fds, unsigned n)
{
	struct memif *m = w->memif;
	struct shared_fd list[SHARED_FDS];
	unsigned own = list_fds(m, m->up, list) - m->up->n_regions;
	int err = n == own + m->up->n_regions ? 0 : -EPROTO;

	if (!err)
		err = map_regions(w, m->up, fds + own);
	for (unsigned k = 0; k < own && !err; k++)
		err = put(fds[k], m->numbers[list[k].slot]);
	if (err)
		forget_mapped(w);
	return err;
}

static int catch_up(struct memif_wire *w)
{
	struct memif *m = w->memif;
	int fds[SHARED_FDS], n, err = -EPROTO;
	uint32_t generation;

	w->has_met = false;
	forget_mapped(w);
	drop_numbers(m);
	if (!m->up) {
		w->generation = m->generation;
		return 0;
	}
	n = read_box(m, fds, &generation, MSG_PEEK);
	if (n < 0)
		return n;
	if (generation == m->generation)
		err = take_box(w, fds, (unsigned)n);
	close_fds(fds, (unsigned)n);
	if (!err)
		w->generation = m->generation;
	return err;
}

void memif_catch_up(struct memif_wire *w)
{
	/* Without it there is no connection for this process; it tries again. */
	(void)!catch_up(w);
}

/* ---- End ---------------------------------------------------------------------------------- */

void memif_end_shared(struct memif_wire *w, struct session *s, const char *why)
{
	struct memif_message bye = { .type = MEMIF_DISCONNECT };
	struct shared_fd list[SHARED_FDS];
	struct memif *m = w->memif;
	unsigned n;

	snprintf(bye.disconnect.reason, sizeof(bye.disconnect.reason), "%s", why);
	if (channel_send(s->fd, &bye, -1))
		s->waits_to_send = false;
	/* Others have it open, some for long. */
	kernel_call(SYS_shutdown, s->fd, SHUT_RDWR);
	if (s == m->up)
		empty_box(m);
	n = list_fds(m, s, list);
	for (unsigned k = 0; k < n; k++) {
		int number = m->numbers[list[k].slot];

		/* What has not got its number yet is closed as anywhere. */
		if (*list[k].fd != number)
			continue;
		if (list[k].events && s->epoll >= 0)
			unwatch(m, number);
		*list[k].fd = -1;
	}
	drop_numbers(m);
	w->n_mapped = 0;	/* unmapped with the session                    */
	memif_session_close(s, NULL);
}

/* ---- A connection that is not up ------------------------------------------------------------ */

static pid_t me(void)
{
	return (pid_t)kernel_call(SYS_getpid);
}

/* Its descriptors and memory are another process's, who may be gone. */
static void give_up(struct memif *m)
{
	for (unsigned k = 0; k < SESSIONS; k++) {
		struct session *s = &m->sessions[k];

		if (s == m->up || s->state == SESSION_NONE)
			continue;
		for (unsigned n = 0; n < s->n_rx; n++)
			ring_release(&s->rx[n]);
		for (unsigned n = 0; n < s->n_tx; n++)
			ring_release(&s->tx[n]);
		*s = (struct session){ .state = SESSION_NONE, .fd = -1 };
	}
}

/* It will look again. */
static bool is_looked_after(const struct memif *m, ns_t now)
{
	/* Who was executed meanwhile has nothing of it. */
	return m->meets && m->meets != me() && now < m->meets_until &&
	       (!kernel_call(SYS_kill, m->meets, 0) || errno != ESRCH);
}

bool memif_may_meet(struct memif_wire *w, ns_t now)
{
	struct memif *m = w->memif;

	if (m->meets == me() && w->has_met)
		return true;
	/* It ended elsewhere; or another has begun anew; or this process is a child of
	 * that which had begun. */
	if (w->has_met || (w->n_mapped && !m->up)) {
		forget_mapped(w);
		drop_numbers(m);
		w->has_met = false;
	}
	if (is_looked_after(m, now))
		return false;
	give_up(m);
	m->meets = 0;
	return true;
}

/* Soon at first; who says nothing is not looked at often. */
static ns_t next_look(const struct memif *m, const struct session *s, ns_t now)
{
	ns_t until = m->due[s - m->sessions];
	ns_t left = until > now ? until - now : 0;

	return now + LOOK_NS + (left < MEETING_NS ? (MEETING_NS - left) / 8 : 0);
}

int memif_note_met(struct memif_wire *w, struct session *s, ns_t now)
{
	struct memif *m = w->memif;
	int err = s ? settle(m, s) : 0;

	m->meets = s ? me() : 0;
	m->meets_until = now + MEETING_NS;
	m->look = s ? next_look(m, s, now) : now;
	w->has_met = s;
	if (s)
		note_mapped(w, s);
	return err;
}

/* ---- Share ------------------------------------------------------------------------- */

static int wait_for_peer(struct wire *w)
{
	const struct memif *m = memif_self(w)->memif;
	struct pollfd p = { .fd = m->epoll, .events = POLLIN };
	struct wire_frame f;

	for (int ms = 0; ms < PATIENCE_MS && !m->up; ms += TURN_MS) {
		if (wire_recv(w, &f, 1) < 0)
			return -EIO;
		if (!m->up && poll(&p, 1, TURN_MS) < 0 && errno != EINTR)
			return -errno;
	}
	return m->up ? 0 : -ETIMEDOUT;
}

static int keep(int *fd)
{
	int kept = keep_descriptor(*fd);

	if (kept >= 0)
		*fd = kept;
	return kept < 0 ? kept : 0;
}

/* Each connection is an edge: who can do nothing about it is woken once. */
static int keep_listener(struct memif *m)
{
	int err;

	if (m->listener < 0)
		return 0;
	unwatch(m, m->listener);
	err = keep(&m->listener);
	if (!err) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLET };

		err = kernel_call(SYS_epoll_ctl, m->epoll, EPOLL_CTL_ADD, m->listener,
				  &e) ? -errno : 0;
	}
	return err;
}

/* For each descriptor of a connection, whatever that will be. */
static int keep_numbers(struct memif *m)
{
	unsigned n = 1 + 2 * m->options.session.n_queues + SHARED_REGIONS;
	int err = 0;

	for (m->n_numbers = 0; m->n_numbers < n && !err; m->n_numbers++) {
		int *number = &m->numbers[m->n_numbers];

		*number = (int)kernel_call(SYS_dup, m->doorbell_file);
		err = *number < 0 ? -errno : keep(number);
	}
	return err;
}

static int keep_box(struct memif *m)
{
	int err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, m->box))
		return -errno;
	err = keep(&m->box[0]);
	return err ? err : keep(&m->box[1]);
}

static int keep_all(struct memif_wire *w)
{
	struct memif *m = w->memif;
	int err = keep(&m->epoll);

	if (!err)
		err = keep_listener(m);
	doorbell_open(&w->doorbell);
	m->doorbell_file = w->doorbell.file;
	if (!err)
		err = m->doorbell_file < 0 ? -EMFILE : keep(&m->doorbell_file);
	w->doorbell.file = m->doorbell_file;
	if (!err)
		err = keep_numbers(m);
	return err ? err : keep_box(m);
}

int memif_share(struct wire *w, char *spec, size_t size)
{
	struct memif_wire *self = memif_self(w);
	struct memif *m = self->memif;
	int err = wait_for_peer(w);

	if (err)
		return err;
	for (unsigned n = 0; n < m->up->n_regions; n++) {
		if (!heap_exists() || m->up->regions[n].guarded)
			return -EOPNOTSUPP;
	}
	err = keep_all(self);
	m->is_shared = self->has_shared = true;
	if (!err)
		err = memif_publish(self, m->up);
	if (!err && snprintf(spec, size, "memif:shared=%llx",
			     (unsigned long long)(uintptr_t)m) >= (int)size)
		err = -ENAMETOOLONG;
	return err;
}

/* ---- Adopt -------------------------------------------------------------------------- */

int memif_adopt(struct wire **out, const char *spec)
{
	uintptr_t at = (uintptr_t)strtoull(spec, NULL, 16);
	struct memif *m = (struct memif *)at;
	struct memif_wire *w;
	int err;

	if (!heap_exists() || at < HEAP_ADDRESS || at - HEAP_ADDRESS >= HEAP_BYTES ||
	    !m->is_shared)
		return -EPROTO;
	err = memif_make(&w, m);
	if (err)
		return err;
	w->doorbell.file = m->doorbell_file;
	err = catch_up(w);
	if (err) {
		wire_close(&w->wire);
		return err;
	}
	*out = &w->wire;
	return 0;
}
