// SPDX-License-Identifier: BSD-2-Clause
/*
 * share.c - A connection of memif that several processes have
 *
 * DOC: Theory of operation
 * What is known of the connection is in the heap, its memory is mapped at the same
 * addresses in all processes, and its descriptors have the same numbers. So any of them
 * receives and sends as the one that opened it would; one at a time.
 *
 * Limits: another connection, when this one has ended, would have descriptors that
 * processes which are there already cannot get. So there is none: a wire whose peer has
 * gone stays without one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/keep.h"
#include "wire/memif/state.h"

#define PATIENCE_MS 5000
#define TURN_MS 20

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

/* The set knows a descriptor by its number. @events 0: it is not in the set. */
static int keep(const struct memif *m, int *fd, uint32_t events)
{
	struct epoll_event e = { .events = events,
				 .data.u32 = events & EPOLLET ? SESSION_BELL : 0 };
	int kept;

	if (*fd < 0)
		return 0;
	if (events)
		(void)!epoll_ctl(m->epoll, EPOLL_CTL_DEL, *fd, NULL);
	kept = keep_descriptor(*fd);
	if (kept < 0)
		return kept;
	*fd = kept;
	return events && epoll_ctl(m->epoll, EPOLL_CTL_ADD, kept, &e) ? -errno : 0;
}

static int keep_session(struct memif *m, struct session *s)
{
	int err = keep(m, &s->fd, EPOLLIN);

	s->epoll = m->epoll;
	for (unsigned n = 0; n < s->n_rx && !err; n++)
		err = keep(m, &s->rx[n].event, EPOLLIN | EPOLLET);
	for (unsigned n = 0; n < s->n_tx && !err; n++)
		err = keep(m, &s->tx[n].event, 0);
	for (unsigned n = 0; n < s->n_regions && !err; n++)
		err = keep(m, &s->regions[n].fd, 0);
	return err;
}

static void end_listening(struct memif *m)
{
	if (m->listener < 0)
		return;
	memif_remove_socket(m);
	close(m->listener);
	m->listener = -1;
}

int memif_share(struct wire *w, char *spec, size_t size)
{
	struct memif *m = memif_self(w)->memif;
	int err = wait_for_peer(w);

	if (err)
		return err;
	for (unsigned n = 0; n < m->up->n_regions; n++) {
		if (!heap_exists() || m->up->regions[n].guarded)
			return -EOPNOTSUPP;
	}
	m->is_shared = true;
	end_listening(m);
	err = keep(m, &m->epoll, 0);
	if (!err)
		err = keep_session(m, m->up);
	doorbell_open(&memif_self(w)->doorbell);
	m->doorbell_file = memif_self(w)->doorbell.file;
	if (!err)
		err = keep(m, &m->doorbell_file, 0);
	memif_self(w)->doorbell.file = m->doorbell_file;
	if (!err && snprintf(spec, size, "memif:shared=%llx",
			     (unsigned long long)(uintptr_t)m) >= (int)size)
		err = -ENAMETOOLONG;
	return err;
}

/* ---- Adopt -------------------------------------------------------------------------- */

static int map_regions(const struct session *s)
{
	for (unsigned n = 0; n < s->n_regions; n++) {
		const struct region *r = &s->regions[n];
		void *at = mmap(r->base, r->bytes, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_FIXED_NOREPLACE, r->fd, 0);

		if (at == MAP_FAILED)
			return errno == EEXIST ? -ENOMEM : -errno;
	}
	return 0;
}

int memif_adopt(struct wire **out, const char *spec)
{
	uintptr_t at = (uintptr_t)strtoull(spec, NULL, 16);
	struct memif *m = (struct memif *)at;
	struct memif_wire *w;
	int err;

	if (!heap_exists() || at < HEAP_ADDRESS || at - HEAP_ADDRESS >= HEAP_BYTES ||
	    !m->is_shared)
		return -EPROTO;
	err = m->up ? map_regions(m->up) : 0;
	if (err)
		return err;
	err = memif_make(&w, m);
	if (err)
		return err;
	w->doorbell.file = m->doorbell_file;
	*out = &w->wire;
	return 0;
}
