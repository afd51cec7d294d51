/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - The NIC of a host: frames in, segments up; pseudo frames down, frames out
 *
 * The coalescer and the segmenter of tto/engine.h with what is needed around them:
 * memory of frames, checksums of what was not looked at, ICMP errors.
 */
#ifndef HOST_DEVICE_H
#define HOST_DEVICE_H

#include "packet/tcp_segment.h"
#include "endpoint/side.h"
#include "endpoint/verdict.h"
#include "tcp/tcp.h"
#include "packet/tuple.h"
#include "tto/engine.h"
#include "wire/wire.h"

/* What a frame, or an aggregate, says to the host. */
struct datagram {
	struct tcp_tuple tuple;	/* as the receiver sees it; of an ICMP error:
				 * that of what it quotes                       */
	struct tcp_segment segment;	/* TCP                                  */
	const struct tto_segment *payload;
	bool is_icmp;
	enum tcp_icmp icmp;
	seq_t quoted;
	uint16_t mtu;
};

typedef void device_arrive_fn(void *ctx, const struct datagram *d);
/* A frame, or a unit that the wire cuts; @o says what is left to do. */
typedef void device_transmit_fn(void *ctx, const uint8_t *frame, uint32_t len,
				const struct wire_offload *o);

struct device {
	struct tto_coalescer *coalescer;	/* NULL: none                   */
	device_arrive_fn *arrive;
	device_transmit_fn *transmit;
	void *ctx;
	struct verdict *verdict;
	bool gather;
	bool is_closing;
	bool csum, tso;		/* the wire finishes checksums, cuts units      */
	uint16_t ip_id, mtu;
	uint8_t mac[6], peer_mac[6];
	uint32_t n_buffers;	/* frames that the device holds                 */
	uint64_t n_bad, n_sent, n_taken, n_joined;
};

/**
 * device_open() - Make the device of a host
 * @d:		arrive, transmit, ctx and verdict are set; the rest is overwritten
 */
void device_open(struct device *d, const struct host_setup *setup);
void device_close(struct device *d);

/**
 * device_take() - Frames have come, whose memory stays the caller's
 * @frames:	As for tto_coalescer_push(); not for a device that gathers
 */
void device_take(struct device *d, const struct tto_frame *frames, size_t n,
		 ns_t now);

/* A frame has come; @bytes were malloc()ed and are the device's now. */
void device_push(struct device *d, uint8_t *bytes, uint32_t len, ns_t now);

/* Hands up what is held. */
void device_flush(struct device *d, ns_t now);

/* Hands up what is due. Return: when to call again. */
ns_t device_poll(struct device *d, ns_t now);

/**
 * device_send() - Cut a pseudo frame, if the wire does not, and transmit it
 * @tuple:	Of the sender
 * @payload:	segment->len bytes
 */
void device_send(struct device *d, const struct tcp_tuple *tuple,
		 const struct tcp_segment *segment, const uint8_t *payload,
		 uint16_t mss);

#endif
