// SPDX-License-Identifier: BSD-2-Clause
/* client.c - A client of the daemon, made of control messages and rings only */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"

#define PAGE 4096u
#define RING_ROOM (64u << 10)	/* for each ring                                */
#define HEADERS (CLIENT_LINK + 40)

void client_fail(const char *what, int error)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(abs(error)));
	exit(1);
}

/* ---- Messages --------------------------------------------------------------------------- */

struct control_request client_ask(enum control_operation operation)
{
	static uint32_t number;

	return (struct control_request){
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = (uint16_t)operation, .number = ++number,
	};
}

static void take_descriptors(struct msghdr *m, int *fds, uint32_t n)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int got[CONTROL_FDS_MAX];

	if (!n)
		return;
	if (!c || c->cmsg_len != CMSG_LEN(n * sizeof(int)))
		client_fail("descriptors", EPROTO);
	memcpy(got, CMSG_DATA(c), n * sizeof(int));
	for (uint32_t idx = 0; idx < n; idx++) {
		if (fds)
			fds[idx] = got[idx];
		else
			close(got[idx]);
	}
}

static int receive(struct client *c, struct control_reply *reply, int *fds)
{
	struct iovec iov = { reply, sizeof(*reply) };
	union {
		char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(c->socket, &m, MSG_CMSG_CLOEXEC);

	if (n != sizeof(*reply))
		return n < 0 ? -errno : -ECONNRESET;
	take_descriptors(&m, fds, reply->n_fds);
	return reply->status;
}

int client_do(struct client *c, struct control_request *ask,
	      struct control_reply *reply, int *fds)
{
	(void)!send(c->socket, ask, sizeof(*ask), MSG_NOSIGNAL);
	return receive(c, reply, fds);
}

int client_connect(struct client *c, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct control_request ask = client_ask(CONTROL_HELLO);
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX], err;

	*c = (struct client){ 0 };
	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	c->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->socket < 0 || connect(c->socket, (void *)&a, sizeof(a)))
		return -errno;
	err = client_do(c, &ask, &reply, fds);
	if (err)
		return err;
	c->doorbell = fds[0];
	c->events = fds[1];
	return 0;
}

/* ---- Queues ---------------------------------------------------------------------------------- */

static void allocate(struct client *c)
{
	struct control_request ask = client_ask(CONTROL_ALLOCATE);
	struct control_reply reply;
	int fd[CONTROL_FDS_MAX] = { -1, -1 }, err;

	c->bytes = 4 * RING_ROOM + CLIENT_BUFFERS * CLIENT_BUFFER_BYTES +
		   CLIENT_SEND_BYTES;
	ask.allocate.bytes = c->bytes;
	err = client_do(c, &ask, &reply, fd);
	if (err)
		client_fail("allocate", err);
	c->object = reply.handle;
	c->memory = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd[0], 0);
	if (c->memory == MAP_FAILED)
		client_fail("mmap", errno);
	close(fd[0]);
	c->buffers = c->memory + 4 * RING_ROOM;
	c->payload = c->buffers + CLIENT_BUFFERS * CLIENT_BUFFER_BYTES;
}

static uint32_t open_queue(struct client *c, uint32_t place, enum ring_kind kind,
			   uint32_t entry_bytes, struct ring_end *end)
{
	struct control_request ask = client_ask(CONTROL_OPEN_QUEUE);
	struct control_reply reply;
	int fd[CONTROL_FDS_MAX] = { -1, -1 }, err;

	ask.handle = c->object;
	ask.queue.offset = place * RING_ROOM;
	ask.queue.kind = kind;
	ask.queue.entries = CLIENT_ENTRIES;
	ask.queue.cq = kind == RING_COMPLETION ? 0 : c->cq_handle;
	err = client_do(c, &ask, &reply, fd);
	if (err)
		client_fail("queue", err);
	if (kind == RING_COMPLETION)
		c->cq_event = fd[0];
	ring_attach(end, (void *)(c->memory + place * RING_ROOM), CLIENT_ENTRIES,
		    entry_bytes);
	return reply.handle;
}

static void register_all(struct client *c)
{
	struct control_request ask = client_ask(CONTROL_REGISTER);
	struct control_reply reply;
	int err;

	ask.handle = c->object;
	ask.region.address = (uintptr_t)c->memory;
	ask.region.bytes = c->bytes;
	ask.region.rights = CONTROL_READ | CONTROL_WRITE;
	err = client_do(c, &ask, &reply, NULL);
	if (err)
		client_fail("register", err);
	c->stag = reply.region.stag;
	c->pdbr = reply.region.pdbr;
}

static void ring_doorbell(struct client *c, struct ring_end *e)
{
	uint64_t one = 1;

	if (ring_wants_wake(e))
		(void)!write(c->doorbell, &one, sizeof(one));
}

void client_repost(struct client *c, uint64_t wr_id)
{
	struct receive_work w = {
		.wr_id = wr_id, .length = CLIENT_BUFFER_BYTES,
		.address = (uintptr_t)c->buffers + wr_id * CLIENT_BUFFER_BYTES,
		.base = c->pdbr, .command = DESCRIPTOR_VIRTUAL,
	};

	if (!ring_room(&c->grq, 1))
		client_fail("GRQ", ENOSPC);
	memcpy(ring_slot(&c->grq, 0), &w, sizeof(w));
	ring_publish(&c->grq, 1);
}

void client_set_up(struct client *c)
{
	allocate(c);
	c->cq_handle = open_queue(c, 0, RING_COMPLETION, sizeof(struct completion),
				  &c->cq);
	c->grq_handle = open_queue(c, 1, RING_GENERAL, sizeof(struct receive_work),
				   &c->grq);
	c->sq_handle = open_queue(c, 2, RING_SEND, SEND_BLOCK_BYTES, &c->sq);
	register_all(c);
	for (uint64_t n = 0; n < CLIENT_BUFFERS; n++)
		client_repost(c, n);
}

int client_add_flow(struct client *c, const char *local, uint16_t local_port,
		    const char *remote, uint16_t remote_port, struct client_flow *flow)
{
	struct control_request ask = client_ask(CONTROL_ADD_FLOW);
	struct pollfd p = { .fd = c->events, .events = POLLIN };
	struct control_reply reply;
	int err = -EAGAIN;

	inet_pton(AF_INET, local, ask.flow.tuple.local);
	inet_pton(AF_INET, remote, ask.flow.tuple.remote);
	ask.flow.tuple.local_port = local_port;
	ask.flow.tuple.remote_port = remote_port;
	ask.flow.cq = c->cq_handle;
	ask.flow.grq = c->grq_handle;
	ask.flow.sq = c->sq_handle;
	ask.flow.rq = CONTROL_NONE;
	ask.flow.flags = c->flow_flags;
	for (int attempt = 0; err == -EAGAIN && attempt < 5; attempt++) {
		err = client_do(c, &ask, &reply, NULL);
		if (err == -EAGAIN)
			poll(&p, 1, 1000);
	}
	flow->handle = reply.handle;
	flow->id = reply.flow.flow;
	flow->tuple = ask.flow.tuple;
	memcpy(flow->link, reply.flow.link, CLIENT_LINK);
	return err;
}

/* ---- Data ---------------------------------------------------------------------------------------- */

static void put_headers(uint8_t *at, const struct client_flow *f,
			const struct client_segment *s)
{
	uint8_t *ip = at + CLIENT_LINK, *tcp = ip + 20;

	memset(at, 0, HEADERS);
	memcpy(at, f->link, CLIENT_LINK);
	ip[0] = 0x45;
	store_be16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, f->tuple.local, 4);
	memcpy(ip + 16, f->tuple.remote, 4);
	store_be16(tcp, f->tuple.local_port);
	store_be16(tcp + 2, f->tuple.remote_port);
	store_be32(tcp + 4, s->seq);
	store_be32(tcp + 8, s->ack);
	tcp[12] = 5 << 4;
	tcp[13] = s->flags;
	store_be16(tcp + 14, 0xffff);
}

bool client_post(struct client *c, const struct client_flow *f,
		 const struct client_segment *s)
{
	struct send_head head = {
		.wr_id = s->wr_id, .flow = f->id, .inline_bytes = HEADERS,
		.mss = s->mss, .descriptors = s->bytes ? 1 : 0,
		.flags = SEND_SIGNALED,
	};
	struct descriptor d = {
		.address = (uintptr_t)s->payload,
		.base = s->base ? s->base : c->pdbr, .length = s->bytes,
		.command = DESCRIPTOR_END |
			   (s->command ? s->command : DESCRIPTOR_VIRTUAL),
	};
	uint8_t request[SEND_BLOCKS_MAX * SEND_BLOCK_BYTES];
	uint32_t at = sizeof(head);

	head.blocks = (uint8_t)send_blocks(head.descriptors, HEADERS);
	if (ring_room(&c->sq, head.blocks) < head.blocks)
		return false;
	memcpy(request, &head, sizeof(head));
	if (s->bytes) {
		memcpy(request + at, &d, sizeof(d));
		at += (uint32_t)sizeof(d);
	}
	put_headers(request + at, f, s);
	for (uint32_t n = 0; n < head.blocks; n++)
		memcpy(ring_slot(&c->sq, n), request + n * SEND_BLOCK_BYTES,
		       SEND_BLOCK_BYTES);
	ring_publish(&c->sq, head.blocks);
	ring_doorbell(c, &c->sq);
	return true;
}

static bool take(struct client *c, struct completion *out)
{
	if (!ring_ready(&c->cq, 1))
		return false;
	memcpy(out, ring_entry(&c->cq, 0), sizeof(*out));
	ring_release(&c->cq, 1);
	return true;
}

bool client_poll(struct client *c, struct completion *out, int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = c->cq_event, .events = POLLIN }, { .fd = c->socket },
	};
	uint64_t count;

	if (take(c, out))
		return true;
	if (ring_arm(&c->cq)) {
		poll(p, 2, timeout_ms);
		if (p[1].revents & POLLHUP)
			client_fail("the daemon", ECONNRESET);
		(void)!read(c->cq_event, &count, sizeof(count));
		ring_disarm(&c->cq);
	}
	return take(c, out);
}
