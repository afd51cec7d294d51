/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed.h - The device under a TCP in this process: in here as well, or the daemon's
 *
 * DOC: Theory of operation
 * In here are the device's two halves, without the queues between: nobody has to be
 * protected from a TCP that is in the same memory. So payload is copied once on each way:
 * from the frames to where it is wanted, and from the send buffer to the wire.
 *
 *	receive.c	wire -> neighbours -> coalescer -> segment, payload as a list
 *	loop.c		from us to us, with either device
 *	send.c		segment and payload -> the wire's own cutting, or nic's -> wire
 *	frames.c	open, attach; neighbours
 *	embed.c		what both devices have, and the choice: struct device_ops
 *	queues/		the other one: the queues of a device that the daemon has
 *
 * struct embed is in the heap. The wire and the coalescer are each process's own: the
 * wire is named by descriptors that have the same numbers everywhere, and the coalescer
 * holds nothing between two calls.
 *
 * Nothing is lost when the wire is full: what is left of a unit is kept, and
 * embed_ready() says no until it is gone.
 *
 * Limits: Ethernet. One wire.
 * Threads: none; under the stack's lock.
 * Source: ARCHITECTURE D11; SPEC RX-1..RX-16, TX-1, TX-5, RQ-5.
 */
#ifndef EMBED_EMBED_H
#define EMBED_EMBED_H

#include <tto/engine.h>

#include "packet/tcp_segment.h"
#include "packet/tuple.h"
#include "wire/wire.h"

struct embed;
struct mirror;

/* How frames reach a remote address. */
struct embed_path {
	uint8_t mac[6];
	uint16_t mtu;		/* IP bytes                                     */
	ns_t until;		/* look again then                              */
};

enum embed_icmp {		/* as enum tcp_icmp                             */
	EMBED_ICMP_SOFT,
	EMBED_ICMP_HARD,
	EMBED_ICMP_TOO_BIG,
};

/* What has come, checksums verified. */
struct embed_datagram {
	struct tcp_tuple tuple;	/* local is one of ours                         */
	struct tcp_segment segment;	/* without meaning if @is_icmp          */
	const struct tto_segment *payload;	/* while the callback runs      */
	uint8_t from[6];	/* the frame's source                           */
	bool is_icmp;
	uint8_t icmp;		/* enum embed_icmp                              */
	uint16_t mtu;		/* of the next hop; EMBED_ICMP_TOO_BIG          */
	seq_t quoted;		/* of our segment                               */
};

typedef void embed_arrive_fn(const struct embed_datagram *d);

struct embed_stats {
	uint64_t frames_in, frames_out;
	uint64_t segments_in;	/* after joining                                */
	uint64_t units_out;
	uint64_t bad;		/* not understood, or a wrong checksum          */
	uint64_t not_ours;
	uint64_t dropped;	/* the wire could not take it, and nor could we */
};

/**
 * embed_open() - Make a device, attached to this process
 * @where:	As tto_start() has it, without what is the stack's; "daemon:PATH"
 * @error:	Filled in on failure
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int embed_open(struct embed **out, const char *where,
			  struct wire_error *error);

/**
 * embed_attach() - Use the device in another process
 * @spec:	Of embed_share()
 * @error:	Filled in on failure
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int embed_attach(struct embed *e, const char *spec,
			    struct wire_error *error);

/**
 * embed_share() - Let other processes attach, which inherit the descriptors
 *
 * Return: 0; -EOPNOTSUPP: the wire cannot be shared; -ENAMETOOLONG; -errno.
 */
MUST_CHECK int embed_share(struct embed *e, char *spec, size_t size);

/** embed_detach() - Close this process's part */
void embed_detach(struct embed *e);

/** embed_free() - The shared part; nobody is attached any more */
void embed_free(struct embed *e);

/* IP bytes of a frame at most. */
uint16_t embed_mtu(const struct embed *e);

/** embed_fd() - To poll(2) for frames, after embed_arm(); -1: look again and again */
int embed_fd(const struct embed *e);

/** embed_arm() - Before somebody sleeps; Return: false: there are frames already */
bool embed_arm(struct embed *e);

/**
 * embed_deadline() - When embed_receive() or embed_ready() has something to do without
 * being woken; NS_NEVER
 */
ns_t embed_deadline(const struct embed *e);

#define EMBED_ALL SIZE_MAX

/**
 * embed_receive() - One batch of frames, of about 48 KiB
 * @want:	Bytes that somebody waits for: no more frames than these may take. The
 *		others stay in the wire until they are wanted, instead of in a buffer;
 *		EMBED_ALL
 * @arrive:	Called for each segment and ICMP error
 *
 * Return: how many frames; 0: none; -errno: the wire is gone.
 */
int embed_receive(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive);

/* Did the last embed_receive() find as much as it looked for? Then there may be more. */
bool embed_has_more(void);

/* Can something be sent now? What was kept back is tried first. */
bool embed_ready(struct embed *e);

/* A segment that is to be sent. */
struct embed_unit {
	const struct tcp_tuple *tuple;
	const struct embed_path *path;
	const struct tcp_segment *segment;	/* ports are the tuple's        */
	const struct iovec *payload;	/* @n_payload elements of segment->len bytes */
	uint32_t n_payload;
	uint16_t mss;		/* payload of a frame at most                   */
	uint8_t tos, ttl;	/* of IP; the segment's ecn is added            */
};

/**
 * embed_send() - Send a unit, cut into frames
 * @u:		Not needed any more on return, nor is its payload
 *
 * Is to be called when embed_ready() only, but for a few small ones.
 */
void embed_send(struct embed *e, const struct embed_unit *u);

/** embed_flush() - Send what has been collected */
void embed_flush(struct embed *e);

/**
 * embed_route() - How to get to a remote address
 * @tuple:	Its remote, and v6; the local side is filled in if it is zeros
 *
 * Return: 0; -EAGAIN: the neighbour is being asked for; -EHOSTUNREACH; -ENETUNREACH.
 */
int embed_route(struct embed *e, struct tcp_tuple *tuple, ns_t now,
		struct embed_path *path);

/* ---- Ports that others have as well ---------------------------------------------------- */

/*
 * Are our ports those of this machine's kernel, too? Then the device's owner holds them
 * there, each from its claim to its release, and a socket of the kernel's cannot have them.
 */
bool embed_holds_ports(const struct embed *e);

/**
 * embed_hold() - A port, before it is known what for
 * @local:	Address, or none; its port, or 0: one is chosen and filled in
 * @reuse:	Others that say so as well may have it, too
 * @hold:	Set on success; embed_unhold() it
 *
 * Return: as embed_claim().
 */
MUST_CHECK int embed_hold(struct embed *e, struct tcp_tuple *local, bool reuse,
			  uint32_t *hold);

/** embed_unhold() - What was claimed of the port stays */
void embed_unhold(struct embed *e, uint32_t hold);

enum embed_claim {
	EMBED_LISTEN,		/* what comes for the local side; once for each claim */
	EMBED_CONNECT,		/* before the first segment is sent             */
	EMBED_ACCEPTED,		/* came by who listens; cannot fail             */
};

/**
 * embed_claim() - What is sent and received for @tuple is ours
 * @tuple:	EMBED_LISTEN: without a remote side, perhaps without an address
 *
 * Return: 0; -EADDRINUSE: somebody else's port; -EACCES, -EDQUOT: the owner allows no
 * such thing, or no more; -ENETDOWN: the owner is gone; another -errno.
 */
MUST_CHECK int embed_claim(struct embed *e, const struct tcp_tuple *tuple,
			   enum embed_claim why);

/** embed_linger() - @tuple is in TIME-WAIT: hardly anything will come for it */
void embed_linger(struct embed *e, const struct tcp_tuple *tuple);

/** embed_release() - No more, TIME-WAIT included; of what was not claimed: nothing */
void embed_release(struct embed *e, const struct tcp_tuple *tuple);

/* ---- Addresses ----------------------------------------------------------------------- */

/** embed_add_loopback() - 127.0.0.1 and ::1 are ours, too. Return: 0; -1: no room */
MUST_CHECK int embed_add_loopback(struct embed *e);

/* Is there something from us to us, for embed_receive()? */
bool embed_has_looped(const struct embed *e);

/* 127.0.0.0/8 and ::1. */
bool embed_is_loopback(const uint8_t address[16], bool v6);

/* Is it an address of ours? */
bool embed_is_own(const struct embed *e, const uint8_t address[16], bool v6);

const struct embed_stats *embed_stats(const struct embed *e);

/** embed_mirror() - Where its copies are for who captures; @e is not looked at */
struct mirror *embed_mirror(struct embed *e);

#endif
