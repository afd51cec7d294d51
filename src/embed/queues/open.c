// SPDX-License-Identifier: BSD-2-Clause
/* open.c - Become a client of the daemon; let other processes be the same one */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/keep.h"
#include "base/kernel.h"
#include "control/exchange.h"
#include "embed/queues/queues.h"
#include "queue/completion.h"
#include "queue/work.h"

#define PAGE 4096u
#define LINK_BYTES 18		/* a wire's max_frame has room for a VLAN tag   */
#define TIMEOUT_NS 5000000000ULL
#define DESCRIPTORS 6

/* ---- What lies where ---------------------------------------------------------------- */

struct layout {
	size_t cq, grq, sq, buffers, pool, end;
};

static size_t pages(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static struct layout lay_out(void)
{
	struct layout l = { .cq = 0 };

	l.grq = l.cq + pages(ring_bytes(QUEUES_COMPLETIONS, sizeof(struct completion)));
	l.sq = l.grq + pages(ring_bytes(QUEUES_BUFFERS, sizeof(struct receive_work)));
	l.buffers = l.sq + pages(ring_bytes(QUEUES_BLOCKS, SEND_BLOCK_BYTES));
	l.pool = l.buffers + (size_t)QUEUES_BUFFERS * QUEUES_BUFFER_BYTES;
	l.end = l.pool + QUEUES_POOL_BYTES;
	return l;
}

/* Behind the heap, so that other processes can have it there as well. */
static int map(struct queues *q)
{
	void *want = (void *)(uintptr_t)(HEAP_ADDRESS + HEAP_BYTES);
	void *got = mmap(want, q->bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED_NOREPLACE, q->memory_fd, 0);

	if (got == MAP_FAILED)
		return errno == EEXIST ? -ENOMEM : -errno;
	q->memory = got;
	return 0;
}

/* What could shrink would end the program by a signal when it is touched. */
static bool is_safe(int fd, size_t bytes)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK && !fstat(fd, &st) &&
	       st.st_size >= 0 && (uint64_t)st.st_size >= bytes;
}

/* ---- Ask for everything ------------------------------------------------------------------ */

static int greet(struct queues *q)
{
	struct control_request request = { .operation = CONTROL_HELLO,
					   .handle = CONTROL_NONE };
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int status = queues_ask(q, &request, &reply, fds);
	struct embed *e = q->embed;

	if (status < 0)
		return status;
	if (reply.n_fds != CONTROL_FDS_MAX) {
		control_close(fds, reply.n_fds);
		return -EPROTO;
	}
	q->doorbell = fds[0];
	q->changes = fds[1];
	if (reply.hello.linktype != LINKTYPE_ETHERNET ||
	    reply.hello.max_frame <= LINK_BYTES)
		return -EOPNOTSUPP;
	memcpy(e->mac, reply.hello.mac, sizeof(e->mac));
	e->mtu = reply.hello.max_frame - LINK_BYTES > UINT16_MAX ? UINT16_MAX :
		 (uint16_t)(reply.hello.max_frame - LINK_BYTES);
	return 0;
}

static int learn_addresses(struct queues *q)
{
	struct control_request request = { .operation = CONTROL_ADDRESS,
					   .handle = CONTROL_NONE };
	struct embed *e = q->embed;
	struct control_reply reply;
	int status = 0;

	while (e->n_addresses < HOST_ADDRESSES_MAX) {
		struct host_address *a = &e->addresses[e->n_addresses];

		request.address.index = e->n_addresses;
		status = queues_ask(q, &request, &reply, NULL);
		if (status < 0)
			break;
		memcpy(a->address, reply.address.address, sizeof(a->address));
		a->prefix_bits = (uint8_t)reply.address.prefix_bits;
		a->v6 = reply.address.v6 != 0;
		if (reply.address.prefix_bits > (a->v6 ? 128 : 32))
			return -EPROTO;
		e->n_addresses++;
	}
	if (status < 0 && status != -ENOENT)
		return status;
	return e->n_addresses ? 0 : -EADDRNOTAVAIL;
}

static int take_memory(struct queues *q, size_t bytes, uint32_t *handle)
{
	struct control_request request = { .operation = CONTROL_ALLOCATE,
					   .handle = CONTROL_NONE,
					   .allocate = { .bytes = bytes } };
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int status = queues_ask(q, &request, &reply, fds);

	if (status < 0)
		return status;
	*handle = reply.handle;
	if (reply.n_fds != 1 || !is_safe(fds[0], bytes)) {
		control_close(fds, reply.n_fds);
		return -EPROTO;
	}
	q->memory_fd = fds[0];
	q->bytes = bytes;
	return map(q);
}

static int open_queue(struct queues *q, struct control_request *request, uint32_t entry,
		      struct ring_end *end, uint32_t *handle, int *event)
{
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int status;

	request->operation = CONTROL_OPEN_QUEUE;
	status = queues_ask(q, request, &reply, fds);
	if (status < 0)
		return status;
	*handle = reply.handle;
	if (reply.n_fds != (event ? 1 : 0)) {
		control_close(fds, reply.n_fds);
		return -EPROTO;
	}
	if (event)
		*event = fds[0];
	ring_attach(end, (void *)(q->memory + request->queue.offset),
		    request->queue.entries, entry);
	return 0;
}

static int open_queues(struct queues *q, uint32_t memory, const struct layout *l)
{
	struct control_request r = { .handle = memory };
	int err;

	r.queue.offset = l->cq;
	r.queue.kind = RING_COMPLETION;
	r.queue.entries = QUEUES_COMPLETIONS;
	r.queue.cq = CONTROL_NONE;
	err = open_queue(q, &r, sizeof(struct completion), &q->cq, &q->cq_handle,
			 &q->event);
	r.queue.cq = q->cq_handle;
	r.queue.offset = l->grq;
	r.queue.kind = RING_GENERAL;
	r.queue.entries = QUEUES_BUFFERS;
	if (!err)
		err = open_queue(q, &r, sizeof(struct receive_work), &q->grq,
				 &q->grq_handle, NULL);
	r.queue.offset = l->sq;
	r.queue.kind = RING_SEND;
	r.queue.entries = QUEUES_BLOCKS;
	if (!err)
		err = open_queue(q, &r, SEND_BLOCK_BYTES, &q->sq, &q->sq_handle, NULL);
	return err;
}

static int register_memory(struct queues *q, uint32_t memory, const struct layout *l)
{
	struct control_request request = {
		.operation = CONTROL_REGISTER, .handle = memory,
		.region = { .address = (uintptr_t)(q->memory + l->buffers),
			    .bytes = l->end - l->buffers, .offset = l->buffers,
			    .rights = CONTROL_READ | CONTROL_WRITE },
	};
	struct control_reply reply;
	int status = queues_ask(q, &request, &reply, NULL);

	q->buffers = q->memory + l->buffers;
	q->pool = q->memory + l->pool;
	q->pdbr = reply.region.pdbr;
	return status < 0 ? status : 0;
}

static int open_all(struct queues *q)
{
	const struct layout l = lay_out();
	uint32_t memory;
	int err = greet(q);

	if (!err)
		err = learn_addresses(q);
	if (!err)
		err = take_memory(q, l.end, &memory);
	if (!err)
		err = open_queues(q, memory, &l);
	if (!err)
		err = register_memory(q, memory, &l);
	if (!err)
		err = claims_open(q);
	if (!err)
		queues_fill(q);
	return err;
}

/* ---- Descriptors ------------------------------------------------------------------------- */

static void list_descriptors(struct queues *q, int *list[DESCRIPTORS])
{
	int *all[DESCRIPTORS] = { &q->memory_fd, &q->socket, &q->event, &q->doorbell,
				  &q->changes, &q->epoll };

	memcpy(list, all, sizeof(all));
}

static int watch(struct queues *q, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* A read or write of something else might wait for ever. */
static int make_sleep(struct queues *q)
{
	int err = 0;

	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (q->epoll < 0 || fcntl(q->event, F_SETFL, O_NONBLOCK) ||
	    fcntl(q->changes, F_SETFL, O_NONBLOCK) ||
	    fcntl(q->doorbell, F_SETFL, O_NONBLOCK))
		err = -errno;
	if (!err)
		err = watch(q, q->event);
	if (!err)
		err = watch(q, q->changes);
	return err ? err : watch(q, q->socket);
}

static int queues_share(struct embed *e, char *spec, size_t size)
{
	struct queues *q = e->queues;
	int *list[DESCRIPTORS], kept;

	list_descriptors(q, list);
	/* The set knows a descriptor by its number, so it is made of the new ones. */
	close(q->epoll);
	q->epoll = -1;
	for (int n = 0; n < DESCRIPTORS - 1; n++) {
		kept = keep_descriptor(*list[n]);
		if (kept < 0)
			return kept;
		*list[n] = kept;
	}
	kept = make_sleep(q);
	if (kept)
		return kept;
	kept = keep_descriptor(q->epoll);
	if (kept < 0)
		return kept;
	q->epoll = kept;
	return snprintf(spec, size, "daemon:") < (int)size ? 0 : -ENAMETOOLONG;
}

/* ---- Open and attach ---------------------------------------------------------------------- */

int queues_open(struct embed *e, const char *path, struct wire_error *error)
{
	struct queues *q = heap_zeroed(1, sizeof(*q));
	int *list[DESCRIPTORS], err;

	if (!q)
		return -ENOMEM;
	e->queues = q;
	e->neighbours_next = NS_NEVER;
	q->embed = e;
	list_descriptors(q, list);
	for (int n = 0; n < DESCRIPTORS; n++)
		*list[n] = -1;
	q->pool_ends = heap_zeroed(QUEUES_BLOCKS, sizeof(*q->pool_ends));
	if (!q->pool_ends || !heap_exists())
		return -ENOMEM;
	q->socket = control_connect(path, TIMEOUT_NS);
	err = q->socket < 0 ? q->socket : open_all(q);
	if (!err)
		err = make_sleep(q);
	if (!err)
		err = embed_make_attached(e, &queues_device, NULL);
	if (err)
		snprintf(error->text, sizeof(error->text), "daemon:%.100s: %s", path,
			 err == -EADDRNOTAVAIL ? "has no addresses" : strerror(-err));
	return err;
}

int queues_attach(struct embed *e)
{
	struct queues *q = e->queues;
	int err = map(q);

	if (err)
		return err;
	err = embed_make_attached(e, &queues_device, NULL);
	if (err)
		munmap(q->memory, q->bytes);
	return err;
}

static void queues_detach(struct embed *e)
{
	munmap(e->queues->memory, e->queues->bytes);
}

void queues_free(struct queues *q)
{
	int *list[DESCRIPTORS];

	if (!q)
		return;
	list_descriptors(q, list);
	for (int n = 0; n < DESCRIPTORS; n++) {
		if (*list[n] >= 0)
			close(*list[n]);
	}
	claims_free(q);
	heap_free(q->pool_ends);
	heap_free(q);
}

/* ---- Sleep ---------------------------------------------------------------------------------- */

static int queues_fd(const struct embed *e)
{
	return e->queues->epoll;
}

/* As ring_arm(); Return: whether it stays armed. @is_rung: it was taken from us just now */
static bool arm_ring(struct ring_end *end, bool *is_rung)
{
	_Atomic uint32_t *sleeps = &end->ring->sleeps;

	atomic_store_explicit(sleeps, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!ring_ready(end, 1) && !end->broken)
		return true;
	*is_rung |= atomic_exchange_explicit(sleeps, 0, memory_order_acq_rel) == 0;
	return false;
}

/*
 * The event is written once for each time that the ring was armed. It is read before it is
 * armed again; when the daemon has not come to write it yet, the next time.
 */
static bool queues_arm(struct embed *e)
{
	struct queues *q = e->queues;
	uint64_t count;

	if (q->is_gone)
		return true;
	if (q->is_armed) {
		if (atomic_load_explicit(&q->cq.ring->sleeps, memory_order_relaxed))
			return ring_ready(&q->cq, 1) == 0;
		q->is_rung = true;
	}
	if (q->is_rung && kernel_call(SYS_read, q->event, &count, sizeof(count)) > 0)
		q->is_rung = false;
	q->is_armed = arm_ring(&q->cq, &q->is_rung);
	return q->is_armed;
}

static ns_t queues_deadline(const struct embed *e)
{
	return NS_NEVER;
}

const struct device_ops queues_device = {
	.receive = queues_receive,
	.ready = queues_ready,
	.send = queues_send,
	.flush = queues_flush,
	.route = queues_route,
	.fd = queues_fd,
	.arm = queues_arm,
	.deadline = queues_deadline,
	.share = queues_share,
	.detach = queues_detach,
	.claim = queues_claim,
	.linger = queues_linger,
	.release = queues_release,
	.hold = queues_hold,
	.unhold = queues_unhold,
};
