// SPDX-License-Identifier: BSD-2-Clause
/* heap.c - Memory that several processes have at the same address */
#include "base/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/keep.h"

#define MAGIC 0x5041454854544f31ULL
#define CHUNK (64U << 10)
#define N_CHUNKS (HEAP_BYTES / CHUNK)
#define N_CLASSES 19
#define N_RUNS 16		/* of 2^n chunks: 2 GiB at most                 */
#define RUN 0x80		/* a chunk's byte: begin of a run, 2^n long     */
#define KEPT_RUN (512U << 10)	/* a run that is longer gives its pages back ... */
#define KEPT_BYTES (64U << 20)	/* ... when so many are free, and have them     */
#define PAGES 0x40		/* of a run that is free: it has its pages      */

static const uint16_t class_bytes[N_CLASSES] = {
	64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192,
	12288, 16384, 21824, 32768, 65472,
};

struct free_object {
	struct free_object *next;
};

struct heap {
	uint64_t magic;
	void *root;
	uint64_t n_used;	/* chunks: those behind were never touched      */
	uint64_t n_live;	/* allocations                                  */
	uint64_t kept;		/* bytes of free runs with PAGES                */
	struct free_object *objects[N_CLASSES];
	struct free_object *runs[N_RUNS];
	uint8_t chunks[N_CHUNKS];	/* class, or RUN and the size of a run  */
} CACHE_ALIGNED;

/* Of this process; the chunks begin behind it. */
static struct heap *heap;
static int heap_fd = -1;	/* if it was made here                          */
static int joined_fd = -1;	/* if not                                       */

static uint8_t *chunk_at(uint64_t n)
{
	return (uint8_t *)HEAP_ADDRESS + n * CHUNK;
}

static uint64_t chunk_of(const void *p)
{
	return ((uintptr_t)p - HEAP_ADDRESS) / CHUNK;
}

static bool is_inside(const void *p)
{
	return heap && (uintptr_t)p - HEAP_ADDRESS < HEAP_BYTES;
}

/* ---- Make, join, leave ---------------------------------------------------------------- */

static int map(int fd)
{
	void *want = (void *)(uintptr_t)HEAP_ADDRESS;
	void *got = mmap(want, HEAP_BYTES, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);

	if (got == MAP_FAILED)
		return errno == EEXIST ? -ENOMEM : -errno;
	if (got != want) {	/* a kernel that does not know the flag         */
		munmap(got, HEAP_BYTES);
		return -ENOMEM;
	}
	heap = got;
	return 0;
}

int heap_create(int *out)
{
	int fd, err;

	if (heap)
		return -EEXIST;
	fd = memfd_create("tto-heap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* Who maps a part of it to look at it must not lose that. */
	err = ftruncate(fd, (off_t)HEAP_BYTES) ||
	      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) ? -errno : map(fd);
	if (err) {
		close(fd);
		return err;
	}
	heap->magic = MAGIC;
	heap->n_used = (sizeof(*heap) + CHUNK - 1) / CHUNK;
	*out = heap_fd = fd;
	return 0;
}

int heap_share(void)
{
	int fd = heap_fd < 0 ? -ENOENT : keep_descriptor(heap_fd);

	if (fd >= 0)
		heap_fd = fd;
	return fd;
}

int heap_join(int fd)
{
	int err;

	if (heap)
		return -EEXIST;
	if (lseek(fd, 0, SEEK_END) != (off_t)HEAP_BYTES)
		return -EPROTO;
	err = map(fd);
	if (!err && heap->magic != MAGIC) {
		munmap(heap, HEAP_BYTES);
		heap = NULL;
		err = -EPROTO;
	}
	if (!err)
		joined_fd = fd;
	return err;
}

void heap_leave(void)
{
	if (heap)
		munmap(heap, HEAP_BYTES);
	heap = NULL;
	heap_fd = joined_fd = -1;
}

bool heap_exists(void)
{
	return heap != NULL;
}

void **heap_root(void)
{
	return &heap->root;
}

/* ---- Look, from outside -------------------------------------------------------------------- */

int heap_peek(int fd, const void *at, void *to, size_t bytes)
{
	uintptr_t from = (uintptr_t)at - HEAP_ADDRESS;

	if (from >= HEAP_BYTES || bytes > HEAP_BYTES - from)
		return -EFAULT;
	while (bytes) {
		ssize_t got = pread(fd, to, bytes, (off_t)from);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)	/* it was cut                                   */
			return -EFAULT;
		if (got < 0)
			continue;
		to = (uint8_t *)to + got;
		from += (size_t)got;
		bytes -= (size_t)got;
	}
	return 0;
}

int heap_peek_root(int fd, void **root)
{
	const struct heap *at = (const void *)(uintptr_t)HEAP_ADDRESS;
	uint64_t magic = 0;
	int err;

	if (lseek(fd, 0, SEEK_END) != (off_t)HEAP_BYTES)
		return -EPROTO;
	err = heap_peek(fd, &at->magic, &magic, sizeof(magic));
	if (!err && magic != MAGIC)
		err = -EPROTO;
	if (!err)
		err = heap_peek(fd, &at->root, root, sizeof(*root));
	return err ? err : (uintptr_t)*root % CACHE_LINE ? -EPROTO : 0;
}

static struct flock lock_on(const void *at)
{
	return (struct flock){
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1,
		.l_start = (off_t)((uintptr_t)at - HEAP_ADDRESS),
	};
}

int heap_lock(int fd, const void *at)
{
	struct flock lock = lock_on(at);

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

/* By number: the name may be somebody else's in a program. */
bool heap_is_locked(const void *at)
{
	struct flock lock = lock_on(at);
	int fd = heap_fd >= 0 ? heap_fd : joined_fd;

	return !syscall(SYS_fcntl, fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

/* ---- Allocate ---------------------------------------------------------------------------- */

static void *take_chunks(uint64_t n)
{
	uint64_t at = heap->n_used;

	if (n > N_CHUNKS - at)
		return NULL;
	heap->n_used += n;
	return chunk_at(at);
}

static void push_run(struct free_object *o, uint32_t n, uint8_t pages)
{
	heap->chunks[chunk_of(o)] = (uint8_t)(RUN | pages | n);
	o->next = heap->runs[n];
	heap->runs[n] = o;
}

/* A free run of 2^@n chunks or more, cut to that: the halves that are left are free, too. */
static void *cut_run(uint32_t n)
{
	struct free_object *o;
	uint32_t m = n;
	uint8_t pages;

	while (m < N_RUNS && !heap->runs[m])
		m++;
	if (m == N_RUNS)
		return NULL;
	o = heap->runs[m];
	heap->runs[m] = o->next;
	pages = heap->chunks[chunk_of(o)] & PAGES;
	while (m-- > n)
		push_run((void *)((uint8_t *)o + ((size_t)CHUNK << m)), m, pages);
	if (pages)
		heap->kept -= (uint64_t)CHUNK << n;
	heap->chunks[chunk_of(o)] = (uint8_t)(RUN | n);
	return o;
}

static uint32_t class_for(size_t bytes)
{
	uint32_t n = 0;

	while (class_bytes[n] < bytes)
		n++;
	return n;
}

/* A chunk full of them. Return: whether there was one. */
static bool fill_class(uint32_t n)
{
	uint8_t *chunk = take_chunks(1);
	uint32_t count = CHUNK / class_bytes[n];

	if (!chunk)
		chunk = cut_run(0);
	if (!chunk)
		return false;
	heap->chunks[chunk_of(chunk)] = (uint8_t)n;
	while (count--) {
		struct free_object *o = (void *)(chunk + (size_t)count *
						 class_bytes[n]);

		o->next = heap->objects[n];
		heap->objects[n] = o;
	}
	return true;
}

static void *take_object(size_t bytes)
{
	uint32_t n = class_for(bytes);
	struct free_object *o;

	if (!heap->objects[n] && !fill_class(n))
		return NULL;
	o = heap->objects[n];
	heap->objects[n] = o->next;
	heap->n_live++;
	return o;
}

static void *take_run(size_t bytes, bool *is_fresh)
{
	struct free_object *o;
	uint32_t n = 0;

	while (n < N_RUNS && ((size_t)CHUNK << n) < bytes)
		n++;
	if (n == N_RUNS)
		return NULL;
	o = heap->runs[n] ? NULL : take_chunks(1ULL << n);
	*is_fresh = o;
	if (o)
		heap->chunks[chunk_of(o)] = (uint8_t)(RUN | n);
	else
		o = cut_run(n);
	heap->n_live += o != NULL;
	return o;
}

void *heap_alloc(size_t bytes)
{
	bool fresh;

	if (!heap)
		return aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) &
				     ~(size_t)(CACHE_LINE - 1));
	return bytes > class_bytes[N_CLASSES - 1] ? take_run(bytes, &fresh) :
						   take_object(bytes);
}

void *heap_zeroed(size_t n, size_t bytes)
{
	bool fresh = false;
	void *p;

	if (__builtin_mul_overflow(n, bytes, &bytes))
		return NULL;
	if (heap && bytes > class_bytes[N_CLASSES - 1])
		p = take_run(bytes, &fresh);
	else
		p = heap_alloc(bytes);
	if (p && !fresh)
		memset(p, 0, bytes);
	return p;
}

/* Whoever frees and takes the same again and again does not pay for pages each time. */
static void free_run(struct free_object *o, uint32_t n, bool may_keep)
{
	size_t bytes = (size_t)CHUNK << n;
	uint8_t pages = 0;

	if (may_keep && bytes > KEPT_RUN && heap->kept + bytes <= KEPT_BYTES) {
		heap->kept += bytes;
		pages = PAGES;
	} else if (bytes > KEPT_RUN) {
		/* If it fails they stay, which costs memory and nothing else. */
		(void)!madvise(o, bytes, MADV_REMOVE);
	}
	push_run(o, n, pages);
}

static void give(void *memory, bool may_keep)
{
	struct free_object *o = memory;
	uint32_t kind;

	if (!is_inside(memory)) {
		free(memory);
		return;
	}
	heap->n_live--;
	kind = heap->chunks[chunk_of(memory)];
	if (!(kind & RUN)) {
		o->next = heap->objects[kind];
		heap->objects[kind] = o;
		return;
	}
	free_run(o, kind & ~(uint32_t)RUN, may_keep);
}

void heap_free(void *memory)
{
	give(memory, true);
}

void heap_free_pages(void *memory)
{
	give(memory, false);
}

uint64_t heap_count(void)
{
	return heap ? heap->n_live : 0;
}

size_t heap_room(const void *memory)
{
	uint32_t kind;

	if (!is_inside(memory))
		return malloc_usable_size((void *)(uintptr_t)memory);
	kind = heap->chunks[chunk_of(memory)];
	return kind & RUN ? (size_t)CHUNK << (kind & ~(uint32_t)RUN) :
			    class_bytes[kind];
}
