// SPDX-License-Identifier: BSD-2-Clause
/* transmit_model.c - Random units, and what judges the frames they make */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "transmit_model.h"

#define CANARY 0xc5
#define MARGIN 48		/* canary bytes on both sides of a slot         */
#define BATCH_MAX 7
#define LIST_MAX 64

uint32_t rng_below(struct rng *r, uint32_t n)
{
	/* xorshift64*, Vigna 2016 */
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (uint32_t)((r->state * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

bool rng_chance(struct rng *r, uint32_t in_n)
{
	return rng_below(r, in_n) == 0;
}

void rng_fill(struct rng *r, uint8_t *p, uint32_t len)
{
	while (len--)
		*p++ = (uint8_t)rng_below(r, 256);
}

uint16_t model_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t model_get32(const uint8_t *p)
{
	return (uint32_t)model_get16(p) << 16 | model_get16(p + 2);
}

void model_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void model_put32(uint8_t *p, uint32_t v)
{
	model_put16(p, v >> 16);
	model_put16(p + 2, v & 0xffff);
}

/* ---- Headers --------------------------------------------------------------- */

static void tag(struct rng *r, struct model_header *h, uint32_t type_at)
{
	static const uint16_t tpid[] = { 0x8100, 0x88a8, 0x9100 };
	uint32_t n = rng_below(r, 3);

	for (uint32_t idx = 0; idx < n; idx++) {
		model_put16(h->bytes + type_at, tpid[rng_below(r, 3)]);
		rng_fill(r, h->bytes + h->len, 4);
		type_at = h->len + 2;
		h->len += 4;
	}
	model_put16(h->bytes + type_at, h->v6 ? 0x86dd : 0x0800);
}

static void link_header(struct rng *r, struct model_header *h)
{
	static const struct {
		uint8_t bytes, type_at;
	} links[TTO_N_LINKS] = {
		[TTO_LINK_ETHERNET] = { 14, 12 },
		[TTO_LINK_NULL] = { 4, 0 },
		[TTO_LINK_SLL] = { 16, 14 },
		[TTO_LINK_SLL2] = { 20, 0 },
	};

	h->link = (uint8_t)rng_below(r, TTO_N_LINKS);
	h->len = links[h->link].bytes;
	rng_fill(r, h->bytes, h->len);
	if (h->link != TTO_LINK_IP && h->link != TTO_LINK_NULL)
		tag(r, h, links[h->link].type_at);
	h->l3 = h->len;
}

/* Well-formed options, with and without the copied flag. */
static void ipv4_options(struct rng *r, struct model_header *h)
{
	uint32_t n = 4 * (1 + rng_below(r, 10)), at = 0;
	uint8_t *o = h->bytes + h->len;

	while (at < n) {
		uint32_t room = n - at, bytes = 2 + rng_below(r, 11);

		if (rng_chance(r, 12)) {	/* the rest means nothing       */
			o[at++] = 0;
			rng_fill(r, o + at, n - at);
			break;
		}
		if (room < 2 || rng_chance(r, 3)) {
			o[at++] = 1;
			continue;
		}
		bytes = bytes < room ? bytes : room;
		rng_fill(r, o + at, bytes);
		o[at] = (uint8_t)((o[at] | 2) & (rng_chance(r, 2) ? 0x7f :
								    0xff));
		o[at + 1] = (uint8_t)bytes;
		at += bytes;
	}
	h->len += n;
}

static void ipv4(struct rng *r, struct model_header *h, uint8_t protocol)
{
	uint8_t *ip = h->bytes + h->len;

	rng_fill(r, ip, 20);
	h->len += 20;
	if (rng_chance(r, 4))
		ipv4_options(r, h);
	ip[0] = (uint8_t)(0x40 | (h->len - h->l3) / 4);
	ip[6] &= 0xc0;			/* no fragment                          */
	ip[7] = 0;
	ip[9] = protocol;
	memcpy(h->final, ip + 16, 4);
}

/* An extension header; @next is where its kind is to be written. */
static uint32_t extension(struct rng *r, struct model_header *h, uint8_t kind,
			  uint32_t next)
{
	uint8_t *e = h->bytes + h->len;
	uint32_t bytes = 8 * (1 + rng_below(r, 3));

	h->bytes[next] = kind;
	next = h->len;
	if (kind == 43) {
		uint32_t n = 1 + rng_below(r, 3);
		bool used_up = rng_chance(r, 2);
		uint8_t type = rng_chance(r, 2) ? 4 : 0;

		bytes = 8 + 16 * n;
		rng_fill(r, e, bytes);
		e[2] = type;
		e[3] = used_up ? 0 : (uint8_t)(1 + rng_below(r, n));
		if (!used_up)
			memcpy(h->final, e + 8 + (type == 4 ? 0 : 16 * (n - 1)),
			       16);
	} else {
		memset(e, 0, bytes);	/* Pad1                                 */
		if (rng_chance(r, 2)) {	/* one option, router alert or unknown  */
			rng_fill(r, e, bytes);
			e[2] = rng_chance(r, 2) ? 5 : 0x3e;
			e[3] = (uint8_t)(bytes - 4);
		}
	}
	e[1] = (uint8_t)(bytes / 8 - 1);
	h->len += bytes;
	return next;
}

static void ipv6(struct rng *r, struct model_header *h, uint8_t protocol)
{
	uint8_t *ip = h->bytes + h->len;
	uint32_t next = h->len + 6;
	bool extended = rng_chance(r, 4);

	rng_fill(r, ip, 40);
	ip[0] = (uint8_t)(0x60 | (ip[0] & 0x0f));
	h->len += 40;
	memcpy(h->final, ip + 24, 16);
	h->split = h->len;
	h->split_next = next;
	if (extended && rng_chance(r, 2)) {
		next = extension(r, h, 0, next);
		h->split = h->len;
		h->split_next = next;
	}
	if (extended && rng_chance(r, 2)) {
		if (rng_chance(r, 2))
			next = extension(r, h, 60, next);
		next = extension(r, h, 43, next);
		h->split = h->len;
		h->split_next = next;
	}
	if (extended && rng_chance(r, 2))
		next = extension(r, h, 60, next);
	h->bytes[next] = protocol;
}

void model_ip(struct rng *r, struct model_header *h, uint8_t protocol)
{
	memset(h, 0, sizeof(*h));
	h->v6 = rng_chance(r, 2);
	link_header(r, h);
	if (h->v6)
		ipv6(r, h, protocol);
	else
		ipv4(r, h, protocol);
	h->l4 = h->len;
	h->protocol = protocol;
}

void model_plain_ip(struct model_header *h, uint8_t link, bool v6,
		    uint8_t protocol)
{
	struct rng r = { 1 };

	do {
		model_ip(&r, h, protocol);
	} while (h->link != link || h->v6 != v6 ||
		 h->l4 - h->l3 != (v6 ? 40 : 20) ||
		 (link == TTO_LINK_ETHERNET && h->l3 != 14));
}

void model_tcp(struct rng *r, struct model_header *h, uint16_t flags)
{
	uint32_t options = rng_chance(r, 2) ? 0 : 4 * rng_below(r, 11);
	uint8_t *tcp = h->bytes + h->len;

	rng_fill(r, tcp, 20 + options);
	if (rng_chance(r, 4))
		model_put32(tcp + 4, 0xffffffff - rng_below(r, 40000));
	model_put16(tcp + 12, (20 + options) << 10 | flags);
	h->len += 20 + options;
}

void model_udp(struct rng *r, struct model_header *h)
{
	rng_fill(r, h->bytes + h->len, 8);
	h->len += 8;
}

/* ---- Payload --------------------------------------------------------------- */

static uint32_t element_len(struct rng *r, uint32_t left, uint32_t shape)
{
	uint32_t len;

	switch (shape) {
	case 0:
		return left;
	case 1:
		len = rng_below(r, 8);
		break;
	case 2:
		len = rng_chance(r, 3) ? 0 : 4096;
		break;
	default:
		len = rng_chance(r, 5) ? 0 : 1 + rng_below(r, 3000);
		break;
	}
	return len < left ? len : left;
}

void model_payload_make(struct rng *r, struct model_payload *p, uint32_t len)
{
	uint32_t shape = rng_below(r, len < 3000 ? 4 : 3);
	uint32_t room = 64, at = 0;

	if (len >= 3000 && shape == 1)
		shape = 3;
	p->bytes = malloc(len ? len : 1);
	p->iov = malloc(room * sizeof(*p->iov));
	p->len = len;
	p->n = 0;
	rng_fill(r, p->bytes, len);
	while (at < len || rng_chance(r, 3)) {
		uint32_t part = element_len(r, len - at, shape);

		if (p->n == room) {
			room *= 2;
			p->iov = realloc(p->iov, room * sizeof(*p->iov));
		}
		p->iov[p->n].iov_base = part ? malloc(part) : NULL;
		p->iov[p->n].iov_len = part;
		if (part)
			memcpy(p->iov[p->n].iov_base, p->bytes + at, part);
		p->n++;
		at += part;
	}
}

void model_payload_free(struct model_payload *p)
{
	for (uint32_t idx = 0; idx < p->n; idx++)
		free(p->iov[idx].iov_base);
	free(p->iov);
	free(p->bytes);
}

/* ---- Collecting ------------------------------------------------------------ */

/* A slot with room to spare or not, canaries around it. */
struct place {
	uint8_t *memory;
	uint32_t size;
	struct iovec list[LIST_MAX + 1];
	bool gather;
};

static void offer(struct place *p, struct tto_slot *slot, uint32_t size,
		  uint32_t n_iov)
{
	p->size = size;
	p->memory = malloc(size + 2 * MARGIN);
	memset(p->memory, CANARY, size + 2 * MARGIN);
	memset(p->list, CANARY, sizeof(p->list));
	*slot = (struct tto_slot){
		.data = p->memory + MARGIN,
		.size = size,
		.len = 0xdeadbeef,
		.iov = p->gather ? p->list : NULL,
		.n_iov = n_iov,
	};
}

/* All of the place from @from on is as it was. */
static void check_untouched(const struct place *p, uint32_t from)
{
	for (uint32_t at = 0; at < MARGIN; at++)
		assert_int_equal(p->memory[at], CANARY);
	for (uint32_t at = MARGIN + from; at < p->size + 2 * MARGIN; at++)
		assert_int_equal(p->memory[at], CANARY);
}

/* @n_iov: what was offered. */
static void take_frame(const struct place *p, const struct tto_slot *slot,
		       uint32_t n_iov, struct model_frames *out)
{
	struct model_frame *f = &out->frame[out->n++];
	uint32_t at = slot->len;

	check_untouched(p, slot->len);
	assert_true(slot->n_iov <= n_iov);
	assert_int_equal(((const uint8_t *)&p->list[n_iov])[0], CANARY);
	assert_true(slot->len <= p->size);
	f->len = slot->len + (p->gather ? slot->payload_len : 0);
	f->header_len = f->len - slot->payload_len;
	f->bytes = malloc(f->len);
	memcpy(f->bytes, slot->data, slot->len);
	for (uint32_t idx = 0; idx < slot->n_iov; idx++) {
		assert_true(p->gather && p->list[idx].iov_len > 0);
		assert_true(at + p->list[idx].iov_len <= f->len);
		memcpy(f->bytes + at, p->list[idx].iov_base,
		       p->list[idx].iov_len);
		at += (uint32_t)p->list[idx].iov_len;
	}
	assert_int_equal(at, f->len);
}

/* What a refused slot looks like: nothing happened to it. */
static void check_refused(const struct place *p, const struct tto_slot *slot,
			  uint32_t n_iov)
{
	assert_int_equal(slot->len, 0xdeadbeef);
	assert_int_equal(slot->n_iov, n_iov);
	for (uint32_t at = 0; at < MARGIN; at++) {
		assert_int_equal(p->memory[at], CANARY);
		assert_int_equal(p->memory[MARGIN + p->size + at], CANARY);
	}
	if (p->gather)
		assert_int_equal(((const uint8_t *)&p->list[n_iov])[0], CANARY);
}

static uint32_t offered_size(struct rng *r, const struct tto_unit *u,
			     bool gather)
{
	uint32_t enough = u->header_len + 8;

	if (!gather)
		enough += u->mss;
	return rng_chance(r, 5) ? rng_below(r, enough) : enough;
}

/* One call of next(). Return: what it returned. */
static int collect_some(struct rng *r, const struct tto_unit *u,
			struct tto_segmenter *s, enum model_form form,
			struct model_frames *out)
{
	struct place place[BATCH_MAX];
	struct tto_slot slot[BATCH_MAX];
	uint32_t n = rng_below(r, BATCH_MAX + 1), n_iov[BATCH_MAX];
	int got;

	for (uint32_t idx = 0; idx < n; idx++) {
		place[idx].gather = form == MODEL_GATHER ||
				    (form == MODEL_MIXED && rng_chance(r, 2));
		n_iov[idx] = rng_chance(r, 5) ? rng_below(r, LIST_MAX) :
						LIST_MAX;
		offer(&place[idx], &slot[idx],
		      offered_size(r, u, place[idx].gather), n_iov[idx]);
	}
	got = tto_segmenter_next(s, slot, n);
	for (uint32_t idx = 0; idx < n; idx++) {
		if ((int)idx < got)
			take_frame(&place[idx], &slot[idx], n_iov[idx], out);
		else
			check_refused(&place[idx], &slot[idx], n_iov[idx]);
		free(place[idx].memory);
	}
	return n ? got : -ENOBUFS;
}

/* Elements come in bits: a frame may need more of them than LIST_MAX. */
static bool lists_are_long(const struct tto_unit *u)
{
	uint32_t parts = 0;

	for (uint32_t idx = 0; idx < u->n_payload; idx++)
		parts += u->payload[idx].iov_len > 0;
	return parts > LIST_MAX;
}

int model_collect(struct rng *r, const struct tto_unit *unit,
		  enum model_form form, struct model_frames *out)
{
	struct tto_segmenter s;
	int frames, got;

	memset(&s, CANARY, sizeof(s));
	frames = tto_segmenter_begin(&s, unit);
	*out = (struct model_frames){ 0 };
	if (frames < 0) {
		struct tto_slot slot = { 0 };

		assert_int_equal(tto_segmenter_next(&s, &slot, 1), 0);
		return frames;
	}
	if (form == MODEL_GATHER && lists_are_long(unit))
		form = MODEL_MIXED;
	out->frame = malloc((size_t)frames * sizeof(*out->frame));
	do {
		got = collect_some(r, unit, &s, form, out);
		assert_true(got >= 0 || got == -ENOBUFS);
		assert_true(out->n <= (uint32_t)frames);
	} while (got != 0);
	assert_int_equal(out->n, frames);
	return frames;
}

void model_frames_free(struct model_frames *f)
{
	for (uint32_t idx = 0; idx < f->n; idx++)
		free(f->frame[idx].bytes);
	free(f->frame);
}

/* ---- Checksums and comparison ---------------------------------------------- */

uint64_t model_sum(uint64_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t at = 0; at < len; at++)
		sum += at % 2 ? p[at] : (uint32_t)p[at] << 8;
	return sum;
}

uint16_t model_fold(uint64_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t model_pseudo_sum(const struct model_header *h, uint32_t len)
{
	const uint8_t *ip = h->bytes + h->l3;
	uint8_t pseudo[40] = { 0 };

	if (!h->v6) {			/* RFC 9293 §3.1                        */
		memcpy(pseudo, ip + 12, 8);
		pseudo[9] = h->protocol;
		model_put16(pseudo + 10, len);
		return model_sum(0, pseudo, 12);
	}
	memcpy(pseudo, ip + 8, 16);	/* RFC 8200 §8.1                        */
	memcpy(pseudo + 16, h->final, 16);
	model_put32(pseudo + 32, len);
	pseudo[39] = h->protocol;
	return model_sum(0, pseudo, 40);
}

void model_finish_ip(const struct model_header *h, uint8_t *frame,
		     uint32_t bytes)
{
	uint8_t *ip = frame + h->l3;

	if (h->v6) {
		model_put16(ip + 4, bytes - 40);
		return;
	}
	model_put16(ip + 2, bytes);
	model_put16(ip + 10, 0);
	model_put16(ip + 10, 0xffffU - model_fold(model_sum(
				     0, ip, (ip[0] & 0x0fU) * 4)));
}

void model_compare(uint64_t seed, uint32_t idx, const struct model_frame *got,
		   const uint8_t *want, uint32_t len)
{
	if (got->len != len)
		fail_msg("seed %llu, frame %u: %u bytes, not %u",
			 (unsigned long long)seed, idx, got->len, len);
	for (uint32_t at = 0; at < len; at++)
		if (got->bytes[at] != want[at])
			fail_msg("seed %llu, frame %u, byte %u: %02x, not %02x",
				 (unsigned long long)seed, idx, at,
				 got->bytes[at], want[at]);
}
