/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.h - The flow lookup table (FLT): from a segment's tuple to its flow
 *
 * DOC: Theory of operation
 * Two arrays, as SPEC RX-2 expects. The lookup table is an array of buckets, one
 * cache line each: eight 16-bit tags and eight indices. A flow lives in one of
 * two buckets that its hash names; the second is looked at only when the first
 * has overflowed. The context table holds 128 bytes a flow: line 0 is the
 * header that the next segment is expected to carry (header prediction), line
 * 1 is what changes with each segment.
 *
 * Replacement: a flow counts as *proven* once a data segment came in order
 * behind another segment. When there is no place, the least recently active of at most 16
 * candidates goes; a proven one only after it was silent for replace_idle_time.
 * So neither a SYN flood (SYNs get no entry) nor a scan (its entries are never
 * proven) takes the place of a flow that carries data.
 *
 * Limits: a flow that finds no place is not aggregated; it still passes.
 * Source: SPEC RX-1, RX-2, RX-11, RX-14; patent US7596628 (FLT).
 */
#ifndef NIC_FLOW_H
#define NIC_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "packet/parse.h"

#define FLOW_NONE UINT32_MAX
#define FLOW_MAX (1u << 20)
#define FLOW_EXPECT_BYTES 64

/* flow->state. The low byte is what must be equal for a segment to join. */
enum {
	FLOW_V6 = 1 << 0,
	FLOW_TIMESTAMP = 1 << 1,	/* options are NOP NOP TIMESTAMP        */
	FLOW_OTHER_OPTIONS = 1 << 2,	/* other options than that, or none     */
	FLOW_TAGS = 3 << 3,		/* number of VLAN tags, 0..2            */
	FLOW_PARTIAL = 1 << 5,		/* checksums unfinished                 */
	FLOW_OPEN = 1 << 6,		/* an aggregate is held                 */
	FLOW_KEEPALIVE = 1 << 7,	/* a keepalive was sent, no answer yet  */
	FLOW_SHAPE = 0xff,

	FLOW_USED = 1 << 8,
	FLOW_PROVEN = 1 << 9,		/* carries data, in order               */
	FLOW_SENT_KNOWN = 1 << 10,	/* sent_next is known (SPEC RX-12)      */
	FLOW_ACKS_BACK = 0xf << 12,	/* ACKs in a row that went back: 0..15  */
};

#define FLOW_TAGS_SHIFT 3
#define FLOW_ACKS_BACK_ONE (1 << 12)

/*
 * One direction of one connection: 128 bytes. Line 0 is read with each segment
 * and written only when an aggregate opens, or when a header field moves on
 * (policy host); writing a part of it and then loading all of it would stall.
 */
struct flow {
	/* line 0: the segment before this one, from its IP header on; in policy
	 * host ACK, window and TTL are the newest and the least               */
	uint8_t expect[FLOW_EXPECT_BYTES];

	/* line 1 */
	uint8_t timestamp[8];	/* TSval, TSecr of the newest, as on the wire  */
	uint8_t mac[12];
	uint8_t tags[8];	/* frame bytes 12..19 when there are VLAN tags */
	seq_t next;		/* sequence number expected next               */
	seq_t ack_delivered;	/* newest ACK that was handed up               */
	seq_t sent_next;	/* behind the last byte sent the other way     */
	uint32_t aggregate;	/* while FLOW_OPEN                             */
	uint32_t active;	/* last segment seen [2^20 ns]                 */
	uint16_t state;
	uint16_t gso_size;	/* payload of a segment of the aggregate       */
	uint16_t next_id;	/* IPv4 ID expected next, host order           */
	uint16_t id_step;	/* 1, or 0 when the ID stays: next_id less the
				 * newest ID                                   */
	uint16_t keepalive_at;	/* when it was sent [2^26 ns]                  */
	uint16_t reserved;
	uint16_t ip_sum;	/* of expect: IPv4 header less ID and checksum */
	uint16_t tcp_sum;	/* of expect: pseudo and TCP header less
				 * sequence number and checksum                */
} CACHE_ALIGNED;

_Static_assert(sizeof(struct flow) == 128, "128 bytes of state a flow");
_Static_assert(offsetof(struct flow, timestamp) == CACHE_LINE, "line 1");

#define FLOW_ACTIVE_SHIFT 20
#define FLOW_KEEPALIVE_SHIFT 26

/* Who a segment belongs to. Bytes as on the wire, so that they compare. */
struct flow_key {
	uint8_t tuple[36];	/* source, destination, ports: 12 or 36 bytes   */
	uint16_t vid[PARSE_MAX_TAGS];	/* VLAN IDs, host order                 */
	uint8_t n_tags;
	bool v6;
};

#define FLOW_BUCKET_PLACES 8

struct flow_bucket {
	uint16_t tag[FLOW_BUCKET_PLACES];	/* 0: free                      */
	uint32_t flow[FLOW_BUCKET_PLACES];
	uint32_t overflowed;	/* flows of this bucket that live in their other */
	uint32_t reserved[3];
} CACHE_ALIGNED;

_Static_assert(sizeof(struct flow_bucket) == CACHE_LINE, "one line a bucket");

#define FLOW_HASH_WORDS 10	/* 8 of addresses, ports, VLAN IDs              */

struct flow_table {
	struct flow *flows;
	struct flow_bucket *buckets;
	uint32_t *free;		/* stack of free places                         */
	uint32_t n_free;
	uint32_t capacity;
	uint32_t bucket_mask;
	uint32_t bucket_shift;	/* of the hash's upper half                     */
	uint32_t hand;		/* for sampling victims when all places are taken */
	uint32_t replace_idle;	/* [2^20 ns]                                    */
	uint64_t key[FLOW_HASH_WORDS + 1];
};

/** flow_table_bytes() - Memory that a table of @capacity flows needs */
size_t flow_table_bytes(uint32_t capacity);

/**
 * flow_table_init() - Make an empty table in @memory
 * @t:		Overwritten
 * @memory:	flow_table_bytes(@capacity) zero bytes, aligned to CACHE_LINE
 * @capacity:	1..FLOW_MAX flows
 * @seed:	16 random bytes
 * @replace_idle_ns: silence after which a proven flow may be replaced
 */
void flow_table_init(struct flow_table *t, void *memory, uint32_t capacity,
		     const uint8_t seed[16], ns_t replace_idle_ns);

/**
 * flow_key_of() - Key of a parsed frame
 * @frame:	From its link header on
 * @seg:	Of @frame, has_tuple is true
 * @reverse:	Swap source and destination: the key of the other direction
 * @key:	Overwritten
 */
void flow_key_of(const uint8_t *frame, const struct seg *seg, bool reverse,
		 struct flow_key *key);

/**
 * flow_lookup() - Find a flow
 *
 * Cost:	one line of buckets, and line 0 of the flow; twice when the bucket
 *		has overflowed
 * Return: index, or FLOW_NONE
 */
uint32_t flow_lookup(const struct flow_table *t, const struct flow_key *key);

/**
 * flow_create() - Enter a flow that flow_lookup() did not find
 * @now:	[2^20 ns]
 * @evict:	Called with the index of a flow that must go, which it must
 *		deliver; the table removes it then
 * @ctx:	of @evict
 *
 * Only the members that make up the key, state and active are set; the rest is
 * zero. Return: index, or FLOW_NONE when no place may be taken.
 */
uint32_t flow_create(struct flow_table *t, const struct flow_key *key,
		     uint32_t now, void (*evict)(void *ctx, uint32_t flow),
		     void *ctx);

/** flow_remove() - Take a flow out; its place is free at once */
void flow_remove(struct flow_table *t, uint32_t flow);

/** flow_key_in() - The key that a flow was entered with */
void flow_key_in(const struct flow *f, struct flow_key *key);

/* Where the TCP header lies in flow->expect. */
static ALWAYS_INLINE unsigned flow_tcp_at(const struct flow *f)
{
	return f->state & FLOW_V6 ? sizeof(struct ipv6_header) :
				    sizeof(struct ipv4_header);
}

/* The ACK of the segment before: of the newest, but for one that came late. */
static ALWAYS_INLINE seq_t flow_ack(const struct flow *f)
{
	return seq(load_be32(f->expect + flow_tcp_at(f) + 8));
}

/* The newest ACK that was received. */
static ALWAYS_INLINE seq_t flow_newest_ack(const struct flow *f)
{
	seq_t ack = flow_ack(f);

	return seq_before(ack, f->ack_delivered) ? f->ack_delivered : ack;
}

static ALWAYS_INLINE uint16_t flow_window(const struct flow *f)
{
	return load_be16(f->expect + flow_tcp_at(f) + 14);
}

#endif
