/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h - Coalesce and segment TCP, for programs that move frames themselves
 *
 * For VPNs, VMMs, tunnels and packet processors. The library starts no thread,
 * reads no clock, makes no system call and allocates only in *_open(); time and
 * memory come from the caller.
 *
 * Errors:  0 or a positive count, else -errno; errno itself is left alone.
 * Threads: none inside; one object belongs to one thread at a time.
 *
 * Receive:   open -> push, push, poll, push ... -> flush -> close
 *            What the device hands up arrives in the deliver() callback.
 * Transmit:  begin -> next, next ... (no object to open; state in the caller's
 *            struct tto_segmenter)
 */
#ifndef TTO_ENGINE_H
#define TTO_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TTO_API __attribute__((visibility("default")))
#else
#define TTO_API
#endif

#define TTO_VERSION_MAJOR 0
#define TTO_VERSION_MINOR 1
#define TTO_VERSION_PATCH 0

/** tto_version() - "MAJOR.MINOR.PATCH" of the library that runs. */
TTO_API const char *tto_version(void);

/* ---- What a frame begins with -------------------------------------------- */

enum tto_link {
	TTO_LINK_ETHERNET = 0,	/* Ethernet II, up to two VLAN tags understood   */
	TTO_LINK_IP,		/* no link header, as from a TUN device          */
	TTO_LINK_NULL,		/* BSD loopback: 4 bytes, then IP                */
	TTO_LINK_SLL,		/* Linux "cooked" capture, 16 bytes              */
	TTO_LINK_SLL2,		/* the same, version 2, 20 bytes                 */
	TTO_N_LINKS
};

/* What is known of a frame's transport checksum. */
enum tto_csum {
	TTO_CSUM_UNKNOWN = 0,	/* nothing: whoever needs it right must verify it */
	TTO_CSUM_VERIFIED,	/* the wire has verified it                       */
	TTO_CSUM_PARTIAL,	/* the field holds the pseudo header's sum only;
				 * the sender left the rest to the hardware       */
};

/* ---- Receive: coalesce ---------------------------------------------------- */

/*
 * Why an aggregate ended, or why a frame was handed up alone. The name is what
 * tools print, the sentence is what they explain it with.
 *
 * X(IDENTIFIER, "name", "sentence")
 */
#define TTO_CAUSES(X) \
X(FULL, "full", "the aggregate reached the receive aggregation length (RAL)") \
X(PUSH, "push", "a segment with PSH closed the aggregate") \
X(FIN, "fin", "a segment with FIN closed the aggregate") \
X(SHORT, "short", "a segment shorter than the first closed the aggregate") \
X(LARGER, "larger", "a segment was larger than the first of the aggregate") \
X(DEADLINE, "deadline", "timeout_aggregation passed since the first segment") \
X(ACK_DEADLINE, "ack-deadline", "timeout_ack_aggregation passed since an undelivered advance of the ACK") \
X(ACKED_BYTES, "acked-bytes", "more than receive_acked_bytes_aggregation bytes were acknowledged and not delivered") \
X(FLUSH, "flush", "the caller asked for everything that was held") \
X(IDLE, "idle", "the flow was silent for terminate_no_activity_time") \
X(KEEPALIVE_LOST, "keepalive-lost", "a keepalive that was sent stayed without an answer") \
X(EVICTED, "evicted", "another flow needed the place in the flow table") \
X(NO_MEMORY, "no-memory", "segments or buffers ran out; the oldest aggregate made room") \
X(GAP, "gap", "a segment was missing before this one") \
X(OLD, "old", "the segment repeats or overlaps bytes that came before") \
X(SYN, "syn", "SYN set") \
X(RST, "rst", "RST set") \
X(URG, "urg", "URG set") \
X(ECN, "ecn", "ECE, CWR or AE set") \
X(NO_ACK, "no-ack", "a segment without the ACK flag, or with reserved bits set") \
X(SACK, "sack", "a SACK option") \
X(OPTIONS, "options", "the TCP options differ from those of the aggregate") \
X(OPTION_KIND, "option-kind", "an option that forbids joining: MD5, TCP-AO, MPTCP, or not well formed") \
X(TIMESTAMP, "timestamp", "the timestamp differs (lossless) or went back (host)") \
X(ACK, "ack", "the ACK number differs (lossless) or went back (host)") \
X(WINDOW, "window", "the window or the urgent pointer differs") \
X(TOS, "tos", "the TOS or traffic class differs, ECN marks included") \
X(TTL, "ttl", "the TTL or hop limit differs") \
X(IP_FLAGS, "ip-flags", "DF or the reserved IP flag differs") \
X(IP_ID, "ip-id", "the IPv4 ID neither counts up nor stays") \
X(FLOW_LABEL, "flow-label", "the IPv6 flow label differs") \
X(LINK_HEADER, "link-header", "the link header differs: MAC addresses or VLAN priority") \
X(PURE_ACK, "pure-ack", "an ACK without data") \
X(DUP_ACK, "dup-ack", "a duplicate ACK: it must be seen alone and at once") \
X(WINDOW_UPDATE, "window-update", "an ACK that only changes the window") \
X(PROBE, "probe", "a keepalive or zero-window probe") \
X(FRAGMENT, "fragment", "an IP fragment") \
X(IP_OPTIONS, "ip-options", "IPv4 options or IPv6 extension headers") \
X(TRAILER, "trailer", "bytes behind the IP datagram: padding that cannot be made again") \
X(CHECKSUM, "checksum", "the IP or TCP checksum is wrong") \
X(CHECKSUM_FORM, "checksum-form", "the checksum is written or left unfinished in another way") \
X(GSO, "gso", "the frame is an aggregate already") \
X(TABLE_FULL, "table-full", "the flow table has no place that may be taken") \
X(MALFORMED, "malformed", "lengths that contradict each other, or a frame cut short") \
X(NOT_TCP, "not-tcp", "not TCP, or carried in something that is not looked into")

enum tto_cause {
#define X(id, name, text) TTO_CAUSE_##id,
	TTO_CAUSES(X)
#undef X
	TTO_N_CAUSES
};

/** tto_cause_name() - Short name of @cause, "unknown" when out of range. */
TTO_API const char *tto_cause_name(enum tto_cause cause);
/** tto_cause_text() - Sentence about @cause, without capital and full stop. */
TTO_API const char *tto_cause_text(enum tto_cause cause);

/* A received frame. The caller owns @data; see enum tto_output for how long. */
struct tto_frame {
	const void *data;	/* from the link header on                        */
	uint32_t len;		/* bytes at @data                                 */
	uint16_t gso_size;	/* not 0: an aggregate already; passed as it is   */
	uint8_t csum;		/* enum tto_csum                                  */
	uint8_t truncated;	/* not 0: @len is less than there was on the wire */
	void *cookie;		/* the caller's, comes back with the segment      */
};

/* One frame's share of a packet that is handed up. */
struct tto_segment {
	const void *payload;	/* NULL when len is 0                             */
	uint32_t len;
	uint32_t reserved;
	void *cookie;		/* of the frame; its memory is the caller's again
				 * when deliver() returns                         */
	const struct tto_segment *next;	/* NULL after the last                    */
};

enum tto_gso_flags {
	TTO_GSO_FIXED_ID = 1,	/* the IPv4 ID was the same in all segments       */
};

/*
 * What the device hands up: one frame as it came, or an aggregate.
 *
 * As it came (n_frames == 1 and not changed == true): @header is the frame,
 * @header_len all of it, and @segments has one element with len 0.
 * Aggregate: @header is link, IP and TCP header, rewritten; the payload follows
 * in @segments (gather) or directly behind the header in memory (contiguous;
 * then @segments has one element that points there, cookie NULL).
 */
struct tto_packet {
	const void *header;
	uint32_t header_len;
	uint32_t payload_len;	/* sum of the segments' len                       */
	const struct tto_segment *segments;
	uint32_t n_frames;	/* frames that went in                            */
	uint32_t n_acks;	/* of these, ACKs without data (policy host)      */
	uint16_t l3;		/* offset of the IP header; 0xffff: not looked at */
	uint16_t l4;		/* offset of the TCP header; 0xffff: none found   */
	uint16_t gso_size;	/* payload of one segment; 0: not an aggregate    */
	uint8_t gso_flags;	/* enum tto_gso_flags                             */
	uint8_t csum;		/* enum tto_csum, of the packet                   */
	uint8_t cause;		/* enum tto_cause                                 */
	uint8_t changed;	/* not 0: an aggregate                            */
	uint8_t v6;		/* not 0: IPv6 (when l3 is known)                 */
	uint8_t held;		/* not 0: was verified and held, and @cause is
				 * why that ended; else why it came at once       */
	uint32_t first_tsval;	/* TCP timestamp of the first segment, host order */
	uint64_t first_ns;	/* when the first frame was pushed                */
};

typedef void tto_deliver_fn(void *ctx, const struct tto_packet *packet);

enum tto_policy {
	TTO_POLICY_LOSSLESS = 0,/* can be cut again into the very same frames     */
	TTO_POLICY_HOST,	/* newest ACK and window, oldest timestamp, least
				 * TTL; ACKs are joined (SPEC RX-4, RX-5, RX-9)   */
};

enum tto_output {
	TTO_OUTPUT_GATHER = 0,	/* payload stays in the frames: each is the
				 * caller's again after the deliver() that names
				 * its cookie has returned                        */
	TTO_OUTPUT_CONTIGUOUS,	/* payload is copied: every frame is the caller's
				 * again when push() returns                      */
};

/* 0 in a field means the default, so { .size = sizeof(o) } is complete. */
struct tto_coalescer_options {
	uint32_t size;		/* sizeof(struct tto_coalescer_options)           */
	uint8_t policy;		/* enum tto_policy                                */
	uint8_t link;		/* enum tto_link of every frame                   */
	uint8_t output;		/* enum tto_output                                */
	uint8_t partial_csum;	/* not 0: leave the TCP checksum of aggregates
				 * unfinished (csum = PARTIAL), as virtio-net
				 * and TAP like it; input is verified all the same */
	uint32_t flows;		/* places in the flow table, 1 .. 1 Mi;
				 * default 16384                                  */
	uint32_t ral;		/* receive aggregation length: IP bytes of an
				 * aggregate, 576 .. 524288; default 65535. Above
				 * 65535 the IP length field of what is longer is 0 */
	uint32_t segments;	/* gather: frames held at most; default 4 a flow,
				 * at least 4096                                  */
	uint32_t buffers;	/* contiguous: aggregates open at once;
				 * default 256                                    */
	uint32_t receive_acked_bytes_aggregation;	/* default 65535          */
	uint64_t timeout_aggregation_ns;		/* default 200 us         */
	uint64_t timeout_ack_aggregation_ns;		/* default 100 us         */
	uint64_t terminate_no_activity_time_ns;		/* default 60 s           */
	uint64_t timeout_keepalive_ns;			/* default 10 s           */
	uint64_t replace_idle_time_ns;	/* a flow that carries data may be
					 * replaced after this; default 1 s       */
	uint8_t seed[16];	/* key of the flow hash: random, so that nobody
				 * can choose tuples that collide                 */
	const char *cpu;	/* NULL: the best this CPU has; else "portable",
				 * "avx2", "avx512" (for tests and benchmarks)    */
};

struct tto_coalescer;

/**
 * tto_coalescer_open() - Make a coalescer
 * @out:	Set on success; release with tto_coalescer_close()
 * @options:	Copied; NULL means all defaults
 * @deliver:	Called, from within push(), poll() and flush(), for each packet
 *		handed up; must not call into this coalescer
 * @ctx:	First argument of @deliver
 *
 * Return: 0; -EINVAL for an option out of its range; -ENOTSUP for a @cpu that
 * is not there; -ENOMEM.
 */
TTO_API int tto_coalescer_open(struct tto_coalescer **out,
			       const struct tto_coalescer_options *options,
			       tto_deliver_fn *deliver, void *ctx);

/** tto_coalescer_close() - Release; what is held is dropped. NULL is allowed. */
TTO_API void tto_coalescer_close(struct tto_coalescer *c);

/**
 * tto_coalescer_push() - Frames from the wire, in the order of arrival
 * @frames:	Read during the call; @n of them, any number
 * @now_ns:	Monotonic; if it goes back it counts as not moving
 *
 * Every frame is taken. Deadlines that have passed are served first.
 */
TTO_API void tto_coalescer_push(struct tto_coalescer *c,
				const struct tto_frame *frames, size_t n,
				uint64_t now_ns);

/**
 * tto_coalescer_sent() - Frames that go out, so that both directions are known
 *
 * Optional. The frames are only read. Makes the judgement of duplicate ACKs and
 * of keepalives exact (SPEC RX-12, RX-11).
 */
TTO_API void tto_coalescer_sent(struct tto_coalescer *c,
				const struct tto_frame *frames, size_t n,
				uint64_t now_ns);

/**
 * tto_coalescer_poll() - Hand up what is due
 *
 * Return: the time of the next deadline [ns], UINT64_MAX when nothing is held.
 */
TTO_API uint64_t tto_coalescer_poll(struct tto_coalescer *c, uint64_t now_ns);

/** tto_coalescer_flush() - Hand up all that is held, oldest first. */
TTO_API void tto_coalescer_flush(struct tto_coalescer *c, uint64_t now_ns);

/* Counters since open; they only grow. */
struct tto_coalescer_stats {
	uint64_t frames_in;
	uint64_t packets_out;
	uint64_t aggregates;	/* packets made of two frames or more             */
	uint64_t frames_joined;	/* frames in these                                */
	uint64_t flows;		/* entries in the table now                       */
	uint64_t flows_created;
	uint64_t held;		/* frames held now                                */
	uint64_t ended[TTO_N_CAUSES];	/* held packets handed up, by cause       */
	uint64_t passed[TTO_N_CAUSES];	/* frames handed up at once, by cause     */
};

TTO_API void tto_coalescer_stats(const struct tto_coalescer *c,
				 struct tto_coalescer_stats *stats);

/* A flow, as the device sees it. Addresses and ports in network order. */
struct tto_flow_info {
	uint8_t source[16], destination[16];	/* IPv4: the first 4 bytes        */
	uint16_t source_port, destination_port;
	uint16_t vlan[2];	/* outer, inner VLAN ID, host order; 0 = none     */
	uint8_t v6;
	uint8_t carries_data;	/* has had two segments in order                  */
	uint32_t held;		/* bytes of payload held now                      */
	uint64_t idle_ns;	/* about; since the last frame                    */
	uint16_t causes[TTO_N_CAUSES];	/* ended and passed together; each stops
					 * at 65535                               */
};

/**
 * tto_coalescer_flow() - Walk over the flow table
 * @cursor:	0 at first; moved on by the call
 *
 * Return: true with @info filled in; false when there is none left.
 */
TTO_API bool tto_coalescer_flow(const struct tto_coalescer *c, uint32_t *cursor,
				struct tto_flow_info *info);

/**
 * tto_packet_iov() - A packet as a gather list for writev(2) and the like
 * @iov:	Room for @max elements: header first, then the payload
 *
 * Return: elements used; -ENOBUFS when @max is too small (packet->n_frames + 1
 * is always enough).
 */
TTO_API int tto_packet_iov(const struct tto_packet *packet, struct iovec *iov,
			   size_t max);

/* ---- Transmit: segment ----------------------------------------------------- */

enum tto_cut {
	TTO_CUT_TCP = 0,	/* TCP segments of at most mss payload            */
	TTO_CUT_UDP,		/* UDP datagrams of mss payload each (USO)        */
	TTO_CUT_FRAGMENT,	/* IP fragments; mss is the MTU (IP bytes)        */
};

enum tto_unit_flags {
	TTO_UNIT_FIXED_ID = 1,	/* the same IPv4 ID in all frames (TCP with DF)   */
	TTO_UNIT_PARTIAL_CSUM = 2, /* leave TCP and UDP checksums unfinished      */
	TTO_UNIT_NO_UDP_CSUM = 4,  /* IPv4: UDP checksum 0, "none"                */
	TTO_UNIT_ACCECN = 8,	/* CWR is part of the ACE counter: in all frames  */
};

/*
 * A pseudo frame: one template header and a payload of any shape.
 *
 * @header is everything before the payload that is to be cut: link header with
 * VLAN tags, IP, and the TCP or UDP header. Its lengths, checksums and (TCP)
 * sequence number are those of the first frame; lengths and checksums are not
 * read. For TTO_CUT_FRAGMENT @header may end behind the IP header (anything
 * follows in the payload as it is), or behind a UDP header (then the UDP
 * checksum over all of it is computed first).
 */
struct tto_unit {
	const void *header;	/* copied once, by begin()                        */
	uint32_t header_len;
	uint16_t mss;
	uint8_t link;		/* enum tto_link                                  */
	uint8_t cut;		/* enum tto_cut                                   */
	uint8_t flags;		/* enum tto_unit_flags                            */
	uint8_t reserved[3];
	uint32_t n_payload;	/* elements; empty ones are allowed               */
	const struct iovec *payload; /* until the last next(), list and bytes     */
	uint32_t fragment_id;	/* TTO_CUT_FRAGMENT over IPv6: Identification     */
	uint32_t reserved2;
	const char *cpu;	/* as in tto_coalescer_options                    */
};

/* Where one frame goes. All memory is the caller's. */
struct tto_slot {
	void *data;		/* contiguous: room for the frame. Gather: room
				 * for its header                                 */
	uint32_t size;		/* bytes of room at data                          */
	uint32_t len;		/* out: bytes written at data                     */
	struct iovec *iov;	/* NULL: contiguous. Else room for the payload's
				 * elements                                       */
	uint32_t n_iov;		/* in: room at iov; out: elements used            */
	uint32_t payload_len;	/* out                                            */
};

#define TTO_SEGMENTER_BYTES 640

/* State between next() calls; the contents are private. */
struct tto_segmenter {
	uint64_t opaque[TTO_SEGMENTER_BYTES / 8];
};

/**
 * tto_segmenter_begin() - Take a pseudo frame and say how many frames it makes
 * @s:		Overwritten; nothing to release afterwards
 * @unit:	See struct tto_unit for what must stay until the last next()
 *
 * A unit without payload, or with no more than fits one frame, makes one frame.
 *
 * Return: frames (1 or more); -EINVAL: mss 0, header too short, longer than 440
 * bytes, malformed, not the protocol of @cut, SYN, RST or URG set on more than
 * one segment, UDP datagram too long; -EMSGSIZE: a length field would exceed
 * 65535, an MTU too small, or more than 65535 frames; -EPERM: DF set and must be
 * fragmented; -EFAULT: payload length overflows; -ENOTSUP: @cpu is not there.
 */
TTO_API int tto_segmenter_begin(struct tto_segmenter *s,
				const struct tto_unit *unit);

/**
 * tto_segmenter_next() - Write the next frames
 * @slots:	@n places for frames
 *
 * Return: slots filled, 0 after the last frame. When a slot is too small (data
 * or iov) for its frame, those before it count; -ENOBUFS when it is the first:
 * nothing is lost, call again with more room. -EFAULT: @payload has become
 * shorter since begin().
 */
TTO_API int tto_segmenter_next(struct tto_segmenter *s, struct tto_slot *slots,
			       size_t n);

#ifdef __cplusplus
}
#endif
#endif
