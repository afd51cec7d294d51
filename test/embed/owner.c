// SPDX-License-Identifier: BSD-2-Clause
/* owner.c - A daemon whose device is the test: it answers, and the test has the rings */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "embed/owner.h"
#include "wire/wire.h"

#define SETTLED_US 20000

/* ---- Answers ------------------------------------------------------------------------- */

static void send_reply(const struct owner *o, const struct control_reply *reply,
		       const int *fds)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t bytes = reply->n_fds * sizeof(int);

	if (bytes && fds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), fds, bytes);
	}
	(void)!sendmsg(o->session, &message, MSG_NOSIGNAL);
}

static int make_memory(struct owner *o, size_t bytes)
{
	int fd = memfd_create("owner", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	o->bytes = bytes;
	o->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(o->memory != MAP_FAILED);
	return fd;
}

static void open_queue(struct owner *o, const struct control_request *r,
		       struct control_reply *reply, int *fds)
{
	struct ring *ring = (void *)(o->memory + r->queue.offset);
	struct ring_end *end = r->queue.kind == RING_COMPLETION ? &o->cq :
			       r->queue.kind == RING_GENERAL ? &o->grq : &o->sq;
	uint32_t bytes = r->queue.kind == RING_GENERAL ? sizeof(struct receive_work) : 64;

	ring_create(ring, (enum ring_kind)r->queue.kind, r->queue.entries, bytes);
	ring_attach(end, ring, r->queue.entries, bytes);
	if (r->queue.kind == RING_COMPLETION) {
		o->event = eventfd(0, EFD_NONBLOCK);
		fds[0] = dup(o->event);
		reply->n_fds = 1;
	}
}

static void greet(struct owner *o, struct control_reply *reply, int *fds)
{
	reply->hello.linktype = LINKTYPE_ETHERNET;
	reply->hello.max_frame = 1518;
	memset(reply->hello.mac, 2, sizeof(reply->hello.mac));
	o->doorbell = eventfd(0, EFD_NONBLOCK);
	o->changes = eventfd(0, EFD_NONBLOCK);
	fds[0] = dup(o->doorbell);
	fds[1] = dup(o->changes);
	reply->n_fds = 2;
}

/* 10.0.0.1/24 is all that there is. */
static void name_address(const struct control_request *r, struct control_reply *reply)
{
	static const uint8_t own[4] = { 10, 0, 0, 1 };

	reply->status = r->address.index ? -ENOENT : 0;
	if (reply->status)
		return;
	memcpy(reply->address.address, own, sizeof(own));
	reply->address.prefix_bits = 24;
}

static void put_way(struct control_reply *reply)
{
	static const uint8_t own[4] = { 10, 0, 0, 1 };

	reply->flow.mtu = 1500;
	reply->flow.link_bytes = 14;
	memset(reply->flow.link, 4, 6);
	memcpy(reply->flow.source, own, sizeof(own));
}

static void answer(struct owner *o, const struct control_request *r,
		   struct control_reply *reply, int *fds)
{
	switch (r->operation) {
	case CONTROL_HELLO:
		greet(o, reply, fds);
		break;
	case CONTROL_ALLOCATE:
		fds[0] = make_memory(o, r->allocate.bytes);
		reply->n_fds = 1;
		break;
	case CONTROL_OPEN_QUEUE:
		open_queue(o, r, reply, fds);
		break;
	case CONTROL_ADDRESS:
		name_address(r, reply);
		break;
	case CONTROL_HOLD_PORT:
		reply->flow.port = r->hold.tuple.local_port ? r->hold.tuple.local_port :
							      40000;
		break;
	case CONTROL_ADD_FLOW:
	case CONTROL_ADD_LISTEN:
		reply->flow.flow = reply->handle + 1000;
		put_way(reply);
		break;
	case CONTROL_ROUTE:
		put_way(reply);
		break;
	default:
		break;
	}
}

static void serve(struct owner *o, const struct control_request *r)
{
	struct control_reply reply = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = r->operation, .number = r->number,
		.status = o->status[r->operation], .handle = ++o->n_handles,
	};
	int fds[CONTROL_FDS_MAX] = { -1, -1 };

	o->request[o->n_requests++ % OWNER_REQUESTS] = *r;
	if (!reply.status)
		answer(o, r, &reply, fds);
	if (o->is_mute && o->n_kept < ARRAY_SIZE(o->kept))
		o->kept[o->n_kept++] = reply;
	else
		send_reply(o, &reply, fds);
	for (uint32_t n = 0; n < reply.n_fds; n++)
		close(fds[n]);
}

static void *run(void *argument)
{
	struct owner *o = argument;
	struct control_request r;

	o->session = accept(o->listener, NULL, NULL);
	while (o->session >= 0 && recv(o->session, &r, sizeof(r), 0) == sizeof(r)) {
		pthread_mutex_lock(&o->lock);
		serve(o, &r);
		pthread_mutex_unlock(&o->lock);
	}
	return NULL;
}

/* ---- Begin and end ------------------------------------------------------------------- */

void owner_start(struct owner *o)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memset(o, 0, sizeof(*o));
	o->session = o->event = -1;
	pthread_mutex_init(&o->lock, NULL);
	snprintf(o->path, sizeof(o->path), "/tmp/owner-%d", (int)getpid());
	snprintf(o->where, sizeof(o->where), "daemon:%s", o->path);
	strcpy(a.sun_path, o->path);
	unlink(o->path);
	o->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(o->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(o->listener, 1), 0);
	assert_int_equal(pthread_create(&o->thread, NULL, run, o), 0);
}

void owner_stop(struct owner *o)
{
	shutdown(o->listener, SHUT_RDWR);
	if (o->session >= 0)
		shutdown(o->session, SHUT_RDWR);
	pthread_join(o->thread, NULL);
	close(o->listener);
	close(o->session);
	unlink(o->path);
	if (o->memory)
		munmap(o->memory, o->bytes);
	for (int n = 0; n < 3; n++)
		close((const int[]){ o->doorbell, o->changes, o->event }[n]);
}

/* ---- What it is told to do -------------------------------------------------------------- */

void owner_refuse(struct owner *o, uint16_t operation, int32_t status)
{
	pthread_mutex_lock(&o->lock);
	o->status[operation] = status;
	pthread_mutex_unlock(&o->lock);
}

void owner_mute(struct owner *o, bool is_mute, uint32_t lost)
{
	pthread_mutex_lock(&o->lock);
	o->is_mute = is_mute;
	for (uint32_t n = lost; !is_mute && n < o->n_kept; n++)
		send_reply(o, &o->kept[n], NULL);
	if (!is_mute)
		o->n_kept = 0;
	pthread_mutex_unlock(&o->lock);
}

static uint32_t count_requests(struct owner *o)
{
	uint32_t n;

	pthread_mutex_lock(&o->lock);
	n = o->n_requests;
	pthread_mutex_unlock(&o->lock);
	return n;
}

/* Return: how many there were, when no more come. */
static uint32_t settle(struct owner *o)
{
	uint32_t before, n = count_requests(o);

	do {
		before = n;
		usleep(SETTLED_US);
		n = count_requests(o);
	} while (n != before);
	return n < OWNER_REQUESTS ? n : OWNER_REQUESTS;
}

uint32_t owner_count(struct owner *o, uint16_t operation)
{
	uint32_t all = settle(o), n = 0;

	for (uint32_t at = 0; at < all; at++)
		n += o->request[at].operation == operation;
	return n;
}

struct control_request owner_last(struct owner *o, uint16_t operation)
{
	uint32_t at = settle(o);

	while (at && o->request[at - 1].operation != operation)
		at--;
	assert_true(at > 0);
	return o->request[at - 1];
}

void owner_say(struct owner *o, const struct control_reply *reply)
{
	pthread_mutex_lock(&o->lock);
	send_reply(o, reply, NULL);
	pthread_mutex_unlock(&o->lock);
}

/* ---- The device --------------------------------------------------------------------------- */

void owner_complete(struct owner *o, const struct completion *c, uint32_t n)
{
	uint64_t one = 1;

	assert_true(ring_room(&o->cq, n) >= n);
	for (uint32_t k = 0; k < n; k++)
		memcpy(ring_slot(&o->cq, k), &c[k], sizeof(c[k]));
	ring_publish(&o->cq, n);
	if (ring_wants_wake(&o->cq))
		assert_int_equal(write(o->event, &one, sizeof(one)), sizeof(one));
}

uint64_t owner_buffer(struct owner *o, uint8_t **at)
{
	struct receive_work w;

	assert_true(ring_ready(&o->grq, 1) >= 1);
	memcpy(&w, ring_entry(&o->grq, 0), sizeof(w));
	ring_release(&o->grq, 1);
	*at = (uint8_t *)(uintptr_t)w.address;
	return w.wr_id;
}
