/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h - Frames in, frames out: what every wire looks like
 *
 * DOC: Theory of operation
 * A wire moves whole frames across the machine's edge and does not interpret
 * them. It says what it can do (struct wire_caps); the device does in software
 * only what the wire cannot (ARCHITECTURE.md D5). What the kernel knows of a
 * frame (checksum unfinished or verified, already cut or not) travels beside it
 * as struct wire_offload, which has the layout of virtio_net_hdr.
 *
 * Wires nest: trace and fault take another wire and own it.
 *
 * Limits: memory of received frames belongs to the wire until the next receive.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* VIRTIO 1.2 §5.1.6, fields in native order on this side of the kernel. */
struct wire_offload {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

enum {
	WIRE_NEEDS_CSUM = 1,	/* flags: finish the checksum at csum_start +
				 * csum_offset                                  */
	WIRE_DATA_VALID = 2,	/* flags: the checksum was verified             */

	WIRE_GSO_NONE = 0,	/* gso_type                                     */
	WIRE_GSO_TCPV4 = 1,
	WIRE_GSO_UDP = 3,	/* to be cut by IP fragmentation                */
	WIRE_GSO_TCPV6 = 4,
	WIRE_GSO_UDP_L4 = 5,	/* to be cut into datagrams (USO)               */
	WIRE_GSO_ECN = 0x80,	/* or-ed: CWR on the first only                 */
};

#define LINKTYPE_ETHERNET 1	/* of pcap; the others are in captures only     */

struct wire_frame {
	const struct iovec *iov;	/* the bytes, @n_iov elements           */
	uint32_t n_iov;
	uint32_t len;		/* sum of the elements                          */
	uint32_t full_len;	/* on the wire; more than @len in a capture that
				 * was cut short; 0 on send: same as @len       */
	uint16_t linktype;	/* LINKTYPE_ of pcap                            */
	struct wire_offload offload;
	bool is_summed;		/* receive: @sum is that of all bytes, as checksum.h has
				 * it: it was to be had for little              */
	uint32_t sum;
	ns_t time;		/* when it was received; 0: the wire does not
				 * know. Captures: nanoseconds since 1970       */
	const char *comment;	/* send, captures only: one line, or NULL       */
};

/* Room in a wire's own memory, for a frame that is written there. */
struct wire_place {
	uint8_t *data;
	uint32_t size;
	uint32_t len;		/* of the frame; the sender's to set            */
};

struct wire_caps {
	bool offload;		/* carries struct wire_offload; without it every
				 * checksum must be finished and every frame cut */
	bool csum;		/* finishes checksums on send                   */
	bool tso4, tso6;	/* takes TCP units up to 64 KiB on send         */
	bool uso;		/* takes UDP units on send                      */
	bool live;		/* false: a capture; its times are the clock    */
	uint16_t linktype;	/* of its frames, when all have the same        */
	uint32_t max_frame;	/* bytes of the largest frame that is not a unit
				 * for segmentation, link header included       */
	uint8_t tag_bytes;	/* of these, for a tag that most frames have not */
};

struct wire_stats {
	uint64_t rx_frames, rx_bytes;
	uint64_t tx_frames, tx_bytes;
	uint64_t rx_dropped;	/* lost before they could be received           */
	uint64_t tx_dropped;	/* refused by the other side                    */
};

struct wire;

struct wire_ops {
	const char *kind;	/* "afpacket", "tap", ...                       */

	/*
	 * Up to @n frames, without waiting. Return: how many; 0: none now;
	 * -ENODATA: none will come any more; another -errno: broken.
	 * The frames' memory is valid until the next recv or close.
	 */
	int (*recv)(struct wire *w, struct wire_frame *frames, unsigned n);

	/*
	 * Sends in order. Return: how many were taken, less than @n when the
	 * wire is full; -errno only if none was. What is taken may still be
	 * dropped, and is counted then.
	 */
	int (*send)(struct wire *w, const struct wire_frame *frames, unsigned n);

	/*
	 * Places for the next frames, which spare the copy that send() makes.
	 * @places NULL: just how many there would be. Return: how many, up to @n,
	 * 0: use send(). They are the wire's again with the next call of any kind
	 * but send_lent(). NULL: it has none to lend.
	 */
	unsigned (*lend)(struct wire *w, struct wire_place *places, unsigned n);

	/* Sends the first @n of those lent last; whole frames, without offload. */
	void (*send_lent)(struct wire *w, const struct wire_place *places, unsigned n);

	/* Descriptor to poll(2) for reading, or -1: always ready. May be NULL. */
	int (*fd)(const struct wire *w);

	/*
	 * For who has set wire.is_armed_by_hand, and is about to sleep: from now on the
	 * descriptor tells what comes. Return: false: something is there already.
	 * NULL: it always tells.
	 */
	bool (*arm)(struct wire *w);

	/* Time at which something may become due without the descriptor saying
	 * so (fault: delayed frames); NS_NEVER. May be NULL.                   */
	ns_t (*deadline)(const struct wire *w);

	/*
	 * Gives its descriptors numbers of base/keep.h, and writes the specification
	 * with which a process that inherits them opens this wire as well. One at a
	 * time may use it. NULL: it cannot be shared.
	 */
	int (*share)(struct wire *w, char *spec, size_t size);

	/* Undoes what open did. Return: 0 or -errno (a capture that could not
	 * be written to its end).                                              */
	int (*close)(struct wire *w);
};

/* First member of every wire's own struct. */
struct wire {
	const struct wire_ops *ops;
	struct wire_caps caps;
	struct wire_stats stats;
	bool is_armed_by_hand;	/* the user's to set: a recv() that finds nothing does
				 * not make the peer ring for what comes        */
	char name[64];		/* for messages: "eth1", "tto0", "in.pcap"      */
};

/* Why an open failed: "what: why", one line. */
struct wire_error {
	char text[256];
};

/* Return: whether @spec begins with a kind that there is; nothing is opened. */
bool wire_is_known(const char *spec);

/**
 * wire_open() - Open a wire by its specification
 * @out:	Set on success; close with wire_close()
 * @spec:	"KIND:NAME[,OPTION[=VALUE]]...", see tto(1)
 * @error:	Filled in on failure
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int wire_open(struct wire **out, const char *spec,
			 struct wire_error *error);

static inline int wire_recv(struct wire *w, struct wire_frame *frames,
			    unsigned n)
{
	return w->ops->recv(w, frames, n);
}

static inline int wire_send(struct wire *w, const struct wire_frame *frames,
			    unsigned n)
{
	return w->ops->send(w, frames, n);
}

static inline int wire_fd(const struct wire *w)
{
	return w->ops->fd ? w->ops->fd(w) : -1;
}

static inline ns_t wire_deadline(const struct wire *w)
{
	return w->ops->deadline ? w->ops->deadline(w) : NS_NEVER;
}

/** wire_share() - As ops->share; Return: 0; -EOPNOTSUPP; another -errno */
MUST_CHECK static inline int wire_share(struct wire *w, char *spec, size_t size)
{
	return w->ops->share ? w->ops->share(w, spec, size) : -EOPNOTSUPP;
}

/* The bytes of @f in one piece at @to, which has room for them; their number. */
static inline uint32_t wire_frame_copy(const struct wire_frame *f, uint8_t *to)
{
	uint32_t at = 0;

	for (uint32_t n = 0; n < f->n_iov; n++) {
		if (f->iov[n].iov_len)
			memcpy(to + at, f->iov[n].iov_base, f->iov[n].iov_len);
		at += (uint32_t)f->iov[n].iov_len;
	}
	return at;
}

/* NULL is allowed. */
static inline int wire_close(struct wire *w)
{
	return w ? w->ops->close(w) : 0;
}

#endif
