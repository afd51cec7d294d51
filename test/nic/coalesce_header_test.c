// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_header_test.c - The headers of aggregates, and frames passed through
 *
 * Values are written out here a second time, beside the oracle's own idea of
 * them. Covers SPEC RX-4, RX-5, RX-6, RX-15, RX-16 and gro cases 2, 3, 9, 12,
 * 14, 16.
 */
#include <errno.h>
#include <stdlib.h>

#include "nic/scene.h"

/* Three segments that differ in all that policy host lets differ. */
static void push_three(struct watch *w, struct frame_spec s)
{
	scene_push(w, &s, 1000);
	scene_advance(&s);
	s.ack += 300;
	s.window = 600;
	s.ttl = 61;
	s.id = 4000;
	s.payload_len = 333;
	frame_timestamp(&s, 5010, 6010);
	scene_push(w, &s, 2000);
	scene_advance(&s);
	s.ack += 200;
	s.window = 400;
	s.ttl = 63;
	s.id = 17;
	s.payload_len = 1200;
	s.flags |= F_PSH;
	frame_timestamp(&s, 5020, 6020);
	scene_push(w, &s, 3000);
}

static struct frame_spec three_base(bool v6)
{
	struct frame_spec s = frame_defaults();

	s.v6 = v6;
	s.tos = 0x28;
	s.flow_label = v6 ? 0x12345 : 0;
	frame_timestamp(&s, 5000, 6000);
	return s;
}

static void check_tcp_of_three(const struct watch *w, const uint8_t *tcp)
{
	const struct watch_packet *p = &w->packets[0];

	assert_int_equal(get32(tcp + 4), 1000);		/* SN of the oldest     */
	assert_int_equal(get32(tcp + 8), 7500);		/* ACK of the youngest  */
	assert_int_equal(get16(tcp + 12), 8 << 12 | F_ACK | F_PSH);
	assert_int_equal(get16(tcp + 14), 400);		/* window, youngest     */
	assert_int_equal(get32(tcp + 24), 5000);	/* timestamps, oldest   */
	assert_int_equal(get32(tcp + 28), 6000);
	assert_int_equal(p->n_frames, 3);
	assert_int_equal(p->payload_len, 1000 + 333 + 1200);
	assert_int_equal(p->gso_size, 1200);
	assert_int_equal(p->first_tsval, 5000);
	assert_int_equal(p->first_ns, 1000);
	assert_int_equal(p->n_acks, 0);
}

static void rx_4_rx_5_header_of_policy_host(void **state)
{
	(void)state;
	for (uint8_t output = 0; output < 2; output++) {
		struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
		struct watch w;
		const uint8_t *ip;

		o.output = output;
		scene_open(&w, &o);
		push_three(&w, three_base(false));
		scene_packet(&w, 0, 3, CAUSE(PUSH));
		ip = w.last_bytes + 14;
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[1], 0x28);		/* TOS, common          */
		assert_int_equal(get16(ip + 2), 20 + 32 + 2533);
		assert_int_equal(get16(ip + 4), 17);	/* ID of the last       */
		assert_int_equal(get16(ip + 6), F_DF);	/* fragment offset 0    */
		assert_int_equal(ip[8], 61);		/* the least TTL        */
		assert_int_equal(naive_sum(0, ip, 20), 0xffff);
		check_tcp_of_three(&w, ip + 20);
		assert_int_equal(naive_sum(naive_pseudo(ip, false, 32 + 2533),
					   ip + 20, 32 + 2533), 0xffff);
		scene_close(&w);
	}
}

static void rx_4_rx_5_header_of_policy_host_over_ipv6(void **state)
{
	(void)state;
	for (uint8_t output = 0; output < 2; output++) {
		struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
		struct watch w;
		const uint8_t *ip;

		o.output = output;
		scene_open(&w, &o);
		push_three(&w, three_base(true));
		scene_packet(&w, 0, 3, CAUSE(PUSH));
		ip = w.last_bytes + 14;
		assert_int_equal(get32(ip), 0x62812345);
		assert_int_equal(get16(ip + 4), 32 + 2533);
		assert_int_equal(ip[6], 6);
		assert_int_equal(ip[7], 61);		/* least hop limit      */
		check_tcp_of_three(&w, ip + 40);
		assert_int_equal(naive_sum(naive_pseudo(ip, true, 32 + 2533),
					   ip + 40, 32 + 2533), 0xffff);
		scene_close(&w);
	}
}

/* RX-6, RX-17: the first frame's header, so that cutting counts from there. */
static void rx_6_rx_17_header_of_policy_lossless(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_LOSSLESS);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	s.id = 65535;
	for (int i = 0; i < 3; i++) {
		scene_push(&w, &s, 1000 + (uint64_t)i);
		scene_advance(&s);
	}
	s.payload_len = 1;
	scene_push(&w, &s, 2000);
	scene_packet(&w, 0, 4, CAUSE(SHORT));
	assert_int_equal(get16(w.last_bytes + 14 + 4), 65535);
	assert_int_equal(w.packets[0].gso_size, 1000);
	assert_int_equal(w.packets[0].gso_flags, 0);
	assert_int_equal(w.packets[0].payload_len, 3001);
	assert_int_equal(w.packets[0].first_ns, 1000);
	assert_int_equal(w.packets[0].csum, TTO_CSUM_VERIFIED);
	scene_close(&w);
}

/* Sums of odd lengths: whatever comes after one counts byte-swapped. */
static void rx_4_gro_case_12_odd_lengths_in_any_mixture(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 7, 8, 63, 64, 65, 127, 255,
					  256, 257, 1459, 1460, 1461 };
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct tto_coalescer_options o = scene_options(TTO_POLICY_HOST);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i & 1;
		scene_open(&w, &o);
		s.v6 = i & 2;
		s.csum = i & 4 ? TTO_CSUM_VERIFIED : TTO_CSUM_UNKNOWN;
		for (unsigned k = 0; k < 12; k++) {
			s.payload_len = sizes[(i * 7 + k * (i + 1)) %
					      ARRAY_SIZE(sizes)];
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		watch_flush(&w, 1000);
		scene_packet(&w, 0, 12, CAUSE(FLUSH));
		scene_close(&w);
	}
}

static void rx_3_unfinished_checksum_when_asked_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1 & 1;
		o.partial_csum = 1;
		scene_open(&w, &o);
		s.v6 = i & 4;
		s.payload_len = i & 8 ? 999 : 1000;
		for (int k = 0; k < 4; k++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		s.tcp_sum = SUM_WRONG;	/* is verified all the same */
		scene_push(&w, &s, 1000);
		scene_packet(&w, 0, 4, CAUSE(CHECKSUM));
		scene_packet(&w, 1, 1, CAUSE(CHECKSUM));
		assert_int_equal(w.packets[0].csum, TTO_CSUM_PARTIAL);
		assert_int_equal(w.packets[1].csum, TTO_CSUM_UNKNOWN);
		scene_close(&w);
	}
}

static void rx_16_every_link(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TTO_N_LINKS * 8; i++) {
		struct tto_coalescer_options o = scene_options(i >> 2 & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.link = (uint8_t)(i >> 3);
		o.output = i & 1;
		scene_open(&w, &o);
		s.link = o.link;
		s.v6 = i & 2;
		for (int k = 0; k < 5; k++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		watch_flush(&w, 1000);
		scene_packet(&w, 0, 5, CAUSE(FLUSH));
		scene_close(&w);
	}
}

/* ---- Passed through ------------------------------------------------------- */

/* A frame of raw bytes on its own: passes at once, for one of @causes. */
static void passes(const char *what, uint8_t link, const uint8_t *bytes,
		   uint32_t len, bool truncated, causes_t causes)
{
	for (unsigned i = 0; i < 4; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct tto_frame frame = { .data = bytes, .len = len,
					   .truncated = truncated };
		struct watch w;

		o.link = link;
		o.output = i >> 1;
		o.flows = 1;
		o.buffers = 1;
		o.segments = 1;
		scene_open(&w, &o);
		watch_push(&w, &frame, 1, 1000);
		if (w.n_packets != 1 || !(causes >> w.packets[0].cause & 1))
			fail_msg("%s: %u packets, cause %s", what, w.n_packets,
				 w.n_packets ? tto_cause_name(w.packets[0].cause)
					     : "-");
		assert_false(w.packets[0].changed);
		scene_close(&w);
	}
}

struct damage {
	const char *what;
	uint8_t at;		/* offset from the IP or, +100, the TCP header  */
	uint8_t value;
	causes_t causes;
};

static void rx_16_gro_case_02_lengths_that_contradict(void **state)
{
	static const struct damage damages[] = {
		{ "IPv4 header of 16 bytes", 0, 0x44, CAUSE(MALFORMED) },
		{ "IPv4 header longer than the datagram", 3, 30, CAUSE(MALFORMED) },
		{ "total length 0", 3, 0, CAUSE(MALFORMED) | CAUSE(NOT_TCP) },
		{ "no room for a TCP header", 3, 39, CAUSE(MALFORMED) },
		{ "total length beyond the frame", 3, 241, CAUSE(MALFORMED) },
		{ "version 5", 0, 0x55, CAUSE(MALFORMED) | CAUSE(NOT_TCP) },
		{ "TCP header of 16 bytes", 112, 0x40, CAUSE(MALFORMED) },
		{ "TCP header longer than the segment", 112, 0xf0, CAUSE(MALFORMED) },
		{ "UDP", 9, 17, CAUSE(NOT_TCP) },
		{ "ESP", 9, 50, CAUSE(NOT_TCP) },
		{ "GRE", 9, 47, CAUSE(NOT_TCP) },
		{ "IPv4 in IPv4", 9, 4, CAUSE(NOT_TCP) },
		{ "a later fragment", 7, 1, CAUSE(FRAGMENT) },
	};
	struct frame_spec s = frame_defaults();
	uint8_t bytes[FRAME_MAX_BYTES];
	uint32_t len;

	(void)state;
	s.payload_len = 10;
	s.fragment = 0;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		const struct damage *d = &damages[i];

		len = frame_build(&s, bytes);
		bytes[d->at >= 100 ? d->at - 100 + 34 : d->at + 14] = d->value;
		put16(bytes + 24, 0);	/* IP checksum right again */
		put16(bytes + 24, (uint16_t)~naive_sum(0, bytes + 14, 20));
		passes(d->what, TTO_LINK_ETHERNET, bytes, len, false, d->causes);
	}
}

static void rx_16_gro_case_02_ipv6_lengths_that_contradict(void **state)
{
	struct frame_spec s = frame_defaults();
	uint8_t bytes[FRAME_MAX_BYTES];
	causes_t causes = CAUSE(MALFORMED);
	uint32_t len;

	(void)state;
	s.v6 = true;
	s.payload_len = 10;
	len = frame_build(&s, bytes);
	put16(bytes + 18, 0);		/* jumbogram, or nothing behind */
	passes("payload length 0", 0, bytes, len, false,
	       causes | CAUSE(NOT_TCP));
	put16(bytes + 18, 19);
	passes("no room for a TCP header", 0, bytes, len, false, causes);
	put16(bytes + 18, 31);
	passes("beyond the frame", 0, bytes, len, false, causes);
	put16(bytes + 18, 30);
	bytes[20] = 58;
	passes("ICMPv6", 0, bytes, len, false, CAUSE(NOT_TCP));
	bytes[20] = 0;
	passes("hop-by-hop header that ends nowhere", 0, bytes, len, false,
	       causes | CAUSE(IP_OPTIONS) | CAUSE(NOT_TCP));
}

/* Every prefix of a frame, as a frame and as one cut short by a capture. */
static void rx_16_gro_case_02_every_prefix(void **state)
{
	struct frame_spec s = frame_defaults();
	uint8_t bytes[FRAME_MAX_BYTES];
	causes_t causes = CAUSE(MALFORMED) | CAUSE(NOT_TCP);
	uint32_t len;

	(void)state;
	s.payload_len = 4;
	for (unsigned i = 0; i < TTO_N_LINKS * 2; i++) {
		s.link = (uint8_t)(i / 2);
		s.v6 = i & 1;
		len = frame_build(&s, bytes);
		for (uint32_t size = 0; size < len; size++) {
			passes("prefix", s.link, bytes, size, false, causes);
			passes("cut short", s.link, bytes, size, true, causes);
		}
	}
	s.link = TTO_LINK_ETHERNET;
	s.trailer = 4;
	len = frame_build(&s, bytes);
	passes("trailer cut short", 0, bytes, len - 4, true, causes);
}

static void rx_16_gro_case_13_14_what_is_not_looked_into(void **state)
{
	static const uint8_t arp[60] = { [0 ... 5] = 0xff, [12] = 8, [13] = 6 };
	struct frame_spec s = frame_defaults();
	uint8_t bytes[FRAME_MAX_BYTES];
	uint32_t len;

	(void)state;
	passes("ARP", 0, arp, sizeof(arp), false, CAUSE(NOT_TCP));
	passes("nothing", 0, arp, 0, false, CAUSE(NOT_TCP) | CAUSE(MALFORMED));
	frame_tag(&s, 0x88a8, 1);
	frame_tag(&s, 0x8100, 2);
	frame_tag(&s, 0x8100, 3);
	len = frame_build(&s, bytes);
	passes("three tags", 0, bytes, len, false, CAUSE(NOT_TCP));
	s = frame_defaults();
	len = frame_build(&s, bytes);
	put16(bytes + 12, 0x86dd);
	passes("IPv4 said to be IPv6", 0, bytes, len, false,
	       CAUSE(NOT_TCP) | CAUSE(MALFORMED));
	put16(bytes + 12, 0x8847);
	passes("MPLS", 0, bytes, len, false, CAUSE(NOT_TCP));
	put16(bytes + 12, 0x8864);
	passes("PPPoE", 0, bytes, len, false, CAUSE(NOT_TCP));
}

/* Padding to the least Ethernet size is no payload, in neither policy. */
static void rx_16_gro_case_02_padding_of_small_frames(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = frame_defaults();
		struct watch w;

		scene_open(&w, &o);
		s.payload_len = 2;
		s.trailer = 4;
		for (int i = 0; i < 3; i++) {
			scene_push(&w, &s, 1000);
			scene_advance(&s);
		}
		scene_packets(&w, policy ? 0 : 3);
		watch_flush(&w, 1000);
		if (policy)
			assert_int_equal(w.packets[0].payload_len, 6);
		scene_close(&w);
	}
}

/* What stays alone comes as it came, padding and all, however it ended. */
static void rx_16_gro_case_02_padded_frame_that_stays_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		struct frame_spec s = frame_defaults();
		struct watch w;

		o.output = i >> 1 & 1;
		scene_open(&w, &o);
		s.trailer = 4;
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		s.trailer = 0;
		s.tcp_sum = i & 4 ? SUM_WRONG : SUM_RIGHT;
		s.seq += i & 8 ? 1 : 0;
		if (i & 12)
			scene_push(&w, &s, 1000);
		watch_flush(&w, 1000);
		scene_fine(&w);
		assert_int_equal(w.packets[0].n_frames, 1);
		assert_false(w.packets[0].changed);
		assert_int_equal(w.packets[0].header_len, 1054 + 4);
		scene_close(&w);
	}
}

/* Whatever is passed in the middle of other flows: order is kept within each. */
static void rx_16_gro_case_16_other_frames_go_by(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_LOSSLESS);
	struct frame_spec specs[12];
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	for (unsigned i = 0; i < 12; i++) {
		specs[i] = frame_defaults();
		specs[i].seq += i / 2 * 1000;
		specs[i].id = (uint16_t)(i / 2);
		if (i & 1)
			specs[i].protocol = 17;	/* counts as not TCP */
	}
	watch_push_specs(&w, specs, 12, 1000);
	scene_packets(&w, 6);
	watch_flush(&w, 1000);
	scene_packet(&w, 6, 6, CAUSE(FLUSH));
	scene_close(&w);
}

static void options_out_of_range(void **state)
{
	struct tto_coalescer_options good = scene_options(0), o;
	struct tto_coalescer *c = NULL;

	(void)state;
#define REFUSED(error, ...) do { \
	o = good; \
	__VA_ARGS__; \
	assert_int_equal(tto_coalescer_open(&c, &o, watch_deliver, NULL), \
			 error); \
	assert_null(c); \
} while (0)
	REFUSED(-EINVAL, o.size = 0);
	REFUSED(-EINVAL, o.policy = 2);
	REFUSED(-EINVAL, o.link = TTO_N_LINKS);
	REFUSED(-EINVAL, o.output = 2);
	REFUSED(-EINVAL, o.flows = (1 << 20) + 1);
	REFUSED(-EINVAL, o.ral = 575);
	REFUSED(-EINVAL, o.ral = 524289);
	REFUSED(-ENOTSUP, o.cpu = "z80");
#undef REFUSED
	tto_coalescer_close(NULL);
	assert_int_equal(tto_coalescer_open(&c, NULL, watch_deliver, NULL), 0);
	tto_coalescer_close(c);
}

/* The variants of this CPU are all there; "portable" is everywhere. */
static void variants_for_this_cpu(void **state)
{
	struct tto_coalescer_options o = scene_options(0);
	struct tto_coalescer *c;

	(void)state;
	o.cpu = "portable";
	assert_int_equal(tto_coalescer_open(&c, &o, watch_deliver, NULL), 0);
	tto_coalescer_close(c);
#ifdef __x86_64__
	o.cpu = "avx2";
	if (__builtin_cpu_supports("avx2")) {
		assert_int_equal(tto_coalescer_open(&c, &o, watch_deliver,
						    NULL), 0);
		tto_coalescer_close(c);
	}
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_4_rx_5_header_of_policy_host),
		cmocka_unit_test(rx_4_rx_5_header_of_policy_host_over_ipv6),
		cmocka_unit_test(rx_6_rx_17_header_of_policy_lossless),
		cmocka_unit_test(rx_4_gro_case_12_odd_lengths_in_any_mixture),
		cmocka_unit_test(rx_3_unfinished_checksum_when_asked_for),
		cmocka_unit_test(rx_16_every_link),
		cmocka_unit_test(rx_16_gro_case_02_lengths_that_contradict),
		cmocka_unit_test(rx_16_gro_case_02_ipv6_lengths_that_contradict),
		cmocka_unit_test(rx_16_gro_case_02_every_prefix),
		cmocka_unit_test(rx_16_gro_case_13_14_what_is_not_looked_into),
		cmocka_unit_test(rx_16_gro_case_02_padding_of_small_frames),
		cmocka_unit_test(rx_16_gro_case_02_padded_frame_that_stays_alone),
		cmocka_unit_test(rx_16_gro_case_16_other_frames_go_by),
		cmocka_unit_test(options_out_of_range),
		cmocka_unit_test(variants_for_this_cpu),
	};

	return cmocka_run_group_tests_name("coalesce header", tests, NULL, NULL);
}
