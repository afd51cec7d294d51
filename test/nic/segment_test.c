// SPDX-License-Identifier: BSD-2-Clause
/*
 * segment_test.c - TCP and UDP segmentation (SPEC TX-1, TX-5, TX-6)
 *
 * Random units against the slow model; then the cases that chance would not
 * find, and the table of refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "transmit_model.h"

#define SEEDS 6000
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	FIN = 0x001, SYN = 0x002, RST = 0x004, PSH = 0x008, ACK = 0x010,
	URG = 0x020, ECE = 0x040, CWR = 0x080, AE = 0x100,
};

/* Everything that a random test case consists of. */
struct scene {
	uint64_t seed;
	struct rng rng;
	struct model_header header;
	struct model_payload payload;
	struct tto_unit unit;
};

static void scene_unit(struct scene *s, uint8_t cut, uint16_t mss,
		       uint8_t flags)
{
	s->unit = (struct tto_unit){
		.header = s->header.bytes,
		.header_len = s->header.len,
		.mss = mss,
		.link = s->header.link,
		.cut = cut,
		.flags = flags,
		.payload = s->payload.iov,
		.n_payload = s->payload.n,
	};
}

/* Lengths where something changes are more likely than others. */
static uint32_t payload_len(struct rng *r, uint32_t mss)
{
	uint32_t max = mss * 40 < 65000 ? mss * 40 : 65000;

	switch (rng_below(r, 5)) {
	case 0:
		return mss * rng_below(r, 5);
	case 1:
		return mss * rng_below(r, 5) + 1;
	case 2:
		return rng_below(r, mss + 1);
	default:
		return rng_below(r, max + 1);
	}
}

static uint16_t any_mss(struct rng *r)
{
	return (uint16_t)(rng_chance(r, 4) ? 1 + rng_below(r, 20) :
			  rng_chance(r, 2) ? 1460 : 1 + rng_below(r, 9000));
}

static void scene_make(struct scene *s, uint64_t seed, uint8_t cut)
{
	uint16_t mss;
	uint8_t flags;

	s->seed = seed;
	s->rng = (struct rng){ seed * 0x9e3779b97f4a7c15ULL + 1 };
	mss = any_mss(&s->rng);
	flags = (uint8_t)rng_below(&s->rng, 16);
	model_ip(&s->rng, &s->header, cut == TTO_CUT_TCP ? 6 : 17);
	if (cut == TTO_CUT_TCP)
		model_tcp(&s->rng, &s->header,
			  rng_below(&s->rng, 0x1000) & ~(SYN | RST | URG));
	else
		model_udp(&s->rng, &s->header);
	if (s->header.v6)
		flags &= (uint8_t)~TTO_UNIT_NO_UDP_CSUM;
	model_payload_make(&s->rng, &s->payload, payload_len(&s->rng, mss));
	scene_unit(s, cut, mss, flags);
}

/* ---- The model ------------------------------------------------------------- */

static uint32_t model_n_frames(const struct scene *s)
{
	return s->payload.len ?
	       (s->payload.len + s->unit.mss - 1) / s->unit.mss : 1;
}

static void model_tcp_fields(const struct scene *s, uint32_t idx, uint8_t *tcp)
{
	uint16_t flags = model_get16(tcp + 12);

	model_put32(tcp + 4, model_get32(tcp + 4) + idx * s->unit.mss);
	if (idx + 1 < model_n_frames(s))
		flags &= (uint16_t)~(FIN | PSH);
	if (idx > 0 && !(s->unit.flags & TTO_UNIT_ACCECN))
		flags &= (uint16_t)~CWR;
	model_put16(tcp + 12, flags);
}

/* @len: transport header and payload at @transport. */
static void model_checksum(const struct scene *s, uint8_t *transport,
			   uint32_t len)
{
	uint64_t pseudo = model_pseudo_sum(&s->header, len);
	bool udp = s->unit.cut == TTO_CUT_UDP;
	uint8_t *field = transport + (udp ? 6 : 16);

	model_put16(field, 0);
	if (udp && s->unit.flags & TTO_UNIT_NO_UDP_CSUM)
		return;
	if (s->unit.flags & TTO_UNIT_PARTIAL_CSUM) {
		model_put16(field, model_fold(pseudo));
		return;
	}
	model_put16(field, 0xffffU - model_fold(model_sum(pseudo, transport,
							  len)));
	if (udp && model_get16(field) == 0)
		model_put16(field, 0xffff);
}

/* Frame @idx as it must be. Return: its length. */
static uint32_t model_frame(const struct scene *s, uint32_t idx, uint8_t *out)
{
	const struct model_header *h = &s->header;
	uint32_t at = idx * s->unit.mss, left = s->payload.len - at;
	uint32_t bytes = left < s->unit.mss ? left : s->unit.mss;
	uint8_t *ip = out + h->l3;

	memcpy(out, h->bytes, h->len);
	memcpy(out + h->len, s->payload.bytes + at, bytes);
	if (!h->v6 && !(s->unit.flags & TTO_UNIT_FIXED_ID))
		model_put16(ip + 4, model_get16(ip + 4) + idx);
	model_finish_ip(h, out, h->len - h->l3 + bytes);
	if (s->unit.cut == TTO_CUT_TCP)
		model_tcp_fields(s, idx, out + h->l4);
	else
		model_put16(out + h->l4 + 4, 8 + bytes);
	model_checksum(s, out + h->l4, h->len - h->l4 + bytes);
	return h->len + bytes;
}

static void check_scene(struct scene *s, enum model_form form)
{
	static uint8_t want[MODEL_HEADER_MAX + 65536];
	uint32_t stream = 0;
	struct model_frames got;
	int n = model_collect(&s->rng, &s->unit, form, &got);

	if (n != (int)model_n_frames(s))
		fail_msg("seed %llu: begin() says %d, not %u",
			 (unsigned long long)s->seed, n, model_n_frames(s));
	for (uint32_t idx = 0; idx < got.n; idx++) {
		const struct model_frame *f = &got.frame[idx];
		uint32_t payload = f->len - s->header.len;

		model_compare(s->seed, idx, f, want, model_frame(s, idx, want));
		assert_int_equal(f->header_len, s->header.len);
		assert_memory_equal(f->bytes + s->header.len,
				    s->payload.bytes + stream, payload);
		stream += payload;
	}
	assert_int_equal(stream, s->payload.len);
	model_frames_free(&got);
}

static void check_random(uint8_t cut)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct scene s;

		scene_make(&s, seed, cut);
		check_scene(&s, (enum model_form)(seed % N_MODEL_FORMS));
		model_payload_free(&s.payload);
	}
}

/* Any header, any shape of payload, any batches, both forms. */
static void tx_1_tx_5_tcp_equals_model(void **state)
{
	(void)state;
	check_random(TTO_CUT_TCP);
}

static void tx_6_uso_equals_model(void **state)
{
	(void)state;
	check_random(TTO_CUT_UDP);
}

/* ---- One thing at a time --------------------------------------------------- */

/* A plain unit: 5 segments, the last of 3 bytes. */
static void plain(struct scene *s, bool v6, uint16_t flags)
{
	struct rng r = { 7 };

	s->seed = 0;
	s->rng = r;
	model_plain_ip(&s->header, TTO_LINK_ETHERNET, v6, 6);
	do {
		s->header.len = s->header.l4;
		model_tcp(&r, &s->header, flags);
	} while (s->header.len - s->header.l4 != 20);
	model_payload_make(&r, &s->payload, 403);
	scene_unit(s, TTO_CUT_TCP, 100, 0);
}

static void plain_udp(struct scene *s, bool v6, uint32_t bytes)
{
	struct rng r = { 9 };

	s->seed = 0;
	s->rng = r;
	model_plain_ip(&s->header, TTO_LINK_ETHERNET, v6, 17);
	model_udp(&r, &s->header);
	model_payload_make(&r, &s->payload, bytes);
	scene_unit(s, TTO_CUT_UDP, 100, 0);
}

/* TX-5, case 18: each flag on the frames where it belongs, in literal numbers. */
static void tx_5_flags_in_each_frame(void **state)
{
	static const struct {
		uint8_t unit_flags;
		uint16_t flags, first, middle, last;
	} table[] = {
		{ 0, ACK, 0x010, 0x010, 0x010 },
		{ 0, ACK | PSH, 0x010, 0x010, 0x018 },
		{ 0, ACK | FIN, 0x010, 0x010, 0x011 },
		{ 0, ACK | FIN | PSH, 0x010, 0x010, 0x019 },
		{ 0, ACK | CWR, 0x090, 0x010, 0x010 },
		{ 0, ACK | CWR | ECE | PSH, 0x0d0, 0x050, 0x058 },
		{ 0, ACK | AE | CWR, 0x190, 0x110, 0x110 },
		{ TTO_UNIT_ACCECN, ACK | AE | CWR, 0x190, 0x190, 0x190 },
		{ TTO_UNIT_ACCECN, ACK | CWR | FIN, 0x090, 0x090, 0x091 },
	};

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(table); idx++) {
		struct scene s;
		struct model_frames got;

		plain(&s, false, table[idx].flags);
		s.unit.flags = table[idx].unit_flags;
		assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_MIXED,
					       &got), 5);
		for (uint32_t frame = 0; frame < 5; frame++)
			assert_int_equal(
				model_get16(got.frame[frame].bytes + 34 + 12) &
					0xfff,
				frame == 0 ? table[idx].first :
				frame == 4 ? table[idx].last :
					     table[idx].middle);
		model_frames_free(&got);
		model_payload_free(&s.payload);
	}
}

/* TX-5, case 18, 19: sequence number and ID go over their ends. */
static void tx_5_sequence_and_id_wrap(void **state)
{
	struct scene s;
	struct model_frames got;

	(void)state;
	plain(&s, false, ACK);
	model_put16(s.header.bytes + 14 + 4, 0xfffe);
	model_put32(s.header.bytes + 34 + 4, 0xffffff38);
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_GATHER, &got), 5);
	for (uint32_t idx = 0; idx < 5; idx++) {
		static const uint16_t id[] = { 0xfffe, 0xffff, 0, 1, 2 };
		static const uint32_t seq[] = {
			0xffffff38, 0xffffff9c, 0, 100, 200,
		};
		const uint8_t *b = got.frame[idx].bytes;

		assert_int_equal(model_get16(b + 14 + 4), id[idx]);
		assert_int_equal(model_get32(b + 34 + 4), seq[idx]);
		assert_int_equal(model_get16(b + 14 + 2), idx < 4 ? 140 : 43);
	}
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

/* Case 18: SYN, RST and URG are fine on a single frame, and refused on more. */
static void tx_5_syn_rst_urg_alone_only(void **state)
{
	static const uint16_t flags[] = { SYN, RST | ACK, URG | ACK };

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(flags); idx++) {
		struct scene s;
		struct tto_segmenter segmenter;

		plain(&s, idx % 2, flags[idx]);
		assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit),
				 -EINVAL);
		s.unit.mss = 403;
		check_scene(&s, MODEL_CONTIGUOUS);
		s.unit.mss = 402;
		assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit),
				 -EINVAL);
		model_payload_free(&s.payload);
	}
}

/* Case 20: no payload, less than, equal to, and one more than a segment. */
static void tx_1_payload_around_mss(void **state)
{
	static const struct {
		uint32_t bytes;
		uint16_t mss;
		int frames;
	} table[] = {
		{ 0, 1, 1 },	 { 0, 1460, 1 },    { 1, 1, 1 },
		{ 2, 1, 2 },	 { 1459, 1460, 1 }, { 1460, 1460, 1 },
		{ 1461, 1460, 2 }, { 2920, 1460, 2 }, { 2921, 1460, 3 },
		{ 65483, 65483, 1 }, { 65535, 1, 65535 }, { 524288, 9000, 59 },
	};

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(table); idx++) {
		struct scene s;

		plain(&s, false, ACK);
		model_payload_free(&s.payload);
		model_payload_make(&s.rng, &s.payload, table[idx].bytes);
		scene_unit(&s, TTO_CUT_TCP, table[idx].mss, 0);
		assert_int_equal(model_n_frames(&s), table[idx].frames);
		check_scene(&s, MODEL_MIXED);
		model_payload_free(&s.payload);
	}
}

/* The bytes that make a checksum come out as 0. */
static void force_zero_checksum(struct scene *s)
{
	static uint8_t frame[2048];
	uint32_t at = s->header.len;
	uint8_t *fix = s->payload.bytes;

	memset(fix, 0, 2);
	model_frame(s, 0, frame);
	memcpy(fix, frame + s->header.l4 + (s->unit.cut == TTO_CUT_UDP ? 6 : 16),
	       2);
	model_frame(s, 0, frame);
	assert_memory_equal(frame + at, fix, 2);
	memcpy(s->payload.iov[0].iov_base, s->payload.bytes, s->payload.len);
}

/* TX-6, case 21: UDP's 0 becomes 0xffff, TCP's stays. */
static void tx_6_zero_checksum(void **state)
{
	(void)state;
	for (int udp = 0; udp < 4; udp++) {
		struct scene s;
		struct model_frames got;

		if (udp & 1)
			plain_udp(&s, udp & 2, 64);
		else
			plain(&s, udp & 2, ACK);
		do {
			model_payload_free(&s.payload);
			model_payload_make(&s.rng, &s.payload, 64);
		} while (s.payload.n != 1);
		scene_unit(&s, udp & 1 ? TTO_CUT_UDP : TTO_CUT_TCP, 1000, 0);
		force_zero_checksum(&s);
		assert_int_equal(model_collect(&s.rng, &s.unit,
					       MODEL_CONTIGUOUS, &got), 1);
		assert_int_equal(model_get16(got.frame[0].bytes + s.header.l4 +
					     (udp & 1 ? 6 : 16)),
				 udp & 1 ? 0xffff : 0);
		model_frames_free(&got);
		model_payload_free(&s.payload);
	}
}

/* Case 21: "no checksum" exists for UDP over IPv4 only. */
static void tx_6_udp_without_checksum(void **state)
{
	struct scene s;
	struct tto_segmenter segmenter;
	struct model_frames got;

	(void)state;
	plain_udp(&s, false, 250);
	s.unit.flags = TTO_UNIT_NO_UDP_CSUM;
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_GATHER, &got), 3);
	for (uint32_t idx = 0; idx < 3; idx++)
		assert_int_equal(model_get16(got.frame[idx].bytes + 34 + 6), 0);
	model_frames_free(&got);
	model_payload_free(&s.payload);

	plain_udp(&s, true, 250);
	s.unit.flags = TTO_UNIT_NO_UDP_CSUM;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	model_payload_free(&s.payload);
}

/* Case 25: a short frame stays short; the wire pads it. */
static void tx_1_short_frames_are_not_padded(void **state)
{
	struct scene s;
	struct model_frames got;

	(void)state;
	plain(&s, false, ACK);
	s.unit.n_payload = 0;
	assert_int_equal(model_collect(&s.rng, &s.unit, MODEL_CONTIGUOUS, &got),
			 1);
	assert_int_equal(got.frame[0].len, 54);
	model_frames_free(&got);
	model_payload_free(&s.payload);
}

/* ---- Refusals -------------------------------------------------------------- */

typedef void spoil_fn(struct scene *s);

static void mss_0(struct scene *s) { s->unit.mss = 0; }
static void no_such_link(struct scene *s) { s->unit.link = TTO_N_LINKS; }
static void no_such_cut(struct scene *s) { s->unit.cut = TTO_CUT_FRAGMENT + 1; }
static void no_such_flag(struct scene *s) { s->unit.flags = 0x10; }
static void other_link(struct scene *s) { s->unit.link = TTO_LINK_SLL; }
static void other_cut(struct scene *s) { s->unit.cut = TTO_CUT_UDP; }
static void no_header(struct scene *s) { s->unit.header = NULL; }
static void header_of_0(struct scene *s) { s->unit.header_len = 0; }
static void no_ip_header(struct scene *s) { s->unit.header_len = 20; }
static void header_cut_short(struct scene *s) { s->unit.header_len--; }
static void header_too_long(struct scene *s) { s->unit.header_len++; }
static void header_of_4g(struct scene *s) { s->unit.header_len = UINT32_MAX; }
static void other_version(struct scene *s) { s->header.bytes[14] ^= 0x20; }
static void ethertype_arp(struct scene *s) { s->header.bytes[13] = 6; }
static void ihl_4(struct scene *s) { s->header.bytes[14] = 0x44; }
static void ihl_15(struct scene *s) { s->header.bytes[14] = 0x4f; }
static void doff_4(struct scene *s) { s->header.bytes[34 + 12] = 0x40; }
static void doff_6(struct scene *s) { s->header.bytes[34 + 12] = 0x60; }
static void protocol_icmp(struct scene *s) { s->header.bytes[23] = 1; }
static void more_fragments(struct scene *s) { s->header.bytes[20] |= 0x20; }
static void offset_8(struct scene *s) { s->header.bytes[21] = 1; }

static void three_tags(struct scene *s)
{
	static const uint8_t tags[] = {
		0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3,
	};

	memmove(s->header.bytes + 24, s->header.bytes + 12, 42);
	memcpy(s->header.bytes + 12, tags, sizeof(tags));
	s->unit.header_len += sizeof(tags);
}

static void too_many_frames(struct scene *s)
{
	model_payload_free(&s->payload);
	model_payload_make(&s->rng, &s->payload, 65536);
	scene_unit(s, TTO_CUT_TCP, 1, 0);
}

static void frame_of_65536(struct scene *s)
{
	model_payload_free(&s->payload);
	model_payload_make(&s->rng, &s->payload, 65496);
	scene_unit(s, TTO_CUT_TCP, 65496, 0);
}

static void wraps(struct scene *s)
{
	static struct iovec iov;

	iov = (struct iovec){ s->payload.bytes, SIZE_MAX };
	s->unit.payload = &iov;
	s->unit.n_payload = 1;
}

static void sum_overflows(struct scene *s)
{
	static struct iovec iov[3];

	for (uint32_t idx = 0; idx < 3; idx++)
		iov[idx] = (struct iovec){ (void *)16, SIZE_MAX / 2 };
	s->unit.payload = iov;
	s->unit.n_payload = 3;
}

static void null_with_length(struct scene *s)
{
	static struct iovec iov = { NULL, 1 };

	s->unit.payload = &iov;
	s->unit.n_payload = 1;
}

static void null_list(struct scene *s)
{
	s->unit.payload = NULL;
	s->unit.n_payload = 2;
}

static void exabyte(struct scene *s)
{
	static struct iovec iov;

	iov = (struct iovec){ (void *)16, SIZE_MAX / 2 };
	s->unit.payload = &iov;
	s->unit.n_payload = 1;
}

static void cpu_z80(struct scene *s) { s->unit.cpu = "z80"; }

/* Cases 18-20, 23 and the rest of the contract; a plain IPv4 unit, spoilt. */
static void tx_1_refusals(void **state)
{
	static const struct {
		spoil_fn *spoil;
		int error;
	} table[] = {
		/*  0 */ { mss_0, -EINVAL },
		/*  1 */ { no_such_link, -EINVAL },
		/*  2 */ { no_such_cut, -EINVAL },
		/*  3 */ { no_such_flag, -EINVAL },
		/*  4 */ { other_link, -EINVAL },
		/*  5 */ { other_cut, -EINVAL },
		/*  6 */ { no_header, -EINVAL },
		/*  7 */ { header_of_0, -EINVAL },
		/*  8 */ { no_ip_header, -EINVAL },
		/*  9 */ { header_cut_short, -EINVAL },
		/* 10 */ { header_too_long, -EINVAL },
		/* 11 */ { header_of_4g, -EINVAL },
		/* 12 */ { other_version, -EINVAL },
		/* 13 */ { ethertype_arp, -EINVAL },
		/* 14 */ { ihl_4, -EINVAL },
		/* 15 */ { ihl_15, -EINVAL },
		/* 16 */ { doff_4, -EINVAL },
		/* 17 */ { doff_6, -EINVAL },
		/* 18 */ { protocol_icmp, -EINVAL },
		/* 19 */ { more_fragments, -EINVAL },
		/* 20 */ { offset_8, -EINVAL },
		/* 21 */ { three_tags, -EINVAL },
		/* 22 */ { too_many_frames, -EMSGSIZE },
		/* 23 */ { frame_of_65536, -EMSGSIZE },
		/* 24 */ { wraps, -EFAULT },
		/* 25 */ { sum_overflows, -EFAULT },
		/* 26 */ { null_with_length, -EFAULT },
		/* 27 */ { null_list, -EFAULT },
		/* 28 */ { exabyte, -EMSGSIZE },
		/* 29 */ { cpu_z80, -ENOTSUP },
	};

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(table); idx++) {
		struct scene s;
		struct model_frames got;
		int err;

		plain(&s, false, ACK);
		table[idx].spoil(&s);
		err = model_collect(&s.rng, &s.unit, MODEL_GATHER, &got);
		if (err != table[idx].error)
			fail_msg("case %u: %d, not %d", idx, err,
				 table[idx].error);
		model_payload_free(&s.payload);
	}
}

/* Options of extension headers that would make what we compute wrong. */
static void tx_1_refusals_ipv6(void **state)
{
	static const struct {
		uint8_t kind, extension[24];
		uint32_t bytes;
		int error;
	} table[] = {
		/* hop-by-hop, destination options: padding is fine */
		{ 0, { 6, 0, 1, 4 }, 8, 3 },
		{ 60, { 6, 0, 0, 0, 0, 0, 0, 0 }, 8, 3 },
		/* jumbo payload; home address; option beyond its header */
		{ 0, { 6, 0, 0xc2, 4, 0, 1, 0, 0 }, 8, -EINVAL },
		{ 60, { 6, 2, 1, 2, 0, 0, 0xc9, 16 }, 24, -EINVAL },
		{ 60, { 6, 0, 1, 5 }, 8, -EINVAL },
		{ 60, { 6, 0, 1, 3, 0, 0, 0, 5 }, 8, -EINVAL },
		/* header beyond what there is; hop-by-hop not first */
		{ 0, { 6, 200, 1, 4 }, 8, -EINVAL },
		{ 60, { 0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4 }, 16, -EINVAL },
		/* routing: used up; more segments left than there are; unknown */
		{ 43, { 6, 2, 4, 0 }, 24, 3 },
		{ 43, { 6, 2, 4, 1 }, 24, 3 },
		{ 43, { 6, 2, 4, 2 }, 24, -EINVAL },
		{ 43, { 6, 2, 0, 2 }, 24, -EINVAL },
		{ 43, { 6, 2, 3, 1 }, 24, -EINVAL },
		{ 43, { 6, 2, 3, 0 }, 24, 3 },
		/* a fragment; authentication; nothing that we know */
		{ 44, { 6 }, 8, -EINVAL },
		{ 51, { 6, 0 }, 8, -EINVAL },
		{ 59, { 6, 0 }, 8, -EINVAL },
	};

	(void)state;
	for (uint32_t idx = 0; idx < ARRAY_SIZE(table); idx++) {
		struct tto_segmenter segmenter;
		struct scene s;
		uint8_t *at;
		int err;

		plain(&s, true, ACK);
		at = s.header.bytes + 54;
		memmove(at + table[idx].bytes, at, 20);
		memcpy(at, table[idx].extension, table[idx].bytes);
		s.header.bytes[20] = table[idx].kind;
		s.header.len += table[idx].bytes;
		scene_unit(&s, TTO_CUT_TCP, 200, 0);
		err = tto_segmenter_begin(&segmenter, &s.unit);
		if (err != table[idx].error)
			fail_msg("case %u: %d, not %d", idx, err,
				 table[idx].error);
		model_payload_free(&s.payload);
	}
}

/* The longest header that is taken, and one that is longer. */
static void tx_1_longest_header(void **state)
{
	struct tto_segmenter segmenter;
	struct scene s;
	uint8_t *at;

	(void)state;
	plain(&s, true, ACK);
	model_plain_ip(&s.header, TTO_LINK_IP, true, 6);
	at = s.header.bytes + 40;
	memset(at, 0, 440 - 40);
	s.header.bytes[6] = 60;
	at[0] = 6;
	at[1] = 376 / 8 - 1;
	s.header.l4 += 376;
	s.header.len = 440;
	at[376 + 12] = 0x60;
	scene_unit(&s, TTO_CUT_TCP, 100, 0);
	check_scene(&s, MODEL_MIXED);
	at[376 + 12] = 0x70;
	s.unit.header_len = 444;
	s.unit.header = memcpy(malloc(444), s.header.bytes, 440);
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	free((void *)(uintptr_t)s.unit.header);
	model_payload_free(&s.payload);
}

/* TX-6: a datagram that its length field cannot describe. */
static void tx_6_datagram_too_long(void **state)
{
	struct tto_segmenter segmenter;
	struct scene s;

	(void)state;
	plain_udp(&s, true, 65528);
	s.unit.mss = 65527;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 2);
	s.unit.mss = 65528;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EINVAL);
	model_payload_free(&s.payload);
	plain_udp(&s, false, 65508);
	s.unit.mss = 65507;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 2);
	s.unit.mss = 65508;
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), -EMSGSIZE);
	model_payload_free(&s.payload);
}

/* ---- A caller that changes its memory (case 23) ---------------------------- */

/* After begin() nobody looks at the header again. */
static void tx_1_header_is_not_read_by_next(void **state)
{
	struct tto_segmenter segmenter;
	struct scene s;
	uint8_t memory[256], want[256];
	struct tto_slot slot = { .data = memory, .size = sizeof(memory) };

	(void)state;
	plain(&s, false, ACK | PSH);
	assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 5);
	model_frame(&s, 0, want);
	memset(s.header.bytes, 0xff, sizeof(s.header.bytes));
	memset(&s.unit, 0xff, sizeof(s.unit));
	assert_int_equal(tto_segmenter_next(&segmenter, &slot, 1), 1);
	assert_memory_equal(memory, want, slot.len);
	model_payload_free(&s.payload);
}

/* Elements that shrink behind our back end the unit, and nothing else. */
static void tx_1_list_that_shrinks(void **state)
{
	struct tto_segmenter segmenter;
	struct scene s;
	struct iovec iov[2], list[4];
	uint8_t memory[256];

	(void)state;
	plain(&s, false, ACK);
	for (int gather = 0; gather < 2; gather++) {
		struct tto_slot slot = { .data = memory, .size = 256,
					 .iov = gather ? list : NULL,
					 .n_iov = 4 };

		iov[0] = (struct iovec){ s.payload.bytes, 150 };
		iov[1] = (struct iovec){ s.payload.bytes + 150, 253 };
		s.unit.payload = iov;
		s.unit.n_payload = 2;
		assert_int_equal(tto_segmenter_begin(&segmenter, &s.unit), 5);
		assert_int_equal(tto_segmenter_next(&segmenter, &slot, 1), 1);
		iov[1].iov_len = 1;
		slot.n_iov = 4;
		assert_int_equal(tto_segmenter_next(&segmenter, &slot, 1),
				 -EFAULT);
		assert_int_equal(tto_segmenter_next(&segmenter, &slot, 1),
				 -EFAULT);
	}
	model_payload_free(&s.payload);
}

struct rewriter {
	uint8_t *header;
	atomic_bool stop;
};

/* Makes the header's own lengths jump between plausible values. */
static void *rewrite(void *arg)
{
	struct rewriter *w = arg;
	volatile uint8_t *header = w->header;
	struct rng r = { 3 };

	while (!atomic_load(&w->stop)) {
		header[14] = rng_chance(&r, 2) ? 0x45 : 0x4f;
		header[46] = rng_chance(&r, 2) ? 0x50 : 0xf0;
		header[12] = rng_chance(&r, 2) ? 0x08 : 0x81;
	}
	return NULL;
}

/* A header that changes during begin(): judged and used as one state of it. */
static void tx_1_header_is_read_once(void **state)
{
	struct tto_segmenter segmenter;
	struct rewriter w;
	pthread_t thread;
	struct scene s;
	int accepted = 0;

	(void)state;
	plain(&s, false, ACK);
	w.header = s.header.bytes;
	atomic_init(&w.stop, false);
	assert_int_equal(pthread_create(&thread, NULL, rewrite, &w), 0);
	for (uint32_t turn = 0; turn < 400000 && accepted < 5000; turn++) {
		uint8_t memory[256];
		struct tto_slot slot = { .data = memory, .size = 256 };
		int err = tto_segmenter_begin(&segmenter, &s.unit);

		if (err < 0)
			continue;
		accepted++;
		assert_int_equal(tto_segmenter_next(&segmenter, &slot, 1), 1);
		assert_int_equal(memory[14], 0x45);
		assert_int_equal(memory[46], 0x50);
		assert_int_equal(memory[12], 0x08);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	if (!accepted)
		print_message("no header was ever seen whole\n");
	model_payload_free(&s.payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_1_tx_5_tcp_equals_model),
		cmocka_unit_test(tx_6_uso_equals_model),
		cmocka_unit_test(tx_5_flags_in_each_frame),
		cmocka_unit_test(tx_5_sequence_and_id_wrap),
		cmocka_unit_test(tx_5_syn_rst_urg_alone_only),
		cmocka_unit_test(tx_1_payload_around_mss),
		cmocka_unit_test(tx_6_zero_checksum),
		cmocka_unit_test(tx_6_udp_without_checksum),
		cmocka_unit_test(tx_1_short_frames_are_not_padded),
		cmocka_unit_test(tx_1_refusals),
		cmocka_unit_test(tx_1_refusals_ipv6),
		cmocka_unit_test(tx_1_longest_header),
		cmocka_unit_test(tx_6_datagram_too_long),
		cmocka_unit_test(tx_1_header_is_not_read_by_next),
		cmocka_unit_test(tx_1_list_that_shrinks),
		cmocka_unit_test(tx_1_header_is_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
