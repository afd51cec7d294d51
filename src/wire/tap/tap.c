// SPDX-License-Identifier: BSD-2-Clause
/*
 * tap.c - The kernel's network stack, by a TAP device
 *
 * DOC: Theory of operation
 * What is sent here the kernel receives, as from a network card, and the reverse.
 * With the virtio-net header (IFF_VNET_HDR) one write hands over an aggregate of
 * up to 64 KiB and one read takes a unit as long, its checksum unfinished: the
 * cost of a system call and of the kernel's path is paid once for all segments.
 *
 *	tap:NAME[,address=A/P][,mac=M][,mtu=N][,up][,tso=off][,plain]
 *
 * "tso=off": the kernel cuts what it sends itself. "plain": without the header,
 * whole frames only.
 *
 * A device that is not there is made, and is gone when the descriptor is closed,
 * however the process ends. A persistent one (ip tuntap add) is attached to; its
 * settings are its owner's.
 *
 * Several processes may have the device of one, by its descriptor: tap_share() gives
 * that a number for all of them, and "tap:NAME,fd=N,mtu=M[,plain]" takes it as it is.
 * Each has an arena of its own; who receives is for them to agree upon.
 *
 * The frames of a call lie one behind the other in an arena, so that short ones
 * stay in the cache; a call ends when the next might not fit.
 *
 * In a program under `tto run` read(2) and its like are somebody else's functions, so
 * what is called while frames move goes past libc's names.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/keep.h"
#include "wire/interface.h"
#include "wire/kinds.h"
#include "wire/tap/options.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20		/* Linux 6.2 */
#define TUN_F_USO6 0x40
#endif

#define BATCH 128		/* frames a call                                */
#define ARENA_BYTES (512U << 10)
#define FRAME_ROOM (66U << 10)	/* 65535 bytes of IP, Ethernet, tags, header    */
#define IP_ALIGN 18		/* the IP header of a frame is aligned          */
#define SEND_ELEMENTS 64
#define ETHERNET_BYTES 18	/* with a VLAN tag                              */

struct tap {
	struct wire wire;
	int fd;
	bool plain;
	bool created;		/* by us: goes with the descriptor              */
	bool is_shared;		/* its settings are another process's           */
	struct iovec received[BATCH];
	uint8_t *arena;
};

static struct tap *self(struct wire *w)
{
	return (struct tap *)w;
}

/* ---- Receive and send ------------------------------------------------------ */

static void describe(struct wire_frame *frame, struct iovec *iov, uint8_t *data,
		     size_t len)
{
	*iov = (struct iovec){ .iov_base = data, .iov_len = len };
	frame->iov = iov;
	frame->n_iov = 1;
	frame->len = frame->full_len = (uint32_t)len;
	frame->linktype = LINKTYPE_ETHERNET;
	frame->time = 0;
	frame->comment = NULL;
}

/* Return: bytes of the frame read to @data; 0: none; -errno. */
static int read_frame(struct tap *t, uint8_t *data, struct wire_offload *o)
{
	size_t head = t->plain ? 0 : sizeof(*o);
	ssize_t got = syscall(SYS_read, t->fd, data - head, FRAME_ROOM - CACHE_LINE);

	if (got < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == EIO)
			return 0;
		return errno == EBADFD ? -ENETDOWN : -errno;
	}
	if ((size_t)got < head)
		return 0;
	*o = (struct wire_offload){ 0 };
	memcpy(o, data - head, head);
	return (int)((size_t)got - head);
}

static int tap_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct tap *t = self(w);
	uint32_t at = 0;
	unsigned n_taken = 0;

	if (n > BATCH)
		n = BATCH;
	while (n_taken < n && at + FRAME_ROOM <= ARENA_BYTES) {
		struct wire_frame *f = &frames[n_taken];
		uint8_t *data = t->arena + at + IP_ALIGN;
		int got = read_frame(t, data, &f->offload);

		if (got < 0 && !n_taken)
			return got;
		if (got <= 0)
			break;
		describe(f, &t->received[n_taken++], data, (size_t)got);
		w->stats.rx_bytes += (uint32_t)got;
		at += (uint32_t)(got + IP_ALIGN + CACHE_LINE - 1) &
		      ~(CACHE_LINE - 1U);
	}
	w->stats.rx_frames += n_taken;
	return (int)n_taken;
}

/* Return: bytes written, or -errno. */
static ssize_t write_frame(struct tap *t, const struct wire_frame *frame)
{
	unsigned head = t->plain ? 0 : 1;
	struct iovec iov[SEND_ELEMENTS];
	ssize_t got;

	if (frame->n_iov + head > SEND_ELEMENTS)
		return -EMSGSIZE;
	iov[0] = (struct iovec){
		.iov_base = (void *)(uintptr_t)&frame->offload,
		.iov_len = sizeof(frame->offload),
	};
	memcpy(iov + head, frame->iov, frame->n_iov * sizeof(*iov));
	got = syscall(SYS_writev, t->fd, iov, frame->n_iov + head);
	return got < 0 ? -errno : got;
}

static int tap_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	for (unsigned f = 0; f < n; f++) {
		ssize_t got = write_frame(self(w), &frames[f]);

		if (got >= 0) {
			w->stats.tx_frames++;
			w->stats.tx_bytes += frames[f].len;
			continue;
		}
		if (got == -EAGAIN || got == -EINTR)
			return (int)f;
		if (got == -EBADFD)
			return f ? (int)f : -ENETDOWN;
		/* The device is down, or the kernel does not like the frame. */
		w->stats.tx_dropped++;
	}
	return (int)n;
}

static int tap_fd(const struct wire *w)
{
	return ((const struct tap *)w)->fd;
}

static int tap_close(struct wire *w)
{
	struct tap *t = self(w);

	if (t->fd >= 0) {
		if (!t->created && !t->plain && !t->is_shared)
			ioctl(t->fd, TUNSETOFFLOAD, 0);
		syscall(SYS_close, t->fd);
	}
	free(t->arena);
	free(t);
	return 0;
}

static int tap_share(struct wire *w, char *spec, size_t size)
{
	struct tap *t = self(w);
	int fd = keep_descriptor(t->fd), len;

	if (fd < 0)
		return fd;
	t->fd = fd;
	len = snprintf(spec, size, "tap:%s,fd=%d,mtu=%u%s", w->name, fd,
		       w->caps.max_frame - ETHERNET_BYTES, t->plain ? ",plain" : "");
	return len < (int)size ? 0 : -ENAMETOOLONG;
}

static const struct wire_ops tap_ops = {
	.kind = "tap",
	.recv = tap_recv,
	.send = tap_send,
	.fd = tap_fd,
	.share = tap_share,
	.close = tap_close,
};

/* ---- Open ------------------------------------------------------------------ */

static int set_offload(struct tap *t, const struct tap_options *o)
{
	struct wire_caps *caps = &t->wire.caps;
	unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	unsigned uso = TUN_F_USO4 | TUN_F_USO6;
	int header_bytes = sizeof(struct wire_offload);

	if (o->plain)
		return 0;
	if (ioctl(t->fd, TUNSETVNETHDRSZ, &header_bytes))
		return -errno;
	caps->offload = caps->csum = caps->tso4 = caps->tso6 = true;
	/* What it may hand out; it is told first whether the kernel knows USO. */
	caps->uso = !ioctl(t->fd, TUNSETOFFLOAD, tso | uso);
	if (caps->uso && !o->tso_off)
		return 0;
	return ioctl(t->fd, TUNSETOFFLOAD, o->tso_off ? TUN_F_CSUM : tso) ?
	       -errno : 0;
}

static int attach(struct tap *t, struct tap_options *o)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (!o->plain)
		request.ifr_flags |= IFF_VNET_HDR;
	strcpy(request.ifr_name, o->name);
	t->created = !if_nametoindex(o->name);
	if (ioctl(t->fd, TUNSETIFF, &request))
		return -errno;
	strcpy(o->name, request.ifr_name);	/* "tap%d" has become a name */
	return 0;
}

/* -EINVAL of TUNSETIFF: the name is that of another kind of interface. */
static int explain_attach(struct wire_error *error, const struct tap_options *o,
			  const struct tap *t, int err)
{
	if (err == -EINVAL && !t->created)
		return tap_refuse(error, o->name, -EEXIST,
				  "an interface of that name exists and is no TAP device");
	return tap_refuse_errno(error, o->name, "", err);
}

/* What another process has set up. Is it what is meant, and does it have the header? */
static int adopt(struct tap *t, const struct tap_options *o, struct wire_error *error)
{
	struct wire_caps *caps = &t->wire.caps;
	struct ifreq request = { .ifr_flags = 0 };

	if (syscall(SYS_ioctl, o->fd, TUNGETIFF, &request) ||
	    strcmp(request.ifr_name, o->name) ||
	    !(request.ifr_flags & IFF_VNET_HDR) != o->plain || !o->mtu)
		return tap_refuse(error, o->name, -EBADF,
				  "the descriptor is not that of this device");
	t->fd = (int)o->fd;
	t->is_shared = true;
	caps->offload = caps->csum = caps->tso4 = caps->tso6 = !o->plain;
	caps->max_frame = o->mtu + ETHERNET_BYTES;
	strcpy(t->wire.name, o->name);
	return 0;
}

static int start(struct tap *t, struct tap_options *o, struct wire_error *error)
{
	struct interface_state state;
	int err;

	t->arena = aligned_alloc(CACHE_LINE, ARENA_BYTES);
	if (!t->arena)
		return tap_refuse_errno(error, o->name, "", -ENOMEM);
	if (o->is_shared)
		return adopt(t, o, error);
	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return tap_refuse_errno(error, o->name, "/dev/net/tun", -errno);
	err = attach(t, o);
	if (err)
		return explain_attach(error, o, t, err);
	err = set_offload(t, o);
	if (!err)
		err = interface_query(o->name, &state);
	if (err)
		return tap_refuse_errno(error, o->name, "", err);
	if (tap_changes_settings(o) && !t->created)
		return tap_refuse(error, o->name, -EEXIST,
				  "a persistent device: address, mac, mtu and up are its owner's to set");
	err = tap_changes_settings(o) ? tap_configure(o, state.index, error) : 0;
	if (err)
		return err;
	/* The kernel takes any length here; a frame that is no unit should fit. */
	t->wire.caps.max_frame = (o->mtu ? o->mtu : state.mtu) + ETHERNET_BYTES;
	strcpy(t->wire.name, o->name);
	return 0;
}

static int open_parsed(struct wire **out, struct tap_options *o,
		       struct wire_error *error)
{
	struct tap *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return tap_refuse_errno(error, o->name, "", -ENOMEM);
	t->fd = -1;
	t->plain = o->plain;
	t->wire.ops = &tap_ops;
	t->wire.caps.live = true;
	t->wire.caps.linktype = LINKTYPE_ETHERNET;
	err = start(t, o, error);
	if (err) {
		tap_close(&t->wire);
		return err;
	}
	*out = &t->wire;
	return 0;
}

int tap_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct tap_options o = { 0 };
	char *copy = strdup(args);
	int err;

	if (!copy)
		return tap_refuse_errno(error, args, "", -ENOMEM);
	err = tap_options_parse(&o, copy, error);
	free(copy);
	return err ? err : open_parsed(out, &o, error);
}
