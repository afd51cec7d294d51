// SPDX-License-Identifier: BSD-2-Clause
/*
 * outlet_test.c - What a wire cannot do is done for it, and nothing else
 *
 * Frames are offered to a wire that keeps what it is sent. A frame that was cut
 * or finished is judged by a checksum of the test's own. KT-1, TX-1, TX-5, TX-6.
 */
#include "host/kernel/outlet.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEPT_MAX 4096
#define FRAME_BYTES 70000
#define LINK 14
#define HOSTILE_ROUNDS 20000

struct kept {
	struct wire wire;
	unsigned room;		/* frames that it still takes                   */
	unsigned n;
	struct wire_frame frames[KEPT_MAX];
	uint8_t *bytes[KEPT_MAX];
};

static int keep(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct kept *k = (struct kept *)w;
	unsigned at = 0;

	for (; at < n && k->room && k->n < KEPT_MAX; at++, k->room--) {
		k->bytes[k->n] = malloc(frames[at].len + 1);
		assert_int_equal(wire_frame_copy(&frames[at], k->bytes[k->n]),
				 frames[at].len);
		k->frames[k->n++] = frames[at];
	}
	return (int)at;
}

static const struct wire_ops kept_ops = { .kind = "kept", .send = keep };

static struct kept *kept_open(bool offload, struct outlet **o)
{
	struct kept *k = calloc(1, sizeof(*k));

	k->wire.ops = &kept_ops;
	k->room = UINT32_MAX;
	k->wire.caps = (struct wire_caps){
		.offload = offload, .csum = offload, .tso4 = offload,
		.tso6 = offload, .uso = offload, .linktype = 1,
	};
	assert_int_equal(outlet_open(o, &k->wire, OUTLET_PATIENCE_MS), 0);
	return k;
}

static void kept_clear(struct kept *k)
{
	for (unsigned n = 0; n < k->n; n++)
		free(k->bytes[n]);
	k->n = 0;
}

static void kept_close(struct kept *k, struct outlet *o)
{
	outlet_close(o);
	kept_clear(k);
	free(k);
}

/* ---- Frames ---------------------------------------------------------------- */

struct unit {
	uint8_t bytes[FRAME_BYTES];
	struct iovec iov;
	struct wire_frame frame;
	uint32_t l4, header_len, payload_len;
	bool v6;
	uint8_t protocol;
};

static uint32_t add(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t n = 0; n < len; n++)
		sum += n & 1 ? p[n] : (uint32_t)p[n] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t add_pseudo(const uint8_t *ip, bool v6, uint8_t protocol,
			   uint32_t len)
{
	uint32_t sum = v6 ? add(ip + 8, 32, 0) : add(ip + 12, 8, 0);
	uint8_t tail[4] = { 0, protocol, (uint8_t)(len >> 8), (uint8_t)len };

	return add(tail, sizeof(tail), sum);
}

static void put_ip(struct unit *u, uint32_t transport_len)
{
	uint8_t *ip = u->bytes + LINK;

	memset(u->bytes, 2, LINK);
	store_be16(u->bytes + 12, u->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (u->v6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		store_be16(ip + 4, (uint16_t)transport_len);
		ip[6] = u->protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[39] = 9;
		return;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(20 + transport_len));
	ip[8] = 64;
	ip[9] = u->protocol;
	ip[12] = ip[16] = 10;
	ip[19] = 9;
	store_be16(ip + 10, (uint16_t)~add(ip, 20, 0));
}

/* A unit as the kernel hands it out: the checksum is that of the pseudo header. */
static void make_unit(struct unit *u, bool v6, uint8_t protocol,
		      uint32_t payload_len, uint16_t gso_size)
{
	uint32_t transport = protocol == PROTOCOL_TCP ? 20 : 8, at;

	u->v6 = v6;
	u->protocol = protocol;
	u->l4 = LINK + (v6 ? 40 : 20);
	u->header_len = u->l4 + transport;
	u->payload_len = payload_len;
	put_ip(u, transport + payload_len);
	memset(u->bytes + u->l4, 0, transport);
	store_be16(u->bytes + u->l4, 1111);
	store_be16(u->bytes + u->l4 + 2, 2222);
	if (protocol == PROTOCOL_TCP) {
		store_be32(u->bytes + u->l4 + 4, 0xfffffff0);
		u->bytes[u->l4 + 12] = 0x50;
		u->bytes[u->l4 + 13] = TCP_ACK | TCP_PSH | TCP_FIN;
	} else {
		store_be16(u->bytes + u->l4 + 4, (uint16_t)(8 + payload_len));
	}
	for (uint32_t n = 0; n < payload_len; n++)
		u->bytes[u->header_len + n] = (uint8_t)(n * 7 + n / 256);
	at = protocol == PROTOCOL_TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
	store_be16(u->bytes + u->l4 + at,
		   (uint16_t)add_pseudo(u->bytes + LINK, v6, protocol,
					transport + payload_len));
	u->iov = (struct iovec){ u->bytes, u->header_len + payload_len };
	u->frame = (struct wire_frame){
		.iov = &u->iov,
		.n_iov = 1,
		.len = u->header_len + payload_len,
		.linktype = 1,
		.offload = {
			.flags = WIRE_NEEDS_CSUM,
			.gso_type = !gso_size ? WIRE_GSO_NONE :
				    protocol != PROTOCOL_TCP ? WIRE_GSO_UDP_L4 :
				    v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4,
			.gso_size = gso_size,
			.hdr_len = (uint16_t)u->header_len,
			.csum_start = (uint16_t)u->l4,
			.csum_offset = (uint16_t)at,
		},
	};
}

static void check_sums(const struct unit *u, const uint8_t *frame, uint32_t len,
		       bool partial)
{
	uint32_t transport = len - u->l4;
	uint32_t pseudo = add_pseudo(frame + LINK, u->v6, u->protocol, transport);
	uint32_t at = u->protocol == PROTOCOL_TCP ? TCP_CHECKSUM_AT :
						    UDP_CHECKSUM_AT;

	if (!u->v6)
		assert_int_equal(add(frame + LINK, 20, 0), 0xffff);
	if (partial)
		assert_int_equal(load_be16(frame + u->l4 + at), pseudo);
	else
		assert_int_equal(add(frame + u->l4, transport, pseudo), 0xffff);
}

/* ---- Tests ----------------------------------------------------------------- */

static void check_cut(const struct unit *u, const struct kept *k, bool partial)
{
	uint32_t mss = u->frame.offload.gso_size, done = 0;

	assert_int_equal(k->n, (u->payload_len + mss - 1) / mss);
	for (unsigned n = 0; n < k->n; n++) {
		const uint8_t *f = k->bytes[n];
		uint32_t len = k->frames[n].len, part = len - u->header_len;

		assert_int_equal(part, n + 1 < k->n ? mss : u->payload_len - done);
		assert_memory_equal(f, u->bytes, LINK);
		assert_memory_equal(f + u->header_len,
				    u->bytes + u->header_len + done, part);
		check_sums(u, f, len, partial);
		assert_int_equal(k->frames[n].offload.flags,
				 partial ? WIRE_NEEDS_CSUM : 0);
		assert_int_equal(k->frames[n].offload.gso_type, WIRE_GSO_NONE);
		if (u->protocol == PROTOCOL_TCP) {
			assert_int_equal(load_be32(f + u->l4 + 4),
					 (uint32_t)(0xfffffff0 + done));
			assert_int_equal(f[u->l4 + 13], n + 1 < k->n ? TCP_ACK :
					 TCP_ACK | TCP_PSH | TCP_FIN);
		}
		done += part;
	}
	assert_int_equal(done, u->payload_len);
}

static void each_unit(void (*test)(struct unit *u, struct kept *k,
				   struct outlet *o), bool offload)
{
	static const uint32_t lengths[] = { 1, 1447, 1448, 1449, 30000, 65000 };
	struct unit *u = malloc(sizeof(*u));
	struct outlet *o = NULL;
	struct kept *k = kept_open(offload, &o);

	for (unsigned way = 0; way < 4; way++) {
		for (unsigned n = 0; n < ARRAY_SIZE(lengths); n++) {
			make_unit(u, way & 1,
				  way & 2 ? PROTOCOL_UDP : PROTOCOL_TCP,
				  lengths[n], 1448);
			test(u, k, o);
			kept_clear(k);
		}
	}
	kept_close(k, o);
	free(u);
}

static void offer(struct outlet *o, const struct unit *u)
{
	outlet_put(o, &u->frame);
	outlet_flush(o);
}

static void expect_cut(struct unit *u, struct kept *k, struct outlet *o)
{
	offer(o, u);
	check_cut(u, k, false);
}

static void kt_1_tx_5_units_are_cut_for_a_wire_that_takes_none(void **state)
{
	each_unit(expect_cut, false);
}

static void expect_partial(struct unit *u, struct kept *k, struct outlet *o)
{
	k->wire.caps.tso4 = k->wire.caps.tso6 = k->wire.caps.uso = false;
	offer(o, u);
	check_cut(u, k, true);
}

static void kt_1_checksums_are_left_to_a_wire_that_finishes_them(void **state)
{
	each_unit(expect_partial, true);
}

static void expect_same(struct unit *u, struct kept *k, struct outlet *o)
{
	offer(o, u);
	assert_int_equal(k->n, 1);
	assert_int_equal(k->frames[0].len, u->frame.len);
	assert_memory_equal(k->bytes[0], u->bytes, u->frame.len);
	assert_memory_equal(&k->frames[0].offload, &u->frame.offload,
			    sizeof(u->frame.offload));
}

static void kt_1_units_pass_to_a_wire_that_takes_them(void **state)
{
	each_unit(expect_same, true);
}

static void expect_finished(struct unit *u, struct kept *k, struct outlet *o)
{
	u->frame.offload.gso_type = WIRE_GSO_NONE;
	u->frame.offload.gso_size = 0;
	offer(o, u);
	assert_int_equal(k->n, 1);
	check_sums(u, k->bytes[0], k->frames[0].len, false);
	assert_int_equal(k->frames[0].offload.flags, 0);
}

static void kt_2_checksums_are_finished_for_a_wire_that_does_not(void **state)
{
	each_unit(expect_finished, false);
}

/* UDP's 0 means "none"; the other zero is written instead. RFC 768. */
static void kt_2_a_finished_udp_checksum_is_never_0(void **state)
{
	struct unit *u = malloc(sizeof(*u));
	struct outlet *o = NULL;
	struct kept *k = kept_open(false, &o);
	uint32_t sum;

	make_unit(u, false, PROTOCOL_UDP, 2, 0);
	store_be16(u->bytes + u->header_len, 0);
	sum = add(u->bytes + u->l4, 10, 0);
	store_be16(u->bytes + u->header_len, (uint16_t)~sum);
	offer(o, u);
	assert_int_equal(k->n, 1);
	assert_int_equal(load_be16(k->bytes[0] + u->l4 + 6), 0xffff);
	kept_close(k, o);
	free(u);
}

/* gso_type UDP: by IP fragmentation; the first has the UDP header. */
static void tx_6_units_without_segments_become_fragments(void **state)
{
	struct unit *u = malloc(sizeof(*u));
	struct outlet *o = NULL;
	struct kept *k = kept_open(true, &o);
	uint8_t *whole = calloc(1, FRAME_BYTES);
	uint32_t end = 0;

	make_unit(u, false, PROTOCOL_UDP, 9000, 1480);
	u->frame.offload.gso_type = WIRE_GSO_UDP;
	offer(o, u);
	assert_int_equal(k->n, 7);
	memcpy(whole, u->bytes, u->l4);
	for (unsigned n = 0; n < k->n; n++) {
		const uint8_t *ip = k->bytes[n] + LINK;
		uint32_t offset = (load_be16(ip + 6) & IPV4_OFFSET) * 8U;
		uint32_t len = load_be16(ip + 2) - 20U;

		assert_true(len <= 1480);
		assert_int_equal(!!(load_be16(ip + 6) & IPV4_MF), n + 1 < k->n);
		memcpy(whole + u->l4 + offset, ip + 20, len);
		end = offset + len > end ? offset + len : end;
	}
	assert_int_equal(end, 8 + 9000);
	assert_memory_equal(whole + u->header_len, u->bytes + u->header_len, 9000);
	check_sums(u, whole, u->l4 + end, false);
	kept_close(k, o);
	free(whole);
	free(u);
}

static void a_full_wire_loses_what_has_no_room_and_says_so(void **state)
{
	struct unit *u = malloc(sizeof(*u));
	struct outlet *o = NULL;
	struct kept *k = kept_open(false, &o);

	k->room = 10;
	make_unit(u, false, PROTOCOL_TCP, 50 * 1000, 1000);
	offer(o, u);
	assert_int_equal(k->n, 10);
	assert_int_equal(outlet_stats(o)->dropped_full, 40);
	assert_int_equal(outlet_error(o), 0);
	k->room = 100;
	offer(o, u);
	assert_int_equal(k->n, 60);
	kept_close(k, o);
	free(u);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void damage(struct unit *u, uint64_t *r)
{
	struct wire_offload *f = &u->frame.offload;
	static const uint16_t edges[] = { 0, 1, 7, 8, 13, 14, 34, 54, 1500,
					  32768, 65534, 65535 };
	uint16_t edge = edges[next_random(r) % ARRAY_SIZE(edges)];
	uint64_t what = next_random(r);

	for (unsigned n = what & 3; n; n--)
		u->bytes[next_random(r) % 64] = (uint8_t)next_random(r);
	if (what & 4)
		u->frame.len = (uint32_t)(next_random(r) % (u->frame.len + 1));
	if (what & 8)
		f->gso_size = edge;
	if (what & 16)
		f->csum_start = edge;
	if (what & 32)
		f->csum_offset = edge;
	if (what & 64)
		f->gso_type = (uint8_t)next_random(r);
	if (what & 128)
		f->flags = (uint8_t)next_random(r);
}

/* Headers and frames that contradict each other: nothing is read outside, every
 * frame is sent or counted. Under the sanitizers the memory is exact. */
static void kt_2_hostile_offload_headers_do_no_harm(void **state)
{
	uint64_t r = 0x9e3779b97f4a7c15;
	struct unit *u = malloc(sizeof(*u));

	for (unsigned round = 0; round < HOSTILE_ROUNDS; round++) {
		struct outlet *o = NULL;
		struct kept *k = kept_open(false, &o);
		uint8_t *exact;

		k->wire.caps.csum = round & 1;
		make_unit(u, next_random(&r) & 1,
			  next_random(&r) & 1 ? PROTOCOL_TCP : PROTOCOL_UDP,
			  (uint32_t)(next_random(&r) % 4000), 500);
		damage(u, &r);
		exact = malloc(u->frame.len ? u->frame.len : 1);
		memcpy(exact, u->bytes, u->frame.len);
		u->iov = (struct iovec){ exact, u->frame.len };
		offer(o, u);
		if (!k->n && outlet_stats(o)->dropped_bad != 1)
			fail_msg("round %u: a frame vanished", round);
		kept_close(k, o);
		free(exact);
	}
	free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kt_1_tx_5_units_are_cut_for_a_wire_that_takes_none),
		cmocka_unit_test(kt_1_checksums_are_left_to_a_wire_that_finishes_them),
		cmocka_unit_test(kt_1_units_pass_to_a_wire_that_takes_them),
		cmocka_unit_test(kt_2_checksums_are_finished_for_a_wire_that_does_not),
		cmocka_unit_test(kt_2_a_finished_udp_checksum_is_never_0),
		cmocka_unit_test(tx_6_units_without_segments_become_fragments),
		cmocka_unit_test(a_full_wire_loses_what_has_no_room_and_says_so),
		cmocka_unit_test(kt_2_hostile_offload_headers_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
