// SPDX-License-Identifier: BSD-2-Clause
/*
 * fragment_test.c - IP fragmentation, IPv4 and IPv6 (SPEC TX-6, case 22)
 *
 * Random datagrams, and fragments of some, against a model that follows the
 * procedure of RFC 791 §3.2 and RFC 8200 §4.5 literally; what comes out is then
 * put together again by a receiver that knows nothing of the model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "transmit_model.h"

#define SEEDS 12000
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define FRAME_MAX (MODEL_HEADER_MAX + 65536)

struct scene {
	uint64_t seed;
	struct rng rng;
	struct model_header header;
	struct model_payload payload;
	struct tto_unit unit;
	bool udp;		/* the header ends behind a UDP header          */
	uint32_t base;		/* the input is a fragment: its offset          */
	bool more;
};

static void scene_unit(struct scene *s, uint32_t mtu, uint8_t flags)
{
	s->unit = (struct tto_unit){
		.header = s->header.bytes,
		.header_len = s->header.len,
		.mss = (uint16_t)mtu,
		.link = s->header.link,
		.cut = TTO_CUT_FRAGMENT,
		.flags = flags,
		.payload = s->payload.iov,
		.n_payload = s->payload.n,
		.fragment_id = 0xfeedf00d,
	};
}

static void make_input_fragment(struct scene *s)
{
	struct model_header *h = &s->header;
	uint8_t *field = h->bytes + (h->v6 ? h->l4 + 2 : h->l3 + 6);
	uint32_t units = rng_below(&s->rng, 4000);

	s->more = units == 0 || rng_chance(&s->rng, 2);
	s->base = units * 8;
	if (h->v6) {
		h->bytes[h->split_next] = 44;
		h->split = h->l4;
		rng_fill(&s->rng, h->bytes + h->l4, 8);
		model_put16(field, units << 3 | (s->more ? 1 : 0) |
				   (model_get16(field) & 6));
		h->len += 8;
		h->fragment = true;
	} else {
		model_put16(field, (model_get16(field) & 0xc000U) | units |
				   (s->more ? 0x2000 : 0));
	}
}

/* The header's last next-header byte, when nothing is unfragmentable but that. */
static uint32_t last_next(const struct model_header *h)
{
	uint32_t next = h->l3 + 6, at = h->l3 + 40;

	while (at < h->l4) {
		next = at;
		at += 8 + h->bytes[at + 1] * 8U;
	}
	return next;
}

static void scene_make(struct scene *s, uint64_t seed)
{
	uint32_t kind, mtu, len;

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->rng = (struct rng){ seed * 0x9e3779b97f4a7c15ULL + 1 };
	kind = rng_below(&s->rng, 3);
	model_ip(&s->rng, &s->header, kind == 1 ? 17 : 89);
	if (!rng_chance(&s->rng, 4))
		s->header.bytes[s->header.l3 + 6] &= s->header.v6 ? 0xff : 0xbf;
	s->udp = kind == 1;
	if (s->udp)
		model_udp(&s->rng, &s->header);
	if (kind == 2) {
		s->header.split_next = s->header.v6 ? last_next(&s->header) : 0;
		make_input_fragment(s);
	}
	mtu = s->header.len - s->header.l3 +
	      (rng_chance(&s->rng, 4) ? rng_below(&s->rng, 40) :
	       rng_chance(&s->rng, 2) ? 1280 : rng_below(&s->rng, 9000));
	len = rng_below(&s->rng, rng_chance(&s->rng, 2) ? 4 * mtu : 70000);
	len = len > 70000 ? 70000 : len;
	if (mtu < 200 && len > 2000)
		len %= 2000;
	model_payload_make(&s->rng, &s->payload, s->more ? len & ~7U : len);
	scene_unit(s, mtu, (uint8_t)(rng_below(&s->rng, 8) &
				     (s->header.v6 ? 3 : 7)));
}

/* ---- The model ------------------------------------------------------------- */

/* The datagram before it is cut: link header, IP, and what follows. */
struct whole {
	uint8_t bytes[FRAME_MAX + 8192];
	uint32_t len;
	uint32_t cut_from;	/* where the fragmentable part begins           */
};

static void model_udp_fields(const struct scene *s, uint8_t *udp, uint32_t len,
			     bool cut)
{
	uint64_t pseudo = model_pseudo_sum(&s->header, len);

	model_put16(udp + 4, len);
	model_put16(udp + 6, 0);
	if (s->unit.flags & TTO_UNIT_NO_UDP_CSUM)
		return;
	if (s->unit.flags & TTO_UNIT_PARTIAL_CSUM && !cut) {
		model_put16(udp + 6, model_fold(pseudo));
		return;
	}
	model_put16(udp + 6, 0xffffU - model_fold(model_sum(pseudo, udp, len)));
	if (model_get16(udp + 6) == 0)
		model_put16(udp + 6, 0xffff);
}

/* The options that RFC 791 wants in each fragment. Return: bytes, padded. */
static uint32_t model_copied(const uint8_t *o, uint32_t len, uint8_t *out)
{
	uint32_t n = 0;

	while (len > 0 && *o != 0) {
		uint32_t bytes = *o == 1 ? 1 : o[1];

		if (*o >= 128 && bytes > 1) {
			memcpy(out + n, o, bytes);
			n += bytes;
		}
		o += bytes;
		len -= bytes;
	}
	while (n % 4)
		out[n++] = 0;
	return n;
}

static bool model_fits_at_all(const struct scene *s, const struct whole *w)
{
	uint32_t bytes = w->len - s->header.l3 + s->base;

	if (!s->header.v6)
		return bytes <= 65535;
	return bytes - (s->header.fragment ? 8 : 0) <= 65535 + 40;
}

static int model_whole(const struct scene *s, struct whole *w)
{
	const struct model_header *h = &s->header;
	bool cut;

	memcpy(w->bytes, h->bytes, h->len);
	memcpy(w->bytes + h->len, s->payload.bytes, s->payload.len);
	w->len = h->len + s->payload.len;
	w->cut_from = h->v6 ? h->split : h->l4;
	if (s->udp && s->payload.len > 65527)
		return -EINVAL;
	if (!model_fits_at_all(s, w))
		return -EMSGSIZE;
	cut = w->len - h->l3 > s->unit.mss;
	if (s->udp)
		model_udp_fields(s, w->bytes + h->l4, w->len - h->l4, cut);
	if (cut && !h->v6 && h->bytes[h->l3 + 6] & 0x40)
		return -EPERM;
	return cut;
}

/*
 * What each fragment begins with. IPv4: without the options that are not copied
 * if it is a later one; IPv6: with a fragment header. Return: bytes.
 */
static uint32_t model_prefix(const struct scene *s, bool later, uint8_t *out)
{
	const struct model_header *h = &s->header;
	uint32_t len = h->v6 ? h->split : h->l4;

	memcpy(out, h->bytes, len);
	if (!h->v6) {
		if (later)
			len = h->l3 + 20 +
			      model_copied(h->bytes + h->l3 + 20,
					   h->l4 - h->l3 - 20,
					   out + h->l3 + 20);
		out[h->l3] = (uint8_t)(0x40 | (len - h->l3) / 4);
		return len;
	}
	if (h->fragment) {
		memcpy(out + len, h->bytes + h->l4, 8);
		return len + 8;
	}
	out[len] = out[h->split_next];
	out[len + 1] = 0;
	out[h->split_next] = 44;
	model_put16(out + len + 2, 0);
	model_put32(out + len + 4, s->unit.fragment_id);
	return len + 8;
}

static void model_offset(const struct scene *s, uint8_t *frame,
			 uint32_t prefix, uint32_t offset, bool more)
{
	uint8_t *v4 = frame + s->header.l3 + 6, *v6 = frame + prefix - 6;

	if (s->header.v6)
		model_put16(v6, offset | (model_get16(v6) & 6U) | more);
	else
		model_put16(v4, offset / 8 | (model_get16(v4) & 0xc000U) |
				(more ? 0x2000 : 0));
}

/* Expected frames, one at a time. */
struct model_cut {
	struct whole whole;
	uint32_t done;		/* of the fragmentable part                     */
	uint32_t n;		/* fragments so far                             */
	bool cut;
};

/* Return: bytes in @out; 0 behind the last; -EMSGSIZE. */
static int model_next(const struct scene *s, struct model_cut *m, uint8_t *out)
{
	uint32_t part = m->whole.len - m->whole.cut_from, from = m->done, room,
		 prefix;
	bool last;

	if (m->n > 0 && m->done == part)
		return 0;
	if (!m->cut) {
		memcpy(out, m->whole.bytes, m->whole.len);
		model_finish_ip(&s->header, out, m->whole.len - s->header.l3);
		m->done = part;
		m->n++;
		return (int)m->whole.len;
	}
	if (s->header.fragment) {
		m->whole.cut_from = s->header.len;
		part = m->whole.len - s->header.len;
	}
	prefix = model_prefix(s, m->n > 0, out);
	if (s->unit.mss < prefix - s->header.l3 + 8)
		return -EMSGSIZE;
	room = s->unit.mss - (prefix - s->header.l3);
	last = part - from <= room;
	room = last ? part - from : room & ~7U;
	if (m->n == 0 && room < s->header.len - m->whole.cut_from)
		return -EMSGSIZE;
	memcpy(out + prefix, m->whole.bytes + m->whole.cut_from + from, room);
	model_offset(s, out, prefix, s->base + from, !last || s->more);
	model_finish_ip(&s->header, out, prefix - s->header.l3 + room);
	m->done += room;
	m->n++;
	return (int)(prefix + room);
}

/* ---- The receiver ---------------------------------------------------------- */

/* Where a fragment's data is, and where it belongs; found by walking. */
struct piece {
	const uint8_t *data;
	uint32_t len, offset;
	bool more, found;
};

static struct piece walk(const struct scene *s, const struct model_frame *f)
{
	const uint8_t *ip = f->bytes + s->header.l3;
	struct piece p = { .data = ip + (ip[0] & 15) * 4 };
	uint32_t end = f->len - s->header.l3, word = model_get16(ip + 6);
	uint8_t next = ip[6];

	if (!s->header.v6) {
		assert_int_equal(model_get16(ip + 2), end);
		assert_int_equal(model_fold(model_sum(0, ip,
						      (ip[0] & 15) * 4)),
				 0xffff);
		p.offset = (word & 0x1fff) * 8;
		p.more = word & 0x2000;
		p.found = true;
	} else {
		assert_int_equal(model_get16(ip + 4) + 40, end);
		p.data = ip + 40;
		while (next == 0 || next == 43 || next == 60) {
			next = p.data[0];
			p.data += 8 + p.data[1] * 8;
		}
		p.found = next == 44;
		word = model_get16(p.data + 2);
		if (p.found) {
			p.offset = word & 0xfff8;
			p.more = word & 1;
			p.data += 8;
		}
	}
	p.len = (uint32_t)(f->bytes + f->len - p.data);
	return p;
}

/* TX-6: every byte of the datagram, once, in its place. */
static void reassemble(const struct scene *s, const struct model_cut *m,
		       const struct model_frames *got)
{
	const uint8_t *want = m->whole.bytes + m->whole.cut_from;
	uint32_t at = s->base;

	for (uint32_t idx = 0; idx < got->n; idx++) {
		struct piece p = walk(s, &got->frame[idx]);
		bool last = idx + 1 == got->n;

		assert_true(p.found);
		assert_int_equal(p.offset, at);
		assert_int_equal(p.more, !last || s->more);
		if (!last)
			assert_int_equal(p.len % 8, 0);
		assert_true(got->frame[idx].len - s->header.l3 <= s->unit.mss);
		assert_memory_equal(p.data, want + (at - s->base), p.len);
		at += p.len;
	}
	assert_int_equal(at - s->base, m->whole.len - m->whole.cut_from);
}

static void compare_frames(const struct scene *s, struct model_cut *m,
			   const struct model_frames *got)
{
	static uint8_t want[FRAME_MAX + 8192];
	int len;

	for (uint32_t idx = 0; idx < got->n; idx++) {
		len = model_next(s, m, want);
		assert_true(len > 0);
		model_compare(s->seed, idx, &got->frame[idx], want,
			      (uint32_t)len);
	}
	len = model_next(s, m, want);
	if (len != 0)
		fail_msg("seed %llu: the model has more than %u fragments",
			 (unsigned long long)s->seed, got->n);
}

/* Return: 1 if it was cut, 0 if it was not, -errno if it was refused. */
static int check_scene(struct scene *s, enum model_form form)
{
	static struct model_cut m;
	static uint8_t scratch[FRAME_MAX + 8192];
	struct model_frames got;
	int expected = model_whole(s, &m.whole), n;

	m.done = m.n = 0;
	m.cut = expected > 0;
	if (m.cut && model_next(s, &m, scratch) == -EMSGSIZE)
		expected = -EMSGSIZE;
	m.done = m.n = 0;
	n = model_collect(&s->rng, &s->unit, form, &got);
	if ((n < 0 ? n : 0) != (expected < 0 ? expected : 0))
		fail_msg("seed %llu: %d, the model says %d",
			 (unsigned long long)s->seed, n, expected);
	if (n >= 0) {
		compare_frames(s, &m, &got);
		if (m.cut)
			reassemble(s, &m, &got);
		else
			assert_int_equal(n, 1);
	}
	model_frames_free(&got);
	return expected;
}

static void tx_6_fragments_equal_model(void **state)
{
	uint32_t cut = 0, whole = 0, refused = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct scene s;
		int outcome;

		scene_make(&s, seed);
		outcome = check_scene(&s, (enum model_form)(seed %
							    N_MODEL_FORMS));
		cut += outcome > 0;
		whole += outcome == 0;
		refused += outcome < 0;
		model_payload_free(&s.payload);
	}
	assert_true(cut > SEEDS / 4 && whole > SEEDS / 10 && refused > SEEDS / 10);
}

/* ---- One thing at a time --------------------------------------------------- */

static void plain(struct scene *s, bool v6, uint32_t bytes, uint32_t mtu)
{
	memset(s, 0, sizeof(*s));
	s->rng = (struct rng){ 5 };
	model_plain_ip(&s->header, TTO_LINK_ETHERNET, v6, 89);
	if (!v6)
		s->header.bytes[20] = 0;
	model_payload_make(&s->rng, &s->payload, bytes);
	scene_unit(s, mtu, 0);
}

/* Case 22, in literal numbers: 4000 bytes over an MTU of 1500. */
static void tx_6_ipv4_offsets(void **state)
{
	static const uint16_t length[] = { 1500, 1500, 1060 };
	static const uint16_t field[] = { 0x2000, 0x20b9, 0x0172 };
	struct model_frames got;
	struct scene s;

	(void)state;
	plain(&s, false, 4000, 1500);
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_MIXED, &got), 3);
	for (uint32_t idx = 0; idx < 3; idx++) {
		const uint8_t *ip = got.frame[idx].bytes + 14;

		assert_int_equal(model_get16(ip + 2), length[idx]);
		assert_int_equal(model_get16(ip + 6), field[idx]);
		assert_memory_equal(ip + 4, s.header.bytes + 18, 2);
	}
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

static void tx_6_ipv6_offsets(void **state)
{
	static const uint16_t length[] = { 1240, 1240, 1240, 328 };
	static const uint16_t field[] = { 0x0001, 0x04d1, 0x09a1, 0x0e70 };
	struct model_frames got;
	struct scene s;

	(void)state;
	plain(&s, true, 4016, 1280);
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_MIXED, &got), 4);
	for (uint32_t idx = 0; idx < 4; idx++) {
		const uint8_t *ip = got.frame[idx].bytes + 14;

		assert_int_equal(model_get16(ip + 4), length[idx]);
		assert_int_equal(ip[6], 44);
		assert_int_equal(ip[40], 89);
		assert_int_equal(model_get16(ip + 42), field[idx]);
		assert_int_equal(model_get32(ip + 44), 0xfeedf00d);
	}
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

/* The middle of a datagram keeps its offset, and "more" on its last piece. */
static void tx_6_fragment_of_a_fragment(void **state)
{
	static const uint16_t field[] = { 0x20b9, 0x2103, 0x214d };
	struct model_frames got;
	struct scene s;

	(void)state;
	plain(&s, false, 1480, 616);
	model_put16(s.header.bytes + 20, 0x20b9);
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_GATHER, &got), 3);
	for (uint32_t idx = 0; idx < 3; idx++)
		assert_int_equal(model_get16(got.frame[idx].bytes + 20),
				 field[idx]);
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

/* RFC 791 §3.1: record route (7) goes with the first only, 0x94 with all. */
static void tx_6_options_by_copied_flag(void **state)
{
	static const uint8_t options[] = {
		7, 7, 4, 1, 2, 3, 4, 1, 0x94, 4, 0, 0,
	};
	struct model_frames got;
	struct scene s;

	(void)state;
	plain(&s, false, 100, 80);
	memcpy(s.header.bytes + 34, options, sizeof(options));
	s.header.bytes[14] = 0x48;
	s.unit.header_len += sizeof(options);
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_GATHER, &got), 2);
	assert_int_equal(got.frame[0].bytes[14], 0x48);
	assert_int_equal(got.frame[0].len, 14 + 32 + 48);
	assert_memory_equal(got.frame[0].bytes + 34, options, 12);
	assert_int_equal(got.frame[1].bytes[14], 0x46);
	assert_int_equal(got.frame[1].len, 14 + 24 + 52);
	assert_memory_equal(got.frame[1].bytes + 34, options + 8, 4);
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

static void tx_6_refusals(void **state)
{
	static const struct {
		bool v6;
		uint32_t bytes, mtu, field;
		int result;
	} table[] = {
		/* DF: refused if it must be cut, fine if not */
		{ false, 1480, 1500, 0x4000, 1 },
		{ false, 1481, 1500, 0x4000, -EPERM },
		{ false, 1481, 1500, 0x0000, 2 },
		/* an MTU that leaves no room for 8 bytes */
		{ false, 9, 28, 0, 2 },
		{ false, 9, 27, 0, -EMSGSIZE },
		{ true, 16, 56, 0, 1 },
		{ true, 17, 56, 0, 3 },
		{ true, 17, 55, 0, -EMSGSIZE },
		{ true, 1, 1, 0, -EMSGSIZE },
		/* the end of the offset field */
		{ false, 65515, 1500, 0, 45 },
		{ false, 65516, 1500, 0, -EMSGSIZE },
		{ true, 65535, 1280, 0, 54 },
		{ true, 65536, 1280, 0, -EMSGSIZE },
		{ false, 7, 1500, 0x1fff, -EMSGSIZE },
		{ false, 8, 1500, 0x1ffd, -EMSGSIZE },
		{ false, 8, 1500, 0x1ffc, 1 },
		/* not the last fragment, and not a multiple of 8 */
		{ false, 17, 1500, 0x2000, -EINVAL },
		{ false, 16, 1500, 0x2000, 1 },
	};

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(table); idx++) {
		struct tto_segmenter segmenter;
		struct scene s;
		int n;

		plain(&s, table[idx].v6, table[idx].bytes, table[idx].mtu);
		if (!table[idx].v6)
			model_put16(s.header.bytes + 20, table[idx].field);
		n = tto_segmenter_begin(&segmenter, &s.unit);
		if (n != table[idx].result)
			fail_msg("case %u: %d, not %d", idx, n,
				 table[idx].result);
		model_payload_free(&s.payload);
	}
}

/* Headers that belong to the header, and headers that do not. */
static void tx_6_refused_headers(void **state)
{
	static const struct {
		bool v6;
		uint8_t protocol, more[16];
		uint32_t bytes;
		int result;
	} table[] = {
		/* UDP is understood, nothing else may follow IP */
		{ false, 17, { 0 }, 8, 1 },
		{ false, 17, { 0 }, 7, -EINVAL },
		{ false, 17, { 0 }, 9, -EINVAL },
		{ false, 6, { 0 }, 8, -EINVAL },
		{ true, 17, { 0 }, 8, 1 },
		{ true, 6, { 0 }, 8, -EINVAL },
		/* IPv6: extension headers must not be left to the payload */
		{ true, 0, { 0 }, 0, -EINVAL },
		{ true, 43, { 0 }, 0, -EINVAL },
		{ true, 44, { 0 }, 0, -EINVAL },
		{ true, 60, { 0 }, 0, -EINVAL },
		{ true, 60, { 44, 0, 1, 4 }, 8, -EINVAL },
		{ true, 44, { 6 }, 8, 1 },
		/* not the last fragment, and not a multiple of 8 */
		{ true, 44, { 6, 0, 0, 1 }, 8, -EINVAL },
		{ true, 44, { 6 }, 16, -EINVAL },
	};

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(table); idx++) {
		struct tto_segmenter segmenter;
		struct scene s;
		int n;

		plain(&s, table[idx].v6, 100, 1500);
		s.header.bytes[table[idx].v6 ? 20 : 23] = table[idx].protocol;
		memcpy(s.header.bytes + s.header.len, table[idx].more, 16);
		s.unit.header_len += table[idx].bytes;
		n = tto_segmenter_begin(&segmenter, &s.unit);
		if (n != table[idx].result)
			fail_msg("case %u: %d, not %d", idx, n,
				 table[idx].result);
		model_payload_free(&s.payload);
	}
}

/* A header so long that the fragment header only just has room behind it. */
static void tx_6_longest_header(void **state)
{
	struct scene s;
	uint8_t *at;

	(void)state;
	plain(&s, true, 1000, 1280);
	model_plain_ip(&s.header, TTO_LINK_IP, true, 89);
	at = s.header.bytes + 40;
	memset(at, 0, 400);
	s.header.bytes[6] = 0;
	at[0] = 89;
	at[1] = 400 / 8 - 1;
	s.header.len = s.header.l4 = s.header.split = 440;
	s.header.split_next = 40;
	scene_unit(&s, 1280, 0);
	assert_int_equal(check_scene(&s, MODEL_MIXED), 1);
	model_payload_free(&s.payload);
}

/* A UDP header on a fragment: the rest of the datagram is not ours to sum. */
static void tx_6_udp_header_of_a_fragment(void **state)
{
	struct tto_segmenter segmenter;
	struct scene s;

	(void)state;
	plain(&s, false, 96, 1500);
	s.header.bytes[23] = 17;
	s.unit.header_len += 8;
	model_put16(s.header.bytes + 20, 0x2000);
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	model_put16(s.header.bytes + 20, 0x0001);
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	model_put16(s.header.bytes + 20, 0);
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 1);
	model_payload_free(&s.payload);
}

/* UDP over IPv6 needs a checksum, and addresses to compute it from. */
static void tx_6_ipv6_udp_checksum_impossible(void **state)
{
	static const uint8_t home_address[24] = { 17, 2, 1, 2, 0, 0, 0xc9, 16 };
	struct tto_segmenter segmenter;
	struct scene s;

	(void)state;
	plain(&s, true, 2000, 1500);
	s.header.bytes[20] = 17;
	s.unit.header_len += 8;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 2);
	s.unit.flags = TTO_UNIT_NO_UDP_CSUM;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	s.unit.flags = 0;
	s.header.bytes[20] = 60;
	memcpy(s.header.bytes + 54, home_address, 24);
	s.unit.header_len += 24;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	s.unit.header_len -= 8;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 2);
	model_payload_free(&s.payload);
}

/* IPv6: the end of the offset field, for a fragment that comes in. */
static void tx_6_ipv6_end_of_offsets(void **state)
{
	(void)state;
	for (uint32_t bytes = 7; bytes <= 8; bytes++) {
		struct tto_segmenter segmenter;
		struct scene s;

		plain(&s, true, bytes, 1500);
		s.header.bytes[20] = 44;
		memcpy(s.header.bytes + 54, "\x59\0\xff\xf8\0\0\0\1", 8);
		s.unit.header_len += 8;
		assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit),
				 bytes == 7 ? 1 : -EMSGSIZE);
		model_payload_free(&s.payload);
	}
}

/* RFC 768: a checksum that comes out as 0 is sent as 0xffff. */
static void tx_6_zero_checksum(void **state)
{
	static uint8_t datagram[2008];
	struct model_frames got;
	struct scene s;

	(void)state;
	plain(&s, false, 2000, 1500);
	s.header.bytes[23] = s.header.protocol = 17;
	model_udp(&s.rng, &s.header);
	s.udp = true;
	s.unit.header_len = s.header.len;
	memset(s.payload.bytes, 0, 2);
	memcpy(datagram, s.header.bytes + 34, 8);
	memcpy(datagram + 8, s.payload.bytes, 2000);
	model_udp_fields(&s, datagram, 2008, true);
	memcpy(s.payload.bytes, datagram + 6, 2);
	s.unit.payload = &(struct iovec){ s.payload.bytes, 2000 };
	s.unit.n_payload = 1;
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_GATHER, &got), 2);
	assert_int_equal(model_get16(got.frame[0].bytes + 34 + 6), 0xffff);
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_6_fragments_equal_model),
		cmocka_unit_test(tx_6_ipv4_offsets),
		cmocka_unit_test(tx_6_ipv6_offsets),
		cmocka_unit_test(tx_6_fragment_of_a_fragment),
		cmocka_unit_test(tx_6_options_by_copied_flag),
		cmocka_unit_test(tx_6_refusals),
		cmocka_unit_test(tx_6_refused_headers),
		cmocka_unit_test(tx_6_longest_header),
		cmocka_unit_test(tx_6_ipv6_udp_checksum_impossible),
		cmocka_unit_test(tx_6_ipv6_end_of_offsets),
		cmocka_unit_test(tx_6_zero_checksum),
		cmocka_unit_test(tx_6_udp_header_of_a_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
