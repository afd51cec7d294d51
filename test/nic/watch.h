/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - A coalescer under the eyes of the oracle
 *
 * DOC: Theory of operation
 * A watch opens a coalescer and passes every call on to it. It remembers each
 * frame pushed; in deliver() it looks up which frames a packet was made of and
 * checks every rule that holds whatever the traffic is:
 *
 *   order      each packet is the next frame of its flow, unchanged, or a join
 *              of the next n of them; other frames pass at once, in order
 *   joins      only what the rules of the policy allow; header, checksum,
 *              gso_size exact; lossless: cutting gives back the very frames
 *   ownership  each frame comes back once, is not written to and not read later:
 *              its memory is overwritten and released in deliver()
 *   promptness what cannot be joined is not held; nothing passes its deadline;
 *              poll() announces the next deadline, UINT64_MAX iff nothing is held
 *   truth      the cause of each packet is a true one; counters add up
 *
 * The first violation is written to watch.failure; later ones are ignored.
 *
 * Limits: one coalescer a watch; memory grows with the frames pushed.
 */
#ifndef TEST_NIC_WATCH_H
#define TEST_NIC_WATCH_H

#include "nic/oracle.h"

#define WATCH_NONE UINT32_MAX
#define WATCH_BUCKETS 4096

/* A frame that was pushed, and what the watch knows of it. */
struct watch_record {
	struct input in;
	uint8_t *lent;		/* the memory the coalescer sees; NULL: back    */
	uint32_t track;		/* WATCH_NONE: in no flow                       */
	uint32_t next;		/* of the same flow, or of the frames in none   */
	bool delivered;
	uint32_t since;		/* first frame after the flow's last SYN or RST */
	bool ack_known;
	uint32_t last_ack;	/* ACK of the frame before it                   */
};

/* A flow, as the oracle sees it: a queue of frames not yet delivered. */
struct watch_track {
	uint32_t sample;	/* a frame that names the flow                  */
	uint32_t head, tail;
	uint32_t bucket_next;
	uint32_t since;
	bool ack_known, delivered_known;
	uint32_t last_ack, delivered_ack;
	uint32_t causes[TTO_N_CAUSES];
};

/* A packet that was handed up. */
struct watch_packet {
	uint64_t at_ns, first_ns, digest;
	uint32_t first;		/* index of its first frame                     */
	uint32_t n_frames, n_acks, header_len, payload_len, first_tsval;
	uint16_t gso_size;
	uint8_t gso_flags, csum, cause, changed;
};

struct watch {
	struct tto_coalescer *coalescer;
	struct tto_coalescer_options options;	/* defaults filled in           */
	struct oracle_rules rules;

	struct watch_record *records;
	uint32_t n_records, room_records;
	struct watch_track *tracks;
	uint32_t n_tracks, room_tracks;
	uint32_t buckets[WATCH_BUCKETS];
	uint32_t others_head, others_tail;	/* frames in no flow            */
	uint32_t oldest;			/* no frame before it is held   */
	uint32_t n_delivered;

	struct watch_packet *packets;
	uint32_t n_packets, room_packets;
	uint64_t by_cause[TTO_N_CAUSES];
	uint64_t n_aggregates, n_joined;

	uint64_t now_ns;	/* the latest time told                         */
	uint64_t announced_ns;	/* by the last poll                             */
	bool in_call, in_flush, used_sent;
	uint8_t *last_bytes;	/* header and payload of the last packet        */
	uint32_t last_len;
	const struct input **parts;
	uint32_t room_parts;
	char failure[512];
};

/**
 * watch_open() - Open a coalescer under watch
 * @options:	May be NULL
 *
 * Return: what tto_coalescer_open() returned.
 */
int watch_open(struct watch *w, const struct tto_coalescer_options *options);

/** watch_push() - Push copies of @n frames; cookies are the watch's own. */
void watch_push(struct watch *w, const struct tto_frame *frames, size_t n,
		uint64_t now_ns);

/** watch_push_specs() - Build @n frames and push them in one call. */
void watch_push_specs(struct watch *w, const struct frame_spec *specs, size_t n,
		      uint64_t now_ns);

/** watch_sent() - Frames that go out. */
void watch_sent(struct watch *w, const struct tto_frame *frames, size_t n,
		uint64_t now_ns);
void watch_sent_spec(struct watch *w, const struct frame_spec *spec,
		     uint64_t now_ns);

/** watch_poll() - Return: what tto_coalescer_poll() returned. */
uint64_t watch_poll(struct watch *w, uint64_t now_ns);

/** watch_run_to() - Poll whenever poll() said so, until after @now_ns. */
void watch_run_to(struct watch *w, uint64_t now_ns);

void watch_flush(struct watch *w, uint64_t now_ns);

/** watch_check() - Counters and flow table against what was seen. */
void watch_check(struct watch *w);

/** watch_close() - Close and release; what is held is dropped. */
void watch_close(struct watch *w);

/** watch_fail() - Note a violation, unless one was noted before. */
void watch_fail(struct watch *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** watch_stats() - The coalescer's counters. */
struct tto_coalescer_stats watch_stats(const struct watch *w);

/** watch_print() - The frames numbered @from .. @to - 1, one a line, to stderr. */
void watch_print(const struct watch *w, uint32_t from, uint32_t to);

/* deliver() of the coalescer; @ctx is the watch. In watch_check.c. */
tto_deliver_fn watch_deliver;

/**
 * watch_check_cause() - Whether @p says truly why it was handed up
 *
 * Called by watch_deliver() when watch.parts holds the frames of @p and they
 * count as delivered. In watch_cause.c.
 */
void watch_check_cause(struct watch *w, const struct tto_packet *p);

/** watch_index() - Number of a record by its frame. */
static inline uint32_t watch_index(const struct input *in)
{
	return (uint32_t)(uintptr_t)in->frame.cookie - 1;
}

#endif
