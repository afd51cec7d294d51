// SPDX-License-Identifier: BSD-2-Clause
/*
 * segment.c - Cut a pseudo frame into frames
 *
 * DOC: Theory of operation
 * begin() copies the unit's header once into a template, judges the copy, and
 * computes everything that is the same in all frames: the sums of the headers
 * without the fields that vary. next() then does for each frame the least that
 * is left: place the payload (as elements of the caller's memory, or copied and
 * summed in one pass), store the template, and write length, ID, sequence
 * number, flags and checksums over it. The template itself is never written: a
 * wide load behind a narrow store to the same place would wait for it.
 *
 * Nothing is written to a slot but the bytes of its frame, and everything that
 * can fail happens before the state changes: a frame that found no room can be
 * asked for again.
 *
 * Payload that is going to be read is brought into the cache two frames ahead.
 *
 * Limits: headers up to SEGMENT_HEADER_MAX bytes; no tunnels; no IPv6
 * jumbograms; frames shorter than 60 bytes are not padded: the wire does that. A
 * stale urgent pointer (URG not set) is copied as it is.
 * Source: SPEC TX-1, TX-5, TX-6; RFC 9293 §3.1; RFC 768; RFC 791; RFC 8200;
 * RFC 3168 §6.1.2 (CWR on the first frame only); RFC 1624.
 */
#include "nic/segment.h"

#include "nic/fragment.h"

#define FRAMES_AHEAD 2		/* distance of prefetching                      */
#define UNIT_FLAGS (TTO_UNIT_FIXED_ID | TTO_UNIT_PARTIAL_CSUM | \
		    TTO_UNIT_NO_UDP_CSUM | TTO_UNIT_ACCECN)

/* ---- The plan: what is the same in all frames ------------------------------ */

/* Copies the header, and reads it from there only. */
static bool take_header(struct segment *s, const struct tto_unit *u,
			struct segment_layout *l)
{
	if (u->header_len > SEGMENT_HEADER_MAX || !u->header)
		return false;
	memcpy(s->template, u->header, u->header_len);
	if (!layout_read(l, (enum tto_link)u->link, s->template,
			 u->header_len))
		return false;
	s->header_len = (uint16_t)l->header_len;
	s->l3 = l->l3;
	s->l4 = l->l4;
	s->v6 = l->v6;
	return true;
}

uint32_t segment_pseudo_sum(const struct segment *s,
			    const struct segment_layout *l)
{
	const uint8_t *ip = s->template + l->l3;
	uint32_t addresses;

	if (l->v6)
		addresses = checksum_add(
			checksum_header(ip + 8, 16),
			checksum_header(s->template + l->destination, 16));
	else
		addresses = checksum_header(ip + 12, 8);
	return checksum_add(addresses, BIG16((uint16_t)l->protocol));
}

/* Where the reading begins. */
static void begin_payload(struct segment *s, const struct tto_unit *u,
			  uint64_t bytes)
{
	gather_begin(&s->at, u->payload, u->n_payload);
	s->ahead = s->at;
	s->left = (uint32_t)bytes;
}

/* How many frames, of which length. */
static int plan_frames(struct segment *s, const struct segment_layout *l,
		       uint32_t mss, uint64_t bytes)
{
	uint32_t headers = l->header_len - l->l3;

	if (!segment_fits_ip(l->v6, headers + (bytes < mss ? bytes : mss)) ||
	    bytes > (uint64_t)mss * SEGMENT_FRAMES_MAX)
		return -EMSGSIZE;
	s->per_frame = mss;
	s->frames = bytes ? ((uint32_t)bytes + mss - 1) / mss : 1;
	return 0;
}

/* Sum of a header, as if the words that add up to @varying were not there. */
static uint32_t sum_without(const uint8_t *p, uint32_t len, uint32_t varying)
{
	return checksum_add(checksum_header(p, len), checksum_negate(varying));
}

/* The IP header of units that are cut above IP; false: it is a fragment. */
static bool plan_ip(struct segment *s, const struct tto_unit *u,
		    const struct segment_layout *l)
{
	const uint8_t *ip = s->template + l->l3;

	if (l->v6)
		return true;	/* a fragment header is no transport            */
	if (load_be16(ip + 6) & (IPV4_MF | IPV4_OFFSET))
		return false;
	s->id = load_be16(ip + 4);
	s->id_step = u->flags & TTO_UNIT_FIXED_ID ? 0 : 1;
	s->ip_sum = sum_without(ip, (uint32_t)l->l4 - l->l3,
				(uint32_t)load16(ip + 2) + load16(ip + 4) +
				load16(ip + 10));
	return true;
}

static int begin_tcp(struct segment *s, const struct tto_unit *u,
		     const struct segment_layout *l, uint64_t bytes)
{
	uint32_t len = l->header_len - l->l4;
	const uint8_t *tcp = s->template + l->l4;
	int err;

	if (l->protocol != PROTOCOL_TCP || len < sizeof(struct tcp_header) ||
	    (uint32_t)(tcp[12] >> 4) * 4 != len || l->opaque ||
	    !plan_ip(s, u, l))
		return -EINVAL;
	err = plan_frames(s, l, u->mss, bytes);
	if (err)
		return err;
	s->seq = load_be32(tcp + 4);
	s->flags = load_be16(tcp + 12);
	if (s->frames > 1 && s->flags & (TCP_SYN | TCP_RST | TCP_URG))
		return -EINVAL;

	s->cwr_first = !(u->flags & TTO_UNIT_ACCECN);
	s->transport_sum = segment_pseudo_sum(s, l);
	if (s->sums_payload)
		s->transport_sum = checksum_add(
			s->transport_sum,
			sum_without(tcp, len,
				    (uint32_t)load16(tcp + 4) + load16(tcp + 6) +
				    load16(tcp + 12) + load16(tcp + 16)));
	return 0;
}

static int begin_udp(struct segment *s, const struct tto_unit *u,
		     const struct segment_layout *l, uint64_t bytes)
{
	const uint8_t *udp = s->template + l->l4;
	uint64_t longest = bytes < u->mss ? bytes : u->mss;

	s->checksum = !(u->flags & TTO_UNIT_NO_UDP_CSUM);
	if (l->protocol != PROTOCOL_UDP ||
	    l->header_len - l->l4 != sizeof(struct udp_header) ||
	    longest + sizeof(struct udp_header) > UINT16_MAX || l->opaque ||
	    (l->v6 && !s->checksum) || !plan_ip(s, u, l))
		return -EINVAL;
	s->sums_payload &= s->checksum;
	s->transport_sum = segment_pseudo_sum(s, l);
	if (s->sums_payload)
		s->transport_sum = checksum_add(s->transport_sum, load32(udp));
	return plan_frames(s, l, u->mss, bytes);
}

static int begin(struct segment *s, const struct tto_unit *u)
{
	struct segment_layout l;
	uint64_t bytes;
	int err;

	if (u->mss == 0 || u->link >= TTO_N_LINKS || u->flags & ~UNIT_FLAGS)
		return -EINVAL;
	err = gather_total(u->payload, u->n_payload, &bytes);
	if (err)
		return err;
	if (!take_header(s, u, &l))
		return -EINVAL;
	s->ops = checksum_select(u->cpu);
	if (!s->ops)
		return -ENOTSUP;
	s->sums_payload = !(u->flags & TTO_UNIT_PARTIAL_CSUM);
	s->cut = u->cut;
	begin_payload(s, u, bytes);
	switch (u->cut) {
	case TTO_CUT_TCP:
		return begin_tcp(s, u, &l, bytes);
	case TTO_CUT_UDP:
		return begin_udp(s, u, &l, bytes);
	case TTO_CUT_FRAGMENT:
		return fragment_begin(s, u, &l, bytes);
	default:
		return -EINVAL;
	}
}

/* What not every kind of unit sets. */
static void clear(struct segment *s)
{
	s->frames = 0;
	s->seq = 0;
	s->ip_sum = 0;
	s->id = 0;
	s->flags = 0;
	s->split = 0;
	s->fragment = 0;
	s->id_step = 0;
	s->cwr_first = false;
	s->checksum = false;
	s->runs_ahead = false;
}

int segment_begin(struct segment *s, const struct tto_unit *unit)
{
	const struct tto_unit u = *unit;
	int err;

	clear(s);
	err = begin(s, &u);
	if (err)
		s->frames = 0;
	return err ? err : (int)s->frames;
}

int segment_move_payload(struct segment *s, const struct iovec *iov, uint32_t n)
{
	struct gather at;
	uint64_t bytes;
	int err = gather_total(iov, n, &bytes);

	if (err || bytes < s->left)
		return -EFAULT;
	gather_begin(&at, iov, n);
	err = gather_skip(&at, bytes - s->left);
	if (err)
		return err;
	s->at = at;
	s->ahead = at;
	s->runs_ahead = false;
	return 0;
}

int segment_skip(struct segment *s, uint32_t n)
{
	bool all = n == s->frames;
	uint32_t bytes = all ? s->left : n * s->per_frame;
	struct gather at = s->at;
	int err;

	if (n == 0)
		return 0;
	err = gather_skip(&at, bytes);
	if (err)
		return err;
	s->at = at;
	s->ahead = at;
	s->runs_ahead = false;
	s->left -= bytes;
	s->frames -= n;
	s->seq += bytes;
	s->id = (uint16_t)(s->id + n * s->id_step);
	if (s->cwr_first)
		s->flags &= (uint16_t)~TCP_CWR;
	return 0;
}

/* ---- The frames ------------------------------------------------------------ */

/* Exactly @len bytes, 20 or more, in few wide stores that may overlap. */
static ALWAYS_INLINE void store_header(uint8_t *dst, const uint8_t *src,
				       uint32_t len)
{
	if (len - 32 <= 64) {
		memcpy(dst, src, 32);
		if (len > 64)
			memcpy(dst + 32, src + 32, 32);
		memcpy(dst + len - 32, src + len - 32, 32);
	} else if (len > 96) {
		memcpy(dst, src, len);
	} else {
		memcpy(dst, src, 16);
		memcpy(dst + len - 16, src + len - 16, 16);
	}
}

/* Frames in a row that differ in nothing but ID, sequence number and payload. */
struct run {
	uint32_t n;
	uint32_t bytes;		/* payload of each                              */
	uint32_t ip_sum;	/* IPv4: all but the ID; folded                 */
	uint32_t transport_sum;	/* all but sequence number and payload          */
	uint16_t total;		/* of IP, in network order like those below     */
	uint16_t length;	/* UDP                                          */
	uint16_t flags;		/* TCP                                          */
};

/* The next run, of at most @n frames; there is one frame left at least. */
static ALWAYS_INLINE struct run plan_run(const struct segment *s, size_t n,
					 enum tto_cut cut)
{
	bool last = s->frames == 1;
	uint16_t flags = s->flags;
	struct run r = { .n = 1, .bytes = last ? s->left : s->per_frame };
	uint32_t end = s->header_len + r.bytes, ip_bytes = end - s->l3;

	if (!last && !(s->cwr_first && flags & TCP_CWR))
		r.n = n < s->frames - 1 ? (uint32_t)n : s->frames - 1;
	if (!last)
		flags &= (uint16_t)~(TCP_FIN | TCP_PSH);
	r.flags = BIG16(flags);
	r.length = BIG16((uint16_t)(end - s->l4));
	if (s->v6)
		ip_bytes -= (uint32_t)sizeof(struct ipv6_header);
	r.total = BIG16((uint16_t)ip_bytes);
	r.ip_sum = checksum_fold(checksum_add(s->ip_sum, r.total));
	r.transport_sum = checksum_add(s->transport_sum, r.length);
	if (s->sums_payload)
		r.transport_sum = checksum_add(r.transport_sum,
					       cut == TTO_CUT_TCP ? r.flags :
								    r.length);
	return r;
}

/*
 * What moves from frame to frame, while a run is written: local, so that no
 * store to a frame can alias it.
 */
struct cursor {
	struct gather at, ahead;
	uint32_t seq, id;
	uint32_t sum;		/* of this frame's payload                      */
};

/*
 * Puts the payload in its place and fills in the slot, if there is room.
 * Return: 0, or -errno with nothing changed.
 */
static ALWAYS_INLINE int place_payload(struct cursor *c, struct tto_slot *slot,
				       uint32_t header_len, uint32_t bytes,
				       const struct checksum_ops *ops,
				       bool summing)
{
	struct iovec *iov = slot->iov;
	uint32_t len = iov ? header_len : header_len + bytes;
	int n;

	if (unlikely(slot->size < len))
		return -ENOBUFS;
	if (iov)
		n = gather_list(&c->at, bytes, iov, slot->n_iov,
				summing ? ops : NULL, &c->sum);
	else
		n = gather_copy(&c->at, bytes,
				(uint8_t *)slot->data + header_len, ops,
				&c->sum);
	if (unlikely(n < 0))
		return n;
	if (summing && iov)
		gather_prefetch(&c->ahead, bytes);
	slot->len = len;
	slot->n_iov = (uint32_t)n;
	slot->payload_len = bytes;
	return 0;
}

static ALWAYS_INLINE void finish_ip(uint8_t *ip, bool v6, const struct run *r,
				    uint16_t id)
{
	uint32_t sum;

	if (v6) {
		store16(ip + 4, r->total);
		return;
	}
	id = BIG16(id);
	sum = r->ip_sum + id;
	store16(ip + 2, r->total);
	store16(ip + 4, id);
	store16(ip + 10, (uint16_t)~(sum + (sum >> 16)));
}

static ALWAYS_INLINE void finish_tcp(uint8_t *tcp, const struct run *r,
				     uint32_t seq, bool complete, uint32_t sum)
{
	seq = BIG32(seq);
	store32(tcp + 4, seq);
	store16(tcp + 12, r->flags);
	if (complete)
		store16(tcp + 16, segment_checksum((uint64_t)r->transport_sum +
						   seq + sum));
	else
		store16(tcp + 16, checksum_fold(r->transport_sum));
}

static ALWAYS_INLINE void finish_udp(uint8_t *udp, const struct run *r,
				     bool complete, bool none, uint32_t sum)
{
	uint16_t checksum = 0;

	if (complete) {
		checksum = segment_checksum((uint64_t)r->transport_sum + sum);
		if (checksum == 0)
			checksum = 0xffff;	/* RFC 768: 0 means none        */
	} else if (!none) {
		checksum = checksum_fold(r->transport_sum);
	}
	store16(udp + 4, r->length);
	store16(udp + 6, checksum);
}

/* Return: slots filled, fewer than the run only with *@err set. */
static ALWAYS_INLINE uint32_t write_run(struct segment *s,
					struct tto_slot *slots,
					const struct run *r, enum tto_cut cut,
					bool v6, bool complete, int *err)
{
	const struct checksum_ops *ops = s->ops;
	const uint32_t header_len = s->header_len, l3 = s->l3, l4 = s->l4;
	struct cursor c = { s->at, s->ahead, s->seq, s->id, 0 };
	const uint32_t id_step = s->id_step;
	const struct tto_slot *first = slots, *end = slots + r->n;
	uint32_t n;

	for (; slots < end; slots++) {
		uint8_t *frame = slots->data;

		*err = place_payload(&c, slots, header_len, r->bytes, ops,
				     complete);
		if (unlikely(*err))
			break;
		store_header(frame, s->template, header_len);
		finish_ip(frame + l3, v6, r, (uint16_t)c.id);
		if (cut == TTO_CUT_TCP)
			finish_tcp(frame + l4, r, c.seq, complete, c.sum);
		else
			finish_udp(frame + l4, r, complete, !s->checksum,
				   c.sum);
		c.id += id_step;
		c.seq += r->bytes;
	}
	n = (uint32_t)(slots - first);
	s->at = c.at;
	s->ahead = c.ahead;
	s->id = (uint16_t)c.id;
	s->seq = c.seq;
	s->left -= n * r->bytes;
	s->frames -= n;
	return n;
}

/* Sends the second cursor ahead, once it is known that the payload is read. */
static void run_ahead(struct segment *s)
{
	s->runs_ahead = true;
	if (s->frames > 1)
		gather_prefetch(&s->ahead, FRAMES_AHEAD * s->per_frame);
	else
		s->ahead = (struct gather){ 0 };	/* nothing is ahead     */
}

static ALWAYS_INLINE int write_frames(struct segment *s, struct tto_slot *slots,
				      size_t n, enum tto_cut cut, bool v6,
				      bool complete)
{
	int written = 0, err = 0;

	while (n > 0 && s->frames > 0 && !err) {
		struct run r = plan_run(s, n, cut);
		uint32_t done = write_run(s, slots, &r, cut, v6, complete,
					  &err);

		if (done && s->cwr_first)
			s->flags &= (uint16_t)~TCP_CWR;
		slots += done;
		n -= done;
		written += (int)done;
	}
	return written ? written : err;
}

static int write_fragments(struct segment *s, struct tto_slot *slots, size_t n)
{
	int written;

	for (written = 0; n > 0 && s->frames > 0; n--, slots++, written++) {
		uint32_t bytes = s->frames > 1 ? s->per_frame : s->left;
		struct cursor c = { .at = s->at, .ahead = s->ahead };
		int err = place_payload(&c, slots, s->header_len, bytes,
					s->ops, false);

		if (unlikely(err))
			return written ? written : err;
		s->at = c.at;
		s->ahead = c.ahead;
		store_header(slots->data, s->template, s->header_len);
		fragment_finish(s, slots->data, bytes);
		s->left -= bytes;
		s->frames--;
	}
	return written;
}

/* Each kind of unit has a loop of its own, without what it does not need. */
int segment_next(struct segment *s, struct tto_slot *slots, size_t n)
{
	bool complete;

	if (n == 0 || s->frames == 0)
		return 0;
	complete = s->sums_payload;
	if (!s->runs_ahead && complete && slots->iov)
		run_ahead(s);
	if (s->cut == TTO_CUT_FRAGMENT)
		return write_fragments(s, slots, n);
	if (s->cut == TTO_CUT_UDP)
		return write_frames(s, slots, n, TTO_CUT_UDP, s->v6, complete);
	if (s->v6)
		return complete ?
		       write_frames(s, slots, n, TTO_CUT_TCP, true, true) :
		       write_frames(s, slots, n, TTO_CUT_TCP, true, false);
	return complete ? write_frames(s, slots, n, TTO_CUT_TCP, false, true) :
			  write_frames(s, slots, n, TTO_CUT_TCP, false, false);
}
