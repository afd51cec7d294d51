// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce.c - Merge consecutive segments of one flow into one packet
 *
 * DOC: Theory of operation
 * Frames come in bursts. The burst loop (burst_loop.h) takes what is common: the
 * next plain segment of a flow whose aggregate is open, recognised by comparing
 * its header with the expected one in a single masked comparison. All else
 * comes here, to coalesce_frame(), which holds the complete rules: it parses
 * the frame, finds its flow, verifies the checksums and decides
 *
 *	pass	hand it up as it is, at once, behind what is held of its flow;
 *	join	append it to the flow's aggregate;
 *	open	end the aggregate, if any, and begin the next with it;
 *
 * and why: each decision but joining has a cause (TTO_CAUSES).
 *
 * Invariants: within a flow nothing overtakes. A frame whose checksum is wrong
 * is passed on and changes nothing but that what was held goes first. A flow's
 * expectation is only ever taken from verified segments. Nothing is held longer
 * than its deadline, nothing is lost, nothing is delivered twice.
 *
 * Policy lossless holds only what can be cut again into the very same frames;
 * policy host lets ACK, window, timestamp and TTL move on within an aggregate
 * and joins ACKs without data.
 *
 * Limits: fragments after the first are not tied to their flow. Retransmitted
 * segments are never held.
 *
 * Source: SPEC RX-1 to RX-17; patent US7596628 (aggregation, flow lookup);
 * RFC 9293 §3.10.7; RFC 5681 §2 (duplicate ACK); RFC 7323 §5 (PAWS);
 * RFC 6864 §4 (IPv4 ID); RFC 3168 §6.1 (ECN).
 */
#include "nic/coalesce.h"

#include <errno.h>

#include "nic/aggregate.h"
#include "packet/pseudo.h"

#define NO_CAUSE TTO_N_CAUSES
#define SWEEP_FLOWS 16
#define SWEEP_ROUNDS 16
#define PADDING_MAX 64	/* more than that behind IP is no padding */

struct arrival {
	const struct tto_frame *frame;
	struct seg seg;
	struct tcp_options options;
	uint32_t n_options;	/* bytes */
	uint32_t sum;		/* of the payload */
};

static const uint8_t *bytes(const struct arrival *in)
{
	return in->frame->data;
}

static bool is_lossless(const struct coalescer *c)
{
	return c->options.policy == TTO_POLICY_LOSSLESS;
}

/* ---- Flows -------------------------------------------------------------------- */

static void evict(void *ctx, uint32_t flow)
{
	struct coalescer *c = ctx;

	aggregate_end(c, &c->table.flows[flow], TTO_CAUSE_EVICTED);
}

static struct flow *create(struct coalescer *c, const struct flow_key *key)
{
	uint32_t idx = flow_create(&c->table, key, c->now_active, evict, c);

	if (idx == FLOW_NONE)
		return NULL;
	memset(c->causes[idx], 0, sizeof(c->causes[idx]));
	c->stats.flows_created++;
	return &c->table.flows[idx];
}

static void remove_flow(struct coalescer *c, struct flow *f)
{
	flow_remove(&c->table, (uint32_t)(f - c->table.flows));
}

/* Silent too long, or a keepalive without answer (SPEC RX-11). */
static bool is_over(const struct coalescer *c, const struct flow *f,
		    enum tto_cause *cause)
{
	uint16_t waits = (uint16_t)((c->now >> FLOW_KEEPALIVE_SHIFT) -
				    f->keepalive_at);

	*cause = f->state & FLOW_KEEPALIVE && waits > c->keepalive_limit ?
			 TTO_CAUSE_KEEPALIVE_LOST :
			 TTO_CAUSE_IDLE;
	return *cause == TTO_CAUSE_KEEPALIVE_LOST ||
	       c->now_active - f->active > c->idle_limit;
}

static bool remove_if_over(struct coalescer *c, struct flow *f)
{
	enum tto_cause cause;

	if (!is_over(c, f, &cause))
		return false;
	aggregate_end(c, f, cause);
	remove_flow(c, f);
	return true;
}

static struct flow *find(struct coalescer *c, const struct flow_key *key)
{
	uint32_t idx = flow_lookup(&c->table, key);

	if (idx == FLOW_NONE || remove_if_over(c, &c->table.flows[idx]))
		return NULL;
	return &c->table.flows[idx];
}

static void touch(const struct coalescer *c, struct flow *f)
{
	f->active = c->now_active;
	f->state &= (uint16_t)~FLOW_KEEPALIVE;
}

static void set_ack(struct flow *f, const struct seg *s)
{
	uint8_t *tcp = f->expect + flow_tcp_at(f);

	store_be32(tcp + 8, s->ack.n);
	store_be16(tcp + 14, s->window);
}

/* NO_CAUSE when the segment is the next one. */
static enum tto_cause why_not_sequence(const struct flow *f,
				       const struct seg *s)
{
	if (seq_equal(s->seq, f->next))
		return NO_CAUSE;
	if (!seq_before(s->seq, f->next))
		return TTO_CAUSE_GAP;
	if (s->payload_len <= 1 && seq_diff(f->next, s->seq) == 1)
		return TTO_CAUSE_PROBE;
	return TTO_CAUSE_OLD;
}

/* Remembers a segment that was handed up alone. The flow is not open. */
static void note(struct coalescer *c, struct flow *f, const struct seg *s)
{
	touch(c, f);
	if (why_not_sequence(f, s) != TTO_CAUSE_PROBE)
		f->next = seq_add(s->seq, s->payload_len);
	if (!(s->flags & TCP_ACK))
		return;
	/* An ACK that goes back is late. Many in a row: we were misled. */
	if (seq_before(s->ack, flow_newest_ack(f)) &&
	    (f->state & FLOW_ACKS_BACK) != FLOW_ACKS_BACK) {
		f->state += FLOW_ACKS_BACK_ONE;
		return;
	}
	f->state &= (uint16_t)~FLOW_ACKS_BACK;
	set_ack(f, s);
	f->ack_delivered = s->ack;
}

/* Hands up a verified segment at once. @f is not open, and may be gone then. */
static void pass(struct coalescer *c, struct flow *f, const struct arrival *in,
		 enum tto_cause cause)
{
	aggregate_pass(c, f, in->frame, &in->seg, cause);
	if (in->seg.flags & (TCP_SYN | TCP_RST | TCP_FIN))
		remove_flow(c, f);
	else
		note(c, f, &in->seg);
}

/* Delivers what is held of @f (may be NULL), then the frame. */
static void interrupt(struct coalescer *c, struct flow *f,
		      const struct arrival *in, enum tto_cause cause)
{
	if (f)
		aggregate_end(c, f, cause);
	aggregate_pass(c, f, in->frame, &in->seg, cause);
}

/* ---- Checksums ------------------------------------------------------------------ */

/*
 * Verifies IP and TCP checksum and finds the sum of the payload; from the
 * checksum field where somebody else has verified it.
 */
static bool verify(const struct coalescer *c, struct arrival *in)
{
	const struct seg *s = &in->seg;
	const uint8_t *ip = bytes(in) + s->l3, *tcp = bytes(in) + s->l4;
	uint32_t header = s->payload - s->l4, pseudo, sum;

	if (!s->v6 && checksum_fold(checksum_header(
			      ip, sizeof(struct ipv4_header))) != 0xffff)
		return false;
	pseudo = pseudo_sum(ip, s->v6, PROTOCOL_TCP, header + s->payload_len);
	if (in->frame->csum == TTO_CSUM_PARTIAL) {
		in->sum = 0;
		return true;
	}
	sum = checksum_add(pseudo, checksum_header(tcp, header));
	if (in->frame->csum == TTO_CSUM_VERIFIED) {
		in->sum = checksum_negate(sum);
		return true;
	}
	in->sum = c->sums->sum(bytes(in) + s->payload, s->payload_len);
	return checksum_fold(checksum_add(sum, in->sum)) == 0xffff;
}

/* A field that segmenting would write otherwise: 0xffff for 0, or a PARTIAL
 * one that is not the sum of the pseudo header. */
static bool is_checksum_canonical(const struct arrival *in)
{
	const struct seg *s = &in->seg;
	const uint8_t *ip = bytes(in) + s->l3;
	uint16_t field = load16(bytes(in) + s->l4 + 16);

	if (!s->v6 && load16(ip + 10) == 0xffff)
		return false;
	if (in->frame->csum != TTO_CSUM_PARTIAL)
		return field != 0xffff;
	return field == checksum_fold(pseudo_sum(ip, s->v6, PROTOCOL_TCP,
						 s->end - s->l4));
}

/* ---- Why a segment never joins, and why not this aggregate ------------------------- */

static enum tto_cause why_not_flags(uint16_t flags)
{
	if (flags & TCP_SYN)
		return TTO_CAUSE_SYN;
	if (flags & TCP_RST)
		return TTO_CAUSE_RST;
	if (flags & TCP_URG)
		return TTO_CAUSE_URG;
	if (flags & (TCP_ECE | TCP_CWR | TCP_AE))
		return TTO_CAUSE_ECN;
	return TTO_CAUSE_NO_ACK;
}

static enum tto_cause why_not_options(const struct tcp_options *o)
{
	if (!o->well_formed || o->forbids_joining)
		return TTO_CAUSE_OPTION_KIND;
	return o->sack ? TTO_CAUSE_SACK : NO_CAUSE;
}

/* What rules a segment out whatever came before it. */
static enum tto_cause why_alone(const struct coalescer *c,
				const struct arrival *in)
{
	const struct seg *s = &in->seg;
	uint32_t trailer = in->frame->len - s->end;

	if ((s->flags & (uint16_t)~(TCP_PSH | TCP_FIN)) != TCP_ACK)
		return why_not_flags(s->flags);
	if (in->n_options && !in->options.timestamp_only) {
		enum tto_cause cause = why_not_options(&in->options);

		if (cause != NO_CAUSE)
			return cause;
	}
	if (s->payload_len == 0 && is_lossless(c))
		return NO_CAUSE;	/* never held: take_ack() says why */
	if (trailer && (is_lossless(c) || trailer > PADDING_MAX))
		return TTO_CAUSE_TRAILER;
	if ((is_lossless(c) || in->frame->csum == TTO_CSUM_PARTIAL) &&
	    !is_checksum_canonical(in))
		return TTO_CAUSE_CHECKSUM_FORM;
	return NO_CAUSE;
}

static enum tto_cause why_not_ipv4(const struct coalescer *c,
				   const struct flow *f, bool first,
				   const uint8_t *ip)
{
	uint16_t id = load_be16(ip + 4);

	if (ip[1] != f->expect[1])
		return TTO_CAUSE_TOS;
	if (load16(ip + 6) != load16(f->expect + 6))
		return TTO_CAUSE_IP_FLAGS;
	if (!is_lossless(c))
		return NO_CAUSE;
	if (ip[8] != f->expect[8])
		return TTO_CAUSE_TTL;
	/* RFC 6864: with DF the ID means nothing and may stay. */
	if (first && id == (uint16_t)(f->next_id - 1) &&
	    load_be16(ip + 6) & IPV4_DF)
		return NO_CAUSE;
	return id != f->next_id ? TTO_CAUSE_IP_ID : NO_CAUSE;
}

static enum tto_cause why_not_ipv6(const struct coalescer *c,
				   const struct flow *f, const uint8_t *ip)
{
	uint32_t differ = load_be32(ip) ^ load_be32(f->expect);

	if (differ & 0x0ff00000)
		return TTO_CAUSE_TOS;
	if (differ)
		return TTO_CAUSE_FLOW_LABEL;
	if (is_lossless(c) && ip[7] != f->expect[7])
		return TTO_CAUSE_TTL;
	return NO_CAUSE;
}

static enum tto_cause why_not_ack(const struct coalescer *c,
				  const struct flow *f,
				  const struct arrival *in)
{
	const struct seg *s = &in->seg;
	const uint8_t *urgent = bytes(in) + s->l4 + 18;

	if (!is_lossless(c))
		return seq_before(s->ack, flow_ack(f)) ? TTO_CAUSE_ACK :
							 NO_CAUSE;
	if (!seq_equal(s->ack, flow_ack(f)))
		return TTO_CAUSE_ACK;
	if (s->window != flow_window(f) ||
	    load16(urgent) != load16(f->expect + flow_tcp_at(f) + 18))
		return TTO_CAUSE_WINDOW;
	return NO_CAUSE;
}

static enum tto_cause why_not_same_options(const struct coalescer *c,
					   const struct flow *f,
					   const struct aggregate *a,
					   const struct arrival *in)
{
	const uint8_t *now = bytes(in) + in->seg.l4 + sizeof(struct tcp_header);
	const uint8_t *then = a->header + a->l4 + sizeof(struct tcp_header);
	bool timestamp = f->state & FLOW_TIMESTAMP;

	if (in->n_options != a->header_len - a->l4 - sizeof(struct tcp_header))
		return TTO_CAUSE_OPTIONS;
	if (!timestamp || !in->options.timestamp_only)
		return memcmp(now, then, in->n_options) ? TTO_CAUSE_OPTIONS :
							  NO_CAUSE;
	if (is_lossless(c))
		return load64(now + 4) != load64(f->timestamp) ?
			       TTO_CAUSE_TIMESTAMP :
			       NO_CAUSE;
	if (seq_before(seq(in->options.tsval), seq(load_be32(f->timestamp))))
		return TTO_CAUSE_TIMESTAMP;
	return NO_CAUSE;
}

static enum tto_cause why_not_size(const struct coalescer *c,
				   const struct flow *f,
				   const struct aggregate *a,
				   const struct seg *s)
{
	if (is_lossless(c) && s->payload_len > f->gso_size)
		return TTO_CAUSE_LARGER;
	return s->payload_len > a->room ? TTO_CAUSE_FULL : NO_CAUSE;
}

/* First of the rules that forbids joining the open aggregate of @f. */
static enum tto_cause why_not(const struct coalescer *c, const struct flow *f,
			      const struct arrival *in)
{
	const struct aggregate *a = &c->aggregates[f->aggregate];
	const uint8_t *ip = bytes(in) + in->seg.l3;
	bool partial = in->frame->csum == TTO_CSUM_PARTIAL;
	enum tto_cause cause = why_not_sequence(f, &in->seg);

	if (cause != NO_CAUSE)
		return cause;
	if (partial != (bool)(f->state & FLOW_PARTIAL))
		return TTO_CAUSE_CHECKSUM_FORM;
	if (in->seg.l3 != a->l3 || memcmp(bytes(in), a->header, a->l3) != 0)
		return TTO_CAUSE_LINK_HEADER;
	cause = in->seg.v6 ? why_not_ipv6(c, f, ip) :
			     why_not_ipv4(c, f, a->n_frames == 1, ip);
	if (cause != NO_CAUSE)
		return cause;
	cause = why_not_ack(c, f, in);
	if (cause != NO_CAUSE)
		return cause;
	cause = why_not_same_options(c, f, a, in);
	if (cause != NO_CAUSE)
		return cause;
	return why_not_size(c, f, a, &in->seg);
}

/* ---- Joining and opening ------------------------------------------------------------- */

static uint8_t min_u8(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Policy host: the header fields that move on (SPEC RX-4, RX-5). */
static void take_newest(struct flow *f, struct aggregate *a,
			const struct arrival *in)
{
	const struct seg *s = &in->seg;
	const uint8_t *ip = bytes(in) + s->l3;

	set_ack(f, s);
	memcpy(f->expect + flow_tcp_at(f) + 16, bytes(in) + s->l4 + 16, 2);
	a->expect_len = s->end;
	if (f->state & FLOW_TIMESTAMP)
		memcpy(f->timestamp,
		       bytes(in) + s->l4 + sizeof(struct tcp_header) + 4, 8);
	if (s->v6) {
		memcpy(f->expect + 4, ip + 4, 2);
		f->expect[7] = min_u8(f->expect[7], ip[7]);
	} else {
		memcpy(f->expect + 2, ip + 2, 2);
		f->expect[8] = min_u8(f->expect[8], ip[8]);
	}
	if (s->payload_len > f->gso_size)
		f->gso_size = (uint16_t)s->payload_len;
	aggregate_expect_sums(f);
}

/* Delivers a flow whose ACK has moved too far (SPEC RX-10). */
static bool end_if_acked(struct coalescer *c, struct flow *f, seq_t ack)
{
	int32_t undelivered = seq_diff(ack, f->ack_delivered);

	if (undelivered <= 0)
		return false;
	if ((uint32_t)undelivered >
	    c->options.receive_acked_bytes_aggregation) {
		aggregate_end(c, f, TTO_CAUSE_ACKED_BYTES);
		return true;
	}
	aggregate_await_ack(c, &c->aggregates[f->aggregate]);
	return false;
}

static void end_closed(struct coalescer *c, struct flow *f,
		       const struct arrival *in)
{
	uint16_t closing = in->seg.flags & (TCP_PSH | TCP_FIN);

	c->aggregates[f->aggregate].closing = (uint8_t)closing;
	aggregate_end(c, f,
		      closing & TCP_FIN ? TTO_CAUSE_FIN : TTO_CAUSE_PUSH);
	if (closing & TCP_FIN)
		remove_flow(c, f);
}

/*
 * The second segment decides whether the ID counts up or stays; policy host
 * lets it change its mind.
 */
static void take_id(struct flow *f, const struct aggregate *a, uint16_t id)
{
	if (a->n_frames == 1 && id == (uint16_t)(f->next_id - 1))
		f->id_step = 0;
	else if (id != f->next_id)
		f->id_step = 1;
	f->next_id = (uint16_t)(id + f->id_step);
}

static void join(struct coalescer *c, struct flow *f, const struct arrival *in)
{
	struct aggregate *a = &c->aggregates[f->aggregate];
	const struct seg *s = &in->seg;
	const uint8_t *payload = bytes(in) + s->payload;
	const struct aggregate_part part = {
		s->payload_len ? payload : NULL, s->payload_len, in->sum,
	};

	if (!s->v6)
		take_id(f, a, load_be16(bytes(in) + s->l3 + 4));
	if (!is_lossless(c))
		take_newest(f, a, in);
	if (s->payload_len == 0)
		a->n_acks++;
	else
		f->state |= FLOW_PROVEN;
	touch(c, f);
	if (aggregate_is_contiguous(c))
		memcpy(aggregate_tail(a), payload, s->payload_len);
	aggregate_append(c, f, a, in->frame, &part,
			 aggregate_is_contiguous(c));

	if (s->flags & (TCP_PSH | TCP_FIN))
		end_closed(c, f, in);
	else if (is_lossless(c) && s->payload_len < f->gso_size)
		aggregate_end(c, f, TTO_CAUSE_SHORT);
	else if (a->room < (f->gso_size ? f->gso_size : 1u))
		aggregate_end(c, f, TTO_CAUSE_FULL);
	else
		end_if_acked(c, f, s->ack);
}

/* Why a segment that would open an aggregate need not be held at all. */
static enum tto_cause why_not_hold(const struct coalescer *c,
				   const struct seg *s)
{
	uint32_t header = (uint32_t)s->payload - s->l3;

	if (s->flags & TCP_FIN)
		return TTO_CAUSE_FIN;
	if (s->flags & TCP_PSH)
		return TTO_CAUSE_PUSH;
	if (header + 2 * s->payload_len > c->options.ral)
		return TTO_CAUSE_FULL;
	return NO_CAUSE;
}

static void open(struct coalescer *c, struct flow *f, const struct arrival *in)
{
	const struct seg *s = &in->seg;
	enum tto_cause cause = why_not_hold(c, s);

	if (s->payload_len && seq_equal(s->seq, f->next))
		f->state |= FLOW_PROVEN;
	if (cause == NO_CAUSE) {
		touch(c, f);
		aggregate_open(c, f, in->frame, s, in->sum);
		c->aggregates[f->aggregate].first_tsval = in->options.tsval;
		end_if_acked(c, f, s->ack);
		return;
	}
	pass(c, f, in, cause);
}

/* True when @f is still open and a further segment can be held. */
static bool make_room(struct coalescer *c, const struct flow *f)
{
	while (!aggregate_has_segment(c))
		aggregate_end_oldest(c, TTO_CAUSE_NO_MEMORY);
	return f->state & FLOW_OPEN;
}

/* A segment that may be held: join the open aggregate, or begin the next. */
static void hold(struct coalescer *c, struct flow *f, const struct arrival *in)
{
	enum tto_cause cause;

	if (f->state & FLOW_OPEN) {
		cause = why_not(c, f, in);
		if (cause == NO_CAUSE && make_room(c, f)) {
			join(c, f, in);
			return;
		}
		if (cause != NO_CAUSE)
			aggregate_end(c, f, cause);
	}
	cause = why_not_sequence(f, &in->seg);
	if (cause == TTO_CAUSE_OLD || cause == TTO_CAUSE_PROBE) {
		pass(c, f, in, cause);
		return;
	}
	open(c, f, in);
}

/* ---- Kinds of segments ------------------------------------------------------------------ */

/* The first segment of a flow that may have an entry. */
static struct flow *enter(struct coalescer *c, const struct arrival *in,
			  const struct flow_key *key)
{
	struct flow *f = create(c, key);

	if (f) {
		f->next = in->seg.seq;
		f->ack_delivered = in->seg.ack;
		set_ack(f, &in->seg);
	}
	return f;
}

static void take_data(struct coalescer *c, struct flow *f,
		      const struct arrival *in, const struct flow_key *key)
{
	bool is_new = !f;

	if (is_new)
		f = enter(c, in, key);
	if (!f) {
		aggregate_pass(c, NULL, in->frame, &in->seg,
			       TTO_CAUSE_TABLE_FULL);
		return;
	}
	hold(c, f, in);
	if (is_new)	/* being the next one says nothing yet */
		f->state &= (uint16_t)~FLOW_PROVEN;
}

/* An ACK without data; NO_CAUSE when it moves on. */
static enum tto_cause judge_ack(const struct flow *f, const struct seg *s)
{
	seq_t newest = flow_newest_ack(f);

	if (why_not_sequence(f, s) == TTO_CAUSE_PROBE)
		return TTO_CAUSE_PROBE;
	if (seq_before(s->ack, newest))
		return TTO_CAUSE_ACK;
	if (!seq_equal(s->ack, newest))
		return NO_CAUSE;
	if (s->window != flow_window(f))
		return TTO_CAUSE_WINDOW_UPDATE;
	/* RFC 5681 §2: a duplicate only while something is outstanding. */
	if (f->state & FLOW_SENT_KNOWN && seq_equal(f->sent_next, s->ack))
		return TTO_CAUSE_PURE_ACK;
	return TTO_CAUSE_DUP_ACK;
}

static void take_ack(struct coalescer *c, struct flow *f,
		     const struct arrival *in, const struct flow_key *key)
{
	const struct seg *s = &in->seg;
	enum tto_cause cause;

	if (!f) {
		aggregate_pass(c, NULL, in->frame, s, TTO_CAUSE_PURE_ACK);
		enter(c, in, key);
		return;
	}
	cause = judge_ack(f, s);
	if (cause == NO_CAUSE) {
		if (!is_lossless(c) && seq_equal(s->seq, f->next)) {
			hold(c, f, in);
			return;
		}
		cause = TTO_CAUSE_PURE_ACK;
	}
	aggregate_end(c, f, cause);
	pass(c, f, in, cause);
}

static void take_alone(struct coalescer *c, struct flow *f,
		       const struct arrival *in, enum tto_cause cause)
{
	if (!f) {
		aggregate_pass(c, NULL, in->frame, &in->seg, cause);
		return;
	}
	aggregate_end(c, f, cause);
	pass(c, f, in, cause);
}

static void take_tcp(struct coalescer *c, struct arrival *in)
{
	struct seg *s = &in->seg;
	struct flow_key key;
	enum tto_cause cause;
	struct flow *f;

	flow_key_of(bytes(in), s, false, &key);
	f = find(c, &key);
	if (in->frame->truncated) {
		interrupt(c, f, in, TTO_CAUSE_MALFORMED);
		return;
	}
	if (!verify(c, in)) {
		interrupt(c, f, in, TTO_CAUSE_CHECKSUM);
		return;
	}
	in->n_options = s->payload - s->l4 - (uint32_t)sizeof(struct tcp_header);
	if (in->n_options)
		parse_tcp_options(bytes(in) + s->l4 + sizeof(struct tcp_header),
				  in->n_options, &in->options);
	cause = in->frame->gso_size ? TTO_CAUSE_GSO : why_alone(c, in);
	if (cause != NO_CAUSE)
		take_alone(c, f, in, cause);
	else if (s->payload_len)
		take_data(c, f, in, &key);
	else if (!(s->flags & TCP_FIN))
		take_ack(c, f, in, &key);
	else if (f && !is_lossless(c))
		hold(c, f, in);
	else
		take_alone(c, f, in, TTO_CAUSE_FIN);
}

/* Not a whole, plain segment; but it may belong to a flow. */
static void take_other(struct coalescer *c, const struct arrival *in,
		       enum tto_cause cause)
{
	struct flow *f = NULL;
	struct flow_key key;

	if (in->seg.has_tuple) {
		flow_key_of(bytes(in), &in->seg, false, &key);
		f = find(c, &key);
	}
	interrupt(c, f, in, cause);
}

void coalesce_frame(struct coalescer *c, const struct tto_frame *frame)
{
	static const enum tto_cause cause_of[] = {
		[PARSE_TCP_FRAGMENT] = TTO_CAUSE_FRAGMENT,
		[PARSE_FRAGMENT] = TTO_CAUSE_FRAGMENT,
		[PARSE_TCP_IP_OPTIONS] = TTO_CAUSE_IP_OPTIONS,
		[PARSE_NOT_TCP] = TTO_CAUSE_NOT_TCP,
		[PARSE_MALFORMED] = TTO_CAUSE_MALFORMED,
	};
	struct arrival in = { .frame = frame };
	enum parse_verdict v;

	v = parse_frame((enum parse_link)c->options.link, frame->data,
			frame->len, &in.seg);
	if (v == PARSE_TCP)
		take_tcp(c, &in);
	else
		take_other(c, &in, cause_of[v]);
}

/* ---- The other direction (SPEC RX-12) ----------------------------------------------------- */

static void note_sent(struct coalescer *c, struct flow *f, const struct seg *s)
{
	seq_t end = seq_add(s->seq, s->payload_len + !!(s->flags & TCP_FIN));

	if (s->flags & (TCP_SYN | TCP_RST)) {
		aggregate_end(c, f, s->flags & TCP_SYN ? TTO_CAUSE_SYN :
							 TTO_CAUSE_RST);
		remove_flow(c, f);
		return;
	}
	if (!(f->state & FLOW_SENT_KNOWN) || seq_before(f->sent_next, end)) {
		f->sent_next = end;
		f->state |= FLOW_SENT_KNOWN;
		return;
	}
	/* RFC 9293 §3.8.4: a keepalive repeats the byte before SND.NXT. */
	if (s->payload_len <= 1 && seq_diff(f->sent_next, s->seq) == 1 &&
	    !(f->state & FLOW_KEEPALIVE)) {
		f->state |= FLOW_KEEPALIVE;
		f->keepalive_at = (uint16_t)(c->now >> FLOW_KEEPALIVE_SHIFT);
	}
}

/* ---- Time ------------------------------------------------------------------------------------ */

/*
 * Looks for flows that are over: a few at a time, at such a pace that one round
 * over the table takes a quarter of the shortest limit. Only to free places: a
 * flow that is over is not found either (find()).
 */
static void sweep(struct coalescer *c)
{
	for (unsigned round = 0; round < SWEEP_ROUNDS; round++) {
		if (c->now - c->swept < c->sweep_step)
			return;
		c->swept += c->sweep_step;
		for (unsigned n = 0; n < SWEEP_FLOWS; n++) {
			struct flow *f = &c->table.flows[c->sweep_hand];

			if (f->state & FLOW_USED)
				remove_if_over(c, f);
			if (++c->sweep_hand == c->table.capacity)
				c->sweep_hand = 0;
		}
	}
	/* Behind, after a pause: go on at the next call, but forget more than
	 * one round's worth. */
	if (c->now - c->swept > c->sweep_step * c->table.capacity)
		c->swept = c->now - c->sweep_step * c->table.capacity;
}

static void advance(struct coalescer *c, ns_t now)
{
	if (now > c->now) {
		c->now = now;
		c->now_active = (uint32_t)(now >> FLOW_ACTIVE_SHIFT);
	}
	aggregate_expire(c);
	sweep(c);
}

/* ---- What the engine calls -------------------------------------------------------------------- */

static size_t burst_of(size_t n)
{
	return n < COALESCE_BURST ? n : COALESCE_BURST;
}

static void fetch_headers(const struct tto_frame *frames, size_t n)
{
	for (size_t idx = 0; idx < n; idx++)
		prefetch_read(frames[idx].data);
}

void coalesce_push(struct coalescer *c, const struct tto_frame *frames,
		   size_t n, ns_t now)
{
	fetch_headers(frames, burst_of(n));
	advance(c, now);
	c->stats.frames_in += n;
	while (n > 0) {
		size_t some = burst_of(n);

		/* Those of the next burst come while this one is worked on. */
		fetch_headers(frames + some, burst_of(n - some));
		c->burst(c, frames, some);
		frames += some;
		n -= some;
	}
}

void coalesce_sent(struct coalescer *c, const struct tto_frame *frames,
		   size_t n, ns_t now)
{
	advance(c, now);
	for (; n > 0; n--, frames++) {
		struct flow_key key;
		struct flow *f;
		struct seg s;

		if (parse_frame((enum parse_link)c->options.link, frames->data,
				frames->len, &s) != PARSE_TCP)
			continue;
		flow_key_of(frames->data, &s, true, &key);
		f = find(c, &key);
		if (f)
			note_sent(c, f, &s);
	}
}

ns_t coalesce_poll(struct coalescer *c, ns_t now)
{
	advance(c, now);
	return aggregate_deadline(c);
}

void coalesce_flush(struct coalescer *c, ns_t now)
{
	advance(c, now);
	while (aggregate_deadline(c) != NS_NEVER)
		aggregate_end_oldest(c, TTO_CAUSE_FLUSH);
}

void coalesce_stats(const struct coalescer *c, struct tto_coalescer_stats *out)
{
	*out = c->stats;
	out->flows = c->table.capacity - c->table.n_free;
	out->held = c->stats.frames_in - (c->stats.packets_out -
					  c->stats.aggregates +
					  c->stats.frames_joined);
}

static void describe_flow(const struct coalescer *c, uint32_t idx,
			  struct tto_flow_info *info)
{
	const struct flow *f = &c->table.flows[idx];
	struct flow_key key;
	size_t address;

	flow_key_in(f, &key);
	address = key.v6 ? 16 : 4;
	*info = (struct tto_flow_info){
		.vlan = { key.vid[0], key.vid[1] },
		.v6 = key.v6,
		.carries_data = !!(f->state & FLOW_PROVEN),
		.idle_ns = (ns_t)(c->now_active - f->active)
			   << FLOW_ACTIVE_SHIFT,
	};
	if (f->state & FLOW_OPEN)
		info->held = c->aggregates[f->aggregate].bytes;
	memcpy(info->source, key.tuple, address);
	memcpy(info->destination, key.tuple + address, address);
	memcpy(&info->source_port, key.tuple + 2 * address, 2);
	memcpy(&info->destination_port, key.tuple + 2 * address + 2, 2);
	memcpy(info->causes, c->causes[idx], sizeof(info->causes));
}

bool coalesce_flow(const struct coalescer *c, uint32_t *cursor,
		   struct tto_flow_info *info)
{
	while (*cursor < c->table.capacity) {
		uint32_t idx = (*cursor)++;

		if (c->table.flows[idx].state & FLOW_USED) {
			describe_flow(c, idx, info);
			return true;
		}
	}
	return false;
}
