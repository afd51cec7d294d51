/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memif_peer.h - A peer of memif that a test has in its hands
 *
 * It speaks the protocol as far as the test wants, and knows no rules.
 */
#ifndef WIRE_MEMIF_PEER_H
#define WIRE_MEMIF_PEER_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/memif/protocol.h"

#define PEER_LOG2 4
#define PEER_SLOTS (1u << PEER_LOG2)
#define PEER_BUFFER 2048u
#define PEER_RING_BYTES (MEMIF_DESCRIPTORS_AT + 16u * PEER_SLOTS)
#define PEER_BUFFERS_AT 4096u	/* to the server first, then to the client      */
#define PEER_REGION (PEER_BUFFERS_AT + 2 * PEER_SLOTS * PEER_BUFFER)

enum { TO_SERVER, TO_CLIENT };

struct peer {
	int listener, socket;
	int memory;
	int event[2];
	uint8_t *base;
	size_t bytes;
};

static inline void peer_init(struct peer *p)
{
	*p = (struct peer){ .listener = -1, .socket = -1, .memory = -1,
			    .event = { -1, -1 } };
}

static inline void peer_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* All but the listener. */
static inline void peer_hang_up(struct peer *p)
{
	peer_close_fd(&p->socket);
	peer_close_fd(&p->memory);
	peer_close_fd(&p->event[0]);
	peer_close_fd(&p->event[1]);
	if (p->base)
		munmap(p->base, p->bytes);
	p->base = NULL;
}

static inline void peer_close(struct peer *p)
{
	peer_hang_up(p);
	peer_close_fd(&p->listener);
}

static inline struct sockaddr_un peer_address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, path);
	return a;
}

static inline void peer_connect(struct peer *p, const char *path)
{
	struct sockaddr_un a = peer_address(path);

	p->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			   0);
	assert_int_equal(connect(p->socket, (struct sockaddr *)&a, sizeof(a)), 0);
}

static inline void peer_listen(struct peer *p, const char *path)
{
	struct sockaddr_un a = peer_address(path);

	p->listener = socket(AF_UNIX,
			     SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(p->listener, 4), 0);
}

/* Any bytes, any descriptors. Return: whether they were sent. */
static inline bool peer_send_raw(const struct peer *p, const void *bytes,
				 size_t n_bytes, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)bytes, n_bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	return sendmsg(p->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static inline bool peer_send(const struct peer *p, const struct memif_message *m,
			     int fd)
{
	return peer_send_raw(p, m, sizeof(*m), &fd, fd >= 0);
}

/* Return: the type, 0: nothing there; -1: the end. *@fd: what came with it. */
static inline int peer_receive(struct peer *p, struct memif_message *m, int *fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(p->socket, &message,
			      MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*fd = -1;
	if (c)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	if (got < 0 && errno == EAGAIN)
		return 0;
	return got == sizeof(*m) ? m->type : -1;
}

/* ---- A client's memory ----------------------------------------------------------- */

static inline struct memif_ring *peer_ring(const struct peer *p, int direction)
{
	return (void *)(p->base + (size_t)direction * PEER_RING_BYTES);
}

/* Rings that are empty, descriptors that are right. */
static inline void peer_share(struct peer *p, unsigned memfd_flags)
{
	p->bytes = PEER_REGION;
	p->memory = memfd_create("peer", MFD_CLOEXEC | memfd_flags);
	assert_int_equal(ftruncate(p->memory, (off_t)p->bytes), 0);
	p->base = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		       p->memory, 0);
	assert_true(p->base != MAP_FAILED);
	for (int d = 0; d < 2; d++) {
		struct memif_ring *r = peer_ring(p, d);

		p->event[d] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r->cookie = MEMIF_COOKIE;
		for (uint32_t n = 0; n < PEER_SLOTS; n++)
			r->descriptors[n] = (struct memif_descriptor){
				.length = PEER_BUFFER,
				.offset = PEER_BUFFERS_AT + PEER_BUFFER *
					  ((uint32_t)d * PEER_SLOTS + n),
			};
	}
}

/* The messages of a client, in their order; as they should be. */
static inline struct memif_message peer_message(const struct peer *p, int step)
{
	struct memif_message m = { .type = MEMIF_CONNECT };

	if (step == 0) {
		m.type = MEMIF_INIT;
		m.init.version = MEMIF_VERSION;
	} else if (step == 1) {
		m.type = MEMIF_ADD_REGION;
		m.add_region.bytes = p->bytes;
	} else if (step < 4) {
		m.type = MEMIF_ADD_RING;
		m.add_ring.flags = step == 2 ? MEMIF_TO_SERVER : 0;
		m.add_ring.offset = step == 2 ? 0 : PEER_RING_BYTES;
		m.add_ring.log2_ring = PEER_LOG2;
	}
	return m;
}

static inline int peer_fd(const struct peer *p, int step)
{
	return step == 1 ? p->memory : step == 2 ? p->event[TO_SERVER] :
	       step == 3 ? p->event[TO_CLIENT] : -1;
}

#define PEER_STEPS 5

#endif
