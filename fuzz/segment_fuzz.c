// SPDX-License-Identifier: BSD-2-Clause
/*
 * segment_fuzz.c - Any unit, any slots; what comes out must be right
 *
 * The input is read as: link, cut, flags, MSS, header, lengths of the payload's
 * elements, then sizes of slots. The header is a valid one with the input xored
 * over it, so that most of the inputs get past the first checks. Each piece of
 * memory has exactly the size that is told to the segmenter, so a sanitizer sees
 * every byte too far. Whether frames are right is judged from the frames alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tto/engine.h>

#include "packet/parse.h"

#define HEADER_MAX 480
#define ELEMENTS_MAX 24
#define PAYLOAD_MAX 24000
#define SLOTS_MAX 6
#define LIST_MAX 32

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

static uint32_t take(struct input *in, uint32_t bytes)
{
	uint32_t v = 0;

	for (; bytes > 0 && in->left > 0; bytes--, in->left--)
		v = v << 8 | *in->p++;
	return v;
}

/* What goes in, and what is known of it. */
struct work {
	struct tto_unit unit;
	struct iovec iov[ELEMENTS_MAX];
	uint8_t payload[PAYLOAD_MAX + 65536];
	uint32_t payload_len;
	bool wild;		/* lengths that lie: only the verdict counts    */
};

/* What has come out. */
struct result {
	uint32_t frames;
	uint32_t payload_len;
	uint32_t seq, offset;
};

/* ---- The unit -------------------------------------------------------------- */

static const uint8_t link_bytes[] = { 14, 0, 4, 16, 20 };

/* A header that is accepted as it is. Return: bytes. */
static uint32_t template(uint8_t *h, uint8_t link, uint8_t cut, bool v6)
{
	static const uint8_t type_at[] = { 12, 0, 0, 14, 0 };
	uint32_t l3 = link_bytes[link], l4 = l3 + (v6 ? 40 : 20);
	uint8_t protocol = cut == TTO_CUT_TCP ? 6 : 17;

	memset(h, 0, HEADER_MAX);
	if (link != TTO_LINK_IP && link != TTO_LINK_NULL) {
		h[type_at[link]] = v6 ? 0x86 : 0x08;
		h[type_at[link] + 1] = v6 ? 0xdd : 0;
	}
	h[l3] = v6 ? 0x60 : 0x45;
	h[l3 + (v6 ? 6 : 9)] = protocol;
	if (cut == TTO_CUT_TCP) {
		h[l4 + 12] = 0x50;
		h[l4 + 13] = 0x10;
	}
	return l4 + (cut == TTO_CUT_TCP ? 20 : 8);
}

/*
 * IPv6: puts an extension header before what follows IP, or a fragment header
 * in its place. Return: bytes of the whole.
 */
static uint32_t extend(struct input *in, uint8_t *h, uint32_t l3, uint32_t len)
{
	static const uint8_t kinds[] = { 0, 43, 60, 44 };
	uint8_t kind = kinds[take(in, 1) % 4];
	uint32_t at = l3 + 40, bytes = kind == 44 ? 8 : 8 + take(in, 1) % 4 * 8;

	if (kind == 44)
		len = at;	/* the rest is payload                          */
	memmove(h + at + bytes, h + at, len - at);
	memset(h + at, 0, bytes);
	h[at] = h[l3 + 6];
	h[at + 1] = kind == 44 ? 0 : (uint8_t)(bytes / 8 - 1);
	h[l3 + 6] = kind;
	return len + bytes;
}

static void make_header(struct input *in, struct work *w)
{
	uint8_t header[HEADER_MAX], *copy;
	uint32_t shape = take(in, 1), xored = take(in, 2) % HEADER_MAX;
	uint8_t link = w->unit.link % TTO_N_LINKS;
	uint32_t len = template(header, link, w->unit.cut, shape & 1);

	if ((shape & 5) == 5)
		len = extend(in, header, link_bytes[link], len);
	len = (len + (shape & 2 ? take(in, 2) : 0)) % HEADER_MAX;
	for (uint32_t at = 0; at < xored; at++)
		header[at] ^= (uint8_t)take(in, 1);
	copy = malloc(len ? len : 1);
	memcpy(copy, header, len);
	w->unit.header = copy;
	w->unit.header_len = len;
}

static void make_payload(struct input *in, struct work *w)
{
	uint32_t n = take(in, 1) % (ELEMENTS_MAX + 1);

	for (uint32_t idx = 0; idx < n; idx++) {
		uint32_t len = take(in, 2);
		struct iovec *e = &w->iov[idx];

		if (len == 0xffff) {
			*e = (struct iovec){ (void *)64, (size_t)take(in, 4)
							       << 32 };
			w->wild |= e->iov_len > 0;
			continue;
		}
		if (w->payload_len + len > PAYLOAD_MAX)
			len %= 64;
		*e = (struct iovec){ len ? malloc(len) : NULL, len };
		for (uint32_t at = 0; at < len; at++)
			w->payload[w->payload_len + at] =
				(uint8_t)((w->payload_len + at) * 167 >> 3);
		if (len)
			memcpy(e->iov_base, w->payload + w->payload_len, len);
		w->payload_len += len;
	}
	w->unit.payload = w->iov;
	w->unit.n_payload = n;
}

static void make(struct input *in, struct work *w)
{
	memset(w, 0, offsetof(struct work, payload));
	w->payload_len = 0;
	w->wild = false;
	w->unit.link = (uint8_t)(take(in, 1) % (TTO_N_LINKS + 1));
	w->unit.cut = (uint8_t)(take(in, 1) % 4);
	w->unit.flags = (uint8_t)(take(in, 1) % 32);
	w->unit.mss = (uint16_t)take(in, 2);
	w->unit.fragment_id = 0x12345678;
	make_header(in, w);
	make_payload(in, w);
}

static void release(struct work *w)
{
	for (uint32_t idx = 0; idx < w->unit.n_payload; idx++)
		if (w->iov[idx].iov_base != (void *)64)
			free(w->iov[idx].iov_base);
	free((void *)(uintptr_t)w->unit.header);
}

/* ---- The judgement --------------------------------------------------------- */

static uint16_t sum(uint64_t s, const uint8_t *p, uint32_t len)
{
	for (uint32_t at = 0; at < len; at++)
		s += at & 1 ? p[at] : (uint32_t)p[at] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* Behind plain IP: without headers that may hide the true destination. */
static void check_transport(const struct work *w, const uint8_t *ip, bool v6,
			    uint8_t protocol, uint32_t len)
{
	const uint8_t *transport = ip + (v6 ? 40 : (ip[0] & 15) * 4);
	uint64_t pseudo = v6 ? sum(0, ip + 8, 32) : sum(0, ip + 12, 8);
	uint8_t flags = w->unit.flags;
	bool udp = protocol == 17;

	pseudo += protocol + len;
	if (udp)
		CHECK(load_be16(transport + 4) == len);
	if (udp && flags & TTO_UNIT_NO_UDP_CSUM)
		CHECK(load_be16(transport + 6) == 0);
	else if (flags & TTO_UNIT_PARTIAL_CSUM)
		CHECK(load_be16(transport + (udp ? 6 : 16)) ==
		      sum(pseudo, NULL, 0));
	else
		CHECK(sum(pseudo, transport, len) == 0xffff);
	if (udp && !(flags & TTO_UNIT_NO_UDP_CSUM) &&
	    !(flags & TTO_UNIT_PARTIAL_CSUM))
		CHECK(load_be16(transport + 6) != 0);
}

static void check_tcp(const struct work *w, struct result *r,
		      const uint8_t *frame, uint32_t len, uint32_t payload,
		      bool last)
{
	const uint8_t *tcp = frame + w->unit.header_len - 20;
	struct seg seg;
	enum parse_verdict v = parse_frame((enum parse_link)w->unit.link, frame,
					   len, &seg);

	CHECK(v != PARSE_MALFORMED && v != PARSE_FRAGMENT &&
	      v != PARSE_TCP_FRAGMENT);
	if (v == PARSE_NOT_TCP)
		return;		/* more extension headers than it follows       */
	CHECK(seg.payload_len == payload && seg.payload == w->unit.header_len);
	tcp = frame + seg.l4;
	if (r->frames == 0)
		r->seq = load_be32((const uint8_t *)w->unit.header + seg.l4 + 4);
	CHECK(load_be32(tcp + 4) == r->seq);
	CHECK(last || !(seg.flags & (TCP_FIN | TCP_PSH)));
	CHECK(r->frames == 0 || !(seg.flags & TCP_CWR) ||
	      w->unit.flags & TTO_UNIT_ACCECN);
	r->seq += payload;
}

static void check_fragment(const struct work *w, struct result *r,
			   const uint8_t *ip, uint32_t len, bool last)
{
	uint32_t header = (ip[0] & 15) * 4, word = load_be16(ip + 6);

	if (r->frames == 0)
		r->offset = (word & 0x1fff) * 8;
	CHECK((word & 0x1fff) * 8 == r->offset);
	CHECK(last || (word & 0x2000 && (len - header) % 8 == 0));
	r->offset += len - header;
	CHECK(r->offset <= 65535);
}

static void check_frame(const struct work *w, struct result *r,
			const uint8_t *frame, uint32_t len, uint32_t payload,
			bool alone, bool last)
{
	struct seg seg;
	uint16_t type = parse_link((enum parse_link)w->unit.link, frame, len,
				   &seg);
	const uint8_t *ip = frame + seg.l3;
	uint32_t ip_len = len - seg.l3;
	bool v6 = type == ETHERTYPE_IPV6;

	CHECK(type != 0);
	CHECK(memcmp(frame + len - payload, w->payload + r->payload_len,
		     payload) == 0);
	if (v6) {
		CHECK(load_be16(ip + 4) + 40U == ip_len);
	} else {
		CHECK(load_be16(ip + 2) == ip_len);
		CHECK(sum(0, ip, (ip[0] & 15) * 4) == 0xffff);
	}
	if (w->unit.cut == TTO_CUT_FRAGMENT) {
		CHECK(alone || ip_len <= w->unit.mss);
		if (!v6)
			check_fragment(w, r, ip, ip_len, last);
		return;
	}
	CHECK(payload <= w->unit.mss);
	if (v6 ? ip[6] == 6 || ip[6] == 17 : true)
		check_transport(w, ip, v6, v6 ? ip[6] : ip[9],
				ip_len - (v6 ? 40 : (ip[0] & 15) * 4));
	if (w->unit.cut == TTO_CUT_TCP)
		check_tcp(w, r, frame, len, payload, last);
}

/* ---- The run --------------------------------------------------------------- */

/* The frame of a slot, in one piece. */
static void check_slot(const struct work *w, struct result *r,
		       const struct tto_slot *slot, uint32_t frames)
{
	uint32_t len = slot->len + (slot->iov ? slot->payload_len : 0);
	uint32_t at = slot->len;
	uint8_t *frame = malloc(len);

	CHECK(slot->len <= slot->size && slot->payload_len <= len);
	memcpy(frame, slot->data, slot->len);
	for (uint32_t idx = 0; slot->iov && idx < slot->n_iov; idx++) {
		CHECK(slot->iov[idx].iov_len <= len - at);
		memcpy(frame + at, slot->iov[idx].iov_base,
		       slot->iov[idx].iov_len);
		at += (uint32_t)slot->iov[idx].iov_len;
	}
	CHECK(at == len);
	CHECK(r->payload_len + slot->payload_len <= w->payload_len);
	check_frame(w, r, frame, len, slot->payload_len, frames == 1,
		    r->frames + 1 == frames);
	r->frames++;
	r->payload_len += slot->payload_len;
	free(frame);
}

static void offer(struct input *in, const struct tto_unit *u,
		  struct tto_slot *slot, bool enough)
{
	uint32_t form = take(in, 1);

	*slot = (struct tto_slot){
		.size = enough ? u->header_len + 8 + u->mss : take(in, 2),
	};
	slot->data = malloc(slot->size ? slot->size : 1);
	if (form & 1) {
		slot->n_iov = enough ? LIST_MAX : form % LIST_MAX;
		slot->iov = malloc((slot->n_iov + 1) * sizeof(*slot->iov));
	}
}

static int run_batch(struct input *in, const struct work *w,
		     struct tto_segmenter *s, struct result *r, uint32_t frames)
{
	struct tto_slot slot[SLOTS_MAX];
	uint32_t n = 1 + take(in, 1) % SLOTS_MAX;
	bool enough = in->left == 0 || take(in, 1) & 1;
	int got;

	for (uint32_t idx = 0; idx < n; idx++)
		offer(in, &w->unit, &slot[idx], enough);
	got = tto_segmenter_next(s, slot, n);
	CHECK(got >= 0 || (got == -ENOBUFS && !enough));
	CHECK(got <= (int)n);
	for (uint32_t idx = 0; idx < n; idx++) {
		if ((int)idx < got)
			check_slot(w, r, &slot[idx], frames);
		free(slot[idx].data);
		free(slot[idx].iov);
	}
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct work w;
	struct input in = { data, size };
	struct tto_segmenter s;
	struct result r = { 0 };
	struct tto_slot slot = { 0 };
	int frames;

	make(&in, &w);
	frames = tto_segmenter_begin(&s, &w.unit);
	CHECK(frames != 0);
	if (frames < 0) {
		CHECK(tto_segmenter_next(&s, &slot, 1) == 0);
	} else if (frames < 1000) {
		CHECK(!w.wild);
		while (run_batch(&in, &w, &s, &r, (uint32_t)frames) != 0)
			;
		CHECK(r.frames == (uint32_t)frames);
		CHECK(r.payload_len == w.payload_len);
	}
	release(&w);
	return 0;
}
