/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.h - What the receive side may and must do, said the slow way
 *
 * DOC: Theory of operation
 * A view reads a frame byte by byte. From views the oracle tells, without any
 * state of a device: why a frame cannot be part of an aggregate at all
 * (oracle_alone), why it cannot follow a given run of frames (oracle_between),
 * what the header of a run must look like (oracle_header), and what the frames
 * are into which an aggregate must be cut again (oracle_cut).
 *
 * Limits: "why" is a set, one bit a cause of enum tto_cause: of several reasons
 * the device may name any.
 * Source: SPEC RX-3 .. RX-7, RX-9, RX-15 .. RX-17.
 */
#ifndef TEST_NIC_ORACLE_H
#define TEST_NIC_ORACLE_H

#include "nic/frames.h"

typedef uint64_t causes_t;	/* set of enum tto_cause                        */
#define CAUSE(name) (1ULL << TTO_CAUSE_##name)

_Static_assert(TTO_N_CAUSES <= 64, "causes_t holds them all");

/* A frame, read. Offsets from its first byte. */
struct view {
	bool tcp;		/* whole TCP, unfragmented (IPv4 options allowed) */
	bool tuple;		/* addresses and ports are there: in a flow      */
	bool v6;
	bool fragment, ip_extra;	/* IPv4 options or IPv6 extension headers */
	uint8_t n_tags;
	uint16_t vid[2];
	uint32_t key_at;	/* what of the link header names the flow starts */
	uint32_t l3, l4, payload, end, len;
	uint8_t tos, ttl;
	uint16_t id, fragment_field;
	uint32_t flow_label;
	uint32_t seq, ack;
	uint16_t flags, window, urgent;
	bool sack, forbids_joining, has_timestamp;
	uint32_t timestamp_at;	/* offset of TSval                              */
	uint32_t tsval, tsecr;
	bool ip_sum_right, tcp_sum_right, partial_right;
};

/** view_read() - Read @len bytes at @frame. */
void view_read(struct view *v, uint8_t link, const uint8_t *frame, uint32_t len,
	       bool truncated);

/** view_payload_len() - Bytes of TCP payload. */
static inline uint32_t view_payload_len(const struct view *v)
{
	return v->end - v->payload;
}

/** view_same_flow() - Whether the device must see one flow (RX-1). */
bool view_same_flow(const struct view *a, const uint8_t *frame_a,
		    const struct view *b, const uint8_t *frame_b);

/* A frame that was pushed, remembered. */
struct input {
	struct tto_frame frame;	/* as it was pushed                             */
	const uint8_t *bytes;	/* a copy that nobody else sees                 */
	struct view view;
	uint64_t pushed_ns;
};

/* The options that decide what may be joined. */
struct oracle_rules {
	uint8_t policy;
	uint8_t link;
	uint8_t partial_csum;
	uint32_t ral;
};

/** oracle_alone() - Why @in cannot be part of an aggregate; 0 when it can. */
causes_t oracle_alone(const struct oracle_rules *rules, const struct input *in);

/**
 * oracle_between() - Why @next cannot follow the run @parts
 * @parts:	@n (at least 1) frames that were joined, in order
 *
 * Does not repeat oracle_alone(@next).
 */
causes_t oracle_between(const struct oracle_rules *rules,
			const struct input *const *parts, uint32_t n,
			const struct input *next);

/** oracle_closes() - Why nothing may follow @parts; 0 when something may. */
causes_t oracle_closes(const struct oracle_rules *rules,
		       const struct input *const *parts, uint32_t n);

/** oracle_unusual_checksum() - A field of all ones where 0 is computed. */
bool oracle_unusual_checksum(const struct input *in);

/**
 * oracle_header() - The header that the join of @parts must have
 * @actual:	What the device wrote: decides where both of two are allowed
 * @out:	Room for the header of the first part
 *
 * Return: length of the header.
 */
uint32_t oracle_header(const struct oracle_rules *rules,
		       const struct input *const *parts, uint32_t n,
		       const uint8_t *actual, uint8_t *out);

/* An aggregate that is to be cut again. */
struct oracle_cut {
	const uint8_t *packet;	/* header and payload                           */
	uint32_t len;
	const struct view *view;	/* of its header: offsets and v6        */
	uint16_t gso_size;
	bool fixed_id;		/* else the IPv4 ID counts up                   */
	bool partial;		/* leave the TCP checksum unfinished            */
};

/**
 * oracle_cut() - Frame number @index of an aggregate
 * @out:	Room for FRAME_MAX_BYTES
 *
 * Return: length, 0 when there is no such frame.
 */
uint32_t oracle_cut(const struct oracle_cut *cut, uint32_t index, uint8_t *out);

/** oracle_seq_diff() - Steps from @b to @a modulo 2^32. */
static inline int32_t oracle_seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

#endif
