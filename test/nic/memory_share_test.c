// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory_share_test.c - A program's heap goes out and comes back (SPEC TX-10)
 *
 * A child process reads a file into its memory and shares those pages with this
 * process, which is the device: it fetches all of it by the child's virtual
 * addresses as TCP frames, and scatters their payload to a second region of the
 * child, who writes it to a file. Meanwhile other pages of the same page tables
 * come and go (SPEC TX-4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/window.h"
#include "nic/fetch.h"
#include "nic/memory/page_map.h"
#include "nic/memory/walk.h"
#include "nic/scatter.h"
#include "transmit_model.h"

#define PAGE 4096ull
#define FILE_BYTES ((9u << 20) + 12345)
#define LARGE (4ull << 20)
#define TABLE_BYTES (4ull << 20)
#define OTHER_BYTES (4ull << 20)
#define OTHER_AT 0x10000000ull	/* virtual; nothing of the child is mapped there
				 * in the device's tables                       */
#define ARENA_AT 0x20003000ull	/* IA-32: below 4 GiB, not aligned              */
#define UNIT_MAX 65000u
#define MSS 1448
#define N_SLOTS 16
#define CHANGES 200		/* of other pages, at least                     */

/* ---- The program ------------------------------------------------------------- */

/* What it says of a part of its memory; the object comes beside it. */
struct share {
	uint64_t address, bytes;	/* whole pages                          */
	uint64_t start;			/* of the contents                      */
};

struct program {
	int socket, in, out;
	enum page_format format;
};

static void need(bool fine)
{
	if (!fine)
		_exit(1);
}

static int send_share(int socket, const struct share *s, int fd)
{
	struct iovec iov = { (void *)(uintptr_t)s, sizeof(*s) };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == sizeof(*s) ? 0 : -errno;
}

static void move(int fd, uint8_t *at, uint64_t bytes, bool out)
{
	for (uint64_t done = 0; done < bytes; ) {
		ssize_t n = out ?
			pwrite(fd, at + done, bytes - done, (off_t)done) :
			pread(fd, at + done, bytes - done, (off_t)done);

		need(n > 0);
		done += (uint64_t)n;
	}
}

/* The pages become those of an object, contents and addresses stay. */
static void share_memory(const struct program *p, uint8_t *start)
{
	uint64_t first = (uintptr_t)start & ~(PAGE - 1);
	uint64_t end = ((uintptr_t)start + FILE_BYTES + PAGE - 1) & ~(PAGE - 1);
	struct share s = { first, end - first, (uintptr_t)start };
	int fd = memfd_create("share", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	need(fd >= 0 && !ftruncate(fd, (off_t)s.bytes));
	move(fd, (uint8_t *)(uintptr_t)first, s.bytes, true);
	need(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	need(mmap((void *)(uintptr_t)first, s.bytes, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	need(!send_share(p->socket, &s, fd));
	close(fd);
}

/* Memory whose first and last pages belong to it alone. */
static uint8_t *take_memory(const struct program *p, uint32_t n)
{
	uint64_t at = ARENA_AT + n * (16ull << 20);
	uint8_t *memory;

	if (p->format == PAGE_FORMAT_X86_64) {
		memory = malloc(FILE_BYTES + 2 * PAGE);
		return memory ? memory + PAGE : NULL;
	}
	memory = mmap((void *)(uintptr_t)at, FILE_BYTES + PAGE,
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory + 77;
}

static void run_program(const struct program *p)
{
	uint8_t *from = take_memory(p, 0), *to = take_memory(p, 1);
	char done;

	need(from && to);
	move(p->in, from, FILE_BYTES, false);
	memset(to, 0x5a, FILE_BYTES);
	share_memory(p, from);
	share_memory(p, to);
	need(read(p->socket, &done, 1) == 1);
	move(p->out, to, FILE_BYTES, true);
	_exit(0);
}

/* ---- The device ---------------------------------------------------------------- */

struct device {
	struct rng rng;
	struct window window;
	struct memory *memory;
	struct bus bus;
	struct domain domain[1];
	struct extent extent[8];
	struct region region[2];
	struct page_pool pool;
	struct page_map map;
	struct dma_queue queue;
	struct share from, to;
	uint64_t from_stag, to_stag;
	uint64_t other;		/* on the bus: pages that come and go           */
	uint64_t header_at;	/* on the bus                                   */
	struct model_header header;
	uint64_t sent, stored;
	uint32_t frames;
	_Atomic bool stop;
	_Atomic uint32_t changes;
};

static uint64_t map_object(struct device *d, const struct window_object *o)
{
	uint64_t at;

	assert_int_equal(window_map(&d->window, o, &at), 0);
	return at;
}

static void add_extent(struct device *d, uint64_t at, uint64_t bytes,
		       uint32_t rights)
{
	assert_int_equal(domain_add_extent(&d->domain[0], at, bytes, rights), 0);
}

static void receive_share(struct device *d, int socket, struct share *s,
			  uint32_t extent)
{
	struct iovec iov = { s, sizeof(*s) };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct window_object o = { .align = LARGE, .writable = true };
	uint64_t at, cut;

	assert_int_equal(recvmsg(socket, &msg, MSG_CMSG_CLOEXEC), sizeof(*s));
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&o.fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(o.fd));
	o.bytes = s->bytes;
	o.like = s->address;
	at = map_object(d, &o);
	close(o.fd);
	add_extent(d, at, s->bytes, extent);
	cut = (rng_below(&d->rng, 512) + 1) * PAGE;	/* small pages, and large */
	d->map.largest = PAGE_SHIFT_4K;
	assert_int_equal(page_map_map(&d->map, s->address, at, cut, PAGE_WRITE),
			 0);
	d->map.largest = PAGE_SHIFT_1G;
	assert_int_equal(page_map_map(&d->map, s->address + cut, at + cut,
				      s->bytes - cut, PAGE_WRITE), 0);
}

static uint64_t register_share(struct device *d, const struct share *s,
			       uint8_t rights)
{
	struct region r = { .start = s->start, .bytes = FILE_BYTES,
			    .rights = rights };
	uint64_t stag;

	assert_int_equal(region_register(&d->memory->regions, &r, &stag), 0);
	return stag;
}

static void make_header(struct device *d)
{
	model_plain_ip(&d->header, TTO_LINK_ETHERNET, false, 6);
	model_tcp(&d->rng, &d->header, 0x18);
	d->header_at = map_object(d, &(struct window_object){
		.fd = -1, .bytes = PAGE, .writable = true });
	add_extent(d, d->header_at, PAGE, EXTENT_READ);
}

static void device_open(struct device *d, const struct program *p, int socket)
{
	uint64_t tables;
	uint16_t id;

	assert_int_equal(window_open(&d->window, 1ull << 30), 0);
	d->bus = (struct bus){ d->window.base, d->window.size };
	d->memory = aligned_alloc(64, (sizeof(*d->memory) + 63) & ~63ul);
	memory_init(d->memory, &d->bus, d->domain, 1, d->region, 2);
	tables = map_object(d, &(struct window_object){
		.fd = -1, .bytes = TABLE_BYTES, .writable = true });
	page_pool_init(&d->pool, &d->bus, tables, TABLE_BYTES);
	assert_int_equal(page_map_init(&d->map, &d->pool, p->format), 0);
	assert_int_equal(memory_add_domain(d->memory, p->format, d->map.root,
					   d->extent, 8, &id), 0);
	d->queue = (struct dma_queue){ { id }, 1 };
	add_extent(d, tables, TABLE_BYTES, EXTENT_TABLE | EXTENT_TABLE_MARKS);
	make_header(d);
	d->other = map_object(d, &(struct window_object){
		.fd = -1, .bytes = OTHER_BYTES, .align = LARGE });
	add_extent(d, d->other, OTHER_BYTES, EXTENT_READ);
	receive_share(d, socket, &d->from, EXTENT_READ);
	receive_share(d, socket, &d->to, EXTENT_WRITE);
	d->from_stag = register_share(d, &d->from, REGION_READ);
	d->to_stag = register_share(d, &d->to, REGION_WRITE);
}

static void device_close(struct device *d)
{
	page_map_clear(&d->map);
	free(d->memory);
	window_close(&d->window);
}

/* ---- Other pages of the same tables ---------------------------------------------- */

static bool forget(struct device *d, uint64_t at, uint64_t bytes)
{
	struct invalidation_register *r = &d->memory->invalidations;
	uint64_t ticket = invalidation_request(r, &(struct invalidation){
		.address = at, .bytes = bytes, .kind = INVALIDATE_RANGE });

	while (!invalidation_done(r, ticket)) {
		if (d->stop)
			return false;
		sched_yield();
	}
	page_pool_reclaim(&d->pool);
	return true;
}

/* The only thread that changes tables. Return: the count of errors. */
static void *change_pages(void *arg)
{
	struct device *d = arg;
	struct rng r = { 4711 };
	uintptr_t errors = 0;

	while (!d->stop) {
		bool all = rng_chance(&r, 8);
		uint64_t page = all ? 0 : rng_below(&r, 1000) * PAGE;
		uint64_t bytes = all ? OTHER_BYTES :
				 (1 + rng_below(&r, 24)) * PAGE;

		errors += page_map_unmap(&d->map, OTHER_AT + page, bytes) != 0;
		if (!forget(d, OTHER_AT + page, bytes))
			break;
		errors += page_map_map(&d->map, OTHER_AT + page,
				       d->other + page, bytes, 0) != 0;
		d->changes++;
	}
	return (void *)errors;
}

/* What comes and goes is there whole, or not. */
static void probe(struct device *d)
{
	struct iovec at[4];
	struct spans spans = { at, 0, 4 };
	uint64_t page = rng_below(&d->rng, OTHER_BYTES / PAGE) * PAGE, failed;
	struct memory_range range = { OTHER_AT + page, PAGE, d->queue.domains[0],
				      false, true };
	enum dma_fault fault = memory_translate(d->memory, &range, &spans,
						&failed);

	if (fault)
		assert_int_equal(fault, DMA_FAULT_NOT_PRESENT);
	else
		assert_ptr_equal(at[0].iov_base, d->bus.base + d->other + page);
}

/* ---- Out, and back ------------------------------------------------------------------ */

static void store(struct device *d, const struct iovec *payload, uint32_t n,
		  uint32_t bytes)
{
	struct element e = { d->stored, d->to_stag, bytes, ELEMENT_REGION };
	struct scatter_target to = { &d->queue, &e, 1 };
	struct scatter_source from = { payload, n, bytes };
	struct dma_error error;
	uint32_t sum = 0, odd = 0;
	uint64_t want = 0;

	assert_int_equal(scatter(d->memory, &to, &from, checksum_select(NULL),
				 &sum, &error), DMA_FAULT_NONE);
	for (uint32_t k = 0; k < n; k++)
		for (size_t at = 0; at < payload[k].iov_len; at++, odd ^= 1)
			want += (uint64_t)((uint8_t *)payload[k].iov_base)[at]
				<< (odd ? 0 : 8);
	assert_int_equal(__builtin_bswap16(checksum_fold(sum)), model_fold(want));
	d->stored += bytes;
}

static void take_frame(struct device *d, const struct tto_slot *slot)
{
	const uint8_t *frame = slot->data;
	struct iovec whole = { (uint8_t *)slot->data + d->header.len,
			       slot->len - d->header.len };
	uint32_t bytes = slot->iov ? slot->payload_len :
				     (uint32_t)whole.iov_len;

	assert_int_equal(model_get32(frame + d->header.l4 + 4), d->stored);
	assert_int_equal(model_get16(frame + d->header.l3 + 2),
			 d->header.len - d->header.l3 + bytes);
	assert_in_range(bytes, 1, MSS);
	store(d, slot->iov ? slot->iov : &whole, slot->iov ? slot->n_iov : 1,
	      bytes);
	d->frames++;
}

/* Each frame is stored before the next memory_poll(). */
static void take_frames(struct device *d, struct fetch *f)
{
	static uint8_t data[N_SLOTS][2048];
	struct iovec iov[N_SLOTS][8];
	struct tto_slot slot[N_SLOTS];
	int got;

	do {
		for (uint32_t n = 0; n < N_SLOTS; n++)
			slot[n] = (struct tto_slot){
				.data = data[n], .size = sizeof(data[n]),
				.iov = rng_chance(&d->rng, 2) ? iov[n] : NULL,
				.n_iov = 8,
			};
		got = fetch_next(f, slot, 1 + rng_below(&d->rng, N_SLOTS));
		assert_true(got >= 0);
		for (int n = 0; n < got; n++)
			take_frame(d, &slot[n]);
		memory_poll(d->memory);
		probe(d);
	} while (got > 0);
}

static void send_unit(struct device *d)
{
	static struct fetch f;
	uint64_t left = FILE_BYTES - d->sent;
	uint32_t bytes = rng_chance(&d->rng, 2) ? UNIT_MAX :
			 1 + rng_below(&d->rng, UNIT_MAX);
	struct descriptor ring[2] = {
		{ .address = d->header_at, .length = d->header.len, .mss = MSS },
		{ .address = d->sent, .base = d->from_stag,
		  .command = DESCRIPTOR_REGION | DESCRIPTOR_END },
	};

	ring[1].length = bytes < left ? bytes : (uint32_t)left;
	if (rng_chance(&d->rng, 2)) {
		ring[1].address += d->from.start;
		ring[1].base = d->map.root;
		ring[1].command = DESCRIPTOR_VIRTUAL | DESCRIPTOR_END;
	}
	model_put32(d->header.bytes + d->header.l4 + 4, (uint32_t)d->sent);
	memcpy(bus_at(&d->bus, d->header_at), d->header.bytes, d->header.len);
	assert_true(fetch_begin(&f, d->memory, &d->queue,
				&(struct fetch_request){ .descriptors = ring,
							 .n = 2 }) > 0);
	d->sent += ring[1].length;
	take_frames(d, &f);
	assert_int_equal(d->stored, d->sent);
}

/* Both sizes of pages are there, so that both were used. */
static void check_page_sizes(struct device *d, const struct share *s,
			     bool write)
{
	uint64_t sizes = 0;

	for (uint64_t at = s->address; at < s->address + s->bytes; at += PAGE) {
		struct walk w;

		assert_int_equal(walk(&d->bus, &d->domain[0], at, write,
				      &w), 0);
		sizes |= 1ull << w.shift;
	}
	assert_int_equal(sizes, 1u << PAGE_SHIFT_4K |
				(d->domain[0].format == PAGE_FORMAT_IA32 ?
				 1u << PAGE_SHIFT_4M : 1u << PAGE_SHIFT_2M));
}

static void run_device(const struct program *p, int socket)
{
	static struct device d;
	pthread_t thread;
	void *errors;

	memset(&d, 0, sizeof(d));
	d.rng.state = 0x5eed + p->format;
	device_open(&d, p, socket);
	check_page_sizes(&d, &d.from, false);
	check_page_sizes(&d, &d.to, true);
	assert_int_equal(pthread_create(&thread, NULL, change_pages, &d), 0);
	while (d.sent < FILE_BYTES)
		send_unit(&d);
	while (d.changes < CHANGES) {
		memory_poll(d.memory);
		probe(&d);
		sched_yield();
	}
	d.stop = true;
	pthread_join(thread, &errors);
	assert_null(errors);
	assert_true(d.frames > FILE_BYTES / MSS);
	device_close(&d);
}

/* ---- Files --------------------------------------------------------------------------- */

/* Without a name, so that nothing stays. */
static int temporary_file(void)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
	assert_true(fd >= 0);
	fclose(f);
	return fd;
}

static uint8_t *contents(int fd)
{
	uint8_t *at = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void fill_file(int fd, uint64_t seed)
{
	struct rng r = { seed };
	static uint8_t bytes[FILE_BYTES];

	rng_fill(&r, bytes, sizeof(bytes));
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), FILE_BYTES);
}

static void compare_files(int in, int out)
{
	uint8_t *a = contents(in), *b = contents(out);

	assert_int_equal(lseek(out, 0, SEEK_END), FILE_BYTES);
	assert_int_equal(memcmp(a, b, FILE_BYTES), 0);
	munmap(a, FILE_BYTES);
	munmap(b, FILE_BYTES);
}

static uint32_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void run(enum page_format format)
{
	struct program p = { .format = format };
	uint32_t before = open_files();
	int sockets[2], status;
	pid_t child;

	p.in = temporary_file();
	p.out = temporary_file();
	fill_file(p.in, 1 + format);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    sockets), 0);
	p.socket = sockets[1];
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(sockets[0]);
		run_program(&p);
	}
	close(sockets[1]);
	run_device(&p, sockets[0]);
	assert_int_equal(send(sockets[0], "", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	compare_files(p.in, p.out);
	close(sockets[0]);
	close(p.in);
	close(p.out);
	assert_int_equal(open_files(), before);
}

static void tx_10_tx_4_rq_6_heap_by_x86_64_tables(void **state)
{
	(void)state;
	run(PAGE_FORMAT_X86_64);
}

static void tx_10_tx_4_rq_6_arena_by_ia32_tables(void **state)
{
	(void)state;
	run(PAGE_FORMAT_IA32);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_10_tx_4_rq_6_heap_by_x86_64_tables),
		cmocka_unit_test(tx_10_tx_4_rq_6_arena_by_ia32_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
