// SPDX-License-Identifier: BSD-2-Clause
/* session.c - Read what a stack of other processes mirrors */
#include "tool/capture/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/heap.h"
#include "socket/stack.h"
#include "wire/capture.h"

/* ---- Where it is ------------------------------------------------------------------- */

/* What is at @at in the heap, mapped. NULL: errno. */
static void *map(int heap, const void *at, size_t bytes, int protection, void **pages,
		 size_t *page_bytes)
{
	uintptr_t from = (uintptr_t)at - HEAP_ADDRESS;
	uintptr_t page = from & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1);

	if (from >= HEAP_BYTES || bytes > HEAP_BYTES - from) {
		errno = EPROTO;
		return NULL;
	}
	*page_bytes = from - page + bytes;
	*pages = mmap(NULL, *page_bytes, protection, MAP_SHARED, heap, (off_t)page);
	return *pages == MAP_FAILED ? NULL : (uint8_t *)*pages + (from - page);
}

/* Return: 0; @at: where it would be in a process that has it. */
static int find_mirror(struct session *s, void **at)
{
	struct stack *root;
	struct embed *embed;
	uint32_t version;
	int err = heap_peek_root(s->heap, (void **)&root);

	if (!err)
		err = heap_peek(s->heap, &root->version, &version, sizeof(version));
	if (!err && version != STACK_VERSION)
		err = -EPROTO;
	if (!err)
		err = heap_peek(s->heap, &root->embed, &embed, sizeof(embed));
	/* What the heap gives is aligned to that. */
	if (!err && (uintptr_t)embed % CACHE_LINE)
		err = -EPROTO;
	if (err)
		return err == -EFAULT ? -EPROTO : err;
	s->turns = &root->n_turns;
	*at = embed_mirror(embed);
	return 0;
}

/* ---- Begin and end --------------------------------------------------------------------- */

/* A descriptor of our own of the same heap. */
static int open_again(const struct session *s, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->heap);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int map_mirror(struct session *s, void *at)
{
	int fd, err = 0;

	if ((uintptr_t)at % _Alignof(struct mirror))
		return -EPROTO;
	fd = open_again(s, O_RDWR);
	if (fd < 0)
		return fd;
	if (!(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK))
		err = -EPROTO;
	if (!err) {
		s->mirror = map(fd, at, sizeof(*s->mirror), PROT_READ | PROT_WRITE,
				&s->pages, &s->page_bytes);
		err = s->mirror ? 0 : -errno;
	}
	close(fd);
	return err;
}

/* Who has it open to read and write has a stack, for who looks for these: find.h. */
static int lock_and_map(struct session *s, void *at)
{
	int err;

	s->lock = open_again(s, O_WRONLY);
	if (s->lock < 0)
		return s->lock;
	err = heap_lock(s->lock, at);
	if (err)
		return err == -EAGAIN ? -EBUSY : err;
	return map_mirror(s, at);
}

int session_open(struct session *s, const struct found_stack *found, uint32_t wanted,
		 uint32_t snap)
{
	void *at;
	int err;

	*s = (struct session){ .heap = found->heap, .lock = -1, .wanted = wanted };
	err = find_mirror(s, &at);
	if (!err)
		err = lock_and_map(s, at);
	if (err) {
		if (s->lock >= 0)
			close(s->lock);
		close(s->heap);
		return err;
	}
	s->number = s->mirror->session + 1;
	s->mirror->tail = 0;
	s->mirror->snap = snap;
	__atomic_store_n(&s->mirror->asked, s->number, __ATOMIC_RELEASE);
	__atomic_store_n(&s->mirror->wanted, wanted, __ATOMIC_RELEASE);
	return 0;
}

void session_close(struct session *s)
{
	if (s->ring)
		munmap((void *)(uintptr_t)s->ring, MIRROR_BYTES);
	munmap(s->pages, s->page_bytes);
	close(s->lock);
	close(s->heap);
}

/* Return: whether the stack has begun. */
static bool has_begun(struct session *s)
{
	const uint8_t *ring;
	size_t bytes;
	void *pages;

	if (s->ring)
		return true;
	if (__atomic_load_n(&s->mirror->session, __ATOMIC_ACQUIRE) != s->number) {
		/* The stack may have been about to end the session before. */
		__atomic_store_n(&s->mirror->wanted, s->wanted, __ATOMIC_RELEASE);
		return false;
	}
	ring = __atomic_load_n(&s->mirror->ring, __ATOMIC_RELAXED);
	if (!ring || (uintptr_t)ring % (size_t)sysconf(_SC_PAGESIZE))
		return false;
	s->ring = map(s->heap, ring, MIRROR_BYTES, PROT_READ, &pages, &bytes);
	return s->ring != NULL;
}

/* ---- Records ------------------------------------------------------------------------------ */

/* Return: 1; 0; -EPROTO. */
static int look(struct session *s, struct mirror_record *r)
{
	uint64_t ahead = __atomic_load_n(&s->mirror->head, __ATOMIC_ACQUIRE) - s->tail;
	uint32_t at = (uint32_t)s->tail % MIRROR_BYTES;

	if (!ahead)
		return 0;
	/* One that fills may have no more than its first 8 bytes. */
	r->bytes = 0;
	memcpy(r, s->ring + at, offsetof(struct mirror_record, time));
	if (ahead > MIRROR_BYTES || r->bytes < 8 || r->bytes % 8 || r->bytes > ahead ||
	    r->bytes > MIRROR_BYTES - at)
		return -EPROTO;
	if (r->point == MIRROR_NONE)
		return 1;
	if (r->bytes < sizeof(*r) || r->point > MIRROR_NONE)
		return -EPROTO;
	memcpy(r, s->ring + at, sizeof(*r));
	return r->point < MIRROR_NONE && r->bytes <= MIRROR_BYTES - at &&
	       r->bytes >= sizeof(*r) && r->len <= r->bytes - sizeof(*r) &&
	       r->len <= CAPTURE_PACKET_MAX ? 1 : -EPROTO;
}

int session_next(struct session *s, struct mirror_record *r, const uint8_t **frame)
{
	int got;

	if (!has_begun(s))
		return 0;
	while ((got = look(s, r)) == 1 && r->point == MIRROR_NONE)
		session_done(s, r);
	*frame = s->ring + (uint32_t)s->tail % MIRROR_BYTES + sizeof(*r);
	return got;
}

void session_done(struct session *s, const struct mirror_record *r)
{
	s->tail += r->bytes;
	__atomic_store_n(&s->mirror->tail, s->tail, __ATOMIC_RELEASE);
}

uint64_t session_turns(const struct session *s)
{
	uint64_t turns = 0;

	return heap_peek(s->heap, s->turns, &turns, sizeof(turns)) ? 0 : turns;
}
