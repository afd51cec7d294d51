// SPDX-License-Identifier: BSD-2-Clause
/*
 * memif_fuzz.c - Any messages, any memory: a memif session keeps to what is shared
 *
 * Input: the role and options, then operations of one byte and what belongs to
 * them: a message as it should be, bent, or of any bytes, with or without a
 * descriptor; a write to a ring's index, to a descriptor, or anywhere; frames sent
 * and received. The session is on a socket pair, the other end is the input's.
 * What is received lies in memory of exactly its size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/memif/channel.h"
#include "wire/memif/session.h"

#define REGION_BYTES 65536u
#define SERVER_BUFFERS 4096u
#define BUFFER 512u
#define LOG2 3
#define BATCH 4u
#define FRAME_MAX 3000u
#define ROOM (RING_FRAME_MAX + 64u)

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	const uint8_t *at, *end;
	struct session_options options;
	struct session session;
	int peer;		/* the input's end                              */
	uint8_t *base;		/* what is shared, as the input sees it         */
	size_t bytes;
	int step;
	bool ended;
};

/* Once: to make them for each input would take longer than the input. */
static int epoll_fd = -1, memory = -1, event = -1;
static uint8_t *server_base;

static uint32_t take(struct run *r, uint32_t bytes)
{
	uint32_t v = 0;

	for (; bytes > 0; bytes--)
		v = v << 8 | (r->at < r->end ? *r->at++ : 0);
	return v;
}

static void set_up(void)
{
	if (epoll_fd >= 0)
		return;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memory = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(epoll_fd >= 0 && event >= 0 && memory >= 0 &&
	      !ftruncate(memory, REGION_BYTES));
	server_base = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			   memory, 0);
	CHECK(server_base != MAP_FAILED);
}

/* ---- Messages ------------------------------------------------------------------------ */

static struct memif_message client_message(int step)
{
	struct memif_message m = { .type = MEMIF_CONNECT };

	if (step == 0) {
		m.type = MEMIF_INIT;
		m.init.version = MEMIF_VERSION;
	} else if (step == 1) {
		m.type = MEMIF_ADD_REGION;
		m.add_region.bytes = REGION_BYTES;
	} else if (step < 4) {
		m.type = MEMIF_ADD_RING;
		m.add_ring.flags = step == 2 ? MEMIF_TO_SERVER : 0;
		m.add_ring.offset = step == 2 ? 0 : ring_bytes(LOG2);
		m.add_ring.log2_ring = LOG2;
	}
	return m;
}

static struct memif_message server_message(int step)
{
	struct memif_message m = { .type = MEMIF_ACK };

	if (step == 0)
		m = (struct memif_message){ .type = MEMIF_HELLO, .hello = {
			.min_version = MEMIF_VERSION,
			.max_version = MEMIF_VERSION, .max_log2_ring = 14 } };
	else if (step == 5)
		m.type = MEMIF_CONNECTED;
	return m;
}

static void send_message(struct run *r, const struct memif_message *m, size_t bytes,
			 int fd)
{
	if (bytes == sizeof(*m))
		(void)!channel_send(r->peer, m, fd);
	else
		(void)!send(r->peer, m, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_step(struct run *r, uint8_t how)
{
	bool to_server = r->options.is_server;
	int step = how & 1 ? (int)take(r, 1) % 6 : r->step;
	struct memif_message m = to_server ? client_message(step) :
					     server_message(step);
	int fd = !to_server ? -1 : step == 1 ? memory : step < 2 || step > 3 ? -1 :
		 event;

	if (how & 2)
		((uint8_t *)&m)[take(r, 1) % sizeof(m)] ^= (uint8_t)take(r, 1);
	if (how & 4)
		fd = how & 8 ? memory : how & 16 ? event : -1;
	r->step = step + 1;
	send_message(r, &m, sizeof(m), fd);
}

static void send_any(struct run *r)
{
	struct memif_message m = { .type = (uint16_t)(take(r, 1) % 10) };
	uint32_t n = take(r, 1) % sizeof(m.bytes), how = take(r, 1);

	for (uint32_t k = 0; k < n; k++)
		m.bytes[k] = (uint8_t)take(r, 1);
	send_message(r, &m, how & 1 ? how / 2 : sizeof(m),
		     how & 2 ? memory : how & 4 ? event : -1);
}

/* ---- Memory ---------------------------------------------------------------------------- */

static struct memif_ring *a_ring(struct run *r)
{
	return (void *)(r->base + take(r, 1) % 2 * ring_bytes(LOG2));
}

static void write_index(struct run *r, bool far)
{
	struct memif_ring *ring = a_ring(r);
	uint8_t how = (uint8_t)take(r, 1);
	uint16_t *at = how & 1 ? &ring->head : &ring->tail;

	*at = (uint16_t)(far ? take(r, 2) : *at + how / 2 % 16u);
}

static void write_descriptor(struct run *r)
{
	struct memif_descriptor *d = &a_ring(r)->descriptors[take(r, 1) % (1u << LOG2)];
	uint8_t how = (uint8_t)take(r, 1);
	uint32_t v = take(r, how & 8 ? 4 : 2);

	switch (how & 7) {
	case 0: d->flags = (uint16_t)v; break;
	case 1: d->region = (uint16_t)v; break;
	case 2: d->length = v; break;
	case 3: d->offset = v; break;
	case 4: d->flags ^= MEMIF_NEXT; break;
	default: d->length = v % FRAME_MAX; break;
	}
}

static void write_anywhere(struct run *r)
{
	uint32_t at = take(r, 2) % (uint32_t)(r->bytes - 4), v = take(r, 4);

	memcpy(r->base + at, &v, sizeof(v));
}

/* ---- Frames ------------------------------------------------------------------------------- */

static void send_frames(struct run *r)
{
	static const uint8_t data[FRAME_MAX];
	struct wire_frame f[BATCH];
	struct iovec iov[BATCH][2];
	uint32_t n = 1 + take(r, 1) % BATCH;
	int sent;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t len = 1 + take(r, 2) % FRAME_MAX, cut = len / 3;

		iov[k][0] = (struct iovec){ (void *)(uintptr_t)data, cut };
		iov[k][1] = (struct iovec){ (void *)(uintptr_t)(data + cut),
					    len - cut };
		f[k] = (struct wire_frame){ .iov = iov[k], .n_iov = 2, .len = len };
	}
	if (r->session.state != SESSION_UP || !r->session.n_tx)
		return;
	sent = ring_send(&r->session.tx[0], f, n);
	CHECK(sent <= (int)n);
	r->ended = sent == -EPROTO;
	(void)ring_has_listener(&r->session.tx[0]);
}

static void receive_frames(struct run *r)
{
	struct wire_frame f[BATCH];
	struct iovec iov[BATCH];
	struct inbox in = { .frames = f, .iov = iov, .room = BATCH,
			    .sums = checksum_select(NULL) };

	if (r->session.state != SESSION_UP || !r->session.n_rx)
		return;
	in.n_bytes = ROOM;
	in.bytes = malloc(ROOM);
	CHECK(in.bytes);
	ring_interrupts(&r->session.rx[0], take(r, 1) & 1);
	r->ended = ring_receive(&r->session.rx[0], &in) != 0;
	CHECK(in.n <= BATCH && in.used <= ROOM + CACHE_LINE);
	for (unsigned k = 0; k < in.n; k++) {
		const uint8_t *at = f[k].iov->iov_base;

		CHECK(f[k].len && f[k].len <= RING_FRAME_MAX &&
		      f[k].iov->iov_len == f[k].len);
		CHECK(at >= in.bytes && at + f[k].len <= in.bytes + ROOM);
	}
	free(in.bytes);
}

/* ---- A run ----------------------------------------------------------------------------------- */

static void advance(struct run *r)
{
	struct memif_message m;
	int fd;

	if (memif_session_advance(&r->session))
		r->ended = true;
	while (!channel_receive(r->peer, &m, &fd)) {
		if (fd >= 0)
			close(fd);
	}
	if (!r->options.is_server && r->session.n_regions) {
		r->base = r->session.regions[0].base;
		r->bytes = r->session.regions[0].bytes;
	}
}

static void operate(struct run *r)
{
	uint8_t op = (uint8_t)take(r, 1);

	switch (op & 7) {
	case 0: send_step(r, op >> 3); advance(r); break;
	case 1: send_any(r); break;
	case 2: advance(r); break;
	case 3: write_index(r, op & 0x80); break;
	case 4: write_descriptor(r); break;
	case 5: write_anywhere(r); break;
	case 6: send_frames(r); break;
	default: receive_frames(r); break;
	}
}

static void begin(struct run *r)
{
	int ends[2];
	uint8_t how = (uint8_t)take(r, 1);

	set_up();
	r->options = (struct session_options){
		.is_server = how & 1, .log2_ring = LOG2, .n_queues = 1,
		.buffer_bytes = BUFFER,
	};
	memset(server_base, 0, SERVER_BUFFERS);
	for (uint32_t n = 0; n < 2u << LOG2; n++) {
		struct memif_ring *ring = (void *)(server_base + (n >> LOG2) *
						   ring_bytes(LOG2));

		ring->cookie = MEMIF_COOKIE;
		ring->descriptors[n & ((1u << LOG2) - 1)] =
			(struct memif_descriptor){ .length = BUFFER,
				.offset = SERVER_BUFFERS + n * BUFFER };
	}
	/* Until a client made its own, and if it never does. */
	r->base = server_base;
	r->bytes = REGION_BYTES;
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			  0, ends));
	r->peer = ends[1];
	r->ended = memif_session_open(&r->session, &r->options, ends[0], epoll_fd) != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;

	memset(&r, 0, sizeof(r));
	r.at = data;
	r.end = data + size;
	begin(&r);
	for (uint32_t n = 0; n < 300 && r.at < r.end && !r.ended; n++)
		operate(&r);
	memif_session_close(&r.session, "end of the input");
	close(r.peer);
	return 0;
}
