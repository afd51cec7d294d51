// SPDX-License-Identifier: BSD-2-Clause
/* session.c - One connection of memif, from HELLO to DISCONNECT */
#include "wire/memif/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/kernel.h"
#include "wire/memif/channel.h"
#include "wire/memif/doorbell.h"

#define MESSAGES 64		/* that are read in a call                      */
#define PROGRAM "tto"
#define PAGE_BYTES 4096u

static int refuse(struct session *s, int err, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	return err;
}

/* ---- Messages out -------------------------------------------------------------- */

/* Either to read or, while something waits, to send. */
static int watch_channel(struct session *s, int operation, uint32_t events)
{
	struct epoll_event e = { .events = events };

	if (s->epoll < 0 || !kernel_call(SYS_epoll_ctl, s->epoll, operation, s->fd, &e))
		return 0;
	return refuse(s, -errno, "a socket that cannot be waited for");
}

/* With @fd, which stays ours. Nothing is waiting. */
static int send_message(struct session *s, const struct memif_message *m, int fd)
{
	int err = channel_send(s->fd, m, fd);

	if (err != -EAGAIN)
		return err ? refuse(s, err, "the peer is gone") : 0;
	s->waits_to_send = true;
	s->waiting = *m;
	s->waiting_fd = fd;
	return watch_channel(s, EPOLL_CTL_MOD, EPOLLOUT);
}

static int send_waiting(struct session *s)
{
	struct memif_message m = s->waiting;
	int err;

	if (!s->waits_to_send)
		return 0;
	s->waits_to_send = false;
	err = send_message(s, &m, s->waiting_fd);
	if (err || s->waits_to_send)
		return err;
	return watch_channel(s, EPOLL_CTL_MOD, EPOLLIN);
}

static int send_type(struct session *s, enum memif_type type)
{
	struct memif_message m = { .type = (uint16_t)type };

	if (type == MEMIF_CONNECT || type == MEMIF_CONNECTED)
		memcpy(m.connect.name, s->options->name, MEMIF_NAME_BYTES);
	return send_message(s, &m, -1);
}

static int send_hello(struct session *s)
{
	struct memif_message m = { .type = MEMIF_HELLO, .hello = {
		.name = PROGRAM,
		.min_version = MEMIF_VERSION,
		.max_version = MEMIF_VERSION,
		.max_region = REGIONS_MAX - 1,
		.max_to_client = s->options->n_queues - 1,
		.max_to_server = s->options->n_queues - 1,
		.max_log2_ring = s->options->log2_ring,
	} };

	return send_message(s, &m, -1);
}

static int send_init(struct session *s)
{
	struct memif_message m = { .type = MEMIF_INIT, .init = {
		.version = MEMIF_VERSION,
		.id = s->options->id,
		.mode = MEMIF_ETHERNET,
		.name = PROGRAM,
	} };

	memcpy(m.init.secret, s->options->secret, MEMIF_SECRET_BYTES);
	return send_message(s, &m, -1);
}

static int send_region(struct session *s)
{
	struct memif_message m = { .type = MEMIF_ADD_REGION, .add_region = {
		.bytes = s->regions[0].bytes,
	} };

	return send_message(s, &m, s->regions[0].fd);
}

static int send_ring(struct session *s, const struct ring *r, uint16_t index,
		     uint16_t flags)
{
	uint8_t *at = (uint8_t *)r->shared;
	struct memif_message m = { .type = MEMIF_ADD_RING, .add_ring = {
		.flags = flags,
		.index = index,
		.offset = (uint32_t)(at - s->regions[0].base),
		.log2_ring = (uint8_t)__builtin_ctz(r->mask + 1u),
	} };

	return send_message(s, &m, r->event);
}

/* The client's messages, each when the one before is answered. */
static int send_step(struct session *s)
{
	uint16_t step = s->step++;

	if (step == 0)
		return send_init(s);
	if (step == 1)
		return send_region(s);
	step -= 2;
	if (step < s->n_tx)
		return send_ring(s, &s->tx[step], step, MEMIF_TO_SERVER);
	step -= s->n_tx;
	if (step < s->n_rx)
		return send_ring(s, &s->rx[step], step, 0);
	if (step == s->n_rx)
		return send_type(s, MEMIF_CONNECT);
	return refuse(s, -EPROTO, "an answer to no question");
}

/* ---- Rings ---------------------------------------------------------------------- */

/* Each ring of the bell is an edge; the counter is never read: see doorbell.h. */
static int watch_event(struct session *s, int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = SESSION_BELL };

	if (s->epoll < 0 || !kernel_call(SYS_epoll_ctl, s->epoll, EPOLL_CTL_ADD, fd, &e))
		return 0;
	return refuse(s, -errno, "an eventfd that cannot be waited for");
}

static struct ring *add_ring(struct session *s, bool receives)
{
	struct ring *r = receives ? &s->rx[s->n_rx++] : &s->tx[s->n_tx++];

	*r = (struct ring){
		.receives = receives,
		.buffers.bytes = s->options->buffer_bytes,
		.regions = s->regions,
		.n_regions = s->n_regions,
		.event = -1,
	};
	return r;
}

/* The client's rings lie one behind the other, then their buffers. */
static uint32_t buffers_at(const struct session *s, uint32_t n_rings)
{
	uint32_t bytes = n_rings * ring_bytes(s->log2_ring);

	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static int make_ring(struct session *s, bool receives, uint32_t n, uint32_t total)
{
	struct ring *r = add_ring(s, receives);

	r->buffers.offset = buffers_at(s, total) +
			    (n << s->log2_ring) * r->buffers.bytes;
	if (ring_create(r, n * ring_bytes(s->log2_ring), s->log2_ring))
		return refuse(s, -ENOMEM, "no memory");
	r->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->event < 0)
		return refuse(s, -errno, "no eventfd");
	return receives ? watch_event(s, r->event) : 0;
}

static int make_rings(struct session *s, const struct memif_hello *h)
{
	const struct session_options *o = s->options;
	uint32_t n_tx = o->n_queues, n_rx = o->n_queues, total, n;
	uint64_t bytes;
	int err;

	if (n_tx > h->max_to_server + 1u)
		n_tx = h->max_to_server + 1u;
	if (n_rx > h->max_to_client + 1u)
		n_rx = h->max_to_client + 1u;
	total = n_tx + n_rx;
	s->log2_ring = o->log2_ring;
	if (s->log2_ring > h->max_log2_ring)
		s->log2_ring = h->max_log2_ring;
	bytes = (uint64_t)total * o->buffer_bytes << s->log2_ring;
	err = memif_region_make(&s->regions[0], buffers_at(s, total) + bytes);
	if (err)
		return refuse(s, err, "no memory");
	s->n_regions = 1;
	for (n = 0; n < total && !err; n++)
		err = make_ring(s, n >= n_tx, n, total);
	return err;
}

static void awaken(struct session *s)
{
	for (uint16_t n = 0; n < s->n_rx && !s->options->is_server; n++)
		ring_offer(&s->rx[n]);
	s->state = SESSION_UP;
}

/* ---- Messages in ------------------------------------------------------------------ */

static void take_name(struct session *s, const char *name)
{
	size_t len = strnlen(name, MEMIF_NAME_BYTES);

	for (size_t n = 0; n < len; n++)
		s->peer[n] = name[n] < ' ' || name[n] > '~' ? '?' : name[n];
	s->peer[len] = '\0';
	s->peer_has_fence = !strcmp(s->peer, PROGRAM);
}

static int take_hello(struct session *s, const struct memif_hello *h)
{
	int err;

	if (s->options->is_server || s->state != SESSION_MEETING)
		return refuse(s, -EPROTO, "HELLO at the wrong time");
	if (h->min_version > MEMIF_VERSION || h->max_version < MEMIF_VERSION)
		return refuse(s, -EPROTO, "not version 2.0");
	take_name(s, h->name);
	err = make_rings(s, h);
	s->state = SESSION_SHARING;
	return err ? err : send_step(s);
}

/* Takes as long wherever the difference is. */
static bool is_secret(const struct session *s, const char *secret)
{
	uint8_t difference = 0;

	if (!s->options->secret[0])
		return true;
	for (int n = 0; n < MEMIF_SECRET_BYTES; n++)
		difference |= (uint8_t)(s->options->secret[n] ^ secret[n]);
	return !difference;
}

static int take_init(struct session *s, const struct memif_init *i)
{
	if (!s->options->is_server || s->state != SESSION_MEETING)
		return refuse(s, -EPROTO, "INIT at the wrong time");
	take_name(s, i->name);
	if (i->version != MEMIF_VERSION)
		return refuse(s, -EPROTO, "not version 2.0");
	if (i->id != s->options->id)
		return refuse(s, -ENODEV, "no interface of this id");
	if (i->mode != MEMIF_ETHERNET)
		return refuse(s, -EPROTO, "Ethernet frames only");
	if (!is_secret(s, i->secret))
		return refuse(s, -EACCES, "not the secret");
	s->state = SESSION_SHARING;
	return send_type(s, MEMIF_ACK);
}

static int take_region(struct session *s, const struct memif_add_region *a,
		       int fd)
{
	uint64_t sum = a->bytes;
	const char *why;
	int err;

	if (!s->options->is_server || s->state != SESSION_SHARING || fd < 0)
		return refuse(s, -EPROTO, "a region at the wrong time, or none");
	/* Rings look into the regions that are there when they come. */
	if (a->index != s->n_regions || s->n_regions == REGIONS_MAX ||
	    s->n_rx || s->n_tx)
		return refuse(s, -EPROTO, "regions out of order, or too many");
	for (uint16_t n = 0; n < s->n_regions; n++)
		sum += s->regions[n].bytes;
	if (a->bytes > REGION_BYTES_MAX || sum > REGION_BYTES_MAX)
		return refuse(s, -EPROTO, "more than 1 GiB of memory");
	err = memif_region_accept(&s->regions[s->n_regions], fd, a->bytes,
			    s->options->unsealed, &why);
	if (err)
		return refuse(s, err, why);
	s->n_regions++;
	return send_type(s, MEMIF_ACK);
}

/* *@fd becomes -1 when the ring has it. */
static int take_ring(struct session *s, const struct memif_add_ring *a, int *fd)
{
	bool receives = a->flags & MEMIF_TO_SERVER;
	struct ring *r;
	const char *why;

	if (!s->options->is_server || s->state != SESSION_SHARING)
		return refuse(s, -EPROTO, "a ring at the wrong time");
	if (*fd < 0 || !doorbell_is_eventfd(*fd))
		return refuse(s, -EPROTO, "a ring without an eventfd");
	if (a->index != (receives ? s->n_rx : s->n_tx) ||
	    a->index >= s->options->n_queues)
		return refuse(s, -EPROTO, "rings out of order, or too many");
	if (a->private_bytes || a->log2_ring > s->options->log2_ring)
		return refuse(s, -EPROTO, "private headers, or too large a ring");
	r = add_ring(s, receives);
	if (ring_attach(r, a, &why))
		return refuse(s, -EPROTO, why);
	if (receives && watch_event(s, *fd))
		return -EPROTO;
	r->event = *fd;
	*fd = -1;
	return send_type(s, MEMIF_ACK);
}

static int take_connect(struct session *s)
{
	if (!s->options->is_server || s->state != SESSION_SHARING)
		return refuse(s, -EPROTO, "CONNECT at the wrong time");
	awaken(s);
	return send_type(s, MEMIF_CONNECTED);
}

static int take_connected(struct session *s)
{
	if (s->options->is_server || s->state != SESSION_SHARING ||
	    s->step != s->n_tx + s->n_rx + 3)
		return refuse(s, -EPROTO, "CONNECTED at the wrong time");
	awaken(s);
	return 0;
}

static int take_disconnect(struct session *s, const struct memif_disconnect *d)
{
	char text[MEMIF_REASON_BYTES + 1];
	size_t len = strnlen(d->reason, MEMIF_REASON_BYTES);

	for (size_t n = 0; n < len; n++)
		text[n] = d->reason[n] < ' ' || d->reason[n] > '~' ?
			  '?' : d->reason[n];
	text[len] = '\0';
	snprintf(s->why, sizeof(s->why), "the peer: %s", text);
	return -ECONNRESET;
}

static int take_ack(struct session *s)
{
	if (s->options->is_server || s->state != SESSION_SHARING)
		return refuse(s, -EPROTO, "ACK at the wrong time");
	return send_step(s);
}

static int take_message(struct session *s, const struct memif_message *m, int *fd)
{
	switch (m->type) {
	case MEMIF_ACK:
		return take_ack(s);
	case MEMIF_HELLO:
		return take_hello(s, &m->hello);
	case MEMIF_INIT:
		return take_init(s, &m->init);
	case MEMIF_ADD_REGION:
		return take_region(s, &m->add_region, *fd);
	case MEMIF_ADD_RING:
		return take_ring(s, &m->add_ring, fd);
	case MEMIF_CONNECT:
		return take_connect(s);
	case MEMIF_CONNECTED:
		return take_connected(s);
	case MEMIF_DISCONNECT:
		return take_disconnect(s, &m->disconnect);
	default:
		return refuse(s, -EPROTO, "a message of no known type");
	}
}

/* ---- Life ----------------------------------------------------------------------------- */

int memif_session_open(struct session *s, const struct session_options *options, int fd,
		 int epoll)
{
	int err;

	*s = (struct session){
		.options = options,
		.state = SESSION_MEETING,
		.fd = fd,
		.epoll = epoll,
	};
	err = watch_channel(s, EPOLL_CTL_ADD, EPOLLIN);
	if (!err && options->is_server)
		err = send_hello(s);
	return err;
}

int memif_session_advance(struct session *s)
{
	struct memif_message m;
	int err = send_waiting(s), fd;

	for (int n = 0; n < MESSAGES && !err && !s->waits_to_send; n++) {
		err = channel_receive(s->fd, &m, &fd);
		if (err == -EAGAIN)
			return 0;
		if (err)
			return refuse(s, err, err == -EPROTO ?
				      "a message of a wrong length, or with too many descriptors" :
				      "the peer is gone");
		err = take_message(s, &m, &fd);
		if (fd >= 0)
			kernel_call(SYS_close, fd);
	}
	return err;
}

/* Others have it open as well: closing does not take it out. */
static void end_watching(struct session *s, int fd)
{
	if (fd < 0)
		return;
	if (s->epoll >= 0)
		kernel_call(SYS_epoll_ctl, s->epoll, EPOLL_CTL_DEL, fd, NULL);
	kernel_call(SYS_close, fd);
}

static void close_ring(struct session *s, struct ring *r)
{
	ring_release(r);
	end_watching(s, r->event);
}

void memif_session_close(struct session *s, const char *why)
{
	struct memif_message m = { .type = MEMIF_DISCONNECT };

	if (s->state == SESSION_NONE)
		return;
	if (why) {
		snprintf(m.disconnect.reason, sizeof(m.disconnect.reason), "%s",
			 why);
		if (channel_send(s->fd, &m, -1))
			s->waits_to_send = false;
	}
	for (uint16_t n = 0; n < s->n_rx; n++)
		close_ring(s, &s->rx[n]);
	for (uint16_t n = 0; n < s->n_tx; n++)
		close_ring(s, &s->tx[n]);
	for (uint16_t n = 0; n < s->n_regions; n++)
		memif_region_close(&s->regions[n]);
	end_watching(s, s->fd);
	*s = (struct session){ .state = SESSION_NONE, .fd = -1 };
}

bool memif_session_is_gone(const struct session *s)
{
	for (uint16_t n = 0; n < s->n_regions; n++) {
		if (memif_region_is_gone(&s->regions[n]))
			return true;
	}
	return false;
}
